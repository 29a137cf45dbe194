//! Measures one invocation beside the engine alone with the same component.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jackfield_domain::budget::Plan;
use jackfield_domain::contact::event::Event;
use jackfield_domain::contact::{Arrival, Contact, Direction, Endpoint, Party, Phase};
use jackfield_domain::flow::plugin::Grant;
use jackfield_domain::id::ContactId;
use jackfield_domain::ports::outbound::{Errand, Nowhere, Outbound};
use jackfield_domain::ports::spending::Unmetered;
use jackfield_domain::ports::state::StateSpace;
use jackfield_domain::priority::Priority;
use jackfield_domain::quota::describe_pass;
use jackfield_domain::tenant::address::Channel;
use jackfield_domain::tenant::directory::Directory;
use jackfield_runtime::bare::{Round, round};
use jackfield_runtime::capability::live::{Live, LiveParts};
use jackfield_runtime::{Call, Function, Installed, Runtime, RuntimeSettings};
use jackfield_store::{MasterKey, Store};
use jackfield_tests::artifacts;

use super::{held, load_average, spread};

/// Rounds: enough that a neighbour's noise shows as spread and not as a result.
const ROUNDS: usize = 40;
/// Calls in one round of each.
const CALLS: u32 = 2_000;
/// What the ratio should not pass.
const AIM: f64 = 1.2;

/// Measures.
pub(super) async fn run() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let store = Store::memory(MasterKey::from_bytes([7; 32])).await;
    let settings = RuntimeSettings {
        artifacts_dir: dir.path().join("artifacts"),
        compiler: artifacts::binary()?,
        compile: jackfield_runtime::CompileSettings::standard(),
        node_key: [7; 32],
        small_slots: 64,
        large_slots: 4,
        workers: 1,
        artifact_bytes_max: 1 << 30,
        yield_fuel: 500_000,
        files_reserved: 1_000,
    };
    let runtime = Runtime::start(settings, store.blobs())?;
    let component: Bytes = artifacts::plugin("acme-ivr")?;
    let installed = runtime.install(component).await.map_err(|e| anyhow::anyhow!("{e:?}"))?;
    let version = (installed.digest, installed.class);
    let pass = describe_pass();
    let make = call(&store, &installed)?;
    round(&runtime, &pass, version, CALLS, make.clone()).await?;
    let mut rounds = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        rounds.push(round(&runtime, &pass, version, CALLS, make.clone()).await?);
    }
    report(&rounds);
    runtime.stop();
    Ok(())
}

fn call(store: &Store, installed: &Installed) -> anyhow::Result<impl Fn() -> Call + Send + Sync + Clone + 'static> {
    let limits = Plan::Standard.limits();
    let contact = contact()?;
    let space =
        StateSpace { tenant: contact.tenant.clone(), owner: contact.tenant.clone(), plugin: "acme-ivr".parse()?, contact: contact.id };
    let (digest, class, state, directory) = (installed.digest, installed.class, store.state(), Arc::new(Directory::default()));
    let outbound: Arc<dyn Outbound> = Arc::new(Nowhere);
    let errand = Errand {
        tenant: contact.tenant.clone(),
        flow: contact.flow.clone(),
        release: 1,
        rules: Arc::default(),
        body_bytes_max: limits.http_bytes_max,
        spending: Arc::new(Unmetered),
    };
    let (contact, event, settings) = (Arc::new(contact), Arc::new(Event::Arrived), Arc::new(serde_json::json!({})));
    Ok(move || Call {
        digest,
        class,
        priority: Priority::Arrival,
        function: Function::Handle,
        contact: Arc::clone(&contact),
        event: Arc::clone(&event),
        release: 1,
        turn: 1,
        attempt: 1,
        now: contact.started,
        zone_offset_minutes: 0,
        deadline: contact.started + 1_000,
        limits,
        wall: Duration::from_secs(1),
        seed: [1; 32],
        grants: Grant::ALL.into_iter().collect(),
        capabilities: Box::new(Live::new(LiveParts {
            settings: Arc::clone(&settings),
            directory: directory.clone(),
            state: state.clone(),
            space: space.clone(),
            contact: Arc::clone(&contact),
            limits,
            now: contact.started,
            outcomes: Vec::new(),
            salt_key: [3; 32],
            last_seen: Box::pin(std::future::ready(Ok(None))),
            outbound: outbound.clone(),
            errand: errand.clone(),
        })),
        context: None,
    })
}

fn contact() -> anyhow::Result<Contact> {
    let endpoint = |number: &str| Endpoint { raw: number.to_owned(), e164: Some(number.to_owned()) };
    Ok(Contact {
        id: ContactId::new(1_790_000_000_000, [5; 10]),
        tenant: "acme".parse()?,
        flow: "main".parse()?,
        connection: "twilio".parse()?,
        provider: "twilio".to_owned(),
        address: "+18005551234".parse()?,
        channel: Channel::Voice,
        arrival: Arrival {
            provider_contact: "CA11111111111111111111111111111111".to_owned(),
            parent: None,
            direction: Direction::Inbound,
            customer: Party { address: endpoint("+14155550100"), ..Party::default() },
            entry: endpoint("+18005551234"),
            forwarded_from: None,
            headers: Vec::new(),
            extras: Vec::new(),
        },
        release: Some(1),
        plan: Plan::Standard,
        language: "en-US".to_owned(),
        started: 1_790_000_000_000,
        heard: 1_790_000_000_000,
        ended: None,
        end_cause: None,
        phase: Phase::Running,
        turn: 0,
        asked_turns: 0,
        idle_turns: 0,
        attributes: Default::default(),
        open: None,
        queues: Vec::new(),
        failures: Vec::new(),
        consents: Default::default(),
        state_schema: None,
        state_bytes: 0,
        priority: false,
        test: false,
        gave_secrets: false,
    })
}

fn report(rounds: &[Round]) {
    println!("{ROUNDS} rounds of {CALLS} calls of the Acme plugin, interleaved; load average {}", load_average());
    let micros = |of: fn(&Round) -> Duration| spread(rounds.iter().map(|r| of(r).as_secs_f64() * 1e6).collect());
    for (what, (low, middle, high)) in [
        ("the engine alone", micros(|r| r.bare)),
        ("fully limited and recorded", micros(|r| r.limited)),
        ("the same through the runtime's door", micros(|r| r.through_runtime)),
    ] {
        println!("  {what:36} {middle:8.1} us  (p10 {low:.1}, p90 {high:.1})");
    }
    let ratio = |of: fn(&Round) -> f64| spread(rounds.iter().map(of).collect());
    let (low, middle, high) = ratio(|r| r.limited.as_secs_f64() / r.bare.as_secs_f64());
    println!(
        "  ratio, limited over bare             {middle:8.3}     (p10 {low:.3}, p90 {high:.3}); aim at most {AIM}: {}",
        held(middle <= AIM)
    );
    let (low, middle, high) = ratio(|r| r.through_runtime.as_secs_f64() / r.bare.as_secs_f64());
    println!("  ratio, through the door over bare    {middle:8.3}     (p10 {low:.3}, p90 {high:.3})");
}
