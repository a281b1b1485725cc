//! Money between the savings and a node: one row for each move, and what happened in it.

use bitcoin::Txid;
use bitcoin::hashes::Hash as _;
use rusqlite::{Row, params};

use super::{StoreError, Tx, optional};
use crate::domain::money::UnixMillis;
use crate::lightning::ServiceKind;

/// Which way a move goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MoveKind {
    /// From the savings into a channel.
    Refill,
    /// Out of a channel: to the savings, or to an address of the owner's.
    Sweep,
}

/// How far a move is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MoveState {
    /// The owner has not said yes or no.
    Asked,
    /// It may begin.
    Agreed,
    /// The transaction of the savings is on its way to the node.
    Paying,
    /// The node holds the money and is to open a channel with it.
    Opening,
    /// The channel waits for its blocks.
    Confirming,
    /// The node is to take the money out of a channel.
    Sweeping,
    /// The transaction that takes it out waits for its blocks.
    Arriving,
    /// What the node holds is on its way back to the savings.
    Returning,
    /// It ended as it was meant.
    Done,
    /// It ended without moving anything, or all of it is back.
    Undone,
}

/// One move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MoveRow {
    /// Its number.
    pub number: i64,
    /// Which way.
    pub kind: MoveKind,
    /// How far.
    pub state: MoveState,
    /// The on-chain wallet's id.
    pub wallet: String,
    /// How payments of the Lightning wallet are marked.
    pub service: String,
    /// What is moved.
    pub amount_sat: u64,
    /// What leaves the savings for it, without the fee of that transaction.
    pub deposit_sat: u64,
    /// Of that, what the node keeps beside its channels.
    pub aside_sat: u64,
    /// The most that it costs in all, as the owner saw it.
    pub cost_max_sat: u64,
    /// What it has cost so far.
    pub cost_sat: u64,
    /// The channel is one that was there before, whose transaction is replaced by a larger or smaller one (a splice).
    pub splices: bool,
    /// Where it is paid to on the chain.
    pub address: Option<String>,
    /// The transaction that does so.
    pub txid: Option<Txid>,
    /// The channel; of a node outside this process the transaction that makes it.
    pub channel: Option<String>,
    /// Of a splice the satoshis in its channel before; of a node outside this process the coin that was deposited there; else
    /// the channels that were there before.
    pub before: Option<String>,
    /// Why it does not go on.
    pub fault: Option<String>,
    /// When it began.
    pub asked_at: UnixMillis,
    /// When it last went on.
    pub changed_at: UnixMillis,
}

/// A move that begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMove {
    /// Which way.
    pub kind: MoveKind,
    /// The on-chain wallet's id.
    pub wallet: String,
    /// What is moved.
    pub amount_sat: u64,
    /// What leaves the savings for it, without the fee of that transaction.
    pub deposit_sat: u64,
    /// Of that, what the node keeps beside its channels.
    pub aside_sat: u64,
    /// The most that it costs in all.
    pub cost_max_sat: u64,
    /// The owner's address that a sweep goes to; `None` for the savings.
    pub address: Option<String>,
}

/// One thing that happened in a move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MovePart {
    /// When.
    pub at: UnixMillis,
    /// What, in one word of the engine's.
    pub what: String,
    /// The satoshis it is about.
    pub sat: Option<u64>,
    /// The transaction it is about.
    pub txid: Option<Txid>,
}

