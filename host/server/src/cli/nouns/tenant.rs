//! Speaks of tenants: make one, see them, change what people call it, where its clock stands and what it may use, erase it.
//!
//! `cli::admin` runs its verbs. Erasing asks for the name twice, because it is the one command that nothing undoes; plan and standing
//! are sent like anything else, and the server says whether the token stands high enough.

use clap::{Args, Subcommand, ValueEnum};
use jackfield_domain::id::TenantId;
use serde_json::{Value, json};

use crate::cli::print::{fields, items, table, text};
use crate::cli::session::{Outcome, Session, Trouble, given};
use crate::cli::when;

/// Verbs of tenants.
#[derive(Debug, Subcommand)]
pub enum Tenant {
    /// Make one.
    Create(Create),
    /// See those that the token reaches.
    List,
    /// See one.
    Show {
        /// Which.
        id: TenantId,
    },
    /// See what one has after inheritance, and where each value comes from.
    Effective {
        /// Which.
        id: TenantId,
        /// Of one of its flows.
        #[arg(long)]
        flow: Option<jackfield_domain::id::FlowName>,
    },
    /// Change one; what is not named stays.
    Set(Set),
    /// Erase one for ever: its key is destroyed, and with it all that was sealed.
    Delete {
        /// Which.
        id: TenantId,
        /// Its name again, because nothing brings it back.
        #[arg(long)]
        erase: TenantId,
    },
}

/// Which limits.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Plan {
    /// For Rust and QuickJS plugins.
    Standard,
    /// With memory for larger interpreters.
    Large,
    /// All that the host has.
    Maximum,
}

/// Whether its plugins run.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Standing {
    /// They do.
    Active,
    /// They do not.
    Suspended,
}

/// A new tenant.
#[derive(Debug, Args)]
pub struct Create {
    /// Its name, for ever: it stands in keys and URLs.
    id: TenantId,
    /// What people call it [default: its name].
    #[arg(long)]
    label: Option<String>,
    /// The tenant above [default: the platform, or the token's own tenant].
    #[arg(long)]
    parent: Option<TenantId>,
    /// IANA name of its time zone [default: its parent's].
    #[arg(long)]
    zone: Option<String>,
    /// BCP 47 tag, for example en-US [default: its parent's].
    #[arg(long)]
    language: Option<String>,
    /// Its limits [default: standard].
    #[arg(long, value_enum)]
    plan: Option<Plan>,
}

/// What changes.
#[derive(Debug, Args)]
pub struct Set {
    /// Which tenant.
    id: TenantId,
    /// What people call it.
    #[arg(long)]
    label: Option<String>,
    /// IANA name of its time zone.
    #[arg(long)]
    zone: Option<String>,
    /// BCP 47 tag.
    #[arg(long)]
    language: Option<String>,
    /// Its limits; set from above.
    #[arg(long, value_enum)]
    plan: Option<Plan>,
    /// Whether its plugins run; set from above.
    #[arg(long, value_enum)]
    standing: Option<Standing>,
}

fn word<E: ValueEnum>(value: E) -> Option<Value> {
    value.to_possible_value().map(|value| json!(value.get_name()))
}

impl Tenant {
    pub(crate) async fn run(self, session: &Session) -> Outcome {
        match self {
            Self::Create(new) => {
                let label = new.label.unwrap_or_else(|| new.id.to_string());
                let body = given([
                    ("id", Some(json!(new.id))),
                    ("label", Some(json!(label))),
                    ("parent", new.parent.map(|parent| json!(parent))),
                    ("zone", new.zone.map(Value::from)),
                    ("language", new.language.map(Value::from)),
                    ("plan", new.plan.and_then(word)),
                ]);
                session.show(&session.post("/v1/tenants", &body).await?, card)
            }
            Self::List => {
                let all = session.list("/v1/tenants").await?;
                session.show(&all, |all| {
                    let names = ["id", "parent", "label", "zone", "plan", "standing"];
                    let rows: Vec<_> = items(all).iter().map(|item| names.iter().map(|name| text(item, name)).collect()).collect();
                    table(&names, &rows)
                })
            }
            Self::Show { id } => session.show(&session.get(&format!("/v1/tenants/{id}"), &[]).await?, card),
            Self::Effective { id, flow } => {
                let query: Vec<(&str, &str)> = flow.iter().map(|flow| ("flow", flow.as_str())).collect();
                session.show(&session.get(&format!("/v1/tenants/{id}/effective"), &query).await?, effective)
            }
            Self::Set(set) => {
                let body = given([
                    ("label", set.label.map(Value::from)),
                    ("zone", set.zone.map(Value::from)),
                    ("language", set.language.map(Value::from)),
                    ("plan", set.plan.and_then(word)),
                    ("standing", set.standing.and_then(word)),
                ]);
                session.show(&session.patch(&format!("/v1/tenants/{}", set.id), &body).await?, card)
            }
            Self::Delete { id, erase } if id != erase => {
                Err(Trouble::Usage(format!("--erase names {erase}, but the tenant is {id}; both must be the same")))
            }
            Self::Delete { id, .. } => {
                let answer = session.delete(&format!("/v1/tenants/{id}")).await?;
                session.say(&answer, &format!("tenant {id} is erased"))
            }
        }
    }
}

/// Every value with its level, then hours and default routes.
fn effective(shown: &Value) -> String {
    let list = |name: &str| shown.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let narrowed = |item: &Value| match item.get("narrowed") {
        Some(asked) => format!("{} asked for {}", text(asked, "by"), text(asked, "value")),
        None => String::new(),
    };
    let settings: Vec<Vec<String>> =
        list("settings").iter().map(|item| vec![text(item, "pointer"), text(item, "value"), text(item, "from"), narrowed(item)]).collect();
    let hours = shown.get("hours").and_then(Value::as_object).cloned().unwrap_or_default();
    let within = |of: &Value| {
        of.get("within").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
    };
    let hours: Vec<Vec<String>> = hours.iter().map(|(name, of)| vec![name.clone(), text(of, "from"), within(of)]).collect();
    let closure = match shown.get("closure").filter(|closure| !closure.is_null()) {
        Some(closure) => format!("closed by {}: {}\n", text(closure, "from"), text(closure, "reason")),
        None => String::new(),
    };
    let routes: Vec<Vec<String>> =
        list("routes").iter().map(|item| vec![text(item, "channel"), text(item, "language"), text(item, "from")]).collect();
    [
        format!("{closure}plan {}", text(shown, "plan")),
        table(&["setting", "value", "from", "narrowed"], &settings),
        table(&["hours", "from", "within"], &hours),
        table(&["default route", "language", "from"], &routes),
    ]
    .join("\n")
}

fn card(tenant: &Value) -> String {
    let zone = jackfield_domain::tenant::hours::zone(&text(tenant, "zone")).unwrap_or(jiff::tz::TimeZone::UTC);
    let created = tenant.get("created").and_then(Value::as_u64).map_or_else(|| "-".to_owned(), |at| when::full(at, &zone));
    let mut pairs: Vec<(&str, String)> = ["id", "label", "parent", "ancestors", "zone", "language", "plan", "standing"]
        .into_iter()
        .map(|name| (name, text(tenant, name)))
        .collect();
    pairs.push(("created", created));
    if let Some(Value::Object(limits)) = tenant.get("limits") {
        pairs.extend(limits.iter().map(|(name, value)| (name.as_str(), value.to_string())));
    }
    fields(&pairs)
}
