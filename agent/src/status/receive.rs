//! Money that is to be put into the wallet.

use super::StatusSource;
use crate::domain::invoice::PaymentHash;
use crate::domain::money::Msat;
use crate::lightning::{Incoming, InvoiceRequest, NewInvoice, ServiceFault};
use crate::tasks::Unanswered;
use crate::text::cleaned;

/// How long an invoice of ours can be paid, in seconds.
pub const INVOICE_EXPIRY_S: u32 = 3_600;

impl StatusSource {
    /// An invoice over `amount`; `text` is shown to whoever pays it.
    ///
    /// # Errors
    /// [`ServiceFault`].
    pub async fn invoice(&self, amount: Msat, text: &str) -> Result<NewInvoice, ServiceFault> {
        let request = InvoiceRequest {
            amount,
            description: cleaned(text, DESCRIPTION_CHARS_MAX),
            expiry_s: INVOICE_EXPIRY_S,
            label: format!("kilosat-{}", self.clock.now().wall.0),
        };
        self.lightning.create(&request).await
    }

    /// Whether an invoice of ours was paid, by the ledger or else by the wallet.
    ///
    /// # Errors
    /// [`Unanswered`].
    pub async fn was_received(&self, hash: PaymentHash) -> Result<bool, Unanswered> {
        if self.engine.look(move |engine| engine.was_received(&hash)).await? {
            return Ok(true);
        }
        Ok(matches!(self.lightning.look_up_incoming(&hash).await, Ok(Incoming::Paid(_))))
    }
}

/// Of what an invoice is for, in characters.
pub const DESCRIPTION_CHARS_MAX: usize = 100;
