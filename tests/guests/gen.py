import os
G={}
def guest(name, code, extra_deps=''):
    G[name]=(code,extra_deps)

guest('loops','''//! Loops for ever, without memory, without a host call: only fuel or time can end it.
//!
//! The promise behind it: a plugin that loops does not cost the caller the call.

use shape::{Contact, Decision, Event, Failure, Guest, commit};

struct Loops;

impl Guest for Loops {
    const NAME: &str = "loops";
    const ACTIONS: &[&str] = &["say"];

    fn handle(_contact: Contact, _event: Event) -> Result<Decision, Failure> {
        let mut turns = 0_u64;
        loop {
            // Seen by nobody, but the optimiser may not drop it.
            turns = std::hint::black_box(turns.wrapping_add(1));
        }
    }
}

commit!(Loops);
''')
guest('loops-in-describe','''//! Loops for ever in `describe`: an upload must end, not hang.

use shape::{Contact, Decision, Event, Failure, Guest, Metadata, commit, keep};

struct LoopsInDescribe;

impl Guest for LoopsInDescribe {
    const NAME: &str = "loops-in-describe";
    const ACTIONS: &[&str] = &["keep"];

    fn describe() -> Metadata {
        let mut turns = 0_u64;
        loop {
            turns = std::hint::black_box(turns.wrapping_add(1));
        }
    }

    fn handle(_contact: Contact, _event: Event) -> Result<Decision, Failure> {
        Ok(keep("never reached: describe does not end"))
    }
}

commit!(LoopsInDescribe);
''')
guest('allocates','''//! Takes memory until it is refused, and then traps.
//!
//! It asks for pages directly, because an allocator would stop at its own error first. Every page is touched, so that the memory is
//! really there.

use shape::{Contact, Decision, Event, Failure, Guest, commit};

/// A page of WebAssembly.
const PAGE_BYTES: usize = 65_536;
/// Grown by a MiB at a time: small steps would meet the fuel limit first.
const STEP_PAGES: usize = 16;

struct Allocates;

impl Guest for Allocates {
    const NAME: &str = "allocates";
    const ACTIONS: &[&str] = &["say"];

    fn handle(_contact: Contact, _event: Event) -> Result<Decision, Failure> {
        loop {
            let before = core::arch::wasm32::memory_grow(0, STEP_PAGES);
            if before == usize::MAX {
                core::arch::wasm32::unreachable();
            }
            for page in before..before + STEP_PAGES {
                // SAFETY: the page was just granted, and nothing else knows of it.
                unsafe { core::ptr::with_exposed_provenance_mut::<u8>(page * PAGE_BYTES).write_volatile(1) };
            }
        }
    }
}

commit!(Allocates);
''')
guest('recurses','''//! Calls itself until the stack ends.
//!
//! The function keeps nothing in memory, so that it is the engine's stack that ends and not the guest's own; what it does with the
//! result cannot be turned into a loop.

use shape::{Contact, Decision, Event, Failure, Guest, commit, say};

struct Recurses;

#[inline(never)]
#[expect(unconditional_recursion, reason = "this is the sin")]
fn deeper(depth: u64) -> u64 {
    let below = deeper(depth.wrapping_add(1));
    below.rotate_left(7).wrapping_mul(3) ^ depth
}

impl Guest for Recurses {
    const NAME: &str = "recurses";
    const ACTIONS: &[&str] = &["say"];

    fn handle(contact: Contact, _event: Event) -> Result<Decision, Failure> {
        let depth = deeper(u64::from(contact.turn));
        Ok(say(format!("the bottom is at {depth}"), "unexpected: the stack has no end"))
    }
}

commit!(Recurses);
''')
guest('traps','''//! Ends in a trap. The setting `how` chooses it: "panic" (also without settings), "unreachable", "out-of-bounds", "exit" or "abort".

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
''')
guest('traps-in-describe','''//! Panics in `describe`: such an upload is refused, and says why.

use shape::{Contact, Decision, Event, Failure, Guest, Metadata, commit, keep};

struct TrapsInDescribe;

impl Guest for TrapsInDescribe {
    const NAME: &str = "traps-in-describe";
    const ACTIONS: &[&str] = &["keep"];

    fn describe() -> Metadata {
        panic!("describe panics on purpose")
    }

    fn handle(_contact: Contact, _event: Event) -> Result<Decision, Failure> {
        Ok(keep("never reached: describe does not answer"))
    }
}

commit!(TrapsInDescribe);
''')
guest('returns-10mb','''//! Answers with ten megabytes of text.

use shape::{Contact, Decision, Event, Failure, Guest, commit, say};

/// Fits into the memory of the standard plan, and is far beyond every output limit.
const TEXT_BYTES: usize = 10_000_000;

struct Returns10Mb;

impl Guest for Returns10Mb {
    const NAME: &str = "returns-10mb";
    const ACTIONS: &[&str] = &["say"];

    fn handle(_contact: Contact, _event: Event) -> Result<Decision, Failure> {
        Ok(say("x".repeat(TEXT_BYTES), "ten megabytes"))
    }
}

commit!(Returns10Mb);
''')
guest('floods-log','''//! Writes lines until it is ended. The setting `through` chooses where: "log" (also without settings), "stdout" or "stderr".

use std::io::Write;

use shape::jackfield::plugin::log::{Level, write};
use shape::{Contact, Decision, Event, Failure, Guest, commit, setting};

struct FloodsLog;

impl Guest for FloodsLog {
    const NAME: &str = "floods-log";
    const ACTIONS: &[&str] = &["say"];

    fn handle(_contact: Contact, _event: Event) -> Result<Decision, Failure> {
        let through = setting("through");
        let line = "all work and no play makes a dull plugin; ".repeat(8);
        loop {
            let written = match through.as_deref() {
                Some("stdout") => writeln!(std::io::stdout(), "{line}"),
                Some("stderr") => writeln!(std::io::stderr(), "{line}"),
                _ => {
                    write(Level::Info, &line, &[]);
                    Ok(())
                }
            };
            if let Err(error) = written {
                return Err(Failure::Internal(format!("unexpected: {error}")));
            }
        }
    }
}

commit!(FloodsLog);
''')
guest('floods-state','''//! Keeps values under ever new keys, deaf to every refusal. The setting `scope` chooses whose: "contact" (also without settings) or
//! "tenant".

use shape::jackfield::plugin::state::{Scope, set};
use shape::{Contact, Decision, Event, Failure, Guest, commit, setting};

/// Large enough to be full before the host calls are used up.
const VALUE_BYTES: usize = 4_096;

struct FloodsState;

impl Guest for FloodsState {
    const NAME: &str = "floods-state";
    const ACTIONS: &[&str] = &["say"];

    fn handle(_contact: Contact, _event: Event) -> Result<Decision, Failure> {
        let scope = if setting("scope").as_deref() == Some("tenant") { Scope::Tenant } else { Scope::Contact };
        let value = vec![b'x'; VALUE_BYTES];
        let mut at = 0_u64;
        loop {
            let refused = set(scope, &format!("flood/{at}"), &value, None).is_err();
            at = at.wrapping_add(1 + u64::from(refused));
        }
    }
}

commit!(FloodsState);
''')
guest('floods-host-calls','''//! Asks the host the same small question for ever, deaf to every refusal.

use shape::jackfield::plugin::settings;
use shape::{Contact, Decision, Event, Failure, Guest, commit};

struct FloodsHostCalls;

impl Guest for FloodsHostCalls {
    const NAME: &str = "floods-host-calls";
    const ACTIONS: &[&str] = &["say"];

    fn handle(_contact: Contact, _event: Event) -> Result<Decision, Failure> {
        loop {
            let _ = std::hint::black_box(settings::get("/a"));
        }
    }
}

commit!(FloodsHostCalls);
''')
guest('sleeps','''//! Sleeps an hour through the clock, again and again.
//!
//! Time stands still for a guest and a wait only moves its own clock, so each hour is over at once and only fuel ends it. With the
//! setting `hours` it sleeps so often and then answers with what its clocks say.

use std::time::{Duration, Instant, SystemTime};

use shape::{Contact, Decision, Event, Failure, Guest, commit, number, say};

struct Sleeps;

impl Guest for Sleeps {
    const NAME: &str = "sleeps";
    const ACTIONS: &[&str] = &["say"];

    #[expect(clippy::disallowed_methods, reason = "this is the sin")]
    fn handle(contact: Contact, _event: Event) -> Result<Decision, Failure> {
        let (begun, dated) = (Instant::now(), SystemTime::now());
        let hours = number("hours").unwrap_or(u64::MAX);
        for _ in 0..hours {
            std::thread::sleep(Duration::from_secs(3_600));
        }
        let epoch = dated.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
        let reason = format!("slept {} s by its clock; it began {} ms after the event", begun.elapsed().as_secs(), epoch.saturating_sub(contact.now.into()));
        Ok(say("Good morning.", reason))
    }
}

commit!(Sleeps);
''')
guest('burns-then-divides-by-zero','''//! Burns fuel in a loop and then divides by zero: what it burnt before the trap must still be charged.

use shape::{Contact, Decision, Event, Failure, Guest, burn, commit, say};

/// Far more than an ordinary plugin uses, and below the standard plan's limit.
const BURNT_FUEL: u64 = 10_000_000;

struct BurnsThenDividesByZero;

impl Guest for BurnsThenDividesByZero {
    const NAME: &str = "burns-then-divides-by-zero";
    const ACTIONS: &[&str] = &["say"];

    fn handle(contact: Contact, _event: Event) -> Result<Decision, Failure> {
        let burnt = burn(BURNT_FUEL);
        let divisor = std::hint::black_box(contact.turn.saturating_sub(contact.turn));
        if divisor == 0 {
            // SAFETY: none; without this line Rust would panic before the machine's own division could trap, which is the sin.
            unsafe { std::hint::unreachable_unchecked() }
        }
        let shares = std::hint::black_box(u32::from(burnt) / divisor);
        Ok(say(format!("{shares} shares"), "unexpected: divided by zero"))
    }
}

commit!(BurnsThenDividesByZero);
''')
guest('unlisted-action','''//! Describes itself as a plugin that only says things, and hangs up.

use shape::jackfield::plugin::decisions::Action;
use shape::{Contact, Decision, Event, Failure, Guest, commit, decide};

struct UnlistedAction;

impl Guest for UnlistedAction {
    const NAME: &str = "unlisted-action";
    const ACTIONS: &[&str] = &["say"];

    fn handle(_contact: Contact, _event: Event) -> Result<Decision, Failure> {
        Ok(decide(vec![Action::HangUp(None)], "nobody said that it would"))
    }
}

commit!(UnlistedAction);
''')
guest('lies','''//! Describes actions, events and limits that do not exist, and then does what it did not list.
//!
//! The setting `about` chooses the lie in `describe`; there is none that a host may believe.

use shape::jackfield::plugin::decisions::Action;
use shape::{Contact, Decision, Event, Failure, Guest, Metadata, commit, decide, metadata};

struct Lies;

impl Guest for Lies {
    const NAME: &str = "lies";
    const ACTIONS: &[&str] = &["fly", "teleport"];

    fn describe() -> Metadata {
        let mut metadata = metadata(Self::NAME, Self::ACTIONS);
        metadata.events = vec!["full-moon".into()];
        metadata.version = "999.0.0, signed by the platform itself".into();
        metadata.extras = vec![("fuel_max".into(), "18446744073709551615".into()), ("grants".into(), "all".into())];
        metadata
    }

    fn handle(_contact: Contact, _event: Event) -> Result<Decision, Failure> {
        Ok(decide(vec![Action::HangUp(None)], "it said that it could fly"))
    }
}

commit!(Lies);
''')
guest('declines','''//! Says itself that it cannot answer. The setting `with` chooses how: "unavailable" (also without settings), "unsupported",
//! "bad-settings", "internal" or "other".

use shape::jackfield::plugin::types::Extension;
use shape::{Contact, Decision, Event, Failure, Guest, commit, setting};

struct Declines;

impl Guest for Declines {
    const NAME: &str = "declines";
    const ACTIONS: &[&str] = &["say"];

    fn handle(_contact: Contact, _event: Event) -> Result<Decision, Failure> {
        Err(match setting("with").as_deref() {
            Some("unsupported") => Failure::Unsupported("this plugin answers nothing".into()),
            Some("bad-settings") => Failure::BadSettings("/with has a value that leads to a refusal".into()),
            Some("internal") => Failure::Internal("the plugin does not feel well".into()),
            Some("other") => Failure::Other(Extension { kind: "on-strike".into(), data: "{}".into() }),
            _ => Failure::Unavailable("what the plugin needs did not answer".into()),
        })
    }
}

commit!(Declines);
''')
guest('opens-a-file','''//! Tries to read, write and list files, and answers with what it was told.

use std::fs;

use shape::{Contact, Decision, Event, Failure, Guest, commit, say};

struct OpensAFile;

fn told<T>(what: &str, result: std::io::Result<T>) -> String {
    match result {
        Ok(_) => format!("{what}: unexpectedly allowed"),
        Err(error) => format!("{what}: error, {error}"),
    }
}

impl Guest for OpensAFile {
    const NAME: &str = "opens-a-file";
    const ACTIONS: &[&str] = &["say"];

    fn handle(_contact: Contact, _event: Event) -> Result<Decision, Failure> {
        let reason = [
            told("read", fs::read("/etc/passwd")),
            told("write", fs::write("/tmp/left-behind", "x")),
            told("list", fs::read_dir(".")),
            told("remove", fs::remove_file("Cargo.toml")),
        ];
        Ok(say("There are no files here.", reason.join("; ")))
    }
}

commit!(OpensAFile);
''')
guest('connects-a-socket','''//! Tries to connect, to listen, to send a datagram and to resolve a name, and answers with what it was told.

use std::net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket};

use shape::{Contact, Decision, Event, Failure, Guest, commit, say};

struct ConnectsASocket;

fn told<T>(what: &str, result: std::io::Result<T>) -> String {
    match result {
        Ok(_) => format!("{what}: unexpectedly allowed"),
        Err(error) => format!("{what}: error, {error}"),
    }
}

impl Guest for ConnectsASocket {
    const NAME: &str = "connects-a-socket";
    const ACTIONS: &[&str] = &["say"];

    fn handle(_contact: Contact, _event: Event) -> Result<Decision, Failure> {
        let reason = [
            told("connect", TcpStream::connect(("127.0.0.1", 80))),
            told("listen", TcpListener::bind(("0.0.0.0", 0))),
            told("datagram", UdpSocket::bind(("0.0.0.0", 0))),
            told("resolve", ("localhost", 80).to_socket_addrs()),
        ];
        Ok(say("There is no network here.", reason.join("; ")))
    }
}

commit!(ConnectsASocket);
''')
guest('works-hard','''//! Works hard and answers well: burns about as much fuel as the setting `fuel` says, 1,000,000 without one.

use shape::{Contact, Decision, Event, Failure, Guest, burn, commit, number, say};

struct WorksHard;

impl Guest for WorksHard {
    const NAME: &str = "works-hard";
    const ACTIONS: &[&str] = &["say"];

    fn handle(_contact: Contact, _event: Event) -> Result<Decision, Failure> {
        let fuel = number("fuel").unwrap_or(1_000_000);
        let found = burn(fuel);
        Ok(say("That was hard work.", format!("worked for about {fuel} fuel and found {found}")))
    }
}

commit!(WorksHard);
''')
guest('big-input-echo','''//! Says back how much it was given: for events and settings at the edge of what a plugin may be handed.

use shape::jackfield::plugin::settings;
use shape::{Contact, Decision, Event, Failure, Guest, commit, say};

struct BigInputEcho;

impl Guest for BigInputEcho {
    const NAME: &str = "big-input-echo";
    const ACTIONS: &[&str] = &["say"];

    fn handle(contact: Contact, event: Event) -> Result<Decision, Failure> {
        let attributes: usize = contact.attributes.iter().map(|(name, value)| name.len() + value.len()).sum();
        let event = match &event {
            Event::Input(input) => input.value.len(),
            Event::Message(message) => message.text.len(),
            _ => 0,
        };
        let settings = settings::all().map_or(0, |json| json.len());
        Ok(say("That was a lot.", format!("event {event}, attributes {attributes}, settings {settings} bytes")))
    }
}

commit!(BigInputEcho);
''')
exec(open('gen2.py').read())
for n,(c,d) in G.items():
    os.makedirs(f'{n}/src',exist_ok=True)
    open(f'{n}/src/lib.rs','w').write(c)
    open(f'{n}/Cargo.toml','w').write(f'''[package]
name = "{n}"
version.workspace = true
edition.workspace = true
rust-version.workspace = true
license.workspace = true
publish.workspace = true

[lib]
crate-type = ["cdylib"]

[dependencies]
shape.workspace = true
{d}
[lints]
workspace = true
''')
print(sorted(G))
