//! Moves between savings and a node, built in or outside: each step is a row, and is booked, before the next one begins.
//!
//! What is on the way stands in two accounts: what left or reached the savings, and what reached or left the node. They sum to
//! zero once a move has ended.

mod outside;
mod steps;
mod went;

use bitcoin::Txid;
use serde_json::json;

pub use self::went::MoveStep;
use super::by_hand::{OWN_WORD, for_once};
use super::owner::{Verdict, done};
use super::{Engine, EngineError, Step};
use crate::clock::Now;
use crate::domain::money::{MSAT_PER_SAT, Msat, UnixMillis};
use crate::domain::policy::{Account, AskRule, Budget, Case, Committed, Decision, FeeRule, decide};
use crate::domain::window::Starts;
use crate::store::{MovePart, MoveRow, MoveState, NewMove, StoreError};

/// A move with all that happened in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MoveStory {
    /// The move.
    pub row: MoveRow,
    /// Its parts, oldest first.
    pub parts: Vec<MovePart>,
}

impl Engine {
    /// The move that has not ended.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn open_move(&mut self) -> Result<Option<MoveRow>, EngineError> {
        Ok(self.store.begin()?.open_move(&self.rules.service)?)
    }

    /// When the last move began.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn last_move_at(&mut self) -> Result<Option<UnixMillis>, EngineError> {
        Ok(self.store.begin()?.newest_move(&self.rules.service)?.map(|row| row.asked_at))
    }

    /// The newest moves, newest first.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn moves(&mut self, most: u32) -> Result<Vec<MoveStory>, EngineError> {
        let tx = self.store.begin()?;
        let stories = tx.moves(most)?.into_iter().map(|row| Ok(MoveStory { parts: tx.move_parts(row.number)?, row }));
        Ok(stories.collect::<Result<_, StoreError>>()?)
    }

    /// Begins a move, or asks the owner about it. The sentence says why not.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn plan_move(&mut self, now: Now, new: &NewMove) -> Result<Result<(), String>, EngineError> {
        let mut planned = Ok(());
        self.transact(now, |step| {
            planned = step.plan_move(new)?;
            Ok(())
        })?;
        Ok(planned)
    }

    /// Begins to bring what the node holds beside its channels to the savings, on the owner's word. The sentence says why not.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn begin_return(&mut self, now: Now, new: &NewMove) -> Result<Result<(), String>, EngineError> {
        let mut begun = Ok(());
        self.transact(now, |step| {
            begun = step.begin_return(new)?;
            Ok(())
        })?;
        Ok(begun)
    }

    /// Whether the open move may take its next step now; the sentence says why not.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn move_may_go_on(&mut self, now: Now, number: i64) -> Result<Result<(), String>, EngineError> {
        let mut may = Ok(());
        self.transact(now, |step| {
            may = step.move_may_go_on(number)?;
            Ok(())
        })?;
        Ok(may)
    }

    /// Writes down how the open move went on. False where it is not at a place from which it can go on like that.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn go_on_with_move(&mut self, now: Now, number: i64, went: &MoveStep) -> Result<bool, EngineError> {
        let mut fits = false;
        self.transact(now, |step| {
            fits = step.go_on_with_move(number, went)?;
            Ok(())
        })?;
        Ok(fits)
    }

    /// Records once that the owner has to bring money, and forgets that when it is enough again.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn note_wanted(&mut self, now: Now, spending_sat: u64, wanted_sat: Option<u64>) -> Result<(), EngineError> {
        self.transact(now, |step| match (step.tx.meta(WANTED)?, wanted_sat) {
            (None, Some(sat)) => {
                step.tx.set_meta(WANTED, &step.now.wall.0.to_string())?;
                step.record(json!({"event": "money_wanted", "spending_sat": spending_sat, "wanted_sat": sat}))
            }
            (Some(_), None) => step.tx.clear_meta(WANTED),
            _ => Ok(()),
        })
        .map(drop)
    }

    /// A transaction that the savings received is part of the open move. False where the ledger does not know it yet.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn note_move_tx(&mut self, now: Now, number: i64, txid: &Txid) -> Result<bool, EngineError> {
        let mut counts = false;
        self.transact(now, |step| {
            counts = step.count_as_moved(number, txid)?;
            Ok(())
        })?;
        Ok(counts)
    }

    /// The transactions of the savings that are part of a move.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn move_txids(&mut self, number: i64) -> Result<Vec<Txid>, EngineError> {
        Ok(self.store.begin()?.move_txids(number)?)
    }
}

