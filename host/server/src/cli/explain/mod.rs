//! Tells a contact's story: one timeline that answers "why did this call go there?".
//!
//! It asks the API for the contact with its turns and hands both to [`timeline`], a plain function, so that what people read at three
//! in the morning can be tested with a fixture. It shows what the trail holds and guesses nothing.

pub mod timeline;
pub mod words;

use clap::Args;
use jackfield_domain::contact::Contact;
use jackfield_domain::id::ContactId;
use jackfield_domain::tenant::hours;
use jackfield_domain::trail::Turn;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::Value;

use super::print::text;
use super::session::{Outcome, Session, Trouble};

/// Which contact, and how much of it.
#[derive(Debug, Args)]
pub struct Explain {
    /// The id that `jackfield contacts find` prints.
    id: ContactId,
    /// Show every limit and every answer, not only what is notable.
    #[arg(long)]
    all: bool,
}

/// What the API gives for a contact.
#[derive(Debug, Deserialize)]
pub(crate) struct Story {
    pub(crate) contact: Contact,
    pub(crate) turns: Vec<Turn>,
}

/// A contact with its turns; whose it is need not be known.
pub(crate) async fn fetch(session: &Session, id: &ContactId) -> Result<Value, Trouble> {
    let path = match session.named_tenant() {
        Some(tenant) => format!("/v1/tenants/{tenant}/contacts/{id}"),
        None => format!("/v1/contacts/{id}"),
    };
    session.get(&path, &[]).await
}

/// Reads what the API gave.
pub(crate) fn read(answer: &Value) -> Result<Story, Trouble> {
    serde_json::from_value(answer.clone())
        .map_err(|e| Trouble::Failed(format!("the server speaks of contacts in another way than this program: {e}")))
}

impl Explain {
    pub(crate) async fn run(self, session: &Session) -> Outcome {
        let answer = fetch(session, &self.id).await?;
        let zone = hours::zone(&text(&answer, "zone")).unwrap_or(TimeZone::UTC);
        let story = read(&answer)?;
        session.show(&answer, |_| timeline::timeline(&story.contact, &story.turns, &zone, self.all))
    }
}
