//! Access to a server: its address, its token, and the trusted certificates.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use phasegate_server::Token;
use reqwest::Url;
use rustls::{ClientConfig, RootCertStore};

use crate::args::TargetArgs;
use crate::error::CliError;

/// The variable that the token is taken from.
const TOKEN_VARIABLE: &str = "PHASEGATE_TOKEN";
/// The file in which a server that was started in this folder keeps its token.
const TOKEN_FILE: &str = "phasegate.redb.token";

/// The address of a server, without anything else.
pub fn address(text: &str) -> Result<Url, CliError> {
    let wrong = |why: &str| CliError::Usage(format!("--url {why}, such as http://127.0.0.1:8080"));
    let url = Url::parse(text).map_err(|_| wrong("takes the address of a server"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("takes an address of HTTP or HTTPS"));
    }
    let extra = url.query().is_some() || url.fragment().is_some();
    if extra || !url.username().is_empty() || url.password().is_some() {
        return Err(wrong(
            "takes the address alone, and --token-file or PHASEGATE_TOKEN the token",
        ));
    }
    Ok(url)
}

/// Whether the address is on this machine. Then no proxy is used, and this folder may have the server's token.
pub fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// The token for `server`, from the named file, the environment, or this folder.
///
/// The file in this folder is for servers on this machine only. Otherwise anyone who makes a person type an address would get
/// the token.
pub fn token(args: &TargetArgs, server: &Url) -> Result<Option<Token>, CliError> {
    let parse = |text: &str, from: &str| {
        let malformed = || CliError::Usage(format!("{from} holds no token (64 hexadecimal digits)"));
        Token::parse(text.trim_end()).ok_or_else(malformed)
    };
    let read = |file: &Path| {
        let text = std::fs::read_to_string(file);
        let text = text.map_err(CliError::io(format!("{} can't be read", file.display())))?;
        parse(&text, &file.display().to_string())
    };
    if let Some(file) = &args.token_file {
        return read(file).map(Some);
    }
    match std::env::var(TOKEN_VARIABLE) {
        Ok(text) if !text.is_empty() => return parse(&text, TOKEN_VARIABLE).map(Some),
        _ => {}
    }
    let usual = Path::new(TOKEN_FILE);
    let is_meant = is_loopback(server) && usual.exists();
    is_meant.then(|| read(usual)).transpose()
}

/// The TLS of connections. Certificates are checked under the roots that browsers trust.
pub fn tls() -> ClientConfig {
    let roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider supports the default versions of TLS")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_alone() {
        for text in ["http://127.0.0.1:8080", "https://phasegate.example.org/work/"] {
            assert!(address(text).is_ok(), "{text}");
        }
        for text in [
            "127.0.0.1:8080",
            "ftp://a.test",
            "http://a.test/login?token=1",
            "http://me@a.test",
        ] {
            assert!(matches!(address(text), Err(CliError::Usage(_))), "{text}");
        }
    }

    #[test]
    fn only_the_loopback_is_reached_without_a_proxy() {
        let loopback = |text: &str| is_loopback(&Url::parse(text).expect("a URL"));
        assert!(loopback("http://127.0.0.1:1") && loopback("http://[::1]:1") && loopback("http://localhost"));
        assert!(!loopback("http://192.0.2.1") && !loopback("http://localhost.test"));
    }
}
