//! Says how a tenant is written as a file: connections, directory, settings, routes, plugins, flows and addresses, as YAML.
//!
//! `plan` and `apply` read it, [`schema`] publishes it as JSON Schema for editors, `written` writes the same form from a server. Every
//! name that is not one of these is refused with its line and column: a misspelt member that is passed over would quietly not be applied.
//!
//! Secrets stand here by reference alone, because the file is kept where everybody reads it. Nothing else is taken from the environment:
//! the same file means the same everywhere.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use jackfield_domain::budget::Plan;
use jackfield_domain::flow::FlowKind;
use jackfield_domain::flow::plugin::Grant;
use jackfield_domain::id::{AliasName, ConnectionId, EntryName, FlowName, PluginName, TenantId};
use jackfield_domain::quota::meter::Quota;
use jackfield_domain::tenant::address::Address;
use jackfield_domain::tenant::hours::{Exception, Interval};
use jackfield_domain::tenant::secret::BoundHost;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use serde_saphyr::Spanned;

/// Some thousand addresses, and what an editor still opens.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Several tenants, parents first.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Several {
    /// The tenants, parents before their children.
    pub tenants: Vec<Whole>,
}

/// A tenant whole.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Whole {
    /// Who it is.
    pub tenant: Card,
    /// Its accounts at providers.
    #[serde(default)]
    pub connections: Vec<Connection>,
    /// What plugins send and nobody sees again.
    #[serde(default)]
    pub secrets: Vec<Secret>,
    /// Business hours.
    #[serde(default)]
    pub hours: Vec<Hours>,
    /// Where contacts wait for agents.
    #[serde(default)]
    pub queues: Vec<Queue>,
    /// Who can be called.
    #[serde(default)]
    pub people: Vec<Person>,
    /// The tenant's settings, whole.
    #[schemars(with = "Option<Map<String, Value>>")]
    pub settings: Option<Spanned<Map<String, Value>>>,
    /// The tenant's default routes, as the admin API takes them.
    #[schemars(with = "Option<Vec<Value>>")]
    pub routes: Option<Spanned<Value>>,
    /// What the tenant may use over time, as the admin API takes it; set from above the tenant.
    #[schemars(with = "Option<Value>")]
    pub quota: Option<Spanned<Quota>>,
    /// Plugins that its flows run.
    #[serde(default)]
    pub plugins: Vec<Plugin>,
    /// Files of test cases for every plugin, relative to this file.
    #[serde(default)]
    #[schemars(with = "Vec<PathBuf>")]
    pub cases: Vec<Spanned<PathBuf>>,
    /// Its flows.
    #[serde(default)]
    pub flows: Vec<Flow>,
    /// What is dialled, and where it goes.
    #[serde(default)]
    pub addresses: Vec<Bound>,
}

/// Who a tenant is. What is left out stays as it is, or becomes what a new tenant gets.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Card {
    /// Its name, for ever.
    #[schemars(with = "String")]
    pub id: Spanned<TenantId>,
    /// The tenant above; the platform, or the token's own tenant, where absent.
    #[schemars(with = "Option<String>")]
    pub parent: Option<Spanned<TenantId>>,
    /// What people call it; its name for a new tenant where absent.
    pub label: Option<String>,
    /// IANA name of its time zone.
    pub zone: Option<String>,
    /// BCP 47 tag.
    pub language: Option<String>,
    /// standard, large or maximum; set from above the tenant.
    #[schemars(with = "Option<String>")]
    pub plan: Option<Plan>,
}

/// Where a secret's value is. It never stands in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum From {
    /// In a variable of the environment.
    Env(String),
    /// In a file, without its last line's end.
    File(PathBuf),
}

impl<'de> Deserialize<'de> for From {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.split_once(':') {
            Some(("env", name)) if !name.is_empty() => Ok(Self::Env(name.to_owned())),
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(PathBuf::from(path))),
            // What was written is not repeated: it may be the secret itself.
            _ => Err(serde::de::Error::custom("a secret's value does not stand here: write from: env:NAME or from: file:PATH")),
        }
    }
}

/// A secret that signs a provider's requests.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Signing {
    /// What the trail calls it. Another name is another secret: that is how one is replaced.
    pub name: String,
    /// env:NAME or file:PATH; read only where the secret is new.
    #[schemars(with = "String", regex(pattern = "^(env|file):.+$"))]
    pub from: Spanned<From>,
}

