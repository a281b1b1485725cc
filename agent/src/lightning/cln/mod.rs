//! Core Lightning over its own REST plugin, clnrest (`lightning-backends.md`, section 4); not the older c-lightning-REST.
//!
//! Every call is `POST /v1/<method>` with the header `Rune`; success is status 201. A payment goes out with `xpay`, whose
//! error says little while parts are in flight, so `listpays` decides. Between two attempts of one `xpay` call `listpays`
//! says `failed` too; that counts only once our call is over and two reads agree. Owners do well to set
//! `xpay-slow-mode=true`, which makes `xpay` answer only when nothing is in flight any more.
//!
//! The least rune for paying and selling, here at most 100 sat per payment and 5 sat for routing:
//!
//! ```text
//! lightning-cli createrune restrictions='[["method=getinfo","method=listpeerchannels","method=listpays",
//!   "method=listinvoices","method=invoice","method=waitanyinvoice","method=xpay"],
//!   ["method/xpay","pinvinvstring_amount<100001"],["method/xpay","pnamemaxfee<5001"],
//!   ["method/xpay","pnameamount_msat!"],["method/xpay","pnamepartial_msat!"]]'
//! ```
//!
//! A house that only sells leaves out `xpay`, `listpays` and the four lines of `xpay`; one that only looks on leaves out
//! `invoice` and `waitanyinvoice` as well:
//!
//! ```text
//! sell: [["method=getinfo","method=listpeerchannels","method=invoice","method=listinvoices","method=waitanyinvoice"]]
//! read: [["method=getinfo","method=listpeerchannels","method=listpays","method=listinvoices"]]
//! ```
//!
//! To be filled up from the savings it needs what [`chain`] calls as well; see `CREDENTIALS.md`.
//!
//! A `rate` would count the look-ups too, because it counts every use of the rune.

pub(super) mod answers;
pub(super) mod attempts;
pub(super) mod calls;
mod chain;
mod history;
mod paying;
pub(super) mod verdict;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::json;

use super::answers::{Balance, Capabilities, FeeLimit, Finding, Incoming, Info, InvoiceRequest, Listed, NewInvoice};
use super::remote::Remote;
use super::trouble::{ServiceFault, ServiceKind};
use crate::domain::invoice::PaymentHash;
use crate::domain::money::{Msat, UnixMillis};
use crate::engine::{Found, PayOutcome};
use crate::http::HttpFault;
use answers::Row;
use attempts::Attempts;
use calls::{CallFault, Calls, RUNE_NOT_PERMITTED, unclear};
use history::History;

/// Core Lightning over clnrest. Clones are the same wallet.
#[derive(Clone)]
pub struct Cln {
    calls: Arc<Calls>,
    attempts: Attempts,
    history: Arc<History>,
    pay_index: Arc<AtomicU64>,
}

impl Cln {
    /// Prepares the client; it opens no connection.
    ///
    /// # Errors
    /// [`ServiceFault`] when TLS cannot be set up or the configuration does not fit.
    pub fn new(remote: Remote) -> Result<Cln, ServiceFault> {
        Ok(Cln {
            calls: Arc::new(Calls::new(remote)?),
            attempts: Attempts::default(),
            history: Arc::default(),
            pay_index: Arc::default(),
        })
    }

    pub(super) fn kind(&self) -> ServiceKind {
        ServiceKind::Cln
    }

    pub(super) fn identity(&self) -> String {
        self.calls.remote.identity(self.kind())
    }

    pub(super) fn capabilities(&self) -> Capabilities {
        Capabilities {
            fee_limit: FeeLimit::InCall,
            refuses_duplicates: true,
            sub_sat_invoices: true,
            offers: false,
            deposit_address: false,
        }
    }

    pub(super) async fn info(&self) -> Result<Info, ServiceFault> {
        let body = self.calls.call("getinfo", &json!({})).await.map_err(|fault| fault.fault())?;
        answers::info(&body, self.calls.remote.network)
    }

    pub(super) async fn balance(&self) -> Result<Balance, ServiceFault> {
        let info = self.info().await?;
        let empty = || Balance {
            node_id: info.node_id.clone(),
            block_height: info.block_height.unwrap_or(0),
            ..Balance::default()
        };
        let mut balance = empty();
        match self.calls.call("listpeerchannels", &json!({})).await {
            Ok(body) => {
                answers::peer_channels(&body, &mut balance).ok_or_else(|| unclear("listpeerchannels"))?;
                return Ok(balance);
            }
            Err(CallFault::Rpc(error)) if error.never_began() => {}
            Err(CallFault::Http(HttpFault::TooLarge { .. })) => {} // A node with very many channels.
            Err(fault) => return Err(fault.fault()),
        }
        balance = empty();
        let body = self.calls.call("listfunds", &json!({})).await.map_err(|fault| fault.fault())?;
        answers::funds(&body, &mut balance).ok_or_else(|| unclear("listfunds"))?;
        Ok(balance)
    }

