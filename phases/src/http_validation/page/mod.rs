//! A page as people read it: its title and its visible text.
//!
//! The yardstick is what Chromium's `innerText` gives for the body, without style sheets and scripts. So a browser's own tree
//! is built, and read by the HTML standard's default style sheet. What it says in `noscript` is left out: browsers run
//! scripts, so hardly anybody reads it.
//!
//! A page may be hostile. Its nodes, the depth of its elements and the work on them are bounded, and what is cut says so.

mod budget;
mod decoder;
mod element;
mod encoding;
mod html;
mod sink;
mod style;
mod text;
mod tree;
mod words;
mod xml;

use decoder::Decoder;
use encoding::{Choice, Declarations};
use tree::Tree;
use words::Words;

/// The most text that is kept, in bytes.
const MAX_TEXT: usize = 256 * 1024;
/// The longest title that is kept, in bytes.
const MAX_TITLE: usize = 512;

/// The parts of a page that a person reads.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Page {
    /// The title, white space joined, or none; at most 512 bytes.
    pub title: Option<String>,
    /// The visible text, white space joined; at most 256 KiB.
    pub text: String,
    /// Whether there was more text, or a part of the page was too much work to read.
    pub truncated: bool,
    /// The encoding that the page was decoded with, by its name in the Encoding standard; empty if it has no text.
    pub charset: &'static str,
    /// How many sequences of bytes stood for no character in that encoding. Each became U+FFFD.
    pub undecodable: u64,
}

impl Page {
    /// Reads a body by its content type: as HTML, also without a content type, as XHTML, as plain text, or not at all.
    ///
    /// XHTML that is not well-formed is read as HTML: a browser shows an error instead, but there is a text to be had. Time and
    /// memory are linear in the length of the body. Once `is_cancelled` says so, it returns what it has.
    pub fn read(content_type: Option<&str>, body: &[u8], is_cancelled: &dyn Fn() -> bool) -> Self {
        let content_type = content_type.unwrap_or("text/html").to_ascii_lowercase();
        let Some(declarations) = declarations(&content_type) else {
            return Self::default();
        };
        let choice = encoding::choose(&content_type, declarations, body);
        let body = &body[choice.mark..];
        match declarations {
            Declarations::Html => read_html(choice, body, is_cancelled),
            Declarations::Xml => read_xhtml(choice, body, is_cancelled),
            Declarations::Text => read_plain(Decoder::new(choice.encoding, body), is_cancelled),
        }
    }

    /// Whether a content type is one of text that is read.
    pub(super) fn is_of(content_type: &str) -> bool {
        declarations(&content_type.to_ascii_lowercase()).is_some()
    }

    fn of_tree(tree: &Tree, is_cut: bool, decoder: &Decoder<'_>, is_cancelled: &dyn Fn() -> bool) -> Self {
        let mut words = Words::new(MAX_TEXT);
        text::collect(tree, &mut words, is_cancelled);
        Self {
            title: text::title(tree, MAX_TITLE),
            truncated: is_cut || words.is_full() || is_cancelled(),
            text: words.into_text(),
            charset: decoder.encoding().name(),
            undecodable: decoder.undecodable(),
        }
    }
}

/// How a page of a content type, in small letters, may declare its encoding; `None` if it is not read as text.
fn declarations(content_type: &str) -> Option<Declarations> {
    match content_type.split(';').next().unwrap_or_default().trim() {
        "text/html" | "" => Some(Declarations::Html),
        "application/xhtml+xml" => Some(Declarations::Xml),
        "text/plain" => Some(Declarations::Text),
        _ => None,
    }
}

fn read_html(choice: Choice, body: &[u8], is_cancelled: &dyn Fn() -> bool) -> Page {
    let mut encoding = choice.encoding;
    let mut may_declare = choice.is_tentative;
    loop {
        let mut decoder = Decoder::new(encoding, body);
        match html::parse(&mut decoder, may_declare, is_cancelled) {
            html::Parsed::Tree { tree, is_cut } => {
                return Page::of_tree(&tree, is_cut, &decoder, is_cancelled);
            }
            html::Parsed::Declared(declared) => {
                encoding = declared;
                may_declare = false;
            }
        }
    }
}

fn read_xhtml(choice: Choice, body: &[u8], is_cancelled: &dyn Fn() -> bool) -> Page {
    let mut decoder = Decoder::new(choice.encoding, body);
    let mut text = String::with_capacity(body.len());
    while let Some(chunk) = decoder.next_chunk() {
        text.push_str(chunk);
    }
    match xml::parse(&text, is_cancelled) {
        Some(xml::Parsed { tree, is_cut }) => Page::of_tree(&tree, is_cut, &decoder, is_cancelled),
        None => read_html(choice, body, is_cancelled),
    }
}

