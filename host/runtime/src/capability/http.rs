//! Adapts `http`: every request is denied, and the time that is left is told in coarse steps.
//!
//! The interface is part of the contract, so a plugin that imports it links and runs; no grant for it can be given yet, and a
//! request without a grant is answered with `denied`. Both functions go onto the tape like any capability.

use jackfield_domain::capability::{Answer, Denial};
use wasmtime::Result;

use crate::abi::v1::imports::http::{HeaderValue, Host, HttpError, Request, Response};
use crate::guest::Guest;
use crate::guest::limits::Allowed;

fn argument_bytes(request: &Request) -> usize {
    let headers = request.headers.iter().map(|(name, value)| {
        name.len()
            + match value {
                HeaderValue::Text(text) => text.len(),
                HeaderValue::Secret(secret) => secret.prefix.len() + secret.handle.len(),
            }
    });
    request.method.len() + request.url.len() + request.body.len() + headers.sum::<usize>()
}

impl Host for Guest {
    async fn send(&mut self, requests: Vec<Request>) -> Result<Vec<Result<Response, HttpError>>> {
        let bytes = requests.iter().map(argument_bytes).sum();
        let (error, denial) = match self.meter.count_call(bytes)? {
            Allowed::Yes => (HttpError::Denied, Denial::Denied),
            Allowed::Exhausted => (HttpError::Exhausted, Denial::Exhausted),
        };
        let asked: Vec<(&str, &str)> = requests.iter().map(|request| (request.method.as_str(), request.url.as_str())).collect();
        self.tape.record_named("http.send", &asked, &Answer::Denied(denial));
        Ok(requests.iter().map(|_| Err(error.clone())).collect())
    }

    async fn time_left(&mut self) -> Result<u64> {
        // There is no way to say "exhausted" here; a guest that asks for ever is ended by the same count as any other.
        let _allowed = self.meter.count_call(0)?;
        let left_ms = self.time.left_ms();
        self.tape.record_named("http.time-left", &(), &Answer::Number(i64::try_from(left_ms).unwrap_or(i64::MAX)));
        Ok(left_ms)
    }
}
