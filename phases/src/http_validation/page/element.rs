//! What an element means for the text of its page.
//!
//! The names are those of the HTML standard's default style sheet (15.3), and what Chromium does beside it was measured:
//! `tests/it/pages/` has the pages.

use super::style::{Display, Style};

/// The language that an element's name is of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Vocabulary {
    Html,
    Svg,
    MathMl,
    Unknown,
}

/// What is read of an element beside its display.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Role {
    Html,
    Body,
    Title,
    ClosedDetails,
    Summary,
    Select,
    Option,
    /// Each of its children is a box of its own.
    Boxes,
    Other,
}

/// Whether the text within an element shows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Content {
    /// As around it.
    Same,
    Text,
    /// No text that is right within it.
    NoText,
    /// Nothing that is within it, at any depth.
    Never,
}

/// An element, as far as the text goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Element {
    pub(super) role: Role,
    pub(super) display: Display,
    pub(super) is_visible: Option<bool>,
    pub(super) content: Content,
}

impl Element {
    pub(super) const DOCUMENT: Self = Self::plain(Display::Block, Content::Same);
    /// What a template holds.
    pub(super) const FRAGMENT: Self = Self::plain(Display::None, Content::Never);

    const fn plain(display: Display, content: Content) -> Self {
        Self {
            role: Role::Other,
            display,
            is_visible: None,
            content,
        }
    }

    /// Whether the text right within it is ever read.
    pub(super) fn keeps_text(&self) -> bool {
        self.content != Content::Never || self.role == Role::Title
    }

    /// The element of a name with its attributes.
    pub(super) fn of<'a>(
        vocabulary: Vocabulary,
        name: &str,
        attribute: impl Fn(&str) -> Option<&'a str>,
    ) -> Self {
        let mut element = match vocabulary {
            Vocabulary::Html => html(name, &attribute),
            Vocabulary::Svg => svg(name, &attribute),
            Vocabulary::MathMl => math(name),
            Vocabulary::Unknown => Self::plain(Display::Inline, Content::Same),
        };
        if element.role == Role::Other && element.content == Content::Never {
            return element;
        }
        if let Some(text) = attribute("style") {
            element.apply(&Style::read(text));
        }
        element
    }

    fn apply(&mut self, style: &Style) {
        if let Some(display) = style.display {
            self.display = display;
        }
        if style.is_out_of_flow {
            self.display = match self.display {
                Display::Inline | Display::Atomic => Display::Block,
                Display::InlineBoxes => Display::Boxes,
                display => display,
            };
        }
        if style.is_visible.is_some() {
            self.is_visible = style.is_visible;
        }
        if style.is_skipped && self.display != Display::Inline {
            self.display = Display::None;
        }
    }
}

/// The attributes that [`Element::of`] asks for, and those that the tree builder does.
pub(super) fn is_read(name: &str) -> bool {
    matches!(
        name,
        "charset"
            | "content"
            | "data"
            | "display"
            | "encoding"
            | "hidden"
            | "http-equiv"
            | "open"
            | "popover"
            | "shadowrootmode"
            | "style"
            | "type"
            | "visibility"
    )
}

fn html<'a>(name: &str, attribute: &impl Fn(&str) -> Option<&'a str>) -> Element {
    let has = |name: &str| attribute(name).is_some();
    let role = match name {
        "html" => Role::Html,
        "body" | "frameset" => Role::Body,
        "title" => Role::Title,
        "details" if !has("open") => Role::ClosedDetails,
        "summary" => Role::Summary,
        "select" => Role::Select,
        "option" | "optgroup" => Role::Option,
        _ => Role::Other,
    };
    let is_hidden = has("hidden") && !matches!(name, "html" | "body" | "frameset");
    let display = match name {
        _ if is_hidden || has("popover") => Display::None,
        "dialog" if !has("open") => Display::None,
        "template" if has("shadowrootmode") => Display::Inline,
        _ => display_of(name),
    };
    let content = match name {
        // The contents of a shadow root show where it stands.
        "template" if has("shadowrootmode") => Content::Same,
        "object" if !shows_fallback(attribute("data"), attribute("type")) => Content::Never,
        "audio" | "canvas" | "fencedframe" | "frameset" | "iframe" | "meter" | "noembed" | "noframes"
        | "noscript" | "progress" | "script" | "style" | "template" | "textarea" | "title" | "video" => {
            Content::Never
        }
        "select" => Content::NoText,
        "option" => Content::Text,
        _ => Content::Same,
    };
    Element {
        role,
        display,
        is_visible: None,
        content,
    }
}

