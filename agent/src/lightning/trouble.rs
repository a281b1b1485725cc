//! What goes wrong between Kilosat and a wallet, in words a homeowner understands.

use bitcoin::Network;
use serde::{Deserialize, Serialize};

use crate::http::HttpFault;

/// The kinds of wallet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceKind {
    /// The built-in node.
    Node,
    /// phoenixd.
    Phoenixd,
    /// LNbits.
    Lnbits,
    /// LND.
    Lnd,
    /// Core Lightning.
    Cln,
    /// Nostr Wallet Connect.
    Nwc,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// No connection could be made; nothing was sent.
    Unreachable,
    /// TLS shows another certificate than expected; nothing was sent.
    Certificate,
    /// The credential is not accepted.
    Credential,
    /// The credential is accepted and may not do this.
    Permission,
    /// The wallet is on another bitcoin network.
    Network {
        /// The wallet's.
        found: String,
        /// The configuration's.
        expected: Network,
    },
    /// Locked, starting, or catching up with the chain.
    NotReady,
    /// It stays off until the owner has said that no other Kilosat runs with its state.
    Held,
    /// What proves that Kilosat may use it is sealed, and the owner has not entered the passphrase.
    Sealed,
    /// The same, and what opens it is not on this machine.
    KeyMissing,
    /// Too little to spend.
    Funds,
    /// No way to the recipient within the fee limit.
    NoRoute,
    /// The wallet's own limit or budget does not allow it.
    Limit,
    /// The wallet's fee for it would be above the limit; it was not asked to pay.
    FeeTooHigh,
    /// The LSP wants more for opening a channel than the owner allows.
    Opening,
    /// The wallet does not accept the invoice.
    Invoice,
    /// The recipient refused it, or could not be reached.
    Recipient,
    /// No answer in time.
    TooSlow,
    /// Too many requests.
    Busy,
    /// This kind of wallet cannot do it; the text names what.
    Unsupported(&'static str),
    /// It did not do what it was told to; why, it says itself.
    Declined,
    /// The answer makes no sense, or breaks a promise.
    Unclear,
}

/// A call to a wallet failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceFault {
    /// Whose.
    pub kind: ServiceKind,
    /// What is wrong.
    pub trouble: Trouble,
    /// What the wallet said, cleaned and without secrets; may be empty.
    pub detail: String,
}

impl std::error::Error for ServiceFault {}

impl std::fmt::Display for ServiceFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = self.kind.title_within();
        let mut text = self.trouble.sentence().to_owned();
        if let Some(rest) = text.strip_prefix("{name}") {
            text = format!("{}{rest}", self.kind.title());
        }
        text = text.replace("{name}", name);
        text = text.replace("{credential}", self.kind.credential()).replace("{place}", self.kind.place());
        text = text.replace("{certificate}", self.kind.certificate());
        match &self.trouble {
            Trouble::Network { found, expected } => {
                text = text.replace("{found}", found).replace("{expected}", &expected.to_string());
            }
            Trouble::Unsupported(what) => text = text.replace("{what}", what),
            _ => {}
        }
        f.write_str(&text)?;
        if self.detail.is_empty() { Ok(()) } else { write!(f, " ({name} says: {})", self.detail) }
    }
}

impl Trouble {
    /// What the owner reads, with places for names.
    #[rustfmt::skip] // one sentence a line reads better as a table
    fn sentence(&self) -> &'static str {
        match self {
            Trouble::Unreachable => "{name} cannot be reached. Nothing was paid; Kilosat tries again. Check that it runs, and {place}.",
            Trouble::Certificate => "{name} shows another certificate than expected. Nothing was sent, because somebody may stand in between. {certificate}.",
            Trouble::Credential => "{name} does not accept {credential}. Nothing was paid; put the right one in place.",
            Trouble::Permission => "{name} accepts {credential}, but it may not do this. Nothing was paid; make one with the permissions that the documentation lists.",
            Trouble::Network { .. } => "{name} is on the bitcoin network {found}, this house is on {expected}. Nothing was paid; connect a wallet of the right network.",
            Trouble::NotReady => "{name} is locked, still starting, or catching up with the bitcoin network. Kilosat pays nothing new meanwhile and tries again; if it lasts, look at the wallet itself.",
            Trouble::Held => "{name} stays off until you say that no other Kilosat runs with its state. Nothing is paid meanwhile.",
            Trouble::Sealed => "{name} waits for your passphrase. Nothing is paid meanwhile; enter it on the page, or with: kilosat keys open",
            Trouble::KeyMissing => "{name} cannot be used, since the key that opens its secrets is not on this machine. Nothing is paid meanwhile; see under Wallet on the page, or: kilosat keys",
            Trouble::Funds => "The balance at {name} is too small for this payment and its fee. Nothing was paid; put money into the wallet.",
            Trouble::NoRoute => "{name} found no way to the recipient within the fee limit. Nothing was paid; it is tried again later.",
            Trouble::Limit => "{name} has a limit of its own that does not allow this payment. Nothing was paid; raise the limit there or wait until it renews.",
            Trouble::FeeTooHigh => "{name} would take a larger fee than your limit allows. Nothing was paid; raise fee_base_max_msat or fee_max_ppm, or pay in larger slices.",
            Trouble::Opening => "Your provider wants more for opening a channel than your limit allows. No invoice was made; raise lsp_fee_max_msat, fill the spending money up from your savings, or choose another provider.",
            Trouble::Invoice => "{name} does not accept the payee's invoice. Nothing was paid; a new one will be asked for.",
            Trouble::Recipient => "The recipient did not take the payment that {name} tried. Nothing was paid; it is tried again.",
            Trouble::TooSlow => "{name} did not answer in time. Kilosat asks again.",
            Trouble::Busy => "{name} wants fewer requests. Kilosat asks again later.",
            Trouble::Unsupported(_) => "{name} does not offer {what}.",
            Trouble::Declined => "{name} declined to do that.",
            Trouble::Unclear => "{name} gave an answer that Kilosat cannot rely on. Kilosat asks again.",
        }
    }
}

