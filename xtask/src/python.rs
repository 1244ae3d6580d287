//! The Python package: its wheel, and the environment in which it is tested as a user would have it.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, fs};

use anyhow::{Context as _, bail, ensure};

use crate::built::{Built, GENERATOR};
use crate::pinned;
use crate::places::root;

/// The folder below the root that holds everything made here.
const FOLDER: &str = "target/python";
/// The interpreter of the environment that has the tools, the wheel and what its tests need.
pub const PYTHON: &str = "target/python/venv/bin/python";

/// `cargo xtask python`: builds the wheel as it is shipped, into `target/python/wheels`.
pub fn wheel() -> anyhow::Result<ExitCode> {
    package_environment()?;
    let wheel = pack("release", &Programs::that_build()?)?;
    println!("{}", wheel.strip_prefix(root()).unwrap_or(&wheel).display());
    Ok(ExitCode::SUCCESS)
}

/// `cargo xtask python-tools`: makes the environment of the package's tests.
pub fn tools() -> anyhow::Result<ExitCode> {
    package_environment()?;
    Ok(ExitCode::SUCCESS)
}

/// `cargo xtask python-wheel`: packs a wheel for the tests, and installs it into a clean virtual environment.
pub fn install() -> anyhow::Result<ExitCode> {
    package_environment()?;
    let wheel = pack("dev", &Programs::that_have_built(&Built::now()?)?)?;
    pip(
        &root().join(FOLDER).join("venv"),
        &["install", "--no-index", "--no-deps", "--force-reinstall"],
        &wheel,
    )?;
    // The type checkers read the package with the code that is generated, which the sources don't have.
    let unpacked = root().join(FOLDER).join("unpacked");
    if unpacked.exists() {
        fs::remove_dir_all(&unpacked)?;
    }
    let unpack = Command::new(root().join(PYTHON))
        .args(["-m", "zipfile", "-e"])
        .arg(&wheel)
        .arg(&unpacked)
        .status()?;
    ensure!(unpack.success(), "the wheel could not be unpacked");
    Ok(ExitCode::SUCCESS)
}

/// Makes the environment of the package's tests.
fn package_environment() -> anyhow::Result<()> {
    let venv = root().join(FOLDER).join("venv");
    environment(&venv, &root().join("bindings/python/requirements-dev.txt"))
}

/// Makes a clean virtual environment with everything that a file pins, unless it is there.
pub fn environment(venv: &Path, pinned: &Path) -> anyhow::Result<()> {
    pinned::make(venv, pinned, || {
        let base = interpreter()?;
        let made = Command::new(&base)
            .args(["-m", "venv", "--clear"])
            .arg(venv)
            .status()?;
        ensure!(
            made.success(),
            "{base} can't make a virtual environment: install its module venv (on Debian: apt-get install python3-venv)"
        );
        pip(venv, &["install", "--require-hashes", "--requirement"], pinned)
    })
}

/// The first Python of at least 3.11.
fn interpreter() -> anyhow::Result<String> {
    let named = env::var("PYTHON").ok();
    for name in named.as_deref().into_iter().chain(["python3", "python"]) {
        let recent = Command::new(name)
            .args(["-c", "import sys; sys.exit(sys.version_info < (3, 11))"])
            .status();
        if recent.is_ok_and(|status| status.success()) {
            return Ok(name.to_owned());
        }
    }
    bail!(
        "no Python of at least 3.11: install one (on Debian: apt-get install python3 python3-venv), or name it in PYTHON"
    )
}

fn pip(venv: &Path, arguments: &[&str], what: &Path) -> anyhow::Result<()> {
    let mut command = Command::new(venv.join("bin/python"));
    command.args(["-m", "pip", "--quiet", "--disable-pip-version-check"]);
    command.args(arguments).arg(what);
    // Nothing is cached outside the checkout.
    command.env("PIP_CACHE_DIR", root().join(FOLDER).join("pip"));
    let done = command.status().context("cannot start pip")?;
    ensure!(done.success(), "pip could not install {}", what.display());
    Ok(())
}

/// A folder with the programs that maturin calls by name.
struct Programs(PathBuf);

impl Programs {
    /// The generator of code, and cargo as it is.
    fn that_build() -> anyhow::Result<Self> {
        Self::with(&crate::built::generator()?)
    }

    /// The generator, and a cargo that hands out the library of the tests. Building it alone, as maturin does, would choose
    /// other features of what it shares with them, and compile all of that again.
    fn that_have_built(built: &Built) -> anyhow::Result<Self> {
        let programs = Self::with(&built.program(GENERATOR)?)?;
        let (_, message) = built.library()?;
        let (answer, cargo) = (programs.0.join("answer.json"), programs.0.join("cargo"));
        fs::write(&answer, format!("{message}\n"))?;
        let script = format!(
            "#!/bin/sh\n\
             # What maturin asks cargo to build is built.\n\
             if [ \"$1\" = rustc ]; then exec cat '{}'; fi\n\
             exec '{}' \"$@\"\n",
            answer.display(),
            crate::built::cargo().display(),
        );
        fs::write(&cargo, script)?;
        #[cfg(unix)]
        fs::set_permissions(&cargo, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        Ok(programs)
    }

    /// The generator under the name by which maturin calls it.
    fn with(generator: &Path) -> anyhow::Result<Self> {
        let folder = root().join(FOLDER).join("programs");
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        let name = format!("uniffi-bindgen{}", env::consts::EXE_SUFFIX);
        fs::copy(generator, folder.join(name)).context("the generator can't be copied")?;
        Ok(Self(folder))
    }

    /// Puts them before those of the system.
    fn offer(&self, command: &mut Command) -> anyhow::Result<()> {
        let path = env::var_os("PATH").unwrap_or_default();
        let all = std::iter::once(self.0.clone()).chain(env::split_paths(&path));
        command.env("PATH", env::join_paths(all)?);
        let cargo = self.0.join("cargo");
        if cargo.exists() {
            command.env("CARGO", cargo);
        }
        Ok(())
    }
}

/// Packs the wheel of this system, and returns its path.
fn pack(profile: &str, programs: &Programs) -> anyhow::Result<PathBuf> {
    let wheels = root().join(FOLDER).join("wheels").join(profile);
    if wheels.exists() {
        fs::remove_dir_all(&wheels)?;
    }
    crate::notices::write(&root().join("bindings/python"))?;
    let mut command = Command::new(root().join(PYTHON));
    command.args([
        "-m",
        "maturin",
        "build",
        "--locked",
        "--profile",
        profile,
        "--out",
    ]);
    command.arg(&wheels).current_dir(root().join("bindings/python"));
    programs.offer(&mut command)?;
    let done = command.status().context("cannot start maturin")?;
    ensure!(done.success(), "maturin could not build the wheel");
    let mut made = fs::read_dir(&wheels)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "whl"));
    made.next().context("maturin built no wheel")
}
