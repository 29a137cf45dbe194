//! Speaks the admin API: JSON and components go out, JSON and problems come back.
//!
//! The command line, the demo and the tests call it, so that they meet exactly what a customer's own client meets. It knows paths
//! and bodies only as text: what a route means is the server's to say. A refusal comes back as a [`Problem`] with its code, anything
//! that is not an answer of a Jackfield server as another error, because the two ask for different deeds.
//!
//! It must not retry: a write whose answer was lost may have happened, and only the caller can tell.

use std::fmt;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

/// Nothing on a loopback or a nearby network takes longer to accept.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The slowest answer that is not an upload reads some pages of the store.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// The compiler may take a minute of processor time, and another upload may be before this one.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(300);
/// Largest answer that is read: a contact with all its turns stays far below.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What a server answered where it did what was asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// The HTTP status, from 200 to 299.
    pub status: u16,
    /// The JSON; null where the answer is empty.
    pub body: Value,
    /// The revision of what was read or written, where the server names one.
    pub etag: Option<String>,
}

/// A refusal or a fault of the server, as RFC 9457 writes it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// For programs, for example "not-found".
    pub code: String,
    /// The same in words.
    pub title: String,
    /// For people: a sentence.
    #[serde(default)]
    pub detail: String,
    /// The offending part of the request.
    #[serde(default)]
    pub at: Option<String>,
    /// Under what the operator finds it in the log.
    #[serde(default)]
    pub fault: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.detail.is_empty() { &self.title } else { &self.detail })
    }
}

/// Why there is no reply.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The server's address is none.
    #[error("{given:?} is not a server's address: {why}")]
    BadAddress {
        /// What was given.
        given: String,
        /// What is wrong.
        why: String,
    },
    /// The token cannot stand in a header.
    #[error("the token has characters that no token has")]
    BadToken,
    /// The server refused it, or failed.
    #[error("{0}")]
    Refused(Box<Problem>),
    /// There is no answer.
    #[error("{server} does not answer: {why}")]
    Unreachable {
        /// Whom we asked.
        server: String,
        /// What happened.
        why: String,
    },
    /// There is an answer, and it is not one of ours.
    #[error("{server} answers, but not as Jackfield does: {why}")]
    Unreadable {
        /// Whom we asked.
        server: String,
        /// What came.
        why: String,
    },
}

/// A client of one server's admin API, with one token.
#[derive(Clone)]
pub struct AdminClient {
    base: Url,
    token: Option<HeaderValue>,
    http: reqwest::Client,
}

impl fmt::Debug for AdminClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdminClient").field("base", &self.base.as_str()).finish_non_exhaustive()
    }
}

