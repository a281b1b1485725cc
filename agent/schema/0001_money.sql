-- money.db, version 1. Written by one connection of one process; everything about money commits here.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Virtual meters: what may be billed. Energy in mWh, time in ms since 1970 UTC.
CREATE TABLE meters (
    meter      TEXT PRIMARY KEY,
    generation INTEGER NOT NULL,
    raw_mwh    INTEGER NOT NULL CHECK (raw_mwh >= 0),
    at_ms      INTEGER NOT NULL,
    total_mwh  INTEGER NOT NULL CHECK (total_mwh >= 0)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER meters_only_grow BEFORE UPDATE ON meters
WHEN NEW.total_mwh < OLD.total_mwh OR NEW.generation < OLD.generation
BEGIN SELECT RAISE(ABORT, 'a virtual meter only grows'); END;

CREATE TABLE intervals (
    interval        INTEGER PRIMARY KEY,
    meter           TEXT    NOT NULL REFERENCES meters (meter),
    generation      INTEGER NOT NULL,
    start_total_mwh INTEGER NOT NULL,
    end_total_mwh   INTEGER NOT NULL CHECK (end_total_mwh >= start_total_mwh),
    raw_mwh         INTEGER NOT NULL,
    start_ms        INTEGER NOT NULL,
    end_ms          INTEGER NOT NULL,
    samples         INTEGER NOT NULL
) STRICT;

-- What each agreement owes. remainder: millionths of a msat, below one msat in all.
CREATE TABLE agreements (
    agreement       TEXT PRIMARY KEY,
    meter           TEXT    NOT NULL,
    start_total_mwh INTEGER NOT NULL,
    billed_to_mwh   INTEGER NOT NULL CHECK (billed_to_mwh >= start_total_mwh),
    owed_msat       INTEGER NOT NULL CHECK (owed_msat >= 0),
    remainder       INTEGER NOT NULL CHECK (remainder BETWEEN 0 AND 999999)
) STRICT, WITHOUT ROWID;

-- The thing owed. idem_key names the need: the same need finds the same row.
CREATE TABLE purchases (
    purchase    INTEGER PRIMARY KEY AUTOINCREMENT,
    idem_key    TEXT    NOT NULL UNIQUE,
    kind        TEXT    NOT NULL CHECK (kind IN ('energy', 'data')),
    rule        TEXT    NOT NULL,
    payee       TEXT    NOT NULL,
    amount_msat INTEGER NOT NULL CHECK (amount_msat > 0),
    state       TEXT    NOT NULL CHECK (state IN ('open', 'withdrawn', 'paid', 'frozen')),
    refusal     TEXT,
    created_ms  INTEGER NOT NULL
) STRICT;

CREATE INDEX purchases_by_rule ON purchases (rule, kind, state);

-- One row per attempt to pay one invoice.
CREATE TABLE payments (
    payment         INTEGER PRIMARY KEY AUTOINCREMENT,
    purchase        INTEGER NOT NULL REFERENCES purchases (purchase),
    hash            BLOB    NOT NULL CHECK (length(hash) = 32),
    attempt         INTEGER NOT NULL,
    service         TEXT    NOT NULL,
    state           TEXT    NOT NULL CHECK (state IN
        ('intent', 'sending', 'in_flight', 'unknown', 'settled', 'failed', 'late_settled', 'cancelled')),
    bolt11          TEXT    NOT NULL,
    amount_msat     INTEGER NOT NULL CHECK (amount_msat > 0),
    fee_max_msat    INTEGER NOT NULL CHECK (fee_max_msat >= 0),
    fee_msat        INTEGER,
    preimage        BLOB             CHECK (preimage IS NULL OR length(preimage) = 32),
    payee_key       TEXT    NOT NULL,
    expires_ms      INTEGER NOT NULL,
    created_ms      INTEGER NOT NULL,
    changed_ms      INTEGER NOT NULL,
    not_found_count INTEGER NOT NULL DEFAULT 0,
    not_found_ms    INTEGER NOT NULL DEFAULT 0,
    fault           TEXT,
    ticket_scheme   TEXT,
    ticket          TEXT,
    UNIQUE (hash, attempt),
    CHECK (state NOT IN ('settled', 'late_settled') OR (preimage IS NOT NULL AND fee_msat IS NOT NULL))
) STRICT;

-- The database itself forbids a second live or settled payment for one purchase or one hash.
CREATE UNIQUE INDEX one_live_payment_per_purchase ON payments (purchase)
    WHERE state NOT IN ('failed', 'late_settled', 'cancelled');
CREATE UNIQUE INDEX one_live_payment_per_hash ON payments (hash)
    WHERE state NOT IN ('failed', 'late_settled', 'cancelled');
CREATE INDEX payments_open ON payments (state)
    WHERE state IN ('intent', 'sending', 'in_flight', 'unknown');
CREATE INDEX payments_by_time ON payments (created_ms);

CREATE TRIGGER final_payments_stay BEFORE UPDATE OF state ON payments
WHEN OLD.state IN ('settled', 'late_settled', 'cancelled')
  OR (OLD.state = 'failed' AND NEW.state <> 'late_settled')
BEGIN SELECT RAISE(ABORT, 'a final payment does not change'); END;

CREATE TRIGGER payments_are_kept BEFORE DELETE ON payments
BEGIN SELECT RAISE(ABORT, 'payments are never deleted'); END;

-- Double entry, append only: the entries of one posting sum to zero.
CREATE TABLE ledger (
    entry       INTEGER PRIMARY KEY,
    posting     INTEGER NOT NULL,
    at_ms       INTEGER NOT NULL,
    account     TEXT    NOT NULL,
    amount_msat INTEGER NOT NULL,
    payment     INTEGER REFERENCES payments (payment)
) STRICT;

CREATE INDEX ledger_by_payment ON ledger (payment);
CREATE INDEX ledger_by_account ON ledger (account);

CREATE TRIGGER ledger_is_kept_1 BEFORE UPDATE ON ledger
BEGIN SELECT RAISE(ABORT, 'ledger entries are never changed'); END;
CREATE TRIGGER ledger_is_kept_2 BEFORE DELETE ON ledger
BEGIN SELECT RAISE(ABORT, 'ledger entries are never deleted'); END;

-- Paid L402 tickets, one in use per feed.
CREATE TABLE tickets (
    feed     TEXT PRIMARY KEY,
    scheme   TEXT    NOT NULL,
    token    TEXT    NOT NULL,
    preimage BLOB    NOT NULL CHECK (length(preimage) = 32),
    payment  INTEGER NOT NULL REFERENCES payments (payment),
    uses     INTEGER NOT NULL,
    usable   INTEGER NOT NULL CHECK (usable IN (0, 1)),
    refused_unused INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE received (
    hash        BLOB PRIMARY KEY CHECK (length(hash) = 32),
    amount_msat INTEGER NOT NULL,
    at_ms       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE journal (
    seq        INTEGER PRIMARY KEY,
    at_ms      INTEGER NOT NULL,
    payload    TEXT,
    salt       BLOB,
    commitment BLOB NOT NULL CHECK (length(commitment) = 32),
    hash       BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;
