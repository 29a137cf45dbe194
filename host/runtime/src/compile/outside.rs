//! Runs the child: feeds it, takes in what it answers, and kills it when its time is up.
//!
//! The loading step calls [`Compiler::compile`] when the board has given it a turn. The child inherits nothing: no environment, no open
//! files but its three pipes, a process group of its own, which is killed as a whole. What it answers goes to a draft on disk as it
//! comes, bounded in size. When whoever waits for it goes away, it is killed as well.
//!
//! It must not hand on what a child says without making it harmless: a child is as hostile as what it read.

use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use jackfield_domain::flow::plugin::SlotClass;
use jackfield_domain::refusal::{Code, Refusal};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::sync::{OnceCell, watch};

use super::order::{CompileSettings, Order};
use super::probe::Probe;
use crate::artifact::draft::Draft;
use crate::runtime::RuntimeFault;

/// Largest artifact: StarlingMonkey makes 43 MB.
const ARTIFACT_BYTES_MAX: u64 = 128 * 1024 * 1024;
/// What is kept of what the child says.
const COMPLAINT_BYTES_MAX: u64 = 4 * 1024;
/// A probe is a page of JSON.
const PROBE_BYTES_MAX: u64 = 64 * 1024;
/// Read at once from the child: what a pipe holds.
const CHUNK_BYTES: usize = 64 * 1024;
/// Starting, raising walls and telling takes milliseconds.
const PROBE_WALL: Duration = Duration::from_secs(20);

/// How a Rust program ends that panicked. What it then says is for us and not for the one who sent the component.
const PANIC: i32 = 101;
/// How the child ends where it must not compile: a wall that was demanded does not stand, or it makes another engine's artifacts. Ours to
/// mend.
pub(super) const NOT_FIT: u8 = 70;

/// What came of a child.
#[derive(Debug)]
pub(crate) enum Compiled {
    /// The draft holds an artifact, and how long it took.
    Artifact(Duration),
    /// The component is at fault. It is said so again without another try where the compiler was `killed`.
    Refused { refusal: Refusal, killed: bool },
}

/// Starts children.
pub(crate) struct Compiler {
    program: PathBuf,
    settings: CompileSettings,
    probe: OnceCell<Probe>,
    /// Once it is true nothing is compiled any more.
    ended: watch::Sender<bool>,
}

fn refused(detail: String, killed: bool) -> Compiled {
    Compiled::Refused { refusal: Refusal::new(Code::CompileFailed, detail), killed }
}

fn fault(what: &str, source: &std::io::Error) -> RuntimeFault {
    RuntimeFault::Compiler(format!("{what}: {source}"))
}

impl Compiler {
    pub(crate) fn new(program: PathBuf, settings: CompileSettings) -> Self {
        Self { program, settings, probe: OnceCell::new(), ended: watch::Sender::new(false) }
    }

    /// Kills what compiles now and starts nothing more: the server ends.
    pub(crate) fn end(&self) {
        self.ended.send_replace(true);
    }

    /// Asks the program what it is and which walls stand around it.
    pub(crate) async fn probe(&self) -> Result<&Probe, RuntimeFault> {
        self.probe.get_or_try_init(|| self.ask()).await
    }

    /// What it said when it was asked.
    pub(crate) fn probed(&self) -> Option<&Probe> {
        self.probe.get()
    }

    async fn ask(&self) -> Result<Probe, RuntimeFault> {
        let mut child = self.start(&Order::Probe)?;
        let stdout = child.child.stdout.take();
        let told = async {
            let told = read(stdout, PROBE_BYTES_MAX).await?;
            child.child.wait().await.map(|status| (status, told))
        };
        let told = tokio::time::timeout(PROBE_WALL, told).await;
        let (status, told) =
            told.map_err(|_| RuntimeFault::Compiler("its probe does not end".to_owned()))?.map_err(|error| fault("its probe", &error))?;
        serde_json::from_slice(&told).map_err(|_| RuntimeFault::Compiler(format!("its probe tells nothing ({status})")))
    }

