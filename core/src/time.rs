//! A moment in time, which the core is always told and never asks for.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Milliseconds since 1970-01-01T00:00:00Z. In JSON it is RFC 3339 text with milliseconds.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Timestamp(i64);

/// The last moment that RFC 3339 can name, 9999-12-30T22:00:00Z or so, which is where `jiff` ends.
const MAX_MS: i64 = 253_402_207_200_000;

impl Timestamp {
    /// Takes milliseconds since the epoch; anything outside the years 1970 to 9999 is moved to the nearest end.
    pub const fn from_unix_ms(ms: i64) -> Self {
        Self(if ms < 0 {
            0
        } else if ms > MAX_MS {
            MAX_MS
        } else {
            ms
        })
    }

    /// Milliseconds since the epoch.
    pub const fn as_unix_ms(self) -> i64 {
        self.0
    }

    /// The moment `ms` milliseconds later, within the range of the type.
    #[must_use]
    pub const fn plus_ms(self, ms: u64) -> Self {
        let ms = if ms > MAX_MS as u64 { MAX_MS } else { ms as i64 };
        Self::from_unix_ms(self.0.saturating_add(ms))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = jiff::Timestamp::from_millisecond(self.0).unwrap_or_default();
        write!(f, "{moment:.3}")
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Timestamp {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Timestamp".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "format": "date-time" })
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let moment: jiff::Timestamp = text.parse().map_err(de::Error::custom)?;
        Ok(Self::from_unix_ms(moment.as_millisecond()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_reads_back_from_its_own_text_at_both_ends_of_its_range() {
        for ms in [i64::MIN, 0, 1_763_942_400_123, MAX_MS, i64::MAX] {
            let moment = Timestamp::from_unix_ms(ms);
            let text = serde_json::to_string(&moment).expect("a timestamp is JSON text");
            assert_eq!(
                serde_json::from_str::<Timestamp>(&text).expect("it reads back"),
                moment,
                "{text}"
            );
        }
        assert_eq!(
            Timestamp::from_unix_ms(1_763_942_400_123).to_string(),
            "2025-11-24T00:00:00.123Z"
        );
    }
}
