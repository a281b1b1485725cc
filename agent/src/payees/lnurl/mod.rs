//! LNURL-pay: from a Lightning address to an invoice for exactly the amount we owe.
//!
//! Two questions: the first learns what the payee accepts, the second asks for the invoice. Asking costs
//! nothing and binds no one. The invoice that comes back is not yet trusted: network, amount, expiry and
//! the description hash are checked by `domain::invoice` before anything is decided.
//!
//! Source: LUD-01, LUD-06, LUD-09, LUD-11, LUD-12, LUD-16, LUD-17, LUD-18 and LUD-21 of lnurl/luds.

mod reply;
mod target;

pub use target::PayTarget;

use std::fmt;

use bitcoin::hashes::Hash as _;
use lightning_invoice::{Bolt11Invoice, Bolt11InvoiceDescriptionRef};
use url::{Url, form_urlencoded};

use crate::http::{HttpAnswer, HttpFault, StrictClient, host_of};
use reply::PayRequest;

/// Why there is no invoice. No money moves in this module, so none of these means a loss.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LnurlFault {
    /// The text is not a payee.
    #[error("this cannot be paid: {0}; check what was typed or scanned")]
    NotATarget(&'static str),
    /// An LNURL for something else, such as a login or a withdrawal.
    #[error("this LNURL is not for paying; ask the payee for another one")]
    NotForPaying,
    /// The payee could not be asked, or gave no HTTP answer.
    #[error(transparent)]
    Http(#[from] HttpFault),
    /// The answer is not LNURL at all.
    #[error("{host} answered with something that is not LNURL (status {status}); check the address")]
    Unreadable {
        /// Host that answered.
        host: String,
        /// HTTP status.
        status: u16,
    },
    /// The payee said no.
    #[error("{host} refused: \"{reason}\"; Kilosat did not pay")]
    Refused {
        /// Host that answered.
        host: String,
        /// The payee's words, cleaned, at most 256 characters; may be empty.
        reason: String,
    },
    /// The first answer belongs to another sub-protocol.
    #[error("the payee offers \"{tag}\" and not a payment; Kilosat did not pay")]
    WrongTag {
        /// What it offers, cleaned.
        tag: String,
    },
    /// Limits missing, not whole numbers, or contradictory.
    #[error("the payee's smallest and largest amount make no sense; Kilosat did not pay")]
    BadLimits,
    /// The amount is not positive and whole in satoshi.
    #[error("{amount_msat} msat is not a whole number of satoshi, which many payees round; Kilosat did not ask")]
    NotWholeSatoshi {
        /// What was to be asked.
        amount_msat: u64,
    },
    /// The payee does not take this amount.
    #[error("the payee takes between {min_msat} and {max_msat} msat; Kilosat did not ask for an invoice")]
    AmountOutOfRange {
        /// Smallest amount.
        min_msat: u64,
        /// Largest amount.
        max_msat: u64,
    },
    /// The description breaks a rule.
    #[error("the payee's description cannot be used: {0}; Kilosat did not pay")]
    BadMetadata(&'static str),
    /// The payee insists on knowing who pays.
    #[error("the payee insists on knowing the payer's {item}, which Kilosat does not give; it did not pay")]
    WantsPayerData {
        /// Which item, cleaned.
        item: String,
    },
    /// The callback is missing or not a URL.
    #[error("the payee gave no usable address to ask for an invoice; Kilosat did not pay")]
    BadCallback,
    /// The callback leads to another host, at a private address.
    #[error(
        "the payee sends Kilosat to {host}, another host at a private address; it did not go there and did not pay"
    )]
    PrivateCallback {
        /// Host of the callback.
        host: String,
    },
    /// The callback breaks a rule for URLs.
    #[error("the payee's address for invoices is not acceptable: {0}")]
    RefusedCallback(#[source] HttpFault),
    /// The second answer holds no invoice.
    #[error("{host} sent no invoice that can be read; Kilosat did not pay")]
    NoInvoice {
        /// Host that answered.
        host: String,
    },
    /// The payee wants something done after the payment that we do not know.
    #[error("the payee asks for an unknown action after the payment (\"{tag}\"); Kilosat did not pay")]
    UnknownSuccessAction {
        /// The unknown tag, cleaned.
        tag: String,
    },
}

/// Something odd about an offer that is no reason to refuse it; the owner sees it with the payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OfferWarning {
    /// The answer for a Lightning address does not repeat the address.
    NoIdentifier,
    /// The answer for a Lightning address names another one.
    OtherIdentifier {
        /// The name given, cleaned.
        identifier: String,
    },
}

