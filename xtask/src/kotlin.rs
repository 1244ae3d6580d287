//! The Kotlin package: its jar, made of the native library and the code that is generated from it; its tests and examples.
//!
//! Everything that is made goes to `kotlin/` in the target folder: `generated/` is the generated code, `library/` what the
//! jar holds besides classes, and `repository/` Maven's repository, with the jar among what was downloaded. So tests use
//! the packaged jar as a user does, and nothing is left outside.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, fs};

use anyhow::{Context as _, ensure};

use crate::built::{self, Built, GENERATOR};
use crate::places::root;

/// Where the sources are.
const SOURCES: &str = "bindings/kotlin";

/// The Maven projects that use the packaged jar.
const USERS: &[&str] = &["tests", "examples"];

/// `cargo xtask kotlin-test`: packs a jar with the library of the other tests, and runs its tests and the examples.
pub fn test() -> anyhow::Result<ExitCode> {
    let built = Built::now()?;
    let folder = package(&built.library()?.0, &built.program(GENERATOR)?)?;
    for project in USERS {
        let mut maven = maven(&folder, &format!("{project}/pom.xml"));
        // Not quiet: its lines with results are counted.
        maven.arg(format!("-Dphasegate.build={}", folder.join(project).display()));
        run(maven.arg("verify"))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// `cargo xtask kotlin`: builds the jar as it is published, with an optimized library for this machine's platform.
pub fn jar() -> anyhow::Result<ExitCode> {
    run(Command::new(built::cargo()).current_dir(root()).args([
        "build",
        "--release",
        "--locked",
        "--package",
        "phasegate-bindings",
    ]))?;
    let name = format!(
        "{}phasegate_bindings{}",
        env::consts::DLL_PREFIX,
        env::consts::DLL_SUFFIX
    );
    let library = crate::places::target()?.join("release").join(name);
    let folder = package(&library, &built::generator()?)?;
    println!("{}", folder.join("package").display());
    Ok(ExitCode::SUCCESS)
}

/// Packs the jar into Maven's repository in the folder that it returns.
fn package(library: &Path, generator: &Path) -> anyhow::Result<PathBuf> {
    let folder = crate::places::target()?.join("kotlin");
    check_version()?;
    let generated = emptied(&folder.join("generated"))?;
    run(Command::new(generator)
        .current_dir(root())
        .args(["generate", "--language", "kotlin", "--no-format", "--out-dir"])
        .arg(&generated)
        .arg(library))?;

    let contents = emptied(&folder.join("library"))?;
    let (platform, notices) = (
        emptied(&contents.join(platform()))?,
        emptied(&contents.join("META-INF"))?,
    );
    copy(library, &platform)?;
    crate::notices::write(&notices)?;
    run(maven(&folder, "pom.xml").args(["--quiet", "install"]))?;
    Ok(folder)
}

/// The folder in which JNA looks for the library of this machine's platform.
fn platform() -> String {
    let (system, processor) = match (env::consts::OS, env::consts::ARCH) {
        ("macos", processor) => ("darwin", processor),
        ("windows", processor) => ("win32", processor),
        (system, processor) => (system, processor),
    };
    format!("{system}-{}", processor.replace("x86_64", "x86-64"))
}

/// Checks that the packages have the version of the engine.
fn check_version() -> anyhow::Result<()> {
    let version = format!("<version>{}</version>", env!("CARGO_PKG_VERSION"));
    for pom in ["pom.xml", "tests/pom.xml", "examples/pom.xml"] {
        let path = root().join(SOURCES).join(pom);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        ensure!(
            text.contains(&version),
            "{} lacks {version}: it has the version of the engine",
            path.display()
        );
    }
    Ok(())
}

fn maven(folder: &Path, pom: &str) -> Command {
    let mut command = Command::new("mvn");
    command
        .current_dir(root())
        .args(["--batch-mode", "--no-transfer-progress", "-Dstyle.color=never"])
        // A compiler that stays behind would hold the output open.
        .args(["-Dkotlin.compiler.daemon=false", "--file"])
        .arg(root().join(SOURCES).join(pom))
        .arg(format!(
            "-Dmaven.repo.local={}",
            folder.join("repository").display()
        ))
        .arg(format!("-Dphasegate.native={}", folder.display()));
    command
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command
        .status()
        .with_context(|| format!("cannot start {program}"))?;
    ensure!(status.success(), "{program} failed: {status}");
    Ok(())
}

fn emptied(folder: &Path) -> anyhow::Result<PathBuf> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder.to_owned())
}

fn copy(file: &Path, folder: &Path) -> anyhow::Result<()> {
    let name = file.file_name().context("a file has a name")?;
    fs::copy(file, folder.join(name)).with_context(|| format!("cannot copy {}", file.display()))?;
    Ok(())
}
