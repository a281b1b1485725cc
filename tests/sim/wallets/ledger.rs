//! What lies behind a simulated wallet: its balance, its invoices, its payments, and everybody else's invoices.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::str::FromStr as _;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bitcoin::hashes::{Hash as _, sha256};
use bitcoin::secp256k1::{Secp256k1, SecretKey};
use lightning_invoice::{Bolt11Invoice, Currency, InvoiceBuilder, PaymentSecret};
use tokio::sync::broadcast;

/// One wallet's money. Clones are the same wallet.
#[derive(Clone)]
pub struct Ledger(Arc<Mutex<Inner>>);

struct Inner {
    currency: Currency,
    balance_msat: u64,
    fee_msat: u64,
    plan: Plan,
    made: u64,
    clock: fn() -> u64,
    own: BTreeMap<[u8; 32], OwnInvoice>,
    foreign: BTreeMap<[u8; 32], [u8; 32]>,
    payments: BTreeMap<[u8; 32], Payment>,
    asked: Vec<[u8; 32]>,
    arrivals: broadcast::Sender<[u8; 32]>,
}

/// What happens to the payments that begin from now on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Plan {
    /// They settle at once.
    #[default]
    Settle,
    /// They stay on their way until [`Ledger::resolve`].
    Hold,
    /// No route is found; a failed payment stays in the history.
    NoRoute,
}

/// Why a payment does not begin, or ends at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The balance does not cover amount and fee.
    Funds,
    /// No route was found; a failed payment stays in the history.
    NoRoute,
    /// The fee is above the limit.
    Fee,
    /// The invoice has expired.
    Expired,
    /// The invoice cannot be read, or names no amount.
    Invoice,
    /// This hash is paid already.
    AlreadyPaid,
    /// This hash is on its way already.
    InFlight,
}

/// Where a payment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayState {
    /// On its way.
    InFlight,
    /// Done.
    Settled,
    /// Failed for good.
    Failed,
}

/// An outgoing payment.
#[derive(Clone, Debug)]
pub struct Payment {
    /// Known by.
    pub hash: [u8; 32],
    /// The proof; to be shown only once settled.
    pub preimage: [u8; 32],
    /// What was paid.
    pub bolt11: String,
    /// Without the fee.
    pub amount_msat: u64,
    /// Routing.
    pub fee_msat: u64,
    /// Where it stands.
    pub state: PayState,
    /// When it began, ms since 1970.
    pub created_ms: u64,
    /// The how manieth thing this wallet did, from 1.
    pub index: u64,
}

/// An invoice of this wallet.
#[derive(Clone, Debug)]
pub struct OwnInvoice {
    /// Known by.
    pub hash: [u8; 32],
    /// What the payer will learn.
    pub preimage: [u8; 32],
    /// The string.
    pub bolt11: String,
    /// To be received.
    pub amount_msat: u64,
    /// As asked.
    pub description: String,
    /// As asked; may be empty.
    pub label: String,
    /// ms since 1970.
    pub created_ms: u64,
    /// ms since 1970.
    pub expires_ms: u64,
    /// When it was paid, ms since 1970.
    pub paid_ms: Option<u64>,
    /// The how manieth thing this wallet did, from 1.
    pub index: u64,
}

impl Ledger {
    /// A wallet with some money; each payment costs `fee_msat` for routing.
    pub fn new(currency: Currency, balance_msat: u64, fee_msat: u64) -> Ledger {
        Ledger(Arc::new(Mutex::new(Inner {
            currency,
            balance_msat,
            fee_msat,
            plan: Plan::Settle,
            made: 0,
            clock: now_ms,
            own: BTreeMap::new(),
            foreign: BTreeMap::new(),
            payments: BTreeMap::new(),
            asked: Vec::new(),
            arrivals: broadcast::Sender::new(ARRIVALS_KEPT),
        })))
    }

    /// Decides what happens to the payments that begin from now on.
    pub fn plan(&self, plan: Plan) {
        self.lock().plan = plan;
    }

