//! Runs the server as a process of its own: for killing it.
//!
//! The crash promises and the demo's curl lines need a real process. It is told to listen on free ports and asked where it is.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::artifacts;
use crate::platform::Operator;

/// Between two looks at a process that should end.
const LOOK: Duration = Duration::from_millis(5);

/// A server process.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// Where providers are heard.
    pub hooks_url: String,
    /// Where the admin API answers.
    pub admin_url: String,
    /// At the first start alone.
    pub operator_token: Option<String>,
}

impl Process {
    /// Starts it on a folder and waits until it listens.
    pub fn start(data: &Path) -> anyhow::Result<Self> {
        Self::start_with(data, "")
    }

    /// The same, with a configuration of its own, as its file would say it.
    pub fn start_with(data: &Path, settings: &str) -> anyhow::Result<Self> {
        let mut command = Command::new(artifacts::binary()?);
        command.args(["serve", "--hooks-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--data"]).arg(data);
        if !settings.is_empty() {
            let file = data.with_extension("toml");
            std::fs::write(&file, settings)?;
            command.arg("--config").arg(file);
        }
        command.stdin(Stdio::null());
        Self::of(command)
    }

    /// Starts a command that becomes a server, and waits until it listens.
    pub fn of(mut command: Command) -> anyhow::Result<Self> {
        let mut child = command.env("JACKFIELD_LOG", "warn").stdout(Stdio::piped()).spawn()?;
        let out = child.stdout.take().context("the server's output is a pipe")?;
        let mut process = Self { child, hooks_url: String::new(), admin_url: String::new(), operator_token: None };
        for line in BufReader::new(out).lines() {
            let line = line?;
            let word = |before: &str| line.split_once(before).map(|(_, rest)| rest.trim().to_owned());
            if let Some(url) = word("providers  ") {
                process.hooks_url = url.split("/hooks").next().unwrap_or_default().to_owned();
            } else if let Some(url) = word("admin API  ") {
                process.admin_url = url.trim_end_matches("/v1").to_owned();
            } else if let Some(token) = word("shown this once: ") {
                process.operator_token = Some(token);
            } else if line.contains("ready") {
                return Ok(process);
            }
        }
        bail!("the server ended before it was ready: {}", process.child.wait()?)
    }

    /// Whoever runs it; the token where it is not the first start.
    pub fn operator(&self, token: Option<&str>) -> anyhow::Result<Operator> {
        let token = self.operator_token.as_deref().or(token).context("only the first start tells the operator's token")?;
        Operator::new(&self.admin_url, &self.hooks_url, token)
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Resident memory in bytes, as the kernel counts it.
    pub fn resident_bytes(&self) -> anyhow::Result<u64> {
        resident_bytes_of(self.child.id())
    }

    /// Tells it to end in order, as supervisors do.
    pub fn tell_to_end(&self) -> anyhow::Result<()> {
        let id = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw).context("a process has an id")?;
        Ok(rustix::process::kill_process(id, rustix::process::Signal::TERM)?)
    }

    /// How it ended, and what it said on standard error where that is a pipe. It is looked for until `within` is over.
    pub async fn ended(mut self, within: Duration) -> anyhow::Result<(ExitStatus, String)> {
        let until = tokio::time::Instant::now() + within;
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            anyhow::ensure!(tokio::time::Instant::now() < until, "the process is still there after {} s", within.as_secs());
            tokio::time::sleep(LOOK).await;
        };
        let mut said = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            std::io::Read::read_to_string(&mut stderr, &mut said)?;
        }
        Ok((status, said))
    }

    /// kill -9.
    pub fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

/// Resident memory of a process in bytes, as the kernel counts it.
pub fn resident_bytes_of(process: u32) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("the kernel tells no VmRSS")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse::<u64>()? * 1024)
}

/// Of that, what lies behind pages that nobody may touch just now: the warm memory of the pool's free slots, which fills up to the bound that
/// the start prints, and not beyond.
pub fn warm_bytes_of(process: u32) -> anyhow::Result<u64> {
    let maps = std::fs::read_to_string(format!("/proc/{process}/smaps"))?;
    let (mut is_closed, mut kib) = (false, 0);
    for line in maps.lines() {
        if let Some(resident) = line.strip_prefix("Rss:").filter(|_| is_closed) {
            kib += resident.trim().trim_end_matches("kB").trim().parse::<u64>()?;
        } else if line.split_whitespace().nth(1).is_some_and(|permissions| permissions.len() == 4 && permissions.ends_with('p')) {
            is_closed = line.contains(" ---p ");
        }
    }
    Ok(kib * 1024)
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
