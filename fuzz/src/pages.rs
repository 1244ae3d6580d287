//! Bytes as an answer's content type, on the first line, and its page.

use phasegate_phases::http_validation::Page;

/// The most text and the longest title of a page, in bytes.
const MOST: (usize, usize) = (256 * 1024, 512);

/// Reads the rest of the bytes by the content type on their first line: the text is bounded, has no white space but single spaces
/// between words, and is in an encoding that exists.
///
/// # Panics
///
/// When it isn't: that is the finding.
pub fn pages(bytes: &[u8]) {
    let line = bytes
        .iter()
        .position(|byte| *byte == b'\n')
        .unwrap_or(bytes.len());
    let content_type = String::from_utf8_lossy(&bytes[..line]);
    check(&content_type, bytes.get(line + 1..).unwrap_or_default());
}

/// Reads the bytes as a page of each kind that declares nothing before it begins.
///
/// # Panics
///
/// As [`pages`] does, and where a mark of UTF-8 doesn't decide.
pub fn charsets(bytes: &[u8]) {
    for content_type in ["text/html", "application/xhtml+xml", "text/plain"] {
        check(content_type, bytes);
        let marked = [b"\xef\xbb\xbf".as_slice(), bytes].concat();
        assert_eq!(read(content_type, &marked).charset, "UTF-8");
    }
}

fn read(content_type: &str, body: &[u8]) -> Page {
    Page::read(Some(content_type), body, &|| false)
}

fn check(content_type: &str, body: &[u8]) {
    let page = read(content_type, body);
    let title = page.title.as_deref().unwrap_or_default();
    assert!(page.text.len() <= MOST.0 && title.len() <= MOST.1);
    assert!(page.title.as_deref() != Some(""));
    // A text is what it reads as, if it doesn't begin with what is a byte order mark at the beginning of a file.
    for text in [page.text.as_str(), title] {
        let again = read("text/plain; charset=utf-8", text.as_bytes());
        let is_same = again.text == text && again.undecodable == 0;
        assert!(
            is_same || text.starts_with('\u{feff}'),
            "{text:?} is {:?}",
            again.text
        );
    }
    let is_text = !page.charset.is_empty();
    assert!(is_text || page == Page::default());
    let same = read(content_type, body);
    assert_eq!(page, same);
}