/// An invoice as the payee sent it, with what is worth keeping from the two answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvoiceOffer {
    /// The invoice, unchecked; ASCII letters and digits, at most 4096.
    pub bolt11: String,
    /// SHA-256 of the payee's `metadata`, to compare with the invoice's description hash.
    pub description_hash_of_metadata: [u8; 32],
    /// The payee's description: one cleaned line, at most 256 characters.
    pub metadata_text: String,
    /// What to show once paid; cleaned text, a link in it is not to be opened by itself.
    pub success: Option<String>,
    /// Where the payee reports whether the invoice was paid (LUD-21); passed the same URL rules.
    pub verify: Option<Url>,
    /// Whether this target is for one payment only and must not be kept.
    pub disposable: bool,
    /// Something the owner should know.
    pub warning: Option<OfferWarning>,
}

impl InvoiceOffer {
    /// Whether the invoice commits to the hash of something else than the payee's own description (LUD-06); many commit to
    /// no hash at all.
    pub fn is_for_another_text(&self) -> bool {
        let Ok(invoice) = self.bolt11.parse::<Bolt11Invoice>() else { return false };
        match invoice.description() {
            Bolt11InvoiceDescriptionRef::Hash(hash) => hash.0.to_byte_array() != self.description_hash_of_metadata,
            Bolt11InvoiceDescriptionRef::Direct(_) => false,
        }
    }
}

impl fmt::Display for OfferWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OfferWarning::NoIdentifier => f.write_str("The payee does not repeat its address, as most do."),
            OfferWarning::OtherIdentifier { identifier } => {
                write!(f, "The payee calls itself {identifier:?}, not as you wrote it.")
            }
        }
    }
}

/// What a payee says of itself when it is asked who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayeeView {
    /// Its description: one cleaned line, at most 256 characters.
    pub text: String,
    /// The smallest amount it takes, in msat.
    pub min_msat: u64,
    /// The largest amount it takes, in msat.
    pub max_msat: u64,
    /// Something the owner should know.
    pub warning: Option<OfferWarning>,
}

/// Asks a payee who it is, and for no invoice. One request.
///
/// # Errors
/// [`LnurlFault`].
pub async fn look_up(client: &StrictClient, target: &PayTarget) -> Result<PayeeView, LnurlFault> {
    let url = target.url(client.reach())?;
    let answer = client.get(&url, &[]).await?;
    let request = reply::pay_request(&reply::document(&host_of(&url), &answer)?)?;
    Ok(PayeeView {
        warning: target.address().and_then(|address| request.metadata.warning(&address)),
        text: request.metadata.text,
        min_msat: request.min_msat,
        max_msat: request.max_msat,
    })
}

/// Asks a payee for an invoice over `amount_msat`, a multiple of 1000.
///
/// The comment is sent as far as the payee takes comments and cut to its limit. Two requests; each is held
/// to the client's limits.
///
/// # Errors
/// [`LnurlFault`]; nothing was paid in any case.
pub async fn request_invoice(
    client: &StrictClient,
    target: &PayTarget,
    amount_msat: u64,
    comment: Option<&str>,
) -> Result<InvoiceOffer, LnurlFault> {
    if amount_msat == 0 || !amount_msat.is_multiple_of(MSAT_PER_SAT) {
        return Err(LnurlFault::NotWholeSatoshi { amount_msat });
    }
    let url = target.url(client.reach())?;
    let first = client.get(&url, &[]).await?;
    let request = first_answer(&url, &first, amount_msat)?;
    let callback = request.callback(amount_msat, comment);
    let second = client.get(&callback, &[]).await.map_err(|fault| of_callback(fault, &url, &request))?;
    second_answer(client, target, request, &callback, &second)
}

