//! The tree of a page: what is needed to read its text, and nothing else.
//!
//! A node takes 32 bytes, and the text is kept once, so the memory is bounded by the number of nodes and the page's length.

use super::element::Element;

/// The most nodes that a tree has. A page with more ends there.
pub(super) const MAX_NODES: usize = 1024 * 1024;

/// A node's place in its tree.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct NodeId(u32);

impl NodeId {
    /// What comments and the like are: appending it, or to it, does nothing.
    pub(super) const NOTHING: Self = Self(u32::MAX);

    fn index(self) -> Option<usize> {
        (self != Self::NOTHING).then_some(self.0 as usize)
    }
}

/// What a node is.
#[derive(Clone, Copy, Debug)]
pub(super) enum NodeKind {
    Element(Element),
    /// A piece of the tree's text.
    Text {
        start: u32,
        end: u32,
    },
}

#[derive(Clone, Copy, Debug)]
struct Node {
    parent: NodeId,
    first: NodeId,
    last: NodeId,
    before: NodeId,
    after: NodeId,
    kind: NodeKind,
}

/// Elements and text, below a document.
#[derive(Debug)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    text: String,
}

impl Tree {
    pub(super) const DOCUMENT: NodeId = NodeId(0);

    pub(super) fn new() -> Self {
        let mut tree = Self {
            nodes: Vec::new(),
            text: String::new(),
        };
        tree.create(NodeKind::Element(Element::DOCUMENT));
        tree
    }

    /// Whether there is room for more nodes.
    pub(super) fn has_room(&self) -> bool {
        self.nodes.len() < MAX_NODES
    }

    pub(super) fn create_element(&mut self, element: Element) -> NodeId {
        self.create(NodeKind::Element(element))
    }

    fn create(&mut self, kind: NodeKind) -> NodeId {
        let Some(id) = u32::try_from(self.nodes.len()).ok().map(NodeId) else {
            return NodeId::NOTHING;
        };
        self.nodes.push(Node {
            parent: NodeId::NOTHING,
            first: NodeId::NOTHING,
            last: NodeId::NOTHING,
            before: NodeId::NOTHING,
            after: NodeId::NOTHING,
            kind,
        });
        id
    }

    fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id.index()?)
    }

    fn change(&mut self, id: NodeId, change: impl FnOnce(&mut Node)) {
        if let Some(node) = id.index().and_then(|index| self.nodes.get_mut(index)) {
            change(node);
        }
    }

    pub(super) fn kind(&self, id: NodeId) -> Option<&NodeKind> {
        self.node(id).map(|node| &node.kind)
    }

    pub(super) fn element(&self, id: NodeId) -> Option<&Element> {
        match self.kind(id)? {
            NodeKind::Element(element) => Some(element),
            NodeKind::Text { .. } => None,
        }
    }

    /// The text between two places of a text node.
    pub(super) fn text(&self, start: u32, end: u32) -> &str {
        self.text.get(start as usize..end as usize).unwrap_or_default()
    }

    pub(super) fn parent(&self, id: NodeId) -> NodeId {
        self.node(id).map_or(NodeId::NOTHING, |node| node.parent)
    }

    pub(super) fn first_child(&self, id: NodeId) -> NodeId {
        self.node(id).map_or(NodeId::NOTHING, |node| node.first)
    }

    /// The next sibling.
    pub(super) fn after(&self, id: NodeId) -> NodeId {
        self.node(id).map_or(NodeId::NOTHING, |node| node.after)
    }

    /// The children, first to last.
    pub(super) fn children(&self, id: NodeId) -> impl Iterator<Item = NodeId> {
        let real = |id: NodeId| (id != NodeId::NOTHING).then_some(id);
        std::iter::successors(real(self.first_child(id)), move |id| real(self.after(*id)))
    }

    /// Adds a node as the last child.
    pub(super) fn append(&mut self, parent: NodeId, child: NodeId) {
        self.insert(parent, child, NodeId::NOTHING);
    }

    /// Adds a node right before its new sibling.
    pub(super) fn insert_before(&mut self, sibling: NodeId, child: NodeId) {
        self.insert(self.parent(sibling), child, sibling);
    }

    /// Adds text at the end of an element, or right before one of its children.
    pub(super) fn add_text(&mut self, parent: NodeId, before: NodeId, text: &str) {
        let keeps = self.element(parent).is_some_and(Element::keeps_text);
        let (Ok(start), Ok(end)) = (
            u32::try_from(self.text.len()),
            u32::try_from(self.text.len() + text.len()),
        ) else {
            return;
        };
        if !keeps {
            return;
        }
        self.text.push_str(text);
        let neighbour = match before {
            NodeId::NOTHING => self.node(parent).map_or(NodeId::NOTHING, |node| node.last),
            sibling => self.node(sibling).map_or(NodeId::NOTHING, |node| node.before),
        };
        let mut joined = false;
        self.change(neighbour, |node| {
            if let NodeKind::Text { end: last, .. } = &mut node.kind
                && *last == start
            {
                *last = end;
                joined = true;
            }
        });
        if !joined {
            let node = self.create(NodeKind::Text { start, end });
            self.insert(parent, node, before);
        }
    }

    /// Takes a node out of its parent.
    pub(super) fn detach(&mut self, id: NodeId) {
        let Some(&Node {
            parent,
            before,
            after,
            ..
        }) = self.node(id)
        else {
            return;
        };
        self.change(before, |node| node.after = after);
        self.change(after, |node| node.before = before);
        self.change(parent, |node| {
            if node.first == id {
                node.first = after;
            }
            if node.last == id {
                node.last = before;
            }
        });
        self.change(id, |node| {
            node.parent = NodeId::NOTHING;
            node.before = NodeId::NOTHING;
            node.after = NodeId::NOTHING;
        });
    }

    fn insert(&mut self, parent: NodeId, child: NodeId, after: NodeId) {
        if parent == NodeId::NOTHING || child == NodeId::NOTHING {
            return;
        }
        self.detach(child);
        let before = match after {
            NodeId::NOTHING => self.node(parent).map_or(NodeId::NOTHING, |node| node.last),
            sibling => self.node(sibling).map_or(NodeId::NOTHING, |node| node.before),
        };
        self.change(child, |node| {
            node.parent = parent;
            node.before = before;
            node.after = after;
        });
        self.change(before, |node| node.after = child);
        self.change(after, |node| node.before = child);
        self.change(parent, |node| {
            if before == NodeId::NOTHING {
                node.first = child;
            }
            if after == NodeId::NOTHING {
                node.last = child;
            }
        });
    }
}
