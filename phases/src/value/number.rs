//! Whole numbers within bounds.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// A whole number from `MIN` to `MAX`, both included and at most 2^53 - 1.
///
/// As in JSON Schema, `5.0` is the whole number 5.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Whole<const MIN: u64, const MAX: u64>(u64);

impl<const MIN: u64, const MAX: u64> Whole<MIN, MAX> {
    /// A number that is fixed in the source, moved to the nearest bound.
    pub(crate) const fn of(value: u64) -> Self {
        Self(if value < MIN {
            MIN
        } else if value > MAX {
            MAX
        } else {
            value
        })
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The number, as a size in memory.
    pub(crate) fn size(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl<'de, const MIN: u64, const MAX: u64> Deserialize<'de> for Whole<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bounds<const MIN: u64, const MAX: u64>;

        impl<const MIN: u64, const MAX: u64> Visitor<'_> for Bounds<MIN, MAX> {
            type Value = Whole<MIN, MAX>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a whole number from {MIN} to {MAX}")
            }

            fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
                if (MIN..=MAX).contains(&value) {
                    Ok(Whole(value))
                } else {
                    Err(E::custom(format!(
                        "{value} is not a whole number from {MIN} to {MAX}"
                    )))
                }
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
                let value = u64::try_from(value)
                    .map_err(|_| E::custom(format!("{value} is not a whole number from {MIN} to {MAX}")))?;
                self.visit_u64(value)
            }

            fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
                if value.fract() == 0.0 && (MIN as f64..=MAX as f64).contains(&value) {
                    Ok(Whole(value as u64))
                } else {
                    Err(E::custom(format!(
                        "{value} is not a whole number from {MIN} to {MAX}"
                    )))
                }
            }
        }

        deserializer.deserialize_any(Bounds::<MIN, MAX>)
    }
}

impl<const MIN: u64, const MAX: u64> JsonSchema for Whole<MIN, MAX> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Whole{MIN}To{MAX}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "integer", "minimum": MIN, "maximum": MAX})
    }
}
