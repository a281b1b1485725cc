//! The sections that may exist several times: meters, agreements, feeds.

use url::Url;

use super::limits::{AMOUNT_MAX_MSAT, BudgetDefaults, FEED_DEFAULTS, OWN_DEFAULTS, read_budget, require_room};
use super::reader::Absent::IsWrong;
use super::reader::{Absent, Section};
use super::sections::read_node_key;
use super::{Agreement, Config, Feed, PayeeLimits};
use crate::domain::money::{Msat, MsatPerKwh};
use crate::domain::policy::{Budget, FeeRule};
use crate::http::{HttpFault, Limits, Reach, StrictClient};
use crate::json::DEPTH_MAX;
use crate::payees::l402::PointRule;
use crate::payees::lnurl::{LnurlFault, PayTarget};

pub(super) fn read_agreement(section: &Section<'_>, fees: Option<FeeRule>) -> Option<Agreement> {
    let id = read_id(section, "electricity");
    let meter = section.text("meter", IsWrong("main"));
    let reach = read_reach(section);
    let payee =
        section.parsed("payee", IsWrong("electricity@utility.example"), |text| read_payee(text, reach.as_ref()));
    let payee_key = section.optional("payee_key", read_node_key);
    let paused = section.flag("paused", false);
    let price = section.number("price_msat_per_kwh", 0..=AMOUNT_MAX_MSAT, None);
    let slice = section.number("slice_msat", 1_000..=AMOUNT_MAX_MSAT, Some(500_000));
    let pay_every_s = section.number("pay_every_s", 60..=31_536_000, Some(86_400));
    let budget = read_limits(section, OWN_DEFAULTS, fees);
    section.finish();
    Some(Agreement {
        id: id?,
        meter: meter?,
        payee: payee?,
        reach: reach?,
        payee_key: payee_key?,
        paused: paused?,
        price: MsatPerKwh(price?),
        slice: Msat(slice?),
        pay_every_ms: pay_every_s?.saturating_mul(MILLI),
        budget: budget?,
    })
}

pub(super) fn read_feed(section: &Section<'_>, fees: Option<FeeRule>) -> Option<Feed> {
    let id = read_id(section, "weather");
    let reach = read_reach(section);
    let url =
        section.parsed("url", IsWrong("https://weather.example/v1/now"), |text| read_feed_url(text, reach.as_ref()));
    let payee_key = section.optional("payee_key", read_node_key);
    let paused = section.flag("paused", false);
    let every_s = section.number("every_s", 1..=2_592_000, Some(3_600));
    let price_max = section.number("price_max_msat", 1..=AMOUNT_MAX_MSAT, None);
    let points = read_points(section);
    let budget = read_limits(section, FEED_DEFAULTS, fees);
    section.finish();
    Some(Feed {
        id: id?,
        url: url?,
        reach: reach?,
        payee_key: payee_key?,
        paused: paused?,
        every_ms: every_s?.saturating_mul(MILLI),
        price_max: Msat(price_max?),
        points: points?,
        budget: budget?,
    })
}

pub(super) fn read_payee_limits(section: &Section<'_>, fees: Option<FeeRule>) -> Option<PayeeLimits> {
    let payee = section.text("payee", IsWrong("electricity@utility.example"));
    let budget = read_limits(section, OWN_DEFAULTS, fees);
    section.finish();
    Some(PayeeLimits { payee: payee?, budget: budget? })
}

/// Ids are unique, and agreements name meters that exist. Looks at the text, so that other mistakes do not hide these.
pub(super) fn check_references(root: &Section<'_>) {
    let mut ids = Vec::new();
    for section in ["meter", "agreement", "feed", "input", "relay"].into_iter().flat_map(|kind| root.list(kind)) {
        let Some(id) = section.peek("id") else { continue };
        if ids.contains(&id) {
            let text =
                format!("{id:?} is used twice; every meter, agreement, feed, input and relay needs a name of its own");
            section.wrong("id", text);
        }
        ids.push(id);
    }
    // A meter whose id cannot be read may be the one that is meant.
    let Some(meters) = root.list("meter").iter().map(|meter| meter.peek("id")).collect::<Option<Vec<_>>>() else {
        return;
    };
    for section in root.list("agreement") {
        let Some(meter) = section.peek("meter").filter(|meter| !meters.contains(meter)) else {
            continue;
        };
        let hint = if meters.is_empty() {
            "add a [[meter]] section with this id".to_owned()
        } else {
            format!("known: {}", meters.join(", "))
        };
        section.wrong("meter", format!("there is no meter {meter:?}; {hint}"));
    }
}

/// Each `[[payee]]` names one that an agreement or feed pays, once; with a list of payees, every one of them is on it.
pub(super) fn check_payees(root: &Section<'_>, config: &Config) {
    let paid: Vec<(&str, String)> = config.paid_by().collect();
    let mut listed = Vec::new();
    for (section, limits) in root.list("payee").iter().zip(&config.payees) {
        if listed.contains(&&limits.payee) {
            section.wrong("payee", format!("{:?} has two sections; keep one", limits.payee));
        } else if !paid.iter().any(|(_, payee)| *payee == limits.payee) {
            let mut known: Vec<&str> = paid.iter().map(|(_, payee)| payee.as_str()).collect();
            known.dedup();
            let text = format!(
                "no agreement or feed pays {:?}, so these limits would limit nothing; known: {}",
                limits.payee,
                known.join(", ")
            );
            section.wrong("payee", text);
        }
        listed.push(&limits.payee);
    }
    if config.listed_payees_only {
        for (id, payee) in paid.iter().filter(|(_, payee)| !listed.contains(&payee)) {
            let text = format!("is true, but {id} pays {payee}, which has no [[payee]] section; nothing could be paid");
            root.section("limits").wrong("listed_payees_only", text);
        }
    }
}

