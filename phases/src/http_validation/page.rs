//! The title and the visible text of a page.
//!
//! It uses only html5ever's tokenizer, which stops as soon as there is enough text. Building a tree of a hostile page would
//! take unbounded memory and time.

use std::cell::{Cell, RefCell};

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{
    BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};

use super::encoding::{charset, declared, decode};

/// The most text that is kept, in bytes.
const MAX_TEXT: usize = 256 * 1024;
/// The longest title that is kept, in bytes.
const MAX_TITLE: usize = 512;
/// How much of a page is read for its text, in bytes.
const MAX_HTML: usize = 10 * 1024 * 1024;
/// How many bytes of a page the tokenizer gets at once.
const CHUNK: usize = 16 * 1024;
/// The largest tag or comment, in bytes; a larger one ends the text. The tokenizer's work on a tag grows with the square of
/// its attributes.
const MAX_TOKEN: usize = 128 * 1024;

/// The parts of a page that a person reads.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Page {
    pub(crate) title: Option<String>,
    pub(crate) text: String,
    pub(crate) truncated: bool,
}

/// Reads a body by its content type: as HTML, also without a content type, as plain text, or not at all.
///
/// The contents of scripts, styles, templates and frames are left out. Text that a style sheet hides is kept. The time is
/// bounded for every page.
pub(crate) fn read(content_type: Option<&str>, body: &[u8]) -> Page {
    let content_type = content_type.unwrap_or("text/html").to_ascii_lowercase();
    let mime = content_type.split(';').next().unwrap_or_default().trim();
    let cut = &body[..body.len().min(MAX_HTML)];
    let mut page = match mime {
        "text/html" | "application/xhtml+xml" | "" => {
            let encoding = charset(&content_type).or_else(|| declared(cut));
            read_html(&decode(encoding, cut))
        }
        "text/plain" => {
            let mut text = CollapsedText::new(MAX_TEXT);
            text.push(&decode(charset(&content_type), cut));
            Page {
                title: None,
                truncated: text.full,
                text: text.kept,
            }
        }
        _ => return Page::default(),
    };
    page.truncated |= cut.len() < body.len();
    page
}

/// Whether a content type is one of text that is read.
pub(crate) fn is_text(content_type: &str) -> bool {
    let mime = content_type.split(';').next().unwrap_or_default().trim();
    ["text/html", "application/xhtml+xml", "text/plain", ""]
        .iter()
        .any(|text| mime.eq_ignore_ascii_case(text))
}

fn read_html(html: &str) -> Page {
    let tokenizer = Tokenizer::new(PageReader::default(), TokenizerOpts::default());
    let input = BufferQueue::default();
    let mut rest = html;
    let mut since_token = 0;
    let mut stopped = false;
    while !rest.is_empty() {
        let mut end = rest.len().min(CHUNK);
        while !rest.is_char_boundary(end) {
            end += 1;
        }
        let (chunk, after) = rest.split_at(end);
        rest = after;
        input.push_back(StrTendril::from(chunk));
        // The sink never blocks on a script, and the encoding is known already.
        while !input.is_empty() {
            let _ = tokenizer.feed(&input);
        }
        since_token = if tokenizer.sink.token_seen.take() {
            0
        } else {
            since_token + chunk.len()
        };
        if since_token > MAX_TOKEN || tokenizer.sink.text.borrow().full {
            stopped = !rest.is_empty();
            break;
        }
    }
    if !stopped {
        tokenizer.end();
    }
    let reader = tokenizer.sink;
    let text = reader.text.into_inner();
    let title = reader.title.into_inner().kept;
    Page {
        title: (!title.is_empty()).then_some(title),
        truncated: text.full || stopped,
        text: text.kept,
    }
}

/// Where the next characters go.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum TextTarget {
    #[default]
    Text,
    Title,
    Nowhere,
}

struct PageReader {
    text: RefCell<CollapsedText>,
    title: RefCell<CollapsedText>,
    has_title: Cell<bool>,
    target: Cell<TextTarget>,
    /// How many templates and vector graphics are open around the place.
    templates: Cell<usize>,
    graphics: Cell<usize>,
    token_seen: Cell<bool>,
}

impl Default for PageReader {
    fn default() -> Self {
        Self {
            text: RefCell::new(CollapsedText::new(MAX_TEXT)),
            title: RefCell::new(CollapsedText::new(MAX_TITLE)),
            has_title: Cell::default(),
            target: Cell::default(),
            templates: Cell::default(),
            graphics: Cell::default(),
            token_seen: Cell::default(),
        }
    }
}

impl TokenSink for PageReader {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        match token {
            Token::ParseError(_) => return TokenSinkResult::Continue,
            Token::CharacterTokens(text) => self.characters(&text),
            Token::TagToken(tag) => {
                self.token_seen.set(true);
                return self.tag(&tag);
            }
            _ => {}
        }
        self.token_seen.set(true);
        TokenSinkResult::Continue
    }
}

impl PageReader {
    fn characters(&self, text: &str) {
        match self.target.get() {
            TextTarget::Title => self.title.borrow_mut().push(text),
            TextTarget::Text if self.templates.get() == 0 => self.text.borrow_mut().push(text),
            TextTarget::Text | TextTarget::Nowhere => {}
        }
    }

