//! What is made from a committed list of pinned packages, and made again only when the list has changed.

use std::fs;
use std::path::Path;

use anyhow::Context as _;

/// Makes something in `folder` from the list `pinned`, unless it was made from the same list before.
pub fn make(folder: &Path, pinned: &Path, make: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
    let list = fs::read(pinned).with_context(|| format!("{} can't be read", pinned.display()))?;
    let made_from = folder.join("made-from");
    if fs::read(&made_from).is_ok_and(|before| before == list) {
        return Ok(());
    }
    make()?;
    fs::write(&made_from, list).with_context(|| format!("{} can't be written", made_from.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_made_again_after_a_failure_and_after_a_change_of_the_list_only() {
        let folder = std::env::temp_dir().join(format!("phasegate-pinned-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let pinned = folder.join("list");
        let mut times = 0;
        let mut attempt = |list: &str, succeeds: bool| {
            fs::write(&pinned, list).expect("a file");
            let _ = make(&folder, &pinned, || {
                times += 1;
                anyhow::ensure!(succeeds, "it failed");
                Ok(())
            });
            times
        };
        assert_eq!(attempt("one", false), 1);
        assert_eq!(attempt("one", true), 2);
        assert_eq!(attempt("one", true), 2);
        assert_eq!(attempt("two", true), 3);
        fs::remove_dir_all(&folder).expect("it is there");
    }
}
