//! Carries one command: whom to ask, as whom, for which tenant, and what to do with the answer.
//!
//! Every verb of a noun is given a [`Session`] and ends with [`Session::show`] or [`Session::say`]. Which tenant is meant is decided
//! here: the one that was named, else the one that the token is confined to, so that a tenant's own people never have to name it.

use std::io::{Read as _, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::Method;
use jackfield_domain::contact::Moment;
use jackfield_domain::id::TenantId;
use jackfield_domain::ports::Clock as _;
use jackfield_egress::{AdminClient, ClientError, Problem, Reply};
use jiff::tz::TimeZone;
use serde_json::Value;

use super::{Globals, print};
use crate::clock::SystemClock;

/// Why a command did not do what was asked.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The server said no.
    Refused(Box<Problem>),
    /// The command line cannot be meant.
    Usage(String),
    /// The server is not there, or failed.
    Failed(String),
    /// So many cases are not as they must be.
    Differs(usize),
    /// A file of tenants cannot be applied.
    BadFile(String),
    /// So many steps would make the server as the file says.
    Steps(usize),
}

impl From<ClientError> for Trouble {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Refused(problem) if problem.status < 500 => Self::Refused(problem),
            ClientError::Refused(problem) => Self::Failed(problem.to_string()),
            ClientError::BadAddress { .. } | ClientError::BadToken => Self::Usage(error.to_string()),
            ClientError::Unreachable { .. } => {
                Self::Failed(format!("{error}\n  is it running? `jackfield serve` starts one; --server names another"))
            }
            ClientError::Unreadable { .. } => Self::Failed(error.to_string()),
        }
    }
}

impl Trouble {
    /// What is wrong, where, and what to do.
    pub(crate) fn tell(&self) -> String {
        match self {
            Self::Usage(text) | Self::Failed(text) => format!("error: {text}"),
            Self::BadFile(text) => format!("{text}\nnothing was changed"),
            Self::Steps(steps) => format!("{steps} to do; `jackfield apply` does it"),
            Self::Differs(1) => "one case is not as it must be".to_owned(),
            Self::Differs(cases) => format!("{cases} cases are not as they must be"),
            Self::Refused(problem) => {
                let place = problem.at.as_ref().map(|at| format!("\n  where: {at}")).unwrap_or_default();
                let hint = hint(&problem.code).map(|hint| format!("\n  what to do: {hint}")).unwrap_or_default();
                format!("refused ({}): {problem}{place}{hint}", problem.code)
            }
        }
    }

    /// 1 for a refusal, 2 for a command line that cannot be meant or a plan with something to do, 3 for a fault.
    pub(crate) fn status(&self) -> u8 {
        match self {
            Self::Refused(_) | Self::Differs(_) | Self::BadFile(_) => 1,
            Self::Usage(_) | Self::Steps(_) => 2,
            Self::Failed(_) => 3,
        }
    }
}

/// What helps in general with a code; the detail says what is particular.
fn hint(code: &str) -> Option<&'static str> {
    match code {
        "unauthenticated" => Some("give a good token with --token or JACKFIELD_TOKEN; `jackfield token create` makes one"),
        "forbidden" => Some("ask whoever runs the platform, or use a token that reaches further"),
        "not-found" => Some("the noun's `list` shows what there is, as far as the token reaches; --tenant chooses the tenant"),
        "conflict" => Some("look at it with `show` or `list`, then repeat the command or choose another name"),
        "in-use" => Some("release or delete what uses it first"),
        "needs-outbox" => Some("use a plugin that does not list this action"),
        "needs-speaker" => Some("set the connection's speaker URL with `jackfield connection set --speaker-url`"),
        "bad-settings" => Some("correct the settings with `jackfield settings set`, then repeat the command"),
        "busy" => Some("try again in a moment"),
        _ => None,
    }
}

/// What a verb gives.
pub(crate) type Outcome = Result<(), Trouble>;

/// One command's way to the server.
pub(crate) struct Session {
    client: AdminClient,
    tenant: Option<TenantId>,
    json: bool,
    out: Mutex<Box<dyn Write + Send>>,
}

impl Session {
    pub(crate) fn open(globals: &Globals, out: Box<dyn Write + Send>) -> Result<Self, Trouble> {
        let client = AdminClient::new(&globals.server, globals.token.as_deref())?;
        Ok(Self { client, tenant: globals.tenant.clone(), json: globals.json, out: Mutex::new(out) })
    }

    /// The tenant that was named on the command line.
    pub(crate) fn named_tenant(&self) -> Option<&TenantId> {
        self.tenant.as_ref()
    }

    /// The tenant that is meant.
    pub(crate) async fn tenant(&self) -> Result<String, Trouble> {
        if let Some(tenant) = &self.tenant {
            return Ok(tenant.to_string());
        }
        let me = self.get("/v1/self", &[]).await?;
        match me.pointer("/reach/tenant").and_then(Value::as_str) {
            Some(tenant) => Ok(tenant.to_owned()),
            None => Err(Trouble::Usage("this token reaches every tenant; say which one with --tenant".to_owned())),
        }
    }

    /// A path inside the tenant that is meant.
    pub(crate) async fn inside(&self, rest: &str) -> Result<String, Trouble> {
        Ok(format!("/v1/tenants/{}/{rest}", self.tenant().await?))
    }

    /// The zone of a tenant.
    pub(crate) async fn zone_of(&self, tenant: &str) -> Result<TimeZone, Trouble> {
        let shown = self.get(&format!("/v1/tenants/{tenant}"), &[]).await?;
        let name = print::text(&shown, "zone");
        jackfield_domain::tenant::hours::zone(&name).map_err(|e| Trouble::Failed(e.to_string()))
    }

