//! Temporary.
#![allow(clippy::all, clippy::unwrap_used, clippy::print_stdout, clippy::indexing_slicing, clippy::disallowed_methods)]
use bytes::Bytes;
use jackfield_domain::budget::*;
use jackfield_domain::capability::*;
use jackfield_domain::contact::event::*;
use jackfield_domain::contact::*;
use jackfield_domain::flow::plugin::*;
use jackfield_domain::id::*;
use jackfield_domain::ports::BoxFuture;
use jackfield_domain::ports::blobs::Blobs;
use jackfield_domain::ports::rows::RowsFault;
use jackfield_domain::ports::state::*;
use jackfield_domain::tenant::address::*;
use jackfield_domain::tenant::directory::*;
use jackfield_runtime::capability::live::*;
use jackfield_runtime::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

#[derive(Default)]
struct Mem(Mutex<BTreeMap<Digest, Bytes>>);
impl Blobs for Mem {
    fn put(&self, b: Bytes) -> BoxFuture<'_, Result<Digest, RowsFault>> {
        let d = Digest::of(&b);
        self.0.lock().unwrap().insert(d, b);
        Box::pin(async move { Ok(d) })
    }
    fn get<'a>(&'a self, d: &'a Digest) -> BoxFuture<'a, Result<Option<Bytes>, RowsFault>> {
        let r = self.0.lock().unwrap().get(d).cloned();
        Box::pin(async move { Ok(r) })
    }
}
struct NoState;
impl State for NoState {
    fn get<'a>(&'a self, _: &'a StateSpace, _: Scope, _: &'a str, _: u64) -> BoxFuture<'a, Result<Option<Entry>, RowsFault>> {
        Box::pin(async { Ok(None) })
    }
    fn list<'a>(
        &'a self,
        _: &'a StateSpace,
        _: Scope,
        _: &'a str,
        _: Option<&'a str>,
        _: usize,
        _: u64,
    ) -> BoxFuture<'a, Result<KeyPage, RowsFault>> {
        Box::pin(async { Ok((vec![], None)) })
    }
    fn tenant_bytes<'a>(&'a self, _: &'a StateSpace) -> BoxFuture<'a, Result<u64, RowsFault>> {
        Box::pin(async { Ok(0) })
    }
}
fn contact() -> Contact {
    let e = |s: &str| Endpoint { raw: s.into(), e164: Some(s.into()) };
    Contact {
        id: ContactId::new(1, [0; 10]),
        tenant: "acme".parse().unwrap(),
        flow: "main".parse().unwrap(),
        connection: "tw".parse().unwrap(),
        provider: "twilio".into(),
        address: Address::new(Channel::Voice, AddressKind::Number, "+18005551234").unwrap(),
        channel: Channel::Voice,
        arrival: Arrival {
            provider_contact: "CA1".into(),
            parent: None,
            direction: Direction::Inbound,
            customer: Party { address: e("+14155550100"), ..Default::default() },
            entry: e("+18005551234"),
            forwarded_from: None,
            headers: vec![],
            extras: vec![],
        },
        release: Some(1),
        plan: Plan::Standard,
        language: "en-US".into(),
        started: 1_700_000_000_000,
        ended: None,
        end_cause: None,
        phase: Phase::Running,
        turn: 0,
        idle_turns: 0,
        attributes: Default::default(),
        open: None,
        queues: vec![],
        failures: vec![],
        consents: Default::default(),
        state_schema: None,
        state_bytes: 0,
        asked_turns: Default::default(),
    }
}
#[tokio::main]
async fn main() {
    let dir = std::path::PathBuf::from("/tmp/rt/artifacts");
    let compiler = std::env::current_exe().unwrap().with_file_name("compiler");
    let t = Instant::now();
    let rt = Runtime::start(
        RuntimeSettings {
            artifacts_dir: dir,
            compiler,
            node_key: [7; 32],
            small_slots: 64,
            large_slots: 8,
            workers: 2,
            artifact_bytes_max: 1 << 30,
            yield_fuel: 1_000_000,
        },
        Arc::new(Mem::default()),
    )
    .unwrap();
    println!("start {:?} {:?}", t.elapsed(), rt.resident());
    let pass = jackfield_domain::quota::describe_pass();
    for path in std::env::args().skip(1) {
        let name = path.rsplit('/').next().unwrap().to_owned();
        let installed = match rt.install(std::fs::read(&path).unwrap().into()).await {
            Ok(i) => i,
            Err(e) => {
                println!("{name}: INSTALL {e:?}");
                continue;
            }
        };
        println!(
            "{name}: {} {:?} {} exports {:?} imports {:?} fuel {} compile {} ms",
            installed.bytes,
            installed.class,
            installed.contract,
            installed.exports,
            installed.imports,
            installed.describe_fuel,
            installed.compile_ms
        );
        let settings: serde_json::Value =
            std::env::var("SETTINGS").ok().map(|s| serde_json::from_str(&s).unwrap()).unwrap_or(serde_json::json!({}));
        let plan = if installed.class == SlotClass::Large { Plan::Large } else { Plan::Standard };
        let call = |event: Event| {
            let limits = plan.limits();
            let live = Live::new(LiveParts {
                settings: settings.clone(),
                directory: Arc::new(Directory::default()),
                state: Arc::new(NoState),
                space: StateSpace {
                    tenant: "acme".parse().unwrap(),
                    owner: "acme".parse().unwrap(),
                    plugin: "p".parse().unwrap(),
                    contact: ContactId::new(1, [0; 10]),
                },
                contact: contact(),
                limits,
                now: 1_700_000_000_000,
                outcomes: installed.metadata.outcomes.clone(),
                salt_key: [1; 32],
                last_seen: None,
            });
            Call {
                digest: installed.digest,
                class: installed.class,
                function: Function::Handle,
                contact: contact(),
                event,
                release: 1,
                turn: 1,
                attempt: 1,
                now: 1_700_000_000_000,
                zone_offset_minutes: 60,
                deadline: 1_700_000_010_000,
                limits,
                wall: Duration::from_secs(3),
                seed: [3; 32],
                grants: installed.imports.iter().copied().collect::<BTreeSet<_>>(),
                capabilities: Box::new(live),
                context: None,
            }
        };
        let ran = rt.call(&pass, call(Event::Arrived)).await;
        match &ran.result {
            Ok(o) => println!("   -> {:.300}", format!("{o:?}")),
            Err(f) => println!("   -> FAIL {} {}", f.code(), f.detail),
        }
        println!("   used {:?} tape {} log {} effects {:?}", ran.used, ran.tape.len(), ran.log.len(), ran.effects.writes.len());
        if let Some(l) = ran.log.first() {
            println!("   log: {:.200}", format!("{l:?}"));
        }
        if ran.result.is_ok() {
            let mut walls = vec![];
            let mut total = vec![];
            for _ in 0..300 {
                let t = Instant::now();
                let r = rt.call(&pass, call(Event::Arrived)).await;
                total.push(t.elapsed().as_micros());
                walls.push(r.used.wall_us);
            }
            walls.sort();
            total.sort();
            println!("   300 calls: wall p50 {} us p99 {}, with hand-over p50 {} us", walls[150], walls[297], total[150]);
        }
    }
    println!("{:?}", rt.resident());
    rt.stop();
}
