//! Stocks a data folder with very many plugins, past the admin API, and looks at how a server starts on it.
//!
//! The short form is a promise, the long one a soak. A start must not read, compile or map what is there: it must take as long with ten
//! thousand plugins as with one, and what nobody calls must cost nothing but its place on the disk.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use jackfield_domain::flow::Flow;
use jackfield_domain::flow::plugin::{Plugin, Version};
use jackfield_domain::flow::release::Release;
use jackfield_domain::id::{Digest, FlowName, PluginName, TenantId};
use jackfield_domain::ports::rows::Expect;
use jackfield_domain::tenant::Tenant;
use jackfield_domain::tenant::address::Binding;
use jackfield_domain::tenant::directory::Queue;
use jackfield_runtime::Runtime;
use jackfield_store::{Row, Store};
use serde_json::json;

use crate::artifacts;
use crate::capacity::marked;
use crate::line::Line;
use crate::platform::{ACCOUNT, AUTH_TOKEN, PUBLIC_URL, Tenancy};
use crate::process::Process;

/// Versions of one tenant's plugin.
const VERSIONS_PER_TENANT: u32 = 10;
/// How many of the numbers are called after the start.
const CALLED: u32 = 20;

/// What was found.
#[derive(Debug, Clone)]
pub struct Report {
    /// Versions in the folder, each another component with an artifact.
    pub versions: u32,
    /// Tenants that have them.
    pub tenants: u32,
    /// From the start of the process to ready, with one plugin.
    pub start_empty: Duration,
    /// The same with all of them.
    pub start: Duration,
    /// Resident memory at ready, with one plugin.
    pub resident_empty_bytes: u64,
    /// The same with all of them.
    pub resident_bytes: u64,
    /// Median of the first call of some of them.
    pub first_call: Duration,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { versions, tenants, .. } = self;
        writeln!(f, "{versions} versions of {tenants} tenants, none of them called before:")?;
        writeln!(f, "  start to ready   {} ms ({} ms with one)", self.start.as_millis(), self.start_empty.as_millis())?;
        writeln!(f, "  resident then    {} MiB ({} MiB with one)", self.resident_bytes >> 20, self.resident_empty_bytes >> 20)?;
        write!(f, "  first call       {:.2} ms (median of {CALLED})", self.first_call.as_secs_f64() * 1e3)
    }
}

/// Stocks a folder with so many versions and starts a server on it.
pub async fn run(versions: u32) -> anyhow::Result<Report> {
    let dir = tempfile::tempdir()?;
    let data = dir.path().join("data");
    let process = Process::start(&data)?;
    let operator = process.operator(None)?;
    operator.connect_twilio("twilio").await?;
    let component = artifacts::plugin("acme-ivr")?;
    let first = Tenancy {
        tenant: "stock-first",
        number: "+18006000000",
        component: component.clone(),
        settings: json!({}),
        queues: &["sales", "technical-support", "billing", "general-support"],
        plan: "standard",
    };
    operator.onboard("twilio", first).await?;
    process.kill()?;

    let (process, start_empty) = start(&data)?;
    let resident_empty_bytes = process.resident_bytes()?;
    process.kill()?;
    let tenants = versions.div_ceil(VERSIONS_PER_TENANT);
    fill(&data, &component, tenants).await?;
    // What was written must be on the disk, or the start would wait for two gigabytes that are none of its own.
    rustix::fs::sync();

    let (process, start) = start(&data)?;
    let resident_bytes = process.resident_bytes()?;
    let line = Line::new(&process.hooks_url, PUBLIC_URL, "twilio", ACCOUNT, AUTH_TOKEN)?;
    let mut calls = Vec::new();
    for at in 0..CALLED.min(tenants) {
        let tenant = at * (tenants / CALLED.min(tenants));
        let began = Instant::now();
        let heard = line.call("+14155550100", &number_of(tenant)).arrive().await?;
        calls.push(began.elapsed());
        ensure!(heard.twiml.first("Gather").is_some(), "tenant {tenant} answered {}", String::from_utf8_lossy(&heard.body));
    }
    calls.sort_unstable();
    let first_call = calls.get(calls.len() / 2).copied().unwrap_or_default();
    let versions = tenants * VERSIONS_PER_TENANT;
    Ok(Report { versions, tenants, start_empty, start, resident_empty_bytes, resident_bytes, first_call })
}

