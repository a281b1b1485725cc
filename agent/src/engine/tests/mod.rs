//! The engine against a fake world: real database, real invoices, plain state machines for everyone outside.
#![allow(clippy::unwrap_used)]

mod amounts;
mod buying;
mod checks;
mod crashes;
mod failures;
mod months;
mod orders;
mod race;
mod random;
mod refusals;
mod reports;
mod restarts;
mod rule_changes;
mod seeds;
mod sellers;
mod service;
mod town;
mod unknown;
mod waits;
mod world;
