//! Serves one connection from its first byte to its end, and decides when its peer has had enough time.
//!
//! A door spawns one for each socket. hyper speaks HTTP/1 and HTTP/2 on it; here is what hyper leaves open: how long a head may take,
//! how long silence lasts, and how a connection ends when the server does. Ending is asked for in hyper's own way (`Connection: close`,
//! GOAWAY), but never of a connection on which a request has begun to arrive: hyper would close it under the request.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::response::Response;
use http::{HeaderValue, Request, Version, header};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::TcpStream;
use tower::ServiceExt as _;

use super::Peer;
use super::line::Line;
use super::places::{Activity, Doing, Place};
use super::stage::{Stage, Stages};
use crate::config::listeners::DoorRules;

/// A connection that was accepted just before the end may have a request on its way; so long is waited for its first byte.
const FRESH_GRACE: Duration = Duration::from_secs(1);
/// A peer that was told to go gets so long to take its last bytes.
const LEAVE_GRACE: Duration = Duration::from_secs(1);
/// A busy connection is looked at again after that: its timers start only when it is quiet.
const BUSY_LOOK: Duration = Duration::from_secs(1);
/// A provider's headers are under 4 KiB, and the longest URL that we give out under 2.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Requests at once on one connection of HTTP/2: a provider's proxy sends a handful, and each may take a place before a plugin.
const STREAMS_MAX: u32 = 64;
/// Streams that a peer opened and took back before we looked at them, and those that we reset: more is the flood that closes HTTP/2
/// servers (CVE-2023-44487), and the peer is told to calm down.
const RESETS_MAX: usize = 20;
/// Bytes of answers that wait in one stream.
const SEND_BUFFER_BYTES_MAX: usize = 256 * 1024;
/// A peer of HTTP/2 that is quiet is asked whether it is there.
const PING_EVERY: Duration = Duration::from_secs(20);
/// And has so long to say so.
const PING_PATIENCE: Duration = Duration::from_secs(10);

/// What is to be done with a connection now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// Nothing until then.
    LookAgain(Instant),
    /// It is told to end; whatever is in progress is finished.
    Part,
    /// It has had its time.
    Drop,
}

/// Serves a socket to its end.
pub(super) async fn serve(socket: TcpStream, router: Router, rules: Arc<DoorRules>, place: Place, stages: Stages) {
    // Answers are small and complete: waiting to fill a packet would only delay them. Where it cannot be set they are a little late.
    let _ = socket.set_nodelay(true);
    let activity = Arc::clone(&place.activity);
    let line = Line::new(socket, Arc::clone(&activity), rules.request_bytes_max, rules.stall);
    let service = service_fn(|request: Request<Incoming>| answer(router.clone(), Arc::clone(&activity), stages.clone(), request));
    let builder = builder();
    let mut connection = pin!(builder.serve_connection(TokioIo::new(line), service));
    let mut watch = Watch { parted: None, closing: None, is_unwanted: false };
    let mut timer = pin!(tokio::time::sleep(rules.header.min(BUSY_LOOK)));
    loop {
        let closing = async {
            match watch.closing {
                None => stages.reached(Stage::Closing).await,
                Some(_) => stages.reached(Stage::Over).await,
            }
        };
        tokio::select! {
            biased;
            // Either way it is over, and who broke it off is nobody's concern: peers do so all day.
            _ended = connection.as_mut() => return,
            () = closing => {
                if stages.now() == Stage::Over {
                    return;
                }
                watch.closing = Some(Instant::now());
            }
            () = activity.leave.notified() => watch.is_unwanted = true,
            () = timer.as_mut() => {}
        }
        let now = Instant::now();
        match watch.judge(&activity.now(), &rules, now) {
            Verdict::LookAgain(at) => timer.as_mut().reset(at.max(now + Duration::from_millis(1)).into()),
            Verdict::Part => {
                watch.parted = Some(now);
                connection.as_mut().graceful_shutdown();
                timer.as_mut().reset((now + LEAVE_GRACE).into());
            }
            Verdict::Drop => return,
        }
    }
}

/// What is known of a connection's end.
struct Watch {
    /// When it was told to go.
    parted: Option<Instant>,
    /// When the server stopped accepting.
    closing: Option<Instant>,
    /// Somebody else waits for its place.
    is_unwanted: bool,
}

impl Watch {
    fn judge(&self, doing: &Doing, rules: &DoorRules, now: Instant) -> Verdict {
        if doing.in_flight > 0 {
            // An answer that is being made is never cut off here: its own deadline ends it, or the server's.
            let must_part = self.closing.is_some() && self.parted.is_none();
            return if must_part { Verdict::Part } else { Verdict::LookAgain(now + BUSY_LOOK) };
        }
        if doing.is_writing {
            // The line itself ends it where the peer takes nothing.
            return Verdict::LookAgain(now + BUSY_LOOK);
        }
        if let Some(parted) = self.parted {
            // HTTP/2 says goodbye in two steps and ends by itself; whoever does not listen is left.
            return due(parted.max(doing.quiet_since) + LEAVE_GRACE, now, Verdict::Drop);
        }
        if let Some(since) = doing.head_since.filter(|_| !doing.is_multiplexed) {
            return due(since + rules.header, now, Verdict::Drop);
        }
        if doing.requests == 0 {
            let patience = doing.accepted + rules.header;
            let until = self.closing.map_or(patience, |closing| patience.min(closing + FRESH_GRACE));
            return if self.is_unwanted { Verdict::Drop } else { due(until, now, Verdict::Drop) };
        }
        if self.closing.is_some() || self.is_unwanted {
            return Verdict::Part;
        }
        due(doing.quiet_since + rules.idle, now, Verdict::Part)
    }
}

