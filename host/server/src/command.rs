//! Reads the command line and runs one command.
//!
//! The binary calls [`main`]. The server's own commands are here; those that talk to a running server are in `cli`. `compile` is what
//! the server starts as a child: it must not read a configuration or the environment.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use jackfield_runtime::Resident;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::admin::compile::ahead::Scope;
use crate::cli::{AdminCommand, Globals};
use crate::clock::SystemClock;
use crate::config::environment::{self, Environment, Supervisor};
use crate::config::{BadConfig, Config, Overrides};
use crate::health::Watchdog;
use crate::listen::drain::Drained;
use crate::listen::{BadSockets, Inherited};
use crate::machine::TooSmall;
use crate::telemetry::Drops;
use crate::{cli, quarantine, selftest, serve, telemetry};

/// A WebAssembly plugin host for tenants' call-routing and prompt logic.
#[derive(Debug, Parser)]
#[command(name = "jackfield", version, propagate_version = true)]
struct CommandLine {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server.
    Serve(ServeArgs),
    /// Try, without a server, whether this configuration works on this machine.
    Check(CheckArgs),
    /// Compile a component from standard input to standard output (the server starts this itself).
    #[command(hide = true)]
    Compile {
        /// What the server wrote; `--probe` tells which walls stand around the compiler on this machine.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        order: Vec<String>,
    },
    /// Write everything that a stopped server keeps, but captures, into a new file. It stays sealed: the same master key opens it. With
    /// `--as-code` print a tenant of a running server as the file that `plan` and `apply` read.
    Export {
        #[command(flatten)]
        at: DataArgs,
        /// The file to make.
        #[arg(required_unless_present = "as_code")]
        to: Option<PathBuf>,
        /// Print the tenant as a file, as `plan --from-server` does.
        #[arg(long, conflicts_with_all = ["to", "config", "data", "master_key_file"])]
        as_code: bool,
        /// With --as-code: write the components that flows run, and test cases, into this folder.
        #[arg(long, value_name = "DIR", requires = "as_code")]
        with_plugins: Option<PathBuf>,
    },
    /// Read an exported folder into an empty data folder.
    Import {
        #[command(flatten)]
        at: DataArgs,
        /// The folder to read.
        from: PathBuf,
    },
    /// Compile what is in use for this binary's engine, beside the running server of an older one: it then starts warm.
    Prepare {
        #[command(flatten)]
        at: DataArgs,
        /// Every version that was ever uploaded, and not only those that calls can meet.
        #[arg(long)]
        all: bool,
        /// The server does not run: ask its store.
        #[arg(long)]
        stopped: bool,
    },
    #[command(flatten)]
    Admin(AdminCommand),
}

#[derive(Debug, Args)]
struct DataArgs {
    /// TOML file.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Where everything is kept [default: jackfield-data].
    #[arg(long)]
    data: Option<PathBuf>,
    /// Where the master key is [default: <data>/master.key]; JACKFIELD_MASTER_KEY wins.
    #[arg(long)]
    master_key_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct CheckArgs {
    #[command(flatten)]
    at: DataArgs,
}

#[derive(Debug, Args)]
struct ServeArgs {
    #[command(flatten)]
    at: DataArgs,
    /// Where providers reach us [default: 0.0.0.0:8080].
    #[arg(long)]
    hooks_listen: Option<SocketAddr>,
    /// Where the admin API answers [default: 127.0.0.1:8081].
    #[arg(long)]
    admin_listen: Option<SocketAddr>,
    /// Log as JSON.
    #[arg(long)]
    log_json: bool,
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let CommandLine { globals, command } = CommandLine::parse();
    let mut return_code = ExitCode::SUCCESS;
    let result = match command {
        Command::Compile { order } => return jackfield_runtime::compiler_main(order),
        Command::Serve(args) => serve_command(args),
        Command::Check(args) => return check(args, globals.json),
        Command::Export { at, to: Some(to), .. } => in_runtime(export(at, to)),
        Command::Export { with_plugins, .. } => return in_runtime_code(cli::run(AdminCommand::as_code(with_plugins), globals)),
        Command::Import { at, from } => in_runtime(import(at, from)),
        Command::Prepare { at, all, stopped } => in_runtime(prepare(at, globals, all, stopped)).map(|code| return_code = code),
        Command::Admin(command) => return in_runtime_code(cli::run(command, globals)),
    };
    match result {
        Ok(()) => return_code,
        Err(error) => {
            // Standard error may be closed; there is nobody left to tell then.
            let _ = writeln!(std::io::stderr(), "jackfield: {error:#}");
            ExitCode::from(status(&error))
        }
    }
}

/// 2 for a configuration that cannot be meant, 4 for a machine on which it cannot work, 3 for everything else.
fn status(error: &anyhow::Error) -> u8 {
    if error.is::<BadConfig>() || error.is::<BadSockets>() {
        2
    } else if error.is::<TooSmall>() || error.is::<selftest::Failed>() {
        4
    } else {
        3
    }
}

fn in_runtime<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}

fn in_runtime_code(work: impl Future<Output = ExitCode>) -> ExitCode {
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(work),
        Err(_) => ExitCode::from(3),
    }
}

fn config(at: DataArgs, hooks_listen: Option<SocketAddr>, admin_listen: Option<SocketAddr>) -> anyhow::Result<Config> {
    let overrides = Overrides { data: at.data, hooks_listen, admin_listen, master_key_file: at.master_key_file };
    Ok(Config::read(at.config.as_deref(), overrides, quarantine::own_program()?)?)
}

