//! Sums over the life of the database, as the page and the API have them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::store::Totals;

/// Sums over the life of the database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TotalsStatus {
    /// Priced by agreements.
    pub energy_billed_mwh: u64,
    /// Owed and not settled.
    pub owed_msat: u64,
    /// Paid for electricity, without fees.
    pub paid_energy_msat: u64,
    /// Paid for data, without fees.
    pub paid_data_msat: u64,
    /// Paid by hand, without fees.
    #[serde(default)]
    pub paid_by_hand_msat: u64,
    /// Paid for routing.
    pub fees_msat: u64,
    /// Reserved for payments that are not final.
    pub reserved_msat: u64,
    /// Came in over Lightning.
    pub received_msat: u64,
    /// Settled payments.
    pub payments_settled: u64,
    /// Payments that failed for good.
    pub payments_failed: u64,
    /// Settled payments for data.
    pub data_purchases: u64,
}

impl From<Totals> for TotalsStatus {
    fn from(totals: Totals) -> TotalsStatus {
        TotalsStatus {
            energy_billed_mwh: totals.energy_billed.0,
            owed_msat: totals.owed.0,
            paid_energy_msat: totals.paid_energy.0,
            paid_data_msat: totals.paid_data.0,
            paid_by_hand_msat: totals.paid_by_hand.0,
            fees_msat: totals.fees.0,
            reserved_msat: totals.reserved.0,
            received_msat: totals.received.0,
            payments_settled: totals.payments_settled,
            payments_failed: totals.payments_failed,
            data_purchases: totals.data_purchases,
        }
    }
}
