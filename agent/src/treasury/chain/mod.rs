//! Where blocks and transactions come from: several sources in the owner's order of preference.

mod bitcoind;
mod electrum;
mod esplora;
mod filters;
mod unspent;

use std::sync::Arc;
use std::time::Duration;

use bdk_wallet::Update;
use bdk_wallet::chain::BlockId;
use bitcoin::{Block, Network, Transaction, Txid};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::time::timeout;
use utoipa::ToSchema;

use self::bitcoind::BitcoindClient;
use self::electrum::ElectrumClient;
use self::esplora::EsploraClient;
use self::filters::FilterClient;
pub(super) use self::unspent::LeftCoin;
use super::purse::Question;
use super::to_remote::ToRemote;
use crate::config::ChainSource;

/// One source.
pub(super) struct Source {
    /// As the owner knows it.
    pub(super) name: String,
    client: Client,
}

enum Client {
    Esplora(EsploraClient),
    Electrum(ElectrumClient),
    Bitcoind(BitcoindClient),
    Filters(FilterClient),
}

/// What a source tells while it is asked. It comes in the order in which it is to be taken.
pub(super) enum News {
    /// All at once, from a server that knows addresses.
    Update(Box<Update>),
    /// One block after another.
    Block {
        /// The block.
        block: Box<Block>,
        /// Its height.
        height: u32,
        /// The one before, as far as it was known.
        after: BlockId,
    },
    /// What waits for a block, and what no longer does; each with the second that it was seen.
    Waiting {
        /// Transactions.
        waiting: Vec<(Arc<Transaction>, u64)>,
        /// Those that are gone.
        gone: Vec<(Txid, u64)>,
    },
    /// So far it got, of so many.
    Progress(u32, u32),
}

/// What a source says of itself at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// The time that its newest block bears, in seconds since 1970.
    pub(super) tip_s: u64,
    /// What the network asks for.
    pub(super) fees: FeeRates,
}

/// What a transaction costs that is to be in a block soon, in whole satoshis for a virtual byte, rounded up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FeeRates {
    /// Within about twenty minutes.
    pub soon: u64,
    /// Within about an hour.
    pub hour: u64,
    /// Within about a day.
    pub day: u64,
    /// The source named none; these are the least that nodes pass on.
    pub is_guess: bool,
}

/// Why a source did not answer, or did not take a transaction.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainFault {
    /// It cannot be reached, or answered something that makes no sense.
    #[error("{name} does not answer ({why})")]
    Silent {
        /// The source.
        name: String,
        /// What its client said.
        why: String,
    },
    /// What it tells is of another chain.
    #[error(
        "{name} tells of another chain than this wallet's ({why}). Nothing of it counts; check the address and [network]"
    )]
    Misfit {
        /// The source.
        name: String,
        /// Where it does not fit.
        why: String,
    },
    /// It says no to a transaction.
    #[error("{name} {} ({why})", NOT_TAKEN)]
    Refused {
        /// The source.
        name: String,
        /// What it said.
        why: String,
    },
    /// The configuration does not fit.
    #[error("{0}")]
    Configuration(String),
}

/// How it is asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manner {
    /// So many unused addresses in a row end a search.
    pub(super) stop_gap: usize,
    /// Blocks before this one hold nothing of ours.
    pub(super) first_block: u32,
    /// Now, in seconds since 1970.
    pub(super) now_s: u64,
}

impl Source {
    /// Opens no connection.
    pub(super) fn of(source: &ChainSource, network: Network, first_connect_wait_s: u8) -> Result<Source, ChainFault> {
        let (name, client) = match source {
            ChainSource::Esplora(url) => (url.clone(), Client::Esplora(EsploraClient::of(url)?)),
            ChainSource::Electrum(url) => {
                (url.clone(), Client::Electrum(ElectrumClient::of(url.clone(), first_connect_wait_s)))
            }
            ChainSource::Bitcoind { host, port, cookie_file } => {
                (format!("bitcoind at {host}:{port}"), Client::Bitcoind(BitcoindClient::of(host, *port, cookie_file)))
            }
            ChainSource::Filters(peers) => (peers.join(", "), Client::Filters(FilterClient::of(peers, network))),
        };
        Ok(Source { name, client })
    }

    /// Asks `question`; what it learns goes to `news`.
    pub(super) async fn ask(
        &self,
        question: Question,
        manner: Manner,
        news: &mpsc::Sender<News>,
    ) -> Result<Answer, ChainFault> {
        let answer = match &self.client {
            Client::Esplora(client) => in_time(client.ask(question, manner, news)).await,
            Client::Electrum(client) => in_time(client.ask(question, manner, news)).await,
            // It reads block after block, which may take days.
            Client::Bitcoind(client) => client.ask(question, manner, news).await,
            Client::Filters(client) => client.ask(question, manner, news).await,
        };
        answer.map_err(|why| self.silent(why))
    }

