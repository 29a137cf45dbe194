//! Answers for tokens: made, listed, taken back; and the first one of all.
//!
//! Only a digest of a token's secret half is kept, so a token is shown once. A token makes others that reach no further and live no
//! longer than itself: a confined one can give its colleagues what it has, and nothing more.

use std::sync::Arc;

use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use jackfield_domain::contact::Moment;
use jackfield_domain::id::TenantId;
use jackfield_domain::ports::rows::{CommitError, Expect};
use jackfield_domain::quota::things::Thing;
use jackfield_domain::refusal::Code;
use jackfield_domain::tenant::token::{Reach, Token};
use jackfield_store::{Found, StoreFault};
use serde::{Deserialize, Serialize};

use super::door::body::Body;
use super::door::guard::{self, Asked, ID_CHARS, Principal};
use super::door::problem::{Problem, unread};
use super::door::reply::{self, Answer};
use super::door::words;
use crate::app::App;
use crate::quota::things;

/// Ten years: a longer promise outlives whoever made it.
const EXPIRES_DAYS_MAX: u32 = 3_650;
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
/// Tokens read at a time where a confined token asks for those it reaches.
const SCAN_STEP: usize = 500;

/// A new token.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewToken {
    label: String,
    tenant: Option<TenantId>,
    expires_days: Option<u32>,
}

