//! Plays those who come by the front doors that are not Twilio's: an AWS client, a Kamailio, a switch that follows redirects, a client of
//! one's own.
//!
//! The promises call with it. What it signs is judged by those providers' own clients in the peers' step, so that the two sides cannot be
//! wrong together.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use http::Method;
use jackfield_egress::{PlainClient, PlainReply};
use jackfield_providers::connect;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::net::UdpSocket;
use tokio::time::timeout;
use url::Url;

/// The access key of the tests' AWS client.
pub const ACCESS_KEY: &str = "AKIDJACKFIELD";
/// And its secret.
pub const SECRET_KEY: &str = "a-secret-access-key-of-forty-characters-x";
/// The bearer token of the tests' Kamailio and client.
pub const TOKEN: &str = "a-bearer-token-of-a-switch";
/// Longer than any answer takes.
const PATIENCE: Duration = Duration::from_secs(10);

/// An AWS client that invokes a function.
#[derive(Debug, Clone)]
pub struct AwsClient {
    /// Its sockets.
    pub client: PlainClient,
    /// Where the server listens, which is what is signed, too.
    pub at: String,
    /// The function's name.
    pub function: String,
    /// What it signs with.
    pub secret: String,
}

impl AwsClient {
    /// For a function of that server.
    pub fn new(at: &str, function: &str) -> anyhow::Result<Self> {
        Ok(Self { client: PlainClient::new()?, at: at.to_owned(), function: function.to_owned(), secret: SECRET_KEY.to_owned() })
    }

    /// Invokes it with an event.
    pub async fn invoke(&self, event: &Value) -> anyhow::Result<PlainReply> {
        self.invoke_as(event, "").await
    }

    /// The same, with a query such as `?Qualifier=staging`.
    pub async fn invoke_as(&self, event: &Value, query: &str) -> anyhow::Result<PlainReply> {
        let path = format!("/2015-03-31/functions/{}/invocations{query}", self.function);
        let url = Url::parse(&format!("{}{path}", self.at))?;
        let host =
            url.host_str().zip(url.port()).map(|(host, port)| format!("{host}:{port}")).context("the server has a host and a port")?;
        let date = Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
        let body = Bytes::from(event.to_string());
        let authorization = connect::sign(ACCESS_KEY, &self.secret, "us-east-1", &host, &path, &date, &body);
        let headers = [("x-amz-date".to_owned(), date), ("authorization".to_owned(), authorization)];
        Ok(self.client.send(Method::POST, &url, &headers, body).await?)
    }
}

/// What Amazon Connect sends for a call: system, caller, queue and parameters.
pub fn connect_event(contact: &str, dialled: Option<&str>, queue: Option<&str>, parameters: &Value) -> Value {
    let end = |address: &str| json!({"Address": address, "Type": "TELEPHONE_NUMBER"});
    json!({
        "Name": "ContactFlowEvent",
        "Details": {
            "ContactData": {
                "Attributes": {}, "Channel": "VOICE", "ContactId": contact, "CustomerEndpoint": end("+14155550100"),
                "InitialContactId": contact, "InitiationMethod": "INBOUND", "PreviousContactId": contact, "LanguageCode": "en-US",
                "InstanceARN": "arn:aws:connect:us-east-1:123456789012:instance/abc12300",
                "Queue": queue.map(|arn| json!({"ARN": arn, "Name": "q", "OutboundCallerId": null})),
                "SystemEndpoint": dialled.map(end),
            },
            "Parameters": parameters,
        },
    })
}

/// Posts JSON with a bearer token to a hook.
pub async fn post_json(url: &str, token: &str, more: &[(&str, &str)], body: &Value) -> anyhow::Result<PlainReply> {
    let mut headers =
        vec![("authorization".to_owned(), format!("Bearer {token}")), ("content-type".to_owned(), "application/json".to_owned())];
    headers.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    Ok(PlainClient::new()?.send(Method::POST, &Url::parse(url)?, &headers, body.to_string().into()).await?)
}

/// The body as JSON.
pub fn read(reply: &PlainReply) -> Value {
    serde_json::from_slice(&reply.body).unwrap_or_default()
}

/// A switch that asks over UDP.
#[derive(Debug)]
pub struct Switch {
    socket: UdpSocket,
    server: SocketAddr,
}

impl Switch {
    /// On a free port of this machine.
    pub async fn new(server: SocketAddr) -> anyhow::Result<Self> {
        Self::at("127.0.0.1", server).await
    }

    /// On a free port of an address.
    pub async fn at(ip: &str, server: SocketAddr) -> anyhow::Result<Self> {
        Ok(Self { socket: UdpSocket::bind(format!("{ip}:0")).await?, server })
    }

    /// A request of that method for that user; `call` names its call and transaction.
    pub fn request(&self, method: &str, user: &str, call: &str) -> anyhow::Result<String> {
        let at = self.socket.local_addr()?;
        let Self { server, .. } = self;
        Ok(format!(
            "{method} sip:{user}@{server} SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bK{call};rport\r\nMax-Forwards: 70\r\n\
             From: <sip:+14155550100@{at}>;tag={call}\r\nTo: <sip:{user}@{server}>\r\nCall-ID: {call}\r\nCSeq: 1 {method}\r\n\
             Contact: <sip:switch@{at}>\r\nContent-Length: 0\r\n\r\n"
        ))
    }

    /// Sends a message as it is.
    pub async fn send(&self, message: &str) -> anyhow::Result<()> {
        self.socket.send_to(message.as_bytes(), self.server).await?;
        Ok(())
    }

    /// The next message; none where nothing comes within that.
    pub async fn next(&self, patience: Duration) -> anyhow::Result<Option<String>> {
        let mut buffer = vec![0; 65_536];
        match timeout(patience, self.socket.recv_from(&mut buffer)).await {
            Ok(received) => Ok(Some(String::from_utf8_lossy(buffer.get(..received?.0).unwrap_or_default()).into_owned())),
            Err(_) => Ok(None),
        }
    }

    /// The next final response within that call. What was sent again for another one, before its acknowledgement was heard, is passed over.
    pub async fn answer(&self, call: &str) -> anyhow::Result<String> {
        let of_call = format!("\r\nCall-ID: {call}\r\n");
        loop {
            let message = self.next(PATIENCE).await?.with_context(|| format!("no answer came to {call}"))?;
            if !message.starts_with("SIP/2.0 1") && message.contains(&of_call) {
                return Ok(message);
            }
        }
    }
}
