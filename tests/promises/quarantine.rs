//! Compiling is walled in, waits its turn in sight of whoever asked for it, forgets no bomb, and can be done ahead of an upgrade.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Method;
use jackfield_domain::tenant::connection::Secret;
use jackfield_egress::ClientError;
use jackfield_runtime::Quarantine;
use jackfield_server::clock::SystemClock;
use jackfield_server::config::environment::Environment;
use jackfield_server::serve;
use jackfield_tests::line::Line;
use jackfield_tests::platform::{self, Operator, Platform};
use jackfield_tests::{artifacts, bombs};
use serde_json::{Value, json};

use super::answers::{ACME, CALLER, acme};

/// A compiler that does something else first.
fn script(folder: &Path, first: &str) -> PathBuf {
    let (path, real) = (folder.join("compiler"), artifacts::binary().unwrap());
    std::fs::write(&path, format!("#!/bin/sh\n{first}\nexec {} \"$@\"\n", real.display())).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

async fn tenant(operator: &Operator, id: &str) {
    let tenant = json!({"id": id, "label": id, "zone": "UTC", "language": "en-US", "plan": "standard"});
    operator.ok(Method::POST, "/v1/tenants", tenant).await.unwrap();
}

async fn jobs(operator: &Operator, path: &str) -> Vec<Value> {
    operator.ok(Method::GET, path, Value::Null).await.unwrap()["items"].as_array().unwrap().clone()
}

/// Asks until it is so; a server that never gets there fails here.
async fn until<F: Future<Output = bool>>(what: &str, is_so: impl Fn() -> F) {
    let patience = Instant::now() + Duration::from_secs(30);
    while !is_so().await {
        assert!(Instant::now() < patience, "{what}");
        tokio::task::yield_now().await;
    }
}

/// A plugin with other bytes than every other.
fn plugin(mark: &str) -> Bytes {
    bombs::marked(&artifacts::plugin("acme-ivr").unwrap(), mark)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_start_says_which_walls_stand_and_whoever_demands_them_gets_them_or_no_server() {
    let platform = Platform::start_with(Arc::new(SystemClock), |config| config.compile.quarantine = Quarantine::Required).await.unwrap();
    let host = platform.operator.ok(Method::GET, "/v1/host", Value::Null).await.unwrap();
    let walls = host["compiler"]["probe"]["walls"].as_array().unwrap();
    for name in ["no-new-privs", "seccomp", "landlock", "limits"] {
        let wall = walls.iter().find(|wall| wall["name"] == name).unwrap_or_else(|| panic!("nobody says whether {name} stands: {host}"));
        assert_ne!(wall["standing"], "missing", "{wall}");
    }
    let tried = host["compiler"]["probe"]["tried"].as_array().unwrap();
    assert!(!tried.is_empty() && tried.iter().all(|tried| tried["is_refused"] == true), "{host}");
    // Behind all of them it still compiles.
    tenant(&platform.operator, "acme").await;
    platform.operator.api.upload("/v1/tenants/acme/plugins/ivr/versions", plugin("walled in")).await.unwrap();
    platform.stop().await;

    // The same kernel without one of them, as its compiler tells it.
    let folder = tempfile::tempdir().unwrap();
    let lies = r#"case "$*" in *--probe*) "$REAL" compile --probe | sed 's/"seccomp","standing":"up"/"seccomp","standing":"missing"/'; exit;; esac"#;
    let lies = lies.replace("\"$REAL\"", &artifacts::binary().unwrap().display().to_string());
    let compiler = script(folder.path(), &lies);
    let refused = Platform::start_with(Arc::new(SystemClock), |config| {
        config.compile.quarantine = Quarantine::Required;
        config.compiler.clone_from(&compiler);
    });
    let Err(refused) = refused.await else { panic!("it started without its quarantine") };
    assert!(refused.to_string().contains("seccomp is missing"), "{refused}");
    let platform = Platform::start_with(Arc::new(SystemClock), |config| config.compiler.clone_from(&compiler)).await.unwrap();
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_wait_in_sight_each_tenant_in_its_turn() {
    let folder = tempfile::tempdir().unwrap();
    let hold = folder.path().join("hold");
    let compiler = script(folder.path(), &format!("while [ -e {} ]; do /bin/sleep 0.02; done", hold.display()));
    let platform = Platform::start_with(Arc::new(SystemClock), |config| config.compiler = compiler).await.unwrap();
    let operator = &platform.operator;
    for id in ["loud", "quiet"] {
        tenant(operator, id).await;
    }
    std::fs::write(&hold, b"").unwrap();
    let mut uploads = tokio::task::JoinSet::new();
    for (tenant, count) in [("loud", 4), ("quiet", 2)] {
        for number in 0..count {
            let (api, component) = (operator.api.clone(), plugin(&format!("{tenant} {number}")));
            uploads.spawn(async move { api.upload(&format!("/v1/tenants/{tenant}/plugins/p{number}/versions"), component).await });
        }
        let path = format!("/v1/tenants/{tenant}/compiles");
        let is_settled = |jobs: &[Value]| jobs.len() == count && jobs.iter().filter(|job| job["phase"] == "waiting").count() == count - 1;
        until("uploads wait for a compiler", || async { is_settled(&jobs(operator, &path).await) }).await;
    }
    // One of each tenant compiles; the quiet one's second is not behind all of the loud one's.
    let quiet = jobs(operator, "/v1/tenants/quiet/compiles").await;
    let waiting = quiet.iter().find(|job| job["phase"] == "waiting").unwrap();
    assert!(waiting["position"].as_u64().is_some_and(|position| position <= 2), "{quiet:?}");
    let host = operator.ok(Method::GET, "/v1/host", Value::Null).await.unwrap();
    assert_eq!((&host["compiler"]["totals"]["running"], &host["compiler"]["totals"]["waiting"]), (&json!(2), &json!(4)), "{host}");
    assert_eq!(jobs(operator, "/v1/host/compiles").await.len(), 6);
    std::fs::remove_file(&hold).unwrap();
    while let Some(uploaded) = uploads.join_next().await {
        assert_eq!(uploaded.unwrap().unwrap().status, 201);
    }
    assert_eq!(jobs(operator, "/v1/host/compiles").await, Vec::<Value>::new());
    platform.stop().await;
}

/// The same folder, by another start of the server.
async fn restart(platform: Platform, change: impl FnOnce(&mut jackfield_server::config::Config)) -> Platform {
    let Platform { operator, server, data } = platform;
    server.stop().await;
    let mut config = platform::config(data.path()).unwrap();
    change(&mut config);
    let environment = Environment { master_key: Some(Secret::new("11".repeat(32))), log_filter: None };
    let server = serve::start(&config, &environment, Arc::new(SystemClock)).await.unwrap();
    let operator = Operator::new(&format!("http://{}", server.admin), &format!("http://{}", server.hooks), &operator.token).unwrap();
    Platform { operator, server, data }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stopped_a_compiler_is_remembered_over_a_restart_until_an_operator_clears_it() {
    let folder = tempfile::tempdir().unwrap();
    let (kill, runs) = (folder.path().join("kill"), folder.path().join("runs"));
    let first = format!("if [ -e {} ]; then echo run >>{}; kill -24 $$; fi", kill.display(), runs.display());
    let compiler = script(folder.path(), &first);
    let same = compiler.clone();
    let platform = Platform::start_with(Arc::new(SystemClock), |config| config.compiler = compiler).await.unwrap();
    tenant(&platform.operator, "acme").await;
    std::fs::write(&kill, b"").unwrap();
    let (path, bomb) = ("/v1/tenants/acme/plugins/ivr/versions", plugin("bomb"));
    let refused = |operator: Operator, bomb: Bytes| async move {
        match operator.api.upload(path, bomb).await {
            Err(ClientError::Refused(problem)) => *problem,
            other => panic!("{other:?}"),
        }
    };
    let problem = refused(platform.operator.clone(), bomb.clone()).await;
    assert_eq!(problem.code, "compile-failed");
    let entries = platform.operator.ok(Method::GET, "/v1/host/poison", Value::Null).await.unwrap()["items"].clone();
    assert_eq!((entries.as_array().unwrap().len(), &entries[0]["tenant"]), (1, &json!("acme")));
    assert!(entries[0]["reason"].as_str().unwrap().contains("processor time"), "{entries}");
    std::fs::remove_file(&kill).unwrap();

    let platform = restart(platform, |config| config.compiler = same).await;
    let problem = refused(platform.operator.clone(), bomb.clone()).await;
    assert!(problem.detail.contains("before") && problem.detail.contains("processor time"), "{}", problem.detail);
    assert_eq!(std::fs::read_to_string(&runs).unwrap().lines().count(), 1, "the same bytes reached a compiler again");
    let digest = entries[0]["digest"].as_str().unwrap();
    let entry = format!("/v1/host/poison/{digest}");
    platform.operator.ok(Method::DELETE, &entry, Value::Null).await.unwrap();
    assert_eq!(platform.operator.refused(Method::DELETE, &entry, Value::Null).await.unwrap().code, "not-found");
    assert_eq!(platform.operator.api.upload(path, bomb).await.unwrap().status, 201);
    platform.stop().await;
}

/// Runs this build's `prepare` beside the server, as the operator of its folder would.
fn prepare(platform: &Platform, token: &str, master_key: &str, more: &[&str]) -> (Output, Value) {
    let output = Command::new(artifacts::binary().unwrap())
        .args(["prepare", "--json", "--server", &platform.operator.admin_url, "--token", token, "--data"])
        .arg(platform.data.path())
        .args(more)
        .env("JACKFIELD_MASTER_KEY", master_key)
        .output()
        .unwrap();
    let told = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output, told)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_binary_that_was_prepared_for_starts_warm() {
    let key = "11".repeat(32);
    let platform = Platform::start().await.unwrap();
    let operator = platform.operator.clone();
    acme(&platform).await;
    let (path, second) = ("/v1/tenants/acme/plugins/logic/versions", plugin("second"));
    // One that is routed, one that was, and one that nobody uses.
    operator.release("acme", "main", "logic", second).await.unwrap();
    operator.api.upload(path, plugin("unused")).await.unwrap();
    // As an upgrade would find it: nothing is there for its engine.
    let fingerprint = operator.ok(Method::GET, "/v1/host/engine", Value::Null).await.unwrap()["fingerprint"].as_str().unwrap().to_owned();
    let folder = platform.data.path().join("artifacts").join(fingerprint);
    let all = operator.api.get("/v1/host/versions", &[("which", "all")]).await.unwrap().body["items"].as_array().unwrap().clone();
    assert_eq!(all.len(), 3, "{all:?}");
    for version in &all {
        std::fs::remove_file(folder.join(format!("{}.cwasm", version["digest"].as_str().unwrap()))).unwrap();
    }
    let (output, told) = prepare(&platform, &operator.token, &key, &[]);
    assert_eq!((output.status.code(), &told["made"], &told["refused"]), (Some(0), &json!(2), &json!(0)), "{output:?}");
    let by: Vec<&str> = told["items"].as_array().unwrap().iter().map(|item| item["by"][0].as_str().unwrap()).collect();
    assert!(by.contains(&"acme/main live") && by.contains(&"acme/main before"), "{told}");
    let (_, again) = prepare(&platform, &operator.token, &key, &["--all"]);
    assert_eq!((&again["made"], &again["ready"]), (&json!(1), &json!(2)), "{again}");

    // A server that could not compile at all answers the first call by its plugin.
    let broken = tempfile::tempdir().unwrap();
    let only_probes = script(broken.path(), r#"case "$*" in *--class*) exit 1;; esac"#);
    let platform = restart(platform, |config| config.compiler = only_probes).await;
    let line = Line::new(&platform.operator.hooks_url, platform::PUBLIC_URL, "twilio", platform::ACCOUNT, platform::AUTH_TOKEN).unwrap();
    let call = line.call(CALLER, ACME);
    call.arrive().await.unwrap();
    let contact = platform.operator.contact_of("acme", &call.sid).await.unwrap();
    assert_eq!(contact["turns"][0]["answered_by"], "plugin", "{contact}");
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn preparing_takes_an_operators_token_and_the_master_key() {
    let key = "11".repeat(32);
    let platform = Platform::start().await.unwrap();
    let operator = platform.operator.clone();
    acme(&platform).await;
    let confined = operator.ok(Method::POST, "/v1/tokens", json!({"label": "acme", "tenant": "acme"})).await.unwrap();
    let (output, _) = prepare(&platform, confined["token"].as_str().unwrap(), &key, &[]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let (output, _) = prepare(&platform, &operator.token, &"22".repeat(32), &[]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("master key"), "{output:?}");
    // The key that leaves is sealed: it is not the key itself, and never twice the same.
    let sealed = || async { operator.ok(Method::GET, "/v1/host/engine", Value::Null).await.unwrap()["sealed_node_key"].clone() };
    assert_ne!(sealed().await, sealed().await);
    platform.stop().await;
}
