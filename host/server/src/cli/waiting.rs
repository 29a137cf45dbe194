//! Tells whoever waits for an upload where it is: how much has come, how many are before it, what is done to it now.
//!
//! The plugin noun wraps its upload in it. It looks at the tenant's jobs again and again while the request is open, and says what has
//! changed. It must not fail an upload because it could not look.

use std::time::Duration;

use serde_json::Value;

use crate::cli::print::{items, text};
use crate::cli::session::{Session, Trouble};

/// Nobody wonders before that, and most uploads are done by then.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Waits for `upload`, and tells of the job that is called `what` meanwhile.
pub(crate) async fn tell<T>(session: &Session, what: &str, upload: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
    let mut upload = std::pin::pin!(upload);
    let compiles = session.inside("compiles").await?;
    let mut said = String::new();
    loop {
        if let Ok(done) = tokio::time::timeout(LOOK_EVERY, &mut upload).await {
            return done;
        }
        let Ok(jobs) = session.list(&compiles).await else { continue };
        // The newest of that name is this one: another of the same name would be ahead of it.
        let Some(job) = items(&jobs).iter().rfind(|job| text(job, "what") == what) else { continue };
        let now = in_words(job);
        if now != said {
            session.tell(&now);
            said = now;
        }
    }
}

/// One line, for example "waiting for a compiler: 2 before it".
fn in_words(job: &Value) -> String {
    let before = job.get("position").and_then(Value::as_u64).map_or(0, |position| position.saturating_sub(1));
    match text(job, "phase").as_str() {
        "receiving" => "sending".to_owned(),
        "checking" => "being checked".to_owned(),
        "waiting" if before == 0 => "next at a compiler".to_owned(),
        "waiting" => format!("waiting for a compiler: {before} before it"),
        "compiling" => "compiling".to_owned(),
        "describing" => "being linked and asked what it is".to_owned(),
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn whoever_waits_reads_phase_and_place() {
        assert_eq!(in_words(&json!({"phase": "waiting", "position": 3})), "waiting for a compiler: 2 before it");
        assert_eq!(in_words(&json!({"phase": "waiting", "position": 1})), "next at a compiler");
        assert_eq!(in_words(&json!({"phase": "compiling", "position": null})), "compiling");
    }
}
