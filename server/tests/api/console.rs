//! The console's page and files.

use reqwest::Method;

use crate::support::Running;

#[tokio::test]
async fn the_page_is_there_without_a_token_and_loads_only_what_the_server_has() {
    let host = Running::start().await;
    let stranger = host.client.without("authorization");
    let page = stranger.raw(Method::GET, "/", None).await;
    assert_eq!(
        (
            page.status,
            page.header("content-type"),
            page.header("cache-control")
        ),
        (200, "text/html; charset=utf-8", "no-store")
    );
    let text = page.text.as_str();
    let named: Vec<&str> = text
        .split(['"', '\''])
        .filter_map(|part| part.strip_prefix("./"))
        .collect();
    assert!(named.len() >= 3, "{text}");
    for file in named {
        let file = stranger.raw(Method::GET, &format!("/{file}"), None).await;
        assert_eq!(file.status, 200);
        assert_eq!(file.header("x-content-type-options"), "nosniff");
        assert!(
            !file
                .header("content-type")
                .starts_with("application/octet-stream")
        );
    }
    host.stop().await;
}

#[tokio::test]
async fn each_page_has_a_nonce_of_its_own_and_a_policy_that_lets_nothing_else_in() {
    let host = Running::start().await;
    let mut nonces = Vec::new();
    for _ in 0..2 {
        let page = host.client.raw(Method::GET, "/", None).await;
        let policy = page.header("content-security-policy").to_owned();
        let nonce = policy
            .split_once("'nonce-")
            .and_then(|(_, rest)| rest.split_once('\''))
            .map(|(nonce, _)| nonce.to_owned())
            .expect("a nonce");
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self';"),
            "{policy}"
        );
        assert!(!policy.contains("unsafe"), "{policy}");
        assert!(page.text.contains(&format!("content=\"{nonce}\"")));
        nonces.push(nonce);
    }
    assert_ne!(nonces[0], nonces[1]);
    host.stop().await;
}

#[tokio::test]
async fn a_file_that_the_console_does_not_have_is_a_problem_document() {
    let host = Running::start().await;
    for path in ["/assets/none.js", "/assets/..%2Findex.html", "/assets/"] {
        let answer = host.client.raw(Method::GET, path, None).await;
        assert_eq!(answer.refusal(), (404, "route_not_found".to_owned()), "{path}");
    }
    host.stop().await;
}
