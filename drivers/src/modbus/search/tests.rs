#![allow(clippy::unwrap_used)]
use super::super::wires::{Request, link, network, serial};
use super::*;
use crate::profiles::{Point, all};

type Registers = BTreeMap<(Space, u16), u16>;

/// A device on `line` as `unit`: it gives what it has and refuses the rest; nobody else answers.
fn device(line: Line, unit: u8, registers: Registers) -> Search {
    Search::on(link(line, move |request| match request.unit() == unit {
        true => vec![(Duration::from_millis(5), answer(request, &registers))],
        false => Vec::new(),
    }))
}

fn answer(request: &Request, registers: &Registers) -> Vec<u8> {
    let function = request.pdu()[1];
    assert!((1..=4).contains(&function), "only reads are sent");
    let space = match function {
        3 => Space::Holding,
        4 => Space::Input,
        _ => return request.frame(&[request.unit(), function | 0x80, 1]),
    };
    let words = (0..request.quantity()).map(|at| registers.get(&(space, request.address().wrapping_add(at))));
    let Some(words) = words.collect::<Option<Vec<_>>>() else {
        return request.frame(&[request.unit(), function | 0x80, 2]);
    };
    let mut pdu = vec![request.unit(), function, u8::try_from(words.len() * 2).unwrap()];
    pdu.extend(words.into_iter().flat_map(|word| word.to_be_bytes()));
    request.frame(&pdu)
}

fn put(registers: &mut Registers, point: &Point, words: Vec<u16>) {
    let mut words = words.into_iter();
    for part in &point.parts {
        for at in 0..part.count {
            registers.insert((part.space, part.address + at), words.next().unwrap());
        }
    }
}

/// A device of this model, as far as its marks go.
fn marked(profile: &Profile) -> Registers {
    let mut registers = Registers::new();
    for mark in &profile.identify {
        put(&mut registers, &mark.point, mark.example());
    }
    registers
}

fn names(models: &[Model]) -> Vec<String> {
    models.iter().map(|model| model.profile().map_or("sunspec".to_owned(), |profile| profile.name.clone())).collect()
}

#[tokio::test(start_paused = true)]
async fn every_model_with_a_mark_is_recognised_and_one_with_a_code_comes_first() {
    let profiles = all();
    let mut recognised = 0;
    for profile in profiles.iter().filter(|profile| !profile.identify.is_empty()) {
        assert!(profile.identify.iter().all(|mark| mark.matches(&mark.example())), "{}", profile.name);
        let mut search = device(serial(), 7, marked(profile));
        let fits = search.recognise(7, &profiles).await.unwrap();
        let names = names(&fits);
        assert!(names.contains(&profile.name), "{} was taken for {names:?}", profile.name);
        if certainty(profile) > CODE {
            let first = fits.first().unwrap().profile().unwrap();
            assert!(certainty(&first) >= certainty(profile), "{} comes after {names:?}", profile.name);
        }
        recognised += 1;
    }
    assert!(recognised >= 20, "{recognised} models");
}

#[tokio::test(start_paused = true)]
async fn a_device_that_says_itself_what_it_is_needs_no_profile() {
    let mut registers = Registers::new();
    for (address, word) in [(0, 0x5375), (1, 0x6E53), (2, 203), (3, 105), (109, 0xFFFF), (110, 0)] {
        registers.insert((Space::Holding, 40_000 + address), word);
    }
    let mut search = device(network(Framing::Tcp), 1, registers);
    assert_eq!(names(&search.recognise(1, &all()).await.unwrap()), ["sunspec"]);
}

#[tokio::test(start_paused = true)]
async fn a_device_without_a_mark_is_there_and_nothing_fits() {
    let mut search = device(serial(), 3, Registers::new());
    assert_eq!(search.probe(3).await.unwrap(), Presence::Answers, "a refusal is an answer");
    assert_eq!(search.probe(4).await.unwrap(), Presence::Silent);
    assert_eq!(search.recognise(3, &all()).await.unwrap(), []);
}

#[tokio::test(start_paused = true)]
async fn noise_is_no_device_and_a_gateway_that_finds_nobody_is_none_either() {
    let mut noise =
        Search::on(link(serial(), |_| vec![(Duration::from_millis(5), vec![0xFF, 0x00, 0xA5, 0x11, 0x42])]));
    assert_eq!(noise.probe(1).await.unwrap(), Presence::Garbled);
    for code in [4, 0x0A, 0x0B] {
        let refuse = move |request: &Request| {
            let pdu = [request.unit(), request.pdu()[1] | 0x80, code];
            vec![(Duration::ZERO, request.frame(&pdu))]
        };
        let mut gateway = Search::on(link(network(Framing::Tcp), refuse));
        assert_eq!(gateway.probe(1).await.unwrap(), Presence::Silent);
        assert!(!gateway.answers_to_all().await.unwrap());
    }
}

#[tokio::test(start_paused = true)]
async fn a_device_that_only_wakes_up_at_the_first_question_is_found() {
    let mut asked = 0;
    let mut sleepy = Search::on(link(serial(), move |request| {
        asked += 1;
        let pdu = [request.unit(), request.pdu()[1] | 0x80, 2];
        if asked == 1 { Vec::new() } else { vec![(Duration::from_millis(5), request.frame(&pdu))] }
    }));
    assert_eq!(sleepy.probe(1).await.unwrap(), Presence::Answers);
}

#[tokio::test(start_paused = true)]
async fn a_device_that_answers_to_every_number_is_known_for_it() {
    let everybody = |request: &Request| vec![(Duration::from_millis(5), request.answer())];
    let mut alone = Search::on(link(network(Framing::Tcp), everybody));
    assert!(alone.answers_to_all().await.unwrap());
    assert!(!device(network(Framing::Tcp), 1, Registers::new()).answers_to_all().await.unwrap());
}

#[test]
fn the_usual_ways_come_first_and_all_of_them_when_asked_for() {
    let profiles = all();
    let written = |all| serial_settings(&profiles, all).iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(written(false), ["9600 8N1", "9600 8E1", "2400 8N1", "19200 8E1"]);
    let every = written(true);
    assert_eq!((every.len(), &every[..4]), (BAUDS.len() * 3, &written(false)[..]));

    let some = units(&profiles, &serial(), false);
    assert!(some.starts_with(&[1, 2, 3]) && some.contains(&247) && !some.contains(&0), "{some:?}");
    assert_eq!(units(&profiles, &serial(), true).len(), 247);
    let some = units(&profiles, &network(Framing::Tcp), false);
    assert!([1, 71, 100, 200, 240, 255].iter().all(|unit| some.contains(unit)) && some.len() < 30, "{some:?}");
    let ways = network_ways(&profiles);
    assert_eq!(&ways[..2], [(502, Framing::Tcp), (502, Framing::Rtu)]);
    assert!(ways.contains(&(1_502, Framing::Tcp)), "{ways:?}");
}
