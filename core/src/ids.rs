//! Names and numbers, each a type of its own.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smol_str::SmolStr;
use uuid::Uuid;

/// A name or id that breaks the rule of its type.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{text:?} is not a {what}: {rule}")]
pub struct InvalidName {
    /// What was asked for, such as `phase name`.
    pub what: &'static str,
    /// The refused text, cut to 80 characters.
    pub text: String,
    /// The rule it breaks.
    pub rule: &'static str,
}

fn identifier(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_lowercase())
        && text.len() <= 63
        && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

fn token(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        && !text.starts_with('.')
}

const IDENTIFIER_RULE: &str = "1 to 63 characters of a-z, 0-9 and _, beginning with a letter";
const TOKEN_RULE: &str = "1 to 128 characters of A-Z, a-z, 0-9, -, _ and ., not beginning with a dot";

/// The rules once more, for a JSON Schema.
#[cfg(feature = "schema")]
mod rule {
    pub(super) const IDENTIFIER: (&str, usize) = ("^[a-z][a-z0-9_]*$", 63);
    pub(super) const TOKEN: (&str, usize) = ("^[A-Za-z0-9_-][A-Za-z0-9_.-]*$", 128);
}

/// Gives a type that is a text in JSON its schema, which stands wherever the type is used.
#[cfg(feature = "schema")]
macro_rules! inline_schema {
    ($name:ident, $schema:tt) => {
        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!($schema)
            }
        }
    };
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $what:literal, $check:path, $rule:path, $schema:ident) => {
        $(#[$doc])*
        #[derive(Clone, Eq, PartialEq, Ord, PartialOrd, Hash)]
        pub struct $name(SmolStr);

        impl $name {
            /// Checks and takes `text`.
            ///
            /// # Errors
            ///
            /// [`InvalidName`], with the rule, when the text breaks it.
            pub fn new(text: impl AsRef<str>) -> Result<Self, InvalidName> {
                let text = text.as_ref();
                if $check(text) {
                    Ok(Self(text.into()))
                } else {
                    Err(InvalidName { what: $what, text: text.chars().take(80).collect(), rule: $rule })
                }
            }

            /// The text of it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        #[cfg(feature = "schema")]
        inline_schema!($name, {
            "type": "string",
            "minLength": 1,
            "maxLength": (rule::$schema.1),
            "pattern": (rule::$schema.0),
        });

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(self.as_str(), f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;
            fn from_str(text: &str) -> Result<Self, InvalidName> {
                Self::new(text)
            }
        }

        impl TryFrom<&str> for $name {
            type Error = InvalidName;
            fn try_from(text: &str) -> Result<Self, InvalidName> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;
            fn try_from(text: String) -> Result<Self, InvalidName> {
                Self::new(text)
            }
        }

        impl TryFrom<&$name> for $name {
            type Error = InvalidName;
            fn try_from(name: &$name) -> Result<Self, InvalidName> {
                Ok(name.clone())
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::new(text).map_err(serde::de::Error::custom)
            }
        }
    };
}

name_type!(
    /// The name of a phase within its pipeline, such as `dns_validation`: 1 to 63 characters of `a-z`, `0-9` and `_`.
    PhaseName, "phase name", identifier, IDENTIFIER_RULE, IDENTIFIER
);
name_type!(
    /// The id of a pipeline, such as `lead_generation`: 1 to 128 characters of `A-Z`, `a-z`, `0-9`, `-`, `_` and `.`.
    PipelineId, "pipeline id", token, TOKEN_RULE, TOKEN
);
name_type!(
    /// A kind of resource, such as `dns_persona`: 1 to 63 characters of `a-z`, `0-9` and `_`.
    ResourceKind, "resource kind", identifier, IDENTIFIER_RULE, IDENTIFIER
);
name_type!(
    /// The id of a resource within its kind: 1 to 128 characters of `A-Z`, `a-z`, `0-9`, `-`, `_` and `.`.
    ResourceId, "resource id", token, TOKEN_RULE, TOKEN
);

macro_rules! uuid_type {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps 128 bits that the caller made unique.
            pub const fn from_u128(bits: u128) -> Self {
                Self(Uuid::from_u128(bits))
            }

            /// The 128 bits.
            pub const fn as_u128(self) -> u128 {
                self.0.as_u128()
            }
        }

        #[cfg(feature = "schema")]
        inline_schema!($name, { "type": "string", "format": "uuid" });

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;
            fn from_str(text: &str) -> Result<Self, InvalidName> {
                Uuid::try_parse(text).map(Self).map_err(|_| InvalidName {
                    what: $what,
                    text: text.chars().take(80).collect(),
                    rule: "a UUID, such as 0198a3c1-5b52-7c4e-9f5a-1d2e3f405162",
                })
            }
        }
    };
}

uuid_type!(
    /// The id of a campaign: a UUID. The engine makes version 7, so that ids sort by creation.
    CampaignId, "campaign id"
);
uuid_type!(
    /// The id of one commit, by which a commit of unknown outcome is looked up.
    CommitId, "commit id"
);
uuid_type!(
    /// The id of one engine process, as the holder of claims in a shared database.
    OwnerId, "owner id"
);

macro_rules! number_type {
    ($(#[$doc:meta])* $name:ident, $int:ty) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize,
        )]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
        #[serde(transparent)]
        pub struct $name(pub $int);

        impl $name {
            /// The number after this one; it stays at the type's maximum.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0.saturating_add(1))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number_type!(
    /// How many events a campaign's log holds; the number of its latest event. 0 is a campaign that doesn't exist.
    Version, u64
);
number_type!(
    /// The revision of a config or a resource. A revision is never used again, not even after a removal.
    Revision, u64
);
number_type!(
    /// One execution of a phase, numbered from 1 within its phase; 0 is none yet.
    Run, u32
);
number_type!(
    /// One try of a run by one process, numbered from 1 within its run. It is the fencing token.
    Attempt, u32
);
number_type!(
    /// One durable append of a run's output, numbered from 1 within its run; 0 is none yet.
    BatchNumber, u64
);

/// The right to report for a running phase.
///
/// A ticket is current while its campaign runs that phase in that run and attempt; a newer attempt fences it for ever.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Ticket {
    /// The campaign.
    pub campaign: CampaignId,
    /// The running phase.
    pub phase: PhaseName,
    /// Its run.
    pub run: Run,
    /// The attempt of that run.
    pub attempt: Attempt,
}

impl fmt::Display for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} run {} attempt {} of campaign {}",
            self.phase, self.run, self.attempt, self.campaign
        )
    }
}

/// A resource by kind and id.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceRef {
    /// Its kind.
    pub kind: ResourceKind,
    /// Its id within the kind.
    pub id: ResourceId,
}

impl fmt::Display for ResourceRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.id)
    }
}

/// The revision of a resource that a run uses.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ResourcePin {
    /// Its kind.
    pub kind: ResourceKind,
    /// Its id within the kind.
    pub id: ResourceId,
    /// The revision in force when the run, or this attempt of it, was started.
    pub revision: Revision,
}
