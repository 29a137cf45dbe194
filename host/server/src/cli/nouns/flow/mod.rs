//! Speaks of flows: what a tenant routes to, the releases that they run, and which of them is live.
//!
//! `cli::admin` runs its verbs. Making a release and making it live are two requests even where `--activate` asks for both: where the
//! second is refused, the release is there, and the refusal says why it is not live.

mod planned;

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use jackfield_domain::flow::compared::compare;
use jackfield_domain::flow::egress::EgressRule;
use jackfield_domain::flow::release as domain;
use jackfield_domain::id::{AliasName, FlowName, PluginName, TenantId};
use serde_json::{Value, json};

use crate::cli::print::{fields, items, plain, table, text};
use crate::cli::session::{Outcome, Session, Trouble, given, read_json};
use crate::cli::when;

pub use self::planned::TestCallers;
use self::planned::{calendar, plan};

/// Verbs of flows.
#[derive(Debug, Subcommand)]
pub enum Flow {
    /// Make one.
    Create {
        /// Unique within the tenant.
        name: FlowName,
        /// What people call it [default: its name].
        #[arg(long)]
        label: Option<String>,
        /// Which contacts it is for.
        #[arg(long, value_enum, default_value = "inbound")]
        kind: Kind,
    },
    /// See those of the tenant.
    List,
    /// See one.
    Show {
        /// Which.
        name: FlowName,
    },
    /// Make a release of a plugin version with the settings as they are now.
    Release(Release),
    /// See the releases of a flow.
    Releases {
        /// Which flow.
        name: FlowName,
    },
    /// Compare two releases: what the plugin may do more, what else is other.
    Diff {
        /// Of which flow.
        name: FlowName,
        /// The former [default: the live one].
        former: Option<u32>,
        /// The later [default: the newest].
        later: Option<u32>,
    },
    /// See what requests to the outside came to, per release and host, since the server started.
    Egress {
        /// Which flow.
        name: FlowName,
    },
    /// Make a release live.
    Activate {
        /// Which flow.
        name: FlowName,
        /// Which release [default: the newest].
        release: Option<u32>,
        /// The alias to point at it.
        #[arg(long, default_value = "live")]
        alias: AliasName,
        /// From when, in the tenant's zone: 2026-12-24T00:00. It is checked now and routes then.
        #[arg(long, conflicts_with = "alias")]
        at: Option<String>,
        /// Until when; then what was live routes again.
        #[arg(long, requires = "at")]
        until: Option<String>,
        /// It may do more than what is live, and that is meant.
        #[arg(long)]
        approve: bool,
    },
    /// See what is live, and what is planned.
    Calendar {
        /// Which flow.
        name: FlowName,
    },
    /// Remove a plan.
    Unplan {
        /// Of which flow.
        name: FlowName,
        /// Its number in the calendar.
        plan: u32,
    },
    /// Callers who get another release than everybody, and count in no statistics.
    #[command(subcommand)]
    TestCallers(TestCallers),
    /// Make the release live that was live before.
    Rollback {
        /// Which flow.
        name: FlowName,
        /// Contacts that run what is rolled back go to the default routes with their next event.
        #[arg(long)]
        live_contacts: bool,
    },
    /// Delete one that no address goes to.
    Delete {
        /// Which.
        name: FlowName,
    },
}

/// Which contacts a flow is for.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Kind {
    /// Begun by customers.
    Inbound,
    /// Begun by the tenant.
    Outbound,
    /// Either.
    Both,
}

/// A new release.
#[derive(Debug, Args)]
pub struct Release {
    /// Of which flow.
    name: FlowName,
    /// Which plugin.
    #[arg(long)]
    plugin: PluginName,
    /// Which of its versions [default: the newest].
    #[arg(long)]
    plugin_version: Option<u32>,
    /// Whose plugin: the tenant's own, an ancestor's or the platform's [default: the nearest that has it].
    #[arg(long)]
    owner: Option<TenantId>,
    /// What it may use, separated by commas [default: all that it imports; http with --egress alone].
    #[arg(long, value_delimiter = ',')]
    grants: Option<Vec<String>>,
    /// What it may reach with http, for example "GET,POST https://api.example.com"; may be repeated.
    #[arg(long, value_name = "METHODS URL")]
    egress: Vec<EgressRule>,
    /// A file with limits as JSON, each at most the tenant's.
    #[arg(long)]
    limits: Option<PathBuf>,
    /// A file with the flow's own settings as JSON, written with the release: for a version that those of today do not suit.
    #[arg(long)]
    settings: Option<PathBuf>,
    /// Why it is made.
    #[arg(long, default_value = "")]
    note: String,
    /// Make it live at once.
    #[arg(long)]
    activate: bool,
    /// It may do more than what is live, and that is meant.
    #[arg(long, requires = "activate")]
    approve: bool,
}

