//! Looks for what another instance may have left: the secret of `leaves-a-secret` anywhere in its memory and stack, and anything at all
//! in memory that was never written.
//!
//! It answers with how many such words it found, as the attribute `found` and aloud: "found 0" is the only right answer. The setting
//! `mib` says how much memory is looked through, one without settings.

use shape::{Action, Contact, Decision, Event, Failure, Guest, canary, commit, decide, number, text};

struct LooksForSecrets;

impl Guest for LooksForSecrets {
    const NAME: &str = "looks-for-secrets";
    const ACTIONS: &[&str] = &["say", "set-attributes"];

    fn handle(_contact: Contact, _event: Event) -> Result<Decision, Failure> {
        let old = canary::found();
        let pages = canary::grow(number("mib").unwrap_or(1));
        // SAFETY: the pages were granted just now.
        let new = canary::words(&pages).filter(|word| unsafe { word.read_volatile() } != 0).count();
        let (found, looked) = (old + new, canary::words(&canary::all()).count());
        let attributes = vec![("found".into(), found.to_string()), ("looked".into(), looked.to_string())];
        let reason = format!("found {found} in {looked} words: {old} secrets, {new} words that were never written");
        Ok(decide(vec![Action::SetAttributes(attributes), Action::Say(text(format!("found {found}")))], reason))
    }
}

commit!(LooksForSecrets);
