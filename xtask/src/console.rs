//! The console: built by Node, embedded by the server, driven by a browser.
//!
//! The built files are committed, so that nobody needs Node who doesn't change the console. What the build needs beside them goes
//! to `console/` in the target folder, and the packages to `console/node_modules`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, fs};

use anyhow::{Context as _, ensure};

use crate::built::Built;
use crate::places::root;
use crate::{pinned, python};

/// Where the sources are.
const SOURCES: &str = "console";
/// Where the server has the built files.
const BUILT: &str = "server/console";
/// The folder below the root that holds everything made here.
const FOLDER: &str = "target/console";

/// `cargo xtask console`: builds the console into the server.
pub fn build() -> anyhow::Result<ExitCode> {
    let node = Node::ready()?;
    node.checked()?;
    node.built(&root().join(BUILT))?;
    Ok(ExitCode::SUCCESS)
}

/// `cargo xtask console-check`: checks the sources, and that the committed files are built from them.
pub fn check() -> anyhow::Result<ExitCode> {
    let node = Node::ready()?;
    node.checked()?;
    let fresh = root().join(FOLDER).join("built");
    node.built(&fresh)?;
    compare(&fresh, &root().join(BUILT))?;
    Ok(ExitCode::SUCCESS)
}

/// `cargo xtask console-test`: tests the console in a browser.
pub fn test() -> anyhow::Result<ExitCode> {
    let node = Node::ready()?;
    let browser = browser()?;
    let tested = node
        .tool("playwright")
        .arg("test")
        .env("PHASEGATE", Built::now()?.program("phasegate")?)
        .env("CHROMIUM", browser)
        .status()
        .context("the browser's tests can't be started")?;
    Ok(if tested.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Node, with the console's packages.
struct Node {
    /// Where `node` and `npm` are, if not where the system has its programs.
    programs: Option<PathBuf>,
}

impl Node {
    /// The system's, if it is recent enough, else one of the console's own; with the packages of the lock file.
    fn ready() -> anyhow::Result<Self> {
        let programs = match is_recent("node") {
            true => None,
            false => {
                let venv = root().join(FOLDER).join("node");
                python::environment(&venv, &root().join(SOURCES).join("node-requirements.txt"))?;
                Some(venv.join("bin"))
            }
        };
        let node = Self { programs };
        let sources = root().join(SOURCES);
        pinned::make(
            &sources.join("node_modules"),
            &sources.join("package-lock.json"),
            || {
                node.run(
                    node.program("npm")
                        .args(["ci", "--ignore-scripts", "--no-progress"]),
                )
            },
        )?;
        node.run(node.program("npm").args(["run", "--silent", "api"]))?;
        Ok(node)
    }

    /// Format, lints and types.
    fn checked(&self) -> anyhow::Result<()> {
        self.run(
            self.tool("biome")
                .args(["ci", "--colors=off", "--error-on-warnings", "."]),
        )?;
        self.run(self.tool("tsc").arg("--noEmit"))
    }

    fn built(&self, into: &Path) -> anyhow::Result<()> {
        self.run(
            self.tool("vite")
                .args(["build", "--emptyOutDir", "--logLevel", "warn", "--outDir"])
                .arg(into),
        )
    }

    /// A program of the console's packages.
    fn tool(&self, name: &str) -> Command {
        self.program(&format!("{SOURCES}/node_modules/.bin/{name}"))
    }

    fn program(&self, name: &str) -> Command {
        let program = match (&self.programs, name.contains('/')) {
            (_, true) => root().join(name),
            (Some(programs), false) => programs.join(name),
            (None, false) => PathBuf::from(name),
        };
        let mut command = Command::new(program);
        command
            .current_dir(root().join(SOURCES))
            // Nothing is cached outside the checkout.
            .env("npm_config_cache", root().join(FOLDER).join("npm"))
            .env("NO_COLOR", "1");
        if let Some(programs) = &self.programs {
            let path = env::var_os("PATH").unwrap_or_default();
            let all = std::iter::once(programs.clone()).chain(env::split_paths(&path));
            command.env("PATH", env::join_paths(all).expect("the path was one before"));
        }
        command
    }

    fn run(&self, command: &mut Command) -> anyhow::Result<()> {
        let status = command
            .status()
            .with_context(|| format!("{command:?} can't be started"))?;
        ensure!(status.success(), "{command:?} failed");
        Ok(())
    }
}

/// Whether a Node is there that the build works with: 20.19 or newer.
fn is_recent(node: &str) -> bool {
    let Ok(output) = Command::new(node).arg("--version").output() else {
        return false;
    };
    let version = String::from_utf8_lossy(&output.stdout);
    let mut parts = version
        .trim()
        .trim_start_matches('v')
        .split('.')
        .map(str::parse::<u32>);
    matches!((parts.next(), parts.next()), (Some(Ok(major)), Some(Ok(minor))) if (major, minor) >= (20, 19))
}

/// The browser that the tests drive.
fn browser() -> anyhow::Result<PathBuf> {
    let named = env::var_os("CHROMIUM").map(PathBuf::from);
    let found = named
        .into_iter()
        .chain(["/usr/bin/chromium".into()])
        .find(|path| path.exists());
    found.context("no Chromium: install it (on Debian: apt-get install chromium), or name it in CHROMIUM")
}

/// Fails where the committed files are not those that the sources give.
fn compare(fresh: &Path, committed: &Path) -> anyhow::Result<()> {
    let (fresh, committed) = (files(fresh)?, files(committed)?);
    let names = fresh.keys().chain(committed.keys());
    let differing: std::collections::BTreeSet<_> = names
        .filter(|name| fresh.get(*name) != committed.get(*name))
        .collect();
    ensure!(
        differing.is_empty(),
        "{BUILT} is not what {SOURCES} gives: run 'cargo xtask console' and commit it. These differ: {differing:?}"
    );
    Ok(())
}

/// The files of a folder and of those in it, by their paths below it.
fn files(folder: &Path) -> anyhow::Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).with_context(|| format!("{} can't be read", next.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(path.strip_prefix(folder)?.to_owned(), fs::read(&path)?);
            }
        }
    }
    Ok(found)
}
