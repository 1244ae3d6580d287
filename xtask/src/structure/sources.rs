//! The source files that are written by hand.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Context as _;

/// The text of each source file, by its path below the root.
pub type Sources = BTreeMap<String, String>;

/// The extensions of source files.
const EXTENSIONS: [&str; 5] = ["rs", "py", "kt", "ts", "tsx"];
/// Folders of fetched or made files, at any place. Folders whose name begins with a dot are skipped too.
const NOT_OURS: [&str; 5] = [
    "target",
    "node_modules",
    "__pycache__",
    "playwright-report",
    "test-results",
];
/// The paths of files that are made from the sources.
const MADE: [&str; 2] = ["server/console", "console/src/api/generated.ts"];

/// Reads every source file below `root`.
pub fn read(root: &Path) -> anyhow::Result<Sources> {
    let mut sources = Sources::new();
    let mut open = vec![String::new()];
    while let Some(folder) = open.pop() {
        let place = root.join(&folder);
        let entries = fs::read_dir(&place).with_context(|| format!("{} can't be listed", place.display()))?;
        for entry in entries {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let path = if folder.is_empty() {
                name.clone()
            } else {
                format!("{folder}/{name}")
            };
            if MADE.contains(&path.as_str()) {
                continue;
            }
            if entry.file_type()?.is_dir() {
                if !name.starts_with('.') && !NOT_OURS.contains(&name.as_str()) {
                    open.push(path);
                }
            } else if name
                .rsplit_once('.')
                .is_some_and(|(_, extension)| EXTENSIONS.contains(&extension))
            {
                let text =
                    fs::read_to_string(entry.path()).with_context(|| format!("{path} can't be read"))?;
                sources.insert(path, text);
            }
        }
    }
    Ok(sources)
}

/// Returns the folder of a path, empty for one at the root.
pub fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Returns the path that `relative` leads to from `folder`.
pub fn join(folder: &str, relative: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in relative.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A made-up tree.
    pub fn tree(files: &[(&str, &str)]) -> Sources {
        let owned = |(path, text): &(&str, &str)| ((*path).to_owned(), (*text).to_owned());
        files.iter().map(owned).collect()
    }

    #[test]
    fn the_sources_of_each_language_are_read_and_what_is_fetched_or_made_is_not() {
        let sources = read(crate::places::root()).expect("the repository can be read");
        for path in [
            "core/src/lib.rs",
            "xtask/src/structure/sources.rs",
            "bindings/python/src/phasegate/engine.py",
            "bindings/kotlin/src/main/kotlin/io/phasegate/Engine.kt",
            "console/src/App.tsx",
        ] {
            assert!(sources.contains_key(path), "{path}");
        }
        assert!(
            sources
                .keys()
                .all(|path| !path.starts_with("target/") && !path.starts_with("server/console/"))
        );
    }

    #[test]
    fn a_relative_path_goes_on_from_its_folder() {
        assert_eq!(join("a/b", "../c/./d.ts"), "a/c/d.ts");
        assert_eq!(join("", "a.ts"), "a.ts");
        assert_eq!(folder_of("a/b/c.rs"), "a/b");
        assert_eq!(folder_of("c.rs"), "");
    }
}
