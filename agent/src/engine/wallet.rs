//! The wallet's own history and balance against the ledger: at start before anything new is paid, and every hour.
//!
//! `reliability-security`, rules 1.11, 1.12 and 4.10. What the wallet lists is a hint for payments of ours and news about
//! everything else; money that left without a payment of ours goes to suspense, and payments lock until the owner looked.

use serde_json::json;

use super::bills::signed;
use super::{Engine, EngineError, PayOutcome, Rules, Step};
use crate::clock::Now;
use crate::domain::invoice::{PaymentHash, Preimage};
use crate::domain::money::{Msat, UnixMillis};
use crate::domain::reconcile::{Finding, compare};
use crate::store::{Posting, StoreError};

/// Which way money went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From us.
    Out,
    /// To us.
    In,
}

/// One settled payment in the wallet's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Which way.
    pub direction: Direction,
    /// Known by.
    pub hash: PaymentHash,
    /// Without fees; for incoming ones what arrived.
    pub amount: Msat,
    /// Paid for routing, if the wallet says.
    pub fee: Option<Msat>,
    /// When, if the wallet says.
    pub settled_at: Option<UnixMillis>,
    /// The proof, if the wallet shows it.
    pub preimage: Option<Preimage>,
}

/// Where the ledger stood when the wallet was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The wallet is asked for its history from here on.
    pub since: UnixMillis,
    /// The newest ledger entry; a balance that was told before a later one says nothing.
    entry: i64,
}

/// What the wallet told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// Where the ledger stood before the wallet was asked.
    pub mark: Mark,
    /// What was settled since then and perhaps a little before; `None` when this wallet cannot list it.
    pub listed: Option<Vec<Listed>>,
    /// All that it holds, if it was asked for that.
    pub balance: Option<Msat>,
}

/// What is known of the wallet since the program started.
#[derive(Clone, Debug, Default)]
pub(super) struct Standing {
    /// Nothing new is paid until the first comparison.
    waits: bool,
    /// Why the last comparison did not come about.
    pub(super) fault: Option<String>,
    /// When the balances were last compared, and by how much the wallet's was larger.
    pub(super) compared: Option<(UnixMillis, i64)>,
}

impl Standing {
    pub(super) fn new(rules: &Rules) -> Standing {
        Standing { waits: rules.compare_first, ..Standing::default() }
    }

    pub(super) fn may_pay(&self) -> bool {
        !self.waits
    }
}

impl Engine {
    /// From when on the wallet's history is to be compared, to be asked before the wallet is.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn mark(&mut self, now: Now) -> Result<Mark, EngineError> {
        let Engine { store, rules, .. } = self;
        let tx = store.begin()?;
        let instant = |key: &str| -> Result<Option<u64>, StoreError> {
            Ok(tx.meta(&format!("{key}:{}", rules.service))?.and_then(|text| text.parse().ok()))
        };
        let since = match (instant(OPENED)?, instant(LISTED_TO)?) {
            (Some(opened), Some(listed_to)) => opened.max(listed_to.saturating_sub(OVERLAP_MS)),
            (Some(opened), None) => opened,
            // A node of our own has no history from before; another wallet's is its owner's business.
            (None, _) if rules.wallet_is_ours() => 0,
            (None, _) => now.wall.0.saturating_sub(BEFORE_MS),
        };
        Ok(Mark { since: UnixMillis(since), entry: tx.newest_entry()? })
    }
}

impl Rules {
    /// Nobody but Kilosat can use the wallet.
    fn wallet_is_ours(&self) -> bool {
        self.service == NODE
    }
}

