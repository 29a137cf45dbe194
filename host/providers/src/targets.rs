//! Turns a draft into what a switch can do before it answers a call: where to send it, in which order, or how to refuse it.
//!
//! Kamailio and the SIP redirect server render with it. Neither speaks, asks or records: a draft that wants that is refused here, in
//! words for whoever binds the flow.

use std::borrow::Cow;

use jackfield_domain::contact::decision::{Action, Draft, Enqueue, Exit, Ringing, Target, Transfer};
use jackfield_domain::fallback::Inability;
use jackfield_domain::refusal::Code;
use jackfield_domain::tenant::connection::Connection;

use crate::options::Known;
use crate::provider::{Can, Scene};

/// Where telephone numbers are sent: host, with a port where it is not 5060.
pub(crate) const GATEWAY: &str = "gateway";
/// The host behind which queues answer that have no address of their own at the provider.
pub(crate) const QUEUES: &str = "queues";
/// The header that names the tenant to whom a call goes.
pub(crate) const TENANT_HEADER: &str = "tenant_header";
/// Whose numbering plan digits without a plus are read by.
pub(crate) const COUNTRY: &str = "country";

/// As people who run switches know it.
const DEFAULT_TENANT_HEADER: &str = "X-Tenant-Id";
/// The parameter of a URI that says by what it is carried.
const TRANSPORT: &str = "transport=";
/// Routes of one answer: what a switch tries before its caller gives up.
const ROUTES_MAX: usize = 10;

pub(crate) const OPTIONS: [Known; 4] = [
    (GATEWAY, "a host such as gw.example.com or 10.0.0.7:5080", is_host),
    (QUEUES, "a host such as queues.example.com or 10.0.0.7:5080", is_host),
    (TENANT_HEADER, "the name of a header that begins with X-", |value| {
        value.to_ascii_lowercase().starts_with("x-") && value.len() <= 64 && value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    }),
    (COUNTRY, "the two letters of a country, for example US", jackfield_domain::tenant::address::phone::is_country),
];

fn is_host(value: &str) -> bool {
    let (host, port) = match value.rsplit_once(':') {
        // The colons inside brackets are those of an IPv6 address.
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (value, None),
    };
    let inside = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let sound = match inside {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.len() <= 255 && host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-".contains(&b)),
    };
    sound && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}

/// Where a call may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Route<'a> {
    /// A SIP URI without headers.
    pub(crate) uri: Cow<'a, str>,
    /// Headers of the plugin's own, beside the tenant's.
    pub(crate) headers: &'a [(String, String)],
    /// How long it may ring.
    pub(crate) ring_timeout_ms: Option<u64>,
}

impl Route<'_> {
    /// Where the next switch is: the URI without its user, and of its parameters the transport.
    pub(crate) fn next_hop(&self) -> String {
        let (scheme, after) = self.uri.split_once(':').unwrap_or(("sip", ""));
        let host = after.rsplit_once('@').map_or(after, |(_, host)| host);
        let mut parts = host.split(';');
        let host = parts.next().unwrap_or(host);
        let has_transport = |part: &&str| part.get(..TRANSPORT.len()).is_some_and(|name| name.eq_ignore_ascii_case(TRANSPORT));
        match parts.find(has_transport) {
            Some(transport) => [scheme, ":", host, ";", transport].concat(),
            None => [scheme, ":", host].concat(),
        }
    }
}

/// What the switch is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Told<'a> {
    /// To try these.
    Routes {
        /// In order, or all at once.
        routes: Vec<Route<'a>>,
        /// True: all at once.
        parallel: bool,
    },
    /// To refuse the call.
    Refuse {
        /// A final SIP status.
        code: u16,
        /// Its phrase.
        phrase: &'static str,
    },
}

