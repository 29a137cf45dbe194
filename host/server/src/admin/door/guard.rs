//! Decides who may pass: a bearer token becomes a [`Principal`], and a path's tenant a scope, or nothing happens.
//!
//! The table of routes lays [`enter`] before every handler. Handlers cannot be reached around it: what they take, [`Asked`] and
//! [`Inside`], is put into the request here and nowhere else, and a handler without it answers with a fault. A token that is confined
//! to a tenant reaches that tenant and those below it; everything else is not found, so that nobody learns who else is here.
//!
//! It must not tell why a token is not good: unknown, wrong, expired and revoked read the same and cost the same.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;

use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{FromRequestParts, RawPathParams, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::request::Parts;
use http::{HeaderMap, header};
use jackfield_domain::contact::Moment;
use jackfield_domain::id::{BadId, TenantId};
use jackfield_domain::ports::rows::Expect;
use jackfield_domain::refusal::{Code, Refusal};
use jackfield_domain::tenant::Tenant;
use jackfield_domain::tenant::token::{Reach, Token};
use jackfield_store::{Found, StoreFault, TenantStore};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use super::problem::{Problem, unread};
use crate::app::App;

/// What every token begins with, so that scanners for leaked secrets can find it.
const PREFIX: &str = "jf_";
/// Sixteen hexadecimal digits find the row.
pub(crate) const ID_CHARS: usize = 16;
/// 256 bits in base64url.
pub(crate) const SECRET_CHARS: usize = 43;
/// A path of the API has at most three names; a query a dozen parameters. More is no request of ours.
const QUERY_PAIRS_MAX: usize = 32;

/// A screen of a list.
const PAGE_DEFAULT: usize = 100;
/// As many rows as one answer should hold in memory.
const PAGE_MAX: usize = 1_000;

/// Who may use a route at all. What they then reach is decided by the tenant in the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Whoever runs the platform.
    Platform,
    /// Every good token, as far as it reaches.
    Tenant,
}

/// Whose request it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The token's public half.
    pub token: String,
    /// The token's label: who did it, in trails and revisions.
    pub label: String,
    /// What it opens.
    pub reach: Reach,
    /// When it ends.
    pub expires: Option<Moment>,
}

impl Principal {
    fn of(token: Token) -> Self {
        Self { token: token.id, label: token.label, reach: token.reach, expires: token.expires }
    }

    /// True where it reaches everything.
    pub fn is_platform(&self) -> bool {
        self.reach == Reach::Platform
    }

    /// True where the tenant is its own or below it.
    pub fn reaches(&self, tenant: &Tenant) -> bool {
        match &self.reach {
            Reach::Platform => true,
            Reach::Tenant(own) => tenant.id == *own || tenant.ancestors.contains(own),
        }
    }

    /// True where it stands above the tenant, and so may set what the tenant cannot set for itself.
    pub fn is_above(&self, tenant: &Tenant) -> bool {
        match &self.reach {
            Reach::Platform => true,
            Reach::Tenant(own) => tenant.ancestors.contains(own),
        }
    }

    /// The tenant, if it is reached; another's reads as if it did not exist.
    pub async fn tenant(&self, app: &App, id: &TenantId) -> Result<Found<Tenant>, Problem> {
        let found = app.store.platform().tenant(id).await.map_err(unread)?;
        found.filter(|found| self.reaches(&found.row)).ok_or_else(|| Problem::not_found("tenant", id))
    }

    /// Refuses what only those above the tenant may do.
    pub fn demand_above(&self, tenant: &Tenant, what: &str) -> Result<(), Problem> {
        if self.is_above(tenant) {
            return Ok(());
        }
        Err(Problem::new(Code::Forbidden, format!("{what} of tenant {} is decided above it", tenant.id)))
    }
}

/// A request that may pass: who asks, and the names in its path and query.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Who asks.
    pub principal: Principal,
    parts: BTreeMap<String, String>,
    query: Vec<(String, String)>,
    if_match: Option<u64>,
}

impl Asked {
    /// A name in the path.
    pub fn part<T: FromStr<Err = BadId>>(&self, name: &str) -> Result<T, Problem> {
        let text = self.parts.get(name).map(String::as_str).unwrap_or_default();
        Ok(text.parse::<T>().map_err(Refusal::from)?)
    }

    /// A part of the path that is no name.
    pub fn raw_part(&self, name: &str) -> &str {
        self.parts.get(name).map(String::as_str).unwrap_or_default()
    }

    /// The query's parameters; one that the route does not know, or that comes twice, is refused by name.
    pub fn query(&self, known: &[&str]) -> Result<BTreeMap<&str, &str>, Problem> {
        let mut query = BTreeMap::new();
        for (name, value) in &self.query {
            if !known.contains(&name.as_str()) {
                let detail = format!("unknown parameter {name:?}; this route knows {}", known.join(", "));
                return Err(Problem::at(Code::BadRequest, name, detail));
            }
            if query.insert(name.as_str(), value.as_str()).is_some() {
                return Err(Problem::at(Code::BadRequest, name, format!("the parameter {name} stands twice; which one is meant?")));
            }
        }
        Ok(query)
    }

