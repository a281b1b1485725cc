//! Reads what the node answers; amounts are msat, from old versions as texts such as `"1000msat"`.

use bitcoin::Network;

use super::calls::unclear;
use crate::domain::invoice::{PaymentHash, Preimage, hex32};
use crate::domain::money::{Msat, UnixMillis};
use crate::json::{Document, whole_number};
use crate::lightning::{Balance, Direction, Incoming, Info, Listed, ServiceFault, ServiceKind, Trouble};

/// What `listpays` says of one hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::lightning) enum Outgoing {
    /// Nothing was ever tried.
    Nothing,
    /// At least one attempt is on its way.
    Pending,
    /// Every attempt failed so far; the newest began then, in seconds since 1970.
    Failed(Option<u64>),
    /// Done, with its proof.
    Paid(Preimage, Option<Msat>),
}

/// One object of an answer.
pub(in crate::lightning) struct Row<'a>(Document<'a>);

impl<'a> Row<'a> {
    /// The whole answer.
    pub fn whole(body: &'a [u8]) -> Option<Row<'a>> {
        Document::unambiguous(body).ok().filter(|document| document.value.is_object()).map(Row)
    }

    /// Each object of the list under `key`; `None` if that is no list of objects.
    pub fn list(&self, key: &str) -> Option<Vec<Row<'a>>> {
        self.0.items_at(&format!("/{key}"))?.into_iter().map(|row| Row::whole(row.as_bytes())).collect()
    }

    pub fn text(&self, key: &str) -> Option<&str> {
        self.0.value.get(key)?.as_str()
    }

    pub fn number(&self, key: &str) -> Option<u64> {
        whole_number(self.0.text_at(&format!("/{key}"))?)
    }

    pub fn msat(&self, key: &str) -> Option<u64> {
        let text = self.0.text_at(&format!("/{key}"))?;
        let old = text.strip_prefix('"').and_then(|text| text.strip_suffix("msat\""));
        whole_number(old.unwrap_or(text))
    }

    pub fn flag(&self, key: &str) -> bool {
        self.0.value.get(key).and_then(serde_json::Value::as_bool) == Some(true)
    }

    fn has(&self, key: &str) -> bool {
        self.0.value.get(key).is_some_and(|value| !value.is_null())
    }

    fn hash(&self) -> Option<PaymentHash> {
        self.text("payment_hash").and_then(hex32).map(PaymentHash)
    }

    fn preimage(&self, key: &str, hash: &PaymentHash) -> Option<Preimage> {
        self.text(key).and_then(hex32).map(Preimage).filter(|preimage| preimage.proves(hash))
    }

    /// What was sent beyond what arrived.
    fn fee(&self) -> Option<Msat> {
        self.msat("amount_sent_msat")?.checked_sub(self.msat("amount_msat")?).map(Msat)
    }

    fn seconds(&self, key: &str) -> Option<UnixMillis> {
        self.number(key)?.checked_mul(1_000).map(UnixMillis)
    }
}

/// `getinfo`; a node on another network, or behind the chain, is a fault.
pub(in crate::lightning) fn info(body: &[u8], expected: Network) -> Result<Info, ServiceFault> {
    let row = Row::whole(body).ok_or_else(|| unclear("getinfo"))?;
    let node_id = row.text("id").ok_or_else(|| unclear("getinfo without id"))?;
    let name = row.text("network").ok_or_else(|| unclear("getinfo without network"))?;
    let network = network(name);
    if network != Some(expected) {
        let found = crate::text::cleaned(name, SHOWN_CHARS_MAX);
        return Err(ServiceFault::new(ServiceKind::Cln, Trouble::Network { found, expected }));
    }
    for warning in ["warning_bitcoind_sync", "warning_lightningd_sync"] {
        if row.has(warning) {
            let said = row.text(warning).unwrap_or_default();
            return Err(ServiceFault::with(ServiceKind::Cln, Trouble::NotReady, said));
        }
    }
    let shown = |key| crate::text::cleaned(row.text(key).unwrap_or_default(), SHOWN_CHARS_MAX);
    Ok(Info {
        node_id: crate::text::cleaned(node_id, SHOWN_CHARS_MAX),
        alias: shown("alias"),
        network,
        block_height: row.number("blockheight").and_then(|height| u32::try_from(height).ok()),
        version: shown("version"),
    })
}

fn network(name: &str) -> Option<Network> {
    Some(match name {
        "bitcoin" => Network::Bitcoin,
        "testnet" => Network::Testnet,
        "testnet4" => Network::Testnet4,
        "signet" => Network::Signet,
        "regtest" => Network::Regtest,
        _ => return None,
    })
}

/// Adds what `listpeerchannels` says to `balance`.
pub(in crate::lightning) fn peer_channels(body: &[u8], balance: &mut Balance) -> Option<()> {
    let (mut open, mut usable) = (0_usize, 0_usize);
    for channel in Row::whole(body)?.list("channels")? {
        if channel.text("state") != Some(NORMAL) {
            continue;
        }
        let spendable = channel.msat("spendable_msat")?;
        add(&mut balance.balance_msat, channel.msat("to_us_msat").unwrap_or(spendable))?;
        open = open.saturating_add(1);
        if channel.0.value.get("peer_connected").and_then(serde_json::Value::as_bool) == Some(false) {
            continue;
        }
        add(&mut balance.spendable_msat, spendable)?;
        add(&mut balance.receivable_msat, channel.msat("receivable_msat").unwrap_or(0))?;
        usable = usable.saturating_add(1);
    }
    (balance.channels, balance.channels_usable) = (Some(open), Some(usable));
    Some(())
}

