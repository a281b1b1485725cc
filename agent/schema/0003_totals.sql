-- money.db, version 3: no decision and no look at the status walks through the history.

-- Attempts that ended; together with one_live_payment_per_purchase it finds every attempt at a purchase. An intent writes
-- nothing here.
CREATE INDEX payments_ended ON payments (purchase) WHERE state IN ('failed', 'late_settled', 'cancelled');

-- What is still to be paid; a paid purchase leaves it.
DROP INDEX purchases_by_rule;
CREATE INDEX purchases_unpaid ON purchases (state, rule) WHERE state <> 'paid';

-- When the meter closed its first interval.
ALTER TABLE meters ADD COLUMN first_ms INTEGER;
UPDATE meters SET first_ms = (SELECT min(end_ms) FROM intervals i WHERE i.meter = meters.meter);

-- The balance of each account: the sum of its entries, kept with every entry and proven against them at each start. Beyond
-- the bound, more than all money there can be, an addition would no longer be exact.
CREATE TABLE balances (
    account      TEXT PRIMARY KEY,
    balance_msat INTEGER NOT NULL CHECK (balance_msat BETWEEN -4611686018427387904 AND 4611686018427387904)
) STRICT, WITHOUT ROWID;
INSERT INTO balances (account, balance_msat) SELECT account, sum(amount_msat) FROM ledger GROUP BY account;

CREATE TRIGGER ledger_is_summed AFTER INSERT ON ledger
BEGIN
    INSERT INTO balances (account, balance_msat) VALUES (NEW.account, NEW.amount_msat)
    ON CONFLICT (account) DO UPDATE SET balance_msat = balance_msat + excluded.balance_msat;
END;

-- Nothing sums by payment any more, and by account only within a period.
DROP INDEX ledger_by_payment;
DROP INDEX ledger_by_account;
-- What left a wallet without a payment of ours counts against the limits; there is little of it.
CREATE INDEX ledger_strays ON ledger (at_ms, amount_msat)
    WHERE account = 'suspense' AND payment IS NULL AND amount_msat > 0;
CREATE INDEX ledger_by_time ON ledger (at_ms, account, amount_msat, payment);

-- What became of the purchases of a rule: when the newest was made, how many are paid and what they cost without fees, and
-- how many payments settled and failed for them. Kept with every change and proven at each start, like the balances.
CREATE TABLE rule_totals (
    rule      TEXT    NOT NULL,
    kind      TEXT    NOT NULL,
    newest_ms INTEGER NOT NULL,
    paid      INTEGER NOT NULL CHECK (paid >= 0),
    paid_msat INTEGER NOT NULL CHECK (paid_msat BETWEEN 0 AND 4611686018427387904),
    settled   INTEGER NOT NULL CHECK (settled >= 0),
    failed    INTEGER NOT NULL CHECK (failed >= 0),
    PRIMARY KEY (rule, kind)
) STRICT, WITHOUT ROWID;
INSERT INTO rule_totals (rule, kind, newest_ms, paid, paid_msat, settled, failed)
    SELECT rule, kind, max(created_ms), ifnull(sum(state = 'paid'), 0), ifnull(sum(amount_msat) FILTER (WHERE state = 'paid'), 0),
        (SELECT count(*) FROM payments p JOIN purchases n USING (purchase)
            WHERE n.rule = u.rule AND n.kind = u.kind AND p.state IN ('settled', 'late_settled')),
        (SELECT count(*) FROM payments p JOIN purchases n USING (purchase)
            WHERE n.rule = u.rule AND n.kind = u.kind AND p.state = 'failed')
    FROM purchases u GROUP BY rule, kind;

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

CREATE TRIGGER payments_keep_their_purchase BEFORE UPDATE OF payment, purchase ON payments
BEGIN SELECT RAISE(ABORT, 'a payment stays with its purchase'); END;
