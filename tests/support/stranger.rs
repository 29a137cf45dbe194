//! Speaks to a server as no good client does: byte by byte, half, too much, or not at all.
//!
//! Promises about listeners use it. It is a bare socket, because a well-behaved client would not let them misbehave.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

/// Nothing that is waited for takes that long; a test that meets it has failed.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// An open connection.
#[derive(Debug)]
pub struct Stranger {
    socket: TcpStream,
    /// What came and was not looked at yet.
    heard: Vec<u8>,
}

impl Stranger {
    /// Connects to a server's URL.
    pub async fn connect(url: &str) -> anyhow::Result<Self> {
        Self::connect_as(url, None, None).await
    }

    /// Connects from another address of this machine, or with a small buffer for what comes back.
    pub async fn connect_as(url: &str, from: Option<IpAddr>, buffer_bytes: Option<u32>) -> anyhow::Result<Self> {
        let to: SocketAddr = url.trim_start_matches("http://").trim_end_matches('/').parse()?;
        let socket = TcpSocket::new_v4()?;
        if let Some(from) = from {
            socket.bind((from, 0).into())?;
        }
        if let Some(bytes) = buffer_bytes {
            socket.set_recv_buffer_size(bytes)?;
        }
        Ok(Self { socket: socket.connect(to).await?, heard: Vec::new() })
    }

    /// Sends bytes.
    pub async fn send(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        Ok(self.socket.write_all(bytes).await?)
    }

    /// Sends as much as the other side takes until it takes nothing for a while; how many bytes that was.
    pub async fn send_until_it_is_full(&mut self, bytes: &[u8], quiet: Duration) -> anyhow::Result<usize> {
        let mut sent = 0;
        loop {
            match tokio::time::timeout(quiet, self.socket.write(bytes)).await {
                Ok(written) => sent += written?,
                Err(_) => return Ok(sent),
            }
        }
    }

    /// Reads until a text has come, and gives back everything up to its end.
    pub async fn hear(&mut self, text: &str) -> anyhow::Result<String> {
        tokio::time::timeout(PATIENCE, async {
            loop {
                if let Some(at) = find(&self.heard, text.as_bytes()) {
                    let rest = self.heard.split_off(at + text.len());
                    return Ok(String::from_utf8_lossy(&std::mem::replace(&mut self.heard, rest)).into_owned());
                }
                ensure!(self.read().await? > 0, "the connection ended after {:?}", String::from_utf8_lossy(&self.heard));
            }
        })
        .await
        .with_context(|| format!("{text:?} did not come"))?
    }

    /// Reads an HTTP/1 answer with its body; status line, headers and body in one text.
    pub async fn answer(&mut self) -> anyhow::Result<String> {
        let head = self.hear("\r\n\r\n").await?;
        let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:").map(|n| n.trim().to_owned()));
        let length: usize = length.map_or(Ok(0), |n| n.parse())?;
        while self.heard.len() < length {
            ensure!(tokio::time::timeout(PATIENCE, self.read()).await?? > 0, "the body breaks off");
        }
        let rest = self.heard.split_off(length);
        Ok(head + &String::from_utf8_lossy(&std::mem::replace(&mut self.heard, rest)))
    }

    /// Reads until the other side closes; what came. A reset is a close as well.
    pub async fn until_closed(&mut self) -> anyhow::Result<Vec<u8>> {
        tokio::time::timeout(PATIENCE, async { while self.read().await.is_ok_and(|read| read > 0) {} })
            .await
            .context("the server keeps the connection open")?;
        Ok(std::mem::take(&mut self.heard))
    }

    async fn read(&mut self) -> std::io::Result<usize> {
        let mut chunk = [0; 16 * 1024];
        let read = self.socket.read(&mut chunk).await?;
        self.heard.extend(chunk.iter().take(read));
        Ok(read)
    }
}

fn find(all: &[u8], part: &[u8]) -> Option<usize> {
    all.windows(part.len()).position(|window| window == part)
}

/// A request by hand: head and body. What it says of its length is true.
pub fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> (String, String) {
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: here\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    (head, body.to_owned())
}

/// HTTP/2 by hand: the preface with empty settings.
pub fn preface() -> Vec<u8> {
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(frame(4, 0, 0, &[]));
    bytes
}

/// A frame of HTTP/2.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or_default().to_be_bytes();
    let mut bytes: Vec<u8> = length.iter().skip(1).copied().collect();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// The head of a GET of "/", which ends the stream: `:method GET`, `:scheme http`, `:path /` of HPACK's static table.
pub fn get(stream: u32) -> Vec<u8> {
    frame(1, 0x5, stream, &[0x82, 0x86, 0x84])
}
