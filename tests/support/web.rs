//! Plays a service that plugins ask: hears requests as they came and answers as a promise wants it.
//!
//! It speaks HTTP by itself, because a promise needs services that are slow, silent or rude, and wants to see the bytes.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// How it answers.
#[derive(Debug, Clone)]
pub enum Manner {
    /// With this status and body.
    Says(u16, String),
    /// With the whole request as its body.
    Echoes,
    /// Never.
    Silent,
}

/// A service on this machine. It ends with the test's async runtime.
#[derive(Debug, Clone)]
pub struct Web {
    /// Where it listens.
    pub port: u16,
    heard: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
}

impl Web {
    /// Starts it.
    pub async fn start(manner: Manner) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let web = Self { port: listener.local_addr()?.port(), heard: Arc::default(), connections: Arc::default() };
        let (heard, connections) = (Arc::clone(&web.heard), Arc::clone(&web.connections));
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(serve(socket, manner.clone(), Arc::clone(&heard)));
            }
        });
        Ok(web)
    }

    /// A URL of it.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// A rule that allows it.
    pub fn rule(&self, methods: &[&str]) -> serde_json::Value {
        serde_json::json!({"scheme": "http", "host": "127.0.0.1", "port": self.port, "methods": methods})
    }

    /// Every request as it came.
    pub fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How often somebody connected.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

async fn serve(mut socket: TcpStream, manner: Manner, heard: Arc<Mutex<Vec<String>>>) {
    while let Some(request) = read(&mut socket).await {
        heard.lock().unwrap_or_else(PoisonError::into_inner).push(request.clone());
        let (status, body) = match &manner {
            Manner::Says(status, body) => (*status, body.clone()),
            Manner::Echoes => (200, request),
            Manner::Silent => std::future::pending().await,
        };
        let answer = format!("HTTP/1.1 {status} Answered\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        if socket.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// One request with its body; none where the connection ends.
async fn read(socket: &mut TcpStream) -> Option<String> {
    let mut whole = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let text = String::from_utf8_lossy(&whole).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok()).unwrap_or(0);
            if body.len() >= length {
                return Some(text);
            }
        }
        let read = socket.read(&mut buffer).await.ok().filter(|read| *read > 0)?;
        whole.extend_from_slice(buffer.get(..read)?);
    }
}
