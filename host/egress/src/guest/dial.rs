//! Makes a connection: resolves, checks every address, connects to exactly what was checked, and speaks TLS.
//!
//! The gate calls it where no idle connection of the tenant fits. The address that was checked is the one that the socket is opened to;
//! no library between the two resolves again, which is why this is not a setting of an HTTP client.
//!
//! It must not send anything of a request.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use jackfield_domain::flow::egress::{Scheme, Target};
use jackfield_domain::request::HttpError;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tokio_rustls::TlsConnector;

use super::address::Addresses;
use super::resolve::Names;

/// Addresses of one name that are tried: a service behind more is found at the first.
const ADDRESSES_MAX: usize = 4;
/// One address that swallows everything must not use up the time of the next.
const ADDRESS_TIMEOUT: Duration = Duration::from_millis(700);
/// Headers of a response.
const RESPONSE_HEADERS_MAX: usize = 100;
/// Of all of them together: services with long cookies and policies stay below.
pub(super) const RESPONSE_HEAD_BYTES_MAX: usize = 32 * 1024;
/// Buffer of a connection: a head, and as much of a body.
const BUFFER_BYTES_MAX: usize = 64 * 1024;
/// What an error of the network or of TLS says at most.
const WHY_CHARS_MAX: usize = 160;

/// A connection that carries one request after another. It is closed when it is dropped.
pub(super) struct Line {
    pub(super) sender: SendRequest<Full<Bytes>>,
    pub(super) address: SocketAddr,
    driver: AbortHandle,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// What a connection is made with.
pub(super) struct Dialler<'a> {
    pub(super) names: &'a dyn Names,
    pub(super) addresses: &'a Addresses,
    pub(super) tls: &'a TlsConnector,
}

fn failed(why: impl std::fmt::Display) -> HttpError {
    HttpError::Failed(why.to_string().chars().filter(|c| !c.is_control()).take(WHY_CHARS_MAX).collect())
}

impl Dialler<'_> {
    /// Connects. With `own_only` the other side must be in the platform's own network.
    pub(super) async fn dial(&self, target: &Target, own_only: bool) -> Result<Line, HttpError> {
        let found = match target.host.as_str().parse::<IpAddr>() {
            Ok(address) => vec![address],
            Err(_) => self.names.addresses(&target.host).await.map_err(|fault| {
                tracing::debug!(host = %target.host, %fault, "a name of a plugin's request has no address");
                HttpError::Unresolved
            })?,
        };
        let reachable: Vec<IpAddr> =
            found.into_iter().filter(|address| self.addresses.may_be_reached(*address)).take(ADDRESSES_MAX).collect();
        if reachable.is_empty() {
            return Err(HttpError::Unresolved);
        }
        let meant: Vec<IpAddr> = reachable.into_iter().filter(|address| !own_only || self.addresses.is_own(*address)).collect();
        if meant.is_empty() {
            return Err(HttpError::NotAllowed(format!("a secret in the clear to {target}")));
        }
        let (stream, address) = self.connect(&meant, target.port).await?;
        match target.scheme {
            Scheme::Http => line(stream, address).await,
            Scheme::Https => {
                let name = ServerName::try_from(target.host.as_str().to_owned()).map_err(|_| failed("tls: the host is no name"))?;
                let stream = self.tls.connect(name, stream).await.map_err(|fault| failed(format!("tls: {fault}")))?;
                line(stream, address).await
            }
        }
    }

    async fn connect(&self, addresses: &[IpAddr], port: u16) -> Result<(TcpStream, SocketAddr), HttpError> {
        let mut last = HttpError::Unresolved;
        for (at, address) in addresses.iter().enumerate() {
            let address = SocketAddr::new(*address, port);
            let connecting = TcpStream::connect(address);
            let connected = if at + 1 < addresses.len() {
                tokio::time::timeout(ADDRESS_TIMEOUT, connecting).await.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))
            } else {
                connecting.await
            };
            match connected {
                Ok(stream) if self.is_ourselves(&stream, address.ip()) => last = HttpError::Unresolved,
                Ok(stream) => {
                    // A request is one write; waiting to send it together with nothing would cost forty milliseconds.
                    let _ = stream.set_nodelay(true);
                    return Ok((stream, address));
                }
                Err(fault) => last = failed(format!("connect: {}", fault.kind())),
            }
        }
        Err(last)
    }

    /// A public address of this very machine: what listens there may be behind a firewall for everybody else. The kernel answers from
    /// the address that was called.
    fn is_ourselves(&self, stream: &TcpStream, address: IpAddr) -> bool {
        !self.addresses.is_own(address) && stream.local_addr().is_ok_and(|local| local.ip().to_canonical() == address.to_canonical())
    }
}

async fn line<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: S, address: SocketAddr) -> Result<Line, HttpError> {
    let mut builder = http1::Builder::new();
    builder.max_headers(RESPONSE_HEADERS_MAX).max_header_size(RESPONSE_HEAD_BYTES_MAX).max_buf_size(BUFFER_BYTES_MAX);
    let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(|_| failed("the connection closed"))?;
    let driver = tokio::spawn(async move {
        // How it ends is told to whoever waits for an answer on it.
        let _ = connection.await;
    });
    Ok(Line { sender, address, driver: driver.abort_handle() })
}