    /// Refuses any query.
    pub fn no_query(&self) -> Result<(), Problem> {
        match self.query.first() {
            None => Ok(()),
            Some((name, _)) => Err(Problem::at(Code::BadRequest, name, format!("unknown parameter {name:?}; this route takes none"))),
        }
    }

    /// Where a list goes on, and how many it may show.
    pub fn paging<T: FromStr<Err = BadId>>(&self) -> Result<(Option<T>, usize), Problem> {
        let query = self.query(&["after", "limit"])?;
        let after = query.get("after").map(|after| after.parse::<T>()).transpose().map_err(Refusal::from)?;
        Ok((after, limit(query.get("limit").copied())?))
    }

    /// What a write must meet: what was just read, which is also what the caller named with If-Match, if anything.
    pub fn expect<R>(&self, found: Option<&Found<R>>) -> Result<Expect, Problem> {
        match (self.if_match, found) {
            (None, None) => Ok(Expect::Absent),
            (None, Some(found)) => Ok(Expect::Revision(found.revision)),
            (Some(wanted), Some(found)) if wanted == found.revision => Ok(Expect::Revision(found.revision)),
            (Some(_), _) => Err(Problem::stale()),
        }
    }
}

/// A request inside a tenant that the token reaches.
#[derive(Clone)]
pub struct Inside {
    /// Who asks, and for what.
    pub asked: Asked,
    /// The tenant.
    pub tenant: Tenant,
    /// The tenant's row.
    pub revision: u64,
    /// The tenant's scope.
    pub store: TenantStore,
}

impl<S: Send + Sync> FromRequestParts<S> for Asked {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Asked>().cloned().ok_or_else(|| Problem::Broke("a route stands outside the guard".to_owned()))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Inside {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Inside>().cloned().ok_or_else(|| Problem::Broke("a tenant's route stands outside the guard".to_owned()))
    }
}

