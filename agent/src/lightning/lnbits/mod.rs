//! A wallet on an LNbits server, spoken to over its core API (1.6.2).
//!
//! Credential: `X-Api-Key`. To sell, the *invoice key* of the wallet is enough: it reads, lists and makes invoices. To
//! pay, LNbits needs the *admin key* of that wallet; it has no key with a cap. So make a wallet for Kilosat alone (in
//! LNbits: "Add a new wallet"), put in what may be spent, and take the key from its "API docs" panel. A wallet shared
//! by another user is refused: its history may be hidden, and then nobody can tell what was paid.
//!
//! No status and no single word of an answer is a verdict here: 201 comes with failed payments, 520 `failed` with paid
//! ones, and a stranger's row with a valid preimage. A payment counts as made only by a row of this very wallet that is
//! outgoing, successful and proven.
//!
//! Source: `lightning-backends.md`, section 2; `lnbits-local.md`, section 6.

pub(super) mod answers;
mod refusal;

use std::str::FromStr as _;
use std::sync::Arc;

use bitcoin::hashes::Hash as _;
use lightning_invoice::Bolt11Invoice;
use serde_json::json;
use tokio::sync::OnceCell;

use super::answers::{Balance, Capabilities, FeeLimit, Finding, Incoming, Info, InvoiceRequest, Listed, NewInvoice};
use super::hints::{Hints, Source};
use super::remote::Remote;
use super::trouble::{ServiceFault, ServiceKind, Trouble};
use crate::domain::invoice::PaymentHash;
use crate::domain::money::{MSAT_PER_SAT, Msat, UnixMillis};
use crate::engine::{Found, PayOutcome};
use crate::http::{HttpAnswer, Request, StrictClient};
use crate::keys::Secret;
use answers::{Row, State, Wallet};

/// A wallet on an LNbits server. Clones are the same wallet.
#[derive(Clone)]
pub struct Lnbits {
    remote: Remote,
    client: StrictClient,
    /// The wallet's id, once its own history has shown it.
    own_id: Arc<OnceCell<String>>,
    /// The wallet's invoice key; `None` in it where the server does not show one.
    hint_key: Arc<OnceCell<Option<Secret>>>,
    hints: Hints,
}

impl Lnbits {
    /// Prepares the client; it opens no connection.
    ///
    /// # Errors
    /// [`ServiceFault`] when TLS cannot be set up.
    pub fn new(remote: Remote) -> Result<Lnbits, ServiceFault> {
        let client = remote.client(KIND)?;
        Ok(Lnbits { remote, client, own_id: Arc::default(), hint_key: Arc::default(), hints: Hints::default() })
    }

    pub(super) fn kind(&self) -> ServiceKind {
        KIND
    }

    pub(super) fn identity(&self) -> String {
        self.remote.identity(self.kind())
    }

    pub(super) fn capabilities(&self) -> Capabilities {
        Capabilities { fee_limit: FeeLimit::Predicted, refuses_duplicates: true, ..Capabilities::default() }
    }

    pub(super) async fn info(&self) -> Result<Info, ServiceFault> {
        self.wallet().await.map(Wallet::info)
    }

    pub(super) async fn balance(&self) -> Result<Balance, ServiceFault> {
        self.wallet().await.map(Wallet::balance)
    }

    pub(super) async fn check(&self, spends: bool) -> Vec<Finding> {
        let wallet = match self.wallet().await {
            Ok(wallet) => wallet,
            Err(fault) => return vec![Finding::error(&fault)],
        };
        match (wallet.id, spends) {
            (None, true) => vec![Finding::error(&answers::invoice_key())],
            (None, false) => {
                vec![Finding::good("The invoice key works: it can make and see invoices, and pay nothing.")]
            }
            (Some(_), false) => vec![Finding::warning(
                "This is the admin key, which can spend the whole wallet. Selling needs only the invoice key; use that one.",
            )],
            (Some(_), true) => match self.own_id().await {
                Ok(_) => vec![
                    Finding::good("The admin key works: it can pay, and see what was paid."),
                    Finding::warning(
                        "LNbits has no key with a limit: whoever has this one can spend the whole wallet. Keep in it only \
                         what may be spent.",
                    ),
                ],
                Err(fault) => vec![Finding::error(&fault)],
            },
        }
    }

