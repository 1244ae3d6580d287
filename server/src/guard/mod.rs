//! Who may ask at all: the host that is asked, the page that asks, and the token that it shows.

mod hosts;
mod token;

pub use hosts::{Hosts, InvalidHost};
pub use token::{Token, TokenError};

pub(crate) use hosts::{check_host, check_origin};
pub(crate) use token::Session;
