//! How a body is encoded, and decompression within bounds.

use std::io::{Cursor, ErrorKind, Read as _};

use flate2::bufread::GzDecoder;
use hyper::header::{CONTENT_ENCODING, HeaderMap};

use super::budget::Shares;
use crate::abortable::{self, Aborted};

/// How a member begins (RFC 1952, section 2.3.1).
const MAGIC: [u8; 2] = [0x1f, 0x8b];
/// How many members of a gzip stream are read (RFC 1952, section 2.2). A page has one.
const MAX_MEMBERS: u32 = 1_000;
/// How many bytes are decompressed between two looks at whether anybody still waits, and at what may be held.
const STEP: usize = 64 * 1024;

/// The codings that change the bytes of a body (the registry of RFC 9110, section 16.6.1). Names that are none of them, such as
/// `none`, `utf-8` or `8bit`, are put there by mistake, and change nothing; browsers pass over them.
const CODINGS: [&str; 9] = [
    "gzip",
    "x-gzip",
    "deflate",
    "compress",
    "x-compress",
    "br",
    "zstd",
    "dcb",
    "dcz",
];

/// How a body is encoded.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum ContentCoding {
    Identity,
    /// As it was asked for.
    Gzip,
    /// An encoding that was not asked for, or several, as the answer names them.
    Other(String),
}

impl ContentCoding {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let said = headers.get_all(CONTENT_ENCODING).iter();
        let said: Vec<_> = said
            .map(|value| String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase())
            .collect();
        let said = said.join(",");
        let mut codings = said
            .split(',')
            .map(str::trim)
            .filter(|coding| CODINGS.contains(coding));
        match (codings.next(), codings.next()) {
            (None, _) => Self::Identity,
            (Some("gzip" | "x-gzip"), None) => Self::Gzip,
            _ => Self::Other(said),
        }
    }
}

/// A decompressed body.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Unpacked {
    pub(super) bytes: Vec<u8>,
    /// Whether there was more than is kept.
    pub(super) truncated: bool,
    pub(super) fault: Option<Fault>,
}

/// What is wrong with a compressed body.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Fault {
    /// It is none.
    NotCompressed,
    /// It ends early or is damaged, for this reason. What came before is kept.
    Cut(String),
}

/// Decompresses a body up to so many bytes, as the shares allow it.
pub(super) async fn unpack(packed: Vec<u8>, most: usize, shares: &mut Shares) -> Unpacked {
    if !packed.starts_with(&MAGIC) {
        return Unpacked {
            truncated: !packed.is_empty(),
            fault: (!packed.is_empty()).then_some(Fault::NotCompressed),
            ..Unpacked::default()
        };
    }
    let mut gunzip = Gunzip::new(packed, most);
    loop {
        let len = gunzip.plain.len();
        shares.wait_for((len + STEP).min(most)).await;
        // What is allowed without another wait is done in one go.
        let allowed = match shares.allow(most) {
            true => most,
            false => len + STEP,
        };
        let stepped = abortable::run(move |aborted| {
            let end = gunzip.step(allowed, aborted);
            (gunzip, end)
        });
        match stepped.await {
            Ok((stepped, None)) => gunzip = stepped,
            Ok((stepped, Some(end))) => return stepped.unpacked(end),
            Err(error) => {
                return Unpacked {
                    fault: Some(Fault::Cut(error.to_string())),
                    ..Unpacked::default()
                };
            }
        }
    }
}

/// A gzip stream that is decompressed in steps.
struct Gunzip {
    /// `None` at the end.
    decoder: Option<GzDecoder<Cursor<Vec<u8>>>>,
    members: u32,
    plain: Vec<u8>,
    most: usize,
}

enum End {
    Whole,
    /// There is more than is kept.
    Full,
    Faulty(Fault),
}

impl Gunzip {
    fn new(packed: Vec<u8>, most: usize) -> Self {
        Self {
            decoder: Some(GzDecoder::new(Cursor::new(packed))),
            members: 1,
            plain: Vec::new(),
            most,
        }
    }

