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
use jackfield_store::StoreFault;

use crate::app::App;

/// Makes what is missing.
pub async fn prepare(app: &App) -> Result<(), StoreFault> {
    let id = TenantId::platform();
    if app.store.platform().tenant(&id).await?.is_some() {
        return Ok(());
    }
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
    let change = app.store.tenant(&id).change().tenant(&platform, Expect::Absent).routes(None, &default_routes(), Expect::Absent);
    match change.commit().await {
        // Another process that starts on the same store cannot be: the store is locked. A conflict means it is there.
        Ok(()) | Err(CommitError::Conflict { .. }) => Ok(()),
        Err(CommitError::Fault(fault)) => Err(fault.into()),
        Err(other) => Err(StoreFault::lost(&other.to_string())),
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
