//! The one build of everything: what every suite runs, links against or packs comes from it.
//!
//! Cargo chooses the features of a crate by what is built together, so a second choice of packages is a second build of what they
//! share. Whoever needs a program, a test or the library therefore takes it from here, and builds nothing alone. Clippy's compiler
//! builds the crates of the workspace: what it finds comes with the build, where `cargo clippy` would go over every crate again.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::{env, fs};

use anyhow::{Context as _, bail, ensure};
use serde::Deserialize;
use serde_json::Value;

use crate::places::root;

/// The file that says what was built, in the environment of the suites that run beside one that holds cargo's lock.
const RECORD: &str = "PHASEGATE_BUILT";

/// What the one build has in its environment: cargo compiles the workspace's own crates with clippy, and without the lines of a
/// backtrace, which take a sixth of the time (a panic names its own line anyway). Whoever runs cargo on what was built has it, too, else
/// cargo builds those crates once more.
pub const ENVIRONMENT: [(&str, &str); 2] = [
    ("RUSTC_WORKSPACE_WRAPPER", "clippy-driver"),
    ("CARGO_PROFILE_DEV_DEBUG", "false"),
];

/// The program that generates the code of the hosts.
pub const GENERATOR: &str = "phasegate-bindgen";

/// What was built, as cargo told it: one message a line.
#[derive(Debug)]
pub struct Built {
    messages: String,
}

/// A test program, and where cargo would run it.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct TestProgram {
    /// The package's folder.
    pub folder: PathBuf,
    /// The name of the target: the library's or program's for unit tests, else the file's.
    pub target: String,
    pub executable: PathBuf,
}

impl TestProgram {
    /// Names it by its folder and target, as `engine/it`.
    pub fn name(&self) -> String {
        let folder = self.folder.strip_prefix(root()).unwrap_or(&self.folder);
        format!("{}/{}", folder.display(), self.target)
    }
}

/// A message about a finished target; cargo sends others, too.
#[derive(Deserialize)]
struct Artifact {
    manifest_path: PathBuf,
    target: Target,
    profile: Profile,
    filenames: Vec<PathBuf>,
    executable: Option<PathBuf>,
}

/// A message of the compiler about a crate.
#[derive(Deserialize)]
struct Told {
    reason: String,
    message: Diagnostic,
}

#[derive(Deserialize)]
struct Diagnostic {
    level: String,
    rendered: Option<String>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    crate_types: Vec<String>,
}

#[derive(Deserialize)]
struct Profile {
    test: bool,
}

impl Built {
    /// Builds what is not up to date; where another suite has built it just now, reads what it wrote down.
    pub fn now() -> anyhow::Result<Self> {
        let messages = match env::var_os(RECORD) {
            Some(record) => fs::read_to_string(&record)
                .with_context(|| format!("{} can't be read", Path::new(&record).display()))?,
            None => build()?,
        };
        Ok(Self { messages })
    }

    /// Every test program, by folder and target.
    pub fn tests(&self) -> Vec<TestProgram> {
        let mut tests: Vec<_> = self
            .artifacts()
            .filter(|(artifact, _)| artifact.profile.test)
            .filter_map(|(artifact, _)| {
                Some(TestProgram {
                    folder: artifact.manifest_path.parent()?.to_owned(),
                    target: artifact.target.name,
                    executable: artifact.executable?,
                })
            })
            .collect();
        tests.sort();
        tests
    }

    /// The program of that name.
    pub fn program(&self, name: &str) -> anyhow::Result<PathBuf> {
        self.artifacts()
            .filter(|(artifact, _)| !artifact.profile.test && artifact.target.name == name)
            .find_map(|(artifact, _)| artifact.executable)
            .with_context(|| format!("cargo built no program {name}"))
    }

    /// The library that the hosts load, and cargo's message about it.
    pub fn library(&self) -> anyhow::Result<(PathBuf, &str)> {
        self.artifacts()
            .filter(|(artifact, _)| !artifact.profile.test)
            .filter(|(artifact, _)| artifact.target.crate_types.iter().any(|kind| kind == "cdylib"))
            .find_map(|(artifact, message)| {
                Some((
                    artifact.filenames.into_iter().find(|file| is_library(file))?,
                    message,
                ))
            })
            .context("cargo built no library for the hosts")
    }

    /// What the compiler and clippy warned of, as cargo would show it. Cargo repeats it for what was up to date.
    pub fn warnings(&self) -> impl Iterator<Item = String> {
        self.messages
            .lines()
            .filter_map(|line| serde_json::from_str::<Told>(line).ok())
            .filter(|told| told.reason == "compiler-message" && told.message.level == "warning")
            .filter_map(|told| told.message.rendered)
    }

    fn artifacts(&self) -> impl Iterator<Item = (Artifact, &str)> {
        let ours = root().to_owned();
        self.messages.lines().filter_map(move |line| {
            let artifact: Artifact = serde_json::from_str(line).ok()?;
            artifact
                .manifest_path
                .starts_with(&ours)
                .then_some((artifact, line))
        })
    }
}

fn is_library(file: &Path) -> bool {
    file.extension()
        .is_some_and(|extension| extension == &env::consts::DLL_SUFFIX[1..])
}

