//! Tries to connect, to listen, to send a datagram and to resolve a name, and answers with what it was told.

use std::net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket};

use shape::{Contact, Decision, Event, Failure, Guest, commit, say};

struct ConnectsASocket;

fn told<T>(what: &str, result: std::io::Result<T>) -> String {
    match result {
        Ok(_) => format!("{what}: unexpectedly allowed"),
        Err(error) => format!("{what}: error, {error}"),
    }
}

impl Guest for ConnectsASocket {
    const NAME: &str = "connects-a-socket";
    const ACTIONS: &[&str] = &["say"];

    fn handle(_contact: Contact, _event: Event) -> Result<Decision, Failure> {
        let reason = [
            told("connect", TcpStream::connect(("127.0.0.1", 80))),
            told("listen", TcpListener::bind(("0.0.0.0", 0))),
            told("datagram", UdpSocket::bind(("0.0.0.0", 0))),
            told("resolve", ("localhost", 80).to_socket_addrs()),
        ];
        Ok(say("There is no network here.", reason.join("; ")))
    }
}

commit!(ConnectsASocket);
