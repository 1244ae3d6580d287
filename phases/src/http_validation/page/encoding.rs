//! The encoding of a page's characters.

use std::cell::Cell;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252, X_USER_DEFINED};
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::{
    BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};

/// How many bytes of a page are searched for a declaration of its encoding (HTML, 13.2.3.2).
const PRESCAN: usize = 1024;
/// How many bytes of a page without any declaration are looked at for a guess.
const GUESSED_FROM: usize = 1024 * 1024;
/// What begins an escape sequence of ISO-2022-JP.
const ESCAPE: u8 = 0x1b;

/// How a page's bytes are decoded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Choice {
    pub(super) encoding: &'static Encoding,
    /// How many bytes the byte order mark takes.
    pub(super) mark: usize,
    /// Whether a declaration further down still counts (HTML, 13.2.3.5).
    pub(super) is_tentative: bool,
}

/// Where a page may declare its encoding.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Declarations {
    /// In a `meta` tag, or an XML declaration without one.
    Html,
    /// In an XML declaration, or a `meta` tag without one.
    Xml,
    /// Nowhere.
    Text,
}

/// Chooses the encoding: by the byte order mark, the content type, what the page declares, and what its bytes look like.
pub(super) fn choose(content_type: &str, declarations: Declarations, body: &[u8]) -> Choice {
    if let Some((encoding, mark)) = Encoding::for_bom(body) {
        return Choice {
            encoding,
            mark,
            is_tentative: false,
        };
    }
    let chosen = charset(content_type).or_else(|| match declarations {
        Declarations::Html => declared(body).or_else(|| xml_declared(body)),
        Declarations::Xml => xml_declared(body).or_else(|| declared(body)),
        Declarations::Text => None,
    });
    Choice {
        encoding: chosen.unwrap_or_else(|| guessed(body)),
        mark: 0,
        is_tentative: chosen.is_none() && declarations != Declarations::Text,
    }
}

/// What bytes without any declaration look like. Valid UTF-8 is UTF-8, also where a browser would take it for windows-1252:
/// by chance, text in another encoding is hardly ever valid.
fn guessed(body: &[u8]) -> &'static Encoding {
    if !body.contains(&ESCAPE) && is_utf8(body) {
        return UTF_8;
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(&body[..body.len().min(GUESSED_FROM)], true);
    detector.guess(None, Utf8Detection::Allow)
}

/// Whether it is UTF-8, apart from a character that is cut at the end.
fn is_utf8(body: &[u8]) -> bool {
    std::str::from_utf8(body).map_or_else(|error| error.error_len().is_none(), |_| true)
}

/// The encoding that a text names after `charset=` (HTML, 2.5.6).
fn charset(text: &str) -> Option<&'static Encoding> {
    let mut after = text.split("charset").skip(1).map(str::trim_ascii_start);
    let value = after
        .find_map(|after| after.strip_prefix('='))?
        .trim_ascii_start();
    let label = match value.chars().next()? {
        quote @ ('"' | '\'') => value[1..].split_once(quote)?.0,
        _ => value
            .split(|c: char| c.is_ascii_whitespace() || c == ';')
            .next()?,
    };
    Encoding::for_label(label.as_bytes())
}

/// The encoding that a `meta` tag names by a label.
pub(super) fn of_meta(label: &str) -> Option<&'static Encoding> {
    Encoding::for_label(label.as_bytes()).map(as_declared)
}

/// The encoding that an XML declaration names at the beginning (HTML, 13.2.3.2, "get an XML encoding").
fn xml_declared(body: &[u8]) -> Option<&'static Encoding> {
    match body {
        [0x3c, 0, 0x3f, 0, 0x78, 0, ..] => return Some(UTF_16LE),
        [0, 0x3c, 0, 0x3f, 0, 0x78, ..] => return Some(UTF_16BE),
        _ => {}
    }
    let start = &body[..body.len().min(PRESCAN)];
    let end = start.iter().position(|byte| *byte == b'>')?;
    let declaration = start.strip_prefix(b"<?xml").and(start.get(5..end))?;
    let text = String::from_utf8_lossy(declaration);
    let (_, after) = text.split_once("encoding")?;
    let value = after.trim_ascii_start().strip_prefix('=')?.trim_ascii_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let (label, _) = value[1..].split_once(quote)?;
    of_meta(label)
}

/// The encoding that a page itself declares, at its beginning (HTML, 13.2.3.2).
fn declared(body: &[u8]) -> Option<&'static Encoding> {
    let start = String::from_utf8_lossy(&body[..body.len().min(PRESCAN)]);
    let tokenizer = Tokenizer::new(EncodingPrescan::default(), TokenizerOpts::default());
    let input = BufferQueue::default();
    input.push_back(StrTendril::from(&*start));
    while !input.is_empty() {
        let _ = tokenizer.feed(&input);
    }
    tokenizer.sink.declared.get()
}

/// Finds the first `meta` tag that declares an encoding.
#[derive(Default)]
struct EncodingPrescan {
    declared: Cell<Option<&'static Encoding>>,
}

impl TokenSink for EncodingPrescan {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        if let Token::TagToken(tag) = token
            && tag.kind == TagKind::StartTag
            && &*tag.name == "meta"
            && self.declared.get().is_none()
        {
            self.declared.set(declared_by(&tag));
        }
        TokenSinkResult::Continue
    }
}

