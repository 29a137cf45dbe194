//! Holds the bindings of a plugin that routes and hears of the end.

#![allow(missing_docs, unreachable_pub, clippy::all, reason = "generated")]

wit_bindgen::generate!({
    world: "jackfield:plugin/observing-plugin",
    path: "../../../wit/v1",
});
