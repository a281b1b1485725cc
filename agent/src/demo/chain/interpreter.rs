//! Runs the witness scripts that Lightning uses (BOLT 3) and plain multisig.
//!
//! The rules are those that nodes relay by, which are stricter than those for blocks: minimal pushes,
//! compressed keys, low-S signatures, an empty signature where one is meant to fail.

use bitcoin::hashes::{Hash, hash160};
use bitcoin::opcodes::all::*;
use bitcoin::script::{Instruction, write_scriptint};
use bitcoin::secp256k1::{Message, Secp256k1, VerifyOnly};
use bitcoin::sighash::SighashCache;
use bitcoin::{Amount, Opcode, PublicKey, Script, Transaction, ecdsa};

/// Why an input may not spend its coin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScriptFault {
    /// Not P2WPKH, P2WSH, a taproot key spend or pay-to-anchor.
    #[error("this demo chain does not verify that kind of script")]
    Unsupported,
    /// An opcode outside of those that Lightning scripts use.
    #[error("this demo chain does not verify scripts with {0}")]
    Opcode(Opcode),
    /// The witness has the wrong number of items, or there is a scriptSig beside it.
    #[error("the witness does not have the form that the coin asks for")]
    Witness,
    /// The witness script is not the one that the coin commits to.
    #[error("the witness script does not match the coin")]
    Hash,
    /// A signature is malformed, of the wrong key, or of another transaction.
    #[error("a signature is not valid")]
    Signature,
    /// The script is cut off, unbalanced, or needs more items than there are.
    #[error("the script is malformed or its witness is incomplete")]
    Malformed,
    /// Too many operations, items or bytes.
    #[error("the script is larger than nodes relay")]
    TooLarge,
    /// A condition in the script does not hold, a preimage for example.
    #[error("a condition of the script is not met")]
    False,
    /// A time lock in the script has not run out, or the transaction does not claim it has.
    #[error("a time lock of the script is not met by the transaction")]
    Locked,
}

/// What signatures and locks of one input refer to.
pub(super) struct Signed<'a, 'tx> {
    pub(super) secp: &'a Secp256k1<VerifyOnly>,
    pub(super) cache: &'a mut SighashCache<&'tx Transaction>,
    pub(super) tx: &'tx Transaction,
    pub(super) index: usize,
    pub(super) value: Amount,
}

/// Runs a version 0 witness script; it must end with one true item and nothing else.
pub(super) fn run(script: &Script, stack: Vec<Vec<u8>>, signed: &mut Signed<'_, '_>) -> Result<(), ScriptFault> {
    if script.len() > SCRIPT_BYTES_MAX || stack.iter().any(|item| item.len() > ITEM_BYTES_MAX) {
        return Err(ScriptFault::TooLarge);
    }
    let mut machine = Machine { script, stack, branches: Vec::new(), operations: 0, signed };
    for instruction in script.instructions_minimal() {
        match instruction.map_err(|_| ScriptFault::Malformed)? {
            Instruction::PushBytes(bytes) if bytes.len() > PUSH_BYTES_MAX => {
                return Err(ScriptFault::TooLarge);
            }
            Instruction::PushBytes(bytes) if machine.runs() => machine.push(bytes.as_bytes()),
            Instruction::PushBytes(_) => {}
            Instruction::Op(op) => machine.step(op)?,
        }
        if machine.stack.len() > STACK_ITEMS_MAX || machine.operations > OPERATIONS_MAX {
            return Err(ScriptFault::TooLarge);
        }
    }
    match machine.stack.as_slice() {
        _ if !machine.branches.is_empty() => Err(ScriptFault::Malformed),
        [result] if is_true(result) => Ok(()),
        _ => Err(ScriptFault::False),
    }
}

struct Machine<'a, 'b, 'tx> {
    script: &'a Script,
    stack: Vec<Vec<u8>>,
    /// One per open IF: whether the present branch of it runs.
    branches: Vec<bool>,
    operations: usize,
    signed: &'a mut Signed<'b, 'tx>,
}

