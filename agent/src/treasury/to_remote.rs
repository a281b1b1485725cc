//! What peers pay to this node's keys when they close channels without it (`to_remote` of BOLT 3). The keys follow from the
//! words alone, so that this money is found where the channels themselves were lost with their card.

use std::collections::BTreeMap;

use bdk_wallet::miniscript::Descriptor;
use bdk_wallet::miniscript::psbt::PsbtExt as _;
use bitcoin::absolute::LockTime;
use bitcoin::bip32::{ChildNumber, Xpriv};
use bitcoin::secp256k1::Secp256k1;
use bitcoin::transaction::Version;
use bitcoin::{
    Address, Amount, FeeRate, Network, Psbt, PublicKey, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Weight,
};

use super::chain::LeftCoin;
use super::draft::Draft;
use super::guard::{Refused, read_rate};
use crate::keys::Seed;

/// The keys that closed channels pay to: LDK's derivation 2 takes each channel's from a fixed set
/// (`KeysManager::possible_v2_counterparty_closed_balance_spks`).
#[derive(Clone)]
pub struct ToRemote(Xpriv);

/// One script that a channel can pay to.
struct Known {
    index: u32,
    key: PublicKey,
    descriptor: Descriptor<PublicKey>,
}

impl Known {
    /// What spending a coin of it costs.
    fn fee(&self, rate: FeeRate) -> Option<Amount> {
        rate.fee_wu(TxIn::default().segwit_weight() + self.descriptor.max_weight_to_satisfy().ok()?)
    }
}

impl ToRemote {
    /// Those of the built-in node of these words.
    pub fn of(seed: &Seed) -> ToRemote {
        // Which network it is for says nothing about the keys.
        let made = "64 and 32 bytes make master keys, and all of their hardened children exist";
        let node = Xpriv::new_master(Network::Bitcoin, &seed.node_entropy()).expect(made);
        let ldk = Xpriv::new_master(Network::Bitcoin, &node.private_key.secret_bytes()).expect(made);
        let path = [ChildNumber::Hardened { index: STATIC_PAYMENT_KEY }];
        ToRemote(ldk.derive_priv(&Secp256k1::new(), &path).expect(made))
    }

    /// Every script that such a channel can pay to.
    pub(super) fn scripts(&self) -> Vec<ScriptBuf> {
        self.known().map(|known| known.descriptor.script_pubkey()).collect()
    }

    /// Two for each key: without anchors, and with anchors, where one block has to pass.
    fn known(&self) -> impl Iterator<Item = Known> {
        let secp = Secp256k1::new();
        (0..KEYS).flat_map(move |index| {
            let path = [ChildNumber::Hardened { index }];
            let key = self.0.derive_priv(&secp, &path).expect("hardened children exist");
            let key = PublicKey::new(key.private_key.public_key(&secp));
            let of = |text: String| text.parse().expect("both are descriptors");
            [of(format!("wpkh({key})")), of(format!("wsh(and_v(v:pk({key}),older(1)))"))].map(|descriptor| Known {
                index,
                key,
                descriptor,
            })
        })
    }

    /// Drafts the transaction that brings all of `coins` to `to`.
    ///
    /// # Errors
    /// [`Refused`]: the rate cannot be meant, there are none, or they are not worth their fee.
    pub(super) fn draft(&self, coins: &[LeftCoin], to: Address, sat_per_vb: u64) -> Result<Draft, Refused> {
        let rate = read_rate(sat_per_vb)?;
        let ours: BTreeMap<_, _> = self.known().map(|known| (known.descriptor.script_pubkey(), known)).collect();
        let mut spent: Vec<_> =
            coins.iter().filter_map(|coin| Some((coin, ours.get(&coin.output.script_pubkey)?))).collect();
        // What others sent there to annoy is not worth its own fee.
        spent.retain(|(coin, known)| known.fee(rate).is_some_and(|fee| coin.output.value > fee));
        spent.sort_by_key(|(coin, _)| std::cmp::Reverse(coin.output.value));
        spent.truncate(COINS_MAX);
        let total: Amount = spent.iter().map(|(coin, _)| coin.output.value).sum();
        let input = |coin: &LeftCoin| TxIn {
            previous_output: coin.outpoint,
            // One block old, as `older(1)` wants it; it also says that it can be replaced.
            sequence: Sequence::from_height(1),
            ..TxIn::default()
        };
        let unsigned = |value| Transaction {
            version: Version::TWO,
            lock_time: LockTime::ZERO,
            input: spent.iter().map(|(coin, _)| input(coin)).collect(),
            output: vec![TxOut { value, script_pubkey: to.script_pubkey() }],
        };
        let witnesses = spent.iter().filter_map(|(_, known)| known.descriptor.max_weight_to_satisfy().ok());
        let counts = Weight::from_wu(u64::try_from(spent.len()).unwrap_or(u64::MAX));
        let weight = unsigned(total).weight() + SEGWIT_MARKER + counts + witnesses.sum::<Weight>();
        let fee = rate.fee_wu(weight).unwrap_or(Amount::MAX);
        let least = to.script_pubkey().minimal_non_dust();
        let amount = total.checked_sub(fee).filter(|amount| *amount >= least);
        let Some(amount) = amount else {
            return Err(Refused::Funds { needed: (fee + least).to_sat(), available: total.to_sat() });
        };
        let mut psbt = Psbt::from_unsigned_tx(unsigned(amount)).map_err(|error| Refused::Build(error.to_string()))?;
        for (input, (coin, known)) in psbt.inputs.iter_mut().zip(&spent) {
            let path = vec![ChildNumber::Hardened { index: known.index }];
            input.witness_utxo = Some(coin.output.clone());
            input.witness_script = match known.descriptor {
                Descriptor::Wsh(_) => known.descriptor.explicit_script().ok(),
                _ => None,
            };
            input.bip32_derivation.insert(known.key.inner, (self.0.fingerprint(&Secp256k1::new()), path.into()));
        }
        Ok(Draft { psbt, to, amount, fee, weight, replaces: None, is_left: true })
    }

