//! Transactions before they are sent: what they cost, who signs them, and whether what came back is what was drafted.

use bdk_wallet::coin_selection::InsufficientFunds;
use bdk_wallet::error::{BuildFeeBumpError, CreateTxError};
use bdk_wallet::miniscript::psbt::PsbtExt;
use bdk_wallet::{KeychainKind, SignOptions};
use bitcoin::absolute::LockTime;
use bitcoin::secp256k1::Secp256k1;
use bitcoin::{Address, Amount, OutPoint, Psbt, ScriptBuf, Transaction, Txid, Weight};
use serde::{Deserialize, Serialize};

use super::chain::LeftCoin;
use super::guard::{Guard, Refused, read_address, read_rate};
use super::purse::Purse;
use crate::store::OnchainDraft;

/// What the owner wants to send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wish {
    /// An address, as it was written.
    pub to: String,
    /// How much.
    pub sum: Sum,
    /// The fee rate, in satoshis for a virtual byte.
    pub sat_per_vb: u64,
    /// Exactly these coins, `txid:output`; none means that Kilosat chooses.
    #[serde(default)]
    pub coins: Vec<String>,
}

/// How much is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sum {
    /// So many satoshis arrive.
    Sat(u64),
    /// All there is, without its fee.
    All,
}

/// A transaction that is not signed yet, and what it would cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DraftView {
    /// The transaction's id; for a wallet whose key is elsewhere, signing keeps it.
    pub id: String,
    /// Where to; our own address where a transaction is only made faster.
    pub to: String,
    /// What arrives there.
    pub amount_sat: u64,
    /// What it costs.
    pub fee_sat: u64,
    /// The rate, in satoshis for a thousand virtual bytes.
    pub sat_per_kvb: u64,
    /// The transaction that it replaces, if it does.
    pub replaces: Option<String>,
    /// It brings here what closed channels left.
    #[serde(default)]
    pub collects: bool,
    /// The owner has to sign it elsewhere.
    pub signs_elsewhere: bool,
    /// It, as BIP 174 has it, in base64.
    pub psbt: String,
}

/// One coin that can be spent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coin {
    /// `txid:output`.
    pub outpoint: String,
    /// How much it is.
    pub sat: u64,
    /// The block that confirms it.
    pub height: Option<u32>,
    /// The address it lies at.
    pub address: String,
}

/// A drafted transaction.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) psbt: Psbt,
    pub(super) to: Address,
    pub(super) amount: Amount,
    pub(super) fee: Amount,
    /// Of the transaction as it will be signed.
    pub(super) weight: Weight,
    pub(super) replaces: Option<Txid>,
    /// It spends what closed channels left, and brings it here.
    pub(super) is_left: bool,
}

impl Draft {
    pub(super) fn txid(&self) -> Txid {
        self.psbt.unsigned_tx.compute_txid()
    }

    pub(super) fn view(&self, signs_elsewhere: bool) -> DraftView {
        DraftView {
            id: self.txid().to_string(),
            to: self.to.to_string(),
            amount_sat: self.amount.to_sat(),
            fee_sat: self.fee.to_sat(),
            sat_per_kvb: (self.fee / self.weight).to_sat_per_kwu().saturating_mul(4),
            replaces: self.replaces.map(|txid| txid.to_string()),
            collects: self.is_left,
            signs_elsewhere,
            psbt: self.psbt.to_string(),
        }
    }
}

impl Purse {
    /// The coins, largest first.
    pub fn coins(&self) -> Vec<Coin> {
        let mut coins: Vec<_> = self.wallet.list_unspent().collect();
        coins.sort_by_key(|coin| std::cmp::Reverse(coin.txout.value));
        let coins = coins.into_iter().map(|coin| Coin {
            outpoint: coin.outpoint.to_string(),
            sat: coin.txout.value.to_sat(),
            height: coin.chain_position.confirmation_height_upper_bound(),
            address: Address::from_script(&coin.txout.script_pubkey, self.network)
                .map_or_else(|_| String::new(), |address| address.to_string()),
        });
        coins.collect()
    }

