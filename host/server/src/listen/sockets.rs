//! Finds the sockets to listen on: those that whoever started us holds already, else new ones.
//!
//! `serve` asks once. A supervisor that holds the sockets (systemd's socket activation) can swap the binary without a moment in which
//! nobody listens: what arrives meanwhile waits in the system's queue, which belongs to the socket and not to the process.

use std::net::{SocketAddr, TcpListener as StdListener};

use tokio::net::TcpListener;

/// Sockets that were handed over, by what they are for.
#[derive(Debug, Default)]
pub struct Inherited {
    /// For providers.
    pub hooks: Option<StdListener>,
    /// For the admin API.
    pub admin: Option<StdListener>,
}

/// Why handed-over sockets are not taken.
#[derive(Debug, thiserror::Error)]
pub enum BadSockets {
    /// One has a name that means nothing here.
    #[error("a socket named {given:?} was handed over; name them \"hooks\" and \"admin\" (FileDescriptorName= in the socket unit)")]
    Name {
        /// As it was named.
        given: String,
    },
    /// Two are for the same.
    #[error("two sockets were handed over for {0}; one is meant")]
    Twice(&'static str),
    /// One is none that can be listened on.
    #[error("the socket {name:?} that was handed over cannot be used: {source}; it must be a listening TCP socket")]
    Unusable {
        /// As it was named.
        name: String,
        /// What the system says.
        source: std::io::Error,
    },
}

impl Inherited {
    /// Sorts named sockets.
    pub(crate) fn of(named: Vec<(String, StdListener)>) -> Result<Self, BadSockets> {
        let mut all = Self::default();
        for (name, socket) in named {
            let (place, what) = match name.as_str() {
                "hooks" => (&mut all.hooks, "providers"),
                "admin" => (&mut all.admin, "the admin API"),
                _ => return Err(BadSockets::Name { given: name.chars().take(80).collect() }),
            };
            if place.replace(socket).is_some() {
                return Err(BadSockets::Twice(what));
            }
        }
        Ok(all)
    }
}

/// The socket that was handed over, or a new one; true where it was handed over.
pub(crate) async fn open(what: &str, inherited: Option<StdListener>, at: SocketAddr) -> anyhow::Result<(TcpListener, bool)> {
    if let Some(socket) = inherited {
        let ready = socket.set_nonblocking(true).and_then(|()| TcpListener::from_std(socket));
        return Ok((ready.map_err(|e| anyhow::anyhow!("the socket for {what} that was handed over cannot be used: {e}"))?, true));
    }
    let bound = TcpListener::bind(at).await;
    Ok((bound.map_err(|e| anyhow::anyhow!("cannot listen for {what} on {at}: {e}; choose another address"))?, false))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn socket() -> StdListener {
        StdListener::bind("127.0.0.1:0").unwrap()
    }

    #[test]
    fn sockets_are_taken_by_name_and_a_strange_one_is_refused() {
        let named = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), socket())).collect();
        let both = Inherited::of(named(&["admin", "hooks"])).unwrap();
        assert!(both.hooks.is_some() && both.admin.is_some());
        assert!(Inherited::of(named(&["jackfield.socket"])).unwrap_err().to_string().contains("jackfield.socket"));
        assert!(matches!(Inherited::of(named(&["hooks", "hooks"])), Err(BadSockets::Twice("providers"))));
    }
}
