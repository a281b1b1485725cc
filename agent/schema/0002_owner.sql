-- money.db, version 2: payees the owner knows, questions to the owner, one wallet account per wallet, comparisons with it.

-- Whom a payment goes to: a Lightning address, an LNURL, or the origin of an L402 seller.
ALTER TABLE payments ADD COLUMN payee TEXT NOT NULL DEFAULT '';
-- The agreement or feed that made it.
ALTER TABLE payments ADD COLUMN rule TEXT NOT NULL DEFAULT '';
UPDATE payments SET (payee, rule) = (SELECT payee, rule FROM purchases u WHERE u.purchase = payments.purchase);

-- What counts against the limits is summed over this index alone, at every decision.
DROP INDEX payments_by_time;
CREATE INDEX payments_spent ON payments (created_ms, rule, payee, state, amount_msat, fee_max_msat, fee_msat);

-- Every legal move once more, so that no fault of the program can write another one.
DROP TRIGGER final_payments_stay;
CREATE TRIGGER payments_move_legally BEFORE UPDATE OF state ON payments
WHEN NEW.state <> OLD.state AND (OLD.state || '>' || NEW.state) NOT IN (
    'intent>sending', 'intent>cancelled',
    'sending>in_flight', 'sending>settled', 'sending>failed', 'sending>unknown', 'sending>intent',
    'in_flight>settled', 'in_flight>failed',
    'unknown>in_flight', 'unknown>settled', 'unknown>failed',
    'failed>late_settled')
BEGIN SELECT RAISE(ABORT, 'a payment cannot make this move'); END;

-- Payees that were paid or approved before; a first payment to any other asks the owner.
CREATE TABLE payees (
    payee    TEXT PRIMARY KEY,
    since_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT OR IGNORE INTO payees (payee, since_ms)
    SELECT payee, min(created_ms) FROM payments WHERE state IN ('settled', 'late_settled') GROUP BY payee;

-- What the owner was asked, and what the answer was. Only the newest question about a purchase counts.
CREATE TABLE questions (
    question    INTEGER PRIMARY KEY AUTOINCREMENT,
    purchase    INTEGER NOT NULL REFERENCES purchases (purchase),
    payee       TEXT    NOT NULL,
    amount_msat INTEGER NOT NULL CHECK (amount_msat > 0),
    why         TEXT    NOT NULL,
    state       TEXT    NOT NULL CHECK (state IN ('asked', 'approved', 'declined', 'expired')),
    asked_ms    INTEGER NOT NULL,
    expires_ms  INTEGER NOT NULL
) STRICT;
CREATE INDEX questions_by_purchase ON questions (purchase);
CREATE UNIQUE INDEX one_open_question_per_purchase ON questions (purchase) WHERE state = 'asked';
CREATE INDEX questions_open ON questions (state) WHERE state IN ('asked', 'declined');

-- Payments found in a wallet's history that no payment of ours made: those from before Kilosat used it ('before'), and
-- those after ('stray'), which are booked to suspense.
CREATE TABLE strangers (
    service TEXT NOT NULL,
    hash    BLOB NOT NULL CHECK (length(hash) = 32),
    kind    TEXT NOT NULL CHECK (kind IN ('before', 'stray')),
    PRIMARY KEY (service, hash)
) STRICT, WITHOUT ROWID;

-- Each wallet has an account of its own, so that each can be compared with what that wallet says.
DROP TRIGGER ledger_is_kept_1;
UPDATE ledger SET account = 'wallet:' || coalesce(
    (SELECT service FROM payments p WHERE p.payment = ledger.payment),
    (SELECT service FROM payments ORDER BY payment DESC LIMIT 1),
    'node')
WHERE account = 'wallet';
CREATE TRIGGER ledger_is_kept_1 BEFORE UPDATE ON ledger
BEGIN SELECT RAISE(ABORT, 'ledger entries are never changed'); END;

-- Sums read these indices alone.
DROP INDEX ledger_by_payment;
DROP INDEX ledger_by_account;
CREATE INDEX ledger_by_payment ON ledger (payment, account, amount_msat) WHERE payment IS NOT NULL;
CREATE INDEX ledger_by_account ON ledger (account, at_ms, amount_msat);