    /// Compiles one component into a draft, for the engine of that fingerprint.
    pub(crate) async fn compile(
        &self,
        class: SlotClass,
        component: Bytes,
        fingerprint: &str,
        draft: &mut Draft,
    ) -> Result<Compiled, RuntimeFault> {
        let began = Instant::now();
        let mut child = self.start(&Order::Compile { class, settings: self.settings, fingerprint: fingerprint.to_owned() })?;
        let wall = self.settings.limits.wall;
        let mut ended = self.ended.subscribe();
        let answer = tokio::select! {
            biased;
            // Whoever waits hears of a fault of ours: the component did nothing wrong, and may be compiled by the next server.
            _ = ended.wait_for(|ended| *ended) => return Err(RuntimeFault::Compiler("the server ends".to_owned())),
            answer = tokio::time::timeout(wall, converse(&mut child, component, draft)) => answer,
        };
        let Ok(answer) = answer else {
            // What only computes would have used up its processor time before: it had too little of one, and that says nothing of it.
            let told = format!("the compiler was stopped after {} s: the machine is too busy; try again later", wall.as_secs());
            return Ok(Compiled::Refused { refusal: Refusal::new(Code::Busy, told), killed: false });
        };
        let Answer { status, complaint } = answer.map_err(|error| fault("talking to it", &error))?;
        if draft.bytes() > ARTIFACT_BYTES_MAX {
            return Ok(refused(format!("the compiled component is larger than {ARTIFACT_BYTES_MAX} bytes"), true));
        }
        match (status.success(), status.code()) {
            (true, _) if draft.bytes() > 0 => Ok(Compiled::Artifact(began.elapsed())),
            (true, _) => Err(RuntimeFault::Compiler("it gave nothing and said nothing".to_owned())),
            (false, Some(PANIC)) => {
                tracing::error!(%complaint, "the compiler panicked");
                Ok(refused("the compiler gave up on the component".to_owned(), true))
            }
            (false, Some(code)) if code == i32::from(NOT_FIT) => Err(RuntimeFault::Compiler(complaint)),
            (false, Some(_)) => Ok(refused(format!("the compiler refuses the component: {complaint}"), false)),
            (false, None) if !is_its_own_doing(status, began.elapsed(), self.settings.limits.cpu_seconds_max) => {
                // The kernel's choice where memory is scarce is just this child: that says nothing of the component.
                Err(RuntimeFault::Compiler(format!("the machine ended it ({status}); was it out of memory?")))
            }
            (false, None) => Ok(refused(ended_by(status, &complaint), true)),
        }
    }

    fn start(&self, order: &Order) -> Result<Group, RuntimeFault> {
        let mut command = Command::new(&self.program);
        command.arg("compile").args(order.arguments()).env_clear().current_dir("/");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        #[cfg(unix)]
        command.process_group(0);
        let child = command.spawn().map_err(|error| fault(&self.program.display().to_string(), &error))?;
        Ok(Group { child })
    }
}

/// A child with everything that it may have started; none of it outlives this.
struct Group {
    child: Child,
}