    fn tag(&self, tag: &Tag) -> TokenSinkResult<()> {
        let name = &*tag.name;
        if !is_inline(name) {
            self.text.borrow_mut().push(" ");
        }
        let opens = tag.kind == TagKind::StartTag;
        // Between the tags of an element with raw text the tokenizer gives no other tag.
        self.target.set(TextTarget::Text);
        let step = |depth: &Cell<usize>| match opens {
            true if tag.self_closing => {}
            true => depth.set(depth.get() + 1),
            false => depth.set(depth.get().saturating_sub(1)),
        };
        match name {
            "template" => step(&self.templates),
            "svg" => step(&self.graphics),
            _ => {}
        }
        if !opens {
            return TokenSinkResult::Continue;
        }
        match name {
            "title" if self.graphics.get() == 0 => {
                self.target.set(if self.has_title.replace(true) {
                    TextTarget::Nowhere
                } else {
                    TextTarget::Title
                });
                TokenSinkResult::RawData(RawKind::Rcdata)
            }
            "textarea" => TokenSinkResult::RawData(RawKind::Rcdata),
            "xmp" => TokenSinkResult::RawData(RawKind::Rawtext),
            "style" | "iframe" | "noembed" | "noframes" => {
                self.target.set(TextTarget::Nowhere);
                TokenSinkResult::RawData(RawKind::Rawtext)
            }
            "script" => {
                self.target.set(TextTarget::Nowhere);
                TokenSinkResult::RawData(RawKind::ScriptData)
            }
            "plaintext" => TokenSinkResult::Plaintext,
            _ => TokenSinkResult::Continue,
        }
    }
}

/// Whether a tag may stand within a word. Other tags separate words.
fn is_inline(name: &str) -> bool {
    matches!(
        name,
        "a" | "abbr"
            | "acronym"
            | "b"
            | "bdi"
            | "bdo"
            | "big"
            | "cite"
            | "code"
            | "data"
            | "del"
            | "dfn"
            | "em"
            | "font"
            | "i"
            | "ins"
            | "kbd"
            | "label"
            | "mark"
            | "q"
            | "s"
            | "samp"
            | "small"
            | "span"
            | "strike"
            | "strong"
            | "sub"
            | "sup"
            | "time"
            | "tt"
            | "u"
            | "var"
            | "wbr"
    )
}

/// Text with its white space joined to single spaces, up to a length.
struct CollapsedText {
    kept: String,
    most: usize,
    gap: bool,
    full: bool,
}

impl CollapsedText {
    fn new(most: usize) -> Self {
        Self {
            kept: String::new(),
            most,
            gap: false,
            full: false,
        }
    }

    fn push(&mut self, text: &str) {
        for c in text.chars() {
            if self.full {
                return;
            }
            if c.is_whitespace() || c.is_control() {
                self.gap = !self.kept.is_empty();
                continue;
            }
            let gap = usize::from(self.gap);
            if self.kept.len() + gap + c.len_utf8() > self.most {
                self.full = true;
                return;
            }
            if std::mem::take(&mut self.gap) {
                self.kept.push(' ');
            }
            self.kept.push(c);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(html: &str) -> String {
        read(Some("text/html; charset=utf-8"), html.as_bytes()).text
    }

    #[test]
    fn a_page_is_its_title_and_what_a_person_reads() {
        let html = "<!DOCTYPE html><html><head><title> A &amp; B\n</title><style>p{}</style><script>if (a<b) c()\
                    </script></head><body><svg><title>no</title></svg><h1>Shop</h1><p>phase<b>gate</b> now</p>\
                    <template>hidden</template><!-- gone --><iframe>x</iframe><textarea>type &lt;here></textarea>";
        let page = read(None, html.as_bytes());
        assert_eq!(page.title.as_deref(), Some("A & B"));
        assert_eq!(page.text, "no Shop phasegate now type <here>");
        assert!(!page.truncated);
    }

    #[test]
    fn the_encoding_is_taken_from_the_content_type_or_the_page() {
        let latin = b"<meta charset='iso-8859-1'><p>caf\xe9</p>";
        assert_eq!(read(Some("text/html"), latin).text, "caf\u{e9}");
        assert_eq!(
            read(Some("text/html; charset=windows-1252"), b"\x80 5").text,
            "\u{20ac} 5"
        );
        assert_eq!(read(None, b"\xef\xbb\xbfok").text, "ok");
        assert_eq!(read(None, b"a\xff").text, "a\u{fffd}");
    }

    #[test]
    fn text_and_title_are_cut_at_a_character_and_say_so() {
        let page = read(
            None,
            format!("<title>{0}</title>{0}", "\u{20ac}".repeat(100_000)).as_bytes(),
        );
        assert_eq!(page.text.len(), MAX_TEXT / 3 * 3);
        assert_eq!(page.title.map(|title| title.len()), Some(MAX_TITLE / 3 * 3));
        assert!(page.truncated);
    }

    #[test]
    fn what_is_no_text_has_no_text() {
        assert_eq!(read(Some("image/png"), b"\x89PNG words"), Page::default());
        assert_eq!(read(Some("text/plain"), b"a  <b>\n").text, "a <b>");
        let tag = b"<meta charset=windows-1252>\x80";
        assert!(read(Some("text/plain"), tag).text.ends_with('\u{fffd}'));
    }

    #[test]
    fn a_page_whose_tags_have_no_end_ends_before_them() {
        let attributes: String = (0..40_000).map(|n| format!("a{n:x} ")).collect();
        assert_eq!(text(&format!("before <p {attributes}>after")), "before");
        assert_eq!(text(&"<b>".repeat(300_000)), "");
        assert_eq!(text(&"<".repeat(1_000_000)).len(), MAX_TEXT);
        assert!(read(None, &vec![0; 11_000_000]).truncated);
    }
}
