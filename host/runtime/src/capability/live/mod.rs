//! Answers a guest's questions from the tenant's own data, and keeps its writes until the decision is committed.
//!
//! The invoke step makes one for each attempt; the runtime asks it through the domain's one trait. It reads what the event was
//! given and, for state, the store; it writes nowhere: [`Capabilities::finish`] hands out what would be written, and the commit
//! step writes it together with the decision or not at all.
//!
//! Grants and budgets are checked before a question comes here. What is checked here is what a question means.

mod kept;
mod seen;

use std::sync::Arc;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use jackfield_domain::budget::Limits;
use jackfield_domain::capability::{Answer, Ask, Capabilities, Consent, Denial, Effects, Scope, Tokens};
use jackfield_domain::contact::{Contact, Moment};
use jackfield_domain::ports::BoxFuture;
use jackfield_domain::ports::outbound::{Errand, Outbound};
use jackfield_domain::ports::state::{State, StateSpace};
use jackfield_domain::tenant::directory::Directory;
use serde_json::Value;
use sha2::Sha256;

use self::kept::{Kept, KeptParts};
pub use self::seen::LastSeen;
use self::seen::Seen;
use crate::abi::v1::customer_id;

/// Names in one page of a list, as the contract says.
const PAGE_NAMES: usize = 100;
/// Buckets of `customer.bucket`, as the contract says: hundredths of a percent.
const BUCKETS: u64 = 10_000;
/// Longest name of a model: providers' names have at most sixty characters.
const MODEL_BYTES_MAX: usize = 128;
/// Most AI tokens of one report: a year of the largest models' windows, and far from overflowing a sum.
const TOKENS_MAX: u64 = 1 << 40;

/// What the answers come from.
pub struct LiveParts {
    /// The release's merged settings.
    pub settings: Arc<Value>,
    /// The tenant's, as this event sees it.
    pub directory: Arc<Directory>,
    /// What plugins kept before.
    pub state: Arc<dyn State>,
    /// Whose state.
    pub space: StateSpace,
    /// The contact.
    pub contact: Arc<Contact>,
    /// Of this invocation.
    pub limits: Limits,
    /// The event's time.
    pub now: Moment,
    /// Goals that `describe` lists.
    pub outcomes: Vec<String>,
    /// The tenant's own key of `customer.bucket`, so that buckets of two tenants have nothing in common.
    pub salt_key: [u8; 32],
    /// When the customer's contact before this one began; read only where a plugin asks, because it stands in a row of another contact,
    /// and that may still be on its way to the disk.
    pub last_seen: LastSeen,
    /// What requests go through.
    pub outbound: Arc<dyn Outbound>,
    /// For whom, and under which rules.
    pub errand: Errand,
}

/// The live capabilities of one attempt.
pub struct Live {
    settings: Arc<Value>,
    directory: Arc<Directory>,
    contact: Arc<Contact>,
    now: Moment,
    goals: Vec<String>,
    salt_key: [u8; 32],
    seen: Seen,
    outbound: Arc<dyn Outbound>,
    errand: Errand,
    kept: Kept,
    outcomes: Vec<(String, Option<f64>)>,
    tokens: Vec<Tokens>,
}

impl Live {
    /// Nothing is read before it is asked for.
    pub fn new(parts: LiveParts) -> Self {
        let LiveParts { settings, directory, state, space, contact, limits, now, outcomes, salt_key, last_seen, outbound, errand } = parts;
        let kept = Kept::new(KeptParts {
            state,
            space,
            now,
            contact_bytes: contact.state_bytes,
            contact_bytes_max: limits.contact_state_bytes_max,
            tenant_bytes_max: limits.tenant_state_bytes_max,
        });
        Self {
            settings,
            directory,
            contact,
            now,
            goals: outcomes,
            salt_key,
            seen: Seen::new(last_seen),
            outbound,
            errand,
            kept,
            outcomes: Vec::new(),
            tokens: Vec::new(),
        }
    }

    fn directory(&self, ask: &Ask) -> Answer {
        let directory = &self.directory;
        match ask {
            Ask::DirectoryQueue { name } => Answer::Queue(directory.queues.get(name).cloned()),
            Ask::DirectoryQueues { cursor } => self.queue_names(cursor.as_deref()),
            Ask::DirectoryQueueStatus { name } => Answer::QueueStatus(directory.queue_statuses.get(name).cloned()),
            Ask::DirectoryPerson { name } => Answer::Person(directory.people.get(name).cloned()),
            Ask::DirectoryFlow { name } => Answer::Truth(directory.flows.contains(name)),
            Ask::DirectoryHours { name } => Answer::Hours(directory.hours.get(name).map(|hours| hours.at(self.now, &directory.zone))),
            _ => Answer::Closure(directory.closed(self.now).cloned()),
        }
    }

    fn queue_names(&self, cursor: Option<&str>) -> Answer {
        let mut names = self.directory.queues.keys().filter(|name| cursor.is_none_or(|cursor| name.as_str() > cursor));
        let items: Vec<String> = names.by_ref().take(PAGE_NAMES).cloned().collect();
        let next = names.next().and_then(|_| items.last().cloned());
        Answer::Names { items, next }
    }