    /// Signs a draft of [`ToRemote::draft`]; its scripts are run as a node would.
    pub(super) fn sign(&self, draft: &Draft) -> Result<Transaction, Refused> {
        let (secp, mut psbt) = (Secp256k1::new(), draft.psbt.clone());
        psbt.sign(&self.0, &secp).map_err(|(_, errors)| Refused::Unsigned(format!("{errors:?}")))?;
        psbt.finalize_mut(&secp).map_err(|errors| Refused::Unsigned(format!("{errors:?}")))?;
        psbt.extract(&secp).map_err(|error| Refused::Unsigned(error.to_string()))
    }
}

/// `STATIC_PAYMENT_KEY_INDEX` of LDK's `KeysManager`.
const STATIC_PAYMENT_KEY: u32 = 8;
/// `STATIC_PAYMENT_KEY_COUNT` of LDK.
const KEYS: u32 = 1_000;
/// The two bytes that say that a transaction has witnesses (BIP 141), in weight units; each of its inputs then counts its own
/// witnesses, in one byte.
const SEGWIT_MARKER: Weight = Weight::from_wu(2);
/// As many channels as no household has; the rest comes with the next transaction.
const COINS_MAX: usize = 200;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use bitcoin::hashes::Hash as _;
    use bitcoin::{CompressedPublicKey, OutPoint, Txid};

    use super::*;

    fn seed() -> Seed {
        Seed::from_words(&("abandon ".repeat(11) + "about")).unwrap()
    }

    /// LDK's own list, from the same words.
    #[cfg(feature = "node")]
    #[test]
    fn the_keys_of_closed_channels_are_those_that_the_node_takes() {
        use ldk_node::lightning::sign::KeysManager;
        let node = Xpriv::new_master(Network::Regtest, &seed().node_entropy()).unwrap();
        let ldk = KeysManager::new(&node.private_key.secret_bytes(), 1, 2, true);
        let theirs = ldk.possible_v2_counterparty_closed_balance_spks(&Secp256k1::new());
        assert_eq!(ToRemote::of(&seed()).scripts(), theirs);
    }

    fn home() -> Address {
        let key: PublicKey = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798".parse().unwrap();
        Address::p2wpkh(&CompressedPublicKey::try_from(key).unwrap(), Network::Regtest)
    }

    fn coins(keys: &ToRemote, picked: &[usize], sat: u64) -> Vec<LeftCoin> {
        let scripts = keys.scripts();
        let coin = |(vout, script): (u32, &usize)| LeftCoin {
            outpoint: OutPoint::new(Txid::all_zeros(), vout),
            output: TxOut { value: Amount::from_sat(sat), script_pubkey: scripts[*script].clone() },
        };
        (0..).zip(picked).map(coin).collect()
    }

    #[test]
    fn what_closed_channels_left_is_signed_by_its_keys_and_nothing_else() {
        let keys = ToRemote::of(&seed());
        // Without and with anchors, the first and the last key.
        let coins = coins(&keys, &[0, 1, 1_998, 1_999], 50_000);
        let draft = keys.draft(&coins, home(), 5).unwrap();
        let tx = keys.sign(&draft).unwrap();
        assert_eq!(draft.amount + draft.fee, Amount::from_sat(200_000));
        assert_eq!(tx.output, vec![TxOut { value: draft.amount, script_pubkey: home().script_pubkey() }]);
        let (paid, size) = (draft.fee.to_sat(), tx.weight().to_wu());
        assert!(paid * 4 >= size * 5 && paid * 4 <= size * 5 + 40, "{paid} sat for {size} weight units");
        let others = ToRemote::of(&Seed::from_words(&("zoo ".repeat(11) + "wrong")).unwrap());
        assert!(matches!(others.sign(&draft), Err(Refused::Unsigned(_))));
    }

    #[test]
    fn what_is_not_worth_its_fee_is_left_where_it_is() {
        let keys = ToRemote::of(&seed());
        let poor = coins(&keys, &[1], 700);
        assert!(matches!(keys.draft(&poor, home(), 5), Err(Refused::Funds { available: 700, .. })));
        let mixed = [coins(&keys, &[1], 300), coins(&keys, &[3, 5], 40_000)[1..].to_vec()].concat();
        let draft = keys.draft(&mixed, home(), 5).unwrap();
        assert_eq!((draft.psbt.inputs.len(), draft.amount + draft.fee), (1, Amount::from_sat(40_000)));
        assert!(matches!(keys.draft(&[], home(), 5), Err(Refused::Funds { available: 0, .. })));
        assert!(matches!(keys.draft(&poor, home(), 0), Err(Refused::Rate(0))));
    }
}
