//! The checks of every request: its host, the page that sends it, and its token.

mod hosts;
mod token;

pub use hosts::{Hosts, InvalidHost};
pub use token::{Token, TokenError};

pub(crate) use hosts::{check_host, check_origin};
pub(crate) use token::Session;
