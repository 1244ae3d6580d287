//! Builds the tree of a page in HTML, as browsers do, with bounds.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use encoding_rs::Encoding;
use html5ever::interface::TokenizerResult;
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::{
    BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};
use html5ever::tree_builder::{Tracer, TreeBuilder, TreeBuilderOpts};
use html5ever::{LocalName, local_name};

use super::budget::Budget;
use super::decoder::Decoder;
use super::element::{self, display_of};
use super::encoding;
use super::sink::{Handle, PageSink};
use super::style::{Display, Style};
use super::tree::Tree;

/// A larger tag or comment, in bytes, ends the page if it may have many attributes, too: the tokenizer's work on a tag grows
/// with the square of their number.
const MAX_TOKEN: usize = 128 * 1024;
/// The most characters in a large tag that may be the end of an attribute. A picture as a `data:` URL has few.
const MAX_ENDS: usize = 16 * 1024;
/// How many open elements and open formatting there may be. Chromium's trees are no deeper than 512 either: what is nested more
/// deeply stands side by side.
const MAX_OPEN: usize = 1024;
/// After how many bytes of a page it is looked for the first time whether its text is as long as any that is kept. The rest of such
/// a page would only cost memory. It is looked for again after twice as many, so that all looks together cost as much as one.
const FIRST_LOOK: usize = 1024 * 1024;
/// After how many tags the open elements are counted.
const TAGS_BETWEEN_COUNTS: u32 = 32;

/// What reading a page gave.
pub(super) enum Parsed {
    Tree {
        tree: Tree,
        /// Whether it ends before the page does.
        is_cut: bool,
    },
    /// The page declares another encoding than it was read with.
    Declared(&'static Encoding),
}

/// Builds the tree. `may_declare` tells whether a declaration in the page changes the encoding (HTML, 13.2.3.5).
pub(super) fn parse(decoder: &mut Decoder<'_>, may_declare: bool, is_cancelled: &dyn Fn() -> bool) -> Parsed {
    let sink = PageSink::new(Budget::of(decoder.length()));
    let builder = TreeBuilder::new(sink, TreeBuilderOpts::default());
    let tokenizer = Tokenizer::new(BoundedBuilder::new(builder), TokenizerOpts::default());
    let input = BufferQueue::default();
    let mut is_cut = false;
    let (mut fed, mut next_look) = (0, FIRST_LOOK);
    while let Some(chunk) = decoder.next_chunk() {
        let reader = &tokenizer.sink;
        reader.token_bytes.set(reader.token_bytes.get() + chunk.len());
        let ends = chunk.bytes().filter(|byte| is_end(*byte)).count();
        reader.token_ends.set(reader.token_ends.get() + ends);
        fed += chunk.len();
        input.push_back(StrTendril::from(chunk));
        // No script blocks: none is run.
        while !input.is_empty() {
            if let TokenizerResult::EncodingIndicator(label) = tokenizer.feed(&input)
                && may_declare
                && let Some(declared) = encoding::of_meta(&label)
                && declared != decoder.encoding()
            {
                return Parsed::Declared(declared);
            }
        }
        let reader = &tokenizer.sink;
        let is_large = reader.token_bytes.get() > MAX_TOKEN && reader.token_ends.get() > MAX_ENDS;
        let is_enough = fed >= next_look && {
            next_look = fed * 2;
            reader.builder.sink.has_enough_text(is_cancelled)
        };
        if is_large || is_enough || reader.builder.sink.is_done() || is_cancelled() {
            is_cut = true;
            break;
        }
    }
    if !is_cut {
        tokenizer.end();
    }
    Parsed::Tree {
        tree: tokenizer.sink.builder.sink.into_tree(),
        is_cut,
    }
}

/// Whether an attribute may end with this byte.
fn is_end(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b'/' | b'"' | b'\'')
}

/// A tree builder that gets only what it can build in time.
struct BoundedBuilder {
    builder: TreeBuilder<Handle, PageSink>,
    /// What was fed since the last token.
    token_bytes: Cell<usize>,
    token_ends: Cell<usize>,
    tags: Cell<u32>,
    /// How many elements and formatting were open at the last count.
    open: Cell<usize>,
    /// The tags that were left out since there were too many, each with how often its end will be.
    left_out: RefCell<BTreeMap<LocalName, usize>>,
}

impl BoundedBuilder {
    fn new(builder: TreeBuilder<Handle, PageSink>) -> Self {
        Self {
            builder,
            token_bytes: Cell::default(),
            token_ends: Cell::default(),
            tags: Cell::default(),
            open: Cell::default(),
            left_out: RefCell::default(),
        }
    }

