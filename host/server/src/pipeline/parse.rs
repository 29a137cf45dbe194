//! Verifies and reads the request (step 3): from here on it is known who sent it and what happened.
//!
//! The signature is checked over the raw body and the connection's own public URL; no header says where we are. What is turned away
//! here costs a bare status and an entry in the connection's list of refusals. An address that nobody bound waits until the
//! signature holds, and then gets the connection's `unbound` route or a bare status: never a default tenant.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use http::StatusCode;
use jackfield_domain::budget::DEADLINE_RESERVE_MS;
use jackfield_domain::contact::open::Heard;
use jackfield_domain::contact::{Arrival, Contact, Moment};
use jackfield_domain::id::{ConnectionId, ContactId, FlowName, TenantId};
use jackfield_domain::tenant::address::{Address, Channel};
use jackfield_domain::tenant::connection::Connection;
use jackfield_providers::provider::{Provider, Reply, Step, Unreadable};

use super::resolve::{Resolved, keep_proof, raw};
use super::{Answered, Received, Stopped};
use crate::app::App;
use crate::quota::EventQuota;
use crate::refusals::RefusedRequest;
use crate::telemetry;

/// Step 3's gift: an event that is known to be the provider's.
pub(super) struct Parsed {
    pub connection: Arc<Connection>,
    pub provider: &'static dyn Provider,
    pub verified_with: String,
    pub tenant: TenantId,
    pub flow: FlowName,
    pub address: Address,
    /// The rule that led to the tenant, for the trail.
    pub rule: String,
    /// The contact it belongs to, where one is known.
    pub contact: Option<ContactId>,
    pub step: Option<Step>,
    pub arrival: Arrival,
    pub heard: Heard,
    /// What kind of answer was asked for, in the provider's own words.
    pub asked: String,
    /// Which release the request asks for, by alias or number.
    pub release: Option<String>,
    /// Keyed digest of what identifies the event.
    pub event_id: String,
    /// True where the event has no id of its own: its content identifies it.
    pub known_by_content: bool,
    /// The contact and the revision of a reply to the same content that is too old to be of this event.
    pub outdated: OnceLock<(ContactId, u64)>,
    pub at: Moment,
    pub begun: Instant,
    /// What the event may use: made with its first run.
    pub quota: OnceLock<Arc<EventQuota>>,
    /// True where no quota bars the contacts of the address.
    pub priority: bool,
    /// The id of the trace that the event is in, where it is traced.
    pub trace: Option<String>,
}

impl Parsed {
    /// What is left of the provider's deadline after the reserve for rendering and the commit.
    pub(super) fn time_left(&self) -> Duration {
        let whole = Duration::from_millis(self.provider.deadline_ms(&self.connection).saturating_sub(DEADLINE_RESERVE_MS));
        whole.saturating_sub(self.begun.elapsed())
    }

    /// True where a contact that is over is not the one that this event belongs to: the next message begins a new one.
    pub(super) fn begins_anew(&self, contact: &Contact) -> bool {
        self.step.is_none() && begins_anew(contact, &self.heard, self.provider, &self.connection, self.at)
    }

    /// The lane that the contact's events share: also before it has an id.
    pub(super) fn lane(&self) -> String {
        match self.contact {
            Some(contact) => contact.to_string(),
            None => format!("{}/{}", self.connection.id, self.arrival.provider_contact),
        }
    }
}

/// A request that ends before any tenant hears of it.
#[derive(Debug)]
pub enum TurnedAway {
    /// No such connection. It is not remembered anywhere: a stranger chose the name.
    NoConnection,
    /// It is remembered with the connection.
    Refused {
        /// The status, as the provider's clients read it.
        reply: Reply,
        /// For whoever sets the connection up.
        refused: RefusedRequest,
    },
    /// The provider tells what nobody asked for, or asks only whether it may: it is acknowledged and changes nothing.
    Acknowledged(Reply),
    /// Nobody bound the address; the connection's owner said what such callers get.
    Unbound {
        /// That.
        reply: Reply,
        /// For whoever sets the connection up.
        refused: RefusedRequest,
    },
}

impl TurnedAway {
    pub(super) fn unreadable(received: &Received, connection: &Connection, provider: &dyn Provider, unreadable: &Unreadable) -> Self {
        let reply = provider.refuse(unreadable.status());
        Self::Refused { reply, refused: refused(received, connection, "unreadable", unreadable.to_string()) }
    }

    pub(super) fn answer(self, app: &App, connection: &ConnectionId) -> Answered {
        match self {
            Self::NoConnection => Answered::Bare(StatusCode::NOT_FOUND),
            Self::Refused { reply, refused } => {
                tracing::info!(%connection, code = refused.code, "a request was turned away");
                app.refusals.add(connection, refused);
                Answered::Reply(reply.into())
            }
            Self::Acknowledged(reply) => Answered::Reply(reply.into()),
            Self::Unbound { reply, refused } => {
                app.refusals.add(connection, refused);
                Answered::Reply(reply.into())
            }
        }
    }
}

