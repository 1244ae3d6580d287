//! A temporary folder with the files of one server.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

pub struct Folder(tempfile::TempDir);

impl Folder {
    /// A new folder. Servers that give up root write their files there too.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        Self(folder)
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// The path as configs have it.
    pub fn text(&self) -> &str {
        self.path().to_str().unwrap()
    }

    pub fn write(&self, name: &str, contents: &(impl AsRef<[u8]> + ?Sized)) -> PathBuf {
        let file = self.path().join(name);
        fs::write(&file, contents).unwrap();
        file
    }
}
