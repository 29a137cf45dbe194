//! Maps what went wrong to HTTP: one table, and problem details as RFC 9457 writes them.
//!
//! Every handler ends in `Result<_, Problem>`. A refusal shows its code, its sentence and the offending part; a fault of ours shows
//! an opaque id, under which the operator finds the cause in the log. It is logged here, once, because here it leaves.

use std::fmt::Display;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use jackfield_domain::ports::rows::{CommitError, RowsFault};
use jackfield_domain::refusal::{Code, Refusal};
use jackfield_runtime::{InstallError, RuntimeFault};
use jackfield_store::StoreFault;
use serde::Serialize;

/// Why a request has no answer of its noun.
#[derive(Debug)]
pub enum Problem {
    /// The caller's doing.
    Refused(Refusal),
    /// Ours; the text is for the log alone.
    Broke(String),
}

impl Problem {
    /// A refusal with its sentence.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self::Refused(Refusal::new(code, detail))
    }

    /// A refusal that names the offending part.
    pub fn at(code: Code, at: &str, detail: impl Into<String>) -> Self {
        Self::Refused(Refusal::new(code, detail).at(at))
    }

    /// There is no such thing, as far as the caller's token reaches. What is another tenant's reads the same.
    pub fn not_found(what: &str, name: &dyn Display) -> Self {
        Self::at(Code::NotFound, what, format!("there is no {what} {name}"))
    }

    /// The revision is no longer the one that was read.
    pub fn stale() -> Self {
        Self::new(Code::Conflict, "somebody else wrote it meanwhile; read it again and repeat the change")
    }
}

impl<R: Into<Refusal>> From<R> for Problem {
    fn from(refusal: R) -> Self {
        Self::Refused(refusal.into())
    }
}

/// The fault's text for the log.
fn broke(fault: &dyn Display) -> Problem {
    Problem::Broke(fault.to_string())
}

/// Maps a failed read.
pub(crate) fn unread(fault: StoreFault) -> Problem {
    broke(&fault)
}

/// Maps a failed read of blobs.
pub(crate) fn unkept(fault: RowsFault) -> Problem {
    broke(&fault)
}

/// Maps a batch that did not happen, where a conflict means that somebody was faster.
pub(crate) fn uncommitted(error: CommitError) -> Problem {
    match error {
        CommitError::Conflict { .. } => Problem::stale(),
        CommitError::TooLarge(why) => Problem::new(Code::TooLarge, format!("it does not fit into one row: {why}")),
        CommitError::Fault(fault) => broke(&fault),
    }
}

/// Maps a fault of the runtime.
pub(crate) fn broken(fault: RuntimeFault) -> Problem {
    broke(&fault)
}

/// Maps an upload that was not taken.
pub(crate) fn uninstalled(error: InstallError) -> Problem {
    match error {
        InstallError::Refused(refusal) => Problem::Refused(refusal),
        InstallError::Fault(fault) => broke(&fault),
    }
}