impl Drop for Group {
    fn drop(&mut self) {
        // No id is left once the child was waited for: its number may be another's by then.
        #[cfg(unix)]
        if let Some(group) = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw) {
            // What has ended meanwhile cannot be killed, and need not.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}

struct Answer {
    status: ExitStatus,
    complaint: String,
}

/// Writes and reads at once: a child that fills one pipe while we fill another would wait for ever.
async fn converse(group: &mut Group, component: Bytes, draft: &mut Draft) -> std::io::Result<Answer> {
    let child = &mut group.child;
    let (mut stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let write = async {
        if let Some(mut pipe) = stdin.take() {
            // A child that gives up early closes its end; what it says matters, not that it stopped listening.
            let _unread = pipe.write_all(&component).await;
            let _closed = pipe.shutdown().await;
        }
        drop(component);
    };
    let ((), artifact, complaint) = tokio::join!(write, pour(stdout, draft), read(stderr, COMPLAINT_BYTES_MAX));
    artifact?;
    if draft.bytes() > ARTIFACT_BYTES_MAX {
        child.start_kill()?;
    }
    let status = child.wait().await?;
    let complaint = crate::guest::log::escaped(String::from_utf8_lossy(&complaint?).trim());
    Ok(Answer { status, complaint })
}

/// Into the draft, until it ends or is too large.
async fn pour(pipe: Option<impl AsyncRead + Unpin>, draft: &mut Draft) -> std::io::Result<()> {
    let Some(mut pipe) = pipe else { return Ok(()) };
    let mut chunk = vec![0; CHUNK_BYTES];
    while draft.bytes() <= ARTIFACT_BYTES_MAX {
        let read = pipe.read(&mut chunk).await?;
        match chunk.get(..read) {
            Some(part) if !part.is_empty() => draft.write(part).await?,
            _ => break,
        }
    }
    Ok(())
}

async fn read(pipe: Option<impl AsyncRead + Unpin>, bytes_max: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        pipe.take(bytes_max).read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}

#[cfg(unix)]
mod signal {
    pub(super) const ILLEGAL: i32 = 4;
    pub(super) const ABORT: i32 = 6;
    pub(super) const BUS: i32 = 7;
    pub(super) const KILL: i32 = 9;
    pub(super) const SEGMENT: i32 = 11;
    pub(super) const CPU_TIME: i32 = 24;
    pub(super) const FORBIDDEN_CALL: i32 = 31;
}

/// True where the signal came of what the child did. It has one thread, so it cannot have used more processor time than time has gone by:
/// whatever killed it before was somebody else.
#[cfg(unix)]
fn is_its_own_doing(status: ExitStatus, after: Duration, cpu_seconds_max: u64) -> bool {
    use std::os::unix::process::ExitStatusExt;
    match status.signal() {
        Some(signal::KILL) => after >= Duration::from_secs(cpu_seconds_max),
        Some(own) => {
            [signal::ILLEGAL, signal::ABORT, signal::BUS, signal::SEGMENT, signal::CPU_TIME, signal::FORBIDDEN_CALL].contains(&own)
        }
        None => true,
    }
}

#[cfg(not(unix))]
fn is_its_own_doing(_status: ExitStatus, _after: Duration, _cpu_seconds_max: u64) -> bool {
    true
}

/// A signal says which limit it was: the kernel sends these.
#[cfg(unix)]
fn ended_by(status: ExitStatus, complaint: &str) -> String {
    use std::os::unix::process::ExitStatusExt;
    match status.signal() {
        Some(signal::ABORT) => format!("the compiler ran out of memory or gave up: {complaint}"),
        Some(signal::KILL | signal::CPU_TIME) => "the compiler used up its processor time".to_owned(),
        Some(signal::FORBIDDEN_CALL) => "the compiler tried what its quarantine forbids".to_owned(),
        Some(signal) => format!("the compiler was ended by signal {signal}"),
        None => "the compiler ended without saying why".to_owned(),
    }
}

#[cfg(not(unix))]
fn ended_by(_status: ExitStatus, complaint: &str) -> String {
    format!("the compiler ended: {complaint}")
}

#[cfg(all(test, unix))]
mod ended {
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    #[test]
    fn who_was_killed_before_its_time_was_up_is_not_to_blame() {
        let is_own = |signal, seconds| is_its_own_doing(ExitStatus::from_raw(signal), Duration::from_secs(seconds), 60);
        assert!(!is_own(signal::KILL, 3), "the machine was out of memory");
        assert!(is_own(signal::KILL, 60) && is_own(signal::CPU_TIME, 3) && is_own(signal::ABORT, 3) && is_own(signal::FORBIDDEN_CALL, 0));
        assert!(!is_own(15, 3), "somebody ended it");
    }
}