impl ServiceFault {
    /// A fault without more words.
    pub fn new(kind: ServiceKind, trouble: Trouble) -> ServiceFault {
        ServiceFault { kind, trouble, detail: String::new() }
    }

    /// A fault with what the wallet said.
    pub fn with(kind: ServiceKind, trouble: Trouble, said: &str) -> ServiceFault {
        ServiceFault { kind, trouble, detail: crate::text::cleaned(said, DETAIL_CHARS_MAX) }
    }

    /// What a request that got no usable answer means.
    pub fn of_http(kind: ServiceKind, fault: &HttpFault) -> ServiceFault {
        let trouble = match fault {
            HttpFault::NoConnection { .. } | HttpFault::UnknownHost { .. } | HttpFault::PrivateAddress { .. } => {
                Trouble::Unreachable
            }
            HttpFault::Certificate { .. } => Trouble::Certificate,
            HttpFault::TooSlow { .. } => Trouble::TooSlow,
            HttpFault::Busy { .. } => Trouble::Busy,
            HttpFault::RefusedUrl { .. }
            | HttpFault::NotPrepared { .. }
            | HttpFault::TooLarge { .. }
            | HttpFault::Redirected { .. }
            | HttpFault::Broken { .. } => Trouble::Unclear,
        };
        match trouble {
            // Here the sentence says all; nothing came from the wallet.
            Trouble::Unreachable | Trouble::Certificate | Trouble::TooSlow => ServiceFault::new(kind, trouble),
            _ => ServiceFault::with(kind, trouble, &fault.to_string()),
        }
    }
}

impl ServiceKind {
    /// Whether it is filled over the chain, by a channel that it is told to open.
    pub fn is_filled(self) -> bool {
        matches!(self, ServiceKind::Lnd | ServiceKind::Cln)
    }

    /// Every kind.
    pub const ALL: [ServiceKind; 6] = [
        ServiceKind::Node,
        ServiceKind::Phoenixd,
        ServiceKind::Lnbits,
        ServiceKind::Lnd,
        ServiceKind::Cln,
        ServiceKind::Nwc,
    ];

    /// The word in the ledger and the configuration.
    pub fn name(self) -> &'static str {
        match self {
            ServiceKind::Node => "node",
            ServiceKind::Phoenixd => "phoenixd",
            ServiceKind::Lnbits => "lnbits",
            ServiceKind::Lnd => "lnd",
            ServiceKind::Cln => "cln",
            ServiceKind::Nwc => "nwc",
        }
    }

    /// Its name at the beginning of a sentence.
    pub fn title(self) -> &'static str {
        match self {
            ServiceKind::Node => "The built-in Lightning node",
            ServiceKind::Phoenixd => "phoenixd",
            ServiceKind::Lnbits => "LNbits",
            ServiceKind::Lnd => "LND",
            ServiceKind::Cln => "Core Lightning",
            ServiceKind::Nwc => "The connected wallet",
        }
    }

    /// Whether a sentence calls it by this name.
    pub fn is_called(self, name: &str) -> bool {
        name == self.title() || name == self.title_within()
    }

    fn title_within(self) -> &'static str {
        match self {
            ServiceKind::Node => "the built-in Lightning node",
            ServiceKind::Nwc => "the connected wallet",
            kind => kind.title(),
        }
    }

    fn credential(self) -> &'static str {
        match self {
            ServiceKind::Node => "its keys",
            ServiceKind::Phoenixd => "the password from its phoenix.conf",
            ServiceKind::Lnbits => "the wallet key",
            ServiceKind::Lnd => "the macaroon",
            ServiceKind::Cln => "the rune",
            ServiceKind::Nwc => "the connection's secret",
        }
    }

    fn certificate(self) -> &'static str {
        match self {
            ServiceKind::Node => "Check the address of the chain source",
            ServiceKind::Nwc => "If it lasts, make a connection with another relay",
            _ => "If it is the right one, renewed perhaps, put its fingerprint into certificate_sha256",
        }
    }

    fn place(self) -> &'static str {
        match self {
            ServiceKind::Node => "that the chain source answers",
            ServiceKind::Nwc => "that the relay in its connection text answers",
            _ => "that url in the configuration is its address",
        }
    }
}

/// What a wallet says is shown up to this length.
const DETAIL_CHARS_MAX: usize = 256;
