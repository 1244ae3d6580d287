//! The imports between files of Rust.
//!
//! Each crate is read as the compiler reads it: from its root through its `mod` declarations. A path, in a `use` or in the code,
//! is an import of the file that defines the named item. Modules that only pass on the name are skipped. Neither a `mod`
//! declaration nor a `pub use` of a name that the file itself doesn't use is an import.

mod modules;
mod resolution;
mod tokens;

use std::collections::BTreeSet;

use super::graph::Graph;
use super::sources::{Sources, folder_of};
use modules::Crate;

/// Reads every crate: the library, and each program, test, example and benchmark.
pub fn graphs(sources: &Sources) -> Vec<Graph> {
    roots(sources)
        .into_iter()
        .map(|root| Crate::read(sources, root).graph())
        .collect()
}

/// Returns the roots of crates: the files where cargo looks for them, and all files that no crate has as a module.
fn roots(sources: &Sources) -> Vec<&str> {
    let is_rust = |path: &&String| path.ends_with(".rs");
    let mut roots: Vec<&str> = sources
        .keys()
        .filter(is_rust)
        .map(String::as_str)
        .filter(|path| is_root(path))
        .collect();
    let mut held: BTreeSet<String> = BTreeSet::new();
    for root in &roots {
        held.extend(Crate::read(sources, root).files());
    }
    let others = sources
        .keys()
        .filter(is_rust)
        .filter(|path| !held.contains(*path));
    roots.extend(others.map(String::as_str));
    roots
}

fn is_root(path: &str) -> bool {
    let folder = folder_of(path);
    match path.rsplit('/').next() {
        Some("lib.rs") => last_of(folder) == "src",
        Some("main.rs") => last_of(folder) == "src" || holds_roots(folder_of(folder)),
        _ => holds_roots(folder),
    }
}

/// Returns whether each file in `folder` is a root. A folder `tests` within `src` holds modules.
fn holds_roots(folder: &str) -> bool {
    match last_of(folder) {
        "bin" => true,
        "tests" | "examples" | "benches" => !folder.contains("src/"),
        _ => false,
    }
}

