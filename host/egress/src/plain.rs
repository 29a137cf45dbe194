//! Sends one request as it is given and hands back what came: for whoever plays a provider.
//!
//! The demo, the tests and later the outbox use it. It follows no redirects, keeps no cookies and adds nothing but what HTTP needs,
//! because a provider's request is signed and must leave as it was made.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use url::Url;

use crate::client::ClientError;

/// Longer than any provider waits.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// What came back.
#[derive(Debug, Clone)]
pub struct PlainReply {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

impl PlainReply {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Sends plain requests over one pool.
#[derive(Debug, Clone)]
pub struct PlainClient {
    http: reqwest::Client,
}

impl PlainClient {
    /// For `http` addresses of this machine or network.
    pub fn new() -> Result<Self, ClientError> {
        let bad = |why: String| ClientError::BadAddress { given: String::new(), why };
        let tls = crate::tls::config(false).map_err(|e| bad(e.to_string()))?;
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(ANSWER_TIMEOUT)
            .build()
            .map_err(|e| bad(e.to_string()))?;
        Ok(Self { http })
    }

    /// Sends one request.
    pub async fn send(&self, method: Method, url: &Url, headers: &[(String, String)], body: Bytes) -> Result<PlainReply, ClientError> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let bad = || ClientError::BadAddress { given: name.clone(), why: "it is not a header".to_owned() };
            map.append(HeaderName::try_from(name).map_err(|_| bad())?, HeaderValue::try_from(value).map_err(|_| bad())?);
        }
        let unreachable = |e: reqwest::Error| ClientError::Unreachable { server: url.origin().ascii_serialization(), why: e.to_string() };
        let reply = self.http.request(method, url.clone()).headers(map).body(body).send().await.map_err(unreachable)?;
        let (status, headers) = (reply.status().as_u16(), reply.headers().clone());
        let body = reply.bytes().await.map_err(unreachable)?;
        Ok(PlainReply { status, headers, body })
    }
}
