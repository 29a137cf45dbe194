//! Says what every provider must be able to do, and what passes in and out of it.
//!
//! The pipeline calls a [`Provider`] in this order: [`Provider::glance`] before anything is verified, [`Provider::verify`] with the
//! connection's secrets, [`Provider::parse`], and after the rules [`Provider::render`]. A trait object and not an enum, so that a
//! new provider is a new file and one line in [`provider`]: whatever follows from [`Provider::document`] and [`Provider::can`] is here.
//!
//! Nothing here reads a socket: requests come as `http` types and bytes, replies leave as status, type and bytes.

use std::net::IpAddr;

use bytes::Bytes;
use http::{HeaderMap, Method};
use jackfield_domain::contact::decision::{ACTION_NAMES, Decision, Draft, Transfer};
use jackfield_domain::contact::open::Heard;
use jackfield_domain::contact::{Arrival, Endpoint, Moment};
use jackfield_domain::fallback::{Abilities, AnsweredBy, Inability, last_words};
use jackfield_domain::flow::release::ReleaseNumber;
use jackfield_domain::id::ContactId;
use jackfield_domain::refusal::{Code, Refusal};
use jackfield_domain::tenant::address::{Address, Channel};
use jackfield_domain::tenant::connection::Connection;
use jackfield_domain::tenant::directory::Directory;
use jackfield_domain::trail::AttemptRecord;

pub use crate::registry::{names, provider};
pub use crate::token::{BadToken, Place, Step};

/// A request whose body is complete and bounded; nothing in it is trusted.
#[derive(Debug, Clone, Copy)]
pub struct Raw<'a> {
    /// The request's.
    pub method: &'a Method,
    /// What follows `/hooks/<connection>/` in the path, for example "voice".
    pub tail: &'a str,
    /// As on the request line; only its query is read.
    pub path_and_query: &'a str,
    /// The request's.
    pub headers: &'a HeaderMap,
    /// Raw: what the signature is about.
    pub body: &'a Bytes,
    /// Who sent it, as far as the machine or a trusted proxy says; none where nobody can.
    pub peer: Option<IpAddr>,
    /// When it was complete: what the times in signatures are compared with.
    pub now: Moment,
}

impl<'a> Raw<'a> {
    /// What follows the question mark, as it arrived.
    pub fn query(&self) -> Option<&'a str> {
        self.path_and_query.split_once('?').map(|(_, query)| query)
    }
}

/// What is seen cheaply in a request that is not yet verified: enough to find whose it may be, and never the caller.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Glance {
    /// Our side: what was dialled. Of several the first that is bound through the connection counts. Empty on a dialled target's own
    /// leg, which only its step finds.
    pub addresses: Vec<Address>,
    /// The provider's id of the account.
    pub account: Option<String>,
    /// True where all that are bound must lead to one tenant or to those below it: they say the same thing in several ways, and where they
    /// do not, somebody lies.
    pub must_agree: bool,
    /// Of the addresses those that somebody whom the connection trusts names in so many words. Each must lead somewhere by itself: a
    /// request that says whose it is must not become somebody else's because the name is misspelt.
    pub named: Vec<Address>,
    /// Which release the request asks for, by alias or number, where a provider has a word for that.
    pub release: Option<String>,
    /// Where in a contact it belongs, if one of our URLs was called back.
    pub step: Option<Step>,
}

/// The proof that a request came from the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The name of the secret that fitted, for the trail.
    pub secret_name: String,
}

/// Why a request is not taken for the provider's. It holds no secret, no signature and no body, so it may be shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Unverified {
    /// In which spellings the URL was tried.
    pub forms_tried: Vec<String>,
    /// The URL as it should have been signed: what to compare with the provider's settings. Its query is not shown.
    pub url_seen: String,
    /// A sentence.
    pub why: String,
}

