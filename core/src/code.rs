//! The codes of errors: a stable word for a program, with its data.

/// A code of an error, with the names of the members of its data.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub struct ErrorCode {
    /// The stable word for a program, such as `preflight_failed`.
    pub code: &'static str,
    /// The names of the members of its data, in the order of the fields.
    pub members: &'static [&'static str],
}

/// Gives an enum of errors its codes: `code()`, `data()` and the list of both, `codes()`, from one list.
///
/// The list must have every variant with all its fields: first the fields of its data, each with the name of its member if the
/// names differ, then, after a semicolon, the others. After `within` follow the variants that hold another error, each with the
/// expressions of that error's code, data and codes.
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

            /// The data for a program, besides the code and the sentence: the members of the code.
            pub fn data(&self) -> $crate::in_macros::Members {
                match self {
                    $(Self::$variant { $($field,)* $($($hidden: _),+)? } => {
                        $crate::in_macros::members([$(($crate::member_name!($field $(as $member)?), $crate::in_macros::json($field))),*])
                    })+
                    $($(Self::$inner($held) => $inner_data,)+)?
                }
            }

            /// Every code that such an error can have. A code of several variants occurs several times.
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

/// The name of the member for a field in the data of an error.
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
