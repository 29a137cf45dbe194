//! Proves at the start that plugins can run here: compiles a small component in the quarantine and runs it on both engines.
//!
//! The server calls [`Runtime::self_test`] before it says that it is ready, `jackfield check` without a server. A kernel that forbids
//! executable maps, a compiler that the quarantine strangles, a processor whose features the code generator mistakes: each would show
//! with the first caller otherwise. The component goes the way of every upload - child, authentication, map, pooled instance, fuel - and
//! looks for traces of the instance before it. Only the contract's linker is left out, because it needs nothing of it.

use std::time::{Duration, Instant};

use bytes::Bytes;
use jackfield_domain::flow::plugin::SlotClass;
use jackfield_domain::id::{Digest, TenantId};
use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, Store};

use crate::artifact::map::map;
use crate::compile::board::Phase;
use crate::compile::queue::Purpose;
use crate::runtime::{Runtime, RuntimeFault};

/// `answer.wat`, encoded; a test compares the two.
const COMPONENT: &[u8] = include_bytes!("answer.wasm");
/// The sum of 1 to 1,000.
const ANSWER: u32 = 500_500;
/// It needs about ten thousand.
const FUEL: u64 = 1_000_000;
/// Instances on each engine, one after the other: the second gets what the first left, if anything were left.
const INSTANCES: usize = 2;
/// The compiler's own patience ends earlier; this is for a thread that never answers.
const PATIENCE: Duration = Duration::from_secs(120);

/// What was proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SelfTested {
    /// True where the component was compiled; false where an earlier start had left its artifact.
    pub compiled: bool,
    /// How long it took.
    pub took: Duration,
}

impl Runtime {
    /// Compiles, or loads, a component of our own and runs it on both engines, on the guests' threads.
    pub async fn self_test(&self) -> Result<SelfTested, RuntimeFault> {
        let began = Instant::now();
        let wrong = |why: String| RuntimeFault::Engine(format!("the self-test failed: {why}"));
        let component = Bytes::from_static(COMPONENT);
        let digest = Digest::of(&component);
        let loader = &self.inner.loader;
        let mut compiled = false;
        for class in [SlotClass::Small, SlotClass::Large] {
            let artifact = match loader.authentic(digest).await? {
                Some(artifact) => artifact,
                None => {
                    compiled = true;
                    let job = loader.board.begin(&TenantId::platform(), Purpose::Call, "self-test", Phase::Waiting);
                    let made = loader.compile(&job, digest, class, component.clone()).await;
                    made.map_err(|error| wrong(format!("the component cannot be compiled: {error}")))?.0
                }
            };
            let engine = loader.engine(class).engine().clone();
            let work = async move {
                let component = map(&engine, &artifact)?;
                let mut answers = Vec::with_capacity(INSTANCES);
                for _ in 0..INSTANCES {
                    answers.push(answer(&engine, &component).await?);
                }
                Ok::<_, wasmtime::Error>(answers)
            };
            let task = self.inner.spawn_beside_guests(work);
            let ran = tokio::time::timeout(PATIENCE, task).await.map_err(|_| wrong("the guests' threads do not answer".to_owned()))?;
            let answers = ran
                .map_err(|error| wrong(error.to_string()))?
                .map_err(|error| wrong(format!("the component does not run on the {} engine: {error:#}", class.as_str())))?;
            if answers != [ANSWER; INSTANCES] {
                return Err(wrong(format!("the {} engine computes {answers:?} and not {ANSWER}; do not use this machine", class.as_str())));
            }
        }
        Ok(SelfTested { compiled, took: began.elapsed() })
    }
}

/// Runs one fresh instance.
async fn answer(engine: &Engine, component: &Component) -> wasmtime::Result<u32> {
    let mut store = Store::new(engine, ());
    store.set_fuel(FUEL)?;
    let instance = Linker::new(engine).instantiate_async(&mut store, component).await?;
    let function = instance.get_typed_func::<(), (u32,)>(&mut store, "answer")?;
    let (answer,) = function.call_async(&mut store, ()).await?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_run_is_what_its_source_says() {
        assert_eq!(wat::parse_str(include_str!("answer.wat")).unwrap(), COMPONENT);
    }
}
