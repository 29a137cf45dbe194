//! Leads a fuzzer to the two edges of the runtime where a stranger's bytes come in: what a guest answers, and what is uploaded.
//!
//! The fuzz targets and the tests that replay their seeds call it. An answer is any value that the contract's types allow, lifted as a
//! guest's is. An upload goes the whole way in this process - checked, compiled, kept, authenticated, mapped, linked, described, run -
//! because a fuzzer sees nothing of what happens in a child.
//!
//! It must not be kinder than the host: where an invocation would be a fault of ours, it says so by [`Ours`].

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arbitrary::{Arbitrary as _, Unstructured};
use jackfield_domain::budget::Limits;
use jackfield_domain::contact::decision::Draft;
use jackfield_domain::contact::persona::Persona;
use jackfield_domain::fallback::{Failure, FailureKind};
use jackfield_domain::flow::plugin::{Metadata, SlotClass};
use jackfield_domain::id::Digest;
use jackfield_domain::quota::describe_pass;
use jackfield_domain::refusal::{Code, Refusal};
use wasmtime::Engine;

use crate::RuntimeFault;
use crate::abi::v1::any;
use crate::artifact::Artifacts;
use crate::artifact::map::map;
use crate::call::{Call, Ran};
use crate::check::{check, check_metadata};
use crate::engine::{Pool, config, fingerprint};
use crate::guest::GuestParts;
use crate::install::Nothing;
use crate::invocation::{self, Described, Frame};
use crate::load::prepared::{GuestEngine, Prepared};

/// Answers that a guest could give, by the export that gives them.
#[derive(Debug)]
pub enum Answer {
    /// Of `router.handle`.
    Draft(Draft),
    /// Of `assistant.prompt`.
    Persona(Box<Persona>),
    /// Of either, where it declines.
    Failure(Failure),
    /// Of `describe`, as far as it is kept.
    Metadata(Result<Box<Metadata>, Refusal>),
}

/// Makes an answer out of any bytes, as the component boundary could give it.
pub fn answer(bytes: &mut Unstructured<'_>) -> arbitrary::Result<Answer> {
    Ok(match u8::arbitrary(bytes)? {
        0..=191 => Answer::Draft(any::decision(bytes)?),
        192..=223 => Answer::Persona(Box::new(any::persona(bytes)?)),
        224..=239 => Answer::Failure(any::failure(bytes)?),
        _ => Answer::Metadata(check_metadata(any::metadata(bytes)?).map(Box::new)),
    })
}

/// How far an upload came.
#[derive(Debug)]
pub enum Came {
    /// The check before the compiler refused it, and would have been right to if it had been compiled: it was not.
    Refused(Refusal),
    /// The engine does not compile it.
    NotCompiled(String),
    /// An artifact that no slot fits, or whose imports or exports are not the contract's.
    NotLinked(String),
    /// `describe` failed, or says what cannot be.
    NotDescribed(String),
    /// It would be a version; and what came of one call.
    Ran(Box<Ran>),
}

/// What a stranger's bytes must never make of us.
#[derive(Debug, thiserror::Error)]
pub enum Ours {
    /// A fault of ours.
    #[error(transparent)]
    Fault(#[from] RuntimeFault),
    /// A promise that does not hold.
    #[error("{0}")]
    Broken(String),
}

/// Takes uploads.
pub struct Uploads {
    compiler: Engine,
    small: GuestEngine,
    large: GuestEngine,
    artifacts: Artifacts,
    directory: PathBuf,
    limits: Limits,
}

impl Uploads {
    /// With engines of one slot each, and a directory for artifacts that is its own. `limits` hold for `describe` and for the call.
    pub fn new(directory: &Path, limits: Limits) -> Result<Self, RuntimeFault> {
        let engine = |class, pool| Engine::new(&config(class, pool)).map_err(|error| RuntimeFault::Engine(format!("{error:#}")));
        let pool = Some(Pool { slots: 1, running: 1 });
        let compiler = engine(SlotClass::Small, None)?;
        let artifacts = Artifacts::open(directory.to_owned(), [7; 32], fingerprint(&compiler))?;
        let small = GuestEngine::new(engine(SlotClass::Small, pool)?)?;
        let large = GuestEngine::new(engine(SlotClass::Large, pool)?)?;
        Ok(Self { compiler, small, large, artifacts, directory: directory.to_owned(), limits: limits.within(*describe_pass().limits()) })
    }