fn read_plain(mut decoder: Decoder<'_>, is_cancelled: &dyn Fn() -> bool) -> Page {
    let mut words = Words::new(MAX_TEXT);
    let mut is_cut = false;
    while let Some(chunk) = decoder.next_chunk() {
        words.push(chunk);
        if words.is_full() || is_cancelled() {
            is_cut = true;
            break;
        }
    }
    Page {
        title: None,
        text: words.into_text(),
        truncated: is_cut,
        charset: decoder.encoding().name(),
        undecodable: decoder.undecodable(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(content_type: Option<&str>, body: &[u8]) -> Page {
        Page::read(content_type, body, &|| false)
    }

    fn text(html: &str) -> String {
        read(Some("text/html; charset=utf-8"), html.as_bytes()).text
    }

    #[test]
    fn a_page_is_its_title_and_what_a_person_reads() {
        let html = "<!DOCTYPE html><html><head><title> A &amp; B\n</title><style>p{}</style><script>if (a<b) c()\
                    </script></head><body><svg><title>no</title></svg><h1>Shop</h1><p>phase<b>gate</b> now</p>\
                    <template>hidden</template><!-- gone --><iframe>x</iframe><textarea>typed</textarea>";
        let page = read(None, html.as_bytes());
        assert_eq!(page.title.as_deref(), Some("A & B"));
        assert_eq!(page.text, "Shop phasegate now");
        assert!(!page.truncated);
    }

    #[test]
    fn the_title_is_the_first_one_of_the_page_itself() {
        for (html, title) in [
            (
                "<svg><title>no</title></svg><title>yes</title><title>no</title>",
                Some("yes"),
            ),
            ("<template><title>no</title></template><p>a", None),
            ("<title></title><title>no</title>", None),
            ("<title> \n </title>", None),
        ] {
            assert_eq!(read(None, html.as_bytes()).title.as_deref(), title, "{html}");
        }
    }

    #[test]
    fn the_encoding_is_taken_from_the_content_type_or_the_page_and_named() {
        let latin = b"<meta charset='iso-8859-1'><p>caf\xe9</p>";
        let page = read(Some("text/html"), latin);
        assert_eq!((page.text.as_str(), page.charset), ("caf\u{e9}", "windows-1252"));
        let euro = read(Some("text/html; charset=windows-1252"), b"\x80 5");
        assert_eq!(euro.text, "\u{20ac} 5");
        let marked = read(None, b"\xef\xbb\xbfok");
        assert_eq!((marked.text.as_str(), marked.charset), ("ok", "UTF-8"));
        let wide = read(None, b"\xff\xfe<\0p\0>\0\xac\x20");
        assert_eq!((wide.text.as_str(), wide.charset), ("\u{20ac}", "UTF-16LE"));
    }

    #[test]
    fn a_declaration_far_into_the_page_counts_unless_something_else_said_it() {
        let page = format!("<!--{}--><meta charset=koi8-r><p>", " ".repeat(5000));
        let page = [page.as_bytes(), b"\xf0\xd2"].concat();
        let late = read(None, &page);
        assert_eq!((late.text.as_str(), late.charset), ("Пр", "KOI8-R"));
        let said = read(Some("text/html; charset=windows-1252"), &page);
        assert_eq!((said.text.as_str(), said.charset), ("ðÒ", "windows-1252"));
        let in_a_comment = [
            b"<p>\xf0\xd2<!--".as_slice(),
            &b" ".repeat(5000),
            b"<meta charset=koi8-r>",
        ]
        .concat();
        assert_ne!(read(None, &in_a_comment).charset, "KOI8-R");
    }

    #[test]
    fn what_is_no_character_is_counted() {
        let page = read(
            Some("text/html; charset=utf-8"),
            b"a\xff\xfe\xef\xbf\xbdb\xe2\x82",
        );
        assert_eq!(page.text, "a\u{fffd}\u{fffd}\u{fffd}b\u{fffd}");
        assert_eq!(page.undecodable, 3);
        let chunks = "\u{20ac}".repeat(10_000);
        assert_eq!(read(None, chunks.as_bytes()).undecodable, 0);
        assert_eq!(read(None, chunks.as_bytes()).text, chunks);
    }

    #[test]
    fn text_and_title_are_cut_at_a_character_and_say_so() {
        let page = read(
            None,
            format!("<title>{0}</title><body>{0}", "\u{20ac}".repeat(100_000)).as_bytes(),
        );
        assert_eq!(page.text.len(), MAX_TEXT / 3 * 3);
        assert_eq!(page.title.map(|title| title.len()), Some(MAX_TITLE / 3 * 3));
        assert!(page.truncated);
    }

    #[test]
    fn what_is_no_text_has_no_text() {
        assert_eq!(read(Some("image/png"), b"\x89PNG words"), Page::default());
        assert_eq!(read(Some("text/plain"), b"a  <b>\n").text, "a <b>");
        let tag = "<meta charset=koi8-r>\u{20ac}";
        assert_eq!(read(Some("text/plain"), tag.as_bytes()).text, tag);
        assert!(read(Some("text/plain"), &b"a".repeat(MAX_TEXT + 1)).truncated);
    }

    #[test]
    fn well_formed_xhtml_is_read_as_xml() {
        let read = |body: &str| {
            let page = format!(
                "<?xml version='1.0'?><!DOCTYPE html><html xmlns='http://www.w3.org/1999/xhtml'>\
                 <head><script src='x'/><title/><style>p&lt;q</style></head><body>{body}</body></html>"
            );
            Page::read(Some("application/xhtml+xml"), page.as_bytes(), &|| false).text
        };
        for (body, text) in [
            (
                "<h1>a</h1><![CDATA[<b>]]><p>c&amp;&nbsp;&#x20ac;</p>",
                "a <b> c& \u{20ac}",
            ),
            (
                "a<div hidden='hidden'/>b<div style='display:none'>x</div>c",
                "abc",
            ),
            ("a<p/>b<textarea/>c", "a bc"),
            (
                "<svg xmlns='http://www.w3.org/2000/svg'><title>x</title><text>a</text></svg>b",
                "a b",
            ),
            (
                "<s:svg xmlns:s='http://www.w3.org/2000/svg'><s:text>a</s:text><s:desc>x</s:desc></s:svg>b",
                "a b",
            ),
            ("<DIV>a</DIV>b<noscript>x</noscript>", "ab"),
            ("a<p xmlns=''>b</p>c", "abc"),
        ] {
            assert_eq!(read(body), text, "{body}");
        }
    }

    #[test]
    fn xhtml_that_is_not_well_formed_is_read_as_html() {
        let xhtml = |page: &str| Page::read(Some("application/xhtml+xml"), page.as_bytes(), &|| false);
        let page = xhtml("<html><head><title>T</title></head><body><p>a<br>b</p>&unknown;</body></html>");
        assert_eq!(
            (page.title.as_deref(), page.text.as_str()),
            (Some("T"), "a b &unknown;")
        );
        assert_eq!(xhtml("<html><body>a<p hidden>x</p></body></html>").text, "a");
        assert_eq!(xhtml("plain").text, "plain");
        let cut = xhtml("<html><head><script src='x'/></head><body><p>a</p><p>b<b cla");
        assert_eq!(cut.text, "a b");
        let bomb = "<!DOCTYPE html [<!ENTITY a 'xx'><!ENTITY b '&a;&a;'>]><html><body>&b;</body></html>";
        assert!(!xhtml(bomb).text.contains("xxxx"));
    }

    #[test]
    fn an_xml_declaration_names_the_encoding_of_xhtml() {
        let page = b"<?xml version='1.0' encoding='iso-8859-1'?><html><body>caf\xe9</body></html>";
        let page = read(Some("application/xhtml+xml"), page);
        assert_eq!((page.text.as_str(), page.charset), ("caf\u{e9}", "windows-1252"));
    }

    #[test]
    fn a_page_whose_tags_have_no_end_ends_before_them() {
        let attributes: String = (0..40_000).map(|n| format!("a{n:x} ")).collect();
        assert_eq!(text(&format!("before <p {attributes}>after")), "before");
        assert_eq!(text(&"<b>".repeat(300_000)), "");
        assert_eq!(text(&"<".repeat(1_000_000)).len(), MAX_TEXT);
        let picture = format!(
            "a<img src='data:image/png;base64,{}'>b",
            "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ/AAADUlEQVR42mNk".repeat(9_000)
        );
        assert_eq!(text(&picture), "ab");
    }

    #[test]
    fn what_is_nested_too_deeply_stands_side_by_side() {
        let deep = |open: &str, close: &str| {
            format!("{}a<i>b</i><p>c</p>{}d", open.repeat(5_000), close.repeat(5_000))
        };
        for (open, close) in [
            ("<div>", "</div>"),
            ("<font>", "</font>"),
            ("<b id=x>", "</b>"),
            ("<ul><li>", "</ul>"),
        ] {
            let page = read(None, deep(open, close).as_bytes());
            assert_eq!(page.text, "ab c d", "{open}");
            assert!(!page.truncated, "{open}");
        }
    }

    #[test]
    fn a_page_that_is_too_much_work_is_cut() {
        let formatting: String = (0..300)
            .map(|n| format!("<b style='display:inline;--x:{n}'>"))
            .collect();
        let clones = format!("<p>{formatting}</p>{}", "<p>x</p>".repeat(5_000));
        let far = format!("{}{}", "<x-a>".repeat(900), "</x-b></p>".repeat(40_000));
        for page in [clones, far] {
            assert!(read(None, page.as_bytes()).truncated, "{}", &page[..40]);
        }
    }

    #[test]
    fn a_cancelled_read_ends() {
        let page = "<p>word ".repeat(100_000);
        for content_type in ["text/html", "text/plain", "application/xhtml+xml"] {
            let looks = std::cell::Cell::new(0);
            let is_cancelled = || {
                looks.set(looks.get() + 1);
                true
            };
            let read = Page::read(Some(content_type), page.as_bytes(), &is_cancelled);
            assert!(
                read.truncated && looks.get() < 10,
                "{content_type}: {}",
                looks.get()
            );
        }
    }
}
