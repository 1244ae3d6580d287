//! The numbers that words are stored by. A number once given stays.

use super::form::Fault;
use crate::campaign::{Intent, Mode, StopReason, Trigger};
use crate::options::SkipReads;

/// A word with a number of its own in stored values.
pub(super) trait Numbered: Sized {
    /// Its number.
    fn number(self) -> u8;

    /// The word of a number.
    fn of_number(number: u8) -> Result<Self, Fault>;
}

/// Numbers the words of an enum: all of them, or it doesn't compile.
macro_rules! numbers {
    ($($name:ident { $($variant:ident = $number:literal),+ })+) => {
        $(impl Numbered for $name {
            fn number(self) -> u8 {
                match self {
                    $(Self::$variant => $number),+
                }
            }

            fn of_number(number: u8) -> Result<Self, Fault> {
                match number {
                    $($number => Ok(Self::$variant),)+
                    _ => Err(Fault::new(format!("{number} is no {}", stringify!($name)))),
                }
            }
        })+
    };
}

numbers! {
    Mode { StepByStep = 0, FullSequence = 1 }
    Trigger { Start = 0, Auto = 1, Resume = 2, Recovery = 3, Restart = 4, Retry = 5 }
    Intent { None = 0, Pause = 1, Stop = 2 }
    StopReason { Requested = 0, PipelineChanged = 1 }
    SkipReads { Empty = 0, PassThrough = 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn each_reads_back<T: Numbered + Copy + PartialEq + std::fmt::Debug>(all: &[T]) {
        for (word, expected) in all.iter().zip(0..) {
            assert_eq!(word.number(), expected, "{word:?}");
            assert_eq!(T::of_number(expected).expect("a known number"), *word);
        }
        assert!(T::of_number(all.len() as u8).is_err());
    }

    #[test]
    fn a_word_keeps_its_number() {
        each_reads_back(Mode::ALL);
        each_reads_back(Trigger::ALL);
        each_reads_back(Intent::ALL);
        each_reads_back(StopReason::ALL);
        each_reads_back(SkipReads::ALL);
    }
}