    /// The most that an upload may use here.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Takes one upload as far as it comes. What is well-formed and only has other names than the contract's is compiled all the same:
    /// the compiler is what is tried here. `call` is made where it describes itself.
    pub async fn take(&self, component: &[u8], call: impl FnOnce(Digest, SlotClass) -> Call) -> Result<Came, Ours> {
        let class = match check(component) {
            Ok(checked) => Some(checked.class),
            Err(refusal) if matches!(refusal.code, Code::ImportNotAllowed | Code::BadExport | Code::WrongContract) => None,
            Err(refusal) => return Ok(Came::Refused(refusal)),
        };
        let artifact = match self.compiler.precompile_component(component) {
            Ok(artifact) => artifact,
            Err(error) => return Ok(Came::NotCompiled(format!("{error:#}"))),
        };
        let (digest, engine) = (Digest::of(component), self.engine(class.unwrap_or(SlotClass::Small)));
        self.keep(&digest, &artifact).await?;
        let kept = self.artifacts.authenticate(&digest);
        let kept = kept?.ok_or_else(|| Ours::Broken("an artifact that was just kept is not authentic".to_owned()))?;
        let mapped = map(engine.engine(), &kept);
        self.forget()?;
        let linked = mapped.map_err(|error| format!("{error:#}"));
        let linked = linked.and_then(|component| Prepared::link(engine, &component, kept.bytes()).map_err(|refusal| refusal.to_string()));
        match (linked, class) {
            (Ok(prepared), Some(class)) => self.run(Arc::new(prepared), call(digest, class)).await,
            (Ok(_), None) => Ok(Came::NotLinked("its names are not the contract's".to_owned())),
            (Err(why), _) => Ok(Came::NotLinked(why)),
        }
    }

    async fn keep(&self, digest: &Digest, artifact: &[u8]) -> Result<(), RuntimeFault> {
        let mut draft = self.artifacts.draft(digest)?;
        draft.write(artifact).await.map_err(|source| self.io(source))?;
        self.artifacts.keep(digest, draft).await
    }

    async fn run(&self, prepared: Arc<Prepared>, call: Call) -> Result<Came, Ours> {
        let first = self.describe(Arc::clone(&prepared)).await?;
        let second = self.describe(Arc::clone(&prepared)).await?;
        if first != second {
            return Err(Ours::Broken(format!("it described itself in two ways: {first:?} and {second:?}")));
        }
        if let Err(why) = first.0 {
            return Ok(Came::NotDescribed(why));
        }
        let ran = invocation::run_within(prepared, Call { limits: self.limits, ..call }, self.frame(), None).await;
        if let Err(failure) = &ran.result {
            not_ours(failure)?;
        }
        let used = &ran.used;
        if used.fuel > self.limits.fuel_max || used.memory_bytes > self.limits.memory_bytes_max {
            return Err(Ours::Broken(format!("it used more than it may: {used:?}")));
        }
        Ok(Came::Ran(Box::new(ran)))
    }

    /// What it says of itself, or why it does not; and what that cost.
    async fn describe(&self, prepared: Arc<Prepared>) -> Result<(Result<Metadata, String>, u64), Ours> {
        let parts = GuestParts {
            limits: self.limits,
            capabilities: Box::new(Nothing),
            grants: BTreeSet::new(),
            seed: [0; 32],
            now: 0,
            deadline: self.limits.wall_ms_max,
            yield_fuel: self.frame().yield_fuel,
            place: None,
        };
        let Described { result, fuel } = match invocation::describe(prepared, parts, self.frame()).await {
            Ok(described) => described,
            Err(refusal) => return Ok((Err(refusal.to_string()), 0)),
        };
        match result {
            Ok(metadata) => Ok((check_metadata(metadata).map_err(|refusal| refusal.to_string()), fuel)),
            Err(failure) => {
                not_ours(&failure)?;
                Ok((Err(failure.code().to_owned()), fuel))
            }
        }
    }

    fn frame(&self) -> Frame {
        let wall = Duration::from_millis(self.limits.wall_ms_max);
        Frame { limits: self.limits, wall, yield_fuel: self.limits.fuel_max / 4, input_bytes: 0 }
    }

    /// A mapped file stays mapped when its name goes.
    fn forget(&self) -> Result<(), RuntimeFault> {
        let folder = self.directory.join(self.artifacts.fingerprint());
        for entry in std::fs::read_dir(folder).map_err(|source| self.io(source))? {
            entry.and_then(|entry| std::fs::remove_file(entry.path())).map_err(|source| self.io(source))?;
        }
        Ok(())
    }

    fn io(&self, source: std::io::Error) -> RuntimeFault {
        RuntimeFault::Io { what: self.directory.display().to_string(), source }
    }

    fn engine(&self, class: SlotClass) -> &GuestEngine {
        match class {
            SlotClass::Small => &self.small,
            SlotClass::Large => &self.large,
        }
    }
}

/// One guest runs at a time here and each leaves before the next: a slot that is not there was lost.
fn not_ours(failure: &Failure) -> Result<(), Ours> {
    if failure.kind == FailureKind::NotReady {
        return Err(Ours::Broken(format!("a slot was lost: {}", failure.detail)));
    }
    Ok(())
}
