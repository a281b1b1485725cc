//! Kilosat: an edge gateway that pays for electricity and data over Lightning, within limits its owner set.
//!
//! Read in this order; `ARCHITECTURE.md` has the map.

pub mod access; // who may use the page
pub mod agent; // all of it, started and stopped
pub mod backup; // encrypted, read back, opened by the owner's words
pub mod clock; // the only reader of the system clock
pub mod config; // kilosat.toml as a checked Config
pub mod control; // the CLI's socket
#[cfg(feature = "node")]
pub mod demo; // a whole small economy in one process
pub mod disk; // files that survive a power cut
pub mod domain; // decisions: pure functions and plain data
pub mod engine; // one event in, one transaction, effects out
mod heartbeats; // whether the loops that must turn still do
pub mod history; // what the points were: compressed, rolled up, forgotten in time
pub mod http; // the one HTTP client: payees and wallets are reached through it and nothing else
pub mod json; // JSON from strangers, numbers read from their digits
pub mod keys; // one mnemonic, separate keys
mod language; // the languages the page speaks
pub mod latest; // the newest value of every point
pub mod lightning; // the Lightning wallet in use
pub mod machine; // what tells this device from others
pub mod market; // what a bitcoin costs, by strangers' words
mod news; // tells open pages that there is something new
pub mod notify; // tells the owner what needs them
pub mod payees; // LNURL and L402
pub mod scan; // which devices there are, and what to write into kilosat.toml
mod schema; // brings a database to the newest schema
pub mod settings; // the configuration in force, and how it changes
pub mod sim; // simulated devices: any profile, a house behind it, and faults
pub mod status; // what the page, the CLI and the demo show
pub mod store; // money.db: every query the engine needs and no other
pub mod systemd; // what the service manager is told, and what it hands over
pub mod tasks; // perform effects, answer with events
pub mod text; // strangers' words, made fit to show
pub mod treasury; // the owner's savings on the chain
pub mod vault; // how the words and credentials are kept on the disk
pub mod web; // the local page
mod words; // every sentence of the page and of messages, in the reader's language
