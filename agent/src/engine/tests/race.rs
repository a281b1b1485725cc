//! A hundred requests at once against a budget for ten.

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::super::{Effect, Engine, Event};
use super::checks::check;
use super::world::{SLICE, SLICE_MWH, Terms, World, agreement, bills, budget, make, rules};
use crate::clock::Clock;
use crate::domain::money::Msat;
use crate::store::{Posting, Store};
use crate::tasks::EngineHandle;

const REQUESTS: usize = 100;
const ALLOWED: u64 = 10;
const ROUNDS: u64 = 1_000;

#[test]
fn of_a_hundred_requests_at_once_never_more_than_ten_fit_a_budget_for_ten() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    for round in 0..ROUNDS {
        runtime.block_on(race(round));
    }
}

/// A hundred agreements have a bill each; all bills arrive at the same moment from a hundred tasks.
async fn race(round: u64) {
    let cost = SLICE.0 + 1_500;
    let mut rules = rules();
    rules.agreements = (0..REQUESTS).map(|number| agreement(&format!("a{number}"), "main")).collect();
    rules.house = budget(1_000_000, ALLOWED * cost);
    let mut world = World::new(rules.clone());
    let clock = Clock::real();
    world.now = clock.now();
    let purchases: Vec<_> = bills(&world.consume(SLICE_MWH)).into_iter().map(|(purchase, _)| purchase).collect();
    assert_eq!(purchases.len(), REQUESTS);
    let bill = |(number, purchase): (u64, &i64)| {
        (*purchase, make(Terms::of(SLICE), round * 1_000 + number, clock.now().wall).bolt11)
    };
    let bolt11s: Vec<_> = (0_u64..).zip(&purchases).map(bill).collect();
    let store = Store::open(&world.leave().join("money.db"), "regtest").unwrap();
    let (effects, mut sent) = mpsc::channel::<Effect>(1_000);
    let (handle, ended) = EngineHandle::start(Engine::new(store, rules), clock, effects);
    let mut tasks = JoinSet::new();
    for (purchase, bolt11) in bolt11s {
        let handle = handle.clone();
        tasks.spawn(async move { handle.submit(Event::Bill { purchase, bolt11 }).await.unwrap() });
    }
    while tasks.join_next().await.is_some() {}
    drop(handle);
    ended.await.unwrap().unwrap();
    let sends = std::iter::from_fn(|| sent.try_recv().ok()).filter(|effect| matches!(effect, Effect::Send { .. }));
    assert_eq!(sends.count(), 1, "one payment at a time");
    world.restart();
    let reserved = world.account(Posting::PENDING);
    assert!(reserved <= i64::try_from(ALLOWED * cost).unwrap(), "round {round}: {}", Msat(reserved.unsigned_abs()));
    assert_eq!(world.payments(), 10, "round {round}: all that fit were let through, and no more");
    check(&mut world, &format!("round {round}"));
}
