//! Reading `WWW-Authenticate`: what a seller asks before it shows a page.

use serde_json::Value;

use super::ticket::{CaveatRefusal, Identifier};
use super::{Macaroon, MacaroonFault, base64_decode, shown};

/// The two names of one scheme; a credential goes back under the name its challenge used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// `L402`, the name since 2023.
    L402,
    /// `LSAT`, the older name that many sellers still send.
    Lsat,
}

impl Scheme {
    /// The name in capitals, which is the only spelling aperture accepts.
    pub fn as_str(self) -> &'static str {
        match self {
            Scheme::L402 => "L402",
            Scheme::Lsat => "LSAT",
        }
    }

    /// Reads a scheme name in any case; `None` for every other scheme.
    pub fn from_name(name: &str) -> Option<Self> {
        [Scheme::L402, Scheme::Lsat].into_iter().find(|scheme| scheme.as_str().eq_ignore_ascii_case(name))
    }
}

/// One offer to sell a page: pay `invoice`, then come back with `token` and the preimage.
///
/// The invoice is a stranger's text: it is checked as a BOLT11 invoice before any decision.
/// Source: L402 protocol specification, "WWW-Authenticate" response header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// The scheme name the seller used.
    pub scheme: Scheme,
    /// The token, character for character as received; at most 8 KiB.
    pub token: String,
    /// The BOLT11 invoice, unchecked; at most 4 KiB of ASCII letters and digits.
    pub invoice: String,
}

impl Challenge {
    /// Refuses, before any payment, a token that plainly cannot open the page asked for.
    ///
    /// A token that is not a readable macaroon is opaque and passes: foreign sellers use many forms.
    /// `request_path` is the path of the URL without its query, `now_unix_s` the time in seconds.
    ///
    /// # Errors
    /// [`CaveatRefusal`] if a readable token is for another path, has run out, or needs a third party.
    pub fn covers(&self, request_path: &str, now_unix_s: u64) -> Result<(), CaveatRefusal> {
        match self.macaroon() {
            Ok(macaroon) => macaroon.covers(request_path, now_unix_s),
            Err(MacaroonFault::ThirdParty) => Err(CaveatRefusal::ThirdParty),
            Err(_) => Ok(()),
        }
    }

    /// The payment hash and token id inside a readable token; a seller's invoice should match it.
    pub fn identifier(&self) -> Option<Identifier> {
        Identifier::from_bytes(self.macaroon().ok()?.identifier())
    }

    fn macaroon(&self) -> Result<Macaroon, MacaroonFault> {
        Macaroon::from_base64(&self.token)
    }
}

/// What an answer with status 402 asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PaymentAsked {
    /// Lightning; never empty, in the seller's order.
    Lightning(Vec<Challenge>),
    /// Another currency only (x402); holds a short text such as `USDC on eip155:8453`.
    OtherCurrency(String),
    /// Nothing that can be understood.
    Unclear,
}

/// Reads every usable L402 challenge out of the `WWW-Authenticate` values of one answer.
///
/// Several challenges may stand in one value, folded by a proxy. Values may be quoted or bare, unknown
/// schemes and parameters are skipped, and a challenge is dropped if it is malformed, lacks token or
/// invoice, or names either twice with different content. At most eight challenges are returned.
/// Source: RFC 9110 section 11.3 and 11.6.1.
pub fn parse_challenges(values: &[&str]) -> Vec<Challenge> {
    values
        .iter()
        .take(VALUES_MAX)
        .filter(|value| value.len() <= VALUE_BYTES_MAX)
        .flat_map(|value| split(value))
        .filter_map(|offer| offer.challenge())
        .take(CHALLENGES_MAX)
        .collect()
}

/// Says what a 402 answer asks for; Lightning wins if it is offered beside something else.
///
/// `payment_required` is the header `PAYMENT-REQUIRED` (x402 version 2, base64 of JSON); version 1 puts
/// the same JSON in the body.
/// Source: coinbase/x402, specification versions 1 and 2.
pub fn payment_asked(www_authenticate: &[&str], payment_required: Option<&str>, body: &[u8]) -> PaymentAsked {
    let challenges = parse_challenges(www_authenticate);
    if !challenges.is_empty() {
        return PaymentAsked::Lightning(challenges);
    }
    if let Some(header) = payment_required {
        let json = base64_decode(header.trim()).unwrap_or_default();
        let terms = serde_json::from_slice(&json).unwrap_or(Value::Null);
        return PaymentAsked::OtherCurrency(currency_of(&terms));
    }
    match serde_json::from_slice::<Value>(body) {
        Ok(terms) if terms.get("x402Version").is_some() => PaymentAsked::OtherCurrency(currency_of(&terms)),
        _ => PaymentAsked::Unclear,
    }
}

/// Whether a text may stand as a token in a header: the characters of RFC 9110 `token68`.
pub(super) fn is_token(text: &str) -> bool {
    let fits = |character: char| is_token68(character) || character == '=';
    !text.is_empty() && text.len() <= TOKEN_CHARS_MAX && text.chars().all(fits)
}

