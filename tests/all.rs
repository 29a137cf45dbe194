//! The promises of Jackfield, end to end: each test is a sentence that a user may rely on.
//!
//! One binary, because linking it is the slow part. Every promise starts its own platform and talks to it through its public doors.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::too_many_lines,
    reason = "a promise that meets what it did not expect has failed, and a table of cases is read from top to bottom"
)]

mod promises {
    mod answers;
    mod as_code;
    mod away;
    mod bad_input;
    mod care;
    mod cases;
    mod contract;
    mod crowd;
    mod determinism;
    mod doors;
    mod egress;
    mod fairness;
    mod fallback;
    mod fuzzed;
    mod gate;
    mod health;
    mod history;
    mod hostile;
    mod isolation;
    mod listeners;
    mod logs;
    mod metering;
    mod numbers;
    mod order;
    mod planned;
    mod providers;
    mod quarantine;
    mod queues;
    mod quotas;
    mod recycled;
    mod references;
    mod replays;
    mod retries;
    mod signatures;
    mod slow;
    mod survival;
    mod tidy;
    mod uploads;
    mod watching;
}
