//! Any wallet that speaks Nostr Wallet Connect (NIP-47).

use super::answers::{Balance, Capabilities, Finding, Incoming, Info, InvoiceRequest, Listed, NewInvoice};
use super::remote::Remote;
use super::trouble::{ServiceFault, ServiceKind, Trouble};
use crate::domain::invoice::PaymentHash;
use crate::domain::money::{Msat, UnixMillis};
use crate::engine::{Found, PayOutcome};

/// Any wallet that speaks Nostr Wallet Connect (NIP-47). Clones are the same wallet.
#[derive(Clone)]
pub struct Nwc {
    remote: Remote,
}

impl Nwc {
    /// Prepares the client; it opens no connection.
    ///
    /// # Errors
    /// [`ServiceFault`] when TLS cannot be set up or the configuration does not fit.
    pub fn new(remote: Remote) -> Result<Nwc, ServiceFault> {
        Ok(Nwc { remote })
    }

    pub(super) fn kind(&self) -> ServiceKind {
        ServiceKind::Nwc
    }

    pub(super) fn identity(&self) -> String {
        self.remote.identity(self.kind())
    }

    pub(super) fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    pub(super) async fn info(&self) -> Result<Info, ServiceFault> {
        let _ = &self.remote;
        Err(self.unsupported())
    }

    pub(super) async fn balance(&self) -> Result<Balance, ServiceFault> {
        Err(self.unsupported())
    }

    pub(super) async fn check(&self, _spends: bool) -> Vec<Finding> {
        Vec::new()
    }

    pub(super) async fn pay(&self, _bolt11: &str, _fee_max: Msat) -> PayOutcome {
        PayOutcome::NotSent(self.unsupported().to_string())
    }

    pub(super) async fn look_up(&self, _hash: &PaymentHash) -> Found {
        Found::Unavailable(self.unsupported().to_string())
    }

    pub(super) async fn create(&self, _request: &InvoiceRequest) -> Result<NewInvoice, ServiceFault> {
        Err(self.unsupported())
    }

    pub(super) async fn look_up_incoming(&self, _hash: &PaymentHash) -> Result<Incoming, ServiceFault> {
        Err(self.unsupported())
    }

    pub(super) async fn list_since(&self, _since: UnixMillis) -> Result<Vec<Listed>, ServiceFault> {
        Err(self.unsupported())
    }

    pub(super) async fn next_hint(&self) {
        std::future::pending().await
    }

    pub(super) async fn pay_offer(
        &self,
        _offer: &str,
        _amount: Msat,
        _fee_max: Msat,
    ) -> Result<PayOutcome, ServiceFault> {
        Err(self.unsupported())
    }

    pub(super) async fn deposit_address(&self) -> Result<String, ServiceFault> {
        Err(self.unsupported())
    }

    fn unsupported(&self) -> ServiceFault {
        ServiceFault::new(self.kind(), Trouble::Unsupported("this"))
    }
}
