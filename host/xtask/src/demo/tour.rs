//! Walks through the calls of the demo, says what the caller hears and who decided it, and counts wrong answers.

use anyhow::Context as _;
use jackfield_tests::line::{Call, Heard, Line};
use jackfield_tests::platform::{AUTH_TOKEN, Operator};
use serde_json::Value;

use super::tenants::{ACME, GLOBEX, LOOPY, PHONY};

/// A caller.
const CALLER: &str = "+14155550100";

/// Counts what was not as it should be.
struct Tour<'a> {
    operator: &'a Operator,
    line: &'a Line,
    wrong: u32,
}

/// Walks; the number of wrong answers.
pub(super) async fn walk(operator: &Operator, line: &Line) -> anyhow::Result<u32> {
    let mut tour = Tour { operator, line, wrong: 0 };
    tour.acme().await?;
    tour.globex().await?;
    tour.phony().await?;
    tour.loopy().await?;
    tour.strangers().await?;
    Ok(tour.wrong)
}

impl Tour<'_> {
    fn expect(&mut self, what: &str, holds: bool) {
        println!("   {} {what}", if holds { "ok " } else { "WRONG" });
        self.wrong += u32::from(!holds);
    }

    fn heard(&self, what: &str, heard: &Heard) {
        println!("   {what} -> {}", heard.status);
        for words in heard.twiml.in_words() {
            println!("      {words}");
        }
    }

    /// Who answered the last turn of a call, and why.
    async fn why(&self, tenant: &str, call: &Call) -> anyhow::Result<(String, String)> {
        let contact = self.operator.contact_of(tenant, &call.sid).await?;
        let turn = contact.get("turns").and_then(Value::as_array).and_then(|turns| turns.last()).context("the contact has turns")?.clone();
        let text = |name: &str| turn.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (by, reason) = (text("answered_by"), text("reason"));
        let failure = turn
            .pointer("/attempts/0/failure/detail")
            .and_then(Value::as_str)
            .map(|detail| format!("; the plugin: {detail}"))
            .unwrap_or_default();
        println!("      because: {reason} (answered by {by}{failure})");
        Ok((by, failure))
    }

    async fn acme(&mut self) -> anyhow::Result<()> {
        println!("\n== Acme: an IVR with a menu ({ACME})");
        let call = self.line.call(CALLER, ACME);
        let menu = call.arrive().await?;
        self.heard("somebody calls", &menu);
        self.expect("the caller is greeted and asked", menu.twiml.first("Gather").is_some());
        let again = call.press(&menu.twiml, "7").await?;
        self.heard("presses 7, which is not on the menu", &again);
        self.expect("the host asks again by itself", again.twiml.first("Gather").is_some());
        let queue = call.press(&again.twiml, "2").await?;
        self.heard("presses 2", &queue);
        let (by, _) = self.why("acme", &call).await?;
        self.expect(
            "technical support, decided by the plugin",
            queue.twiml.queue().is_some_and(|queue| queue.contains("technical-support")) && by == "plugin",
        );

        let silent = self.line.call(CALLER, ACME);
        let mut heard = silent.arrive().await?;
        for _ in 0..5 {
            if heard.twiml.first("Gather").is_none() {
                break;
            }
            heard = silent.stay_silent(&heard.twiml).await?;
        }
        self.heard("another caller says nothing", &heard);
        self.why("acme", &silent).await?;
        self.expect("general support takes it", heard.twiml.queue().is_some_and(|queue| queue.contains("general-support")));

        let once_more = self.line.post(&self.line.hook("voice"), &call.params("ringing", &[])).await?;
        self.expect("Twilio repeats its first request and gets the same bytes", once_more.body == menu.body);
        Ok(())
    }

    async fn globex(&mut self) -> anyhow::Result<()> {
        println!("\n== Globex: hours and languages ({GLOBEX})");
        let call = self.line.call(CALLER, GLOBEX);
        let first = call.arrive().await?;
        self.heard("somebody calls", &first);
        self.expect("the caller chooses a language", first.twiml.first("Gather").is_some());
        let next = call.press(&first.twiml, "2").await?;
        self.heard("presses 2 for the second language", &next);
        let (by, _) = self.why("globex", &call).await?;
        self.expect("the plugin decided by opening hours", by == "plugin" && next.status == 200 && !next.twiml.verbs().is_empty());
        Ok(())
    }

    async fn phony(&mut self) -> anyhow::Result<()> {
        println!("\n== Phony: an AI persona from settings ({PHONY})");
        let call = self.line.call(CALLER, PHONY);
        let heard = call.arrive().await?;
        self.heard("somebody calls", &heard);
        self.why("phony", &call).await?;
        let persona = heard.twiml.all("Parameter").find(|parameter| parameter.attribute("name") == Some("persona"));
        let instructions = persona.and_then(|parameter| parameter.attribute("value")).unwrap_or_default().to_owned();
        self.expect(
            "the system prompt names the company of the settings",
            instructions.contains("Acme Corp") && !instructions.contains("{company_name}"),
        );
        Ok(())
    }

    async fn loopy(&mut self) -> anyhow::Result<()> {
        println!("\n== Loopy: a plugin that loops for ever ({LOOPY})");
        let call = self.line.call(CALLER, LOOPY);
        let begun = std::time::Instant::now();
        let heard = call.arrive().await?;
        self.heard(&format!("somebody calls, and is answered after {} ms", begun.elapsed().as_millis()), &heard);
        let (by, failure) = self.why("loopy", &call).await?;
        self.expect(
            "the tenant's default route took the call",
            by == "tenant_default" && heard.twiml.queue().is_some_and(|queue| queue.contains("front-desk")),
        );
        self.expect("the failure is told to the tenant", !failure.is_empty());
        let other = self.line.call(CALLER, ACME).arrive().await?;
        self.expect("the next call of another tenant is unharmed", other.twiml.first("Gather").is_some());
        Ok(())
    }

    async fn strangers(&mut self) -> anyhow::Result<()> {
        println!("\n== Strangers");
        let call = self.line.call(CALLER, ACME);
        let wrong = self.line.post_signed(&self.line.hook("voice"), &call.params("ringing", &[]), "RSOYDt4T1cUTdK1PDd93/VVr8B8=").await?;
        self.heard("a request with a wrong signature", &wrong);
        self.expect("is refused without a word", wrong.status == 403 && wrong.body.is_empty());
        let unknown = self.line.call(CALLER, "+15555555555").arrive().await?;
        self.heard("a call to a number that nobody bound", &unknown);
        self.expect("gets what the connection's owner set, and no tenant", unknown.twiml.first("Reject").is_some());
        let refusals = self.operator.api.get("/v1/tenants/platform/connections/twilio/refusals", &[]).await?.body;
        let codes: Vec<&str> = refusals
            .get("items")
            .and_then(Value::as_array)
            .map(|items| items.iter().filter_map(|item| item.get("code")?.as_str()).collect())
            .unwrap_or_default();
        println!("      the connection's list of refusals: {codes:?}");
        self.expect(
            "both are on the list, and no secret is",
            codes.contains(&"bad-signature") && codes.contains(&"unbound-address") && !refusals.to_string().contains(AUTH_TOKEN),
        );
        Ok(())
    }
}
