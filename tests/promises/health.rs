//! The process says how it is, ends in order and in time, and leaves no call behind.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use jackfield_providers::twilio::sign;
use jackfield_server::clock::SystemClock;
use jackfield_tests::line::{Call, Line};
use jackfield_tests::platform::{ACCOUNT, AUTH_TOKEN, PUBLIC_URL, Platform};
use jackfield_tests::process::Process;
use jackfield_tests::stranger::{PATIENCE, Stranger, request};
use jackfield_tests::{artifacts, stock};
use serde_json::{Value, json};

use super::answers::{ACME, CALLER, acme};

/// Everything that a test of the end needs: a server process with one connection.
async fn served(data: &Path, settings: &str, change: impl FnOnce(&mut Command)) -> (Process, Line) {
    let mut command = Command::new(artifacts::binary().unwrap());
    command.args(["serve", "--hooks-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--data"]).arg(data);
    let file = data.with_extension("toml");
    std::fs::write(&file, settings).unwrap();
    command.arg("--config").arg(file).stdin(Stdio::null()).stderr(Stdio::piped());
    change(&mut command);
    let process = Process::of(command).unwrap();
    let line = process.operator(None).unwrap().connect_twilio("twilio").await.unwrap();
    process.operator(None).unwrap().ok(Method::PUT, "/v1/tenants/platform/connections/twilio/unbound", goodbye()).await.unwrap();
    (process, line)
}

/// What an address gets that nobody bound: a call needs no tenant to be answered.
fn goodbye() -> Value {
    json!({"actions": [{"do": "say", "with": {"content": {"text": "Goodbye."}}}, {"do": "hang-up", "with": null}], "reason": "unbound"})
}

/// A signed webhook of a new call, in head and body, as a provider sends it that waits for leave to send its body.
fn arrival(line: &Line, call: &Call) -> (String, String) {
    let public = line.hook("voice");
    let params = call.params("ringing", &[]);
    let signature = sign(AUTH_TOKEN, &public, &params);
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(&params).finish();
    let path = public.strip_prefix(PUBLIC_URL).unwrap();
    let headers = [("content-type", "application/x-www-form-urlencoded"), ("x-twilio-signature", &signature), ("expect", "100-continue")];
    request("POST", path, &headers, &body)
}

