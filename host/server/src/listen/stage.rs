//! Says how near its end the server is, to everybody who must act on it.
//!
//! The one who stops the server moves it forward; listeners, connections and readiness look at it. It only goes forward: what has
//! begun to end is started anew and never taken back.

use tokio::sync::watch;

/// How near the end is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// It is not.
    Serving,
    /// Readiness fails and everything is still answered: balancers notice and send no more.
    Leaving,
    /// Nothing new is accepted; what is in progress is finished.
    Closing,
    /// What is still open is dropped.
    Over,
}

/// The stage, for those who watch it and for the one who moves it.
#[derive(Debug, Clone)]
pub struct Stages {
    now: watch::Sender<Stage>,
}

impl Default for Stages {
    fn default() -> Self {
        Self { now: watch::Sender::new(Stage::Serving) }
    }
}

impl Stages {
    /// What it is now.
    pub fn now(&self) -> Stage {
        *self.now.borrow()
    }

    /// Goes forward; a stage that is passed already changes nothing.
    pub fn go(&self, to: Stage) {
        self.now.send_if_modified(|now| {
            let is_forward = to > *now;
            if is_forward {
                *now = to;
            }
            is_forward
        });
    }

    /// Waits until it is that far.
    pub async fn reached(&self, stage: Stage) {
        // The sender is ours, so it cannot be gone.
        let _ = self.now.subscribe().wait_for(|now| *now >= stage).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_has_begun_to_end_is_never_taken_back() {
        let stages = Stages::default();
        stages.go(Stage::Closing);
        stages.go(Stage::Leaving);
        assert_eq!(stages.now(), Stage::Closing);
        stages.reached(Stage::Leaving).await;
    }
}
