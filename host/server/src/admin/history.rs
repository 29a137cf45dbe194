//! Keeps and tells who changed what of a tenant's set-up, and when.
//!
//! Handlers that write such a thing hand their batch to [`noted`], so that an edit is durable exactly where its change is. Settings keep
//! revisions of their own, which releases point at; they are told here beside the others.

use jackfield_domain::flow::Flow;
use jackfield_domain::ports::rows::Expect;
use jackfield_domain::refusal::Code;
use jackfield_domain::tenant::edit::{EDITS_MAX, Edit, differences};
use jackfield_store::{Change, SettingsRow};
use serde::Serialize;
use serde_json::{Value, json};

use super::door::guard::{self, Inside};
use super::door::problem::{Problem, unread};
use super::door::reply::{self, Answer};
use crate::app::App;

/// Edits of all things of a tenant that one request looks through: a hundred of each of some hundred.
const LOOKED_MAX: usize = 50_000;

/// Adds the edit to the batch that makes it; nothing where nothing is other.
pub(super) async fn noted<T: Serialize>(
    app: &App,
    inside: &Inside,
    change: Change,
    thing: String,
    before: Option<&T>,
    after: Option<&T>,
) -> Result<Change, Problem> {
    let value = |row: Option<&T>| row.map(serde_json::to_value).transpose().map_err(|e| Problem::Broke(format!("{thing} is no JSON: {e}")));
    let (before, after) = (value(before)?, value(after)?);
    let newest = inside.store.newest_edit(&thing).await.map_err(unread)?.map(|found| found.row);
    if before == after {
        return Ok(change);
    }
    let mut change = change;
    let mut number = newest.map_or(0, |edit| edit.number);
    if number == 0 && before.is_some() {
        // What stood there before anybody kept edits, so that the first one has something to differ from.
        number = 1;
        change = change.put(&Edit { thing: thing.clone(), number, at: None, by: String::new(), after: before }, Expect::Absent);
    }
    number = number.checked_add(1).ok_or_else(|| Problem::new(Code::LimitReached, format!("{thing} has no edits left")))?;
    if let Some(old) = number.checked_sub(EDITS_MAX).filter(|old| *old > 0) {
        change = change.delete::<Edit>(&(thing.clone(), old), Expect::Anything);
    }
    let edit = Edit { thing, number, at: Some(app.clock.now()), by: inside.asked.principal.label.clone(), after };
    Ok(change.put(&edit, Expect::Absent))
}

/// The same for a flow.
pub(super) async fn noted_flow(app: &App, inside: &Inside, before: &Flow, after: &Flow, expect: Expect) -> Result<Change, Problem> {
    let change = inside.store.change().put(after, expect);
    noted(app, inside, change, format!("flow/{}", after.name), Some(before), Some(after)).await
}

/// Settings as edits: each revision is one.
async fn of_settings(inside: &Inside) -> Result<Vec<Edit>, Problem> {
    let rows = inside.store.list::<SettingsRow>(None, LOOKED_MAX).await.map_err(unread)?;
    Ok(rows
        .into_iter()
        .map(|found| {
            let SettingsRow { level, settings } = found.row;
            let thing = level.map_or_else(|| "settings".to_owned(), |flow| format!("settings/{flow}"));
            Edit { thing, number: settings.revision, at: Some(settings.written), by: settings.by, after: Some(settings.value) }
        })
        .collect())
}

/// Edits, the newest first, each with what it made other.
pub(crate) async fn list(inside: Inside) -> Answer {
    let query = inside.asked.query(&["thing", "limit", "values"])?;
    let limit = guard::limit(query.get("limit").copied())?;
    let with_values = match query.get("values").copied() {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(Problem::at(Code::Invalid, "values", "values takes true or false")),
    };
    let mut edits: Vec<Edit> =
        inside.store.list::<Edit>(None, LOOKED_MAX).await.map_err(unread)?.into_iter().map(|found| found.row).collect();
    edits.extend(of_settings(&inside).await?);
    if let Some(thing) = query.get("thing") {
        edits.retain(|edit| edit.thing == *thing || edit.thing.strip_prefix(thing).is_some_and(|rest| rest.starts_with('/')));
    }
    edits.sort_by(|one, other| (&one.thing, one.number).cmp(&(&other.thing, other.number)));
    let mut told: Vec<(Option<u64>, Value)> = Vec::with_capacity(edits.len());
    for (at, edit) in edits.iter().enumerate() {
        let former = at.checked_sub(1).and_then(|former| edits.get(former)).filter(|former| former.thing == edit.thing);
        // What stood there before anybody kept edits is no edit, and of the oldest that is kept nobody knows what it changed.
        let Some(when) = edit.at else { continue };
        let changes = match former {
            None if edit.number > 1 => vec!["what it was before is not kept any more".to_owned()],
            former => differences(former.and_then(|former| former.after.as_ref()), edit.after.as_ref()),
        };
        let mut line = json!({ "thing": edit.thing, "number": edit.number, "at": when, "by": edit.by, "changes": changes });
        if let (true, Some(line)) = (with_values, line.as_object_mut()) {
            line.insert("after".to_owned(), json!(edit.after));
        }
        told.push((Some(when), line));
    }
    told.sort_by_key(|(when, _)| std::cmp::Reverse(*when));
    told.truncate(limit);
    reply::plain(json!({ "items": told.into_iter().map(|(_, line)| line).collect::<Vec<_>>(), "next": null }))
}
