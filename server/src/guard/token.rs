//! The token: it is made once, kept in a file that only its owner can read, and sent with every request.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use axum::http::{HeaderMap, header};
use cookie::{Cookie, SameSite, time::Duration};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// How long a browser keeps the session.
const SESSION: Duration = Duration::days(30);

/// The token that a caller must send: 64 hexadecimal digits, 256 random bits. No log ever has it.
#[derive(Clone, Eq, PartialEq)]
pub struct Token(String);

/// Why a token can't be read or made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The file can't be read or written.
    #[error("the token file {path} can't be used: {reason}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        reason: io::Error,
    },
    /// The file doesn't hold a token.
    #[error("{path} holds no token (64 hexadecimal digits): remove it, and a new one is made")]
    Malformed {
        /// The file.
        path: PathBuf,
    },
    /// Others can read the file.
    #[error(
        "others than its owner can read {path}: run 'chmod 600' on it, or remove it, and a new one is made"
    )]
    Exposed {
        /// The file.
        path: PathBuf,
    },
    /// The system gives no randomness.
    #[error("the system gives no random numbers: {0}")]
    Random(String),
}

impl Token {
    /// Makes a token from the system's randomness.
    ///
    /// # Errors
    ///
    /// [`TokenError::Random`].
    pub fn generate() -> Result<Self, TokenError> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|error| TokenError::Random(error.to_string()))?;
        Ok(Self(hex(&bytes)))
    }

    /// Reads a token from its text.
    pub fn parse(text: &str) -> Option<Self> {
        let is_token = text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        is_token.then(|| Self(text.to_owned()))
    }

    /// Reads the token in the file at `path`. If the file is missing, it makes a token and keeps it there, readable only by its
    /// owner.
    ///
    /// # Errors
    ///
    /// [`TokenError`] tells the problem of the file. A file that others can read is refused.
    pub fn load_or_create(path: &Path) -> Result<Self, TokenError> {
        let failed = |reason| TokenError::Io {
            path: path.to_owned(),
            reason,
        };
        match std::fs::read_to_string(path) {
            Ok(text) => {
                if exposed(path).map_err(failed)? {
                    return Err(TokenError::Exposed {
                        path: path.to_owned(),
                    });
                }
                Self::parse(text.trim_end()).ok_or_else(|| TokenError::Malformed {
                    path: path.to_owned(),
                })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let token = Self::generate()?;
                match create(path, &token) {
                    // Another process made the file at the same time.
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Self::load_or_create(path),
                    Err(error) => Err(failed(error)),
                    Ok(()) => Ok(token),
                }
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// The text, to show it to its owner.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether `shown` is this token. The time that it takes reveals neither the place of a difference nor the length of `shown`.
    pub fn is(&self, shown: &str) -> bool {
        same(&self.0, shown)
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(..)")
    }
}

fn same(one: &str, other: &str) -> bool {
    Sha256::digest(one).ct_eq(&Sha256::digest(other)).into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(unix)]
fn exposed(path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt;
    Ok(std::fs::metadata(path)?.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn exposed(_: &Path) -> io::Result<bool> {
    Ok(false)
}

/// Writes a complete file under another name first, so that nobody reads half a token.
fn create(path: &Path, token: &Token) -> io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    writeln!(file, "{}", token.0)?;
    file.sync_all()
}

/// The session of a browser: a cookie that is derived from the token, and can't be used as a token.
///
/// The name of the cookie is derived too. Browsers keep cookies by host and not by port, so each server on a machine needs its
/// own name.
#[derive(Clone)]
pub(crate) struct Session {
    token: Token,
    name: String,
    value: String,
}

impl Session {
    pub(crate) fn new(token: Token) -> Self {
        let derive = |what: &str| hex(&Sha256::digest(format!("phasegate {what} {}", token.0)));
        let name = format!("phasegate_{}", &derive("cookie name")[..8]);
        let value = derive("session");
        Self { token, name, value }
    }

    /// Whether the headers have the token, or the cookie of its session.
    pub(crate) fn admits(&self, headers: &HeaderMap) -> bool {
        let bearer = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        if let Some(text) = bearer {
            let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
            return scheme.eq_ignore_ascii_case("bearer") && self.token.is(token.trim());
        }
        let cookies = headers.get_all(header::COOKIE).iter();
        cookies
            .filter_map(|value| value.to_str().ok())
            .flat_map(Cookie::split_parse)
            .flatten()
            .any(|cookie| cookie.name() == self.name && same(cookie.value(), &self.value))
    }

    /// The cookie for a caller with the token.
    pub(crate) fn cookie(&self, shown: &str) -> Option<Cookie<'static>> {
        self.token.is(shown).then(|| {
            Cookie::build((self.name.clone(), self.value.clone()))
                .http_only(true)
                .same_site(SameSite::Strict)
                .path("/")
                .max_age(SESSION)
                .build()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("phasegate-token-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        folder
    }

    #[test]
    fn the_first_start_makes_the_token_and_every_other_one_finds_it() {
        let folder = folder("kept");
        let path = folder.join("a.token");
        let made = Token::load_or_create(&path).expect("it is made");
        assert_eq!(Token::load_or_create(&path).expect("it is found"), made);
        assert!(made.is(made.reveal()));
        assert!(!made.is(&made.reveal()[..63]));
        assert!(!made.is(""));
        assert!(!format!("{made:?}").contains(made.reveal()));
        std::fs::remove_dir_all(folder).expect("it is removed");
    }

    #[cfg(unix)]
    #[test]
    fn a_token_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = folder("exposed");
        let path = folder.join("a.token");
        Token::load_or_create(&path).expect("it is made");
        let mode = std::fs::metadata(&path)
            .expect("it is there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).expect("it is exposed");
        assert!(matches!(
            Token::load_or_create(&path),
            Err(TokenError::Exposed { .. })
        ));
        std::fs::remove_dir_all(folder).expect("it is removed");
    }

    #[test]
    fn the_cookie_admits_and_is_no_token() {
        let token = Token::generate().expect("random numbers");
        let session = Session::new(token.clone());
        assert!(session.cookie("wrong").is_none());
        let cookie = session
            .cookie(token.reveal())
            .expect("the right token")
            .to_string();
        assert!(
            cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"),
            "{cookie}"
        );
        assert!(!cookie.contains(token.reveal()));
        let pair = cookie.split(';').next().expect("a pair").to_owned();
        let admits = |name: header::HeaderName, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().expect("a header"));
            session.admits(&headers)
        };
        assert!(admits(header::COOKIE, &format!("other=1; {pair}")));
        let value = pair.split_once('=').expect("a pair").1;
        assert!(!admits(header::AUTHORIZATION, &format!("Bearer {value}")));
        assert!(admits(
            header::AUTHORIZATION,
            &format!("bearer {}", token.reveal())
        ));
        assert!(!admits(
            header::AUTHORIZATION,
            &format!("Basic {}", token.reveal())
        ));
        let other = Session::new(Token::generate().expect("random numbers"));
        assert_ne!(other.name, session.name);
    }
}
