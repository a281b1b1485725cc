//! Running totals, proven at each start: the ledger, the purchases and the payments are the truth, and the totals that the
//! schema's triggers keep beside them must say the same.

use rusqlite::Connection;

use super::StoreError;

/// Compares every running total with the rows that it sums up; [`StoreError::Damaged`] where one differs.
pub(super) fn verify_sums(connection: &Connection) -> Result<(), StoreError> {
    for (what, truth, kept) in PROOFS {
        let sql = format!(
            "WITH truth AS MATERIALIZED ({truth}), kept AS MATERIALIZED ({kept})
                 SELECT EXISTS (SELECT * FROM truth EXCEPT SELECT * FROM kept)
                     OR EXISTS (SELECT * FROM kept EXCEPT SELECT * FROM truth)"
        );
        let differs: bool = connection.query_row(&sql, [], |row| row.get(0))?;
        if differs {
            return Err(StoreError::Damaged(format!("{what} do not add up")));
        }
    }
    Ok(())
}

/// What is summed up, the rows, and the running totals.
const PROOFS: [(&str, &str, &str); 3] = [
    (
        "its accounts",
        "SELECT account, sum(amount_msat) FROM ledger GROUP BY account",
        "SELECT account, balance_msat FROM balances",
    ),
    (
        "its purchases",
        "SELECT rule, kind, max(created_ms), sum(state = 'paid'), ifnull(sum(amount_msat) FILTER (WHERE state = 'paid'), 0)
         FROM purchases GROUP BY rule, kind",
        "SELECT rule, kind, newest_ms, paid, paid_msat FROM rule_totals",
    ),
    (
        "its payments",
        "SELECT * FROM (SELECT u.rule, u.kind, sum(p.state IN ('settled', 'late_settled')) AS settled,
             sum(p.state = 'failed') AS failed FROM payments p JOIN purchases u USING (purchase) GROUP BY u.rule, u.kind)
         WHERE settled > 0 OR failed > 0",
        "SELECT rule, kind, settled, failed FROM rule_totals WHERE settled > 0 OR failed > 0",
    ),
];
