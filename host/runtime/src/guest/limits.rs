//! Meters one invocation: what it used of each limit, and which of our own bounds it met.
//!
//! The engine asks it before memory and tables grow, the capabilities charge calls, bytes and time to it, and at the end
//! [`crate::guest::failure`] reads from it why a guest ended. It keeps flags instead of letting anybody read error texts, because a
//! guest that is refused memory ends in a trap that says nothing of memory.

use std::time::Duration;

use jackfield_domain::budget::{Limit, Limits};
use wasmtime::{ResourceLimiter, Result};

use crate::engine::{CORE_INSTANCES_MAX, MEMORIES_MAX, TABLES_MAX};

/// How often a guest may go on after "exhausted" or "full" before it is ended: enough to say goodbye in an orderly way, too few
/// to spin on.
const GRACE: u32 = 16;
/// An element of a table is a pointer.
const TABLE_ELEMENT_BYTES: u64 = 8;
/// Most bytes of all answers that one invocation is given: they are kept on the tape until the end, and a thousand times the
/// largest settings would be two hundred megabytes.
const ANSWER_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Ends an invocation for a limit of its budget. Host functions return it, and the engine carries it through the guest.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.code())]
pub(crate) struct Ended(pub(crate) Limit);

/// Ends a replay where the invocation that it repeats waited in vain.
#[derive(Debug, thiserror::Error)]
#[error("{0} did not answer in time")]
pub(crate) struct WaitedInVain(pub(crate) &'static str);

/// Whether a call of a capability goes ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Allowed {
    /// It does.
    Yes,
    /// It is answered with "exhausted".
    Exhausted,
}

/// What an invocation used so far.
#[derive(Debug)]
pub(crate) struct Meter {
    limits: Limits,
    /// Of all memories and tables. Neither ever shrinks, so this is the peak as well.
    pub(crate) memory_bytes: u64,
    /// What the last growth would have added, in case the engine then fails to grow.
    growth_bytes: u64,
    pub(crate) growth_refused: bool,
    pub(crate) host_calls: u32,
    pub(crate) http_calls: u32,
    pub(crate) http_sent_bytes: u64,
    pub(crate) http_received_bytes: u64,
    http_argument_bytes: u64,
    pub(crate) host_time: Duration,
    pub(crate) argument_bytes: u64,
    pub(crate) log_bytes: u64,
    /// The capability that is being waited for.
    pub(crate) asking: Option<&'static str>,
    answer_bytes: u64,
    refused_calls: u32,
    refused_writes: u32,
}

