//! What owners write: devices that take it, forget it, refuse it, or say that they took it and did not.

#![allow(clippy::unwrap_used)]
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::super::super::wires::{Request, link, network, serial};
use super::super::Meter;
use super::*;
use crate::modbus::{BusHandle, Device, Framing, Model, Round};
use crate::profiles::{Profile, find, load};

/// What a device does with a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Takes,
    /// Takes it, and nobody hears the answer.
    TakesSilently,
    /// Confirms it and keeps its own value.
    Ignores,
    Refuses(u8),
    /// Does not take it, and nobody hears anything.
    Deaf,
    /// The same with reads.
    DeadToReads,
    /// Takes it, and has no counter.
    LacksItsCounter,
    /// Takes it a second later.
    TakesSlowly,
    /// The adapter sends the request back; the device takes it.
    TakesBehindAnEcho,
    /// The adapter sends the request back; the device is deaf to writes.
    DeafBehindAnEcho,
}

/// A device as unit 1, and what was written to it, in which second.
#[derive(Clone)]
struct Shelf {
    profile: Arc<Profile>,
    mood: Arc<Mutex<Mood>>,
    written: Arc<Mutex<Vec<(u64, Quantity, i64)>>>,
    settings: Arc<Mutex<BTreeMap<Quantity, i64>>>,
    start: Instant,
}

impl Shelf {
    fn new(profile: Arc<Profile>) -> Shelf {
        let (mood, start) = (Arc::new(Mutex::new(Mood::Takes)), Instant::now());
        Shelf { profile, mood, written: Arc::default(), settings: Arc::default(), start }
    }

    fn answer(&self, request: &Request) -> Vec<(Duration, Vec<u8>)> {
        let mood = *self.mood.lock().unwrap();
        let echo = match mood {
            Mood::TakesBehindAnEcho | Mood::DeafBehindAnEcho => vec![(Duration::ZERO, request.bytes.clone())],
            _ => Vec::new(),
        };
        let answer = |frame: Vec<u8>| [echo.clone(), vec![(Duration::from_millis(20), frame)]].concat();
        if mood == Mood::DeadToReads {
            return Vec::new();
        }
        if request.pdu()[1] <= 4 {
            let has_counter = request.address() <= COUNTER && COUNTER < request.address() + request.quantity();
            if mood == Mood::LacksItsCounter && has_counter {
                return answer(request.frame(&[1, request.pdu()[1] | 0x80, 2]));
            }
            let settings = self.settings.lock().unwrap();
            let milli = |quantity: Quantity| {
                settings.get(&quantity).copied().unwrap_or(if quantity.unit() == "V" { 230_000 } else { 0 })
            };
            let words = self.profile.answer(request.space(), request.address(), request.quantity(), milli);
            let refused = request.frame(&[1, request.pdu()[1] | 0x80, 2]);
            return answer(words.map_or(refused, |words| request.registers(&words)));
        }
        let (set_point, milli) = self.profile.written(request.space(), request.address(), &request.words()).unwrap();
        let quantity = set_point.point.quantity;
        self.written.lock().unwrap().push((self.start.elapsed().as_secs(), quantity, milli));
        match mood {
            Mood::Refuses(code) => return answer(request.frame(&[1, request.pdu()[1] | 0x80, code])),
            Mood::DeafBehindAnEcho => return echo,
            Mood::Deaf => return Vec::new(),
            Mood::TakesSlowly => {
                let settings = Arc::clone(&self.settings);
                tokio::spawn(async move {
                    sleep(Duration::from_secs(1)).await;
                    settings.lock().unwrap().insert(quantity, milli);
                });
                return answer(request.confirmation());
            }
            Mood::Ignores => return answer(request.confirmation()),
            _ => {}
        }
        self.settings.lock().unwrap().insert(quantity, milli);
        if mood == Mood::TakesSilently { Vec::new() } else { answer(request.confirmation()) }
    }

    /// Reads it once a second from now on; it has been read once.
    async fn start(&self, framing: Framing) -> (BusHandle, Meter) {
        let (shelf, second) = (self.clone(), Duration::from_secs(1));
        let line = if framing == Framing::Rtu { serial() } else { network(framing) };
        let model = Model::Known(Arc::clone(&self.profile));
        let device = Device { unit: 1, model, period: second, answer_max: second };
        let (bus, mut meters) = Bus::on(link(line, move |request| shelf.answer(request)), vec![device], || 0);
        let handle = bus.handle();
        tokio::spawn(bus.run());
        let mut meter = meters.remove(0);
        assert_eq!(meter.next().await.unwrap().fault, None);
        (handle, meter)
    }

    fn written(&self) -> Vec<i64> {
        self.written.lock().unwrap().iter().map(|(_, _, milli)| *milli).collect()
    }
}

/// Where `alfen-eve` counts energy.
const COUNTER: u16 = 374;

fn quantity(name: &str) -> Quantity {
    name.parse().unwrap()
}

#[track_caller]
fn said(outcome: Result<Setting, OrderFault>) -> String {
    outcome.unwrap_err().to_string()
}

