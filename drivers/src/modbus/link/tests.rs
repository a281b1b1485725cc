//! Links against devices that answer late, wrongly, twice or damaged, on wires of memory and with a paused clock.

#![allow(clippy::unwrap_used)]
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::super::wires::{Chance, Given, Request, device, link, network, serial, truth};
use super::*;
use crate::profiles::{Space, find};

fn ask(unit: u8, address: u16, quantity: u16) -> Ask {
    Ask { unit, space: Space::Input, address, quantity }
}

const WAIT: Duration = Duration::from_millis(300);
const NOW: Duration = Duration::ZERO;

/// `true` for the right registers, `false` for a fault; wrong registers end the test.
#[track_caller]
fn right(ask: Ask, words: &[u16], outcome: &Result<Duration, LinkFault>) -> bool {
    let wanted: Vec<u16> = (0..ask.quantity).map(|at| truth(ask.unit, ask.address.wrapping_add(at))).collect();
    match outcome {
        Ok(_) => assert_eq!(words, wanted, "registers of another request: {ask:?}"),
        Err(_) => assert!(words.is_empty(), "a fault leaves no registers"),
    }
    outcome.is_ok()
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_is_never_taken_for_the_next_one() {
    for line in [serial(), network(Framing::Rtu), network(Framing::Tcp)] {
        let name = format!("{line:?}");
        let mut chance = Chance(1);
        let mut link = link(line, move |request| {
            // Mostly in time, sometimes after one, two or three more requests.
            let late = [310, 350, 700, 1_500].get(usize::try_from(chance.below(16)).unwrap()).copied();
            vec![(Duration::from_millis(late.unwrap_or(5)), request.answer())]
        });
        let (mut words, mut good, mut chance) = (Vec::new(), 0, Chance(2));
        for _ in 0..2_000 {
            let ask = ask(1 + u8::try_from(chance.below(2)).unwrap(), u16::try_from(chance.below(500)).unwrap(), 2);
            let outcome = link.read(ask, WAIT, &mut words).await;
            good += u32::from(right(ask, &words, &outcome));
        }
        assert!((500..1_900).contains(&good), "{name}: {good} {:?}", link.counts());
    }
}

#[tokio::test(start_paused = true)]
async fn a_device_that_was_late_once_is_read_again_at_the_next_turn() {
    for line in [serial(), network(Framing::Rtu), network(Framing::Tcp)] {
        let mut requests = 0;
        let mut link = link(line, move |request| {
            requests += 1;
            vec![(if requests == 1 { WAIT * 2 } else { NOW }, request.answer())]
        });
        let mut words = Vec::new();
        let fault = link.read(ask(1, 0, 2), WAIT, &mut words).await.unwrap_err();
        assert!(matches!(fault, LinkFault::NoAnswer { unit: 1, .. }), "{fault}");
        sleep(WAIT * 2).await;
        let outcome = link.read(ask(1, 10, 2), WAIT, &mut words).await;
        assert!(right(ask(1, 10, 2), &words, &outcome), "{outcome:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_stops_waiting_does_not_hand_his_answer_to_the_next() {
    for line in [serial(), network(Framing::Rtu), network(Framing::Tcp)] {
        let mut link = link(line, |request| vec![(Duration::from_millis(100), request.answer())]);
        let mut words = Vec::new();
        for round in 0..50 {
            let abandoned = tokio::time::timeout(Duration::from_millis(50), link.read(ask(1, 0, 2), WAIT, &mut words));
            assert!(abandoned.await.is_err());
            let ask = ask(1, 100 + round, 2);
            for _ in 0..3 {
                let outcome = link.read(ask, WAIT, &mut words).await;
                if right(ask, &words, &outcome) {
                    break;
                }
            }
            assert!(!words.is_empty(), "read within three turns");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_wrong_answer_has_its_own_sentence() {
    type Behave = fn(&Request) -> Vec<(Duration, Vec<u8>)>;
    let cases: [(Behave, &str); 8] = [
        (|_| vec![], "unit 1 did not answer within 300 ms"),
        (|request| vec![(NOW, request.frame(&[1, 0x84, 2]))], "exception 2: it does not have these registers"),
        (|request| vec![(NOW, request.frame(&[1, 0x84, 0x0B]))], "the gateway got no answer from the device"),
        (|request| vec![(NOW, request.frame(&[7, 4, 4, 0, 0, 0, 0]))], "an answer of unit 7; Kilosat dropped it"),
        (|request| vec![(NOW, request.frame(&[1, 4, 2, 0, 0]))], "the answer to another request"),
        (|request| vec![(NOW, [request.answer(), request.answer()].concat())], "two devices have the same number"),
        (|request| vec![(NOW, request.answer()[..7].to_vec())], "only the beginning of an answer"),
        (|_| vec![(NOW, b"HTTP/1.1 400 Bad Request\r\n".to_vec())], "bytes that are no Modbus answer"),
    ];
    for (behave, sentence) in cases {
        for line in [serial(), network(Framing::Rtu), network(Framing::Tcp)] {
            // An MBAP header announces its length: a short one is waited for like a slow one.
            let name = format!("{line:?}");
            let mut link = link(line, behave);
            let fault = link.read(ask(1, 0, 2), WAIT, &mut Vec::new()).await.unwrap_err().to_string();
            assert!(fault.contains(sentence), "{name}: {fault} / {sentence}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_echo_and_a_few_made_up_bytes_before_an_answer_are_forgiven() {
    let mut link = link(serial(), |request| {
        let answer = match request.address() {
            0 => [request.bytes.clone(), request.answer()].concat(),
            1 => [vec![0, 0xFF], request.answer()].concat(),
            _ => request.answer(),
        };
        match request.address() {
            2 => vec![(NOW, request.bytes.clone()), (Duration::from_millis(100), answer)],
            _ => vec![(NOW, answer)],
        }
    });
    let mut words = Vec::new();
    for address in 0..4 {
        let outcome = link.read(ask(1, address, 3), WAIT, &mut words).await;
        assert!(right(ask(1, address, 3), &words, &outcome), "{address}: {outcome:?}");
    }
    let counts = link.counts();
    assert_eq!((counts.echoes, counts.stray_bytes, counts.answers), (2, 2, 4));
}

#[tokio::test(start_paused = true)]
async fn a_serial_line_is_silent_between_frames_and_devices_get_their_pauses() {
    let (connections, given) = mpsc::unbounded_channel();
    let (times, mut asked) = mpsc::unbounded_channel();
    tokio::spawn(device(Framing::Rtu, given, move |request| {
        times.send((Instant::now(), request.unit())).unwrap();
        vec![(NOW, request.answer())]
    }));
    let ms = Duration::from_millis;
    let pauses = Pauses { after_connect: ms(500), between_requests: ms(60), on_change_of_unit: ms(200) };
    let mut link = Link::with(serial(), pauses, Box::new(Given(connections)));
    let begun = Instant::now();
    for unit in [1, 1, 2] {
        link.read(ask(unit, 0, 2), WAIT, &mut Vec::new()).await.unwrap();
    }
    let mut gaps = Vec::new();
    let mut before = begun;
    while let Ok((at, _)) = asked.try_recv() {
        gaps.push(at - before);
        before = at;
    }
    assert!(gaps[0] >= ms(500) && gaps[1] >= ms(60) && gaps[1] < ms(200) && gaps[2] >= ms(200), "{gaps:?}");
}

#[tokio::test(start_paused = true)]
async fn a_closed_connection_is_replaced_at_once_and_a_missing_adapter_is_told() {
    let (connections, mut given) = mpsc::unbounded_channel();
    let mut link = Link::with(network(Framing::Tcp), Pauses::default(), Box::new(Given(connections)));
    let serve = tokio::spawn(async move {
        // Each connection answers once and is closed, as an idle one would be.
        for _ in 0..3 {
            let mut wire: DuplexStream = given.recv().await.unwrap();
            let mut bytes = vec![0; 12];
            wire.read_exact(&mut bytes).await.unwrap();
            let request = Request { framing: Framing::Tcp, bytes };
            wire.write_all(&request.answer()).await.unwrap();
        }
    });
    let mut words = Vec::new();
    for address in 0..3 {
        let outcome = link.read(ask(1, address, 2), WAIT, &mut words).await;
        assert!(right(ask(1, address, 2), &words, &outcome), "{outcome:?}");
    }
    serve.await.unwrap();
    assert_eq!(link.counts().opened, 3);
    let fault = link.read(ask(1, 0, 2), WAIT, &mut words).await.unwrap_err().to_string();
    assert!(fault.contains("gateway:502 cannot be opened: nothing listens there"), "{fault}");
    let mut unplugged = Link::new(serial(), Pauses::default());
    let fault = unplugged.read(ask(1, 0, 2), WAIT, &mut words).await.unwrap_err().to_string();
    assert!(fault.contains("/dev/none (9600 8N1) cannot be opened: it is not there"), "{fault}");
}

#[tokio::test(start_paused = true)]
async fn the_late_answer_to_one_write_does_not_confirm_another() {
    let charger = find("abl-em4").unwrap();
    let set_point = charger.set_points.first().unwrap();
    let put = |amperes: i64| Put::new(1, set_point, &set_point.encode(amperes * 1_000).unwrap());
    for line in [serial(), network(Framing::Rtu), network(Framing::Tcp)] {
        let name = format!("{line:?}");
        let mut chance = Chance(3);
        let taken = Arc::new(Mutex::new(0));
        let device = Arc::clone(&taken);
        let mut link = link(line, move |request| match (request.pdu()[1], chance.below(4)) {
            (3, _) => vec![(NOW, request.answer())],
            // It comes when the next value is being written, which this device never takes.
            (_, 0) => vec![(WAIT + Duration::from_millis(200), request.confirmation())],
            (_, 1) => Vec::new(),
            _ => {
                *device.lock().unwrap() = i64::from(request.words()[0]);
                vec![(NOW, request.confirmation())]
            }
        });
        let mut confirmed = 0;
        for round in 0..400 {
            let amperes = 6 + round % 26;
            if link.write(put(amperes), WAIT).await.is_ok() {
                confirmed += 1;
                assert_eq!(*taken.lock().unwrap(), amperes * 10, "{name}");
            }
        }
        assert!((100..350).contains(&confirmed), "{name}: {confirmed} {:?}", link.counts());
    }
}

/// What a bad line does to an answer.
fn damage(chance: &mut Chance, request: &Request, per_bit: u64) -> Vec<(Duration, Vec<u8>)> {
    let mut frame = request.answer();
    match chance.below(10) {
        0 => frame.truncate(usize::try_from(chance.below(frame.len() as u64)).unwrap()),
        1 => frame = [request.answer(), request.answer()].concat(),
        2 => frame = [request.bytes.clone(), frame].concat(),
        3 => return vec![(WAIT + Duration::from_millis(chance.below(900)), frame)],
        4 => frame = request.frame(&[&[request.unit() + 1], &request.answer()[1..frame.len() - 2]].concat()),
        5 => frame = (0..chance.below(300)).map(|_| u8::try_from(chance.below(256)).unwrap()).collect(),
        6 => frame.insert(usize::try_from(chance.below(frame.len() as u64)).unwrap(), 0),
        _ => {}
    }
    for byte in &mut frame {
        for bit in 0..8 {
            *byte ^= u8::from(chance.below(1_000_000) < per_bit) << bit;
        }
    }
    vec![(NOW, frame)]
}

#[tokio::test(start_paused = true)]
async fn a_hundred_thousand_damaged_answers_give_no_wrong_register_and_no_lasting_silence() {
    const ROUNDS: u32 = 4;
    const FRAMES: u32 = 26_000;
    let (mut damaged, mut good) = (0_u64, 0_u64);
    for round in 0..ROUNDS {
        let per_bit = [100, 1_000, 3_000, 10_000][usize::try_from(round).unwrap()];
        let (quiet, mut is_quiet) = tokio::sync::watch::channel(false);
        let mut chance = Chance(u64::from(round) + 10);
        let mut link = link(serial(), move |request| match *is_quiet.borrow_and_update() {
            true => vec![(NOW, request.answer())],
            false => damage(&mut chance, request, per_bit),
        });
        let (mut words, mut chance) = (Vec::new(), Chance(u64::from(round) + 20));
        for frame in 0..FRAMES {
            let ask =
                ask(1 + u8::try_from(chance.below(3)).unwrap(), 70, 2 + u16::try_from(chance.below(3)).unwrap() * 2);
            let outcome = link.read(ask, WAIT, &mut words).await;
            good += u64::from(right(ask, &words, &outcome));
            if frame % 500 == 499 {
                quiet.send(true).unwrap();
                let mut recovered = false;
                for _ in 0..3 {
                    sleep(Duration::from_secs(1)).await;
                    let outcome = link.read(ask, WAIT, &mut words).await;
                    recovered |= right(ask, &words, &outcome);
                }
                assert!(recovered, "good polling resumes within three polls: {:?}", link.counts());
                quiet.send(false).unwrap();
            }
        }
        damaged += link.counts().damaged + link.counts().unanswered;
    }
    println!("{good} good answers among {} requests, {damaged} faults", ROUNDS * FRAMES);
    assert!(damaged > 40_000 && good > 10_000, "{damaged} {good}");
}
