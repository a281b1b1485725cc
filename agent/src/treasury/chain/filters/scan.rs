//! How a question gets on: filter by filter, and what the wallet is told meanwhile.

use bdk_wallet::chain::indexer::keychain_txout::{ChangeSet, KeychainTxOutIndex};
use bdk_wallet::chain::{BlockId, CheckPoint, Indexer as _};
use bdk_wallet::{KeychainKind, Update};
use bip157::{IndexedFilter, Requester};
use bitcoin::ScriptBuf;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::super::News;
use super::{ANSWER_WAIT, BLOCK_WAIT, End};

/// The addresses of a wallet.
pub(super) type Index = KeychainTxOutIndex<KeychainKind>;

/// What is looked for.
#[derive(Clone)]
pub(super) struct Watched {
    pub(super) index: Index,
    /// Scripts that are in no wallet.
    pub(super) scripts: Vec<ScriptBuf>,
}

/// How far a question is.
pub(super) struct Scan<'question> {
    news: &'question mpsc::Sender<News>,
    watched: Watched,
    gap: u32,
    /// All of them.
    scripts: Vec<ScriptBuf>,
    /// The newest block that the wallet was told of.
    pub(super) last: BlockId,
    pub(super) tip: u32,
    /// The newest block that was looked into.
    pub(super) looked: u32,
    /// The same, as a block.
    newest: BlockId,
    first: u32,
    /// Whether the wallet has been told where the chain went another way than it knew.
    is_led_back: bool,
    /// The newest block that the wallet knew and that still counts: what comes after it is told as coming after it.
    agreed: Option<BlockId>,
}

impl<'question> Scan<'question> {
    pub(super) fn begin(news: &'question mpsc::Sender<News>, watched: Watched, gap: usize, base: BlockId) -> Self {
        let gap = u32::try_from(gap).unwrap_or(u32::MAX);
        let mut scan = Scan {
            news,
            watched,
            gap,
            scripts: Vec::new(),
            last: base,
            tip: base.height,
            looked: base.height,
            newest: base,
            first: base.height,
            is_led_back: false,
            agreed: None,
        };
        scan.watch();
        scan
    }

    /// All addresses that were used or shown, and so many after them.
    fn watch(&mut self) {
        let Watched { index, scripts } = &mut self.watched;
        for keychain in [KeychainKind::External, KeychainKind::Internal] {
            let newest = index.last_revealed_index(keychain).map_or(0, |index| index.saturating_add(1));
            // What changes by that is asked for below.
            let _ = index.lookahead_to_target(keychain, newest.saturating_add(self.gap));
        }
        self.scripts = index.inner().all_spks().values().chain(scripts.iter()).cloned().collect();
    }

    /// Where the chain went another way than the wallet knew, it is told the lowest of these blocks: what it knew above that
    /// counts no more.
    pub(super) async fn lead_back(&mut self, known: &CheckPoint, requester: &Requester) -> Result<(), End> {
        if std::mem::replace(&mut self.is_led_back, true) {
            return Ok(());
        }
        let base = self.last;
        if known.get(base.height).is_none() {
            // It begins at a block that every wallet may begin at.
            let genesis = known.iter().last().map(|checkpoint| checkpoint.block_id());
            self.tell(genesis.into_iter().chain([base])).await?;
        }
        let mut other = None;
        for known in known.iter().take_while(|known| known.height() > base.height) {
            let header = timeout(ANSWER_WAIT, requester.get_header(known.height())).await;
            match header {
                Ok(Ok(Some(header))) if header.block_hash() == known.hash() => {
                    self.agreed = Some(known.block_id());
                    break;
                }
                Ok(Ok(Some(header))) => other = Some(BlockId { height: known.height(), hash: header.block_hash() }),
                // A shorter chain is no better one, whoever shows it.
                Ok(Ok(None)) => {
                    return Err(End::Silent("it knows fewer blocks than this wallet; it is asked again".to_owned()));
                }
                _ => return Err(End::Silent("it stopped".to_owned())),
            }
        }
        match other {
            Some(other) => self.tell([self.agreed.unwrap_or(base), other]).await,
            None => Ok(()),
        }
    }

    pub(super) async fn look_into(&mut self, filter: IndexedFilter, requester: &Requester) -> Result<(), End> {
        let (height, hash) = (filter.height(), filter.block_hash());
        self.tip = self.tip.max(height);
        if filter.contains_any(self.scripts.iter()) {
            let fetched = timeout(BLOCK_WAIT, requester.get_block(hash)).await;
            let Ok(Ok(fetched)) = fetched else {
                return Err(End::Silent(format!("block {height} could not be fetched")));
            };
            let mut is_news = false;
            for tx in &fetched.block.txdata {
                is_news |= self.watched.index.index_tx(tx) != ChangeSet::default();
            }
            if is_news {
                self.watch();
            }
            self.pass(height);
            self.send(News::Block { block: Box::new(fetched.block), height, after: self.last }).await?;
            self.last = BlockId { height, hash };
        }
        (self.looked, self.newest) = (height, BlockId { height, hash });
        self.send(News::Progress(height, self.tip)).await
    }

    /// What is told next is of this height: the wallet has to see that it comes after what it knows.
    pub(super) fn pass(&mut self, height: u32) {
        if let Some(agreed) = self.agreed.filter(|known| (self.last.height..height).contains(&known.height)) {
            self.last = agreed;
        }
    }

    /// Whether a stretch has ended.
    pub(super) fn is_far(&self) -> bool {
        self.looked.saturating_sub(self.first) >= STRETCH_MAX
    }

    /// Tells the wallet how far it got, so that a later question begins there.
    pub(super) async fn rest(mut self) -> Result<BlockId, End> {
        self.pass(self.newest.height);
        if self.newest.height > self.last.height {
            self.tell([self.last, self.newest]).await?;
            self.last = self.newest;
        }
        Ok(self.last)
    }

    /// Blocks of the best chain, oldest first, the first of them known to the wallet.
    pub(super) async fn tell(&self, blocks: impl IntoIterator<Item = BlockId>) -> Result<(), End> {
        let chain = CheckPoint::from_block_ids(blocks).ok();
        self.send(News::Update(Box::new(Update { chain, ..Update::default() }))).await
    }

    async fn send(&self, item: News) -> Result<(), End> {
        // Nobody listening means that this is not wanted any more.
        self.news.send(item).await.map_err(|_| End::Silent("nobody listens".to_owned()))
    }
}

/// Filters of one node, which sends more than are looked into.
const STRETCH_MAX: u32 = 2_000;