impl Tx<'_> {
    /// What the chain has taken for a channel, in satoshis: all moves that made or changed it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn channel_cost_sat(&self, service: &str, channel: &str) -> Result<u64, StoreError> {
        let sql = "SELECT ifnull(sum(cost_sat), 0) FROM moves WHERE service = ?1 AND channel = ?2";
        Ok(self.prepared(sql)?.query_row([service, channel], |row| row.get(0))?)
    }

    /// The move of `service` that has not ended.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open_move(&self, service: &str) -> Result<Option<MoveRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM moves WHERE service = ?1 AND state NOT IN ('done', 'undone')");
        optional(self.prepared(&sql)?.query_row([service], read))
    }

    /// The newest moves, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn moves(&self, most: u32) -> Result<Vec<MoveRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM moves ORDER BY move DESC LIMIT ?1");
        let mut statement = self.prepared(&sql)?;
        let rows = statement.query_map([most], read)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The newest move of `service`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn newest_move(&self, service: &str) -> Result<Option<MoveRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM moves WHERE service = ?1 ORDER BY move DESC LIMIT 1");
        optional(self.prepared(&sql)?.query_row([service], read))
    }

    /// What happened in a move, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn move_parts(&self, number: i64) -> Result<Vec<MovePart>, StoreError> {
        let mut statement =
            self.prepared("SELECT at_ms, what, sat, txid FROM move_parts WHERE move = ?1 ORDER BY part")?;
        let rows = statement.query_map([number], |row| {
            Ok(MovePart {
                at: UnixMillis(row.get(0)?),
                what: row.get(1)?,
                sat: row.get(2)?,
                txid: row.get::<_, Option<_>>(3)?.map(Txid::from_byte_array),
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The transactions of the savings that are part of a move, also those that were replaced.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn move_txids(&self, number: i64) -> Result<Vec<Txid>, StoreError> {
        let mut statement = self.prepared("SELECT txid FROM treasury_txs WHERE move = ?1")?;
        let rows = statement.query_map([number], |row| row.get(0).map(Txid::from_byte_array))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// When each move that began, but for `except`, last went on since `since`, and what it moved or moves with its cost, in
    /// satoshis; of one that was undone its cost.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn moved_since(&self, since: UnixMillis, except: Option<i64>) -> Result<Vec<(UnixMillis, u64)>, StoreError> {
        let sql = "SELECT changed_ms, iif(state = 'undone', 0, amount_sat)
                        + iif(state IN ('done', 'undone'), cost_sat, max(cost_sat, cost_max_sat))
                   FROM moves WHERE changed_ms > ?1 AND state <> 'asked' AND move IS NOT ?2";
        let mut statement = self.prepared(sql)?;
        let rows = statement.query_map(params![since.0, except], |row| Ok((UnixMillis(row.get(0)?), row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Writes down a move that begins; the schema refuses a second open one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn begin_move(
        &self,
        service: &str,
        new: &NewMove,
        state: MoveState,
        now: UnixMillis,
    ) -> Result<i64, StoreError> {
        let sql = "INSERT INTO moves (kind, state, wallet, service, amount_sat, deposit_sat, aside_sat, cost_max_sat, address,
                       asked_ms, changed_ms)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10)";
        let NewMove { kind, wallet, amount_sat, deposit_sat, aside_sat, cost_max_sat, address } = new;
        self.prepared(sql)?.execute(params![
            kind.name(),
            state.name(),
            wallet,
            service,
            amount_sat,
            deposit_sat,
            aside_sat,
            cost_max_sat,
            address,
            now.0,
        ])?;
        Ok(self.sql.last_insert_rowid())
    }

    /// Writes how far a move is now; what it is about does not change.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn put_move(&self, row: &MoveRow, now: UnixMillis) -> Result<(), StoreError> {
        let sql = "UPDATE moves SET state = ?2, cost_sat = ?3, address = ?4, txid = ?5, channel = ?6, before = ?7, fault = ?8,
                       changed_ms = ?9, way = ?10, cost_max_sat = ?11
                   WHERE move = ?1";
        self.prepared(sql)?.execute(params![
            row.number,
            row.state.name(),
            row.cost_sat,
            row.address,
            row.txid.map(|txid| txid.to_byte_array()),
            row.channel,
            row.before,
            row.fault,
            now.0,
            if row.splices { "splice" } else { "channel" },
            row.cost_max_sat,
        ])?;
        Ok(())
    }

    /// Adds what happened in a move.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn add_move_part(&self, number: i64, part: &MovePart) -> Result<(), StoreError> {
        let sql = "INSERT INTO move_parts (move, at_ms, what, sat, txid) VALUES (?1, ?2, ?3, ?4, ?5)";
        let txid = part.txid.map(|txid| txid.to_byte_array());
        self.prepared(sql)?.execute(params![number, part.at.0, part.what, part.sat, txid])?;
        Ok(())
    }
}

impl MoveKind {
    /// As it is kept.
    pub fn name(self) -> &'static str {
        match self {
            MoveKind::Refill => "refill",
            MoveKind::Sweep => "sweep",
        }
    }
}

impl MoveState {
    /// As it is kept.
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(state, _)| *state == self).map_or("", |(_, name)| name)
    }

    /// Nothing more happens in it.
    pub fn is_final(self) -> bool {
        matches!(self, MoveState::Done | MoveState::Undone)
    }
}

