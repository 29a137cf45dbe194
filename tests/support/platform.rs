//! Starts a platform and onboards tenants on it, through the admin API as an operator would.
//!
//! Promises, the demo and the soak runs begin here. The server is the real one, in this process, on a fresh embedded store; or one that
//! runs elsewhere, where only its address and token are known.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use bytes::Bytes;
use http::Method;
use jackfield_domain::ports::Clock;
use jackfield_domain::tenant::connection::Secret;
use jackfield_egress::{AdminClient, ClientError, Problem};
use jackfield_server::clock::SystemClock;
use jackfield_server::config::environment::Environment;
use jackfield_server::config::{Config, Overrides};
use jackfield_server::listen::Inherited;
use jackfield_server::serve::{self, Server};
use jackfield_store::{MasterKey, Slow, Store};
use serde_json::{Value, json};

use crate::artifacts;
use crate::line::Line;

/// The account of every test connection.
pub const ACCOUNT: &str = "AC00000000000000000000000000000000";
/// Its auth token.
pub const AUTH_TOKEN: &str = "0123456789abcdef0123456789abcdef";
/// How the provider believes to reach us: never where we really listen.
pub const PUBLIC_URL: &str = "https://calls.platform.example";

/// What an operator has: the addresses of a server and a token.
#[derive(Debug, Clone)]
pub struct Operator {
    /// The admin API, with the operator's token.
    pub api: AdminClient,
    /// Where the admin API listens.
    pub admin_url: String,
    /// Where providers are heard.
    pub hooks_url: String,
    /// The operator's token.
    pub token: String,
}

/// A server in this process.
pub struct Platform {
    /// Who runs it.
    pub operator: Operator,
    /// The server.
    pub server: Server,
    /// Where it keeps everything; gone with it.
    pub data: tempfile::TempDir,
}

/// What a tenant's flow runs.
#[derive(Debug, Clone)]
pub struct Tenancy<'a> {
    /// The tenant's name.
    pub tenant: &'a str,
    /// Its number.
    pub number: &'a str,
    /// The component.
    pub component: Bytes,
    /// The flow's settings.
    pub settings: Value,
    /// Queues by name.
    pub queues: &'a [&'a str],
    /// The plan.
    pub plan: &'a str,
}

/// A configuration for a folder, on free ports.
pub fn config(data: &Path) -> anyhow::Result<Config> {
    let any = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    let overrides = Overrides { data: Some(data.to_owned()), hooks_listen: Some(any), admin_listen: Some(any), master_key_file: None };
    Ok(Config::read(None, overrides, artifacts::binary()?)?)
}

impl Platform {
    /// On a fresh store, by the real clock.
    pub async fn start() -> anyhow::Result<Self> {
        Self::start_with(Arc::new(SystemClock), |_| {}).await
    }

    /// On a fresh store, by another clock or configuration.
    pub async fn start_with(clock: Arc<dyn Clock>, change: impl FnOnce(&mut Config)) -> anyhow::Result<Self> {
        let data = tempfile::tempdir()?;
        let mut config = config(data.path())?;
        change(&mut config);
        // A key of its own, so that a developer's environment does not reach into a test.
        let environment = Environment { master_key: Some(Secret::new("11".repeat(32))), log_filter: None };
        let server = serve::start(&config, &environment, clock).await?;
        let token = server.operator_token.clone().context("a fresh store has a new operator token")?;
        let operator = Operator::new(&format!("http://{}", server.admin), &format!("http://{}", server.hooks), &token)?;
        Ok(Self { operator, server, data })
    }

    /// On a store in memory that is as slow as the test says.
    pub async fn start_slow() -> anyhow::Result<(Self, Store, Arc<Slow>)> {
        let data = tempfile::tempdir()?;
        let config = config(data.path())?;
        let (store, slow) = Store::slow(MasterKey::from_bytes([7; 32])).await;
        let server = serve::start_over(&config, store.clone(), false, Arc::new(SystemClock), Inherited::default()).await?;
        let token = server.operator_token.clone().context("a fresh store has a new operator token")?;
        let operator = Operator::new(&format!("http://{}", server.admin), &format!("http://{}", server.hooks), &token)?;
        Ok((Self { operator, server, data }, store, slow))
    }

    /// Ends it in order.
    pub async fn stop(self) {
        self.server.stop().await;
    }
}

impl Operator {
    /// With the operator's token.
    pub fn new(admin_url: &str, hooks_url: &str, token: &str) -> anyhow::Result<Self> {
        let api = AdminClient::new(admin_url, Some(token))?;
        Ok(Self { api, admin_url: admin_url.to_owned(), hooks_url: hooks_url.to_owned(), token: token.to_owned() })
    }

    /// The same operator from another machine: with connections of its own.
    pub fn elsewhere(&self) -> anyhow::Result<Self> {
        Self::new(&self.admin_url, &self.hooks_url, &self.token)
    }