    /// Goes on until there are so many bytes, or to the end, which it gives.
    fn step(&mut self, allowed: usize, aborted: &Aborted) -> Option<End> {
        let mut piece = [0; 16 * 1024];
        while let Some(decoder) = &mut self.decoder {
            match decoder.read(&mut piece) {
                _ if aborted.get() => return Some(End::Full),
                Ok(0) if self.members >= MAX_MEMBERS => return Some(End::Full),
                Ok(0) => self.begin_next_member(),
                Ok(count) => {
                    let left = self.most - self.plain.len();
                    self.plain.extend_from_slice(&piece[..count.min(left)]);
                    if count > left {
                        return Some(End::Full);
                    }
                    if allowed < self.most && self.plain.len() >= allowed {
                        return None;
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Some(End::Faulty(Fault::Cut(error.to_string()))),
            }
        }
        Some(End::Whole)
    }

    /// Begins the next member, if there is one: what follows the last one, such as zeros up to the end of a block, is none.
    fn begin_next_member(&mut self) {
        let Some(decoder) = self.decoder.take() else {
            return;
        };
        let packed = decoder.into_inner();
        let place = usize::try_from(packed.position()).unwrap_or(usize::MAX);
        if packed
            .get_ref()
            .get(place..)
            .is_some_and(|rest| rest.starts_with(&MAGIC))
        {
            self.members += 1;
            self.decoder = Some(GzDecoder::new(packed));
        }
    }

    fn unpacked(self, end: End) -> Unpacked {
        Unpacked {
            bytes: self.plain,
            truncated: !matches!(end, End::Whole),
            fault: match end {
                End::Whole | End::Full => None,
                End::Faulty(fault) => Some(fault),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn gzip(plain: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    async fn unpacked(packed: &[u8], most: usize) -> Unpacked {
        unpack(packed.to_vec(), most, &mut Shares::of(most)).await
    }

    fn whole(bytes: &[u8]) -> Unpacked {
        Unpacked {
            bytes: bytes.to_vec(),
            ..Unpacked::default()
        }
    }

    #[tokio::test]
    async fn a_compressed_body_is_cut_where_a_plain_one_is() {
        let bomb = gzip(&vec![b'a'; 50_000_000]);
        assert!(bomb.len() < 100_000);
        for most in [2_000, 2_000_000] {
            let cut = unpacked(&bomb, most).await;
            assert_eq!((cut.bytes.len(), cut.truncated, cut.fault), (most, true, None));
        }
        let long = vec![b'b'; 2_000_000];
        assert!(unpacked(&gzip(&long), 2_000_000).await == whole(&long));
    }

    #[tokio::test]
    async fn what_follows_a_compressed_body_is_read_only_if_it_is_one_too() {
        let (one, two) = (gzip(b"one "), gzip(b"two"));
        assert_eq!(
            unpacked(&[one.clone(), two].concat(), 100).await,
            whole(b"one two")
        );
        for rest in [&[0; 512][..], b"\n", b"<!-- cached -->", &[0x1f]] {
            assert_eq!(
                unpacked(&[&one[..], rest].concat(), 100).await,
                whole(b"one "),
                "{rest:?}"
            );
        }
        assert_eq!(unpacked(&gzip(b""), 100).await, whole(b""));
        assert_eq!(unpacked(b"", 100).await, whole(b""));
    }

    #[tokio::test]
    async fn what_came_of_a_cut_body_is_kept_and_what_is_no_compressed_one_is_told() {
        let random: Vec<u8> = (0..20_000_u32)
            .map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8)
            .collect();
        let packed = gzip(&random);
        let cut = unpacked(&packed[..packed.len() / 2], 100_000).await;
        assert!(
            random.starts_with(&cut.bytes) && cut.bytes.len() > 1_000,
            "{}",
            cut.bytes.len()
        );
        assert!(
            cut.truncated && matches!(cut.fault, Some(Fault::Cut(_))),
            "{:?}",
            cut.fault
        );
        for plain in [&b"<html>plain"[..], &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]] {
            let none = unpacked(plain, 100).await;
            assert_eq!((none.bytes, none.fault), (vec![], Some(Fault::NotCompressed)));
        }
    }

    #[tokio::test]
    async fn a_body_of_many_empty_members_ends_after_some() {
        let members = gzip(b"").repeat(MAX_MEMBERS as usize + 1);
        let cut = unpacked(&members, 100).await;
        assert_eq!((cut.bytes.len(), cut.truncated, cut.fault), (0, true, None));
    }

    #[test]
    fn only_names_of_codings_are_codings() {
        let coding = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(CONTENT_ENCODING, value.parse().unwrap());
            }
            ContentCoding::of(&headers)
        };
        for none in [
            &[][..],
            &["none"],
            &["UTF-8"],
            &["8bit"],
            &["identity", ""],
            &["text/html"],
        ] {
            assert_eq!(coding(none), ContentCoding::Identity, "{none:?}");
        }
        for gzip in [&["gzip"][..], &["X-GZIP"], &["identity, gzip"], &["none", "gzip"]] {
            assert_eq!(coding(gzip), ContentCoding::Gzip, "{gzip:?}");
        }
        for other in [&["br"][..], &["gzip, gzip"], &["gzip", "deflate"], &["zstd"]] {
            assert!(matches!(coding(other), ContentCoding::Other(_)), "{other:?}");
        }
    }
}
