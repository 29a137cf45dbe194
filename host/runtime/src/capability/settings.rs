//! Adapts `settings`: reads the release's merged settings.

use jackfield_domain::capability::{Answer, Ask, Denial};
use wasmtime::Result;

use super::{WrongAnswer, other};
use crate::abi::v1::imports::settings::{Host, SettingsError};
use crate::guest::Guest;

fn error(denial: &Denial) -> SettingsError {
    match denial {
        Denial::Denied => SettingsError::Denied,
        Denial::Exhausted => SettingsError::Exhausted,
        denial => SettingsError::Other(other(denial)),
    }
}

impl Host for Guest {
    async fn all(&mut self) -> Result<Result<String, SettingsError>> {
        match self.ask(Ask::SettingsAll, 0).await? {
            Answer::Json(Some(json)) => Ok(Ok(json)),
            Answer::Denied(denial) => Ok(Err(error(&denial))),
            answer => Err(WrongAnswer(answer).into()),
        }
    }

    async fn get(&mut self, pointer: String) -> Result<Result<Option<String>, SettingsError>> {
        let bytes = pointer.len();
        match self.ask(Ask::SettingsGet { pointer }, bytes).await? {
            Answer::Json(json) => Ok(Ok(json)),
            Answer::Denied(denial) => Ok(Err(error(&denial))),
            answer => Err(WrongAnswer(answer).into()),
        }
    }
}
