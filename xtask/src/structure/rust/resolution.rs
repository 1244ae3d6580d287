//! From a path to the file that defines what it names.

use std::collections::BTreeSet;

use super::super::graph::Graph;
use super::modules::Crate;

/// The target of a path. A name may stand for a module and an item at once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Target {
    Module(usize),
    /// An item of this module.
    ItemOf(usize),
}

/// The paths under resolution: module, name, and the rest of the path. They stop a `use` that leads back to itself.
type Open = BTreeSet<(usize, String, Vec<String>)>;

impl Crate {
    /// Returns which file imports which.
    pub fn graph(&self) -> Graph {
        let mut graph = Graph::default();
        for (index, module) in self.modules.iter().enumerate() {
            let mut add = |target: usize| graph.add(&module.file, &self.modules[target].file);
            for import in &module.imports {
                let needed = match &import.name {
                    Some(name) => module.words.contains(name),
                    None => false,
                };
                if import.passed_on && !needed {
                    continue;
                }
                for target in self.resolve(index, &import.path, &mut Open::new()) {
                    match target {
                        Target::ItemOf(defining) => add(defining),
                        Target::Module(all) if import.name.is_none() => add(all),
                        // What the code takes from that module is a path of its own.
                        Target::Module(_) => {}
                    }
                }
            }
            for path in &module.paths {
                for target in self.resolve(index, path, &mut Open::new()) {
                    if let Target::ItemOf(defining) = target {
                        add(defining);
                    }
                }
            }
            for defining in module.calls.iter().filter_map(|name| self.macros.get(name)) {
                add(*defining);
            }
        }
        graph
    }

    /// Returns the targets of `path` in `module`. They are none for a path of another crate.
    fn resolve(&self, module: usize, path: &[String], open: &mut Open) -> Vec<Target> {
        let mut base = module;
        let mut rest = path;
        while let Some((first, after)) = rest.split_first() {
            match first.as_str() {
                "crate" => base = 0,
                "self" => {}
                "super" => base = self.modules[base].parent.unwrap_or(base),
                name if rest.len() == path.len() => {
                    return self.named(base, name, after, open).unwrap_or_default();
                }
                _ => break,
            }
            rest = after;
        }
        self.follow(base, rest, open)
    }

    /// Returns the targets of the path `rest` within `module`.
    fn follow(&self, module: usize, rest: &[String], open: &mut Open) -> Vec<Target> {
        let Some((name, after)) = rest.split_first() else {
            return vec![Target::Module(module)];
        };
        self.named(module, name, after, open).unwrap_or_else(|| {
            // The root has every exported macro. Any other unknown name was made by a macro here.
            let defining = self.macros.get(name).filter(|_| module == 0);
            vec![Target::ItemOf(defining.copied().unwrap_or(module))]
        })
    }

    /// Returns the targets of `name` followed by the path `rest` in `module`; `None` if the module doesn't have the name.
    fn named(&self, module: usize, name: &str, rest: &[String], open: &mut Open) -> Option<Vec<Target>> {
        let key = (module, name.to_owned(), rest.to_vec());
        if !open.insert(key.clone()) {
            // A macro that is passed on under its own name, or an item with the name of its crate.
            let defined_here = rest.is_empty() && self.modules[module].items.contains(name);
            return defined_here
                .then(|| vec![Target::ItemOf(module)])
                .or(Some(Vec::new()));
        }
        let found = self.found(module, name, rest, open);
        open.remove(&key);
        found
    }

    fn found(&self, module: usize, name: &str, rest: &[String], open: &mut Open) -> Option<Vec<Target>> {
        let here = &self.modules[module];
        let mut found: Option<Vec<Target>> = None;
        if let Some(child) = here.children.get(name) {
            found = Some(self.follow(*child, rest, open));
        }
        for import in &here.imports {
            if import.name.as_deref() == Some(name) {
                let origin = self.resolve(module, &import.path, open);
                let targets = self.beyond(origin, rest, open);
                found.get_or_insert_default().extend(targets);
            }
        }
        if found.is_none() && here.items.contains(name) {
            return Some(vec![Target::ItemOf(module)]);
        }
        if found.is_some() {
            return found;
        }
        for import in here.imports.iter().filter(|import| import.name.is_none()) {
            for target in self.resolve(module, &import.path, open) {
                match target {
                    Target::Module(all) if all != module => {
                        if let Some(targets) = self.named(all, name, rest, open) {
                            return Some(targets);
                        }
                    }
                    Target::Module(_) | Target::ItemOf(_) => {}
                }
            }
        }
        None
    }

    /// Returns the targets of the path `rest` within each of `origin`. Nothing is looked up within an item.
    fn beyond(&self, origin: Vec<Target>, rest: &[String], open: &mut Open) -> Vec<Target> {
        origin
            .into_iter()
            .flat_map(|target| match target {
                Target::Module(module) => self.follow(module, rest, open),
                Target::ItemOf(_) => vec![target],
            })
            .collect()
    }
}
