//! Simulated devices: any profile, a house with sun behind it, and what goes wrong on real lines. For the demo, and for
//! trying an installation without its hardware.

mod device;
mod fault;
mod house;

pub use device::Device;
pub use fault::{Fault, FaultSyntax, Faults};
pub use house::{House, SECONDS_PER_DAY, load_at, solar_at};
