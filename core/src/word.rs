//! Enums of words: each variant is one word in every interface and in every store.

/// Defines an enum of words from one list of variants with their words.
///
/// In JSON a variant is its word as a string, and only that is read. With the feature `schema` the enum has a JSON Schema that
/// lists the words. The enum is `Copy` and ordered as it is written, and has:
///
/// - `ALL`: every variant, and `WORDS`: every word, both in the order in which they are written;
/// - `as_str()`: the word of a variant, which `Display` writes too, and `from_word()`: the variant of a word;
/// - `about()`: the documentation of a variant, on one line.
///
/// ```
/// phasegate_core::word_type! {
///     /// How ripe a fruit is.
///     pub enum Ripeness {
///         /// It is hard.
///         Green = "green",
///         /// It may be eaten.
///         Ripe = "ripe",
///     }
/// }
///
/// assert_eq!(Ripeness::WORDS, ["green", "ripe"]);
/// assert_eq!(Ripeness::from_word("ripe"), Some(Ripeness::Ripe));
/// assert_eq!(Ripeness::Green.about(), "It is hard.");
/// ```
#[macro_export]
macro_rules! word_type {
    (
        $(#[$($attribute:tt)*])*
        $visibility:vis enum $name:ident {
            $($(#[$($about:tt)*])* $variant:ident = $word:literal),+ $(,)?
        }
    ) => {
        $(#[$($attribute)*])*
        #[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
        $visibility enum $name {
            $($(#[$($about)*])* $variant),+
        }

        #[allow(dead_code, reason = "an enum within its crate need not use all of these")]
        impl $name {
            /// Every variant, in the order of the list.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word of every variant, in the same order.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// The word for it in every interface.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),+
                }
            }

            /// Its documentation, on one line.
            pub const fn about(self) -> &'static str {
                match self {
                    $(Self::$variant => $crate::word_about!([] $([$($about)*])*)),+
                }
            }

            /// The variant with this word, or `None` for an unknown word.
            pub fn from_word(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl $crate::in_macros::serde::Serialize for $name {
            fn serialize<S: $crate::in_macros::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> $crate::in_macros::serde::Deserialize<'de> for $name {
            fn deserialize<D: $crate::in_macros::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Word;

                impl $crate::in_macros::serde::de::Visitor<'_> for Word {
                    type Value = $name;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str(concat!("one of", $(" ", $word),+))
                    }

                    fn visit_str<E: $crate::in_macros::serde::de::Error>(self, word: &str) -> Result<$name, E> {
                        $name::from_word(word).ok_or_else(|| E::unknown_variant(word, $name::WORDS))
                    }
                }

                deserializer.deserialize_str(Word)
            }
        }

        $crate::word_schema!($name, $crate::word_about!([] $([$($attribute)*])*), [$($word),+]);
    };
}

/// The documentation among some attributes, on one line.
#[doc(hidden)]
#[macro_export]
macro_rules! word_about {
    ([$($text:literal)*]) => { concat!($($text),*).trim_ascii_start() };
    ([$($text:literal)*] [doc = $next:literal] $($rest:tt)*) => { $crate::word_about!([$($text)* $next] $($rest)*) };
    ([$($text:literal)*] [$($other:tt)*] $($rest:tt)*) => { $crate::word_about!([$($text)*] $($rest)*) };
}

/// The JSON Schema of an enum of words.
#[cfg(feature = "schema")]
#[doc(hidden)]
#[macro_export]
macro_rules! word_schema {
    ($name:ident, $about:expr, [$($word:literal),+]) => {
        impl $crate::in_macros::schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn schema_id() -> std::borrow::Cow<'static, str> {
                concat!(module_path!(), "::", stringify!($name)).into()
            }

            fn json_schema(_: &mut $crate::in_macros::schemars::SchemaGenerator) -> $crate::in_macros::schemars::Schema {
                $crate::in_macros::schemars::json_schema!({
                    "description": $about,
                    "type": "string",
                    "enum": [$($word),+],
                })
            }
        }
    };
}

/// Without the feature `schema` there is no JSON Schema.
#[cfg(not(feature = "schema"))]
#[doc(hidden)]
#[macro_export]
macro_rules! word_schema {
    ($($any:tt)*) => {};
}

#[cfg(test)]
mod tests {
    crate::word_type! {
        /// How ripe a fruit is,
        /// roughly.
        #[derive(Default)]
        #[non_exhaustive]
        enum Ripeness {
            /// It is hard.
            #[default]
            Green = "green",
            /// It may
            /// be eaten.
            FullyRipe = "fully_ripe",
            Rotten = "rotten",
        }
    }

    #[test]
    fn a_word_its_variant_and_its_meaning_belong_together() {
        assert_eq!(Ripeness::default(), Ripeness::Green);
        assert_eq!(Ripeness::WORDS, ["green", "fully_ripe", "rotten"]);
        for (ripeness, word) in Ripeness::ALL.iter().zip(Ripeness::WORDS) {
            assert_eq!(
                (ripeness.as_str(), ripeness.to_string()),
                (*word, (*word).to_owned())
            );
            assert_eq!(Ripeness::from_word(word), Some(*ripeness));
        }
        assert_eq!(Ripeness::from_word("Green"), None);
        let meanings = Ripeness::ALL.iter().map(|ripeness| ripeness.about());
        assert_eq!(
            meanings.collect::<Vec<_>>(),
            ["It is hard.", "It may be eaten.", ""]
        );
    }

    #[test]
    fn nothing_but_one_of_the_words_is_read() {
        let read = |text: &str| serde_json::from_str::<Ripeness>(text).map_err(|error| error.to_string());
        assert_eq!(read("\"fully_ripe\""), Ok(Ripeness::FullyRipe));
        assert_eq!(
            serde_json::to_string(&Ripeness::FullyRipe).expect("it is JSON"),
            "\"fully_ripe\""
        );
        let error = read("\"blue\"").expect_err("it is no word of it");
        assert!(error.contains("`green`, `fully_ripe`, `rotten`"), "{error}");
        for other in ["1", "null", "{\"green\": null}", "[\"green\"]"] {
            assert!(read(other).is_err(), "{other}");
        }
    }
}
