//! Answers for connections: accounts at providers, with secrets that go in and never come out.
//!
//! Every write is tried with the provider's own check before it is kept, because a wrong public URL is found by nobody until calls
//! fail. Two secrets may be good at once, so that they can be rotated without a moment at which neither is.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use jackfield_domain::contact::Moment;
use jackfield_domain::contact::decision::Draft;
use jackfield_domain::id::{ConnectionId, TenantId};
use jackfield_domain::ports::rows::Expect;
use jackfield_domain::refusal::Code;
use jackfield_domain::tenant::connection::{Connection, NamedSecret, SECRETS_MAX, Secret};
use jackfield_domain::tenant::directory::ENTRIES_MAX;
use jackfield_providers::provider::{Provider, names, provider};
use jackfield_store::Found;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;

use super::addresses;
use super::door::body::Body;
use super::door::guard::Inside;
use super::door::problem::{Problem, uncommitted, unread};
use super::door::reply::{self, Answer};
use super::door::words;
use super::tenants;
use crate::alone;
use crate::app::App;

/// Providers' secrets are 32 to 64 characters; this leaves room without inviting a file.
const SECRET_CHARS_MAX: usize = 256;

/// A secret on its way in.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSecret {
    name: String,
    value: Secret,
}

/// A new connection.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewConnection {
    id: ConnectionId,
    provider: String,
    account: Option<String>,
    public_url: String,
    /// None where the provider's requests carry no secret.
    #[serde(default)]
    secrets: Vec<NewSecret>,
    unbound: Option<Draft>,
    speaker_url: Option<String>,
    voice: Option<String>,
    #[serde(default)]
    options: BTreeMap<String, String>,
}

/// What changes; what is absent stays, and null removes.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConnectionChange {
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    account: Option<Option<String>>,
    public_url: Option<String>,
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    speaker_url: Option<Option<String>>,
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    voice: Option<Option<String>>,
    /// By name; null removes one, and what is not named stays.
    #[serde(default)]
    options: BTreeMap<String, Option<String>>,
    add_secret: Option<NewSecret>,
    remove_secret: Option<String>,
}

/// Tells null from absent.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(deserializer).map(Some)
}

/// A secret as it is shown.
#[derive(Debug, Serialize)]
struct SecretView {
    name: String,
    added: Moment,
}

/// A connection as it is shown.
#[derive(Debug, Serialize)]
struct View {
    id: ConnectionId,
    tenant: jackfield_domain::id::TenantId,
    provider: String,
    account: Option<String>,
    public_url: String,
    /// What the provider is told to call, and what it signs; what follows names the hook, for example "/voice".
    webhook: String,
    secrets: Vec<SecretView>,
    unbound: Option<Draft>,
    speaker_url: Option<String>,
    voice: Option<String>,
    options: BTreeMap<String, String>,
    created: Moment,
}

impl View {
    fn of(connection: Connection) -> Self {
        let secrets = connection.secrets.iter().map(|secret| SecretView { name: secret.name.clone(), added: secret.added }).collect();
        Self {
            webhook: format!("{}/hooks/{}", connection.public_url, connection.id),
            secrets,
            id: connection.id,
            tenant: connection.tenant,
            provider: connection.provider,
            account: connection.account,
            public_url: connection.public_url,
            unbound: connection.unbound,
            speaker_url: connection.speaker_url,
            voice: connection.voice,
            options: connection.options,
            created: connection.created,
        }
    }
}

fn known_provider(name: &str) -> Result<&'static dyn Provider, Problem> {
    let given: String = name.chars().take(40).collect();
    provider(name).ok_or_else(|| {
        Problem::at(
            Code::Invalid,
            "provider",
            format!("there is no provider {given:?}; this version speaks {}", names().collect::<Vec<_>>().join(", ")),
        )
    })
}

/// The tenant's own connection of that name.
async fn own(app: &App, inside: &Inside) -> Result<Found<Connection>, Problem> {
    let id: ConnectionId = inside.asked.part("connection")?;
    let found = app.store.platform().connection(&id).await.map_err(unread)?;
    found.filter(|found| found.row.tenant == inside.tenant.id).ok_or_else(|| Problem::not_found("connection", &id))
}

