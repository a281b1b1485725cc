//! The ledger against a naive model of it: whatever happens to payments, it adds up.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const ACCOUNTS: [&str; 7] =
    [WALLET, Posting::PENDING, Posting::ENERGY, Posting::DATA, Posting::FEES, Posting::INCOME, Posting::SUSPENSE];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn only_what_sums_to_zero_is_written_and_every_account_is_the_sum_of_it(
        postings in prop::collection::vec(posting(), 1..20),
    ) {
        let directory = tempfile::tempdir().unwrap();
        let mut store = open(directory.path());
        let tx = store.begin().unwrap();
        let (mut accounts, mut entries) = (BTreeMap::new(), 0_i64);
        for sides in &postings {
            let balanced = sides.iter().map(|side| i128::from(side.1)).sum::<i128>() == 0;
            prop_assert_eq!(tx.post(NOW, None, sides).is_ok(), balanced, "{:?}", sides);
            for side in sides.iter().filter(|side| balanced && side.1 != 0) {
                *accounts.entry(side.0).or_insert(0) += side.1;
                entries += 1;
            }
            for account in ACCOUNTS {
                prop_assert_eq!(tx.account(account).unwrap(), accounts.get(account).copied().unwrap_or(0));
            }
            prop_assert_eq!(tx.ledger_sum().unwrap(), 0);
        }
        let written: i64 = tx.sql.query_row("SELECT count(*) FROM ledger", [], |row| row.get(0)).unwrap();
        prop_assert_eq!(written, entries);
        assert_kept(&tx, written);
    }

    #[test]
    fn whatever_becomes_of_payments_the_ledger_says_what_they_reserve_and_cost(
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let directory = tempfile::tempdir().unwrap();
        let mut store = open(directory.path());
        let tx = store.begin().unwrap();
        let mut model = Model::new(&tx);
        for step in steps {
            model.take(&tx, step);
            model.check(&tx, &format!("{step:?}"));
        }
        let written: i64 = tx.sql.query_row("SELECT count(*) FROM ledger", [], |row| row.get(0)).unwrap();
        assert_kept(&tx, written);
        tx.commit().unwrap();
        drop(store);
        let mut store = open(directory.path());
        model.check(&store.begin().unwrap(), "opened again");
    }
}

/// Sides that sum to zero, or by chance do not.
fn posting() -> impl Strategy<Value = Vec<Posting<'static>>> {
    let side = (0..ACCOUNTS.len(), -1_000_000_000_000_i64..1_000_000_000_000);
    (prop::collection::vec(side, 1..6), prop::bool::weighted(0.7)).prop_map(|(sides, closes)| {
        let mut sides: Vec<_> = sides.into_iter().map(|(account, amount)| Posting(ACCOUNTS[account], amount)).collect();
        if closes {
            let sum: i64 = sides.iter().map(|side| side.1).sum();
            sides.push(Posting(ACCOUNTS[sides.len() % ACCOUNTS.len()], -sum));
        }
        sides
    })
}

/// Something happens.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// An invoice for a purchase is to be paid.
    Intend { purchase: usize, amount: u64, fee_max: u64 },
    /// A payment goes to a state, if it may; where money leaves, with this fee.
    Move { payment: usize, to: State, fee: u64 },
    /// A purchase goes to a state, or costs something else.
    Purchase { purchase: usize, state: &'static str, amount: Option<u64> },
    /// Time passes.
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let intend = (0..PURCHASES, 1_u64..1_000_000, 0_u64..50_000);
    let moves = (0_usize..1_000, prop::sample::select(&State::ALL[..]), 0_u64..60_000);
    let wait = prop_oneof![1_u64..HOUR, HOUR..3 * DAY, DAY..20 * DAY];
    let states = prop::sample::select(&["open", "withdrawn", "paid", "frozen"][..]);
    let purchase = (0..PURCHASES, states, prop::option::of(1_u64..1_000_000));
    prop_oneof![
        3 => intend.prop_map(|(purchase, amount, fee_max)| Step::Intend { purchase, amount, fee_max }),
        8 => moves.prop_map(|(payment, to, fee)| Step::Move { payment, to, fee }),
        3 => purchase.prop_map(|(purchase, state, amount)| Step::Purchase { purchase, state, amount }),
        2 => wait.prop_map(Step::Wait),
    ]
}

