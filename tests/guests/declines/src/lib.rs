//! Says itself that it cannot answer. The setting `with` chooses how: "unavailable" (also without settings), "unsupported",
//! "bad-settings", "internal" or "other".

use shape::jackfield::plugin::types::Extension;
use shape::{Contact, Decision, Event, Failure, Guest, commit, setting};

struct Declines;

impl Guest for Declines {
    const NAME: &str = "declines";
    const ACTIONS: &[&str] = &["say"];

    fn handle(_contact: Contact, _event: Event) -> Result<Decision, Failure> {
        Err(match setting("with").as_deref() {
            Some("unsupported") => Failure::Unsupported("this plugin answers nothing".into()),
            Some("bad-settings") => Failure::BadSettings("/with has a value that leads to a refusal".into()),
            Some("internal") => Failure::Internal("the plugin does not feel well".into()),
            Some("other") => Failure::Other(Extension { kind: "on-strike".into(), data: "{}".into() }),
            _ => Failure::Unavailable("what the plugin needs did not answer".into()),
        })
    }
}

commit!(Declines);
