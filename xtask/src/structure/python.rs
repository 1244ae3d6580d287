//! The imports between files of Python.

use super::graph::Graph;
use super::sources::{Sources, folder_of};

/// Reads all imports of every file: relative ones, and absolute ones from beside its package. A name that a package's
/// `__init__.py` only passes on is an import of the file that defines it.
pub fn graph(sources: &Sources) -> Graph {
    let mut graph = Graph::default();
    for path in sources.keys().filter(|path| path.ends_with(".py")) {
        for import in imports(&sources[path]) {
            for name in &import.names {
                let found = place_of(sources, path, &import.module)
                    .and_then(|place| resolve(sources, &place, name.as_deref(), PASSED_ON));
                if let Some(imported) = found {
                    graph.add(path, &imported);
                }
            }
        }
    }
    graph
}

/// How often a name may be passed on from one package to the next.
const PASSED_ON: usize = 8;

/// One statement: `from module import names`, or `import module`, whose one name is `None`.
struct Import {
    module: String,
    names: Vec<Option<String>>,
}

fn imports(text: &str) -> Vec<Import> {
    let code = code_of(text);
    let mut imports = Vec::new();
    let mut lines = code.lines();
    while let Some(line) = lines.next() {
        let mut statement = line.trim().to_owned();
        if !statement.starts_with("from ") && !statement.starts_with("import ") {
            continue;
        }
        while statement.contains('(') && !statement.contains(')') {
            let Some(more) = lines.next() else { break };
            statement += more;
        }
        let name_of = |name: &str| name.split_whitespace().next().map(str::to_owned);
        if let Some(modules) = statement.strip_prefix("import ") {
            imports.extend(modules.split(',').filter_map(name_of).map(|module| Import {
                module,
                names: vec![None],
            }));
        } else if let Some((module, names)) = statement["from ".len()..].split_once(" import ") {
            let names = names.trim_matches(|c: char| c == '(' || c == ')' || c.is_whitespace());
            imports.push(Import {
                module: module.trim().to_owned(),
                names: names.split(',').filter_map(name_of).map(Some).collect(),
            });
        }
    }
    imports
}

/// Returns `text` without comments and with empty strings.
fn code_of(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if first == '#' {
            rest = &rest[rest.find('\n').unwrap_or(rest.len())..];
        } else if first == '"' || first == '\'' {
            let triple: String = [first; 3].iter().collect();
            let quote = if rest.starts_with(&triple) {
                triple
            } else {
                first.to_string()
            };
            rest = after_string(&rest[quote.len()..], &quote);
            code += "\"\"";
        } else {
            code.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    code
}

/// Returns what follows the end of a string that `text` begins within.
fn after_string<'a>(text: &'a str, quote: &str) -> &'a str {
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix(quote) {
            return after;
        }
        rest = &rest[first.len_utf8()..];
        if first == '\\' {
            rest = rest
                .chars()
                .next()
                .map_or("", |escaped| &rest[escaped.len_utf8()..]);
        }
    }
    rest
}

/// Returns the path of the module that `file` names, without its extension.
fn place_of(sources: &Sources, file: &str, module: &str) -> Option<String> {
    let relative = module.trim_start_matches('.');
    let dots = module.len() - relative.len();
    let mut folder = folder_of(file);
    if dots == 0 {
        // The folder that the outermost package is in.
        while sources.contains_key(&below(folder, "__init__.py")) {
            folder = folder_of(folder);
        }
    }
    for _ in 1..dots {
        folder = folder_of(folder);
    }
    if relative.is_empty() {
        return Some(folder.to_owned());
    }
    Some(below(folder, &relative.replace('.', "/")))
}

/// Returns the file that defines `name` of the module at `place`, or the module's own file where `name` is `None`.
fn resolve(sources: &Sources, place: &str, name: Option<&str>, passed_on: usize) -> Option<String> {
    let file = |place: &str| {
        [format!("{place}.py"), below(place, "__init__.py")]
            .into_iter()
            .find(|path| sources.contains_key(path))
    };
    let module = file(place);
    let (Some(name), Some(left)) = (name, passed_on.checked_sub(1)) else {
        return module;
    };
    if let Some(submodule) = file(&below(place, name)) {
        return Some(submodule);
    }
    let module = module?;
    if module.ends_with("__init__.py") {
        let origin = imports(&sources[&module]).into_iter().find_map(|import| {
            let named = import.names.iter().flatten().any(|passed| passed == name);
            let place = named.then(|| place_of(sources, &module, &import.module))??;
            resolve(sources, &place, Some(name), left)
        });
        return Some(origin.unwrap_or(module));
    }
    Some(module)
}

fn below(folder: &str, name: &str) -> String {
    if folder.is_empty() {
        name.to_owned()
    } else {
        format!("{folder}/{name}")
    }
}

#[cfg(test)]
mod tests {
    use super::super::graph::tests::lines;
    use super::super::sources::tests::tree;
    use super::*;

    #[test]
    fn relative_and_absolute_imports_are_found_wherever_they_stand() {
        let sources = tree(&[
            (
                "src/pack/__init__.py",
                "from .a import A\nfrom .c import (\n    C,\n    D as E,\n)\n",
            ),
            (
                "src/pack/a.py",
                "\"\"\"Begin with:\n\nfrom .no import no\n\"\"\"\n\
                 from . import b, A as again\n\
                 def later():\n    from pack.c import D  # from .no import no\n",
            ),
            (
                "src/pack/b.py",
                "import os, pack.c as see\nfrom ..pack import C\n",
            ),
            ("src/pack/c.py", "it = 'it\\'s'\nimport pack.a\n"),
            ("src/pack/no.py", ""),
            (
                "tests/test_a.py",
                "from support import given\nfrom pack import A\n",
            ),
            ("tests/support.py", ""),
        ]);
        let graph = graph(&sources);
        assert_eq!(
            lines(&graph),
            [
                "src/pack/__init__.py -> src/pack/a.py",
                "src/pack/__init__.py -> src/pack/c.py",
                "src/pack/a.py -> src/pack/b.py",
                "src/pack/a.py -> src/pack/c.py",
                "src/pack/b.py -> src/pack/c.py",
                "src/pack/c.py -> src/pack/a.py",
                "tests/test_a.py -> tests/support.py",
            ]
        );
        assert_eq!(graph.circles().len(), 1);
    }
}
