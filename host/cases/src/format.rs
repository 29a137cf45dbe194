//! Says how a file of test cases is written: the world that its cases find, and the cases.
//!
//! Developers write these files in YAML, `read` turns them into these types, and [`schema`] publishes them as JSON Schema for editors.
//! Every name that is not one of these is refused with its line: a misspelt expectation that is passed over would never fail.
//!
//! Times stand with their unit in the name, moments as RFC 3339 with an offset or as local time in the world's zone.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

/// A file of test cases.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Jackfield test cases", rename = "Cases")]
pub struct File {
    /// What all cases find.
    #[serde(default)]
    pub world: World,
    /// Where they begin, unless a case says otherwise.
    #[serde(default)]
    pub start: Start,
    /// The cases, in order.
    pub cases: Vec<Case>,
}

/// What a plugin finds around it.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct World {
    /// IANA name of the tenant's zone; UTC where absent.
    pub zone: Option<String>,
    /// BCP 47 tag of contacts before anything changes it; en-US where absent.
    pub language: Option<String>,
    /// standard, large or maximum; standard where absent, large for interpreters that need it.
    pub plan: Option<String>,
    /// The release's settings, checked against the plugin's schema.
    pub settings: Option<Value>,
    /// Queues by name.
    #[serde(default)]
    pub queues: BTreeMap<String, Queue>,
    /// People by name, with the number at which they are reached.
    #[serde(default)]
    pub people: BTreeMap<String, String>,
    /// Opening hours by name.
    #[serde(default)]
    pub hours: BTreeMap<String, Hours>,
    /// The tenant's flows, beside the one that is tested.
    #[serde(default)]
    pub flows: Vec<String>,
    /// Default routes: what answers when the plugin does not. As the admin API takes them.
    pub routes: Option<Value>,
}

/// A queue.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Queue {
    /// The hours that it keeps.
    pub hours: Option<String>,
    /// BCP 47 tag of its agents' language.
    pub language: Option<String>,
    /// Who waits; nobody told where absent.
    pub waiting: Option<u32>,
    /// Agents who could take a contact.
    pub staffed: Option<u32>,
}

/// When it is open.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hours {
    /// IANA name; the world's where absent.
    pub zone: Option<String>,
    /// Days like `{weekday: 1, from: "09:00", to: "17:30"}`; 1 is Monday.
    #[serde(default)]
    pub weekly: Vec<Value>,
    /// Dates like `{date: "2026-12-25", label: Christmas Day, open: []}`, which beat the week.
    #[serde(default)]
    pub exceptions: Vec<Value>,
}

/// How a contact begins.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// What was dialled; +18005551234 where absent.
    pub address: Option<String>,
    /// Who calls; +14155550100 where absent.
    pub caller: Option<String>,
    /// True where the caller's number is withheld.
    pub anonymous: Option<bool>,
    /// voice, sms, whatsapp, chat or email; voice where absent.
    pub channel: Option<String>,
    /// When it begins; 2026-11-23T10:00:00 in the world's zone where absent.
    pub at: Option<String>,
    /// Attributes that the contact has already.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// An emergency closure in force.
    pub closure: Option<Closure>,
    /// When the customer's contact before this one began; none where absent.
    pub seen: Option<String>,
    /// Consents that were given or refused before, by topic.
    #[serde(default)]
    pub consents: BTreeMap<String, bool>,
    /// What the plugin kept before.
    #[serde(default)]
    pub state: Kept,
    /// What stands in for the outside, and what fails.
    #[serde(default)]
    pub stubs: Stubs,
}

/// An emergency closure.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Closure {
    /// Why.
    pub reason: String,
    /// True: the plugin does not run, and the closed branch of the default route answers.
    #[serde(default)]
    pub bypass: bool,
}

/// Values of plugin state, as text.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// Of the tenant.
    #[serde(default)]
    pub tenant: BTreeMap<String, String>,
    /// Of the contact.
    #[serde(default)]
    pub contact: BTreeMap<String, String>,
}

/// What stands in for the outside, and what fails on purpose.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Stubs {
    /// Answers to requests; the first that fits counts, and a request that none fits is a mistake of the case.
    #[serde(default)]
    pub http: Vec<HttpStub>,
    /// True: reading state fails as it does when the store is away.
    pub state_unavailable: Option<bool>,
    /// Fuel of each invocation, less than the plan's: what happens where it is cut.
    pub fuel_max: Option<u64>,
    /// Milliseconds of each invocation, less than the plan's.
    pub wall_ms_max: Option<u64>,
}

/// An answer to a request.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpStub {
    /// Upper case; any where absent.
    pub method: Option<String>,
    /// The URL, or its beginning with a `*` behind it.
    pub url: String,
    /// The answer's status; 200 where absent.
    pub status: Option<u16>,
    /// The answer's body: text, or anything else as JSON.
    pub body: Option<Value>,
    /// Its headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Instead of an answer: timeout, unavailable, unresolved, too-large, denied or failed. A slow host is a timeout to a plugin.
    pub fails: Option<String>,
}

/// One case.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// A sentence that says what must hold.
    pub name: String,
    /// Where it begins; what it leaves out is as the file says.
    #[serde(default)]
    pub start: Start,
    /// Settings of this case: members replace those of the world.
    pub settings: Option<Value>,
    /// What must come of the arrival itself.
    pub arrives: Option<Expect>,
    /// What the customer does then, in order.
    #[serde(default)]
    pub steps: Vec<Step>,
}