impl AdminClient {
    /// For the server at an `http` or `https` address; without a token only what needs none will answer.
    pub fn new(server: &str, token: Option<&str>) -> Result<Self, ClientError> {
        let bad = |why: String| ClientError::BadAddress { given: server.chars().take(200).collect(), why };
        let base = Url::parse(server).map_err(|e| bad(format!("{e}; write for example http://127.0.0.1:8081")))?;
        if !matches!(base.scheme(), "http" | "https") || base.cannot_be_a_base() {
            return Err(bad("it must begin with http:// or https://".to_owned()));
        }
        let token = token
            .map(|token| {
                let mut value = HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| ClientError::BadToken)?;
                value.set_sensitive(true);
                Ok(value)
            })
            .transpose()?;
        let tls = crate::tls::config(base.scheme() == "https").map_err(|e| bad(e.to_string()))?;
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .no_proxy()
            // A redirect would carry the token to somebody else.
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(ANSWER_TIMEOUT)
            .user_agent(concat!("jackfield/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|e| bad(deepest(&e)))?;
        Ok(Self { base, token, http })
    }

    /// Reads. Names and values of the query are encoded here.
    pub async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Reply, ClientError> {
        self.send(self.request(Method::GET, path).query(query)).await
    }

    /// Sends JSON, or nothing, and reads what comes back.
    pub async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Reply, ClientError> {
        let request = self.request(method, path);
        let request = match body {
            Some(body) => request.header(header::CONTENT_TYPE, "application/json").body(body.to_string()),
            None => request,
        };
        self.send(request).await
    }

    /// Writes only if the thing is still at that revision, as [`Reply::etag`] named it.
    pub async fn call_if(&self, method: Method, path: &str, body: Option<&Value>, etag: &str) -> Result<Reply, ClientError> {
        let request = self.request(method, path).header(header::IF_MATCH, etag);
        let request = match body {
            Some(body) => request.header(header::CONTENT_TYPE, "application/json").body(body.to_string()),
            None => request,
        };
        self.send(request).await
    }

    /// Uploads a component.
    pub async fn upload(&self, path: &str, component: Bytes) -> Result<Reply, ClientError> {
        let request = self.request(Method::POST, path);
        self.send(request.header(header::CONTENT_TYPE, "application/wasm").timeout(UPLOAD_TIMEOUT).body(component)).await
    }

    /// Writes a file of YAML.
    pub async fn put_yaml(&self, path: &str, yaml: Bytes) -> Result<Reply, ClientError> {
        let request = self.request(Method::PUT, path);
        self.send(request.header(header::CONTENT_TYPE, "application/yaml").body(yaml)).await
    }

    /// Reads text that is no JSON, such as CSV.
    pub async fn get_text(&self, path: &str, query: &[(&str, &str)]) -> Result<String, ClientError> {
        let request = self.request(Method::GET, path).query(query).header(header::ACCEPT, "text/*");
        let Raw { status, body, .. } = self.receive(request, ANSWER_BYTES_MAX).await?;
        if status.is_success() { Ok(String::from_utf8_lossy(&body).into_owned()) } else { Err(self.refusal(status, &body)) }
    }

    /// Reads bytes that are no JSON, such as a component, at most so many.
    pub async fn download(&self, path: &str, bytes_max: usize) -> Result<Bytes, ClientError> {
        let request = self.request(Method::GET, path).header(header::ACCEPT, "*/*").timeout(UPLOAD_TIMEOUT);
        let Raw { status, body, .. } = self.receive(request, bytes_max).await?;
        if status.is_success() { Ok(body) } else { Err(self.refusal(status, &body)) }
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let mut url = self.base.clone();
        let prefix = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{prefix}/{}", path.trim_start_matches('/')));
        url.set_query(None);
        url.set_fragment(None);
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(token) = &self.token {
            headers.insert(header::AUTHORIZATION, token.clone());
        }
        self.http.request(method, url).headers(headers)
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Reply, ClientError> {
        let Raw { status, etag, body } = self.receive(request, ANSWER_BYTES_MAX).await?;
        if !status.is_success() {
            return Err(self.refusal(status, &body));
        }
        let body = if body.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(&body) };
        let body = body.map_err(|_| self.foreign(format!("status {status} without JSON")))?;
        Ok(Reply { status: status.as_u16(), body, etag })
    }

    async fn receive(&self, request: reqwest::RequestBuilder, bytes_max: usize) -> Result<Raw, ClientError> {
        let unreachable = |e: &reqwest::Error| ClientError::Unreachable { server: self.server(), why: why(e) };
        let mut response = request.send().await.map_err(|e| unreachable(&e))?;
        let status = response.status();
        let etag = response.headers().get(header::ETAG).and_then(|v| v.to_str().ok()).map(str::to_owned);
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| unreachable(&e))? {
            if body.len() + chunk.len() > bytes_max {
                return Err(self.foreign(format!("more than {bytes_max} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Raw { status, etag, body: body.freeze() })
    }

    fn server(&self) -> String {
        self.base.origin().ascii_serialization()
    }

    fn foreign(&self, why: String) -> ClientError {
        ClientError::Unreadable { server: self.server(), why }
    }

    fn refusal(&self, status: StatusCode, body: &[u8]) -> ClientError {
        match serde_json::from_slice::<Problem>(body) {
            Ok(problem) => ClientError::Refused(Box::new(problem)),
            Err(_) => self.foreign(format!("status {status} without problem details; is this the admin port?")),
        }
    }
}

/// An answer before anybody knows what it means.
struct Raw {
    status: StatusCode,
    etag: Option<String>,
    body: Bytes,
}

/// What is at the bottom of an error: reqwest's own sentence only repeats the URL.
fn deepest(error: &dyn std::error::Error) -> String {
    let mut at = error;
    while let Some(source) = at.source() {
        at = source;
    }
    at.to_string()
}

fn why(error: &reqwest::Error) -> String {
    if error.is_timeout() { "the time is up".to_owned() } else { deepest(error) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    /// Answers one request with those bytes and gives back what was asked.
    async fn once(answer: &'static str) -> (String, tokio::task::JoinHandle<String>) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = format!("http://{}", listener.local_addr().unwrap());
        let asked = tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut asked = Vec::new();
            let mut buffer = [0; 4096];
            while !asked.windows(4).any(|w| w == b"\r\n\r\n") {
                let read = socket.read(&mut buffer).await.unwrap();
                asked.extend_from_slice(&buffer[..read]);
            }
            socket.write_all(answer.as_bytes()).await.unwrap();
            socket.shutdown().await.unwrap();
            String::from_utf8_lossy(&asked).into_owned()
        });
        (server, asked)
    }

    #[tokio::test]
    async fn an_answer_comes_back_as_json_with_its_revision() {
        let (server, asked) = once("HTTP/1.1 200 OK\r\netag: \"7\"\r\ncontent-length: 9\r\n\r\n{\"a\":[1]}").await;
        let client = AdminClient::new(&format!("{server}/under/"), Some("jf_x")).unwrap();
        let reply = client.get("/v1/tenants", &[("q", "a b&c")]).await.unwrap();
        assert_eq!((reply.status, reply.body, reply.etag.as_deref()), (200, serde_json::json!({"a": [1]}), Some("\"7\"")));
        let asked = asked.await.unwrap();
        assert!(asked.starts_with("GET /under/v1/tenants?q=a+b%26c HTTP/1.1"), "{asked}");
        assert!(asked.contains("authorization: Bearer jf_x"), "{asked}");
    }

    #[tokio::test]
    async fn a_refusal_comes_back_with_its_code() {
        let body = r#"{"status":404,"code":"not-found","title":"Not found","detail":"there is no tenant","at":"tenant"}"#;
        let answer = format!("HTTP/1.1 404 Not Found\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        let (server, _) = once(Box::leak(answer.into_boxed_str())).await;
        match AdminClient::new(&server, None).unwrap().get("/v1/tenants/x", &[]).await {
            Err(ClientError::Refused(problem)) => assert_eq!((problem.status, problem.code.as_str()), (404, "not-found")),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn what_is_not_jackfield_and_what_is_not_there_are_told_apart() {
        let (server, _) = once("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n<html>").await;
        let foreign = AdminClient::new(&server, None).unwrap().get("/", &[]).await.unwrap_err();
        assert!(matches!(foreign, ClientError::Unreadable { .. }), "{foreign}");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let gone = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let nobody = AdminClient::new(&gone, None).unwrap().get("/", &[]).await.unwrap_err();
        assert!(matches!(nobody, ClientError::Unreachable { .. }), "{nobody}");
    }

    #[tokio::test]
    async fn a_redirect_is_not_followed_with_the_token() {
        let (server, _) = once("HTTP/1.1 302 Found\r\nlocation: http://192.0.2.1/\r\ncontent-length: 0\r\n\r\n").await;
        let error = AdminClient::new(&server, Some("jf_x")).unwrap().get("/", &[]).await.unwrap_err();
        assert!(error.to_string().contains("302"), "{error}");
    }

    #[test]
    fn an_address_that_is_none_is_refused_with_an_example() {
        for given in ["", "localhost:8081", "ftp://a", "mailto:a@b"] {
            assert!(matches!(AdminClient::new(given, None), Err(ClientError::BadAddress { .. })), "{given:?} was taken");
        }
        assert!(matches!(AdminClient::new("http://a", Some("a\nb")), Err(ClientError::BadToken)));
        AdminClient::new("https://a", None).unwrap();
    }
}