impl Step<'_> {
    fn plan_move(&mut self, new: &NewMove) -> Result<Result<(), String>, StoreError> {
        if self.tx.open_move(&self.rules.service)?.is_some() {
            return Ok(Err(OTHER_MOVE.to_owned()));
        }
        if !self.standing.may_pay() {
            return Ok(Err("The wallet was not compared with the ledger yet; nothing is moved before.".to_owned()));
        }
        let (state, event) = match self.judge_move(new.amount_sat, new.cost_max_sat, None)? {
            Decision::Pay { .. } => (MoveState::Agreed, "move_begun"),
            Decision::Ask(_) => (MoveState::Asked, "move_asked"),
            Decision::Refuse(refusal) => return Ok(Err(of_moves(&refusal.to_string()))),
        };
        let number = self.tx.begin_move(&self.rules.service, new, state, self.now.wall)?;
        self.record(json!({
            "event": event, "move": number, "kind": new.kind.name(), "amount_sat": new.amount_sat,
            "cost_max_sat": new.cost_max_sat,
        }))?;
        self.add_part(number, state.name(), Some(new.amount_sat), None)?;
        Ok(Ok(()))
    }

    fn begin_return(&mut self, new: &NewMove) -> Result<Result<(), String>, StoreError> {
        if self.tx.open_move(&self.rules.service)?.is_some() {
            return Ok(Err(OTHER_MOVE.to_owned()));
        }
        if let Err(why) = self.own_word(sat(new.amount_sat), sat(new.cost_max_sat))? {
            return Ok(Err(why));
        }
        let number = self.tx.begin_move(&self.rules.service, new, MoveState::Returning, self.now.wall)?;
        self.record(json!({"event": "move_returns", "move": number, "amount_sat": new.amount_sat}))?;
        self.add_part(number, "returning", Some(new.amount_sat), None)?;
        Ok(Ok(()))
    }

    /// The marks' owner set what one move and all of a month may be and cost; a yes lifts no limit.
    fn judge_move(&self, amount_sat: u64, cost_sat: u64, agreed: Option<i64>) -> Result<Decision, StoreError> {
        let rule = self.rules.refill.as_ref();
        let starts = Starts::at(self.now.wall, &self.rules.zone).after(self.lived.jump);
        let moved = self.tx.moved_since(starts.oldest(), agreed)?;
        let moved = moved.into_iter().filter(|(at, _)| starts.meant(*at) > starts.month);
        let month = moved.fold(0_u64, |sum, (_, sat)| sum.saturating_add(sat));
        let budget = rule.map(|rule| Budget::of(sat(rule.per_move_sat), Msat::MAX, Msat::MAX, sat(rule.per_month_sat)));
        let committed = Committed { month: sat(month), ..Committed::default() };
        let case = Case {
            rule: budget.map(|budget| Account { budget, committed }),
            known: false,
            approved: agreed.map(|_| sat(amount_sat)),
            ..self.own_case()?
        };
        let ask = AskRule { first: rule.is_none_or(|rule| rule.asks), above: None, expires_ms: 0 };
        Ok(decide(&case, FeeRule { base: sat(cost_sat), ppm: 0 }, ask, sat(amount_sat)))
    }

    pub(super) fn agree_to_move(&mut self, number: i64) -> Result<Verdict, StoreError> {
        let Some(row) = self.move_in(number, &[MoveState::Asked])? else { return Ok(refused(NOT_ASKED)) };
        match self.judge_move(row.amount_sat, row.cost_max_sat, Some(number))? {
            Decision::Pay { .. } => {}
            Decision::Ask(question) => return Ok(refused(&question.to_string())),
            Decision::Refuse(refusal) => return Ok(refused(&of_moves(&refusal.to_string()))),
        }
        self.record(json!({"event": "move_begun", "move": number}))?;
        self.put(MoveRow { state: MoveState::Agreed, ..row }, "agreed", None, None)?;
        Ok(done("It begins."))
    }

    /// What has not begun to move passes the limits of now once more; what has goes on unless everything is halted.
    pub(super) fn move_may_go_on(&self, number: i64) -> Result<Result<(), String>, StoreError> {
        let Some(row) = self.move_in(number, &[MoveState::Agreed])? else {
            return self.own_word(Msat::ZERO, Msat::ZERO);
        };
        Ok(match self.judge_move(row.amount_sat, row.cost_max_sat, Some(number))? {
            Decision::Pay { .. } => Ok(()),
            Decision::Ask(question) => Err(question.to_string()),
            Decision::Refuse(refusal) => Err(of_moves(&refusal.to_string())),
        })
    }

    /// The owner wants none of it, or all of it back.
    pub(super) fn undo_move(&mut self, number: i64) -> Result<Verdict, StoreError> {
        let Some(row) = self.tx.open_move(&self.rules.service)?.filter(|row| row.number == number) else {
            return Ok(refused(ENDED));
        };
        let is_told = row.splices && row.channel.is_some();
        let can_be = row.can_be_undone(self.now.wall);
        match row.state {
            MoveState::Opening | MoveState::Sweeping if is_told && !can_be => Ok(refused(BEING_ASKED)),
            MoveState::Sweeping => {
                self.end_move(row, MoveState::Undone, "refused")?;
                Ok(done("It is not waited for any more."))
            }
            MoveState::Returning | MoveState::Confirming if can_be && row.is_outside() => {
                self.leave_outside(row)?;
                Ok(done(LEFT))
            }
            MoveState::Asked | MoveState::Agreed | MoveState::Returning if can_be => {
                self.end_move(row, MoveState::Undone, "refused")?;
                Ok(done("Nothing was moved, and nothing is."))
            }
            MoveState::Opening => {
                let is_outside = row.is_outside();
                self.record(json!({"event": "move_returns", "move": number}))?;
                self.put(MoveRow { state: MoveState::Returning, address: None, ..row }, "returning", None, None)?;
                Ok(done(if is_outside {
                    "What was deposited at the node goes back to the savings, less the fee for that."
                } else {
                    "What the node holds beside its channels goes back to the savings, less the fee for that."
                }))
            }
            MoveState::Paying => Ok(refused(ON_ITS_WAY)),
            MoveState::Returning => Ok(done("It is on its way back.")),
            _ => Ok(refused(TOO_LATE)),
        }
    }

    /// The transaction of the savings is signed, and kept by the same commit.
    pub(super) fn move_paid(&mut self, number: i64, txid: Txid, fee_sat: u64) -> Result<bool, StoreError> {
        let Some(row) = self.move_in(number, &[MoveState::Agreed])? else { return Ok(false) };
        let cost_sat = row.cost_sat.saturating_add(fee_sat);
        let row = MoveRow { state: MoveState::Paying, txid: Some(txid), cost_sat, fault: None, ..row };
        self.put(row, "paid", Some(fee_sat), Some(txid))?;
        Ok(true)
    }

    /// The owner made the savings' transaction faster.
    pub(super) fn move_paid_anew(&mut self, replaced: &Txid, txid: Txid, fees: (u64, u64)) -> Result<(), StoreError> {
        let open = self.tx.open_move(&self.rules.service)?.filter(|row| row.txid.as_ref() == Some(replaced));
        let Some(row) = open else { return Ok(()) };
        let (before, now) = fees;
        let cost_sat = row.cost_sat.saturating_sub(before).saturating_add(now);
        // The owner chose what that costs more.
        let cost_max_sat = row.cost_max_sat.saturating_add(now.saturating_sub(before));
        self.put(MoveRow { txid: Some(txid), cost_sat, cost_max_sat, ..row }, "paid", Some(now), Some(txid))
    }

    /// Whether the owner's own word may send `amount` with `fee`: stop, lock and the stop button hold.
    pub(super) fn own_word(&self, amount: Msat, fee: Msat) -> Result<Result<(), String>, StoreError> {
        let own_word = Account { budget: OWN_WORD, committed: Committed::default() };
        let case = Case { rule: Some(own_word), approved: Some(amount), ..self.own_case()? };
        let ask = AskRule { first: false, above: None, expires_ms: 0 };
        Ok(match decide(&case, FeeRule { base: fee, ppm: 0 }, ask, amount) {
            Decision::Pay { .. } => Ok(()),
            Decision::Ask(question) => Err(question.to_string()),
            Decision::Refuse(refusal) => Err(for_once(&refusal.to_string())),
        })
    }

    /// Savings stand apart from what the house may spend; what halts payments halts them as well.
    fn own_case(&self) -> Result<Case, StoreError> {
        Ok(Case {
            halt: self.halt()?,
            rule: None,
            paused: false,
            payee: None,
            house: Account { budget: OWN_WORD, committed: Committed::default() },
            listed: true,
            price: None,
            known: true,
            approved: None,
            declined: None,
        })
    }
}

fn sat(sat: u64) -> Msat {
    Msat(sat.saturating_mul(MSAT_PER_SAT))
}

fn refused(why: &str) -> Verdict {
    Verdict::Refused(why.to_owned())
}

/// What the policy says of payments, said of moves.
fn of_moves(why: &str) -> String {
    for_once(why).replace("This payment", "This move").replace("was paid", "was moved")
}

/// Key in the table `meta`: since when the owner has to bring money.
const WANTED: &str = "money_wanted";
const OTHER_MOVE: &str = "Another move has not ended. Nothing was moved.";
const NOT_ASKED: &str = "Nobody asks about that move any more. Nothing was changed.";
const ENDED: &str = "That move has ended. Nothing was changed.";
const ON_ITS_WAY: &str = "It is on its way to the node and cannot be called back; once it has arrived there, it can be sent \
    back. Nothing was changed.";
const LEFT: &str = "It stays at the node, and is not waited for any more. It is not counted as spending money.";
const BEING_ASKED: &str = "The provider is being asked just now, which most often ends within minutes. Nothing was changed; if it \
    has not agreed within a day, it can be taken back.";
const TOO_LATE: &str = "It cannot be taken back any more; it ends by itself. Nothing was changed.";
