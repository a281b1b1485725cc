//! An Electrum server: it knows addresses, and learns which are ours.

use std::sync::{Arc, Mutex, PoisonError};

use bdk_electrum::BdkElectrumClient;
use bdk_electrum::electrum_client::{Client, ConfigBuilder, ElectrumApi as _, Error, Param};
use bdk_wallet::Update;
use bdk_wallet::chain::spk_client::SyncRequest;
use bitcoin::{ScriptBuf, Transaction};
use tokio::sync::mpsc;

use super::unspent::{LeftCoin, Unspent};
use super::{Answer, FeeRates, Manner, News, No, blocking};
use crate::treasury::purse::{Question, Scripts};

pub(super) struct ElectrumClient {
    url: String,
    wait_s: u8,
    /// The connection while nobody uses it, which remembers what it fetched; `None` before the first question and after a
    /// fault. Two that called at once over the same one could wait for each other's answers forever.
    open: Arc<Mutex<Option<BdkElectrumClient<Client>>>>,
}

impl ElectrumClient {
    pub(super) fn of(url: String, wait_s: u8) -> ElectrumClient {
        ElectrumClient { url, wait_s, open: Arc::default() }
    }

    pub(super) async fn ask(
        &self,
        question: Question,
        manner: Manner,
        news: &mpsc::Sender<News>,
    ) -> Result<Answer, String> {
        let (answer, update) = self.with_client(move |client| look(client, question.scripts, manner)).await?;
        // Nobody listening means that this is not wanted any more.
        let _ = news.send(News::Update(Box::new(update))).await;
        Ok(answer)
    }

    pub(super) async fn unspent(&self, scripts: &[ScriptBuf]) -> Result<Vec<LeftCoin>, String> {
        let wanted = scripts.to_vec();
        let answer =
            self.with_client(move |client| client.sync(SyncRequest::builder().spks(wanted).build(), BATCH, false));
        Ok(Unspent::of(scripts).see_all(&answer.await?.tx_update))
    }

    pub(super) async fn broadcast(&self, tx: &Transaction) -> Result<(), No> {
        let tx = tx.clone();
        let sent = self.with_client(move |client| match client.transaction_broadcast(&tx) {
            Ok(_) => Ok(Ok(())),
            Err(Error::Protocol(why)) => Ok(Err(why.to_string())),
            Err(other) => Err(other),
        });
        sent.await.map_err(No::Silent)?.map_err(No::Refused)
    }

    /// Calls with the open connection that nobody uses, or a new one. After a fault it is closed.
    async fn with_client<T: Send + 'static>(
        &self,
        call: impl FnOnce(&BdkElectrumClient<Client>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, String> {
        let (open, url, wait_s) = (Arc::clone(&self.open), self.url.clone(), self.wait_s);
        blocking(move || {
            let unused = open.lock().unwrap_or_else(PoisonError::into_inner).take();
            let client = match unused {
                Some(client) => client,
                None => {
                    let config = ConfigBuilder::new().timeout(Some(wait_s)).retry(1).build();
                    let client = Client::from_config(&url, config).map_err(|error| error.to_string())?;
                    // Newer servers answer nothing before they were told who asks and in which version of the protocol.
                    let hello = [NAME, PROTOCOL].map(|text| Param::String(text.to_owned()));
                    client.raw_call("server.version", hello).map_err(|error| error.to_string())?;
                    BdkElectrumClient::new(client)
                }
            };
            let called = call(&client);
            if called.is_ok() {
                *open.lock().unwrap_or_else(PoisonError::into_inner) = Some(client);
            }
            called.map_err(|error| error.to_string())
        })
        .await
    }
}

fn look(client: &BdkElectrumClient<Client>, scripts: Scripts, manner: Manner) -> Result<(Answer, Update), Error> {
    let tip = client.inner.block_headers_subscribe()?;
    let update = match scripts {
        Scripts::Known(request) => Update::from(client.sync(request, BATCH, true)?),
        Scripts::All(request) => Update::from(client.full_scan(request, manner.stop_gap, BATCH, true)?),
    };
    // In bitcoin for a thousand virtual bytes; -1 where the server has none.
    let estimate = |target: u16| client.inner.estimate_fee(usize::from(target)).ok().map(|rate| rate * SAT_PER_VB);
    Ok((Answer { tip_s: u64::from(tip.header.time), fees: FeeRates::of(estimate) }, update))
}

const NAME: &str = "kilosat";
/// The one that all servers in use speak (Electrum protocol, `server.version`).
const PROTOCOL: &str = "1.4";
/// Of one bitcoin for a thousand virtual bytes.
const SAT_PER_VB: f64 = 100_000.0;
/// Requests in one message.
const BATCH: usize = 10;
