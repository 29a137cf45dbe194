//! Answers Amazon Connect as AWS Lambda does, so that any AWS client can invoke it and a flow cannot tell the difference.
//!
//! `POST /2015-03-31/functions/<function>/invocations` is signed by AWS's rule (`sigv4`) and means a contact's next event (`parse`); the
//! answer is the map that a flow reads at `$.External` (`render`). The function's name is the connection's; a version or alias in
//! `Qualifier` chooses the release. What the plugin logged comes back in `X-Amz-Log-Result`.
//!
//! A flow owns its blocks: what is said, entered, queued or dialled it does itself, by the keys of the answer. Where it invokes again, it
//! brings back `decision_step` as the parameter `step`; that is what ties an answer to a question, and a second press of the same key to
//! another turn.

mod abilities;
mod parse;
mod render;
mod sigv4;
mod written;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jackfield_domain::capability::Level;
use jackfield_domain::contact::decision::Draft;
use jackfield_domain::fallback::{AnsweredBy, Inability};
use jackfield_domain::quota::Barred;
use jackfield_domain::refusal::Refusal;
use jackfield_domain::tenant::address::Channel;
use jackfield_domain::tenant::connection::Connection;
use serde_json::json;

use self::parse::asked;
use crate::connection;
use crate::options::{self, Known};
use crate::provider::{Can, Document, Glance, Hosting, Parsed, Provider, Ran, Raw, Reply, Scene, Unreadable, Unverified, Verified};

pub use parse::function;
pub use sigv4::sign;

/// As connections name it.
pub const NAME: &str = "amazon-connect";

/// What a flow reports as an event of its own; registered in `wit/README.md`.
const FLOW_EVENT: &str = "flow-event";

/// The longest that a block waits for a function. Most flows are set to three to five seconds.
const DEADLINE_MS_MAX: u64 = 8_000;
/// Where nobody says: what the designers of flows are used to. A block that waits less must say so in `deadline_ms`.
const DEADLINE_MS: u64 = 5_000;
/// As much of a log as Lambda gives back.
const LOG_BYTES_MAX: usize = 4_096;

/// How the answer is written: `flat`, `json` or `nested`.
const REPLY: &str = "reply";
/// What a plugin's failure looks like: `answer` by a default route, or an `error`, so that the flow's own branch runs.
const ON_FAILURE: &str = "on_failure";
/// Whether the flow reports the end of contacts: `handed-over` where it does not, or `reported`.
const ENDS: &str = "ends";
/// The ARN of a flow that takes a voice message.
const VOICEMAIL_FLOW: &str = "voicemail_flow";
/// Whether attributes and parameters are handed to the plugin: `all` or `none`.
const EXTRAS: &str = "extras";

const OPTIONS: [Known; 5] = [
    (VOICEMAIL_FLOW, "the ARN of a contact flow", |value| value.starts_with("arn:aws") && value.contains("/contact-flow/")),
    (REPLY, "flat, json or nested", |value| matches!(value, "flat" | "json" | "nested")),
    (ON_FAILURE, "answer or error", |value| matches!(value, "answer" | "error")),
    (ENDS, "handed-over or reported", |value| matches!(value, "handed-over" | "reported")),
    (EXTRAS, "all or none", |value| matches!(value, "all" | "none")),
];

/// Amazon Connect.
#[derive(Debug, Clone, Copy)]
pub struct Connect;

