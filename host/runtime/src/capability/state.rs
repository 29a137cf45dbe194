//! Adapts `state`: what survives an invocation.

use jackfield_domain::capability::{Answer, Ask, Denial, Scope as Whose};
use wasmtime::Result;

use super::{WrongAnswer, other};
use crate::abi::v1::imports::state::{Entry, Host, Page, Scope, StateError};
use crate::guest::Guest;

fn whose(scope: Scope) -> Whose {
    match scope {
        Scope::Tenant => Whose::Tenant,
        Scope::Contact => Whose::Contact,
    }
}

fn error(denial: &Denial) -> StateError {
    match denial {
        Denial::Denied => StateError::Denied,
        Denial::Exhausted => StateError::Exhausted,
        Denial::BadKey => StateError::BadKey,
        Denial::TooLarge => StateError::TooLarge,
        Denial::Full => StateError::Full,
        Denial::NotANumber => StateError::NotANumber,
        Denial::Unavailable => StateError::Unavailable,
        denial => StateError::Other(other(denial)),
    }
}

impl Host for Guest {
    async fn get(&mut self, scope: Scope, key: String) -> Result<Result<Option<Entry>, StateError>> {
        let bytes = key.len();
        match self.ask(Ask::StateGet { scope: whose(scope), key }, bytes).await? {
            Answer::Entry(found) => Ok(Ok(found.map(|entry| Entry { value: entry.value, revision: entry.revision }))),
            Answer::Denied(denial) => Ok(Err(error(&denial))),
            answer => Err(WrongAnswer(answer).into()),
        }
    }

    async fn set(&mut self, scope: Scope, key: String, value: Vec<u8>, lifetime: Option<u64>) -> Result<Result<(), StateError>> {
        let bytes = key.len() + value.len();
        match self.ask(Ask::StateSet { scope: whose(scope), key, value, lifetime_ms: lifetime }, bytes).await? {
            Answer::Done => Ok(Ok(())),
            Answer::Denied(denial) => Ok(Err(error(&denial))),
            answer => Err(WrongAnswer(answer).into()),
        }
    }

    async fn delete(&mut self, scope: Scope, key: String) -> Result<Result<bool, StateError>> {
        let bytes = key.len();
        match self.ask(Ask::StateDelete { scope: whose(scope), key }, bytes).await? {
            Answer::Truth(was) => Ok(Ok(was)),
            Answer::Denied(denial) => Ok(Err(error(&denial))),
            answer => Err(WrongAnswer(answer).into()),
        }
    }

    async fn compare_and_set(
        &mut self,
        scope: Scope,
        key: String,
        expected: Option<u64>,
        value: Vec<u8>,
    ) -> Result<Result<bool, StateError>> {
        let bytes = key.len() + value.len();
        match self.ask(Ask::StateCompareAndSet { scope: whose(scope), key, expected, value }, bytes).await? {
            Answer::Truth(written) => Ok(Ok(written)),
            Answer::Denied(denial) => Ok(Err(error(&denial))),
            answer => Err(WrongAnswer(answer).into()),
        }
    }

    async fn increment(&mut self, scope: Scope, key: String, by: i64) -> Result<Result<i64, StateError>> {
        let bytes = key.len();
        match self.ask(Ask::StateIncrement { scope: whose(scope), key, by }, bytes).await? {
            Answer::Number(number) => Ok(Ok(number)),
            Answer::Denied(denial) => Ok(Err(error(&denial))),
            answer => Err(WrongAnswer(answer).into()),
        }
    }

    async fn list(&mut self, scope: Scope, prefix: String, cursor: Option<String>) -> Result<Result<Page, StateError>> {
        let bytes = prefix.len() + cursor.as_ref().map_or(0, String::len);
        match self.ask(Ask::StateList { scope: whose(scope), prefix, cursor }, bytes).await? {
            Answer::Names { items, next } => Ok(Ok(Page { keys: items, next })),
            Answer::Denied(denial) => Ok(Err(error(&denial))),
            answer => Err(WrongAnswer(answer).into()),
        }
    }
}
