//! Reads the command line and runs one command.
//!
//! The binary calls [`main`]. The server's own commands are here; those that talk to a running server are in `cli`. `compile` is what
//! the server starts as a child: it must not read a configuration or the environment.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Parser, Subcommand, ValueEnum};
use jackfield_domain::flow::plugin::SlotClass;
use jackfield_runtime::Resident;

use crate::cli::{AdminCommand, Globals};
use crate::clock::SystemClock;
use crate::config::environment::Environment;
use crate::config::{Config, Overrides};
use crate::{cli, serve, telemetry};

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
    /// Compile a component from standard input to standard output (the server starts this itself).
    #[command(hide = true)]
    Compile {
        /// For which slots.
        #[arg(long, value_enum)]
        class: ClassArg,
    },
    /// Write everything that a stopped server keeps into a new folder. It stays sealed: the same master key opens it.
    Export {
        #[command(flatten)]
        at: DataArgs,
        /// The folder to make.
        to: PathBuf,
    },
    /// Read an exported folder into an empty data folder.
    Import {
        #[command(flatten)]
        at: DataArgs,
        /// The folder to read.
        from: PathBuf,
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

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ClassArg {
    Small,
    Large,
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let CommandLine { globals, command } = CommandLine::parse();
    let result = match command {
        Command::Compile { class } => return compile(class),
        Command::Serve(args) => in_runtime(serve_command(args)),
        Command::Export { at, to } => in_runtime(export(at, to)),
        Command::Import { at, from } => in_runtime(import(at, from)),
        Command::Admin(command) => return in_runtime_code(cli::run(command, globals)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Standard error may be closed; there is nobody left to tell then.
            let _ = writeln!(std::io::stderr(), "jackfield: {error:#}");
            ExitCode::from(3)
        }
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

fn compile(class: ClassArg) -> ExitCode {
    let class = match class {
        ClassArg::Small => SlotClass::Small,
        ClassArg::Large => SlotClass::Large,
    };
    match jackfield_runtime::run_compiler(class, std::io::stdin().lock(), std::io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            let _ = writeln!(std::io::stderr(), "{fault}");
            ExitCode::FAILURE
        }
    }
}

fn config(at: DataArgs, hooks_listen: Option<SocketAddr>, admin_listen: Option<SocketAddr>) -> anyhow::Result<Config> {
    let overrides = Overrides { data: at.data, hooks_listen, admin_listen, master_key_file: at.master_key_file };
    Ok(Config::read(at.config.as_deref(), overrides, std::env::current_exe()?)?)
}

async fn serve_command(args: ServeArgs) -> anyhow::Result<()> {
    let environment = Environment::read();
    telemetry::start(environment.log_filter.as_deref(), args.log_json);
    let config = config(args.at, args.hooks_listen, args.admin_listen)?;
    let server = serve::start(&config, &environment, Arc::new(SystemClock)).await?;
    say(&greeting(&config, &server))?;
    wait_for_end().await?;
    tracing::info!("ending: no new requests; those in progress are answered");
    server.stop().await;
    Ok(())
}

fn greeting(config: &Config, server: &serve::Server) -> String {
    let mut lines = vec![
        format!("jackfield {} keeps everything in {}", env!("CARGO_PKG_VERSION"), config.data.display()),
        format!("  providers  http://{}/hooks/<connection>/...", server.hooks),
        format!("  admin API  http://{}/v1", server.admin),
        room(&server.app.runtime.resident()),
    ];
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

/// Ctrl-C and SIGTERM.
async fn wait_for_end() -> anyhow::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminate.recv() => {}
    }
    Ok(())
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
