//! Behaves well: sends the requests that its settings name, all at once, and says what came of each.
//!
//! `urls` are separated by spaces. It says `status:body` or the error's case, in order, so that a test reads there what a plugin sees.

use shape::jackfield::plugin::http::{self, HeaderValue, HttpError, Request, SecretValue};
use shape::{Contact, Decision, Event, Failure, Guest, commit, number, say, setting};

/// Of a body, as it is said.
const SAID_BYTES: usize = 200;

struct AsksTheWeb;

impl Guest for AsksTheWeb {
    const NAME: &str = "asks-the-web";
    const ACTIONS: &[&str] = &["say"];

    fn handle(_contact: Contact, _event: Event) -> Result<Decision, Failure> {
        let urls = setting("urls").unwrap_or_default();
        let mut told = Vec::new();
        for _ in 0..number("rounds").unwrap_or(1) {
            let requests: Vec<Request> = urls.split(' ').filter(|url| !url.is_empty()).map(request).collect();
            told.extend(http::send(&requests).iter().map(tell));
        }
        if setting("time").is_some() {
            told.push(format!("{} ms left", http::time_left()));
        }
        Ok(say(told.join("; "), "asked the web"))
    }
}

fn request(url: &str) -> Request {
    let mut headers = Vec::new();
    if let Some(handle) = setting("secret") {
        headers.push(("authorization".into(), HeaderValue::Secret(SecretValue { prefix: "Bearer ".into(), handle })));
    }
    if let Some((name, value)) = setting("header").as_deref().and_then(|header| header.split_once('=')) {
        headers.push((name.into(), HeaderValue::Text(value.into())));
    }
    Request {
        method: setting("method").unwrap_or_else(|| "GET".into()),
        url: url.into(),
        headers,
        body: vec![b'b'; number("body").unwrap_or(0) as usize],
        timeout: number("timeout"),
    }
}

fn tell(result: &Result<http::Response, HttpError>) -> String {
    match result {
        Ok(response) => {
            let body = &response.body[..response.body.len().min(SAID_BYTES)];
            format!("{}:{}:{}", response.status, response.body.len(), String::from_utf8_lossy(body))
        }
        Err(HttpError::Other(other)) => other.kind.clone(),
        Err(error) => shape::http_code(error).into(),
    }
}

commit!(AsksTheWeb);
