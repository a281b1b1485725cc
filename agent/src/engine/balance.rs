//! What the wallet says it holds, against what by the ledger it must hold: `reliability-security`, rule 4.10.

use serde_json::json;

use super::Step;
use super::bills::signed;
use super::wallet::{Mark, OPENING};
use crate::domain::money::{MSAT_PER_SAT, Msat};
use crate::domain::reconcile::{Finding, compare, tolerance};
use crate::store::{Posting, StoreError};

impl Step<'_> {
    pub(super) fn compare_balance(&mut self, mark: &Mark, balance: Msat) -> Result<(), StoreError> {
        let rules = self.rules;
        let ours = |payment: &&crate::store::PaymentRow| payment.service == rules.service;
        let moving = self.tx.open_payments()?.iter().filter(ours).any(|payment| payment.state.may_be_moving());
        if moving || self.tx.newest_entry()? != mark.entry {
            return Ok(()); // The wallet was asked before something changed; the next round will tell.
        }
        if self.tx.open_move(&rules.service)?.is_some_and(|open| open.stirs_the_node()) {
            return Ok(()); // What it holds is told when the move has ended.
        }
        if self.channels_are_closing()? {
            return Ok(());
        }
        let account = Posting::wallet(&rules.service);
        let wallet = signed(balance)?;
        let opening_key = format!("{OPENING}:{}", rules.service);
        if self.tx.meta(&opening_key)?.is_none() {
            self.tx.set_meta(&opening_key, &self.now.wall.0.to_string())?;
            self.standing.compared = Some((self.now.wall, 0));
            let ledger = self.in_the_ledger(&account)?;
            return self.correct(&account, Posting::OPENING, wallet.saturating_sub(ledger));
        }
        self.return_estimated_fees(&account, wallet)?;
        let missing = self.in_the_ledger(&account)?.saturating_sub(wallet);
        self.book_closing_costs(&account, missing)?;
        let ledger = self.in_the_ledger(&account)?;
        self.standing.compared = Some((self.now.wall, wallet.saturating_sub(ledger)));
        let before = std::mem::take(&mut self.standing.differed);
        match compare(wallet, ledger, before) {
            Finding::Agrees => self.round_off(&account, wallet, ledger),
            Finding::Differs(_) => {
                self.standing.differed = true;
                Ok(())
            }
            Finding::StillDiffers(difference) => {
                self.correct(&account, Posting::SUSPENSE, difference)?;
                self.tell_difference(balance, ledger, difference)
            }
        }
    }

    /// Money that is missing may have been taken, so payments lock. Money that came takes nothing from anybody; and the
    /// balance of a node whose channels are its owner's business also moves with them.
    fn tell_difference(&mut self, balance: Msat, ledger: i64, difference: i64) -> Result<(), StoreError> {
        let text = format!(
            "the wallet holds {balance}, but by the ledger it should hold {}: {} {}, and that has been so for an hour. \
             Compare the wallet's history with kilosat statement.",
            Msat(ledger.max(0).unsigned_abs()),
            Msat(difference.unsigned_abs()),
            if difference > 0 { "more" } else { "are missing" },
        );
        match difference < 0 && self.rules.balance_moves_only_by_payments {
            true => self.lock(&text),
            false => self.record(json!({"event": "difference", "why": text})),
        }
    }

    /// Fees that no wallet named were booked as high as they may have been. What is too much in the wallet was not paid.
    fn return_estimated_fees(&mut self, account: &str, wallet: i64) -> Result<(), StoreError> {
        let key = format!("{ESTIMATED}:{}", self.rules.service);
        let estimated: i64 = self.tx.meta(&key)?.and_then(|text| text.parse().ok()).unwrap_or(0);
        if estimated == 0 {
            return Ok(());
        }
        let difference = wallet.saturating_sub(self.in_the_ledger(account)?);
        self.tx.clear_meta(&key)?;
        match (1..=estimated).contains(&difference) {
            true => self.correct(account, Posting::FEES, difference),
            false => Ok(()),
        }
    }

    /// Notes that the fee of a payment is a guess, the highest possible one.
    pub(super) fn note_estimated_fee(&self, service: &str, fee: Msat) -> Result<(), StoreError> {
        let key = format!("{ESTIMATED}:{service}");
        let known: i64 = self.tx.meta(&key)?.and_then(|text| text.parse().ok()).unwrap_or(0);
        self.tx.set_meta(&key, &known.saturating_add(signed(fee)?).to_string())
    }

    /// The roundings of a wallet are booked, so that many small ones do not become a large one; but no more of them within
    /// a day than one comparison forgives, so that nothing drains away unseen. Less than a satoshi is none: some wallets
    /// count in whole ones only.
    fn round_off(&mut self, account: &str, wallet: i64, ledger: i64) -> Result<(), StoreError> {
        let difference = wallet.saturating_sub(ledger);
        if difference.unsigned_abs() < MSAT_PER_SAT {
            return Ok(());
        }
        let key = format!("{ROUNDED}:{}", self.rules.service);
        let today = self.now.wall.0 / DAY_MS;
        let known = self.tx.meta(&key)?;
        let rounded =
            known.as_deref().and_then(|text| text.split_once(' ')).filter(|(day, _)| *day == today.to_string());
        let rounded: u64 = rounded.and_then(|(_, sum)| sum.parse().ok()).unwrap_or(0);
        let sum = rounded.saturating_add(difference.unsigned_abs());
        if sum > tolerance(wallet) {
            return Ok(());
        }
        self.tx.set_meta(&key, &format!("{today} {sum}"))?;
        self.correct(account, Posting::ROUNDING, difference)
    }

    fn in_the_ledger(&self, account: &str) -> Result<i64, StoreError> {
        Ok(self.tx.account(account)? + self.set_aside()?)
    }

    /// Reserved for intents that wait: set aside in the ledger, and still in the wallet.
    fn set_aside(&self) -> Result<i64, StoreError> {
        let waiting = self.tx.open_payments()?.into_iter().filter(|payment| payment.service == self.rules.service);
        waiting.map(|payment| Ok(signed(payment.amount)? + signed(payment.fee_max)?)).sum()
    }

    /// Lets the wallet's account follow the wallet.
    pub(super) fn correct(&mut self, account: &str, against: &'static str, difference: i64) -> Result<(), StoreError> {
        self.tx.post(self.now.wall, None, &[Posting(account, difference), Posting(against, -difference)])?;
        self.record(json!({"event": "corrected", "account": account, "against": against, "amount_msat": difference}))
    }
}

/// Keys in the table `meta`, each followed by a wallet's mark: the sum of fees that are guesses, ...
const ESTIMATED: &str = "estimated_fees";
/// ... and the day on which this much was rounded off.
const ROUNDED: &str = "rounded";
const DAY_MS: u64 = 86_400_000;