    /// What each further payment costs for routing.
    pub fn set_fee(&self, fee_msat: u64) {
        self.lock().fee_msat = fee_msat;
    }

    /// What can be spent.
    pub fn balance_msat(&self) -> u64 {
        self.lock().balance_msat
    }

    /// An invoice of this wallet; the same label gives the same invoice.
    pub fn create(&self, amount_msat: u64, description: &str, expiry_s: u64, label: &str) -> OwnInvoice {
        let mut inner = self.lock();
        if let Some(known) = inner.own.values().find(|known| !label.is_empty() && known.label == label) {
            return known.clone();
        }
        let (preimage, hash, bolt11, created_ms) = inner.sign(amount_msat, description, expiry_s, 1);
        let own = OwnInvoice {
            hash,
            preimage,
            bolt11,
            amount_msat,
            description: description.to_owned(),
            label: label.to_owned(),
            created_ms,
            expires_ms: created_ms + expiry_s * 1_000,
            paid_ms: None,
            index: inner.made,
        };
        inner.own.insert(hash, own.clone());
        own
    }

    /// Somebody else's invoice, which this wallet can pay.
    pub fn foreign(&self, amount_msat: u64, expiry_s: u64) -> String {
        let mut inner = self.lock();
        let (preimage, hash, bolt11, _) = inner.sign(amount_msat, "somebody else's", expiry_s, 2);
        inner.foreign.insert(hash, preimage);
        bolt11
    }

    /// The proof that paying somebody else's invoice gives.
    pub fn preimage(&self, bolt11: &str) -> [u8; 32] {
        let invoice = Bolt11Invoice::from_str(bolt11).unwrap();
        self.lock().foreign[&invoice.payment_hash().to_byte_array()]
    }

