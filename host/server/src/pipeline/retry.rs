//! Finds the reply that an event already had: a provider's retry runs nothing, counts nothing and gets the same bytes.
//!
//! The pipeline asks once the contact's turn has come, so a duplicate that arrives while the first still runs has waited for it. An event
//! that has no id of its own is known by its content; then the same content a while later is the same thing once more, and no retry.

use jackfield_domain::contact::Moment;
use jackfield_domain::id::ContactId;
use jackfield_store::{Found, Retry, RetryId, StoreFault};

use super::Outgoing;
use super::parse::Parsed;
use crate::app::App;

/// How long the same content is a retry: longer than any client asks again, and short enough that a customer who presses the same key in
/// another menu, or writes the same word tomorrow, is heard.
const SAME_CONTENT_MS: Moment = 60_000;

pub(super) async fn answered_before(app: &App, parsed: &Parsed) -> Result<Option<Outgoing>, StoreFault> {
    let found = match kept_reply(app, parsed).await? {
        Some(found) if parsed.known_by_content && found.row.answered.saturating_add(SAME_CONTENT_MS) < parsed.at => {
            // Its place is the new reply's.
            let _ = parsed.outdated.set((found.row.id.contact, found.revision));
            return Ok(None);
        }
        Some(found) => found,
        None => return Ok(None),
    };
    app.metrics.repeat();
    tracing::info!(contact = %found.row.id.contact, "a retry got the reply that its event had");
    let Retry { status, content_type, body, headers, .. } = found.row;
    Ok(Some(Outgoing { status, content_type, body: body.into(), headers }))
}

async fn kept_reply(app: &App, parsed: &Parsed) -> Result<Option<Found<Retry>>, StoreFault> {
    let platform = app.store.platform();
    let named = &parsed.arrival.provider_contact;
    let contact = match parsed.contact {
        Some(contact) => Some(contact),
        None => platform.call(&parsed.connection.id, named).await?.map(|(_, contact)| contact),
    };
    let Some(contact) = contact else { return Ok(None) };
    let found = under(app, parsed, contact).await?;
    if found.is_some() || parsed.step.is_some() || parsed.known_by_content {
        return Ok(found);
    }
    // A conversation that began anew meanwhile: a late retry is of the one before.
    match platform.call_before(&parsed.connection.id, named).await? {
        Some(before) => under(app, parsed, before).await,
        None => Ok(None),
    }
}

async fn under(app: &App, parsed: &Parsed, contact: ContactId) -> Result<Option<Found<Retry>>, StoreFault> {
    let turn = parsed.step.as_ref().map_or(0, |step| step.turn);
    let id = RetryId { connection: parsed.connection.id.clone(), contact, turn, event: parsed.event_id.clone() };
    app.store.tenant(&parsed.tenant).get::<Retry>(&id).await
}
