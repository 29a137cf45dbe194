//! Runs files of cases against one plugin and reports what differs, and what no case reached.
//!
//! The command line makes one with a runtime of its own and feeds it files. Each case begins in a world of its own, so that their order
//! means nothing. A case that goes wrong goes on to its end: what follows is often what explains it.

use std::time::{Duration, Instant};

use jackfield_domain::contact::open::Heard;
use jackfield_domain::flow::settings::check_schema;
use jackfield_runtime::{Installed, Runtime};
use serde::Serialize;
use serde_json::Value;

use crate::coverage::{Coverage, Unreached};
use crate::expect::differences;
use crate::format::{Case, File};
use crate::heard::heard;
use crate::step;
use crate::walk::{Came, Walk};
use crate::world::{self, Given};

/// Something that is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Wrong {
    /// 0 is the arrival, 1 the first step.
    pub step: usize,
    /// What.
    pub why: String,
}

/// What came of a case.
#[derive(Debug, Clone, Serialize)]
pub struct CaseReport {
    /// Its name.
    pub name: String,
    /// Empty where all is as it must be.
    pub wrong: Vec<Wrong>,
    /// What happened, a line for each step.
    pub steps: Vec<String>,
    /// Fuel of all its invocations.
    pub fuel: u64,
    /// How long it took.
    #[serde(skip)]
    pub took: Duration,
}

/// What came of a file.
#[derive(Debug, Clone, Serialize)]
pub struct FileReport {
    /// As it was given.
    pub file: String,
    /// In order.
    pub cases: Vec<CaseReport>,
}

/// Where a plugin is tried.
pub struct Bench {
    runtime: Runtime,
    plugin: Installed,
    coverage: Coverage,
    given: Given,
}

impl Bench {
    /// For one plugin, which the runtime has.
    pub fn new(runtime: Runtime, plugin: Installed) -> Self {
        Self { runtime, plugin, coverage: Coverage::default(), given: Given::default() }
    }

    /// With what a tenant has, for files whose world does not speak of it.
    pub fn with(self, given: Given) -> Self {
        Self { given, ..self }
    }

    /// Whether the plugin's schema takes the settings that a file's cases begin with: a file that has none waits for a release.
    pub fn takes_settings_of(&self, file: &File) -> bool {
        let none = Value::Object(serde_json::Map::new());
        let settings = file.world.settings.as_ref().or(self.given.settings.as_ref()).unwrap_or(&none);
        check_schema(&self.plugin.metadata.settings_schema, settings).is_ok()
    }

    /// Runs all cases of a file.
    pub async fn file(&mut self, name: &str, file: &File) -> FileReport {
        let mut cases = Vec::with_capacity(file.cases.len());
        for case in &file.cases {
            cases.push(self.case(file, case).await);
        }
        FileReport { file: name.to_owned(), cases }
    }

    /// What none of all that ran so far reached.
    pub fn unreached(&self) -> Unreached {
        self.coverage.unreached(&self.plugin.metadata.events)
    }

    async fn case(&mut self, file: &File, case: &Case) -> CaseReport {
        let begun = Instant::now();
        let mut report = CaseReport { name: case.name.clone(), wrong: Vec::new(), steps: Vec::new(), fuel: 0, took: Duration::ZERO };
        match self.walk(file, case, &mut report).await {
            Ok(()) => {}
            Err(why) => report.wrong.push(Wrong { step: report.steps.len(), why }),
        }
        report.took = begun.elapsed();
        report
    }

    async fn walk(&mut self, file: &File, case: &Case, report: &mut CaseReport) -> Result<(), String> {
        let found = world::found(&file.world, &file.start, case, self.plugin.class, &self.given)?;
        check_schema(&self.plugin.metadata.settings_schema, &found.settings).map_err(|e| format!("settings: {e}"))?;
        let runtime = self.runtime.clone();
        let plugin = self.plugin.clone();
        let mut walk = Walk::new(&runtime, &plugin, found);
        let came = walk.hear(Heard::Arrival).await;
        self.note(0, "arrives", &came, report);
        judge(0, differences(&case.arrives.clone().unwrap_or_default(), &came, &walk), report);
        for (at, step) in case.steps.iter().enumerate() {
            let (what, came) = match &step.context {
                Some(json) => ("the context is written".to_owned(), walk.context(json).await),
                None => {
                    let heard = step::heard(step, walk.found.contact.open.as_ref(), walk.lasted_ms());
                    let heard = heard.map_err(|why| format!("step {}: {why}", at + 1))?;
                    (in_words(&heard), walk.hear(heard).await)
                }
            };
            self.note(at + 1, &what, &came, report);
            judge(at + 1, differences(&step.expect.clone().unwrap_or_default(), &came, &walk), report);
        }
        Ok(())
    }

    fn note(&mut self, at: usize, what: &str, came: &Came, report: &mut CaseReport) {
        self.coverage.see(came);
        report.fuel = report.fuel.saturating_add(came.used.fuel);
        let actions: Vec<&str> = came.decision.iter().flat_map(|decision| decision.actions()).map(|action| action.name()).collect();
        let who = match (&came.note, &came.barred, &came.decision) {
            (Some(note), _, _) => format!("the host: {note}"),
            (None, Some(barred), _) => format!("no plugin: {}", barred.code()),
            (None, None, Some(_)) => came.answered_by.as_str().replace('_', "-"),
            (None, None, None) => "nobody answers".to_owned(),
        };
        let said = heard(came.decision.as_ref().map_or(&[], |decision| decision.actions())).join(" / ");
        report.steps.push(format!("{at}. {what} -> {} [{who}] {said}", actions.join(", ")));
    }
}

fn judge(step: usize, differences: Vec<String>, report: &mut CaseReport) {
    report.wrong.extend(differences.into_iter().map(|why| Wrong { step, why }));
}

fn in_words(heard: &Heard) -> String {
    match heard {
        Heard::Arrival => "arrives".to_owned(),
        Heard::Digits(digits) => format!("presses {digits}"),
        Heard::Speech { text, .. } => format!("says {text:?}"),
        Heard::Nothing => "nothing is heard".to_owned(),
        Heard::HungUp => "hangs up".to_owned(),
        Heard::Message(message) => format!("writes {:?}", message.text),
        Heard::MessageStatus(status) => format!("message {}", status.status),
        Heard::Resumed => "goes on".to_owned(),
        Heard::Dialled { outcome, .. } => format!("the transfer is {outcome}"),
        Heard::Waiting { waited_ms, .. } => format!("waits {} s", waited_ms / 1_000),
        Heard::QueueLeft { outcome, .. } => format!("leaves the queue: {outcome}"),
        Heard::Recorded { outcome, .. } => format!("the message is {outcome}"),
        Heard::ConferenceLeft { outcome, .. } => format!("leaves the conference: {outcome}"),
        Heard::SpeakerEnded { reason, .. } => format!("the speaker is {reason}"),
        Heard::Ended { cause, .. } => format!("ends: {cause}"),
        Heard::Other(extension) => extension.kind.clone(),
    }
}
