//! A moment in time. The core gets it as an argument and never asks a clock.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

/// Milliseconds since 1970-01-01T00:00:00Z. In JSON it is RFC 3339 text with milliseconds.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Timestamp(i64);

/// The last millisecond that RFC 3339 can name in UTC, 9999-12-31T23:59:59.999Z.
const MAX_MS: i64 = 253_402_300_799_999;

impl Timestamp {
    /// Takes milliseconds since the epoch. A moment outside the years 1970 to 9999 is moved to the nearest end.
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
        let moment = OffsetDateTime::UNIX_EPOCH + Duration::milliseconds(self.0);
        let (year, month, day) = moment.to_calendar_date();
        let (hour, minute, second, ms) = moment.to_hms_milli();
        let month = u8::from(month);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z"
        )
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
        let moment = OffsetDateTime::parse(&text, &Rfc3339).map_err(de::Error::custom)?;
        let seconds = moment.unix_timestamp();
        Ok(Self::from_unix_ms(
            seconds * 1_000 + i64::from(moment.millisecond()),
        ))
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
        assert_eq!(
            Timestamp::from_unix_ms(i64::MAX).to_string(),
            "9999-12-31T23:59:59.999Z"
        );
    }

    #[test]
    fn text_with_an_offset_or_more_digits_is_the_same_moment_to_the_millisecond() {
        for (text, utc) in [
            ("2025-11-24T02:00:00.123456+02:00", "2025-11-24T00:00:00.123Z"),
            ("2025-11-23T23:59:59-00:01", "2025-11-24T00:00:59.000Z"),
            ("9999-12-31T23:59:59-01:00", "9999-12-31T23:59:59.999Z"),
            ("1969-12-31T23:59:59Z", "1970-01-01T00:00:00.000Z"),
        ] {
            let moment: Timestamp = serde_json::from_value(text.into()).expect("RFC 3339");
            assert_eq!(moment.to_string(), utc);
        }
        for text in ["", "2025-11-24", "2025-11-24T00:00:00", "2025-02-30T00:00:00Z"] {
            assert!(
                serde_json::from_value::<Timestamp>(text.into()).is_err(),
                "{text}"
            );
        }
    }
}
