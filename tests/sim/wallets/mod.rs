//! Wallet servers on loopback that speak the documented wire formats, where no real server can be had here.
//!
//! All of them keep their money in a [`Ledger`] of real BOLT11 invoices and preimages, and obey the same [`Faults`].

mod faults;
mod ledger;
pub mod lnbits;

pub use faults::{Fault, Faults};
pub use ledger::{Ledger, OwnInvoice, PayState, Payment, Plan, Refusal};