    pub(super) async fn check(&self, spends: bool) -> Vec<Finding> {
        let mut findings = match self.info().await {
            Ok(info) => vec![Finding::good(format!("Core Lightning {} answers as {}.", info.version, info.alias))],
            Err(fault) => return vec![Finding::error(&fault)],
        };
        let nothing = "0".repeat(HASH_HEX_CHARS);
        let needed = if spends { ["listpays", "listinvoices"].as_slice() } else { ["listinvoices"].as_slice() };
        for method in needed {
            if let Err(fault) = self.calls.call(method, &json!({ "payment_hash": nothing })).await {
                findings.push(Finding::error(&fault.fault()));
            }
        }
        findings.extend(self.check_paying(spends).await);
        match self.calls.call("listconfigs", &json!({ "config": "network" })).await {
            Ok(_) => findings.push(Finding::warning(
                "The rune may call methods that Kilosat does not need. Make one with the restrictions that the \
                 documentation lists, and revoke this one with lightning-cli blacklistrune.",
            )),
            Err(CallFault::Rpc(error)) if error.status == 401 && error.code == RUNE_NOT_PERMITTED => {
                findings.push(Finding::good("The rune is restricted to certain methods."));
            }
            Err(fault) => findings.push(Finding::error(&fault.fault())),
        }
        findings
    }

    /// Asks to pay what is no invoice: the rune's answer comes before the text is read, and nothing can be paid.
    async fn check_paying(&self, spends: bool) -> Option<Finding> {
        let asked = self.calls.call("xpay", &json!({ "invstring": NO_INVOICE, "maxfee": 0, "retry_for": 1 })).await;
        let fault = match asked {
            Err(fault) => fault,
            Ok(_) => return Some(Finding::error(&unclear("xpay took a text that is no invoice"))),
        };
        let CallFault::Rpc(error) = &fault else { return Some(Finding::error(&fault.fault())) };
        let refused = error.never_began();
        let per_payment = refused && error.message.contains("pinv");
        Some(match (spends, refused, per_payment) {
            (true, true, true) => Finding::good("The rune limits each payment."),
            (true, true, false) => Finding::error(&fault.fault()),
            (true, false, _) => Finding::warning(
                "The rune may pay any amount. Make one with a limit for each payment, as the documentation lists.",
            ),
            (false, true, false) => return None,
            (false, _, _) => Finding::warning("The rune may pay, which this house does not need."),
        })
    }

    pub(super) async fn pay(&self, bolt11: &str, fee_max: Msat) -> PayOutcome {
        self.pay_invoice(bolt11, fee_max).await
    }

    pub(super) async fn look_up(&self, hash: &PaymentHash) -> Found {
        self.look_up_outgoing(hash).await
    }

    pub(super) async fn create(&self, request: &InvoiceRequest) -> Result<NewInvoice, ServiceFault> {
        let params = json!({
            "amount_msat": request.amount.0,
            "label": request.label,
            "description": request.description,
            "expiry": request.expiry_s,
        });
        let bolt11 = match self.calls.call("invoice", &params).await {
            Ok(body) => Row::whole(&body).and_then(|row| row.text("bolt11").map(str::to_owned)),
            Err(CallFault::Rpc(error)) if error.code == LABEL_TAKEN => {
                let known = self.calls.call("listinvoices", &json!({ "label": request.label })).await;
                let body = known.map_err(|fault| fault.fault())?;
                let rows = Row::whole(&body).and_then(|row| row.list("invoices")).unwrap_or_default();
                let same = rows.iter().find(|row| row.text("label") == Some(&request.label));
                same.and_then(|row| row.text("bolt11").map(str::to_owned))
            }
            Err(fault) => return Err(fault.fault()),
        };
        let bolt11 = bolt11.ok_or_else(|| unclear("an invoice without bolt11"))?;
        let now = self.calls.remote.clock.now().wall;
        NewInvoice::checked(self.kind(), &bolt11, request, self.calls.remote.network, now)
    }

    pub(super) async fn look_up_incoming(&self, hash: &PaymentHash) -> Result<Incoming, ServiceFault> {
        let params = json!({ "payment_hash": hash.to_string() });
        let body = self.calls.call("listinvoices", &params).await.map_err(|fault| fault.fault())?;
        answers::incoming(&body, hash).ok_or_else(|| unclear("listinvoices"))
    }

    pub(super) async fn list_since(&self, since: UnixMillis) -> Result<Vec<Listed>, ServiceFault> {
        let (listed, pay_index) = self.history.since(&self.calls, since).await?;
        self.pay_index.fetch_max(pay_index, Ordering::Relaxed);
        Ok(listed)
    }

    /// Waits for an invoice paid after the last one known; without one, returns after a minute all the same.
    pub(super) async fn next_hint(&self) {
        let known = self.pay_index.load(Ordering::Relaxed);
        let params = json!({ "lastpay_index": known, "timeout": HINT_WAIT.as_secs() });
        let index = match self.calls.call_within("waitanyinvoice", &params, HINT_WAIT + HINT_MARGIN).await {
            Ok(body) => Row::whole(&body).and_then(|row| row.number("pay_index")).filter(|index| *index > known),
            Err(CallFault::Rpc(error)) if error.code == NOTHING_CAME => return,
            Err(_) => None,
        };
        match index {
            Some(index) => {
                self.pay_index.fetch_max(index, Ordering::Relaxed);
            }
            None => tokio::time::sleep(self.calls.remote.waits.poll).await,
        }
    }
}

const HASH_HEX_CHARS: usize = 64;
/// Begins like an invoice and is none.
const NO_INVOICE: &str = "lnbc1kilosat";
const LABEL_TAKEN: i64 = 900;
const NOTHING_CAME: i64 = 904;
const HINT_WAIT: Duration = Duration::from_secs(60);
const HINT_MARGIN: Duration = Duration::from_secs(10);
