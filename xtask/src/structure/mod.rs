//! `cargo xtask structure`: the length of the files, and the circles of imports between them.
//!
//! A circle is a set of files of one crate or package that all need each other, directly or through others. So none of them can
//! be read, tested or changed alone. `core/` may have no circle, and other places none of more than [`LARGEST_CIRCLE`] files. No
//! file may have more than [`LONGEST_FILE`] lines. `xtask/structure.txt` lists the exceptions, and may only shrink.
//!
//! Lines are counted in Rust, Python, Kotlin and TypeScript. Circles are searched in Rust, Python and TypeScript: Kotlin's files
//! of one package see each other without an import, so imports don't tell which file needs which.

mod exceptions;
mod graph;
mod python;
mod rust;
mod sources;
mod typescript;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::ExitCode;

use anyhow::Context as _;

use crate::places::root;
use exceptions::Exceptions;
use graph::Circle;
use sources::Sources;

/// The most lines of a file.
const LONGEST_FILE: usize = 500;
/// The most files in a circle outside `core/`, which may have none.
const LARGEST_CIRCLE: usize = 3;
/// The list of exceptions, which later work takes apart.
const EXCEPTIONS: &str = "xtask/structure.txt";

/// Prints the circles, the long files and the totals. It fails if a circle or a file is neither allowed nor listed, or if the list
/// names more than there is.
pub fn check() -> anyhow::Result<ExitCode> {
    let sources = sources::read(root())?;
    let text =
        fs::read_to_string(root().join(EXCEPTIONS)).with_context(|| format!("{EXCEPTIONS} can't be read"))?;
    let exceptions = Exceptions::parse(&text).context(EXCEPTIONS)?;
    let structure = Structure::of(&sources);
    let complaints = structure.complaints(&exceptions);
    print!("{}", structure.table());
    for complaint in &complaints {
        println!("error: {complaint}");
    }
    println!("{}", structure.totals());
    Ok(if complaints.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The structure of the sources: the number of lines of each file, and all circles.
struct Structure {
    lines: BTreeMap<String, usize>,
    circles: BTreeSet<Circle>,
}

impl Structure {
    fn of(sources: &Sources) -> Self {
        let graphs = rust::graphs(sources)
            .into_iter()
            .chain([python::graph(sources), typescript::graph(sources)]);
        Self {
            lines: sources
                .iter()
                .map(|(path, text)| (path.clone(), text.lines().count()))
                .collect(),
            circles: graphs.flat_map(|graph| graph.circles()).collect(),
        }
    }

    /// Returns the files above the limit, the longest first.
    fn long_files(&self) -> Vec<(&str, usize)> {
        let mut long: Vec<_> = self
            .lines
            .iter()
            .filter(|(_, lines)| **lines > LONGEST_FILE)
            .map(|(path, lines)| (path.as_str(), *lines))
            .collect();
        long.sort_by_key(|(path, lines)| (usize::MAX - lines, *path));
        long
    }

    /// Returns the circles that are too large for their place.
    fn large_circles(&self) -> impl Iterator<Item = &Circle> {
        self.circles.iter().filter(|circle| {
            let in_core = circle.iter().any(|path| path.starts_with("core/"));
            in_core || circle.len() > LARGEST_CIRCLE
        })
    }

    /// Returns a sentence about each problem, with what to do.
    fn complaints(&self, exceptions: &Exceptions) -> Vec<String> {
        let mut complaints = Vec::new();
        for (path, lines) in self.long_files() {
            if exceptions.lines.get(path).is_none_or(|allowed| lines > *allowed) {
                complaints.push(format!(
                    "{path} has {lines} lines; at most {} may be: split it by its concepts",
                    exceptions.lines.get(path).unwrap_or(&LONGEST_FILE)
                ));
            }
        }
        for (path, allowed) in &exceptions.lines {
            let lines = self.lines.get(path).copied().unwrap_or_default();
            if lines <= LONGEST_FILE {
                complaints.push(format!(
                    "{EXCEPTIONS} lists {path}, which has {lines} lines: take it off the list"
                ));
            } else if lines < *allowed {
                complaints.push(format!(
                    "{EXCEPTIONS} allows {path} {allowed} lines, and it has {lines}: lower the number"
                ));
            }
        }
        for circle in self.large_circles() {
            if !exceptions.circles.iter().any(|listed| circle.is_subset(listed)) {
                let members = one_a_line(circle);
                complaints.push(format!(
                    "{} files need each other: move what they share into a file of its own{members}",
                    circle.len()
                ));
            }
        }
        for listed in &exceptions.circles {
            if self.large_circles().any(|circle| circle == listed) {
                continue;
            }
            let parts: Vec<_> = self
                .large_circles()
                .filter(|circle| circle.is_subset(listed))
                .collect();
            let left = match parts.as_slice() {
                [] => ": take it off the list".to_owned(),
                parts => {
                    let parts: Vec<_> = parts.iter().map(|part| one_a_line(part)).collect();
                    format!("; put what is left of it instead{}", parts.join("\n"))
                }
            };
            let members = one_a_line(listed);
            complaints.push(format!(
                "{EXCEPTIONS} lists a circle that is no longer there{members}\n{}",
                left.trim_start_matches([':', ';', ' '])
            ));
        }
        complaints
    }

    fn table(&self) -> String {
        let mut text = String::from("circles of files:\n");
        for circle in &self.circles {
            let members: Vec<_> = circle.iter().map(String::as_str).collect();
            text += &format!("{:>6}  {}\n", circle.len(), members.join(" "));
        }
        text += &format!("files above {LONGEST_FILE} lines:\n");
        for (path, lines) in self.long_files() {
            text += &format!("{lines:>6}  {path}\n");
        }
        text
    }

    fn totals(&self) -> String {
        let in_circles: BTreeSet<_> = self.circles.iter().flatten().collect();
        format!(
            "{} lines in {} files; {} files in {} circles; {} files above {LONGEST_FILE} lines",
            self.lines.values().sum::<usize>(),
            self.lines.len(),
            in_circles.len(),
            self.circles.len(),
            self.long_files().len()
        )
    }
}

fn one_a_line(circle: &Circle) -> String {
    circle.iter().map(|path| format!("\n  {path}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn structure(files: &[(&str, usize)], circles: &[&[&str]]) -> Structure {
        let owned = |path: &&str| (*path).to_owned();
        Structure {
            lines: files.iter().map(|(path, lines)| (owned(path), *lines)).collect(),
            circles: circles
                .iter()
                .map(|circle| circle.iter().map(owned).collect())
                .collect(),
        }
    }

    fn complaints(structure: &Structure, exceptions: &str) -> Vec<String> {
        let exceptions = Exceptions::parse(exceptions).expect("a valid list");
        structure
            .complaints(&exceptions)
            .iter()
            .map(|complaint| complaint.replace('\n', ""))
            .collect()
    }

    #[test]
    fn a_long_file_is_refused_unless_it_is_listed_with_its_very_number() {
        let structure = structure(&[("a.rs", 500), ("b.rs", 501)], &[]);
        assert_eq!(
            complaints(&structure, ""),
            ["b.rs has 501 lines; at most 500 may be: split it by its concepts"]
        );
        assert_eq!(complaints(&structure, "lines 501 b.rs"), [""; 0]);
        assert_eq!(
            complaints(&structure, "lines 600 b.rs"),
            ["xtask/structure.txt allows b.rs 600 lines, and it has 501: lower the number"]
        );
        assert_eq!(
            complaints(&structure, "lines 501 b.rs\nlines 600 a.rs\nlines 600 gone.rs"),
            [
                "xtask/structure.txt lists a.rs, which has 500 lines: take it off the list",
                "xtask/structure.txt lists gone.rs, which has 0 lines: take it off the list"
            ]
        );
    }

    #[test]
    fn a_circle_is_refused_in_the_core_and_where_it_is_large() {
        let structure = structure(
            &[],
            &[
                &["core/a.rs", "core/b.rs"],
                &["engine/a.rs", "engine/b.rs", "engine/c.rs"],
                &["cli/a.rs", "cli/b.rs", "cli/c.rs", "cli/d.rs"],
            ],
        );
        let rest = "files need each other: move what they share into a file of its own";
        assert_eq!(
            complaints(&structure, ""),
            [
                format!("4 {rest}  cli/a.rs  cli/b.rs  cli/c.rs  cli/d.rs"),
                format!("2 {rest}  core/a.rs  core/b.rs"),
            ]
        );
        let listed =
            "circle 2\n  core/a.rs\n  core/b.rs\ncircle 4\n  cli/a.rs\n  cli/b.rs\n  cli/c.rs\n  cli/d.rs";
        assert_eq!(complaints(&structure, listed), [""; 0]);
    }

    #[test]
    fn a_listed_circle_may_only_shrink_and_the_list_with_it() {
        let structure = structure(&[], &[&["a.rs", "b.rs", "c.rs", "d.rs"]]);
        let listed = "circle 5\n  a.rs\n  b.rs\n  c.rs\n  d.rs\n  e.rs\ncircle 2\n  x.rs\n  y.rs";
        let gone = "xtask/structure.txt lists a circle that is no longer there";
        assert_eq!(
            complaints(&structure, listed),
            [
                format!(
                    "{gone}  a.rs  b.rs  c.rs  d.rs  e.rsput what is left of it instead  a.rs  b.rs  c.rs  d.rs"
                ),
                format!("{gone}  x.rs  y.rstake it off the list"),
            ]
        );
    }
}
