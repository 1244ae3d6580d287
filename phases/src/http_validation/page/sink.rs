//! How html5ever builds a [`Tree`].

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

use html5ever::interface::{ElementFlags, NodeOrText, QuirksMode, TreeSink};
use html5ever::tendril::StrTendril;
use html5ever::{Attribute, QualName, local_name, ns};

use super::MAX_TEXT;
use super::budget::Budget;
use super::element::{Element, Vocabulary};
use super::text;
use super::tree::{NodeId, Tree};
use super::words::Words;

/// A node as the tree builder holds it.
#[derive(Clone, Debug)]
pub(super) struct Handle(Rc<Held>);

#[derive(Debug)]
struct Held {
    id: NodeId,
    name: QualName,
    is_integration_point: bool,
    /// The fragment that holds the contents, of a template.
    contents: NodeId,
}

impl Handle {
    fn new(id: NodeId, name: QualName) -> Self {
        Self(Rc::new(Held {
            id,
            name,
            is_integration_point: false,
            contents: id,
        }))
    }

    fn nameless(id: NodeId) -> Self {
        Self::new(id, QualName::new(None, ns!(), local_name!("")))
    }
}

/// Takes what the tree builder makes of a page, and counts its work.
#[derive(Debug)]
pub(super) struct PageSink {
    tree: RefCell<Tree>,
    pub(super) budget: Budget,
    is_full: Cell<bool>,
}

impl PageSink {
    pub(super) fn new(budget: Budget) -> Self {
        Self {
            tree: RefCell::new(Tree::new()),
            budget,
            is_full: Cell::new(false),
        }
    }

    /// Whether the page has as many nodes, or made as much work, as one may.
    pub(super) fn is_done(&self) -> bool {
        self.is_full.get() || self.budget.is_spent()
    }

    /// Whether the text so far is as long as any that is kept.
    pub(super) fn has_enough_text(&self, is_cancelled: &dyn Fn() -> bool) -> bool {
        let mut words = Words::new(MAX_TEXT);
        text::collect(&self.tree.borrow(), &mut words, is_cancelled);
        words.is_full()
    }

    pub(super) fn into_tree(self) -> Tree {
        self.tree.into_inner()
    }

    fn place(&self, parent: NodeId, before: NodeId, child: NodeOrText<Handle>) {
        self.budget.spend(1);
        let mut tree = self.tree.borrow_mut();
        self.is_full.set(!tree.has_room());
        match child {
            NodeOrText::AppendText(text) => tree.add_text(parent, before, &text),
            NodeOrText::AppendNode(node) if before == NodeId::NOTHING => tree.append(parent, node.0.id),
            NodeOrText::AppendNode(node) => tree.insert_before(before, node.0.id),
        }
    }
}

impl TreeSink for PageSink {
    type Handle = Handle;
    type Output = Tree;
    type ElemName<'a> = &'a QualName;

    fn finish(self) -> Tree {
        self.into_tree()
    }

    fn parse_error(&self, _message: Cow<'static, str>) {}

    fn get_document(&self) -> Handle {
        Handle::nameless(Tree::DOCUMENT)
    }

    // A look at an open element is the unit of work.
    fn elem_name<'a>(&'a self, target: &'a Handle) -> &'a QualName {
        self.budget.spend(1);
        &target.0.name
    }

    fn create_element(&self, name: QualName, attributes: Vec<Attribute>, flags: ElementFlags) -> Handle {
        self.budget.spend(16 + attributes.len());
        let vocabulary = match name.ns {
            ns!(html) => Vocabulary::Html,
            ns!(svg) => Vocabulary::Svg,
            ns!(mathml) => Vocabulary::MathMl,
            _ => Vocabulary::Unknown,
        };
        let element = Element::of(vocabulary, &name.local, |wanted| {
            let mut found = attributes.iter();
            let found = found.find(|attribute| &*attribute.name.local == wanted)?;
            Some(&*found.value)
        });
        let mut tree = self.tree.borrow_mut();
        self.is_full.set(!tree.has_room());
        let id = tree.create_element(element);
        // A template that gives a shadow root holds its contents itself.
        let contents = match flags.template && !element.keeps_text() {
            true => tree.create_element(Element::FRAGMENT),
            false => id,
        };
        Handle(Rc::new(Held {
            id,
            name,
            is_integration_point: flags.mathml_annotation_xml_integration_point,
            contents,
        }))
    }

    fn create_comment(&self, _text: StrTendril) -> Handle {
        Handle::nameless(NodeId::NOTHING)
    }

    fn create_pi(&self, _target: StrTendril, _data: StrTendril) -> Handle {
        Handle::nameless(NodeId::NOTHING)
    }

    fn append(&self, parent: &Handle, child: NodeOrText<Handle>) {
        self.place(parent.0.id, NodeId::NOTHING, child);
    }

    fn append_based_on_parent_node(&self, element: &Handle, previous: &Handle, child: NodeOrText<Handle>) {
        let parent = self.tree.borrow().parent(element.0.id);
        match parent {
            NodeId::NOTHING => self.append(previous, child),
            parent => self.place(parent, element.0.id, child),
        }
    }

    fn append_doctype_to_document(&self, _name: StrTendril, _public: StrTendril, _system: StrTendril) {}

    fn get_template_contents(&self, target: &Handle) -> Handle {
        Handle::new(target.0.contents, target.0.name.clone())
    }

    fn same_node(&self, one: &Handle, other: &Handle) -> bool {
        self.budget.spend(1);
        Rc::ptr_eq(&one.0, &other.0)
    }

    fn set_quirks_mode(&self, _mode: QuirksMode) {}

    fn append_before_sibling(&self, sibling: &Handle, child: NodeOrText<Handle>) {
        let parent = self.tree.borrow().parent(sibling.0.id);
        self.place(parent, sibling.0.id, child);
    }

    // Only `html` and `body` get more attributes, and what would hide them is not heeded.
    fn add_attrs_if_missing(&self, _target: &Handle, _attributes: Vec<Attribute>) {}

    fn remove_from_parent(&self, target: &Handle) {
        self.budget.spend(1);
        self.tree.borrow_mut().detach(target.0.id);
    }

    fn reparent_children(&self, node: &Handle, new_parent: &Handle) {
        let mut tree = self.tree.borrow_mut();
        loop {
            let child = tree.first_child(node.0.id);
            if child == NodeId::NOTHING {
                return;
            }
            self.budget.spend(1);
            tree.append(new_parent.0.id, child);
        }
    }

    fn is_mathml_annotation_xml_integration_point(&self, handle: &Handle) -> bool {
        handle.0.is_integration_point
    }

    // Their contents are read where they stand.
    fn allow_declarative_shadow_roots(&self, _parent: &Handle) -> bool {
        false
    }
}
