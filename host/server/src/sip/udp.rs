//! Carries SIP over UDP: a datagram is a message, and an answer is sent again until it is acknowledged.
//!
//! `open` starts it. As many messages are answered at once as events may be in flight anyway; what comes beyond that is dropped, because
//! its sender asks again by itself.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use jackfield_providers::sip::message::{MESSAGE_BYTES_MAX, Message};
use tokio::net::UdpSocket;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};

use super::{Desk, T1, T2, TIMER_H};
use crate::listen::Stage;

/// Messages that are looked at at once.
const AT_ONCE_MAX: usize = 1_024;

pub(super) async fn serve(desk: Arc<Desk>, socket: UdpSocket) -> std::io::Result<()> {
    let socket = Arc::new(socket);
    let places = Arc::new(Semaphore::new(AT_ONCE_MAX));
    let mut buffer = vec![0; MESSAGE_BYTES_MAX];
    loop {
        let received = tokio::select! {
            received = socket.recv_from(&mut buffer) => received,
            () = desk.stages.reached(Stage::Over) => return Ok(()),
        };
        // An ICMP error of an earlier answer is reported here, and is no reason to end.
        let Ok((length, came_from)) = received else { continue };
        let bytes = Bytes::copy_from_slice(buffer.get(..length).unwrap_or_default());
        // What keeps a path through a router open is no message.
        let is_keepalive = bytes.iter().all(|byte| byte.is_ascii_whitespace() || *byte == 0);
        let Some(place) = (!is_keepalive).then(|| Arc::clone(&places).try_acquire_owned().ok()).flatten() else { continue };
        let (desk, socket) = (Arc::clone(&desk), Arc::clone(&socket));
        tokio::spawn(async move {
            let to = Message::read(&bytes).map(|message| message.reply_to(came_from));
            if let Some(to) = to {
                answer(&desk, &socket, bytes, came_from, to, place).await;
            }
        });
    }
}

async fn answer(
    desk: &Arc<Desk>,
    socket: &UdpSocket,
    bytes: Bytes,
    came_from: SocketAddr,
    to: SocketAddr,
    place: tokio::sync::OwnedSemaphorePermit,
) {
    let send = async |bytes: Bytes| {
        if let Err(error) = socket.send_to(&bytes, to).await {
            tracing::debug!(%error, "a SIP response could not be sent");
        }
    };
    let Some(response) = desk.hear(bytes, came_from, send).await else { return };
    // Waiting for an acknowledgement holds nobody up.
    drop(place);
    send(response.bytes.clone()).await;
    let Some(key) = response.awaits_ack else { return };
    let (until, mut pause) = (Instant::now() + TIMER_H, T1);
    while Instant::now() < until && desk.stages.now() < Stage::Over {
        if desk.transactions.wait_for_ack(&key, pause).await {
            return;
        }
        send(response.bytes.clone()).await;
        pause = (pause * 2).min(T2);
        if desk.stages.now() >= Stage::Closing {
            // The last copy has a moment to leave; the other side asks another peer if it is lost.
            sleep(T1 / 10).await;
            return;
        }
    }
}
