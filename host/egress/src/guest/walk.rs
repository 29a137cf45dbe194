//! Walks one request from the guest's words to its record, in one straight line with a way out at each step.
//!
//! [`super::Gate`] runs it as a task of its own for each request. Read, check, permit, put secrets in, ask the breaker, wait for a place,
//! charge, connect, carry, blot out: each step is a file or a function and knows none of the others. What is known so far stands in a
//! [`Trip`] beside the walk, because the time may cut the walk off anywhere and the record must still say how far it came.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use jackfield_domain::flow::egress::{Method, Scheme, Target};
use jackfield_domain::ports::Clock;
use jackfield_domain::ports::outbound::{Errand, Secrets};
use jackfield_domain::ports::spending::{Reserved, Spending};
use jackfield_domain::quota::meter::Meter;
use jackfield_domain::request::{HttpError, Request, RequestRecord, Response, Sent};
use tokio::sync::Semaphore;
use tracing::Span;

use super::address::Addresses;
use super::breaker::Verdict;
use super::clients::{Client, Clients};
use super::dial::{Dialler, Line, RESPONSE_HEAD_BYTES_MAX};
use super::exchange::{Allowance, Carried, carry};
use super::figures::Figures;
use super::head::Head;
use super::resolve::Names;
use super::{head, mask, target};

/// What an invocation keeps after its last request: to read the answer, decide, and give way before the deadline.
pub(super) const MARGIN: Duration = Duration::from_millis(200);
/// A guest that gave the host less time than that learns nothing of the host by a timeout.
const PATIENCE_MIN: Duration = Duration::from_millis(400);
/// A quota that cannot pay for the smallest answer pays for no request.
const ANSWER_BYTES_MIN: u64 = 1_024;

/// What all walks have in common.
pub(super) struct Inner {
    pub(super) addresses: Addresses,
    pub(super) plain_http: bool,
    pub(super) names: Arc<dyn Names>,
    pub(super) secrets: Arc<dyn Secrets>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) clients: Clients,
    pub(super) places: Arc<Semaphore>,
    pub(super) figures: Figures,
}

/// What is taken from the tenant's quota for one request; what was not used goes back, however the request ends.
struct Charge {
    spending: Arc<dyn Spending>,
    reserved: Option<Reserved>,
    used: u64,
}

impl Drop for Charge {
    fn drop(&mut self) {
        if let Some(reserved) = self.reserved.take() {
            self.spending.settle(reserved, self.used);
        }
    }
}

/// A question that is open with a breaker; whoever drops it without an answer gives a probe up.
struct Watch {
    client: Arc<Client>,
    target: Target,
    probing: bool,
    /// True once the host itself was waited for.
    dialled: bool,
}

impl Watch {
    fn tell(mut self, result: &Result<Response, HttpError>, waited: Duration) {
        let failed = match result {
            Ok(_) | Err(HttpError::TooLarge) => false,
            Err(HttpError::Failed(_)) => self.dialled,
            Err(HttpError::Timeout) if self.dialled && waited >= PATIENCE_MIN => true,
            Err(_) => return,
        };
        self.probing = false;
        let mut breakers = self.client.breakers();
        if failed { breakers.failed(&self.target, Instant::now()) } else { breakers.answered(&self.target) }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if self.probing {
            self.client.breakers().given_up(&self.target);
        }
    }
}

/// What is known of a request so far; it outlives the part that may be cut off.
#[derive(Default)]
struct Trip {
    record: RequestRecord,
    target: Option<Target>,
    watch: Option<Watch>,
    charge: Option<Charge>,
}

impl Inner {
    /// One request, from the guest's words to the record.
    pub(super) async fn send(&self, errand: &Errand, request: &Request, time: Duration) -> Sent {
        let began = Instant::now();
        let left = time.saturating_sub(MARGIN);
        let limit = request.timeout_ms.map_or(left, |asked| left.min(Duration::from_millis(asked)));
        let mut trip = Trip::default();
        let result = match tokio::time::timeout(limit, self.walk(errand, request, &mut trip)).await {
            Ok(result) => result,
            Err(_) => Err(HttpError::Timeout),
        };
        let waited = began.elapsed();
        if let Some(watch) = trip.watch.take() {
            watch.tell(&result, waited);
        }
        if let Some(charge) = &mut trip.charge {
            charge.used = trip.record.sent_bytes.saturating_add(trip.record.received_bytes);
        }
        let mut sent = match result {
            Ok(response) => {
                Sent { record: RequestRecord { outcome: response.status.to_string(), ..trip.record.clone() }, result: Ok(response) }
            }
            Err(error) => {
                let Sent { result, record } = Sent::refused(&request.method, error);
                Sent {
                    result,
                    record: RequestRecord { outcome: record.outcome, detail: record.detail, method: record.method, ..trip.record.clone() },
                }
            }
        };
        sent.record.took_us = u64::try_from(waited.as_micros()).unwrap_or(u64::MAX);
        Span::current().record("outcome", sent.record.outcome.as_str()).record("server.address", sent.record.address.as_deref());
        self.figures.count(&errand.tenant, &errand.flow, errand.release, trip.target.as_ref(), &sent.record, self.clock.now());
        sent
    }

