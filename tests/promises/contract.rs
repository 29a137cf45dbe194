//! What links and what does not: the contract's promise to tenants, shown with components built against changed copies of it.
//!
//! The components are made by wit-component with bodies that trap. One that links is therefore refused for its `describe`, and one that
//! does not link never gets so far.

use http::Method;
use jackfield_egress::ClientError;
use jackfield_tests::artifacts::{guest, top};
use jackfield_tests::platform::{Platform, Tenancy};
use serde_json::json;
use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{ManglingAndAbi, Resolve};

use super::answers::CALLER;

/// A file of the contract, a text in it, and what stands there instead.
type Changed = (&'static str, &'static str, &'static str);

/// A component for a world of the contract, with texts replaced in its files.
fn component(world: &str, changes: &[Changed]) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(top().join("tests/fixtures/wit/0.9.0")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let mut text = std::fs::read_to_string(&path).unwrap();
        for (_, from, to) in changes.iter().filter(|(file, _, _)| *file == name) {
            assert!(text.contains(from), "{name} has no {from:?}");
            text = text.replacen(from, to, 1);
        }
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(dir.path()).unwrap();
    let world = resolve.select_world(&[package], Some(world)).unwrap();
    let mut module = dummy_module(&resolve, world, ManglingAndAbi::Standard32);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().module(&module).unwrap().validate(true).encode().unwrap()
}

async fn upload(platform: &Platform, bytes: Vec<u8>) -> (String, String) {
    match platform.operator.api.upload("/v1/tenants/acme/plugins/logic/versions", bytes.into()).await {
        Err(ClientError::Refused(problem)) => (problem.code.clone(), problem.detail.clone()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn added_functions_and_interfaces_are_compatible_and_added_cases_and_fields_are_not() {
    let platform = Platform::start().await.unwrap();
    let tenant = json!({"id": "acme", "label": "Acme", "zone": "UTC", "language": "en-US", "plan": "standard"});
    platform.operator.ok(Method::POST, "/v1/tenants", tenant).await.unwrap();
    let older = ("directory.wit", "    get-closure: func() -> result<option<closure>, directory-error>;", "");
    let compatible: [(&str, &[Changed]); 4] = [
        ("router-plugin", &[]),
        ("observing-plugin", &[]),
        ("assistant-plugin", &[]),
        // Built when the directory knew fewer functions and there was no customer: ours has more.
        ("router-plugin", &[older, ("worlds.wit", "    import customer;", "")]),
    ];
    for (world, changes) in compatible {
        let (code, detail) = upload(&platform, component(world, changes)).await;
        assert_eq!(code, "bad-describe", "{world} {changes:?} did not link: {detail}");
    }
    type Refused = (&'static str, &'static str, &'static str, &'static str, &'static str);
    let refused: [Refused; 6] = [
        ("directory.wit", "get-closure: func()", "get-weather: func() -> bool;\n    get-closure: func()", "wrong-contract", "get-weather"),
        ("worlds.wit", "    import log;", "    import log;\n    import weather;", "import-not-allowed", "weather"),
        ("worlds.wit", "    export router;", "    export router;\n    export weather;", "bad-export", "weather"),
        (
            "decisions.wit",
            "        /// Change nothing. It stands alone.",
            "        teleport,\n        /// Change nothing. It stands alone.",
            "bad-export",
            "router",
        ),
        (
            "contacts.wit",
            "        /// The tenant's name.",
            "        colour: string,\n        /// The tenant's name.",
            "bad-export",
            "router",
        ),
        (
            "state.wit",
            "        /// The release has no grant for `state`.",
            "        tired,\n        /// The release has no grant for `state`.",
            "wrong-contract",
            "state",
        ),
    ];
    for (file, from, to, code, named) in refused {
        let mut changes = vec![(file, from, to)];
        if to.contains("weather;") {
            changes.push(("types.wit", "interface types {", "interface weather { rain: func() -> bool; }\n\ninterface types {"));
        }
        let (got, detail) = upload(&platform, component("router-plugin", &changes)).await;
        assert_eq!(got, code, "{to:?}: {detail}");
        assert!(detail.contains(named), "{to:?} is not named: {detail}");
    }
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_built_from_the_committed_snapshot_runs() {
    let platform = Platform::start().await.unwrap();
    let line = platform.operator.connect_twilio("twilio").await.unwrap();
    let tenancy = Tenancy {
        tenant: "acme",
        number: "+18005551234",
        component: guest("snapshot").unwrap(),
        settings: json!({}),
        queues: &["sales"],
        plan: "standard",
    };
    platform.operator.onboard("twilio", tenancy).await.unwrap();
    let heard = line.call(CALLER, "+18005551234").arrive().await.unwrap();
    assert!(heard.twiml.said().contains("built from the snapshot"), "{:?}", heard.twiml);
    platform.stop().await;
}