    /// A request that must succeed; the reply's body.
    pub async fn ok(&self, method: Method, path: &str, body: Value) -> anyhow::Result<Value> {
        let body = (!body.is_null()).then_some(body);
        Ok(self.api.call(method.clone(), path, body.as_ref()).await.with_context(|| format!("{method} {path}"))?.body)
    }

    /// A request that must be refused; the problem.
    pub async fn refused(&self, method: Method, path: &str, body: Value) -> anyhow::Result<Problem> {
        let body = (!body.is_null()).then_some(body);
        match self.api.call(method, path, body.as_ref()).await {
            Err(ClientError::Refused(problem)) => Ok(*problem),
            Err(other) => Err(other.into()),
            Ok(reply) => Err(anyhow::anyhow!("{path} answered {}: {}", reply.status, reply.body)),
        }
    }

    /// The platform's connection to Twilio, and the account that calls through it.
    pub async fn connect_twilio(&self, connection: &str) -> anyhow::Result<Line> {
        let body = json!({
            "id": connection,
            "provider": "twilio",
            "account": ACCOUNT,
            "public_url": PUBLIC_URL,
            "secrets": [{"name": "first", "value": AUTH_TOKEN}],
            "speaker_url": "wss://speaker.platform.example/relay",
        });
        self.ok(Method::POST, "/v1/tenants/platform/connections", body).await?;
        Line::new(&self.hooks_url, PUBLIC_URL, connection, ACCOUNT, AUTH_TOKEN)
    }

    /// A tenant with a flow `main` that runs a component under one number.
    pub async fn onboard(&self, connection: &str, tenancy: Tenancy<'_>) -> anyhow::Result<()> {
        let Tenancy { tenant, number, component, settings, queues, plan } = tenancy;
        let at = format!("/v1/tenants/{tenant}");
        self.ok(
            Method::POST,
            "/v1/tenants",
            json!({"id": tenant, "label": tenant, "zone": "America/New_York", "language": "en-US", "plan": plan}),
        )
        .await?;
        for queue in queues {
            self.ok(Method::PUT, &format!("{at}/queues/{queue}"), json!({"label": queue})).await?;
        }
        self.ok(Method::POST, &format!("{at}/flows"), json!({"name": "main", "label": "Main line"})).await?;
        self.ok(Method::PUT, &format!("{at}/flows/main/settings"), settings).await?;
        self.release(tenant, "main", "logic", component).await?;
        self.ok(Method::POST, &format!("{at}/addresses"), json!({"address": number, "connection": connection, "flow": "main"})).await?;
        Ok(())
    }

    /// Uploads a component, releases it and makes it live; the release's number.
    pub async fn release(&self, tenant: &str, flow: &str, plugin: &str, component: Bytes) -> anyhow::Result<u64> {
        let at = format!("/v1/tenants/{tenant}");
        let version = self
            .api
            .upload(&format!("{at}/plugins/{plugin}/versions"), component)
            .await
            .with_context(|| format!("upload to {tenant}"))?
            .body;
        let number = version.get("number").and_then(Value::as_u64).context("the version has a number")?;
        let release = self
            .ok(Method::POST, &format!("{at}/flows/{flow}/releases"), json!({"plugin": plugin, "version": number, "note": "onboarding"}))
            .await?;
        let number = release.get("number").and_then(Value::as_u64).context("the release has a number")?;
        self.ok(Method::PUT, &format!("{at}/flows/{flow}/aliases/live"), json!({"release": number, "approve": true})).await?;
        Ok(number)
    }

    /// What usage counts under a name, since yesterday: a test may run across midnight.
    pub async fn counted(&self, tenant: &str, name: &str) -> anyhow::Result<u64> {
        const DAY_MS: u64 = 86_400_000;
        let now = SystemClock.now();
        let day = |moment| jackfield_domain::tenant::hours::local_date("America/New_York", moment);
        let (from, to) = (day(now - DAY_MS), day(now + DAY_MS));
        let usage = self.api.get(&format!("/v1/tenants/{tenant}/usage"), &[("from", &from), ("to", &to)]).await?.body;
        let rows = usage.get("items").and_then(Value::as_array).context("usage has items")?;
        Ok(rows.iter().filter_map(|row| row.pointer(&format!("/counts/{name}")).and_then(Value::as_u64)).sum())
    }

    /// The contact of a provider's call, with its turns.
    pub async fn contact_of(&self, tenant: &str, call_id: &str) -> anyhow::Result<Value> {
        let found = self.api.get(&format!("/v1/tenants/{tenant}/contacts"), &[("call_id", call_id)]).await?.body;
        let id =
            found.pointer("/items/0/id").and_then(Value::as_str).with_context(|| format!("no contact for {call_id}: {found}"))?.to_owned();
        Ok(self.api.get(&format!("/v1/tenants/{tenant}/contacts/{id}"), &[]).await?.body)
    }
}

/// The folder of a fixture.
pub fn fixtures() -> PathBuf {
    artifacts::top().join("tests/fixtures")
}