    /// What closed channels left under these keys.
    pub(super) async fn left(&self, to_remote: ToRemote, manner: Manner) -> Result<Vec<LeftCoin>, ChainFault> {
        let scripts = blocking(move || Ok(to_remote.scripts())).await.map_err(|why| self.silent(why))?;
        let scripts = scripts.as_slice();
        let found = match &self.client {
            Client::Esplora(client) => in_time(client.unspent(scripts)).await,
            Client::Electrum(client) => in_time(client.unspent(scripts)).await,
            Client::Bitcoind(client) => client.unspent(scripts).await,
            Client::Filters(client) => client.unspent(scripts, manner).await,
        };
        found.map_err(|why| self.silent(why))
    }

    /// Hands a transaction to the network. One that is known there already is as well.
    pub(super) async fn broadcast(&self, tx: &Transaction) -> Result<(), ChainFault> {
        let sent = match &self.client {
            Client::Esplora(client) => client.broadcast(tx).await,
            Client::Electrum(client) => client.broadcast(tx).await,
            Client::Bitcoind(client) => client.broadcast(tx).await,
            Client::Filters(client) => client.broadcast(tx).await,
        };
        match sent {
            Ok(()) => Ok(()),
            Err(No::Refused(why)) if why.to_lowercase().contains("already") => Ok(()),
            Err(No::Refused(why)) => Err(ChainFault::Refused { name: self.name.clone(), why: shown(&why) }),
            Err(No::Silent(why)) => Err(self.silent(why)),
        }
    }

    /// The same; one that takes too long is silent, though it may have taken it.
    pub(super) async fn broadcast_in(&self, wait: Duration, tx: &Transaction) -> Result<(), ChainFault> {
        timeout(wait, self.broadcast(tx)).await.unwrap_or_else(|_| Err(self.silent("it takes too long".to_owned())))
    }

    fn silent(&self, why: String) -> ChainFault {
        ChainFault::Silent { name: self.name.clone(), why: shown(&why) }
    }
}

/// Why a transaction was not taken.
enum No {
    Refused(String),
    Silent(String),
}

impl Default for FeeRates {
    fn default() -> FeeRates {
        FeeRates { soon: 1, hour: 1, day: 1, is_guess: true }
    }
}

impl FeeRates {
    /// From estimates for some targets, in blocks and satoshis for a virtual byte; the next shorter target counts.
    fn of(estimate: impl Fn(u16) -> Option<f64>) -> FeeRates {
        let whole = |rate: f64| match rate.is_finite() && rate > 0.0 {
            // By way of its digits, so that no cast has to decide what is lost.
            true => {
                format!("{:.0}", rate.ceil()).parse().ok().filter(|rate: &u64| (1..=RATE_BELIEVED_MAX).contains(rate))
            }
            false => None,
        };
        let at = |targets: &[u16]| targets.iter().find_map(|target| estimate(*target).and_then(whole));
        let (soon, hour, day) = (at(&[2, 1, 3]), at(&[6, 5, 4, 3]), at(&[144, 25, 24, 12, 6]));
        match (soon, hour, day) {
            (Some(soon), hour, day) => {
                let hour = hour.unwrap_or(soon).min(soon);
                FeeRates { soon, hour, day: day.unwrap_or(hour).min(hour), is_guess: false }
            }
            _ => FeeRates::default(),
        }
    }
}

/// A server that finds something at every address never comes to an end.
async fn in_time<T>(asking: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    timeout(ASK_WAIT, asking).await.unwrap_or_else(|_| Err("it takes too long".to_owned()))
}

fn shown(text: &str) -> String {
    crate::text::cleaned(text, WHY_CHARS_MAX)
}

/// Runs a call that waits for the network off the async threads.
async fn blocking<T: Send + 'static>(call: impl FnOnce() -> Result<T, String> + Send + 'static) -> Result<T, String> {
    tokio::task::spawn_blocking(call).await.map_err(|_| "it stopped".to_owned())?
}

/// In the sentence of [`ChainFault::Refused`].
pub const NOT_TAKEN: &str = "does not take the transaction";
const ASK_WAIT: Duration = Duration::from_secs(1_800);
const RATE_BELIEVED_MAX: u64 = 10_000;
const WHY_CHARS_MAX: usize = 240;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fee_rates_are_whole_rounded_up_and_never_rise_with_patience() {
        let rates = |known: &'static [(u16, f64)]| {
            FeeRates::of(|target| known.iter().find(|(at, _)| *at == target).map(|(_, rate)| *rate))
        };
        let shown = |rates: FeeRates| (rates.soon, rates.hour, rates.day, rates.is_guess);
        assert_eq!(shown(rates(&[(1, 30.2), (2, 20.01), (6, 9.0), (144, 1.2)])), (21, 9, 2, false));
        assert_eq!(shown(rates(&[(2, 5.0), (6, 7.0), (144, 9.0)])), (5, 5, 5, false));
        assert_eq!(shown(rates(&[(2, 0.3)])), (1, 1, 1, false));
        for nonsense in [&[] as &[(u16, f64)], &[(2, f64::NAN)], &[(2, -1.0)], &[(2, 1e300)], &[(2, 0.0)]] {
            let rates = FeeRates::of(|target| nonsense.iter().find(|(at, _)| *at == target).map(|(_, rate)| *rate));
            assert_eq!(rates, FeeRates::default());
        }
    }
}