impl Flow {
    pub(crate) async fn run(self, session: &Session) -> Outcome {
        let base = session.inside("flows").await?;
        match self {
            Self::Create { name, label, kind } => {
                let kind = kind.to_possible_value().map(|kind| json!(kind.get_name()));
                let label = label.unwrap_or_else(|| name.to_string());
                let body = given([("name", Some(json!(name))), ("label", Some(json!(label))), ("kind", kind)]);
                session.show(&session.post(&base, &body).await?, card)
            }
            Self::List => {
                let all = session.list(&base).await?;
                session.show(&all, |all| {
                    let row =
                        |flow: &Value| vec![text(flow, "name"), text(flow, "label"), text(flow, "kind"), live(flow), text(flow, "newest")];
                    table(&["name", "label", "kind", "live", "newest"], &items(all).iter().map(row).collect::<Vec<_>>())
                })
            }
            Self::Show { name } => session.show(&session.get(&format!("{base}/{name}"), &[]).await?, card),
            Self::Release(new) => release(session, &base, new).await,
            Self::Releases { name } => releases(session, &base, &name).await,
            Self::Diff { name, former, later } => diff(session, &base, &name, former, later).await,
            Self::Egress { name } => egress(session, &base, &name).await,
            Self::Activate { name, release, alias, at: None, approve, .. } => {
                activate(session, &base, &name, release, &alias, approve).await
            }
            Self::Activate { name, release, at: Some(at), until, approve, .. } => {
                plan(session, &base, &name, release, (&at, until.as_deref()), approve).await
            }
            Self::Calendar { name } => calendar(session, &base, &name).await,
            Self::Unplan { name, plan } => {
                let answer = session.delete(&format!("{base}/{name}/planned/{plan}")).await?;
                session.say(&answer, &format!("flow {name}: plan {plan} is removed"))
            }
            Self::TestCallers(verb) => verb.run(session, &base).await,
            Self::Rollback { name, live_contacts } => {
                let wanted = json!({ "live_contacts": live_contacts });
                let answer = session.post(&format!("{base}/{name}/rollback"), &wanted).await?;
                session.show(&answer, |answer| {
                    let from = text(answer, "from");
                    let running = if live_contacts {
                        "; contacts that run it go to the default routes"
                    } else {
                        "; contacts that run it keep it (--live-contacts takes it away)"
                    };
                    format!("flow {name}: release {} is live again, {from} was{running}", text(answer, "to"))
                })
            }
            Self::Delete { name } => {
                let answer = session.delete(&format!("{base}/{name}")).await?;
                session.say(&answer, &format!("flow {name} is deleted"))
            }
        }
    }
}

async fn release(session: &Session, base: &str, new: Release) -> Outcome {
    let read = async |file: Option<PathBuf>| match file {
        Some(file) => read_json(&file).await.map(Some),
        None => Ok(None),
    };
    let (limits, settings) = (read(new.limits).await?, read(new.settings).await?);
    let body = given([
        ("plugin", Some(json!(new.plugin))),
        ("version", new.plugin_version.map(Value::from)),
        ("tenant", new.owner.map(|owner| json!(owner))),
        ("grants", new.grants.map(Value::from)),
        ("limits", limits),
        ("settings", settings),
        ("egress", (!new.egress.is_empty()).then(|| json!(new.egress))),
        ("note", Some(json!(new.note))),
    ]);
    let answer = session.post(&format!("{base}/{}/releases", new.name), &body).await?;
    if !new.activate {
        return session.show(&answer, |answer| made(answer, &format!("`jackfield flow activate {}` makes it live", new.name)));
    }
    let number = answer.get("number").cloned().unwrap_or(Value::Null);
    session.put(&format!("{base}/{}/aliases/live", new.name), &json!({ "release": number, "approve": new.approve })).await?;
    session.show(&answer, |answer| made(answer, "it is live"))
}

fn made(release: &Value, then: &str) -> String {
    let notes = release.get("notes").map(plain).filter(|notes| notes != "-").map(|notes| format!("\nnote: {notes}")).unwrap_or_default();
    format!(
        "release {} runs {} with settings revision {}; {then}{notes}",
        text(release, "number"),
        version(release),
        text(release, "settings_revision")
    )
}

fn version(release: &Value) -> String {
    let version = release.get("version").unwrap_or(&Value::Null);
    format!("{}/{} version {}", text(version, "tenant"), text(version, "plugin"), text(version, "number"))
}

