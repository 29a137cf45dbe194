//! Fuzzes what guests answer: any value of the contract's types, to the rendered document.
#![no_main]

use std::sync::LazyLock;

use jackfield_fuzz::fuzzing::lift::Stage;
use libfuzzer_sys::{Corpus, fuzz_target};

static STAGE: LazyLock<Stage> = LazyLock::new(|| Stage::new().expect("the stage can be set"));

fuzz_target!(|bytes: &[u8]| -> Corpus {
    STAGE.play(bytes);
    Corpus::Keep
});