    async fn walk(&self, errand: &Errand, request: &Request, trip: &mut Trip) -> Result<Response, HttpError> {
        let method = head::method(&request.method)?;
        method.as_str().clone_into(&mut trip.record.method);
        let address = target::read(&request.url).map_err(|why| HttpError::BadRequest(why.to_owned()))?;
        trip.record.target = address.shown;
        head::check(request, errand.body_bytes_max)?;
        let target = address.target;
        self.permit(errand, method, &target)?;
        trip.target = Some(target.clone());
        let head = head::make(method, request, &target, &errand.tenant, self.secrets.as_ref()).await?;
        let client = self.clients.of(&errand.tenant);
        trip.watch = Some(watch(&client, &target)?);
        // Of the tenant first, so that whoever has too much under way waits for itself and takes no place of others.
        let gone = |_| HttpError::Unavailable;
        let _own = Arc::clone(&client.places).acquire_owned().await.map_err(gone)?;
        let _shared = Arc::clone(&self.places).acquire_owned().await.map_err(gone)?;
        let (body_bytes_max, charge) = charge(errand, request).await?;
        trip.charge = Some(charge);
        let secrets = head.secrets.clone();
        let request_bytes = request.head_bytes().saturating_add(request.body_bytes());
        let outgoing = outgoing(head, &address.path_and_query, request.body.clone())?;
        let errand_of = Passage { client: &client, target: &target, request_bytes, body_bytes_max, in_clear: !secrets.is_empty() };
        let mut response = self.pass(errand_of, outgoing, trip).await?;
        mask::blot_out(&mut response, &secrets);
        Ok(response)
    }

    fn permit(&self, errand: &Errand, method: Method, target: &Target) -> Result<(), HttpError> {
        let refuse = || HttpError::NotAllowed(format!("{} {target}", method.as_str()));
        if target.scheme == Scheme::Http && !self.plain_http {
            return Err(refuse());
        }
        if errand.rules.allow(method, target) { Ok(()) } else { Err(refuse()) }
    }

    /// Over an idle connection, else over a new one. A request that an idle connection did not take goes over a new one.
    async fn pass(&self, passage: Passage<'_>, mut request: http::Request<Full<Bytes>>, trip: &mut Trip) -> Result<Response, HttpError> {
        let Passage { client, target, request_bytes, body_bytes_max, in_clear } = passage;
        let own_only = in_clear && target.scheme == Scheme::Http;
        let fits = |line: &Line| !own_only || self.addresses.is_own(line.address.ip());
        if let Some(watch) = &mut trip.watch {
            watch.dialled = true;
        }
        loop {
            let (mut line, is_new) = match client.take(target, fits) {
                Some(line) => (line, false),
                None => {
                    let dialler = Dialler { names: self.names.as_ref(), addresses: &self.addresses, tls: &client.tls };
                    (dialler.dial(target, own_only).await?, true)
                }
            };
            trip.record.address = Some(line.address.to_string());
            trip.record.sent_bytes = request_bytes;
            let allowance = Allowance { body_bytes_max, received_bytes: &mut trip.record.received_bytes };
            match carry(&mut line, request, allowance).await {
                Carried::Answered { response, reusable } => {
                    if reusable {
                        client.give_back(target.clone(), line);
                    }
                    return Ok(response);
                }
                Carried::NotSent(back) if !is_new => request = *back,
                Carried::NotSent(_) => return Err(HttpError::Failed("the connection closed".to_owned())),
                Carried::Broke(error) => return Err(error),
            }
        }
    }
}

/// What [`Inner::pass`] needs besides the request.
struct Passage<'a> {
    client: &'a Client,
    target: &'a Target,
    request_bytes: u64,
    body_bytes_max: u64,
    /// True where a secret is in it.
    in_clear: bool,
}

fn watch(client: &Arc<Client>, target: &Target) -> Result<Watch, HttpError> {
    let verdict = client.breakers().ask(target, Instant::now());
    if verdict == Verdict::Refuse {
        return Err(HttpError::Unavailable);
    }
    Ok(Watch { client: Arc::clone(client), target: target.clone(), probing: verdict == Verdict::Probe, dialled: false })
}

/// Takes the request and all that it may come to from the tenant's quota; says how large its answer may be.
async fn charge(errand: &Errand, request: &Request) -> Result<(u64, Charge), HttpError> {
    let over = |_| HttpError::Other("quota-exceeded".to_owned());
    let sent = request.head_bytes().saturating_add(request.body_bytes());
    let head = u64::try_from(RESPONSE_HEAD_BYTES_MAX).unwrap_or(u64::MAX);
    let most = sent.saturating_add(head).saturating_add(errand.body_bytes_max);
    let reserved =
        errand.spending.reserve(Meter::EgressBytes, most, sent.saturating_add(ANSWER_BYTES_MIN).min(most)).await.map_err(over)?;
    // Where the quota is nearly used, the answer may be as large as what is left.
    let body_bytes_max = reserved.amount().saturating_sub(sent).min(errand.body_bytes_max);
    let charge = Charge { spending: Arc::clone(&errand.spending), reserved: Some(reserved), used: 0 };
    // The request last, because nothing of it comes back; the bytes do with the charge.
    errand.spending.spend(Meter::EgressRequests, 1).await.map_err(over)?;
    Ok((body_bytes_max, charge))
}

fn outgoing(head: Head, path_and_query: &str, body: Vec<u8>) -> Result<http::Request<Full<Bytes>>, HttpError> {
    let Head { method, headers, .. } = head;
    let mut request = http::Request::builder()
        .method(method.as_str())
        .uri(path_and_query)
        .body(Full::new(Bytes::from(body)))
        .map_err(|_| HttpError::BadRequest("url: the path cannot stand on a request line".to_owned()))?;
    *request.headers_mut() = headers;
    Ok(request)
}