async fn releases(session: &Session, base: &str, name: &FlowName) -> Outcome {
    let zone = session.zone().await?;
    let flow = session.get(&format!("{base}/{name}"), &[]).await?;
    let all = session.list(&format!("{base}/{name}/releases")).await?;
    let live = live(&flow);
    session.show(&all, |all| {
        let row = |release: &Value| {
            let number = text(release, "number");
            let mark = if number == live { "live".to_owned() } else { String::new() };
            let made = release.get("created").and_then(Value::as_u64).map_or_else(|| "-".to_owned(), |at| when::short(at, &zone));
            let record = release.get("record").unwrap_or(&Value::Null);
            let ran = format!("{} ({} failed)", text(record, "invocations"), text(record, "failures"));
            let (settings, by, note) = (text(release, "settings_revision"), text(release, "by"), text(release, "note"));
            vec![number, mark, version(release), settings, reaches(release), made, by, ran, note]
        };
        table(
            &["release", "", "plugin", "settings", "reaches", "made", "by", "ran", "note"],
            &items(all).iter().map(row).collect::<Vec<_>>(),
        )
    })
}

async fn diff(session: &Session, base: &str, name: &FlowName, former: Option<u32>, later: Option<u32>) -> Outcome {
    let flow = session.get(&format!("{base}/{name}"), &[]).await?;
    let number = |at: &str| flow.pointer(at).and_then(Value::as_u64).filter(|number| *number > 0);
    let former = former.map(u64::from).or_else(|| number("/aliases/live"));
    let (Some(former), Some(later)) = (former, later.map(u64::from).or_else(|| number("/newest"))) else {
        return Err(Trouble::Usage(format!("flow {name} has no live release to compare with; name two, as in `flow diff {name} 1 2`")));
    };
    let release = async |number: u64| -> Result<domain::Release, Trouble> {
        let found = session.get(&format!("{base}/{name}/releases/{number}"), &[]).await?;
        serde_json::from_value(found).map_err(|e| Trouble::Failed(format!("the server speaks of releases in another way: {e}")))
    };
    let compared = compare(&release(former).await?, &release(later).await?);
    session.show(&json!({ "former": former, "later": later, "compared": compared }), |_| {
        if compared.is_same() {
            return format!("releases {former} and {later} run alike");
        }
        let part = |head: &str, lines: &[String]| lines.iter().map(|line| format!("{head} {line}\n")).collect::<String>();
        let changes = part("+", &compared.wider) + &part("-", &compared.narrower) + &part("~", &compared.other);
        format!("release {former} -> {later} of flow {name} (+ may more, - may no more, ~ other)\n{changes}")
    })
}

/// What a release may reach, as rules are typed.
fn reaches(release: &Value) -> String {
    let rules = release.get("egress").cloned().map(serde_json::from_value::<Vec<EgressRule>>);
    let rules: Vec<String> = rules.and_then(Result::ok).unwrap_or_default().iter().map(ToString::to_string).collect();
    if rules.is_empty() { "-".to_owned() } else { rules.join("; ") }
}

async fn egress(session: &Session, base: &str, name: &FlowName) -> Outcome {
    let all = session.get(&format!("{base}/{name}/egress"), &[]).await?;
    session.show(&all, |all| {
        let row = |host: &Value| {
            let ms = |name: &str| {
                host.get(name).and_then(Value::as_u64).map_or_else(|| "-".to_owned(), |us| format!("{} ms", us.div_ceil(1_000)))
            };
            let outcomes = host.get("outcomes").and_then(Value::as_object).into_iter().flatten();
            let outcomes: Vec<String> = outcomes.map(|(outcome, count)| format!("{outcome} {count}")).collect();
            let mark = if host.get("open") == Some(&Value::Bool(true)) { "not asked now" } else { "" };
            let (release, host) = (text(host, "release"), text(host, "host"));
            vec![release, host, outcomes.join(", "), ms("p50_us"), ms("p99_us"), ms("max_us"), mark.to_owned()]
        };
        table(&["release", "host", "outcomes", "p50", "p99", "longest", ""], &items(all).iter().map(row).collect::<Vec<_>>())
    })
}

async fn activate(session: &Session, base: &str, name: &FlowName, release: Option<u32>, alias: &AliasName, approve: bool) -> Outcome {
    let number = match release {
        Some(number) => json!(number),
        None => session.get(&format!("{base}/{name}"), &[]).await?.get("newest").cloned().unwrap_or(Value::Null),
    };
    let answer = session.put(&format!("{base}/{name}/aliases/{alias}"), &json!({ "release": number, "approve": approve })).await?;
    session.show(&answer, |answer| {
        let notes = answer.get("notes").map(plain).filter(|notes| notes != "-").map(|notes| format!("\nnote: {notes}")).unwrap_or_default();
        format!("flow {name}: {alias} is release {number}{notes}")
    })
}

fn live(flow: &Value) -> String {
    flow.pointer("/aliases/live").map_or_else(|| "-".to_owned(), plain)
}

fn card(flow: &Value) -> String {
    let names = ["name", "tenant", "label", "kind", "newest", "history", "settings_revision"];
    let mut pairs: Vec<(&str, String)> = names.into_iter().map(|name| (name, text(flow, name))).collect();
    if let Some(Value::Object(aliases)) = flow.get("aliases") {
        pairs.extend(aliases.iter().map(|(name, number)| (name.as_str(), format!("release {number}"))));
    }
    fields(&pairs)
}