    /// Drafts what the owner wants sent. Incoming coins that no block has yet are left alone; change of ours is not.
    pub(super) fn draft(&mut self, wish: &Wish, guard: Guard) -> Result<Draft, Refused> {
        let to = read_address(&wish.to, self.network)?;
        let rate = read_rate(wish.sat_per_vb)?;
        let script = to.script_pubkey();
        if let Sum::Sat(sat) = wish.sum {
            let least = script.minimal_non_dust().to_sat();
            if sat < least {
                return Err(Refused::Dust { sat, least });
            }
        }
        let coins: Vec<_> = wish.coins.iter().map(|coin| self.own_coin(coin)).collect::<Result<_, _>>()?;
        let left_alone = self.not_ours_yet();
        if let Some(coin) = coins.iter().find(|coin| left_alone.contains(coin)) {
            return Err(Refused::NotYet(coin.to_string()));
        }
        let mut builder = self.wallet.build_tx();
        // No height that a source made up makes a transaction wait.
        builder.fee_rate(rate).nlocktime(LockTime::ZERO).unspendable(left_alone);
        if !coins.is_empty() {
            builder.add_utxos(&coins).map_err(|error| Refused::Coin(error.to_string()))?.manually_selected_only();
        }
        match wish.sum {
            Sum::Sat(sat) => {
                builder.add_recipient(script.clone(), Amount::from_sat(sat));
            }
            Sum::All => {
                builder.drain_to(script.clone());
                if coins.is_empty() {
                    builder.drain_wallet();
                }
            }
        }
        let psbt = builder.finish().map_err(refused)?;
        let draft = self.drafted(psbt, to, &script, None)?;
        self.still_allows(&draft, guard)?;
        Ok(draft)
    }

    /// Drafts the transaction that brings what closed channels left to an address of this wallet.
    pub(super) fn draft_left(&mut self, left: &[LeftCoin], sat_per_vb: u64, guard: Guard) -> Result<Draft, Refused> {
        let keys = self.keys.to_remote.as_ref().ok_or(Refused::WatchOnly)?;
        // As change has it: nobody was shown this address.
        let to = self.wallet.next_unused_address(KeychainKind::Internal).address;
        let draft = keys.draft(left, to, sat_per_vb)?;
        self.still_allows(&draft, guard)?;
        Ok(draft)
    }

    /// Drafts the same transaction with a higher fee (BIP 125).
    pub(super) fn draft_bump(&mut self, txid: Txid, sat_per_vb: u64, guard: Guard) -> Result<Draft, Refused> {
        let rate = read_rate(sat_per_vb)?;
        let not_bumpable = || Refused::NotBumpable(txid.to_string());
        let known = self.wallet.get_tx(txid).ok_or_else(not_bumpable)?;
        let old = known.tx_node.tx.clone();
        // Only what is ours alone can be replaced, and only while nothing of ours follows from it.
        if !self.spends_only_ours(&old) || self.has_spent_from(txid) {
            return Err(not_bumpable());
        }
        let old_fee = self.wallet.calculate_fee(&old).map_err(|_| not_bumpable())?;
        let (to, script) = self.recipient_of(&old).ok_or_else(not_bumpable)?;
        let mut builder = self.wallet.build_fee_bump(txid).map_err(|error| match error {
            BuildFeeBumpError::TransactionConfirmed(_)
            | BuildFeeBumpError::TransactionNotFound(_)
            | BuildFeeBumpError::IrreplaceableTransaction(_)
            | BuildFeeBumpError::UnknownUtxo(_) => Refused::NotBumpable(txid.to_string()),
            other => Refused::Build(other.to_string()),
        })?;
        builder.fee_rate(rate).nlocktime(LockTime::ZERO);
        if old.output.len() == 1 {
            // Everything was sent, so what arrives pays for it.
            builder.set_recipients(Vec::new()).drain_to(script.clone());
        }
        let psbt = builder.finish().map_err(|error| match error {
            CreateTxError::FeeRateTooLow { .. } | CreateTxError::FeeTooLow { .. } => {
                Refused::BumpTooSmall { least: least_bump(old_fee, old.weight()), fee: (rate * old.weight()).to_sat() }
            }
            other => refused(other),
        })?;
        let draft = self.drafted(psbt, to, &script, Some(txid))?;
        let least = least_bump(old_fee, draft.weight);
        if draft.fee.to_sat() < least {
            return Err(Refused::BumpTooSmall { least, fee: draft.fee.to_sat() });
        }
        self.still_allows(&draft, guard)?;
        Ok(draft)
    }

