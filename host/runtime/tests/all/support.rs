//! Builds guests out of a few lines of WebAssembly text, and a runtime to run them in.
//!
//! A guest here is as rude as its test needs, which no language's toolchain allows. The shape around it - metadata, the
//! answer, an allocator - is the same for all.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use jackfield_domain::budget::{Limits, Plan};
use jackfield_domain::capability::{Answer, Ask, Capabilities, Effects};
use jackfield_domain::contact::event::Event;
use jackfield_domain::contact::{Arrival, Contact, Direction, Endpoint, Party, Phase};
use jackfield_domain::flow::plugin::Grant;
use jackfield_domain::id::{ContactId, Digest};
use jackfield_domain::ports::BoxFuture;
use jackfield_domain::ports::blobs::Blobs;
use jackfield_domain::ports::rows::RowsFault;
use jackfield_domain::priority::Priority;
use jackfield_domain::quota::{Pass, describe_pass};
use jackfield_domain::tenant::address::{Address, AddressKind, Channel};
use jackfield_runtime::{Call, Function, InstallError, Installed, Ran, Runtime, RuntimeSettings};
use serde_json::json;
use tempfile::TempDir;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The contract, as this checkout has it.
pub(crate) fn contract() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit/v1")
}

/// As much of WASI's clocks as the tests use.
const POLL: &str = "package wasi:io@0.2.3; interface poll { resource pollable { block: func(); } }";
const CLOCKS: &str = "package wasi:clocks@0.2.3; interface monotonic-clock { use wasi:io/poll@0.2.3.{pollable}; \
                      now: func() -> u64; subscribe-duration: func(wait: u64) -> pollable; }";

/// A guest under construction.
pub(crate) struct Guest<'a> {
    /// The contract that it is built against.
    pub(crate) contract: PathBuf,
    /// Interfaces that it imports, with package and version.
    pub(crate) imports: &'a [&'a str],
    /// Core imports, globals and functions.
    pub(crate) module: &'a str,
    /// What `handle` does before it answers; it may return a pointer of its own instead.
    pub(crate) handle: &'a str,
    /// What `describe` does before it answers.
    pub(crate) describe: &'a str,
}

/// A guest that answers "done", unless what is changed in it keeps it from doing so.
pub(crate) fn guest() -> Guest<'static> {
    Guest { contract: contract(), imports: &[], module: "", handle: "", describe: "" }
}

/// A guest whose `handle` does that.
pub(crate) fn handling(handle: &str) -> Vec<u8> {
    Guest { handle, ..guest() }.build()
}

/// A record of pointers and lengths, as bytes of WebAssembly text.
fn words(words: &[u32]) -> String {
    words.iter().flat_map(|word| word.to_le_bytes()).map(|byte| format!("\\{byte:02x}")).collect()
}

impl Guest<'_> {
    /// Makes the component.
    pub(crate) fn build(&self) -> Vec<u8> {
        let mut resolve = Resolve::default();
        resolve.push_path(&self.contract).unwrap();
        resolve.push_str("poll.wit", POLL).unwrap();
        resolve.push_str("clocks.wit", CLOCKS).unwrap();
        let imports: String = self.imports.iter().map(|name| format!("import {name};")).collect();
        let world = format!(
            "package test:guest; world guest {{ {imports} export jackfield:plugin/describe@0.9.0; export jackfield:plugin/router@0.9.0; }}"
        );
        let package = resolve.push_str("guest.wit", &world).unwrap();
        let world = resolve.select_world(&[package], Some("guest")).unwrap();
        let mut module = wat::parse_str(self.text()).unwrap();
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
        ComponentEncoder::default().module(&module).unwrap().validate(true).encode().unwrap()
    }

    fn text(&self) -> String {
        // Texts stand at 256, the metadata at 512, the answer at 768; the allocator begins at 4096.
        let metadata = words(&[256, 5, 261, 1, 262, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        let answer = words(&[0, 0, 0, 264, 4, 0, 0]);
        let Guest { module, handle, describe, .. } = self;
        format!(
            r#"(module
                {module}
                (memory (export "memory") 4)
                (global $free (mut i32) (i32.const 4096))
                (data (i32.const 256) "guest1{{}}done") (data (i32.const 512) "{metadata}") (data (i32.const 768) "{answer}")
                (func (export "cabi_realloc") (param i32 i32) (param $align i32) (param $bytes i32) (result i32)
                    (local $at i32)
                    (local.set $at (i32.and
                        (i32.add (global.get $free) (i32.sub (local.get $align) (i32.const 1)))
                        (i32.sub (i32.const 0) (local.get $align))))
                    (global.set $free (i32.add (local.get $at) (local.get $bytes)))
                    (local.get $at))
                (func (export "jackfield:plugin/describe@0.9.0#describe") (result i32) {describe} (i32.const 512))
                (func (export "jackfield:plugin/router@0.9.0#handle") (param i32) (result i32)
                    (local $n i32) (local $m i64) {handle} (i32.const 768)))"#
        )
    }
}

