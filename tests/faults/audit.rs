//! What a dead Kilosat's books must say, whatever killed it.
//!
//! They are read from a copy, so that the next start finds exactly what the last one left. The copy is first opened by
//! Kilosat's own store, as its next start would, and then by the `sqlite3` of the system, which knows nothing of ours.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use bitcoin::hashes::{Hash as _, sha256};
use bitcoin::hex::{DisplayHex as _, FromHex as _};
use kilosat::status::Status;
use kilosat::store::Store;
use serde_json::Value;
use sim::wallets::{Ledger, PayState};

use crate::house::{AGREEMENTS, CAP_MSAT, PRICE_MSAT_PER_KWH};

/// What Kilosat said of its books while it lived: what it answered with was committed, and must still be there.
#[derive(Clone, Copy, Debug, Default)]
pub struct Acknowledged {
    journal_entries: u64,
    payments_settled: u64,
    energy_billed_mwh: u64,
}

impl Acknowledged {
    /// Takes it from an answer.
    pub fn by(status: &Status) -> Acknowledged {
        Acknowledged {
            journal_entries: status.journal_entries,
            payments_settled: status.totals.payments_settled,
            energy_billed_mwh: status.totals.energy_billed_mwh,
        }
    }
}

/// The books as they were read.
pub struct Books(Value);

/// One row of `payments`.
struct Row<'a> {
    hash: [u8; 32],
    purchase: u64,
    rule: &'a str,
    state: &'a str,
    amount: u64,
    fee_max: u64,
    fee: u64,
    preimage: Option<[u8; 32]>,
}

impl Row<'_> {
    fn is_open(&self) -> bool {
        ["held", "intent", "sending", "in_flight", "unknown"].contains(&self.state)
    }

    /// Kept from the budget: spent, or reserved.
    fn committed(&self) -> u64 {
        match self.state {
            "settled" => self.amount + self.fee,
            _ if self.is_open() => self.amount + self.fee_max,
            _ => 0,
        }
    }
}

impl Books {
    /// Reads the books of a state directory that no process uses. Before its first start they are empty.
    ///
    /// # Errors
    /// Why they cannot be read, which is a finding.
    pub fn read(state: &Path) -> Result<Books, String> {
        let copy = tempfile::tempdir().unwrap();
        for name in ["money.db", "money.db-wal"] {
            match std::fs::copy(state.join(name), copy.path().join(name)) {
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(format!("{name} cannot be read: {error}")),
            }
        }
        let database = copy.path().join("money.db");
        let store = Store::open(&database, "bitcoin").map_err(|error| format!("the store refuses it: {error}"))?;
        store.verify_journal_from(0).map_err(|error| format!("the journal: {error}"))?;
        drop(store);
        let output = Command::new("sqlite3").arg(&database).arg(QUESTION).stdin(Stdio::null()).output().unwrap();
        let answer = serde_json::from_slice(&output.stdout);
        answer.map(Books).map_err(|_| format!("sqlite3: {}", String::from_utf8_lossy(&output.stderr)))
    }

    /// Everything that must hold at any instant and does not.
    pub fn findings(&self, wallet: &Ledger, metered_mwh: u64, acknowledged: Acknowledged) -> Vec<String> {
        let mut findings = Findings::default();
        findings.unless(self.0["integrity"] == "ok", || format!("integrity_check: {}", self.0["integrity"]));
        for (what, name) in [("foreign keys", "strangers"), ("postings", "unbalanced"), ("the ledger", "ledger_sum")] {
            findings.unless(self.0[name] == 0, || format!("{what}: {} instead of 0", self.0[name]));
        }
        findings.unless(self.0["lock"].is_null(), || format!("locked: {}", self.0["lock"]));
        self.remember(&mut findings, acknowledged);
        let rows = self.rows();
        ledger_agrees(&mut findings, &self.0, &rows);
        nothing_twice(&mut findings, &rows);
        durable_before_the_wire(&mut findings, &rows, wallet);
        settled_as_the_wallet_did(&mut findings, &rows, wallet);
        budgets_hold(&mut findings, &rows, wallet);
        self.energy(&mut findings, &rows, metered_mwh);
        findings.0
    }

    /// What must hold besides, once nothing is open: wallet and books agree to the msat.
    pub fn final_findings(&self, wallet: &Ledger, funds_msat: u64) -> Vec<String> {
        let mut findings = Findings::default();
        let rows = self.rows();
        let settled: BTreeMap<_, _> =
            rows.iter().filter(|row| row.state == "settled").map(|row| (row.hash, row)).collect();
        let mut spent = 0;
        for payment in wallet.payments().iter().filter(|payment| payment.state == PayState::Settled) {
            spent += payment.amount_msat + payment.fee_msat;
            findings.unless(settled.contains_key(&payment.hash), || {
                format!("the wallet settled {}, the books do not have it", payment.hash.to_lower_hex_string())
            });
        }
        findings.unless(wallet.balance_msat() == funds_msat - spent, || "the wallet does not add up".to_owned());
        let booked = -self.0["wallet_msat"].as_i64().unwrap();
        findings.unless(u64::try_from(booked) == Ok(spent), || format!("booked {booked} msat, spent {spent} msat"));
        for open in rows.iter().filter(|row| row.is_open()) {
            findings.0.push(format!("{} is still {}", open.hash.to_lower_hex_string(), open.state));
        }
        findings.0
    }

