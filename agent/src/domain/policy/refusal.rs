//! Why a bill is not paid, or not before the owner was asked: one plain sentence each.

use std::fmt;

use crate::domain::money::{Msat, MsatPerKwh};

/// Whose limit was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// The limits of the agreement or feed.
    Rule,
    /// The limits of everything that is paid to this payee.
    Payee,
    /// The limits of the whole house.
    House,
}

/// Which window was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// An hour.
    Hour,
    /// A day.
    Day,
    /// A month.
    Month,
}

/// What keeps every automatic payment back, whatever the limits say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Halt {
    /// The owner pressed stop.
    Stopped,
    /// Kilosat found something that must not be; the text says what.
    Locked(String),
    /// The stop button cannot be read, so a press could not be noticed; the text says why.
    Interlock(String),
}

/// What the owner is asked before a payment is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// Nothing was ever paid to this payee.
    pub first: bool,
    /// It is more than this, which is the most that is paid without asking.
    pub above: Option<Msat>,
}

/// Why a bill is not paid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The owner pressed stop.
    #[error("Automatic payments are stopped by you. Nothing was paid; to go on: kilosat resume")]
    Stopped,
    /// Automatic payments are locked; the text says why.
    #[error("Automatic payments are locked: {0}")]
    Locked(String),
    /// The stop button cannot be read.
    #[error("The stop button does not work, so nothing is paid until it does: {0}")]
    Interlock(String),
    /// It belongs to a wallet that is not in use any more.
    #[error("This payment was meant for the wallet used before. Nothing was paid; a new invoice will be asked for.")]
    OtherWallet,
    /// Nobody allowed this payee.
    #[error("No agreement or feed covers this payee any more. Nothing was paid.")]
    NoRule,
    /// The owner paused it.
    #[error("You paused this. Nothing was paid; what is owed stays owed until you let it go on.")]
    Paused,
    /// There is a list of payees, and this one is not on it.
    #[error(
        "Only payees with a [[payee]] section may be paid, and this one has none. Nothing was paid; add one if you \
         trust it."
    )]
    NotListed,
    /// The owner said no.
    #[error("You refused this payment. What is owed stays owed; if you change your mind: kilosat approve {question}")]
    Declined {
        /// The question that was answered.
        question: i64,
    },
    /// The kilowatt-hour costs too much.
    #[error(
        "The kilowatt-hour costs {}; your limit for {} is {}. Nothing was paid, and what was used stays owed.",
        Msat(.price.0), .layer.words(), Msat(.limit.0)
    )]
    Price {
        /// Whose limit.
        layer: Layer,
        /// What it costs.
        price: MsatPerKwh,
        /// The limit.
        limit: MsatPerKwh,
    },
    /// One payment would cost too much.
    #[error("This payment could cost {cost} with fees; your limit for {} is {limit} at once. Nothing was paid.", .layer.words())]
    PerPayment {
        /// Whose limit.
        layer: Layer,
        /// Amount plus fee limit.
        cost: Msat,
        /// The limit.
        limit: Msat,
    },
    /// Too many payments.
    #[error(
        "{payments} payments were made within the last hour; your limit for {} is {limit}. It will be tried again later.",
        .layer.words()
    )]
    Rate {
        /// Whose limit.
        layer: Layer,
        /// Payments within the last 60 minutes.
        payments: u32,
        /// The limit.
        limit: u32,
    },
    /// A window is used up.
    #[error(
        "{committed} of {limit} {} are already spent or reserved for {}; {cost} more do not fit. It will be tried again \
         later.",
        .window.words(), .layer.words()
    )]
    Window {
        /// Whose limit.
        layer: Layer,
        /// Which window.
        window: Window,
        /// Amount plus fee limit.
        cost: Msat,
        /// Spent plus reserved already.
        committed: Msat,
        /// The limit.
        limit: Msat,
    },
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.first, self.above) {
            (true, None) => f.write_str("it would be the first payment to this payee"),
            (false, Some(above)) => write!(f, "it is more than the {above} that are paid without asking you"),
            (true, Some(above)) => write!(
                f,
                "it would be the first payment to this payee, and it is more than the {above} that are paid without \
                 asking you"
            ),
            (false, None) => f.write_str("you wanted to be asked"),
        }
    }
}

impl Layer {
    fn words(self) -> &'static str {
        match self {
            Layer::Rule => "this agreement",
            Layer::Payee => "this payee",
            Layer::House => "the whole house",
        }
    }
}

impl Window {
    fn words(self) -> &'static str {
        match self {
            Window::Hour => "per hour",
            Window::Day => "per day",
            Window::Month => "per month",
        }
    }
}
