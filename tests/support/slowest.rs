//! Looks where slow calls spent their time, while a soak runs: before their plugin, in it, or after it, which is the commit and the way back.
//!
//! A ratio of two percentiles says that something is slow and not what. The trail says when a contact's turn had come and when its plugin
//! was done; what is left of the time that the caller waited is what came afterwards.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::task::JoinSet;

use crate::platform::Operator;

/// How long after its answer a call's trail is read: not in the middle of the next ones, and so much later again where it is not there
/// yet, because what overload turned away is written down behind its reply.
const LATER: Duration = Duration::from_millis(100);
/// Times that it is looked for.
const LOOKS_MAX: u32 = 20;

/// Looks after calls of one tenant. A copy of it is the same.
#[derive(Clone)]
pub struct Slowest {
    operator: Arc<Operator>,
    tenant: &'static str,
    /// Calls that took longer are looked at.
    than: Duration,
    looks: Arc<Mutex<JoinSet<anyhow::Result<Option<Slow>>>>>,
}

/// Where the time of one call went.
#[derive(Debug, Clone, Copy, Default)]
struct Slow {
    took: Duration,
    before: Duration,
    within: Duration,
}

/// Where the time of the slow ones went.
#[derive(Debug, Clone, Default)]
pub struct Spent(Vec<Slow>);

impl Slowest {
    /// Looks at calls of that tenant that took longer `than`.
    pub fn new(operator: Operator, tenant: &'static str, than: Duration) -> Self {
        Self { operator: Arc::new(operator), tenant, than, looks: Arc::default() }
    }

    /// A call with the provider's id has been answered after so long.
    pub fn answered(&self, sid: String, took: Duration) {
        if took > self.than {
            let (operator, tenant) = (Arc::clone(&self.operator), self.tenant);
            self.looks.lock().unwrap_or_else(PoisonError::into_inner).spawn(async move {
                let mut looks = 1;
                loop {
                    tokio::time::sleep(LATER).await;
                    match operator.contact_of(tenant, &sid).await {
                        Err(_) if looks < LOOKS_MAX => looks += 1,
                        found => return Ok(Slow::read(&found?, took)),
                    }
                }
            });
        }
    }

    /// What was seen until now, the slowest first. A look that failed fails all.
    pub async fn spent(&self) -> anyhow::Result<Spent> {
        let looks = std::mem::take(&mut *self.looks.lock().unwrap_or_else(PoisonError::into_inner));
        let mut seen: Vec<Slow> = looks.join_all().await.into_iter().filter_map(Result::transpose).collect::<anyhow::Result<_>>()?;
        seen.sort_by_key(|slow| std::cmp::Reverse(slow.took));
        Ok(Spent(seen))
    }
}

impl Slow {
    /// None where no plugin ran.
    fn read(contact: &Value, took: Duration) -> Option<Self> {
        let us = |at: &str| contact.pointer(at).and_then(Value::as_u64).map(Duration::from_micros);
        let before = us("/turns/0/times/admitted_us")?;
        Some(Self { took, before, within: us("/turns/0/times/invoked_us")?.saturating_sub(before) })
    }

    fn after(&self) -> Duration {
        self.took.saturating_sub(self.before + self.within)
    }
}

impl fmt::Display for Spent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(slow) = self;
        let mean = |part: fn(&Slow) -> Duration| slow.iter().map(part).sum::<Duration>().as_secs_f64() * 1e3 / slow.len().max(1) as f64;
        write!(
            f,
            "{} calls: {:.2} ms on average, of them {:.2} before the plugin, {:.2} in it, {:.2} after it",
            slow.len(),
            mean(|slow| slow.took),
            mean(|slow| slow.before),
            mean(|slow| slow.within),
            mean(Slow::after)
        )?;
        for slow in slow.iter().take(5) {
            let ms = |duration: Duration| duration.as_secs_f64() * 1e3;
            write!(f, "\n      {:.2} ms: {:.2} + {:.2} + {:.2}", ms(slow.took), ms(slow.before), ms(slow.within), ms(slow.after()))?;
        }
        Ok(())
    }
}