fn start(data: &std::path::Path) -> anyhow::Result<(Process, Duration)> {
    let began = Instant::now();
    let process = Process::start(data)?;
    Ok((process, began.elapsed()))
}

fn number_of(tenant: u32) -> String {
    format!("+1800{:07}", 7_000_000 + tenant)
}

/// Multiplies the first tenant: its own rows, its queues, its flow with the release that is live, and ten versions of its plugin.
async fn fill(data: &std::path::Path, component: &Bytes, tenants: u32) -> anyhow::Result<()> {
    let store = Store::open(&data.join("store"), master(data)?).await?;
    let first: TenantId = "stock-first".parse()?;
    let template = Template::read(&store, &first).await?;
    let mut config = crate::platform::config(data)?;
    config.small_slots = 1;
    config.large_slots = 1;
    let runtime = Runtime::start(jackfield_server::serve::runtime_settings(&config, *store.platform().node_key().await?), store.blobs())?;
    for tenant in 0..tenants {
        let marks = (0..VERSIONS_PER_TENANT).map(|at| marked(component, 1_000_000 + tenant * VERSIONS_PER_TENANT + at));
        let mut digests = Vec::new();
        for bytes in marks {
            digests.push(store.blobs().put(bytes).await?);
        }
        runtime.stock(&template.version.digest, &digests)?;
        template.write(&store, tenant, &digests).await?;
    }
    runtime.stop();
    store.close().await;
    Ok(())
}

fn master(data: &std::path::Path) -> anyhow::Result<jackfield_store::MasterKey> {
    let text = std::fs::read_to_string(data.join("master.key"))?;
    jackfield_store::MasterKey::parse(text.trim()).map_err(|e| anyhow::anyhow!("{e}"))
}

/// What every stocked tenant is a copy of.
struct Template {
    tenant: Tenant,
    queues: Vec<Queue>,
    flow: Flow,
    plugin: Plugin,
    version: Version,
    release: Release,
    binding: Binding,
}

impl Template {
    async fn read(store: &Store, first: &TenantId) -> anyhow::Result<Self> {
        async fn row<R: Row>(store: &Store, first: &TenantId, id: R::Id) -> anyhow::Result<R> {
            Ok(store.tenant(first).get::<R>(&id).await?.context("the first tenant is whole")?.row)
        }
        let (flow, plugin): (FlowName, PluginName) = ("main".parse()?, "logic".parse()?);
        Ok(Self {
            tenant: store.platform().tenant(first).await?.context("there is a first tenant")?.row,
            queues: store.tenant(first).list::<Queue>(None, 100).await?.into_iter().map(|found| found.row).collect(),
            flow: row(store, first, flow.clone()).await?,
            plugin: row(store, first, plugin.clone()).await?,
            version: row(store, first, (plugin, 1)).await?,
            release: row(store, first, (flow, 1)).await?,
            binding: store.platform().bindings_of(first, 1).await?.into_iter().next().context("the first tenant has a number")?,
        })
    }

    async fn write(&self, store: &Store, number: u32, digests: &[Digest]) -> anyhow::Result<()> {
        let id: TenantId = format!("stock-{number}").parse()?;
        let tenant = Tenant { id: id.clone(), label: id.to_string(), ..self.tenant.clone() };
        store.platform().change().tenant(&tenant, Expect::Absent).commit().await?;
        let newest = u32::try_from(digests.len())?;
        let plugin = Plugin { tenant: id.clone(), newest, ..self.plugin.clone() };
        let flow = Flow { tenant: id.clone(), ..self.flow.clone() };
        let mut release = Release { tenant: id.clone(), ..self.release.clone() };
        release.version.tenant = id.clone();
        release.version.number = newest;
        release.version.digest = *digests.last().context("there are versions")?;
        let binding = Binding { tenant: id.clone(), address: number_of(number).parse()?, ..self.binding.clone() };
        let mut change = store.tenant(&id).change().put(&plugin, Expect::Absent).put(&flow, Expect::Absent).put(&release, Expect::Absent);
        for queue in &self.queues {
            change = change.put(queue, Expect::Absent);
        }
        for (at, digest) in (1_u32..).zip(digests) {
            change = change.version(&Version { number: at, tenant: id.clone(), digest: *digest, ..self.version.clone() });
        }
        change.platform(|platform| platform.bind(&binding)).commit().await?;
        Ok(())
    }
}