impl Meter {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            memory_bytes: 0,
            growth_bytes: 0,
            growth_refused: false,
            host_calls: 0,
            http_calls: 0,
            http_sent_bytes: 0,
            http_received_bytes: 0,
            http_argument_bytes: 0,
            host_time: Duration::ZERO,
            argument_bytes: 0,
            log_bytes: 0,
            asking: None,
            answer_bytes: 0,
            refused_calls: 0,
            refused_writes: 0,
        }
    }

    /// Counts a call of a capability and the bytes that the guest gave with it.
    pub(crate) fn count_call(&mut self, argument_bytes: usize) -> Result<Allowed, Ended> {
        self.host_calls = self.host_calls.saturating_add(1);
        self.argument_bytes = self.argument_bytes.saturating_add(u64::try_from(argument_bytes).unwrap_or(u64::MAX));
        if self.argument_bytes > self.limits.output_bytes_max {
            return Err(Ended(Limit::Output));
        }
        if self.host_calls <= self.limits.host_calls_max && self.answer_bytes < ANSWER_BYTES_MAX {
            return Ok(Allowed::Yes);
        }
        self.refused_calls += 1;
        if self.refused_calls > GRACE { Err(Ended(Limit::HostCalls)) } else { Ok(Allowed::Exhausted) }
    }

    /// Counts requests to the outside: gives back how many of them still go ahead. Their bytes have a limit of their own, because one
    /// body may be larger than all that a guest may otherwise give.
    pub(crate) fn count_requests(&mut self, requests: usize, bytes: u64) -> Result<usize, Ended> {
        self.http_argument_bytes = self.http_argument_bytes.saturating_add(bytes);
        if self.http_argument_bytes > self.limits.http_request_bytes_max() {
            return Err(Ended(Limit::Output));
        }
        let left = self.limits.http_calls_max.saturating_sub(self.http_calls);
        let allowed = u32::try_from(requests).unwrap_or(u32::MAX).min(left);
        self.http_calls += allowed;
        if allowed == 0 && requests > 0 {
            self.refused_calls += 1;
        }
        if self.refused_calls > GRACE { Err(Ended(Limit::HostCalls)) } else { Ok(usize::try_from(allowed).unwrap_or(0)) }
    }

    /// Counts what went over the network for it.
    pub(crate) fn count_traffic(&mut self, sent_bytes: u64, received_bytes: u64) {
        self.http_sent_bytes = self.http_sent_bytes.saturating_add(sent_bytes);
        self.http_received_bytes = self.http_received_bytes.saturating_add(received_bytes);
    }

    /// Counts the bytes of an answer.
    pub(crate) fn count_answer(&mut self, bytes: usize) {
        self.answer_bytes = self.answer_bytes.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
    }

    /// Counts a write that found no room. Its bytes are not counted as given, or a flood of state would look like a flood of
    /// output.
    pub(crate) fn count_full(&mut self, argument_bytes: usize) -> Result<(), Ended> {
        self.argument_bytes = self.argument_bytes.saturating_sub(bytes(argument_bytes, 1));
        self.refused_writes += 1;
        if self.refused_writes > GRACE { Err(Ended(Limit::Stored)) } else { Ok(()) }
    }

    /// Counts logged bytes; says how many of them still have room.
    pub(crate) fn count_log(&mut self, bytes: usize) -> Result<(), Ended> {
        self.log_bytes = self.log_bytes.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        if self.log_bytes > self.limits.log_bytes_max { Err(Ended(Limit::Log)) } else { Ok(()) }
    }

    /// Bytes that may still be logged.
    pub(crate) fn log_bytes_left(&self) -> usize {
        usize::try_from(self.limits.log_bytes_max.saturating_sub(self.log_bytes)).unwrap_or(usize::MAX)
    }

    /// Sums all memories and tables: the engine's own limiter bounds each of them alone.
    fn grow(&mut self, current_bytes: u64, desired_bytes: u64, possible: bool) -> bool {
        let growth_bytes = desired_bytes.saturating_sub(current_bytes);
        let total_bytes = self.memory_bytes.saturating_add(growth_bytes);
        if total_bytes > self.limits.memory_bytes_max || !possible {
            self.growth_refused = true;
            return false;
        }
        self.memory_bytes = total_bytes;
        self.growth_bytes = growth_bytes;
        true
    }

    fn grow_failed(&mut self) {
        self.memory_bytes = self.memory_bytes.saturating_sub(self.growth_bytes);
        self.growth_bytes = 0;
        self.growth_refused = true;
    }
}

fn bytes(count: usize, each: u64) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX).saturating_mul(each)
}

