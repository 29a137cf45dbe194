//! Plants the corpus on a platform: a tenant for each guest, a flow and a number for each of its sins.
//!
//! Promises and soaks call it once and then call the numbers, in turn or all at once. Guests are tenants of their own, because what a
//! tenant does to itself is its own affair: what must not happen is that another one notices.

use std::collections::BTreeMap;

use anyhow::Context as _;
use bytes::Bytes;
use http::Method;
use jackfield_egress::ClientError;
use serde_json::{Value, json};

use super::judge::{Account, Verdict};
use super::{Expected, Guest, Sin};
use crate::line::{Heard, Line};
use crate::platform::Operator;

/// Where the default route of every tenant leads.
pub const FALLBACK_QUEUE: &str = "front-desk";
/// Flows of one tenant: more become a second tenant, so that a quota of flows is not what a promise meets.
const FLOWS_MAX: usize = 12;
/// Who calls.
const CALLER: &str = "+14155550100";

/// A sin that can be called.
#[derive(Debug, Clone)]
pub struct Planted {
    /// What it is.
    pub sin: Sin,
    /// Whose flow runs it.
    pub tenant: String,
    /// What to dial.
    pub number: String,
}

/// What an upload was refused with.
#[derive(Debug, Clone)]
pub struct Rejected {
    /// The stable code.
    pub code: String,
    /// The sentence.
    pub detail: String,
}

/// Plants every sin that can be uploaded.
pub async fn plant(operator: &Operator, connection: &str, sins: Vec<Sin>) -> anyhow::Result<Vec<Planted>> {
    let mut flows: BTreeMap<String, usize> = BTreeMap::new();
    let mut planted = Vec::new();
    for (at, sin) in sins.into_iter().filter(|sin| !sin.is_refused()).enumerate() {
        let name = match sin.guest {
            Guest::Crate(name) => name.to_owned(),
            Guest::Text(file, case) => format!("{file}-{case}"),
        };
        let owner = format!("{name}-{}", sin.plan);
        let count = flows.entry(owner.clone()).or_default();
        let tenant = tenant_id(&owner, *count / FLOWS_MAX);
        if count.is_multiple_of(FLOWS_MAX) {
            found(operator, &tenant, &sin).await.with_context(|| sin.name.clone())?;
        }
        *count += 1;
        let number = format!("+1800777{at:04}");
        open(operator, connection, &tenant, &number, &sin).await.with_context(|| sin.name.clone())?;
        planted.push(Planted { sin, tenant, number });
    }
    Ok(planted)
}

/// Tenants have names of at most so many bytes; a long name is cut, and its digest keeps it apart from others.
fn tenant_id(owner: &str, part: usize) -> String {
    const KEPT: usize = 40;
    let digest = jackfield_domain::id::Digest::of(owner.as_bytes()).to_string();
    let head: String = owner.chars().take(KEPT).filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    let tail: String = digest.chars().take(6).collect();
    format!("{}-{tail}-{part}", head.trim_end_matches('-'))
}

/// A tenant with its guest, its queue and its default route.
async fn found(operator: &Operator, tenant: &str, sin: &Sin) -> anyhow::Result<()> {
    let at = format!("/v1/tenants/{tenant}");
    let made = json!({"id": tenant, "label": tenant, "zone": "America/New_York", "language": "en-US", "plan": sin.plan});
    operator.ok(Method::POST, "/v1/tenants", made).await?;
    operator.ok(Method::PUT, &format!("{at}/queues/{FALLBACK_QUEUE}"), json!({"label": "Front desk"})).await?;
    let to_queue = json!({"do": "enqueue", "with": {"tag": "default", "queue": FALLBACK_QUEUE}});
    let routes = json!([{"channel": "voice", "open": {"actions": [to_queue], "reason": "the tenant's default route"}}]);
    operator.ok(Method::PUT, &format!("{at}/routes"), routes).await?;
    operator.api.upload(&format!("{at}/plugins/logic/versions"), sin.component()?).await?;
    Ok(())
}

