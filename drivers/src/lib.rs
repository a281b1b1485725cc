//! Electricity: meters read over Modbus and described by profiles. Knows no money and no wallet.
//!
//! Read in this order:
//! 1. [`reading`]: what a meter says, as plain integers.
//! 2. [`profiles`]: which register of which meter says it.
//! 3. [`modbus`]: asking one meter over the network.
//! 4. [`gpio`]: buttons, contacts, pulses and relays on lines of this machine.

pub mod gpio;
pub mod modbus;
pub mod profiles;
pub mod reading;
