//! Checks signatures against the published vectors, and against what must never pass.

use jackfield_domain::tenant::connection::Secret;
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::twilio::tests::{connection, read_fixture};

fn secret(name: &str, text: &str) -> NamedSecret {
    NamedSecret { name: name.to_owned(), secret: Secret::new(text.to_owned()), added: 0 }
}

fn pairs(inputs: &Value) -> Vec<(String, String)> {
    if let Some(form) = inputs["form"].as_str() {
        return form::decode(form.as_bytes()).unwrap().owned();
    }
    let listed = inputs["params"].as_array().map(Vec::as_slice).unwrap_or_default();
    listed.iter().map(|pair| (pair[0].as_str().unwrap().to_owned(), pair[1].as_str().unwrap().to_owned())).collect()
}

#[test]
fn every_published_vector_is_signed_and_verified() {
    let vectors: Vec<Value> = serde_json::from_str(&read_fixture("signatures.json")).unwrap();
    assert!(vectors.len() >= 10);
    for vector in vectors {
        let (id, inputs, expected) = (&vector["id"], &vector["inputs"], vector["expected"].as_str().unwrap());
        let (token, url) = (inputs["auth_token"].as_str().unwrap(), inputs["url"].as_str().unwrap());
        let signed_url = inputs["signed_url"].as_str().unwrap_or(url);
        assert_eq!(sign(token, signed_url, &pairs(inputs)), expected, "{id}: signing");

        let secrets = [secret("theirs", token)];
        let fits = |url: &str, params: &[(String, String)], given: &str| fitting_secret(&secrets, &spellings(url), params, given).is_some();
        assert!(fits(url, &pairs(inputs), expected), "{id}: verifying");
        if let Some(body) = inputs["body"].as_str() {
            let query = form::decode(url.split_once('?').unwrap().1.as_bytes()).unwrap();
            assert!(body_digest_fits(&query, body.as_bytes()), "{id}: the body's digest");
            assert!(!body_digest_fits(&query, format!("{body} ").as_bytes()), "{id}: another body");
        }

        let mut more = pairs(inputs);
        more.push(("Unknown".to_owned(), String::new()));
        assert!(!fits(url, &more, expected), "{id}: a parameter more, though blank");
        assert!(!fits(&url.replace(".com", ".org").replace(".example", ".test"), &pairs(inputs), expected), "{id}: another host");
        assert!(!fits(&format!("{url}x"), &pairs(inputs), expected), "{id}: a longer URL");
        for wrong in [expected.to_lowercase(), expected.trim_end_matches('=').to_owned(), format!("{expected} "), String::new()] {
            assert!(!fits(url, &pairs(inputs), &wrong), "{id}: {wrong:?}");
        }
        if let Some((_, value)) = more.first_mut().filter(|(name, _)| name != "Unknown") {
            value.push('1');
            more.pop();
            assert!(!fits(url, &more, expected), "{id}: another value");
        }
        assert!(fitting_secret(&[secret("ours", "12346")], &spellings(url), &pairs(inputs), expected).is_none(), "{id}: another token");
    }
}

#[test]
fn both_of_two_secrets_are_good_and_the_fitting_one_is_named() {
    let url = "https://a.example/hooks/x/voice";
    let secrets = [secret("new", "aaa"), secret("old", "bbb")];
    for (name, token) in [("new", "aaa"), ("old", "bbb")] {
        let found = fitting_secret::<&str>(&secrets, &spellings(url), &[], &sign(token, url, &[]));
        assert_eq!(found.map(|secret| secret.name.as_str()), Some(name));
    }
    assert!(fitting_secret::<&str>(&secrets, &spellings(url), &[], &sign("ccc", url, &[])).is_none());
    assert!(fitting_secret::<&str>(&[secret("empty", "")], &spellings(url), &[], &sign("", url, &[])).is_none());
    assert!(fitting_secret::<&str>(&[], &spellings(url), &[], &sign("", url, &[])).is_none());
}

#[test]
fn a_url_is_tried_with_and_without_its_port_and_with_its_query_written_again() {
    let urls = |url| spellings(url).into_iter().map(|(_, url)| url).collect::<Vec<_>>();
    assert_eq!(urls("https://u:p@a.example/x"), ["https://u:p@a.example/x", "https://u:p@a.example:443/x"]);
    assert_eq!(urls("http://a.example:8080"), ["http://a.example", "http://a.example:8080"]);
    assert_eq!(urls("wss://[::1]/x"), ["wss://[::1]/x", "wss://[::1]:443/x"]);
    assert_eq!(urls("https://[::1]:8443/x"), ["https://[::1]/x", "https://[::1]:8443/x"]);
    assert_eq!(
        urls("https://a.example/x?q=a+b&z=(1)"),
        [
            "https://a.example/x?q=a+b&z=(1)",
            "https://a.example:443/x?q=a+b&z=(1)",
            "https://a.example/x?q=a%20b&z=(1)",
            "https://a.example:443/x?q=a%20b&z=(1)",
        ]
    );
}

#[test]
fn a_handshake_is_verified_with_and_without_a_slash_at_the_end() {
    let connection = connection();
    let token = connection.secrets[0].secret.reveal().to_owned();
    for (signed, asked) in [
        ("wss://speak.example/relay", "wss://speak.example/relay"),
        ("wss://speak.example/relay/", "wss://speak.example/relay"),
        ("wss://speak.example/relay", "wss://speak.example/relay/"),
        ("wss://speak.example/relay/?a=1", "wss://speak.example/relay?a=1"),
        ("wss://speak.example:443/relay", "wss://speak.example/relay"),
    ] {
        let verified = verify_handshake(&sign(&token, signed, &[]), asked, &connection);
        assert_eq!(verified.map(|verified| verified.secret_name), Ok("2026-11".to_owned()), "{signed}");
    }
    let refused = verify_handshake(&sign(&token, "wss://speak.example/other", &[]), "wss://speak.example/relay", &connection).unwrap_err();
    assert!(refused.forms_tried.len() >= 4);
    assert!(verify_handshake(&sign("another", "wss://speak.example/relay", &[]), "wss://speak.example/relay", &connection).is_err());
}

#[test]
fn what_a_refusal_shows_has_no_password_and_no_value() {
    let seen = shown("https://user:pa55@a.example:8443/hooks/x/voice?From=%2B14155550100&s=abc");
    assert_eq!(seen, "https://...@a.example:8443/hooks/x/voice?From=...&s=...");
}

proptest! {
    #[test]
    fn no_url_makes_spelling_panic(url in ".{0,80}", path in "[a-z0-9:/?@%\\[\\]#&=+.-]{0,60}") {
        prop_assert!(!spellings(&url).is_empty());
        let _shown = shown(&url);
        let absolute = spellings(&format!("https://{path}")).len();
        prop_assert!(absolute >= 2);
    }

    #[test]
    fn the_order_and_the_repetition_of_parameters_do_not_matter(mut params in proptest::collection::vec(("[a-c]{0,3}", "[a-c]{0,3}"), 0..8)) {
        let signed = sign("12345", "https://a.example/", &params);
        params.reverse();
        let twice: Vec<_> = params.iter().chain(&params).cloned().collect();
        prop_assert_eq!(signed, sign("12345", "https://a.example/", &twice));
    }
}
