//! The wallet's own history and balance against the ledger: at start before anything new is paid, and every hour.
//!
//! `reliability-security`, rules 1.11, 1.12 and 4.10. What the wallet lists is a hint for payments of ours and news about
//! everything else; money that left without a payment of ours goes to suspense, and payments lock until the owner looked.

use serde_json::json;

use super::bills::signed;
use super::outcomes::BELIEVED_MAX;
use super::{Engine, EngineError, PayOutcome, Rules, Step};
use crate::clock::Now;
use crate::domain::invoice::{PaymentHash, Preimage};
use crate::domain::money::{Msat, UnixMillis};
use crate::store::{Posting, Store, StoreError};

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
    pub(super) entry: i64,
    /// Nothing is known of this wallet's history yet. An empty list then means one that begins today, so all of it has to be
    /// asked for; and its balance must not change while it is.
    pub first: bool,
    /// The newest payment that the built-in node settled, if its history from here on must hold it.
    newest_settled: Option<PaymentHash>,
}

/// What the wallet told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// Where the ledger stood before the wallet was asked.
    pub mark: Mark,
    /// The public key of the wallet's Lightning node, where it has one of its own.
    pub node_id: Option<String>,
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
    /// The comparison before found a difference, an hour ago.
    pub(super) differed: bool,
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
        let opened = instant(OPENED)?;
        let since = match (opened, instant(LISTED_TO)?) {
            (Some(opened), Some(listed_to)) => opened.max(listed_to.saturating_sub(OVERLAP_MS)),
            (Some(opened), None) => opened,
            // A node of our own has no history from before; another wallet's is its owner's business.
            (None, _) if rules.wallet_is_ours() => 0,
            (None, _) => now.wall.0.saturating_sub(BEFORE_MS),
        };
        let since = UnixMillis(since);
        let ours = rules.wallet_is_ours() && opened.is_some();
        let newest = if ours { tx.newest_settled(&rules.service)? } else { None };
        // Half a day, because the node stamps its payments itself.
        let within = newest.filter(|payment| payment.changed_at >= since.plus(OVERLAP_MS / 2));
        let newest_settled = within.map(|payment| payment.hash);
        Ok(Mark { since, entry: tx.newest_entry()?, first: opened.is_none(), newest_settled })
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
        if let Some(why) = unbelievable(comparison) {
            return self.on_not_compared(why.to_owned());
        }
        self.standing.fault = None;
        if let Some(node_id) = &comparison.node_id
            && !self.is_the_same_wallet(node_id)?
        {
            return Ok(());
        }
        if let Some(listed) = &comparison.listed {
            self.remembers_its_newest(&comparison.mark, listed)?;
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

    /// Behind one address there may be another wallet than before: it knows nothing of what is open, and its past is not
    /// ours. Everything about it begins anew, once the owner has looked.
    fn is_the_same_wallet(&mut self, node_id: &str) -> Result<bool, StoreError> {
        let service = &self.rules.service;
        let key = format!("{NODE_ID}:{service}");
        match self.tx.meta(&key)? {
            Some(known) if known == node_id => Ok(true),
            None => {
                self.tx.set_meta(&key, node_id)?;
                Ok(true)
            }
            Some(known) => {
                self.tx.set_meta(&key, node_id)?;
                for begun in [OPENED, LISTED_TO, OPENING] {
                    self.tx.clear_meta(&format!("{begun}:{service}"))?;
                }
                self.tx.set_meta(&format!("{DOUBTED}:{service}"), "another wallet")?;
                self.lock(&format!(
                    "the wallet is another one than before: its node was {known} and is {node_id} now. Payments that are \
                     still open were made by the old one; if it is gone, see kilosat write-off."
                ))?;
                Ok(false)
            }
        }
    }

    /// The built-in node forgets nothing. If it does not know the newest payment that it settled, its database was lost or
    /// is an old copy, and what it says about open payments is worth nothing.
    fn remembers_its_newest(&self, mark: &Mark, listed: &[Listed]) -> Result<(), StoreError> {
        match mark.newest_settled {
            Some(hash) if !listed.iter().any(|item| item.hash == hash) => {
                self.tx.set_meta(&format!("{DOUBTED}:{}", self.rules.service), "it forgot a payment")?;
                self.lock(&format!(
                    "the built-in node does not know payment {hash} any more, which it settled. Was its database lost, or \
                     restored from a backup?"
                ))
            }
            _ => Ok(()),
        }
    }

    /// That the wallet does not know a payment says nothing: it is not compared yet, or not the one that was asked to pay.
    pub(super) fn wallet_is_doubted(&self) -> Result<bool, StoreError> {
        Ok(!self.standing.may_pay() || self.tx.meta(&format!("{DOUBTED}:{}", self.rules.service))?.is_some())
    }

    /// The owner has looked.
    pub(super) fn trust_the_wallet(&self) -> Result<(), StoreError> {
        self.tx.clear_meta(&format!("{DOUBTED}:{}", self.rules.service))
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
        let left = amount + fee;
        let sides = [Posting(&Posting::wallet(service), -left), Posting(Posting::SUSPENSE, left)];
        self.tx.post(self.now.wall, None, &sides)?;
        self.record(json!({
            "event": "stray", "hash": item.hash.to_string(), "amount_msat": amount, "fee_msat": fee,
        }))?;
        self.lock(&format!(
            "the wallet shows a payment of {} ({}) that this ledger does not know. Did you or somebody else pay from this \
             wallet, or was the state directory restored from a backup? If it paid for one of your agreements, say so with \
             kilosat credit before you unlock, or the same energy is paid once more.",
            item.amount, item.hash
        ))
    }
}

/// Forgets whose the built-in node was, as long as nothing was ever in it: other words make it another one.
///
/// # Errors
/// [`StoreError`].
pub fn forget_empty_node(store: &mut Store) -> Result<(), StoreError> {
    let tx = store.begin()?;
    if !tx.has_past(false)? {
        for begun in [NODE_ID, OPENED, LISTED_TO, OPENING] {
            tx.clear_meta(&format!("{begun}:{NODE}"))?;
        }
    }
    tx.commit()
}

/// What cannot be true is not booked: the ledger would never get rid of it.
fn unbelievable(comparison: &Comparison) -> Option<&'static str> {
    let listed = comparison.listed.iter().flatten();
    let amounts = listed.flat_map(|item| [item.amount, item.fee.unwrap_or_default()]);
    let mut all = amounts.chain(comparison.balance);
    all.any(|amount| amount > BELIEVED_MAX)
        .then_some("the wallet names an amount that no house has; nothing was booked")
}

/// How payments of the built-in node are marked.
const NODE: &str = "node";
/// Keys in the table `meta`, each followed by a wallet's mark: from when on its history is ours to explain, ...
const OPENED: &str = "opened";
/// ... up to when it was read, ...
const LISTED_TO: &str = "listed_to";
/// ... when its first balance was booked, ...
pub(super) const OPENING: &str = "opening";
/// ... whose it is, ...
const NODE_ID: &str = "node_id";
/// ... and why its word about what is open does not count until the owner has looked.
const DOUBTED: &str = "doubted";
/// Settlements may be listed a little late.
const OVERLAP_MS: u64 = 86_400_000;
/// How much of a wallet's history from before Kilosat is looked at.
const BEFORE_MS: u64 = 30 * OVERLAP_MS;
