//! A checkout of an earlier revision, with the measuring crate of the working tree in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

use crate::places::root;

/// The folder of the measuring crate.
const CRATE: &str = "bench/chain";
/// The only file of it that uses Phasegate.
const HOST: &str = "bench/chain/src/host.rs";

/// A worktree of git, ready to be built.
pub struct Tree {
    pub path: PathBuf,
    /// The commit, for people.
    pub title: String,
    /// What differs from the measuring crate of the working tree.
    pub notes: Vec<String>,
}

impl Tree {
    /// Checks `revision` out at `path`, unless it is there already, and puts the measuring crate into it.
    pub fn of(revision: &str, path: PathBuf) -> anyhow::Result<Self> {
        let commit = git(
            root(),
            &[
                "rev-parse",
                "--verify",
                "--end-of-options",
                &format!("{revision}^{{commit}}"),
            ],
        )
        .with_context(|| format!("there is no revision {revision} here: fetch it, or name another"))?;
        check_out(&commit, &path)?;
        let notes = put_crate(&commit, &path)?;
        let title = git(root(), &["log", "-1", "--format=%h %s", &commit])?;
        Ok(Self { path, title, notes })
    }
}

fn check_out(commit: &str, path: &Path) -> anyhow::Result<()> {
    // Left as it is where it can be, so that cargo doesn't build it again. A folder without a `.git` of its own would be taken for
    // a part of the working tree around it.
    if path.join(".git").is_file() && git(path, &["rev-parse", "HEAD"]).is_ok_and(|there| there == commit) {
        return Ok(());
    }
    remove(path)?;
    let path = path.to_str().context("the target folder's path isn't UTF-8")?;
    // By force, since git may still know of a worktree that was there.
    git(
        root(),
        &["worktree", "add", "--force", "--detach", "--quiet", path, commit],
    )?;
    Ok(())
}

/// Puts the measuring crate of the working tree in place of the one that `tree` has, if it has one.
fn put_crate(commit: &str, tree: &Path) -> anyhow::Result<Vec<String>> {
    let (from, to) = (root().join(CRATE), tree.join(CRATE));
    remove(&to)?;
    fs::create_dir_all(to.join("src")).with_context(|| format!("{} can't be made", to.display()))?;
    copy(&from.join("Cargo.toml"), &to.join("Cargo.toml"))?;
    for file in fs::read_dir(from.join("src"))? {
        let file = file?;
        copy(&file.path(), &to.join("src").join(file.file_name()))?;
    }

    let mut notes = Vec::new();
    if let Some(host) = host(commit)
        && fs::read_to_string(root().join(HOST))?.trim_end() != host
    {
        fs::write(tree.join(HOST), host + "\n")?;
        notes.push(format!(
            "{HOST} of the build before is its own: it differs from the working tree's"
        ));
    }

    let manifest = git(root(), &["show", &format!("{commit}:Cargo.toml")])?;
    let manifest = with_member(&manifest)
        .with_context(|| format!("Cargo.toml of {commit} has no list `members = [` to put {CRATE} into"))?;
    fs::write(tree.join("Cargo.toml"), manifest + "\n")?;
    Ok(notes)
}

/// The text of [`HOST`] for the API of a commit: the commit's own, if it has one.
fn host(commit: &str) -> Option<String> {
    git(root(), &["show", &format!("{commit}:{HOST}")]).ok()
}

/// Adds the measuring crate to the members of a workspace.
fn with_member(manifest: &str) -> Option<String> {
    let member = format!("\"{CRATE}\"");
    if manifest.contains(&member) {
        return Some(manifest.to_owned());
    }
    let list = "members = [";
    // At the beginning of a line, since `default-members` ends like it.
    let at = match manifest.starts_with(list) {
        true => 0,
        false => manifest.find(&format!("\n{list}"))? + 1,
    } + list.len();
    Some(format!("{}{member}, {}", &manifest[..at], &manifest[at..]))
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::copy(from, to).with_context(|| format!("{} can't be copied", from.display()))?;
    Ok(())
}

/// Removes a folder, if it is there.
pub fn remove(folder: &Path) -> anyhow::Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("{} can't be removed", folder.display()))?;
    }
    Ok(())
}

/// What a command of git prints, without the end of its last line.
fn git(folder: &Path, arguments: &[&str]) -> anyhow::Result<String> {
    let output = Command::new("git")
        .current_dir(folder)
        .args(arguments)
        .output()
        .context("git can't be run: it must be installed")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "git {} failed: {}",
        arguments[0],
        errors.trim()
    );
    Ok(String::from_utf8(output.stdout)?.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workspace_gets_the_measuring_crate_once() {
        let before = "[workspace]\ndefault-members = [\"cli\"]\nmembers = [\"core\", \"cli\"]\n";
        let with = with_member(before).expect("it has members");
        assert_eq!(
            with,
            "[workspace]\ndefault-members = [\"cli\"]\nmembers = [\"bench/chain\", \"core\", \"cli\"]\n"
        );
        assert_eq!(with_member(&with), Some(with.clone()));
        assert_eq!(with_member("[package]\nname = \"alone\"\n"), None);
    }
}
