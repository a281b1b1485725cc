//! An agreement or feed with its account: what the pages show and the API says.

use serde::Serialize;
use utoipa::ToSchema;

use crate::config::{Agreement, Config, Feed};
use crate::domain::policy::{Budget, Committed};
use crate::engine::RuleAccount;
use crate::status::{AgreementStatus, FeedStatus, Status, StatusSource};
use crate::tasks::Unanswered;

/// An agreement to pay for electricity. Amounts in msat, fees included where limits are concerned; energy in mWh.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct AgreementView {
    /// How it stands.
    #[serde(flatten)]
    pub status: AgreementStatus,
    /// The only Lightning node whose invoices are taken, if there is such a rule.
    pub payee_key: Option<String>,
    /// Whatever is owed is paid after this time.
    pub pay_every_ms: u64,
    /// Set aside for payments under way.
    pub reserved_msat: u64,
    /// Its limits and what counts against them.
    pub limits: Limits,
}

/// A feed of data that is bought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FeedView {
    /// How it stands.
    #[serde(flatten)]
    pub status: FeedStatus,
    /// The time from one request to the next.
    pub every_ms: u64,
    /// The most one ticket may cost.
    pub price_max_msat: u64,
    /// Set aside for payments under way.
    pub reserved_msat: u64,
    /// Its limits and what counts against them.
    pub limits: Limits,
}

/// Limits, and what was spent or is reserved within each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Limits {
    /// In one payment.
    pub per_payment_msat: u64,
    /// Within an hour.
    pub hour: Limit,
    /// Within a day.
    pub day: Limit,
    /// Within a month.
    pub month: Limit,
    /// Payments within an hour, if they are limited.
    pub payments_per_hour: Option<u32>,
    /// Payments within the last hour.
    pub payments_made: u32,
    /// The most a kilowatt-hour may cost, if that is limited.
    pub price_max_msat_per_kwh: Option<u64>,
}

/// One limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Limit {
    /// Spent or reserved.
    pub used_msat: u64,
    /// The most there may be.
    pub limit_msat: u64,
}

impl Limits {
    fn of(budget: &Budget, committed: &Committed) -> Limits {
        let limit = |used: crate::domain::money::Msat, limit: crate::domain::money::Msat| Limit {
            used_msat: used.0,
            limit_msat: limit.0,
        };
        Limits {
            per_payment_msat: budget.per_payment.0,
            hour: limit(committed.hour, budget.per_hour),
            day: limit(committed.day, budget.per_day),
            month: limit(committed.month, budget.per_month),
            payments_per_hour: budget.payments_per_hour,
            payments_made: committed.payments,
            price_max_msat_per_kwh: budget.price_max.map(|price| price.0),
        }
    }
}

/// All of them, in the order of the configuration.
///
/// # Errors
/// [`Unanswered`].
pub(in super::super) async fn all(
    source: &StatusSource,
) -> Result<(Status, Vec<AgreementView>, Vec<FeedView>), Unanswered> {
    let config = source.config();
    let status = source.status().await?;
    let accounts = accounts(source, &config).await?;
    let account =
        |id: &str| accounts.iter().find(|(known, _)| known == id).map(|(_, account)| *account).unwrap_or_default();
    let agreements = config.agreements.iter().filter_map(|agreement| {
        let known = status.agreements.iter().find(|known| known.id == agreement.id)?;
        Some(of_agreement(agreement, known.clone(), &account(&agreement.id)))
    });
    let feeds = config.feeds.iter().filter_map(|feed| {
        let known = status.feeds.iter().find(|known| known.id == feed.id)?;
        Some(of_feed(feed, known.clone(), &account(&feed.id)))
    });
    let (agreements, feeds) = (agreements.collect(), feeds.collect());
    Ok((status, agreements, feeds))
}

async fn accounts(source: &StatusSource, config: &Config) -> Result<Vec<(String, RuleAccount)>, Unanswered> {
    let ids = config.agreements.iter().map(|agreement| &agreement.id).chain(config.feeds.iter().map(|feed| &feed.id));
    let ids: Vec<String> = ids.cloned().collect();
    let now = source.clock.now();
    let look = move |engine: &mut crate::engine::Engine| {
        ids.into_iter().map(|id| Ok((id.clone(), engine.rule_account(&id, now)?))).collect()
    };
    source.engine.look(look).await
}

fn of_agreement(agreement: &Agreement, status: AgreementStatus, account: &RuleAccount) -> AgreementView {
    AgreementView {
        status,
        payee_key: agreement.payee_key.clone(),
        pay_every_ms: agreement.pay_every_ms,
        reserved_msat: account.reserved.0,
        limits: Limits::of(&agreement.budget, &account.rule),
    }
}

fn of_feed(feed: &Feed, status: FeedStatus, account: &RuleAccount) -> FeedView {
    FeedView {
        status,
        every_ms: feed.every_ms,
        price_max_msat: feed.price_max.0,
        reserved_msat: account.reserved.0,
        limits: Limits::of(&feed.budget, &account.rule),
    }
}
