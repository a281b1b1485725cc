//! SIGKILL at moments of chance.

use std::time::Duration;

use sim::wait;

use crate::audit::Acknowledged;
use crate::dice::Dice;
use crate::house::{House, Kind, WALLET_MSAT};
use crate::{count, seed, side_by_side, tally};

#[test]
fn kill_nine_at_any_moment_loses_nothing_and_pays_nothing_twice() {
    let kills = count("KILOSAT_FAULT_KILLS", 30);
    let settled: u64 = side_by_side(kills, street).into_iter().sum();
    println!("faults: {settled} payments settled between {kills} kills");
    tally("kills", kills);
    assert!(settled >= kills, "money hardly moved: {settled} payments");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_the_wallet_was_asked_for_without_a_row_is_noticed() {
    let house = House::build(Kind::Lnd, None).await;
    let hub = house.start();
    assert!(house.moved_since(0, STARTED_WITHIN).await, "no payment:\n{}", house.log());
    hub.kill();
    let books = crate::audit::Books::read(&house.state).unwrap();
    let look = || books.findings(&house.ledger, u64::MAX, Acknowledged::default());
    assert_eq!(look(), Vec::<String>::new());
    // As if a request had left and its row had been lost in a power cut.
    house.ledger.pay(&house.ledger.foreign(1_000, 60), None).unwrap();
    let findings = look();
    assert!(findings.len() == 1 && findings[0].contains("which is not in the books"), "{findings:?}");
    let findings = books.final_findings(&house.ledger, WALLET_MSAT);
    assert!(findings.iter().any(|finding| finding.contains("the books do not have it")), "{findings:?}");
}

/// One house after the other, until there were so many kills; returns how many payments were settled.
async fn street(kills: u64, mut dice: Dice) -> u64 {
    let (mut done, mut settled) = (0, 0);
    while done < kills {
        let kind = if dice.below(2) == 0 { Kind::Lnd } else { Kind::Phoenixd };
        let mut house = House::build(kind, None).await;
        let lives = (kills - done).min(LIVES_PER_HOUSE);
        for life in 0..lives {
            let context = format!("seed {}, {kind:?}, life {life}, {dice:?}", seed());
            house.change_weather(&mut dice);
            let before = house.ledger.asked_count();
            let hub = house.start();
            // A third die while they start, the others while they pay.
            if dice.below(3) > 0 {
                house.moved_since(before, STARTED_WITHIN).await;
            }
            wait::let_pass(Duration::from_micros(dice.below(150_000))).await;
            hub.kill();
            house.audit(&context, Acknowledged::default());
        }
        done += lives;
        let context = format!("seed {}, {kind:?}, the end", seed());
        settled += u64::try_from(house.close_accounts(&context).await).unwrap();
    }
    settled
}

/// Books grow, and every life reads them.
const LIVES_PER_HOUSE: u64 = 40;
const STARTED_WITHIN: Duration = Duration::from_secs(10);
