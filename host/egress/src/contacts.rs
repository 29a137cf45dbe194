//! Tells a Jackfield what happened in a contact and hands back what to do: the client of `POST /v1/contacts/<id>/events`.
//!
//! For platforms that have a switch, a chat page or a gateway of their own in Rust. It authenticates as the connection, names each event, so
//! that one which is sent again runs once, and carries the step from one answer to the next event by itself.

use std::collections::BTreeMap;

use http::Method;
use jackfield_domain::contact::decision::Action;
use jackfield_domain::id::{ContactId, Digest};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::client::ClientError;
use crate::plain::PlainClient;

/// A connection of the provider `native`.
#[derive(Debug, Clone)]
pub struct ContactsClient {
    http: PlainClient,
    server: Url,
    authorization: String,
}

/// One contact, as its client knows it.
#[derive(Debug, Clone)]
pub struct Conversation {
    client: ContactsClient,
    id: String,
    to: Option<String>,
    from: Option<String>,
    step: Option<String>,
    /// Other in each conversation, also one that is taken up again by a program that was started anew.
    begun: uuid::Uuid,
    events: u64,
    /// Numbers of what was said and not answered, by what it was: said again, it is the same event.
    unanswered: BTreeMap<String, u64>,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Happened {
    /// The contact has begun.
    Arrived,
    /// Keys, possibly none.
    Digits {
        /// Of 0-9, * and #.
        value: String,
    },
    /// Speech.
    Speech {
        /// What was understood.
        text: String,
        /// 0.0 to 1.0.
        #[serde(skip_serializing_if = "Option::is_none")]
        confidence: Option<f32>,
    },
    /// Nothing in time.
    Nothing,
    /// The customer went away.
    HungUp,
    /// A message.
    Message {
        /// The client's own id of it.
        id: String,
        /// What it says.
        text: String,
        /// The id of a choice that was offered.
        #[serde(skip_serializing_if = "Option::is_none")]
        choice: Option<String>,
    },
    /// The prompts before a `continue` are over.
    Resumed,
    /// A dialled target came back: completed, busy, no-answer, failed or canceled.
    Dialled {
        /// Which of them.
        outcome: String,
        /// How long the two talked.
        talked_ms: u64,
    },
    /// The customer left a queue: bridged, hang-up, full, timed-out, error or redirected.
    QueueLeft {
        /// Which of them.
        outcome: String,
        /// In all.
        waited_ms: u64,
    },
    /// The contact is over.
    Ended {
        /// For example completed.
        cause: String,
        /// In all.
        lasted_ms: u64,
    },
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Told {
    /// In order; nothing where the event expected no answer.
    #[serde(default)]
    pub actions: Vec<Action>,
    /// Why.
    #[serde(default)]
    pub reason: String,
    /// Jackfield's id of the contact, for `explain`.
    pub contact: Option<ContactId>,
    /// The turn that this is.
    pub turn: Option<u32>,
    /// BCP 47 tag now in force.
    pub language: Option<String>,
    /// plugin, last_good, flow_default, tenant_default or platform_default.
    pub answered_by: Option<String>,
    /// The contact's release.
    pub release: Option<u32>,
    step: Option<String>,
}

#[derive(Serialize)]
struct Event<'a> {
    id: String,
    event: &'a Happened,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<&'a str>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Untold {
    /// The server could not be reached, or the address is none.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The server turned the event away: 401 and 403 for the secret, 404 for an address that nobody bound, 400 for the event.
    #[error("the server answered {0}; `jackfield connection refusals` says why")]
    Refused(u16),
    /// What came is no decision.
    #[error("the answer cannot be read: {0}")]
    Unreadable(String),
}

impl ContactsClient {
    /// For a connection of that server, with one of its secrets.
    pub fn new(server: &str, connection: &str, secret: &str) -> Result<Self, Untold> {
        use base64::Engine as _;
        let bad = |error: url::ParseError| ClientError::BadAddress { given: server.to_owned(), why: error.to_string() };
        let server = Url::parse(server).map_err(bad)?;
        let pair = base64::engine::general_purpose::STANDARD.encode(format!("{connection}:{secret}"));
        Ok(Self { http: PlainClient::new()?, server, authorization: format!("Basic {pair}") })
    }

    /// A contact of the client's own id: to what was dialled, from whom. Nothing is sent yet.
    pub fn contact(&self, id: &str, to: Option<&str>, from: Option<&str>) -> Conversation {
        let (to, from) = (to.map(str::to_owned), from.map(str::to_owned));
        Conversation {
            client: self.clone(),
            id: id.to_owned(),
            to,
            from,
            step: None,
            begun: uuid::Uuid::now_v7(),
            events: 0,
            unanswered: BTreeMap::new(),
        }
    }
}

impl Conversation {
    /// Tells what happened. Where it fails, telling the same again is safe: it is one event.
    pub async fn tell(&mut self, happened: &Happened) -> Result<Told, Untold> {
        let unread = |error: serde_json::Error| Untold::Unreadable(error.to_string());
        // Only the same said again is the same event: what failed may have been heard, and something else must be heard beside it.
        let said = Digest::of(&serde_json::to_vec(happened).map_err(unread)?).short();
        let number = *self.unanswered.entry(said.clone()).or_insert_with(|| {
            self.events += 1;
            self.events
        });
        let event = Event {
            id: format!("{}-{number}", self.begun.simple()),
            event: happened,
            to: self.to.as_deref(),
            from: self.from.as_deref(),
            step: self.step.as_deref(),
        };
        let body = serde_json::to_vec(&event).map_err(unread)?;
        let mut url = self.client.server.clone();
        let bad = || ClientError::BadAddress { given: url_of(&self.client.server), why: "nothing can follow it".to_owned() };
        url.path_segments_mut().map_err(|()| bad())?.pop_if_empty().extend(["v1", "contacts", &self.id, "events"]);
        let headers =
            [("authorization".to_owned(), self.client.authorization.clone()), ("content-type".to_owned(), "application/json".to_owned())];
        let reply = self.client.http.send(Method::POST, &url, &headers, body.into()).await?;
        if reply.status != 200 {
            return Err(Untold::Refused(reply.status));
        }
        let told: Told = serde_json::from_slice(&reply.body).map_err(|error| Untold::Unreadable(error.to_string()))?;
        // Only an event that was answered is behind us.
        self.unanswered.remove(&said);
        self.step.clone_from(&told.step);
        Ok(told)
    }
}

fn url_of(url: &Url) -> String {
    url.origin().ascii_serialization()
}
