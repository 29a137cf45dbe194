//! Carries one request and its response over a connection, and counts the bytes of both.
//!
//! The gate calls it with a connection that is idle or new. Nothing is unpacked: a body is taken as it comes, so that a small answer
//! cannot become a large one here. Bounds hold for what really arrives, whatever was announced; an answer without an end is ended by
//! the request's time, which is the caller's.

use bytes::Bytes;
use http::header;
use http_body_util::{BodyExt as _, Full};
use jackfield_domain::request::{HttpError, Response};

use super::dial::Line;

/// What a request came to on one connection.
pub(super) enum Carried {
    /// It was answered; the connection may be used again where it says so.
    Answered {
        /// What came.
        response: Response,
        /// True where the connection is fit for another request.
        reusable: bool,
    },
    /// It never left: the connection was closed before. The request comes back.
    NotSent(Box<http::Request<Full<Bytes>>>),
    /// It broke.
    Broke(HttpError),
}

/// Bytes that came, and how many may.
pub(super) struct Allowance<'a> {
    /// Of the body.
    pub(super) body_bytes_max: u64,
    /// Counted here, also where it ends badly.
    pub(super) received_bytes: &'a mut u64,
}

fn broke(fault: &hyper::Error) -> HttpError {
    // Only the kind: hyper's sentence may quote what came.
    let why = match fault {
        fault if fault.is_parse_too_large() => return HttpError::TooLarge,
        fault if fault.is_parse() => "the answer is not HTTP",
        fault if fault.is_incomplete_message() => "the connection closed before the answer was complete",
        fault if fault.is_timeout() => return HttpError::Timeout,
        _ => "the connection broke",
    };
    HttpError::Failed(why.to_owned())
}

/// Sends and receives.
pub(super) async fn carry(line: &mut Line, request: http::Request<Full<Bytes>>, allowance: Allowance<'_>) -> Carried {
    if line.sender.ready().await.is_err() {
        return Carried::NotSent(Box::new(request));
    }
    let answered = match line.sender.try_send_request(request).await {
        Ok(answered) => answered,
        Err(mut unsent) => {
            return match unsent.take_message() {
                Some(request) => Carried::NotSent(Box::new(request)),
                None => Carried::Broke(broke(unsent.error())),
            };
        }
    };
    let (parts, body) = answered.into_parts();
    let Allowance { body_bytes_max, received_bytes } = allowance;
    let headers: Vec<(String, String)> = parts
        .headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    let head_bytes = headers.iter().map(|(name, value)| name.len() + value.len() + 4).sum::<usize>();
    *received_bytes = received_bytes.saturating_add(u64::try_from(head_bytes).unwrap_or(u64::MAX));
    match collect(body, body_bytes_max, received_bytes).await {
        Ok(body) => {
            let closes = parts.headers.get(header::CONNECTION).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"close"));
            let reusable = !closes && !line.sender.is_closed() && parts.status != http::StatusCode::SWITCHING_PROTOCOLS;
            Carried::Answered { response: Response { status: parts.status.as_u16(), headers, body }, reusable }
        }
        Err(error) => Carried::Broke(error),
    }
}

async fn collect(mut body: hyper::body::Incoming, bytes_max: u64, received_bytes: &mut u64) -> Result<Vec<u8>, HttpError> {
    use http_body::Body as _;
    // What announces too much is not read at all.
    if body.size_hint().exact().is_some_and(|bytes| bytes > bytes_max) {
        return Err(HttpError::TooLarge);
    }
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|fault| broke(&fault))?;
        let Ok(data) = frame.into_data() else { continue };
        *received_bytes = received_bytes.saturating_add(data.len() as u64);
        if (whole.len() + data.len()) as u64 > bytes_max {
            return Err(HttpError::TooLarge);
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole)
}
