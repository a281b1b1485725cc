//! What the owner says and sees, with the real `kilosat` binary: questions, statements, events, locks.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests may panic and write files")]

mod api;
mod canary;

use kilosat::status::Status;
use serde_json::Value;
use sim::house::House;

/// A house that asks before its first payment and before any above three satoshis.
async fn house() -> House {
    House::new("[ask]\nabove_msat = 3000\n").await
}

fn settled(count: u64) -> impl Fn(&Status) -> bool {
    move |status| status.totals.payments_settled == count
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_payment_and_a_large_one_wait_for_the_owner_over_a_power_cut() {
    let house = house().await;
    let mut hub = house.start();
    hub.until("the meter is read", |status| status.meters[0].state == "good").await;
    house.use_wh(2);
    let asked = hub.until("it asks", |status| !status.questions.is_empty()).await;
    assert_eq!((asked.questions[0].amount_msat, house.payments()), (2_000, 0));
    assert!(house.kilosat(&["status"]).contains("WAITS FOR YOU: may 2 sat be paid to electricity@"));

    hub.kill();
    let mut hub = house.start();
    let again = hub.until("it still asks", |status| !status.questions.is_empty()).await;
    assert_eq!(again.questions[0].question, asked.questions[0].question, "nobody is asked twice");
    let number = again.questions[0].question.to_string();
    assert!(house.kilosat(&["decline", &number]).contains("stays owed"));
    assert!(house.kilosat(&["status"]).contains("Refused by you: 2 sat to electricity@"));
    assert!(house.kilosat(&["approve", &number]).contains("Kilosat pays it now"));
    let paid = hub.until("it is paid", settled(1)).await;
    assert!(paid.questions.is_empty());

    house.use_wh(1);
    hub.until("the payee is known now", settled(2)).await;
    house.use_wh(7);
    let large = hub.until("it asks about a large one", |status| !status.questions.is_empty()).await;
    assert_eq!((large.questions[0].amount_msat, house.payments()), (7_000, 2));
    assert!(house.try_kilosat(&["approve", &number]).unwrap_err().contains("settled or no longer wanted"));
    house.kilosat(&["approve", &large.questions[0].question.to_string()]);
    hub.until("that is paid, too", settled(3)).await;
    assert_eq!(house.payments(), 3);
    assert!(hub.terminate().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statement_events_and_ledger_say_what_the_wallet_says() {
    let house = House::new("[ask]\nfirst_payment = false\n").await;
    let mut hub = house.start();
    let before = house.wallet().balance_msat();
    hub.until("the wallet is compared", |status| status.ledger.compared_ms.is_some()).await;
    hub.until("the meter is read", |status| status.meters[0].state == "good").await;
    house.use_wh(5);
    hub.until("all is paid", |status| status.totals.payments_settled > 0 && status.totals.owed_msat == 0).await;

    let statement: Value = serde_json::from_str(&house.kilosat(&["statement", "--json"])).unwrap();
    let msat = |key: &str| statement[key].as_i64().unwrap();
    assert_eq!(msat("brought_msat"), i64::try_from(before).unwrap());
    assert_eq!(msat("paid_msat"), 5_000);
    assert_eq!(msat("closing_msat"), i64::try_from(house.wallet().balance_msat()).unwrap());
    assert_eq!(msat("closing_msat"), msat("brought_msat") - msat("paid_msat") - msat("fees_msat"));
    assert_eq!(statement["lines"][0]["rule"], "electricity");
    assert!(house.kilosat(&["statement"]).contains("Paid"));
    assert!(house.try_kilosat(&["statement", "yesterday"]).unwrap_err().contains("such as 2026-11"));

    let events: Vec<Value> =
        house.kilosat(&["events"]).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let numbers: Vec<u64> = events.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>(), "numbered without gaps");
    let what: Vec<&str> = events.iter().filter_map(|event| event["entry"]["event"].as_str()).collect();
    let place = |name: &str| what.iter().position(|event| *event == name).unwrap();
    assert!(place("due") < place("intent") && place("intent") < place("settled"), "{what:?}");
    let last = numbers.last().unwrap().to_string();
    assert_eq!(house.kilosat(&["events", "--after", &last]), "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_somebody_else_made_from_the_wallet_locks_until_the_owner_has_looked() {
    let house = House::new("[ask]\nfirst_payment = false\n").await;
    // What the wallet did before Kilosat is nobody's business here.
    house.wallet().pay(&house.wallet().foreign(5_000, 600), None).unwrap();
    let mut hub = house.start();
    hub.until("the wallet is compared", |status| status.ledger.compared_ms.is_some()).await;
    assert_eq!(hub.status().await.lock, None);
    hub.kill();
    house.wallet().pay(&house.wallet().foreign(7_000, 600), None).unwrap();
    let mut hub = house.start();
    let locked = hub.until("it is locked", |status| status.lock.is_some()).await;
    assert!(locked.lock.unwrap().contains("a payment of 7 sat"));
    hub.until("the meter is read", |status| status.meters[0].state == "good").await;
    house.use_wh(2);
    hub.until("the energy is counted", |status| status.totals.owed_msat == 2_000).await;
    assert_eq!(house.payments(), 2, "nothing is paid meanwhile");
    assert!(house.try_kilosat(&["unlock"]).unwrap_err().contains("--compared"));
    assert!(house.kilosat(&["unlock", "--compared"]).contains("The lock is lifted"));
    let paid = hub.until("payments go on", settled(1)).await;
    assert!(paid.lock.is_none() && paid.ledger.suspense_msat >= 7_000, "{:?}", paid.ledger);
    assert_eq!(house.payments(), 3);
}
