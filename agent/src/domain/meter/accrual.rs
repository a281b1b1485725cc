//! From energy to an amount owed: many small steps cost exactly what one large step costs.

use kilosat_drivers::reading::MilliwattHours;

use crate::domain::money::{Msat, MsatPerKwh};

/// What an agreement owes: the energy already priced, the amount, and the part of a msat that is still open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accrual {
    /// The virtual total up to which energy has been priced.
    pub billed_to: MilliwattHours,
    /// Owed and not yet settled.
    pub owed: Msat,
    /// Millionths of a msat, below [`MWH_PER_KWH`], carried to the next step.
    pub remainder: u64,
}

/// Why energy could not be priced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MeterFault {
    /// A virtual total never shrinks.
    #[error("the meter total fell from {} to {} mWh; nothing was billed", .from.0, .to.0)]
    Backwards {
        /// Priced up to here.
        from: MilliwattHours,
        /// The total that was offered.
        to: MilliwattHours,
    },
    /// The amount owed would be above [`OWED_MAX_MSAT`].
    #[error("the amount owed is too large to be true; nothing was billed")]
    Overflow,
}

/// Prices the energy from `was.billed_to` to `total`: many small steps cost exactly what one large step costs.
///
/// # Errors
/// [`MeterFault`] when the total fell or the amount overflows; `was` then stands.
pub fn accrue(was: Accrual, total: MilliwattHours, price: MsatPerKwh) -> Result<Accrual, MeterFault> {
    let used_mwh =
        total.0.checked_sub(was.billed_to.0).ok_or(MeterFault::Backwards { from: was.billed_to, to: total })?;
    let micro_msat = u128::from(used_mwh) * u128::from(price.0) + u128::from(was.remainder);
    let cost = u64::try_from(micro_msat / u128::from(MWH_PER_KWH)).map_err(|_| MeterFault::Overflow)?;
    let owed = was.owed.checked_add(Msat(cost)).filter(|owed| owed.0 <= OWED_MAX_MSAT);
    let owed = owed.ok_or(MeterFault::Overflow)?;
    let remainder = u64::try_from(micro_msat % u128::from(MWH_PER_KWH)).expect("a remainder is below MWH_PER_KWH");
    Ok(Accrual { billed_to: total, owed, remainder })
}

/// Milliwatt-hours in one kilowatt-hour.
pub const MWH_PER_KWH: u64 = 1_000_000;
/// More than all bitcoin there will ever be, and as much as the database's signed integers hold.
pub const OWED_MAX_MSAT: u64 = i64::MAX as u64;