    /// Drafts a transaction to ourselves that spends what `txid` brought, so dearly that both together reach the rate: for
    /// what others sent too cheaply, and what cannot be replaced.
    pub(super) fn draft_child(&mut self, txid: Txid, sat_per_vb: u64, guard: Guard) -> Result<Draft, Refused> {
        let rate = read_rate(sat_per_vb)?;
        let not_bumpable = || Refused::NotBumpable(txid.to_string());
        let known = self.wallet.get_tx(txid).filter(|known| !known.chain_position.is_confirmed());
        let parent = known.ok_or_else(not_bumpable)?.tx_node.tx.clone();
        // Where it is not known what others paid, as if they had paid nothing: then it is fast enough in any case.
        let parent_fee = self.wallet.calculate_fee(&parent).unwrap_or(Amount::ZERO);
        let ours: Vec<OutPoint> =
            self.wallet.list_unspent().map(|coin| coin.outpoint).filter(|coin| coin.txid == txid).collect();
        if ours.is_empty() {
            return Err(not_bumpable());
        }
        let home = self.wallet.next_unused_address(KeychainKind::Internal).address;
        let script = home.script_pubkey();
        let mut child = |fee: Option<Amount>| {
            let mut builder = self.wallet.build_tx();
            builder.add_utxos(&ours).map_err(|error| Refused::Coin(error.to_string()))?.manually_selected_only();
            builder.drain_to(script.clone()).nlocktime(LockTime::ZERO);
            match fee {
                Some(fee) => builder.fee_absolute(fee),
                None => builder.fee_rate(rate),
            };
            builder.finish().map_err(refused)
        };
        let alone = child(None)?;
        let alone_fee = fee_of(&alone)?;
        let parent_needs = rate * parent.weight();
        let missing = parent_needs.checked_sub(parent_fee).unwrap_or(Amount::ZERO);
        let psbt = child(Some(alone_fee + missing))?;
        let draft = self.drafted(psbt, home, &script, None)?;
        self.still_allows(&draft, guard)?;
        Ok(draft)
    }

    /// Whether the guards let this draft be sent now.
    pub(super) fn still_allows(&self, draft: &Draft, guard: Guard) -> Result<(), Refused> {
        if draft.is_left {
            return guard.allow_fee(draft.amount, draft.fee);
        }
        let coming = self.not_ours_yet();
        match draft.psbt.unsigned_tx.input.iter().any(|input| coming.contains(&input.previous_output)) {
            // Its fee comes out of what is coming in, and not out of what is there.
            true => guard.allow_fee(draft.amount, draft.fee),
            false => guard.allow(draft.amount, draft.fee, self.left_after(draft)),
        }
    }

    /// Signs a draft with the key of this device.
    pub(super) fn sign(&self, draft: &Draft) -> Result<Transaction, Refused> {
        if draft.is_left {
            return self.keys.to_remote.as_ref().ok_or(Refused::WatchOnly)?.sign(draft);
        }
        let signer = self.keys.signer.as_ref().ok_or(Refused::WatchOnly)?;
        let mut psbt = draft.psbt.clone();
        psbt.sign(signer, &Secp256k1::new()).map_err(|(_, errors)| Refused::Unsigned(format!("{errors:?}")))?;
        self.finalized(psbt)
    }

    /// Takes back a draft that was signed elsewhere, if it still is that draft.
    pub(super) fn take_back(&self, draft: &Draft, signed: &str) -> Result<Transaction, Refused> {
        let signed = read_psbt(signed)?;
        if signed.unsigned_tx != draft.psbt.unsigned_tx {
            return Err(Refused::OtherPsbt("it spends or pays something else".to_owned()));
        }
        // What it spends comes from here, so that nobody can say that a fee is smaller than it is.
        let mut psbt = draft.psbt.clone();
        psbt.combine(signed).map_err(|error| Refused::OtherPsbt(error.to_string()))?;
        self.finalized(psbt)
    }

    /// Lets a signed transaction count from `now_s` on, in seconds since 1970, and what it replaces no more.
    pub(super) fn take(&mut self, tx: &Transaction, replaces: Option<Txid>, now_s: u64) {
        let replaced = replaces.and_then(|txid| self.wallet.get_tx(txid)).and_then(|old| old.tx_node.last_seen);
        // Later than what it replaces was seen, whatever the clock says.
        let seen_s = replaced.map_or(now_s, |old_s| now_s.max(old_s.saturating_add(1)));
        self.wallet.apply_unconfirmed_txs([(tx.clone(), seen_s)]);
        self.wallet.apply_evicted_txs(replaces.map(|txid| (txid, seen_s)));
    }

    /// What a draft spends that is not ours is worth so much, by which its fee is known.
    pub(super) fn learn_spent(&mut self, draft: &Draft) {
        for (input, spent) in draft.psbt.unsigned_tx.input.iter().zip(&draft.psbt.inputs) {
            if let Some(output) = &spent.witness_utxo {
                self.wallet.insert_txout(input.previous_output, output.clone());
            }
        }
    }

    /// The change address of a draft that is not sent may be used by the next one.
    pub(super) fn forget(&mut self, draft: &Draft) {
        for output in &draft.psbt.unsigned_tx.output {
            if let Some((keychain, index)) = self.wallet.derivation_of_spk(output.script_pubkey.clone()) {
                self.wallet.unmark_used(keychain, index);
            }
        }
    }

