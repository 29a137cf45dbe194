//! Tells Amazon Connect whose call it is: the tenant's attributes for the flow, and where the call goes next.
//!
//! One Connect instance serves many brands; the number or the queue has found this tenant already, so nothing is looked up here. What the
//! flow reads are flat attributes, as such flows have always read them, and the action says flow or queue. A tenant that is switched off
//! declines, and its callers go where its default route says.

use jackfield_sdk::prelude::*;
use serde::{Deserialize, Serialize};

/// The tag of the way to the tenant's own flow.
const MAIN_FLOW: &str = "main-flow";

/// All settings.
#[derive(Debug, Serialize, Deserialize)]
struct Settings {
    tenant_id: String,
    tenant_name: String,
    greeting: String,
    #[serde(default)]
    region: Option<String>,
    #[serde(default)]
    business_hours_id: Option<String>,
    /// The ARN that the flow is told, and who in the directory it is.
    #[serde(default)]
    main_flow: Option<MainFlow>,
    queue: String,
    /// The queue as Connect names it.
    #[serde(default)]
    queue_arn: Option<String>,
    #[serde(default = "yes")]
    enabled: bool,
    /// Whatever else the flow reads.
    #[serde(default)]
    attributes: std::collections::BTreeMap<String, String>,
}

/// The tenant's own flow.
#[derive(Debug, Serialize, Deserialize)]
struct MainFlow {
    person: String,
    arn: String,
}

fn yes() -> bool {
    true
}

struct ConnectFront;

impl Router for ConnectFront {
    fn describe() -> Describe {
        Describe::new("connect-front", env!("CARGO_PKG_VERSION"))
            .settings_schema(include_str!("settings.schema.json"))
            .events([EventKind::Arrived, EventKind::DialEnded, EventKind::QueueEnded])
            .actions([ActionKind::SetAttributes, ActionKind::Transfer, ActionKind::Enqueue])
    }

    fn handle(_contact: &Contact, event: &Event, host: &Host) -> Answer {
        let settings: Settings = host.settings()?;
        match event {
            Event::Arrived if !settings.enabled => Err(Failure::Unavailable("the tenant is switched off".into())),
            Event::Arrived => Ok(arrived(&settings)),
            // The flow could not be entered, or the customer came back from it: an agent is the answer that is left.
            Event::DialEnded(_) => Ok(Decision::new().enqueue(&settings.queue).because("the tenant's flow did not take the call")),
            _ => Ok(Decision::keep()),
        }
    }
}

fn arrived(settings: &Settings) -> Decision {
    let mut decision = Decision::new()
        .set_attribute("TenantId", &settings.tenant_id)
        .set_attribute("TenantName", &settings.tenant_name)
        .set_attribute("TenantGreeting", &settings.greeting)
        .set_attribute("TenantQueue", settings.queue_arn.as_deref().unwrap_or(&settings.queue));
    let optional = [
        ("TenantRegion", settings.region.as_deref()),
        ("BusinessHoursId", settings.business_hours_id.as_deref()),
        ("TenantMainFlow", settings.main_flow.as_ref().map(|flow| flow.arn.as_str())),
    ];
    let own = settings.attributes.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    for (name, value) in optional.into_iter().filter_map(|(name, value)| Some((name, value?))).chain(own) {
        decision = decision.set_attribute(name, value);
    }
    match &settings.main_flow {
        Some(flow) => {
            decision.transfer(MAIN_FLOW, Target::person(&flow.person)).because(format!("{} has a flow of its own", settings.tenant_name))
        }
        None => decision.enqueue(&settings.queue).because(format!("{} has no flow of its own", settings.tenant_name)),
    }
}

export!(ConnectFront);
