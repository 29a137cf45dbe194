//! Renders what a customer hears while waiting in a queue.
//!
//! A provider takes only a few verbs here and plays the document in a circle; ours ends by asking for the next one, so that position and
//! patience are looked at again. `keep` is silence: the customer stays where they are.

use jackfield_domain::contact::decision::Action;
use jackfield_domain::contact::open::{LEAVE_QUEUE, WAIT_STEP_MS};
use jackfield_domain::fallback::Inability;

use super::{Page, cannot};
use crate::provider::Place;

impl Page<'_> {
    pub(super) fn wait(&mut self, actions: &[Action]) -> Result<(), Inability> {
        for action in actions {
            match action {
                Action::Keep => {}
                Action::SendDigits(_) => return Err(cannot(action.name(), "nobody is there to hear keys while the customer waits")),
                Action::Say(_) | Action::Play(_) | Action::Pause(_) | Action::SetLanguage(_) | Action::SetAttributes(_) => {
                    self.simple(action)?;
                }
                Action::HangUp(_) => return self.simple(action),
                Action::Other(extension) if extension.kind == LEAVE_QUEUE => {
                    self.markup.empty("Leave", &[]);
                    return Ok(());
                }
                _ => {
                    let who = self.dialect.called;
                    let why = format!(
                        "while the customer waits in a queue {who} takes say, play, pause, keep, hang-up and leave-queue; leave the queue first"
                    );
                    return Err(cannot(action.name(), why));
                }
            }
        }
        if !self.audible {
            self.pause(WAIT_STEP_MS);
        }
        let next = self.hook(Place::QueueWait, "queue-waiting")?;
        self.redirect(&next);
        Ok(())
    }
}