/// Adds what `listfunds` says to `balance`; the channel reserve is not known here.
pub(in crate::lightning) fn funds(body: &[u8], balance: &mut Balance) -> Option<()> {
    let (mut open, mut usable) = (0_usize, 0_usize);
    for channel in Row::whole(body)?.list("channels")? {
        if channel.text("state") != Some(NORMAL) {
            continue;
        }
        let ours = channel.msat("our_amount_msat")?;
        add(&mut balance.balance_msat, ours)?;
        open = open.saturating_add(1);
        if channel.0.value.get("connected").and_then(serde_json::Value::as_bool) == Some(false) {
            continue;
        }
        add(&mut balance.spendable_msat, ours)?;
        let whole = channel.msat("amount_msat").unwrap_or(ours);
        add(&mut balance.receivable_msat, whole.saturating_sub(ours))?;
        usable = usable.saturating_add(1);
    }
    (balance.channels, balance.channels_usable) = (Some(open), Some(usable));
    Some(())
}

fn add(sum: &mut u64, more: u64) -> Option<()> {
    *sum = sum.checked_add(more)?;
    Some(())
}

/// A success of `xpay`, if it proves itself.
pub(super) fn paid(body: &[u8], hash: &PaymentHash) -> Option<(Preimage, Option<Msat>)> {
    let row = Row::whole(body)?;
    Some((row.preimage("payment_preimage", hash)?, row.fee()))
}

/// `listpays` of one hash; the error names what is odd.
pub(super) fn outgoing(body: &[u8], hash: &PaymentHash) -> Result<Outgoing, &'static str> {
    let whole = Row::whole(body).ok_or("listpays without an object")?;
    let rows = whole.list("pays").ok_or("listpays without pays")?;
    if rows.iter().any(|row| row.hash() != Some(*hash)) {
        return Err("listpays answered for another payment");
    }
    if let Some(row) = rows.iter().find(|row| row.text("status") == Some("complete")) {
        let preimage = row.preimage("preimage", hash).ok_or("complete without its proof")?;
        return Ok(Outgoing::Paid(preimage, row.fee()));
    }
    let mut newest = None;
    for row in &rows {
        match row.text("status") {
            Some("pending") => return Ok(Outgoing::Pending),
            Some("failed") => newest = newest.max(row.number("created_at")),
            _ => return Err("listpays with an unknown status"),
        }
    }
    Ok(if rows.is_empty() { Outgoing::Nothing } else { Outgoing::Failed(newest) })
}

/// `listinvoices` of one hash.
pub(in crate::lightning) fn incoming(body: &[u8], hash: &PaymentHash) -> Option<Incoming> {
    let rows = Row::whole(body)?.list("invoices")?;
    let Some(row) = rows.first() else { return Some(Incoming::NotFound) };
    if row.hash() != Some(*hash) {
        return None;
    }
    Some(match row.text("status")? {
        "unpaid" => Incoming::Open,
        "expired" => Incoming::Expired,
        "paid" => Incoming::Paid(Msat(row.msat("amount_received_msat")?)),
        _ => return None,
    })
}

/// A settled row of `listpays` or `listinvoices`; `None` for every other row.
pub(in crate::lightning) fn listed(row: &Row<'_>, direction: Direction) -> Result<Option<Listed>, ServiceFault> {
    let status = if direction == Direction::Out { "complete" } else { "paid" };
    match row.text("status") {
        Some(found) if found != status => Ok(None),
        Some(_) => settled(row, direction).map(Some).ok_or_else(|| unclear("a settled payment that cannot be read")),
        None => Err(unclear("a payment without its state")),
    }
}

fn settled(row: &Row<'_>, direction: Direction) -> Option<Listed> {
    let hash = row.hash()?;
    let (amount, settled_at, preimage) = match direction {
        Direction::Out => ("amount_msat", "completed_at", "preimage"),
        Direction::In => ("amount_received_msat", "paid_at", "payment_preimage"),
    };
    let fee = if direction == Direction::Out { row.fee() } else { None };
    // Of a payment without an invoice the node may know only what it sent, the fee included.
    let sent = || row.msat("amount_sent_msat").filter(|_| direction == Direction::Out);
    let amount = row.msat(amount).or_else(|| bolt11_amount(row)).or_else(sent)?;
    Some(Listed {
        direction,
        hash,
        amount: Msat(amount),
        fee,
        settled_at: row.seconds(settled_at),
        preimage: row.preimage(preimage, &hash),
    })
}

/// Old versions leave out what the invoice says.
fn bolt11_amount(row: &Row<'_>) -> Option<u64> {
    row.text("bolt11")?.parse::<lightning_invoice::Bolt11Invoice>().ok()?.amount_milli_satoshis()
}

/// Whether a row can no longer change; a failed payment is tried again only while its invoice lives.
pub(super) fn is_final(row: &Row<'_>, since: UnixMillis) -> bool {
    match row.text("status") {
        Some("complete" | "paid" | "expired") => true,
        Some("failed") => row.seconds("created_at").is_some_and(|began| began.plus(RETRIED_MS_MAX) < since),
        _ => false,
    }
}

/// The state of a channel that works.
pub(super) const NORMAL: &str = "CHANNELD_NORMAL";
const SHOWN_CHARS_MAX: usize = 100;
/// Two weeks: the longest that money can be on its way.
const RETRIED_MS_MAX: u64 = 14 * 24 * 3_600 * 1_000;
