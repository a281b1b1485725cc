//! Power cuts: Kilosat's state lies on an ext4 file system that loses everything it has not flushed.
//!
//! Needs root and a loop device. The mounts live in a mount namespace of the test's own, so that the system removes them
//! whatever becomes of the test.

use std::process::Command;
use std::time::Duration;

use kilosat::control::{ask_status, socket_path};
use sim::wait;
use tokio::time::timeout;

use crate::audit::Acknowledged;
use crate::dice::Dice;
use crate::house::{House, Kind};
use crate::image::Image;
use crate::{count, seed, side_by_side, tally};

#[test]
fn a_power_cut_at_any_moment_forgets_nothing_that_was_acknowledged_or_sent() {
    if std::env::var_os(INSIDE).is_some() {
        return campaign();
    }
    if let Err(why) = possible() {
        assert_eq!(count("KILOSAT_FAULT_ALL", 0), 0, "no power cuts: {why}");
        println!("faults: no power cuts on this machine: {why}");
        return;
    }
    let name = "power::a_power_cut_at_any_moment_forgets_nothing_that_was_acknowledged_or_sent";
    let status = Command::new("unshare")
        .args(["--mount", "--fork", "--kill-child"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(INSIDE, "1")
        .status();
    assert!(status.unwrap().success(), "see above");
}

/// Whether this user may mount an image here.
fn possible() -> Result<(), String> {
    let user = Command::new("id").arg("-u").output().map_err(|error| error.to_string())?;
    if user.stdout.trim_ascii() != b"0" {
        return Err("only root may mount a disk image".to_owned());
    }
    let image = Image::new().map_err(|why| format!("no disk image can be mounted ({why})"))?;
    let shutdown = Command::new("xfs_io").arg("-V").output();
    if !shutdown.is_ok_and(|output| output.status.success()) {
        return Err("there is no xfs_io; run tests/faults/tools".to_owned());
    }
    image.check()
}

fn campaign() {
    let cuts = count("KILOSAT_FAULT_CUTS", 15);
    let all = side_by_side(cuts, street);
    let (settled, answered) = all.into_iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    println!("faults: {settled} payments settled between {cuts} power cuts, {answered} of them right after an answer");
    tally("power cuts", cuts);
    assert!(settled >= cuts, "money hardly moved: {settled} payments");
    assert!(answered >= cuts / 4, "{answered} of {cuts} cuts came after an answer");
}

/// One house after the other. Returns how many payments were settled, and before how many cuts Kilosat had said how far
/// it had come.
async fn street(cuts: u64, mut dice: Dice) -> (u64, u64) {
    let (mut done, mut settled, mut answered) = (0, 0, 0);
    while done < cuts {
        let kind = if dice.below(2) == 0 { Kind::Lnd } else { Kind::Phoenixd };
        let image = Image::new().unwrap();
        let mut house = House::build(kind, Some(image.root().join("state"))).await;
        for life in 0..LIVES_PER_HOUSE.min(cuts - done) {
            let context = format!("seed {}, {kind:?}, life {life}, {dice:?}", seed());
            house.change_weather(&mut dice);
            let before = house.ledger.asked_count();
            let hub = house.start();
            if dice.below(4) > 0 {
                house.moved_since(before, STARTED_WITHIN).await;
            }
            wait::let_pass(Duration::from_micros(dice.below(120_000))).await;
            let mut acknowledged = Acknowledged::default();
            if dice.below(2) == 0
                && let Ok(Ok(status)) = timeout(ANSWER_WITHIN, ask_status(&socket_path(&house.state))).await
            {
                acknowledged = Acknowledged::by(&status);
                answered += 1;
            }
            image.cut(hub, dice.below(3) == 0).await.unwrap_or_else(|why| panic!("{context}: {why}\n{}", house.log()));
            house.audit(&context, acknowledged);
            done += 1;
        }
        let context = format!("seed {}, {kind:?}, the end", seed());
        settled += u64::try_from(house.close_accounts(&context).await).unwrap();
        drop(house);
        image.check().unwrap_or_else(|why| panic!("{context}: {why}"));
    }
    (settled, answered)
}

/// Set for the part of the test that runs in its own mount namespace.
const INSIDE: &str = "KILOSAT_FAULT_INSIDE";
const LIVES_PER_HOUSE: u64 = 40;
const STARTED_WITHIN: Duration = Duration::from_secs(10);
const ANSWER_WITHIN: Duration = Duration::from_millis(500);
