//! The owner's own nodes, by compact block filters (BIP 157 and 158): filters say which blocks may hold something of ours,
//! only those are fetched whole, and no node learns which addresses are ours. Such a node is believed, as a server is: from a
//! block in the middle of the chain on, `bip157` cannot judge how much work stands behind what it is shown.
//!
//! A connection lives as long as a question, or a stretch of it. What waits for a block is not seen, but for what was made
//! here.

mod bases;
mod scan;

use std::collections::{BTreeSet, VecDeque};
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bdk_wallet::chain::{BlockId, CheckPoint};
use bip157::chain::BlockHeaderChanges;
use bip157::{Builder, Client, Event, HashCheckpoint, Info, Node, Requester, SyncUpdate, TrustedPeer, Warning};
use bitcoin::block::Header;
use bitcoin::constants::genesis_block;
use bitcoin::{BlockHash, Network, ScriptBuf, Transaction, Txid};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use self::bases::bases;
use self::scan::{Index, Scan, Watched};
use super::unspent::{LeftCoin, Unspent};
use super::{Answer, FeeRates, Manner, News, No};
use crate::treasury::purse::Question;

pub(super) struct FilterClient {
    network: Network,
    /// As the owner named them.
    named: Vec<String>,
    memory: Mutex<Memory>,
}

/// What is known from earlier questions.
#[derive(Default)]
struct Memory {
    /// The newest block of the last answer.
    tip: Option<BlockId>,
    /// What was handed over to a node that asked for it.
    handed: BTreeSet<Txid>,
    /// Of the newest blocks, oldest first: the mean fee in satoshis for a virtual byte, and when that was learnt.
    fees: VecDeque<(BlockHash, u64, u64)>,
}