    /// Whether a payment has not come to its end.
    pub fn has_open(&self) -> bool {
        self.rows().iter().any(Row::is_open)
    }

    /// Whatever Kilosat had answered with was committed.
    fn remember(&self, findings: &mut Findings, acknowledged: Acknowledged) {
        let Acknowledged { journal_entries, payments_settled, energy_billed_mwh } = acknowledged;
        for (name, said) in [
            ("journal_entries", journal_entries),
            ("payments_settled", payments_settled),
            ("energy_billed_mwh", energy_billed_mwh),
        ] {
            let kept = self.0[name].as_u64().unwrap();
            findings.unless(kept >= said, || format!("{name}: {kept} left of {said} that were acknowledged"));
        }
    }

    /// Nothing is billed that was not metered, and what was billed is paid or owed.
    fn energy(&self, findings: &mut Findings, rows: &[Row<'_>], metered_mwh: u64) {
        let total = self.0["total_mwh"].as_u64().unwrap();
        findings.unless(total <= metered_mwh, || format!("{total} mWh counted, {metered_mwh} mWh metered"));
        for agreement in self.0["agreements"].as_array().unwrap() {
            let number = |name: &str| u128::from(agreement[name].as_u64().unwrap());
            let name = agreement["agreement"].as_str().unwrap();
            let paid = |row: &&Row<'_>| row.rule == name && row.state == "settled";
            let paid: u64 = rows.iter().filter(paid).map(|row| row.amount).sum();
            findings.unless(number("billed_to_mwh") <= u128::from(total), || format!("{name}: billed before metered"));
            let billed = (number("billed_to_mwh") - number("start_total_mwh")) * u128::from(PRICE_MSAT_PER_KWH);
            let known = (number("owed_msat") + u128::from(paid)) * MWH_PER_KWH + number("remainder");
            findings.unless(billed == known, || format!("{name}: billed {billed}, owed and paid {known}"));
        }
    }

    fn rows(&self) -> Vec<Row<'_>> {
        self.0["payments"].as_array().unwrap().iter().map(row).collect()
    }
}

fn row(row: &Value) -> Row<'_> {
    let number = |name: &str| row[name].as_u64().unwrap_or(0);
    let bytes = |name: &str| row[name].as_str().map(|text| <[u8; 32]>::from_hex(text).unwrap());
    Row {
        hash: bytes("hash").unwrap(),
        purchase: number("purchase"),
        rule: row["rule"].as_str().unwrap(),
        state: row["state"].as_str().unwrap(),
        amount: number("amount_msat"),
        fee_max: number("fee_max_msat"),
        fee: number("fee_msat"),
        preimage: bytes("preimage"),
    }
}

