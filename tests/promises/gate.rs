//! Test cases that the server keeps stand before an upload and before a release that would be live; what may do more is approved.

use std::path::Path;
use std::process::{Command, Output};

use http::Method;
use jackfield_egress::ClientError;
use jackfield_tests::artifacts;
use jackfield_tests::platform::{Operator, Tenancy};
use jackfield_tests::process::Process;
use serde_json::{Value, json};

const NUMBER: &str = "+18005550188";
const MENU: &str = include_str!("../../plugins/acme-ivr/cases/menu.yaml");
/// A case of the platform's: whoever calls is never left without a word. It knows no tenant's queues, and finds them.
const SPOKEN_TO: &str = "cases:\n  - name: nobody calls in vain\n    arrives: {answered-by: plugin, actions: [say, menu]}\n    steps:\n      - press: \"1\"\n        expect: {queue: sales}\n";
const GREETS_IN_GERMAN: &str = "cases:\n  - name: greets in German\n    arrives: {hears: [Guten Tag]}\n";

struct Platform {
    _data: tempfile::TempDir,
    _process: Process,
    operator: Operator,
}

impl Platform {
    async fn start() -> Self {
        let data = tempfile::tempdir().unwrap();
        let process = Process::start(&data.path().join("data")).unwrap();
        let operator = process.operator(None).unwrap();
        operator.connect_twilio("twilio").await.unwrap();
        let tenancy = Tenancy {
            tenant: "acme",
            number: NUMBER,
            component: artifacts::plugin("acme-ivr").unwrap(),
            settings: json!({}),
            queues: &["sales", "technical-support", "billing", "general-support"],
            plan: "standard",
        };
        operator.onboard("twilio", tenancy).await.unwrap();
        Self { _data: data, _process: process, operator }
    }

    async fn keep(&self, tenant: &str, path: &str, yaml: &'static str) -> Value {
        self.operator.api.put_yaml(&format!("/v1/tenants/{tenant}/{path}"), yaml.into()).await.unwrap().body
    }

    async fn forget(&self, path: &str) {
        self.operator.ok(Method::DELETE, &format!("/v1/tenants/{path}"), Value::Null).await.unwrap();
    }

    async fn upload(&self, component: bytes::Bytes) -> Result<u64, (String, String)> {
        match self.operator.api.upload("/v1/tenants/acme/plugins/logic/versions", component).await {
            Ok(reply) => Ok(reply.body["number"].as_u64().unwrap()),
            Err(ClientError::Refused(problem)) => Err((problem.code.clone(), problem.detail.clone())),
            Err(other) => panic!("{other}"),
        }
    }

    async fn activate(&self, release: u64, approve: bool) -> Result<Value, (String, String)> {
        let body = json!({"release": release, "approve": approve});
        match self.operator.api.call(Method::PUT, "/v1/tenants/acme/flows/main/aliases/live", Some(&body)).await {
            Ok(reply) => Ok(reply.body),
            Err(ClientError::Refused(problem)) => Err((problem.code.clone(), problem.detail.clone())),
            Err(other) => panic!("{other}"),
        }
    }

    async fn release(&self, body: Value) -> u64 {
        let made = self.operator.ok(Method::POST, "/v1/tenants/acme/flows/main/releases", body).await.unwrap();
        made["number"].as_u64().unwrap()
    }

    fn cli(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(artifacts::binary().unwrap());
        command.args(arguments).args(["--tenant", "acme", "--server", &self.operator.admin_url, "--token", &self.operator.token]);
        command.output().unwrap()
    }
}

/// The Acme plugin with other bytes: a custom section more, so that it is another version that behaves alike.
fn another() -> bytes::Bytes {
    marked(b"\x00\x05\x04note")
}

fn yet_another() -> bytes::Bytes {
    marked(b"\x00\x05\x04more")
}

