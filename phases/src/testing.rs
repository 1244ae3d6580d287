//! What reads bytes from outside, for the tests of crates that feed it any bytes.

use std::net::IpAddr;

use tokio::io::{AsyncRead, AsyncReadExt as _};

pub use crate::net::dns::LookupDetail;

/// The bytes of an answer over HTTP as the client gets them, whose head is mended on the way.
///
/// # Errors
///
/// When reading fails.
pub async fn mended_answer(bytes: impl AsyncRead + Unpin) -> std::io::Result<Vec<u8>> {
    let mut mended = Vec::new();
    crate::http_validation::mended(bytes)
        .read_to_end(&mut mended)
        .await?;
    Ok(mended)
}

/// What a message says of the IPv4 addresses of `site.test`: some, or why there are none; neither if it leads on to another name.
/// `None` if it can't be read.
pub fn dns_answer(message: &[u8]) -> Option<(Vec<IpAddr>, Option<LookupDetail>)> {
    crate::net::dns::read_answer(message)
}
