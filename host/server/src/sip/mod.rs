//! Answers SIP: a redirect server on UDP and TCP, beside the providers' HTTP and by the same walk.
//!
//! `serve` starts it where the configuration names an address. A message goes to `transactions`, which absorbs what comes again; an INVITE
//! that is new walks the pipeline as a request of the first of the configured connections whose sources hold the sender. Whoever is in
//! nobody's sources gets no answer: a server that answers strangers over UDP is a weapon against third parties.
//!
//! It must not keep a dialogue, speak media or proxy: whoever asked is told where to go, and goes there itself.

mod tcp;
mod transactions;
mod udp;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use jackfield_domain::id::ConnectionId;
use jackfield_domain::tenant::connection::Connection;
use jackfield_providers::options::{self, SOURCES};
use jackfield_providers::sip::message::Message;
use jackfield_providers::sip::{LISTENER, NAME};
use jackfield_store::StoreFault;
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinSet;
use tracing::Instrument as _;
use tracing::field::Empty;

use self::transactions::{Known, Transactions};
use crate::app::App;
use crate::listen::{Stage, Stages};
use crate::pipeline::{Answered, Received, answer};

/// What a redirect server understands.
const ALLOW: &str = "INVITE, ACK, CANCEL, OPTIONS";
/// For a switch that is told to come back: an overload that two seconds do not end is not ended by asking more often.
const RETRY_AFTER_S: &str = "2";
/// SIP's T1: what a message needs there and back (RFC 3261, 17.1.1.1).
const T1: Duration = Duration::from_millis(500);
/// SIP's T2: the longest time between two retransmissions.
const T2: Duration = Duration::from_secs(4);
/// SIP's timer H: after that nobody will acknowledge any more.
const TIMER_H: Duration = Duration::from_secs(32);

/// Where and for whom it listens.
#[derive(Debug, Clone)]
pub struct Rules {
    /// UDP and TCP.
    pub listen: SocketAddr,
    /// Whose sources are looked through, in this order.
    pub connections: Vec<ConnectionId>,
}

/// Opens both sockets on the same port and serves them until the stage says that it is over. Gives back where.
pub async fn open(app: Arc<App>, rules: &Rules, tasks: &mut JoinSet<std::io::Result<()>>) -> anyhow::Result<SocketAddr> {
    let busy = |error: std::io::Error| anyhow::anyhow!("cannot listen for SIP on {}: {error}; choose another [sip] listen", rules.listen);
    let udp = UdpSocket::bind(rules.listen).await.map_err(busy)?;
    let at = udp.local_addr()?;
    let tcp = TcpListener::bind(at).await.map_err(busy)?;
    let stages = app.health.stages.clone();
    let desk = Arc::new(Desk { app, connections: rules.connections.clone(), transactions: Transactions::default(), stages });
    tasks.spawn(udp::serve(Arc::clone(&desk), udp));
    tasks.spawn(tcp::serve(desk, tcp));
    Ok(at)
}

/// Where messages are answered.
struct Desk {
    app: Arc<App>,
    connections: Vec<ConnectionId>,
    transactions: Transactions,
    stages: Stages,
}

/// What is sent back at once.
struct Response {
    bytes: Bytes,
    /// The transaction whose final answer it is, where an acknowledgement is waited for.
    awaits_ack: Option<String>,
}