#[tokio::test(start_paused = true)]
async fn a_relay_is_switched_and_read_back_in_both_framings() {
    let second = quantity("relay2_state");
    for framing in [Framing::Rtu, Framing::Tcp] {
        let shelf = Shelf::new(find("waveshare-relays").unwrap());
        let (bus, _meter) = shelf.start(framing).await;
        for mood in [Mood::Takes, Mood::TakesSilently] {
            for milli in [1, 0] {
                *shelf.mood.lock().unwrap() = mood;
                let setting = bus.set(1, second, milli).await.unwrap();
                assert_eq!(setting, Setting { quantity: second, milli, read_back: true, renewed_every: None });
                assert_eq!(shelf.settings.lock().unwrap().get(&second), Some(&milli));
            }
        }
        assert_eq!(shelf.written(), [1, 0, 1, 0], "what was read back is not written again");
        *shelf.mood.lock().unwrap() = Mood::Ignores;
        let fault = said(bus.set(1, second, 1).await);
        assert!(fault.starts_with("the device confirmed it, but has 0 instead"), "{fault}");
        *shelf.mood.lock().unwrap() = Mood::Refuses(3);
        let fault = said(bus.set(1, second, 1).await);
        let refused =
            "the device refused it (exception 3: it does not give so many registers at once). Nothing was changed";
        assert_eq!(fault, refused);
        *shelf.mood.lock().unwrap() = Mood::Refuses(4);
        assert!(
            said(bus.set(1, second, 1).await).starts_with("it is not known whether the device took it (the device")
        );
        *shelf.mood.lock().unwrap() = Mood::TakesSlowly;
        assert!(bus.set(1, second, 1).await.unwrap().read_back, "it took a moment");
        let before = shelf.written().len();
        let fault = said(bus.set(1, second, 2).await);
        assert_eq!(fault, "relay2_state may be 0 to 1. Nothing was written");
        let fault = said(bus.set(1, Quantity::POWER, 1).await);
        assert!(fault.starts_with("this device has no power that can be set; it has: relay1_state,"), "{fault}");
        assert!(said(bus.set(2, second, 1).await).contains("not on this line"));
        assert_eq!(shelf.written().len(), before);
    }
}

#[tokio::test(start_paused = true)]
async fn without_an_answer_or_a_way_to_read_back_nobody_claims_to_know() {
    let limit = quantity("current_limit");
    for framing in [Framing::Rtu, Framing::Tcp] {
        let shelf = Shelf::new(find("keba-p30").unwrap());
        let (bus, mut meter) = shelf.start(framing).await;
        assert!(!bus.set(1, limit, 16_000).await.unwrap().read_back);
        *shelf.mood.lock().unwrap() = Mood::TakesSilently;
        let fault = said(bus.set(1, limit, 10_000).await);
        assert!(fault.starts_with("it is not known whether the device took it (unit 1 did not answer"), "{fault}");
        assert_eq!(shelf.written(), [16_000, 10_000, 10_000], "asked once more");
        *shelf.mood.lock().unwrap() = Mood::Takes;
        assert_eq!(bus.set(1, limit, 13_000).await.unwrap().milli, 13_000);
        assert_eq!(meter.next().await.unwrap().fault, None);
    }
}

#[tokio::test(start_paused = true)]
async fn the_echo_of_an_adapter_is_not_taken_for_the_answer_to_a_write() {
    let limit = quantity("current_limit");
    let shelf = Shelf::new(find("keba-p30").unwrap());
    *shelf.mood.lock().unwrap() = Mood::TakesBehindAnEcho;
    let (bus, _meter) = shelf.start(Framing::Rtu).await;
    assert_eq!(bus.set(1, limit, 16_000).await.unwrap().milli, 16_000);
    *shelf.mood.lock().unwrap() = Mood::DeafBehindAnEcho;
    assert!(said(bus.set(1, limit, 10_000).await).starts_with("it is not known whether"));
}

#[tokio::test(start_paused = true)]
async fn what_a_device_forgets_is_written_again_until_it_is_released() {
    let limit = quantity("current_limit");
    let shelf = Shelf::new(find("alfen-eve").unwrap());
    let (bus, mut meter) = shelf.start(Framing::Tcp).await;
    let setting = bus.set(1, limit, 16_000).await.unwrap();
    assert_eq!(setting.renewed_every, Some(Duration::from_secs(15)));
    *shelf.mood.lock().unwrap() = Mood::Refuses(6);
    for _ in 0..20 {
        let heard = meter.next().await.unwrap();
        if let Some(fault) = heard.renewal_fault {
            assert!(fault.starts_with("its current_limit could not be renewed: the device refused"), "{fault}");
            *shelf.mood.lock().unwrap() = Mood::Takes;
        }
    }
    for _ in 0..30 {
        assert_eq!(meter.next().await.unwrap().fault, None);
    }
    let written = shelf.written.lock().unwrap().clone();
    let gaps: Vec<u64> = written.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
    assert_eq!(gaps, [15, 5, 15], "a refusal is followed by another try soon");
    bus.release(1, limit).await.unwrap();
    for _ in 0..30 {
        meter.next().await.unwrap();
    }
    assert_eq!(shelf.written().len(), written.len());
}

