//! Holds what one invocation needs beside the guest itself: its meter, tape, log, clock and random numbers.
//!
//! It is the data of the engine's store: made for one call, reached by every host function, taken apart at the end. Whatever
//! the guest does, this stays ours; after a trap or a timeout it still says what was used.
//!
//! It must not hold anything of another invocation.

pub(crate) mod failure;
pub(crate) mod limits;
pub(crate) mod log;
pub(crate) mod tape;
pub(crate) mod time;

use std::collections::BTreeSet;
use std::time::Instant;

use jackfield_domain::budget::Limits;
use jackfield_domain::capability::{Answer, Ask, Capabilities, Denial};
use jackfield_domain::contact::Moment;
use jackfield_domain::flow::plugin::Grant;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use tracing::{Instrument as _, debug_span};
use wasmtime::{Result, StoreContextMut};

use self::limits::{Allowed, Ended, Meter, WaitedInVain};
use self::log::Log;
use self::tape::Tape;
use self::time::Time;
use crate::turnstile::Place;

/// The data of one invocation.
pub(crate) struct Guest {
    pub(crate) meter: Meter,
    pub(crate) tape: Tape,
    pub(crate) log: Log,
    pub(crate) time: Time,
    pub(crate) capabilities: Box<dyn Capabilities>,
    grants: BTreeSet<Grant>,
    seed: [u8; 32],
    random: Option<ChaCha20Rng>,
    /// Fuel at the last moment when others could run.
    yielded_at_fuel: u64,
    yield_fuel: u64,
    /// Its share of a worker; none where whoever runs it holds one for many.
    place: Option<Place>,
}

/// What a [`Guest`] is made of.
pub(crate) struct GuestParts {
    pub(crate) limits: Limits,
    pub(crate) capabilities: Box<dyn Capabilities>,
    pub(crate) grants: BTreeSet<Grant>,
    pub(crate) seed: [u8; 32],
    pub(crate) now: Moment,
    pub(crate) deadline: Moment,
    pub(crate) yield_fuel: u64,
    pub(crate) place: Option<Place>,
}

impl Guest {
    pub(crate) fn new(parts: GuestParts) -> Self {
        let GuestParts { limits, capabilities, grants, seed, now, deadline, yield_fuel, place } = parts;
        Self {
            meter: Meter::new(limits),
            tape: Tape::default(),
            log: Log::default(),
            time: Time::new(now, deadline),
            capabilities,
            grants,
            seed,
            random: None,
            yielded_at_fuel: limits.fuel_max,
            yield_fuel,
            place,
        }
    }

    /// Whether the release may use it.
    pub(crate) fn may(&self, grant: Grant) -> bool {
        self.grants.contains(&grant)
    }

    /// Numbers that only the seed decides. Made at the first use: most guests never ask.
    pub(crate) fn random(&mut self) -> &mut ChaCha20Rng {
        let seed = self.seed;
        self.random.get_or_insert_with(|| ChaCha20Rng::from_seed(seed))
    }

    /// A seed for hash tables, apart from the numbers that [`Guest::random`] gives out.
    pub(crate) fn insecure_seed(&self) -> (u64, u64) {
        let word = |at: usize| self.seed.iter().skip(at).take(8).fold(0_u64, |word, byte| word << 8 | u64::from(*byte));
        (word(0), word(8))
    }

    /// Puts a question: counts it, checks the grant, asks, and records the answer. `argument_bytes` is what the guest gave.
    pub(crate) async fn ask(&mut self, ask: Ask, argument_bytes: usize) -> Result<Answer> {
        let allowed = self.meter.count_call(argument_bytes)?;
        let denial = match allowed {
            Allowed::Exhausted => Some(Denial::Exhausted),
            Allowed::Yes => (!self.may(ask.grant())).then_some(Denial::Denied),
        };
        let answer = match denial {
            Some(denial) => {
                let answer = Answer::Denied(denial);
                note(&mut self.tape, &mut self.meter, &ask, &answer);
                answer
            }
            None => self.put(&ask).await?,
        };
        if answer == Answer::Denied(Denial::Full) {
            self.meter.count_full(argument_bytes)?;
        }
        Ok(answer)
    }

    /// Asks, and records the answer at once: what went out over the network is in the trail also where the guest is ended while it
    /// waits for its worker.
    async fn put(&mut self, ask: &Ask) -> Result<Answer, WaitedInVain> {
        let began = Instant::now();
        self.meter.asking = Some(ask.name());
        let span = debug_span!("capability", otel.name = ask.name());
        let (capabilities, tape, meter) = (&mut self.capabilities, &mut self.tape, &mut self.meter);
        let asked = async {
            let answer = capabilities.ask(ask).instrument(span).await;
            if capabilities.has_ended() {
                return Err(WaitedInVain(ask.name()));
            }
            note(tape, meter, ask, &answer);
            Ok(answer)
        };
        let answer = match &mut self.place {
            // The network takes longer than any guest computes: its worker goes to another meanwhile.
            Some(place) if ask.grant() == Grant::Http => place.aside(asked).await,
            _ => asked.await,
        };
        self.meter.asking = None;
        self.meter.host_time += began.elapsed();
        answer
    }

    /// Writes lines to the log that do not come from the `log` interface.
    pub(crate) fn print(&mut self, stream: log::Stream, bytes: &[u8]) -> Result<(), Ended> {
        self.log.print(stream, bytes, &mut self.meter)
    }
}

/// Counts an answer and puts it onto the tape.
fn note(tape: &mut Tape, meter: &mut Meter, ask: &Ask, answer: &Answer) {
    meter.count_answer(answer.weight());
    if let Answer::Sent(sent) = answer {
        sent.iter().for_each(|sent| meter.count_traffic(sent.record.sent_bytes, sent.record.received_bytes));
    }
    tape.record(ask, answer);
}

/// Charges a host function's work to the guest's fuel, and lets others run when it is their turn.
///
/// The engine interrupts a guest only while guest code runs, and refills its counter whenever fuel is set: a guest that does
/// nothing but call the host would never be interrupted, and no timer could end it. So host functions pay, and yield themselves.
pub(crate) async fn toll(store: &mut StoreContextMut<'_, Guest>, fuel: u64) -> Result<()> {
    let left = store.get_fuel()?.saturating_sub(fuel);
    store.set_fuel(left)?;
    if left == 0 {
        // The engine would say so once the guest runs again. A guest without fuel gets no work out of the host first, and one that is
        // replayed up to where it was cut off asks nothing more than it asked then.
        return Err(wasmtime::Trap::OutOfFuel.into());
    }
    let guest = store.data_mut();
    if guest.yielded_at_fuel.saturating_sub(left) >= guest.yield_fuel {
        guest.yielded_at_fuel = left;
        tokio::task::yield_now().await;
    }
    Ok(())
}
