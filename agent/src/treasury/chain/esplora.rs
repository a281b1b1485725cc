//! An Esplora server: it knows addresses, and learns which are ours.

use bdk_esplora::EsploraAsyncExt as _;
use bdk_esplora::esplora_client::{AsyncClient, Builder, Error};
use bdk_wallet::Update;
use bdk_wallet::chain::spk_client::SyncRequest;
use bitcoin::{ScriptBuf, Transaction};
use tokio::sync::mpsc;

use super::unspent::{LeftCoin, Unspent};
use super::{Answer, ChainFault, FeeRates, Manner, News, No};
use crate::treasury::purse::{Question, Scripts};

pub(super) struct EsploraClient {
    client: AsyncClient,
}

impl EsploraClient {
    pub(super) fn of(url: &str) -> Result<EsploraClient, ChainFault> {
        let client = Builder::new(url).timeout(WAIT_S).max_retries(RETRIES).build_async();
        let client = client.map_err(|error| ChainFault::Configuration(format!("{url} cannot be asked ({error})")))?;
        Ok(EsploraClient { client })
    }

    pub(super) async fn ask(
        &self,
        question: Question,
        manner: Manner,
        news: &mpsc::Sender<News>,
    ) -> Result<Answer, String> {
        let fault = |error: Error| in_words(&error);
        let tip = self.client.get_tip_hash().await.map_err(fault)?;
        let header = self.client.get_header_by_hash(&tip).await.map_err(fault)?;
        let update = match question.scripts {
            Scripts::Known(request) => {
                self.client.sync(request, AT_ONCE).await.map(Update::from).map_err(|error| fault(*error))?
            }
            Scripts::All(request) => {
                let scan = self.client.full_scan(request, manner.stop_gap, AT_ONCE).await;
                scan.map(Update::from).map_err(|error| fault(*error))?
            }
        };
        // Nobody listening means that this is not wanted any more.
        let _ = news.send(News::Update(Box::new(update))).await;
        // A server without estimates is one all the same.
        let estimates = self.client.get_fee_estimates().await.unwrap_or_default();
        Ok(Answer { tip_s: u64::from(header.time), fees: FeeRates::of(|target| estimates.get(&target).copied()) })
    }

    pub(super) async fn unspent(&self, scripts: &[ScriptBuf]) -> Result<Vec<LeftCoin>, String> {
        let request = SyncRequest::builder().spks(scripts.iter().cloned()).build();
        let answer = self.client.sync(request, AT_ONCE).await.map_err(|error| in_words(&error))?;
        Ok(Unspent::of(scripts).see_all(&answer.tx_update))
    }

    pub(super) async fn broadcast(&self, tx: &Transaction) -> Result<(), No> {
        self.client.broadcast(tx).await.map_err(|error| match error {
            Error::HttpResponse { status: 400..=499, message } => No::Refused(message),
            other => No::Silent(in_words(&other)),
        })
    }
}

/// Its client shows its errors as a programmer would want them.
fn in_words(error: &Error) -> String {
    match error {
        Error::Reqwest(error) => match std::error::Error::source(error) {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        },
        Error::HttpResponse { status, message } => format!("status {status}: {message}"),
        Error::InvalidResponse => "its answer makes no sense".to_owned(),
        other => other.to_string(),
    }
}

const WAIT_S: u64 = 20;
const RETRIES: usize = 2;
/// Requests at once; public servers do not like many.
const AT_ONCE: usize = 4;