/// Lets a request through to its handler, or answers it.
pub(crate) async fn enter(
    State((app, who)): State<(Arc<App>, Who)>,
    names: Result<RawPathParams, RawPathParamsRejection>,
    mut request: Request,
    next: Next,
) -> Response {
    match admit(&app, who, names, request.headers(), request.uri().query()).await {
        Ok((asked, inside)) => {
            if let Some(inside) = inside {
                request.extensions_mut().insert(inside);
            }
            request.extensions_mut().insert(asked);
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}

async fn admit(
    app: &App,
    who: Who,
    names: Result<RawPathParams, RawPathParamsRejection>,
    headers: &HeaderMap,
    query: Option<&str>,
) -> Result<(Asked, Option<Inside>), Problem> {
    let principal = authenticate(app, headers).await?;
    if who == Who::Platform && !principal.is_platform() {
        return Err(Problem::new(Code::Forbidden, "only whoever runs the platform may do this"));
    }
    let names = names.map_err(|_| Problem::new(Code::BadRequest, "a part of the path is not UTF-8"))?;
    let parts: BTreeMap<String, String> = names.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let query = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let query: Vec<_> = query.into_owned().take(QUERY_PAIRS_MAX + 1).collect();
    if query.len() > QUERY_PAIRS_MAX {
        return Err(Problem::new(Code::BadRequest, format!("the query has more than {QUERY_PAIRS_MAX} parameters")));
    }
    let asked = Asked { principal, parts, query, if_match: if_match(headers)? };
    if !asked.parts.contains_key("tenant") {
        return Ok((asked, None));
    }
    let id: TenantId = asked.part("tenant")?;
    let Found { row, revision } = asked.principal.tenant(app, &id).await?;
    let inside = Inside { asked: asked.clone(), store: app.store.tenant(&row.id), tenant: row, revision };
    Ok((asked, Some(inside)))
}

/// How many a list may show: from 1 to 1,000.
pub(crate) fn limit(given: Option<&str>) -> Result<usize, Problem> {
    let Some(text) = given else { return Ok(PAGE_DEFAULT) };
    let limit = text.parse::<usize>().ok().filter(|limit| (1..=PAGE_MAX).contains(limit));
    limit.ok_or_else(|| Problem::at(Code::Invalid, "limit", format!("limit goes from 1 to {PAGE_MAX}")))
}

/// The revision that a caller insists on.
fn if_match(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let revision = value.to_str().ok().and_then(|text| text.trim().strip_prefix('"')?.strip_suffix('"')?.parse().ok());
    match revision {
        Some(revision) => Ok(Some(revision)),
        None => Err(Problem::at(Code::BadRequest, "if-match", "If-Match takes one ETag as an answer gave it, for example \"7\"")),
    }
}

async fn authenticate(app: &App, headers: &HeaderMap) -> Result<Principal, Problem> {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(bearer);
    let found = match given {
        Some(text) => verify(app, text).await.map_err(unread)?,
        None => None,
    };
    found
        .map(Principal::of)
        .ok_or_else(|| Problem::new(Code::Unauthenticated, "this route takes a good token: Authorization: Bearer jf_..."))
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The token of that text, if it is good. The same is computed whether its id is known or not.
async fn verify(app: &App, text: &str) -> Result<Option<Token>, StoreFault> {
    let Some((id, secret)) = halves(text) else { return Ok(None) };
    let platform = app.store.platform();
    let kept = platform.token(id).await?.map(|found| found.row);
    let digest = digest(&*platform.pepper().await?, secret);
    let nobody = "0".repeat(digest.len());
    let wanted = kept.as_ref().map_or(nobody.as_str(), |token| token.digest.as_str());
    let is_same = bool::from(digest.as_bytes().ct_eq(wanted.as_bytes()));
    Ok(kept.filter(|token| is_same && token.is_good(app.clock.now())))
}

/// Public and secret half of a token's text.
pub(crate) fn halves(text: &str) -> Option<(&str, &str)> {
    let (id, secret) = text.strip_prefix(PREFIX)?.split_at_checked(ID_CHARS)?;
    let secret = secret.strip_prefix('_')?;
    let is_id = id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    let is_secret = secret.len() == SECRET_CHARS && secret.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    (is_id && is_secret).then_some((id, secret))
}

/// A token's text of its halves.
pub(crate) fn text(id: &str, secret: &str) -> String {
    format!("{PREFIX}{id}_{secret}")
}

/// What is kept of a secret half.
pub(crate) fn digest(pepper: &[u8; 32], secret: &str) -> String {
    // HMAC fills a key up with zeros to a block of 64 bytes; doing it here leaves no length that could be wrong.
    let mut block = [0_u8; 64];
    block.iter_mut().zip(pepper).for_each(|(to, from)| *to = *from);
    let mut mac = Hmac::<Sha256>::new(&block.into());
    mac.update(secret.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_domain::budget::Plan;
    use jackfield_domain::tenant::Standing;

    fn tenant(id: &str, ancestors: &[&str]) -> Tenant {
        Tenant {
            id: id.parse().unwrap(),
            parent: ancestors.last().map(|id| id.parse().unwrap()),
            ancestors: ancestors.iter().map(|id| id.parse().unwrap()).collect(),
            label: id.to_owned(),
            zone: "UTC".to_owned(),
            language: "en-US".to_owned(),
            plan: Plan::Standard,
            limits: Plan::Standard.limits(),
            standing: Standing::Active,
            created: 0,
        }
    }

    fn principal(reach: Reach) -> Principal {
        Principal { token: String::new(), label: String::new(), reach, expires: None }
    }

    #[test]
    fn a_confined_token_reaches_its_tenant_and_those_below_and_nobody_else() {
        let own = principal(Reach::Tenant("acme".parse().unwrap()));
        let acme = tenant("acme", &["platform"]);
        let sales = tenant("acme-sales", &["platform", "acme"]);
        assert!(own.reaches(&acme) && own.reaches(&sales));
        assert!(!own.is_above(&acme) && own.is_above(&sales));
        for other in [tenant("platform", &[]), tenant("acme2", &["platform"]), tenant("other-sales", &["platform", "other"])] {
            assert!(!own.reaches(&other), "{}", other.id);
        }
        let platform = principal(Reach::Platform);
        assert!(platform.reaches(&acme) && platform.is_above(&acme));
    }

    #[test]
    fn only_the_exact_form_of_a_token_is_looked_at() {
        let (id, secret) = ("0123456789abcdef", "A".repeat(SECRET_CHARS));
        let sound = text(id, &secret);
        assert_eq!(halves(&sound), Some((id, secret.as_str())));
        let longer = format!("{sound}A");
        for bad in
            ["", "jf_", "jf_0123456789abcdef", &longer, &sound.replace("_A", "-A"), &sound.replace('f', "F"), &sound.replace("AA", "A")]
        {
            assert_eq!(halves(bad), None, "{bad}");
        }
        assert_eq!(halves("jf_0123456789abcd\u{e9}f_x"), None);
    }

    #[test]
    fn a_secret_is_kept_only_under_the_pepper() {
        let one = digest(&[1; 32], "secret");
        assert_eq!(one.len(), 64);
        assert_ne!(one, digest(&[2; 32], "secret"));
        assert_ne!(one, digest(&[1; 32], "secres"));
    }

    #[test]
    fn if_match_takes_an_etag_and_nothing_else() {
        let with = |value: &'static str| if_match(&HeaderMap::from_iter([(header::IF_MATCH, http::HeaderValue::from_static(value))]));
        assert_eq!(with("\"7\"").unwrap(), Some(7));
        assert_eq!(if_match(&HeaderMap::new()).unwrap(), None);
        for value in ["7", "*", "\"x\"", "\"1\", \"2\""] {
            assert!(with(value).is_err(), "{value}");
        }
    }
}
