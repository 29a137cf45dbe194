//! A tenant stands in a file: it is planned, applied, applied again without a trace, and written from the server.

use std::path::PathBuf;
use std::process::Output;

use http::Method;
use jackfield_tests::artifacts;
use jackfield_tests::line::Line;
use jackfield_tests::platform::{ACCOUNT, AUTH_TOKEN, Operator, PUBLIC_URL, Platform};
use serde_json::{Value, json};

use super::answers::{ACME, CALLER};

const QUEUES: &str = "queues:
  - {name: sales, hours: shop}
  - {name: technical-support}
  - {name: billing}
  - {name: general-support}
";
const REST: &str = "hours:
  - name: shop
    weekly: [{weekday: 1, from: \"09:00\", to: \"17:00\"}]
people:
  - {name: ann, address: \"+14155550199\"}
routes:
  - channel: voice
    open:
      reason: nobody answers
      actions: [{do: enqueue, with: {queue: general-support, tag: left}}]
plugins:
  - {name: logic, file: logic.wasm, cases: [menu.yaml]}
flows:
  - name: main
    label: Main line
    plugin: logic
    settings: {greeting: Good day.}
    limits: {fuel_max: 40000000}
    test_callers: {\"+14155550177\": live}
addresses:
  - {address: \"+18005551234\", connection: acme-twilio, flow: main}
";
const HEAD: &str = "tenant: {id: acme, label: Acme, zone: America/New_York, language: en-US, plan: standard}
connections:
  - id: acme-twilio
    provider: twilio
    account: AC00000000000000000000000000000000
    public_url: https://calls.platform.example
    secrets: [{name: first, from: env:ACME_TWILIO}]
quota: {meters: {contacts: {day: 1000}}}
";

const CASES: &str = "cases:\n  - name: a caller is greeted\n    arrives: {answered-by: plugin, actions: [say, menu]}\n";

struct Desk {
    operator: Operator,
    folder: tempfile::TempDir,
}

impl Desk {
    fn new(operator: &Operator) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("logic.wasm"), artifacts::plugin("acme-ivr").unwrap()).unwrap();
        std::fs::write(folder.path().join("menu.yaml"), CASES).unwrap();
        Self { operator: operator.clone(), folder }
    }

    fn write(&self, text: &str) -> PathBuf {
        let path = self.folder.path().join("acme.yaml");
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Off the runtime's threads: the server that it asks runs on them.
    async fn cli(&self, words: &[&str]) -> (Option<i32>, String) {
        let mut command = tokio::process::Command::new(artifacts::binary().unwrap());
        command.args(words).args(["--server", &self.operator.admin_url, "--token", &self.operator.token]);
        command.env("ACME_TWILIO", AUTH_TOKEN).env("XDG_CACHE_HOME", self.folder.path().join("cache")).current_dir(self.folder.path());
        let Output { status, stdout, stderr } = command.output().await.unwrap();
        let told = String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr);
        assert!(!told.contains(AUTH_TOKEN), "a secret is never told: {told}");
        (status.code(), told)
    }

    async fn plan(&self, text: &str) -> (Option<i32>, String) {
        self.write(text);
        self.cli(&["plan", "acme.yaml"]).await
    }

    async fn apply(&self, text: &str, more: &[&str]) -> (Option<i32>, String) {
        self.write(text);
        self.cli(&[&["apply", "acme.yaml"], more].concat()).await
    }

    async fn shown(&self, path: &str) -> Value {
        self.operator.api.get(&format!("/v1/tenants/acme{path}"), &[]).await.unwrap().body
    }

    /// Everything that has a revision, so that a write of anything would show.
    async fn revisions(&self) -> Vec<Value> {
        let mut all = Vec::new();
        for path in
            ["", "/connections", "/queues", "/hours", "/people", "/settings", "/routes", "/quotas", "/plugins", "/flows", "/history"]
        {
            all.push(self.shown(path).await);
        }
        all.push(self.shown("/flows/main/releases").await);
        all.push(self.shown("/plugins/logic/versions").await);
        all.push(self.shown("/plugins/logic/cases").await);
        all
    }
}

fn acme() -> String {
    format!("{HEAD}{QUEUES}{REST}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_makes_a_tenant_that_answers_calls_and_a_second_apply_does_nothing() {
    let platform = Platform::start().await.unwrap();
    let desk = Desk::new(&platform.operator);
    let (code, told) = desk.plan(&acme()).await;
    assert!(code == Some(2) && told.contains("+ acme tenant") && told.contains("+ acme release/main"), "{code:?} {told}");
    let gone = platform.operator.refused(Method::GET, "/v1/tenants/acme", Value::Null).await.unwrap();
    assert_eq!(gone.status, 404, "a plan writes nothing");

    let (code, told) = desk.apply(&acme(), &[]).await;
    assert_eq!(code, Some(0), "{told}");
    let line = Line::new(&platform.operator.hooks_url, PUBLIC_URL, "acme-twilio", ACCOUNT, AUTH_TOKEN).unwrap();
    let call = line.call(CALLER, ACME);
    let menu = call.arrive().await.unwrap();
    assert!(String::from_utf8_lossy(&menu.body).contains("Good day."), "{:?}", menu.twiml);
    let chosen = call.press(&menu.twiml, "3").await.unwrap();
    assert!(chosen.twiml.queue().is_some_and(|queue| queue.contains("billing")), "{:?}", chosen.twiml);

    let before = desk.revisions().await;
    let (code, told) = desk.apply(&acme(), &["--prune"]).await;
    assert!(code == Some(0) && told.contains("nothing to do"), "{code:?} {told}");
    assert_eq!(desk.plan(&acme()).await.0, Some(0));
    assert_eq!(desk.revisions().await, before);
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_the_file_is_one_change_and_an_edit_by_hand_is_shown_as_one() {
    let platform = Platform::start().await.unwrap();
    let desk = Desk::new(&platform.operator);
    assert_eq!(desk.apply(&acme(), &[]).await.0, Some(0));
    let french = acme().replace("Good day.", "Bonjour.");
    let (code, told) = desk.plan(&french).await;
    assert_eq!(code, Some(2), "{told}");
    let marks: Vec<&str> = told.lines().filter(|line| line.starts_with(['+', '~', '-', '!'])).collect();
    // The release, and the settings that it takes along.
    assert!(marks.len() == 2 && marks[0].starts_with("~ acme release/main") && marks[1].starts_with("~ acme settings/main"), "{told}");
    assert!(marks[1].contains("\"Good day.\" -> \"Bonjour.\""), "{told}");
    assert_eq!(desk.apply(&french, &[]).await.0, Some(0));
    let flow = desk.shown("/flows/main").await;
    assert_eq!((&flow["aliases"]["live"], &flow["newest"]), (&json!(2), &json!(2)));
    assert_eq!(desk.shown("/plugins/logic").await["newest"], json!(1));

    // Somebody edits by hand what the file says, and something that it does not.
    let ok = |path: &'static str, body: Value| platform.operator.ok(Method::PUT, path, body);
    ok("/v1/tenants/acme/queues/billing", json!({"label": "By hand"})).await.unwrap();
    ok("/v1/tenants/acme/queues/extra", json!({"label": "Extra"})).await.unwrap();
    let (code, told) = desk.plan(&french).await;
    let drifted = told.lines().find(|line| line.starts_with('!')).unwrap_or_default();
    assert!(code == Some(2) && drifted.contains("queue/billing") && drifted.contains("by operator"), "{told}");
    assert!(drifted.contains("\"By hand\" -> \"billing\"") && told.contains("queue/extra: not in the file, kept"), "{told}");
    let (_, told) = desk.cli(&["plan", "acme.yaml", "--prune", "--json"]).await;
    assert!(told.contains("\"what\":\"remove\"") && told.contains("\"drifted\":[\"label\"]"), "{told}");
    let (code, told) = desk.apply(&french, &["--prune"]).await;
    assert_eq!(code, Some(0), "{told}");
    let queues = desk.shown("/queues").await;
    assert_eq!(queues["items"].as_array().unwrap().len(), 4, "{queues}");
    assert_eq!(desk.plan(&french).await.0, Some(0));

    // A wider release waits for somebody who approves, and nothing of the file is done before.
    let wider = french.replace("    limits: {fuel_max: 40000000}\n", "").replace("label: Main line", "label: Main");
    let (code, told) = desk.apply(&wider, &[]).await;
    assert!(code == Some(1) && told.contains("limit fuel_max: 40000000 ->") && told.contains("--approve"), "{code:?} {told}");
    assert_eq!(desk.shown("/flows/main").await["label"], json!("Main line"));
    assert_eq!(desk.apply(&wider, &["--approve"]).await.0, Some(0));
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_wrong_is_refused_with_its_line_and_nothing_of_it_is_done() {
    let platform = Platform::start().await.unwrap();
    let desk = Desk::new(&platform.operator);
    std::fs::write(desk.folder.path().join("no.wasm"), b"no component").unwrap();
    let wrong = "cases:\n  - name: nobody hears this\n    arrives: {hears: [Guten Tag]}\n";
    std::fs::write(desk.folder.path().join("wrong.yaml"), wrong).unwrap();
    let acme = acme();
    for (text, words) in [
        (acme.replace("label: Main line", "lable: Main line"), ["acme.yaml:", "lable"]),
        (acme.replace("flow: main}", "flow: mian}"), ["acme.yaml:34:", "mian"]),
        (acme.replace("connection: acme-twilio", "connection: acme-twillio"), ["acme.yaml:34:", "acme-twillio"]),
        (acme.replace("queue: general-support, tag", "queue: nowhere, tag"), ["acme.yaml:20:", "nowhere"]),
        (acme.replace("hours: shop}", "hours: shoop}"), ["acme.yaml:10:", "shoop"]),
        (acme.replace("logic.wasm", "none.wasm"), ["acme.yaml:25:", "none.wasm"]),
        (acme.replace("logic.wasm", "no.wasm"), ["plugin/logic", "an upload would be refused"]),
        (acme.replace("env:ACME_TWILIO", "env:ACME_NOT_SET"), ["acme-twilio", "ACME_NOT_SET"]),
        (acme.replace("from: env:ACME_TWILIO", "from: hunter2"), ["acme.yaml:7:", "env:NAME"]),
        (acme.replace("fuel_max: 40000000", "fuel_max: 4000000000"), ["acme.yaml:29:", "fuel_max"]),
        (acme.replace("actions: [{do", "acts: [{do"), ["acme.yaml:20:", "actions"]),
        (acme.replace("people:\n", "people: {\n"), ["acme.yaml:", ""]),
        (acme.replace("menu.yaml", "wrong.yaml"), ["release/main", "nobody hears this"]),
    ] {
        let (code, told) = desk.apply(&text, &[]).await;
        assert!(code == Some(1) && words.iter().all(|word| told.contains(word)), "{words:?}: {code:?} {told}");
        let gone = platform.operator.refused(Method::GET, "/v1/tenants/acme", Value::Null).await.unwrap();
        assert_eq!(gone.status, 404, "{told}");
    }
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_apply_that_was_stopped_goes_on_where_it_was() {
    let platform = Platform::start().await.unwrap();
    let desk = Desk::new(&platform.operator);
    // A case of the platform's own, of which no file of a tenant knows.
    let strict = "cases:\n  - name: greets in German\n    arrives: {hears: [Guten Tag]}\n";
    platform.operator.api.put_yaml("/v1/tenants/platform/cases/german", strict.into()).await.unwrap();
    let (code, told) = desk.apply(&acme(), &[]).await;
    assert!(code == Some(1) && told.contains("cases-fail"), "{code:?} {told}");
    let line = |mark: &str, thing: &str| told.lines().any(|line| line.starts_with(mark) && line.contains(thing));
    assert!(line("done", "queue/sales") && line("FAILED", "") && line("left", "address/"), "{told}");
    platform.operator.ok(Method::DELETE, "/v1/tenants/platform/cases/german", Value::Null).await.unwrap();
    let (code, told) = desk.apply(&acme(), &[]).await;
    assert!(code == Some(0) && !told.contains("queue/sales"), "{code:?} {told}");
    assert_eq!(desk.shown("/flows/main").await["newest"], json!(1), "a release that was made is made live and not made again");
    assert_eq!(desk.plan(&acme()).await.0, Some(0));
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_suit_the_new_plugin_alone_come_with_its_release_and_go_with_it() {
    let platform = Platform::start().await.unwrap();
    let desk = Desk::new(&platform.operator);
    assert_eq!(desk.apply(&acme(), &[]).await.0, Some(0));
    std::fs::write(desk.folder.path().join("bot.wasm"), artifacts::plugin("care-bot").unwrap()).unwrap();
    // Neither takes the settings of the other: the one asks for a queue, and refuses a greeting.
    let bot = acme()
        .replace("    public_url:", "    speaker_url: \"wss://speaker.example/acme\"\n    public_url:")
        .replace("{name: logic, file: logic.wasm, cases: [menu.yaml]}", "{name: bot, file: bot.wasm}")
        .replace("plugin: logic", "plugin: bot")
        .replace("settings: {greeting: Good day.}", "settings: {queue: general-support}")
        .replace("    limits: {fuel_max: 40000000}\n", "");
    let (code, told) = desk.apply(&bot, &["--approve", "--prune"]).await;
    assert!(code == Some(0) && told.contains("written with the release"), "{told}");
    let flow = desk.shown("/flows/main").await;
    let live = desk.shown(&format!("/flows/main/releases/{}", flow["aliases"]["live"])).await;
    assert_eq!((&live["version"]["plugin"], &live["settings"]), (&json!("bot"), &json!({"queue": "general-support"})), "{live}");
    assert_eq!(live["settings_revision"], flow["settings_revision"]);
    assert_eq!(desk.plan(&bot).await.0, Some(0));

    // Back, and now without settings at all: the release is made without them, and once.
    let bare = acme().replace("    settings: {greeting: Good day.}\n", "");
    let (code, told) = desk.apply(&bare, &["--approve", "--prune"]).await;
    assert_eq!(code, Some(0), "{told}");
    let flow = desk.shown("/flows/main").await;
    let live = desk.shown(&format!("/flows/main/releases/{}", flow["aliases"]["live"])).await;
    assert_eq!((&live["version"]["plugin"], &live["settings"], &flow["newest"]), (&json!("logic"), &json!({}), &json!(3)), "{live}");
    let quota = desk.shown("/quotas").await;
    assert_eq!(quota["quota"]["meters"]["contacts"]["day"], json!(1000), "{quota}");
    let (code, told) = desk.cli(&["plan", "acme.yaml", "--prune"]).await;
    assert!(code == Some(0) && told.contains("nothing to do"), "{told}");
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_file_inherits_counts_in_a_plan_as_it_does_on_the_server() {
    let platform = Platform::start().await.unwrap();
    let ok = |method: Method, path: &'static str, body: Value| platform.operator.ok(method, path, body);
    ok(Method::PUT, "/v1/tenants/platform/hours/desk", json!({"weekly": [{"weekday": 1, "from": "09:00", "to": "17:00"}]})).await.unwrap();
    ok(Method::PUT, "/v1/tenants/platform/settings", json!({"limits": {"calls": 10}})).await.unwrap();
    let desk = Desk::new(&platform.operator);
    // Hours of the platform, the tenant's own number as it is shown, and members that say nothing.
    let text = acme()
        .replace("  - channel: voice\n", "  - channel: voice\n    hours: desk\n")
        .replace(
            "{do: enqueue, with: {queue: general-support, tag: left}}",
            "{do: transfer, with: {tag: out, targets: [{number: \"+14155550199\"}], ringing: series, caller_id: \"+18005551234\"}}",
        )
        .replace("hours:\n  - name: shop", "settings: {}\nhours:\n  - name: shop")
        .replace("settings: {greeting: Good day.}", "settings: {limits: {calls: 50}}\n    routes: []");
    let (code, told) = desk.apply(&text, &[]).await;
    assert!(code == Some(1) && told.contains("/limits/calls would be more than 10"), "{told}");
    let gone = platform.operator.refused(Method::GET, "/v1/tenants/acme", Value::Null).await.unwrap();
    assert_eq!(gone.status, 404, "and nothing was done");
    let text = text.replace("calls: 50", "calls: 5");
    let (code, told) = desk.apply(&text, &[]).await;
    assert_eq!(code, Some(0), "{told}");
    let (code, told) = desk.plan(&text).await;
    assert!(code == Some(0) && told.contains("nothing to do"), "{told}");
    // Whoever is above narrows: what is live is to become less, once.
    ok(Method::PUT, "/v1/tenants/platform/settings", json!({"limits": {"calls": 2}})).await.unwrap();
    let (code, told) = desk.apply(&text, &[]).await;
    assert!(code == Some(1) && told.contains("/limits/calls would be more than 2"), "{told}");
    let text = text.replace("calls: 5", "calls: 2");
    assert_eq!(desk.apply(&text, &[]).await.0, Some(0));
    assert_eq!(desk.plan(&text).await.0, Some(0));

    // The tenant's own people may say the plan that they have, and not change it.
    let made = ok(Method::POST, "/v1/tokens", json!({"label": "acme", "tenant": "acme"})).await.unwrap();
    let theirs =
        Desk { operator: Operator { token: made["token"].as_str().unwrap().to_owned(), ..platform.operator.clone() }, folder: desk.folder };
    let text = text.replace("label: Acme", "label: Acme & Co");
    let (code, told) = theirs.apply(&text, &[]).await;
    assert_eq!(code, Some(0), "{told}");
    // They do not see what stands above, and still get what they wrote, in one release each time.
    let newest = theirs.shown("/flows/main").await["newest"].as_u64().unwrap();
    let live = async |number: u64| theirs.shown(&format!("/flows/main/releases/{number}")).await["settings"].clone();
    let more = text.replace("settings: {}", "settings: {zip: \"01234\"}").replace("calls: 2", "calls: 1");
    for (text, settings) in [(&more, json!({"zip": "01234", "limits": {"calls": 1}})), (&text, json!({"limits": {"calls": 2}}))] {
        let (code, told) = theirs.apply(text, &[]).await;
        assert!(code == Some(0) && !told.contains("drifted"), "{told}");
        let (code, told) = theirs.plan(text).await;
        assert!(code == Some(0) && told.contains("nothing to do"), "{told}");
        let flow = theirs.shown("/flows/main").await;
        let number = flow["aliases"]["live"].as_u64().unwrap();
        assert_eq!((live(number).await, &flow["newest"]), (settings, &json!(number)));
    }
    assert_eq!(theirs.shown("/flows/main").await["newest"], json!(newest + 2));
    // Somebody wrote meanwhile: a release does not write over what was not read.
    let stale = json!({"plugin": "logic", "settings": {}, "settings_revision": 1});
    let refused = platform.operator.refused(Method::POST, "/v1/tenants/acme/flows/main/releases", stale).await.unwrap();
    assert_eq!((refused.status, refused.code.as_str()), (409, "conflict"), "{refused:?}");
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_was_set_up_by_hand_is_written_as_a_file_that_plans_to_nothing() {
    let platform = Platform::start().await.unwrap();
    super::answers::acme(&platform).await;
    let ok = |method: Method, path: &'static str, body: Value| platform.operator.ok(method, path, body);
    ok(Method::PUT, "/v1/tenants/acme/hours/shop", json!({"weekly": [{"weekday": 5, "from": "09:00", "to": "17:00"}]})).await.unwrap();
    ok(Method::PUT, "/v1/tenants/acme/secrets/crm", json!({"value": "hunter2", "hosts": ["crm.example"]})).await.unwrap();
    let words =
        json!([{"channel": "voice", "open": {"reason": "", "actions": [{"do": "enqueue", "with": {"queue": "billing", "tag": "left"}}]}}]);
    ok(Method::PUT, "/v1/tenants/acme/routes", words).await.unwrap();
    ok(Method::PUT, "/v1/tenants/acme/settings", json!({"on": "yes", "zip": "01234"})).await.unwrap();
    ok(Method::POST, "/v1/tenants/acme/flows/main/releases", json!({"plugin": "logic", "limits": {"fuel_max": 1_000_000}})).await.unwrap();
    ok(Method::PUT, "/v1/tenants/acme/flows/main/aliases/live", json!({"release": 2})).await.unwrap();
    let desk = Desk::new(&platform.operator);
    for more in [&[][..], &["--with-plugins", "kept"]] {
        let (code, text) = desk.cli(&[&["plan", "--from-server", "--tenant", "acme"], more].concat()).await;
        assert!(code == Some(0) && !text.contains("hunter2"), "{text}");
        assert_eq!(desk.cli(&[&["export", "--as-code", "--tenant", "acme"], more].concat()).await, (code, text.clone()));
        let (code, told) = desk.plan(&text).await;
        assert!(code == Some(0) && told.contains("nothing to do"), "{text}\n{told}");
    }
    let component = std::fs::read(desk.folder.path().join("kept/logic.wasm")).unwrap();
    assert_eq!(component, artifacts::plugin("acme-ivr").unwrap());
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schema_of_files_is_the_one_that_is_kept() {
    let output = tokio::process::Command::new(artifacts::binary().unwrap()).args(["plan", "--schema"]).output().await.unwrap();
    let schema: Value = serde_json::from_slice(&output.stdout).unwrap();
    let kept: Value = serde_json::from_slice(&std::fs::read(artifacts::top().join("plugins/tenant.schema.json")).unwrap()).unwrap();
    assert_eq!(schema, kept, "run `jackfield plan --schema > plugins/tenant.schema.json`");
}
