//! Nodes of the bitcoin network itself, by compact block filters (BIP 157 and 158): filters say which blocks may hold
//! something of ours, only those are fetched whole, and nobody learns which addresses are ours.
//!
//! A connection lives as long as a question. What waits for a block is not seen here, but for what was made here.

mod bases;
mod scan;

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bdk_wallet::chain::{BlockId, CheckPoint};
use bip157::chain::BlockHeaderChanges;
use bip157::{Builder, Client, Event, HashCheckpoint, Info, Node, Requester, SyncUpdate, TrustedPeer, Warning};
use bitcoin::constants::genesis_block;
use bitcoin::{BlockHash, Network, Transaction};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use self::bases::bases;
use self::scan::{Index, Scan};
use super::{Answer, FeeRates, Manner, News, No};
use crate::treasury::purse::Question;

pub(super) struct FilterClient {
    network: Network,
    /// As the owner named them; none: whichever are found.
    named: Vec<String>,
    memory: Mutex<Memory>,
}

/// What is known from earlier questions.
#[derive(Default)]
struct Memory {
    /// Peers that answered.
    peers: Vec<TrustedPeer>,
    /// Of the newest blocks, oldest first: the mean fee in satoshis for a virtual byte, and when that was learnt.
    fees: VecDeque<(BlockHash, u64, u64)>,
}

/// Why a question ended without an answer.
enum End {
    /// The block that it began at is on no branch of the best chain.
    OtherBranch,
    /// Nobody answers, or what they answer makes no sense.
    Silent(String),
}

impl FilterClient {
    pub(super) fn of(peers: &[String], network: Network) -> FilterClient {
        FilterClient { network, named: peers.to_vec(), memory: Mutex::default() }
    }

    /// Begins at the newest block known before the tip; where that was given up by the network, further down.
    pub(super) async fn ask(
        &self,
        question: Question,
        manner: Manner,
        news: &mpsc::Sender<News>,
    ) -> Result<Answer, String> {
        let mut why = "its blocks have nothing to do with those known here".to_owned();
        let Question { checkpoint, index, .. } = question;
        for base in bases(&checkpoint, self.network, &index) {
            let session = Session::begin(self, base);
            match session.scan((&checkpoint, &index), manner, news, self).await {
                Ok(answer) => return Ok(answer),
                Err(End::OtherBranch) => {}
                Err(End::Silent(silent)) => {
                    why = silent;
                    break;
                }
            }
        }
        Err(why)
    }

