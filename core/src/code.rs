//! The codes of errors: a stable word for a program, and the data that belongs to it.

/// A code that an error can have, and the names of the members of its data.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub struct ErrorCode {
    /// The stable word for a program, such as `preflight_failed`.
    pub code: &'static str,
    /// The names of the members of its data, in the order of the fields.
    pub members: &'static [&'static str],
}

/// Gives an enum of errors its codes: `code()`, `data()` and the list of both, `codes()`, from one list.
///
/// Every variant stands there with all its fields, so that none can be left out: first those that belong to its data, each with
/// the name of its member where that is another one, then, after a semicolon, the others. What follows `within` are variants
/// that hold another error, and how that one is asked.
#[doc(hidden)]
#[macro_export]
macro_rules! error_codes {
    (
        $error:ident {
            $($variant:ident { $($field:ident $(as $member:ident)?),* $(; $($hidden:ident),+)? } = $code:literal),+ $(,)?
        }
        $(within { $($inner:ident($held:pat) => $inner_code:expr, $inner_data:expr, $inner_codes:expr);+ $(;)? })?
    ) => {
        impl $error {
            /// The stable word for a program, such as `preflight_failed`.
            pub fn code(&self) -> &'static str {
                match self {
                    $(Self::$variant { $($field: _,)* $($($hidden: _),+)? } => $code,)+
                    $($(Self::$inner($held) => $inner_code,)+)?
                }
            }

            /// What a program is told beside the code and the sentence: a member for each of the code's own.
            pub fn data(&self) -> $crate::in_macros::Members {
                match self {
                    $(Self::$variant { $($field,)* $($($hidden: _),+)? } => {
                        $crate::in_macros::members([$(($crate::member_name!($field $(as $member)?), $crate::in_macros::json($field))),*])
                    })+
                    $($(Self::$inner($held) => $inner_data,)+)?
                }
            }

            /// Every code that such an error can have. One that several kinds of it have is there several times.
            pub fn codes() -> Vec<$crate::ErrorCode> {
                let mut codes = vec![$($crate::ErrorCode {
                    code: $code,
                    members: &[$($crate::member_name!($field $(as $member)?)),*],
                }),+];
                $($(codes.extend($inner_codes);)+)?
                codes.sort();
                codes
            }
        }
    };
}

/// The name of the member that a field is in the data of an error.
#[doc(hidden)]
#[macro_export]
macro_rules! member_name {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident as $member:ident) => {
        stringify!($member)
    };
}