/// What is known of an action before any call.
pub(crate) fn can(action: &str) -> Can {
    match action {
        "transfer" | "enqueue" | "hang-up" | "reject" | "set-attributes" | "set-language" => Can::Fully,
        "keep" => Can::Lesser("a call that is not answered yet cannot be left as it is, so it is refused as unavailable"),
        "send-message" | "callback" => Can::Not(Code::NeedsOutbox, "it needs an outbox, and there is none yet"),
        "other" => Can::Not(Code::CannotRender, "nothing waits in a queue of ours here"),
        _ => Can::Not(Code::CannotRender, "a switch that routes a call neither speaks nor asks nor records; transfer it to what does"),
    }
}

fn cannot(action: &str, why: impl Into<String>) -> Inability {
    Inability { action: action.to_owned(), why: why.into(), code: Code::CannotRender }
}

/// The header that names the tenant, where there is one.
pub(crate) fn tenant_header<'a>(connection: &'a Connection, scene: Option<&'a Scene<'a>>) -> Option<(&'a str, &'a str)> {
    let tenant = scene?.directory.tenant.as_ref()?;
    Some((connection.option(TENANT_HEADER).unwrap_or(DEFAULT_TENANT_HEADER), tenant.as_str()))
}

/// What the switch is told, and what of the draft is done in a lesser way.
pub(crate) fn told<'a>(
    draft: &'a Draft,
    connection: &'a Connection,
    scene: Option<&'a Scene<'a>>,
) -> Result<(Told<'a>, Vec<String>), Inability> {
    let mut page = Page { connection, scene, told: None, notes: Vec::new() };
    draft.actions.iter().try_for_each(|action| page.action(action))?;
    let told = page.told.ok_or_else(|| cannot("decision", "it says neither where the call goes nor how it is refused"))?;
    Ok((told, page.notes))
}

struct Page<'a> {
    connection: &'a Connection,
    scene: Option<&'a Scene<'a>>,
    told: Option<Told<'a>>,
    notes: Vec<String>,
}

impl<'a> Page<'a> {
    fn action(&mut self, action: &'a Action) -> Result<(), Inability> {
        let name = action.name();
        match action {
            // They stay with us.
            Action::SetAttributes(_) | Action::SetLanguage(_) => {}
            Action::Keep => {
                self.notes.push("keep: the call is not answered yet, so it is refused as unavailable".to_owned());
                self.told = Some(Told::Refuse { code: 480, phrase: "Temporarily Unavailable" });
            }
            Action::HangUp(_) => self.told = Some(Told::Refuse { code: 480, phrase: "Temporarily Unavailable" }),
            Action::Reject(reason) => {
                let (code, phrase) = match reason.as_str() {
                    "busy" => (486, "Busy Here"),
                    "not-found" => (404, "Not Found"),
                    "unavailable" => (480, "Temporarily Unavailable"),
                    _ => (603, "Decline"),
                };
                self.told = Some(Told::Refuse { code, phrase });
            }
            Action::Transfer(transfer) => self.transfer(transfer)?,
            Action::Enqueue(enqueue) => self.enqueue(enqueue)?,
            _ => match can(name) {
                Can::Not(code, why) => return Err(Inability { action: name.to_owned(), why: why.to_owned(), code }),
                _ => return Err(cannot(name, "a switch cannot do it")),
            },
        }
        Ok(())
    }

