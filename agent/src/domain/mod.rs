//! Decisions: pure functions and plain data. No I/O, no clock, no async, no floats.

pub mod breaker;
pub mod invoice;
pub mod journal;
pub mod l402;
pub mod meter;
pub mod money;
pub mod payment;
pub mod policy;
pub mod rate;
pub mod reconcile;
pub mod refill;
pub mod window;