/// What a request says.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// What it tells of the contact.
    pub arrival: Arrival,
    /// What happened.
    pub heard: Heard,
    /// Canonical bytes that identify this event: a repeated request has the same. What is ignored needs none.
    pub event_material: Vec<u8>,
    /// True where those bytes are the content and no id, and the same content may be meant once more: after a minute it is no retry.
    pub known_by_content: bool,
    /// True where it carries what the customer said or pressed, which the action may have called sensitive.
    pub sensitive_possible: bool,
    /// True where the provider reports what nobody asked for, for example that a call rings: it is acknowledged, is no event and
    /// changes nothing.
    pub ignored: bool,
    /// What kind of answer was asked for, in the provider's own words: it comes back in the [`Scene`].
    pub asked: String,
}

/// Why a request cannot be read. Its sentence never repeats a value from the request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// The path's tail is none of the provider's hooks.
    #[error("there is no such hook")]
    NoSuchHook,
    /// Neither GET nor POST, or whatever the provider uses.
    #[error("this hook takes only {0}")]
    WrongMethod(&'static str),
    /// The body is of another type.
    #[error("this hook takes only {0}")]
    WrongContentType(&'static str),
    /// The body or the query is not what its type says.
    #[error("{0}")]
    Malformed(&'static str),
    /// A parameter that must be there is not.
    #[error("the parameter {0} is missing")]
    Missing(&'static str),
    /// A parameter that has one value came with several.
    #[error("the parameter {0} came more than once, with different values")]
    Ambiguous(&'static str),
    /// It is larger than the provider ever sends.
    #[error("{0}")]
    TooMuch(&'static str),
    /// The step token is none of ours.
    #[error(transparent)]
    BadToken(#[from] BadToken),
}

impl Unreadable {
    /// The bare status that a stranger gets.
    pub fn status(&self) -> u16 {
        match self {
            Self::NoSuchHook => 404,
            Self::WrongMethod(_) => 405,
            Self::TooMuch(_) => 413,
            Self::WrongContentType(_) => 415,
            Self::Malformed(_) | Self::Missing(_) | Self::Ambiguous(_) | Self::BadToken(_) => 400,
        }
    }
}

/// A reply in the provider's form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Empty where there is no body.
    pub content_type: &'static str,
    /// The body.
    pub body: Bytes,
    /// Headers beside the content type; names in lower case.
    pub headers: Vec<(String, String)>,
}

impl Reply {
    /// With status 200 and no headers of its own.
    pub fn ok(content_type: &'static str, body: impl Into<Bytes>) -> Self {
        Self { status: 200, content_type, body: body.into(), headers: Vec::new() }
    }

    /// A status without a body.
    pub fn empty(status: u16) -> Self {
        Self { status, content_type: "", body: Bytes::new(), headers: Vec::new() }
    }
}

/// A reply and what of the draft it does in a lesser way than asked, one sentence each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// The reply.
    pub reply: Reply,
    /// The sentences.
    pub notes: Vec<String>,
}

/// What ran for the event, for providers that tell whoever asks.
#[derive(Debug, Clone, Copy)]
pub struct Ran<'a> {
    /// The contact's release.
    pub release: Option<ReleaseNumber>,
    /// Who answered.
    pub answered_by: AnsweredBy,
    /// The code of why no plugin ran, where none did.
    pub barred: Option<&'static str>,
    /// Every attempt.
    pub attempts: &'a [AttemptRecord],
}

/// What a provider can do of an action, known before any call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Can {
    /// As asked.
    Fully,
    /// In a lesser way; a sentence for whoever binds.
    Lesser(&'static str),
    /// Not at all; the refusal's code, and why.
    Not(Code, &'static str),
}

/// A document that stands alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alone {
    /// The document, as the answer to a webhook.
    pub reply: Reply,
    /// What of the draft is left out or done in a lesser way, one sentence each.
    pub lesser: Vec<String>,
}

/// How documents that stand alone are hosted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hosting {
    /// What their files' names end in, without the dot.
    pub ending: &'static str,
    /// The content type under which the host must give them out.
    pub content_type: &'static str,
    /// Files that documents point at by relative URLs: name and content.
    pub companions: &'static [(&'static str, &'static str)],
    /// What whoever hosts them must know.
    pub readme: &'static str,
}

/// Where and for whom a decision is rendered.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// Through which connection it came.
    pub connection: &'a Connection,
    /// Which contact.
    pub contact: ContactId,
    /// The turn that is being answered: 1 for the first. It stands in every URL that the reply carries.
    pub turn: u32,
    /// What the request asked for: the place of its step, or [`Place::Main`] where it had none.
    pub place: Place,
    /// BCP 47 tag now in force.
    pub language: &'a str,
    /// What was dialled: the caller id of transfers that name none.
    pub entry: Option<&'a Address>,
    /// The other end.
    pub caller: &'a Endpoint,
    /// The tenant's.
    pub directory: &'a Directory,
    /// What kind of answer was asked for: [`Parsed::asked`].
    pub asked: &'a str,
    /// What ran; none before anything did, and where a draft is only tried.
    pub ran: Option<Ran<'a>>,
    /// The event's time.
    pub now: Moment,
    /// True where a host elsewhere gives the document out while we are away: nothing in it may come back to us.
    pub alone: bool,
}

/// Who sends webhooks and is told what to do.
pub trait Provider: Send + Sync {
    /// As connections name it.
    fn name(&self) -> &'static str;

    /// By what its contacts are carried.
    fn channels(&self) -> &'static [Channel] {
        &[Channel::Voice]
    }

    /// How long after a complete request the reply must have left, in milliseconds: the provider's own number, unless the connection
    /// says that its owner set a shorter one there.
    fn deadline_ms(&self, connection: &Connection) -> u64;

    /// Checks a connection when it is set, its `unbound` route included.
    fn check_connection(&self, connection: &Connection) -> Result<(), Refusal>;

    /// Looks who a request may be for. It is cheap, and what it gives is not yet true.
    fn glance(&self, raw: &Raw<'_>, connection: &Connection) -> Result<Glance, Unreadable>;

    /// Checks the signature on the raw body and the connection's public URL.
    fn verify(&self, raw: &Raw<'_>, connection: &Connection) -> Result<Verified, Unverified>;

    /// Reads a verified request.
    fn parse(&self, raw: &Raw<'_>, connection: &Connection) -> Result<Parsed, Unreadable>;

    /// Renders a draft, or says what of it cannot be done. Without a scene there is no contact, and so no directory, and nothing can
    /// come back.
    fn document(&self, draft: &Draft, connection: &Connection, scene: Option<&Scene<'_>>) -> Result<Document, Inability>;

    /// What is known of an action before any call. It is one of [`ACTION_NAMES`].
    fn can(&self, action: &str, connection: &Connection) -> Can;

    /// True where all targets of a transfer are told at once and tried by the other side: what comes back is of all of them.
    fn tries_all(&self) -> bool {
        false
    }

    /// True where a contact is over for us once a decision leaves nothing to ask: nothing comes back of what was handed over.
    fn hands_over(&self, connection: &Connection) -> bool;

    /// True where a contact through a connection says that its owner has the line: another company sent it. What a tenant's own switch or
    /// client sends, the tenant could have made up.
    fn vouches(&self) -> bool {
        false
    }

    /// What the provider can do in this scene.
    fn abilities<'a>(&'a self, scene: &'a Scene<'a>) -> Box<dyn Abilities + 'a> {
        Box::new(InScene(self, scene))
    }

    /// Renders what was settled. It cannot fail: what could not be rendered was refused by [`Provider::abilities`].
    fn render(&self, decision: &Decision, scene: &Scene<'_>) -> Reply {
        let rendered = self.document(decision.as_draft(), scene.connection, Some(scene));
        // Vetting rendered the same draft for the same scene, so this arm is reached by the last words alone, if at all.
        rendered.map_or_else(|_| self.at_the_very_end(scene.connection, Some(scene)), |document| document.reply)
    }

    /// The last words, and where a provider cannot even say those, no words at all.
    fn at_the_very_end(&self, connection: &Connection, scene: Option<&Scene<'_>>) -> Reply {
        let words = last_words();
        let silent = Draft { actions: words.actions.last().cloned().into_iter().collect(), reason: words.reason.clone() };
        let ended = self.document(&words, connection, scene).or_else(|_| self.document(&silent, connection, scene));
        ended.map_or_else(|_| Reply::empty(503), |document| document.reply)
    }

    /// Renders for the leg of a dialled target, where [`Place::is_for_target`]: the whisper and the question whether to accept.
    /// `transfer` is the one that is open, `heard` what was parsed. No plugin is asked and the contact does not change. A leg whose
    /// transfer is no longer open is hung up. Providers without such legs are never asked.
    fn render_whisper(&self, _transfer: Option<&Transfer>, _heard: &Heard, scene: &Scene<'_>) -> Reply {
        self.acknowledge(scene.asked)
    }

    /// Renders a draft for which there is no contact: the connection's `unbound` route, or the static document for when the store
    /// is gone. Only what needs no answer can be: saying, playing, a transfer to a number or SIP address, an end.
    /// [`Provider::check_connection`] has tried the route when it was set; a draft that cannot be rendered becomes the last words.
    fn render_unbound(&self, draft: &Draft, connection: &Connection) -> Reply {
        self.document(draft, connection, None).map_or_else(|_| self.at_the_very_end(connection, None), |document| document.reply)
    }

    /// Renders a default route as a document that stands alone: one that a host elsewhere gives out while we are away, so that nothing in
    /// it comes back to us. What cannot work so is left out or done in a lesser way, and told. An inability means that nothing worth
    /// hearing is left.
    fn render_alone(&self, draft: &Draft, scene: &Scene<'_>) -> Result<Alone, Inability> {
        let document = self.document(draft, scene.connection, Some(scene))?;
        Ok(Alone { reply: document.reply, lesser: document.notes })
    }

    /// What a host of such documents needs beside them.
    fn hosting(&self) -> Hosting {
        Hosting { ending: "json", content_type: "application/json", companions: &[], readme: JSON_README }
    }

    /// The reply to what expects no answer.
    fn acknowledge(&self, _asked: &str) -> Reply {
        Reply::ok("application/json", "{}")
    }

    /// How a request that ends before anybody hears of it is turned away: a status, in the form that the provider's clients understand. It
    /// tells a stranger nothing.
    fn refuse(&self, status: u16) -> Reply {
        Reply::empty(status)
    }

    /// Checks, before any contact, whether a plugin's listed actions can be rendered. Gives back what will be done in a lesser way
    /// than asked, one sentence each; a refusal names the action.
    fn bindable(&self, actions: &[String], connection: &Connection) -> Result<Vec<String>, Refusal> {
        let mut notes = Vec::new();
        for action in actions {
            let refuse = |code, why: &str| Err(Refusal::new(code, format!("{action}: {why}")).at(action.clone()));
            if !ACTION_NAMES.contains(&action.as_str()) {
                return refuse(Code::CannotRender, "there is no such action");
            }
            match self.can(action, connection) {
                Can::Fully => {}
                Can::Lesser(why) => notes.push(format!("{action}: {why}")),
                Can::Not(code, why) => return refuse(code, why),
            }
        }
        Ok(notes)
    }
}

/// What whoever hosts documents of JSON must know.
const JSON_README: &str = "Each file is a whole answer. Give it out with status 200 and the content type application/json for every \
request about the addresses that the index names beside it.";

/// What a provider can do, asked by rendering: what was promised and what is sent cannot differ.
struct InScene<'a, P: ?Sized>(&'a P, &'a Scene<'a>);

impl<P: Provider + ?Sized> Abilities for InScene<'_, P> {
    fn check(&self, draft: &Draft) -> Result<Vec<String>, Inability> {
        let Self(provider, scene) = self;
        provider.document(draft, scene.connection, Some(scene)).map(|document| document.notes)
    }
}
