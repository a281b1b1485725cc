//! Whole buses: real profiles, devices of the tests' own, wires of memory and a paused clock.

#![allow(clippy::unwrap_used)]
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::super::wires::{Request, link, network, serial};
use super::*;
use crate::modbus::{Ask, Framing, Model};
use crate::profiles::{Profile, Space, find};
use crate::reading::Quantity;

/// What a device of the tests does with a request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mood {
    Works,
    /// Answers as soon as the wire allows, and as slowly as its bits take.
    AtWireSpeed,
    Silent,
    /// Refuses whatever holds this register.
    Lacks(u16),
    Says(u8),
    ShowsZeros,
}

/// The devices on a line by unit, and what was asked of them.
#[derive(Clone, Default)]
struct Shelf {
    devices: Arc<Mutex<Devices>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

type Devices = BTreeMap<u8, (Arc<Profile>, Mood)>;
/// When, whom, from which register on, and how many.
type Asked = (Instant, u8, u16, u16);

impl Shelf {
    fn put(&self, unit: u8, profile: &str, mood: Mood) -> Device {
        let profile = find(profile).unwrap();
        self.devices.lock().unwrap().insert(unit, (Arc::clone(&profile), mood));
        let second = Duration::from_secs(1);
        Device { unit, model: Model::Known(profile), period: second, answer_max: second }
    }

    fn set(&self, unit: u8, mood: Mood) {
        self.devices.lock().unwrap().get_mut(&unit).unwrap().1 = mood;
    }

    fn asked_of(&self, unit: u8) -> Vec<(Instant, u16, u16)> {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|ask| ask.1 == unit).map(|ask| (ask.0, ask.2, ask.3)).collect()
    }

    fn answer(&self, request: &Request) -> Vec<(Duration, Vec<u8>)> {
        let (unit, address, quantity) = (request.unit(), request.address(), request.quantity());
        self.asked.lock().unwrap().push((Instant::now(), unit, address, quantity));
        let devices = self.devices.lock().unwrap();
        let Some((profile, mood)) = devices.get(&unit) else { return Vec::new() };
        let function = request.pdu()[1];
        let refuse = |code: u8| vec![(DEVICE_TIME, request.frame(&[unit, function | 0x80, code]))];
        match mood {
            Mood::Silent => return Vec::new(),
            Mood::Lacks(register) if (address..address + quantity).contains(register) => return refuse(2),
            Mood::Says(code) => return refuse(*code),
            _ => {}
        }
        let milli = |quantity: Quantity| if *mood == Mood::ShowsZeros { 0 } else { value(quantity) };
        let Some(words) = profile.answer(request.space(), address, quantity, milli) else { return refuse(2) };
        let frame = request.registers(&words);
        let time =
            if *mood == Mood::AtWireSpeed { least(quantity) - serial().wire().silent_interval() } else { DEVICE_TIME };
        vec![(time, frame)]
    }

    fn start(&self, framing: Framing, devices: Vec<Device>) -> Vec<Meter> {
        self.start_shared(framing, devices).0
    }

    fn start_shared(&self, framing: Framing, devices: Vec<Device>) -> (Vec<Meter>, Share) {
        let shelf = self.clone();
        let line = if framing == Framing::Rtu { serial() } else { network(framing) };
        let (bus, meters) = Bus::on(link(line, move |request| shelf.answer(request)), devices, || 0);
        let share = bus.share();
        tokio::spawn(bus.run());
        (meters, share)
    }
}

fn value(quantity: Quantity) -> i64 {
    match quantity.unit() {
        "Wh" => 5_000_000,
        "V" => 230_000,
        "Hz" => 50_000,
        _ => 900,
    }
}

/// The least time from one request for so many registers to the next, on a serial line: two frames, and a silence after each.
fn least(quantity: u16) -> Duration {
    let wire = serial().wire();
    wire.wire_time(8) + wire.wire_time(5 + 2 * usize::from(quantity)) + 2 * wire.silent_interval()
}

const DEVICE_TIME: Duration = Duration::from_millis(20);