pub(crate) async fn list(State(app): State<Arc<App>>, inside: Inside) -> Answer {
    let (after, limit) = inside.asked.paging::<ConnectionId>()?;
    let all = app.store.platform().connections_of(&inside.tenant.id, ENTRIES_MAX).await.map_err(unread)?;
    let rows: Vec<_> = all
        .into_iter()
        .filter(|found| after.as_ref().is_none_or(|after| found.row.id > *after))
        .take(limit)
        .map(|Found { row, revision }| Found { row: View::of(row), revision })
        .collect();
    reply::page(&rows, limit, |view| view.id.to_string())
}

pub(crate) async fn show(State(app): State<Arc<App>>, inside: Inside) -> Answer {
    inside.asked.no_query()?;
    let Found { row, revision } = own(&app, &inside).await?;
    reply::row(StatusCode::OK, &View::of(row), revision)
}

fn secret(new: NewSecret, now: Moment) -> Result<NamedSecret, Problem> {
    words::label("secrets.name", &new.name)?;
    let is_sound = (1..=SECRET_CHARS_MAX).contains(&new.value.reveal().len()) && new.value.reveal().bytes().all(|b| b.is_ascii_graphic());
    if !is_sound {
        let detail = format!("a secret is 1 to {SECRET_CHARS_MAX} printable ASCII characters without spaces");
        return Err(Problem::at(Code::Invalid, "secrets.value", detail));
    }
    Ok(NamedSecret { name: new.name, secret: new.value, added: now })
}

fn check_secrets(secrets: &[NamedSecret]) -> Result<(), Problem> {
    if secrets.len() > SECRETS_MAX {
        let detail = format!("a connection has at most {SECRETS_MAX} secrets, and this would make {}", secrets.len());
        return Err(Problem::at(Code::Invalid, "secrets", detail));
    }
    let twice = secrets.iter().enumerate().any(|(at, one)| secrets.iter().skip(at + 1).any(|other| other.name == one.name));
    if twice { Err(Problem::at(Code::Conflict, "secrets.name", "two secrets have the same name")) } else { Ok(()) }
}

pub(crate) async fn create(State(app): State<Arc<App>>, inside: Inside, Body(new): Body<NewConnection>) -> Answer {
    inside.asked.no_query()?;
    let now = app.clock.now();
    let provider = known_provider(&new.provider)?;
    let connection = Connection {
        id: new.id,
        tenant: inside.tenant.id.clone(),
        provider: new.provider,
        account: new.account,
        public_url: new.public_url.trim_end_matches('/').to_owned(),
        secrets: new.secrets.into_iter().map(|new| secret(new, now)).collect::<Result<_, _>>()?,
        unbound: new.unbound,
        speaker_url: new.speaker_url,
        voice: new.voice,
        options: new.options,
        created: now,
    };
    check_secrets(&connection.secrets)?;
    provider.check_connection(&connection)?;
    let platform = app.store.platform();
    if let Some(other) = platform.connection(&connection.id).await.map_err(unread)? {
        // The name stands in a public URL, so that it is taken is no secret; by whom is.
        let whose = if inside.asked.principal.is_platform() { format!(" by tenant {}", other.row.tenant) } else { String::new() };
        return Err(Problem::at(Code::Conflict, "id", format!("the name {} is taken{whose}; choose another", connection.id)));
    }
    if platform.connections_of(&inside.tenant.id, ENTRIES_MAX).await.map_err(unread)?.len() >= ENTRIES_MAX {
        return Err(Problem::new(Code::LimitReached, format!("a tenant has at most {ENTRIES_MAX} connections")));
    }
    write(&app, &inside, connection, Expect::Absent, StatusCode::CREATED).await
}

async fn write(app: &App, inside: &Inside, connection: Connection, expect: Expect, status: StatusCode) -> Answer {
    let change = app.store.platform().change().check_tenant(&inside.tenant.id, Expect::Revision(inside.revision));
    change.connect(&connection, expect).commit().await.map_err(uncommitted)?;
    let found = app.store.platform().connection(&connection.id).await.map_err(unread)?.ok_or_else(Problem::stale)?;
    reply::row(status, &View::of(found.row), found.revision)
}

