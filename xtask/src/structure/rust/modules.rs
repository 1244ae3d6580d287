//! The modules of one crate, each with its declarations, imports and paths.

use std::collections::{BTreeMap, BTreeSet};

use super::super::sources::{Sources, folder_of, join};
use super::tokens::{Token, tokens};

/// A crate: its modules, the root first.
#[derive(Debug, Default)]
pub struct Crate {
    pub modules: Vec<Module>,
    /// The module that defines each macro by `macro_rules!`.
    pub macros: BTreeMap<String, usize>,
}

/// A module, in a file of its own or within its parent's.
#[derive(Debug, Default)]
pub struct Module {
    pub file: String,
    pub parent: Option<usize>,
    pub children: BTreeMap<String, usize>,
    pub imports: Vec<Import>,
    /// The paths of at least two segments outside `use`.
    pub paths: BTreeSet<Vec<String>>,
    /// The names of the macros that it calls.
    pub calls: BTreeSet<String>,
    /// The names of the items that it defines.
    pub items: BTreeSet<String>,
    /// Every word outside `use` and `mod`.
    pub words: BTreeSet<String>,
    /// The folder of its children's files.
    folder: String,
}

/// One name that a `use` imports.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Import {
    /// The name in the importing module; `None` for all names (`*`).
    pub name: Option<String>,
    pub path: Vec<String>,
    /// Whether others may import it from here.
    pub passed_on: bool,
}

impl Crate {
    /// Reads the crate whose root is the file `root`.
    pub fn read(sources: &Sources, root: &str) -> Self {
        let mut read = Self::default();
        read.modules.push(Module {
            file: root.to_owned(),
            folder: folder_of(root).to_owned(),
            ..Module::default()
        });
        read.read_file(sources, 0);
        read
    }

    /// Returns the files of its modules.
    pub fn files(self) -> impl Iterator<Item = String> {
        self.modules.into_iter().map(|module| module.file)
    }

    fn read_file(&mut self, sources: &Sources, module: usize) {
        let file = self.modules[module].file.clone();
        let tokens = sources.get(&file).map(|text| tokens(text)).unwrap_or_default();
        // The modules that are open at this place, with the depth of braces that each began at.
        let mut open = vec![(module, 0_usize)];
        let mut depth = 0_usize;
        let mut path_attribute = None;
        let mut place = 0;
        while let Some(token) = tokens.get(place) {
            let current = open.last().map_or(module, |(current, _)| *current);
            let before = place.checked_sub(1).and_then(|before| tokens.get(before));
            let next = tokens.get(place + 1);
            match token {
                Token::Sign('{') => depth += 1,
                Token::Sign('}') => {
                    if open.len() > 1 && open.last().is_some_and(|(_, began)| *began == depth) {
                        open.pop();
                    }
                    depth = depth.saturating_sub(1);
                }
                Token::Word("path") if before == Some(&Token::Sign('[')) => {
                    if let Some(Token::Text(path)) = tokens.get(place + 2) {
                        path_attribute = Some(join(folder_of(&file), path));
                    }
                }
                Token::Word("mod") => {
                    if let (Some(Token::Word(name)), Some(Token::Sign(sign))) = (next, tokens.get(place + 2))
                    {
                        let child = self.declare(sources, current, name, path_attribute.take(), *sign);
                        if let Some(child) = child.filter(|_| *sign == '{') {
                            depth += 1;
                            open.push((child, depth));
                        }
                        place += 3;
                        continue;
                    }
                }
                Token::Word("use") if next != Some(&Token::Sign('<')) => {
                    let passed_on = matches!(before, Some(Token::Word("pub") | Token::Sign(')')));
                    let mut tree = UseTree {
                        tokens: &tokens,
                        place: place + 1,
                        passed_on,
                        imports: Vec::new(),
                    };
                    tree.read(&[]);
                    place = tree.place;
                    self.modules[current].imports.append(&mut tree.imports);
                    continue;
                }
                Token::Word(word) => self.read_word(current, word, &tokens, place),
                Token::Sign(_) | Token::Text(_) | Token::PathSeparator => {}
            }
            place += 1;
        }
    }

    /// Adds the module that `mod name;` or `mod name {` declares; `None` if its file is missing.
    fn declare(
        &mut self,
        sources: &Sources,
        parent: usize,
        name: &str,
        path_attribute: Option<String>,
        sign: char,
    ) -> Option<usize> {
        let folder = join(&self.modules[parent].folder, name);
        let file = match (sign, path_attribute) {
            ('{', _) => Some(self.modules[parent].file.clone()),
            (';', Some(path)) => Some(path),
            (';', None) => [format!("{folder}.rs"), format!("{folder}/mod.rs")]
                .into_iter()
                .find(|path| sources.contains_key(path)),
            _ => None,
        }?;
        // The children of a `mod.rs` are beside it, wherever it is.
        let folder = match file.strip_suffix("/mod.rs") {
            Some(beside) if sign == ';' => beside.to_owned(),
            _ => folder,
        };
        let child = self.modules.len();
        self.modules.push(Module {
            file,
            folder,
            parent: Some(parent),
            ..Module::default()
        });
        self.modules[parent].children.insert(name.to_owned(), child);
        if sign == ';' {
            self.read_file(sources, child);
        }
        Some(child)
    }

