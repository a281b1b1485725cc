//! The engine against a fake world: real database, real invoices, plain state machines for everyone outside.
#![allow(clippy::unwrap_used)]

mod account;
mod amounts;
mod buying;
mod by_hand;
mod checks;
mod comparison;
mod copies;
mod crashes;
mod ending;
mod failures;
mod instances;
mod limits;
mod misbehaviour;
mod months;
mod moves;
mod orders;
mod outside;
mod questions;
mod race;
mod random;
mod refusals;
mod reports;
mod restarts;
mod rule_changes;
mod seeds;
mod sellers;
mod service;
mod stage;
mod town;
mod unknown;
mod waits;
pub(crate) mod world;
