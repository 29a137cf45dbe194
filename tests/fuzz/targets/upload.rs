//! Fuzzes what is uploaded: checked, compiled, mapped, linked, described and run in this process.
#![no_main]

use std::path::Path;
use std::sync::LazyLock;

use jackfield_fuzz::fuzzing::upload::Host;
use libfuzzer_sys::{Corpus, fuzz_target};

static HOST: LazyLock<Host> = LazyLock::new(|| {
    let contract = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit/v1");
    // In memory where the system has such a folder: every artifact is made durable, and a disk would be most of the time.
    let memory = Path::new("/dev/shm");
    let directory = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    Host::new(&contract, &directory.expect("a folder for artifacts").keep()).expect("the host can be made")
});

fuzz_target!(|bytes: &[u8]| -> Corpus {
    // What the bytes do not even describe teaches the fuzzer nothing.
    if HOST.take(bytes).is_some() { Corpus::Keep } else { Corpus::Reject }
});
