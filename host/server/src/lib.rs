//! Serves Jackfield: listeners, pipeline, admin API and command line over the rooms below.
//!
//! It is a library so that tests run the real server in their own process; the binary is ten lines. Newcomers read `pipeline` next.

pub mod app;
pub mod in_flight;
pub mod pipeline;

pub mod admin;
pub mod alone;
pub mod bootstrap;
pub mod cli;
pub mod clock;
pub mod command;
pub mod config;
pub mod directory;
pub mod gate;
pub mod health;
pub mod keeping;
pub mod listen;
pub mod machine;
pub mod metrics;
mod quarantine;
pub mod quota;
pub mod refusals;
pub mod selftest;
pub mod serve;
pub mod sip;
pub mod surroundings;
pub mod telemetry;
pub mod webhook;
mod work;
