//! How a body is encoded, and decompression within bounds.

use flate2::read::MultiGzDecoder;
use hyper::header::{CONTENT_ENCODING, HeaderMap};

/// How a body is encoded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum ContentCoding {
    Identity,
    /// As it was asked for.
    Gzip,
    /// An encoding that was not asked for, or several.
    Other,
}

impl ContentCoding {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let said = headers.get_all(CONTENT_ENCODING).iter();
        let mut codings = said
            .map(|value| String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase())
            .flat_map(|value| {
                value
                    .split(',')
                    .map(|coding| coding.trim().to_owned())
                    .collect::<Vec<_>>()
            })
            .filter(|coding| !matches!(coding.as_str(), "" | "identity"));
        match (codings.next().as_deref(), codings.next()) {
            (None, _) => Self::Identity,
            (Some("gzip" | "x-gzip"), None) => Self::Gzip,
            _ => Self::Other,
        }
    }
}

/// Does [`decompress`] outside the task of the phase, which must stay responsive to a cancellation: a body of many empty parts
/// takes seconds, however short its content is.
pub(super) async fn unpack(body: (Vec<u8>, bool), most: usize) -> (Vec<u8>, bool) {
    tokio::task::spawn_blocking(move || decompress(body, most))
        .await
        .unwrap_or((Vec::new(), true))
}

/// Decompresses a body and cuts it. Damaged data ends the body.
///
/// The library's own decompression has no bound on its input, and loses the data before a fault.
fn decompress((bytes, truncated): (Vec<u8>, bool), most: usize) -> (Vec<u8>, bool) {
    use std::io::Read as _;
    let mut plain = Vec::new();
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    let outcome = MultiGzDecoder::new(&bytes[..])
        .take(limit)
        .read_to_end(&mut plain);
    let cut = plain.len() > most;
    plain.truncate(most);
    (plain, truncated || cut || outcome.is_err())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn a_compressed_body_is_cut_where_a_plain_one_is() {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(&vec![b'a'; 50_000_000]).unwrap();
        let bomb = encoder.finish().unwrap();
        assert!(bomb.len() < 100_000);
        let (plain, truncated) = decompress((bomb, false), 2_000);
        assert_eq!((plain.len(), truncated), (2_000, true));
        assert_eq!(decompress((vec![1, 2], false), 10), (vec![], true));
    }

    #[tokio::test]
    async fn a_body_that_takes_long_to_unpack_holds_nobody_up() {
        let part = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best())
            .finish()
            .unwrap();
        let mut unpacking = std::pin::pin!(unpack((part.repeat(50_000), false), 2_000));
        assert!(futures::poll!(&mut unpacking).is_pending());
        assert_eq!(unpacking.await, (vec![], false));
    }
}
