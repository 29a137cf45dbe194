//! Lets peers that are not ours judge what we write: the official Twilio package, and components with an interpreter inside.
//!
//! `test` calls it after the promises. What a machine cannot run is told as SKIPPED and never taken for passed.

mod doors;
mod packages;

use std::path::Path;
use std::process::Command;

use anyhow::ensure;
use jackfield_providers::twilio::sign;
use jackfield_tests::platform::{Platform, Tenancy};
use serde_json::{Value, json};

use crate::shell::{run, step, top};

pub(crate) use doors::all as doors;

/// A component with an interpreter inside answers a call like any other.
pub(crate) fn interpreted(name: &str, file: &Path) -> anyhow::Result<()> {
    let component = std::fs::read(file)?;
    println!("   {name}: {:.1} MB", component.len() as f64 / 1e6);
    tokio::runtime::Runtime::new()?.block_on(async {
        let platform = Platform::start().await?;
        let line = platform.operator.connect_twilio("twilio").await?;
        let tenancy = Tenancy {
            tenant: "acme",
            number: "+18005550100",
            component: component.into(),
            settings: json!({}),
            queues: &["sales"],
            plan: "maximum",
        };
        platform.operator.onboard("twilio", tenancy).await?;
        let heard = line.call("+14155550100", "+18005550100").arrive().await?;
        let said = heard.twiml.said();
        ensure!(said.to_lowercase().contains("hello from"), "the caller heard {said:?}: {}", String::from_utf8_lossy(&heard.body));
        platform.stop().await;
        Ok(())
    })
}

/// A plugin that does what the Acme plugin does in another language passes the same file of cases.
pub(crate) fn acme(component: &Path) -> anyhow::Result<()> {
    let mut command = Command::new(jackfield_tests::artifacts::binary()?);
    command.env("XDG_CACHE_HOME", top().join("target/cache"));
    run(command.args(["plugin", "test"]).arg(component).arg(top().join("plugins/acme-ivr/cases")))
}

/// Lets the package from PyPI verify our signatures and read our TwiML; why not, where it could not be had.
pub(crate) fn twilio() -> anyhow::Result<Option<String>> {
    let python = match packages::python() {
        Ok(python) => python,
        Err(why) => return Ok(Some(why)),
    };
    let material = top().join("target/peers/material.json");
    std::fs::write(&material, serde_json::to_vec(&material_for_twilio())?)?;
    step("the official Twilio package agrees", || {
        run(Command::new(&python)
            .arg(top().join("tests/peers/twilio_peer.py"))
            .arg(&material)
            .arg(top().join("tests/fixtures/twilio/render")))
    })?;
    Ok(None)
}

/// Requests signed by us, awkward ones among them.
fn material_for_twilio() -> Value {
    let cases: [(&str, &[(&str, &str)]); 5] = [
        (
            "https://calls.platform.example/hooks/twilio/voice",
            &[("CallSid", "CA1"), ("From", "+14155550100"), ("To", "+18005551234"), ("FromCity", "")],
        ),
        (
            "https://calls.platform.example/hooks/twilio/voice?s=abc-_123",
            &[("Digits", "1"), ("Digits", "2"), ("Digits", "1"), ("msg", "Gather End")],
        ),
        ("https://calls.platform.example:8443/hooks/twilio/status", &[("Name", "Åsa & Søn <x>"), ("é", "ü")]),
        ("http://calls.platform.example/hooks/twilio/voice?a=b%20c&d=%2B1", &[("SpeechResult", "I'd like \"sales\", please")]),
        ("https://user:pass@calls.platform.example/hooks/twilio/voice", &[]),
    ];
    let signed: Vec<Value> = cases
        .iter()
        .map(|(url, params)| {
            let params: Vec<(String, String)> = params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            json!({"url": url, "params": params, "signature": sign("12345", url, &params)})
        })
        .collect();
    json!({"token": "12345", "signed": signed})
}
