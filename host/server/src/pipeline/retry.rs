//! Finds the reply that an event already had: a provider's retry runs nothing, counts nothing and gets the same bytes.
//!
//! The pipeline asks once the contact's turn has come, so a duplicate that arrives while the first still runs has waited for it.

use jackfield_store::{RetryRow, StoreFault};

use super::Outgoing;
use super::parse::Parsed;
use crate::app::App;

/// The row's key, as far as it is known before the contact is.
pub(super) fn turn_of(parsed: &Parsed) -> u32 {
    parsed.step.as_ref().map_or(0, |step| step.turn)
}

pub(super) async fn answered_before(app: &App, parsed: &Parsed) -> Result<Option<Outgoing>, StoreFault> {
    let contact = match parsed.contact {
        Some(contact) => Some(contact),
        None => app.store.platform().call(&parsed.connection.id, &parsed.arrival.provider_contact).await?.map(|(_, contact)| contact),
    };
    let Some(contact) = contact else { return Ok(None) };
    let id = (parsed.connection.id.clone(), contact, turn_of(parsed), parsed.event_id.clone());
    let found = app.store.tenant(&parsed.tenant).get::<RetryRow>(&id).await?;
    Ok(found.map(|found| {
        tracing::info!(%contact, "a retry got the reply that its event had");
        Outgoing { status: found.row.status, content_type: found.row.content_type, body: found.row.body.into() }
    }))
}