async fn status_of(url: &str, path: &str) -> (u16, String) {
    let mut asked = Stranger::connect(url).await.unwrap();
    let (head, _) = request("GET", path, &[("connection", "close")], "");
    asked.send(head.as_bytes()).await.unwrap();
    let answer = asked.answer().await.unwrap();
    (answer.split(' ').nth(1).unwrap().parse().unwrap(), answer)
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_in_flight_at_the_end_are_answered_and_clients_that_hang_do_not_keep_the_process() {
    let data = tempfile::tempdir().unwrap();
    // Without the deadline for the end the hung clients would keep it for two minutes.
    let settings = "[listeners]\ndrain_deadline_ms = 2000\nheader_ms = 120000\nstall_ms = 120000\n";
    let (process, line) = served(&data.path().join("data"), settings, |_| {}).await;
    let mut in_flight = Vec::new();
    for _ in 0..8 {
        let (head, body) = arrival(&line, &line.call(CALLER, ACME));
        let mut call = Stranger::connect(&process.hooks_url).await.unwrap();
        call.send(head.as_bytes()).await.unwrap();
        // The server asks for the body: the request is in its hands.
        call.hear("100 Continue\r\n\r\n").await.unwrap();
        in_flight.push((call, body));
    }
    let mut slow = Stranger::connect(&process.hooks_url).await.unwrap();
    slow.send(b"POST /hooks/twilio/voice HTTP/1.1\r\nhost: he").await.unwrap();
    let mut deaf = Stranger::connect_as(&process.admin_url, None, Some(4_096)).await.unwrap();
    let (question, _) = request("GET", &format!("/v1/{}", "x".repeat(180)), &[], "");
    // A server that takes nothing for so long waits for the answers to be read.
    deaf.send_until_it_is_full(question.repeat(64).as_bytes(), Duration::from_secs(2)).await.unwrap();

    let admin_url = process.admin_url.clone();
    process.tell_to_end().unwrap();
    let ended = tokio::spawn(process.ended(PATIENCE));
    // Whoever comes now is refused: the end has begun.
    let refused = async { while Stranger::connect(&admin_url).await.is_ok() {} };
    tokio::time::timeout(PATIENCE, refused).await.expect("it goes on accepting");
    for (call, body) in &mut in_flight {
        call.send(body.as_bytes()).await.unwrap();
        let answer = call.answer().await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("Goodbye."), "{answer}");
        assert!(answer.to_lowercase().contains("connection: close"), "{answer}");
    }
    let (status, said) = ended.await.unwrap().unwrap();
    assert!(status.success(), "{status}: {said}");
    assert!(said.contains("had not finished its request"), "{said}");
    assert!(said.contains("the admin API: 127.0.0.1") && said.contains("answer to read"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn balancers_notice_before_anything_is_refused_and_a_second_signal_ends_at_once() {
    let data = tempfile::tempdir().unwrap();
    let (process, line) = served(&data.path().join("data"), "[listeners]\ndrain_notice_ms = 600000\n", |_| {}).await;
    assert_eq!(status_of(&process.admin_url, "/ready").await.0, 200);
    process.tell_to_end().unwrap();
    let (mut status, mut text) = (200, String::new());
    while status == 200 {
        (status, text) = status_of(&process.admin_url, "/ready").await;
    }
    assert!(status == 503 && text.contains("stage: it is about to end"), "{status} {text}");
    assert_eq!(status_of(&process.admin_url, "/live").await.0, 200, "nothing is wrong with it");
    let heard = line.call(CALLER, ACME).arrive().await.unwrap();
    assert_eq!((heard.status, heard.twiml.said().as_str()), (200, "Goodbye."));

    let begun = Stranger::connect(&process.hooks_url).await.unwrap();
    process.tell_to_end().unwrap();
    // Long before the notice is over, whoever is connected.
    let (status, said) = process.ended(PATIENCE).await.unwrap();
    assert!(status.success(), "{status}: {said}");
    drop(begun);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_binary_is_swapped_under_load_and_nobody_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    // Whoever supervises holds the sockets; each server gets the same two, as systemd hands them over.
    let sockets: Vec<std::net::TcpListener> = (0..2).map(|_| std::net::TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let url = |at: usize| format!("http://{}", sockets[at].local_addr().unwrap());
    let start = || {
        let mut command = Command::new("sh");
        let script = "exec 3<&0 4<&2 0</dev/null 2>/dev/null; export LISTEN_FDS=2 LISTEN_PID=$$ LISTEN_FDNAMES=hooks:admin; exec \"$@\"";
        command.args(["-c", script, "sh"]).arg(artifacts::binary().unwrap()).args(["serve", "--data"]).arg(&data);
        let handed = |at: usize| Stdio::from(OwnedFd::from(sockets[at].try_clone().unwrap()));
        command.stdin(handed(0)).stderr(handed(1));
        Process::of(command).unwrap()
    };
    let first = start();
    assert_eq!((first.hooks_url.as_str(), first.admin_url.as_str()), (url(0).as_str(), url(1).as_str()));
    let operator = first.operator(None).unwrap();
    let line = operator.connect_twilio("twilio").await.unwrap();
    operator.ok(Method::PUT, "/v1/tenants/platform/connections/twilio/unbound", goodbye()).await.unwrap();

    let (over, told) = tokio::sync::watch::channel(false);
    let (answered, count) = tokio::sync::watch::channel(0_u32);
    let callers: Vec<_> = (0..4)
        .map(|_| {
            let (line, told, answered) = (line.clone(), told.clone(), answered.clone());
            let url = url(0);
            tokio::spawn(async move {
                while !*told.borrow() {
                    let (head, body) = arrival(&line, &line.call(CALLER, ACME));
                    let mut call = Stranger::connect(&url).await.expect("a connection was refused");
                    call.send(head.replace("expect: 100-continue\r\n", "").as_bytes()).await.unwrap();
                    call.send(body.as_bytes()).await.unwrap();
                    let answer = call.answer().await.expect("a call was not answered");
                    assert!(answer.contains("Goodbye."), "{answer}");
                    answered.send_modify(|count| *count += 1);
                }
            })
        })
        .collect();
    let mut running = first;
    for swap in 1..=3 {
        // In the middle of the load.
        let mut count = count.clone();
        tokio::time::timeout(PATIENCE, count.wait_for(|count| *count >= swap * 25)).await.expect("calls are answered").unwrap();
        running.tell_to_end().unwrap();
        let (status, _) = running.ended(PATIENCE).await.unwrap();
        assert!(status.success(), "{status}");
        running = start();
    }
    over.send(true).unwrap();
    for caller in callers {
        caller.await.unwrap();
    }
    running.tell_to_end().unwrap();
    assert!(running.ended(PATIENCE).await.unwrap().0.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_supervisor_is_told_when_it_is_ready_alive_and_ending() {
    let data = tempfile::tempdir().unwrap();
    let at = data.path().join("notify");
    let supervisor = std::os::unix::net::UnixDatagram::bind(&at).unwrap();
    supervisor.set_read_timeout(Some(PATIENCE)).unwrap();
    let (process, _line) = served(&data.path().join("data"), "", |command| {
        command.env("NOTIFY_SOCKET", &at);
    })
    .await;
    let told = |wanted: &str| loop {
        let mut message = [0; 1_024];
        let length = supervisor.recv(&mut message).unwrap();
        let message = String::from_utf8_lossy(&message[..length]).into_owned();
        if message.contains(wanted) {
            break;
        }
        assert!(message.contains("WATCHDOG=1"), "{message} and not {wanted}");
    };
    told("READY=1");
    told("WATCHDOG=1");
    process.tell_to_end().unwrap();
    told("STOPPING=1");
    assert!(process.ended(PATIENCE).await.unwrap().0.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_see_each_check_and_strangers_a_word() {
    let platform = Platform::start().await.unwrap();
    let (live, text) = status_of(&platform.operator.admin_url, "/live").await;
    assert!(live == 200 && text.ends_with("live\n"), "{text}");
    let (ready, text) = status_of(&platform.operator.admin_url, "/ready").await;
    assert!(ready == 200 && text.ends_with("ready\n"), "{text}");
    for path in ["/live", "/ready"] {
        let (status, text) = status_of(&platform.operator.hooks_url, path).await;
        assert!(status == 200 && text.ends_with("\r\n\r\n"), "where strangers are it says nothing more: {text}");
    }
    let told = platform.operator.ok(Method::GET, "/v1/host/health", Value::Null).await.unwrap();
    let names: Vec<&str> = told["checks"].as_array().unwrap().iter().filter_map(|check| check["name"].as_str()).collect();
    assert_eq!((told["live"].as_bool(), told["ready"].as_bool()), (Some(true), Some(true)), "{told}");
    assert_eq!(names, ["web", "guests", "stage", "store", "disk"]);
    assert!(told["listeners"][1]["connections"].as_u64() >= Some(1), "{told}");
    let memory = platform.operator.ok(Method::GET, "/v1/host", Value::Null).await.unwrap()["memory"].clone();
    let parts: u64 = memory["parts"].as_array().unwrap().iter().filter_map(|part| part["most_bytes"].as_u64()).sum();
    assert_eq!(memory["most_bytes"].as_u64(), Some(parts), "what it may take of memory is the sum of its parts: {memory}");
    assert!(memory["usual_bytes"].as_u64().is_some_and(|usual| 0 < usual && usual < parts), "{memory}");

    platform.server.app.store.close().await;
    let (ready, text) = status_of(&platform.operator.admin_url, "/ready").await;
    assert!(ready == 503 && text.contains("store: it acknowledges nothing"), "{text}");
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_is_too_small_is_told_apart_from_a_broken_one() {
    let data = tempfile::tempdir().unwrap();
    let run = |limit: &str, verb: &str| {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("{limit} exec \"$@\""), "sh"]).arg(artifacts::binary().unwrap()).args([verb, "--data"]);
        let output = command.arg(data.path().join("data")).stdin(Stdio::null()).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr))
    };
    for (limit, words) in [
        ("ulimit -v 8000000;", ["address space", "allows 7813 MiB", "LimitAS"]),
        ("ulimit -n 300;", ["open files", "allows 300", "LimitNOFILE"]),
    ] {
        for verb in ["serve", "check"] {
            let (code, said) = run(limit, verb);
            assert_eq!(code, Some(4), "{verb}: {said}");
            for word in words {
                assert!(said.contains(word), "{verb} does not say {word:?}: {said}");
            }
        }
    }
    let (code, said) = run("", "check");
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("a server would start") && said.contains("ran on both engines"), "{said}");
    assert_eq!(std::fs::read_dir(data.path().join("data")).unwrap().count(), 0, "the check leaves something behind");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_addresses_that_check_asks_for_are_those_that_a_server_takes() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().join("data");
    let output = Command::new(artifacts::binary().unwrap()).args(["check", "--json", "--data"]).arg(&folder).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let of =
        |what: &str| report["machine"].as_array().unwrap().iter().find(|line| line["what"] == what).unwrap()["needed"].as_u64().unwrap();
    let process = Process::start(&folder).unwrap();
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let taken = status.lines().find_map(|line| line.strip_prefix("VmSize:")).unwrap().trim().trim_end_matches("kB").trim();
    let taken = taken.parse::<u64>().unwrap() * 1_024;
    let asked = of("address space");
    assert!(asked >= taken && asked <= taken / 2 * 3, "check asks for {asked} and the server takes {taken}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_whose_plugins_cannot_run_does_not_say_that_it_is_ready() {
    let started = Platform::start_with(Arc::new(SystemClock), |config| config.compiler = "/bin/false".into()).await;
    let error = started.err().expect("it started");
    assert!(error.to_string().contains("self-test of plugins"), "{error:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_compiler_outlives_the_server() {
    let scripts = tempfile::tempdir().unwrap();
    let (compiler, slow, started) = (scripts.path().join("compiler"), scripts.path().join("slow"), scripts.path().join("started"));
    let real = artifacts::binary().unwrap();
    let (slow_text, started_text) = (slow.display(), started.display());
    let script = format!("#!/bin/sh\n[ -e {slow_text} ] && echo $$ > {started_text} && exec sleep 600\nexec {} \"$@\"\n", real.display());
    std::fs::write(&compiler, script).unwrap();
    std::fs::set_permissions(&compiler, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let platform = Platform::start_with(Arc::new(SystemClock), |config| config.compiler = compiler.clone()).await.unwrap();
    let line = acme(&platform).await;
    // Its artifact is lost, so a call has it compiled again behind its back; the call is answered meanwhile.
    let version = platform.operator.ok(Method::GET, "/v1/tenants/acme/plugins/logic/versions/1", Value::Null).await.unwrap();
    platform.server.app.runtime.evict(&version["digest"].as_str().unwrap().parse().unwrap()).await;
    std::fs::remove_dir_all(platform.data.path().join("artifacts").join(platform.server.app.runtime.fingerprint())).unwrap();
    std::fs::create_dir(platform.data.path().join("artifacts").join(platform.server.app.runtime.fingerprint())).unwrap();
    std::fs::write(&slow, "").unwrap();
    assert!(!line.call(CALLER, ACME).arrive().await.unwrap().twiml.said().is_empty());
    let compiles = || std::fs::read_to_string(&started).ok().and_then(|id| id.trim().parse::<u32>().ok());
    let there = |id: u32| std::fs::read_to_string(format!("/proc/{id}/cmdline")).is_ok_and(|line| line.starts_with("sleep"));
    let waited = async {
        loop {
            match compiles().filter(|id| there(*id)) {
                Some(id) => return id,
                None => tokio::task::yield_now().await,
            }
        }
    };
    let id = tokio::time::timeout(PATIENCE, waited).await.expect("nothing is compiled");
    platform.stop().await;
    let gone = async {
        while there(id) {
            tokio::task::yield_now().await
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.expect("a compiler is still there");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_does_not_look_at_plugins_that_nobody_calls() {
    let report = stock::run(200).await.unwrap();
    assert_eq!(report.versions, 200, "{report}");
    // Each mapped artifact would be most of a megabyte.
    assert!(report.resident_bytes < report.resident_empty_bytes + (64 << 20), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_tries_everything_before_it_listens_and_is_gone_when_it_has_ended() {
    let platform = Platform::start().await.unwrap();
    let line = acme(&platform).await;
    let heard = line.call(CALLER, ACME).arrive().await.unwrap();
    assert!(heard.twiml.first("Gather").is_some());
    let tried = platform.server.self_test.iter().map(|passed| passed.what).collect::<Vec<_>>();
    assert_eq!(tried, ["random", "store", "clock", "plugins"]);
    let line = Line::new(&platform.operator.hooks_url, PUBLIC_URL, "twilio", ACCOUNT, AUTH_TOKEN).unwrap();
    platform.stop().await;
    assert!(line.call(CALLER, ACME).arrive().await.is_err(), "a server that has ended still answers");
}