    pub(super) async fn pay(&self, bolt11: &str, fee_max: Msat) -> PayOutcome {
        let (hash, own_id) = match self.before_paying(bolt11, fee_max).await {
            Ok(ready) => ready,
            Err(fault) => return PayOutcome::NotSent(fault.to_string()),
        };
        let request = Request::json(self.remote.at(PAYMENTS), &json!({ "out": true, "bolt11": bolt11 }));
        let answer = match self.client.send(self.signed(request).within(self.remote.waits.pay)).await {
            Ok(answer) => answer,
            Err(fault) => {
                let why = ServiceFault::of_http(KIND, &fault).to_string();
                return if fault.was_not_sent() { PayOutcome::NotSent(why) } else { PayOutcome::Unknown(why) };
            }
        };
        answers::pay_outcome(&answer, &hash, own_id, self.look_up(&hash)).await
    }

    pub(super) async fn look_up(&self, hash: &PaymentHash) -> Found {
        match self.row(hash).await {
            Ok(Some(row)) => answers::found(&row, hash, self.remote.clock.now().wall),
            Ok(None) => Found::NotFound,
            Err(fault) => Found::Unavailable(fault.to_string()),
        }
    }

    /// The label is kept for the owner to see; LNbits makes a second invoice for the same one.
    pub(super) async fn create(&self, request: &InvoiceRequest) -> Result<NewInvoice, ServiceFault> {
        // A fraction would be cut off, and below one satoshi the invoice would be for any amount.
        let body = json!({
            "out": false,
            "unit": "sat",
            "amount": request.amount.0.div_ceil(MSAT_PER_SAT).max(1),
            "memo": request.description.chars().take(MEMO_CHARS_MAX).collect::<String>(),
            "expiry": request.expiry_s,
            "external_id": request.label.replace(char::is_whitespace, "-"),
        });
        let request_body = Request::json(self.remote.at(PAYMENTS), &body);
        let answer = self.ask(request_body).await?;
        if !answers::is_success(&answer) {
            return Err(answers::fault(&answer));
        }
        let bolt11 = answers::bolt11(&answer)?;
        NewInvoice::checked(KIND, &bolt11, request, self.remote.network, self.remote.clock.now().wall)
    }

    /// LNbits marks an invoice as failed when it is looked up after its expiry.
    pub(super) async fn look_up_incoming(&self, hash: &PaymentHash) -> Result<Incoming, ServiceFault> {
        let Some(row) = self.row(hash).await? else {
            return Ok(Incoming::NotFound);
        };
        row.incoming()
    }

    /// Walks back from the newest change; LNbits changes a row when it is settled. Of more than [`PAGES_MAX`] pages the
    /// newest count: a wallet that is this busy is compared by them alone.
    pub(super) async fn list_since(&self, since: UnixMillis) -> Result<Vec<Listed>, ServiceFault> {
        let mut listed = Vec::new();
        for page in 0..PAGES_MAX {
            let rows = self.rows(PAGE_ROWS, page * PAGE_ROWS).await?;
            let is_last = rows.len() < PAGE_ROWS || rows.iter().any(|row| row.changed_at.is_some_and(|at| at < since));
            listed.extend(rows.iter().filter(|row| row.state == State::Success).map(Row::listed));
            if is_last {
                return Ok(listed);
            }
        }
        tracing::warn!("the LNbits wallet lists more payments than Kilosat reads at once; the newest are read");
        Ok(listed)
    }

    /// The wallet's websocket is named by a key of it, which so stands in the logs of every proxy: never the admin key.
    /// Whoever knows the key can say anything there.
    pub(super) async fn next_hint(&self) {
        let Ok(Some(key)) = self.hint_key.get_or_try_init(async || self.invoice_key().await).await else {
            tokio::time::sleep(self.remote.waits.poll).await;
            return;
        };
        let source = Source {
            client: &self.client,
            url: self.remote.at(&format!("/api/v1/ws/{}", key.expose())),
            header: None,
            is_hint: answers::is_hint,
            poll: self.remote.waits.poll,
        };
        self.hints.next(&source).await;
    }

    /// The key that only reads and makes invoices. To the holder of the admin key LNbits shows it in one place: in its
    /// answer to a change of the wallet; the change asked for here is none.
    async fn invoice_key(&self) -> Result<Option<Secret>, ServiceFault> {
        if self.wallet().await?.id.is_none() {
            return Ok(Some(self.remote.secret.clone()));
        }
        let answer = self.ask(Request::patch(self.remote.at(WALLET), &json!({}))).await?;
        answers::invoice_key_shown(&answer, self.remote.secret.expose())
    }

