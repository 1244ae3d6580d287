//! The list of exceptions: files that are too long, and circles that are too large, until later work takes them apart.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, bail, ensure};

use super::graph::Circle;

/// The entries of the list.
#[derive(Debug, Default, Eq, PartialEq)]
pub struct Exceptions {
    /// The number of lines of each listed file.
    pub lines: BTreeMap<String, usize>,
    /// The listed circles, in the order of the list.
    pub circles: Vec<Circle>,
}

impl Exceptions {
    /// Reads the list. An entry is `lines NUMBER PATH`, or `circle NUMBER` followed by the members, each on a line that begins
    /// with two spaces. Empty lines, and lines that begin with `#`, are ignored.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let mut lines = BTreeMap::new();
        let mut circles: Vec<(usize, Circle)> = Vec::new();
        for (index, line) in text.lines().enumerate() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let place = || format!("line {}: {line:?}", index + 1);
            if let Some(member) = line.strip_prefix("  ") {
                let (_, members) = circles.last_mut().with_context(place)?;
                ensure!(members.insert(member.to_owned()), "{} occurs twice", place());
                continue;
            }
            let words: Vec<&str> = line.split(' ').collect();
            match words.as_slice() {
                ["lines", number, path] => {
                    let number = number.parse().with_context(place)?;
                    let before = lines.insert((*path).to_owned(), number);
                    ensure!(before.is_none(), "{} occurs twice", place());
                }
                ["circle", number] => {
                    circles.push((number.parse().with_context(place)?, BTreeSet::new()));
                }
                _ => bail!("{} is not an entry", place()),
            }
        }
        for (number, circle) in &circles {
            let members = circle.len();
            ensure!(
                *number == members,
                "a circle of {number} files has {members} members: {circle:?}"
            );
        }
        Ok(Self {
            lines,
            circles: circles.into_iter().map(|(_, circle)| circle).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_holds_long_files_and_circles_with_their_members() {
        let text = "# why\n\nlines 600 a.rs\ncircle 2\n  b.rs\n  c.rs\nlines 700 d.rs\n";
        let expected = Exceptions {
            lines: [("a.rs".to_owned(), 600), ("d.rs".to_owned(), 700)].into(),
            circles: vec![["b.rs".to_owned(), "c.rs".to_owned()].into()],
        };
        assert_eq!(Exceptions::parse(text).expect("a valid list"), expected);
    }

    #[test]
    fn a_list_that_contradicts_itself_is_refused() {
        for text in [
            "lines a.rs",
            "lines many a.rs",
            "lines 600 a.rs\nlines 600 a.rs",
            "  a.rs",
            "circle 2\n  a.rs",
            "circle 1\n  a.rs\n  a.rs",
            "circles",
        ] {
            assert!(Exceptions::parse(text).is_err(), "{text:?}");
        }
    }
}