    fn report(&mut self, goal: &str, value: Option<f64>) -> Answer {
        if !self.goals.iter().any(|listed| listed == goal) {
            return Answer::Denied(Denial::Unknown(goal.chars().take(80).collect()));
        }
        if value.is_some_and(|value| !value.is_finite()) {
            return Answer::Denied(Denial::Invalid("value is not a finite number".to_owned()));
        }
        self.outcomes.push((goal.to_owned(), value));
        Answer::Done
    }

    fn spend(&mut self, model: &str, input: u64, output: u64) -> Answer {
        if model.is_empty() || model.len() > MODEL_BYTES_MAX || model.chars().any(char::is_control) {
            return Answer::Denied(Denial::Invalid(format!("model is 1 to {MODEL_BYTES_MAX} bytes without control characters")));
        }
        if input > TOKENS_MAX || output > TOKENS_MAX {
            return Answer::Denied(Denial::Invalid(format!("at most {TOKENS_MAX} tokens at once")));
        }
        self.tokens.push(Tokens { model: model.to_owned(), input, output });
        Answer::Done
    }

    /// The same for a customer, tenant and salt, and without a pattern between any two of them.
    fn bucket(&self, salt: &str) -> Answer {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.salt_key) else { return Answer::Denied(Denial::Unavailable) };
        mac.update(customer_id(&self.contact).as_bytes());
        mac.update(&[0]);
        mac.update(salt.as_bytes());
        // 64 of the 256 bits: the remainder by ten thousand is even to fifteen decimal places.
        let number = mac.finalize().into_bytes().iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        Answer::Bucket(u32::try_from(number % BUCKETS).unwrap_or(0))
    }

    fn consent(&self, topic: &str) -> Answer {
        Answer::Consent(match self.contact.consents.get(topic) {
            None => Consent::Unknown,
            Some(true) => Consent::Given,
            Some(false) => Consent::Refused,
        })
    }

    async fn answer(&mut self, ask: &Ask) -> Answer {
        match ask {
            Ask::SettingsAll => Answer::Json(Some(self.settings.to_string())),
            Ask::SettingsGet { pointer } => Answer::Json(self.settings.pointer(pointer).map(Value::to_string)),
            Ask::DirectoryQueue { .. }
            | Ask::DirectoryQueues { .. }
            | Ask::DirectoryQueueStatus { .. }
            | Ask::DirectoryPerson { .. }
            | Ask::DirectoryFlow { .. }
            | Ask::DirectoryHours { .. }
            | Ask::DirectoryClosure => self.directory(ask),
            Ask::StateGet { scope, key } => self.kept.get(*scope, key).await.map_or_else(Answer::Denied, Answer::Entry),
            Ask::StateSet { scope, key, value, lifetime_ms } => done(self.kept.set(*scope, key, value, *lifetime_ms).await),
            Ask::StateDelete { scope, key } => truth(self.kept.delete(*scope, key).await),
            Ask::StateCompareAndSet { scope, key, expected, value } => {
                truth(self.kept.compare_and_set(*scope, key, *expected, value).await)
            }
            Ask::StateIncrement { scope, key, by } => {
                self.kept.increment(*scope, key, *by).await.map_or_else(Answer::Denied, Answer::Number)
            }
            Ask::StateList { scope, prefix, cursor } => self.list(*scope, prefix, cursor.as_deref()).await,
            Ask::OutcomeReport { goal, value } => self.report(goal, *value),
            Ask::OutcomeTokens { model, input, output } => self.spend(model, *input, *output),
            Ask::CustomerBucket { salt } => self.bucket(salt),
            Ask::CustomerLastSeen => self.seen.read().await.map_or_else(Answer::Denied, Answer::Seen),
            Ask::CustomerConsent { topic } => self.consent(topic),
            Ask::HttpSend { requests, left_ms } => {
                Answer::Sent(self.outbound.send(&self.errand, requests, Duration::from_millis(*left_ms)).await)
            }
        }
    }

    async fn list(&mut self, scope: Scope, prefix: &str, cursor: Option<&str>) -> Answer {
        match self.kept.list(scope, prefix, cursor, PAGE_NAMES).await {
            Ok((items, next)) => Answer::Names { items, next },
            Err(denial) => Answer::Denied(denial),
        }
    }
}

fn done(result: Result<(), Denial>) -> Answer {
    result.map_or_else(Answer::Denied, |()| Answer::Done)
}

fn truth(result: Result<bool, Denial>) -> Answer {
    result.map_or_else(Answer::Denied, Answer::Truth)
}

impl Capabilities for Live {
    fn ask<'a>(&'a mut self, ask: &'a Ask) -> BoxFuture<'a, Answer> {
        Box::pin(self.answer(ask))
    }

    fn finish(self: Box<Self>) -> Effects {
        let Self { kept, outcomes, tokens, .. } = *self;
        let (writes, contact_state_bytes, tenant_state_growth) = kept.finish();
        Effects { writes, outcomes, tokens, contact_state_bytes, tenant_state_growth }
    }
}

#[cfg(test)]
mod tests;
