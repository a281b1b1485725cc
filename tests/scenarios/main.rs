//! The stories Kilosat must survive, one file each.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests may panic and write files")]

mod cli;
mod crash;
mod demo;
mod first_run;
mod meters;
mod offline;
mod one_number;
mod profiles;
mod scan;
mod sealed;
mod set_points;
mod share;
mod simulated;
mod sunspec;
mod tls;
mod treasury;