/// An account at a provider.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Connection {
    /// Its name, part of its webhook URLs.
    #[schemars(with = "String")]
    pub id: Spanned<ConnectionId>,
    /// The provider, for example twilio.
    pub provider: String,
    /// The account's id at the provider.
    pub account: Option<String>,
    /// Under which the provider reaches the platform.
    pub public_url: String,
    /// One or two secrets, by reference.
    #[serde(default)]
    pub secrets: Vec<Signing>,
    /// What the provider lets a connection choose.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
    /// What an address that nobody bound gets, as the admin API takes it.
    #[schemars(with = "Option<Value>")]
    pub unbound: Option<Spanned<Value>>,
    /// wss URL of the AI speaker.
    pub speaker_url: Option<String>,
    /// The provider's name of the voice.
    pub voice: Option<String>,
}

/// A secret that plugins send.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Secret {
    /// By what plugins name it.
    #[schemars(with = "String")]
    pub name: Spanned<EntryName>,
    /// env:NAME or file:PATH; read only where the secret is new or its hosts are other.
    #[schemars(with = "String", regex(pattern = "^(env|file):.+$"))]
    pub from: Spanned<From>,
    /// The hosts that it is sent to, host or host:port.
    #[schemars(with = "Vec<String>")]
    pub hosts: Vec<BoundHost>,
}

/// Business hours.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Hours {
    /// Unique within the tenant.
    #[schemars(with = "String")]
    pub name: Spanned<EntryName>,
    /// IANA name; the tenant's where absent.
    pub zone: Option<String>,
    /// The week: weekday (1 is Monday), from and to.
    #[serde(default)]
    #[schemars(with = "Vec<Value>")]
    pub weekly: Vec<Interval>,
    /// Dates that beat the week: date, label and open, a list of from and to.
    #[serde(default)]
    #[schemars(with = "Vec<Value>")]
    pub exceptions: Vec<Exception>,
}

/// A queue.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Queue {
    /// Unique within the tenant.
    #[schemars(with = "String")]
    pub name: Spanned<EntryName>,
    /// What people call it; its name where absent.
    pub label: Option<String>,
    /// BCP 47 tag of the agents' language.
    pub language: Option<String>,
    /// The hours that it keeps.
    #[schemars(with = "Option<String>")]
    pub hours: Option<Spanned<EntryName>>,
    /// What each provider calls it.
    #[serde(default)]
    pub provider_ids: BTreeMap<String, String>,
}

/// Someone who can be called.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Person {
    /// Unique within the tenant.
    #[schemars(with = "String")]
    pub name: Spanned<EntryName>,
    /// What people call them; the name where absent.
    pub label: Option<String>,
    /// A number in E.164, or a SIP address.
    pub address: String,
}

/// A plugin that flows run: the tenant's own, of a file, or one that is on the server already.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Plugin {
    /// By what flows name it.
    #[schemars(with = "String")]
    pub name: Spanned<PluginName>,
    /// The component (.wasm), relative to this file. Without it the plugin is one that the tenant or one above it has.
    #[schemars(with = "Option<PathBuf>")]
    pub file: Option<Spanned<PathBuf>>,
    /// Whose it is, for example platform; the nearest above that has one of this name where absent.
    #[schemars(with = "Option<String>")]
    pub tenant: Option<Spanned<TenantId>>,
    /// Files of test cases for this plugin, relative to this file.
    #[serde(default)]
    #[schemars(with = "Vec<PathBuf>")]
    pub cases: Vec<Spanned<PathBuf>>,
}

/// A flow and what it runs.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Flow {
    /// Unique within the tenant.
    #[schemars(with = "String")]
    pub name: Spanned<FlowName>,
    /// What people call it; its name where absent.
    pub label: Option<String>,
    /// inbound, outbound or both; inbound where absent.
    #[schemars(with = "Option<String>")]
    pub kind: Option<FlowKind>,
    /// Its own settings, whole.
    #[schemars(with = "Option<Map<String, Value>>")]
    pub settings: Option<Spanned<Map<String, Value>>>,
    /// Its default routes, as the admin API takes them.
    #[schemars(with = "Option<Vec<Value>>")]
    pub routes: Option<Spanned<Value>>,
    /// What its live release runs: one of plugins. Without it no release is made.
    #[schemars(with = "Option<String>")]
    pub plugin: Option<Spanned<PluginName>>,
    /// Which version of a plugin that has no file here; the newest where absent.
    pub version: Option<u32>,
    /// What the release may use; all that the plugin imports where absent, http only where there are egress rules.
    #[schemars(with = "Option<Vec<String>>")]
    pub grants: Option<BTreeSet<Grant>>,
    /// What it may reach, for example "GET,POST https://api.example.com".
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub egress: Vec<Spanned<String>>,
    /// Limits below those of the tenant.
    #[serde(default)]
    pub limits: BTreeMap<String, u64>,
    /// Who gets the release of another alias than live, by number.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>")]
    pub test_callers: BTreeMap<String, AliasName>,
}