/// Components in memory.
#[derive(Default)]
pub(crate) struct Kept(Mutex<BTreeMap<Digest, Bytes>>);

impl Blobs for Kept {
    fn put(&self, bytes: Bytes) -> BoxFuture<'_, Result<Digest, RowsFault>> {
        let digest = Digest::of(&bytes);
        self.0.lock().unwrap().insert(digest, bytes);
        Box::pin(std::future::ready(Ok(digest)))
    }

    fn get<'a>(&'a self, digest: &'a Digest) -> BoxFuture<'a, Result<Option<Bytes>, RowsFault>> {
        let found = self.0.lock().unwrap().get(digest).cloned();
        Box::pin(std::future::ready(Ok(found)))
    }
}

/// A runtime with a directory of its own.
pub(crate) struct House {
    pub(crate) runtime: Runtime,
    pub(crate) directory: TempDir,
}

pub(crate) fn settings(directory: &Path) -> RuntimeSettings {
    // Test programs lie beside the examples' folder.
    let compiler = std::env::current_exe().unwrap().parent().unwrap().with_file_name("examples").join("compiler");
    RuntimeSettings {
        artifacts_dir: directory.to_owned(),
        compiler,
        compile: jackfield_runtime::CompileSettings::standard(),
        node_key: [7; 32],
        small_slots: 4,
        large_slots: 1,
        workers: 1,
        artifact_bytes_max: 1 << 30,
        yield_fuel: 100_000,
        files_reserved: 1_000,
    }
}

impl House {
    pub(crate) fn new() -> Self {
        Self::with(|settings| settings)
    }

    pub(crate) fn with(change: impl FnOnce(RuntimeSettings) -> RuntimeSettings) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let runtime = Runtime::start(change(settings(directory.path())), Arc::new(Kept::default())).unwrap();
        Self { runtime, directory }
    }

    pub(crate) async fn install(&self, component: Vec<u8>) -> Installed {
        match self.try_install(component).await {
            Ok(installed) => installed,
            Err(error) => panic!("{error:?}"),
        }
    }

    pub(crate) async fn try_install(&self, component: Vec<u8>) -> Result<Installed, InstallError> {
        self.runtime.install(component.into()).await
    }

    pub(crate) async fn run(&self, call: Call) -> Ran {
        self.runtime.call(&pass(), call).await
    }
}

/// A pass for all that the large plan has: enough for every test here.
pub(crate) fn pass() -> Pass {
    describe_pass()
}

/// Answers every question alike.
pub(crate) struct Always(pub(crate) fn() -> BoxFuture<'static, Answer>);

impl Capabilities for Always {
    fn ask<'a>(&'a mut self, _ask: &'a Ask) -> BoxFuture<'a, Answer> {
        (self.0)()
    }

    fn finish(self: Box<Self>) -> Effects {
        Effects::default()
    }
}

pub(crate) fn limits() -> Limits {
    Plan::Standard.limits()
}

pub(crate) fn contact() -> Contact {
    let endpoint = |text: &str| Endpoint { raw: text.to_owned(), e164: Some(text.to_owned()) };
    serde_json::from_value(json!({
        "id": ContactId::new(1_700_000_000_000, [1; 10]), "tenant": "acme", "flow": "main", "connection": "acme-twilio",
        "provider": "twilio", "address": Address::new(Channel::Voice, AddressKind::Number, "+18005551234").unwrap(),
        "channel": "voice", "release": 1, "plan": Plan::Standard, "language": "en-US", "started": 0, "ended": null, "end_cause": null,
        "phase": Phase::Running, "turn": 0, "idle_turns": 0, "attributes": {}, "open": null, "queues": [], "failures": [],
        "consents": {}, "state_schema": null, "state_bytes": 0, "asked_turns": 0,
        "arrival": Arrival {
            provider_contact: "CA1".to_owned(), parent: None, direction: Direction::Inbound, entry: endpoint("+18005551234"),
            customer: Party { address: endpoint("+14155550100"), ..Party::default() },
            forwarded_from: None, headers: Vec::new(), extras: Vec::new(),
        },
    }))
    .unwrap()
}

/// A call of `router.handle` with everything granted.
pub(crate) fn call(of: &Installed) -> Call {
    Call {
        digest: of.digest,
        class: of.class,
        priority: Priority::Arrival,
        function: Function::Handle,
        contact: Arc::new(contact()),
        event: Arc::new(Event::Arrived),
        release: 1,
        turn: 1,
        attempt: 1,
        now: 1_700_000_000_000,
        zone_offset_minutes: 60,
        deadline: 1_700_000_010_000,
        limits: limits(),
        wall: Duration::from_secs(10),
        seed: [3; 32],
        grants: Grant::ALL.into_iter().collect::<BTreeSet<_>>(),
        capabilities: Box::new(Always(|| Box::pin(std::future::ready(Answer::Json(Some("{}".to_owned())))))),
        context: None,
    }
}

/// Runs a future on a runtime like the server's.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(future)
}
