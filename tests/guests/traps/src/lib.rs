//! Ends in a trap. The setting `how` chooses it: "panic" (also without settings), "unreachable", "out-of-bounds", "exit" or "abort".

use shape::{Contact, Decision, Event, Failure, Guest, commit, setting};

struct Traps;

impl Guest for Traps {
    const NAME: &str = "traps";
    const ACTIONS: &[&str] = &["say"];

    fn handle(contact: Contact, _event: Event) -> Result<Decision, Failure> {
        match setting("how").as_deref() {
            Some("unreachable") => core::arch::wasm32::unreachable(),
            Some("out-of-bounds") => {
                // SAFETY: none; the address is far outside of memory, which is the sin.
                let read = unsafe { core::ptr::with_exposed_provenance::<u8>(0xffff_0000).read_volatile() };
                Err(Failure::Internal(format!("unexpected: read {read} from outside")))
            }
            Some("exit") => std::process::exit(3),
            Some("abort") => std::process::abort(),
            _ => panic!("the plugin of {} panics on purpose", contact.tenant),
        }
    }
}

commit!(Traps);
