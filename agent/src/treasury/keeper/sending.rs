//! Transactions: drafted, signed, kept, and handed out until a block has them.

use std::time::Duration;

use bitcoin::consensus::encode::{deserialize, serialize};
use bitcoin::{Transaction, Txid};

use super::rounds::SOON_MS;
use super::{Keeper, Order, Sent};
use crate::engine::Spend;
use crate::store::{MadeHere, OnchainDraft};
use crate::tasks::EngineGone;
use crate::treasury::chain::ChainFault;
use crate::treasury::draft::{Draft, DraftView};
use crate::treasury::guard::Refused;

impl Keeper {
    /// Drafts are remembered until they are sent; those to be signed elsewhere also over a restart.
    pub(super) async fn keep_draft(
        &mut self,
        draft: Result<Draft, Refused>,
    ) -> Result<Result<DraftView, Refused>, EngineGone> {
        let draft = match draft {
            Ok(draft) => draft,
            Err(refused) => return Ok(Err(refused)),
        };
        self.purse.forget(&draft);
        self.keep(false).await?;
        let elsewhere = self.keys.signer.is_none() && !draft.is_left;
        if elsewhere {
            let (id, kept) = (
                self.id.clone(),
                OnchainDraft {
                    txid: draft.txid(),
                    psbt: draft.psbt.to_string(),
                    address: draft.to.to_string(),
                    replaces: draft.replaces,
                },
            );
            self.engine.work(move |engine, now| engine.keep_draft(now, &id, &kept)).await?;
        }
        let view = draft.view(elsewhere);
        if self.drafts.len() >= DRAFTS_MAX {
            self.drafts.pop_first();
        }
        self.drafts.insert(draft.txid(), draft);
        Ok(Ok(view))
    }

    /// The transaction is kept, with what it changes, before any of it leaves this machine.
    pub(super) async fn send(&mut self, order: Order) -> Result<Result<Sent, Refused>, EngineGone> {
        if let Err(stale) = self.fresh() {
            return Ok(Err(stale));
        }
        let Some(draft) = self.drafted(&order).await? else { return Ok(Err(Refused::Draft)) };
        // Something else may have been sent since it was drafted.
        if let Err(refused) = self.purse.still_allows(&draft, self.guard()) {
            return Ok(Err(refused));
        }
        let tx = match &order.signed {
            Some(signed) => self.purse.take_back(&draft, signed),
            None => self.purse.sign(&draft),
        };
        let tx = match tx {
            Ok(tx) => tx,
            Err(refused) => return Ok(Err(refused)),
        };
        if !self.purse.may_still_spend(&tx, &draft) {
            return Ok(Err(Refused::Draft));
        }
        let txid = tx.compute_txid();
        if draft.is_left {
            if let Err(refused) = self.may_collect().await? {
                return Ok(Err(refused));
            }
            self.purse.learn_spent(&draft);
        }
        self.purse.take(&tx, draft.replaces, self.now_s());
        let (keep, now) = self.news_for_the_ledger(false);
        let spend = Spend {
            txid,
            made: MadeHere {
                raw: serialize(&tx),
                address: draft.to.to_string(),
                label: order.label,
                replaces: draft.replaces,
            },
            amount_sat: draft.amount.to_sat(),
            fee_sat: draft.fee.to_sat(),
            of_move: order.of_move,
        };
        if let Err(why) = self.engine.work(move |engine, now| engine.spend(now, &keep, &spend)).await? {
            self.reload().await?;
            return Ok(Err(Refused::Policy(why)));
        }
        self.reported = now;
        self.drafts.remove(&order.draft);
        let fault = self.broadcast(txid, &tx).await?;
        Ok(Ok(Sent { txid, fault }))
    }