fn serve_command(args: ServeArgs) -> anyhow::Result<()> {
    // Before there is any thread: it takes its part out of the environment.
    let sockets = environment::inherited_sockets()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(webhook_threads()).enable_all().build()?;
    let served = runtime.block_on(serve_to_the_end(args, sockets));
    // Compilers that still run are killed with their tasks; a thread that waits for a disk is not waited for.
    runtime.shutdown_timeout(LEFTOVERS_PATIENCE);
    served
}

/// One less than there are cores: guests, the disk's threads and the kernel have work of their own, and threads that wake one another for an
/// event each cost more than they take off one another (decision 22).
fn webhook_threads() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().saturating_sub(1).max(1))
}

async fn serve_to_the_end(args: ServeArgs, sockets: Inherited) -> anyhow::Result<()> {
    let environment = Environment::read();
    let config = config(args.at, args.hooks_listen, args.admin_listen)?;
    let telling = telemetry::start(environment.log_filter.as_deref(), args.log_json, &config.telemetry)?;
    let served = serve_until_told(&config, &environment, sockets, telling.drops()).await;
    telling.finish().await;
    served
}

async fn serve_until_told(config: &Config, environment: &Environment, sockets: Inherited, drops: Arc<Drops>) -> anyhow::Result<()> {
    let mut end = End::watch()?;
    let server = tokio::select! {
        started = serve::start_on(config, environment, Arc::new(SystemClock), sockets) => started?,
        // Nothing was acknowledged yet, so there is nothing to finish.
        () = end.told() => return Ok(()),
    };
    server.app.metrics.show_drops(drops);
    let supervisor = Supervisor;
    let _watchdog = Watchdog::start(&server.app, supervisor)?;
    say(&greeting(config, &server))?;
    supervisor.ready();
    end.told().await;
    tracing::info!("ending: no new requests; those in progress are answered");
    supervisor.stopping(config.listeners.drain_notice + config.listeners.drain_deadline + LEFTOVERS_PATIENCE);
    let drained = server.drain(end.told()).await;
    let Drained { took, dropped, left, at_once } = drained;
    for one in &left {
        tracing::warn!(at_once, "still open at the end: {one}");
    }
    tracing::info!(took_ms = took.as_millis(), dropped, "ended");
    Ok(())
}

/// What is left of blocking work when all else has ended.
const LEFTOVERS_PATIENCE: Duration = Duration::from_secs(1);

fn greeting(config: &Config, server: &serve::Server) -> String {
    let mut lines = vec![
        format!("jackfield {} keeps everything in {}", env!("CARGO_PKG_VERSION"), config.data.display()),
        format!("  providers  http://{}/hooks/<connection>/...", server.hooks),
        format!("  admin API  http://{}/v1", server.admin),
        room(&server.app.runtime.resident()),
        format!("  memory     {}", server.app.memory.get().map(ToString::to_string).unwrap_or_default()),
        format!("  compiler   {}", quarantine::in_words(server.app.runtime.probed())),
    ];
    if let Some(at) = server.sip {
        lines.insert(3, format!("  SIP        {at}, UDP and TCP"));
    }
    if server.new_master_key {
        lines.push(format!("  a new master key is in {}: keep a copy apart from backups of the data", config.master_key_file.display()));
    }
    if let Some(token) = &server.operator_token {
        lines.push(format!("  operator token, shown this once: {token}"));
    }
    lines.push("ready".to_owned());
    lines.join("\n")
}

/// How the memory for plugins is split, so that an operator sees it before a customer does.
fn room(resident: &Resident) -> String {
    let Resident { bytes_max, artifacts_max, small_slots, large_slots, maps_max, .. } = resident;
    let mib = bytes_max >> 20;
    format!(
        "  plugins    {small_slots} small and {large_slots} large slots; up to {artifacts_max} loaded at once in {mib} MiB; {maps_max} memory maps"
    )
}

/// Ctrl-C and SIGTERM, the first and the second time.
struct End {
    terminate: Signal,
    interrupt: Signal,
}

impl End {
    fn watch() -> anyhow::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits until the process is told to end.
    async fn told(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Says what would keep a server from starting, for people and for programs.
fn check(args: CheckArgs, json: bool) -> ExitCode {
    let told = in_runtime(async move {
        let config = config(args.at, None, None)?;
        Ok(selftest::check::run(&config).await)
    });
    match told {
        Ok(report) => {
            let text = if json { report.to_json() } else { report.to_string() };
            match say(&text) {
                Ok(()) if report.is_sound() => ExitCode::SUCCESS,
                _ => ExitCode::from(4),
            }
        }
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "jackfield: {error:#}");
            ExitCode::from(status(&error))
        }
    }
}

async fn prepare(at: DataArgs, globals: Globals, all: bool, stopped: bool) -> anyhow::Result<ExitCode> {
    let config = config(at, None, None)?;
    if !config.data.join("store").is_dir() {
        anyhow::bail!("there is no server's data in {}; say where with --data or --config", config.data.display());
    }
    let (master, _) = serve::master_key(&config, &Environment::read())?;
    let scope = if all { Scope::All } else { Scope::InUse };
    Ok(cli::prepare::run(&config, &master, &globals, scope, stopped).await)
}

async fn export(at: DataArgs, to: PathBuf) -> anyhow::Result<()> {
    let store = serve::open_store(&config(at, None, None)?, &Environment::read()).await?;
    let written = store.export(&to).await?;
    say(&format!("{written} to {}", to.display()))?;
    store.close().await;
    Ok(())
}

async fn import(at: DataArgs, from: PathBuf) -> anyhow::Result<()> {
    let store = serve::open_store(&config(at, None, None)?, &Environment::read()).await?;
    let read = store.import(&from).await?;
    say(&format!("{read} from {}", from.display()))?;
    store.close().await;
    Ok(())
}

fn say(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()?;
    Ok(())
}
