//! Adapts `http`: counts requests, hands those that may go ahead to the outside, and tells what is left of the time in coarse steps.
//!
//! Grant and number of requests are checked here; which hosts a release may reach, and everything that can go wrong on the way, is
//! decided behind the domain's trait. All that goes wrong is a value for the guest. Both functions go onto the tape like any capability.

use jackfield_domain::capability::{Answer, Ask, Denial};
use jackfield_domain::flow::plugin::Grant;
use jackfield_domain::request;
use wasmtime::Result;

use super::WrongAnswer;
use crate::abi::v1::imports::http::{HeaderValue, Host, HttpError, Request, Response};
use crate::abi::v1::imports::types::Extension;
use crate::guest::Guest;

fn asked(request: Request) -> request::Request {
    let value = |value| match value {
        HeaderValue::Text(text) => request::HeaderValue::Text(text),
        HeaderValue::Secret(secret) => request::HeaderValue::Secret { prefix: secret.prefix, handle: secret.handle },
    };
    request::Request {
        method: request.method,
        url: request.url,
        headers: request.headers.into_iter().map(|(name, of)| (name, value(of))).collect(),
        body: request.body,
        timeout_ms: request.timeout,
    }
}

fn response(response: request::Response) -> Response {
    Response { status: response.status, headers: response.headers, body: response.body }
}

fn error(error: request::HttpError) -> HttpError {
    use request::HttpError as Of;
    match error {
        Of::Denied => HttpError::Denied,
        Of::Exhausted => HttpError::Exhausted,
        Of::NotAllowed(what) => HttpError::NotAllowed(what),
        Of::BadRequest(at) => HttpError::BadRequest(at),
        Of::NoSecret(handle) => HttpError::NoSecret(handle),
        Of::Unresolved => HttpError::Unresolved,
        Of::Timeout => HttpError::Timeout,
        Of::Unavailable => HttpError::Unavailable,
        Of::TooLarge => HttpError::TooLarge,
        Of::Failed(why) => HttpError::Failed(why),
        Of::Other(kind) => HttpError::Other(Extension { kind, data: "{}".to_owned() }),
    }
}

impl Host for Guest {
    async fn send(&mut self, requests: Vec<Request>) -> Result<Vec<Result<Response, HttpError>>> {
        let mut requests: Vec<request::Request> = requests.into_iter().map(asked).collect();
        let asked = requests.len();
        let bytes =
            requests.iter().fold(0_u64, |sum, request| sum.saturating_add(request.head_bytes()).saturating_add(request.body_bytes()));
        // Without the grant none is used up, and the question is answered like every other that was not granted.
        let allowed = if self.may(Grant::Http) { self.meter.count_requests(asked, bytes)? } else { asked };
        if allowed == 0 && asked > 0 {
            let _allowed = self.meter.count_call(0)?;
            self.tape.record(&Ask::HttpSend { requests, left_ms: 0 }, &Answer::Denied(Denial::Exhausted));
            return Ok(vec![Err(HttpError::Exhausted); asked]);
        }
        requests.truncate(allowed);
        let left_ms = self.time.left_exactly_ms();
        let mut results: Vec<Result<Response, HttpError>> = match self.ask(Ask::HttpSend { requests, left_ms }, 0).await? {
            Answer::Sent(sent) => sent.into_iter().map(|sent| sent.result.map(response).map_err(error)).collect(),
            Answer::Denied(Denial::Exhausted) => vec![Err(HttpError::Exhausted); allowed],
            Answer::Denied(Denial::Denied) => vec![Err(HttpError::Denied); allowed],
            answer => return Err(WrongAnswer(answer).into()),
        };
        results.resize(asked, Err(HttpError::Exhausted));
        Ok(results)
    }

    async fn time_left(&mut self) -> Result<u64> {
        // There is no way to say "exhausted" here; a guest that asks for ever is ended by the same count as any other.
        let _allowed = self.meter.count_call(0)?;
        let left_ms = self.capabilities.time_left(self.time.left_ms());
        self.tape.record_named("http.time-left", &(), &Answer::Number(i64::try_from(left_ms).unwrap_or(i64::MAX)));
        Ok(left_ms)
    }
}
