//! Who to pay, as an owner types or scans it: a Lightning address, an LNURL, or a link with one inside.

use std::fmt;

use bech32::primitives::decode::CheckedHrpstring;
use bech32::{Bech32, Checksum};
use url::Url;

use super::LnurlFault;
use crate::http::Reach;

/// A payee that speaks LNURL-pay. Holds no secret; `Display` gives the form to show and to store.
///
/// Source: LUD-01, LUD-16, LUD-17.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayTarget(Form);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Form {
    /// `user@host`, lower case; the host may carry a port.
    Address { user: String, host: String },
    /// `host/path?query` of an `lnurlp:` link.
    Link(String),
    /// The URL inside an LNURL.
    Lnurl(Url),
}

impl PayTarget {
    /// Reads what the owner typed or scanned; white space around it and a `lightning:` prefix are ignored.
    ///
    /// # Errors
    /// [`LnurlFault::NotATarget`] with the reason, [`LnurlFault::NotForPaying`] for an LNURL of another
    /// kind, such as a login.
    pub fn parse(text: &str) -> Result<Self, LnurlFault> {
        let text = text.trim();
        if text.len() > TARGET_BYTES_MAX {
            return Err(LnurlFault::NotATarget("it is too long"));
        }
        let text = without_prefix(text, "lightning:").unwrap_or(text);
        for scheme in ["lnurlw:", "lnurlc:", "keyauth:"] {
            if without_prefix(text, scheme).is_some() {
                return Err(LnurlFault::NotForPaying);
            }
        }
        if let Some(rest) = without_prefix(text, "lnurlp:") {
            return link(rest.trim_start_matches('/'));
        }
        if without_prefix(text, "lnurl1").is_some() {
            return lnurl(text);
        }
        if without_prefix(text, "https://").is_some() || without_prefix(text, "http://").is_some() {
            return fallback(text);
        }
        address(text)
    }

    /// The Lightning address, if it is one.
    pub fn address(&self) -> Option<String> {
        match &self.0 {
            Form::Address { user, host } => Some(format!("{user}@{host}")),
            Form::Link(_) | Form::Lnurl(_) => None,
        }
    }

    /// The URL to ask first: https, or the scheme of the origin the owner paired if it lies there.
    ///
    /// # Errors
    /// [`LnurlFault::NotATarget`] if an address carries a port and the owner did not pair that origin.
    pub fn url(&self, reach: &Reach) -> Result<Url, LnurlFault> {
        let (rest, has_port) = match &self.0 {
            Form::Lnurl(url) => return Ok(url.clone()),
            Form::Link(rest) => (rest.clone(), false),
            Form::Address { user, host } => (format!("{host}/.well-known/lnurlp/{user}"), has_port(host)),
        };
        for scheme in ["http", "https"] {
            let url = Url::parse(&format!("{scheme}://{rest}")).map_err(|_| NOT_A_URL)?;
            if reach.is_paired(&url) {
                return Ok(url);
            }
        }
        if has_port {
            return Err(LnurlFault::NotATarget(
                "it names a port, which only a payee in the house paired by the owner may do",
            ));
        }
        Url::parse(&format!("https://{rest}")).map_err(|_| NOT_A_URL)
    }
}

impl fmt::Display for PayTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Form::Address { user, host } => write!(f, "{user}@{host}"),
            Form::Link(rest) => write!(f, "lnurlp://{rest}"),
            Form::Lnurl(url) => {
                let hrp = bech32::Hrp::parse("lnurl").expect("five lower-case letters");
                let lnurl = bech32::encode_lower::<LongBech32>(hrp, url.as_str().as_bytes());
                f.write_str(&lnurl.map_err(|_| fmt::Error)?)
            }
        }
    }
}

/// Bech32 without its limit of 1023 characters, which LUD-01 waives.
enum LongBech32 {}

impl Checksum for LongBech32 {
    type MidstateRepr = <Bech32 as Checksum>::MidstateRepr;
    const CODE_LENGTH: usize = TARGET_BYTES_MAX;
    const CHECKSUM_LENGTH: usize = Bech32::CHECKSUM_LENGTH;
    const GENERATOR_SH: [Self::MidstateRepr; 5] = Bech32::GENERATOR_SH;
    const TARGET_RESIDUE: Self::MidstateRepr = Bech32::TARGET_RESIDUE;
}