    fn number(&self, number: &str, action: &str) -> Result<Cow<'a, str>, Inability> {
        let gateway = self.connection.option(GATEWAY);
        let gateway = gateway.ok_or_else(|| cannot(action, "the connection has no option gateway, to which numbers could be sent"))?;
        Ok(Cow::Owned(format!("sip:{number}@{gateway}")))
    }

    fn queue(&self, name: &str, action: &str) -> Result<Cow<'a, str>, Inability> {
        let known = self.scene.and_then(|scene| scene.directory.queues.get(name));
        if let Some(uri) = known.and_then(|queue| queue.provider_ids.get(&self.connection.provider)) {
            return checked(uri, action).map(Cow::Borrowed);
        }
        match self.connection.option(QUEUES) {
            Some(host) => Ok(Cow::Owned(format!("sip:{name}@{host}"))),
            None => {
                let provider = &self.connection.provider;
                Err(cannot(action, format!("queue {name} has no SIP address for {provider}, and the connection no option queues")))
            }
        }
    }

    /// Where a target is reached.
    fn route(&self, target: &'a Target, ring_timeout_ms: Option<u64>) -> Result<Route<'a>, Inability> {
        let bare = |uri| Route { uri, headers: &[], ring_timeout_ms };
        match target {
            Target::Number(number) => self.number(number, "transfer").map(bare),
            Target::Sip(sip) => {
                let uri = Cow::Borrowed(checked(&sip.uri, "transfer")?);
                Ok(Route { headers: &sip.headers, ..bare(uri) })
            }
            Target::Person(name) => {
                let person = self.scene.and_then(|scene| scene.directory.people.get(name));
                let person = person.ok_or_else(|| cannot("transfer", "nobody knows the person here"))?;
                match &person.address.e164 {
                    Some(number) => self.number(number, "transfer").map(bare),
                    None => checked(&person.address.raw, "transfer").map(Cow::Borrowed).map(bare),
                }
            }
            Target::Flow(_) => Err(cannot("transfer", "the call would have to come back to begin in the other flow; a switch asks once")),
            Target::Other(_) => Err(cannot("transfer", "it is no target that a switch knows")),
        }
    }

    fn transfer(&mut self, transfer: &'a Transfer) -> Result<(), Inability> {
        let route = |target| self.route(target, transfer.ring_timeout_ms);
        let mut routes = transfer.targets.iter().map(route).collect::<Result<Vec<_>, _>>()?;
        routes.truncate(ROUTES_MAX);
        for (is_asked, what) in [
            (transfer.whisper.is_some() || transfer.screening, "nobody speaks to the target first"),
            (transfer.talk_limit_ms.is_some(), "how long they talk is the switch's"),
            (transfer.caller_id.is_some(), "the caller's number is shown as it came"),
            (transfer.warm, "the target is called without anybody announcing the caller"),
        ] {
            if is_asked {
                self.notes.push(format!("transfer: {what}"));
            }
        }
        self.told = Some(Told::Routes { routes, parallel: transfer.ringing == Ringing::Parallel });
        Ok(())
    }

    /// The queue first; what the plugin wants when it takes too long follows as further routes, because a switch asks once.
    fn enqueue(&mut self, enqueue: &'a Enqueue) -> Result<(), Inability> {
        let action = "enqueue";
        let first = Route { uri: self.queue(&enqueue.queue, action)?, headers: &[], ring_timeout_ms: enqueue.maximum_wait_ms };
        let mut routes = vec![first];
        for exit in &enqueue.overflow {
            let uri = match exit {
                Exit::Enqueue(queue) => self.queue(queue, action)?,
                Exit::Number(number) => self.number(number, action)?,
                _ => {
                    self.notes.push("enqueue: of the overflow only queues and numbers can be tried".to_owned());
                    continue;
                }
            };
            routes.push(Route { uri, headers: &[], ring_timeout_ms: None });
        }
        if enqueue.priority.is_some() || !enqueue.skills.is_empty() || !enqueue.relaxations.is_empty() {
            self.notes.push("enqueue: who is served first, and by whom, is the queue's own".to_owned());
        }
        if enqueue.hold_music.is_some() || enqueue.announce_every_ms.is_some() || enqueue.notify {
            self.notes.push("enqueue: what is heard in the queue is the queue's own".to_owned());
        }
        routes.truncate(ROUTES_MAX);
        self.told = Some(Told::Routes { routes, parallel: false });
        Ok(())
    }
}

/// A SIP address that can stand between angle brackets and in JSON for a switch without meaning anything else.
fn checked<'a>(uri: &'a str, action: &str) -> Result<&'a str, Inability> {
    let is_sip = uri.starts_with("sip:") || uri.starts_with("sips:");
    let sound = is_sip && uri.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>\"\\?".contains(&byte));
    if sound {
        Ok(uri)
    } else {
        Err(cannot(action, "a SIP address here begins with sip: or sips: and has no spaces, quotes, angle brackets and question marks"))
    }
}
