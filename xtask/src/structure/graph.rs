//! The graph of imports between files, and its circles.

use std::collections::{BTreeMap, BTreeSet};

/// At least two files that all reach each other by imports.
pub type Circle = BTreeSet<String>;

/// The imports between the files of one crate or package.
#[derive(Debug, Default, Eq, PartialEq)]
pub struct Graph {
    imports: BTreeMap<String, BTreeSet<String>>,
}

impl Graph {
    /// Adds an import, unless a file imports from itself.
    pub fn add(&mut self, file: &str, imported: &str) {
        if file != imported {
            let imports = self.imports.entry(file.to_owned()).or_default();
            imports.insert(imported.to_owned());
        }
    }

    /// Returns every circle: the strongly connected components of more than one file.
    pub fn circles(&self) -> Vec<Circle> {
        let reached: BTreeMap<&str, BTreeSet<&str>> = self
            .imports
            .keys()
            .map(|file| (file.as_str(), self.reached_from(file)))
            .collect();
        let mut circles = BTreeSet::new();
        for (file, others) in &reached {
            let reaches_back = |other: &&&str| reached.get(**other).is_some_and(|back| back.contains(file));
            let circle: Circle = others
                .iter()
                .filter(reaches_back)
                .map(|path| (*path).to_owned())
                .collect();
            if circle.len() > 1 {
                circles.insert(circle);
            }
        }
        circles.into_iter().collect()
    }

    /// Returns the files that `file` needs, directly or through others. In a circle `file` is one of them.
    fn reached_from(&self, file: &str) -> BTreeSet<&str> {
        let imports = |file: &str| self.imports.get(file).into_iter().flatten().map(String::as_str);
        let mut reached = BTreeSet::new();
        let mut open: Vec<&str> = imports(file).collect();
        while let Some(next) = open.pop() {
            if reached.insert(next) {
                open.extend(imports(next));
            }
        }
        reached
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// The imports as sorted lines, such as `a.rs -> b.rs`.
    pub fn lines(graph: &Graph) -> Vec<String> {
        let edges = graph.imports.iter().flat_map(|(file, imports)| {
            imports
                .iter()
                .map(move |imported| format!("{file} -> {imported}"))
        });
        edges.collect()
    }

    fn circles(imports: &[(&str, &str)]) -> Vec<String> {
        let mut graph = Graph::default();
        for (file, imported) in imports {
            graph.add(file, imported);
        }
        let circles = graph.circles().into_iter();
        circles
            .map(|circle| circle.into_iter().collect::<Vec<_>>().join(" "))
            .collect()
    }

    #[test]
    fn imports_in_one_direction_make_no_circle() {
        assert_eq!(
            circles(&[("a", "b"), ("b", "c"), ("a", "c"), ("a", "a")]),
            [""; 0]
        );
    }

    #[test]
    fn each_circle_is_found_once_with_all_its_files_and_no_others() {
        let imports = [
            ("outside", "a"),
            ("a", "b"),
            ("b", "c"),
            ("c", "a"),
            ("c", "below"),
            ("below", "x"),
            ("x", "y"),
            ("y", "x"),
        ];
        assert_eq!(circles(&imports), ["a b c", "x y"]);
    }

    #[test]
    fn circles_that_share_a_file_are_one() {
        assert_eq!(
            circles(&[("a", "b"), ("b", "a"), ("b", "c"), ("c", "b")]),
            ["a b c"]
        );
    }
}
