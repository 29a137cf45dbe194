//! Walks the admin API as its clients do: over requests, with tokens, against the reference store.
//!
//! Each file is about one kind of promise; what they share is here: an API with a platform, a tenant `acme` with a subtenant and a
//! stranger `other`, and a token for each.

mod input;
mod life;
mod quotas;
mod releases;
mod walls;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::body::Body;
use http::{Method, Request, StatusCode, header};
use jackfield_domain::budget::Plan;
use jackfield_domain::contact::Moment;
use jackfield_domain::flow::plugin::{Grant, Metadata, Plugin, SlotClass, Version};
use jackfield_domain::id::{Digest, TenantId};
use jackfield_domain::ports::Clock;
use jackfield_domain::ports::rows::Expect;
use jackfield_domain::retention::Retention;
use jackfield_runtime::{Runtime, RuntimeSettings};
use jackfield_store::{MasterKey, Store};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::app::App;
use crate::config::egress::Egress;
use crate::config::telemetry::Telemetry;

/// 2026-11-20T12:00:00Z.
const NOON: Moment = 1_795_176_000_000;

pub(crate) struct SetClock(pub(crate) AtomicU64);

impl Clock for SetClock {
    fn now(&self) -> Moment {
        self.0.load(Ordering::Relaxed)
    }
}

pub(crate) struct Api {
    pub(crate) app: Arc<App>,
    pub(crate) router: Router,
    pub(crate) clock: Arc<SetClock>,
    /// Opens everything.
    pub(crate) operator: String,
    /// Confined to `acme`.
    pub(crate) acme: String,
    /// Confined to `other`.
    pub(crate) other: String,
    _artifacts: tempfile::TempDir,
}

pub(crate) struct Got {
    pub(crate) status: StatusCode,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Value,
}

impl Got {
    /// Status and problem code.
    fn problem(&self) -> (u16, &str) {
        (self.status.as_u16(), self.body["code"].as_str().unwrap_or_default())
    }
}

impl Api {
    pub(crate) async fn new() -> Self {
        Self::keeping(Retention::of(Plan::Maximum)).await
    }

    /// Where the platform keeps no more than that of anybody's contacts.
    pub(crate) async fn keeping(most: Retention) -> Self {
        let artifacts = tempfile::tempdir().unwrap();
        let store = Store::memory(MasterKey::from_bytes([7; 32])).await;
        let settings = RuntimeSettings {
            artifacts_dir: artifacts.path().to_owned(),
            compiler: "none".into(),
            compile: jackfield_runtime::CompileSettings::standard(),
            node_key: [1; 32],
            small_slots: 1,
            large_slots: 1,
            workers: 1,
            artifact_bytes_max: 64 << 20,
            yield_fuel: 500_000,
            files_reserved: 500,
        };
        let runtime = Runtime::start(settings, store.blobs()).unwrap();
        let clock = Arc::new(SetClock(AtomicU64::new(NOON)));
        let egress = Egress { allow_private: vec!["127.0.0.0/8".parse().unwrap()], ..Egress::default() };
        let gate = crate::gate::gate(&egress, &store, clock.clone()).unwrap();
        let app = App::new(store, runtime, gate, clock.clone(), 1_000, most, Telemetry::quiet());
        crate::bootstrap::prepare(&app).await.unwrap();
        let operator = super::ensure_operator_token(&app).await.unwrap().unwrap();
        let router = super::router(app.clone());
        let mut api = Self { app, router, clock, operator, acme: String::new(), other: String::new(), _artifacts: artifacts };
        for id in ["acme", "other"] {
            api.operator(Method::POST, "/v1/tenants", json!({ "id": id, "label": id })).await;
        }
        api.operator(Method::POST, "/v1/tenants", json!({ "id": "acme-sub", "label": "Sub", "parent": "acme" })).await;
        api.acme = api.token_for("acme").await;
        api.other = api.token_for("other").await;
        api
    }

