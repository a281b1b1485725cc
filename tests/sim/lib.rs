//! Real peers and faulty ones for the scenarios: Bitcoin Core, Modbus meters, GPIO chips, the `kilosat` binary itself.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests may panic and write files")]

#[cfg(feature = "node")]
pub mod bitcoind;
#[cfg(feature = "node")]
pub mod electrumx;
pub mod fuzzing;
pub mod gpio;
pub mod house;
pub mod hub;
pub mod libmodbus;
pub mod meter;
pub mod peer;
pub mod serial;
pub mod simulated;
#[path = "../../agent/src/web/tests/tab.rs"]
pub mod tab;
pub mod tee;
pub mod wait;
pub mod wallets;
