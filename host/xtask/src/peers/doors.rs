//! Lets real clients come by the front doors: boto3, Kamailio with SIPp, baresip, and the packages of Retell and Telnyx.
//!
//! One platform serves them all, on free ports of this machine; each script of `tests/peers` is told where in a file. What a machine
//! cannot run is told, and never taken for passed.

use std::net::UdpSocket;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use jackfield_server::clock::SystemClock;
use jackfield_server::sip::Rules;
use jackfield_tests::artifacts;
use jackfield_tests::doors::{ACCESS_KEY, SECRET_KEY, TOKEN};
use jackfield_tests::platform::{Platform, Tenancy};
use serde_json::{Value, json};

use super::packages;
use crate::shell::{run, step, top};

const NUMBER: &str = "+18005551234";
const DECLINING: &str = "+18005550021";
const SUSPENDED: &str = "+18005550022";
const RETELL_NUMBER: &str = "+18005550023";
const TELNYX_NUMBER: &str = "+18005550024";
const RETELL_KEY: &str = "key_of_the_retell_account";
/// RFC 8032, section 7.1, test 1.
const TELNYX_SEED: &str = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
const TELNYX_PUBLIC_KEY: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

/// Runs every peer that this machine can; why not, for those that it cannot.
pub(crate) fn all() -> anyhow::Result<Vec<String>> {
    let mut skipped = Vec::new();
    let (python, debian) = (packages::python(), packages::debian());
    tokio::runtime::Runtime::new()?.block_on(async {
        let queues_port = UdpSocket::bind("127.0.0.1:0")?.local_addr()?.port();
        let platform = begin(queues_port).await?;
        let given = material(&platform, queues_port)?;
        let script = |name: &str, python: &Path| -> anyhow::Result<()> {
            run(Command::new(python).arg(top().join("tests/peers").join(name)).arg(&given))
        };
        match &python {
            Ok(python) => {
                step("AWS's own client invokes by version and alias", || tokio::task::block_in_place(|| script("aws_peer.py", python)))?;
                step("Retell's and Telnyx' own packages agree", || tokio::task::block_in_place(|| script("voice_ai_peer.py", python)))?;
            }
            Err(why) => skipped.push(why.clone()),
        }
        match &debian {
            Ok(_) => step("Kamailio, SIPp and baresip call", || {
                tokio::task::block_in_place(|| script("sip_peer.py", python.as_deref().unwrap_or(Path::new("python3"))))
            })?,
            Err(why) => skipped.push(why.clone()),
        }
        platform.stop().await;
        Ok(skipped)
    })
}

async fn begin(queues_port: u16) -> anyhow::Result<Platform> {
    let rules = Rules { listen: ([127, 0, 0, 1], 0).into(), connections: vec!["pbx".parse()?] };
    let platform = Platform::start_with(Arc::new(SystemClock), |config| config.sip = Some(rules)).await?;
    let queues = format!("127.0.0.1:{queues_port}");
    let public_key = STANDARD.encode(hex::decode(TELNYX_PUBLIC_KEY)?);
    for (id, provider, secret, options) in [
        ("front", "amazon-connect", (ACCESS_KEY, SECRET_KEY), json!({})),
        ("strict", "amazon-connect", (ACCESS_KEY, SECRET_KEY), json!({"on_failure": "error"})),
        ("kamailio", "kamailio", ("first", TOKEN), json!({"queues": queues})),
        ("pbx", "sip", ("", ""), json!({"queues": queues, "sources": "127.0.0.0/8"})),
        ("retell", "retell", ("first", RETELL_KEY), json!({})),
        ("telnyx", "telnyx", ("first", &public_key), json!({})),
    ] {
        let secrets = if secret.0.is_empty() { json!([]) } else { json!([{"name": secret.0, "value": secret.1}]) };
        let body =
            json!({"id": id, "provider": provider, "public_url": platform.operator.hooks_url, "secrets": secrets, "options": options});
        platform.operator.ok(Method::POST, "/v1/tenants/platform/connections", body).await?;
    }
    let front =
        |enabled: bool| json!({"tenant_id": "acme", "tenant_name": "Acme", "greeting": "Welcome.", "queue": "support", "enabled": enabled});
    let routes = json!({"open": {"queue": "sales", "then": ["support"]}});
    for (tenant, connection, number, plugin, settings) in [
        ("acme-front", "front", NUMBER, "connect-front", front(true)),
        ("declines", "strict", DECLINING, "connect-front", front(false)),
        ("suspended", "strict", SUSPENDED, "connect-front", front(true)),
        ("acme-retell", "retell", RETELL_NUMBER, "persona", json!({"system_prompt": "You answer for Acme. Be brief."})),
        ("acme-telnyx", "telnyx", TELNYX_NUMBER, "acme-ivr", json!({})),
        ("acme", "pbx", "+18005550025", "switchboard", routes),
    ] {
        onboard(&platform, connection, tenant, number, plugin, settings).await?;
    }
    platform.operator.ok(Method::PATCH, "/v1/tenants/suspended", json!({"standing": "suspended"})).await?;
    // A number belongs to one flow: the switches' number is told apart from the flow's by how they write it.
    for (connection, address) in [("kamailio", "voice:sip-user:18005551234@127.0.0.1"), ("pbx", "voice:sip-user:18005551234")] {
        let body = json!({"address": address, "connection": connection, "flow": "main"});
        platform.operator.ok(Method::POST, "/v1/tenants/acme/addresses", body).await?;
    }
    Ok(platform)
}

async fn onboard(platform: &Platform, connection: &str, tenant: &str, number: &str, plugin: &str, settings: Value) -> anyhow::Result<()> {
    let queues = ["support", "sales", "technical-support", "billing", "general-support"];
    let tenancy = Tenancy { tenant, number, component: artifacts::plugin(plugin)?, settings, queues: &queues, plan: "standard" };
    platform.operator.onboard(connection, tenancy).await
}

/// What the scripts are told.
fn material(platform: &Platform, queues_port: u16) -> anyhow::Result<std::path::PathBuf> {
    let peers = top().join("target/peers");
    let work = peers.join("work");
    let _ = std::fs::remove_dir_all(&work);
    std::fs::create_dir_all(&work)?;
    let debian = peers.join("debian");
    let given = json!({
        "url": platform.operator.hooks_url, "access_key": ACCESS_KEY, "secret_key": SECRET_KEY, "token": TOKEN, "number": NUMBER,
        "declining": DECLINING, "suspended": SUSPENDED, "retell_number": RETELL_NUMBER, "retell_key": RETELL_KEY,
        "telnyx_number": TELNYX_NUMBER, "telnyx_seed": TELNYX_SEED, "work": work, "root": debian, "sipp": debian.join("usr/bin/sipp"),
        "queues_port": queues_port, "sip": platform.server.sip.map(|at| at.to_string()),
    });
    let file = peers.join("doors.json");
    std::fs::write(&file, serde_json::to_vec(&given)?)?;
    Ok(file)
}
