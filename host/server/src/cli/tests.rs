//! Promises about the command line: what a person types reaches the API and means there what it says here.

use std::io::Write;
use std::sync::{Arc, Mutex};

use clap::{CommandFactory as _, Parser};
use serde_json::{Value, json};

use super::admin::asked;
use super::session::{Outcome, Trouble};
use super::{AdminCommand, Globals};
use crate::admin::tests::Api;

/// As the program's own parser flattens them.
#[derive(Debug, Parser)]
#[command(name = "jackfield", version, propagate_version = true)]
struct Line {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    command: AdminCommand,
}

/// An API that listens, and a folder for files.
struct Desk {
    api: Api,
    server: String,
    files: tempfile::TempDir,
    paper: Paper,
}

/// What was printed.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Desk {
    async fn new(api: Api) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = format!("http://{}", listener.local_addr().unwrap());
        let router = api.router.clone();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { api, server, files: tempfile::tempdir().unwrap(), paper: Paper::default() }
    }

    async fn run(&self, token: &str, words: &[&str]) -> Outcome {
        let head = ["jackfield", "--server", &self.server, "--token", token];
        let line = Line::try_parse_from(head.iter().chain(words)).map_err(|e| Trouble::Usage(e.to_string()))?;
        asked(line.command, &line.globals, Box::new(self.paper.clone())).await
    }

    /// What was printed since the last look.
    fn printed(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.paper.0.lock().unwrap())).unwrap()
    }

    async fn operator(&self, words: &[&str]) {
        let outcome = self.run(&self.api.operator, words).await;
        assert!(outcome.is_ok(), "{words:?}: {outcome:?}");
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.files.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    async fn shown(&self, path: &str) -> Value {
        self.api.get(&self.api.operator, path).await.body
    }
}

#[test]
fn every_command_is_sound_and_explains_itself() {
    Line::command().debug_assert();
    fn walk(command: &clap::Command) {
        assert!(command.get_about().is_some(), "{} does not say what it is for", command.get_name());
        for arg in command.get_arguments().filter(|arg| !arg.is_global_set()) {
            assert!(arg.get_help().is_some(), "{} of {} does not say what it is", arg.get_id(), command.get_name());
        }
        command.get_subcommands().for_each(walk);
    }
    Line::command().get_subcommands().for_each(walk);
}