fn address(text: &str) -> Result<PayTarget, LnurlFault> {
    let lower = text.to_ascii_lowercase();
    let (user, host) = lower
        .split_once('@')
        .ok_or(LnurlFault::NotATarget("it is neither a Lightning address (name@domain) nor an LNURL"))?;
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.+".contains(&byte);
    // A name of dots alone would climb out of its folder in the URL.
    let is_name = (1..=USER_CHARS_MAX).contains(&user.len())
        && user.bytes().all(allowed)
        && !user.starts_with('+')
        && user.bytes().any(|byte| byte != b'.');
    if !is_name {
        return Err(LnurlFault::NotATarget("the part before the @ may hold only letters, digits and - _ . +"));
    }
    let url = Url::parse(&format!("http://{host}")).map_err(|_| NOT_A_URL)?;
    let is_bare = url.path() == "/"
        && !host.ends_with('/')
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    if !is_bare || host.contains(['\\', '@']) {
        return Err(LnurlFault::NotATarget("the part after the @ is not a domain"));
    }
    let name = url.host_str().ok_or(NOT_A_URL)?;
    let port = url.port().map(|port| format!(":{port}"));
    Ok(PayTarget(Form::Address { user: user.to_owned(), host: format!("{name}{}", port.unwrap_or_default()) }))
}

fn lnurl(text: &str) -> Result<PayTarget, LnurlFault> {
    let decoded = CheckedHrpstring::new::<LongBech32>(text)
        .map_err(|_| LnurlFault::NotATarget("the LNURL has a typing error: its check digits do not match"))?;
    let bytes: Vec<u8> = decoded.byte_iter().collect();
    let text = String::from_utf8(bytes).map_err(|_| NOT_A_URL)?;
    let url = Url::parse(&text).map_err(|_| NOT_A_URL)?;
    for_paying(&url)?;
    Ok(PayTarget(Form::Lnurl(url)))
}

fn link(rest: &str) -> Result<PayTarget, LnurlFault> {
    let url = Url::parse(&format!("https://{rest}")).map_err(|_| NOT_A_URL)?;
    for_paying(&url)?;
    Ok(PayTarget(Form::Link(rest.to_owned())))
}

/// A web page for people, with the LNURL in its query; the page itself is never asked.
fn fallback(text: &str) -> Result<PayTarget, LnurlFault> {
    let url = Url::parse(text).map_err(|_| NOT_A_URL)?;
    let inner = url.query_pairs().find(|(name, _)| name.eq_ignore_ascii_case("lightning"));
    match inner {
        Some((_, text)) if without_prefix(&text, "lnurl1").is_some() => lnurl(&text),
        _ => Err(LnurlFault::NotATarget("the link holds no LNURL")),
    }
}

/// A `tag` in the query announces another protocol than paying.
fn for_paying(url: &Url) -> Result<(), LnurlFault> {
    let other = url.query_pairs().any(|(name, value)| name == "tag" && value != super::reply::PAY_TAG);
    if other {
        return Err(LnurlFault::NotForPaying);
    }
    Ok(())
}

fn without_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

fn has_port(host: &str) -> bool {
    // Inside brackets a colon belongs to an IPv6 address.
    host.rsplit(']').next().is_some_and(|end| end.contains(':'))
}

