//! Lists the tries: spellings, schemes, methods, headers, secrets and sizes that somebody on the way might misread.

use shape::jackfield::plugin::http::{HeaderValue, Request, SecretValue};

fn get(url: &str) -> Request {
    Request { method: "GET".into(), url: url.into(), headers: Vec::new(), body: Vec::new(), timeout: None }
}

fn with(name: &str, value: &str, url: &str) -> Request {
    Request { headers: vec![(name.into(), HeaderValue::Text(value.into()))], ..get(url) }
}

fn secret(prefix: &str, handle: &str, url: &str) -> Request {
    let value = HeaderValue::Secret(SecretValue { prefix: prefix.into(), handle: handle.into() });
    Request { headers: vec![("authorization".into(), value)], ..get(url) }
}

/// This machine, as somebody on the way might read it.
const HOSTS: [&str; 26] = [
    "localhost",
    "LOCALHOST",
    "localhost.",
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0x7f.0.0.1",
    "0177.0.0.1",
    "127.0.0.1.",
    "127\u{3002}0\u{3002}0\u{3002}1",
    "0.0.0.0",
    "0",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "localhost%2eexample",
    "a@localhost",
    "a:b@localhost",
    "example.com@localhost",
    "localhost\\@example.com",
    "local\thost",
    "lo\u{ad}calhost",
];

/// What lies behind it, in every scheme.
const URLS: [&str; 18] = [
    "http://169.254.169.254/latest/meta-data/",
    "http://[fd00:ec2::254]/",
    "http://metadata.google.internal/",
    "http://100.100.100.200/",
    "http://168.63.129.16/",
    "http://10.0.0.1/",
    "file:///etc/passwd",
    "gopher://localhost:1/",
    "ftp://localhost/",
    "unix:/run/x",
    "data:text/plain,a",
    "//localhost/",
    "",
    "http:///localhost/",
    "http:localhost",
    "https://localhost/",
    "http://localhost:0/",
    "http://localhost:99999/",
];

/// Every try with its name.
pub(crate) fn all(port: u64) -> Vec<(String, Request)> {
    let named = |kind: &str, at: usize, request| (format!("{kind}-{at}"), request);
    let hosts = HOSTS.iter().enumerate().map(|(at, host)| named("host", at, get(&format!("http://{host}:{port}/"))));
    let urls = URLS.iter().enumerate().map(|(at, url)| named("url", at, get(url)));
    let heads = heads(port).into_iter().enumerate().map(|(at, request)| named("head", at, request));
    let rest = rest(port).into_iter().enumerate().map(|(at, request)| named("rest", at, request));
    hosts.chain(urls).chain(heads).chain(rest).collect()
}

/// Methods, request lines and headers that frame another message.
fn heads(port: u64) -> Vec<Request> {
    let here = format!("http://localhost:{port}/");
    vec![
        get(&format!("http://localhost:{port}/\r\nx-smuggled: 1")),
        get(&format!("http://localhost:{port}/ HTTP/1.1\r\nhost: a\r\n\r\nGET /")),
        Request { method: "CONNECT".into(), ..get(&here) },
        Request { method: "TRACE".into(), ..get(&here) },
        Request { method: "get".into(), ..get(&here) },
        Request { method: "GET / HTTP/1.1\r\nhost: a\r\n\r\nPOST".into(), ..get(&here) },
        with("host", "localhost", &here),
        with("Host", "localhost", &here),
        with("content-length", "5", &here),
        with("transfer-encoding", "chunked", &here),
        with("connection", "upgrade", &here),
        with("proxy-authorization", "a", &here),
        with("x-a", "b\r\nx-smuggled: 1", &here),
        with("x-a\r\nx-smuggled", "1", &here),
    ]
}

/// Secrets that are not theirs, and sizes and times that cannot be.
fn rest(port: u64) -> Vec<Request> {
    let here = format!("http://localhost:{port}/");
    vec![
        secret("Bearer ", "crm", &here),
        secret("a\r\nb: ", "crm", &here),
        secret("", "../platform/crm", &here),
        secret("", "", &here),
        Request { body: vec![0; 300 * 1024], ..get(&here) },
        Request { headers: vec![("x-a".into(), HeaderValue::Text(String::new())); 1_000], ..get(&here) },
        Request { timeout: Some(u64::MAX), ..get(&here) },
        Request { timeout: Some(0), ..get(&here) },
    ]
}