pub(crate) async fn change(State(app): State<Arc<App>>, inside: Inside, Body(change): Body<ConnectionChange>) -> Answer {
    inside.asked.no_query()?;
    let found = own(&app, &inside).await?;
    let expect = inside.asked.expect(Some(&found))?;
    let mut connection = found.row;
    connection.account = change.account.unwrap_or(connection.account);
    connection.speaker_url = change.speaker_url.unwrap_or(connection.speaker_url);
    connection.voice = change.voice.unwrap_or(connection.voice);
    for (name, value) in change.options {
        match value {
            Some(value) => connection.options.insert(name, value),
            None => connection.options.remove(&name),
        };
    }
    if let Some(public_url) = change.public_url {
        connection.public_url = public_url.trim_end_matches('/').to_owned();
    }
    if let Some(name) = change.remove_secret {
        let before = connection.secrets.len();
        connection.secrets.retain(|secret| secret.name != name);
        if connection.secrets.len() == before {
            let shown: String = name.chars().take(80).collect();
            return Err(Problem::at(Code::NotFound, "remove_secret", format!("the connection has no secret {shown:?}")));
        }
    }
    if let Some(new) = change.add_secret {
        connection.secrets.insert(0, secret(new, app.clock.now())?);
    }
    check_secrets(&connection.secrets)?;
    known_provider(&connection.provider)?.check_connection(&connection)?;
    write(&app, &inside, connection, expect, StatusCode::OK).await
}

pub(crate) async fn set_unbound(State(app): State<Arc<App>>, inside: Inside, Body(draft): Body<Draft>) -> Answer {
    unbound(&app, &inside, Some(draft)).await
}

pub(crate) async fn drop_unbound(State(app): State<Arc<App>>, inside: Inside) -> Answer {
    unbound(&app, &inside, None).await
}

async fn unbound(app: &App, inside: &Inside, draft: Option<Draft>) -> Answer {
    inside.asked.no_query()?;
    let found = own(app, inside).await?;
    let expect = inside.asked.expect(Some(&found))?;
    let connection = Connection { unbound: draft, ..found.row };
    known_provider(&connection.provider)?.check_connection(&connection)?;
    write(app, inside, connection, expect, StatusCode::OK).await
}

pub(crate) async fn refusals(State(app): State<Arc<App>>, inside: Inside) -> Answer {
    inside.asked.no_query()?;
    let found = own(&app, &inside).await?;
    reply::plain(json!({ "items": app.refusals.of(&found.row.id), "next": null }))
}

/// Documents that answer its calls while we are away, for a host elsewhere: of the tenant and those below it, a page of tenants at a
/// time.
pub(crate) async fn fallback(State(app): State<Arc<App>>, inside: Inside) -> Answer {
    let (after, limit) = inside.asked.paging::<TenantId>()?;
    let connection = own(&app, &inside).await?.row;
    let provider = known_provider(&connection.provider)?;
    let mut tenants = vec![inside.tenant.id.clone()];
    tenants.extend(tenants::below(&app, &inside.tenant.id).await?.into_iter().map(|found| found.row.id));
    tenants.sort_unstable();
    tenants.retain(|tenant| after.as_ref().is_none_or(|after| tenant > after));
    tenants.truncate(limit);
    let mut items = Vec::new();
    for tenant in &tenants {
        items.extend(alone::of_tenant(&app, provider, &connection, tenant).await.map_err(unread)?);
    }
    let hosting = provider.hosting();
    let companions: Vec<_> = hosting.companions.iter().map(|(file, body)| json!({ "file": file, "body": body })).collect();
    reply::plain(json!({
        "items": items,
        "next": tenants.last().filter(|_| tenants.len() >= limit),
        "hosting": { "content_type": hosting.content_type, "companions": companions, "readme": hosting.readme },
    }))
}

pub(crate) async fn delete(State(app): State<Arc<App>>, inside: Inside) -> Answer {
    inside.asked.no_query()?;
    let found = own(&app, &inside).await?;
    let expect = inside.asked.expect(Some(&found))?;
    let platform = app.store.platform();
    let mut owners = vec![inside.tenant.id.clone()];
    owners.extend(tenants::below(&app, &inside.tenant.id).await?.into_iter().map(|found| found.row.id));
    for owner in owners {
        let bindings = addresses::held_or_claimed(&app, &owner).await?;
        if let Some(binding) = bindings.iter().find(|binding| binding.connections().any(|id| *id == found.row.id)) {
            let detail = format!("address {} of tenant {owner} answers through it, or is to; release or move it first", binding.address);
            return Err(Problem::at(Code::InUse, "connection", detail));
        }
    }
    platform.change().disconnect(&found.row, expect).commit().await.map_err(uncommitted)?;
    reply::done()
}
