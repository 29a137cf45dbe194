//! A developer tries a plugin at home: no server, the limits and rules of production, and a report that says what is wrong.
//!
//! The program is run as a developer runs it. Its cache lies in a folder of the test's own.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use jackfield_tests::artifacts;
use jackfield_tests::platform::Tenancy;
use jackfield_tests::process::Process;
use serde_json::{Value, json};

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// Runs `jackfield plugin test` on the Acme plugin.
fn plugin_test(home: &Path, arguments: &[&str]) -> Output {
    let component = home.join("acme.wasm");
    std::fs::write(&component, artifacts::plugin("acme-ivr").unwrap()).unwrap();
    let mut command = Command::new(artifacts::binary().unwrap());
    command.env("XDG_CACHE_HOME", home).args(["plugin", "test"]).arg(&component).args(arguments);
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_acme_plugin_passes_its_cases_and_the_report_names_what_none_reached() {
    let home = tempfile::tempdir().unwrap();
    let junit = home.path().join("junit.xml");
    let cases = root("plugins/acme-ivr/cases");
    let ran = plugin_test(home.path(), &[cases.to_str().unwrap(), "--junit", junit.to_str().unwrap()]);
    let told = text(&ran.stdout);
    assert!(ran.status.success(), "{told}{}", text(&ran.stderr));
    assert!(told.contains(", 0 wrong") && !told.contains("no case reached"), "{told}");
    let xml = std::fs::read_to_string(junit).unwrap();
    assert!(xml.contains("failures=\"0\"") && xml.contains("who hangs up during the menu is gone"), "{xml}");

    let some = plugin_test(home.path(), &[cases.to_str().unwrap(), "--only", "one is sales", "--json"]);
    let told: Value = serde_json::from_slice(some.stdout.as_slice()).unwrap();
    assert_eq!((told["cases"].as_u64(), told["wrong"].as_u64()), (Some(1), Some(0)), "{told}");
    let choices = told["unreached"]["choices"].as_array().unwrap();
    assert_eq!(choices.len(), 3, "{told}");
    assert!(choices.iter().any(|choice| choice == "main-menu: 3 (billing)"), "{told}");
    assert_eq!(told["unreached"]["events"], serde_json::json!(["queue-ended", "voicemail-ended"]));
}

#[test]
fn a_context_that_is_written_from_outside_reaches_the_observer() {
    let home = tempfile::tempdir().unwrap();
    let (component, cases) = (home.path().join("echo.wasm"), home.path().join("context.yaml"));
    std::fs::write(&component, artifacts::guest("echo").unwrap()).unwrap();
    let yaml = r#"
start: {stubs: {http: [{url: "https://api.echo.example/*"}]}}
cases:
  - name: the observer hears of it
    steps:
      - context: {level: gold}
        expect: {asks-plugin: true, logs: [a contact is over]}
      - context: {level: silver}
        expect: {asks-plugin: true, logs: [a contact is over]}
"#;
    std::fs::write(&cases, yaml).unwrap();
    let mut command = Command::new(artifacts::binary().unwrap());
    command.env("XDG_CACHE_HOME", home.path()).args(["plugin", "test"]).arg(&component).arg(&cases).arg("--verbose");
    let ran = command.output().unwrap();
    let told = text(&ran.stdout);
    assert!(ran.status.success() && told.contains("2. the context is written"), "{told}{}", text(&ran.stderr));
    // A plugin without an observer is not asked, and says so.
    let none = home.path().join("none.yaml");
    std::fs::write(&none, "cases:\n  - name: a\n    steps:\n      - {context: {level: gold}, expect: {asks-plugin: true}}\n").unwrap();
    std::fs::write(&component, artifacts::guest("tells-time").unwrap()).unwrap();
    let mut command = Command::new(artifacts::binary().unwrap());
    let ran = command.env("XDG_CACHE_HOME", home.path()).args(["plugin", "test"]).arg(&component).arg(&none).output().unwrap();
    assert!(ran.status.code() == Some(1) && text(&ran.stdout).contains("nothing listens"), "{}", text(&ran.stdout));
}

#[test]
fn the_other_plugins_pass_theirs_with_hosts_that_fail_and_a_store_that_is_away() {
    let home = tempfile::tempdir().unwrap();
    for plugin in ["known-customer", "hours-router"] {
        let component = home.path().join("plugin.wasm");
        std::fs::write(&component, artifacts::plugin(plugin).unwrap()).unwrap();
        let mut command = Command::new(artifacts::binary().unwrap());
        command.env("XDG_CACHE_HOME", home.path()).args(["plugin", "test"]).arg(&component);
        let ran = command.arg(root(&format!("plugins/{plugin}/cases"))).output().unwrap();
        let told = text(&ran.stdout);
        assert!(ran.status.success() && told.contains(", 0 wrong"), "{plugin}: {told}{}", text(&ran.stderr));
    }
}

#[test]
fn every_kind_of_expectation_can_fail_and_says_what_is_there() {
    let home = tempfile::tempdir().unwrap();
    let cases = root("tests/fixtures/cases/wrong.yaml");
    let ran = plugin_test(home.path(), &[cases.to_str().unwrap(), "--json"]);
    assert_eq!(ran.status.code(), Some(1), "{}", text(&ran.stderr));
    let told: Value = serde_json::from_slice(ran.stdout.as_slice()).unwrap();
    for case in told["files"][0]["cases"].as_array().unwrap() {
        assert!(!case["wrong"].as_array().unwrap().is_empty(), "nothing is wrong with {case}");
    }
    assert_eq!(told["cases"], told["wrong"]);
}

#[test]
fn what_cannot_be_run_is_refused_with_its_place_and_leaves_nothing() {
    let home = tempfile::tempdir().unwrap();
    let bad = home.path().join("bad.yaml");
    for (content, told) in [
        ("cases:\n  - name: a\n    step: []\n", "bad.yaml:3:5"),
        ("cases:\n  - name: a\n    steps: [{}]\n", "nothing happens"),
        ("cases: []\n", "no case was run"),
        ("\u{0}", "bad.yaml"),
    ] {
        std::fs::write(&bad, content).unwrap();
        let ran = plugin_test(home.path(), &[bad.to_str().unwrap()]);
        assert_eq!(ran.status.code(), Some(2), "{content:?}: {}{}", text(&ran.stdout), text(&ran.stderr));
        assert!(text(&ran.stderr).contains(told), "{content:?}: {}", text(&ran.stderr));
    }
    let nowhere = plugin_test(home.path(), &["nowhere.yaml"]);
    assert_eq!(nowhere.status.code(), Some(2));
    assert!(text(&nowhere.stderr).contains("nowhere.yaml"));
}

#[test]
fn the_schema_of_case_files_takes_the_cases_that_are_shipped() {
    let printed = Command::new(artifacts::binary().unwrap()).args(["plugin", "case-schema"]).output().unwrap();
    let schema: Value = serde_json::from_slice(printed.stdout.as_slice()).unwrap();
    let kept: Value = serde_json::from_slice(&std::fs::read(root("plugins/cases.schema.json")).unwrap()).unwrap();
    assert_eq!(schema, kept, "run `jackfield plugin case-schema > plugins/cases.schema.json`");
}

/// A call that went wrong yesterday is a case today: made by one command, true to what happened, and it fails where it is told to want
/// something else.
#[tokio::test(flavor = "multi_thread")]
async fn a_case_is_made_from_a_real_call_and_runs_at_home() {
    let home = tempfile::tempdir().unwrap();
    let process = Process::start(&home.path().join("data")).unwrap();
    let operator = process.operator(None).unwrap();
    let line = operator.connect_twilio("twilio").await.unwrap();
    let tenancy = Tenancy {
        tenant: "acme",
        number: "+18005551234",
        component: artifacts::plugin("acme-ivr").unwrap(),
        settings: json!({"greeting": "Good evening."}),
        queues: &["sales", "technical-support", "billing", "general-support"],
        plan: "standard",
    };
    operator.onboard("twilio", tenancy).await.unwrap();
    let call = line.call("+14155550123", "+18005551234");
    let menu = call.arrive().await.unwrap();
    let again = call.press(&menu.twiml, "9").await.unwrap();
    call.press(&again.twiml, "3").await.unwrap();
    let contact = operator.contact_of("acme", &call.sid).await.unwrap()["contact"]["id"].as_str().unwrap().to_owned();

    let mut command = Command::new(artifacts::binary().unwrap());
    command.env("JACKFIELD_TOKEN", &operator.token).env("JACKFIELD_SERVER", &process.admin_url);
    let made = command.args(["contacts", "case", &contact]).output().unwrap();
    let case = text(&made.stdout);
    assert!(made.status.success(), "{case}{}", text(&made.stderr));
    assert!(case.contains("Good evening.") && case.contains("+14155550123") && !case.contains("TO FILL IN"), "{case}");
    let file = home.path().join("case.yaml");
    std::fs::write(&file, &case).unwrap();
    let ran = plugin_test(home.path(), &[file.to_str().unwrap(), "--verbose"]);
    assert!(ran.status.success(), "{case}\n{}{}", text(&ran.stdout), text(&ran.stderr));

    // What should have been: sales.
    std::fs::write(&file, case.replace("queue: billing", "queue: sales")).unwrap();
    let ran = plugin_test(home.path(), &[file.to_str().unwrap()]);
    assert_eq!(ran.status.code(), Some(1), "{case}\n{}", text(&ran.stdout));
    assert!(text(&ran.stdout).contains("must go to the queue sales"), "{}", text(&ran.stdout));
    tokio::task::spawn_blocking(move || process.kill()).await.unwrap().unwrap();
}

#[test]
fn a_developer_is_the_caller() {
    let home = tempfile::tempdir().unwrap();
    let component = home.path().join("acme.wasm");
    std::fs::write(&component, artifacts::plugin("acme-ivr").unwrap()).unwrap();
    let world = root("plugins/acme-ivr/cases/menu.yaml");
    let mut command = Command::new(artifacts::binary().unwrap());
    command.env("XDG_CACHE_HOME", home.path()).args(["plugin", "run"]).arg(&component).arg("--world").arg(world);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"9\n/dance\n3\n/queue-left bridged\n").unwrap();
    let ran = child.wait_with_output().unwrap();
    let told = text(&ran.stdout);
    assert!(ran.status.success(), "{told}{}", text(&ran.stderr));
    for part in ["Thank you for calling Acme", "not one of the choices", "[set-attributes, enqueue]", "[hang-up]"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(text(&ran.stderr).contains("nothing that can happen"));
}
