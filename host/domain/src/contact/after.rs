//! Says what a decision leaves in the contact: turns counted, attributes merged, what is open now.
//!
//! The commit step applies it before it writes, and test cases apply it between two steps: a case that walked by another rule than
//! calls do would prove nothing. It must not read or write anything but the contact.

use super::decision::{Action, Target};
use super::event::Event;
use super::open::{Begun, opened_by};
use super::{Contact, Moment};

/// The end cause of a contact that was handed over to where nobody tells us of it.
pub const HANDED_OVER: &str = "handed-over";
/// The end cause of a contact that is kept in brief.
pub const TURNED_AWAY: &str = "turned-away";
/// What the trail says of it.
pub const TURNED_AWAY_NOTE: &str = "many were turned away in that moment: the answer stands alone, nothing that comes later belongs to this contact, and it is kept in brief";
/// What the trail says of it.
pub const HANDED_OVER_NOTE: &str = "the contact was handed over, and its provider reports no end: it is over here";
/// Failure codes and queues that a contact remembers for `contacts find`.
pub const REMEMBERED_MAX: usize = 20;

/// What was decided, and how it came to be.
#[derive(Debug)]
pub struct Decided<'a> {
    /// What was heard, as an event.
    pub event: &'a Event,
    /// What is done.
    pub actions: &'a [Action],
    /// True where the host went on with what was open and no plugin was asked.
    pub by_host: bool,
    /// True where the contact came here from another flow, by a plugin's wish.
    pub moved: bool,
    /// The turn that this is.
    pub turn: u32,
    /// The event's time.
    pub now: Moment,
}

impl Contact {
    /// Takes over what was decided. Gives back what had to be left out, one sentence each.
    pub fn take(&mut self, decided: &Decided<'_>) -> Vec<String> {
        let Decided { event, actions, by_host, moved, turn, now } = *decided;
        self.turn = turn;
        self.heard = now;
        self.gave_secrets |= event.is_sensitive();
        if let Event::ConsentEnded(consent) = event {
            self.consents.insert(consent.topic.clone(), consent.given);
        }
        if !by_host {
            self.asked_turns = self.asked_turns.saturating_add(1);
            self.idle_turns = match (moved || event.is_reentry(), event.is_from_customer()) {
                (true, _) => self.idle_turns.saturating_add(1),
                (false, true) => 0,
                (false, false) => self.idle_turns,
            };
        }
        let mut left_out = Vec::new();
        for action in actions {
            self.take_action(action, &mut left_out);
        }
        self.reopen(actions, turn, now, by_host);
        self.failures.dedup();
        self.failures.truncate(REMEMBERED_MAX);
        left_out
    }

    /// True where nothing of the contact comes back after these actions, at a provider that does not report how a transfer, a queue or
    /// whatever the contact was handed to ended.
    pub fn is_handed_over(&self, actions: &[Action]) -> bool {
        match actions.last() {
            Some(Action::Collect(_) | Action::Menu(_) | Action::Continue(_) | Action::WakeAfter(_) | Action::AskConsent(_)) => false,
            Some(Action::Transfer(transfer)) => !matches!(transfer.targets.first(), Some(Target::Flow(_))),
            _ => true,
        }
    }

    fn take_action(&mut self, action: &Action, left_out: &mut Vec<String>) {
        match action {
            Action::SetLanguage(tag) => self.language.clone_from(tag),
            Action::SetAttributes(pairs) => {
                let names = self.merge_attributes(pairs).into_iter();
                left_out.extend(names.map(|name| format!("attribute {name} was left out: the contact's attributes are full")));
            }
            Action::Enqueue(enqueue) if !self.queues.contains(&enqueue.queue) && self.queues.len() < REMEMBERED_MAX => {
                self.queues.push(enqueue.queue.clone());
            }
            _ => {}
        }
    }

    /// What is open afterwards. The host's own step goes on with what was open; while a customer waits in a queue, that stays open
    /// whatever is played to them.
    fn reopen(&mut self, actions: &[Action], turn: u32, now: Moment, by_host: bool) {
        let in_queue = self.open.as_ref().is_some_and(|open| matches!(open.begun, Begun::Queue { .. }));
        match (opened_by(actions, turn, now), by_host, in_queue) {
            (Some(opened), false, _) => self.open = Some(opened),
            (Some(opened), true, _) => {
                let goes_on =
                    self.open.as_ref().is_some_and(|open| std::mem::discriminant(&open.begun) == std::mem::discriminant(&opened.begun));
                match (&mut self.open, goes_on) {
                    (Some(open), true) => open.turn = turn,
                    _ => self.open = Some(opened),
                }
            }
            (None, _, true) => {}
            (None, false, false) => self.open = None,
            (None, true, false) => {}
        }
    }
}
