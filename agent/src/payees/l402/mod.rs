//! Buying data: ask for a page, learn its price, come back with the proof of payment, read the numbers.
//!
//! Nothing here pays. [`fetch`] hands the challenge back; the engine checks the invoice, commits an
//! intent, pays, and calls again with the credential. A refused credential is never answered with a
//! second payment here.
//!
//! Source: L402 protocol specification; `payment-protocols.md` sections 2.1 to 2.4 and 2.7.

mod points;

pub use points::{DataPoint, PointFault, PointRule, points};

use url::Url;

use crate::domain::l402::{Challenge, Credential, PaymentAsked, Scheme, payment_asked};
use crate::http::{HttpAnswer, HttpFault, StrictClient, host_of};

/// What a seller answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purchase {
    /// The page.
    Data(Vec<u8>),
    /// The page costs what the challenge's invoice says.
    PaymentRequired(Challenge),
    /// The credential was not accepted; a new challenge may come with it, which is for the engine to judge.
    CredentialRefused(Option<Challenge>),
}

/// Why there is neither a page nor a price.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchFault {
    /// The seller could not be asked, or gave no HTTP answer.
    #[error(transparent)]
    Http(#[from] HttpFault),
    /// The seller takes another currency (x402).
    #[error("{host} takes {currency} and not Lightning; Kilosat did not pay")]
    OtherCurrency {
        /// Host that answered.
        host: String,
        /// What it takes, a few visible characters.
        currency: String,
    },
    /// Status 402 without an offer we understand.
    #[error("{host} asks for money without saying how to pay over Lightning; Kilosat did not pay")]
    NoChallenge {
        /// Host that answered.
        host: String,
    },
    /// Status 429.
    #[error("{host} is asked too often; Kilosat will ask again later")]
    TooOften {
        /// Host that answered.
        host: String,
        /// Seconds the seller asks us to wait, at most one day.
        retry_after_s: Option<u64>,
    },
    /// Status 5xx.
    #[error("{host} has a fault of its own (status {status}); Kilosat will ask again later")]
    SellerFault {
        /// Host that answered.
        host: String,
        /// HTTP status.
        status: u16,
        /// Seconds the seller asks us to wait, at most one day.
        retry_after_s: Option<u64>,
    },
    /// Any other status.
    #[error("{host} does not give this page (status {status}); check the address of the feed")]
    NotGiven {
        /// Host that answered.
        host: String,
        /// HTTP status.
        status: u16,
    },
}

/// Asks a seller for a page, with a credential if one was paid for.
///
/// The credential must have been issued by the origin of `url`; the caller keeps the two together.
///
/// # Errors
/// [`FetchFault`]; no money moves here.
pub async fn fetch(client: &StrictClient, url: &Url, credential: Option<&Credential>) -> Result<Purchase, FetchFault> {
    let authorization = credential.map(Credential::authorization);
    // Some sellers stay silent about their price without this.
    let mut headers = vec![("accept-authenticate", "L402")];
    headers.extend(authorization.as_deref().map(|value| ("authorization", value)));
    let answer = client.get(url, &headers).await?;
    judge(host_of(url), answer, credential.is_some())
}

fn judge(host: String, answer: HttpAnswer, had_credential: bool) -> Result<Purchase, FetchFault> {
    let retry_after_s = answer.retry_after_s.map(|seconds| seconds.min(RETRY_AFTER_S_MAX));
    match answer.status {
        200 => Ok(Purchase::Data(answer.body)),
        401 | 402 if had_credential => Ok(Purchase::CredentialRefused(match asked(&answer) {
            PaymentAsked::Lightning(challenges) => preferred(challenges),
            PaymentAsked::OtherCurrency(_) | PaymentAsked::Unclear => None,
        })),
        401 | 402 => match asked(&answer) {
            PaymentAsked::Lightning(challenges) => {
                preferred(challenges).map(Purchase::PaymentRequired).ok_or(FetchFault::NoChallenge { host })
            }
            PaymentAsked::OtherCurrency(currency) => Err(FetchFault::OtherCurrency { host, currency }),
            PaymentAsked::Unclear => Err(FetchFault::NoChallenge { host }),
        },
        429 => Err(FetchFault::TooOften { host, retry_after_s }),
        status @ 500..=599 => Err(FetchFault::SellerFault { host, status, retry_after_s }),
        status => Err(FetchFault::NotGiven { host, status }),
    }
}

fn asked(answer: &HttpAnswer) -> PaymentAsked {
    let values: Vec<_> = answer.www_authenticate.iter().map(String::as_str).collect();
    payment_asked(&values, answer.payment_required.as_deref(), &answer.body)
}

/// The seller's challenge under the newer name; the first of any kind if there is none.
fn preferred(mut challenges: Vec<Challenge>) -> Option<Challenge> {
    let newer = |challenge: &Challenge| challenge.scheme == Scheme::L402;
    let place = challenges.iter().position(newer).unwrap_or(0);
    (place < challenges.len()).then(|| challenges.swap_remove(place))
}

/// A seller may ask for patience, not for silence.
const RETRY_AFTER_S_MAX: u64 = 24 * 60 * 60;

#[cfg(test)]
mod tests;