/// The accounts say what the payments say.
fn ledger_agrees(findings: &mut Findings, books: &Value, rows: &[Row<'_>]) {
    let sum = |what: fn(&Row<'_>) -> u64| rows.iter().map(what).sum::<u64>();
    for (account, want) in [
        ("pending_msat", sum(|row| if row.is_open() { row.amount + row.fee_max } else { 0 })),
        ("energy_msat", sum(|row| if row.state == "settled" { row.amount } else { 0 })),
        ("fees_msat", sum(|row| if row.state == "settled" { row.fee } else { 0 })),
    ] {
        findings.unless(books[account] == want, || format!("{account} is {}, payments say {want}", books[account]));
    }
}

/// At most one settled payment for a purchase, and for a hash.
fn nothing_twice(findings: &mut Findings, rows: &[Row<'_>]) {
    let (mut purchases, mut hashes) = (BTreeMap::new(), BTreeMap::new());
    for row in rows.iter().filter(|row| row.state.ends_with("settled")) {
        *purchases.entry(row.purchase).or_insert(0) += 1;
        *hashes.entry(row.hash).or_insert(0) += 1;
    }
    for (purchase, count) in purchases.into_iter().filter(|(_, count)| *count > 1) {
        findings.0.push(format!("purchase {purchase} was settled {count} times"));
    }
    for (hash, count) in hashes.into_iter().filter(|(_, count)| *count > 1) {
        findings.0.push(format!("{} was settled {count} times", hash.to_lower_hex_string()));
    }
}

/// Whatever the wallet was asked to pay stands in the books as sent, or as more than that.
fn durable_before_the_wire(findings: &mut Findings, rows: &[Row<'_>], wallet: &Ledger) {
    let sent = |row: &&Row<'_>| !["held", "intent", "cancelled"].contains(&row.state);
    let sent: BTreeMap<_, _> = rows.iter().filter(sent).map(|row| (row.hash, row)).collect();
    let asked = wallet.asked();
    for hash in asked.iter().filter(|hash| !sent.contains_key(*hash)) {
        let known = rows.iter().find(|row| row.hash == *hash).map_or("not in the books", |row| row.state);
        findings.0.push(format!("the wallet was asked to pay {}, which is {known}", hash.to_lower_hex_string()));
    }
}

/// What is settled here is settled there: same proof, same amount, same fee.
fn settled_as_the_wallet_did(findings: &mut Findings, rows: &[Row<'_>], wallet: &Ledger) {
    for row in rows.iter().filter(|row| row.state == "settled") {
        let hash = row.hash.to_lower_hex_string();
        let proof = row.preimage.map(|preimage| sha256::Hash::hash(&preimage).to_byte_array());
        findings.unless(proof == Some(row.hash), || format!("{hash} is settled without proof"));
        let there = wallet.payment(&row.hash).filter(|payment| payment.state == PayState::Settled);
        let same = there.is_some_and(|there| {
            (Some(there.preimage), there.amount_msat, there.fee_msat) == (row.preimage, row.amount, row.fee)
        });
        findings.unless(same, || format!("{hash} is settled in the books, and not so at the wallet"));
    }
}

/// The one agreement whose budget is soon used up stays below it, in the books and at the wallet.
fn budgets_hold(findings: &mut Findings, rows: &[Row<'_>], wallet: &Ledger) {
    let capped = || rows.iter().filter(|row| row.rule == "capped");
    let committed: u64 = capped().map(Row::committed).sum();
    findings.unless(committed <= CAP_MSAT, || format!("{committed} msat committed, {CAP_MSAT} msat allowed"));
    let gone = |row: &Row<'_>| wallet.payment(&row.hash).filter(|payment| payment.state != PayState::Failed);
    let hashes: BTreeMap<_, _> = capped().map(|row| (row.hash, row)).collect();
    let spent: u64 = hashes.values().filter_map(|row| gone(row)).map(|paid| paid.amount_msat + paid.fee_msat).sum();
    findings.unless(spent <= CAP_MSAT, || format!("the wallet spent {spent} msat, {CAP_MSAT} msat were allowed"));
    for row in rows {
        let limit =
            AGREEMENTS.iter().find(|(name, ..)| *name == row.rule).map_or(0, |(_, per_payment, _)| *per_payment);
        let cost = row.amount + row.fee_max.max(row.fee);
        findings.unless(cost <= limit, || format!("{}: {cost} msat at once, {limit} msat allowed", row.rule));
    }
}

#[derive(Default)]
struct Findings(Vec<String>);

impl Findings {
    fn unless(&mut self, holds: bool, text: impl FnOnce() -> String) {
        if !holds {
            self.0.push(text());
        }
    }
}

const MWH_PER_KWH: u128 = 1_000_000;

/// The whole books as one JSON object.
const QUESTION: &str = "
SELECT json_object(
    'integrity', (SELECT group_concat(integrity_check) FROM pragma_integrity_check),
    'strangers', (SELECT count(*) FROM pragma_foreign_key_check),
    'unbalanced', (SELECT count(*) FROM (SELECT 1 FROM ledger GROUP BY posting HAVING sum(amount_msat) <> 0)),
    'ledger_sum', (SELECT ifnull(sum(amount_msat), 0) FROM ledger),
    'wallet_msat', (SELECT ifnull(sum(amount_msat), 0) FROM ledger WHERE account GLOB 'wallet:*' OR account = 'opening'),
    'pending_msat', (SELECT ifnull(sum(amount_msat), 0) FROM ledger WHERE account = 'pending'),
    'energy_msat', (SELECT ifnull(sum(amount_msat), 0) FROM ledger WHERE account = 'expense:energy'),
    'fees_msat', (SELECT ifnull(sum(amount_msat), 0) FROM ledger WHERE account = 'expense:fee'),
    'lock', (SELECT value FROM meta WHERE key = 'lock'),
    'journal_entries', (SELECT ifnull(max(seq), 0) FROM journal),
    'payments_settled', (SELECT count(*) FROM payments WHERE state = 'settled'),
    'energy_billed_mwh', (SELECT ifnull(sum(billed_to_mwh - start_total_mwh), 0) FROM agreements),
    'total_mwh', (SELECT ifnull(max(total_mwh), 0) FROM meters),
    'agreements', (SELECT json_group_array(json_object('agreement', agreement, 'start_total_mwh', start_total_mwh,
        'billed_to_mwh', billed_to_mwh, 'owed_msat', owed_msat, 'remainder', remainder)) FROM agreements),
    'payments', (SELECT json_group_array(json_object('hash', lower(hex(hash)), 'purchase', purchase, 'rule', p.rule,
        'state', p.state, 'amount_msat', p.amount_msat, 'fee_max_msat', fee_max_msat, 'fee_msat', fee_msat,
        'preimage', iif(preimage IS NULL, NULL, lower(hex(preimage))))) FROM payments p JOIN purchases USING (purchase))
);";
