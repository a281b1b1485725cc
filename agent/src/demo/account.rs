//! The account at the end: what was metered, billed, paid and received agree to the msat.

use kilosat_drivers::reading::MilliwattHours;
use serde::Serialize;

use crate::domain::meter::MWH_PER_KWH;
use crate::status::{Status, TotalsStatus};

/// Both sides of the story. Energy in mWh, amounts in msat.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Account {
    /// What the meter counted, in its own whole watt-hours.
    pub energy_metered_mwh: u64,
    /// What the agreement priced.
    pub energy_billed_mwh: u64,
    /// The price of a kilowatt-hour.
    pub price_msat_per_kwh: u64,
    /// Still owed: less than one satoshi when all went well.
    pub owed_msat: u64,
    /// Paid for electricity, without fees.
    pub paid_msat: u64,
    /// Paid for routing.
    pub fees_msat: u64,
    /// Received by the utility, counted at its own node.
    pub received_by_utility_msat: u64,
    /// Tickets bought from the neighbour.
    pub data_purchases: u64,
    /// Paid for data, without fees.
    pub data_paid_msat: u64,
    /// Paid by hand, to whomever, without fees.
    pub by_hand_msat: u64,
    /// Payments that settled.
    pub payments_settled: u64,
    /// Payments that failed; nothing was spent on them.
    pub payments_failed: u64,
    /// Payments that are not final.
    pub payments_open: usize,
    /// What does not agree, in sum; zero.
    pub difference_msat: u64,
    /// Largest resident memory of this whole process.
    pub rss_kib: u64,
    /// Seconds from the start of the program to the first settled payment.
    pub first_payment_s: Option<u64>,
}

impl Account {
    /// Draws the account. The difference adds up, without cancelling: energy metered but not billed (priced), energy
    /// billed but neither paid nor owed, and money paid but not received.
    pub fn draw(
        status: &Status,
        metered: MilliwattHours,
        received_by_utility_msat: u64,
        first_payment_ms: Option<u64>,
    ) -> Account {
        let totals = status.totals;
        let price = status.agreements.first().map_or(0, |agreement| agreement.price_msat_per_kwh);
        let cost = |energy_mwh: u64| {
            u64::try_from(u128::from(energy_mwh) * u128::from(price) / u128::from(MWH_PER_KWH)).unwrap_or(u64::MAX)
        };
        let billed_msat = cost(totals.energy_billed_mwh);
        // The meter shows whole watt-hours; what lies below is not metered yet.
        let energy_metered_mwh = metered.0 - metered.0 % 1_000;
        let difference_msat = cost(energy_metered_mwh)
            .abs_diff(billed_msat)
            .saturating_add(billed_msat.abs_diff(totals.paid_energy_msat.saturating_add(totals.owed_msat)))
            .saturating_add(received_otherwise(&totals, received_by_utility_msat));
        Account {
            energy_metered_mwh,
            energy_billed_mwh: totals.energy_billed_mwh,
            price_msat_per_kwh: price,
            owed_msat: totals.owed_msat,
            paid_msat: totals.paid_energy_msat,
            fees_msat: totals.fees_msat,
            received_by_utility_msat,
            data_purchases: totals.data_purchases,
            data_paid_msat: totals.paid_data_msat,
            by_hand_msat: totals.paid_by_hand_msat,
            payments_settled: totals.payments_settled,
            payments_failed: totals.payments_failed,
            payments_open: status.open_payments,
            difference_msat,
            rss_kib: resident_max_kib(),
            first_payment_s: first_payment_ms.map(|ms| ms / 1_000),
        }
    }

    /// The account as a table.
    pub fn table(&self) -> String {
        let rows = [
            ("Energy the house used", wh(self.energy_metered_mwh)),
            ("Energy billed", wh(self.energy_billed_mwh)),
            ("Price per kWh", msat(self.price_msat_per_kwh)),
            ("Paid to the utility", msat(self.paid_msat)),
            ("Received by the utility", msat(self.received_by_utility_msat)),
            ("Still owed", msat(self.owed_msat)),
            ("Data tickets bought", format!("{} for {}", self.data_purchases, msat(self.data_paid_msat))),
            ("Paid by hand", msat(self.by_hand_msat)),
            ("Routing fees", msat(self.fees_msat)),
            (
                "Payments",
                format!(
                    "{} settled, {} failed, {} open",
                    self.payments_settled, self.payments_failed, self.payments_open
                ),
            ),
            ("Difference", msat(self.difference_msat)),
            ("Memory at most", format!("{} MiB", self.rss_kib / 1_024)),
        ];
        let shown = rows.iter().filter(|(name, _)| *name != "Paid by hand" || self.by_hand_msat > 0);
        shown.map(|(name, value)| format!("  {name:<26}{value:>34}\n")).collect()
    }
}

/// By how much the utility received more or less than was paid to it. What was paid by hand may have gone there too.
fn received_otherwise(totals: &TotalsStatus, received_msat: u64) -> u64 {
    let paid = totals.paid_energy_msat;
    match received_msat.checked_sub(paid) {
        Some(more) => more.saturating_sub(totals.paid_by_hand_msat),
        None => paid - received_msat,
    }
}

fn wh(mwh: u64) -> String {
    format!("{}.{:03} kWh", mwh / MWH_PER_KWH, mwh % MWH_PER_KWH / 1_000)
}

fn msat(amount: u64) -> String {
    format!("{}.{:03} sat", amount / 1_000, amount % 1_000)
}

/// The kernel's own high-water mark of this process, in KiB; 0 where it does not say.
fn resident_max_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|rest| rest.split_whitespace().next()).and_then(|number| number.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::AgreementStatus;

    fn status(billed_mwh: u64, paid: u64, owed: u64) -> Status {
        Status {
            agreements: vec![AgreementStatus { price_msat_per_kwh: 283_457, ..AgreementStatus::default() }],
            totals: TotalsStatus {
                energy_billed_mwh: billed_mwh,
                paid_energy_msat: paid,
                owed_msat: owed,
                ..TotalsStatus::default()
            },
            ..Status::default()
        }
    }

    #[track_caller]
    fn case(metered: u64, billed: u64, paid: u64, owed: u64, received: u64, difference: u64) {
        let account = Account::draw(&status(billed, paid, owed), MilliwattHours(metered), received, None);
        assert_eq!(account.difference_msat, difference);
    }

    #[test]
    fn faults_of_opposite_sign_do_not_cancel() {
        case(7_000_999, 7_000_000, 1_984_000, 199, 1_984_000, 0);
        case(7_000_000, 7_000_000, 1_984_000, 199, 1_983_000, 1_000);
        case(7_000_000, 7_000_000, 1_985_000, 199, 1_984_000, 2_000);
        case(8_000_000, 7_000_000, 1_984_000, 199, 1_984_000, 283_457);
        case(7_000_000, 7_000_000, 1_984_000, 0, 1_984_000, 199);
    }
}
