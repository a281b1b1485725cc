//! Asking the chain: the preferred source first, the next one where it does not answer.

use std::sync::Arc;

use bitcoin::Txid;
use tokio::sync::mpsc;

use super::{Keeper, NEWS_MAX, Round, Told};
use crate::tasks::EngineGone;
use crate::treasury::SeenTx;
use crate::treasury::chain::{Answer, ChainFault, Manner, News};

impl Keeper {
    pub(super) fn begin_round(&mut self, all: bool, news: &mpsc::Sender<Told>) {
        let now = self.clock.elapsed_ms();
        let Some(source) = self.rests.iter().position(|rests_until| *rests_until <= now) else {
            self.next_round_at = self.rests.iter().copied().min().unwrap_or(now);
            return;
        };
        let question = self.purse.question(all, self.now_s());
        let manner = self.manner();
        let (sources, news) = (Arc::clone(&self.sources), news.clone());
        tokio::spawn(async move {
            let (sender, mut receiver) = mpsc::channel(NEWS_MAX);
            let passing = async {
                while let Some(item) = receiver.recv().await {
                    if news.send(Told::News(item)).await.is_err() {
                        return;
                    }
                }
            };
            // Its sender goes with it, which ends the passing on. A client that panics is one that does not answer.
            let asking = tokio::spawn(async move {
                match sources.get(source) {
                    Some(source) => source.ask(question, manner, &sender).await,
                    None => Err(ChainFault::Configuration("there is no such chain source".to_owned())),
                }
            });
            let (end, ()) = tokio::join!(asking, passing);
            let end = end.unwrap_or_else(|_| Err(ChainFault::Configuration("its client stopped".to_owned())));
            // Nobody listening means that the program is ending.
            let _ = news.send(Told::End(end)).await;
        });
        self.round = Some(Round { source, all, misfit: None });
    }

    fn manner(&self) -> Manner {
        Manner {
            stop_gap: usize::try_from(self.config.stop_gap).unwrap_or(usize::MAX),
            first_block: self.config.first_block,
            now_s: self.now_s(),
        }
    }

    pub(super) async fn on_told(&mut self, told: Told, news: &mpsc::Sender<Told>) -> Result<(), EngineGone> {
        let learned = match told {
            Told::End(end) => return self.end_round(end, news).await,
            Told::Left(found) => {
                self.note_left(found);
                return Ok(());
            }
            Told::News(News::Progress(done, of)) => {
                self.progress = Some((done, of));
                match done % BLOCKS_PER_COMMIT == 0 {
                    true => return self.keep(false).await,
                    false => Ok(()),
                }
            }
            Told::News(News::Update(update)) => {
                self.miss(update.tx_update.evicted_ats.iter().map(|(txid, _)| *txid));
                let now_s = self.now_s();
                self.purse.learn(*update, now_s)
            }
            Told::News(News::Block { block, height, after }) => self.purse.learn_block(&block, height, after),
            Told::News(News::Waiting { waiting, gone }) => {
                self.miss(gone.iter().map(|(txid, _)| *txid));
                self.purse.learn_waiting(waiting, gone);
                Ok(())
            }
        };
        if let (Err(why), Some(round)) = (learned, &mut self.round) {
            round.misfit = Some(why);
        }
        Ok(())
    }

    async fn end_round(
        &mut self,
        end: Result<Answer, ChainFault>,
        news: &mpsc::Sender<Told>,
    ) -> Result<(), EngineGone> {
        let Some(mut round) = self.round.take() else { return Ok(()) };
        let now = self.clock.elapsed_ms();
        self.progress = None;
        let name = self.sources.get(round.source).map(|source| source.name.clone());
        let misfit = round.misfit.take().map(|why| ChainFault::Misfit { name: name.clone().unwrap_or_default(), why });
        let answer = match (end, misfit) {
            (Ok(answer), None) => answer,
            (Err(fault), _) | (_, Some(fault)) => return self.try_the_next(&round, &fault, news).await,
        };
        self.fault = None;
        self.fees = answer.fees;
        self.source = name;
        let searched_now = round.all && !self.searched;
        let (unsent, is_reorganised) = (self.count_on().await?, self.lost_a_block());
        self.keep(searched_now).await?;
        self.searched |= round.all;
        self.answered = Some((now, answer.tip_s));
        if round.all {
            self.look_for_left(self.manner(), news);
        }
        self.send_again(unsent).await?;
        if is_reorganised {
            // Whether what lost its block waits for another one is seen only by asking again.
            self.begin_round(false, news);
            return Ok(());
        }
        let is_watched = now.saturating_sub(self.looked_at) < WATCHED_MS;
        let waits = self.reported.values().any(|seen| seen.net_sat != 0 && seen.height.is_none());
        let pause = if is_watched || waits { SOON_MS } else { CALM_MS };
        self.next_round_at = now.saturating_add(pause);
        self.tell_who_waits(round.all);
        if self.waiting.iter().any(|(all, _)| *all) {
            self.begin_round(true, news);
        }
        Ok(())
    }

    /// A source that failed rests while others are asked.
    async fn try_the_next(
        &mut self,
        round: &Round,
        fault: &ChainFault,
        news: &mpsc::Sender<Told>,
    ) -> Result<(), EngineGone> {
        let now = self.clock.elapsed_ms();
        tracing::warn!(%fault, "the chain source was of no use");
        self.keep(false).await?;
        self.fault = Some(fault.to_string());
        if let Some(rest) = self.rests.get_mut(round.source) {
            *rest = now.saturating_add(REST_MS);
        }
        match self.rests.iter().any(|rests_until| *rests_until <= now) {
            true => self.begin_round(round.all, news),
            false => {
                // All of them rest; the preferred one is tried first again, soon.
                self.rests.fill(now.saturating_add(ALL_SILENT_MS));
                self.next_round_at = now.saturating_add(ALL_SILENT_MS);
                self.tell_who_waits(true);
            }
        }
        Ok(())
    }

    /// What a source does not know any more is handed out again at once, if it was made here.
    fn miss(&mut self, gone: impl Iterator<Item = Txid>) {
        for txid in gone {
            self.sent_at.remove(&txid);
        }
    }

    /// Whether a transaction that had a block has none any more.
    fn lost_a_block(&self) -> bool {
        let had_one = |txid| self.reported.get(txid).is_some_and(|known: &SeenTx| known.height.is_some());
        self.purse.seen().iter().any(|seen| seen.height.is_none() && had_one(&seen.txid))
    }

    /// Whoever wanted a search of all addresses waits for one.
    fn tell_who_waits(&mut self, all: bool) {
        for (wants_all, answer) in std::mem::take(&mut self.waiting) {
            match wants_all && !all {
                true => self.waiting.push((wants_all, answer)),
                false => {
                    let _ = answer.send(());
                }
            }
        }
    }
}

/// While somebody looks, or something waits for a block, ...
pub(super) const SOON_MS: u64 = 60_000;
/// ... and else: a server that knows addresses is asked about each of them.
const CALM_MS: u64 = 600_000;
const WATCHED_MS: u64 = 120_000;
/// A source that failed is left alone so long while others answer, ...
const REST_MS: u64 = 600_000;
/// ... and so long when none does.
const ALL_SILENT_MS: u64 = 30_000;
const BLOCKS_PER_COMMIT: u32 = 500;