/// Strangers are reached over public https only; `lan` names the one origin in the owner's own network that is allowed.
fn read_reach(section: &Section<'_>) -> Option<Reach> {
    let lan = section.optional("lan", |text| {
        let plain = Url::parse(text).is_ok_and(|url| url.path() == "/" && url.query().is_none());
        let reach = Reach::lan(text).ok().filter(|_| plain);
        reach.ok_or_else(|| {
            format!("{text:?} is not the beginning of a web address, such as \"http://192.168.1.20:8080\"")
        })
    })?;
    Some(lan.unwrap_or(Reach::Public))
}

/// `reach` is `None` after a mistake in `lan`; where the payee is cannot be judged then.
fn read_payee(text: &str, reach: Option<&Reach>) -> Result<PayTarget, String> {
    let words = |fault| match fault {
        LnurlFault::NotATarget(reason) => {
            format!(
                "{text:?} cannot be paid: {reason}. Write a Lightning address such as \"rent@pay.example\" or an LNURL"
            )
        }
        other => other.to_string(),
    };
    let target = PayTarget::parse(text).map_err(words)?;
    if let Some(reach) = reach {
        check_reach(&target.url(reach).map_err(words)?, reach)?;
    }
    Ok(target)
}

fn read_feed_url(text: &str, reach: Option<&Reach>) -> Result<Url, String> {
    let url = Url::parse(text)
        .map_err(|_| format!("{text:?} is not a web address such as \"https://weather.example/v1/now\""))?;
    if let Some(reach) = reach {
        check_reach(&url, reach)?;
    }
    Ok(url)
}

fn check_reach(url: &Url, reach: &Reach) -> Result<(), String> {
    let client = StrictClient::new(reach.clone(), Limits::default()).map_err(|fault| fault.to_string())?;
    let reason = match client.check(url) {
        Ok(()) => return Ok(()),
        Err(HttpFault::RefusedUrl { reason, .. }) => reason,
        Err(HttpFault::PrivateAddress { .. }) => "it is an address in a private network",
        Err(other) => return Err(other.to_string()),
    };
    let origin = url.origin().ascii_serialization();
    let hint = if matches!(url.scheme(), "http" | "https") && url.has_host() {
        format!("; if it is a device of your own, allow it with lan = {origin:?}")
    } else {
        String::new()
    };
    Err(format!(
        "this address is not used: {reason}. Strangers are reached only over https on the public internet{hint}"
    ))
}

fn read_points(feed: &Section<'_>) -> Option<Vec<PointRule>> {
    let section = feed.section("points");
    let pairs = section.pairs();
    for (point, pointer) in &pairs {
        if let Err(text) = check_id(point) {
            section.wrong(point, format!("is not a name for a value; {text}"));
        } else if !pointer.starts_with('/') || pointer.matches('/').count() > DEPTH_MAX {
            let text =
                format!("{pointer:?} is not a place in JSON; write steps that begin with /, such as \"/now/price\"");
            section.wrong(point, text);
        }
    }
    match pairs.len() {
        0 => {
            feed.wrong(
                "points",
                "names no value, so data would be bought for nothing; add at least one under [feed.points]",
            );
            None
        }
        1..=POINTS_PER_FEED_MAX => {
            Some(pairs.into_iter().map(|(point, pointer)| PointRule { point, pointer }).collect())
        }
        _ => {
            feed.wrong("points", format!("holds more values than a feed may have; keep at most {POINTS_PER_FEED_MAX}"));
            None
        }
    }
}

fn read_limits(section: &Section<'_>, defaults: BudgetDefaults, fees: Option<FeeRule>) -> Option<Budget> {
    let limits = section.section("limits");
    let budget = read_budget(&limits, defaults);
    limits.finish();
    require_room(&limits, budget, fees);
    budget
}

pub(super) fn read_id(section: &Section<'_>, example: &str) -> Option<String> {
    section.parsed("id", Absent::IsWrong(example), |text| match check_id(text) {
        Ok(()) => Ok(text.to_owned()),
        Err(fault) => Err(format!("{text:?} is not an id; {fault}")),
    })
}

/// Whether a text may be the name of a meter, an agreement or the like.
pub fn is_id(text: &str) -> bool {
    check_id(text).is_ok()
}

fn check_id(text: &str) -> Result<(), &'static str> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-');
    // Where the page makes a new one.
    if text == "new" {
        Err("the page needs this word for itself, take another")
    } else if (1..=ID_BYTES_MAX).contains(&text.len()) && text.bytes().all(allowed) {
        Ok(())
    } else {
        Err("use 1 to 32 lower-case letters, digits, - and _")
    }
}

const ID_BYTES_MAX: usize = 32;
/// As many as `payees::l402` reads from one page.
const POINTS_PER_FEED_MAX: usize = 64;
/// Milliseconds in a second, milliwatts in a watt, milliwatt-hours in a watt-hour.
pub(super) const MILLI: u64 = 1_000;
