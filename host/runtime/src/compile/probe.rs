//! Tries the walls from within: raises them around this process, does what they forbid, and tells what came of it.
//!
//! The server starts a child with `--probe` once and prints what it said, so that an operator learns at the start and not after an
//! incident what this machine's kernel does. Tests start one with `--try` for each deed that kills. It reads no input at all and is chosen
//! by an argument that no upload reaches.

use std::fs;
use std::net::{Ipv4Addr, TcpStream, UdpSocket};
use std::process::Command;

use jackfield_domain::flow::plugin::SlotClass;
use serde::{Deserialize, Serialize};
use wasmtime::{Engine, Module};

use super::order::ChildLimits;
use super::walls::{Standing, Wall, raise, raise_unfiltered};
use crate::engine::{config, fingerprint};

/// What came of a deed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    /// What was tried, for example "read-a-file".
    pub deed: String,
    /// True where nothing came of it.
    pub is_refused: bool,
    /// What the system said.
    pub detail: String,
}

/// What a compiler says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// The program's version.
    pub version: String,
    /// Whose artifacts it makes.
    pub fingerprint: String,
    /// The walls around it.
    pub walls: Vec<Wall>,
    /// What it tried against them.
    pub tried: Vec<Tried>,
}

impl Probe {
    /// What keeps the quarantine from being whole, in words; none where it is.
    pub fn gaps(&self) -> Vec<String> {
        let missing = self.walls.iter().filter(|wall| wall.standing == Standing::Missing);
        let missing = missing.map(|wall| format!("{} is missing ({})", wall.name, wall.detail));
        let allowed = self.tried.iter().filter(|tried| !tried.is_refused).map(|tried| format!("{} was possible", tried.deed));
        missing.chain(allowed).collect()
    }
}

/// Deeds that are refused with an error, so that one process can try them all.
const REFUSED: [&str; 4] = ["read-a-file", "write-a-file", "list-a-folder", "make-code"];

fn engine() -> Result<Engine, String> {
    Engine::new(&config(SlotClass::Small, None)).map_err(|error| format!("{error:#}"))
}

/// The probe of this program, as JSON.
pub(super) fn run() -> Result<String, String> {
    let engine = engine()?;
    let fingerprint = fingerprint(&engine);
    let walls = raise(&ChildLimits::standard());
    let tried = REFUSED.iter().map(|deed| attempt(deed, &engine)).collect::<Result<_, _>>()?;
    let probe = Probe { version: env!("CARGO_PKG_VERSION").to_owned(), fingerprint, walls, tried };
    serde_json::to_string(&probe).map_err(|error| error.to_string())
}

/// One deed, as JSON; of most of them the process dies. Before "unfiltered-" it meets the walls behind the filter of system calls, which
/// nobody would see otherwise.
pub(super) fn run_one(deed: &str) -> Result<String, String> {
    let engine = engine()?;
    let (deed, raised) = match deed.strip_prefix("unfiltered-") {
        Some(deed) => (deed, raise_unfiltered(&ChildLimits::standard())),
        None => (deed, raise(&ChildLimits::standard())),
    };
    if raised.is_empty() {
        return Err("no wall went up".to_owned());
    }
    serde_json::to_string(&attempt(deed, &engine)?).map_err(|error| error.to_string())
}

fn attempt(deed: &str, engine: &Engine) -> Result<Tried, String> {
    let text = |error: std::io::Error| error.to_string();
    let done: Result<(), String> = match deed {
        "read-a-file" => fs::read("/etc/hostname").map(drop).map_err(text),
        "write-a-file" => fs::OpenOptions::new().write(true).open("/dev/null").map(drop).map_err(text),
        "list-a-folder" => fs::read_dir("/").map(drop).map_err(text),
        // A module that is compiled to be run, which maps its code.
        "make-code" => Module::new(engine, FUNCTION).map(drop).map_err(|error| format!("{error:#}")),
        "connect" => TcpStream::connect((Ipv4Addr::LOCALHOST, 1)).map(drop).map_err(text),
        "bind" => UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).map(drop).map_err(text),
        "unix-socket" => unix_socket().map_err(text),
        "exec" => exec().map_err(text),
        "spawn" => Command::new("/bin/true").spawn().map(drop).map_err(text),
        "start-a-thread" => std::thread::Builder::new().spawn(|| ()).map(drop).map_err(text),
        "signal" => signal().map_err(text),
        other => return Err(format!("nobody knows how to try {other:?}")),
    };
    let (is_refused, detail) = match done {
        Ok(()) => (false, "it was possible".to_owned()),
        Err(why) => (true, why),
    };
    Ok(Tried { deed: deed.to_owned(), is_refused, detail })
}

/// A module with one function.
const FUNCTION: &[u8] = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x0a\x04\x01\x02\0\x0b";

#[cfg(unix)]
fn unix_socket() -> std::io::Result<()> {
    std::os::unix::net::UnixDatagram::unbound().map(drop)
}

#[cfg(unix)]
fn exec() -> std::io::Result<()> {
    use std::os::unix::process::CommandExt as _;
    Err(Command::new("/bin/true").exec())
}

/// To the first process, and one that does nothing: whether it may be sent is the question.
#[cfg(unix)]
fn signal() -> std::io::Result<()> {
    Ok(rustix::process::test_kill_process(rustix::process::Pid::INIT)?)
}

#[cfg(not(unix))]
fn unix_socket() -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}

#[cfg(not(unix))]
fn exec() -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}

#[cfg(not(unix))]
fn signal() -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}