/// An address that goes to a flow.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Bound {
    /// "+18005551234" for a voice number, else channel:kind:value.
    #[schemars(with = "String")]
    pub address: Spanned<Address>,
    /// Through which it answers: the tenant's, or of one above it.
    #[schemars(with = "String")]
    pub connection: Spanned<ConnectionId>,
    /// Where its contacts go.
    #[schemars(with = "String")]
    pub flow: Spanned<FlowName>,
    /// No quota bars its contacts; set from above the tenant. What is absent stays.
    pub priority: Option<bool>,
}

/// What only tells the two forms of a file apart.
#[derive(Deserialize)]
struct Form {
    tenants: Option<serde::de::IgnoredAny>,
}

/// Reads a file: one tenant, or several.
pub(super) fn read(path: &Path) -> Result<Vec<Whole>, String> {
    let unreadable = |why: String| format!("{}: {why}", path.display());
    let bytes = std::fs::metadata(path).map_err(|e| unreadable(e.to_string()))?.len();
    if bytes > FILE_BYTES_MAX {
        return Err(unreadable(format!("it has {bytes} bytes; at most {FILE_BYTES_MAX}, so cut it in two")));
    }
    parse(path, &std::fs::read_to_string(path).map_err(|e| unreadable(e.to_string()))?)
}

/// The same of a text; `path` is how mistakes call it.
pub(super) fn parse(path: &Path, text: &str) -> Result<Vec<Whole>, String> {
    let wrong = |error: serde_saphyr::Error| {
        let place = error.location();
        let (line, column) = (place.map_or(0, |place| place.line()), place.map_or(0, |place| place.column()));
        format!("{}:{line}:{column}: {}", path.display(), error.without_snippet())
    };
    let form: Form = serde_saphyr::from_str(text).map_err(wrong)?;
    if form.tenants.is_some() {
        let several: Several = serde_saphyr::from_str(text).map_err(wrong)?;
        return Ok(several.tenants);
    }
    Ok(vec![serde_saphyr::from_str(text).map_err(wrong)?])
}

/// The form as JSON Schema.
pub(super) fn schema() -> Value {
    #[derive(JsonSchema)]
    #[schemars(title = "Jackfield tenants as code", rename = "Tenants", untagged)]
    #[expect(dead_code, reason = "it only says that a file is one of two forms")]
    enum Tenants {
        One(Box<Whole>),
        Several(Several),
    }
    schemars::schema_for!(Tenants).to_value()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> String {
        parse(Path::new("acme.yaml"), text).unwrap_err()
    }

    #[test]
    fn a_mistake_is_told_with_line_column_and_member() {
        for (text, place, word) in [
            ("tenant: {id: acme}\nquues: []\n", "acme.yaml:2:1:", "quues"),
            ("tenant: {id: acme}\nflows:\n  - name: main\n    lable: x\n", "acme.yaml:4:5:", "lable"),
            ("tenant: {label: acme}\n", "acme.yaml:1:", "id"),
            ("tenants:\n  - tenant: {id: acme}\n    flows:\n      - {label: x}\n", "acme.yaml:4:", "name"),
            ("tenant: {id: Acme}\n", "acme.yaml:1:", "tenant"),
            ("tenant: {id: acme}\nflows: [\n", "acme.yaml:", ""),
            ("tenant: {id: acme}\nquota: {meterz: {}}\n", "acme.yaml:2:", "meterz"),
        ] {
            let told = wrong(text);
            assert!(told.starts_with(place) && told.contains(word), "{text}: {told}");
        }
    }

    #[test]
    fn a_secret_that_stands_in_the_file_is_refused_and_not_repeated() {
        let told = wrong("tenant: {id: acme}\nsecrets:\n  - {name: crm, from: hunter2, hosts: [crm.example]}\n");
        assert!(told.starts_with("acme.yaml:3:") && told.contains("env:NAME") && !told.contains("hunter2"), "{told}");
    }

    #[test]
    fn one_tenant_and_several_are_read() {
        let one = parse(Path::new("a"), "tenant: {id: acme}\naddresses:\n  - {address: +18005551234, connection: twilio, flow: main}\n");
        assert_eq!(one.unwrap()[0].addresses[0].address.value.to_string(), "voice:number:+18005551234");
        assert_eq!(parse(Path::new("a"), "tenants:\n  - tenant: {id: a}\n  - tenant: {id: b, parent: a}\n").unwrap().len(), 2);
    }
}
