//! The names of the sites, as the proxies resolve them.

use std::path::Path;
use std::process::Command;

use super::folder::Folder;

/// The sites that listen on 127.0.0.1, and the one whose address nothing listens at. All other names don't exist.
const HOSTS: &str =
    "127.0.0.1 page.test other.test asks.test cached.test localhost\n127.0.0.2 refusing.test\n";

/// A file in the form of `/etc/hosts`.
pub fn file(folder: &Folder) -> String {
    folder.write("hosts", HOSTS).to_str().unwrap().to_owned()
}

/// Has a program that asks the system for addresses find those names and no others: a library of Debian's does that, since the
/// system's own file is not a test's to change.
pub fn known_to<'a>(command: &'a mut Command, folder: &Folder) -> &'a mut Command {
    let file = file(folder);
    command
        .env("LD_PRELOAD", library())
        .env("NSS_WRAPPER_HOSTS", file)
}

/// The library's name, which the loader finds in the place of the machine's architecture.
fn library() -> &'static str {
    const NAME: &str = "libnss_wrapper.so";
    let places = std::fs::read_dir("/usr/lib").unwrap();
    let mut places = places
        .map(|place| place.unwrap().path())
        .chain(["/usr/lib".into()]);
    assert!(
        places.any(|place: std::path::PathBuf| Path::new(&place).join(NAME).is_file()),
        "there is no {NAME}: run 'apt-get install --no-install-recommends libnss-wrapper' as root"
    );
    NAME
}
