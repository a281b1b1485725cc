//! The stop button, meters with a pulse output, contacts and relays under the real `kilosat` binary. See `sim/gpio`.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests may panic and write files")]

mod pulses;
mod relays;

use std::time::Duration;

use kilosat::status::Status;
use sim::gpio::{Fault, Wire};
use sim::house::House;
use sim::wait::{answer, let_pass};

/// What `[stop_button]` says; `line` as it stands in TOML.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Button {
    chip: &'static str,
    line: &'static str,
    normally: &'static str,
    bias: &'static str,
    debounce_ms: u32,
}

impl Button {
    async fn house(self) -> House {
        let Button { chip, line, normally, bias, debounce_ms } = self;
        House::new(&format!(
            "[stop_button]\nchip = {chip:?}\nline = {line}\nnormally = {normally:?}\nbias = {bias:?}\n\
             debounce_ms = {debounce_ms}\n[ask]\nfirst_payment = false\n"
        ))
        .await
    }
}

/// A button as emergency stops are: it opens a circuit to ground.
const CLOSED: Button =
    Button { chip: "pinctrl-test", line: "\"GPIO17\"", normally: "closed", bias: "pull-up", debounce_ms: 50 };
/// The same on a circuit that is closed by a press.
const OPEN: Button = Button { normally: "open", ..CLOSED };
/// Where it is connected.
const LINE: (u32, usize) = (0, 1);
const LINES: [&str; 3] = ["ID_SDA", "GPIO17", ""];

fn button_is(state: &'static str) -> impl Fn(&Status) -> bool {
    move |status| status.stop_button.as_ref().is_some_and(|button| button.state == state)
}

fn fault(status: &Status) -> String {
    status.stop_button.as_ref().unwrap().fault.clone().unwrap_or_default()
}

