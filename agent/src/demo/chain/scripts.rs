//! Checks that the inputs of a transaction may spend their coins.

use bitcoin::secp256k1::{Secp256k1, VerifyOnly, XOnlyPublicKey};
use bitcoin::sighash::{Prevouts, SighashCache};
use bitcoin::{Script, Transaction, TxIn, TxOut, secp256k1, taproot};

use super::interpreter::{self, ScriptFault, Signed};

/// Checks every input; an error names the first bad one.
///
/// Done in full: P2WPKH, P2WSH with the opcodes of [`interpreter`], P2TR by key, and pay-to-anchor
/// (which anyone may spend). Everything else is [`ScriptFault::Unsupported`].
pub(super) fn verify(
    secp: &Secp256k1<VerifyOnly>,
    tx: &Transaction,
    prevouts: &[TxOut],
) -> Result<(), (usize, ScriptFault)> {
    let mut cache = SighashCache::new(tx);
    for (index, (input, coin)) in tx.input.iter().zip(prevouts).enumerate() {
        let script = coin.script_pubkey.as_script();
        let outcome = if !input.script_sig.is_empty() && script.is_witness_program() {
            Err(ScriptFault::Witness)
        } else if script.is_p2tr() {
            key_path(secp, &mut cache, index, script, prevouts)
        } else if script.is_p2wpkh() || script.is_p2wsh() {
            let mut signed = Signed { secp, cache: &mut cache, tx, index, value: coin.value };
            version_0(&mut signed, input, script)
        } else if script.as_bytes() == PAY_TO_ANCHOR {
            if input.witness.is_empty() { Ok(()) } else { Err(ScriptFault::Witness) }
        } else {
            Err(ScriptFault::Unsupported)
        };
        outcome.map_err(|fault| (index, fault))?;
    }
    Ok(())
}

/// BIP141: the witness carries a key for a key hash, or a script for a script hash.
fn version_0(signed: &mut Signed<'_, '_>, input: &TxIn, coin: &Script) -> Result<(), ScriptFault> {
    let mut stack = input.witness.to_vec();
    if let Some(script) = coin.p2wpkh_script_code() {
        if stack.len() != 2 {
            return Err(ScriptFault::Witness);
        }
        return interpreter::run(&script, stack, signed);
    }
    let script = Script::from_bytes(input.witness.last().ok_or(ScriptFault::Witness)?);
    if script.to_p2wsh().as_script() != coin {
        return Err(ScriptFault::Hash);
    }
    stack.pop();
    interpreter::run(script, stack, signed)
}

/// BIP341, key path: the witness is one signature over all inputs' coins.
fn key_path(
    secp: &Secp256k1<VerifyOnly>,
    cache: &mut SighashCache<&Transaction>,
    index: usize,
    coin: &Script,
    prevouts: &[TxOut],
) -> Result<(), ScriptFault> {
    let witness = &cache.transaction().input.get(index).ok_or(ScriptFault::Witness)?.witness;
    let signature = match (witness.len(), witness.last()) {
        (1, Some(signature)) => signature,
        (0, _) => return Err(ScriptFault::Witness),
        _ => return Err(ScriptFault::Unsupported), // a script path or an annex
    };
    let signature = taproot::Signature::from_slice(signature).map_err(|_| ScriptFault::Signature)?;
    let key = coin.as_bytes().get(2..).ok_or(ScriptFault::Witness)?;
    let key = XOnlyPublicKey::from_slice(key).map_err(|_| ScriptFault::Signature)?;
    let hash = cache
        .taproot_key_spend_signature_hash(index, &Prevouts::All(prevouts), signature.sighash_type)
        .map_err(|_| ScriptFault::Signature)?;
    let message = secp256k1::Message::from(hash);
    secp.verify_schnorr(&signature.signature, &message, &key).map_err(|_| ScriptFault::Signature)
}

/// Witness version 1 with the program 4e73 (Bitcoin Core 28, pay-to-anchor).
const PAY_TO_ANCHOR: [u8; 4] = [0x51, 0x02, 0x4e, 0x73];
