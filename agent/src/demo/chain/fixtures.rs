//! Keys and coins for the tests of the chain.
#![allow(clippy::unwrap_used)]

use bitcoin::absolute::LockTime;
use bitcoin::key::{Keypair, TapTweak};
use bitcoin::secp256k1::{All, Message, Secp256k1, SecretKey};
use bitcoin::sighash::{EcdsaSighashType, Prevouts, SighashCache, TapSighashType};
use bitcoin::{
    Amount, CompressedPublicKey, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Witness, ecdsa, taproot,
    transaction,
};

use super::{Chain, script_hash};

/// A day in 2025, in unix seconds.
pub(crate) const NOW_S: u32 = 1_750_000_000;

/// A coin and what it holds.
pub(crate) type Coin = (OutPoint, TxOut);

/// One key with its two kinds of script.
pub(crate) struct Key {
    pub(crate) secp: Secp256k1<All>,
    pub(crate) secret: SecretKey,
}

impl Key {
    pub(crate) fn new(seed: u8) -> Self {
        Self { secp: Secp256k1::new(), secret: SecretKey::from_slice(&[seed; 32]).unwrap() }
    }

    pub(crate) fn public(&self) -> CompressedPublicKey {
        CompressedPublicKey(self.secret.public_key(&self.secp))
    }

    pub(crate) fn p2wpkh(&self) -> ScriptBuf {
        ScriptBuf::new_p2wpkh(&self.public().wpubkey_hash())
    }

    pub(crate) fn p2tr(&self) -> ScriptBuf {
        let key = self.keypair().x_only_public_key().0;
        ScriptBuf::new_p2tr(&self.secp, key, None)
    }

    fn keypair(&self) -> Keypair {
        Keypair::from_secret_key(&self.secp, &self.secret)
    }

    /// Pays the outputs and the fee; what is left returns to this key.
    pub(crate) fn pay(&self, coins: &[Coin], pay: &[(Amount, ScriptBuf)], fee: u64) -> Transaction {
        let mut tx = unsigned(coins, pay);
        let spent: Amount = coins.iter().map(|(_, output)| output.value).sum();
        let paid: Amount = pay.iter().map(|(value, _)| *value).sum();
        let value = spent - paid - Amount::from_sat(fee);
        tx.output.push(TxOut { value, script_pubkey: self.p2wpkh() });
        self.sign(&mut tx, coins);
        tx
    }

    pub(crate) fn sign(&self, tx: &mut Transaction, coins: &[Coin]) {
        let prevouts: Vec<TxOut> = coins.iter().map(|(_, output)| output.clone()).collect();
        let witnesses: Vec<Witness> = (0..coins.len()).map(|index| self.witness(tx, index, &prevouts)).collect();
        for (input, witness) in tx.input.iter_mut().zip(witnesses) {
            input.witness = witness;
        }
    }

    fn witness(&self, tx: &Transaction, index: usize, prevouts: &[TxOut]) -> Witness {
        let mut cache = SighashCache::new(tx);
        let TxOut { value, script_pubkey } = &prevouts[index];
        if script_pubkey.is_p2tr() {
            let all = Prevouts::All(prevouts);
            let sighash_type = TapSighashType::Default;
            let hash = cache.taproot_key_spend_signature_hash(index, &all, sighash_type).unwrap();
            let pair = self.keypair().tap_tweak(&self.secp, None).to_keypair();
            let signature = self.secp.sign_schnorr_no_aux_rand(&Message::from(hash), &pair);
            Witness::p2tr_key_spend(&taproot::Signature { signature, sighash_type })
        } else {
            let all = EcdsaSighashType::All;
            let hash = cache.p2wpkh_signature_hash(index, script_pubkey, *value, all).unwrap();
            let signature = self.secp.sign_ecdsa(&Message::from(hash), &self.secret);
            Witness::p2wpkh(&ecdsa::Signature::sighash_all(signature), &self.public().0)
        }
    }
}

/// Spends the coins without proof that one may.
pub(crate) fn unsigned(coins: &[Coin], pay: &[(Amount, ScriptBuf)]) -> Transaction {
    let input = |(previous_output, _): &Coin| TxIn {
        previous_output: *previous_output,
        sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
        ..TxIn::default()
    };
    let output = |(value, script): &(Amount, ScriptBuf)| TxOut { value: *value, script_pubkey: script.clone() };
    Transaction {
        version: transaction::Version::TWO,
        lock_time: LockTime::ZERO,
        input: coins.iter().map(input).collect(),
        output: pay.iter().map(output).collect(),
    }
}

/// A chain on which this key has two rewards of each kind that it may spend.
pub(crate) fn funded() -> (Chain, Key) {
    let (chain, key) = (Chain::new(), Key::new(1));
    chain.mine(2, &key.p2wpkh(), NOW_S).unwrap();
    chain.mine(2, &key.p2tr(), NOW_S).unwrap();
    chain.mine(100, &Key::new(2).p2tr(), NOW_S).unwrap();
    (chain, key)
}

impl Chain {
    /// The confirmed coins that the key may spend: its version 0 coins first, oldest first.
    pub(crate) fn coins(&self, key: &Key) -> Vec<Coin> {
        let height = self.tip().height;
        [key.p2wpkh(), key.p2tr()]
            .iter()
            .flat_map(|script| self.unspent(&script_hash(script)))
            .filter(|unspent| unspent.confirmed.is_some_and(|block| block.height + 100 <= height + 1))
            .map(|unspent| (unspent.coin, unspent.output))
            .collect()
    }
}
