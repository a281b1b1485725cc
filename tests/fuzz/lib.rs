//! The harness of the tests, compiled for the fuzzer.

#[path = "../sim/fuzzing/mod.rs"]
pub mod fuzzing;
