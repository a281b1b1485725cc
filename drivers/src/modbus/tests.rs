//! The client against a scripted meter that speaks raw Modbus TCP, so that every broken answer can be sent.

#![allow(clippy::unwrap_used)]
use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::reading::{MilliwattHours, Quantity};

/// What the scripted meter does with a request.
enum Reply {
    Words(Vec<u16>),
    Exception(u8),
    /// Raw bytes after the transaction id of the request.
    Bytes(Vec<u8>),
    WrongTransaction,
    Nothing,
    Close,
}

/// A request as the script sees it; connections and the requests on each are counted from 1.
#[derive(Clone, Copy)]
struct Asked {
    connection: usize,
    request: usize,
    function: u8,
}

#[tokio::test]
async fn a_read_gives_every_value_and_keeps_the_connection() {
    let (mut meter, connections) = meter(good).await;
    for _ in 0..3 {
        let readings = meter.read().await.unwrap();
        let values: Vec<_> = readings.iter().map(|r| (r.quantity, r.milli)).collect();
        let wanted = [(Quantity::ENERGY_IMPORT, 7_000), (Quantity::VOLTAGE_L1, 230_000), (Quantity::POWER, 450_000)];
        assert_eq!(values, wanted);
        let counter = readings.iter().find_map(Reading::energy);
        assert_eq!(counter, Some(MilliwattHours(7_000)));
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
    assert!(meter.missing().is_empty());
}

#[tokio::test]
async fn after_a_timeout_the_next_read_asks_on_a_new_connection() {
    let fault = first_connection(|_| Reply::Nothing).await;
    assert!(matches!(fault, ReadFault::NoAnswer { .. }), "{fault}");
}

#[tokio::test]
async fn broken_answers_end_the_connection() {
    let garbage = |fault: &ReadFault| matches!(fault, ReadFault::Garbage { .. });
    let fault = first_connection(|_| Reply::WrongTransaction).await;
    assert!(garbage(&fault), "{fault}");
    let fault = first_connection(|_| Reply::Words(vec![0, 7])).await;
    assert!(garbage(&fault), "a complete but short answer: {fault}");
    let fault = first_connection(|_| Reply::Words(vec![0, 7, 230, 0])).await;
    assert!(garbage(&fault), "a long answer: {fault}");
    let cut = [0, 0, 0, 5, 1, 3, 6, 0, 0];
    let fault = first_connection(move |_| Reply::Bytes(cut.to_vec())).await;
    assert!(garbage(&fault), "fewer bytes than announced: {fault}");
    let fault = first_connection(|_| Reply::Bytes(vec![0xFF; 12])).await;
    assert!(matches!(fault, ReadFault::NoAnswer { .. }), "an endless frame: {fault}");
    let fault = first_connection(|_| Reply::Bytes(vec![9, 9, 0, 2, 1, 3])).await;
    assert!(garbage(&fault), "another protocol: {fault}");
    let fault = first_connection(|_| Reply::Bytes(vec![0, 0, 0, 0, 1, 3])).await;
    assert!(garbage(&fault), "an empty frame: {fault}");
    let fault = first_connection(|_| Reply::Bytes(vec![0, 0, 0, 3, 1, 4, 0])).await;
    assert!(garbage(&fault), "another function: {fault}");
}

#[tokio::test]
async fn a_connection_closed_on_a_fresh_read_is_not_tried_again() {
    let fault = first_connection(|_| Reply::Close).await;
    assert!(matches!(fault, ReadFault::ConnectionLost), "{fault}");
}

#[tokio::test]
async fn a_kept_connection_that_died_is_replaced_once() {
    let died = |asked: &Asked| asked.connection == 1 && asked.request > REQUESTS;
    let (mut restarted, connections) = meter(move |asked| match died(&asked) {
        true => Reply::Close,
        false => good(asked),
    })
    .await;
    restarted.read().await.unwrap();
    assert_eq!(restarted.read().await.unwrap().len(), 3);
    assert_eq!(connections.load(Ordering::SeqCst), 2);
    let (mut gone, connections) = meter(move |asked| match died(&asked) || asked.connection > 1 {
        true => Reply::Close,
        false => good(asked),
    })
    .await;
    gone.read().await.unwrap();
    let fault = gone.read().await.unwrap_err();
    assert!(matches!(fault, ReadFault::ConnectionLost), "{fault}");
    assert_eq!(connections.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn an_exception_for_the_counter_fails_the_read_but_not_the_connection() {
    let (mut meter, connections) = meter(|_| Reply::Exception(6)).await;
    for _ in 0..3 {
        let fault = meter.read().await.unwrap_err();
        assert!(matches!(fault, ReadFault::Exception { code: 6, .. }), "{fault}");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_exception_for_other_values_costs_only_those() {
    let (mut meter, _) = meter(|asked| match asked.function {
        4 => Reply::Exception(2),
        _ => good(asked),
    })
    .await;
    assert_eq!(meter.read().await.unwrap().len(), 2);
    let quantity = Quantity::POWER;
    assert_eq!(meter.missing(), [ValueFault::Refused { quantity, code: 2 }]);
}

#[tokio::test]
async fn a_counter_that_is_not_available_and_a_meter_of_zeros_are_faults() {
    let (mut not_available, _) = meter(|asked| match asked.function {
        3 => Reply::Words(vec![0xFFFF, 0xFFFF, 230]),
        _ => good(asked),
    })
    .await;
    let fault = not_available.read().await.unwrap_err();
    assert!(matches!(fault, ReadFault::Value(ValueFault::NotAvailable { .. })), "{fault}");
    let (mut zeros, _) = meter(|asked| match asked.function {
        3 => Reply::Words(vec![0; 3]),
        _ => Reply::Words(vec![0; 1]),
    })
    .await;
    let fault = zeros.read().await.unwrap_err();
    assert!(matches!(fault, ReadFault::AllZero), "{fault}");
}

#[tokio::test]
async fn a_read_that_is_dropped_takes_its_connection_along() {
    let (mut meter, connections) = meter(good).await;
    meter.read().await.unwrap();
    tokio::select! {
        biased;
        _ = meter.read() => panic!("the answer cannot be there at the first poll"),
        () = ready(()) => {}
    }
    assert!(meter.connection.is_none());
    assert_eq!(meter.read().await.unwrap().len(), 3);
    assert_eq!(connections.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_meter_that_is_not_there_is_no_connection() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let mut meter = ModbusMeter::new(target(port), profile(), Timeouts::default());
    let fault = meter.read().await.unwrap_err();
    assert!(matches!(fault, ReadFault::NoConnection { .. }), "{fault}");
}

/// Reads a meter that misbehaves on its first connection only, and returns the fault of the first read.
async fn first_connection(misbehave: impl Fn(Asked) -> Reply + Send + Sync + 'static) -> ReadFault {
    let (mut meter, connections) = meter(move |asked| match asked.connection {
        1 => misbehave(asked),
        _ => good(asked),
    })
    .await;
    let fault = meter.read().await.unwrap_err();
    assert_eq!(connections.load(Ordering::SeqCst), 1, "no retry: {fault}");
    assert_eq!(meter.read().await.unwrap().len(), 3, "after {fault}");
    fault
}

fn good(asked: Asked) -> Reply {
    Reply::Words(match asked.function {
        3 => vec![0, 7, 230],
        _ => vec![450],
    })
}

async fn meter(script: impl Fn(Asked) -> Reply + Send + Sync + 'static) -> (ModbusMeter, Arc<AtomicUsize>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let connections = Arc::new(AtomicUsize::new(0));
    let (counter, script) = (Arc::clone(&connections), Arc::new(script));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let connection = counter.fetch_add(1, Ordering::SeqCst) + 1;
            tokio::spawn(serve(stream, connection, Arc::clone(&script)));
        }
    });
    let timeouts = Timeouts { answer: Duration::from_millis(200), ..Timeouts::default() };
    let meter = ModbusMeter::new(target(port), profile(), timeouts);
    (meter, connections)
}

async fn serve(mut stream: TcpStream, connection: usize, script: Arc<impl Fn(Asked) -> Reply + Send + Sync + 'static>) {
    let mut bytes = [0; 12];
    let mut request = 0;
    while stream.read_exact(&mut bytes).await.is_ok() {
        request += 1;
        let [high, low, _, _, _, _, unit, function, ..] = bytes;
        let asked = Asked { connection, request, function };
        let mut answer = vec![high, low];
        match script(asked) {
            Reply::Words(words) => answer.extend(frame(unit, function, &words)),
            Reply::Exception(code) => answer.extend([0, 0, 0, 3, unit, function | 0x80, code]),
            Reply::Bytes(bytes) => answer.extend(bytes),
            Reply::WrongTransaction => {
                answer = vec![high, low.wrapping_add(1)];
                answer.extend(frame(unit, function, &[0, 7, 230]));
            }
            Reply::Nothing => continue,
            Reply::Close => return,
        }
        stream.write_all(&answer).await.unwrap();
    }
}

fn frame(unit: u8, function: u8, words: &[u16]) -> Vec<u8> {
    let bytes = u8::try_from(words.len() * 2).unwrap();
    let mut frame = vec![0, 0, 0, bytes + 3, unit, function, bytes];
    frame.extend(words.iter().flat_map(|word| word.to_be_bytes()));
    frame
}

fn target(port: u16) -> Target {
    Target { host: "127.0.0.1".to_owned(), port, unit: 1 }
}

/// Requests in which [`profile`] is read.
const REQUESTS: usize = 2;

fn profile() -> Arc<Profile> {
    let text = r#"
        name = "test"
        title = "Test"
        vendor = "Test"
        role = "meter"
        evidence = "single source"
        source = "Test"
        tcp_port = 502
        registers_max = 10
        hole_max = 0
        energy_step_mwh = 1_000
        point = [
          { quantity = "energy_import", holding = 0, type = "u32", unit = "Wh" },
          { quantity = "voltage_l1", holding = 2, type = "u16" },
          { quantity = "power", input = 0, type = "u16" },
        ]
    "#;
    Arc::new(crate::profiles::load(text, "test").unwrap())
}
