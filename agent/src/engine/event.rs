//! What the engine is told, and what it asks for: the words between it and the tasks.

use bitcoin::Txid;

use super::wallet::Comparison;
use crate::domain::invoice::{PaymentHash, Preimage};
use crate::domain::l402::{Challenge, Credential};
use crate::domain::meter::{self, MeterState};
use crate::domain::money::Msat;
use crate::domain::rate::Rate;

/// A channel that the LSP opened for money that came in (LSPS2), and what it kept for that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// Every channel that the LSP opened; it is the one of which that is not known yet.
    pub channels: Vec<String>,
    /// What it kept.
    pub fee: Msat,
}

/// Something happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A meter's interval closed.
    Interval {
        /// The meter's id.
        meter: String,
        /// The virtual meter at the close.
        state: MeterState,
        /// Good samples since the last close.
        samples: u32,
    },
    /// A meter's values began or ceased to be doubtful; the text goes to the journal.
    MeterDoubt {
        /// The meter's id.
        meter: String,
        /// What happened, in one sentence.
        text: String,
        /// The lowest counter that was too high to be believed; kept, so that a restart does not forget it.
        too_high: Option<meter::Mark>,
    },
    /// An input or a relay changed; goes to the journal.
    Switched {
        /// Its id.
        device: String,
        /// Active, or on.
        on: bool,
        /// Why, in a few words.
        why: String,
    },
    /// A set point of a device was written, or may have been; goes to the journal.
    Set {
        /// The device's id.
        device: String,
        /// What was written and what became of it, in one sentence.
        text: String,
    },
    /// Somebody came in by the page, tried to, or decided something there; goes to the journal.
    Access(String),
    /// A backup was written and read back; goes to the journal.
    BackedUp {
        /// Where it is.
        file: String,
        /// How large it is.
        bytes: u64,
        /// It was also opened with the owner's words, and every part of it compared.
        opened: bool,
    },
    /// A backup could not be made; why goes to the journal.
    BackupFailed(String),
    /// A payee answered with an invoice.
    Bill {
        /// The purchase it is for.
        purchase: i64,
        /// As received.
        bolt11: String,
    },
    /// A payee did not answer with an invoice.
    NoBill {
        /// The purchase it was for.
        purchase: i64,
        /// Why, in one sentence.
        fault: String,
        /// The amounts the payee takes, when that is why.
        range: Option<(Msat, Msat)>,
    },
    /// The service answered a pay call, or reported later.
    Outcome {
        /// Which payment.
        hash: PaymentHash,
        /// What became of it.
        outcome: PayOutcome,
    },
    /// The service answered a look-up.
    Found {
        /// Which payment.
        hash: PaymentHash,
        /// What it knows.
        found: Found,
    },
    /// A data seller answered.
    Fetched {
        /// The feed's id.
        feed: String,
        /// With what.
        answer: FeedAnswer,
    },
    /// Money came in.
    Received {
        /// Its payment hash.
        hash: PaymentHash,
        /// What arrived, after the LSP's fee.
        amount: Msat,
        /// The LSP opened a channel for it.
        opening: Option<Opening>,
    },
    /// The built-in node has agreed with a peer on the transaction that changes what a channel holds.
    Spliced {
        /// The channel.
        channel: String,
        /// The transaction.
        txid: Txid,
    },
    /// It has not.
    SpliceFailed {
        /// The channel.
        channel: String,
    },
    /// A channel of the built-in node is closed or about to be; its money comes back later.
    ChannelClosed {
        /// The channel.
        channel: String,
        /// Why, in the node's words.
        why: String,
        /// It was made, so there is money that comes back.
        had_money: bool,
    },
    /// The wallet can pay again; whatever waited for that is tried now.
    WalletReady,
    /// The stop button cannot be read, which the text explains, or can be read again.
    Interlock(Option<String>),
    /// The wallet told its history and its balance.
    Compared(Comparison),
    /// The wallet did not tell them; the text says why.
    NotCompared(String),
    /// What a bitcoin costs; kept with the payments that are decided while it is fresh.
    Rate(Rate),
    /// The owner wants everything owed paid now, however little.
    SettleUp,
    /// Time passed; sent about twice a second.
    Tick,
}

/// What a pay call led to. Only `Failed` and `NotSent` say that no money can move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PayOutcome {
    /// Done, with its proof.
    Paid {
        /// The proof; checked by the engine.
        preimage: Preimage,
        /// Paid for routing, if the service said.
        fee: Option<Msat>,
    },
    /// The service says of this hash that it failed for good.
    Failed(String),
    /// The request certainly never reached the service.
    NotSent(String),
    /// On its way.
    InFlight,
    /// The service has this hash already: look it up.
    AlreadyKnown,
    /// Anything else.
    Unknown(String),
}

/// What a look-up by payment hash found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A final or unfinished state that the service states clearly.
    Outcome(PayOutcome),
    /// The service answered that it does not know the hash.
    NotFound,
    /// The look-up itself failed; this changes nothing.
    Unavailable(String),
}

/// A data seller's answer, read by the task that fetched it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FeedAnswer {
    /// The data; its points are in the latest-value table.
    Data,
    /// 402 without or instead of a ticket.
    PaymentRequired(Challenge),
    /// The ticket that was shown is not accepted; perhaps a new offer came with it.
    TicketRefused(Option<Challenge>),
    /// No usable answer.
    Fault(String),
}

/// Something is to be done by a task, which answers with an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Ask the agreement's payee for an invoice.
    RequestBill {
        /// The purchase it is for.
        purchase: i64,
        /// The agreement, which names the payee.
        agreement: String,
        /// Due.
        amount: Msat,
    },
    /// Hand an invoice to the service. The row behind it is durable and says `sending`.
    Send {
        /// What to look it up by.
        hash: PaymentHash,
        /// The invoice.
        bolt11: String,
        /// The routing fee limit.
        fee_max: Msat,
    },
    /// Ask the service what became of a payment.
    LookUp {
        /// Which payment.
        hash: PaymentHash,
    },
    /// Ask a data seller, with the ticket if there is one.
    Fetch {
        /// The feed's id.
        feed: String,
        /// A ticket that was paid for.
        ticket: Option<Credential>,
    },
}
