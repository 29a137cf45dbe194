//! Lists the hand-written guests that run.

use jackfield_domain::budget::Limit;
use serde_json::json;

use super::of_text;
use crate::corpus::{Account, Attacks, Expected, Sin, Verdict};

const FUEL: Expected = Expected::Fails(&["fuel-exceeded"]);
const MEMORY: Expected = Expected::Fails(&["memory-exceeded"]);
const OUTPUT: Expected = Expected::Fails(&["output-exceeded"]);
const STACK: Expected = Expected::Fails(&["stack-exceeded"]);
const TRAPPED: Expected = Expected::Fails(&["trapped"]);
const BROKE: Expected = Expected::Fails(&["broke-abi"]);
const DONE: Expected = Expected::Answers(said_done);

/// It answered as if nothing had happened.
fn said_done(account: &Account) -> Verdict {
    let said = account.heard.twiml.said();
    if said == "done" { Ok(()) } else { Err(format!("the caller heard {said:?}")) }
}

pub(super) fn sins() -> Vec<Sin> {
    [loops(), bottoms(), traps(), hoards(), lies(), handles(), composed(), describes(), tables()].concat()
}

fn loops() -> Vec<Sin> {
    let of = |case, tries| of_text("loops-elsewhere", case, tries, Attacks::Limit(Limit::Fuel), FUEL);
    // A thousandth of the plan's: what each instruction moves is what is tried, and not for how long.
    let large = json!({"fuel_max": 1_000_000_000_u64, "wall_ms_max": 20_000});
    vec![
        // A call has less time than `describe`, which is how the guest knows the one from the other.
        of("in-start-later", "loops while its instance is made, but not at the upload").within(json!({"wall_ms_max": 1_000})),
        of("in-realloc", "loops while the host hands over the arguments"),
        of("in-post-return", "loops after it has answered"),
        of("in-a-destructor", "loops in the destructor of a resource"),
        of("filling-memory", "fills sixty megabytes again and again").on("maximum").within(large.clone()),
        of("copying-memory", "copies sixty megabytes again and again").on("maximum").within(large),
        of("branching", "jumps through a table of forty thousand branches"),
        of("asking-the-clock", "does nothing but ask the clock"),
        of("polling-for-nothing", "waits for no time at all, for ever"),
        of_text(
            "loops-elsewhere",
            "printing-bytes",
            "prints byte after byte",
            Attacks::Limit(Limit::Log),
            Expected::Fails(&["log-exceeded"]),
        ),
    ]
}

fn bottoms() -> Vec<Sin> {
    let of = |case, tries| of_text("reaches-the-bottom", case, tries, Attacks::Stack, STACK);
    vec![
        of("with-broad-frames", "recurses with eight thousand bytes in each frame"),
        of("asking-the-clock-there", "calls the host from every depth of the stack"),
        of("asking-for-settings-there", "calls a capability from the depths of the stack"),
        of("through-the-table", "recurses through a table"),
    ]
}

fn traps() -> Vec<Sin> {
    let of = |case, tries, attacks, expected| of_text("traps-elsewhere", case, tries, attacks, expected);
    vec![
        of("in-start-later", "traps while its instance is made, but not at the upload", Attacks::Order, TRAPPED)
            .within(json!({"wall_ms_max": 1_000})),
        of("in-realloc", "traps while the host hands over the arguments", Attacks::Order, TRAPPED),
        of("in-post-return", "traps after it has answered", Attacks::Order, TRAPPED),
        of("in-a-destructor", "traps in the destructor of a resource", Attacks::Order, TRAPPED),
        of("calls-out-of-realloc", "calls the host while the host calls it", Attacks::Order, BROKE),
        of("calls-out-of-post-return", "calls the host after it has answered", Attacks::Order, BROKE),
    ]
}

fn hoards() -> Vec<Sin> {
    let memory = |case, tries| of_text("hoards", case, tries, Attacks::Limit(Limit::Memory), MEMORY);
    let handles = |case, tries| of_text("hoards", case, tries, Attacks::Handles, BROKE);
    vec![
        memory("tables", "grows a table until it is refused"),
        memory("ten-million-elements", "grows a table by ten million at once"),
        memory("memory-at-once", "grows its memory to four gigabytes at once"),
        memory("four-memories", "has four memories, each below the limit"),
        memory("more-than-the-plan", "declares more memory than its plan has"),
        of_text("hoards", "globals-and-elements", "has thousands of globals and element segments", Attacks::Upload, DONE),
        handles("its-own-handles", "makes resources of its own without end"),
        handles("streams", "opens streams and never drops one"),
        handles("timers", "sets timers and never drops one"),
        of_text("hoards", "random-bytes", "asks for sixty-four megabytes of random numbers at once", Attacks::Limit(Limit::Fuel), FUEL),
        of_text("hoards", "random-bytes-for-ever", "asks for random numbers without end", Attacks::Limit(Limit::Fuel), FUEL),
        of_text("hoards", "zeroes", "prints more zeroes than there are addresses", Attacks::Limit(Limit::Fuel), FUEL),
    ]
}

