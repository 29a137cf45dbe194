//! Carries batches of spans to a collector: the client that the exporter of traces is given.
//!
//! The server makes one where an operator named a collector. It is here because no other crate may open a connection; what it sends
//! was put together by the exporter. It follows no redirect and reads little of the answer, which nobody looks at.
//!
//! It must not retry: a batch that is lost is counted, and the next is on its way.

use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use opentelemetry_http::{HttpClient, HttpError, Request, Response};

use crate::client::ClientError;

/// A collector stands nearby; one that takes longer holds up the spans behind.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// A collector answers with a few bytes; what is more is not read.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Sends batches over one pool.
#[derive(Debug, Clone)]
pub struct TraceClient {
    http: reqwest::Client,
}

impl TraceClient {
    /// For a collector under `https`, or one of this machine or network.
    pub fn new(is_https: bool) -> Result<Self, ClientError> {
        let bad = |why: String| ClientError::BadAddress { given: String::new(), why };
        let tls = crate::tls::config(is_https).map_err(|e| bad(e.to_string()))?;
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(ANSWER_TIMEOUT)
            .user_agent(concat!("jackfield/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|e| bad(e.to_string()))?;
        Ok(Self { http })
    }
}

#[async_trait]
impl HttpClient for TraceClient {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let mut answer = self.http.execute(request.try_into()?).await?;
        let mut response = Response::builder().status(answer.status());
        if let Some(headers) = response.headers_mut() {
            *headers = std::mem::take(answer.headers_mut());
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = answer.chunk().await? {
            if body.len() + chunk.len() > ANSWER_BYTES_MAX {
                break;
            }
            body.extend_from_slice(&chunk);
        }
        Ok(response.body(body.freeze())?)
    }
}