    /// The zone of the tenant that is meant.
    pub(crate) async fn zone(&self) -> Result<TimeZone, Trouble> {
        self.zone_of(&self.tenant().await?).await
    }

    /// The time of this machine, for words like "yesterday".
    pub(crate) fn now(&self) -> Moment {
        SystemClock.now()
    }

    pub(crate) async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Value, Trouble> {
        Ok(self.client.get(path, query).await?.body)
    }

    /// Text that is no JSON, for example CSV.
    pub(crate) async fn get_text(&self, path: &str, query: &[(&str, &str)]) -> Result<String, Trouble> {
        Ok(self.client.get_text(path, query).await?)
    }

    /// All pages of a list, as one.
    pub(crate) async fn list(&self, path: &str) -> Result<Value, Trouble> {
        let mut all = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let query: Vec<(&str, &str)> = after.as_deref().map(|after| ("after", after)).into_iter().collect();
            let mut page = self.get(path, &query).await?;
            if let Some(Value::Array(items)) = page.get_mut("items").map(Value::take) {
                all.extend(items);
            }
            after = page.get("next").and_then(Value::as_str).map(str::to_owned);
            if after.is_none() {
                return Ok(serde_json::json!({ "items": all, "next": null }));
            }
        }
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value, Trouble> {
        Ok(self.client.call(Method::POST, path, Some(body)).await?.body)
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Result<Value, Trouble> {
        Ok(self.client.call(Method::PUT, path, Some(body)).await?.body)
    }

    /// Writes only if the thing is still at that revision; whatever there is, where none is given.
    pub(crate) async fn put_if(&self, path: &str, body: &Value, revision: Option<u64>) -> Result<Value, Trouble> {
        match revision {
            Some(revision) => Ok(self.client.call_if(Method::PUT, path, Some(body), &format!("\"{revision}\"")).await?.body),
            None => self.put(path, body).await,
        }
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Result<Value, Trouble> {
        Ok(self.client.call(Method::PATCH, path, Some(body)).await?.body)
    }

    pub(crate) async fn delete(&self, path: &str) -> Result<Value, Trouble> {
        Ok(self.client.call(Method::DELETE, path, None).await?.body)
    }

    pub(crate) async fn upload(&self, path: &str, component: Bytes) -> Result<Reply, Trouble> {
        Ok(self.client.upload(path, component).await?)
    }

    pub(crate) async fn put_yaml(&self, path: &str, yaml: Bytes) -> Result<Value, Trouble> {
        Ok(self.client.put_yaml(path, yaml).await?.body)
    }

    pub(crate) async fn download(&self, path: &str, bytes_max: usize) -> Result<Bytes, Trouble> {
        Ok(self.client.download(path, bytes_max).await?)
    }

    /// Tells people, and not programs, how far it is: on standard error, so that what is printed stays what was asked for.
    pub(crate) fn tell(&self, progress: &str) {
        if !self.json {
            print::complain(progress);
        }
    }

    /// Prints an answer: as JSON where that was asked for, else as `human` puts it.
    pub(crate) fn show(&self, answer: &Value, human: impl FnOnce(&Value) -> String) -> Outcome {
        let text = if self.json { answer.to_string() } else { human(answer) };
        print::say(self.out.lock().unwrap_or_else(PoisonError::into_inner).as_mut(), &text);
        Ok(())
    }

    /// Prints text as it came.
    pub(crate) fn show_text(&self, text: &str) -> Outcome {
        print::say(self.out.lock().unwrap_or_else(PoisonError::into_inner).as_mut(), text.trim_end_matches(['\r', '\n']));
        Ok(())
    }

    /// Prints a sentence, or the answer as JSON.
    pub(crate) fn say(&self, answer: &Value, sentence: &str) -> Outcome {
        self.show(answer, |_| sentence.to_owned())
    }
}

/// The bytes of a file, or of standard input where it is "-".
pub(crate) async fn read(file: &Path) -> Result<Bytes, Trouble> {
    let result = if file.as_os_str() == "-" {
        // Nothing else waits on this thread: a command line reads, then sends.
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        tokio::fs::read(file).await
    };
    result.map(Bytes::from).map_err(|e| Trouble::Usage(format!("cannot read {}: {e}", file.display())))
}

/// The JSON of a file. It is sent as it is: the server says what is wrong with it.
pub(crate) async fn read_json(file: &Path) -> Result<Value, Trouble> {
    let bytes = read(file).await?;
    serde_json::from_slice(&bytes).map_err(|e| Trouble::Usage(format!("{} is not JSON: {e}", file.display())))
}

/// A secret of a file: its text without the line's end.
pub(crate) async fn read_secret(file: &Path) -> Result<String, Trouble> {
    Ok(read_text(file).await?.trim_end_matches(['\r', '\n']).to_owned())
}

/// The text of a file.
pub(crate) async fn read_text(file: &Path) -> Result<String, Trouble> {
    let bytes = read(file).await?;
    std::str::from_utf8(&bytes).map(str::to_owned).map_err(|_| Trouble::Usage(format!("{} is not text", file.display())))
}

/// One segment of a path.
pub(crate) fn segment(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// A JSON object of what was given.
pub(crate) fn given<'a>(pairs: impl IntoIterator<Item = (&'a str, Option<Value>)>) -> Value {
    Value::Object(pairs.into_iter().filter_map(|(name, value)| value.map(|value| (name.to_owned(), value))).collect())
}