/// An entry for the connection's list. It holds names of headers and no values.
pub(crate) fn refused(received: &Received, connection: &Connection, code: &str, detail: String) -> RefusedRequest {
    RefusedRequest {
        at: received.at,
        code: code.to_owned(),
        // A query may hold a caller's number and a step.
        url_seen: format!("{}{}", connection.public_url, received.path_and_query.split('?').next().unwrap_or_default()),
        header_names: received.headers.keys().map(|name| name.as_str().to_owned()).collect(),
        forms_tried: Vec::new(),
        detail,
    }
}

pub(super) async fn parse(app: &Arc<App>, received: &Received, resolved: Resolved) -> Result<Parsed, Stopped> {
    let Resolved { connection, provider, glance, binding } = resolved;
    let raw = raw(received);
    let verified = provider.verify(&raw, &connection).map_err(|unverified| {
        let entry = refused(received, &connection, "bad-signature", unverified.why.clone());
        let refused = RefusedRequest { forms_tried: unverified.forms_tried, url_seen: unverified.url_seen, ..entry };
        TurnedAway::Refused { reply: provider.refuse(StatusCode::FORBIDDEN.as_u16()), refused }
    })?;
    let parsed =
        provider.parse(&raw, &connection).map_err(|unreadable| TurnedAway::unreadable(received, &connection, provider, &unreadable))?;
    if parsed.ignored {
        return Err(TurnedAway::Acknowledged(provider.acknowledge(&parsed.asked)).into());
    }
    let platform = app.store.platform();
    let known = match &glance.step {
        Some(step) => platform.contact_home(&step.contact).await?.map(|tenant| (tenant, step.contact)),
        None => platform.call(&connection.id, &parsed.arrival.provider_contact).await?,
    };
    let home = match known {
        // A running contact stays where it began, whatever became of its address meanwhile.
        Some((tenant, id)) => app
            .store
            .tenant(&tenant)
            .contact(&id)
            .await?
            .map(|found| found.row)
            .filter(|contact| is_of(contact, &connection, &parsed.arrival))
            .filter(|contact| glance.step.is_some() || !begins_anew(contact, &parsed.heard, provider, &connection, received.at)),
        None => None,
    };
    let (tenant, flow, address, contact, rule, priority) = match (home, binding) {
        (Some(contact), _) => {
            let rule = format!("contact {} is running in flow {}", contact.id, contact.flow);
            (contact.tenant, contact.flow, contact.address, Some(contact.id), rule, contact.priority)
        }
        (None, Some(bound)) if glance.step.is_none() => {
            keep_proof(app, &bound);
            let binding = bound.binding;
            let rule = format!("address {} is bound to flow {} through connection {}", binding.address, binding.flow, binding.connection);
            (binding.tenant, binding.flow, binding.address, None, rule, binding.priority)
        }
        _ => return Err(nobodys(received, &connection, provider, &glance.addresses).into()),
    };
    let event_id = app.store.tenant(&tenant).keyed_digest("event", &parsed.event_material).await?;
    Ok(Parsed {
        connection,
        provider,
        verified_with: verified.secret_name,
        tenant,
        flow,
        address,
        rule,
        contact,
        step: glance.step,
        arrival: parsed.arrival,
        heard: parsed.heard,
        asked: parsed.asked,
        release: glance.release,
        event_id,
        known_by_content: parsed.known_by_content,
        outdated: OnceLock::new(),
        at: received.at,
        begun: received.begun,
        quota: OnceLock::new(),
        priority,
        trace: telemetry::spans::trace_id(),
    })
}

/// Ids of conversations, and of calls that were handed over, come again. A call that reports its end has an id of its own, and what comes
/// after its end is late.
fn begins_anew(contact: &Contact, heard: &Heard, provider: &dyn Provider, connection: &Connection, now: Moment) -> bool {
    let may = contact.channel != Channel::Voice || provider.hands_over(connection);
    may && matches!(heard, Heard::Arrival | Heard::Message(_)) && contact.is_over(now, contact.heard.max(contact.started))
}

/// A step token finds a contact; that the request is about the same call is the provider's word, which is signed.
fn is_of(contact: &Contact, connection: &Connection, arrival: &Arrival) -> bool {
    contact.connection == connection.id && contact.arrival.provider_contact == arrival.provider_contact
}

fn nobodys(received: &Received, connection: &Connection, provider: &dyn Provider, addresses: &[Address]) -> TurnedAway {
    let what = addresses.first().map_or_else(|| "an address that cannot be read".to_owned(), ToString::to_string);
    let detail = format!("{what} is bound to no flow through connection {}; bind it with `jackfield address bind`", connection.id);
    let refused = refused(received, connection, "unbound-address", detail);
    match &connection.unbound {
        Some(draft) => TurnedAway::Unbound { reply: provider.render_unbound(draft, connection), refused },
        None => TurnedAway::Refused { reply: provider.refuse(StatusCode::NOT_FOUND.as_u16()), refused },
    }
}