fn last_of(folder: &str) -> &str {
    folder.rsplit('/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::graph::tests::lines;
    use super::super::sources::tests::tree;
    use super::*;

    fn imports(files: &[(&str, &str)]) -> Vec<String> {
        let mut all: Vec<_> = graphs(&tree(files)).iter().flat_map(lines).collect();
        all.sort();
        all
    }

    #[test]
    fn each_kind_of_path_is_an_import_of_the_file_that_defines_what_it_names() {
        let found = imports(&[
            ("x/src/lib.rs", "mod a;\nmod b;\npub mod c;\nmod d;\n"),
            (
                "x/src/a.rs",
                "use std::fmt::{self, Display};\nuse crate::{b::{B, more::*}, c};\nfn f() -> c::Deep { super::d::g() }",
            ),
            ("x/src/b.rs", "pub mod more;\npub struct B;"),
            ("x/src/b/more.rs", "use super::B;"),
            ("x/src/c/mod.rs", "mod deep;\npub use deep::Deep;"),
            ("x/src/c/deep.rs", "pub struct Deep;"),
            ("x/src/d.rs", "pub fn g() {}"),
        ]);
        assert_eq!(
            found,
            [
                "x/src/a.rs -> x/src/b.rs",
                "x/src/a.rs -> x/src/b/more.rs",
                "x/src/a.rs -> x/src/c/deep.rs",
                "x/src/a.rs -> x/src/d.rs",
                "x/src/b/more.rs -> x/src/b.rs",
            ]
        );
    }

    #[test]
    fn a_root_that_only_declares_and_passes_on_is_in_no_circle() {
        let found = imports(&[
            ("x/src/lib.rs", "mod a;\nmod b;\npub use a::A;\npub use b::*;"),
            ("x/src/a.rs", "use crate::B; pub struct A;"),
            ("x/src/b.rs", "pub struct B;"),
        ]);
        assert_eq!(found, ["x/src/a.rs -> x/src/b.rs"]);
    }

    #[test]
    fn a_module_that_uses_what_it_passes_on_imports_it() {
        let found = imports(&[
            (
                "x/src/lib.rs",
                "mod a;\npub use a::A;\npub fn f(a: A) {}\npub struct B;",
            ),
            ("x/src/a.rs", "use super::B;\npub struct A;"),
        ]);
        assert_eq!(
            found,
            ["x/src/a.rs -> x/src/lib.rs", "x/src/lib.rs -> x/src/a.rs"]
        );
    }

    #[test]
    fn a_function_that_has_the_name_of_its_module_is_found_through_both() {
        let found = imports(&[
            ("x/src/lib.rs", "mod machine;\nmod view;"),
            ("x/src/machine/mod.rs", "mod decide;\npub use decide::decide;"),
            (
                "x/src/machine/decide.rs",
                "use crate::view::Status;\npub fn decide() {}",
            ),
            (
                "x/src/view.rs",
                "use crate::machine::decide;\npub enum Status {}\nfn f() { decide() }",
            ),
        ]);
        assert_eq!(
            found,
            [
                "x/src/machine/decide.rs -> x/src/view.rs",
                "x/src/view.rs -> x/src/machine/decide.rs",
            ]
        );
    }

    #[test]
    fn comments_texts_and_modules_within_the_file_are_no_imports() {
        let found = imports(&[
            ("x/src/lib.rs", "mod a;\nmod b;"),
            (
                "x/src/a.rs",
                "//! use crate::b::B;\n/* crate::b::f() /* nested */ crate::b::f() */\n\
                 const T: &str = \"crate::b::f()\"; const R: &str = r#\"\"crate::b::f()\"#; const C: char = '\"';\n\
                 fn f<'a>() {}\n#[cfg(test)]\nmod tests { use super::*; mod inner { use super::super::f; } }",
            ),
            ("x/src/b.rs", "pub struct B;"),
        ]);
        assert_eq!(found, [""; 0]);
    }

    #[test]
    fn macros_and_files_at_other_paths_are_followed() {
        let found = imports(&[
            ("x/src/lib.rs", "#[macro_use]\nmod a;\nmod b;\nmod c;"),
            (
                "x/src/a.rs",
                "macro_rules! shape { () => { $crate::b::B } }\npub(crate) use shape;",
            ),
            (
                "x/src/b.rs",
                "use crate::a::shape;\npub struct B;\nfn f() { shape!() }",
            ),
            ("x/src/c.rs", "fn f(a: bool) -> bool { shape!() != a }"),
            (
                "x/examples/e.rs",
                "#[path = \"../tests/support/mod.rs\"]\nmod support;\nuse support::S;",
            ),
            ("x/tests/t.rs", "mod support;\nuse support::part::P;"),
            ("x/tests/support/mod.rs", "pub mod part;\npub struct S;"),
            ("x/tests/support/part.rs", "pub struct P(super::S);"),
        ]);
        assert_eq!(
            found,
            [
                "x/examples/e.rs -> x/tests/support/mod.rs",
                "x/src/a.rs -> x/src/b.rs",
                "x/src/b.rs -> x/src/a.rs",
                "x/src/c.rs -> x/src/a.rs",
                "x/tests/support/part.rs -> x/tests/support/mod.rs",
                "x/tests/support/part.rs -> x/tests/support/mod.rs",
                "x/tests/t.rs -> x/tests/support/part.rs",
            ]
        );
    }

    #[test]
    fn a_name_of_another_crate_is_no_import_though_the_crate_passes_it_on() {
        let found = imports(&[
            ("x/src/lib.rs", "mod a;\npub use other::Thing;\npub struct Own;"),
            (
                "x/src/a.rs",
                "use crate::Thing;\nuse tokio::time;\nfn f() { time::sleep() }",
            ),
        ]);
        assert_eq!(found, [""; 0]);
    }
}