impl Desk {
    /// Answers one message. `tried` sends what says that an answer is being made.
    async fn hear(self: &Arc<Self>, bytes: Bytes, came_from: SocketAddr, tried: impl AsyncFnOnce(Bytes)) -> Option<Response> {
        let message = Message::read(&bytes)?;
        let connection = self.connection_of(came_from).await?;
        // What identifies a transaction is the sender's to choose: nobody may meet another's.
        let key = format!("{} {} {}", connection.id, came_from.ip(), message.transaction()?);
        let tag = tag_of(&key);
        let plain = |code: u16, phrase: &str, own: &[(&str, &str)]| {
            let own: Vec<(String, String)> = own.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            Some(Response { bytes: message.response(code, phrase, came_from, &tag, &own), awaits_ack: None })
        };
        match message.method() {
            Some("ACK") => {
                self.transactions.acknowledged(&key);
                None
            }
            // Balancers take us out of turn while we leave.
            Some("OPTIONS") if self.stages.now() >= Stage::Leaving => plain(503, "Service Unavailable", &[("retry-after", RETRY_AFTER_S)]),
            Some("OPTIONS") => plain(200, "OK", &[("allow", ALLOW), ("accept", "application/sdp")]),
            Some("CANCEL") if self.transactions.is_known(&key) => plain(200, "OK", &[]),
            Some("CANCEL") => plain(481, "Call/Transaction Does Not Exist", &[]),
            Some("INVITE") if message.is_in_dialogue() => plain(481, "Call/Transaction Does Not Exist", &[]),
            Some("INVITE") => match self.transactions.begin(&key) {
                Known::Full => plain(503, "Service Unavailable", &[("retry-after", RETRY_AFTER_S)]),
                Known::Answered(bytes) => Some(Response { bytes, awaits_ack: None }),
                Known::InProgress => plain(100, "Trying", &[]),
                Known::New => {
                    tried(message.response(100, "Trying", came_from, &tag, &[])).await;
                    let bytes = self.invite(&connection, &message, bytes, came_from, &tag).await;
                    self.transactions.answered(&key, bytes.clone());
                    Some(Response { bytes, awaits_ack: Some(key) })
                }
            },
            Some("BYE") => plain(481, "Call/Transaction Does Not Exist", &[]),
            _ => plain(405, "Method Not Allowed", &[("allow", ALLOW)]),
        }
    }

    /// Walks the pipeline.
    async fn invite(&self, connection: &Connection, message: &Message, body: Bytes, came_from: SocketAddr, tag: &str) -> Bytes {
        let respond = |code: u16, own: &[(String, String)]| message.response(code, phrase(code), came_from, tag, own);
        let retry_after = [("retry-after".to_owned(), RETRY_AFTER_S.to_owned())];
        let seat = self.app.in_flight.enter().filter(|_| self.stages.now() < Stage::Closing);
        let Some(seat) = seat else { return respond(503, &retry_after) };
        let received = Received {
            connection: connection.id.clone(),
            tail: "invite".to_owned(),
            method: Method::POST,
            path_and_query: LISTENER.to_owned(),
            headers: HeaderMap::new(),
            body,
            peer: Some(came_from.ip()),
            at: self.app.clock.now(),
            begun: Instant::now(),
        };
        let span = tracing::error_span!("sip", otel.kind = "server", connection = %connection.id, tenant = Empty, contact = Empty);
        match answer(&self.app, received, seat).instrument(span).await {
            Answered::Reply(reply) => respond(reply.status, &reply.headers),
            Answered::Bare(status) if status == StatusCode::NOT_FOUND => respond(404, &[]),
            Answered::Bare(_) => respond(503, &retry_after),
        }
    }

    /// The first of the configured connections that lets this sender ask.
    async fn connection_of(&self, came_from: SocketAddr) -> Option<Arc<Connection>> {
        for id in &self.connections {
            match self.app.store.platform().connection_shared(id).await {
                Ok(Some(found)) if found.row.provider == NAME && options::holds(&found.row, SOURCES, Some(came_from.ip())) => {
                    return Some(found.row);
                }
                Ok(_) => {}
                Err(fault) => self.unread(&fault),
            }
        }
        self.app.metrics.request(Some(NAME), StatusCode::FORBIDDEN.as_u16());
        None
    }

    fn unread(&self, fault: &StoreFault) {
        tracing::error!(%fault, "a SIP connection could not be read, so nobody is let in by it");
    }
}

/// The phrase of a final status that a redirect server gives.
fn phrase(code: u16) -> &'static str {
    match code {
        302 => "Moved Temporarily",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        413 => "Request Entity Too Large",
        480 => "Temporarily Unavailable",
        486 => "Busy Here",
        603 => "Decline",
        _ => "Service Unavailable",
    }
}

/// The same tag for every response of one transaction, and no two transactions alike; it tells nothing of either.
fn tag_of(transaction: &str) -> String {
    jackfield_domain::id::Digest::of(transaction.as_bytes())
        .to_string()
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .skip(6)
        .take(16)
        .collect()
}