/// One challenge of any scheme, split but not judged.
#[derive(Default)]
struct Offer {
    scheme: String,
    params: Vec<(String, String)>,
    malformed: bool,
}

impl Offer {
    fn challenge(&self) -> Option<Challenge> {
        let scheme = Scheme::from_name(&self.scheme)?;
        let token = self.only(&["token", "macaroon"])?;
        let invoice = self.only(&["invoice"])?;
        let is_invoice = !invoice.is_empty()
            && invoice.len() <= INVOICE_CHARS_MAX
            && invoice.bytes().all(|byte| byte.is_ascii_alphanumeric());
        (!self.malformed && is_token(token) && is_invoice).then(|| Challenge {
            scheme,
            token: token.to_owned(),
            invoice: invoice.to_owned(),
        })
    }

    /// The one value given under any of these names; two different ones could mean anything.
    fn only(&self, names: &[&str]) -> Option<&str> {
        let named = |given: &str| names.iter().any(|name| given.eq_ignore_ascii_case(name));
        let mut values = self.params.iter().filter(|(name, _)| named(name));
        let (_, first) = values.next()?;
        values.all(|(_, value)| value == first).then_some(first.as_str())
    }
}

/// Splits one header value into its challenges.
///
/// A word followed by `=` is a parameter of the current challenge, any other word starts a new one.
fn split(value: &str) -> Vec<Offer> {
    let mut offers: Vec<Offer> = Vec::new();
    let mut rest = value;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if rest.is_empty() {
            return offers;
        }
        let (word, after) = take_while(rest, is_name);
        let param = after.trim_start_matches([' ', '\t']).strip_prefix('=');
        let step = match (param, offers.last_mut()) {
            _ if word.is_empty() => None,
            (Some(text), Some(offer)) => param_value(text).map(|(content, left)| {
                offer.params.push((word.to_owned(), content));
                offer.malformed |= offer.params.len() > PARAMS_MAX;
                left
            }),
            (Some(_), None) => None,
            (None, _) => {
                offers.push(Offer { scheme: word.to_owned(), ..Offer::default() });
                Some(skip_token68(after))
            }
        };
        match step {
            Some(left) if offers.len() <= OFFERS_MAX => rest = left,
            _ => {
                // Where one challenge is torn, nothing after it can be trusted to be where it seems.
                if let Some(offer) = offers.last_mut() {
                    offer.malformed = true;
                }
                return offers;
            }
        }
    }
}

/// A parameter's content and what follows it; `None` for a quoted text that never ends.
fn param_value(text: &str) -> Option<(String, &str)> {
    let text = text.trim_start_matches([' ', '\t']);
    let Some(quoted) = text.strip_prefix('"') else {
        let (bare, left) = take_while(text, |c| !matches!(c, ',' | ' ' | '\t'));
        return Some((bare.to_owned(), left));
    };
    let mut content = String::new();
    let mut characters = quoted.chars();
    loop {
        match characters.next()? {
            '"' => return Some((content, characters.as_str())),
            '\\' => content.push(characters.next()?),
            character => content.push(character),
        }
    }
}

/// Skips the single unnamed text some schemes carry in place of parameters.
fn skip_token68(after_scheme: &str) -> &str {
    let (run, left) = take_while(after_scheme.trim_start_matches(' '), is_token68);
    let left = left.trim_start_matches('=').trim_start_matches([' ', '\t']);
    if !run.is_empty() && (left.is_empty() || left.starts_with(',')) { left } else { after_scheme }
}

fn take_while(text: &str, keep: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|character| !keep(character)).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

fn is_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(character)
}

fn is_token68(character: char) -> bool {
    character.is_ascii_alphanumeric() || "-._~+/".contains(character)
}

fn currency_of(terms: &Value) -> String {
    let first = terms.get("accepts").and_then(|accepts| accepts.get(0));
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(shown);
    let field = |name| first.and_then(|offer| offer.get(name));
    let name = field("extra").and_then(|extra| extra.get("name"));
    let asset = text(name).or_else(|| text(field("asset")));
    match (asset, text(field("network"))) {
        (Some(asset), Some(network)) => format!("{asset} on {network}"),
        (Some(asset), None) => asset,
        (None, Some(network)) => format!("a token on {network}"),
        (None, None) => "another currency".to_owned(),
    }
}

const VALUES_MAX: usize = 16;
const VALUE_BYTES_MAX: usize = 32 * 1024;
const OFFERS_MAX: usize = 16;
const PARAMS_MAX: usize = 32;
const CHALLENGES_MAX: usize = 8;
/// Above the largest macaroon in base64, below what a header of ours may weigh.
const TOKEN_CHARS_MAX: usize = 8 * 1024;
const INVOICE_CHARS_MAX: usize = 4096;

#[cfg(test)]
#[path = "challenge_tests.rs"]
mod tests;
