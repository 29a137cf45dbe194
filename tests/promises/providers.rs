//! What every provider is owed: its own signature and no other, one answer for a retry, and nothing written for a stranger.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use ed25519_dalek::{Signer as _, SigningKey};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::Method;
use jackfield_domain::ports::Clock as _;
use jackfield_egress::{PlainClient, PlainReply};
use jackfield_providers::{connect, native, twilio};
use jackfield_server::clock::SystemClock;
use jackfield_tests::artifacts;
use jackfield_tests::doors::{ACCESS_KEY, SECRET_KEY, TOKEN, connect_event};
use jackfield_tests::platform::{Platform, Tenancy};
use serde_json::{Value, json};
use sha2::Sha256;

const NUMBER: &str = "+18005551234";
const KEY: &str = "the-key-of-an-account";
const ED25519_SEED: [u8; 32] = [7; 32];

type Headers = Vec<(String, String)>;

/// A provider as it comes: how it is connected, what it sends, and how that is signed.
struct Comes {
    provider: &'static str,
    secret: (&'static str, String),
    options: Value,
    plugin: &'static str,
    settings: Value,
    address: &'static str,
    tail: &'static str,
    body: String,
    /// Signs a body for a URL with a secret; the flag makes it six minutes old.
    sign: fn(url: &str, secret: &str, body: &str, stale: bool) -> Headers,
    /// False where the signature has no time.
    has_time: bool,
}

fn header(name: &str, value: impl Into<String>) -> (String, String) {
    (name.to_owned(), value.into())
}

fn now_ms(stale: bool) -> u64 {
    SystemClock.now() - if stale { 360_000 } else { 0 }
}

fn mac(secret: &str, parts: &[&str]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    parts.iter().for_each(|part| mac.update(part.as_bytes()));
    hex::encode(mac.finalize().into_bytes())
}

fn form_signed(url: &str, secret: &str, body: &str, _stale: bool) -> Headers {
    let params: Vec<(String, String)> =
        form_urlencoded::parse(body.as_bytes()).map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    vec![header("content-type", "application/x-www-form-urlencoded"), header("x-twilio-signature", twilio::sign(secret, url, &params))]
}

fn aws_signed(url: &str, secret: &str, body: &str, stale: bool) -> Headers {
    let url: url::Url = url.parse().unwrap();
    let moment = jiff::Timestamp::from_millisecond(i64::try_from(now_ms(stale)).unwrap()).unwrap();
    let date = moment.strftime("%Y%m%dT%H%M%SZ").to_string();
    let host = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
    let authorization = connect::sign(ACCESS_KEY, secret, "us-east-1", &host, url.path(), &date, body.as_bytes());
    vec![header("x-amz-date", date), header("authorization", authorization)]
}

fn bearer(_url: &str, secret: &str, _body: &str, _stale: bool) -> Headers {
    vec![header("authorization", format!("Bearer {secret}"))]
}

fn standard_webhooks(_url: &str, secret: &str, body: &str, stale: bool) -> Headers {
    let seconds = (now_ms(stale) / 1_000).to_string();
    let signature = format!("v1,{}", native::sign(secret, "m-1", &seconds, body.as_bytes()));
    vec![header("webhook-id", "m-1"), header("webhook-timestamp", seconds), header("webhook-signature", signature)]
}

fn retell_signed(_url: &str, secret: &str, body: &str, stale: bool) -> Headers {
    let at = now_ms(stale).to_string();
    vec![header("x-retell-signature", format!("v={at},d={}", mac(secret, &[body, &at])))]
}

fn vapi_secret(_url: &str, secret: &str, _body: &str, _stale: bool) -> Headers {
    vec![header("x-vapi-secret", secret)]
}

/// The secret is the public key; whoever holds another one signs with another seed.
fn telnyx_signed(_url: &str, secret: &str, body: &str, stale: bool) -> Headers {
    let own = STANDARD.encode(SigningKey::from_bytes(&ED25519_SEED).verifying_key().as_bytes());
    let key = SigningKey::from_bytes(if secret == own { &ED25519_SEED } else { &[9; 32] });
    let at = (now_ms(stale) / 1_000).to_string();
    let signature = key.sign(format!("{at}|{body}").as_bytes());
    vec![
        header("content-type", "application/x-www-form-urlencoded"),
        header("telnyx-timestamp", at),
        header("telnyx-signature-ed25519", STANDARD.encode(signature.to_bytes())),
    ]
}

fn all() -> Vec<Comes> {
    let persona = || json!({"system_prompt": "You answer for Acme. Be brief."});
    let care = || json!({"queue": "sales", "features": {"chat_agents": true}});
    let front = json!({"tenant_id": "acme", "tenant_name": "Acme", "greeting": "Welcome.", "queue": "sales"});
    let message = |to: &str| {
        format!(
            "AccountSid=AC00000000000000000000000000000000&MessageSid=SM1&From={from}&To={to}&Body=Hello",
            from = to.replace("1234", "0100")
        )
    };
    let of = |provider, secret: &str, plugin, settings, tail, body: String, sign| Comes {
        provider,
        secret: ("first", secret.to_owned()),
        options: json!({}),
        plugin,
        settings,
        address: NUMBER,
        tail,
        body,
        sign,
        has_time: false,
    };
    let public_key = STANDARD.encode(SigningKey::from_bytes(&ED25519_SEED).verifying_key().as_bytes());
    let call = "AccountSid=f5586561-8ff0-4291-a51b-c7dfe4139ff9&CallSid=v3%3Aone&CallStatus=ringing&ConnectionId=1&Direction=inbound&From=%2B14155550100&To=%2B18005551234";
    let invocation = "2015-03-31/functions/front/invocations";
    let asked = json!({"message": {"type": "assistant-request", "phoneNumber": {"number": NUMBER}, "customer": {"number": "+14155550100"}, "call": {"id": "v-1"}}});
    let inbound = json!({"event": "call_inbound", "event_timestamp": 1_795_212_000_000_u64, "call_inbound": {"from_number": "+12137771234", "to_number": NUMBER}});
    let switch = || json!({"open": {"queue": "sales"}});
    vec![
        Comes {
            secret: (ACCESS_KEY, SECRET_KEY.to_owned()),
            has_time: true,
            ..of(
                "amazon-connect",
                "",
                "connect-front",
                front,
                invocation,
                connect_event("c-1", Some(NUMBER), None, &json!({})).to_string(),
                aws_signed,
            )
        },
        Comes {
            options: json!({"queues": "127.0.0.1:5091"}),
            ..of("kamailio", TOKEN, "switchboard", switch(), "route", json!({"call_id": "k-1", "ruser": NUMBER}).to_string(), bearer)
        },
        of("native", TOKEN, "acme-ivr", json!({}), "events", json!({"contact": "n-1", "to": NUMBER}).to_string(), bearer),
        Comes {
            options: json!({"auth": "signature"}),
            has_time: true,
            ..of("native", KEY, "acme-ivr", json!({}), "events", json!({"contact": "n-2", "to": NUMBER}).to_string(), standard_webhooks)
        },
        Comes { has_time: true, ..of("retell", KEY, "persona", persona(), "inbound", inbound.to_string(), retell_signed) },
        Comes { has_time: true, ..of("telnyx", &public_key, "acme-ivr", json!({}), "voice", call.to_owned(), telnyx_signed) },
        Comes {
            address: "sms:number:+18005551234",
            ..of("twilio-messaging", KEY, "care-bot", care(), "message", message("%2B18005551234"), form_signed)
        },
        Comes {
            address: "whatsapp:number:+18005551234",
            ..of("twilio-messaging", KEY, "care-bot", care(), "message", message("whatsapp%3A%2B18005551234"), form_signed)
        },
        of("vapi", KEY, "persona", persona(), "server", asked.to_string(), vapi_secret),
    ]
}

async fn post(platform: &Platform, comes: &Comes, connection: &str, headers: &Headers, body: &str) -> PlainReply {
    let url = format!("{}/hooks/{connection}/{}", platform.operator.hooks_url, comes.tail).parse().unwrap();
    PlainClient::new().unwrap().send(Method::POST, &url, headers, Bytes::from(body.to_owned())).await.unwrap()
}

async fn connected(platform: &Platform, comes: &Comes, id: &str, owner: &str, secret: &str) {
    let secrets = json!([{"name": comes.secret.0, "value": secret}]);
    let body = json!({"id": id, "provider": comes.provider, "public_url": platform.operator.hooks_url, "secrets": secrets, "options": comes.options});
    platform.operator.ok(Method::POST, &format!("/v1/tenants/{owner}/connections"), body).await.unwrap();
}

async fn onboarded(platform: &Platform, comes: &Comes) {
    connected(platform, comes, "line", "platform", &comes.secret.1).await;
    let tenancy = Tenancy {
        tenant: "acme",
        number: comes.address,
        component: artifacts::plugin(comes.plugin).unwrap(),
        settings: comes.settings.clone(),
        queues: &["sales", "technical-support", "billing", "general-support"],
        plan: "standard",
    };
    platform.operator.onboard("line", tenancy).await.unwrap_or_else(|error| panic!("{}: {error:#}", comes.provider));
}

/// What a request has that nobody signed.
fn unsigned(comes: &Comes) -> Headers {
    let is_form = matches!(comes.provider, "telnyx" | "twilio-messaging");
    vec![header("content-type", if is_form { "application/x-www-form-urlencoded" } else { "application/json" })]
}

/// Another secret of the same kind: what an account of somebody else has.
fn another(comes: &Comes) -> String {
    match comes.provider {
        "telnyx" => STANDARD.encode(SigningKey::from_bytes(&[9; 32]).verifying_key().as_bytes()),
        _ => "another-secret-of-somebody-else".to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_provider_gets_one_answer_however_often_it_asks_and_a_stranger_none() {
    for comes in all() {
        let what = format!("{} {}", comes.provider, comes.address);
        let platform = Platform::start().await.unwrap();
        onboarded(&platform, &comes).await;
        let url = format!("{}/hooks/line/{}", platform.operator.hooks_url, comes.tail);
        let signed = |secret: &str, stale: bool| (comes.sign)(&url, secret, &comes.body, stale);
        let own = comes.secret.1.as_str();
        // Nothing of what follows is the provider's: refused before anything is written.
        let mut strangers = vec![
            ("unsigned", unsigned(&comes), comes.body.clone()),
            ("another secret", signed(&another(&comes), false), comes.body.clone()),
        ];
        if comes.has_time {
            strangers.push(("stale", signed(own, true), comes.body.clone()));
        }
        let signs_the_body = !matches!(comes.provider, "kamailio" | "vapi")
            && comes.options.get("auth").is_some_and(|auth| auth == "signature")
            || !matches!(comes.provider, "kamailio" | "vapi" | "native");
        if signs_the_body {
            strangers.push((
                "altered",
                signed(own, false),
                comes.body.replace("0100", "0101").replace("n-2", "n-3").replace("7771234", "7771235"),
            ));
        }
        for (how, headers, body) in &strangers {
            let reply = post(&platform, &comes, "line", headers, body).await;
            assert_eq!(reply.status, 403, "{what}, {how}: {}", reply.text());
        }
        let list = platform.operator.api.get("/v1/tenants/platform/connections/line/refusals", &[]).await.unwrap().body;
        assert_eq!(list["items"].as_array().map(Vec::len), Some(strangers.len()), "{what}: {list}");
        assert!(!list.to_string().contains(own) && !list.to_string().contains("4155550100"), "{what}: {list}");
        assert_eq!(platform.operator.counted("acme", "events").await.unwrap(), 0, "{what}: a stranger was counted");
        // The provider's own, and again: as a retry signs, with a time of its own.
        let first = post(&platform, &comes, "line", &signed(own, false), &comes.body).await;
        assert_eq!(first.status, 200, "{what}: {}", first.text());
        let again = post(&platform, &comes, "line", &signed(own, false), &comes.body).await;
        assert_eq!((again.status, again.text()), (200, first.text()), "{what}: a retry");
        let counts = ["contacts_begun", "events", "invocations"];
        for name in counts {
            assert_eq!(platform.operator.counted("acme", name).await.unwrap(), 1, "{what}: {name}");
        }
        let found = platform.operator.api.get("/v1/tenants/acme/contacts", &[("from", "2000-01-01T00:00:00Z")]).await.unwrap().body;
        let id = found["items"][0]["id"].as_str().unwrap();
        let contact = platform.operator.api.get(&format!("/v1/tenants/acme/contacts/{id}"), &[]).await.unwrap().body;
        let turn = &contact["turns"][0];
        assert_eq!(
            (turn["verified_with"].as_str(), turn["answered_by"].as_str()),
            (Some(comes.secret.0), Some("plugin")),
            "{what}: {turn}"
        );
        platform.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_valid_signature_of_one_connection_never_reaches_an_address_of_another() {
    for comes in all() {
        let platform = Platform::start().await.unwrap();
        onboarded(&platform, &comes).await;
        let tenant = json!({"id": "other", "label": "other", "zone": "UTC", "language": "en-US", "plan": "standard"});
        platform.operator.ok(Method::POST, "/v1/tenants", tenant).await.unwrap();
        let theirs = another(&comes);
        connected(&platform, &comes, "theirs", "other", &theirs).await;
        let url = format!("{}/hooks/theirs/{}", platform.operator.hooks_url, comes.tail);
        let reply = post(&platform, &comes, "theirs", &(comes.sign)(&url, &theirs, &comes.body, false), &comes.body).await;
        assert_eq!(reply.status, 404, "{}: {}", comes.provider, reply.text());
        assert_eq!(platform.operator.counted("acme", "events").await.unwrap(), 0, "{}", comes.provider);
        platform.stop().await;
    }
}
