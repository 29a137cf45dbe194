//! Starts the server: opens the store, starts the runtime, listens, and ends in order.
//!
//! `jackfield serve` and the tests call [`start`]; the composition root is [`App`]. Two listeners: providers on one, the admin API on
//! the other, loopback by default. Webhooks, admin and timers run on the caller's async runtime, guests on their own.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use http::StatusCode;
use jackfield_domain::ports::Clock;
use jackfield_runtime::{Runtime, RuntimeSettings};
use jackfield_store::{MasterKey, Store};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::app::App;
use crate::config::Config;
use crate::config::environment::Environment;
use crate::{admin, bootstrap, webhook, work};

/// A server that runs.
pub struct Server {
    /// Its rooms.
    pub app: Arc<App>,
    /// Where providers reach it.
    pub hooks: SocketAddr,
    /// Where the admin API answers.
    pub admin: SocketAddr,
    /// The operator's token, at the first start alone.
    pub operator_token: Option<String>,
    /// Where the master key was made, at the first start alone.
    pub new_master_key: bool,
    stop: watch::Sender<bool>,
    tasks: JoinSet<std::io::Result<()>>,
}

/// Starts it.
pub async fn start(config: &Config, environment: &Environment, clock: Arc<dyn Clock>) -> anyhow::Result<Server> {
    make_private_dir(&config.data)?;
    let (master, new_master_key) = master_key(config, environment)?;
    let store = Store::open(&config.data.join("store"), master).await?;
    let settings = RuntimeSettings {
        artifacts_dir: config.data.join("artifacts"),
        compiler: config.compiler.clone(),
        node_key: *store.platform().node_key().await?,
        small_slots: config.small_slots,
        large_slots: config.large_slots,
        workers: config.guest_workers,
        artifact_bytes_max: config.artifact_bytes_max,
        yield_fuel: config.yield_fuel,
    };
    let runtime = Runtime::start(settings, store.blobs())?;
    let app = App::new(store, runtime, clock);
    bootstrap::prepare(&app).await?;
    let operator_token = admin::ensure_operator_token(&app).await?;
    listen(app, config, operator_token, new_master_key).await
}

async fn listen(app: Arc<App>, config: &Config, operator_token: Option<String>, new_master_key: bool) -> anyhow::Result<Server> {
    let in_words =
        |what: &str, at: SocketAddr, e: std::io::Error| anyhow::anyhow!("cannot listen for {what} on {at}: {e}; choose another address");
    let hooks = TcpListener::bind(config.hooks_listen).await.map_err(|e| in_words("providers", config.hooks_listen, e))?;
    let admin_listener = TcpListener::bind(config.admin_listen).await.map_err(|e| in_words("the admin API", config.admin_listen, e))?;
    let (hooks_at, admin_at) = (hooks.local_addr()?, admin_listener.local_addr()?);
    let (stop, stopped) = watch::channel(false);
    let mut tasks = JoinSet::new();
    let health = Router::new().route("/live", get(|| async { StatusCode::NO_CONTENT })).route("/ready", get(ready)).with_state(app.clone());
    serve(&mut tasks, hooks, webhook::router(app.clone()), stopped.clone());
    serve(&mut tasks, admin_listener, admin::router(app.clone()).merge(health), stopped.clone());
    tasks.spawn(work::sweep(app.clone(), stopped));
    Ok(Server { app, hooks: hooks_at, admin: admin_at, operator_token, new_master_key, stop, tasks })
}

fn serve(tasks: &mut JoinSet<std::io::Result<()>>, listener: TcpListener, router: Router, mut stopped: watch::Receiver<bool>) {
    tasks.spawn(async move {
        axum::serve(listener, router)
            .with_graceful_shutdown(async move {
                // An error means that the sender is gone: that is an end too.
                let _ = stopped.wait_for(|stop| *stop).await;
            })
            .await
    });
}

/// Ready means that an event could be made durable now.
async fn ready(State(app): State<Arc<App>>) -> (StatusCode, String) {
    match app.store.health() {
        Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the store acknowledges nothing; see the log\n".to_owned()),
    }
}

impl Server {
    /// Ends in order: no new requests, those in progress are answered, the store is closed.
    pub async fn stop(mut self) {
        let _ = self.stop.send(true);
        while self.tasks.join_next().await.is_some() {}
        self.app.store.close().await;
    }
}

/// Opens the store alone, for `export` and `import`.
pub async fn open_store(config: &Config, environment: &Environment) -> anyhow::Result<Store> {
    make_private_dir(&config.data)?;
    let (master, _) = master_key(config, environment)?;
    Ok(Store::open(&config.data.join("store"), master).await?)
}

fn make_private_dir(dir: &Path) -> anyhow::Result<()> {
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
fn master_key(config: &Config, environment: &Environment) -> anyhow::Result<(MasterKey, bool)> {
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
