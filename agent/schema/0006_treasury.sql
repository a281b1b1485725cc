-- money.db, version 6: the on-chain wallet.

-- What changed in a wallet, in order, as bdk_wallet writes it (JSON). Together they are the wallet; a start may put one row
-- in the place of many.
CREATE TABLE treasury_changes (
    change INTEGER PRIMARY KEY AUTOINCREMENT,
    wallet TEXT NOT NULL,
    data   TEXT NOT NULL
) STRICT;
CREATE INDEX treasury_changes_by_wallet ON treasury_changes (wallet);

-- Its transactions as they are booked: net_sat is what the ledger has of each, zero once it counts no more. Those made here
-- are kept whole (raw), so that they can be sent again, and name the one they replace.
CREATE TABLE treasury_txs (
    wallet        TEXT    NOT NULL,
    txid          BLOB    NOT NULL CHECK (length(txid) = 32),
    net_sat       INTEGER NOT NULL,
    fee_sat       INTEGER          CHECK (fee_sat >= 0),
    height        INTEGER,
    first_ms      INTEGER NOT NULL,
    purpose       TEXT    NOT NULL CHECK (purpose IN ('opening', 'received', 'sent')),
    label         TEXT,
    address       TEXT,
    raw           BLOB,
    replaces      BLOB             CHECK (replaces IS NULL OR length(replaces) = 32),
    taken_ms      INTEGER,
    fault         TEXT,
    rate_currency TEXT,
    rate_cents    INTEGER          CHECK (rate_cents > 0),
    PRIMARY KEY (wallet, txid)
) STRICT, WITHOUT ROWID;
CREATE INDEX treasury_txs_by_time ON treasury_txs (wallet, first_ms);
CREATE INDEX treasury_txs_to_send ON treasury_txs (wallet) WHERE raw IS NOT NULL AND height IS NULL;

CREATE TRIGGER treasury_txs_are_kept BEFORE DELETE ON treasury_txs
BEGIN SELECT RAISE(ABORT, 'transactions are never deleted'); END;

-- Drafts that their owner signs elsewhere: what comes back must be one of these.
CREATE TABLE treasury_drafts (
    wallet   TEXT    NOT NULL,
    txid     BLOB    NOT NULL CHECK (length(txid) = 32),
    psbt     TEXT    NOT NULL,
    address  TEXT    NOT NULL,
    made_ms  INTEGER NOT NULL,
    replaces BLOB             CHECK (replaces IS NULL OR length(replaces) = 32),
    PRIMARY KEY (wallet, txid)
) STRICT, WITHOUT ROWID;
