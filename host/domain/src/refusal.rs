//! Names what a caller of ours may have done wrong: a closed list, each with a stable code.
//!
//! The admin API answers with it (one table in the server maps codes to HTTP), the CLI prints it. A plugin's doing is a
//! [`crate::fallback::Failure`] and data; our own doing is a fault and shows only an opaque id. The three are never mixed.

use serde::{Deserialize, Serialize};

/// What is wrong, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// The request is not what the route takes.
    BadRequest,
    /// A name, an id or a value breaks its rule.
    Invalid,
    /// The body is larger than the route takes.
    TooLarge,
    /// The content type is not what the route takes.
    WrongContentType,
    /// No token, or not a good one.
    Unauthenticated,
    /// The token does not reach so far. Another tenant's thing is `not-found`.
    Forbidden,
    /// There is no such thing, as far as the token reaches.
    NotFound,
    /// The method is not for this route.
    MethodNotAllowed,
    /// It exists already, or somebody wrote it meanwhile.
    Conflict,
    /// Something still uses it.
    InUse,
    /// The component is not one, or not one of ours; the detail names the offending thing.
    BadComponent,
    /// The component imports what is not allowed; the detail names it.
    ImportNotAllowed,
    /// The component lacks an export, or exports one with other types.
    BadExport,
    /// The component is built for a contract that this host does not speak.
    WrongContract,
    /// The component passes a bound of the pre-check; the detail names it.
    ComponentTooComplex,
    /// The compiler was stopped by a limit, or failed.
    CompileFailed,
    /// `describe` failed or says what cannot be.
    BadDescribe,
    /// Settings do not fit.
    BadSettings,
    /// The release asks for a grant that its component does not import or its owner does not allow.
    BadGrant,
    /// Test cases that must hold do not; the detail names them.
    CasesFail,
    /// The release may do more than what is live, and nobody approved that; the detail names what.
    NeedsApproval,
    /// The provider cannot do what is asked.
    CannotRender,
    /// It needs messages or calls that are begun by us, and there is no outbox yet.
    NeedsOutbox,
    /// It needs the connection's `speaker_url`.
    NeedsSpeaker,
    /// A limit or count is used up.
    LimitReached,
    /// Too much at once; try again.
    Busy,
    /// Our own fault; the detail is an id for the operator's log.
    Fault,
}

impl Code {
    /// All of them: the table of HTTP statuses and the docs are tested against it.
    pub const ALL: [Self; 27] = [
        Self::BadRequest,
        Self::Invalid,
        Self::TooLarge,
        Self::WrongContentType,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Conflict,
        Self::InUse,
        Self::BadComponent,
        Self::ImportNotAllowed,
        Self::BadExport,
        Self::WrongContract,
        Self::ComponentTooComplex,
        Self::CompileFailed,
        Self::BadDescribe,
        Self::BadSettings,
        Self::BadGrant,
        Self::CasesFail,
        Self::NeedsApproval,
        Self::CannotRender,
        Self::NeedsOutbox,
        Self::NeedsSpeaker,
        Self::LimitReached,
        Self::Busy,
        Self::Fault,
    ];

    /// As programs read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadRequest => "bad-request",
            Self::Invalid => "invalid",
            Self::TooLarge => "too-large",
            Self::WrongContentType => "wrong-content-type",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not-found",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::Conflict => "conflict",
            Self::InUse => "in-use",
            Self::BadComponent => "bad-component",
            Self::ImportNotAllowed => "import-not-allowed",
            Self::BadExport => "bad-export",
            Self::WrongContract => "wrong-contract",
            Self::ComponentTooComplex => "component-too-complex",
            Self::CompileFailed => "compile-failed",
            Self::BadDescribe => "bad-describe",
            Self::BadSettings => "bad-settings",
            Self::BadGrant => "bad-grant",
            Self::CasesFail => "cases-fail",
            Self::NeedsApproval => "needs-approval",
            Self::CannotRender => "cannot-render",
            Self::NeedsOutbox => "needs-outbox",
            Self::NeedsSpeaker => "needs-speaker",
            Self::LimitReached => "limit-reached",
            Self::Busy => "busy",
            Self::Fault => "fault",
        }
    }
}

/// What is wrong, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{detail}")]
pub struct Refusal {
    /// For programs.
    pub code: Code,
    /// For people: a sentence.
    pub detail: String,
    /// The offending part of the request: a field, a parameter, a name inside a component.
    pub at: Option<String>,
}

impl Refusal {
    /// With a sentence for people.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), at: None }
    }

    /// Names the offending part.
    pub fn at(mut self, at: impl Into<String>) -> Self {
        self.at = Some(at.into());
        self
    }
}

impl From<crate::id::BadId> for Refusal {
    fn from(bad: crate::id::BadId) -> Self {
        Self::new(Code::Invalid, bad.to_string()).at(bad.what)
    }
}

impl From<crate::tenant::hours::BadHours> for Refusal {
    fn from(bad: crate::tenant::hours::BadHours) -> Self {
        Self::new(Code::Invalid, bad.to_string()).at("hours")
    }
}

impl From<crate::flow::settings::BadSettings> for Refusal {
    fn from(bad: crate::flow::settings::BadSettings) -> Self {
        Self::new(Code::BadSettings, bad.to_string()).at("settings")
    }
}
