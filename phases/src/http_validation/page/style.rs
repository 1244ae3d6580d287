//! What an element's own `style` says of whether and how its text shows.

/// How an element's text stands to the text around it (CSS Display 3), as far as words go.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Display {
    /// It doesn't show.
    None,
    /// It may stand within a word.
    Inline,
    /// It may stand within a word, but white space at its edges doesn't show.
    Atomic,
    /// It separates words.
    Block,
    /// It separates words, and so does each of its children.
    Boxes,
    /// It may stand within a word; its children separate words.
    InlineBoxes,
}

/// The declarations of a `style` attribute that this reader heeds.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Style {
    pub(super) display: Option<Display>,
    pub(super) is_visible: Option<bool>,
    /// Whether it floats or is placed absolutely, so that it can't be inline.
    pub(super) is_out_of_flow: bool,
    /// Whether its content is skipped, if it is a box.
    pub(super) is_skipped: bool,
}

impl Style {
    /// Reads a list of declarations: the last valid one of a property counts, `!important` first (CSS Cascade 4).
    pub(super) fn read(text: &str) -> Self {
        let mut style = Self::default();
        let declarations = declarations(text);
        for important in [false, true] {
            for (property, value) in &declarations {
                let (value, is_important) = match value.rsplit_once('!') {
                    Some((value, "important")) => (value, true),
                    Some(_) => continue,
                    None => (value.as_str(), false),
                };
                if is_important == important {
                    style.declare(property, value.trim());
                }
            }
        }
        style
    }

    fn declare(&mut self, property: &str, value: &str) {
        match property {
            "display" => self.display = display(value).or(self.display),
            "visibility" => {
                self.is_visible = match value {
                    "visible" => Some(true),
                    "hidden" | "collapse" => Some(false),
                    _ => self.is_visible,
                }
            }
            "float" => self.is_out_of_flow |= matches!(value, "left" | "right"),
            "position" => self.is_out_of_flow |= matches!(value, "absolute" | "fixed"),
            "content-visibility" => self.is_skipped = value == "hidden",
            _ => {}
        }
    }
}

fn display(value: &str) -> Option<Display> {
    Some(match value {
        "none" => Display::None,
        "inline" | "contents" | "ruby" | "initial" | "unset" => Display::Inline,
        "inline-block" | "inline-table" => Display::Atomic,
        "inline-flex" | "inline-grid" | "-webkit-inline-box" | "-webkit-inline-flex" => Display::InlineBoxes,
        "flex" | "grid" | "-webkit-box" | "-webkit-flex" => Display::Boxes,
        "block" | "flow-root" | "list-item" | "table" | "table-row" | "table-cell" | "table-caption"
        | "table-row-group" | "table-header-group" | "table-footer-group" => Display::Block,
        _ => return None,
    })
}

/// The properties and values in small letters, without comments; what is in quotes or brackets is left out of a value.
fn declarations(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut current = String::new();
    let mut depth = 0usize;
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '/' if characters.peek() == Some(&'*') => {
                characters.next();
                let mut last = ' ';
                for c in characters.by_ref() {
                    if last == '*' && c == '/' {
                        break;
                    }
                    last = c;
                }
                // A comment separates, as `no/**/ne` is no word.
                current.push('/');
            }
            '"' | '\'' => {
                while let Some(next) = characters.next() {
                    match next {
                        '\\' => drop(characters.next()),
                        next if next == c => break,
                        _ => {}
                    }
                }
                current.push('"');
            }
            '(' | '[' | '{' => {
                depth += 1;
                current.push('(');
            }
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            ';' if depth == 0 => found.extend(declaration(&std::mem::take(&mut current))),
            _ if depth > 0 => {}
            '\\' => current.extend(escaped(&mut characters)),
            _ => current.push(c.to_ascii_lowercase()),
        }
    }
    found.extend(declaration(&current));
    found
}

fn declaration(text: &str) -> Option<(String, String)> {
    let trimmed = |text: &str| {
        let marks = |c: char| c == '/' || c.is_ascii_whitespace();
        text.trim_matches(marks).to_owned()
    };
    let (property, value) = text.split_once(':')?;
    let value: String = trimmed(value);
    // `! important` is one mark.
    let value = match value.rsplit_once('!') {
        Some((value, mark)) => format!("{}!{}", trimmed(value), trimmed(mark)),
        None => value,
    };
    Some((trimmed(property), value))
}

/// The character of an escape, after its backslash (CSS Syntax 3, 4.3.7).
fn escaped(characters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<char> {
    let mut code = 0u32;
    let mut digits = 0;
    while let Some(digit) = characters.peek().and_then(|c| c.to_digit(16)) {
        if digits == 6 {
            break;
        }
        code = code * 16 + digit;
        digits += 1;
        characters.next();
    }
    if digits == 0 {
        return characters.next();
    }
    if characters.peek().is_some_and(char::is_ascii_whitespace) {
        characters.next();
    }
    char::from_u32(code).map(|c| c.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_style_says_whether_its_element_shows_and_the_last_valid_declaration_counts() {
        for (text, display) in [
            ("display:none", Some(Display::None)),
            ("color:red; DISPLAY : None ;", Some(Display::None)),
            ("display:none ! important;display:block", Some(Display::None)),
            ("display:none;display:bogus", Some(Display::None)),
            ("display:none;display:block", Some(Display::Block)),
            ("/* x */display:none/* y */", Some(Display::None)),
            ("d\\69splay:none", Some(Display::None)),
            ("display:no/**/ne", None),
            ("/* display:none */", None),
            ("display:none !ie", None),
            ("background:url(x;display:none)", None),
            ("content:'display:none;'", None),
            ("--x:{;display:none}", None),
            ("display", None),
        ] {
            assert_eq!(Style::read(text).display, display, "{text}");
        }
        assert_eq!(Style::read("visibility: HIDDEN").is_visible, Some(false));
        assert!(Style::read("position:fixed").is_out_of_flow);
    }
}
