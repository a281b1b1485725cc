-- money.db, version 5: payments made by hand, and what a bitcoin cost when a payment was decided.

-- What a table may hold cannot be altered, so it is written anew. Foreign keys are off meanwhile and checked afterwards;
-- triggers of other tables that name this one are made again at the end.
DROP TRIGGER payments_are_counted;
DROP TRIGGER payments_are_counted_again;

CREATE TABLE purchases_written_anew (
    purchase    INTEGER PRIMARY KEY AUTOINCREMENT,
    idem_key    TEXT    NOT NULL UNIQUE,
    kind        TEXT    NOT NULL CHECK (kind IN ('energy', 'data', 'hand')),
    rule        TEXT    NOT NULL,
    payee       TEXT    NOT NULL,
    amount_msat INTEGER NOT NULL CHECK (amount_msat > 0),
    state       TEXT    NOT NULL CHECK (state IN ('open', 'withdrawn', 'paid', 'frozen')),
    refusal     TEXT,
    created_ms  INTEGER NOT NULL
) STRICT;
INSERT INTO purchases_written_anew (purchase, idem_key, kind, rule, payee, amount_msat, state, refusal, created_ms)
    SELECT purchase, idem_key, kind, rule, payee, amount_msat, state, refusal, created_ms FROM purchases;
DROP TABLE purchases;
ALTER TABLE purchases_written_anew RENAME TO purchases;

CREATE INDEX purchases_unpaid ON purchases (state, rule) WHERE state <> 'paid';

CREATE TRIGGER purchases_are_counted AFTER INSERT ON purchases
BEGIN
    INSERT INTO rule_totals (rule, kind, newest_ms, paid, paid_msat, settled, failed)
    VALUES (NEW.rule, NEW.kind, NEW.created_ms, NEW.state = 'paid', iif(NEW.state = 'paid', NEW.amount_msat, 0), 0, 0)
    ON CONFLICT (rule, kind) DO UPDATE SET newest_ms = max(newest_ms, excluded.newest_ms), paid = paid + excluded.paid,
        paid_msat = paid_msat + excluded.paid_msat;
END;

CREATE TRIGGER purchases_are_counted_again AFTER UPDATE OF state, amount_msat ON purchases
WHEN OLD.state = 'paid' OR NEW.state = 'paid'
BEGIN
    UPDATE rule_totals SET paid = paid + (NEW.state = 'paid') - (OLD.state = 'paid'),
        paid_msat = paid_msat + iif(NEW.state = 'paid', NEW.amount_msat, 0) - iif(OLD.state = 'paid', OLD.amount_msat, 0)
    WHERE rule = NEW.rule AND kind = NEW.kind;
END;

CREATE TRIGGER purchases_keep_their_rule BEFORE UPDATE OF purchase, rule, kind, created_ms ON purchases
BEGIN SELECT RAISE(ABORT, 'a purchase stays what it was made for'); END;
CREATE TRIGGER purchases_are_kept BEFORE DELETE ON purchases
BEGIN SELECT RAISE(ABORT, 'purchases are never deleted'); END;

CREATE TRIGGER payments_are_counted AFTER INSERT ON payments
WHEN NEW.state IN ('settled', 'late_settled', 'failed')
BEGIN
    UPDATE rule_totals SET settled = settled + (NEW.state <> 'failed'), failed = failed + (NEW.state = 'failed')
    WHERE (rule, kind) = (SELECT rule, kind FROM purchases WHERE purchase = NEW.purchase);
END;

CREATE TRIGGER payments_are_counted_again AFTER UPDATE OF state ON payments
WHEN NEW.state <> OLD.state AND (NEW.state IN ('settled', 'late_settled', 'failed') OR OLD.state = 'failed')
BEGIN
    UPDATE rule_totals SET settled = settled + (NEW.state IN ('settled', 'late_settled')),
        failed = failed + (NEW.state = 'failed') - (OLD.state = 'failed')
    WHERE (rule, kind) = (SELECT rule, kind FROM purchases WHERE purchase = NEW.purchase);
END;

-- What the invoice of a payment by hand says it is for, as the owner saw it.
ALTER TABLE payments ADD COLUMN memo TEXT;

-- What a bitcoin cost when the payment was decided: the owner's currency, hundredths of it for one bitcoin, when and by
-- whom it was said. Empty where that was not known.
ALTER TABLE payments ADD COLUMN rate_currency TEXT;
ALTER TABLE payments ADD COLUMN rate_cents INTEGER CHECK (rate_cents > 0);
ALTER TABLE payments ADD COLUMN rate_ms INTEGER;
ALTER TABLE payments ADD COLUMN rate_sources TEXT;