fn lies() -> Vec<Sin> {
    let of = |case, tries| of_text("canonical-lies", case, tries, Attacks::Abi, BROKE);
    let output = |case, tries| of_text("canonical-lies", case, tries, Attacks::Limit(Limit::Output), OUTPUT);
    vec![
        of("text-that-is-not-utf8", "answers with text that is not UTF-8"),
        of("half-a-surrogate", "answers with half a surrogate"),
        of_text("canonical-lies", "nul-in-a-text", "says NUL", Attacks::Vetting, Expected::Fails(&["nonsense"])),
        of("text-that-is-not-there", "answers with text beyond its memory"),
        of("length-that-wraps", "answers with a length that wraps around"),
        of("address-and-length-that-wrap", "answers with an address and a length that wrap around"),
        of("text-of-a-gibibyte", "claims a text of a gibibyte"),
        of("list-of-a-gibibyte", "claims a list of a gibibyte of actions"),
        of("list-whose-size-wraps", "claims a list whose size in bytes wraps around"),
        of("crooked-list", "answers with a list at an address that is not aligned"),
        of("crooked-answer", "answers at an address that is not aligned"),
        of("answer-that-is-not-there", "answers at an address beyond its memory"),
        of("neither-answer-nor-failure", "answers with a result that is neither"),
        of("action-that-is-none", "answers with an action of a number that is none"),
        of("prompt-that-is-none", "answers with a prompt of a number that is none"),
        of("option-that-is-none", "answers with an option that is neither there nor not"),
        of("enum-that-is-none", "answers with an enum of a number that is none"),
        output("texts-of-megabytes-that-overlap", "answers with sixty thousand pairs that are all the same quarter of a megabyte"),
        output("fields-of-megabytes-that-overlap", "logs sixty thousand fields that are all the same quarter of a megabyte"),
        output("reason-of-sixty-mebibytes", "answers with a reason of sixty mebibytes").on("maximum"),
        of("realloc-beyond-memory", "gives the host room beyond its memory"),
        of("realloc-at-the-last-byte", "gives the host room for one byte"),
        of("realloc-crooked", "gives the host room at an address that is not aligned"),
        of_text("canonical-lies", "realloc-null", "gives the host room at address 0", Attacks::Abi, DONE),
        of_text("canonical-lies", "realloc-in-one-place", "gives the host the same room for everything", Attacks::Abi, DONE),
    ]
}

fn handles() -> Vec<Sin> {
    let of = |case, tries| of_text("canonical-lies", case, tries, Attacks::Handles, BROKE);
    vec![
        of("handle-that-was-never-given", "uses a handle that it invented"),
        of("handle-that-was-dropped", "uses a handle after dropping it"),
        of("handle-that-is-dropped-twice", "drops a handle twice"),
        of("handle-of-another-kind", "waits for a stream as if it were a timer"),
        of("handles-that-are-invented", "waits for a thousand handles that it invented"),
        of("poll-of-nothing", "waits for nothing, for ever"),
        of_text("canonical-lies", "a-thousand-years", "waits for more than a thousand years", Attacks::Clock, DONE),
    ]
}

fn composed() -> Vec<Sin> {
    let of = |case, tries, attacks, expected| of_text("composed", case, tries, attacks, expected);
    vec![
        of("character-that-is-none", "hands on a character beyond Unicode", Attacks::Abi, BROKE),
        of("half-a-surrogate-as-a-character", "hands on half a surrogate as a character", Attacks::Abi, BROKE),
        of("calls-for-ever", "calls another component of its own for ever", Attacks::Limit(Limit::Fuel), FUEL),
        of("keeps-what-it-borrowed", "keeps a borrowed handle after its call", Attacks::Handles, BROKE),
        of("drops-what-the-other-owns", "uses a handle's number that another component was given", Attacks::Handles, BROKE),
        of("comes-back-into-itself", "is called back while it is being called", Attacks::Order, BROKE),
    ]
}

fn describes() -> Vec<Sin> {
    let of = |case, tries, expected| of_text("lies-in-describe", case, tries, Attacks::Describe, expected);
    vec![
        of("limits-of-its-own", "claims that its fuel has no end, and never ends", FUEL),
        of("nothing-at-all", "does what it did not list, because it listed nothing", Expected::Fails(&["unlisted"])),
        of_text("schemas", "by-lot", "describes other settings each time", Attacks::Describe, DONE),
    ]
}

fn tables() -> Vec<Sin> {
    vec![
        of_text("canary-tables", "leaves", "leaves a secret in tables and globals", Attacks::Isolation, DONE),
        of_text("canary-tables", "looks", "looks for it in its own", Attacks::Isolation, DONE),
        of_text("canary-tables", "finds-its-own", "looks for what it left itself, and finds it", Attacks::Isolation, TRAPPED),
    ]
}
