//! Moves between savings and spending money as they are shown.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::StatusSource;
use crate::domain::money::UnixMillis;
use crate::engine::MoveStory;
use crate::store::{MovePart, MoveRow, MoveState};
use crate::tasks::{RefillView, Unanswered};

/// How spending money is kept between its marks. Amounts in satoshis.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RefillStatus {
    /// Below so much it is filled up.
    pub low_sat: u64,
    /// Above so much it is swept.
    pub high_sat: u64,
    /// What it is brought to.
    pub target_sat: u64,
    /// What is known of it now.
    #[serde(flatten)]
    pub view: RefillView,
}

/// One move as it is shown. Amounts in satoshis, times in ms since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MoveView {
    /// Its number.
    pub number: i64,
    /// `refill` or `sweep`.
    pub kind: String,
    /// `asked`, `agreed`, `paying`, `opening`, `confirming`, `sweeping`, `arriving`, `returning`, `done` or `undone`.
    pub state: String,
    /// What is moved.
    pub amount_sat: u64,
    /// What leaves the savings for it, without the fee of that transaction.
    pub deposit_sat: u64,
    /// Of that, what the node keeps beside its channels.
    pub aside_sat: u64,
    /// The most that it costs in all.
    pub cost_max_sat: u64,
    /// What it has cost so far.
    pub cost_sat: u64,
    /// The owner's address that it goes to, if it goes neither to the savings nor to the node.
    pub away: Option<String>,
    /// Why it does not go on, or why it ended without moving anything.
    pub fault: Option<String>,
    /// It can still be called off, or what the node holds for it be sent back.
    pub can_be_undone: bool,
    /// When it began.
    pub began_ms: u64,
    /// What happened in it, oldest first; empty where only the move itself was asked for.
    #[serde(default)]
    pub parts: Vec<MovePartView>,
}

/// One thing that happened in a move.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MovePartView {
    /// When.
    pub at_ms: u64,
    /// `asked`, `agreed`, `paid`, `at-node`, `topping`, `topped`, `opened`, `sweeping`, `spliced`, `in-savings`, `returning`, `sending-back`,
    /// `sent-back`, `refused`, `done` or `undone`.
    pub what: String,
    /// The satoshis it is about.
    pub sat: Option<u64>,
    /// The transaction it is about.
    pub txid: Option<String>,
}

impl RefillStatus {
    /// In a few plain lines.
    pub fn as_text(&self) -> String {
        let RefillStatus { low_sat, high_sat, view, .. } = self;
        let spending = view.spending_sat.map_or_else(|| "not known yet".to_owned(), |sat| format!("{sat} sat"));
        let mut lines = vec![format!("Spending money: {spending}, to be kept between {low_sat} and {high_sat} sat")];
        lines.extend(view.wanted_sat.map(|sat| format!("Please bring {sat} sat: kilosat receive {sat}")));
        lines.extend(view.rests.clone());
        lines.join("\n")
    }
}

impl MoveView {
    /// In a few plain lines.
    pub fn as_text(&self) -> String {
        let MoveView { number, kind, state, amount_sat, cost_max_sat, cost_sat, aside_sat, .. } = self;
        let way = match (kind.as_str(), &self.away) {
            ("refill", _) => "from the savings into spending money".to_owned(),
            (_, Some(address)) => format!("from spending money to {address}"),
            (_, None) => "from spending money to the savings".to_owned(),
        };
        let cost = match self.has_ended() {
            true => format!("it cost {cost_sat} sat"),
            false => format!("it costs at most {cost_max_sat} sat"),
        };
        let aside = match aside_sat {
            0 => String::new(),
            sat => format!("; {sat} sat more are kept aside in the node"),
        };
        let mut lines = vec![format!("Move {number}, {state}: {amount_sat} sat {way}; {cost}{aside}")];
        lines.extend(self.fault.iter().map(|why| format!("  {why}")));
        lines.extend(
            self.is_asked().then(|| format!("  kilosat treasury agree {number}, or: kilosat treasury undo {number}")),
        );
        lines.extend(
            (self.can_be_undone && !self.is_asked())
                .then(|| format!("  To take it back: kilosat treasury undo {number}")),
        );
        for MovePartView { what, sat, txid, .. } in &self.parts {
            let sat = sat.map_or_else(String::new, |sat| format!(", {sat} sat"));
            let txid = txid.as_ref().map_or_else(String::new, |txid| format!(", {txid}"));
            lines.push(format!("  {what}{sat}{txid}"));
        }
        lines.join("\n")
    }

    /// The owner is asked about it.
    pub fn is_asked(&self) -> bool {
        self.state == MoveState::Asked.name()
    }

    /// Nothing more happens in it.
    pub fn has_ended(&self) -> bool {
        [MoveState::Done, MoveState::Undone].iter().any(|state| state.name() == self.state)
    }
}

impl MoveView {
    /// As it stands at this time.
    pub fn at(now: UnixMillis, row: MoveRow) -> MoveView {
        MoveView {
            can_be_undone: row.can_be_undone(now),
            number: row.number,
            kind: row.kind.name().to_owned(),
            state: row.state.name().to_owned(),
            amount_sat: row.amount_sat,
            deposit_sat: row.deposit_sat,
            aside_sat: row.aside_sat,
            cost_max_sat: row.cost_max_sat,
            cost_sat: row.cost_sat,
            away: row.address.filter(|_| row.wallet.is_empty()),
            fault: row.fault,
            began_ms: row.asked_at.0,
            parts: Vec::new(),
        }
    }
}

impl From<MovePart> for MovePartView {
    fn from(part: MovePart) -> MovePartView {
        let txid = part.txid.map(|txid| txid.to_string());
        MovePartView { at_ms: part.at.0, what: part.what, sat: part.sat, txid }
    }
}

impl StatusSource {
    /// The newest moves with all their parts, newest first.
    ///
    /// # Errors
    /// [`Unanswered`].
    pub async fn moves(&self, most: u32) -> Result<Vec<MoveView>, Unanswered> {
        let stories = self.engine.look(move |engine| engine.moves(most)).await?;
        let now = self.clock.now().wall;
        let shown = |MoveStory { row, parts }| MoveView {
            parts: parts.into_iter().map(MovePartView::from).collect(),
            ..MoveView::at(now, row)
        };
        Ok(stories.into_iter().map(shown).collect())
    }

    /// The marks and what is known of the spending money, if the owner set marks.
    pub fn refill(&self) -> Option<RefillStatus> {
        let rule = self.config().refill.clone()?;
        let (low_sat, high_sat, target_sat) = (rule.low_sat, rule.high_sat, rule.target_sat());
        Some(RefillStatus { low_sat, high_sat, target_sat, view: self.refills.borrow().clone() })
    }
}