    async fn token_for(&self, tenant: &str) -> String {
        let made = self.operator(Method::POST, "/v1/tokens", json!({ "label": tenant, "tenant": tenant })).await;
        made.body["token"].as_str().unwrap().to_owned()
    }

    /// As the operator, to whom everything is allowed: what is not done is a broken test.
    pub(crate) async fn operator(&self, method: Method, path: &str, body: Value) -> Got {
        let got = self.call(&self.operator, method, path, body).await;
        assert!(got.status.is_success(), "{path}: {} {}", got.status, got.body);
        got
    }

    /// With a JSON body, or without one where it is null.
    async fn call(&self, token: &str, method: Method, path: &str, body: Value) -> Got {
        let request = Request::builder().method(method).uri(path).header(header::AUTHORIZATION, format!("Bearer {token}"));
        let request = match body {
            Value::Null => request.body(Body::empty()),
            body => request.header(header::CONTENT_TYPE, "application/json").body(Body::from(body.to_string())),
        };
        self.send(request.unwrap()).await
    }

    pub(crate) async fn get(&self, token: &str, path: &str) -> Got {
        self.call(token, Method::GET, path, Value::Null).await
    }

    async fn send(&self, request: Request<Body>) -> Got {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 16 << 20).await.unwrap();
        let body = if bytes.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&bytes).unwrap_or_else(|_| String::from_utf8_lossy(&bytes).into())
        };
        Got { status: parts.status, headers: parts.headers, body }
    }

    /// Everything that is kept of a tenant, as the API shows it: to see that a refused request wrote nothing.
    async fn everything_of(&self, tenant: &str) -> Vec<Value> {
        let mut all = Vec::new();
        for noun in ["", "/connections", "/addresses", "/flows", "/settings", "/routes", "/plugins", "/queues", "/people", "/hours"] {
            all.push(self.get(&self.operator, &format!("/v1/tenants/{tenant}{noun}")).await.body);
        }
        all
    }

    /// `acme` with a connection, a flow and a queue.
    pub(crate) async fn furnished() -> Self {
        let api = Self::new().await;
        api.operator(Method::POST, "/v1/tenants/acme/connections", connection("acme-twilio")).await;
        api.operator(Method::POST, "/v1/tenants/acme/flows", json!({ "name": "main", "label": "Main" })).await;
        api.operator(Method::PUT, "/v1/tenants/acme/queues/sales", json!({ "label": "Sales" })).await;
        api
    }

    /// Puts a plugin's version into the store, as an upload would.
    pub(crate) async fn plugin(&self, tenant: &str, name: &str, number: u32, actions: &[&str], schema: &str) {
        let tenant: TenantId = tenant.parse().unwrap();
        let plugin = Plugin { tenant: tenant.clone(), name: name.parse().unwrap(), newest: number, created: NOON };
        let version = Version {
            tenant: tenant.clone(),
            plugin: plugin.name.clone(),
            number,
            digest: Digest::of(format!("{tenant}/{name}/{number}").as_bytes()),
            bytes: 1,
            class: SlotClass::Small,
            contract: "0.9.0".to_owned(),
            exports: BTreeSet::from(["router".to_owned()]),
            imports: BTreeSet::from([Grant::Settings, Grant::Http, Grant::Log]),
            metadata: Metadata {
                settings_schema: schema.to_owned(),
                actions: actions.iter().map(|name| (*name).to_owned()).collect(),
                ..Metadata::default()
            },
            describe_fuel: 1,
            compile_ms: 1,
            uploaded: NOON,
            by: "test".to_owned(),
        };
        let scope = self.app.store.tenant(&tenant);
        scope.change().put(&plugin, Expect::Anything).version(&version).commit().await.unwrap();
    }
}

pub(crate) fn connection(id: &str) -> Value {
    json!({
        "id": id, "provider": "twilio", "account": format!("AC{}", "0".repeat(32)), "public_url": "https://voice.example.com",
        "secrets": [{ "name": "first", "value": "0123456789abcdef0123456789abcdef" }],
    })
}