/// A token as it is shown: without its digest.
#[derive(Debug, Serialize)]
struct TokenView {
    id: String,
    label: String,
    reach: Reach,
    created: Moment,
    expires: Option<Moment>,
    revoked: Option<Moment>,
    /// Its whole text, at the one moment when it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

impl TokenView {
    fn of(token: Token, text: Option<String>) -> Self {
        let Token { id, label, reach, created, expires, revoked, digest: _ } = token;
        Self { id, label, reach, created, expires, revoked, token: text }
    }
}

/// Why the first token could not be made.
#[derive(Debug, thiserror::Error)]
pub enum NoToken {
    /// The machine gives no random bytes.
    #[error("the machine gives no random bytes for a token: {0}")]
    Random(getrandom::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreFault),
    /// The token could not be kept.
    #[error("the token could not be kept: {0}")]
    Commit(CommitError),
}

/// Makes a platform token where there is no token at all, and gives its text, to be shown this once.
pub async fn ensure_operator_token(app: &App) -> Result<Option<String>, NoToken> {
    let platform = app.store.platform();
    if !platform.tokens(None, 1).await?.is_empty() {
        return Ok(None);
    }
    let (token, text) = mint(app, "operator".to_owned(), Reach::Platform, None).await?;
    platform.change().token(&token, Expect::Absent).commit().await.map_err(NoToken::Commit)?;
    Ok(Some(text))
}

async fn mint(app: &App, label: String, reach: Reach, expires: Option<Moment>) -> Result<(Token, String), NoToken> {
    let mut id = [0_u8; ID_CHARS / 2];
    let mut secret = [0_u8; 32];
    getrandom::fill(&mut id).map_err(NoToken::Random)?;
    getrandom::fill(&mut secret).map_err(NoToken::Random)?;
    let (id, secret) = (hex::encode(id), URL_SAFE_NO_PAD.encode(secret));
    let digest = guard::digest(&*app.store.platform().pepper().await?, &secret);
    let text = guard::text(&id, &secret);
    Ok((Token { id, digest, label, reach, created: app.clock.now(), expires, revoked: None }, text))
}

/// Who the token says that the caller is.
pub(crate) async fn who_am_i(asked: Asked) -> Answer {
    asked.no_query()?;
    let Principal { token, label, reach, expires } = asked.principal;
    reply::plain(serde_json::json!({ "token": token, "label": label, "reach": reach, "expires": expires }))
}

pub(crate) async fn create(State(app): State<Arc<App>>, asked: Asked, Body(new): Body<NewToken>) -> Answer {
    asked.no_query()?;
    words::label("label", &new.label)?;
    let reach = match new.tenant {
        Some(id) => Reach::Tenant(asked.principal.tenant(&app, &id).await?.row.id),
        None => asked.principal.reach.clone(),
    };
    if new.expires_days.is_some_and(|days| days == 0 || days > EXPIRES_DAYS_MAX) {
        return Err(Problem::at(Code::Invalid, "expires_days", format!("expires_days goes from 1 to {EXPIRES_DAYS_MAX}")));
    }
    let wanted = new.expires_days.map(|days| app.clock.now().saturating_add(u64::from(days).saturating_mul(DAY_MS)));
    let expires = match (wanted, asked.principal.expires) {
        (Some(wanted), Some(own)) => Some(wanted.min(own)),
        (wanted, own) => wanted.or(own),
    };
    let (token, text) = mint(&app, new.label, reach, expires).await.map_err(|e| Problem::Broke(e.to_string()))?;
    let (home, path) = levels(&app, &token.reach).await?;
    let change = || app.store.tenant(&home).change().platform(|platform| platform.token(&token, Expect::Absent));
    things::commit(&app.store, &path, &[(Thing::Tokens, 1)], change).await?;
    reply::made(TokenView::of(token, Some(text)))
}

/// Whose token it is, and who counts it: the tenant that it is confined to and everyone above, or the platform.
async fn levels(app: &App, reach: &Reach) -> Result<(TenantId, Vec<TenantId>), Problem> {
    let id = match reach {
        Reach::Platform => TenantId::platform(),
        Reach::Tenant(id) => id.clone(),
    };
    let tenant = app.store.platform().tenant(&id).await.map_err(unread)?.ok_or_else(|| Problem::not_found("tenant", &id))?;
    Ok((id, things::path(&tenant.row)))
}

pub(crate) async fn list(State(app): State<Arc<App>>, asked: Asked) -> Answer {
    let query = asked.query(&["after", "limit"])?;
    let limit = guard::limit(query.get("limit").copied())?;
    let mut after = query.get("after").map(|after| (*after).to_owned());
    let mut shown: Vec<Found<TokenView>> = Vec::new();
    loop {
        let step = app.store.platform().tokens(after.as_deref(), SCAN_STEP).await.map_err(unread)?;
        let was_last = step.len() < SCAN_STEP;
        for Found { row, revision } in step {
            after = Some(row.id.clone());
            if shown.len() < limit && reaches(&app, &asked.principal, &row).await? {
                shown.push(Found { row: TokenView::of(row, None), revision });
            }
        }
        if was_last || shown.len() >= limit {
            return reply::page(&shown, limit, |token| token.id.clone());
        }
    }
}

/// A token is seen by those who reach all that it opens.
async fn reaches(app: &App, principal: &Principal, token: &Token) -> Result<bool, Problem> {
    match &token.reach {
        Reach::Platform => Ok(principal.is_platform()),
        Reach::Tenant(_) if principal.is_platform() => Ok(true),
        Reach::Tenant(id) => {
            let tenant = app.store.platform().tenant(id).await.map_err(unread)?;
            Ok(tenant.is_some_and(|tenant| principal.reaches(&tenant.row)))
        }
    }
}

pub(crate) async fn revoke(State(app): State<Arc<App>>, asked: Asked) -> Answer {
    asked.no_query()?;
    let id = asked.raw_part("id");
    let found = app.store.platform().token(id).await.map_err(unread)?;
    let none = || Problem::not_found("token", &id.chars().take(40).collect::<String>());
    let found = found.ok_or_else(none)?;
    if !reaches(&app, &asked.principal, &found.row).await? {
        return Err(none());
    }
    let expect = asked.expect(Some(&found))?;
    let now = app.clock.now();
    let freed = if found.row.revoked.is_none() { -1 } else { 0 };
    let token = Token { revoked: found.row.revoked.or(Some(now)), ..found.row };
    let (home, path) = levels(&app, &token.reach).await?;
    let change = || app.store.tenant(&home).change().platform(|platform| platform.token(&token, expect));
    things::commit(&app.store, &path, &[(Thing::Tokens, freed)], change).await?;
    reply::row(StatusCode::OK, &TokenView::of(token, None), found.revision)
}