/// What is known of the payments without the ledger.
struct Model {
    purchases: Vec<i64>,
    /// State and amount of each purchase.
    owed: Vec<(&'static str, u64)>,
    payments: Vec<Known>,
    now: UnixMillis,
}

struct Known {
    row: i64,
    purchase: usize,
    state: State,
    amount: u64,
    fee_max: u64,
    fee: u64,
    created: UnixMillis,
}

impl Known {
    /// What it takes out of every limit.
    fn cost(&self) -> u64 {
        match self.state {
            state if state.is_open() => self.amount + self.fee_max,
            state if state.is_paid() => self.amount + self.fee,
            _ => 0,
        }
    }

    fn rule(&self) -> &'static str {
        rule_of(self.purchase)
    }
}

impl Model {
    fn new(tx: &Tx<'_>) -> Model {
        let open = |number: usize| {
            let (key, rule) = (number.to_string(), rule_of(number));
            tx.open_purchase(&key, PurchaseKind::Energy, rule, "meter@utility.example", Msat(1_000), NOW).unwrap()
        };
        Model {
            purchases: (0..PURCHASES).map(|number| open(number).purchase).collect(),
            owed: vec![("open", 1_000); PURCHASES],
            payments: Vec::new(),
            now: NOW,
        }
    }

    fn take(&mut self, tx: &Tx<'_>, step: Step) {
        match step {
            Step::Wait(ms) => self.now = self.now.plus(ms),
            Step::Intend { purchase, amount, fee_max } => self.intend(tx, purchase, amount, fee_max),
            Step::Move { payment, to, fee } if !self.payments.is_empty() => {
                let place = payment % self.payments.len();
                self.go(tx, place, to, fee);
            }
            Step::Move { .. } => {}
            Step::Purchase { purchase, state, amount } => {
                let (row, owed) = (self.purchases[purchase], &mut self.owed[purchase]);
                tx.set_purchase_state(row, state).unwrap();
                owed.0 = state;
                if let Some(amount) = amount {
                    tx.set_purchase_amount(row, Msat(amount)).unwrap();
                    owed.1 = amount;
                }
            }
        }
    }

    /// One purchase has one hash, and one live or settled payment.
    fn intend(&mut self, tx: &Tx<'_>, purchase: usize, amount: u64, fee_max: u64) {
        let tag = u8::try_from(purchase).unwrap();
        let invoice = Invoice { amount: Msat(amount), ..invoice(tag) };
        let row = self.purchases[purchase];
        let new = NewPayment {
            purchase: row,
            invoice: &invoice,
            fee_max: Msat(fee_max),
            service: "node",
            payee: "a",
            ticket: None,
            memo: None,
            rate: None,
        };
        let made = tx.insert_intent(&new, self.now);
        let holds = |known: &Known| known.state.is_open() || known.state == State::Settled;
        let taken = self.payments.iter().any(|known| known.purchase == purchase && holds(known));
        assert_eq!(made.is_err(), taken, "a second live payment of purchase {purchase}");
        let Ok(row) = made else { return };
        post(tx, self.now, row, &[(WALLET, -whole(amount + fee_max)), (Posting::PENDING, whole(amount + fee_max))]);
        let (created, state) = (self.now, State::Intent);
        self.payments.push(Known { row, purchase, state, amount, fee_max, fee: 0, created });
    }

    fn go(&mut self, tx: &Tx<'_>, place: usize, to: State, fee: u64) {
        let known = &mut self.payments[place];
        let (row, from, reserved) = (known.row, known.state, whole(known.amount + known.fee_max));
        if from.move_to(to).is_err() {
            let is_final = !from.is_open() && from != to;
            let refused = is_final && !(from == State::Failed && to == State::LateSettled);
            assert!(!refused || tx.set_payment_state(row, to, None, self.now).is_err(), "{from:?} to {to:?}");
            return;
        }
        known.state = to;
        let (amount, paid) = (whole(known.amount), whole(fee));
        if to.is_paid() {
            known.fee = fee;
            tx.set_payment_paid(row, to, &Preimage([9; 32]), Msat(fee), self.now).unwrap();
        } else {
            tx.set_payment_state(row, to, None, self.now).unwrap();
        }
        match to {
            State::Failed | State::Cancelled => {
                post(tx, self.now, row, &[(Posting::PENDING, -reserved), (WALLET, reserved)]);
            }
            State::Settled => {
                let rest = reserved - amount - paid;
                let sides = [(Posting::PENDING, -reserved), (Posting::ENERGY, amount), (Posting::FEES, paid)];
                post(tx, self.now, row, &[&sides[..], &[(WALLET, rest)]].concat());
            }
            State::LateSettled => {
                let sides = [(WALLET, -amount - paid), (Posting::ENERGY, amount), (Posting::FEES, paid)];
                post(tx, self.now, row, &sides);
            }
            _ => {}
        }
    }