fn due(at: Instant, now: Instant, verdict: Verdict) -> Verdict {
    if now >= at { verdict } else { Verdict::LookAgain(at) }
}

async fn answer(router: Router, activity: Arc<Activity>, stages: Stages, mut request: Request<Incoming>) -> Result<Response, Infallible> {
    let version = request.version();
    let _in_flight = activity.begin(version == Version::HTTP_2);
    request.extensions_mut().insert(Peer(activity.peer));
    let mut response = router.oneshot(request).await?;
    if stages.now() > Stage::Serving && version < Version::HTTP_2 {
        // The peer opens its next connection elsewhere, before this one is closed under it.
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}

fn builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    // The head's time is kept here, because hyper's counts the silence before a request as well.
    builder.http1().timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(HEAD_BYTES_MAX).half_close(false);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_pending_accept_reset_streams(RESETS_MAX)
        .max_local_error_reset_streams(RESETS_MAX)
        .max_header_list_size(HEAD_BYTES_MAX as u32)
        .max_send_buf_size(SEND_BUFFER_BYTES_MAX)
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_PATIENCE);
    builder
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOBODY: Watch = Watch { parted: None, closing: None, is_unwanted: false };

    fn doing(accepted: Instant) -> Doing {
        Doing {
            accepted,
            in_flight: 0,
            requests: 0,
            is_multiplexed: false,
            head_since: None,
            quiet_since: accepted,
            bytes: 0,
            is_writing: false,
        }
    }

    fn rules() -> DoorRules {
        DoorRules { header: Duration::from_secs(5), idle: Duration::from_secs(60), ..DoorRules::of_hooks(10) }
    }

    #[test]
    fn a_head_that_never_ends_is_cut_off_and_an_answer_that_is_being_made_is_not() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let slow = Doing { head_since: Some(at(1)), requests: 3, ..doing(start) };
        assert_eq!(NOBODY.judge(&slow, &rules(), at(5)), Verdict::LookAgain(at(6)));
        assert_eq!(NOBODY.judge(&slow, &rules(), at(6)), Verdict::Drop);
        let silent = doing(start);
        assert_eq!(NOBODY.judge(&silent, &rules(), at(5)), Verdict::Drop, "whoever connects and says nothing has the time of a head");
        let busy = Doing { in_flight: 1, requests: 1, ..doing(start) };
        assert!(matches!(NOBODY.judge(&busy, &rules(), at(500)), Verdict::LookAgain(_)));
        let multiplexed = Doing { is_multiplexed: true, requests: 1, head_since: Some(at(1)), ..doing(start) };
        assert_eq!(NOBODY.judge(&multiplexed, &rules(), at(30)), Verdict::LookAgain(at(60)), "a ping is no request");
    }

    #[test]
    fn a_quiet_connection_is_told_to_go_when_its_time_is_up_or_somebody_else_waits() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let quiet = Doing { requests: 1, ..doing(start) };
        assert_eq!(NOBODY.judge(&quiet, &rules(), at(59)), Verdict::LookAgain(at(60)));
        assert_eq!(NOBODY.judge(&quiet, &rules(), at(60)), Verdict::Part);
        assert_eq!(Watch { is_unwanted: true, ..NOBODY }.judge(&quiet, &rules(), at(1)), Verdict::Part);
        assert_eq!(Watch { parted: Some(at(1)), ..NOBODY }.judge(&quiet, &rules(), at(2)), Verdict::Drop);
    }

    #[test]
    fn at_the_end_a_request_that_has_begun_to_arrive_is_waited_for() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let closing = Watch { closing: Some(at(1)), ..NOBODY };
        let arriving = Doing { head_since: Some(at(1)), requests: 4, ..doing(start) };
        assert_eq!(closing.judge(&arriving, &rules(), at(1)), Verdict::LookAgain(at(6)));
        assert_eq!(closing.judge(&doing(start), &rules(), at(1)), Verdict::LookAgain(at(2)), "its first byte may be on the way");
        assert_eq!(closing.judge(&doing(start), &rules(), at(2)), Verdict::Drop);
        assert_eq!(closing.judge(&Doing { requests: 1, ..doing(start) }, &rules(), at(1)), Verdict::Part);
        assert_eq!(closing.judge(&Doing { requests: 1, in_flight: 1, ..doing(start) }, &rules(), at(1)), Verdict::Part);
    }
}