#[tokio::test(start_paused = true)]
async fn every_device_of_every_profile_gives_its_values_in_turn() {
    for framing in [Framing::Rtu, Framing::Tcp] {
        let shelf = Shelf::default();
        let names: Vec<&str> = crate::profiles::names().collect();
        // One round in an hour: each is one that asks for everything.
        let period = Duration::from_secs(3_600);
        let put = |(unit, name): (u8, &&str)| Device { period, ..shelf.put(unit, name, Mood::Works) };
        let devices: Vec<Device> = (1..).zip(&names).map(put).collect();
        let meters = shelf.start(framing, devices.clone());
        for ((mut meter, device), name) in meters.into_iter().zip(devices).zip(names) {
            let heard = meter.next().await.unwrap();
            assert_eq!(heard.fault, None, "{name}");
            let profile = device.model.profile().unwrap();
            let asked = profile.points.iter().filter(|point| point.poll != crate::profiles::Poll::Now).count();
            let read = heard.round.readings.iter().filter(|reading| profile.point(reading.quantity).is_some());
            assert_eq!(read.count(), asked, "{name} {:?}", heard.round.missing);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_unit_costs_the_others_at_most_one_wait_each_round() {
    let shelf = Shelf::default();
    let devices = vec![
        shelf.put(1, "eastron-sdm630", Mood::Works),
        shelf.put(2, "eastron-sdm630", Mood::Silent),
        shelf.put(3, "eastron-sdm630", Mood::Works),
    ];
    let mut meters = shelf.start(Framing::Rtu, devices);
    let mut before: Option<Instant> = None;
    for _ in 0..120 {
        let at = meters[0].next().await.unwrap().at.unwrap();
        if let Some(before) = before {
            // Its own second, one wait of one second, and the wires.
            assert!(at - before < Duration::from_millis(2_600), "{:?}", at - before);
        }
        before = Some(at);
    }
    let dead = shelf.asked_of(2);
    let good = shelf.asked_of(1);
    assert!(dead.len() < 14 && good.len() > 110, "{} requests of the dead, {} of the good", dead.len(), good.len());
    let heard = meters[1].next().await.unwrap();
    assert!(heard.fault.as_ref().unwrap().contains("unit 2 did not answer"), "{heard:?}");
    // Power is back: without a restart it is read again.
    shelf.set(2, Mood::Works);
    loop {
        let heard = meters[1].next().await.unwrap();
        if heard.fault.is_none() {
            break;
        }
    }
    assert!(shelf.asked_of(2).len() < dead.len() + 12);
}

#[tokio::test(start_paused = true)]
async fn a_line_of_9600_baud_is_used_to_nine_tenths() {
    let shelf = Shelf::default();
    let profiles = ["eastron-sdm630", "eastron-sdm120", "eastron-sdm630", "eastron-sdm120"];
    let always = Duration::from_millis(1);
    let put = |(unit, name)| Device { period: always, ..shelf.put(unit, name, Mood::AtWireSpeed) };
    let mut meters = shelf.start(Framing::Rtu, (1..).zip(profiles).map(put).collect());
    for _ in 0..100 {
        let heard = meters[3].next().await.unwrap();
        assert_eq!(heard.fault, None);
    }
    let asked = shelf.asked.lock().unwrap();
    let took = asked.last().unwrap().0 - asked[0].0;
    let ideal: Duration = asked[..asked.len() - 1].iter().map(|ask| least(ask.3)).sum();
    assert!(asked.len() > 400 && ideal <= took, "{ideal:?} {took:?}");
    assert!(ideal.as_micros() * 10 >= took.as_micros() * 9, "{ideal:?} would do, {took:?} were needed");
}

#[tokio::test(start_paused = true)]
async fn a_register_that_a_device_lacks_costs_its_neighbours_nothing_for_long() {
    let shelf = Shelf::default();
    let device = shelf.put(1, "eastron-sdm630", Mood::Lacks(70));
    let mut meters = shelf.start(Framing::Tcp, vec![device]);
    let heard = meters[0].next().await.unwrap();
    assert_eq!(heard.fault, None, "{:?}", heard.round.missing);
    let missing: Vec<_> = heard.round.missing.iter().map(|fault| fault.quantity()).collect();
    assert_eq!(missing, [Quantity::FREQUENCY]);
    let learning = shelf.asked_of(1).len();
    for _ in 0..10 {
        meters[0].next().await.unwrap();
    }
    let later = shelf.asked_of(1);
    assert!(later[learning..].iter().all(|ask| !(ask.1..ask.1 + ask.2).contains(&70)), "asked once, then left out");
    assert!(later.len() - learning <= 10 * 5, "{} requests in ten rounds", later.len() - learning);
}

#[tokio::test(start_paused = true)]
async fn what_a_device_taught_is_used_again_until_another_is_in_its_place() {
    /// Nothing is there, between two values.
    const HOLE: u16 = 40;
    let shelf = Shelf::default();
    let device = shelf.put(1, "eastron-sdm630", Mood::Lacks(HOLE));
    let refused = || shelf.asked_of(1).iter().filter(|ask| (ask.1..ask.1 + ask.2).contains(&HOLE)).count();
    let heard = shelf.start(Framing::Tcp, vec![device.clone()])[0].next().await.unwrap();
    assert_eq!((heard.fault, heard.round.missing), (None, Vec::new()));
    let learned = Learned::clone(&heard.learned.unwrap());
    assert!(refused() > 0 && learned.splits.places().count() > 0, "{learned:?}");
    for (serial_number, again) in [(learned.serial_number, false), (learned.serial_number + 1, true)] {
        let before = refused();
        let taught = shelf.clone();
        let wire = link(network(Framing::Tcp), move |request| taught.answer(request));
        let (mut bus, mut meters) = Bus::on(wire, vec![device.clone()], || 0);
        bus.teach(1, Learned { serial_number, ..learned.clone() });
        tokio::spawn(bus.run());
        assert_eq!(meters[0].next().await.unwrap().fault, None);
        assert_eq!(refused(), before, "nothing is tried before the number on the label is known");
        let heard = meters[0].next().await.unwrap();
        assert_eq!(refused() > before, again);
        assert_eq!(heard.learned.unwrap().serial_number, learned.serial_number);
    }
}

#[tokio::test(start_paused = true)]
async fn without_its_counter_a_round_is_none_and_the_counter_is_asked_for_again() {
    let shelf = Shelf::default();
    let device = shelf.put(1, "eastron-sdm630", Mood::Lacks(72));
    let mut meters = shelf.start(Framing::Tcp, vec![device]);
    for _ in 0..3 {
        let fault = meters[0].next().await.unwrap().fault.unwrap();
        assert!(fault.contains("energy_import: the meter refused to give this value (exception 2)"), "{fault}");
    }
    shelf.set(1, Mood::Works);
    assert_eq!(meters[0].next().await.unwrap().fault, None);
}

#[tokio::test(start_paused = true)]
async fn what_a_device_or_a_gateway_says_is_told_and_tried_again_as_it_deserves() {
    for (mood, tries, sentence) in [
        (Mood::Says(4), 2, "it has a fault of its own"),
        (Mood::Says(6), 3, "it is busy"),
        (Mood::Says(0x0A), 1, "the gateway cannot reach the line of the device"),
        (Mood::Says(0x0B), 1, "the gateway got no answer from the device"),
        (Mood::Silent, 3, "did not answer within"),
        (Mood::ShowsZeros, 0, "only zeros"),
    ] {
        let shelf = Shelf::default();
        let device = shelf.put(1, "eastron-sdm630", Mood::Works);
        let mut meters = shelf.start(Framing::Tcp, vec![device]);
        assert_eq!(meters[0].next().await.unwrap().fault, None);
        let before = shelf.asked_of(1).len();
        shelf.set(1, mood);
        let fault = meters[0].next().await.unwrap().fault.unwrap();
        assert!(fault.contains(sentence), "{fault}");
        if tries > 0 {
            assert_eq!(shelf.asked_of(1).len() - before, tries, "{sentence}");
        }
        shelf.set(1, Mood::Works);
        assert_eq!(meters[0].next().await.unwrap().fault, None, "{sentence}");
    }
}

#[tokio::test(start_paused = true)]
async fn nearly_all_of_a_slow_line_is_used_for_frames() {
    let shelf = Shelf::default();
    let devices = (1..=8)
        .map(|unit| Device { period: Duration::from_millis(1), ..shelf.put(unit, "eastron-sdm630", Mood::Works) })
        .collect();
    let mut meters = shelf.start(Framing::Rtu, devices);
    let begun = Instant::now();
    while Instant::now() - begun < Duration::from_secs(60) {
        meters[0].next().await.unwrap();
    }
    let spent = Instant::now() - begun;
    let asked = shelf.asked.lock().unwrap().clone();
    let wire = crate::serial::SerialSettings::default();
    let pause = Duration::from_millis(60); // As Eastron wants it; the memory wire itself takes no time.
    let least: Duration = asked.iter().map(|_| DEVICE_TIME + pause.max(wire.silent_interval())).sum();
    let share = least.as_secs_f64() / spent.as_secs_f64();
    assert!(share > 0.9, "{share} of the time is what devices and the standard want");
}

#[tokio::test(start_paused = true)]
async fn a_device_that_says_itself_what_it_is_is_read_like_any_other() {
    let registers = Arc::new(Mutex::new(BTreeMap::<u16, u16>::new()));
    let put = |address: u16, words: &[u16]| {
        registers.lock().unwrap().extend((address..).zip(words.iter().copied()));
    };
    let served = Arc::clone(&registers);
    let wire = link(network(Framing::Tcp), move |request| {
        let wanted = (request.address()..).take(usize::from(request.quantity()));
        let registers = served.lock().unwrap();
        let words: Option<Vec<u16>> = wanted.map(|address| registers.get(&address).copied()).collect();
        let (unit, function) = (request.unit(), request.pdu()[1]);
        let pdu = match words {
            Some(words) => {
                let data = words.iter().flat_map(|word| word.to_be_bytes());
                [unit, function, u8::try_from(words.len() * 2).unwrap()].into_iter().chain(data).collect()
            }
            None => vec![unit, function | 0x80, 2],
        };
        vec![(DEVICE_TIME, request.frame(&pdu))]
    });
    let second = Duration::from_secs(1);
    let device = Device { unit: 240, model: Model::SunSpec, period: second, answer_max: second };
    let (bus, mut meters) = Bus::on(wire, vec![device], || 0);
    tokio::spawn(bus.run());
    let heard = meters[0].next().await.unwrap();
    assert!(heard.fault.unwrap().contains("does not speak SunSpec"));
    // It is enabled on the device meanwhile.
    let mut meter = vec![0x8000; 105];
    for (offset, word) in [(18, 1_500), (22, 0), (46, 0), (47, 7_000), (54, 0)] {
        meter[offset - 2] = word;
    }
    put(40_000, &[0x5375, 0x6E53, 203, 105]);
    put(40_004, &meter);
    put(40_109, &[0xFFFF, 0]);
    let heard = loop {
        let heard = meters[0].next().await.unwrap();
        if heard.fault.is_none() {
            break heard;
        }
    };
    let milli = |quantity| heard.round.readings.iter().find(|reading| reading.quantity == quantity).map(|r| r.milli);
    assert_eq!(milli(Quantity::ENERGY_IMPORT), Some(7_000_000));
    assert_eq!(milli(Quantity::POWER), Some(1_500_000));
    assert_eq!(heard.profile.unwrap().billed, Some(Quantity::ENERGY_IMPORT));
}

#[tokio::test(start_paused = true)]
async fn a_greedy_guest_gets_every_second_request_and_none_of_a_device_that_is_dead_or_not_read() {
    let shelf = Shelf::default();
    let devices = vec![shelf.put(1, "eastron-sdm630", Mood::Works), shelf.put(2, "eastron-sdm630", Mood::Silent)];
    let (mut meters, share) = shelf.start_shared(Framing::Rtu, devices);
    let power = |unit| Ask { unit, space: Space::Input, address: 52, quantity: 2 };
    assert!(meters[1].next().await.unwrap().fault.is_some());
    let asked = shelf.asked_of(2).len();
    assert_eq!(share.ask(power(2)).await, Err(0x0B), "dead");
    assert_eq!(share.ask(power(9)).await, Err(0x0B), "not read here");
    assert_eq!(shelf.asked_of(9), [], "nobody was asked");
    assert!(shelf.asked_of(2).len() <= asked + 1, "no more than its own next try");

    let guest = tokio::spawn({
        let share = share.clone();
        async move {
            loop {
                assert!(share.ask(power(1)).await.unwrap().len() == 2);
            }
        }
    });
    let mut before = meters[0].next().await.unwrap().at.unwrap();
    for _ in 0..60 {
        let at = meters[0].next().await.unwrap().at.unwrap();
        // Its own second, a wait for the dead one, and no more requests of the guest than of its own.
        assert!(at - before < Duration::from_millis(2_900), "{:?}", at - before);
        before = at;
    }
    let guests = shelf.asked_of(1).iter().filter(|(_, address, quantity)| (*address, *quantity) == (52, 2)).count();
    assert!(guests > 600, "{guests} answers for the guest: it has what the meters leave");
    guest.abort();
}