/// Why a question ended without an answer.
enum End {
    /// The block that it began at is on no branch of the best chain.
    OtherBranch,
    /// So far it got; the rest is asked for anew from there.
    SoFar(BlockId),
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
        let Question { checkpoint, index, .. } = question;
        self.walk(&checkpoint, Watched { index, scripts: Vec::new() }, manner, news).await
    }

    /// From the first block that can matter on.
    pub(super) async fn unspent(&self, scripts: &[ScriptBuf], manner: Manner) -> Result<Vec<LeftCoin>, String> {
        let genesis = BlockId { height: 0, hash: genesis_block(self.network).block_hash() };
        let (news, mut told) = mpsc::channel(1);
        let watched = Watched { index: Index::default(), scripts: scripts.to_vec() };
        let walking = async {
            let news = news;
            self.walk(&CheckPoint::new(genesis), watched, manner, &news).await
        };
        let reading = async {
            let mut unspent = Unspent::of(scripts);
            while let Some(told) = told.recv().await {
                if let News::Block { block, .. } = told {
                    block.txdata.iter().for_each(|tx| unspent.see(tx, true));
                }
            }
            unspent.left()
        };
        let (walked, left) = tokio::join!(walking, reading);
        walked.map(|_| left)
    }

    async fn walk(
        &self,
        checkpoint: &CheckPoint,
        watched: Watched,
        manner: Manner,
        news: &mpsc::Sender<News>,
    ) -> Result<Answer, String> {
        let mut why = "its blocks have nothing to do with those known here".to_owned();
        let mut ways: VecDeque<_> = bases(checkpoint, self.network, &watched.index).into();
        while let Some(base) = ways.pop_front() {
            let session = Session::begin(self, base, manner.first_block);
            match session.scan((checkpoint, &watched), manner, news, self).await {
                Ok(answer) => return Ok(answer),
                Err(End::OtherBranch) => {}
                Err(End::SoFar(block)) => ways.push_front(block),
                Err(End::Silent(silent)) => {
                    why = silent;
                    break;
                }
            }
        }
        Err(why)
    }

    pub(super) async fn broadcast(&self, tx: &Transaction) -> Result<(), No> {
        let (txid, genesis) = (tx.compute_txid(), genesis_block(self.network).block_hash());
        let base = self.lock().tip.unwrap_or(BlockId { height: 0, hash: genesis });
        let mut session = Session::begin(self, base, 0);
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
            Ok(Ok(_)) => {
                self.note_handed(txid);
                // It was asked for; the connection has to last until it is through.
                sleep(HAND_WAIT).await;
                Ok(())
            }
            // Who has it already does not ask for it.
            _ if self.lock().handed.contains(&txid) => Ok(()),
            _ => Err(silent("the node did not ask for it; it may have it already")),
        }
    }

    /// A node of its own, for one question. Where nothing can be before `first_block`, headers alone are read up to there.
    fn node(&self, base: BlockId, first_block: u32) -> (Node, Client) {
        let named = self.named.iter().filter_map(|peer| {
            let (host, port) = peer.rsplit_once(':')?;
            Some(TrustedPeer::from_hostname(host.trim_matches(['[', ']']), port.parse().ok()?))
        });
        let builder = Builder::new(self.network)
            .chain_state(bip157::ChainState::Checkpoint(HashCheckpoint::new(base.height, base.hash)))
            // The last one named is asked first.
            .add_peers(named.rev())
            .whitelist_only()
            .required_peers(1)
            .handshake_timeout(HANDSHAKE_WAIT)
            .response_timeout(ANSWER_WAIT);
        match skips(base, first_block) {
            true => builder.headers_only_sync().build(),
            false => builder.build(),
        }
    }

    /// The mean fees of the newest blocks say what the next ones will take. Blocks are large, so that some are fetched for
    /// this from time to time only, and one odd block among them says nothing.
    async fn fees(&self, newest: &[BlockHash], now_s: u64, requester: &Requester) -> FeeRates {
        let is_due = self.lock().fees.back().is_none_or(|(_, _, at_s)| now_s.saturating_sub(*at_s) >= FEES_FRESH_S);
        for hash in newest.iter().filter(|_| is_due) {
            if self.lock().fees.iter().any(|(known, ..)| known == hash) {
                continue;
            }
            let Ok(Ok(rate)) = timeout(BLOCK_WAIT, requester.average_fee_rate(*hash)).await else { break };
            self.lock().fees.push_back((*hash, rate.to_sat_per_vb_ceil(), now_s));
        }
        let mut memory = self.lock();
        memory.fees.retain(|(_, _, at_s)| now_s.saturating_sub(*at_s) < FEES_OLD_S);
        while memory.fees.len() > FEES_MAX {
            memory.fees.pop_front();
        }
        let mut rates: Vec<_> = memory.fees.iter().map(|(_, rate, _)| *rate).filter(|rate| *rate > 0).collect();
        rates.sort_unstable();
        match (rates.first(), rates.get(rates.len() / 2)) {
            (Some(least), Some(middle)) if rates.len() >= FEES_MIN && *middle <= super::RATE_BELIEVED_MAX => {
                FeeRates { soon: *middle, hour: *middle, day: *least, is_guess: false }
            }
            _ => FeeRates::default(),
        }
    }

    fn note_handed(&self, txid: Txid) {
        let mut memory = self.lock();
        if memory.handed.len() >= HANDED_MAX {
            memory.handed.clear();
        }
        memory.handed.insert(txid);
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
    fn begin(of: &FilterClient, base: BlockId, first_block: u32) -> Session {
        let (node, client) = of.node(base, first_block);
        let mut running = JoinSet::new();
        running.spawn(async move {
            // Its end is seen by the channels that close.
            let _ = node.run().await;
        });
        Session { client, base, _node: running }
    }

    async fn scan(
        mut self,
        (known, watched): (&CheckPoint, &Watched),
        manner: Manner,
        news: &mpsc::Sender<News>,
        of: &FilterClient,
    ) -> Result<Answer, End> {
        let mut scan = Scan::begin(news, watched.clone(), manner.stop_gap, self.base);
        let mut skips_to = skips(self.base, manner.first_block).then_some(manner.first_block);
        loop {
            match self.next().await? {
                Event::ChainUpdate(BlockHeaderChanges::Connected(header)) => scan.tip = header.height,
                Event::ChainUpdate(BlockHeaderChanges::Reorganized { .. }) => {
                    return Err(End::Silent("the newest blocks were replaced meanwhile; it is asked again".to_owned()));
                }
                Event::ChainUpdate(BlockHeaderChanges::ForkAdded(_)) => {}
                // Each once and in their order; others are of before.
                Event::IndexedFilter(filter) if filter.height() != scan.looked.saturating_add(1) => {}
                Event::IndexedFilter(filter) => {
                    scan.lead_back(known, &self.client.requester).await?;
                    scan.look_into(filter, &self.client.requester).await?;
                    if scan.looked < scan.tip && (scan.is_far() || self.client.event_rx.len() > WAITING_MAX) {
                        return Err(End::SoFar(scan.rest().await?));
                    }
                }
                Event::FiltersSynced(synced) => match skips_to.take().filter(|first| *first <= synced.tip.height) {
                    Some(first) => {
                        scan.looked = first.saturating_sub(1);
                        let _ = self.client.requester.rescan_from(scan.looked);
                    }
                    // With headers alone up to a block before the wallet's first one, that is all there is.
                    None if scan.looked >= synced.tip.height || synced.tip.height < manner.first_block => {
                        scan.lead_back(known, &self.client.requester).await?;
                        return self.finish(scan, &synced, manner, of).await;
                    }
                    // Of before, or a block came in between.
                    None => {}
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
                Some(info) = info_rx.recv() => if !matches!(info, Info::SuccessfulHandshake | Info::ConnectionsMet) {
                    stalled.set(sleep(STALL_WAIT));
                },
                () = &mut stalled => return Err(End::Silent("the node did not get on with it".to_owned())),
            }
        }
    }

    /// Tells the wallet of the newest blocks.
    async fn finish(
        self,
        mut scan: Scan<'_>,
        synced: &SyncUpdate,
        manner: Manner,
        of: &FilterClient,
    ) -> Result<Answer, End> {
        let Some(newest) = synced.recent_history.get(&synced.tip.height) else {
            return Err(End::Silent("it knows no newer block than this wallet".to_owned()));
        };
        let tip_s = u64::from(newest.time);
        scan.pass(synced.tip.height);
        let newer = synced.recent_history.iter().map(|(height, header)| (*height, header.block_hash()));
        let blocks = newer.filter(|(height, _)| *height > scan.last.height).map(BlockId::from);
        scan.tell(std::iter::once(scan.last).chain(blocks)).await?;
        of.lock().tip = Some(BlockId { height: synced.tip.height, hash: synced.tip.hash });
        let newest: Vec<_> = synced.recent_history.values().rev().take(FEES_MIN).map(Header::block_hash).collect();
        Ok(Answer { tip_s, fees: of.fees(&newest, manner.now_s, &self.client.requester).await })
    }
}

/// Whether nothing of the wallet's can be in the next blocks.
fn skips(base: BlockId, first_block: u32) -> bool {
    base.height.saturating_add(1) < first_block
}

const UNREACHABLE: &str = "no such node could be reached";
const HANDSHAKE_WAIT: Duration = Duration::from_secs(6);
const ANSWER_WAIT: Duration = Duration::from_secs(20);
const STALL_WAIT: Duration = Duration::from_secs(90);
const CONNECT_WAIT: Duration = Duration::from_secs(20);
const TAKE_WAIT: Duration = Duration::from_secs(7);
const HAND_WAIT: Duration = Duration::from_secs(2);
/// A block of four megabytes over a slow line.
const BLOCK_WAIT: Duration = Duration::from_secs(120);
/// More than wait for a block; what is forgotten is told as not asked for once.
const HANDED_MAX: usize = 1_000;
const FEES_FRESH_S: u64 = 7_200;
const FEES_OLD_S: u64 = 43_200;
/// Of fewer blocks nothing is said.
const FEES_MIN: usize = 3;
const FEES_MAX: usize = 9;
/// Filters of some 20 KB each that wait to be looked into; a node sends them as fast as the line takes them.
const WAITING_MAX: usize = 1_000;

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
        let question = Purse::open(keys, Network::Bitcoin, None, 20).unwrap().question(true, 0);
        let manner = Manner { stop_gap: 20, first_block: 0, now_s: 0 };
        let (news, mut heard) = mpsc::channel(8);
        let answer = client.ask(question, manner, &news).await;
        assert_eq!(answer.unwrap_err(), "no such node could be reached");
        drop(news);
        assert!(heard.recv().await.is_none(), "nothing was told of it");
    }
}