impl Provider for Connect {
    fn name(&self) -> &'static str {
        NAME
    }

    fn channels(&self) -> &'static [Channel] {
        &[Channel::Voice, Channel::Chat, Channel::Sms, Channel::Email]
    }

    fn deadline_ms(&self, connection: &Connection) -> u64 {
        let chosen = connection.option(options::DEADLINE_MS).and_then(|ms| ms.parse().ok());
        chosen.unwrap_or(DEADLINE_MS).min(DEADLINE_MS_MAX)
    }

    fn check_connection(&self, connection: &Connection) -> Result<(), Refusal> {
        options::check(connection, &OPTIONS, DEADLINE_MS_MAX)?;
        connection::check(self, connection, Some("secret access key, named by its access key id,"))?;
        if connection.account.as_deref().is_some_and(|account| !account.starts_with("arn:aws") || !account.contains(":instance/")) {
            return Err(connection::invalid("account", "the account is the ARN of the Connect instance, arn:aws:connect:...:instance/..."));
        }
        connection::without_speech(connection)
    }

    fn glance(&self, raw: &Raw<'_>, _connection: &Connection) -> Result<Glance, Unreadable> {
        parse::glance(raw)
    }

    fn verify(&self, raw: &Raw<'_>, connection: &Connection) -> Result<Verified, Unverified> {
        let verified = sigv4::verify(raw, connection)?;
        let theirs = connection.account.as_ref().and_then(|_| parse::instance(raw));
        match (&connection.account, theirs) {
            (Some(ours), Some(theirs)) if *ours != theirs => {
                Err(crate::secrets::unverified(raw, connection, &[], "the contact is of another instance than the connection's"))
            }
            _ => Ok(verified),
        }
    }

    fn parse(&self, raw: &Raw<'_>, connection: &Connection) -> Result<Parsed, Unreadable> {
        parse::parse(raw, connection)
    }

    fn document(&self, draft: &Draft, connection: &Connection, scene: Option<&Scene<'_>>) -> Result<Document, Inability> {
        let (body, notes) = render::write(draft, connection, scene)?;
        let reply = match scene {
            Some(scene) => finish(body, connection, scene),
            None => Reply::ok("application/json", body),
        };
        Ok(Document { reply, notes })
    }

    fn can(&self, action: &str, connection: &Connection) -> Can {
        abilities::can(action, connection)
    }

    fn tries_all(&self) -> bool {
        true
    }

    fn hands_over(&self, connection: &Connection) -> bool {
        connection.option(ENDS) != Some("reported")
    }

    fn hosting(&self) -> Hosting {
        Hosting { ending: "json", content_type: "application/json", companions: &COMPANIONS, readme: README }
    }

    fn acknowledge(&self, asked: &str) -> Reply {
        match asked {
            asked::CHECK => Reply::empty(204),
            asked::RUN => Reply::empty(202),
            _ => Reply::ok("application/json", "{}"),
        }
    }

    /// As AWS's clients read a refusal: by the header and not by the body.
    fn refuse(&self, status: u16) -> Reply {
        let (kind, message) = match status {
            403 => ("AccessDeniedException", "the request is not signed by a key of this function"),
            404 => ("ResourceNotFoundException", "there is no such function, or nothing behind what was dialled"),
            408 => ("RequestTimeoutException", "the request took too long to arrive"),
            413 => ("RequestTooLargeException", "the request is larger than this function takes"),
            429 => ("TooManyRequestsException", "too much at once; try again"),
            500.. => ("ServiceException", "the function cannot answer now"),
            _ => ("InvalidRequestContentException", "the request cannot be read"),
        };
        let whose = if status >= 500 { "Service" } else { "User" };
        let headers = vec![("x-amzn-errortype".to_owned(), kind.to_owned())];
        Reply {
            status,
            headers,
            ..Reply::ok("application/json", json!({ "Type": whose, "Message": message, "message": message }).to_string())
        }
    }
}