/// The HTTP status of each code: the only such table.
pub fn status(code: Code) -> StatusCode {
    match code {
        Code::BadRequest | Code::Invalid => StatusCode::BAD_REQUEST,
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::Forbidden => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        Code::Conflict | Code::InUse => StatusCode::CONFLICT,
        Code::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Code::WrongContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Code::BadComponent
        | Code::ImportNotAllowed
        | Code::BadExport
        | Code::WrongContract
        | Code::ComponentTooComplex
        | Code::CompileFailed
        | Code::BadDescribe
        | Code::BadSettings
        | Code::BadGrant
        | Code::CasesFail
        | Code::NeedsApproval
        | Code::CannotRender
        | Code::NeedsOutbox
        | Code::NeedsSpeaker
        | Code::LimitReached => StatusCode::UNPROCESSABLE_ENTITY,
        Code::Busy => StatusCode::SERVICE_UNAVAILABLE,
        Code::Fault => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The code in words, the same for every problem of that code.
pub fn title(code: Code) -> &'static str {
    match code {
        Code::BadRequest => "The request cannot be read",
        Code::Invalid => "A value breaks its rule",
        Code::TooLarge => "Too large",
        Code::WrongContentType => "Wrong content type",
        Code::Unauthenticated => "No good token",
        Code::Forbidden => "The token does not reach so far",
        Code::NotFound => "Not found",
        Code::MethodNotAllowed => "The method is not for this route",
        Code::Conflict => "It exists, or was written meanwhile",
        Code::InUse => "Something still uses it",
        Code::BadComponent => "Not a component that runs here",
        Code::ImportNotAllowed => "The component imports what is not allowed",
        Code::BadExport => "An export is missing or has other types",
        Code::WrongContract => "Built for another contract",
        Code::ComponentTooComplex => "The component is too complex",
        Code::CompileFailed => "The component does not compile within its limits",
        Code::BadDescribe => "The plugin's description is not usable",
        Code::BadSettings => "The settings do not fit",
        Code::BadGrant => "The grant cannot be given",
        Code::CasesFail => "Test cases that must hold do not",
        Code::NeedsApproval => "It may do more than what is live",
        Code::CannotRender => "The provider cannot do it",
        Code::NeedsOutbox => "Messages and calls begun by the platform are not there yet",
        Code::NeedsSpeaker => "The connection has no speaker URL",
        Code::LimitReached => "A limit is reached",
        Code::Busy => "Too much at once",
        Code::Fault => "The platform failed",
    }
}

/// Problem details.
#[derive(Debug, Serialize)]
struct Details<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    status: u16,
    code: Code,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<&'a str>,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (refusal, fault) = match self {
            Self::Refused(refusal) => (refusal, None),
            Self::Broke(why) => {
                let id = fault_id();
                tracing::error!(fault = %id, why, "an admin request failed");
                (Refusal::new(Code::Fault, format!("this is our fault; give {id} to whoever runs the platform")), Some(id))
            }
        };
        let code = refusal.code;
        let details = Details {
            kind: format!("urn:jackfield:problem:{}", code.as_str()),
            title: title(code),
            status: status(code).as_u16(),
            code,
            detail: &refusal.detail,
            at: refusal.at.as_deref(),
            fault: fault.as_deref(),
        };
        let body = serde_json::to_vec(&details).unwrap_or_default();
        let mut response = (status(code), body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match code {
            Code::Unauthenticated => headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")),
            Code::Busy => headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1")),
            _ => None,
        };
        response
    }
}

/// Eight random bytes: enough to find one line of a log.
fn fault_id() -> String {
    let mut bytes = [0_u8; 8];
    // Without randomness the id is all zero, and the time of the line still finds it.
    let _ = getrandom::fill(&mut bytes);
    hex::encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_code_is_an_error_status_with_a_title_of_its_own() {
        let titles: BTreeSet<_> = Code::ALL.iter().map(|code| title(*code)).collect();
        assert_eq!(titles.len(), Code::ALL.len());
        for code in Code::ALL {
            let status = status(code);
            let is_ours = matches!(code, Code::Fault | Code::Busy);
            assert_eq!((status.is_client_error(), status.is_server_error()), (!is_ours, is_ours), "{code:?} is {status}");
        }
    }

    #[tokio::test]
    async fn a_problem_says_what_where_and_under_which_code() {
        let response = Problem::at(Code::Invalid, "label", "the label is empty").into_response();
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
        let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(
            body,
            serde_json::json!({
                "type": "urn:jackfield:problem:invalid", "title": "A value breaks its rule", "status": 400,
                "code": "invalid", "detail": "the label is empty", "at": "label",
            })
        );
    }

    #[tokio::test]
    async fn a_fault_shows_an_id_and_never_its_cause() {
        let response = Problem::Broke("secret path /data/db".to_owned()).into_response();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        assert!(!body.contains("secret"), "{body}");
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["fault"].as_str().unwrap().len(), 16);
    }
}