const NOT_A_URL: LnurlFault = LnurlFault::NotATarget("it does not lead to a web address");
/// Room for a URL of 2048 bytes in bech32.
const TARGET_BYTES_MAX: usize = 4096;
const USER_CHARS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    /// The example of LUD-01.
    const LNURL: &str = "LNURL1DP68GURN8GHJ7UM9WFMXJCM99E3K7MF0V9CXJ0M385EKVCENXC6R2C35XVUKXEFCV5MKVV34X5EKZD3EV56NYD3HXQURZEPEXEJXXEPNXSCRVWFNV9NXZCN9XQ6XYEFHVGCXXCMYXYMNSERXFQ5FNS";
    const LNURL_URL: &str =
        "https://service.com/api?q=3fc3645b439ce8e7f2553a69e5267081d96dcd340693afabe04be7b0ccd178df";

    #[track_caller]
    fn case(text: &str, url: &str) {
        let target = PayTarget::parse(text).unwrap();
        assert_eq!(target.url(&Reach::Public).unwrap().as_str(), url, "{text}");
        assert_eq!(PayTarget::parse(&target.to_string()).unwrap(), target);
    }

    #[track_caller]
    fn refused(text: &str) {
        let fault = PayTarget::parse(text).unwrap_err();
        let expected = matches!(fault, LnurlFault::NotATarget(_) | LnurlFault::NotForPaying);
        assert!(expected, "{text}: {fault:?}");
    }

    fn encoded(url: &str) -> String {
        let hrp = bech32::Hrp::parse("lnurl").unwrap();
        bech32::encode_lower::<LongBech32>(hrp, url.as_bytes()).unwrap()
    }

    #[test]
    fn the_vector_of_the_standard_is_read_in_either_case_and_any_wrapping() {
        LongBech32::sanity_check();
        case(LNURL, LNURL_URL);
        case(&LNURL.to_lowercase(), LNURL_URL);
        case(&format!(" lightning:{LNURL}\n"), LNURL_URL);
        case(&format!("https://shop.example/x?a=1&lightning={LNURL}"), LNURL_URL);
        case(&format!("HTTP://shop.example/?LIGHTNING={LNURL}"), LNURL_URL);
    }

    #[test]
    fn a_long_lnurl_is_read() {
        let url = format!("https://pay.example/{}", "x".repeat(1_500));
        case(&encoded(&url), &url);
    }

    #[test]
    fn an_address_leads_to_its_well_known_url() {
        case("alice@pay.example", "https://pay.example/.well-known/lnurlp/alice");
        case("Alice@Pay.Example", "https://pay.example/.well-known/lnurlp/alice");
        case("a-b_c.9+meter@pay.example", "https://pay.example/.well-known/lnurlp/a-b_c.9+meter");
        case("a@zähler.example", "https://xn--zhler-gra.example/.well-known/lnurlp/a");
        case("lnurlp://pay.example/x?y=1", "https://pay.example/x?y=1");
        case("LNURLP:pay.example/x", "https://pay.example/x");
    }

    #[test]
    fn a_port_is_only_for_a_paired_payee() {
        let reach = Reach::lan("http://127.0.0.1:8080").unwrap();
        let target = PayTarget::parse("user@127.0.0.1:8080").unwrap();
        let url = target.url(&reach).unwrap();
        assert_eq!(url.as_str(), "http://127.0.0.1:8080/.well-known/lnurlp/user");
        let link = PayTarget::parse("lnurlp://127.0.0.1:8080/x").unwrap();
        assert_eq!(link.url(&reach).unwrap().as_str(), "http://127.0.0.1:8080/x");
        for reach in [Reach::Public, Reach::lan("http://127.0.0.1:8081").unwrap()] {
            assert!(matches!(target.url(&reach), Err(LnurlFault::NotATarget(_))));
        }
        let named = PayTarget::parse("user@meter.local").unwrap();
        let reach = Reach::lan("http://meter.local").unwrap();
        assert_eq!(named.url(&reach).unwrap().scheme(), "http");
        assert_eq!(named.url(&Reach::Public).unwrap().scheme(), "https");
    }

    #[test]
    fn what_is_no_target_is_refused() {
        for text in [
            "",
            "alice",
            "@pay.example",
            "alice@",
            "al ice@pay.example",
            "älice@pay.example",
            ".@pay.example",
            "..@pay.example",
            "+tag@pay.example",
            "a/b@pay.example",
            "a@pay.example/x",
            "a@pay.example?x",
            "a@b@pay.example",
            "a@:pw@pay.example",
            "a@pay example",
            "a@pay.example:99999",
            "a%2f@pay.example",
            "lnurl1qqqq",
            "https://pay.example/",
            "https://pay.example/?lightning=lnbc1",
            "lnurlp:",
            "bitcoin:bc1q",
            "lnbc1",
        ] {
            refused(text);
        }
        refused(&format!("{}@pay.example", "a".repeat(USER_CHARS_MAX + 1)));
        refused(&"a".repeat(TARGET_BYTES_MAX + 1));
        refused(&LNURL.replace("DP68", "DP86"));
        refused(&format!("{}{}", &LNURL[..20], LNURL[20..].to_lowercase()));
        refused(&encoded("not a url"));
    }

    #[test]
    fn another_protocol_is_named_as_such() {
        for text in [
            "lnurlw://a.example/x",
            "keyauth://a.example/x",
            "lnurlc:a.example",
            "lnurlp://a.example/x?tag=login",
            &encoded("https://a.example/?tag=login&k1=00"),
        ] {
            let fault = PayTarget::parse(text).unwrap_err();
            assert!(matches!(fault, LnurlFault::NotForPaying), "{text}");
        }
        assert!(PayTarget::parse(&encoded("https://a.example/?tag=payRequest")).is_ok());
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_parser(text in "(lnurl1|lnurlp:|https://)?[ -~é@.:/\\[\\]]{0,60}") {
            if let Ok(target) = PayTarget::parse(&text) {
                let _ = target.url(&Reach::Public);
            }
        }
    }
}
