//! A wallet under test, and the strings that move its other end.

use std::time::Duration;

use kilosat::clock::Clock;
use kilosat::domain::invoice::PaymentHash;
use kilosat::keys::Secret;
use kilosat::lightning::{LightningService, Remote, ServiceKind, Waits};
use sim::wallets::{Faults, Ledger};
use url::Url;

/// A wallet under test.
pub struct Bench {
    /// Kilosat's side.
    pub service: LightningService,
    /// The wallet's side.
    pub ledger: Ledger,
    /// What goes wrong between them.
    pub faults: Faults,
    /// Part of the path of a pay call, and of a look-up.
    pub pay_path: &'static str,
    pub look_up_path: &'static str,
    /// The same kind of wallet at an address where nobody listens.
    pub unreachable: LightningService,
    /// Whatever must live as long as the test.
    pub _kept: Box<dyn std::any::Any + Send>,
}

/// What every bench reaches its wallet with.
pub fn remote(url: &str, secret: &str) -> Remote {
    Remote {
        url: Url::parse(url).unwrap(),
        secret: Secret::new(secret),
        pins: Vec::new(),
        network: bitcoin::Network::Bitcoin,
        clock: Clock::real(),
        waits: waits(),
    }
}

/// Short, so that a wallet that hangs does not hold up the tests.
pub fn waits() -> Waits {
    Waits {
        connect: Duration::from_secs(2),
        pay: Duration::from_millis(1_500),
        call: Duration::from_millis(1_500),
        poll: Duration::from_millis(100),
    }
}

/// A wallet of `kind` at an address where nobody listens.
pub fn unreachable(kind: ServiceKind, url_scheme: &str, secret: &str) -> LightningService {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    LightningService::remote(kind, remote(&format!("{url_scheme}://{free}"), secret)).unwrap()
}

/// What a payment of `bolt11` is known by.
pub fn hash_of(bolt11: &str) -> PaymentHash {
    PaymentHash::of(bolt11).unwrap()
}
