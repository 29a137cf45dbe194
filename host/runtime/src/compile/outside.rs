//! Runs the child: feeds it, bounds what it answers, and kills it when its time is up.
//!
//! At most two run at once on a node, or calls would feel it. The child inherits nothing: no environment, no open files but
//! its three pipes. When whoever waits for it goes away, it is killed as well.

use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use jackfield_domain::flow::plugin::SlotClass;
use jackfield_domain::refusal::{Code, Refusal};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::sync::Semaphore;

use crate::runtime::RuntimeFault;

/// Children at once: each takes a core and up to a gigabyte.
const CHILDREN_MAX: usize = 2;
/// Wall time: the child's processor time, and half as much again for a busy machine.
const WALL: Duration = Duration::from_secs(90);
/// Largest artifact: StarlingMonkey makes 43 MB.
const ARTIFACT_BYTES_MAX: u64 = 128 * 1024 * 1024;
/// What is kept of what the child says.
const COMPLAINT_BYTES_MAX: u64 = 4 * 1024;

/// How a Rust program ends that panicked. What it then says is for us and not for the one who sent the component.
const PANIC: i32 = 101;

/// What came of a child.
#[derive(Debug)]
pub(crate) enum Compiled {
    /// An artifact, and how long it took.
    Artifact(Vec<u8>, Duration),
    /// The component is at fault. It is said so again without another try where the compiler was `killed`.
    Refused { refusal: Refusal, killed: bool },
}

/// Starts children.
pub(crate) struct Compiler {
    program: PathBuf,
    children: Semaphore,
}

fn refused(detail: String, killed: bool) -> Compiled {
    Compiled::Refused { refusal: Refusal::new(Code::CompileFailed, detail), killed }
}

fn fault(what: &str, source: &std::io::Error) -> RuntimeFault {
    RuntimeFault::Compiler(format!("{what}: {source}"))
}

impl Compiler {
    pub(crate) fn new(program: PathBuf) -> Self {
        Self { program, children: Semaphore::new(CHILDREN_MAX) }
    }

    /// Compiles one component.
    pub(crate) async fn compile(&self, class: SlotClass, component: Bytes) -> Result<Compiled, RuntimeFault> {
        let Ok(_permit) = self.children.acquire().await else {
            return Err(RuntimeFault::Compiler("the runtime has stopped".to_owned()));
        };
        let began = Instant::now();
        let mut child = Command::new(&self.program)
            .args(["compile", "--class", class.as_str()])
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| fault(&self.program.display().to_string(), &error))?;
        let Ok(answer) = tokio::time::timeout(WALL, converse(&mut child, component)).await else {
            child.start_kill().map_err(|error| fault("kill", &error))?;
            return Ok(refused(format!("the compiler was stopped after {} s", WALL.as_secs()), true));
        };
        let Answer { status, artifact, complaint } = answer.map_err(|error| fault("talking to it", &error))?;
        if artifact.len() as u64 > ARTIFACT_BYTES_MAX {
            return Ok(refused(format!("the compiled component is larger than {ARTIFACT_BYTES_MAX} bytes"), true));
        }
        match (status.success(), status.code()) {
            (true, _) if !artifact.is_empty() => Ok(Compiled::Artifact(artifact, began.elapsed())),
            (true, _) => Err(RuntimeFault::Compiler("it gave nothing and said nothing".to_owned())),
            (false, Some(PANIC)) => {
                tracing::error!(%complaint, "the compiler panicked");
                Ok(refused("the compiler gave up on the component".to_owned(), true))
            }
            (false, Some(_)) => Ok(refused(format!("the compiler refuses the component: {complaint}"), false)),
            (false, None) => Ok(refused(ended_by(status, &complaint), true)),
        }
    }
}

struct Answer {
    status: ExitStatus,
    artifact: Vec<u8>,
    complaint: String,
}

/// Writes and reads at once: a child that fills one pipe while we fill another would wait for ever.
async fn converse(child: &mut Child, component: Bytes) -> std::io::Result<Answer> {
    let (mut stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let write = async {
        if let Some(mut pipe) = stdin.take() {
            // A child that gives up early closes its end; what it says matters, not that it stopped listening.
            let _unread = pipe.write_all(&component).await;
            let _closed = pipe.shutdown().await;
        }
    };
    let ((), artifact, complaint) = tokio::join!(write, read(stdout, ARTIFACT_BYTES_MAX + 1), read(stderr, COMPLAINT_BYTES_MAX));
    let artifact = artifact?;
    if artifact.len() as u64 > ARTIFACT_BYTES_MAX {
        child.start_kill()?;
    }
    let status = child.wait().await?;
    let complaint = crate::guest::log::escaped(String::from_utf8_lossy(&complaint?).trim());
    Ok(Answer { status, artifact, complaint })
}

async fn read(pipe: Option<impl AsyncRead + Unpin>, bytes_max: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        pipe.take(bytes_max).read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}

/// A signal says which limit it was: the kernel sends these three.
#[cfg(unix)]
fn ended_by(status: ExitStatus, complaint: &str) -> String {
    use std::os::unix::process::ExitStatusExt;
    const ABORT: i32 = 6;
    const KILL: i32 = 9;
    const CPU_TIME: i32 = 24;
    match status.signal() {
        Some(ABORT) => format!("the compiler ran out of memory or gave up: {complaint}"),
        Some(KILL | CPU_TIME) => "the compiler used up its processor time".to_owned(),
        Some(signal) => format!("the compiler was ended by signal {signal}"),
        None => "the compiler ended without saying why".to_owned(),
    }
}

#[cfg(not(unix))]
fn ended_by(_status: ExitStatus, complaint: &str) -> String {
    format!("the compiler ended: {complaint}")
}
