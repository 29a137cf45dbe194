//! Fuzzes what is sent to the SIP redirect server: cut out of a stream, read, refused, and answered.
#![no_main]

use std::sync::LazyLock;

use jackfield_fuzz::fuzzing::sip::Switch;
use libfuzzer_sys::fuzz_target;

static SWITCH: LazyLock<Switch> = LazyLock::new(|| Switch::new().expect("the switch can be set up"));

fuzz_target!(|bytes: &[u8]| {
    // Kept even where it is no message: streams are cut before anything is read.
    SWITCH.hear(bytes);
});
