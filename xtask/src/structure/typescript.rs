//! The imports between files of TypeScript.

use super::graph::Graph;
use super::sources::{Sources, folder_of, join};

/// Reads the relative imports of every file: static ones, those of types, re-exports, and `import("…")`.
pub fn graph(sources: &Sources) -> Graph {
    let mut graph = Graph::default();
    for (path, text) in sources {
        if is_typescript(path) {
            for specifier in specifiers(text) {
                if let Some(imported) = resolve(sources, path, specifier) {
                    graph.add(path, &imported);
                }
            }
        }
    }
    graph
}

fn is_typescript(path: &str) -> bool {
    path.ends_with(".ts") || path.ends_with(".tsx")
}

/// Returns what a file imports, as it is written.
fn specifiers(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for line in text.lines() {
        // The formatter puts the beginning and the end of an import at the first column. Comments are not there.
        let statement = ["import ", "export ", "} from "]
            .iter()
            .any(|begin| line.starts_with(begin));
        if statement {
            let after = line.rsplit_once(" from ").map(|(_, after)| after);
            found.extend(after.or(line.strip_prefix("import ")).and_then(quoted));
        }
        let code = line.trim_start();
        if !code.starts_with("//") && !code.starts_with('*') {
            found.extend(code.split("import(").skip(1).filter_map(quoted));
        }
    }
    found
}

/// Returns the string that `text` begins with.
fn quoted(text: &str) -> Option<&str> {
    let quote = text.chars().next().filter(|first| ['"', '\''].contains(first))?;
    text[1..].split_once(quote).map(|(inner, _)| inner)
}

fn resolve(sources: &Sources, path: &str, specifier: &str) -> Option<String> {
    if !specifier.starts_with('.') {
        return None;
    }
    let place = join(folder_of(path), specifier);
    ["", ".ts", ".tsx", "/index.ts", "/index.tsx"]
        .iter()
        .map(|ending| format!("{place}{ending}"))
        .find(|candidate| is_typescript(candidate) && sources.contains_key(candidate))
}

#[cfg(test)]
mod tests {
    use super::super::graph::tests::lines;
    use super::super::sources::tests::tree;
    use super::*;

    #[test]
    fn relative_imports_of_every_kind_are_found() {
        let sources = tree(&[
            (
                "web/App.tsx",
                "import { a } from \"./a\";\n\
                 import type { B } from './b';\n\
                 import React from \"react\";\n\
                 import \"./style.css\";\n\
                 import \"../shared\";\n\
                 import {\n  c,\n} from \"./c/c\";\n\
                 export * from \"./d\";\n\
                 // import { no } from \"./no\";\n\
                 const lazily = () => import(\"./late\");\n",
            ),
            ("web/a.ts", "import { App } from \"./App\";\n"),
            ("web/b.ts", ""),
            ("web/c/c.tsx", ""),
            ("web/d/index.ts", ""),
            ("web/no.ts", ""),
            ("web/late.ts", ""),
            ("shared.ts", ""),
        ]);
        let graph = graph(&sources);
        assert_eq!(
            lines(&graph),
            [
                "web/App.tsx -> shared.ts",
                "web/App.tsx -> web/a.ts",
                "web/App.tsx -> web/b.ts",
                "web/App.tsx -> web/c/c.tsx",
                "web/App.tsx -> web/d/index.ts",
                "web/App.tsx -> web/late.ts",
                "web/a.ts -> web/App.tsx",
            ]
        );
        assert_eq!(graph.circles().len(), 1);
    }
}
