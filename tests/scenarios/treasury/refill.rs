//! Money between savings and the built-in node: an owner's yes, an LSP that is gone, power cuts at every step, and totals
//! that agree to the satoshi each time.

use kilosat::engine::Order;
use kilosat::status::Status;

use super::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn lightning_is_filled_up_from_the_savings_pays_at_once_and_is_swept_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::start(folder.path(), "low_sat = 50000\nhigh_sat = 350000").await;
    let asked = world.asked().await;
    assert_eq!((asked.kind.as_str(), asked.amount_sat), ("refill", 200_000));
    assert!((500..20_000).contains(&asked.cost_max_sat), "{asked:?}");
    let shown = world.saver.kilosat(&["treasury", "moves"]).unwrap();
    assert!(shown.contains("200000 sat from the savings into spending money; it costs at most"), "{shown}");
    world.order(Order::AgreeToMove(asked.number)).await;
    let done = world.ended(asked.number).await;
    assert_eq!(done.state, "done", "{done:#?}\n{}", world.saver.hub.log());
    assert!(done.cost_sat > 0 && done.cost_sat <= done.cost_max_sat, "{done:#?}");
    world.adds_up(0).await;

    let invoice = world.invoice(3_000);
    let is_usable = |status: &Status| status.lightning.spendable_msat > 150_000_000;
    world.until("the channel works", is_usable).await;
    let paid = world.saver.kilosat(&["pay", &invoice, "--yes"]).unwrap();
    assert!(paid.contains("3000 sat are on their way"), "{paid}");
    world.until("it is paid", |status| status.totals.payments_settled == 1).await;

    world.set_marks(20_000, 100_000);
    let asked = world.asked().await;
    assert_eq!(asked.kind, "sweep");
    world.order(Order::AgreeToMove(asked.number)).await;
    let done = world.ended(asked.number).await;
    assert_eq!(done.state, "done", "{done:#?}\n{}", world.saver.hub.log());
    let fees = world.saver.hub.status().await.totals.fees_msat;
    assert_eq!(fees % 1_000, 0, "{fees}");
    world.adds_up(3_000 + fees / 1_000).await;

    // There is a channel now, so no second one is opened.
    world.set_marks(150_000, 350_000);
    let asked = world.asked().await;
    assert_eq!(asked.kind, "refill");
    world.order(Order::AgreeToMove(asked.number)).await;
    let done = world.ended(asked.number).await;
    assert_eq!(done.state, "done", "{done:#?}\n{}", world.saver.hub.log());
    assert!(done.cost_sat <= done.cost_max_sat, "{done:#?}");
    world.adds_up(3_000 + fees / 1_000).await;
    let is_met = |status: &Status| status.lightning.spendable_msat > 150_000_000;
    let status = world.until("it can be spent", is_met).await;
    assert_eq!(status.lightning.channels, Some(1));

    // A rule that is taken away takes with it what has not begun to move.
    world.set_marks(300_000, 500_000);
    let asked = world.asked().await;
    world.remove_marks();
    let undone = world.ended(asked.number).await;
    assert_eq!((undone.state.as_str(), undone.cost_sat), ("undone", 0), "{undone:#?}");
    assert!(undone.fault.as_ref().is_some_and(|why| why.contains("rule that it came from was removed")), "{undone:#?}");
    world.adds_up(3_000 + fees / 1_000).await;
    world.town.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn lightning_whatever_the_power_cuts_a_move_ends_and_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::start(folder.path(), "ask = false\nlow_sat = 50000\nhigh_sat = 350000").await;
    let (mut world, refill) = world.cut_at_every_step("refill").await;
    assert_eq!(refill.state, "done", "{refill:#?}\n{}", world.saver.hub.log());
    world.adds_up(0).await;
    world.until("the channel works", |status| status.lightning.spendable_msat > 150_000_000).await;
    world.set_marks(20_000, 100_000);
    let (mut world, sweep) = world.cut_at_every_step("sweep").await;
    assert!(sweep.state == "done" || sweep.state == "undone", "{sweep:#?}");
    // One that a cut called off is made anew; the marks are met in the end.
    let is_met = |status: &Status| {
        status.open_move.is_none() && (20_000_000..=100_000_000).contains(&status.lightning.spendable_msat)
    };
    world.until("the marks are met", is_met).await;
    world.adds_up(0).await;
    world.set_marks(150_000, 350_000);
    let (mut world, topped) = world.cut_at_every_step("refill").await;
    assert_eq!(topped.state, "done", "{topped:#?}\n{}", world.saver.hub.log());
    world.adds_up(0).await;
    world.town.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn lightning_when_the_provider_is_gone_the_money_waits_and_goes_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::start(folder.path(), "low_sat = 50000\nhigh_sat = 350000").await;
    let asked = world.asked().await;
    let lsp = std::sync::Arc::clone(world.town.lsp.ldk());
    tokio::task::spawn_blocking(move || lsp.stop()).await.unwrap().unwrap();
    world.order(Order::AgreeToMove(asked.number)).await;
    let is_stuck = |status: &Status| status.open_move.as_ref().is_some_and(|open| open.fault.is_some());
    let stuck = world.until("it says why it does not go on", is_stuck).await.open_move.unwrap();
    assert_eq!(stuck.state, "opening", "{stuck:#?}");
    assert!(stuck.fault.as_ref().unwrap().contains("it is tried again"), "{stuck:#?}");
    world.adds_up(0).await;
    let said = world.order(Order::UndoMove(asked.number)).await;
    assert!(said.contains("goes back to the savings"), "{said}");
    let undone = world.ended(asked.number).await;
    assert_eq!(undone.state, "undone", "{undone:#?}");
    world.adds_up(0).await;
    let status = world.saver.hub.status().await;
    assert_eq!(status.lightning.balance_msat, 0, "all of it went back");
    world.town.close().await;
}
