//! Starts the server: opens the store, starts the runtime, listens, and ends in order.
//!
//! `jackfield serve` and the tests call [`start`]; the composition root is [`App`]. Two listeners: providers on one, the admin API on
//! the other, loopback by default. Webhooks, admin and timers run on the caller's async runtime, guests on their own.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jackfield_domain::ports::Clock;
use jackfield_runtime::{Runtime, RuntimeSettings};
use jackfield_store::{MasterKey, Store};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::app::App;
use crate::config::Config;
use crate::config::environment::Environment;
use crate::config::listeners::{DoorRules, Listeners};
use crate::keeping::retention;
use crate::listen::drain::{self, Doors, Drained};
use crate::listen::{Door, Inherited, Places};
use crate::{admin, bootstrap, gate, health, listen, machine, quarantine, quota, selftest, sip, webhook, work};

/// A server that runs.
pub struct Server {
    /// Its rooms.
    pub app: Arc<App>,
    /// Where providers reach it.
    pub hooks: SocketAddr,
    /// Where the admin API answers.
    pub admin: SocketAddr,
    /// Where SIP is answered, if it is.
    pub sip: Option<SocketAddr>,
    /// The operator's token, at the first start alone.
    pub operator_token: Option<String>,
    /// Where the master key was made, at the first start alone.
    pub new_master_key: bool,
    /// What was tried before it listened.
    pub self_test: Vec<selftest::Passed>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<std::io::Result<()>>,
    doors: Doors,
    listeners: Listeners,
}

/// What the start found out.
struct Known {
    operator_token: Option<String>,
    new_master_key: bool,
    self_test: Vec<selftest::Passed>,
}

/// Work in the background looks at its end many times a second, or is in the middle of one row.
const BACKGROUND_PATIENCE: Duration = Duration::from_secs(5);
/// For changes whose clients have hung up. What is longer than that is an erasure, and goes on at the next start.
const CHANGES_PATIENCE: Duration = Duration::from_secs(2);
/// Closing the store takes milliseconds; sled may write for some seconds where the disk is busy.
const CLOSE_PATIENCE: Duration = Duration::from_secs(10);
/// The same, where somebody said that it should end at once.
const HURRIED_PATIENCE: Duration = Duration::from_secs(2);

/// Starts it.
pub async fn start(config: &Config, environment: &Environment, clock: Arc<dyn Clock>) -> anyhow::Result<Server> {
    start_on(config, environment, clock, Inherited::default()).await
}

/// Starts it on sockets that somebody else holds, where there are any.
pub async fn start_on(config: &Config, environment: &Environment, clock: Arc<dyn Clock>, sockets: Inherited) -> anyhow::Result<Server> {
    make_private_dir(&config.data)?;
    machine::demand(config, &runtime_settings(config, [0; 32]))?;
    let (master, new_master_key) = master_key(config, environment)?;
    let store = Store::open(&config.data.join("store"), master).await?;
    start_over(config, store, new_master_key, clock, sockets).await
}

/// Starts it over a store that is open.
pub async fn start_over(
    config: &Config,
    store: Store,
    new_master_key: bool,
    clock: Arc<dyn Clock>,
    sockets: Inherited,
) -> anyhow::Result<Server> {
    let settings = runtime_settings(config, *store.platform().node_key().await?);
    let runtime = Runtime::start(settings, store.blobs())?;
    quarantine::check(&runtime, config.compile.quarantine).await?;
    let gate = gate::gate(&config.egress, &store, clock.clone())?;
    let app = App::new(store, runtime, gate, clock, config.in_flight_max, config.keep_most, config.telemetry.clone());
    app.memory.get_or_init(|| machine::memory::of(config, &runtime_settings(config, [0; 32])));
    bootstrap::prepare(&app).await?;
    let operator_token = admin::ensure_operator_token(&app).await?;
    app.quotas.begin(&app.store).await?;
    let self_test = selftest::run(&app.store, &app.runtime, app.clock.now()).await?;
    listen(app, config, sockets, Known { operator_token, new_master_key, self_test }).await
}

/// What a runtime is told of the configuration.
pub fn runtime_settings(config: &Config, node_key: [u8; 32]) -> RuntimeSettings {
    RuntimeSettings {
        artifacts_dir: config.data.join("artifacts"),
        compiler: config.compiler.clone(),
        compile: config.compile,
        node_key,
        small_slots: config.small_slots,
        large_slots: config.large_slots,
        workers: config.guest_workers,
        artifact_bytes_max: config.artifact_bytes_max,
        yield_fuel: config.yield_fuel,
        files_reserved: config.listeners.files().saturating_add(jackfield_egress::guest::SOCKETS_MAX),
    }
}

