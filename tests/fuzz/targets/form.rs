//! Fuzzes what is posted to the webhooks whose bodies are forms: read, refused, and answered as if it were the provider's.
#![no_main]

use std::sync::LazyLock;

use jackfield_fuzz::fuzzing::webhooks::{Came, Webhooks};
use libfuzzer_sys::{Corpus, fuzz_target};

static WEBHOOKS: LazyLock<Webhooks> = LazyLock::new(|| Webhooks::form().expect("the webhooks can be set up"));

fuzz_target!(|bytes: &[u8]| -> Corpus {
    // What is not even a request teaches the fuzzer little.
    if WEBHOOKS.take(bytes) == Came::Nothing { Corpus::Reject } else { Corpus::Keep }
});