/// `cargo xtask build`: builds everything that the suites run, and writes down what it is.
pub fn record() -> anyhow::Result<ExitCode> {
    let messages = build()?;
    if let Some(record) = env::var_os(RECORD) {
        fs::write(&record, messages)
            .with_context(|| format!("{} can't be written", Path::new(&record).display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Says to the suites of one test run where the build is recorded.
pub fn recorded() -> anyhow::Result<(&'static str, PathBuf)> {
    let folder = crate::places::target()?.join("xtask");
    fs::create_dir_all(&folder).with_context(|| format!("{} can't be made", folder.display()))?;
    Ok((RECORD, folder.join("built.json")))
}

fn build() -> anyhow::Result<String> {
    let output = Command::new(cargo())
        .args(["build", "--workspace", "--all-targets", "--locked"])
        .args(["--message-format", "json"])
        .envs(ENVIRONMENT)
        .current_dir(root())
        .stderr(Stdio::inherit())
        .output()
        .context("cargo can't be run")?;
    let messages = String::from_utf8(output.stdout).context("cargo's messages are not UTF-8")?;
    if !output.status.success() {
        for told in messages
            .lines()
            .filter_map(|line| serde_json::from_str::<Told>(line).ok())
        {
            eprint!("{}", told.message.rendered.unwrap_or_default());
        }
        bail!("the build failed");
    }
    let is_kept = |line: &&str| {
        serde_json::from_str::<Value>(line).is_ok_and(|message| {
            matches!(
                message["reason"].as_str(),
                Some("compiler-artifact" | "compiler-message")
            )
        })
    };
    Ok(messages
        .lines()
        .filter(is_kept)
        .fold(String::new(), |all, line| all + line + "\n"))
}

/// `cargo xtask clippy`: shows what the build was warned of. The exit code is that of a failure if it was of anything.
pub fn clippy() -> anyhow::Result<ExitCode> {
    let built = Built::now()?;
    let mut warnings: Vec<_> = built.warnings().collect();
    // A file of several targets is warned of for each.
    warnings.sort();
    warnings.dedup();
    for warning in &warnings {
        eprintln!("{warning}");
    }
    Ok(if warnings.is_empty() {
        ExitCode::SUCCESS
    } else {
        eprintln!("error: {} warnings", warnings.len());
        ExitCode::FAILURE
    })
}

/// Builds the program that generates the code of the hosts, and nothing else: for a package as it is published.
pub fn generator() -> anyhow::Result<PathBuf> {
    let status = Command::new(cargo())
        .args(["build", "--package", GENERATOR, "--locked"])
        .current_dir(root())
        .status()
        .context("cargo can't be run")?;
    ensure!(status.success(), "the generator could not be built");
    Ok(crate::places::target()?
        .join("debug")
        .join(GENERATOR)
        .with_extension(env::consts::EXE_EXTENSION))
}

/// The cargo that runs this task.
pub fn cargo() -> std::ffi::OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message of cargo about a target of `core/`.
    fn message(target: &str, kind: &str, test: bool, executable: Option<&str>, file: &str) -> String {
        serde_json::json!({
            "reason": "compiler-artifact",
            "manifest_path": root().join("core/Cargo.toml"),
            "target": {"name": target, "crate_types": [kind]},
            "profile": {"test": test},
            "filenames": [file],
            "executable": executable,
        })
        .to_string()
    }

    fn library_name() -> String {
        format!("{}hosts{}", env::consts::DLL_PREFIX, env::consts::DLL_SUFFIX)
    }

    fn built() -> Built {
        let lines = [
            "{\"reason\": \"build-script-executed\"}".to_owned(),
            message("it", "bin", true, Some("/t/it-2"), "/t/it-2"),
            message("phasegate", "bin", true, Some("/t/phasegate-1"), "/t/phasegate-1"),
            message("phasegate", "bin", false, Some("/t/phasegate"), "/t/phasegate"),
            message("hosts", "cdylib", true, Some("/t/hosts-3"), "/t/hosts-3"),
            message("hosts", "cdylib", false, None, &format!("/t/{}", library_name())),
        ];
        Built {
            messages: lines.join("\n"),
        }
    }

    #[test]
    fn the_tests_are_the_programs_that_were_built_as_tests() {
        let names: Vec<_> = built().tests().iter().map(TestProgram::name).collect();
        assert_eq!(names, ["core/hosts", "core/it", "core/phasegate"]);
    }

    #[test]
    fn what_the_compiler_warned_of_is_told_and_its_summary_of_errors_is_not() {
        let told = |level: &str, rendered: &str| {
            serde_json::json!({
                "reason": "compiler-message",
                "manifest_path": root().join("core/Cargo.toml"),
                "target": {"name": "it", "crate_types": ["bin"]},
                "message": {"level": level, "rendered": rendered},
            })
            .to_string()
        };
        let built = Built {
            messages: [told("warning", "unused"), told("note", "see"), built().messages].join("\n"),
        };
        assert_eq!(built.warnings().collect::<Vec<_>>(), ["unused"]);
        assert_eq!(built.tests().len(), 3);
    }

    #[test]
    fn a_program_is_not_the_one_that_holds_its_unit_tests() {
        assert_eq!(
            built().program("phasegate").expect("it was built"),
            Path::new("/t/phasegate")
        );
        let missing = built().program("other").expect_err("it was not built");
        assert!(missing.to_string().contains("no program other"));
    }

    #[test]
    fn the_library_is_not_the_one_that_holds_its_unit_tests() {
        let built = built();
        let (library, message) = built.library().expect("it was built");
        assert_eq!(library, Path::new("/t").join(library_name()));
        assert!(message.contains(&library_name()));
    }
}
