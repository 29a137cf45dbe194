//! Carries SIP over TCP: messages one after the other, each as long as it says (RFC 3261, 18.3).
//!
//! `open` starts it. Connections are bounded in all and for each peer, and end when nothing comes for a while; strangers are hung up on
//! before a byte is read.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use jackfield_providers::sip::message::length_in_stream;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::Desk;
use crate::listen::Stage;

/// Connections in all: switches keep one or a few each.
const CONNECTIONS_MAX: usize = 256;
/// Of one peer.
const PER_PEER_MAX: usize = 32;
/// A switch keeps a connection alive every minute or two (RFC 5626, 4.4.1).
const IDLE: Duration = Duration::from_secs(180);
/// A peer that does not take an answer within that is gone.
const WRITE_PATIENCE: Duration = Duration::from_secs(5);
/// After this many messages that are in progress on one connection the next is not read yet.
const PIPELINED_MAX: usize = 64;

#[derive(Default)]
struct Places {
    of: Mutex<HashMap<IpAddr, usize>>,
}

impl Places {
    fn of(&self) -> std::sync::MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.of.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(self: &Arc<Self>, peer: IpAddr) -> Option<Place> {
        let mut of = self.of();
        let all: usize = of.values().sum();
        let own = of.get(&peer).copied().unwrap_or(0);
        if all >= CONNECTIONS_MAX || own >= PER_PEER_MAX {
            return None;
        }
        of.insert(peer, own + 1);
        Some(Place { places: Arc::clone(self), peer })
    }
}

struct Place {
    places: Arc<Places>,
    peer: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut of = self.places.of();
        match of.get_mut(&self.peer) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                of.remove(&self.peer);
            }
        }
    }
}

pub(super) async fn serve(desk: Arc<Desk>, listener: TcpListener) -> std::io::Result<()> {
    let places = Arc::new(Places::default());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = desk.stages.reached(Stage::Closing) => return Ok(()),
        };
        let Ok((socket, came_from)) = accepted else {
            // The process has no file left for it; there may be one soon.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        if let Some(place) = places.take(came_from.ip()) {
            let desk = Arc::clone(&desk);
            tokio::spawn(async move {
                if desk.connection_of(came_from).await.is_some() {
                    talk(&desk, socket, came_from).await;
                }
                drop(place);
            });
        }
    }
}

async fn talk(desk: &Arc<Desk>, socket: TcpStream, came_from: SocketAddr) {
    let _ = socket.set_nodelay(true);
    let (mut reader, writer) = socket.into_split();
    let writer = Arc::new(tokio::sync::Mutex::new(writer));
    let in_progress = Arc::new(tokio::sync::Semaphore::new(PIPELINED_MAX));
    let mut buffer = BytesMut::with_capacity(4_096);
    loop {
        match next(&mut buffer) {
            Ok(Some(Said::Ping)) => write(&writer, Bytes::from_static(b"\r\n")).await,
            Ok(Some(Said::Message(bytes))) => {
                let Ok(place) = Arc::clone(&in_progress).acquire_owned().await else { return };
                let (desk, writer) = (Arc::clone(desk), Arc::clone(&writer));
                tokio::spawn(async move {
                    let tried = async |bytes: Bytes| write(&writer, bytes).await;
                    if let Some(response) = desk.hear(bytes, came_from, tried).await {
                        write(&writer, response.bytes).await;
                    }
                    drop(place);
                });
            }
            Ok(None) => {
                let read = tokio::select! {
                    read = timeout(IDLE, reader.read_buf(&mut buffer)) => read,
                    () = desk.stages.reached(Stage::Over) => return,
                };
                if !matches!(read, Ok(Ok(1..))) {
                    break;
                }
            }
            // Where one message's end is not known nothing after it can be.
            Err(()) => break,
        }
    }
    // What is in progress is answered before the socket closes.
    let all = u32::try_from(PIPELINED_MAX).unwrap_or(u32::MAX);
    let _ = in_progress.acquire_many(all).await;
}

enum Said {
    /// Two line ends: asks for one back (RFC 5626, 4.4.1).
    Ping,
    Message(Bytes),
}

fn next(buffer: &mut BytesMut) -> Result<Option<Said>, ()> {
    if buffer.starts_with(b"\r\n\r\n") {
        let _ = buffer.split_to(4);
        return Ok(Some(Said::Ping));
    }
    // A single line end before a message is passed over (RFC 3261, 7.5).
    while buffer.starts_with(b"\r\n") && buffer.len() > 2 && !buffer.starts_with(b"\r\n\r") {
        let _ = buffer.split_to(2);
    }
    match length_in_stream(buffer) {
        Ok(Some(length)) => Ok(Some(Said::Message(buffer.split_to(length).freeze()))),
        Ok(None) => Ok(None),
        Err(_) => Err(()),
    }
}

async fn write(writer: &tokio::sync::Mutex<OwnedWriteHalf>, bytes: Bytes) {
    let mut writer = writer.lock().await;
    if !matches!(timeout(WRITE_PATIENCE, writer.write_all(&bytes)).await, Ok(Ok(()))) {
        let _ = writer.shutdown().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_cut_out_of_a_stream_however_it_arrives() {
        let one = b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 3\r\n\r\nabc";
        let mut buffer = BytesMut::new();
        let mut cut = Vec::new();
        for byte in one.iter().chain(b"\r\n\r\n").chain(one) {
            buffer.extend_from_slice(&[*byte]);
            match next(&mut buffer) {
                Ok(Some(Said::Message(bytes))) => cut.push(bytes.len()),
                Ok(Some(Said::Ping)) => cut.push(0),
                Ok(None) => {}
                Err(()) => panic!("it has an end"),
            }
        }
        assert_eq!(cut, [one.len(), 0, one.len()]);
        for endless in ["A\r\nl: 99999999\r\n\r\n", "A\r\nContent-Length: x\r\n\r\n", "A\r\nContent-Length: -1\r\n\r\n"] {
            assert!(next(&mut BytesMut::from(endless)).is_err(), "{endless}");
        }
    }

    #[test]
    fn one_peer_has_its_part_of_the_places_and_gives_them_back() {
        let places = Arc::new(Places::default());
        let peer = IpAddr::from([192, 0, 2, 1]);
        let held: Vec<_> = std::iter::from_fn(|| places.take(peer)).collect();
        assert_eq!(held.len(), PER_PEER_MAX);
        assert!(places.take(IpAddr::from([192, 0, 2, 2])).is_some());
        drop(held);
        assert!(places.of().is_empty());
    }
}
