//! What the node's own words mean.

use bitcoin::hex::DisplayHex as _;
use ldk_node::NodeError;
use ldk_node::lightning::events::PaymentFailureReason;
use ldk_node::lightning::ln::channelmanager::PaymentId;
use ldk_node::lightning::ln::types::ChannelId;
use ldk_node::payment::{PaymentDetails, PaymentDirection, PaymentKind, PaymentStatus};

use crate::domain::invoice::{PaymentHash, Preimage};
use crate::domain::money::{Msat, UnixMillis};
use crate::engine::{Event, Found, Opening, PayOutcome};
use crate::lightning::answers::{Direction, Incoming, Listed};
use crate::lightning::trouble::{ServiceFault, ServiceKind, Trouble};

/// The node's record of an outgoing payment. It keeps one record of each hash: where that is an invoice of its own,
/// nothing was ever sent.
pub(super) fn outgoing(record: Option<PaymentDetails>) -> Found {
    let Some(payment) = record.filter(|payment| payment.direction == PaymentDirection::Outbound) else {
        return Found::NotFound;
    };
    Found::Outcome(match (payment.status, &payment.kind) {
        (PaymentStatus::Succeeded, PaymentKind::Bolt11 { preimage: Some(preimage), .. }) => {
            PayOutcome::Paid { preimage: Preimage(preimage.0), fee: payment.fee_paid_msat.map(Msat) }
        }
        (PaymentStatus::Failed, _) => PayOutcome::Failed(said(Trouble::Recipient)),
        _ => PayOutcome::InFlight,
    })
}

/// The node's record of an invoice. It keeps no expiry there, so one that nobody paid stays open.
pub(super) fn incoming(record: Option<PaymentDetails>) -> Incoming {
    match record.filter(|payment| payment.direction == PaymentDirection::Inbound) {
        None => Incoming::NotFound,
        Some(payment) => match payment.status {
            PaymentStatus::Succeeded => Incoming::Paid(Msat(payment.amount_msat.unwrap_or(0))),
            PaymentStatus::Failed => Incoming::Expired,
            PaymentStatus::Pending => Incoming::Open,
        },
    }
}

/// What an invoice that could not be handed to the network means.
pub(super) fn not_handed_over(error: NodeError) -> PayOutcome {
    match error {
        NodeError::DuplicatePayment => PayOutcome::AlreadyKnown,
        NodeError::NotRunning => PayOutcome::NotSent(said(Trouble::NotReady)),
        NodeError::InvalidInvoice => PayOutcome::Failed(said(Trouble::Invoice)),
        NodeError::PaymentSendingFailed => PayOutcome::Failed(said(Trouble::NoRoute)),
        error => PayOutcome::Unknown(fault(&error).to_string()),
    }
}

/// What an offer that could not be answered to means; the recipient was not even asked for an invoice.
pub(super) fn offer_not_taken(error: NodeError) -> PayOutcome {
    match error {
        NodeError::NotRunning => PayOutcome::NotSent(said(Trouble::NotReady)),
        NodeError::InvalidOffer | NodeError::UnsupportedCurrency | NodeError::InvalidAmount => {
            PayOutcome::NotSent(said(Trouble::Invoice))
        }
        NodeError::PaymentSendingFailed => PayOutcome::NotSent(said(Trouble::NoRoute)),
        error => PayOutcome::Unknown(fault(&error).to_string()),
    }
}

/// A settled payment over Lightning, however it came about; `None` for everything on the chain.
pub(super) fn listed(payment: &PaymentDetails) -> Option<Listed> {
    let (hash, preimage) = match &payment.kind {
        PaymentKind::Bolt11 { hash, preimage, .. }
        | PaymentKind::Bolt11Jit { hash, preimage, .. }
        | PaymentKind::Spontaneous { hash, preimage } => (*hash, *preimage),
        PaymentKind::Bolt12Offer { hash, preimage, .. } | PaymentKind::Bolt12Refund { hash, preimage, .. } => {
            ((*hash)?, *preimage)
        }
        PaymentKind::Onchain { .. } => return None,
    };
    Some(Listed {
        direction: match payment.direction {
            PaymentDirection::Inbound => Direction::In,
            PaymentDirection::Outbound => Direction::Out,
        },
        hash: PaymentHash(hash.0),
        amount: Msat(payment.amount_msat?),
        fee: payment.fee_paid_msat.map(Msat),
        settled_at: Some(UnixMillis(payment.latest_update_timestamp.saturating_mul(1_000))),
        preimage: preimage.map(|preimage| Preimage(preimage.0)),
    })
}

/// What the engine is told of a report; the error is a note for the log.
pub(super) fn report(
    event: ldk_node::Event,
    had_money: impl Fn(&ChannelId) -> bool,
    opening: impl Fn(PaymentId) -> Option<Opening>,
) -> Result<Event, String> {
    use ldk_node::Event as Ldk;
    match event {
        Ldk::PaymentSuccessful { payment_hash, payment_preimage: Some(preimage), fee_paid_msat, .. } => {
            let outcome = PayOutcome::Paid { preimage: Preimage(preimage.0), fee: fee_paid_msat.map(Msat) };
            Ok(Event::Outcome { hash: PaymentHash(payment_hash.0), outcome })
        }
        Ldk::PaymentFailed { payment_hash: Some(hash), reason, .. } => {
            let outcome = PayOutcome::Failed(said(reason.map_or(Trouble::Recipient, trouble)));
            Ok(Event::Outcome { hash: PaymentHash(hash.0), outcome })
        }
        Ldk::PaymentReceived { payment_id, payment_hash, amount_msat, .. } => Ok(Event::Received {
            hash: PaymentHash(payment_hash.0),
            amount: Msat(amount_msat),
            opening: payment_id.and_then(opening),
        }),
        Ldk::SplicePending { user_channel_id, new_funding_txo, .. } => {
            Ok(Event::Spliced { channel: user_channel_id.0.to_string(), txid: new_funding_txo.txid })
        }
        Ldk::SpliceFailed { user_channel_id, .. } => Ok(Event::SpliceFailed { channel: user_channel_id.0.to_string() }),
        Ldk::ChannelPending { channel_id, .. } => Err(format!("channel {} is being opened", channel_id.0.as_hex())),
        Ldk::ChannelReady { channel_id, .. } => Err(format!("channel {} is ready", channel_id.0.as_hex())),
        Ldk::ChannelClosed { channel_id, user_channel_id, reason, .. } => Ok(Event::ChannelClosed {
            had_money: had_money(&channel_id),
            channel: user_channel_id.0.to_string(),
            why: reason.map_or_else(|| "no reason was given".to_owned(), |reason| reason.to_string()),
        }),
        other => Err(format!("the node reports {other:?}")),
    }
}

/// A trouble as the owner reads it.
pub(super) fn said(trouble: Trouble) -> String {
    ServiceFault::new(ServiceKind::Node, trouble).to_string()
}

/// An error of the node about which nothing more is known.
pub(super) fn fault(error: &dyn std::fmt::Display) -> ServiceFault {
    ServiceFault::with(ServiceKind::Node, Trouble::Unclear, &error.to_string())
}

fn trouble(reason: PaymentFailureReason) -> Trouble {
    match reason {
        PaymentFailureReason::RouteNotFound
        | PaymentFailureReason::RetriesExhausted
        | PaymentFailureReason::PaymentExpired => Trouble::NoRoute,
        PaymentFailureReason::UnknownRequiredFeatures => Trouble::Invoice,
        _ => Trouble::Recipient,
    }
}
