//! Promises about what is never reached: by rule, by name, by address, by redirect, by spelling.

use super::*;

#[tokio::test]
async fn what_the_rules_do_not_name_is_not_asked() {
    let server = Server::saying(&ok("")).await;
    let house = House::new();
    let errand = errand(&[&server.url("/")]);
    let another_port = format!("http://127.0.0.1:{}/", server.at.port() ^ 1);
    for (method, url) in [
        ("DELETE", server.url("/")),
        ("GET", server.url("/").replace("http:", "https:")),
        ("GET", another_port),
        ("GET", format!("http://127.0.0.2:{}/", server.at.port())),
        ("GET", format!("http://localhost:{}/", server.at.port())),
        ("GET", "https://example.com/".to_owned()),
    ] {
        let sent = house.send_as(&errand, &[Request { method: method.to_owned(), ..request(&url) }]).await.remove(0);
        assert!(matches!(error(&sent), HttpError::NotAllowed(_)), "{method} {url}: {sent:?}");
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn http_in_the_clear_is_not_spoken_unless_the_platform_allows_it() {
    let server = Server::saying(&ok("")).await;
    let gate = Gate::new(GateSettings {
        addresses: Addresses::new(vec!["127.0.0.0/8".parse().unwrap()]),
        plain_http: false,
        extra_roots: Vec::new(),
        names: Arc::new(Told::default()),
        secrets: Arc::new(Given(Vec::new())),
        clock: Arc::new(Noon),
    })
    .unwrap();
    let sent = gate.send(&errand(&[&server.url("/")]), &[request(&server.url("/"))], PATIENCE).await.remove(0);
    assert!(matches!(error(&sent), HttpError::NotAllowed(_)), "{sent:?}");
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_name_that_points_inside_is_not_followed_there() {
    let server = Server::saying(&ok("")).await;
    let house = House::with(&[], &[], Vec::new());
    for address in ["127.0.0.1", "::1", "::ffff:127.0.0.1", "64:ff9b::127.0.0.1", "169.254.169.254", "10.0.0.1", "fd00:ec2::254", "0.0.0.0"]
    {
        house.names.name("inside.example", &[&[address]]);
        let sent = house.get(&format!("http://inside.example:{}/", server.at.port())).await;
        assert_eq!(error(&sent), &HttpError::Unresolved, "{address}");
        assert_eq!(sent.record.address, None);
    }
    assert_eq!(error(&house.get("https://nowhere.example/").await), &HttpError::Unresolved);
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn an_address_in_an_odd_spelling_is_not_reached_though_a_rule_names_it() {
    let server = Server::saying(&ok("")).await;
    let house = House::with(&[], &[], Vec::new());
    let errand = errand(&[&format!("http://127.0.0.1:{}", server.at.port()), &format!("http://[::ffff:7f00:1]:{}", server.at.port())]);
    for host in ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.0.0.1.", "127。0。0。1", "[::ffff:127.0.0.1]"] {
        let sent = house.send_as(&errand, &[request(&format!("http://{host}:{}/", server.at.port()))]).await.remove(0);
        assert_eq!(error(&sent), &HttpError::Unresolved, "{host}: {sent:?}");
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_name_that_changes_its_address_between_two_looks_gains_nothing() {
    let server = Server::with(
        |mut socket, _, ()| {
            Box::pin(async move {
                read_request(&mut socket).await;
                let _ = socket.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n").await;
            })
        },
        (),
    )
    .await;
    // Good at the first look, bad at every later one: a checker that looks twice would connect to the second.
    let house = House::with(&["127.0.0.1/32"], &[], Vec::new());
    house.names.name("rebinds.example", &[&["127.0.0.1"], &["127.0.0.2"], &["169.254.169.254"]]);
    let url = format!("http://rebinds.example:{}/", server.at.port());
    let first = house.get(&url).await;
    assert_eq!((status(&first), first.record.address), (200, Some(server.at.to_string())));
    assert_eq!(house.names.asked.load(Ordering::Relaxed), 1, "a connection takes one look");
    for _ in 0..2 {
        assert_eq!(error(&house.get(&url).await), &HttpError::Unresolved);
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn of_several_addresses_only_those_that_may_be_reached_are_tried() {
    let server = Server::saying(&ok("")).await;
    let house = House::with(&["127.0.0.1/32"], &[], Vec::new());
    house.names.name("mixed.example", &[&["169.254.169.254", "10.0.0.1", "127.0.0.1", "::1"]]);
    let sent = house.get(&format!("http://mixed.example:{}/", server.at.port())).await;
    assert_eq!((status(&sent), sent.record.address), (200, Some(server.at.to_string())));
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let inside = Server::saying(&ok("the crown jewels")).await;
    for place in [inside.url("/"), "http://169.254.169.254/latest/meta-data/".to_owned(), "//evil.example/".to_owned()] {
        for code in [301, 302, 303, 307, 308] {
            let server = Server::saying(&format!("HTTP/1.1 {code} Moved\r\nlocation: {place}\r\ncontent-length: 0\r\n\r\n")).await;
            let house = House::with(&["127.0.0.0/8"], &[&server.at.to_string()], Vec::new());
            let errand = errand(&[&server.url("/")]);
            let sent = house.send_as(&errand, &[with_secret(&server.url("/"))]).await.remove(0);
            assert_eq!(status(&sent), code);
            // The plugin may go there by itself, as far as the rules let it.
            let next = house.send_as(&errand, &[request(&place)]).await.remove(0);
            assert!(matches!(error(&next), HttpError::NotAllowed(_) | HttpError::BadRequest(_)), "{next:?}");
        }
    }
    assert_eq!(inside.connections(), 0);
}

#[tokio::test]
async fn a_secret_goes_in_the_clear_into_the_platforms_own_network_alone() {
    let gate = |own: &[&str], port: u16| House::with(own, &[&format!("crm.example:{port}")], Vec::new());
    let server = Server::saying(&ok("")).await;
    let url = format!("http://crm.example:{}/", server.at.port());
    let own = gate(&["127.0.0.0/8"], server.at.port());
    own.names.name("crm.example", &[&["127.0.0.1"]]);
    assert_eq!(status(&own.send_as(&errand(&[&url]), &[with_secret(&url)]).await[0]), 200);
    // A public address of documentation's neighbour: nothing is sent there, because it is refused before.
    let public = gate(&[], server.at.port());
    public.names.name("crm.example", &[&["8.8.8.8"]]);
    let sent = public.send_as(&errand(&[&url]), &[with_secret(&url)]).await.remove(0);
    assert!(matches!(error(&sent), HttpError::NotAllowed(why) if why.contains("in the clear")), "{sent:?}");
    assert_eq!(sent.record.sent_bytes, 0);
}