fn marked(section: &[u8]) -> bytes::Bytes {
    let mut component = artifacts::plugin("acme-ivr").unwrap().to_vec();
    component.extend_from_slice(section);
    component.into()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_is_kept_only_where_the_tenants_and_the_platforms_cases_hold() {
    let shop = Platform::start().await;
    let kept = shop.keep("acme", "plugins/logic/cases/menu", MENU).await;
    assert_eq!(kept["new"], json!(true), "{kept}");
    shop.keep("platform", "cases/spoken-to", SPOKEN_TO).await;
    assert_eq!(shop.upload(another()).await, Ok(2), "all that must hold holds");

    // Another plugin under that name answers otherwise, and is not kept.
    let (code, detail) = shop.upload(artifacts::guest("tells-time").unwrap()).await.unwrap_err();
    assert_eq!(code, "cases-fail", "{detail}");
    assert!(detail.contains("acme/logic/menu \"a caller is greeted"), "{detail}");
    let versions = shop.operator.api.get("/v1/tenants/acme/plugins/logic", &[]).await.unwrap().body;
    assert_eq!(versions["newest"], json!(2), "{versions}");

    // The platform's cases stand before every tenant's plugins, whatever the tenant keeps itself.
    shop.forget("acme/plugins/logic/cases/menu").await;
    let (code, detail) = shop.upload(artifacts::guest("tells-time").unwrap()).await.unwrap_err();
    assert!(code == "cases-fail" && detail.contains("platform/spoken-to \"nobody calls in vain\""), "{detail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_becomes_live_only_where_its_cases_hold_and_a_rollback_asks_nobody() {
    let shop = Platform::start().await;
    shop.operator.ok(Method::PUT, "/v1/tenants/acme/flows/main/settings", json!({"greeting": "Guten Tag."})).await.unwrap();
    let german = shop.release(json!({"plugin": "logic", "version": 1})).await;
    shop.keep("acme", "cases/german", GREETS_IN_GERMAN).await;
    // The same version: the file's world has no settings, so the release's are what is tried.
    let live = shop.activate(german, false).await.unwrap();
    assert!(live["notes"].to_string().contains("1 test cases hold"), "{live}");
    shop.operator.ok(Method::PUT, "/v1/tenants/acme/flows/main/settings", json!({"greeting": "Good day."})).await.unwrap();
    let english = shop.release(json!({"plugin": "logic", "version": 1})).await;
    let (code, detail) = shop.activate(english, true).await.unwrap_err();
    assert!(code == "cases-fail" && detail.contains("greets in German"), "{code}: {detail}");
    let planned = json!({"release": english, "at": "2030-01-01T00:00"});
    let refused = shop.operator.refused(Method::POST, "/v1/tenants/acme/flows/main/planned", planned).await.unwrap();
    assert_eq!(refused.code, "cases-fail");
    // Release 1 speaks English as well; going back to it is not asked.
    let back = shop.operator.ok(Method::POST, "/v1/tenants/acme/flows/main/rollback", json!({})).await.unwrap();
    assert_eq!((&back["from"], &back["to"]), (&json!(german), &json!(1)), "{back}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_may_do_more_than_what_is_live_waits_for_somebody_who_approves() {
    let shop = Platform::start().await;
    let narrow = shop.release(json!({"plugin": "logic", "version": 1, "grants": ["settings"], "limits": {"fuel_max": 1_000_000}})).await;
    shop.activate(narrow, false).await.unwrap();
    let wide = shop.release(json!({"plugin": "logic", "version": 1, "grants": ["settings"]})).await;
    let (code, detail) = shop.activate(wide, false).await.unwrap_err();
    assert_eq!(code, "needs-approval", "{detail}");
    assert!(detail.contains("limit fuel_max: 1000000 ->") && detail.contains("--approve"), "{detail}");
    let refused =
        shop.operator.refused(Method::POST, "/v1/tenants/acme/flows/main/planned", json!({"release": wide, "at": "2030-01-01T00:00"}));
    assert_eq!(refused.await.unwrap().code, "needs-approval");
    let by_cli = shop.cli(&["flow", "activate", "main", &wide.to_string()]);
    assert!(!by_cli.status.success() && String::from_utf8_lossy(&by_cli.stderr).contains("needs-approval"), "{by_cli:?}");
    let by_cli = shop.cli(&["flow", "activate", "main", &wide.to_string(), "--approve"]);
    assert!(by_cli.status.success() && String::from_utf8_lossy(&by_cli.stdout).contains("approved: limit fuel_max"), "{by_cli:?}");
    // Going back to less asks nobody.
    shop.activate(narrow, false).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_cases_are_kept_listed_run_and_forgotten_by_the_command_line() {
    let shop = Platform::start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (menu, german) = (file("menu.yaml", MENU), file("german.yaml", GREETS_IN_GERMAN));
    let text = |output: &Output| String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    let none = shop.cli(&["cases", "run", "logic"]);
    assert!(none.status.code() == Some(2) && text(&none).contains("no case was run"), "{}", text(&none));
    let set = shop.cli(&["cases", "set", &menu, "--plugin", "logic"]);
    assert!(set.status.success() && text(&set).contains("menu is kept"), "{}", text(&set));
    let ran = shop.cli(&["cases", "run", "logic"]);
    assert!(ran.status.success() && text(&ran).contains(" 0 wrong"), "{}", text(&ran));
    shop.cli(&["cases", "set", &german]);
    let ran = shop.cli(&["cases", "run", "logic"]);
    assert!(ran.status.code() == Some(1) && text(&ran).contains("WRONG greets in German"), "{}", text(&ran));
    let shown = shop.cli(&["cases", "show", "german"]);
    assert_eq!(text(&shown).trim_end(), GREETS_IN_GERMAN.trim_end());
    let listed = shop.cli(&["cases", "list", "--plugin", "logic"]);
    assert!(text(&listed).contains("menu") && !text(&listed).contains("german"), "{}", text(&listed));
    shop.cli(&["cases", "remove", "german"]);
    assert!(shop.cli(&["cases", "run", "logic"]).status.success());

    // A mistake is told with its line, and what was kept stays.
    let bad = shop.cli(&["cases", "set", &file("menu.yaml", "cases:\n  - name: a\n    stepz: []\n"), "--plugin", "logic"]);
    assert!(!bad.status.success() && text(&bad).contains("menu:3:5"), "{}", text(&bad));
    assert!(shop.cli(&["cases", "run", "logic"]).status.success());
    let too_large = format!("cases: []\n#{}\n", "x".repeat(Path::new(&menu).metadata().unwrap().len() as usize + 128 * 1024));
    let large = shop.cli(&["cases", "set", &file("large.yaml", &too_large)]);
    assert!(!large.status.success() && text(&large).contains("too-large"), "{}", text(&large));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_a_call_could_meet_stays_and_one_that_none_can_goes() {
    let shop = Platform::start().await;
    let path = "/v1/tenants/acme/plugins/logic/versions";
    let refused = || shop.operator.refused(Method::DELETE, "/v1/tenants/acme/plugins/logic/versions/1", Value::Null);
    assert_eq!(shop.upload(another()).await, Ok(2));
    let told = refused().await.unwrap();
    assert!(told.code == "in-use" && told.detail.contains("which is live"), "{told:?}");
    let second = shop.release(json!({"plugin": "logic", "version": 2})).await;
    shop.activate(second, false).await.unwrap();
    let told = refused().await.unwrap();
    assert!(told.code == "in-use" && told.detail.contains("which was live before"), "{told:?}");
    let back = shop.operator.ok(Method::POST, "/v1/tenants/acme/flows/main/rollback", json!({})).await.unwrap();
    assert_eq!(back["to"], json!(1));
    // Rolled back, version 2 is where nobody comes; but the newest is what a release takes where none is named.
    let newest = shop.cli(&["plugin", "remove-version", "logic", "2"]);
    assert!(!newest.status.success() && String::from_utf8_lossy(&newest.stderr).contains("it is the newest"), "{newest:?}");
    assert_eq!(shop.upload(yet_another()).await, Ok(3));
    let removed = shop.cli(&["plugin", "remove-version", "logic", "2"]);
    assert!(removed.status.success(), "{removed:?}");
    let gone = shop.operator.refused(Method::GET, &format!("{path}/2"), Value::Null).await.unwrap();
    assert_eq!(gone.code, "not-found");
    let told = shop.operator.refused(Method::PUT, "/v1/tenants/acme/flows/main/aliases/live", json!({"release": second})).await.unwrap();
    assert!(told.code == "in-use" && told.detail.contains("is gone"), "{told:?}");
    assert_eq!(shop.upload(another()).await, Ok(4), "the same bytes are a version again");
}