    #[track_caller]
    fn check(&self, tx: &Tx<'_>, context: &str) {
        let sum = |of: &dyn Fn(&Known) -> u64| whole(self.payments.iter().map(of).sum());
        let only = |holds: bool, amount: u64| if holds { amount } else { 0 };
        let account = |name: &str| tx.account(name).unwrap();
        let reserved = sum(&|known| only(known.state.is_open(), known.amount + known.fee_max));
        assert_eq!(account(Posting::PENDING), reserved, "{context}: pending");
        let spent = sum(&|known| only(known.state.is_paid(), known.amount));
        assert_eq!(account(Posting::ENERGY), spent, "{context}: spent");
        assert_eq!(account(Posting::FEES), sum(&|known| known.fee), "{context}: fees");
        assert_eq!(account(WALLET), -sum(&Known::cost), "{context}: wallet");
        assert_eq!(tx.ledger_sum().unwrap(), 0, "{context}");
        proof::verify_sums(&tx.sql).unwrap();
        let Totals { payments_settled, payments_failed, .. } = tx.totals().unwrap();
        let count = |holds: fn(State) -> bool| self.payments.iter().filter(|known| holds(known.state)).count();
        assert_eq!(payments_settled, u64::try_from(count(State::is_paid)).unwrap(), "{context}: settled");
        assert_eq!(payments_failed, u64::try_from(count(|state| state == State::Failed)).unwrap(), "{context}: failed");
        for rule in RULES {
            let of_rule = self.owed.iter().enumerate().filter(|(purchase, _)| rule_of(*purchase) == rule);
            let paid: Vec<u64> = of_rule.filter(|(_, owed)| owed.0 == "paid").map(|(_, owed)| owed.1).collect();
            let paid = (u64::try_from(paid.len()).unwrap(), Msat(paid.iter().sum()));
            assert_eq!(tx.paid_purchases(rule).unwrap(), paid, "{context}: paid by {rule}");
            let expected = WINDOWS.map(|window| {
                let inside = self.payments.iter().filter(|known| self.now.since(known.created) < window);
                let (of_rule, of_house) = inside.fold((0, 0), |(of_rule, of_house), known| {
                    (of_rule + only(known.rule() == rule, known.cost()), of_house + known.cost())
                });
                [of_rule, of_house]
            });
            assert_eq!(committed(tx, rule, self.now), expected, "{context}: committed by {rule}");
        }
    }
}

/// What counts against the limits of `rule` and of the house, for each of [`WINDOWS`].
fn committed(tx: &Tx<'_>, rule: &str, now: UnixMillis) -> [[u64; 2]; 3] {
    let [hour, day, month] = WINDOWS.map(|window| UnixMillis(now.0.saturating_sub(window)));
    let Accounts { rule, payee, house } =
        tx.committed(rule, "a", None, &Starts { hour, day, month, jump: None }).unwrap();
    assert_eq!(payee, house, "all of it goes to one payee");
    [[rule.hour.0, house.hour.0], [rule.day.0, house.day.0], [rule.month.0, house.month.0]]
}

fn post(tx: &Tx<'_>, now: UnixMillis, payment: i64, sides: &[(&'static str, i64)]) {
    let sides: Vec<_> = sides.iter().map(|(account, amount)| Posting(account, *amount)).collect();
    tx.post(now, Some(payment), &sides).unwrap();
}

/// No entry can be changed or removed, in whatever words.
fn assert_kept(tx: &Tx<'_>, entries: i64) {
    for sql in [
        "UPDATE ledger SET amount_msat = 0",
        "UPDATE ledger SET entry = entry + 1000 WHERE entry = 1",
        "DELETE FROM ledger WHERE entry = 1",
        "REPLACE INTO ledger (entry, posting, at_ms, account, amount_msat) SELECT 1, 1, 1, 'wallet', 7 FROM ledger",
    ] {
        assert!(entries == 0 || tx.sql.execute(sql, []).is_err(), "{sql}");
    }
}

fn rule_of(purchase: usize) -> &'static str {
    RULES[purchase % RULES.len()]
}

fn whole(amount: u64) -> i64 {
    i64::try_from(amount).unwrap()
}

const PURCHASES: usize = 6;
const RULES: [&str; 2] = ["grid", "solar"];
const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;
const WINDOWS: [u64; 3] = [HOUR, DAY, 30 * DAY];
