//! Speaks of the host itself: what it is and holds, what it compiles, and what stopped a compiler.
//!
//! `cli::admin` runs its verbs; they are for whoever runs the platform. What is watched over time belongs to metrics.

use clap::Subcommand;
use jackfield_domain::id::Digest;
use serde_json::Value;

use crate::cli::print::{fields, items, table, text};
use crate::cli::session::{Outcome, Session};
use crate::cli::when;

/// Verbs of the host.
#[derive(Debug, Subcommand)]
pub enum Host {
    /// See its version, its health and the walls around its compiler.
    Show,
    /// See how the process does, check by check, and its connections.
    Health,
    /// See what is uploaded and compiled now, for everybody.
    Compiles,
    /// See components that stopped a compiler and are not compiled again.
    Poison,
    /// Allow a component another try that stopped a compiler.
    Pardon {
        /// Of its bytes, as `poison` shows it.
        digest: Digest,
    },
}

impl Host {
    pub(crate) async fn run(self, session: &Session) -> Outcome {
        match self {
            Self::Show => {
                let host = session.get("/v1/host", &[]).await?;
                session.show(&host, card)
            }
            Self::Health => session.show(&session.get("/v1/host/health", &[]).await?, checks),
            Self::Compiles => {
                let all = session.list("/v1/host/compiles").await?;
                session.show(&all, |all| {
                    let names = ["id", "tenant", "purpose", "what", "phase", "position", "age_ms", "phase_ms"];
                    let rows: Vec<_> = items(all).iter().map(|item| names.iter().map(|name| text(item, name)).collect()).collect();
                    table(&names, &rows)
                })
            }
            Self::Poison => {
                let all = session.list("/v1/host/poison").await?;
                session.show(&all, |all| {
                    let row = |entry: &Value| {
                        let at = entry.get("at").and_then(Value::as_u64);
                        let at = at.map_or_else(|| "-".to_owned(), |at| when::short(at, &jiff::tz::TimeZone::UTC));
                        vec![text(entry, "digest"), text(entry, "tenant"), text(entry, "bytes"), at, text(entry, "reason")]
                    };
                    let rows: Vec<_> = items(all).iter().map(row).collect();
                    // Digests are whole, because they are to be copied; so this is no table.
                    let lines: Vec<String> = rows.iter().map(|row| row.join("  ")).collect();
                    if lines.is_empty() { "none".to_owned() } else { lines.join("\n") }
                })
            }
            Self::Pardon { digest } => {
                let done = session.delete(&format!("/v1/host/poison/{digest}")).await?;
                session.say(&done, "it is compiled again when somebody needs it")
            }
        }
    }
}

fn checks(health: &Value) -> String {
    let rows_of = |name: &str, columns: &[&str]| -> Vec<Vec<String>> {
        let all = health.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        all.iter().map(|one| columns.iter().map(|column| text(one, column)).collect()).collect()
    };
    let (of_checks, of_doors) = (["name", "ok", "detail"], ["name", "connections", "turned_away"]);
    let told = fields(&[("live", text(health, "live")), ("ready", text(health, "ready"))]);
    let (checks, doors) = (table(&of_checks, &rows_of("checks", &of_checks)), table(&of_doors, &rows_of("listeners", &of_doors)));
    format!("{told}\n{checks}\n{doors}")
}

fn card(host: &Value) -> String {
    let mut pairs: Vec<(&str, String)> = ["version", "instance", "store", "artifacts", "artifact_bytes", "artifact_bytes_max"]
        .into_iter()
        .map(|name| (name, text(host, name)))
        .collect();
    let totals = host.pointer("/compiler/totals").unwrap_or(&Value::Null);
    let busy = format!(
        "{} of {} run, {} wait; {} made, {} refused, {} turned away since the start",
        text(totals, "running"),
        text(totals, "running_max"),
        text(totals, "waiting"),
        text(totals, "compiled"),
        text(totals, "refused"),
        text(totals, "turned_away")
    );
    pairs.push(("compilers", busy));
    let walls = host.pointer("/compiler/probe/walls").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut said = fields(&pairs);
    said.push_str("walls around the compiler\n");
    let rows: Vec<_> = walls.iter().map(|wall| ["name", "standing", "detail"].iter().map(|name| text(wall, name)).collect()).collect();
    said.push_str(&table(&["wall", "standing", "detail"], &rows));
    said
}