fn declared_by(meta: &Tag) -> Option<&'static Encoding> {
    let attribute = |name: &str| -> Option<String> {
        let found = meta
            .attrs
            .iter()
            .find(|attribute| &*attribute.name.local == name)?;
        Some(found.value.to_ascii_lowercase())
    };
    let found = match attribute("charset") {
        Some(label) => Encoding::for_label(label.as_bytes()),
        None if attribute("http-equiv").as_deref() == Some("content-type") => charset(&attribute("content")?),
        None => None,
    }?;
    Some(as_declared(found))
}

/// What a declaration that is readable as ASCII means: its page is not in UTF-16.
fn as_declared(found: &'static Encoding) -> &'static Encoding {
    match found {
        found if found == UTF_16LE || found == UTF_16BE => UTF_8,
        found if found == X_USER_DEFINED => WINDOWS_1252,
        found => found,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_s_encoding_is_what_a_meta_tag_declares_and_nothing_else() {
        let euro = |start: &str| {
            let page = [start.as_bytes(), b"<p>\x80"].concat();
            declared(&page) == Some(WINDOWS_1252)
        };
        for declaration in [
            "<meta charset=windows-1252>",
            "<META  foo CharSet = 'Windows-1252' />",
            "<meta http-equiv=Content-Type content='text/html; charset=windows-1252'>",
            "<meta content='charset; charset = \"windows-1252\"' http-equiv=\"content-type\">",
            "<meta charset=nonsense><meta charset=windows-1252>",
            "<meta name=a content='charset=utf-8'><meta charset=windows-1252>",
            "<!-- <meta charset=utf-8> --><meta charset=windows-1252>",
            "<!--><meta charset=windows-1252>",
            "<title>On charset=utf-8</title><meta charset=windows-1252>",
            "<script charset=utf-8></script><link charset='utf-8'><meta charset=windows-1252>",
            "<meta charset=windows-1252><meta charset=utf-8>",
            "<meta charset=x-user-defined>",
        ] {
            assert!(euro(declaration), "{declaration}");
        }
        let late = format!("<!--{}--><meta charset=windows-1252>", " ".repeat(PRESCAN));
        for none in [
            "charset=windows-1252",
            "<p charset=windows-1252>",
            "</meta charset=windows-1252>",
            "<!-- <meta charset=windows-1252> -->",
            "<meta name=a content='charset=windows-1252'>",
            "<meta http-equiv=content-type content='windows-1252'>",
            "<meta charset=utf-16le>",
            &late,
        ] {
            assert!(!euro(none), "{none}");
        }
    }
    #[test]
    fn the_mark_counts_before_the_content_type_and_that_before_the_page_and_that_before_a_guess() {
        let chosen = |content_type: &str, declarations, body: &[u8]| {
            let choice = choose(content_type, declarations, body);
            (choice.encoding.name(), choice.mark, choice.is_tentative)
        };
        let html = Declarations::Html;
        let meta = b"<meta charset=shift_jis>\x80";
        let xml = b"<?xml version='1.0' encoding = 'koi8-r' ?><p>";
        for (content_type, declarations, body, expected) in [
            (
                "a; charset=big5",
                html,
                b"\xef\xbb\xbfx".as_slice(),
                ("UTF-8", 3, false),
            ),
            ("a; charset=big5", html, b"\xff\xfex\0", ("UTF-16LE", 2, false)),
            ("a", html, b"\xfe\xff\0x", ("UTF-16BE", 2, false)),
            ("a; charset=big5", html, meta, ("Big5", 0, false)),
            ("a; charset=nonsense", html, meta, ("Shift_JIS", 0, false)),
            ("a", html, xml, ("KOI8-R", 0, false)),
            (
                "a",
                html,
                b" <?xml version='1.0' encoding='koi8-r'?>",
                ("UTF-8", 0, true),
            ),
            (
                "a",
                html,
                b"<?xml version='1.0'?><p encoding='koi8-r'>",
                ("UTF-8", 0, true),
            ),
            ("a", html, b"<?xml encoding='utf-16'?>", ("UTF-8", 0, false)),
            ("a", html, b"<\0?\0x\0m\0l\0", ("UTF-16LE", 0, false)),
            ("a", Declarations::Text, meta, ("windows-1252", 0, false)),
            ("a", html, b"plain", ("UTF-8", 0, true)),
            ("a", html, "caf\u{e9}".as_bytes(), ("UTF-8", 0, true)),
            ("a", html, b"cut in \xe2\x82", ("UTF-8", 0, true)),
            ("a", html, b"un caf\xe9 au lait \x80 5", ("windows-1252", 0, true)),
            ("a", html, b"\x1b$B$3$s$K$A$O\x1b(B", ("ISO-2022-JP", 0, true)),
        ] {
            let shown = String::from_utf8_lossy(body);
            assert_eq!(
                chosen(content_type, declarations, body),
                expected,
                "{content_type} {shown}"
            );
        }
        let both = [xml.as_slice(), meta].concat();
        assert_eq!(chosen("a", html, &both).0, "Shift_JIS");
        assert_eq!(chosen("a", Declarations::Xml, &both).0, "KOI8-R");
    }

    #[test]
    fn a_page_that_declares_nothing_is_in_the_encoding_that_its_letters_speak_for() {
        for (encoding, text) in [
            (encoding_rs::WINDOWS_1251, "Добро пожаловать в наш магазин"),
            (encoding_rs::SHIFT_JIS, "こんにちは、世界。お店へようこそ"),
            (encoding_rs::EUC_KR, "안녕하세요 우리 가게에 오신 것을 환영합니다"),
            (encoding_rs::GBK, "欢迎光临我们的商店，请联系我们"),
        ] {
            let (bytes, _, _) = encoding.encode(text);
            assert_eq!(
                choose("text/html", Declarations::Html, &bytes).encoding,
                encoding,
                "{text}"
            );
        }
    }
}