impl Step<'_> {
    /// What the wallet told is matched with the ledger; after the first time, payments may go out.
    pub(super) fn on_compared(&mut self, comparison: &Comparison) -> Result<(), StoreError> {
        self.standing.fault = None;
        if let Some(listed) = &comparison.listed {
            self.match_history(listed)?;
        }
        if let Some(balance) = comparison.balance {
            self.compare_balance(&comparison.mark, balance)?;
        }
        if std::mem::take(&mut self.standing.waits) {
            self.send_waiting_intents()?;
        }
        Ok(())
    }

    pub(super) fn on_not_compared(&mut self, why: String) -> Result<(), StoreError> {
        self.standing.fault = Some(why);
        Ok(())
    }

    /// The first history of another wallet is from before Kilosat and only noted.
    fn match_history(&mut self, listed: &[Listed]) -> Result<(), StoreError> {
        let service = &self.rules.service;
        let (opened_key, listed_key) = (format!("{OPENED}:{service}"), format!("{LISTED_TO}:{service}"));
        // The wallet's own times, so that a wrong clock here mistakes no old payment for a new one.
        let newest = listed.iter().filter_map(|item| item.settled_at).max().unwrap_or_default();
        let opened = match self.tx.meta(&opened_key)?.and_then(|text| text.parse().ok()) {
            Some(opened) => UnixMillis(opened),
            None => {
                let opened = if self.rules.wallet_is_ours() { UnixMillis(0) } else { newest };
                self.tx.set_meta(&opened_key, &opened.0.to_string())?;
                for item in listed.iter().filter(|_| !self.rules.wallet_is_ours()) {
                    if self.tx.payment_by_hash(&item.hash)?.is_none() {
                        self.tx.note_stranger(service, &item.hash, true)?;
                    }
                }
                opened
            }
        };
        for item in listed {
            // Two payments can settle within one unit of the wallet's clock; those from before are noted by hash.
            if item.settled_at.is_none_or(|at| at >= opened) {
                self.match_item(item)?;
            }
        }
        let known = self.tx.meta(&listed_key)?.and_then(|text| text.parse().ok()).unwrap_or(0);
        let to = newest.min(self.now.wall).0;
        if to > known {
            self.tx.set_meta(&listed_key, &to.to_string())?;
        }
        Ok(())
    }

    fn match_item(&mut self, item: &Listed) -> Result<(), StoreError> {
        if self.tx.is_stranger(&self.rules.service, &item.hash)? {
            return Ok(());
        }
        let payment = match (item.direction, self.rules.wallet_is_ours()) {
            (Direction::In, false) => return self.on_received(&item.hash, item.amount),
            (Direction::In, true) => return Ok(()), // The node reports these itself, with the LSP's fee taken off.
            (Direction::Out, _) => self.tx.payment_by_hash(&item.hash)?,
        };
        match (payment, item.preimage) {
            (None, _) => self.book_stray(item),
            (Some(payment), _) if payment.state.is_paid() => Ok(()),
            (Some(_), Some(preimage)) if preimage.proves(&item.hash) => {
                self.on_outcome(item.hash, PayOutcome::Paid { preimage, fee: item.fee })
            }
            (Some(_), _) => {
                self.look_up(item.hash);
                Ok(())
            }
        }
    }

    /// Money left without a payment of ours: the ledger follows the wallet, and the owner has to look.
    fn book_stray(&mut self, item: &Listed) -> Result<(), StoreError> {
        let service = &self.rules.service;
        self.tx.note_stranger(service, &item.hash, false)?;
        let (amount, fee) = (signed(item.amount)?, signed(item.fee.unwrap_or_default())?);
        let left = amount.saturating_add(fee);
        let sides = [Posting(&Posting::wallet(service), -left), Posting(Posting::SUSPENSE, left)];
        self.tx.post(self.now.wall, None, &sides)?;
        self.record(json!({
            "event": "stray", "hash": item.hash.to_string(), "amount_msat": amount, "fee_msat": fee,
        }))?;
        self.lock(&format!(
            "the wallet shows a payment of {} ({}) that this ledger does not know. Did you or somebody else pay from this \
             wallet, or was the state directory restored from a backup?",
            item.amount, item.hash
        ))
    }

    fn compare_balance(&mut self, mark: &Mark, balance: Msat) -> Result<(), StoreError> {
        let moving = self.tx.open_payments()?.iter().any(|payment| payment.state.may_be_moving());
        if moving || self.tx.newest_entry()? != mark.entry {
            return Ok(()); // The wallet was asked before something changed; the next round will tell.
        }
        let service = &self.rules.service;
        let (account, differs_key) = (Posting::wallet(service), format!("{DIFFERS}:{service}"));
        let (wallet, ledger) = (signed(balance)?, self.tx.account(&account)? + self.set_aside(service)?);
        let opening_key = format!("{OPENING}:{service}");
        if self.tx.meta(&opening_key)?.is_none() {
            self.tx.set_meta(&opening_key, &self.now.wall.0.to_string())?;
            self.standing.compared = Some((self.now.wall, 0));
            return self.correct(&account, Posting::OPENING, wallet - ledger);
        }
        self.standing.compared = Some((self.now.wall, wallet.saturating_sub(ledger)));
        let since = self.tx.meta(&differs_key)?.and_then(|text| text.parse().ok()).map(UnixMillis);
        match compare(wallet, ledger, since.map(|since| self.now.wall.since(since))) {
            Finding::Agrees if since.is_some() => self.tx.clear_meta(&differs_key),
            Finding::Agrees => Ok(()),
            Finding::Differs(_) if since.is_some() => Ok(()),
            Finding::Differs(_) => self.tx.set_meta(&differs_key, &self.now.wall.0.to_string()),
            Finding::StillDiffers(difference) => {
                self.tx.clear_meta(&differs_key)?;
                self.correct(&account, Posting::SUSPENSE, difference)?;
                self.lock(&format!(
                    "the wallet holds {balance}, but by the ledger it should hold {}: {} {}, and that has been so for an \
                     hour. Compare the wallet's history with kilosat statement.",
                    Msat(ledger.max(0).unsigned_abs()),
                    Msat(difference.unsigned_abs()),
                    if difference > 0 { "more" } else { "are missing" },
                ))
            }
        }
    }

    /// Reserved for intents that wait: set aside in the ledger, and still in the wallet.
    fn set_aside(&self, service: &str) -> Result<i64, StoreError> {
        let waiting = self.tx.open_payments()?.into_iter().filter(|payment| payment.service == service);
        waiting.map(|payment| Ok(signed(payment.amount)? + signed(payment.fee_max)?)).sum()
    }

    /// Lets the wallet's account follow the wallet.
    fn correct(&mut self, account: &str, against: &'static str, difference: i64) -> Result<(), StoreError> {
        self.tx.post(self.now.wall, None, &[Posting(account, difference), Posting(against, -difference)])?;
        self.record(json!({"event": "corrected", "account": account, "against": against, "amount_msat": difference}))
    }
}

/// How payments of the built-in node are marked.
const NODE: &str = "node";
/// Keys in the table `meta`, each followed by a wallet's mark: from when on its history is ours to explain, ...
const OPENED: &str = "opened";
/// ... up to when it was read, ...
const LISTED_TO: &str = "listed_to";
/// ... when its first balance was booked, ...
const OPENING: &str = "opening";
/// ... and since when its balance differs.
const DIFFERS: &str = "differs";
/// Settlements may be listed a little late.
const OVERLAP_MS: u64 = 86_400_000;
/// How much of a wallet's history from before Kilosat is looked at.
const BEFORE_MS: u64 = 30 * OVERLAP_MS;
