//! Adapts `outcome`: goals reached and AI tokens spent.

use jackfield_domain::capability::{Answer, Ask, Denial};
use wasmtime::Result;

use super::{WrongAnswer, other};
use crate::abi::v1::imports::outcome::{Host, OutcomeError};
use crate::guest::Guest;

fn error(denial: Denial) -> OutcomeError {
    match denial {
        Denial::Denied => OutcomeError::Denied,
        Denial::Exhausted => OutcomeError::Exhausted,
        Denial::Unknown(goal) => OutcomeError::Unknown(goal),
        Denial::Invalid(what) => OutcomeError::Invalid(what),
        denial => OutcomeError::Other(other(&denial)),
    }
}

impl Guest {
    async fn report_outcome(&mut self, ask: Ask, argument_bytes: usize) -> Result<Result<(), OutcomeError>> {
        match self.ask(ask, argument_bytes).await? {
            Answer::Done => Ok(Ok(())),
            Answer::Denied(denial) => Ok(Err(error(denial))),
            answer => Err(WrongAnswer(answer).into()),
        }
    }
}

impl Host for Guest {
    async fn report(&mut self, goal: String, value: Option<f64>) -> Result<Result<(), OutcomeError>> {
        let bytes = goal.len();
        self.report_outcome(Ask::OutcomeReport { goal, value }, bytes).await
    }

    async fn tokens(&mut self, model: String, input: u64, output: u64) -> Result<Result<(), OutcomeError>> {
        let bytes = model.len();
        self.report_outcome(Ask::OutcomeTokens { model, input, output }, bytes).await
    }
}