    /// Everything that can be checked while nothing was sent: the hash to pay and the wallet to pay from.
    async fn before_paying(&self, bolt11: &str, fee_max: Msat) -> Result<(PaymentHash, &str), ServiceFault> {
        let refused = || ServiceFault::new(KIND, Trouble::Invoice);
        let invoice = Bolt11Invoice::from_str(bolt11).map_err(|_| refused())?;
        let amount = Msat(invoice.amount_milli_satoshis().ok_or_else(refused)?);
        let own_id = self.own_id().await?;
        // The server sends with this limit and takes no other; its administrator may have raised it.
        let reserve = answers::fee_reserve(amount).max(self.told_fee_reserve(bolt11).await?);
        if reserve > fee_max {
            return Err(ServiceFault::with(KIND, Trouble::FeeTooHigh, &format!("up to {reserve} for routing")));
        }
        Ok((PaymentHash(invoice.payment_hash().to_byte_array()), own_id))
    }

    async fn told_fee_reserve(&self, bolt11: &str) -> Result<Msat, ServiceFault> {
        let path = format!("{PAYMENTS}/fee-reserve?invoice={bolt11}");
        answers::told_fee_reserve(&self.ask(Request::get(self.remote.at(&path))).await?)
    }

    /// The id of the wallet, proven by a row of its own history: a shared wallet shows other ids, or nothing.
    async fn own_id(&self) -> Result<&str, ServiceFault> {
        let proven = async || {
            let wallet = self.wallet().await?;
            let id = wallet.id.ok_or_else(answers::invoice_key)?;
            match self.rows(1, 0).await?.first() {
                Some(row) if row.wallet_id == id => Ok(id),
                None if wallet.balance == Msat(0) => Err(ServiceFault::new(KIND, Trouble::Funds)),
                _ => Err(ServiceFault::with(KIND, Trouble::Permission, "the key is for a shared wallet")),
            }
        };
        self.own_id.get_or_try_init(proven).await.map(String::as_str)
    }

    /// The row of `hash` in this wallet; `None` only if this wallet surely has none.
    async fn row(&self, hash: &PaymentHash) -> Result<Option<Row>, ServiceFault> {
        let answer = self.ask(Request::get(self.remote.at(&format!("{PAYMENTS}/{hash}")))).await?;
        if answers::says_no_such_payment(&answer) {
            // With a wrong key, or that of a shared wallet, LNbits says the same.
            if self.wallet().await?.id.is_none() {
                return Ok(None);
            }
            return match self.own_id().await {
                Ok(_) => Ok(None),
                Err(fault) if fault.trouble == Trouble::Funds => Ok(None),
                Err(fault) => Err(fault),
            };
        }
        let row = answers::row(&answer)?;
        // The invoice key does not show the wallet's id; it sees invoices, and what it says of a payment counts for nothing.
        let own_id = match self.own_id.get() {
            Some(own_id) => Some(own_id.as_str()),
            None if row.is_outgoing => Some(self.own_id().await?),
            None => None,
        };
        row.checked(hash, own_id).map(Some)
    }

    async fn rows(&self, limit: usize, offset: usize) -> Result<Vec<Row>, ServiceFault> {
        let path = format!("{PAYMENTS}?limit={limit}&offset={offset}&sortby=updated_at&direction=desc");
        answers::rows(&self.ask(Request::get(self.remote.at(&path))).await?)
    }

    async fn wallet(&self) -> Result<Wallet, ServiceFault> {
        answers::wallet(&self.ask(Request::get(self.remote.at(WALLET))).await?)
    }

    async fn ask(&self, request: Request<'_>) -> Result<HttpAnswer, ServiceFault> {
        let sent = self.client.send(self.signed(request)).await;
        sent.map_err(|fault| ServiceFault::of_http(KIND, &fault))
    }

    fn signed<'a>(&'a self, request: Request<'a>) -> Request<'a> {
        request.header("x-api-key", self.remote.secret.expose())
    }
}

const KIND: ServiceKind = ServiceKind::Lnbits;
const PAYMENTS: &str = "/api/v1/payments";
const WALLET: &str = "/api/v1/wallet";
const MEMO_CHARS_MAX: usize = 600;
/// Rows hold the invoice twice; this many fit into the largest answer that is read.
const PAGE_ROWS: usize = 40;
/// 20,000 rows.
const PAGES_MAX: usize = 500;

#[cfg(test)]
mod tests;
