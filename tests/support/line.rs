//! Plays Twilio: signs form posts as it does and reads the TwiML that comes back.
//!
//! Promises and the demo call numbers with it. It signs with our own signer, which the official package verifies in a promise of its
//! own, so that the two sides cannot be wrong together.

use bytes::Bytes;
use http::Method;
use jackfield_egress::{ClientError, PlainClient};
use jackfield_providers::twilio::sign;
use url::Url;

use crate::twiml::Twiml;

/// An account at Twilio that posts to a server.
#[derive(Debug, Clone)]
pub struct Line {
    client: PlainClient,
    /// Where the server really listens.
    listens: Url,
    /// What the provider believes and signs.
    public_url: String,
    connection: String,
    auth_token: String,
    account: String,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Heard {
    /// HTTP status.
    pub status: u16,
    /// Of the body.
    pub content_type: String,
    /// The body.
    pub body: Bytes,
    /// The body as TwiML; empty where it is none.
    pub twiml: Twiml,
}

/// A call in progress.
#[derive(Debug, Clone)]
pub struct Call {
    line: Line,
    /// Twilio's id.
    pub sid: String,
    /// Who calls.
    pub from: String,
    /// What was dialled.
    pub to: String,
}

impl Line {
    /// An account whose webhooks go to `listens`, which the provider knows as `public_url`.
    pub fn new(listens: &str, public_url: &str, connection: &str, account: &str, auth_token: &str) -> anyhow::Result<Self> {
        Ok(Self {
            client: PlainClient::new()?,
            listens: Url::parse(listens)?,
            public_url: public_url.to_owned(),
            connection: connection.to_owned(),
            auth_token: auth_token.to_owned(),
            account: account.to_owned(),
        })
    }

    /// The same account from another machine: with connections of its own.
    pub fn elsewhere(&self) -> anyhow::Result<Self> {
        Ok(Self { client: PlainClient::new()?, ..self.clone() })
    }

    /// The same account, with webhooks that go to another server.
    pub fn to(&self, listens: &str) -> anyhow::Result<Self> {
        Ok(Self { listens: Url::parse(listens)?, ..self.elsewhere()? })
    }

    /// A new call from somebody to a number.
    pub fn call(&self, from: &str, to: &str) -> Call {
        let mut random = [0; 16];
        // Two calls with one id would be one call; without randomness a test fails loudly.
        let _ = getrandom::fill(&mut random);
        Call { line: self.clone(), sid: format!("CA{}", hex::encode(random)), from: from.to_owned(), to: to.to_owned() }
    }

    /// The URL that the provider has on file for a hook.
    pub fn hook(&self, tail: &str) -> String {
        format!("{}/hooks/{}/{tail}", self.public_url, self.connection)
    }

    /// Posts signed form parameters to a URL that the provider knows.
    pub async fn post(&self, public: &str, params: &[(String, String)]) -> Result<Heard, ClientError> {
        let signature = sign(&self.auth_token, public, params);
        self.post_signed(public, params, &signature).await
    }

    /// Posts form parameters under any signature.
    pub async fn post_signed(&self, public: &str, params: &[(String, String)], signature: &str) -> Result<Heard, ClientError> {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(params).finish();
        let headers = [
            ("content-type".to_owned(), "application/x-www-form-urlencoded; charset=UTF-8".to_owned()),
            ("x-twilio-signature".to_owned(), signature.to_owned()),
        ];
        self.raw(Method::POST, public, &headers, body.into()).await
    }

    /// Sends anything to a URL that the provider knows.
    pub async fn raw(&self, method: Method, public: &str, headers: &[(String, String)], body: Bytes) -> Result<Heard, ClientError> {
        let reply = self.client.send(method, &self.real(public), headers, body).await?;
        let content_type = reply.headers.get("content-type").and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
        let twiml = Twiml::parse(&reply.body).unwrap_or_default();
        Ok(Heard { status: reply.status, content_type, body: reply.body, twiml })
    }

    /// Where a public URL really is: what a reverse proxy does.
    fn real(&self, public: &str) -> Url {
        let mut real = self.listens.clone();
        let rest = public.strip_prefix(&self.public_url).unwrap_or(public);
        let (path, query) = rest.split_once('?').map_or((rest, None), |(path, query)| (path, Some(query)));
        real.set_path(path);
        real.set_query(query);
        real
    }
}

impl Call {
    /// The parameters that every request of the call carries, and more.
    pub fn params(&self, status: &str, more: &[(&str, &str)]) -> Vec<(String, String)> {
        let own = [
            ("AccountSid", self.line.account.as_str()),
            ("ApiVersion", "2010-04-01"),
            ("CallSid", &self.sid),
            ("CallStatus", status),
            ("Called", &self.to),
            ("Caller", &self.from),
            ("Direction", "inbound"),
            ("From", &self.from),
            ("To", &self.to),
            ("FromCity", ""),
        ];
        own.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    /// The call arrives.
    pub async fn arrive(&self) -> anyhow::Result<Heard> {
        Ok(self.line.post(&self.line.hook("voice"), &self.params("ringing", &[])).await?)
    }

    /// Something happens at a URL that an earlier document named.
    pub async fn go_on(&self, url: &str, more: &[(&str, &str)]) -> anyhow::Result<Heard> {
        Ok(self.line.post(url, &self.params("in-progress", more)).await?)
    }

    /// The caller presses keys where the document asks.
    pub async fn press(&self, document: &Twiml, digits: &str) -> anyhow::Result<Heard> {
        self.go_on(&document.gather_action()?, &[("Digits", digits), ("msg", "Gather End")]).await
    }

    /// The caller says something where the document asks.
    pub async fn say(&self, document: &Twiml, text: &str, confidence: &str) -> anyhow::Result<Heard> {
        self.go_on(&document.gather_action()?, &[("SpeechResult", text), ("Confidence", confidence)]).await
    }

    /// The caller stays silent where the document asks.
    pub async fn stay_silent(&self, document: &Twiml) -> anyhow::Result<Heard> {
        self.go_on(&document.gather_action()?, &[("Digits", "")]).await
    }

    /// The call is over.
    pub async fn end(&self) -> anyhow::Result<Heard> {
        let more = [("CallDuration", "42"), ("Duration", "1"), ("SequenceNumber", "0"), ("CallbackSource", "call-progress-events")];
        Ok(self.line.post(&self.line.hook("status"), &self.params("completed", &more)).await?)
    }
}