    /// What it would have spent is free again. Each source is asked once more whether it takes it after all.
    pub(super) async fn give_up(&mut self, txid: Txid) -> Result<Result<(), Refused>, EngineGone> {
        let unsent = self.unsent().await?.into_iter().find(|(known, _)| *known == txid);
        let Some((_, tx)) = unsent.filter(|_| self.purse.counts(txid)) else {
            return Ok(Err(Refused::NotWaiting(txid.to_string())));
        };
        if self.purse.has_spent_from(txid) {
            return Ok(Err(Refused::SpentFrom(txid.to_string())));
        }
        for source in self.sources.iter() {
            match source.broadcast_in(SEND_WAIT, &tx).await {
                Err(ChainFault::Refused { .. }) => {}
                Ok(()) => {
                    let id = self.id.clone();
                    self.engine.work(move |engine, now| engine.note_sent(now, &id, &txid, None)).await?;
                    return Ok(Err(Refused::Taken(txid.to_string())));
                }
                Err(silent) => return Ok(Err(Refused::NotAsked(silent.to_string()))),
            }
        }
        self.purse.give_up(txid, self.now_s());
        let (keep, now) = self.news_for_the_ledger(false);
        if let Err(why) = self.engine.work(move |engine, now| engine.give_up(now, &keep, &txid)).await? {
            self.reload().await?;
            return Ok(Err(Refused::Policy(why)));
        }
        self.reported = now;
        Ok(Ok(()))
    }

    async fn drafted(&self, order: &Order) -> Result<Option<Draft>, EngineGone> {
        if let Some(draft) = self.drafts.get(&order.draft) {
            return Ok(Some(draft.clone()));
        }
        let (id, txid) = (self.id.clone(), order.draft);
        let kept = self.engine.work(move |engine, _| engine.kept_draft(&id, &txid)).await?;
        Ok(kept.and_then(|kept| self.purse.revive(&kept)))
    }

    /// Hands a transaction to the first source that takes it.
    async fn broadcast(&mut self, txid: Txid, tx: &Transaction) -> Result<Option<String>, EngineGone> {
        let mut fault = None;
        for source in self.sources.iter() {
            match source.broadcast_in(SEND_WAIT, tx).await {
                Ok(()) => {
                    fault = None;
                    break;
                }
                // What a node says no to, the others will hardly take; what it says is worth more than silence.
                Err(no @ ChainFault::Refused { .. }) => fault = Some(no.to_string()),
                Err(silent) => fault = fault.or_else(|| Some(silent.to_string())),
            }
        }
        self.sent_at.insert(txid, self.clock.elapsed_ms());
        let (id, note) = (self.id.clone(), fault.clone());
        self.engine.work(move |engine, now| engine.note_sent(now, &id, &txid, note.as_deref())).await?;
        self.next_round_at = self.clock.elapsed_ms().saturating_add(SOON_MS);
        Ok(fault)
    }

    /// What was made here and is in no block yet counts on, whatever a server has forgotten; unless a block has taken its
    /// coins. It comes back for [`Keeper::send_again`].
    pub(super) async fn count_on(&mut self) -> Result<Vec<(Txid, Transaction)>, EngineGone> {
        let unsent = self.unsent().await?;
        // Seen later than it was missed, or the wallet takes the server's word.
        let seen_s = self.now_s().saturating_add(1);
        for (_, tx) in &unsent {
            // What spends money of others lives and dies with that.
            if self.purse.can_stand_by_us(tx) || self.purse.collects(tx) {
                self.purse.take(tx, None, seen_s);
            }
        }
        Ok(unsent.into_iter().filter(|(txid, _)| self.purse.counts(*txid)).collect())
    }

    /// What was made here and has no block.
    async fn unsent(&self) -> Result<Vec<(Txid, Transaction)>, EngineGone> {
        let id = self.id.clone();
        let unsent = self.engine.work(move |engine, _| engine.onchain_to_send(&id)).await?;
        Ok(unsent.iter().filter_map(|(txid, raw)| Some((*txid, deserialize(raw).ok()?))).collect())
    }

    /// Hands out again what no block has yet, from time to time.
    pub(super) async fn send_again(&mut self, unsent: Vec<(Txid, Transaction)>) -> Result<(), EngineGone> {
        let now = self.clock.elapsed_ms();
        for (txid, tx) in unsent {
            if self.sent_at.get(&txid).is_none_or(|at| now.saturating_sub(*at) >= AGAIN_MS) {
                self.broadcast(txid, &tx).await?;
            }
        }
        Ok(())
    }
}

const DRAFTS_MAX: usize = 32;
const SEND_WAIT: Duration = Duration::from_secs(30);
const AGAIN_MS: u64 = 600_000;
