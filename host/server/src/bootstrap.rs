//! Makes an empty store usable: the platform as the root of all tenants, and its default route.
//!
//! `serve` calls it at every start; what exists is left alone.

use jackfield_domain::budget::Plan;
use jackfield_domain::contact::decision::{Action, Draft, Prompt};
use jackfield_domain::fallback::{DefaultRoute, DefaultRoutes};
use jackfield_domain::id::TenantId;
use jackfield_domain::ports::rows::{CommitError, Expect};
use jackfield_domain::tenant::address::Channel;
use jackfield_domain::tenant::{Standing, Tenant};
use jackfield_store::{RoutesRow, StoreFault};

use crate::app::App;
use crate::pipeline::unwritten;

/// Makes what is missing.
pub async fn prepare(app: &App) -> Result<(), StoreFault> {
    let id = TenantId::platform();
    let platform = Tenant {
        id: id.clone(),
        parent: None,
        ancestors: Vec::new(),
        label: "Platform".to_owned(),
        zone: "UTC".to_owned(),
        language: "en-US".to_owned(),
        plan: Plan::Maximum,
        limits: Plan::Maximum.limits(),
        standing: Standing::Active,
        created: app.clock.now(),
    };
    let routes = RoutesRow { level: None, routes: default_routes() };
    if app.store.platform().tenant(&id).await?.is_none() {
        app.store.platform().change().tenant(&platform, Expect::Absent).commit().await.map_err(unwritten)?;
    }
    match app.store.tenant(&id).change().put(&routes, Expect::Absent).commit().await {
        // A conflict means that there are routes: from an earlier start, or from the operator.
        Ok(()) | Err(CommitError::Conflict { .. }) => Ok(()),
        Err(other) => Err(unwritten(other)),
    }
}

/// What callers hear where nobody set anything.
fn default_routes() -> DefaultRoutes {
    let words = "Thank you for calling. We cannot connect you at the moment. Please try again later.";
    let open = Draft {
        actions: vec![Action::Say(Prompt::text(words)), Action::HangUp(Some("platform default".to_owned()))],
        reason: "the platform's default route".to_owned(),
    };
    DefaultRoutes(vec![DefaultRoute { channel: Channel::Voice, language: None, hours: None, open, closed: None }])
}
