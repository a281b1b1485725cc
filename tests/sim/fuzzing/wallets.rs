//! The answers of every wallet service: whatever comes, only what is exactly a verdict is taken for one.

use bitcoin::Network;
use kilosat::domain::invoice::PaymentHash;
use kilosat::engine::{Found, PayOutcome};
use kilosat::http::{HttpAnswer, LineBuffer};
use kilosat::lightning::reading::{self, Subject};
use kilosat::lightning::{Direction, Incoming, Listed, ServiceFault, ServiceKind};

use super::oracle::{self, HASH, NOW, WALLET_ID};
use super::{answers, assert_fit_to_show};

/// Answers of phoenixd.
pub fn phoenixd(input: &[u8]) {
    hold(ServiceKind::Phoenixd, input);
}

/// Answers of LNbits.
pub fn lnbits(input: &[u8]) {
    hold(ServiceKind::Lnbits, input);
}

/// Answers and streams of LND.
pub fn lnd(input: &[u8]) {
    for answer in answers::read(input) {
        streamed(&answer.body);
    }
    hold(ServiceKind::Lnd, input);
}

/// Answers of Core Lightning.
pub fn cln(input: &[u8]) {
    hold(ServiceKind::Cln, input);
}

/// Decrypted answers over Nostr Wallet Connect.
pub fn nwc(input: &[u8]) {
    hold(ServiceKind::Nwc, input);
}

/// Every answer is taken for the answer to every question, with those after it as the answers that follow.
fn hold(kind: ServiceKind, input: &[u8]) {
    let hash = PaymentHash(HASH);
    let subject = Subject { hash: &hash, wallet_id: WALLET_ID, network: Network::Bitcoin, now: NOW };
    let answers = answers::read(input);
    for place in 0..answers.len() {
        let answers = &answers[place..];
        paid(kind, &reading::pay(kind, &subject, answers), answers);
        found(kind, &reading::look_up(kind, &subject, answers), answers);
        incoming(kind, reading::look_up_incoming(kind, &subject, &answers[0]), &answers[0]);
        for direction in [Direction::In, Direction::Out] {
            listed(kind, direction, reading::listed(kind, direction, &answers[0]));
        }
        shown(reading::info(kind, &subject, &answers[0]).err());
        shown(reading::balance(kind, &subject, answers).err());
        shown(reading::created(kind, &answers[0]).err());
    }
}

fn paid(kind: ServiceKind, outcome: &PayOutcome, answers: &[HttpAnswer]) {
    match outcome {
        PayOutcome::Paid { preimage, .. } => {
            assert!(preimage.proves(&PaymentHash(HASH)), "{kind:?}: no proof");
            assert!(oracle::may_be_paid(kind, answers), "{kind:?}: paid without being told so");
        }
        PayOutcome::Failed(why) => {
            assert_fit_to_show(why);
            assert!(oracle::may_have_failed(kind, answers), "{kind:?}: {why}");
        }
        PayOutcome::NotSent(why) => {
            assert_fit_to_show(why);
            assert!(oracle::may_be_unsent(kind, answers), "{kind:?}: {why}");
        }
        PayOutcome::Unknown(why) => assert_fit_to_show(why),
        PayOutcome::InFlight | PayOutcome::AlreadyKnown => {}
    }
}

fn found(kind: ServiceKind, found: &Found, answers: &[HttpAnswer]) {
    match found {
        Found::Outcome(PayOutcome::Paid { preimage, .. }) => {
            assert!(preimage.proves(&PaymentHash(HASH)), "{kind:?}: no proof");
            assert!(oracle::may_be_paid(kind, answers), "{kind:?}: paid without being told so");
        }
        Found::Outcome(PayOutcome::Failed(why)) => {
            assert_fit_to_show(why);
            assert!(oracle::may_be_found_failed(kind, answers), "{kind:?}: {why}");
        }
        Found::Outcome(PayOutcome::InFlight) => {}
        Found::Outcome(other) => panic!("{kind:?}: no state of a payment: {other:?}"),
        Found::NotFound => assert!(oracle::may_be_not_found(kind, answers), "{kind:?}: not found"),
        Found::Unavailable(why) => assert_fit_to_show(why),
    }
}

fn incoming(kind: ServiceKind, incoming: Result<Incoming, ServiceFault>, answer: &HttpAnswer) {
    match incoming {
        Ok(Incoming::Paid(_)) => assert!(oracle::may_have_come_in(kind, answer), "{kind:?}: nothing came in"),
        Ok(Incoming::Open | Incoming::Expired | Incoming::NotFound) => {}
        Err(fault) => shown(Some(fault)),
    }
}

fn listed(kind: ServiceKind, direction: Direction, listed: Result<Vec<Listed>, ServiceFault>) {
    for listed in listed.as_ref().into_iter().flatten() {
        assert!(listed.preimage.is_none_or(|preimage| preimage.proves(&listed.hash)), "{kind:?}: no proof");
        let mixed = matches!(kind, ServiceKind::Lnbits | ServiceKind::Nwc);
        assert!(mixed || listed.direction == direction, "{kind:?}: the wrong way");
    }
    shown(listed.err());
}

fn shown(fault: Option<ServiceFault>) {
    if let Some(fault) = fault {
        assert_fit_to_show(&fault.to_string());
    }
}

/// Lines are the same however a stream is cut, and lose nothing but blank ones.
fn streamed(body: &[u8]) {
    let lines = |size: usize| {
        let (mut buffer, mut lines) = (LineBuffer::default(), Vec::new());
        for part in body.chunks(size) {
            buffer.push(part);
            lines.extend(std::iter::from_fn(|| buffer.line()));
        }
        lines.extend(buffer.last());
        lines
    };
    let blank = |line: &[u8]| line.iter().all(u8::is_ascii_whitespace);
    let plain: Vec<Vec<u8>> =
        body.split(|byte| *byte == b'\n').filter(|line| !blank(line)).map(<[u8]>::to_vec).collect();
    assert_eq!(lines(body.len().max(1)), plain);
    assert_eq!(lines(7), plain);
}