/// A flow that commits the sin, under a number.
async fn open(operator: &Operator, connection: &str, tenant: &str, number: &str, sin: &Sin) -> anyhow::Result<()> {
    let at = format!("/v1/tenants/{tenant}");
    let flow = format!("{at}/flows/{}", sin.name);
    operator.ok(Method::POST, &format!("{at}/flows"), json!({"name": sin.name, "label": sin.name})).await?;
    operator.ok(Method::PUT, &format!("{flow}/settings"), sin.settings.clone()).await?;
    let mut release = json!({"plugin": "logic", "note": sin.tries});
    if let (Some(fields), true) = (release.as_object_mut(), sin.limits.is_object()) {
        fields.insert("limits".to_owned(), sin.limits.clone());
    }
    let made = operator.ok(Method::POST, &format!("{flow}/releases"), release).await?;
    operator.ok(Method::PUT, &format!("{flow}/aliases/live"), json!({"release": made.get("number")})).await?;
    operator.ok(Method::POST, &format!("{at}/addresses"), json!({"address": number, "connection": connection, "flow": sin.name})).await?;
    Ok(())
}

/// Uploads a component to a tenant, which must refuse it.
pub async fn refused(operator: &Operator, tenant: &str, component: Bytes) -> anyhow::Result<Rejected> {
    match operator.api.upload(&format!("/v1/tenants/{tenant}/plugins/logic/versions"), component).await {
        Err(ClientError::Refused(problem)) => Ok(Rejected { code: problem.code.clone(), detail: problem.detail.clone() }),
        Err(other) => Err(other.into()),
        Ok(reply) => Err(anyhow::anyhow!("it was taken: {}", reply.body)),
    }
}

impl Planted {
    /// One call from its arrival to its end, without a look at the trail: what a soak does in a loop. An error where the caller was not
    /// answered.
    pub async fn ring(&self, line: &Line) -> anyhow::Result<Heard> {
        let call = line.call(CALLER, &self.number);
        let heard = call.arrive().await?;
        anyhow::ensure!(heard.status == 200, "{}: the caller was answered with status {}", self.sin.name, heard.status);
        if matches!(self.sin.expected, Expected::Fails(_)) && self.sin.turns == 1 {
            anyhow::ensure!(is_fallback(&heard), "{}: the caller heard {:?}", self.sin.name, heard.twiml);
        }
        let over = call.end().await?;
        anyhow::ensure!((200..300).contains(&over.status), "{}: that the call is over was answered with {}", self.sin.name, over.status);
        Ok(heard)
    }

    /// One call, and everything that is known of it afterwards.
    pub async fn commit(&self, operator: &Operator, line: &Line) -> anyhow::Result<Account> {
        let call = line.call(CALLER, &self.number);
        let mut heard = call.arrive().await?;
        for _ in 1..self.sin.turns {
            if heard.twiml.first("Gather").is_none() {
                break;
            }
            heard = call.press(&heard.twiml, "1").await?;
        }
        let contact = operator.contact_of(&self.tenant, &call.sid).await.with_context(|| format!("{}: {heard:?}", self.sin.name))?;
        let turn = contact.get("turns").and_then(Value::as_array).and_then(|turns| turns.last()).cloned().context("a turn")?;
        Ok(Account { call, heard, turn, contact })
    }

    /// Whether it ended as it must; says what it did instead.
    pub fn judge(&self, account: &Account) -> Verdict {
        account.against(&self.sin.expected).map_err(|why| format!("{} ({}): {why}", self.sin.name, self.sin.tries))
    }
}

/// True where the caller waits in the queue of the default route.
pub(super) fn is_fallback(heard: &Heard) -> bool {
    heard.twiml.queue().is_some_and(|queue| queue.contains(FALLBACK_QUEUE))
}
