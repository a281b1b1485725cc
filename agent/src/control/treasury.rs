//! What the CLI asks about the on-chain wallet.

use std::path::Path;

use bitcoin::Txid;
use serde::{Deserialize, Serialize};

use super::{ANSWER_WAIT, Answer, ControlError, Question, ask};
use crate::status::{MoveView, RefillStatus, StatusSource, label_of};
use crate::tasks::Unanswered;
use crate::treasury::{AddressView, Asked, Coin, DraftView, For, Order, TreasuryView, TxView, Wish};

/// A question about the on-chain wallet.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TreasuryQuestion {
    /// What it holds and what happened; with true, the chain is asked first.
    Show(bool),
    /// An address to receive at; another than before where that is wanted.
    Address(bool),
    /// What can be spent.
    Coins,
    /// What a transaction would cost.
    Draft(Wish),
    /// What it would cost to make one faster, at so many sat/vB.
    Faster(Txid, u64),
    /// What it would cost to bring here what closed channels left, at so many sat/vB.
    Collect(u64),
    /// Send a draft.
    Send {
        /// Its id.
        draft: Txid,
        /// It, signed elsewhere (BIP 174, base64).
        signed: Option<String>,
        /// What is written beside it.
        label: String,
    },
    /// Search addresses that were never shown as well.
    Search,
    /// Give up a transaction that no chain source takes.
    GiveUp(Txid),
    /// Write this beside a transaction.
    Label(Txid, String),
    /// What was moved between savings and spending money, and what is open.
    Moves,
}

/// An answer about it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TreasuryAnswer {
    /// What it holds, and what happened, newest first.
    Shown(Box<TreasuryView>, Vec<TxView>),
    /// An address.
    Address(AddressView),
    /// Coins, largest first.
    Coins(Vec<Coin>),
    /// A draft and its cost.
    Draft(Box<DraftView>),
    /// The marks, if there are some, and moves, newest first.
    Moves(Box<Option<RefillStatus>>, Vec<MoveView>),
    /// In one sentence.
    Done(String),
}

/// Asks the running Kilosat about its on-chain wallet.
///
/// # Errors
/// [`ControlError`]; [`ControlError::Refused`] says why something is not done; [`ControlError::PaidOrNot`] where it was told
/// to send and did not answer.
pub async fn ask_treasury(path: &Path, question: TreasuryQuestion) -> Result<TreasuryAnswer, ControlError> {
    let sends = matches!(question, TreasuryQuestion::Send { .. });
    match ask(path, &Question::Treasury(Box::new(question)), ANSWER_WAIT).await {
        Ok(Answer::Treasury(answer)) => Ok(*answer),
        Ok(other) => Err(other.unexpected()),
        Err(ControlError::NoAnswer | ControlError::Ended | ControlError::Unreadable) if sends => {
            Err(ControlError::PaidOrNot)
        }
        Err(error) => Err(error),
    }
}

pub(super) async fn reply(question: TreasuryQuestion, source: &StatusSource) -> Result<Answer, Unanswered> {
    let treasury = match &source.treasury {
        Some(treasury) => treasury,
        // They may be there without savings, too.
        None if matches!(question, TreasuryQuestion::Moves) => {
            return Ok(Answer::Treasury(Box::new(moves(source).await?)));
        }
        None => return Ok(Answer::Refused(NONE.to_owned())),
    };
    let answer = match question {
        TreasuryQuestion::Show(looks) => {
            if looks {
                treasury.ask(|answer| Asked::Look(false, answer)).await?;
            }
            TreasuryAnswer::Shown(Box::new(treasury.view()), source.onchain_history(HISTORY_MAX).await?)
        }
        TreasuryQuestion::Address(another) => {
            match treasury.ask(|answer| Asked::Address(purpose(another), answer)).await? {
                Ok(address) => TreasuryAnswer::Address(address),
                Err(refused) => return Ok(Answer::Refused(refused.to_string())),
            }
        }
        TreasuryQuestion::Coins => TreasuryAnswer::Coins(treasury.ask(Asked::Coins).await?),
        TreasuryQuestion::Draft(wish) => match treasury.ask(|answer| Asked::Draft(wish, answer)).await? {
            Ok(draft) => TreasuryAnswer::Draft(Box::new(draft)),
            Err(refused) => return Ok(Answer::Refused(refused.to_string())),
        },
        TreasuryQuestion::Faster(txid, rate) => match treasury.ask(|answer| Asked::Faster(txid, rate, answer)).await? {
            Ok(draft) => TreasuryAnswer::Draft(Box::new(draft)),
            Err(refused) => return Ok(Answer::Refused(refused.to_string())),
        },
        TreasuryQuestion::Collect(rate) => match treasury.ask(|answer| Asked::Collect(rate, answer)).await? {
            Ok(draft) => TreasuryAnswer::Draft(Box::new(draft)),
            Err(refused) => return Ok(Answer::Refused(refused.to_string())),
        },
        TreasuryQuestion::Send { draft, signed, label } => {
            let order = Order { draft, signed, label: label_of(&label), of_move: None };
            match treasury.ask(|answer| Asked::Send(order, answer)).await? {
                Ok(sent) => TreasuryAnswer::Done(sent.to_string()),
                Err(refused) => return Ok(Answer::Refused(refused.to_string())),
            }
        }
        TreasuryQuestion::Search => {
            let treasury = treasury.clone();
            // It may take hours where every block is read.
            tokio::spawn(async move { treasury.ask(|answer| Asked::Look(true, answer)).await });
            TreasuryAnswer::Done("All addresses are being searched. How far that is: kilosat treasury".to_owned())
        }
        TreasuryQuestion::GiveUp(txid) => match treasury.ask(|answer| Asked::GiveUp(txid, answer)).await? {
            Ok(()) => TreasuryAnswer::Done(GIVEN_UP.to_owned()),
            Err(refused) => return Ok(Answer::Refused(refused.to_string())),
        },
        TreasuryQuestion::Moves => moves(source).await?,
        TreasuryQuestion::Label(txid, label) => match source.label_onchain(txid, &label).await? {
            true => TreasuryAnswer::Done("Written beside it.".to_owned()),
            false => return Ok(Answer::Refused("there is no such transaction here. Nothing was changed".to_owned())),
        },
    };
    Ok(Answer::Treasury(Box::new(answer)))
}

async fn moves(source: &StatusSource) -> Result<TreasuryAnswer, Unanswered> {
    Ok(TreasuryAnswer::Moves(Box::new(source.refill()), source.moves(MOVES_MAX).await?))
}

const NONE: &str = "this Kilosat has no on-chain wallet. Write wallet = \"segwit\" in the section [treasury] of kilosat.toml, or \
    open one on the page";
const GIVEN_UP: &str = "It is given up, and what it would have spent is free again.";
const HISTORY_MAX: u32 = 1_000;
const MOVES_MAX: u32 = 100;

fn purpose(another: bool) -> For {
    if another { For::Another } else { For::Next }
}
