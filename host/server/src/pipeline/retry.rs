//! Finds the reply that an event already had: a provider's retry runs nothing, counts nothing and gets the same bytes.
//!
//! The pipeline asks once the contact's turn has come, so a duplicate that arrives while the first still runs has waited for it.

use jackfield_store::{Retry, RetryId, StoreFault};

use super::Outgoing;
use super::parse::Parsed;
use crate::app::App;

pub(super) async fn answered_before(app: &App, parsed: &Parsed) -> Result<Option<Outgoing>, StoreFault> {
    let contact = match parsed.contact {
        Some(contact) => Some(contact),
        None => app.store.platform().call(&parsed.connection.id, &parsed.arrival.provider_contact).await?.map(|(_, contact)| contact),
    };
    let Some(contact) = contact else { return Ok(None) };
    let turn = parsed.step.as_ref().map_or(0, |step| step.turn);
    let id = RetryId { connection: parsed.connection.id.clone(), contact, turn, event: parsed.event_id.clone() };
    let found = app.store.tenant(&parsed.tenant).get::<Retry>(&id).await?;
    Ok(found.map(|found| {
        app.metrics.repeat();
        tracing::info!(%contact, "a retry got the reply that its event had");
        let Retry { status, content_type, body, headers, .. } = found.row;
        Outgoing { status, content_type, body: body.into(), headers }
    }))
}