    /// Pays, as the plan says. A hash that failed before is tried again.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn pay(&self, bolt11: &str, fee_max_msat: Option<u64>) -> Result<Payment, Refusal> {
        let mut inner = self.lock();
        let invoice = Bolt11Invoice::from_str(bolt11).map_err(|_| Refusal::Invoice)?;
        let amount_msat = invoice.amount_milli_satoshis().ok_or(Refusal::Invoice)?;
        let hash = invoice.payment_hash().to_byte_array();
        inner.asked.push(hash);
        match inner.payments.get(&hash).map(|known| known.state) {
            Some(PayState::Settled) => return Err(Refusal::AlreadyPaid),
            Some(PayState::InFlight) => return Err(Refusal::InFlight),
            Some(PayState::Failed) | None => {}
        }
        if invoice.would_expire(Duration::from_millis((inner.clock)())) {
            return Err(Refusal::Expired);
        }
        let fee_msat = inner.fee_msat;
        if fee_max_msat.is_some_and(|limit| fee_msat > limit) {
            return Err(Refusal::Fee);
        }
        if inner.balance_msat < amount_msat + fee_msat {
            return Err(Refusal::Funds);
        }
        let preimage = inner.foreign.get(&hash).copied();
        let state = match (inner.plan, preimage) {
            (Plan::NoRoute, _) | (_, None) => PayState::Failed,
            (Plan::Settle, _) => PayState::Settled,
            (Plan::Hold, _) => PayState::InFlight,
        };
        inner.made += 1;
        let payment = Payment {
            hash,
            preimage: preimage.unwrap_or([0; 32]),
            bolt11: bolt11.to_owned(),
            amount_msat,
            fee_msat,
            state,
            created_ms: (inner.clock)(),
            index: inner.made,
        };
        inner.payments.insert(hash, payment.clone());
        if state == PayState::Failed {
            return Err(Refusal::NoRoute);
        }
        inner.balance_msat -= amount_msat + fee_msat;
        Ok(payment)
    }

    /// Ends a payment that is on its way.
    pub fn resolve(&self, hash: [u8; 32], settles: bool) {
        let mut inner = self.lock();
        let payment = inner.payments.get_mut(&hash).unwrap();
        assert_eq!(payment.state, PayState::InFlight);
        payment.state = if settles { PayState::Settled } else { PayState::Failed };
        let back = if settles { 0 } else { payment.amount_msat + payment.fee_msat };
        inner.balance_msat += back;
    }

    /// A channel brings so much to this side.
    pub fn add(&self, msat: u64) {
        self.lock().balance_msat += msat;
    }

    /// Somebody pays an invoice of this wallet.
    pub fn receive(&self, hash: [u8; 32]) {
        let mut inner = self.lock();
        let at = (inner.clock)();
        inner.made += 1;
        let own = inner.own.get_mut(&hash).unwrap();
        own.paid_ms = Some(at);
        let amount = own.amount_msat;
        inner.balance_msat += amount;
        // Nobody may be listening.
        let _ = inner.arrivals.send(hash);
    }

    /// The hashes of own invoices as they are paid from now on.
    pub fn arrivals(&self) -> broadcast::Receiver<[u8; 32]> {
        self.lock().arrivals.subscribe()
    }

    /// The payment of this hash.
    pub fn payment(&self, hash: &[u8; 32]) -> Option<Payment> {
        self.lock().payments.get(hash).cloned()
    }

    /// Every payment, oldest first.
    pub fn payments(&self) -> Vec<Payment> {
        let mut all: Vec<_> = self.lock().payments.values().cloned().collect();
        all.sort_by_key(|payment| payment.index);
        all
    }

    /// The hash of every invoice it was ever asked to pay, refused ones and repetitions included, in that order.
    pub fn asked(&self) -> Vec<[u8; 32]> {
        self.lock().asked.clone()
    }

    /// How often it was asked to pay.
    pub fn asked_count(&self) -> usize {
        self.lock().asked.len()
    }

    /// The own invoice of this hash.
    pub fn invoice(&self, hash: &[u8; 32]) -> Option<OwnInvoice> {
        self.lock().own.get(hash).cloned()
    }

    /// Every own invoice, oldest first.
    pub fn invoices(&self) -> Vec<OwnInvoice> {
        let mut all: Vec<_> = self.lock().own.values().cloned().collect();
        all.sort_by_key(|invoice| invoice.index);
        all
    }

    /// The how manieth paid invoice of this wallet it is, from 1.
    pub fn pay_index(&self, own: &OwnInvoice) -> usize {
        let place = |own: &OwnInvoice| (own.paid_ms, own.index);
        let inner = self.lock();
        inner.own.values().filter(|other| other.paid_ms.is_some() && place(other) <= place(own)).count()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }
}

impl Inner {
    fn sign(
        &mut self,
        amount_msat: u64,
        description: &str,
        expiry_s: u64,
        key: u8,
    ) -> ([u8; 32], [u8; 32], String, u64) {
        self.made += 1;
        let preimage =
            sha256::Hash::hash(&[self.made.to_be_bytes(), u64::from(key).to_be_bytes()].concat()).to_byte_array();
        let hash = sha256::Hash::hash(&preimage);
        let created_ms = (self.clock)();
        let invoice = InvoiceBuilder::new(self.currency.clone())
            .amount_milli_satoshis(amount_msat)
            .description(description.to_owned())
            .payment_hash(hash)
            .payment_secret(PaymentSecret([key; 32]))
            .duration_since_epoch(Duration::from_millis(created_ms))
            .expiry_time(Duration::from_secs(expiry_s))
            .min_final_cltv_expiry_delta(40)
            .build_signed(|message| {
                Secp256k1::new().sign_ecdsa_recoverable(message, &SecretKey::from_slice(&[key; 32]).unwrap())
            });
        (preimage, hash.to_byte_array(), invoice.unwrap().to_string(), created_ms)
    }
}

fn now_ms() -> u64 {
    kilosat::clock::Clock::real().now().wall.0
}

const ARRIVALS_KEPT: usize = 64;