impl Machine<'_, '_, '_> {
    fn runs(&self) -> bool {
        self.branches.iter().all(|branch| *branch)
    }

    fn step(&mut self, op: Opcode) -> Result<(), ScriptFault> {
        if let number @ NUMBER_1..=NUMBER_16 = op.to_u8() {
            if self.runs() {
                self.push(&[number - NUMBER_1 + 1]);
            }
            return Ok(());
        }
        self.operations += 1;
        // Also where no branch runs it: a node refuses some opcodes wherever they stand.
        if !OPCODES.contains(&op) {
            return Err(ScriptFault::Opcode(op));
        }
        match op {
            OP_IF | OP_NOTIF => {
                let branch = !self.runs() || self.condition()? == (op == OP_IF);
                self.branches.push(branch);
            }
            OP_ELSE => {
                let branch = self.branches.last_mut().ok_or(ScriptFault::Malformed)?;
                *branch = !*branch;
            }
            OP_ENDIF => {
                self.branches.pop().ok_or(ScriptFault::Malformed)?;
            }
            _ if self.runs() => self.execute(op)?,
            _ => {}
        }
        Ok(())
    }

    fn execute(&mut self, op: Opcode) -> Result<(), ScriptFault> {
        match op {
            OP_DROP => {
                self.pop()?;
            }
            OP_DUP => {
                let top = self.top()?.to_vec();
                self.stack.push(top);
            }
            OP_IFDUP => {
                let top = self.top()?.to_vec();
                if is_true(&top) {
                    self.stack.push(top);
                }
            }
            OP_SWAP => {
                let (first, second) = (self.pop()?, self.pop()?);
                self.stack.extend([first, second]);
            }
            OP_SIZE => {
                let size = i64::try_from(self.top()?.len()).map_err(|_| ScriptFault::TooLarge)?;
                self.push_number(size);
            }
            OP_HASH160 => {
                let item = self.pop()?;
                self.push(hash160::Hash::hash(&item).as_ref());
            }
            OP_EQUAL | OP_EQUALVERIFY => {
                let equal = self.pop()? == self.pop()?;
                self.conclude(equal, op == OP_EQUALVERIFY)?;
            }
            OP_VERIFY => {
                let holds = is_true(&self.pop()?);
                self.conclude(holds, true)?;
            }
            OP_CHECKSIG | OP_CHECKSIGVERIFY => {
                let (key, signature) = (self.pop()?, self.pop()?);
                let valid = self.is_valid(&signature, &key)?;
                if !valid && !signature.is_empty() {
                    return Err(ScriptFault::Signature);
                }
                self.conclude(valid, op == OP_CHECKSIGVERIFY)?;
            }
            OP_CHECKMULTISIG | OP_CHECKMULTISIGVERIFY => {
                let valid = self.multisig()?;
                self.conclude(valid, op == OP_CHECKMULTISIGVERIFY)?;
            }
            OP_CLTV => self.absolute_lock()?,
            OP_CSV => self.relative_lock()?,
            _ => return Err(ScriptFault::Opcode(op)),
        }
        Ok(())
    }

    /// The argument of IF is exactly nothing or one (BIP341 makes a rule of what nodes relay by).
    fn condition(&mut self) -> Result<bool, ScriptFault> {
        match self.pop()?.as_slice() {
            [] => Ok(false),
            [1] => Ok(true),
            _ => Err(ScriptFault::Malformed),
        }
    }

    fn conclude(&mut self, holds: bool, verify: bool) -> Result<(), ScriptFault> {
        match (holds, verify) {
            (false, true) => return Err(ScriptFault::False),
            (true, true) => {}
            (_, false) => self.push(if holds { &[1] } else { &[] }),
        }
        Ok(())
    }

    /// Keys and signatures come in the same order; the item below them is empty (BIP147).
    fn multisig(&mut self) -> Result<bool, ScriptFault> {
        let keys = self.pop_list(MULTISIG_KEYS_MAX)?;
        self.operations += keys.len();
        let signatures = self.pop_list(keys.len())?;
        if !self.pop()?.is_empty() {
            return Err(ScriptFault::Malformed);
        }
        let mut untried = keys.iter();
        for signature in &signatures {
            let mut found = false;
            for key in untried.by_ref() {
                found = self.is_valid(signature, key)?;
                if found {
                    break;
                }
            }
            if !found && signatures.iter().any(|signature| !signature.is_empty()) {
                return Err(ScriptFault::Signature);
            } else if !found {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn pop_list(&mut self, max: usize) -> Result<Vec<Vec<u8>>, ScriptFault> {
        let count = usize::try_from(number(&self.pop()?, NUMBER_BYTES_MAX)?).unwrap_or(usize::MAX);
        if count > max {
            return Err(ScriptFault::Malformed);
        }
        let start = self.stack.len().checked_sub(count).ok_or(ScriptFault::Malformed)?;
        Ok(self.stack.split_off(start))
    }

    /// BIP143. An empty signature is a way to say no, not a fault.
    fn is_valid(&mut self, signature: &[u8], key: &[u8]) -> Result<bool, ScriptFault> {
        let key = PublicKey::from_slice(key).map_err(|_| ScriptFault::Signature)?;
        if !key.compressed {
            return Err(ScriptFault::Signature);
        }
        if signature.is_empty() {
            return Ok(false);
        }
        let signature = ecdsa::Signature::from_slice(signature).map_err(|_| ScriptFault::Signature)?;
        let Signed { secp, cache, index, value, .. } = &mut *self.signed;
        let hash = cache
            .p2wsh_signature_hash(*index, self.script, *value, signature.sighash_type)
            .map_err(|_| ScriptFault::Signature)?;
        Ok(key.verify(secp, &Message::from(hash), &signature).is_ok())
    }

    /// BIP65: the lock time of the transaction is of the same kind and not below the item.
    fn absolute_lock(&mut self) -> Result<(), ScriptFault> {
        let asked = u32::try_from(number(self.top()?, LOCK_BYTES_MAX)?).map_err(|_| ScriptFault::Locked)?;
        let lock = self.signed.tx.lock_time;
        let asked_is_height = asked < LOCK_TIME_THRESHOLD;
        let active = self.sequence()? != u32::MAX;
        if active && asked_is_height == lock.is_block_height() && asked <= lock.to_consensus_u32() {
            Ok(())
        } else {
            Err(ScriptFault::Locked)
        }
    }

    /// BIP112: the sequence of the input is of the same kind and not below the item.
    fn relative_lock(&mut self) -> Result<(), ScriptFault> {
        let asked = number(self.top()?, LOCK_BYTES_MAX)?;
        let asked = u64::try_from(asked).map_err(|_| ScriptFault::Locked)?;
        if asked & u64::from(SEQUENCE_DISABLED) != 0 {
            return Ok(());
        }
        let sequence = self.sequence()?;
        let asked = asked & u64::from(SEQUENCE_TIME | SEQUENCE_VALUE);
        let given = u64::from(sequence & (SEQUENCE_TIME | SEQUENCE_VALUE));
        let same_kind = (asked ^ given) & u64::from(SEQUENCE_TIME) == 0;
        let active = self.signed.tx.version.0 >= 2 && sequence & SEQUENCE_DISABLED == 0;
        if active && same_kind && asked <= given { Ok(()) } else { Err(ScriptFault::Locked) }
    }

    fn sequence(&self) -> Result<u32, ScriptFault> {
        let input = self.signed.tx.input.get(self.signed.index).ok_or(ScriptFault::Malformed)?;
        Ok(input.sequence.to_consensus_u32())
    }

    fn top(&self) -> Result<&[u8], ScriptFault> {
        self.stack.last().map(Vec::as_slice).ok_or(ScriptFault::Malformed)
    }

    fn pop(&mut self) -> Result<Vec<u8>, ScriptFault> {
        self.stack.pop().ok_or(ScriptFault::Malformed)
    }

    fn push(&mut self, item: &[u8]) {
        self.stack.push(item.to_vec());
    }

    fn push_number(&mut self, number: i64) {
        let mut bytes = [0; 8];
        let len = write_scriptint(&mut bytes, number);
        self.stack.push(bytes.into_iter().take(len).collect());
    }
}

/// Zero, and negative zero, are false.
fn is_true(item: &[u8]) -> bool {
    match item.split_last() {
        Some((last, rest)) => !matches!(*last, 0 | SIGN) || rest.iter().any(|byte| *byte != 0),
        None => false,
    }
}

/// A little-endian number whose highest bit is the sign, without needless bytes.
fn number(item: &[u8], bytes_max: usize) -> Result<i64, ScriptFault> {
    let Some((last, rest)) = item.split_last() else {
        return Ok(0);
    };
    let padded = last & !SIGN == 0 && rest.last().is_none_or(|byte| byte & SIGN == 0);
    if item.len() > bytes_max || padded {
        return Err(ScriptFault::Malformed);
    }
    let magnitude = [last & !SIGN].iter().chain(rest.iter().rev()).fold(0, |sum, byte| (sum << 8) | i64::from(*byte));
    Ok(if last & SIGN == 0 { magnitude } else { -magnitude })
}

const OPCODES: [Opcode; 19] = [
    OP_IF,
    OP_NOTIF,
    OP_ELSE,
    OP_ENDIF,
    OP_DROP,
    OP_DUP,
    OP_IFDUP,
    OP_SWAP,
    OP_SIZE,
    OP_HASH160,
    OP_EQUAL,
    OP_EQUALVERIFY,
    OP_VERIFY,
    OP_CHECKSIG,
    OP_CHECKSIGVERIFY,
    OP_CHECKMULTISIG,
    OP_CHECKMULTISIGVERIFY,
    OP_CLTV,
    OP_CSV,
];
const SIGN: u8 = 0x80;
const NUMBER_1: u8 = 0x51;
const NUMBER_16: u8 = 0x60;
/// Bitcoin Core, `MAX_STANDARD_P2WSH_SCRIPT_SIZE`.
const SCRIPT_BYTES_MAX: usize = 3_600;
/// Bitcoin Core, `MAX_STANDARD_P2WSH_STACK_ITEM_SIZE`.
const ITEM_BYTES_MAX: usize = 80;
/// Bitcoin Core, `MAX_SCRIPT_ELEMENT_SIZE`.
const PUSH_BYTES_MAX: usize = 520;
/// Bitcoin Core, `MAX_OPS_PER_SCRIPT`.
const OPERATIONS_MAX: usize = 201;
/// Bitcoin Core, `MAX_STANDARD_P2WSH_STACK_ITEMS`.
const STACK_ITEMS_MAX: usize = 100;
/// Bitcoin Core, `MAX_PUBKEYS_PER_MULTISIG`.
const MULTISIG_KEYS_MAX: usize = 20;
const NUMBER_BYTES_MAX: usize = 4;
/// Locks reach to 2^32, which needs a fifth byte for the sign (BIP65, BIP112).
const LOCK_BYTES_MAX: usize = 5;
const LOCK_TIME_THRESHOLD: u32 = 500_000_000;
const SEQUENCE_DISABLED: u32 = 1 << 31;
const SEQUENCE_TIME: u32 = 1 << 22;
const SEQUENCE_VALUE: u32 = 0xffff;

#[cfg(test)]
mod tests;
