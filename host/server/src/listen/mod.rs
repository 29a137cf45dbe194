//! Accepts connections and lets go of them: how many at once, from whom, for how long, and how they end when the server does.
//!
//! `serve` opens one [`Door`] for providers and one for the admin API. It is our own loop around hyper and not `axum::serve`, which has
//! no cap, no timeouts and no end to its patience at shutdown: a stranger who opens ten thousand sockets and says nothing would keep
//! every provider out, and one client that never finishes would keep the process from ending.
//!
//! It must not look into a request: what one may ask is the routers' business.

mod connection;
pub mod drain;
mod line;
mod places;
mod sockets;
mod stage;

pub use places::{Places, Seen};
pub(crate) use sockets::open;
pub use sockets::{BadSockets, Inherited};
pub use stage::{Stage, Stages};

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::config::listeners::DoorRules;

/// How long nothing is accepted after the system refused a socket: it is out of files or memory, and asking at once would only burn a
/// core that the others need.
const OUT_OF_SOCKETS: Duration = Duration::from_millis(100);
/// Connections that the system had taken for us before we stopped: a listener of our own takes its queue along when it is closed, so
/// they are taken first. More than a queue holds there cannot be.
const QUEUED_MAX: usize = 4_096;

/// One listener with its rules.
pub(crate) struct Door {
    /// For messages: "providers" or "the admin API".
    pub(crate) name: &'static str,
    pub(crate) listener: TcpListener,
    /// True where somebody else holds the socket too and goes on listening after us.
    pub(crate) is_inherited: bool,
    pub(crate) rules: DoorRules,
    pub(crate) router: Router,
}

/// Who is at the other end of the connection that a request came by: one IPv4 address, or an IPv6 network of 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Peer(pub(crate) std::net::IpAddr);

impl Door {
    /// Serves until the stage says that it is over; every connection has ended when it returns.
    pub(crate) async fn serve(self, places: Arc<Places>, stages: Stages) {
        let Self { name, listener, is_inherited, rules, router } = self;
        let rules = Arc::new(rules);
        let mut connections = JoinSet::new();
        let begin = |connections: &mut JoinSet<()>, place: places::Place, socket: TcpStream| {
            connections.spawn(connection::serve(socket, router.clone(), Arc::clone(&rules), place, stages.clone()));
        };
        loop {
            let room = tokio::select! {
                biased;
                () = stages.reached(Stage::Closing) => break,
                room = places.room() => room,
            };
            let accepted = tokio::select! {
                biased;
                () = stages.reached(Stage::Closing) => break,
                accepted = listener.accept() => accepted,
            };
            // Whoever is done leaves the set here; it never holds more than what was open when the last one came.
            while connections.try_join_next().is_some() {}
            match accepted {
                Ok((socket, peer)) => match places.take(room, peer.ip()) {
                    Some(place) => begin(&mut connections, place, socket),
                    None => tracing::debug!(%peer, name, "a peer has as many connections as one may have"),
                },
                // The peer went away before we looked.
                Err(error) if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset) => {}
                Err(error) => {
                    tracing::error!(%error, name, "no connection can be accepted; raise the limit of open files if it says so");
                    tokio::time::sleep(OUT_OF_SOCKETS).await;
                }
            }
        }
        if !is_inherited {
            take_queued(&listener, &places, |place, socket| begin(&mut connections, place, socket)).await;
        }
        drop(listener);
        while connections.join_next().await.is_some() {}
    }
}

/// Takes those who had connected before the end and were not accepted yet: to them the server was there.
async fn take_queued(listener: &TcpListener, places: &Arc<Places>, mut begin: impl FnMut(places::Place, TcpStream)) {
    for _ in 0..QUEUED_MAX {
        let accepted = std::future::poll_fn(|context| match listener.poll_accept(context) {
            std::task::Poll::Ready(accepted) => std::task::Poll::Ready(accepted.ok()),
            std::task::Poll::Pending => std::task::Poll::Ready(None),
        });
        let (Some((socket, peer)), Some(room)) = (accepted.await, places.room_now()) else { return };
        if let Some(place) = places.take(room, peer.ip()) {
            begin(place, socket);
        }
    }
}
