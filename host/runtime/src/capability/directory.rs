//! Adapts `directory`: queues, people, flows, hours and the emergency closure.

use jackfield_domain::capability::{Answer, Ask, Denial};
use jackfield_domain::tenant::directory;
use jackfield_domain::tenant::hours;
use wasmtime::Result;

use super::{WrongAnswer, other};
use crate::abi::v1::imports::directory::{Closure, DirectoryError, Host, HoursStatus, Names, Person, Queue, QueueStatus};
use crate::abi::v1::imports::types::Endpoint;
use crate::guest::Guest;

fn error(denial: &Denial) -> DirectoryError {
    match denial {
        Denial::Denied => DirectoryError::Denied,
        Denial::Exhausted => DirectoryError::Exhausted,
        Denial::Unavailable => DirectoryError::Unavailable,
        denial => DirectoryError::Other(other(denial)),
    }
}

fn queue(of: directory::Queue) -> Queue {
    Queue {
        name: of.name.to_string(),
        label: of.label,
        language: of.language,
        hours: of.hours.map(|hours| hours.to_string()),
        extras: Vec::new(),
    }
}

fn queue_status(of: directory::QueueStatus) -> QueueStatus {
    QueueStatus { waiting: of.waiting, staffed: of.staffed, oldest: of.oldest_ms, reported: of.reported }
}

fn person(of: directory::Person) -> Person {
    let address = Endpoint { raw: of.address.raw, e164: of.address.e164 };
    Person { name: of.name.to_string(), label: of.label, address }
}

fn hours_status(of: hours::HoursStatus) -> HoursStatus {
    HoursStatus { open: of.open, changes_at: of.changes_at, exception: of.exception }
}

fn closure(of: directory::Closure) -> Closure {
    Closure { reason: of.reason, until: of.until }
}

impl Host for Guest {
    async fn get_queue(&mut self, name: String) -> Result<Result<Option<Queue>, DirectoryError>> {
        let bytes = name.len();
        match self.ask(Ask::DirectoryQueue { name }, bytes).await? {
            Answer::Queue(found) => Ok(Ok(found.map(queue))),
            Answer::Denied(denial) => Ok(Err(error(&denial))),
            answer => Err(WrongAnswer(answer).into()),
        }
    }

    async fn list_queues(&mut self, cursor: Option<String>) -> Result<Result<Names, DirectoryError>> {
        let bytes = cursor.as_ref().map_or(0, String::len);
        match self.ask(Ask::DirectoryQueues { cursor }, bytes).await? {
            Answer::Names { items, next } => Ok(Ok(Names { items, next })),
            Answer::Denied(denial) => Ok(Err(error(&denial))),
            answer => Err(WrongAnswer(answer).into()),
        }
    }

    async fn get_queue_status(&mut self, name: String) -> Result<Result<Option<QueueStatus>, DirectoryError>> {
        let bytes = name.len();
        match self.ask(Ask::DirectoryQueueStatus { name }, bytes).await? {
            Answer::QueueStatus(found) => Ok(Ok(found.map(queue_status))),
            Answer::Denied(denial) => Ok(Err(error(&denial))),
            answer => Err(WrongAnswer(answer).into()),
        }
    }

    async fn get_person(&mut self, name: String) -> Result<Result<Option<Person>, DirectoryError>> {
        let bytes = name.len();
        match self.ask(Ask::DirectoryPerson { name }, bytes).await? {
            Answer::Person(found) => Ok(Ok(found.map(person))),
            Answer::Denied(denial) => Ok(Err(error(&denial))),
            answer => Err(WrongAnswer(answer).into()),
        }
    }

    async fn has_flow(&mut self, name: String) -> Result<Result<bool, DirectoryError>> {
        let bytes = name.len();
        match self.ask(Ask::DirectoryFlow { name }, bytes).await? {
            Answer::Truth(truth) => Ok(Ok(truth)),
            Answer::Denied(denial) => Ok(Err(error(&denial))),
            answer => Err(WrongAnswer(answer).into()),
        }
    }

    async fn get_hours(&mut self, name: String) -> Result<Result<Option<HoursStatus>, DirectoryError>> {
        let bytes = name.len();
        match self.ask(Ask::DirectoryHours { name }, bytes).await? {
            Answer::Hours(found) => Ok(Ok(found.map(hours_status))),
            Answer::Denied(denial) => Ok(Err(error(&denial))),
            answer => Err(WrongAnswer(answer).into()),
        }
    }

    async fn get_closure(&mut self) -> Result<Result<Option<Closure>, DirectoryError>> {
        match self.ask(Ask::DirectoryClosure, 0).await? {
            Answer::Closure(found) => Ok(Ok(found.map(closure))),
            Answer::Denied(denial) => Ok(Err(error(&denial))),
            answer => Err(WrongAnswer(answer).into()),
        }
    }
}
