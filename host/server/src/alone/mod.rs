//! Builds the documents that answer calls while nobody of us is there: the default routes of everything behind a connection.
//!
//! The admin API's route for a connection's fallback calls [`of_tenant`] for one tenant after the other; the command line writes what
//! comes back into a folder. It walks the same levels as the settle step and asks the same rule, but for both branches and for every
//! language that has a route, because a static host knows neither hours nor callers. What a provider cannot make stand alone is passed
//! over for the next level, as it would be for a caller.

use std::collections::BTreeMap;
use std::sync::Arc;

use jackfield_domain::contact::Endpoint;
use jackfield_domain::contact::decision::Draft;
use jackfield_domain::fallback::{Abilities, AnsweredBy, DefaultRoutes, Inability, Step, stand};
use jackfield_domain::id::{ContactId, FlowName, TenantId};
use jackfield_domain::tenant::address::{Address, Binding, Channel};
use jackfield_domain::tenant::connection::Connection;
use jackfield_domain::tenant::directory::Directory;
use jackfield_providers::provider::{Place, Provider, Scene};
use jackfield_store::StoreFault;
use serde::Serialize;

use crate::app::App;
use crate::surroundings::Surroundings;

/// Addresses of one tenant that are looked through.
const BINDINGS_MAX: usize = 100_000;

/// One flow behind the connection.
#[derive(Debug, Clone, Serialize)]
pub struct FlowDocuments {
    /// Whose.
    pub tenant: TenantId,
    /// Which.
    pub flow: FlowName,
    /// The language in which its contacts begin: whose documents its addresses get.
    pub language: String,
    /// What leads to it through the connection.
    pub addresses: Vec<Address>,
    /// By language and branch.
    pub documents: Vec<Document>,
}

/// One document.
#[derive(Debug, Clone, Serialize)]
pub struct Document {
    /// What to call its file.
    pub file: String,
    /// BCP 47 tag.
    pub language: String,
    /// "open" or "closed".
    pub branch: &'static str,
    /// Whose default route it is.
    pub answered_by: AnsweredBy,
    /// The document.
    pub body: String,
    /// What of the route is left out or done in a lesser way.
    pub lesser: Vec<String>,
    /// Nearer routes that cannot stand alone.
    pub passed_over: Vec<String>,
}

/// The routes of one level, with their owner's directory.
struct Level {
    by: AnsweredBy,
    routes: Arc<DefaultRoutes>,
    directory: Arc<Directory>,
}

/// What a provider can render so that it stands alone.
struct StandsAlone<'a> {
    provider: &'a dyn Provider,
    scene: &'a Scene<'a>,
}

impl Abilities for StandsAlone<'_> {
    fn check(&self, draft: &Draft) -> Result<Vec<String>, Inability> {
        self.provider.render_alone(draft, self.scene).map(|alone| alone.lesser)
    }
}

/// The documents of one tenant's flows behind a connection; none where it has no address there.
pub async fn of_tenant(
    app: &App,
    provider: &dyn Provider,
    connection: &Connection,
    tenant: &TenantId,
) -> Result<Vec<FlowDocuments>, StoreFault> {
    let bindings = app.store.platform().bindings_of(tenant, BINDINGS_MAX).await?;
    let ours = |binding: &Binding| binding.connection == connection.id;
    let mut by_flow: BTreeMap<FlowName, Vec<Address>> = BTreeMap::new();
    for binding in bindings.into_iter().filter(ours) {
        by_flow.entry(binding.flow).or_default().push(binding.address);
    }
    let mut flows = Vec::with_capacity(by_flow.len());
    if by_flow.is_empty() {
        return Ok(flows);
    }
    let around = app.known.of(tenant).await?.ok_or_else(|| StoreFault::missing("tenant", tenant.as_str()))?;
    for (flow, addresses) in by_flow {
        let levels = levels(app, &around, &flow).await?;
        let documents = languages(&around.tenant.language, &levels)
            .iter()
            .flat_map(|language| [(language, "open"), (language, "closed")])
            .map(|(language, branch)| {
                let about = About { provider, connection, around: &around, flow: &flow, addresses: &addresses };
                about.document(&levels, language, branch)
            })
            .collect();
        flows.push(FlowDocuments { tenant: tenant.clone(), flow, language: around.tenant.language.clone(), addresses, documents });
    }
    Ok(flows)
}

/// Flow, tenant, those above it.
async fn levels(app: &App, around: &Surroundings, flow: &FlowName) -> Result<Vec<Level>, StoreFault> {
    let mut levels = Vec::new();
    for (by, of) in [(AnsweredBy::FlowDefault, Some(flow.clone())), (AnsweredBy::TenantDefault, None)] {
        if let Some(routes) = around.routes(&app.store, &of).await? {
            levels.push(Level { by, routes, directory: Arc::clone(&around.directory) });
        }
    }
    for above in around.ancestors.iter() {
        let by = if above.parent.is_none() { AnsweredBy::PlatformDefault } else { AnsweredBy::TenantDefault };
        let Some(around) = app.known.of(&above.id).await? else { continue };
        if let Some(routes) = around.routes(&app.store, &None).await? {
            levels.push(Level { by, routes, directory: Arc::clone(&around.directory) });
        }
    }
    Ok(levels)
}

/// The tenant's own, and all for which there is a route of their own, each once.
fn languages(own: &str, levels: &[Level]) -> Vec<String> {
    let voice = levels.iter().flat_map(|level| level.routes.0.iter()).filter(|route| route.channel == Channel::Voice);
    let mut languages = vec![own.to_owned()];
    for language in voice.filter_map(|route| route.language.as_ref()) {
        if !languages.iter().any(|known| known.eq_ignore_ascii_case(language)) {
            languages.push(language.clone());
        }
    }
    languages
}

/// What a document is about.
struct About<'a> {
    provider: &'a dyn Provider,
    connection: &'a Connection,
    around: &'a Surroundings,
    flow: &'a FlowName,
    addresses: &'a [Address],
}

impl About<'_> {
    fn document(&self, levels: &[Level], language: &str, branch: &'static str) -> Document {
        let Self { provider, connection, around, flow, addresses } = self;
        let caller = Endpoint::default();
        let scene = Scene {
            connection,
            contact: ContactId::first_at(0),
            turn: 1,
            place: Place::Main,
            language,
            // The caller id of a transfer, where there is only one that it can be.
            entry: match addresses {
                [only] => Some(only),
                _ => None,
            },
            caller: &caller,
            directory: &around.directory,
            asked: "",
            ran: None,
            now: 0,
            alone: true,
        };
        let steps: Vec<Step<'_>> =
            levels.iter().map(|level| Step { by: level.by, routes: &level.routes, directory: &level.directory }).collect();
        let abilities = StandsAlone { provider: *provider, scene: &scene };
        let standing = stand(&steps, &around.tenant.limits, &abilities, Channel::Voice, language, branch == "closed");
        let body = match provider.render_alone(&standing.draft, &scene) {
            Ok(alone) => alone.reply.body,
            // What stands was rendered a moment ago; only the last words come here, and they are what this gives.
            Err(_) => provider.render_unbound(&standing.draft, connection).body,
        };
        Document {
            file: format!("{}.{flow}.{language}.{branch}.{}", around.tenant.id, provider.hosting().ending),
            language: language.to_owned(),
            branch,
            answered_by: standing.answered_by,
            body: String::from_utf8_lossy(&body).into_owned(),
            lesser: standing.lesser,
            passed_over: standing.passed_over,
        }
    }
}