#[tokio::test]
async fn a_tenant_is_onboarded_by_typing() {
    let desk = Desk::new(Api::new().await).await;
    let secret = desk.file("secret", "0123456789abcdef0123456789abcdef\n");
    desk.operator(&["tenant", "create", "initech", "--label", "Initech", "--zone", "America/Chicago"]).await;
    let public = "https://voice.example.com";
    let create = ["connection", "create", "ini-twilio", "--provider", "twilio", "--public-url", public, "--secret-file", &secret];
    desk.operator(&[&["--tenant", "initech"][..], &create].concat()).await;
    let hours = desk.file("hours.json", r#"{"weekly":[{"weekday":1,"from":"09:00","to":"17:00"}]}"#);
    let say = json!({ "do": "say", "with": { "content": { "text": "We are closed." } } });
    let routes =
        json!([{ "channel": "voice", "hours": "main", "open": { "actions": [say, { "do": "hang-up", "with": null }], "reason": "" } }]);
    let routes = desk.file("routes.json", &routes.to_string());
    let settings = desk.file("settings.json", r#"{"queue":"sales"}"#);
    for words in [
        &["flow", "create", "main", "--label", "Main line"][..],
        &["hours", "set", "main", &hours],
        &["hours", "at", "main", "2026-11-23 10:00"],
        &["hours", "show", "main"],
        &["queue", "set", "sales", "--hours", "main", "--provider-id", "twilio=Sales"],
        &["queue", "status", "sales", "--waiting", "2", "--staffed", "1"],
        &["person", "set", "ann", "--address", "+18005550100"],
        &["person", "list"],
        &["route", "set", &routes],
        &["route", "show"],
        &["settings", "set", "--flow", "main", &settings],
        &["settings", "show", "--flow", "main"],
        &["address", "bind", "+18005551234", "--connection", "ini-twilio", "--flow", "main"],
        &["address", "list"],
        &["closure", "set", "storm", "--until", "2100-01-01 00:00"],
        &["closure", "show"],
        &["closure", "lift"],
        &["connection", "refusals", "ini-twilio"],
        &["contacts", "find", "--today", "--caller-ends", "0100"],
        &["contact", "find", "--at", "yesterday 17:02", "--dialled", "+18005551234"],
        &["usage"],
        &["quota", "set", "--limit", "contacts.day=5", "--count", "flows=9", "--rate", "3", "--voice-share", "20"],
        &["quota", "set", "--limit", "fuel.hour=1_000_000", "--concurrency", "7"],
        &["quota", "show"],
        &["quota", "effective"],
        &["quota", "notices"],
        &["plugin", "list"],
        &["token", "create", "--label", "ci", "--expires", "30"],
        &["token", "list"],
    ] {
        desk.operator(&[&["--tenant", "initech"][..], words].concat()).await;
    }
    let quota = json!({
        "meters": { "contacts": { "day": 5 }, "fuel": { "hour": 1_000_000 } }, "rate": { "per_second": 3, "burst": 3 },
        "concurrency": 7, "voice_share_percent": 20, "counts": { "flows": 9 },
    });
    assert_eq!(desk.shown("/v1/tenants/initech/quotas").await["quota"], quota);
    assert_eq!(desk.shown("/v1/tenants/initech/queues/sales").await["provider_ids"], json!({ "twilio": "Sales" }));
    assert_eq!(desk.shown("/v1/tenants/initech/queues/sales/status").await["waiting"], 2);
    assert_eq!(desk.shown("/v1/tenants/initech/flows/main/settings").await["value"], json!({ "queue": "sales" }));
    assert_eq!(desk.shown("/v1/tenants/initech/addresses/+18005551234").await["flow"], "main");
    assert_eq!(desk.shown("/v1/tenants/initech/connections/ini-twilio").await["secrets"][0]["name"], "first");
    desk.operator(&["--tenant", "initech", "address", "release", "voice:number:+18005551234"]).await;
    desk.operator(&["tenant", "delete", "initech", "--erase", "initech"]).await;
}

#[tokio::test]
async fn a_release_is_made_activated_and_rolled_back_by_typing() {
    let desk = Desk::new(Api::furnished().await).await;
    desk.api.plugin("acme", "ivr", 1, &["say"], "").await;
    // A confined token's own tenant need not be named.
    let acme = desk.api.acme.clone();
    for words in [
        &["flow", "release", "main", "--plugin", "ivr", "--activate"][..],
        &["flow", "release", "main", "--plugin", "ivr", "--plugin-version", "1", "--grants", "log,settings", "--note", "second"],
        &["flow", "releases", "main"],
        &["flow", "activate", "main"],
        &["flow", "show", "main"],
        &["plugin", "versions", "ivr"],
    ] {
        let outcome = desk.run(&acme, words).await;
        assert!(outcome.is_ok(), "{words:?}: {outcome:?}");
    }
    assert_eq!(desk.shown("/v1/tenants/acme/flows/main/aliases").await["aliases"]["live"], 2);
    assert_eq!(desk.shown("/v1/tenants/acme/flows/main/releases/2").await["grants"], json!(["settings", "log"]));
    desk.run(&acme, &["flow", "rollback", "main"]).await.unwrap();
    assert_eq!(desk.shown("/v1/tenants/acme/flows/main/aliases").await["aliases"]["live"], 1);
}

#[tokio::test]
async fn two_releases_are_compared_by_typing() {
    let desk = Desk::new(Api::furnished().await).await;
    desk.api.plugin("acme", "ivr", 1, &["say"], "").await;
    let acme = desk.api.acme.clone();
    let nothing_live = desk.run(&acme, &["flow", "diff", "main"]).await.unwrap_err();
    assert_eq!(nothing_live.status(), 2, "{}", nothing_live.tell());
    let first = ["flow", "release", "main", "--plugin", "ivr", "--grants", "log,settings", "--activate"];
    let second = ["flow", "release", "main", "--plugin", "ivr", "--egress", "GET https://api.example.com"];
    for words in [&first[..], &second, &["flow", "diff", "main"], &["flow", "diff", "main", "2", "2"]] {
        let outcome = desk.run(&acme, words).await;
        assert!(outcome.is_ok(), "{words:?}: {outcome:?}");
    }
    let printed = desk.printed();
    for part in ["release 1 -> 2 of flow main", "+ capability http", "+ http GET https://api.example.com:443", "releases 2 and 2 run alike"]
    {
        assert!(printed.contains(part), "{part}: {printed}");
    }
    let missing = desk.run(&acme, &["flow", "diff", "main", "1", "9"]).await.unwrap_err();
    assert_eq!(missing.status(), 1, "{}", missing.tell());
}

#[tokio::test]
async fn what_a_release_may_reach_and_what_it_sends_secretly_is_set_by_typing() {
    let desk = Desk::new(Api::furnished().await).await;
    desk.api.plugin("acme", "ivr", 1, &["say"], "").await;
    let (acme, value) = (desk.api.acme.clone(), desk.file("value", "canary-value-77\n"));
    let rules = ["--egress", "GET,POST https://api.example.com", "--egress", "GET https://*.shop.example:8443"];
    for words in [
        &["secret", "set", "crm", "--value-file", &value, "--host", "api.example.com", "--host", "eu.example.com:8443"][..],
        &["secret", "list"],
        &["secret", "show", "crm"],
        &[&["flow", "release", "main", "--plugin", "ivr"][..], &rules].concat(),
        &["flow", "egress", "main"],
        &["flow", "releases", "main"],
    ] {
        let outcome = desk.run(&acme, words).await;
        assert!(outcome.is_ok(), "{words:?}: {outcome:?}");
    }
    let printed = desk.printed();
    assert!(printed.contains("it is sent to api.example.com:443, eu.example.com:8443"), "{printed}");
    assert!(printed.contains("GET,POST https://api.example.com:443; GET https://*.shop"), "{printed}");
    assert!(!printed.contains("canary-value"), "{printed}");
    assert_eq!(desk.shown("/v1/tenants/acme/flows/main/releases/1").await["egress"][1]["host"], "*.shop.example");
    desk.run(&acme, &["secret", "delete", "crm"]).await.unwrap();
    let wrong = desk.run(&acme, &["flow", "release", "main", "--plugin", "ivr", "--egress", "GET everything"]).await.unwrap_err();
    assert_eq!(wrong.status(), 2, "{}", wrong.tell());
}

#[tokio::test]
async fn json_is_the_apis_own_and_people_get_a_table() {
    let desk = Desk::new(Api::furnished().await).await;
    let acme = desk.api.acme.clone();
    desk.run(&acme, &["flow", "show", "main", "--json"]).await.unwrap();
    assert_eq!(desk.printed(), format!("{}\n", desk.shown("/v1/tenants/acme/flows/main").await));
    desk.run(&acme, &["flow", "list"]).await.unwrap();
    assert_eq!(desk.printed(), "NAME  LABEL  KIND     LIVE  NEWEST\nmain  Main   inbound  -     0\n");
    desk.run(&acme, &["token", "create", "--label", "ci"]).await.unwrap();
    let printed = desk.printed();
    let token = printed.lines().next().unwrap();
    assert!(desk.run(token, &["tenant", "show", "acme"]).await.is_ok(), "the first line alone is the token: {printed}");
}

#[tokio::test]
async fn a_list_is_followed_to_its_end() {
    let desk = Desk::new(Api::furnished().await).await;
    for number in 0..120 {
        desk.api.operator(http::Method::PUT, &format!("/v1/tenants/acme/queues/q{number:03}"), json!({ "label": "Q" })).await;
    }
    desk.run(&desk.api.acme, &["queue", "list"]).await.unwrap();
    assert_eq!(desk.printed().lines().count(), 1 + 121, "more than one page of a hundred");
}

#[tokio::test]
async fn trouble_says_what_where_and_what_to_do_with_a_status_of_its_own() {
    let desk = Desk::new(Api::furnished().await).await;
    let refused = desk.run(&desk.api.acme, &["flow", "show", "nowhere"]).await.unwrap_err();
    let told = refused.tell();
    assert_eq!(refused.status(), 1);
    for part in ["not-found", "there is no flow nowhere", "where: flow", "what to do:"] {
        assert!(told.contains(part), "{told}");
    }
    let unnamed = desk.run(&desk.api.operator, &["flow", "list"]).await.unwrap_err();
    assert_eq!(unnamed.status(), 2, "{}", unnamed.tell());
    let no_time = desk.run(&desk.api.acme, &["contacts", "find", "--at", "teatime"]).await.unwrap_err();
    assert_eq!(no_time.status(), 2, "{}", no_time.tell());
    let mismatch = desk.run(&desk.api.operator, &["tenant", "delete", "acme", "--erase", "other"]).await.unwrap_err();
    assert_eq!(mismatch.status(), 2);
    let line = Line::try_parse_from(["jackfield", "--server", "http://127.0.0.1:1", "tenant", "list"]).unwrap();
    let gone = asked(line.command, &line.globals, Box::new(Paper::default())).await.unwrap_err();
    assert_eq!(gone.status(), 3, "{}", gone.tell());
    assert!(Line::try_parse_from(["jackfield", "flow", "show", "../tokens"]).is_err(), "a name is checked before it becomes a path");
}