async fn listen(app: Arc<App>, config: &Config, inherited: Inherited, known: Known) -> anyhow::Result<Server> {
    let (hooks, hooks_inherited) = listen::open("providers", inherited.hooks, config.hooks_listen).await?;
    let (admin_listener, admin_inherited) = listen::open("the admin API", inherited.admin, config.admin_listen).await?;
    let (hooks_at, admin_at) = (hooks.local_addr()?, admin_listener.local_addr()?);
    let stages = app.health.stages.clone();
    let mut doors = Doors { tasks: JoinSet::new(), places: Vec::new() };
    let mut open = |name, listener, is_inherited, rules: &DoorRules, router| {
        let places = Places::new(rules);
        app.health.opened(name, Arc::clone(&places));
        doors.places.push((name, Arc::clone(&places)));
        let door = Door { name, listener, is_inherited, rules: rules.clone(), router };
        doors.tasks.spawn(door.serve(places, stages.clone()));
    };
    let admin_router = admin::router(app.clone()).merge(health::router(app.clone()));
    let hooks_router = webhook::router(app.clone()).merge(health::bare_router(app.clone()));
    open("providers", hooks, hooks_inherited, &config.listeners.hooks, hooks_router);
    open("the admin API", admin_listener, admin_inherited, &config.listeners.admin, admin_router);
    let (stop, stopped) = watch::channel(false);
    let mut tasks = JoinSet::new();
    let sip = match &config.sip {
        Some(rules) => Some(sip::open(app.clone(), rules, &mut tasks).await?),
        None => None,
    };
    tasks.spawn(work::sweep(app.clone(), stopped.clone()));
    tasks.spawn(quota::tend(app.clone(), stopped.clone()));
    tasks.spawn(retention::tend(app.clone(), stopped.clone()));
    tasks.spawn(health::beat(app.clone(), stopped.clone()));
    tasks.spawn(health::look(app.clone(), config.data.clone(), stopped));
    let Known { operator_token, new_master_key, self_test } = known;
    let listeners = config.listeners.clone();
    Ok(Server { app, hooks: hooks_at, admin: admin_at, sip, operator_token, new_master_key, self_test, stop, tasks, doors, listeners })
}

impl Server {
    /// Ends in order: no new requests, those in progress are answered, the store is closed.
    pub async fn stop(self) {
        self.drain(std::future::pending()).await;
    }

    /// The same, and at once when `at_once` comes true. Tells what was still open when the time was up.
    pub async fn drain(mut self, at_once: impl Future<Output = ()>) -> Drained {
        let mut at_once = std::pin::pin!(at_once);
        let mut drained = drain::drain(&self.app.health.stages.clone(), &mut self.doors, &self.listeners, at_once.as_mut()).await;
        // Whoever waited for a compiler is gone; one that works for later calls would outlive the store.
        self.app.runtime.end_compilers();
        // Work that no request waits for ends with the first look at this.
        let _ = self.stop.send(true);
        let closing = async {
            let _ = tokio::time::timeout(BACKGROUND_PATIENCE, async { while self.tasks.join_next().await.is_some() {} }).await;
            self.app.walks.close();
            self.app.walks.wait().await;
            self.app.behind.written().await;
            self.app.captures.written().await;
            self.app.changes.close();
            let _ = tokio::time::timeout(CHANGES_PATIENCE, self.app.changes.wait()).await;
            self.app.quotas.end().await;
            self.app.store.close().await;
        };
        // A disk that hangs must not keep the process: what was acknowledged is durable, closed or not.
        if drained.at_once {
            let _ = tokio::time::timeout(HURRIED_PATIENCE, closing).await;
        } else {
            tokio::select! {
                () = closing => {}
                () = at_once => drained.at_once = true,
                () = tokio::time::sleep(CLOSE_PATIENCE) => tracing::error!("the store does not close; it is left as it is"),
            }
        }
        drained
    }
}

/// Opens the store alone, for `export` and `import`.
pub async fn open_store(config: &Config, environment: &Environment) -> anyhow::Result<Store> {
    make_private_dir(&config.data)?;
    let (master, _) = master_key(config, environment)?;
    Ok(Store::open(&config.data.join("store"), master).await?)
}

pub(crate) fn make_private_dir(dir: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|e| anyhow::anyhow!("cannot make the data folder {}: {e}", dir.display()))?;
    if std::fs::metadata(dir)?.permissions().mode() & 0o077 != 0 {
        tracing::warn!(dir = %dir.display(), "the data folder is open to other users; chmod 700 it");
    }
    Ok(())
}

/// The master key from the environment or its file; a new one at the first start.
pub(crate) fn master_key(config: &Config, environment: &Environment) -> anyhow::Result<(MasterKey, bool)> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    if let Some(given) = &environment.master_key {
        return Ok((MasterKey::parse(given.reveal()).map_err(|e| anyhow::anyhow!("JACKFIELD_MASTER_KEY: {e}"))?, false));
    }
    let file = &config.master_key_file;
    if file.exists() {
        let text = std::fs::read_to_string(file).map_err(|e| anyhow::anyhow!("cannot read the master key {}: {e}", file.display()))?;
        return Ok((MasterKey::parse(text.trim()).map_err(|e| anyhow::anyhow!("{}: {e}", file.display()))?, false));
    }
    if config.data.join("store").exists() {
        anyhow::bail!("the store exists, but its master key {} does not; put it back, or give it as JACKFIELD_MASTER_KEY", file.display());
    }
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    let mut made = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    made.write_all(hex::encode(bytes).as_bytes())?;
    made.sync_all()?;
    Ok((MasterKey::from_bytes(bytes), true))
}
