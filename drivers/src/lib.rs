//! Electricity: meters read over Modbus and described by profiles. Knows no money and no wallet.
//!
//! Read in this order:
//! 1. [`reading`]: what a meter says, as plain integers.
//! 2. [`profiles`]: which register of which meter says it.
//! 3. [`modbus`]: asking devices, over serial lines and the network; [`serial`] says how such a line is set.
//! 4. [`gpio`]: buttons, contacts, pulses and relays on lines of this machine.

pub mod gpio;
pub mod modbus;
pub mod profiles;
pub mod reading;
pub mod serial;
