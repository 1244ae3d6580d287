//! Builds the tree of a page in XHTML.
//!
//! No entity but the characters of HTML and XML is known, so nothing expands.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::escape::resolve_html5_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};

use super::budget::Budget;
use super::element::{self, Element, Vocabulary};
use super::tree::{NodeId, Tree};

/// How many elements are nested; more stand side by side.
const MAX_DEPTH: usize = 512;
/// The most prefixes that are known at once.
const MAX_PREFIXES: usize = 64;
/// After how many pieces of the page it asks whether to go on.
const PIECES_BETWEEN_LOOKS: usize = 1024;

/// A page that is well-formed as far as it was read.
pub(super) struct Parsed {
    pub(super) tree: Tree,
    pub(super) is_cut: bool,
}

/// An open element.
struct Open {
    node: NodeId,
    default: Vocabulary,
    prefixes: usize,
}

struct Builder {
    tree: Tree,
    open: Vec<Open>,
    prefixes: Vec<(String, Vocabulary)>,
    has_root: bool,
}

/// Builds the tree, or gives nothing where the page is not well-formed. One that only ends early is read as far as it goes.
pub(super) fn parse(text: &str, is_cancelled: &dyn Fn() -> bool) -> Option<Parsed> {
    let budget = Budget::of(text.len());
    let mut reader = Reader::from_str(text);
    let mut builder = Builder {
        tree: Tree::new(),
        open: Vec::new(),
        prefixes: Vec::new(),
        has_root: false,
    };
    let mut pieces = 0usize;
    loop {
        pieces += 1;
        let looks = pieces.is_multiple_of(PIECES_BETWEEN_LOOKS);
        if !builder.tree.has_room() || budget.is_spent() || (looks && is_cancelled()) {
            return Some(Parsed {
                tree: builder.tree,
                is_cut: true,
            });
        }
        let event = match reader.read_event() {
            Ok(event) => event,
            // A page that was cut within a tag.
            Err(quick_xml::Error::Syntax(_)) if builder.has_root && !builder.open.is_empty() => Event::Eof,
            Err(_) => return None,
        };
        match event {
            Event::Start(start) => builder.start(&start, &budget)?,
            Event::Empty(start) => {
                builder.start(&start, &budget)?;
                builder.end();
            }
            Event::End(_) => builder.end(),
            Event::Text(text) => builder.text(&text),
            Event::CData(text) => builder.text(&text),
            Event::GeneralRef(reference) => builder.text(&referenced(&reference)?),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
            Event::Eof => break,
        }
    }
    builder.has_root.then_some(Parsed {
        tree: builder.tree,
        is_cut: false,
    })
}

impl Builder {
    fn start(&mut self, start: &BytesStart<'_>, budget: &Budget) -> Option<()> {
        if self.open.is_empty() && std::mem::replace(&mut self.has_root, true) {
            return None;
        }
        let outer = self.open.last();
        // A page without its namespace is read as what its content type says.
        let mut default = outer.map_or(Vocabulary::Html, |outer| outer.default);
        let prefixes = self.prefixes.len();
        let mut attributes: Vec<(&str, Cow<'_, str>)> = Vec::new();
        for attribute in start.attributes().with_checks(false) {
            budget.spend(4);
            let attribute = attribute.ok()?;
            let key = attribute.key.into_inner();
            match key.strip_prefix("xmlns") {
                Some("") => default = vocabulary(&attribute.value),
                Some(prefix) if prefix.starts_with(':') && self.prefixes.len() < MAX_PREFIXES => {
                    let prefix = prefix[1..].to_owned();
                    self.prefixes.push((prefix, vocabulary(&attribute.value)));
                }
                _ if element::is_read(key) && !attributes.iter().any(|(known, _)| *known == key) => {
                    attributes.push((key, unescaped(&attribute.value)?));
                }
                _ => {}
            }
        }
        let name = start.name();
        let name = name.into_inner();
        let (vocabulary, local) = match name.split_once(':') {
            None => (default, name),
            Some((prefix, local)) => {
                budget.spend(self.prefixes.len());
                let mut known = self.prefixes.iter().rev();
                let known = known.find(|(known, _)| known == prefix);
                (known.map_or(Vocabulary::Unknown, |(_, known)| *known), local)
            }
        };
        let element = Element::of(vocabulary, local, |wanted| {
            let found = attributes.iter().find(|(name, _)| *name == wanted)?;
            Some(&*found.1)
        });
        let is_deep = self.open.len() >= MAX_DEPTH;
        let parent = match outer {
            // Side by side with the element around it.
            Some(outer) if is_deep => self.tree.parent(outer.node),
            Some(outer) => outer.node,
            None => Tree::DOCUMENT,
        };
        let node = self.tree.create_element(element);
        self.tree.append(parent, node);
        self.open.push(Open {
            node,
            default,
            prefixes,
        });
        Some(())
    }

    fn end(&mut self) {
        if let Some(closed) = self.open.pop() {
            self.prefixes.truncate(closed.prefixes);
        }
    }

    fn text(&mut self, text: &str) {
        if let Some(open) = self.open.last() {
            self.tree.add_text(open.node, NodeId::NOTHING, text);
        }
    }
}

fn vocabulary(namespace: &str) -> Vocabulary {
    match namespace.trim() {
        "http://www.w3.org/1999/xhtml" => Vocabulary::Html,
        "http://www.w3.org/2000/svg" => Vocabulary::Svg,
        "http://www.w3.org/1998/Math/MathML" => Vocabulary::MathMl,
        _ => Vocabulary::Unknown,
    }
}

fn referenced(reference: &BytesRef<'_>) -> Option<Cow<'static, str>> {
    match reference.resolve_char_ref().ok()? {
        Some(c) => Some(Cow::Owned(c.to_string())),
        None => resolve_html5_entity(reference).map(Cow::Borrowed),
    }
}

fn unescaped<'a>(value: &Cow<'a, str>) -> Option<Cow<'a, str>> {
    let unescaped = quick_xml::escape::unescape(value).ok()?;
    Some(Cow::Owned(unescaped.into_owned()))
}
