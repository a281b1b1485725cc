//! Tries a macaroon: what it must be able to do, and what it had better not.

use serde_json::json;

use super::answers::{Refusal, fault};
use super::{Lnd, SEND};
use crate::domain::invoice::PaymentHash;
use crate::http::Request;
use crate::lightning::answers::Finding;
use crate::lightning::trouble::{ServiceFault, Trouble};

impl Lnd {
    pub(super) async fn try_out(&self, spends: bool) -> Vec<Finding> {
        if let Err(fault) = self.balance().await {
            return vec![Finding::error(&fault)];
        }
        let mut findings = vec![Finding::good("LND answers, and the macaroon may read its balance.")];
        findings.push(if spends { self.try_paying().await } else { self.try_receiving().await });
        if !spends && matches!(self.may_send().await, Ok(true)) {
            findings.push(Finding::warning(
                "The macaroon may pay, but here it is only needed for receiving. Make one without \
                 uri:/routerrpc.Router/SendPaymentV2.",
            ));
        }
        if self.may_do_more().await {
            findings.push(Finding::warning(
                "The macaroon may do more than Kilosat needs: whoever steals it may control the node, its channels and its \
                 on-chain money. Make one with only the permissions that the documentation lists.",
            ));
        }
        findings
    }

    async fn try_paying(&self) -> Finding {
        match (self.may_send().await, self.may_track().await) {
            (Ok(true), Ok(true)) => Finding::good("The macaroon may pay and look payments up."),
            (Err(fault), _) | (_, Err(fault)) => Finding::error(&fault),
            _ => Finding::error(&fault(Trouble::Permission, "paying and looking payments up are both needed")),
        }
    }

    async fn try_receiving(&self) -> Finding {
        match self.look_up_incoming(&NOBODYS).await {
            Ok(_) => Finding::good("The macaroon may look invoices up."),
            Err(fault) => Finding::error(&fault),
        }
    }

    /// Asks to pay a text that is no invoice: the macaroon is judged first, and nothing can be paid.
    async fn may_send(&self) -> Result<bool, ServiceFault> {
        let asked = json!({ "payment_request": "no invoice", "fee_limit_msat": "0", "timeout_seconds": 1 });
        self.is_let_in(Request::json(self.remote.at(SEND), &asked)).await
    }

    async fn may_track(&self) -> Result<bool, ServiceFault> {
        let path = format!("/v2/router/track/{}", crate::domain::l402::base64_encode(&NOBODYS.0));
        self.is_let_in(Request::get(self.remote.at(&path))).await
    }

    async fn is_let_in(&self, request: Request<'_>) -> Result<bool, ServiceFault> {
        let Err(refusal) = self.send(request).await? else { return Ok(true) };
        match refusal.trouble() {
            Trouble::Permission => Ok(false),
            _ if !Refusal::is_from_lnd(&refusal) => Err(refusal.fault()),
            Trouble::Credential | Trouble::NotReady | Trouble::Busy | Trouble::TooSlow => Err(refusal.fault()),
            _ => Ok(true),
        }
    }

    /// Reads the on-chain balance and the fees that it takes, which no macaroon of the documentation may: those of LND
    /// itself, and those with `offchain:read`, may.
    async fn may_do_more(&self) -> bool {
        self.get("/v1/balance/blockchain").await.is_ok() || self.get("/v1/fees").await.is_ok()
    }
}

/// A hash that nobody has; its text is the same in both alphabets of base64.
const NOBODYS: PaymentHash = PaymentHash([0x11; 32]);