/// The display of an HTML element by its name alone (HTML, 15.3).
pub(super) fn display_of(name: &str) -> Display {
    match name {
        "area" | "base" | "basefont" | "datalist" | "head" | "link" | "meta" | "noembed" | "noframes"
        | "noscript" | "param" | "rp" | "script" | "style" | "template" | "title" => Display::None,
        "address" | "article" | "aside" | "blockquote" | "body" | "br" | "caption" | "center" | "dd"
        | "details" | "dialog" | "dir" | "div" | "dl" | "dt" | "fieldset" | "figcaption" | "figure"
        | "footer" | "form" | "frameset" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "header" | "hgroup"
        | "hr" | "html" | "legend" | "li" | "listing" | "main" | "menu" | "nav" | "ol" | "optgroup"
        | "option" | "p" | "plaintext" | "pre" | "search" | "section" | "summary" | "table" | "tbody"
        | "td" | "tfoot" | "th" | "thead" | "tr" | "ul" | "xmp" => Display::Block,
        "button" | "marquee" | "meter" | "progress" => Display::Atomic,
        _ => Display::Inline,
    }
}

/// Whether an `object` shows what is within it: with nothing to show instead, or of a plug-in that browsers no longer have.
fn shows_fallback(data: Option<&str>, kind: Option<&str>) -> bool {
    let kind = kind.unwrap_or_default().trim().to_ascii_lowercase();
    let data = data.unwrap_or_default().trim().to_ascii_lowercase();
    let path = data.split(['?', '#']).next().unwrap_or_default();
    kind.starts_with("application/x-")
        || path.ends_with(".swf")
        || (data.is_empty() && !kind.starts_with("image/"))
}

/// Text is drawn only by `text`, and by HTML within `foreignObject` (SVG 2, 11.1).
fn svg<'a>(name: &str, attribute: &impl Fn(&str) -> Option<&'a str>) -> Element {
    let (display, content) = match name {
        "text" => (Display::Block, Content::Text),
        "foreignObject" => (Display::Block, Content::Text),
        "svg" => (Display::Inline, Content::NoText),
        "desc" | "filter" | "linearGradient" | "metadata" | "radialGradient" | "script" | "style"
        | "title" => (Display::None, Content::Never),
        _ => (Display::Inline, Content::Same),
    };
    let mut element = Element::plain(display, content);
    if attribute("display").is_some_and(|value| value.trim() == "none") {
        element.display = Display::None;
    }
    element.is_visible = match attribute("visibility").map(str::trim) {
        Some("hidden" | "collapse") => Some(false),
        Some("visible") => Some(true),
        _ => None,
    };
    element
}

/// Every part of a formula is a box, and only the tokens have text (MathML Core, 3.2).
fn math(name: &str) -> Element {
    match name {
        "mi" | "mn" | "mo" | "ms" | "mtext" => Element {
            role: Role::Boxes,
            ..Element::plain(Display::Block, Content::Text)
        },
        "annotation" | "annotation-xml" => Element::plain(Display::None, Content::Never),
        "mphantom" => Element {
            is_visible: Some(false),
            ..Element::plain(Display::Block, Content::NoText)
        },
        "math" => Element::plain(Display::Inline, Content::NoText),
        _ => Element::plain(Display::Block, Content::Same),
    }
}
