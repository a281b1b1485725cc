-- money.db, version 7: money between the savings and the built-in node.

-- One move of money, from the question to its end. What it moves (amount_sat) comes from the savings into a channel (refill) or
-- out of a channel (sweep). deposit_sat leaves the savings for a refill: the amount, the node's fee and what it keeps aside
-- for closing channels. cost_max_sat was shown before, cost_sat is booked.
CREATE TABLE moves (
    move         INTEGER PRIMARY KEY AUTOINCREMENT,
    kind         TEXT    NOT NULL CHECK (kind IN ('refill', 'sweep')),
    state        TEXT    NOT NULL CHECK (state IN ('asked', 'agreed', 'paying', 'opening', 'confirming', 'sweeping', 'arriving',
                                                   'returning', 'done', 'undone')),
    wallet       TEXT    NOT NULL,
    service      TEXT    NOT NULL,
    amount_sat   INTEGER NOT NULL CHECK (amount_sat > 0),
    deposit_sat  INTEGER NOT NULL CHECK (deposit_sat >= 0),
    aside_sat    INTEGER NOT NULL CHECK (aside_sat >= 0),
    cost_max_sat INTEGER NOT NULL CHECK (cost_max_sat >= 0),
    cost_sat     INTEGER NOT NULL DEFAULT 0 CHECK (cost_sat >= 0),
    -- Whether the money goes into a channel that is there (splice) or into a new one (channel).
    way          TEXT    NOT NULL DEFAULT 'splice' CHECK (way IN ('splice', 'channel')),
    -- Where it is paid to on the chain, and the transaction that does so.
    address      TEXT,
    txid         BLOB             CHECK (txid IS NULL OR length(txid) = 32),
    -- The channel it goes into or comes out of, and what was there before: the satoshis in it for a splice, the node's channels
    -- for a new one.
    channel      TEXT,
    before       TEXT,
    fault        TEXT,
    asked_ms     INTEGER NOT NULL,
    changed_ms   INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX one_open_move ON moves (service) WHERE state NOT IN ('done', 'undone');
CREATE INDEX moves_by_time ON moves (changed_ms);

CREATE TRIGGER ended_moves_stay BEFORE UPDATE OF state ON moves
WHEN OLD.state IN ('done', 'undone')
BEGIN SELECT RAISE(ABORT, 'a move that ended does not change'); END;

CREATE TRIGGER moves_are_kept BEFORE DELETE ON moves
BEGIN SELECT RAISE(ABORT, 'moves are never deleted'); END;

-- What happened in it, in order.
CREATE TABLE move_parts (
    part  INTEGER PRIMARY KEY AUTOINCREMENT,
    move  INTEGER NOT NULL REFERENCES moves (move),
    at_ms INTEGER NOT NULL,
    what  TEXT    NOT NULL,
    sat   INTEGER,
    txid  BLOB             CHECK (txid IS NULL OR length(txid) = 32)
) STRICT;
CREATE INDEX move_parts_by_move ON move_parts (move);

-- The transaction of the savings that is part of a move.
ALTER TABLE treasury_txs ADD COLUMN move INTEGER REFERENCES moves (move);
CREATE INDEX treasury_txs_by_move ON treasury_txs (move) WHERE move IS NOT NULL;
