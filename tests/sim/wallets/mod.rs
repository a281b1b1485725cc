//! Wallet servers on loopback that speak the documented wire formats, where no real server can be had here.
//!
//! All of them keep their money in a [`Ledger`] of real BOLT11 invoices and preimages, and obey the same [`Faults`].

pub mod cln;
mod faults;
pub mod gate;
mod ledger;
pub mod lnbits;
pub mod lnd;
pub mod nwc;
#[cfg(feature = "node")]
pub mod onchain;
pub mod phoenixd;
pub mod socket;
pub mod tls;

pub use faults::{Fault, Faults};
pub use ledger::{Ledger, OwnInvoice, PayState, Payment, Plan, Refusal};
