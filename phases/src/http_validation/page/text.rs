//! The text that a page shows, as a browser's `innerText` gives it.

use super::element::{Content, Element, Role};
use super::style::Display;
use super::tree::{NodeId, NodeKind, Tree};
use super::words::{BoxStart, Words};

/// After how many nodes it asks whether to go on.
const NODES_BETWEEN_LOOKS: usize = 4096;

/// What holds for all that is within an element.
#[derive(Clone, Copy, Debug)]
struct Surroundings {
    is_visible: bool,
    /// Whether text shows here at all: not right within vector graphics, a formula or a list of options.
    has_text: bool,
    is_in_select: bool,
    /// Whether each child is a box of its own.
    has_boxes: bool,
}

/// What happens after an element's children.
#[derive(Clone, Copy, Debug)]
enum Ending {
    Nothing,
    Edge,
    Box(BoxStart),
}

/// An element on the way from the body to the place.
#[derive(Debug)]
struct Open {
    next: NodeId,
    /// Whether only this one child counts.
    is_only: bool,
    surroundings: Surroundings,
    ending: Ending,
}

/// The page's title: the text of the first `title` in HTML, up to a length.
pub(super) fn title(tree: &Tree, most: usize) -> Option<String> {
    let mut place = Tree::DOCUMENT;
    while tree
        .element(place)
        .is_none_or(|element| element.role != Role::Title)
    {
        place = following(tree, place)?;
    }
    let mut words = Words::new(most);
    for child in tree.children(place) {
        if let Some(&NodeKind::Text { start, end }) = tree.kind(child) {
            words.push(tree.text(start, end));
        }
    }
    Some(words.into_text()).filter(|title| !title.is_empty())
}

/// The next node in the order of the page.
fn following(tree: &Tree, mut place: NodeId) -> Option<NodeId> {
    let first = tree.first_child(place);
    if first != NodeId::NOTHING {
        return Some(first);
    }
    loop {
        let after = tree.after(place);
        if after != NodeId::NOTHING {
            return Some(after);
        }
        place = tree.parent(place);
        if place == NodeId::NOTHING {
            return None;
        }
    }
}

/// Collects the text of the page's body. What would hide the body as a whole is not heeded: it waits for a script.
pub(super) fn collect(tree: &Tree, words: &mut Words, is_cancelled: &dyn Fn() -> bool) {
    let elements = |id: NodeId, role: Role| {
        tree.children(id)
            .filter(move |child| tree.element(*child).is_some_and(|element| element.role == role))
    };
    let body = elements(Tree::DOCUMENT, Role::Html)
        .next()
        .and_then(|html| elements(html, Role::Body).next());
    let Some(body) = body else {
        return;
    };
    let mut open = vec![Open {
        next: tree.first_child(body),
        is_only: false,
        surroundings: Surroundings {
            is_visible: true,
            has_text: true,
            is_in_select: false,
            has_boxes: false,
        },
        ending: Ending::Nothing,
    }];
    let mut seen = 0usize;
    while let Some(place) = open.last_mut() {
        seen += 1;
        if words.is_full() || (seen.is_multiple_of(NODES_BETWEEN_LOOKS) && is_cancelled()) {
            return;
        }
        let (node, surroundings) = (place.next, place.surroundings);
        place.next = match place.is_only {
            true => NodeId::NOTHING,
            false => tree.after(node),
        };
        match tree.kind(node) {
            Some(&NodeKind::Text { start, end }) => {
                if surroundings.is_visible && surroundings.has_text {
                    words.push(tree.text(start, end));
                }
            }
            Some(NodeKind::Element(element)) => open.extend(enter(tree, node, element, surroundings, words)),
            None => {
                let ending = place.ending;
                open.pop();
                match ending {
                    Ending::Nothing => {}
                    Ending::Edge => words.separate(),
                    Ending::Box(start) => words.end_box(start),
                }
            }
        }
    }
}

fn enter(
    tree: &Tree,
    node: NodeId,
    element: &Element,
    around: Surroundings,
    words: &mut Words,
) -> Option<Open> {
    let is_option = around.is_in_select && element.role == Role::Option;
    let display = match element.display {
        // A list has its hidden options, too.
        Display::None if is_option => Display::Block,
        Display::None => return None,
        Display::Inline | Display::Atomic if around.has_boxes => Display::Block,
        Display::InlineBoxes if around.has_boxes => Display::Boxes,
        display => display,
    };
    let is_visible = element.is_visible.unwrap_or(around.is_visible);
    let ending = match display {
        Display::None | Display::Inline | Display::InlineBoxes => Ending::Nothing,
        Display::Atomic => Ending::Box(words.begin_box()),
        Display::Block | Display::Boxes if !is_visible => Ending::Nothing,
        Display::Block | Display::Boxes => {
            words.separate();
            Ending::Edge
        }
    };
    let summary = || {
        tree.children(node).find(|child| {
            tree.element(*child)
                .is_some_and(|child| child.role == Role::Summary)
        })
    };
    let (next, is_only) = match (element.content, element.role) {
        (Content::Never, _) => (NodeId::NOTHING, false),
        (_, Role::ClosedDetails) => (summary().unwrap_or(NodeId::NOTHING), true),
        _ => (tree.first_child(node), false),
    };
    Some(Open {
        next,
        is_only,
        surroundings: Surroundings {
            is_visible,
            has_text: match element.content {
                Content::Text => true,
                Content::NoText | Content::Never => false,
                Content::Same => around.has_text,
            },
            is_in_select: around.is_in_select || element.role == Role::Select,
            has_boxes: matches!(display, Display::Boxes | Display::InlineBoxes)
                || element.role == Role::Boxes,
        },
        ending,
    })
}