impl MoveRow {
    /// Whether its owner can still call it off, or have back what the node holds for it.
    pub fn can_be_undone(&self, now: UnixMillis) -> bool {
        let is_told = self.splices && self.channel.is_some();
        let is_long = now.since(self.changed_at) > ASKED_LONG_MS;
        match self.state {
            MoveState::Asked | MoveState::Agreed => true,
            MoveState::Opening => !is_told || is_long,
            MoveState::Sweeping => is_long,
            // What is on its way back already is waited for.
            MoveState::Returning if self.is_outside() => is_long && self.channel.is_none(),
            MoveState::Confirming if self.is_outside() => now.since(self.changed_at) > CONFIRMED_LONG_MS,
            MoveState::Returning => self.kind == MoveKind::Sweep && self.address.is_none(),
            _ => false,
        }
    }

    /// It goes to a node outside this process.
    pub fn is_outside(&self) -> bool {
        self.service != ServiceKind::Node.name()
    }

    /// The balance of the node changes in a way that only shows once it is over.
    pub fn stirs_the_node(&self) -> bool {
        if self.is_outside() {
            // A deposit there is not in its balance before it is a channel.
            return self.state == MoveState::Confirming;
        }
        !self.state.is_final() && !matches!(self.state, MoveState::Asked | MoveState::Agreed)
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<MoveRow> {
    let (kind, state): (String, String) = (row.get(1)?, row.get(2)?);
    let known = NAMES.iter().find(|(_, name)| *name == state);
    let unreadable = || rusqlite::Error::InvalidColumnType(2, state.clone(), rusqlite::types::Type::Text);
    Ok(MoveRow {
        number: row.get(0)?,
        kind: if kind == "refill" { MoveKind::Refill } else { MoveKind::Sweep },
        state: known.ok_or_else(unreadable)?.0,
        wallet: row.get(3)?,
        service: row.get(4)?,
        amount_sat: row.get(5)?,
        deposit_sat: row.get(6)?,
        aside_sat: row.get(7)?,
        cost_max_sat: row.get(8)?,
        cost_sat: row.get(9)?,
        address: row.get(10)?,
        txid: row.get::<_, Option<_>>(11)?.map(Txid::from_byte_array),
        channel: row.get(12)?,
        before: row.get(13)?,
        fault: row.get(14)?,
        asked_at: UnixMillis(row.get(15)?),
        changed_at: UnixMillis(row.get(16)?),
        splices: row.get::<_, String>(17)? == "splice",
    })
}

/// A provider that has not agreed within a day will hardly do so.
pub const ASKED_LONG_MS: u64 = 86_400_000;
/// A channel at a node outside this process that does not work after two weeks will hardly do so.
const CONFIRMED_LONG_MS: u64 = 14 * 86_400_000;
const COLUMNS: &str = "move, kind, state, wallet, service, amount_sat, deposit_sat, aside_sat, cost_max_sat, \
    cost_sat, address, txid, channel, before, fault, asked_ms, changed_ms, way";
const NAMES: [(MoveState, &str); 10] = [
    (MoveState::Asked, "asked"),
    (MoveState::Agreed, "agreed"),
    (MoveState::Paying, "paying"),
    (MoveState::Opening, "opening"),
    (MoveState::Confirming, "confirming"),
    (MoveState::Sweeping, "sweeping"),
    (MoveState::Arriving, "arriving"),
    (MoveState::Returning, "returning"),
    (MoveState::Done, "done"),
    (MoveState::Undone, "undone"),
];