impl ResourceLimiter for Meter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        Ok(self.grow(bytes(current, 1), bytes(desired, 1), maximum.is_none_or(|maximum| desired <= maximum)))
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> Result<()> {
        self.grow_failed();
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        let possible = maximum.is_none_or(|maximum| desired <= maximum);
        Ok(self.grow(bytes(current, TABLE_ELEMENT_BYTES), bytes(desired, TABLE_ELEMENT_BYTES), possible))
    }

    fn table_grow_failed(&mut self, _error: wasmtime::Error) -> Result<()> {
        self.grow_failed();
        Ok(())
    }

    fn instances(&self) -> usize {
        usize::try_from(CORE_INSTANCES_MAX).unwrap_or(usize::MAX)
    }

    fn tables(&self) -> usize {
        usize::try_from(TABLES_MAX).unwrap_or(usize::MAX)
    }

    fn memories(&self) -> usize {
        usize::try_from(MEMORIES_MAX).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_domain::budget::Plan;

    fn meter() -> Meter {
        Meter::new(Plan::Standard.limits())
    }

    #[test]
    fn four_memories_below_the_limit_share_it() {
        let mut meter = meter();
        let five_mib = 5 << 20;
        let grown: Vec<bool> = (0..4).map(|_| meter.memory_growing(0, five_mib, None).unwrap()).collect();
        assert_eq!(grown, [true, true, true, false]);
        assert!(meter.growth_refused);
        assert_eq!(meter.memory_bytes, 15 << 20);
    }

    #[test]
    fn a_table_counts_like_memory() {
        let mut meter = meter();
        assert!(!meter.table_growing(0, 10_000_000, None).unwrap());
        assert!(meter.table_growing(0, 1_000, None).unwrap());
        assert_eq!(meter.memory_bytes, 8_000);
    }

    #[test]
    fn growth_that_the_engine_could_not_do_is_given_back_and_remembered() {
        let mut meter = meter();
        assert!(meter.memory_growing(0, 16 << 20, None).unwrap());
        meter.memory_grow_failed(wasmtime::Error::msg("no room")).unwrap();
        assert!(meter.growth_refused);
        assert!(meter.memory_growing(0, 16 << 20, None).unwrap());
    }

    #[test]
    fn a_guest_that_goes_on_after_exhausted_is_ended() {
        let mut meter = meter();
        for _ in 0..meter.limits.host_calls_max {
            assert_eq!(meter.count_call(1).unwrap(), Allowed::Yes);
        }
        for _ in 0..GRACE {
            assert_eq!(meter.count_call(1).unwrap(), Allowed::Exhausted);
        }
        assert_eq!(meter.count_call(1).unwrap_err().0, Limit::HostCalls);
    }

    #[test]
    fn a_guest_that_goes_on_after_full_is_ended() {
        let mut meter = meter();
        for _ in 0..GRACE {
            meter.count_call(8 << 10).unwrap();
            meter.count_full(8 << 10).unwrap();
        }
        assert_eq!(meter.count_full(0).unwrap_err().0, Limit::Stored);
    }

    #[test]
    fn arguments_of_all_calls_together_are_bounded() {
        let mut meter = meter();
        meter.count_call(20 << 10).unwrap();
        assert_eq!(meter.count_call(20 << 10).unwrap_err().0, Limit::Output);
    }

    #[test]
    fn requests_have_a_number_and_bytes_of_their_own() {
        let mut meter = meter();
        let body = 200 << 10;
        assert_eq!(meter.count_requests(2, 2 * body).unwrap(), 2);
        assert_eq!(meter.count_requests(2, body).unwrap(), 1);
        assert_eq!((meter.http_calls, meter.argument_bytes), (3, 0));
        assert_eq!(meter.count_requests(1, body).unwrap(), 0);
        assert_eq!(meter.count_requests(1, body).unwrap_err().0, Limit::Output);
    }

    #[test]
    fn a_guest_that_goes_on_sending_after_exhausted_is_ended() {
        let mut meter = meter();
        assert_eq!(meter.count_requests(1_000, 0).unwrap(), 3);
        for _ in 0..GRACE {
            assert_eq!(meter.count_requests(1_000, 0).unwrap(), 0);
        }
        assert_eq!(meter.count_requests(1, 0).unwrap_err().0, Limit::HostCalls);
    }

    #[test]
    fn answers_of_all_calls_together_are_bounded() {
        let mut meter = meter();
        meter.count_answer(5 << 20);
        assert_eq!(meter.count_call(1).unwrap(), Allowed::Exhausted);
    }
}
