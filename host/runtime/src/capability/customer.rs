//! Adapts `customer`: what is known of the person at the other end without saying who it is.

use jackfield_domain::capability::{Answer, Ask, Consent as Said, Denial};
use wasmtime::Result;

use super::{WrongAnswer, other};
use crate::abi::v1::imports::customer::{Consent, CustomerError, Host};
use crate::guest::Guest;

fn error(denial: &Denial) -> CustomerError {
    match denial {
        Denial::Denied => CustomerError::Denied,
        Denial::Exhausted => CustomerError::Exhausted,
        Denial::Unavailable => CustomerError::Unavailable,
        denial => CustomerError::Other(other(denial)),
    }
}

impl Host for Guest {
    async fn bucket(&mut self, salt: String) -> Result<Result<u32, CustomerError>> {
        let bytes = salt.len();
        match self.ask(Ask::CustomerBucket { salt }, bytes).await? {
            Answer::Bucket(bucket) => Ok(Ok(bucket)),
            Answer::Denied(denial) => Ok(Err(error(&denial))),
            answer => Err(WrongAnswer(answer).into()),
        }
    }

    async fn last_seen(&mut self) -> Result<Result<Option<u64>, CustomerError>> {
        match self.ask(Ask::CustomerLastSeen, 0).await? {
            Answer::Seen(seen) => Ok(Ok(seen)),
            Answer::Denied(denial) => Ok(Err(error(&denial))),
            answer => Err(WrongAnswer(answer).into()),
        }
    }

    async fn get_consent(&mut self, topic: String) -> Result<Result<Consent, CustomerError>> {
        let bytes = topic.len();
        match self.ask(Ask::CustomerConsent { topic }, bytes).await? {
            Answer::Consent(Said::Unknown) => Ok(Ok(Consent::Unknown)),
            Answer::Consent(Said::Given) => Ok(Ok(Consent::Given)),
            Answer::Consent(Said::Refused) => Ok(Ok(Consent::Refused)),
            Answer::Denied(denial) => Ok(Err(error(&denial))),
            answer => Err(WrongAnswer(answer).into()),
        }
    }
}
