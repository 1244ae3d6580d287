//! A client that takes no answer that the OpenAPI document doesn't describe.

use std::net::SocketAddr;
use std::sync::OnceLock;

use futures::StreamExt;
use reqwest::Method;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderName};
use serde_json::{Value, json};

use super::PATIENCE;

fn document() -> &'static Value {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    DOCUMENT.get_or_init(phasegate_server::openapi_document)
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("text"))
    }

    /// Its code, if it is a problem.
    pub fn code(&self) -> String {
        assert_eq!(
            self.header("content-type"),
            "application/problem+json",
            "{}",
            self.text
        );
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        problem["code"].as_str().expect("a code").to_owned()
    }

    /// Its status and code.
    pub fn refusal(&self) -> (u16, String) {
        (self.status, self.code())
    }
}

/// One server-sent event.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SseEvent {
    pub id: Option<String>,
    pub event: String,
    pub data: String,
}

/// An open stream of them.
pub struct Sse {
    stream: std::pin::Pin<Box<dyn futures::Stream<Item = Vec<u8>> + Send>>,
    text: String,
    pub headers: HeaderMap,
}

impl Sse {
    /// The next event; none when the stream ends.
    pub async fn next(&mut self) -> Option<SseEvent> {
        loop {
            if let Some(end) = self.text.find("\n\n") {
                let block: String = self.text.drain(..end + 2).collect();
                let field = |name: &str| {
                    let lines = block
                        .lines()
                        .filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
                    lines.map(|value| value.trim_start().to_owned()).next()
                };
                if let Some(data) = field("data") {
                    return Some(SseEvent {
                        id: field("id"),
                        event: field("event").unwrap_or_default(),
                        data,
                    });
                }
                continue;
            }
            let next = tokio::time::timeout(PATIENCE, self.stream.next());
            let chunk = next
                .await
                .expect("an event, a heartbeat or the end comes in time")?;
            self.text.push_str(&String::from_utf8(chunk).expect("UTF-8"));
        }
    }

    /// The next event that is no progress.
    pub async fn next_fact(&mut self) -> Option<SseEvent> {
        loop {
            match self.next().await {
                Some(event) if event.event == "progress" => {}
                other => return other,
            }
        }
    }
}

/// A client with the token.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    pub base: String,
    headers: HeaderMap,
}

impl Client {
    pub fn new(address: SocketAddr, token: &str) -> Self {
        // The client can't be built without one, whether it is used or not; another test may have been quicker.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut headers = HeaderMap::new();
        headers.insert(
            AUTHORIZATION,
            format!("Bearer {token}").parse().expect("a header"),
        );
        Self {
            http: reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy()
                .build()
                .expect("a client"),
            base: format!("http://{address}"),
            headers,
        }
    }

    /// The same client with one more header.
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut client = self.clone();
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a header name");
        client
            .headers
            .insert(name, value.parse().expect("a header value"));
        client
    }

    /// The same client without a header.
    pub fn without(&self, name: &str) -> Self {
        let mut client = self.clone();
        client.headers.remove(name);
        client
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, Some(body)).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PUT, path, Some(body)).await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PATCH, path, Some(body)).await
    }

    /// A POST without a body.
    pub async fn tell(&self, path: &str) -> Answer {
        self.send(Method::POST, path, None).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None).await
    }

    /// Sends a request to the API, and compares the answer with the document.
    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let bytes = body.map(|body| body.to_string().into_bytes());
        let client = match body {
            Some(_) if !self.headers.contains_key("content-type") => {
                self.with("content-type", "application/json")
            }
            _ => self.clone(),
        };
        let answer = client.raw(method.clone(), &format!("/api/v1{path}"), bytes).await;
        conforms(&method, path, &answer);
        answer
    }

    /// Sends any request, and takes any answer.
    pub async fn raw(&self, method: Method, path: &str, body: Option<Vec<u8>>) -> Answer {
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.base))
            .headers(self.headers.clone());
        if let Some(body) = body {
            request = request.body(body);
        }
        let response = tokio::time::timeout(PATIENCE, request.send()).await;
        let response = response.expect("an answer in time").expect("an answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.expect("a body");
        Answer {
            status,
            headers,
            text,
        }
    }

    /// Opens a stream of events, from after a cursor on.
    pub async fn events(&self, path: &str, after: Option<&str>) -> Sse {
        let mut request = self
            .http
            .get(format!("{}/api/v1{path}", self.base))
            .headers(self.headers.clone())
            .header(ACCEPT, "text/event-stream");
        if let Some(after) = after {
            request = request.header("last-event-id", after);
        }
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), 200);
        let headers = response.headers().clone();
        assert_eq!(headers["content-type"], "text/event-stream");
        let stream = response
            .bytes_stream()
            .map(|chunk| chunk.map(|bytes| bytes.to_vec()).unwrap_or_default());
        Sse {
            stream: Box::pin(stream),
            text: String::new(),
            headers,
        }
    }
}

/// Compares an answer with what the document says of that call.
fn conforms(method: &Method, path: &str, answer: &Answer) {
    let path = path.split('?').next().unwrap_or_default();
    let paths = document()["paths"].as_object().expect("paths");
    let matches = |template: &str| {
        let (template, path): (Vec<_>, Vec<_>) = (
            template["/api/v1".len()..].split('/').collect(),
            path.split('/').collect(),
        );
        template.len() == path.len()
            && template
                .iter()
                .zip(&path)
                .all(|(one, other)| one.starts_with('{') || one == other)
    };
    let Some((template, item)) = paths.iter().find(|(template, _)| matches(template)) else {
        assert_eq!(answer.code(), "route_not_found", "{path} is not in the document");
        return;
    };
    let operation = &item[method.as_str().to_lowercase()];
    if operation.is_null() {
        assert_eq!(
            answer.code(),
            "method_not_allowed",
            "{method} {template} is not in the document"
        );
        return;
    }
    let response = &operation["responses"][answer.status.to_string()];
    assert!(
        !response.is_null(),
        "{method} {template} may not answer {}: {}",
        answer.status,
        answer.text
    );
    let form = answer
        .header("content-type")
        .split(';')
        .next()
        .unwrap_or_default()
        .to_owned();
    let Some(contents) = response["content"].as_object() else {
        assert_eq!(answer.text, "", "{method} {template} answers without a body");
        return;
    };
    let content = contents
        .get(&form)
        .unwrap_or_else(|| panic!("{method} {template} may not answer in {form}"));
    if ![
        "application/json",
        "application/problem+json",
        "application/schema+json",
    ]
    .contains(&form.as_str())
    {
        return;
    }
    let mut schema = content["schema"].clone();
    schema["components"] = json!({ "schemas": document()["components"]["schemas"] });
    let validator = jsonschema::draft202012::new(&schema).expect("a schema");
    if let Some(error) = validator.iter_errors(&answer.json()).next() {
        panic!(
            "{method} {template}: {error} at {}: {}",
            error.instance_path(),
            answer.text
        );
    }
}
