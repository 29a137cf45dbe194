//! Keeps and tells who changed what of a tenant's set-up, and when.
//!
//! Handlers that write such a thing hand their batch to [`noted`], so that an edit is durable exactly where its change is. A tenant keeps its
//! newest some thousand edits: now and then a write takes away what is over.

use jackfield_domain::flow::Flow;
use jackfield_domain::ports::rows::Expect;
use jackfield_domain::tenant::edit::{EDITS_MAX, Edit, differences};
use jackfield_store::Change;
use serde::Serialize;
use serde_json::json;

use super::door::guard::{self, Inside};
use super::door::problem::{Problem, unread};
use super::door::reply::{self, Answer};
use crate::app::App;

/// One write in so many looks for edits that are over.
const LOOK_EVERY: u32 = 64;
/// And takes so many away at most: more than came since the look before.
const FORGOTTEN_MAX: usize = 200;

/// The edit that a change is; none where nothing is other.
pub(super) fn edit<T: Serialize>(
    app: &App,
    inside: &Inside,
    thing: String,
    before: Option<&T>,
    after: Option<&T>,
) -> Result<Option<Edit>, Problem> {
    let value = |row: Option<&T>| row.map(serde_json::to_value).transpose().map_err(|e| Problem::Broke(format!("{thing} is no JSON: {e}")));
    let changes = differences(value(before)?.as_ref(), value(after)?.as_ref());
    if changes.is_empty() {
        return Ok(None);
    }
    let mut salt = [0; 4];
    // Without randomness two edits of one millisecond are told apart no more, and the later one stays.
    let _ = getrandom::fill(&mut salt);
    let by = inside.asked.principal.label.clone();
    Ok(Some(Edit { at: app.clock.now(), salt: u32::from_be_bytes(salt), thing, by, changes }))
}

/// Adds it to the batch that makes it.
pub(super) fn with(change: Change, edit: Option<&Edit>) -> Change {
    edit.into_iter().fold(change, |change, edit| change.put(edit, Expect::Anything))
}

/// Both at once, for a batch that is committed once; now and then it takes old edits along.
pub(super) async fn noted<T: Serialize>(
    app: &App,
    inside: &Inside,
    change: Change,
    thing: String,
    before: Option<&T>,
    after: Option<&T>,
) -> Result<Change, Problem> {
    let edit = edit(app, inside, thing, before, after)?;
    let mut change = with(change, edit.as_ref());
    if edit.is_some_and(|edit| edit.salt.is_multiple_of(LOOK_EVERY)) {
        for over in inside.store.edits_over(EDITS_MAX, FORGOTTEN_MAX).await.map_err(unread)? {
            change = change.delete::<Edit>(&over, Expect::Anything);
        }
    }
    Ok(change)
}

/// The same for a flow that is written.
pub(super) async fn noted_flow(app: &App, inside: &Inside, before: &Flow, after: &Flow, expect: Expect) -> Result<Change, Problem> {
    let change = inside.store.change().put(after, expect);
    noted(app, inside, change, format!("flow/{}", after.name), Some(before), Some(after)).await
}

/// Edits, the newest first.
pub(crate) async fn list(inside: Inside) -> Answer {
    let query = inside.asked.query(&["thing", "limit"])?;
    let limit = guard::limit(query.get("limit").copied())?;
    let thing = query.get("thing").copied();
    let is_meant = |edit: &Edit| {
        thing.is_none_or(|thing| edit.thing == thing || edit.thing.strip_prefix(thing).is_some_and(|rest| rest.starts_with('/')))
    };
    let edits = inside.store.edits(limit, is_meant).await.map_err(unread)?;
    reply::plain(json!({ "items": edits, "next": null }))
}
