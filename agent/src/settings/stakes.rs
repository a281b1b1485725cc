//! What a change puts at stake: whether the owner's password is asked for, and whether everything starts anew.
//!
//! Source: `reliability-security`, rule 10.8.

use crate::config::{Agreement, Config, Feed, Meter, PayeeLimits, PulseMeter};
use crate::domain::policy::{AskRule, Budget, FeeRule};

/// Whether `after` lets more be spent than `before`, or by somebody else, or opens a door.
pub fn raises_stakes(before: &Config, after: &Config) -> bool {
    let wallet =
        |config: &Config| (config.wallet.clone(), config.node.clone(), config.network, config.state_directory.clone());
    // Whose keys it has, where it learns what is unspent, its reserve and what it may cost.
    let savings = |config: &Config| (config.treasury.clone(), config.refill.clone());
    let doors = |config: &Config| (config.web_listen, config.web_names.clone(), config.notify.clone());
    let safety = |config: &Config| (config.relays.clone(), config.stop_button.clone());
    let payee_is_bound = |known: &PayeeLimits| {
        let now = after.payees.iter().find(|payee| payee.payee == known.payee);
        let is_within = now.is_some_and(|now| is_within(&now.budget, &known.budget));
        is_within || !after.paid_by().any(|(_, payee)| payee == known.payee)
    };
    wallet(before) != wallet(after)
        || savings(before) != savings(after)
        || doors(before) != doors(after)
        || safety(before) != safety(after)
        || !is_within(&after.house, &before.house)
        || !fees_are_within(after.fees, before.fees)
        || !asks_as_often(after.ask, before.ask)
        || (before.listed_payees_only && !after.listed_payees_only)
        || before.zone != after.zone
        || !meters_are_known(before, after)
        || !before.payees.iter().all(payee_is_bound)
        || !after.agreements.iter().all(|agreement| agreement_is_known(agreement, before))
        || !after.feeds.iter().all(|feed| feed_is_known(feed, before))
}

/// Whether something changed that is taken up only by starting the meters, the wallet or the page anew.
pub fn needs_new_start(before: &Config, after: &Config) -> bool {
    let like = Config {
        name: after.name.clone(),
        language: after.language,
        backup: after.backup.clone(),
        refill: after.refill.clone(),
        house: after.house,
        fees: after.fees,
        ask: after.ask,
        payees: after.payees.clone(),
        listed_payees_only: after.listed_payees_only,
        agreements: after.agreements.clone(),
        feeds: after.feeds.clone(),
        ..before.clone()
    };
    outside_the_picture(like) != outside_the_picture(after.clone())
}

/// The picture of the house on the page is drawn anew each time it is looked at.
fn outside_the_picture(mut config: Config) -> Config {
    config.meters.iter_mut().for_each(|meter| meter.measures = None);
    config.pulse_meters.iter_mut().for_each(|meter| meter.measures = None);
    config
}

/// A meter that is billed counts as before, and none lets more be read or changed by others.
fn meters_are_known(before: &Config, after: &Config) -> bool {
    let is_billed = |id: &str| after.agreements.iter().any(|agreement| agreement.meter == id);
    let modbus = after.meters.iter().all(|now| {
        let known = before.meters.iter().find(|known| known.id == now.id);
        // How often it is read changes nothing of what it counts.
        let counts_alike = known.is_some_and(|known| {
            let alike = Meter {
                poll_interval_ms: now.poll_interval_ms,
                share: now.share,
                settable: now.settable.clone(),
                measures: now.measures,
                ..known.clone()
            };
            alike == *now
        });
        let opens = now.share.is_some() && known.is_none_or(|known| known.share != now.share);
        let is_settable = |quantity| known.is_some_and(|known| known.settable.contains(quantity));
        (counts_alike || !is_billed(&now.id)) && !opens && now.settable.iter().all(is_settable)
    });
    let pulses = after.pulse_meters.iter().filter(|now| is_billed(&now.id)).all(|now| {
        let known = before.pulse_meters.iter().find(|known| known.id == now.id);
        known.is_some_and(|known| PulseMeter { measures: now.measures, ..known.clone() } == *now)
    });
    modbus && pulses
}

fn agreement_is_known(now: &Agreement, before: &Config) -> bool {
    before.agreements.iter().any(|known| {
        let terms = |agreement: &Agreement| {
            let Agreement { id, meter, payee, reach, payee_key, .. } = agreement.clone();
            (id, meter, payee, reach, payee_key)
        };
        terms(known) == terms(now)
            && now.price <= known.price
            && is_within(&now.budget, &known.budget)
            && (now.paused || !known.paused)
    })
}

fn feed_is_known(now: &Feed, before: &Config) -> bool {
    before.feeds.iter().any(|known| {
        let terms = |feed: &Feed| (feed.id.clone(), feed.url.clone(), feed.reach.clone(), feed.payee_key.clone());
        terms(known) == terms(now)
            && now.price_max <= known.price_max
            && now.every_ms >= known.every_ms
            && is_within(&now.budget, &known.budget)
            && (now.paused || !known.paused)
    })
}

fn is_within(now: &Budget, before: &Budget) -> bool {
    let sums = |budget: &Budget| [budget.per_payment, budget.per_hour, budget.per_day, budget.per_month];
    sums(now).iter().zip(sums(before)).all(|(now, before)| *now <= before)
        && is_bound(now.payments_per_hour, before.payments_per_hour)
        && is_bound(now.price_max, before.price_max)
}

/// A limit that is absent is none.
fn is_bound<T: PartialOrd>(now: Option<T>, before: Option<T>) -> bool {
    match (now, before) {
        (_, None) => true,
        (Some(now), Some(before)) => now <= before,
        (None, Some(_)) => false,
    }
}

fn fees_are_within(now: FeeRule, before: FeeRule) -> bool {
    now.base <= before.base && now.ppm <= before.ppm
}

fn asks_as_often(now: AskRule, before: AskRule) -> bool {
    (now.first || !before.first) && is_bound(now.above, before.above) && now.expires_ms <= before.expires_ms
}
