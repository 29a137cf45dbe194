//! Reads the environment: the only file that does, so that what a process depends on is a list and not a search.
//!
//! The composition root calls it once. (`JACKFIELD_SERVER` and `JACKFIELD_TOKEN` belong to the command line's own parser.)

use std::path::PathBuf;
use std::time::Duration;

use jackfield_domain::tenant::connection::Secret;
use listenfd::ListenFd;
use sd_notify::NotifyState;

use crate::listen::{BadSockets, Inherited};

/// What the environment may hold.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// `JACKFIELD_MASTER_KEY`: 64 hexadecimal digits; wins over the master key file.
    pub master_key: Option<Secret>,
    /// `JACKFIELD_LOG`: a filter for the log, for example "info,jackfield_server=debug".
    pub log_filter: Option<String>,
}

impl Environment {
    /// Reads it.
    #[expect(clippy::disallowed_methods, reason = "this is the one reader")]
    pub fn read() -> Self {
        Self { master_key: std::env::var("JACKFIELD_MASTER_KEY").ok().map(Secret::new), log_filter: std::env::var("JACKFIELD_LOG").ok() }
    }
}

/// The variable that a file of tenants refers to for a secret's value; none where it is not set or no text.
#[expect(clippy::disallowed_methods, reason = "this is the one reader")]
pub fn named(variable: &str) -> Option<String> {
    std::env::var(variable).ok()
}

/// Where the command line keeps what it can make anew: `jackfield` in `XDG_CACHE_HOME`, else in `.cache` of `HOME` (XDG Base Directory
/// Specification). None where neither is an absolute path.
pub fn cache_dir() -> Option<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")))?;
    Some(base.join("jackfield"))
}

/// Takes the sockets that a supervisor handed over (sd_listen_fds(3)): `LISTEN_FDS` and `LISTEN_PID` are read, and removed so that no
/// child takes them for its own, by the crate; `LISTEN_FDNAMES` says what they are for. Without names the first is for providers and
/// the second for the admin API. It must be called before there are threads.
#[expect(clippy::disallowed_methods, reason = "this is the one reader")]
pub fn inherited_sockets() -> Result<Inherited, BadSockets> {
    let names = std::env::var("LISTEN_FDNAMES").unwrap_or_else(|_| "hooks:admin".to_owned());
    let mut fds = ListenFd::from_env();
    let mut named = Vec::new();
    let names = names.split(':').map(Some).chain(std::iter::repeat(None));
    for (at, name) in (0..fds.len()).zip(names) {
        let name = name.unwrap_or("without a name").to_owned();
        match fds.take_tcp_listener(at) {
            Ok(Some(socket)) => named.push((name, socket)),
            Ok(None) => {}
            Err(source) => return Err(BadSockets::Unusable { name, source }),
        }
    }
    Inherited::of(named)
}

/// Whoever started the process and wants to know how it does: systemd, by `NOTIFY_SOCKET` and `WATCHDOG_USEC`, which the crate reads.
/// Without one, telling it anything does nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Supervisor;

impl Supervisor {
    /// It answers.
    pub fn ready(self) {
        Self::tell(&[NotifyState::Ready, NotifyState::Status("ready")]);
    }

    /// It ends; what is in progress is finished within that time.
    pub fn stopping(self, within: Duration) {
        let within_us = u32::try_from(within.as_micros()).unwrap_or(u32::MAX);
        Self::tell(&[
            NotifyState::Stopping,
            NotifyState::Status("finishing what is in progress"),
            NotifyState::ExtendTimeoutUsec(within_us),
        ]);
    }

    /// Its runtimes make progress.
    pub fn alive(self) {
        Self::tell(&[NotifyState::Watchdog]);
    }

    /// A supervisor that does not listen is no reason to do anything else.
    fn tell(what: &[NotifyState<'_>]) {
        let _ = sd_notify::notify(what);
    }
}