    /// Takes a word outside `use` and `mod`: the name of an item, a call of a macro, or the beginning of a path.
    fn read_word(&mut self, module: usize, word: &str, tokens: &[Token<'_>], place: usize) {
        let before = place.checked_sub(1).and_then(|before| tokens.get(before));
        if word == "macro_rules" {
            if let Some(Token::Word(name)) = tokens.get(place + 2) {
                self.macros.insert((*name).to_owned(), module);
                self.modules[module].items.insert((*name).to_owned());
            }
            return;
        }
        let module = &mut self.modules[module];
        module.words.insert(word.to_owned());
        if let Some(Token::Word("fn" | "struct" | "enum" | "trait" | "type" | "const" | "static" | "union")) =
            before
        {
            module.items.insert(word.to_owned());
        }
        let is_call = tokens.get(place + 1) == Some(&Token::Sign('!'))
            && tokens.get(place + 2) != Some(&Token::Sign('='));
        if is_call {
            module.calls.insert(word.to_owned());
        }
        if matches!(before, Some(Token::PathSeparator | Token::Sign('.'))) {
            return;
        }
        let mut path = vec![word.to_owned()];
        let mut rest = &tokens[place + 1..];
        while let [Token::PathSeparator, Token::Word(segment), after @ ..] = rest {
            path.push((*segment).to_owned());
            rest = after;
        }
        if path.len() > 1 {
            module.paths.insert(path);
        }
    }
}

/// Reads what follows the word `use`.
struct UseTree<'a> {
    tokens: &'a [Token<'a>],
    place: usize,
    passed_on: bool,
    imports: Vec<Import>,
}

impl UseTree<'_> {
    /// Reads one tree below `prefix`, and leaves the place at what follows it.
    fn read(&mut self, prefix: &[String]) {
        let mut path = prefix.to_vec();
        let mut name = None;
        while let Some(token) = self.tokens.get(self.place) {
            match token {
                Token::Word("as") => {
                    if let Some(Token::Word(alias)) = self.tokens.get(self.place + 1) {
                        name = Some((*alias).to_owned());
                        self.place += 1;
                    }
                }
                Token::Word(segment) => path.push((*segment).to_owned()),
                Token::Sign('*') => {
                    self.place += 1;
                    self.add(None, path);
                    return;
                }
                Token::Sign('{') => {
                    self.place += 1;
                    self.read_list(&path);
                    return;
                }
                Token::PathSeparator | Token::Sign('$') => {}
                // The end of the statement, of the list, or of this member of it.
                Token::Sign(_) | Token::Text(_) => break,
            }
            self.place += 1;
        }
        if path.len() > prefix.len() {
            if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
                path.pop();
            }
            let name = name.or_else(|| path.last().cloned());
            self.add(name, path);
        }
    }

    fn read_list(&mut self, prefix: &[String]) {
        while let Some(token) = self.tokens.get(self.place) {
            match token {
                Token::Sign('}') => {
                    self.place += 1;
                    return;
                }
                Token::Sign(',') => self.place += 1,
                Token::Word(_) | Token::PathSeparator | Token::Sign('{' | '*' | '$') => self.read(prefix),
                Token::Sign(_) | Token::Text(_) => return,
            }
        }
    }

    fn add(&mut self, name: Option<String>, path: Vec<String>) {
        self.imports.push(Import {
            name,
            path,
            passed_on: self.passed_on,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_use_is_read_with_its_lists_names_and_stars() {
        let sources: Sources = [(
            "src/lib.rs".to_owned(),
            "pub use a::{self, b::{C, D as E}, f::*};\nuse g as _; fn h() -> impl I + use<'_> { use crate::i; }\n"
                .to_owned(),
        )]
        .into();
        let read = Crate::read(&sources, "src/lib.rs");
        let told: Vec<_> = read.modules[0]
            .imports
            .iter()
            .map(|import| {
                let name = import.name.as_deref().unwrap_or("*");
                format!("{} as {name} {}", import.path.join("::"), import.passed_on)
            })
            .collect();
        assert_eq!(
            told,
            [
                "a as a true",
                "a::b::C as C true",
                "a::b::D as E true",
                "a::f as * true",
                "g as _ false",
                "crate::i as i false",
            ]
        );
        assert!(read.modules[0].items.contains("h"));
    }
}