/// Something that happens, and what must come of it. Exactly one thing happens in a step.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Step {
    /// Keys: "1", or `{digits: "1", late: true}`.
    pub press: Option<Press>,
    /// Words: "sales", or `{text: sales, confidence: 0.4, alternatives: [...]}`.
    pub say: Option<Say>,
    /// True: nothing, until the time to answer is over.
    pub silence: Option<bool>,
    /// A message: "hello", or `{text: hello, choice: yes}`.
    pub message: Option<Text>,
    /// True: the customer goes away.
    pub hang_up: Option<bool>,
    /// What became of a transfer: answered, busy, no-answer, failed, screened-out.
    pub dialled: Option<String>,
    /// How the customer left a queue: bridged, hang-up, full, closed, error, redirected, timed-out.
    pub queue_left: Option<String>,
    /// Seconds that the customer waits in the queue so far.
    pub queue_wait_s: Option<u64>,
    /// What became of a voice message: recorded, empty, hang-up.
    pub recorded: Option<String>,
    /// How the AI speaker gave the contact back: done, failed, hang-up.
    pub speaker: Option<String>,
    /// True: the prompts before a `continue`, or the pause of a `wake-after`, are over.
    pub resume: Option<bool>,
    /// The contact's context is written from outside: any JSON. The plugin has it from then on, and its observer is told.
    pub context: Option<Value>,
    /// The contact is over: completed, failed, ...
    pub ended: Option<String>,
    /// What must come of it.
    pub expect: Option<Expect>,
}

/// Keys that were pressed.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "keys are one digit, or text in quotes such as \"42#\", or {digits: \"42\", late: true}")]
pub enum Press {
    /// One key. More than one stand in quotes: a number would lose its zeros.
    Key(u8),
    /// In time.
    Digits(String),
    /// Otherwise.
    Otherwise(Pressed),
}

/// Keys that were not pressed plainly.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Pressed {
    /// Which.
    pub digits: String,
    /// True: after the time to answer was over.
    #[serde(default)]
    pub late: bool,
    /// True: while the prompt still played.
    #[serde(default)]
    pub barge_in: bool,
}

/// Words that were said.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "words are text, or {text: sales, confidence: 0.4}")]
pub enum Say {
    /// Understood well.
    Text(String),
    /// Otherwise.
    Otherwise(Said),
}

/// Words with what the recogniser makes of them.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Said {
    /// What was understood.
    pub text: String,
    /// 0.0 to 1.0; 0.9 where absent.
    pub confidence: Option<f32>,
    /// Other readings, best first.
    #[serde(default)]
    pub alternatives: Vec<String>,
    /// True: while the prompt still played.
    #[serde(default)]
    pub barge_in: bool,
}

/// A message.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "a message is text, or {text: Yes, choice: confirm}")]
pub enum Text {
    /// Its text.
    Text(String),
    /// With a button that was pressed.
    Chosen(Chosen),
}

/// A message that is a choice.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Chosen {
    /// Its text.
    pub text: String,
    /// The button's id.
    pub choice: String,
}

/// What must have come of a step. What is absent may be anything.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Expect {
    /// What the customer hears or reads, in order: each of these is found behind the one before it.
    pub hears: Option<Vec<Match>>,
    /// What the customer must not hear.
    pub hears_not: Option<Vec<Match>>,
    /// Names of all actions, in order.
    pub actions: Option<Vec<String>>,
    /// Actions that are among them, with the members that matter: `{do: enqueue, with: {queue: sales}}`.
    pub includes: Option<Vec<Value>>,
    /// The queue that the contact goes to.
    pub queue: Option<String>,
    /// Attributes that the contact has now; null where it has none of that name.
    pub attributes: Option<BTreeMap<String, Option<String>>>,
    /// BCP 47 tag of the contact now.
    pub language: Option<String>,
    /// plugin, flow-default or platform-default.
    pub answered_by: Option<String>,
    /// The code of the plugin's failure, such as fuel-exceeded.
    pub failure: Option<String>,
    /// Why, as the plugin says it.
    pub reason: Option<Match>,
    /// True where the contact is over with it.
    pub ends: Option<bool>,
    /// False where the host goes on by itself, such as asking again.
    pub asks_plugin: Option<bool>,
    /// Requests that were made, in order: `GET https://crm.example/customers?id=7`, or a beginning with a `*` behind it.
    pub requests: Option<Vec<String>>,
    /// Lines of the log, in order: each of these is found behind the one before it.
    pub logs: Option<Vec<Match>>,
    /// What the plugin keeps now; null where it keeps nothing there.
    pub state: Option<KeptNow>,
    /// Goals that were reported, in order.
    pub outcomes: Option<Vec<String>>,
    /// Most that the invocation may use.
    pub uses: Option<Uses>,
}

/// What is kept now.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeptNow {
    /// Of the tenant.
    #[serde(default)]
    pub tenant: BTreeMap<String, Option<String>>,
    /// Of the contact.
    #[serde(default)]
    pub contact: BTreeMap<String, Option<String>>,
}

/// Most of each limit.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Uses {
    /// Fuel.
    pub fuel_max: Option<u64>,
    /// Bytes of memories and tables at their peak.
    pub memory_bytes_max: Option<u64>,
    /// Calls of capabilities.
    pub host_calls_max: Option<u32>,
}

/// A text, or what it must be like.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "a text is compared with text that it contains, or with {equals: ...}, {contains: ...} or {matches: ...}")]
pub enum Match {
    /// It contains that, in any case of letters.
    Contains(String),
    /// Otherwise.
    Otherwise(Like),
}

/// What a text must be like. Exactly one of these.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Like {
    /// Exactly that.
    pub equals: Option<String>,
    /// It contains that, in any case of letters.
    pub contains: Option<String>,
    /// A regular expression that is found in it.
    pub matches: Option<String>,
}

/// The JSON Schema of a file of test cases.
pub fn schema() -> Value {
    schemars::schema_for!(File).to_value()
}
