//! Holds the promises of the typed store, over memory and over sled, as its callers meet them.

mod briefs;
mod erasing;
mod finding;
mod forgetting;
mod ledger;
mod places;
mod plugin_state;
mod transferring;

use jackfield_domain::budget::Plan;
use jackfield_domain::contact::decision::Draft;
use jackfield_domain::contact::event::Event;
use jackfield_domain::contact::{Arrival, Contact, Direction, Endpoint, Party, Phase};
use jackfield_domain::flow::plugin::{Metadata, SlotClass, Version};
use jackfield_domain::id::{ContactId, Digest, TenantId};
use jackfield_domain::tenant::address::{Binding, Channel};
use jackfield_domain::tenant::connection::{Connection, NamedSecret, Secret};
use jackfield_domain::tenant::directory::Person;
use jackfield_domain::tenant::{Standing, Tenant};
use jackfield_domain::trail::{Times, Turn};

use crate::{Expect, MasterKey, Store};

const SECRET: &str = "a-secret-that-must-not-be-found";
const CALLER: &str = "+18005550199";

fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

fn master() -> MasterKey {
    MasterKey::from_bytes([3; 32])
}

async fn store() -> Store {
    Store::memory(master()).await
}

fn tenant(name: &str, parent: Option<&str>) -> Tenant {
    Tenant {
        id: id(name),
        parent: parent.map(id),
        ancestors: parent.map(id).into_iter().collect(),
        label: name.to_owned(),
        zone: "Europe/Berlin".to_owned(),
        language: "de".to_owned(),
        plan: Plan::Standard,
        limits: Plan::Standard.limits(),
        standing: Standing::Active,
        created: 1,
    }
}

fn connection(name: &str, owner: &str) -> Connection {
    Connection {
        id: id(name),
        tenant: id(owner),
        provider: "twilio".to_owned(),
        account: None,
        public_url: "https://example.com".to_owned(),
        secrets: vec![NamedSecret { name: "first".to_owned(), secret: Secret::new(SECRET.to_owned()), added: 1 }],
        unbound: None,
        speaker_url: None,
        voice: None,
        options: std::collections::BTreeMap::new(),
        created: 1,
    }
}

fn binding(address: &str, owner: &str) -> Binding {
    Binding {
        address: id(address),
        tenant: id(owner),
        connection: id("line"),
        flow: id("main"),
        bound: 1,
        priority: false,
        proven: None,
        next: None,
        rivals: Vec::new(),
    }
}

fn person(name: &str) -> Person {
    Person { name: id(name), label: SECRET.to_owned(), address: Endpoint { raw: CALLER.to_owned(), e164: Some(CALLER.to_owned()) } }
}

fn version(owner: &str, number: u32, component: &[u8]) -> Version {
    Version {
        tenant: id(owner),
        plugin: id("ivr"),
        number,
        digest: Digest::of(component),
        bytes: 1,
        class: SlotClass::Small,
        contract: "0.9.0".to_owned(),
        exports: std::collections::BTreeSet::new(),
        imports: std::collections::BTreeSet::new(),
        metadata: Metadata::default(),
        describe_fuel: 1,
        compile_ms: 1,
        uploaded: 1,
        by: "operator".to_owned(),
    }
}

/// A contact that arrived then.
fn contact(owner: &str, at: u64, nth: u8) -> Contact {
    let tenant: TenantId = id(owner);
    Contact {
        id: ContactId::new(at, [nth; 10]),
        tenant,
        flow: id("main"),
        connection: id("line"),
        provider: "twilio".to_owned(),
        address: id("voice:number:+18005551234"),
        channel: Channel::Voice,
        arrival: Arrival {
            provider_contact: format!("CA{at}-{nth}"),
            parent: None,
            direction: Direction::Inbound,
            customer: Party { address: Endpoint { raw: CALLER.to_owned(), e164: Some(CALLER.to_owned()) }, ..Party::default() },
            entry: Endpoint { raw: "+18005551234".to_owned(), e164: Some("+18005551234".to_owned()) },
            forwarded_from: None,
            headers: Vec::new(),
            extras: Vec::new(),
        },
        release: Some(1),
        plan: Plan::Standard,
        language: "de".to_owned(),
        started: at,
        heard: at,
        ended: None,
        end_cause: None,
        phase: Phase::Running,
        turn: 0,
        idle_turns: 0,
        asked_turns: 0,
        attributes: std::collections::BTreeMap::new(),
        open: None,
        queues: Vec::new(),
        failures: Vec::new(),
        consents: std::collections::BTreeMap::new(),
        state_schema: None,
        state_bytes: 0,
        priority: false,
        test: false,
        gave_secrets: false,
    }
}

fn turn(contact: &Contact, sequence: u32, reason: &str) -> Turn {
    Turn {
        contact: contact.id,
        at: contact.started,
        sequence,
        turn: sequence,
        event: Event::Arrived,
        rule: "a rule".to_owned(),
        flow: contact.flow.clone(),
        release: contact.release,
        arm: None,
        verified_with: "first".to_owned(),
        barred: None,
        shortage: None,
        reported: Vec::new(),
        attempts: Vec::new(),
        lost: Vec::new(),
        decision: Some(Draft { actions: Vec::new(), reason: String::new() }),
        reason: reason.to_owned(),
        answered_by: None,
        notes: Vec::new(),
        directory_revision: 0,
        reply: None,
        times: Times::default(),
        trace: None,
    }
}

/// Two tenants, each with a connection, an address and a person.
async fn settle_in(store: &Store) {
    for name in ["acme", "bolt"] {
        let change = store.platform().change().tenant(&tenant(name, Some("platform")), Expect::Absent);
        change.commit().await.unwrap();
        let line = connection(&format!("{name}-line"), name);
        let number = binding(if name == "acme" { "+18005551001" } else { "+18005552001" }, name);
        let scope = store.tenant(&id(name));
        let change = scope.change().put(&person("ada"), Expect::Absent);
        change.platform(|rows| rows.connect(&line, Expect::Absent).bind(&number)).commit().await.unwrap();
    }
}
