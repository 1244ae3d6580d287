//! The encoding of a page's characters.

use std::cell::Cell;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252, X_USER_DEFINED};
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::{
    BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};

/// How many bytes of a page are searched for a declaration of its encoding (HTML, 13.2.3.2).
const PRESCAN: usize = 1024;

/// Decodes a body by its byte order mark, else by the given encoding, else as UTF-8.
pub(crate) fn decode(encoding: Option<&'static Encoding>, body: &[u8]) -> String {
    encoding.unwrap_or(UTF_8).decode(body).0.into_owned()
}

/// The encoding that a text names after `charset=` (HTML, 2.5.6).
pub(crate) fn charset(text: &str) -> Option<&'static Encoding> {
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

/// The encoding that a page itself declares, at its beginning (HTML, 13.2.3.2).
pub(crate) fn declared(body: &[u8]) -> Option<&'static Encoding> {
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
    // A declaration that is readable as ASCII proves that the page is not in UTF-16.
    Some(match found {
        found if found == UTF_16LE || found == UTF_16BE => UTF_8,
        found if found == X_USER_DEFINED => WINDOWS_1252,
        found => found,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_s_encoding_is_what_a_meta_tag_declares_and_nothing_else() {
        let euro = |start: &str| {
            let page = [start.as_bytes(), b"<p>\x80"].concat();
            decode(declared(&page), &page).ends_with('\u{20ac}')
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
}