/// The answer with the headers by which a client learns what ran; or the function's error, where the connection's owner wants that.
fn finish(body: Vec<u8>, connection: &Connection, scene: &Scene<'_>) -> Reply {
    let Some(ran) = scene.ran else { return Reply::ok("application/json", body) };
    let mut headers = vec![("x-amzn-requestid".to_owned(), format!("{}-{}", scene.contact, scene.turn))];
    headers.push(("x-amz-executed-version".to_owned(), ran.release.map_or_else(|| "$LATEST".to_owned(), |release| release.to_string())));
    if scene.asked == asked::RUN {
        return Reply { headers, ..Reply::empty(202) };
    }
    if scene.asked == asked::ANSWER_AND_LOG {
        headers.push(("x-amz-log-result".to_owned(), STANDARD.encode(log(&ran, scene))));
    }
    let failed = !matches!(ran.answered_by, AnsweredBy::Plugin | AnsweredBy::LastGood);
    if failed && connection.option(ON_FAILURE) == Some("error") {
        if let Some(barred) = ran.barred {
            // A version that is not there is what AWS says it is; everything else may be there in a moment.
            let mut reply = Connect.refuse(if barred == Barred::NoRelease.code() { 404 } else { 429 });
            reply.headers.extend(headers);
            return reply;
        }
        headers.push(("x-amz-function-error".to_owned(), "Unhandled".to_owned()));
        let body = json!({ "errorType": render::error_code(&ran), "errorMessage": "the plugin did not answer", "stackTrace": [] });
        return Reply { headers, ..Reply::ok("application/json", body.to_string()) };
    }
    Reply { headers, ..Reply::ok("application/json", body) }
}

/// The end of what the plugin logged, between the lines that Lambda puts around it.
fn log(ran: &Ran<'_>, scene: &Scene<'_>) -> String {
    let id = format!("{}-{}", scene.contact, scene.turn);
    let mut text = String::new();
    for attempt in ran.attempts {
        text.push_str(&format!("START RequestId: {id} Version: {}\n", attempt.release));
        for line in &attempt.log {
            let level = match line.level {
                Level::Debug => "DEBUG",
                Level::Info => "INFO",
                Level::Warn => "WARN",
                Level::Error => "ERROR",
            };
            let fields: String = line.fields.iter().map(|(name, value)| format!(" {name}={value}")).collect();
            text.push_str(&format!("[{level}] {}{fields}\n", line.message));
        }
        if let Some(failure) = &attempt.failure {
            text.push_str(&format!("[ERROR] {}: {}\n", failure.code(), failure.detail));
        }
        let used = attempt.used;
        text.push_str(&format!(
            "END RequestId: {id}\nREPORT RequestId: {id}\tDuration: {}.{:03} ms\tFuel: {}\tMax Memory Used: {} KB\n",
            used.wall_us / 1_000,
            used.wall_us % 1_000,
            used.fuel,
            used.memory_bytes.div_ceil(1_024)
        ));
    }
    let from = text.char_indices().map(|(at, _)| at).find(|at| text.len() - at <= LOG_BYTES_MAX).unwrap_or(0);
    text.get(from..).unwrap_or_default().to_owned()
}

/// Files beside the documents: a function that gives them out.
const COMPANIONS: [(&str, &str); 1] = [("index.py", COMPANION)];

/// A function for AWS itself, so that the answers are there when this host is not.
const COMPANION: &str = r#"import json, os

# Answers with the document of what was dialled; index.json lies beside this file and names them.
HERE = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(HERE, "index.json"), encoding="utf-8") as file:
    INDEX = json.load(file)


def handler(event, context):
    data = (event.get("Details") or {}).get("ContactData") or {}
    dialled = (data.get("SystemEndpoint") or {}).get("Address")
    queue = (data.get("Queue") or {}).get("ARN")
    for flow in INDEX.get("flows", []):
        values = [address.split(":", 2)[2] for address in flow.get("addresses", [])]
        if dialled in values or queue in values:
            document = next(one for one in flow["documents"] if one["branch"] == os.environ.get("BRANCH", "open"))
            with open(os.path.join(HERE, document["file"]), encoding="utf-8") as file:
                return json.load(file)
    raise KeyError("nothing is known of what was dialled")
"#;

/// What whoever hosts them must know.
const README: &str = "Each file is the answer of a function. Put this folder into an AWS Lambda function with the handler index.handler, \
and let your flow's error branch invoke it: then callers hear their own business while this host is away. Set BRANCH to closed for the \
closed branch.";

#[cfg(test)]
mod tests;