/// What the two answers of a payee are together, where they are there already: [`request_invoice`] without asking.
///
/// # Errors
/// [`LnurlFault`].
pub fn read_offer(
    client: &StrictClient,
    target: &PayTarget,
    amount_msat: u64,
    [first, second]: [&HttpAnswer; 2],
) -> Result<InvoiceOffer, LnurlFault> {
    let url = target.url(client.reach())?;
    let request = first_answer(&url, first, amount_msat)?;
    let callback = request.callback(amount_msat, None);
    client.check(&callback).map_err(|fault| of_callback(fault, &url, &request))?;
    second_answer(client, target, request, &callback, second)
}

fn first_answer(url: &Url, answer: &HttpAnswer, amount_msat: u64) -> Result<PayRequest, LnurlFault> {
    let request = reply::pay_request(&reply::document(&host_of(url), answer)?)?;
    if !(request.min_msat..=request.max_msat).contains(&amount_msat) {
        return Err(LnurlFault::AmountOutOfRange { min_msat: request.min_msat, max_msat: request.max_msat });
    }
    Ok(request)
}

fn second_answer(
    client: &StrictClient,
    target: &PayTarget,
    request: PayRequest,
    callback: &Url,
    answer: &HttpAnswer,
) -> Result<InvoiceOffer, LnurlFault> {
    let reply = reply::pay_reply(&reply::document(&host_of(callback), answer)?, &request.callback)?;
    let address = target.address();
    Ok(InvoiceOffer {
        bolt11: reply.bolt11,
        description_hash_of_metadata: request.metadata.hash,
        warning: address.and_then(|address| request.metadata.warning(&address)),
        metadata_text: request.metadata.text,
        success: reply.success,
        verify: reply.verify.filter(|url| client.check(url).is_ok()),
        disposable: reply.disposable,
    })
}

/// Why the address for invoices could not be asked.
fn of_callback(fault: HttpFault, first: &Url, request: &PayRequest) -> LnurlFault {
    match fault {
        HttpFault::PrivateAddress { host } if request.callback.host() != first.host() => {
            LnurlFault::PrivateCallback { host }
        }
        HttpFault::RefusedUrl { .. } | HttpFault::PrivateAddress { .. } => LnurlFault::RefusedCallback(fault),
        other => LnurlFault::Http(other),
    }
}

impl PayRequest {
    /// The address to ask for an invoice at.
    fn callback(&self, amount_msat: u64, comment: Option<&str>) -> Url {
        let comment = comment
            .map(|text| text.chars().take(self.comment_chars_max).collect::<String>())
            .filter(|text| !text.is_empty());
        with_amount(&self.callback, amount_msat, comment.as_deref())
    }
}

/// Adds to the query of the callback and leaves what is there untouched: it may be a signed session.
fn with_amount(callback: &Url, amount_msat: u64, comment: Option<&str>) -> Url {
    let mut query = callback.query().unwrap_or_default().to_owned();
    if !query.is_empty() && !query.ends_with('&') {
        query.push('&');
    }
    query.push_str(&format!("amount={amount_msat}"));
    if let Some(comment) = comment {
        let encoded: String = form_urlencoded::byte_serialize(comment.as_bytes()).collect();
        // LUD-12 says percent-encoded; a real plus sign is already `%2B` here.
        query.push_str(&format!("&comment={}", encoded.replace('+', "%20")));
    }
    let mut url = callback.clone();
    url.set_query(Some(&query));
    url.set_fragment(None);
    url
}

const MSAT_PER_SAT: u64 = 1000;

#[cfg(test)]
mod tests;
