//! Makes an empty store usable: the platform as the root of all tenants, and its default route.
//!
//! `serve` calls it at every start; what exists is left alone, and what an older version wrote is brought up to this one's rules.

use jackfield_domain::budget::Plan;
use jackfield_domain::contact::decision::{Action, Draft, Prompt};
use jackfield_domain::fallback::{DefaultRoute, DefaultRoutes};
use jackfield_domain::id::TenantId;
use jackfield_domain::ports::rows::{CommitError, Expect};
use jackfield_domain::tenant::address::{Binding, Channel};
use jackfield_domain::tenant::{Standing, Tenant};
use jackfield_store::{RoutesRow, Store, StoreFault};

use crate::app::App;
use crate::pipeline::unwritten;

/// Addresses that are written in one batch: three writes each, and a batch has a thousand.
const AT_ONCE: usize = 200;

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
    prove_once(&app.store).await?;
    match app.store.tenant(&id).change().put(&routes, Expect::Absent).commit().await {
        // A conflict means that there are routes: from an earlier start, or from the operator.
        Ok(()) | Err(CommitError::Conflict { .. }) => Ok(()),
        Err(other) => Err(unwritten(other)),
    }
}

/// Counts what was bound before there were proofs as proven: it is in service, and nobody may claim it because of an upgrade.
async fn prove_once(store: &Store) -> Result<(), StoreFault> {
    let platform = store.platform();
    if platform.addresses_are_proven().await? {
        return Ok(());
    }
    let mut after = None;
    loop {
        let page = platform.bindings(after.as_ref(), AT_ONCE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.row.address.clone());
        let unproven = page.iter().filter(|found| found.row.proven.is_none());
        let change = unproven.fold(platform.change(), |change, found| {
            let proven = Binding { proven: Some(found.row.bound), ..found.row.clone() };
            change.rebind(&found.row, &proven, Expect::Revision(found.revision))
        });
        change.commit().await.map_err(unwritten)?;
    }
    platform.change().addresses_proven().commit().await.map_err(unwritten)
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

#[cfg(test)]
mod tests {
    use jackfield_store::MasterKey;

    use super::*;

    #[tokio::test]
    async fn what_was_in_service_before_there_were_proofs_is_proven_and_what_is_bound_later_is_not() {
        let store = Store::memory(MasterKey::from_bytes([7; 32])).await;
        let binding = |number: String| Binding {
            address: number.parse().unwrap(),
            tenant: "acme".parse().unwrap(),
            connection: "line".parse().unwrap(),
            flow: "main".parse().unwrap(),
            bound: 17,
            priority: true,
            proven: None,
            next: None,
            rivals: Vec::new(),
        };
        for at in 0..AT_ONCE + 5 {
            store.platform().change().bind(&binding(format!("+1800555{at:04}"))).commit().await.unwrap();
        }
        prove_once(&store).await.unwrap();
        store.platform().change().bind(&binding("+18005559999".to_owned())).commit().await.unwrap();
        prove_once(&store).await.unwrap();
        let all = store.platform().bindings_of(&"acme".parse().unwrap(), usize::MAX).await.unwrap();
        let (proven, claimed): (Vec<_>, Vec<_>) = all.into_iter().partition(|binding| binding.proven.is_some());
        assert!(proven.len() == AT_ONCE + 5 && proven.iter().all(|binding| binding.proven == Some(17) && binding.priority));
        assert_eq!(claimed.iter().map(|binding| binding.address.to_string()).collect::<Vec<_>>(), ["voice:number:+18005559999"]);
    }
}