    /// The tag as the builder gets it, or nothing, or a line break in its place.
    fn fit(&self, mut tag: Tag) -> Option<Tag> {
        let budget = &self.builder.sink.budget;
        budget.spend(16 + tag.attrs.len() * tag.attrs.len().max(self.token_ends.get()));
        let is_foreign = self
            .builder
            .adjusted_current_node_present_but_not_in_html_namespace();
        // What tells one font from another is of no use here, but each open one is made again in each paragraph.
        let is_formatting = is_formatting(&tag.name);
        tag.attrs.retain(|attribute| match &*attribute.name.local {
            "style" if is_formatting => Style::read(&attribute.value) != Style::default(),
            "color" | "face" | "size" => is_foreign,
            name => element::is_read(name),
        });
        if is_formatting && !tag.attrs.is_empty() {
            budget.spend(self.open.get() * 16);
        }
        self.tags.set(self.tags.get().wrapping_add(1));
        if self.tags.get().is_multiple_of(TAGS_BETWEEN_COUNTS) {
            self.count();
        }
        let is_deep = self.open.get() >= MAX_OPEN;
        let mut left_out = self.left_out.borrow_mut();
        let separates = !matches!(display_of(&tag.name), Display::Inline);
        match tag.kind {
            TagKind::StartTag if is_deep && opens(&tag, is_foreign) => {
                *left_out.entry(tag.name).or_default() += 1;
            }
            TagKind::EndTag if is_deep && left_out.contains_key(&tag.name) => {
                if let Some(count) = left_out.get_mut(&tag.name) {
                    *count -= 1;
                    if *count == 0 {
                        left_out.remove(&tag.name);
                    }
                }
            }
            _ => return Some(tag),
        }
        separates.then(|| Tag {
            kind: TagKind::StartTag,
            name: local_name!("br"),
            self_closing: false,
            attrs: Vec::new(),
            had_duplicate_attributes: false,
        })
    }

    fn count(&self) {
        let counter = Counter(Cell::new(0));
        self.builder.trace_handles(&counter);
        self.builder.sink.budget.spend(counter.0.get());
        self.open.set(counter.0.get());
        if counter.0.get() < MAX_OPEN {
            self.left_out.borrow_mut().clear();
        }
    }
}

impl TokenSink for BoundedBuilder {
    type Handle = Handle;

    fn process_token(&self, token: Token, line: u64) -> TokenSinkResult<Handle> {
        let token = match token {
            Token::ParseError(_) => return TokenSinkResult::Continue,
            _ if self.builder.sink.is_done() => return TokenSinkResult::Continue,
            Token::TagToken(tag) => {
                let fitted = self.fit(tag);
                self.token_bytes.set(0);
                self.token_ends.set(0);
                match fitted {
                    Some(tag) => Token::TagToken(tag),
                    None => return TokenSinkResult::Continue,
                }
            }
            token => token,
        };
        self.token_bytes.set(0);
        self.token_ends.set(0);
        self.builder.process_token(token, line)
    }

    fn end(&self) {
        self.builder.end();
    }

    fn adjusted_current_node_present_but_not_in_html_namespace(&self) -> bool {
        self.builder
            .adjusted_current_node_present_but_not_in_html_namespace()
    }
}

struct Counter(Cell<usize>);

impl Tracer for Counter {
    type Handle = Handle;

    fn trace_handle(&self, _node: &Handle) {
        self.0.set(self.0.get() + 1);
    }
}

fn is_formatting(name: &str) -> bool {
    matches!(
        name,
        "a" | "b"
            | "big"
            | "code"
            | "em"
            | "font"
            | "i"
            | "nobr"
            | "s"
            | "small"
            | "strike"
            | "strong"
            | "tt"
            | "u"
    )
}

/// Whether an element stays open after its tag, apart from those whose text is read as such to its end.
fn opens(tag: &Tag, is_foreign: bool) -> bool {
    if is_foreign && tag.self_closing {
        return false;
    }
    !matches!(
        &*tag.name,
        "area"
            | "base"
            | "basefont"
            | "bgsound"
            | "body"
            | "br"
            | "col"
            | "embed"
            | "frame"
            | "head"
            | "hr"
            | "html"
            | "iframe"
            | "image"
            | "img"
            | "input"
            | "keygen"
            | "link"
            | "meta"
            | "noembed"
            | "noframes"
            | "noscript"
            | "param"
            | "plaintext"
            | "script"
            | "source"
            | "style"
            | "textarea"
            | "title"
            | "track"
            | "wbr"
            | "xmp"
    )
}
