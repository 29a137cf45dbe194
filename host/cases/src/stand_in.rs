//! Stands in for what lies outside of a plugin: kept values in memory, and hosts that answer as the case says.
//!
//! The live capabilities ask it through the same ports behind which production has a store and a network, so a plugin that is tested meets
//! their rules and not a copy of them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jackfield_domain::capability::{Entry, Scope, StateChange, StateWrite};
use jackfield_domain::contact::Moment;
use jackfield_domain::ports::BoxFuture;
use jackfield_domain::ports::outbound::{Errand, Outbound};
use jackfield_domain::ports::rows::RowsFault;
use jackfield_domain::ports::state::{KeyPage, State, StateSpace};
use jackfield_domain::request::{HttpError, Request, RequestRecord, Response, Sent};

use crate::format::{HttpStub, Kept};

/// A value, and when it vanishes.
#[derive(Debug, Clone)]
struct Value {
    entry: Entry,
    until: Option<Moment>,
}

/// What the plugin keeps.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    values: Mutex<BTreeMap<(Scope, String), Value>>,
    is_away: bool,
}

impl Memory {
    /// With what was kept before; one that is away answers nothing.
    pub(crate) fn new(kept: &Kept, is_away: bool) -> Self {
        let of = |scope, values: &BTreeMap<String, String>| -> Vec<_> {
            let value = |text: &String| Value { entry: Entry { value: text.clone().into_bytes(), revision: 1 }, until: None };
            values.iter().map(|(key, text)| ((scope, key.clone()), value(text))).collect()
        };
        let values = of(Scope::Tenant, &kept.tenant).into_iter().chain(of(Scope::Contact, &kept.contact)).collect();
        Self { values: Mutex::new(values), is_away }
    }

    fn values(&self) -> MutexGuard<'_, BTreeMap<(Scope, String), Value>> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn there(&self) -> Result<(), RowsFault> {
        if self.is_away { Err(RowsFault { why: "the case says that it is away".to_owned() }) } else { Ok(()) }
    }

    /// Keeps what a decision leaves behind. What a write expects holds: nobody else writes.
    pub(crate) fn keep(&self, writes: &[StateWrite]) {
        let mut values = self.values();
        for StateWrite { scope, key, change, .. } in writes {
            let at = (*scope, key.clone());
            let before = values.get(&at).map(|value| value.entry.clone());
            let revision = before.as_ref().map_or(0, |entry| entry.revision) + 1;
            match change {
                StateChange::Set { value, until } => {
                    values.insert(at, Value { entry: Entry { value: value.clone(), revision }, until: *until });
                }
                StateChange::Delete => drop(values.remove(&at)),
                StateChange::Add(by) => {
                    let number = before.and_then(|entry| String::from_utf8(entry.value).ok()?.parse::<i64>().ok()).unwrap_or(0);
                    let value = number.saturating_add(*by).to_string().into_bytes();
                    values.insert(at, Value { entry: Entry { value, revision }, until: None });
                }
            }
        }
    }

    /// What stands there now, as text.
    pub(crate) fn text(&self, scope: Scope, key: &str) -> Option<String> {
        self.values().get(&(scope, key.to_owned())).map(|value| String::from_utf8_lossy(&value.entry.value).into_owned())
    }
}

impl State for Memory {
    fn get<'a>(&'a self, _space: &'a StateSpace, scope: Scope, key: &'a str, now: u64) -> BoxFuture<'a, Result<Option<Entry>, RowsFault>> {
        let found = self.there().map(|()| {
            let value = self.values().get(&(scope, key.to_owned())).cloned();
            value.filter(|value| value.until.is_none_or(|until| now < until)).map(|value| value.entry)
        });
        Box::pin(std::future::ready(found))
    }

    fn list<'a>(
        &'a self,
        _space: &'a StateSpace,
        scope: Scope,
        prefix: &'a str,
        after: Option<&'a str>,
        limit: usize,
        now: u64,
    ) -> BoxFuture<'a, Result<KeyPage, RowsFault>> {
        let page = self.there().map(|()| {
            let values = self.values();
            let fits = |((of, key), value): &(&(Scope, String), &Value)| {
                *of == scope
                    && key.starts_with(prefix)
                    && after.is_none_or(|after| key.as_str() > after)
                    && value.until.is_none_or(|until| now < until)
            };
            let mut keys = values.iter().filter(fits).map(|((_, key), _)| key.clone());
            let page: Vec<String> = keys.by_ref().take(limit).collect();
            let next = keys.next().and_then(|_| page.last().cloned());
            (page, next)
        });
        Box::pin(std::future::ready(page))
    }

    fn tenant_bytes<'a>(&'a self, _space: &'a StateSpace) -> BoxFuture<'a, Result<u64, RowsFault>> {
        let bytes = self.there().map(|()| {
            let values = self.values();
            let of_tenant = values.iter().filter(|((scope, _), _)| *scope == Scope::Tenant);
            of_tenant.map(|((_, key), value)| (key.len() + value.entry.value.len()) as u64).sum()
        });
        Box::pin(std::future::ready(bytes))
    }
}

/// Hosts that answer as the case says.
#[derive(Debug)]
pub(crate) struct Hosts {
    stubs: Vec<HttpStub>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

/// A request that was made.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// Method and URL.
    pub line: String,
    /// False where the case says nothing of it.
    pub is_known: bool,
}

impl Hosts {
    pub(crate) fn new(stubs: &[HttpStub]) -> Self {
        Self { stubs: stubs.to_vec(), asked: Arc::default() }
    }

    /// What was asked since the last look.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.asked.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn answer(&self, request: &Request) -> Sent {
        let fits =
            |stub: &&HttpStub| stub.method.as_ref().is_none_or(|method| *method == request.method) && is_like(&stub.url, &request.url);
        let stub = self.stubs.iter().find(fits);
        let line = format!("{} {}", request.method, request.url);
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(Asked { line, is_known: stub.is_some() });
        let Some(stub) = stub else {
            return Sent::refused(&request.method, HttpError::NotAllowed("the case has no stub for it".to_owned()));
        };
        if let Some(fails) = &stub.fails {
            return Sent::refused(&request.method, failure(fails));
        }
        let body = match &stub.body {
            None => Vec::new(),
            Some(serde_json::Value::String(text)) => text.clone().into_bytes(),
            Some(value) => value.to_string().into_bytes(),
        };
        let headers = stub.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect();
        Sent { result: Ok(Response { status: stub.status.unwrap_or(200), headers, body }), record: RequestRecord::default() }
    }
}

fn failure(name: &str) -> HttpError {
    match name {
        "timeout" => HttpError::Timeout,
        "unavailable" => HttpError::Unavailable,
        "unresolved" => HttpError::Unresolved,
        "too-large" => HttpError::TooLarge,
        "denied" => HttpError::Denied,
        other => HttpError::Failed(other.to_owned()),
    }
}

/// Equal, or begins so where a star ends the pattern.
pub(crate) fn is_like(pattern: &str, text: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => text.starts_with(beginning),
        None => pattern == text,
    }
}

impl Outbound for Hosts {
    fn send<'a>(&'a self, _errand: &'a Errand, requests: &'a [Request], _time: Duration) -> BoxFuture<'a, Vec<Sent>> {
        Box::pin(std::future::ready(requests.iter().map(|request| self.answer(request)).collect()))
    }
}