/// A house whose button is connected to ground and at rest.
async fn house(button: Button) -> House {
    let house = button.house().await;
    house.gpio.plug(LINE.0, button.chip, &LINES);
    house.gpio.connect(LINE.0, LINE.1, if button.normally == "closed" { Wire::Ground } else { Wire::Open });
    house
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_press_stops_payments_also_over_a_restart_and_only_the_owner_lets_them_go_on() {
    let house = house(CLOSED).await;
    let mut hub = house.start();
    hub.until("the button is watched", |status| button_is("ready")(status) && !status.stopped).await;
    let requested = house.gpio.requested(LINE.0, LINE.1).unwrap();
    assert_eq!((requested.consumer.as_str(), requested.debounce_us), ("kilosat", 50_000));
    hub.until("the meter is read", |status| status.meters[0].state == "good").await;
    house.use_wh(2);
    let paid = hub.until("the first bill is paid", |status| status.totals.payments_settled == 1).await;
    assert_eq!((paid.totals.paid_energy_msat, house.payments()), (2_000, 1));

    // Pressed and released at once: nobody has time to read the level.
    house.gpio.connect(LINE.0, LINE.1, Wire::Open);
    house.gpio.connect(LINE.0, LINE.1, Wire::Ground);
    hub.until("the press is noticed", |status| status.stopped && button_is("ready")(status)).await;
    house.use_wh(3);
    let owed = hub.until("the energy is counted", |status| status.totals.energy_billed_mwh == 5_000).await;
    assert_eq!((owed.totals.owed_msat, owed.totals.payments_settled), (3_000, 1));

    hub.kill();
    let mut hub = house.start();
    hub.until("it is still stopped after a power cut", |status| status.stopped && button_is("ready")(status)).await;
    house.use_wh(4);
    let owed = hub.until("more energy is counted", |status| status.totals.energy_billed_mwh == 9_000).await;
    assert_eq!((owed.totals.payments_settled, house.payments()), (1, 1), "nothing is paid");
    let shown: Status = serde_json::from_str(&house.kilosat(&["status", "--json"])).unwrap();
    assert!(shown.stopped && button_is("ready")(&shown));
    assert!(house.kilosat(&["status"]).contains("Stop button: ready"));

    assert!(house.kilosat(&["resume"]).contains("Automatic payments go on"));
    let paid = hub.until("what was owed is paid", |status| status.totals.owed_msat == 0).await;
    assert!(!paid.stopped);
    assert_eq!(paid.totals.paid_energy_msat, 9_000);
    assert!(hub.log().contains("the stop button is pressed, or its wire is broken. Automatic payments are stopped."));
    assert!(hub.terminate().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_button_that_is_held_keeps_payments_stopped_from_the_start() {
    let house = house(CLOSED).await;
    // Nobody pressed it: the wire is broken.
    house.gpio.connect(LINE.0, LINE.1, Wire::Open);
    let mut hub = house.start();
    let first = hub.status().await;
    assert!(first.stopped && button_is("pressed")(&first), "the first answer says so: {first:#?}");
    assert!(house.kilosat(&["status"]).contains("Stop button: pressed, or its wire is broken"));
    assert!(house.kilosat(&["resume"]).contains("go on"));
    hub.until("it is stopped again while the button is held", |status| status.stopped).await;

    house.gpio.connect(LINE.0, LINE.1, Wire::Ground);
    let repaired = hub.until("the wire is repaired", button_is("ready")).await;
    assert!(repaired.stopped, "releasing the button changes nothing");
    assert!(house.kilosat(&["resume"]).contains("go on"));
    let_pass(TWO_LOOKS).await;
    let running = hub.status().await;
    assert!(!running.stopped && button_is("ready")(&running));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_way_to_connect_a_button_works() {
    let lines = [("closed", true), ("open", false)];
    let resistors = [
        ("pull-up", Wire::Ground),
        ("pull-down", Wire::Supply),
        ("external-pull-up", Wire::Ground),
        ("external-pull-down", Wire::Supply),
    ];
    for (normally, is_closed) in lines {
        for (bias, other_side) in resistors {
            let button = Button { normally, bias, line: "1", ..CLOSED };
            let house = button.house().await;
            house.gpio.plug(LINE.0, button.chip, &LINES);
            if bias.starts_with("external") {
                house.gpio.set_external_pull(LINE.0, LINE.1, bias.ends_with("up"));
            }
            let (rest, pressed) = if is_closed { (other_side, Wire::Open) } else { (Wire::Open, other_side) };
            house.gpio.connect(LINE.0, LINE.1, rest);
            let mut hub = house.start();
            let ready = hub.status().await;
            assert!(button_is("ready")(&ready) && !ready.stopped, "{button:?}: {ready:#?}");
            house.gpio.connect(LINE.0, LINE.1, pressed);
            hub.until(&format!("{button:?} is pressed"), |status| status.stopped && button_is("pressed")(status)).await;
            assert!(hub.terminate().await.success());
            assert_eq!(house.gpio.requested(LINE.0, LINE.1), None, "the line is given back");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sparks_and_long_cables_stop_nothing() {
    // So long that a busy machine does not disturb the test; the cable takes a fiftieth of it.
    let house = house(Button { debounce_ms: 1_000, ..OPEN }).await;
    house.gpio.set_long_cable(LINE.0, LINE.1);
    let mut hub = house.start();
    let ready = hub.status().await;
    assert!(button_is("ready")(&ready) && !ready.stopped, "a cable that still charges is no press: {ready:#?}");
    for _ in 0..100 {
        house.gpio.glitch(LINE.0, LINE.1, Wire::Ground);
    }
    let_pass(TWO_LOOKS).await;
    assert!(!hub.status().await.stopped, "a spark is no press");
    house.gpio.connect(LINE.0, LINE.1, Wire::Ground);
    hub.until("the button is pressed", |status| status.stopped).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_keeps_a_button_from_working_has_its_sentence() {
    #[track_caller]
    fn says(status: &Status, words: &[&str]) {
        let text = fault(status);
        assert!(button_is("missing")(status) && words.iter().all(|word| text.contains(word)), "{words:?}: {text:?}");
        assert!(text.contains("The button is not watched; "), "{text}");
        assert!(!status.stopped, "a fault is no press, and nothing is stored");
    }
    let started =
        async |button: Button, prepare: &dyn Fn(&House)| {
            let house = button.house().await;
            prepare(&house);
            let mut hub = house.start();
            let status = hub.status().await;
            assert!(hub.log().contains("THE STOP BUTTON DOES NOT WORK"), "{}", hub.log());
            assert!(house.kilosat(&["status"]).contains(&format!(
                "THE STOP BUTTON DOES NOT WORK, so nothing is paid until it does: {}",
                fault(&status)
            )));
            status
        };
    let plug = |house: &House| house.gpio.plug(0, "pinctrl-test", &LINES);

    let none = started(CLOSED, &|_| {}).await;
    says(&none, &["no GPIO chip \"pinctrl-test\"", "which has none"]);
    let other = started(CLOSED, &|house| house.gpio.plug(3, "pinctrl-other", &LINES)).await;
    says(&other, &["no GPIO chip \"pinctrl-test\"", "pinctrl-other", "correct the chip's name"]);
    let no_path = started(Button { chip: "/dev/gpiochip7", ..CLOSED }, &plug).await;
    says(&no_path, &["no GPIO chip \"/dev/gpiochip7\"", "pinctrl-test"]);
    says(&started(Button { chip: "/dev/null", ..CLOSED }, &plug).await, &["no GPIO chip \"/dev/null\""]);
    says(&started(Button { line: "\"GPIO18\"", ..CLOSED }, &plug).await, &["no line GPIO18", "gpioinfo"]);
    says(&started(Button { line: "3", ..CLOSED }, &plug).await, &["no line 3"]);

    let twins = |house: &House| [0, 1].iter().for_each(|number| house.gpio.plug(*number, "pinctrl-test", &LINES));
    says(&started(CLOSED, &twins).await, &["several GPIO lines GPIO17", "the path of the chip"]);
    let twice = |house: &House| house.gpio.plug(0, "pinctrl-test", &["", "GPIO17", "GPIO17"]);
    says(&started(CLOSED, &twice).await, &["several GPIO lines GPIO17", "the number of the line"]);

    let busy = |house: &House| {
        plug(house);
        house.gpio.set_other_user(LINE.0, LINE.1, Some("fan-control"));
    };
    says(&started(CLOSED, &busy).await, &["in use by \"fan-control\"", "end that program"]);
    for (wrong, words) in [
        (Fault::Denied, ["does not let Kilosat use the GPIO line GPIO17", "usually gpio"]),
        (Fault::OldKernel, ["the kernel is too old", "Linux 5.10"]),
        (Fault::NoInterrupts, ["cannot report a press", "choose another line"]),
    ] {
        let sick = |house: &House| {
            plug(house);
            house.gpio.set_fault(0, wrong);
        };
        says(&started(CLOSED, &sick).await, &words);
        says(&started(Button { chip: "/dev/gpiochip0", ..CLOSED }, &sick).await, &words);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_button_that_comes_back_is_watched_again() {
    let house = house(CLOSED).await;
    let mut hub = house.start();
    assert!(button_is("ready")(&hub.status().await));
    house.gpio.unplug(LINE.0);
    let gone = hub.until("the chip is gone", button_is("missing")).await;
    assert!(!gone.stopped);
    // A press could not be noticed now, so nothing is paid.
    hub.until("the meter is read", |status| status.meters[0].state == "good").await;
    house.use_wh(2);
    let waits = hub.until("the energy is counted", |status| status.totals.owed_msat == 2_000).await;
    assert!(
        waits.agreements[0].notices[0].contains("The stop button does not work"),
        "{:?}",
        waits.agreements[0].notices
    );
    assert_eq!(house.payments(), 0);
    // Under another number, as it happens to chips on USB; its label stays.
    house.gpio.plug(4, CLOSED.chip, &LINES);
    house.gpio.connect(4, LINE.1, Wire::Ground);
    let back = answer(async || house.gpio.requested(4, LINE.1));
    assert!(back.await.is_some());
    hub.until("it is watched again", button_is("ready")).await;
    assert!(hub.log().contains("the stop button is watched again"));
    hub.until("what was owed is paid", |status| status.totals.owed_msat == 0).await;
    house.gpio.connect(4, LINE.1, Wire::Open);
    hub.until("it works again", |status| status.stopped).await;
}

/// The level is looked at every second.
const TWO_LOOKS: Duration = Duration::from_millis(2_500);
