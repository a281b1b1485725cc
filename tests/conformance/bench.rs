//! A wallet under test, and the world at its other end.

use std::sync::Arc;
use std::time::Duration;

use bitcoin::Network;
use kilosat::clock::Clock;
use kilosat::domain::invoice::PaymentHash;
use kilosat::keys::Secret;
use kilosat::lightning::{LightningService, NewInvoice, Remote, ServiceKind, Waits};
use sim::wallets::lnbits::LnbitsServer;
use sim::wallets::{Faults, Ledger, PayState, Plan};
use url::Url;

/// A wallet under test.
pub struct Bench {
    /// Kilosat's side.
    pub service: LightningService,
    /// The wallet's other side.
    pub world: World,
    /// What goes wrong between them, where the wallet is simulated.
    pub faults: Faults,
    /// Part of the path of a pay call, and of a look-up.
    pub pay_path: &'static str,
    pub look_up_path: &'static str,
    /// The same kind of wallet at an address where nobody listens.
    pub unreachable: LightningService,
    /// Whatever must live as long as the test.
    pub _kept: Box<dyn std::any::Any + Send>,
}

/// Everybody whom a wallet pays and who pays it, and its money as it really is.
pub enum World {
    /// A simulated wallet's ledger.
    Simulated(Ledger),
    /// A real LNbits server, where the buyer's wallet is the one under test, and invoices of people it does not know.
    Lnbits(Arc<LnbitsServer>, Ledger),
    /// Real Lightning nodes on a chain of their own.
    #[cfg(feature = "node")]
    Regtest(Box<crate::regtest::Regtest>),
}

/// What becomes of the payment of an invoice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It settles.
    Settles,
    /// It is on its way until [`World::resolve`].
    Held,
    /// No way leads to its recipient.
    Unreachable,
}

impl World {
    /// The simulated wallet's ledger.
    pub fn ledger(&self) -> &Ledger {
        match self {
            World::Simulated(ledger) => ledger,
            _ => panic!("this wallet is real"),
        }
    }

    /// Where its invoices are for.
    pub fn network(&self) -> Network {
        match self {
            World::Simulated(_) | World::Lnbits(..) => Network::Bitcoin,
            #[cfg(feature = "node")]
            World::Regtest(_) => Network::Regtest,
        }
    }

    /// All money in the wallet.
    pub async fn balance_msat(&self) -> u64 {
        match self {
            World::Simulated(ledger) => ledger.balance_msat(),
            World::Lnbits(server, _) => server.balance_msat(&server.buyer).await,
            #[cfg(feature = "node")]
            World::Regtest(regtest) => regtest.balance_msat(),
        }
    }

    /// An invoice of somebody else.
    pub async fn bill(&self, amount_msat: u64, fate: Fate) -> String {
        match self {
            World::Simulated(ledger) => {
                ledger.plan(match fate {
                    Fate::Settles => Plan::Settle,
                    Fate::Held => Plan::Hold,
                    Fate::Unreachable => Plan::NoRoute,
                });
                ledger.foreign(amount_msat, 600)
            }
            World::Lnbits(server, strangers) => match fate {
                Fate::Settles => server.bill(&server.seller, amount_msat).await,
                Fate::Held => panic!("LNbits' FakeWallet holds no payment"),
                Fate::Unreachable => strangers.foreign(amount_msat, 600),
            },
            #[cfg(feature = "node")]
            World::Regtest(regtest) => regtest.bill(amount_msat, fate).await,
        }
    }

    /// Ends a payment that is on its way.
    pub async fn resolve(&self, hash: PaymentHash, settles: bool) {
        match self {
            World::Simulated(ledger) => ledger.resolve(hash.0, settles),
            World::Lnbits(..) => panic!("LNbits' FakeWallet holds no payment"),
            #[cfg(feature = "node")]
            World::Regtest(regtest) => regtest.resolve(hash, settles).await,
        }
    }

    /// Somebody pays an invoice of the wallet.
    pub async fn pay(&self, invoice: &NewInvoice) {
        match self {
            World::Simulated(ledger) => ledger.receive(invoice.hash.0),
            World::Lnbits(server, _) => server.pay(&server.seller, &invoice.bolt11).await,
            #[cfg(feature = "node")]
            World::Regtest(regtest) => regtest.pay(&invoice.bolt11).await,
        }
    }

    /// Whether the recipient of a bill has, or may yet get, anything for it.
    pub async fn has_got(&self, hash: PaymentHash) -> bool {
        match self {
            World::Simulated(ledger) => ledger.payment(&hash.0).is_some_and(|paid| paid.state != PayState::Failed),
            World::Lnbits(server, _) => server.has_got(&server.seller, hash).await,
            #[cfg(feature = "node")]
            World::Regtest(regtest) => regtest.has_got(hash).await,
        }
    }

    /// Lets every way cost more than 1 sat.
    pub fn make_ways_dear(&self) {
        // Real ones cost that anyway.
        if let World::Simulated(ledger) = self {
            ledger.set_fee(5_000);
        }
    }
}

/// What every bench reaches its wallet with.
pub fn remote(url: &str, secret: &str) -> Remote {
    Remote {
        url: Url::parse(url).unwrap(),
        secret: Secret::new(secret),
        pins: Vec::new(),
        network: Network::Bitcoin,
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
