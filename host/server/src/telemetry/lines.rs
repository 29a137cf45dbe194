//! Brings lines of the log to standard error without ever making anybody wait for it.
//!
//! The log's layer writes here. A terminal that is stopped or a pipe that nobody reads would otherwise hold up every call that has
//! something to say; so lines go to a thread of their own over a bounded queue, and what does not fit is dropped and counted.
//!
//! It must not hold a line back: what is in the queue is on its way.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

use super::Drops;

/// Lines that may wait: a second of a very busy log.
const QUEUE_LINES_MAX: usize = 8_192;
/// Longest line; none of ours is near it. With the queue it bounds what a stuck terminal costs to 32 MiB.
const LINE_BYTES_MAX: usize = 4_096;
/// At the end, so long is waited for what is still in the queue.
const END_PATIENCE: Duration = Duration::from_secs(1);

enum Job {
    Line(Vec<u8>),
    /// All lines before it are written.
    Tell(SyncSender<()>),
}

/// Where lines go.
#[derive(Clone)]
pub(super) struct Lines {
    queue: SyncSender<Job>,
    drops: Arc<Drops>,
}

impl Lines {
    /// To standard error.
    pub(super) fn to_standard_error(drops: Arc<Drops>) -> io::Result<Self> {
        Self::to(io::stderr(), drops)
    }

    fn to(out: impl Write + Send + 'static, drops: Arc<Drops>) -> io::Result<Self> {
        let (queue, jobs) = sync_channel(QUEUE_LINES_MAX);
        std::thread::Builder::new().name("log".to_owned()).spawn(move || write(out, &jobs))?;
        Ok(Self { queue, drops })
    }

    /// Waits a moment for what was written before.
    pub(super) fn finish(&self) {
        let (tell, told) = sync_channel(1);
        // Both fail only where nobody reads the log any more: there is nobody to tell.
        if self.queue.try_send(Job::Tell(tell)).is_ok() {
            let _ = told.recv_timeout(END_PATIENCE);
        }
    }
}

fn write(mut out: impl Write, jobs: &Receiver<Job>) {
    for job in jobs {
        match job {
            // A log that cannot be written has nowhere to say so.
            Job::Line(line) => drop(out.write_all(&line)),
            Job::Tell(waiting) => {
                let _ = out.flush();
                // Whoever waited may have given up.
                let _ = waiting.send(());
            }
        }
    }
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut kept = line.get(..LINE_BYTES_MAX.min(line.len())).unwrap_or_default().to_vec();
        if kept.len() < line.len() {
            kept.push(b'\n');
        }
        if self.queue.try_send(Job::Line(kept)).is_err() {
            self.drops.line();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Writes nothing before it is let.
    struct Stuck(mpsc::Receiver<()>, mpsc::Sender<usize>);

    impl Write for Stuck {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            let _ = self.1.send(line.len());
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_terminal_that_is_stopped_holds_nobody_up_and_what_is_lost_is_counted() {
        let drops = Arc::new(Drops::default());
        let (let_go, stuck) = mpsc::channel();
        let (wrote, written) = mpsc::channel();
        let mut lines = Lines::to(Stuck(stuck, wrote), drops.clone()).unwrap();
        for _ in 0..QUEUE_LINES_MAX + 100 {
            lines.write_all(b"a line\n").unwrap();
        }
        let lost = drops.counted().lines;
        assert!((99..=100).contains(&lost), "{lost}: one line may be with the thread already");
        drop(let_go);
        let kept = QUEUE_LINES_MAX + 100 - usize::try_from(lost).unwrap();
        assert_eq!((0..kept).filter(|_| written.recv().is_ok()).count(), kept);
    }

    #[test]
    fn a_line_without_end_is_cut() {
        let (_open, stuck) = mpsc::channel();
        let (wrote, written) = mpsc::channel();
        let mut lines = Lines::to(Stuck(stuck, wrote), Arc::default()).unwrap();
        lines.write_all(&vec![b'x'; 1 << 20]).unwrap();
        drop(_open);
        assert_eq!(written.recv().unwrap(), LINE_BYTES_MAX + 1);
    }
}