    pub(super) async fn broadcast(&self, tx: &Transaction) -> Result<(), No> {
        let genesis = genesis_block(self.network).block_hash();
        let mut session = Session::begin(self, BlockId { height: 0, hash: genesis });
        let connected = async {
            while let Some(info) = session.client.info_rx.recv().await {
                if matches!(info, Info::SuccessfulHandshake) {
                    return true;
                }
            }
            false
        };
        let silent = |why: &str| No::Silent(why.to_owned());
        if !timeout(CONNECT_WAIT, connected).await.unwrap_or(false) {
            return Err(silent(UNREACHABLE));
        }
        match timeout(TAKE_WAIT, session.client.requester.submit_package(tx.clone())).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(silent("no node asked for it; they may have it already")),
        }
    }

    /// A node of its own, for one question.
    fn node(&self, base: BlockId) -> (Node, Client) {
        let known = self.lock().peers.clone();
        let named = self.named.iter().filter_map(|peer| {
            let (host, port) = peer.rsplit_once(':')?;
            Some(TrustedPeer::from_hostname(host.trim_matches(['[', ']']), port.parse().ok()?))
        });
        let named: Vec<_> = named.collect();
        let count = if named.is_empty() { PEERS } else { u8::try_from(named.len()).unwrap_or(PEERS).min(PEERS) };
        let builder = Builder::new(self.network)
            .chain_state(bip157::ChainState::Checkpoint(HashCheckpoint::new(base.height, base.hash)))
            .required_peers(count)
            .handshake_timeout(HANDSHAKE_WAIT)
            .response_timeout(ANSWER_WAIT);
        match named.is_empty() {
            true => builder.add_peers(known).build(),
            false => builder.add_peers(named).whitelist_only().build(),
        }
    }

    /// The mean fees of the newest blocks say what the next ones will take. A block is large, so that one is fetched for this
    /// from time to time only.
    async fn fees(&self, tip: BlockHash, now_s: u64, requester: &Requester) -> FeeRates {
        let is_due = match self.lock().fees.back() {
            Some((hash, _, at_s)) => *hash != tip && now_s.saturating_sub(*at_s) >= FEES_FRESH_S,
            None => true,
        };
        if is_due && let Ok(Ok(rate)) = timeout(BLOCK_WAIT, requester.average_fee_rate(tip)).await {
            let mut memory = self.lock();
            memory.fees.push_back((tip, rate.to_sat_per_vb_ceil(), now_s));
            if memory.fees.len() > FEES_MAX {
                memory.fees.pop_front();
            }
        }
        let mut rates: Vec<_> = self.lock().fees.iter().map(|(_, rate, _)| *rate).filter(|rate| *rate > 0).collect();
        rates.sort_unstable();
        match (rates.first(), rates.get(rates.len() / 2), rates.last()) {
            (Some(least), Some(middle), Some(most)) if *most <= super::RATE_BELIEVED_MAX => {
                FeeRates { soon: *most, hour: *middle, day: *least, is_guess: false }
            }
            _ => FeeRates::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One question: its node ends with it.
struct Session {
    client: Client,
    base: BlockId,
    _node: JoinSet<()>,
}

impl Session {
    fn begin(of: &FilterClient, base: BlockId) -> Session {
        let (node, client) = of.node(base);
        let mut running = JoinSet::new();
        running.spawn(async move {
            // Its end is seen by the channels that close.
            let _ = node.run().await;
        });
        Session { client, base, _node: running }
    }

    async fn scan(
        mut self,
        (known, index): (&CheckPoint, &Index),
        manner: Manner,
        news: &mpsc::Sender<News>,
        of: &FilterClient,
    ) -> Result<Answer, End> {
        let mut scan = Scan::begin(news, index.clone(), manner.stop_gap, self.base);
        // Headers alone up to where the wallet begins.
        let mut skips_to = (self.base.height + 1 < manner.first_block).then_some(manner.first_block);
        loop {
            match self.next().await? {
                Event::ChainUpdate(BlockHeaderChanges::Connected(header)) => scan.tip = header.height,
                Event::ChainUpdate(BlockHeaderChanges::Reorganized { .. }) => {
                    return Err(End::Silent("the newest blocks were replaced meanwhile; it is asked again".to_owned()));
                }
                Event::ChainUpdate(BlockHeaderChanges::ForkAdded(_)) => {}
                Event::IndexedFilter(_) if skips_to.is_some() => {}
                Event::IndexedFilter(filter) => {
                    scan.lead_back(known, &self.client.requester).await?;
                    scan.look_into(filter, &self.client.requester).await?;
                }
                Event::FiltersSynced(synced) => match skips_to.take().filter(|first| *first <= synced.tip.height) {
                    Some(first) => {
                        let _ = self.client.requester.rescan_from(first.saturating_sub(1));
                    }
                    None => {
                        scan.lead_back(known, &self.client.requester).await?;
                        return self.finish(scan, &synced, manner, of).await;
                    }
                },
            }
        }
    }

    /// What happens next; everything that gets on counts as life.
    async fn next(&mut self) -> Result<Event, End> {
        let mut stalled = pin!(sleep(STALL_WAIT));
        let Client { event_rx, warn_rx, info_rx, .. } = &mut self.client;
        loop {
            tokio::select! {
                biased;
                event = event_rx.recv() => return event.ok_or_else(|| End::Silent(UNREACHABLE.to_owned())),
                Some(warning) = warn_rx.recv() => match warning {
                    Warning::UnexpectedSyncError { warning } if warning.contains("header syncing") => {
                        return Err(End::OtherBranch);
                    }
                    _ => {}
                },
                Some(_) = info_rx.recv() => stalled.set(sleep(STALL_WAIT)),
                () = &mut stalled => return Err(End::Silent("no node of the network got on with it".to_owned())),
            }
        }
    }

    /// Tells the wallet of the newest blocks, and remembers who answered.
    async fn finish(
        self,
        scan: Scan<'_>,
        synced: &SyncUpdate,
        manner: Manner,
        of: &FilterClient,
    ) -> Result<Answer, End> {
        let Some(newest) = synced.recent_history.get(&synced.tip.height) else {
            return Err(End::Silent("it knows no newer block than this wallet".to_owned()));
        };
        let tip_s = u64::from(newest.time);
        let newer = synced.recent_history.iter().map(|(height, header)| (*height, header.block_hash()));
        let blocks = newer.filter(|(height, _)| *height > scan.last.height).map(BlockId::from);
        scan.tell(std::iter::once(scan.last).chain(blocks)).await?;
        let requester = &self.client.requester;
        if let Ok(Ok(peers)) = timeout(ANSWER_WAIT, requester.peer_info()).await {
            let peers = peers.into_iter().map(|(address, services)| TrustedPeer::new(address, None, services));
            of.lock().peers = peers.collect();
        }
        Ok(Answer { tip_s, fees: of.fees(synced.tip.hash, manner.now_s, requester).await })
    }
}

const UNREACHABLE: &str = "no node of the network could be reached";
/// Two that have to agree on every filter.
const PEERS: u8 = 2;
const HANDSHAKE_WAIT: Duration = Duration::from_secs(6);
const ANSWER_WAIT: Duration = Duration::from_secs(20);
const STALL_WAIT: Duration = Duration::from_secs(90);
const CONNECT_WAIT: Duration = Duration::from_secs(20);
const TAKE_WAIT: Duration = Duration::from_secs(8);
/// A block of four megabytes over a slow line.
const BLOCK_WAIT: Duration = Duration::from_secs(120);
const FEES_FRESH_S: u64 = 7_200;
const FEES_MAX: usize = 6;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::config::TreasuryKind;
    use crate::keys::Seed;
    use crate::treasury::{Keys, Purse};

    /// It takes the connection, and says nothing.
    #[tokio::test]
    async fn a_node_that_is_silent_is_told_as_that() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = FilterClient::of(&[listener.local_addr().unwrap().to_string()], Network::Bitcoin);
        let words = "abandon ".repeat(11) + "about";
        let seed = || Ok(Seed::from_words(&words).unwrap());
        let keys = Keys::of(&TreasuryKind::Segwit, Network::Bitcoin, seed).unwrap();
        let question = Purse::open(keys, Network::Bitcoin, None).unwrap().question(true, 0);
        let manner = Manner { stop_gap: 20, first_block: 0, now_s: 0 };
        let (news, mut heard) = mpsc::channel(8);
        let answer = client.ask(question, manner, &news).await;
        assert_eq!(answer.unwrap_err(), "no node of the network could be reached");
        drop(news);
        assert!(heard.recv().await.is_none(), "nothing was told of it");
    }
}