#[tokio::test(start_paused = true)]
async fn an_unclear_wish_is_the_one_that_is_renewed_and_no_older_one() {
    let limit = quantity("current_limit");
    let shelf = Shelf::new(find("alfen-eve").unwrap());
    let (bus, mut meter) = shelf.start(Framing::Tcp).await;
    bus.set(1, limit, 32_000).await.unwrap();
    *shelf.mood.lock().unwrap() = Mood::Deaf;
    let fault = said(bus.set(1, limit, 6_000).await);
    assert!(fault.contains("Kilosat writes it again and then every 15 s; with --release instead"), "{fault}");
    *shelf.mood.lock().unwrap() = Mood::Takes;
    for _ in 0..40 {
        meter.next().await.unwrap();
    }
    let written = shelf.written();
    assert_eq!(written.iter().filter(|milli| **milli == 32_000).count(), 1, "{written:?}");
    assert_eq!(shelf.settings.lock().unwrap().get(&limit), Some(&6_000));
    bus.release(1, limit).await.unwrap();
    assert_eq!(meter.next().await.unwrap().renewal_fault, None);
}

#[tokio::test(start_paused = true)]
async fn a_device_whose_values_are_no_use_still_gets_its_renewals_and_a_silent_one_is_told() {
    let limit = quantity("current_limit");
    let shelf = Shelf::new(find("alfen-eve").unwrap());
    let (bus, mut meter) = shelf.start(Framing::Tcp).await;
    bus.set(1, limit, 10_000).await.unwrap();
    *shelf.mood.lock().unwrap() = Mood::LacksItsCounter;
    let heard = meter.next().await.unwrap();
    assert!(heard.fault.unwrap().contains("energy_import: the meter refused to give this value"));
    for _ in 0..6 {
        meter.next().await.unwrap();
    }
    assert!(shelf.written().len() > 2, "{:?}", shelf.written());
    bus.set(1, limit, 8_000).await.unwrap();
    *shelf.mood.lock().unwrap() = Mood::DeadToReads;
    let mut told = meter.next().await.unwrap();
    for _ in 0..3 {
        told = meter.next().await.unwrap();
    }
    assert_eq!(told.renewal_fault.as_deref(), Some("its current_limit cannot be renewed while it does not answer"));
}

#[tokio::test(start_paused = true)]
async fn what_is_read_on_demand_only_is_in_no_other_round() {
    let text = "name = \"own\"\ntitle = \"Own\"\nvendor = \"Own\"\nrole = \"charger\"\nevidence = \"single source\"\n\
                source = \"own\"\ntcp_port = 502\npoint = [\n\
                { quantity = \"power\", holding = 10, type = \"u16\", unit = \"W\" },\n\
                { quantity = \"firmware\", holding = 900, type = \"u16\", poll = \"now\" },\n\
                { quantity = \"current_limit\", write = true, holding = 1000, type = \"u16\", unit = \"A\", \
                function = 6, min = 6, max = 32, readable = true },\n]\n";
    let shelf = Shelf::new(Arc::new(load(text, "own.toml").unwrap()));
    let names = |round: &Round| round.readings.iter().map(|reading| reading.quantity.to_string()).collect::<Vec<_>>();
    let (bus, mut meter) = shelf.start(Framing::Tcp).await;
    for _ in 0..3 {
        assert_eq!(names(&meter.next().await.unwrap().round), ["power"]);
    }
    bus.set(1, quantity("current_limit"), 10_000).await.unwrap();
    let (one, other) = tokio::join!(bus.look(1), bus.look(1));
    for round in [one.unwrap(), other.unwrap()] {
        assert_eq!(names(&round), ["power", "firmware"]);
        assert_eq!(round.settings.iter().map(|reading| reading.milli).collect::<Vec<_>>(), [10_000]);
    }
    assert!(bus.look(9).await.unwrap_err().to_string().contains("not on this line"));
}

#[tokio::test(start_paused = true)]
async fn a_device_that_is_down_is_not_written_to_and_a_look_at_it_ends() {
    let shelf = Shelf::new(find("keba-p30").unwrap());
    let model = Model::Known(Arc::clone(&shelf.profile));
    let second = Duration::from_secs(1);
    let device = Device { unit: 1, model, period: second, answer_max: second };
    let (bus, _meters) = Bus::on(link(serial(), |_| Vec::new()), vec![device], || 0);
    let handle = bus.handle();
    tokio::spawn(bus.run());
    let fault = said(handle.set(1, quantity("current_limit"), 16_000).await);
    assert!(fault.starts_with("the device cannot be reached at present (it has not been read yet)"), "{fault}");
    let fault = handle.look(1).await.unwrap_err().to_string();
    assert!(fault.starts_with("unit 1 did not answer"), "{fault}");
    let fault = said(handle.set(1, quantity("current_limit"), 16_000).await);
    assert!(fault.contains("(unit 1 did not answer"), "{fault}");
}