    /// A draft that was kept for its signature.
    pub(super) fn revive(&self, kept: &OnchainDraft) -> Option<Draft> {
        let psbt: Psbt = kept.psbt.parse().ok()?;
        let to = read_address(&kept.address, self.network).ok()?;
        let script = to.script_pubkey();
        self.drafted(psbt, to, &script, kept.replaces).ok()
    }

    fn finalized(&self, mut psbt: Psbt) -> Result<Transaction, Refused> {
        let options = SignOptions { trust_witness_utxo: true, ..SignOptions::default() };
        match self.wallet.finalize_psbt(&mut psbt, options) {
            // Its scripts are run, as a node would: who signs elsewhere may have signed something else.
            Ok(true) => {
                let tx = PsbtExt::extract(&psbt, self.wallet.secp_ctx());
                tx.map_err(|error| Refused::Unsigned(error.to_string()))
            }
            Ok(false) => Err(Refused::Unsigned("a signature is missing".to_owned())),
            Err(error) => Err(Refused::Unsigned(error.to_string())),
        }
    }

    fn drafted(&self, psbt: Psbt, to: Address, script: &ScriptBuf, replaces: Option<Txid>) -> Result<Draft, Refused> {
        let fee = fee_of(&psbt)?;
        let paid = psbt.unsigned_tx.output.iter().filter(|output| output.script_pubkey == *script);
        let amount = paid.map(|output| output.value).sum();
        Ok(Draft { weight: self.weight_of(&psbt), psbt, to, amount, fee, replaces, is_left: false })
    }

    /// With the signatures that it will have.
    fn weight_of(&self, psbt: &Psbt) -> Weight {
        let satisfaction = self.keys.external.max_weight_to_satisfy().unwrap_or(Weight::ZERO);
        let inputs = u64::try_from(psbt.unsigned_tx.input.len()).unwrap_or(u64::MAX);
        psbt.unsigned_tx.weight() + Weight::from_wu(satisfaction.to_wu().saturating_mul(inputs))
    }

    /// What the wallet would hold afterwards.
    fn left_after(&self, draft: &Draft) -> Amount {
        let (sent, received) = self.wallet.sent_and_received(&draft.psbt.unsigned_tx);
        // What it replaces counts no more.
        let undone = draft.replaces.and_then(|txid| self.wallet.get_tx(txid));
        let undone = undone.map_or((Amount::ZERO, Amount::ZERO), |old| self.wallet.sent_and_received(&old.tx_node.tx));
        // What others may still take back is not there.
        let total = self.wallet.balance().trusted_spendable() + undone.0;
        (total + received).checked_sub(sent + undone.1).unwrap_or(Amount::ZERO)
    }

    /// Where a transaction of ours pays to: its first output that is not ours, or else its first.
    fn recipient_of(&self, tx: &Transaction) -> Option<(Address, ScriptBuf)> {
        let foreign = tx.output.iter().find(|output| !self.wallet.is_mine(output.script_pubkey.clone()));
        let script = foreign.or(tx.output.first())?.script_pubkey.clone();
        Some((Address::from_script(&script, self.network).ok()?, script))
    }

    fn own_coin(&self, text: &str) -> Result<OutPoint, Refused> {
        let missing = || Refused::Coin(crate::text::cleaned(text, COIN_CHARS_MAX));
        let coin: OutPoint = text.trim().parse().map_err(|_| missing())?;
        self.wallet.get_utxo(coin).map(|coin| coin.outpoint).ok_or_else(missing)
    }
}

/// What a replacement must cost at least: more than before by one satoshi for each of its own virtual bytes (BIP 125).
fn least_bump(old_fee: Amount, weight: Weight) -> u64 {
    old_fee.to_sat().saturating_add(weight.to_vbytes_ceil())
}

/// A partially signed transaction as text (BIP 174).
pub(super) fn read_psbt(text: &str) -> Result<Psbt, Refused> {
    text.trim().parse().map_err(|error: bitcoin::psbt::PsbtParseError| Refused::OtherPsbt(error.to_string()))
}

fn fee_of(psbt: &Psbt) -> Result<Amount, Refused> {
    psbt.fee().map_err(|error| Refused::Build(error.to_string()))
}

fn refused(error: CreateTxError) -> Refused {
    match error {
        CreateTxError::CoinSelection(InsufficientFunds { needed, available }) => {
            Refused::Funds { needed: needed.to_sat(), available: available.to_sat() }
        }
        CreateTxError::NoUtxosSelected => Refused::Funds { needed: 1, available: 0 },
        other => Refused::Build(other.to_string()),
    }
}

const COIN_CHARS_MAX: usize = 80;
