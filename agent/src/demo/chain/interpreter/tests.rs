#![allow(clippy::unwrap_used)]

use bitcoin::absolute::LockTime;
use bitcoin::script::Builder;
use bitcoin::{EcdsaSighashType, OutPoint, ScriptBuf, Sequence, TxOut};

use super::super::fixtures::{Key, unsigned};
use super::super::scripts;
use super::*;

/// One item of a witness.
enum Item<'a> {
    /// A signature of this key.
    By(&'a Key),
    Bytes(&'a [u8]),
}
use Item::{By, Bytes};

const NO_LOCK: (u32, u32) = (0, 0xffff_fffd);

/// Spends a coin that is locked by `script` with a lock time and a sequence.
fn spend(script: &ScriptBuf, items: &[Item<'_>], lock: (u32, u32)) -> Result<(), ScriptFault> {
    let value = Amount::from_sat(10_000);
    let coin = (OutPoint::default(), TxOut { value, script_pubkey: script.to_p2wsh() });
    let mut tx = unsigned(std::slice::from_ref(&coin), &[(value, ScriptBuf::new_op_return([1; 20]))]);
    tx.lock_time = LockTime::from_consensus(lock.0);
    tx.input[0].sequence = Sequence::from_consensus(lock.1);
    let all = EcdsaSighashType::All;
    let hash = SighashCache::new(&tx).p2wsh_signature_hash(0, script, value, all).unwrap();
    let sign = |key: &Key| {
        let signature = key.secp.sign_ecdsa(&Message::from(hash), &key.secret);
        ecdsa::Signature::sighash_all(signature).to_vec()
    };
    for item in items {
        tx.input[0].witness.push(match item {
            By(key) => sign(key),
            Bytes(bytes) => bytes.to_vec(),
        });
    }
    tx.input[0].witness.push(script.as_bytes());
    let secp = Secp256k1::verification_only();
    scripts::verify(&secp, &tx, &[coin.1]).map_err(|(_, fault)| fault)
}

fn public(key: &Key) -> PublicKey {
    key.public().into()
}

#[test]
fn a_funding_output_needs_both_signatures_in_order() {
    let (a, b, c) = (Key::new(1), Key::new(2), Key::new(3));
    let script = Builder::new()
        .push_int(2)
        .push_key(&public(&a))
        .push_key(&public(&b))
        .push_int(2)
        .push_opcode(OP_CHECKMULTISIG)
        .into_script();
    let empty = Bytes(&[]);
    assert_eq!(spend(&script, &[empty, By(&a), By(&b)], NO_LOCK), Ok(()));
    for items in [[By(&b), By(&a)], [By(&a), By(&c)], [By(&a), By(&a)], [By(&a), Bytes(&[])]] {
        let [first, second] = items;
        let witness = [Bytes(&[]), first, second];
        assert_eq!(spend(&script, &witness, NO_LOCK), Err(ScriptFault::Signature));
    }
    let nothing = [Bytes(&[]), Bytes(&[]), Bytes(&[])];
    assert_eq!(spend(&script, &nothing, NO_LOCK), Err(ScriptFault::False));
    let dummy = [Bytes(&[1]), By(&a), By(&b)];
    assert_eq!(spend(&script, &dummy, NO_LOCK), Err(ScriptFault::Malformed));
    assert_eq!(spend(&script, &[By(&a), By(&b)], NO_LOCK), Err(ScriptFault::Malformed));
    let extra = [Bytes(&[1]), Bytes(&[]), By(&a), By(&b)];
    assert_eq!(spend(&script, &extra, NO_LOCK), Err(ScriptFault::False));
}

#[test]
fn a_delayed_output_opens_late_or_to_the_revocation_key() {
    let (revoked, delayed) = (Key::new(1), Key::new(2));
    let script = Builder::new()
        .push_opcode(OP_IF)
        .push_key(&public(&revoked))
        .push_opcode(OP_ELSE)
        .push_int(144)
        .push_opcode(OP_CSV)
        .push_opcode(OP_DROP)
        .push_key(&public(&delayed))
        .push_opcode(OP_ENDIF)
        .push_opcode(OP_CHECKSIG)
        .into_script();
    assert_eq!(spend(&script, &[By(&revoked), Bytes(&[1])], NO_LOCK), Ok(()));
    assert_eq!(spend(&script, &[By(&delayed), Bytes(&[])], (0, 144)), Ok(()));
    assert_eq!(spend(&script, &[By(&delayed), Bytes(&[])], (0, 143)), Err(ScriptFault::Locked));
    assert_eq!(spend(&script, &[By(&delayed), Bytes(&[])], NO_LOCK), Err(ScriptFault::Locked));
    let time = (0, SEQUENCE_TIME | 144);
    assert_eq!(spend(&script, &[By(&delayed), Bytes(&[])], time), Err(ScriptFault::Locked));
    assert_eq!(spend(&script, &[By(&delayed), Bytes(&[1])], NO_LOCK), Err(ScriptFault::Signature));
    assert_eq!(spend(&script, &[By(&revoked), Bytes(&[2])], NO_LOCK), Err(ScriptFault::Malformed));
}

#[test]
fn an_offered_htlc_opens_by_revocation_by_preimage_and_by_both_parties() {
    let (revoked, remote, local) = (Key::new(1), Key::new(2), Key::new(3));
    let preimage = [7; 32];
    let script = Builder::new()
        .push_opcode(OP_DUP)
        .push_opcode(OP_HASH160)
        .push_slice(public(&revoked).pubkey_hash())
        .push_opcode(OP_EQUAL)
        .push_opcode(OP_IF)
        .push_opcode(OP_CHECKSIG)
        .push_opcode(OP_ELSE)
        .push_key(&public(&remote))
        .push_opcode(OP_SWAP)
        .push_opcode(OP_SIZE)
        .push_int(32)
        .push_opcode(OP_EQUAL)
        .push_opcode(OP_NOTIF)
        .push_opcode(OP_DROP)
        .push_int(2)
        .push_opcode(OP_SWAP)
        .push_key(&public(&local))
        .push_int(2)
        .push_opcode(OP_CHECKMULTISIG)
        .push_opcode(OP_ELSE)
        .push_opcode(OP_HASH160)
        .push_slice(hash160::Hash::hash(&preimage).to_byte_array())
        .push_opcode(OP_EQUALVERIFY)
        .push_opcode(OP_CHECKSIG)
        .push_opcode(OP_ENDIF)
        .push_int(1)
        .push_opcode(OP_CSV)
        .push_opcode(OP_DROP)
        .push_opcode(OP_ENDIF)
        .into_script();
    let late = (0, 1);
    let key = public(&revoked).to_bytes();
    assert_eq!(spend(&script, &[By(&revoked), Bytes(&key)], NO_LOCK), Ok(()));
    assert_eq!(spend(&script, &[By(&remote), Bytes(&preimage)], late), Ok(()));
    assert_eq!(spend(&script, &[By(&remote), Bytes(&preimage)], NO_LOCK), Err(ScriptFault::Locked));
    assert_eq!(spend(&script, &[By(&remote), Bytes(&[8; 32])], late), Err(ScriptFault::False));
    assert_eq!(spend(&script, &[By(&local), Bytes(&preimage)], late), Err(ScriptFault::Signature));
    let timeout = [Bytes(&[]), By(&remote), By(&local), Bytes(&[])];
    assert_eq!(spend(&script, &timeout, late), Ok(()));
}

#[test]
fn anchors_open_to_their_key_and_after_16_blocks_to_anyone() {
    let key = Key::new(1);
    let script = Builder::new()
        .push_key(&public(&key))
        .push_opcode(OP_CHECKSIG)
        .push_opcode(OP_IFDUP)
        .push_opcode(OP_NOTIF)
        .push_int(16)
        .push_opcode(OP_CSV)
        .push_opcode(OP_ENDIF)
        .into_script();
    assert_eq!(spend(&script, &[By(&key)], NO_LOCK), Ok(()));
    assert_eq!(spend(&script, &[Bytes(&[])], (0, 16)), Ok(()));
    assert_eq!(spend(&script, &[Bytes(&[])], (0, 15)), Err(ScriptFault::Locked));
    assert_eq!(spend(&script, &[By(&Key::new(2))], NO_LOCK), Err(ScriptFault::Signature));
}

#[test]
fn an_absolute_lock_is_compared_with_the_lock_time_of_the_same_kind() {
    let key = Key::new(1);
    let locked = |until: i64| {
        Builder::new()
            .push_int(until)
            .push_opcode(OP_CLTV)
            .push_opcode(OP_DROP)
            .push_key(&public(&key))
            .push_opcode(OP_CHECKSIGVERIFY)
            .push_int(1)
            .into_script()
    };
    #[track_caller]
    fn case(script: ScriptBuf, key: &Key, lock: (u32, u32), expected: Result<(), ScriptFault>) {
        assert_eq!(spend(&script, &[By(key)], lock), expected);
    }
    case(locked(500), &key, (500, 0), Ok(()));
    case(locked(500), &key, (499, 0), Err(ScriptFault::Locked));
    case(locked(500), &key, (500, u32::MAX), Err(ScriptFault::Locked));
    case(locked(500), &key, (1_700_000_000, 0), Err(ScriptFault::Locked));
    case(locked(1_700_000_000), &key, (1_700_000_000, 0), Ok(()));
    case(locked(4_000_000_000), &key, (4_000_000_000, 0), Ok(()));
    case(locked(-2), &key, (500, 0), Err(ScriptFault::Locked));
}

#[test]
fn hostile_scripts_end_in_a_fault() {
    #[track_caller]
    fn case(bytes: &[u8], expected: ScriptFault) {
        let script = ScriptBuf::from_bytes(bytes.to_vec());
        assert_eq!(spend(&script, &[], NO_LOCK), Err(expected));
    }
    case(&[], ScriptFault::False);
    case(&[0x63], ScriptFault::Malformed); // IF with an empty stack
    case(&[0x51, 0x63], ScriptFault::Malformed); // IF without ENDIF
    case(&[0x68], ScriptFault::Malformed); // ENDIF alone
    case(&[0x67], ScriptFault::Malformed); // ELSE alone
    case(&[0x4c], ScriptFault::Malformed); // a push without its length
    case(&[0x01, 0x05], ScriptFault::Malformed); // a push that OP_5 says shorter
    case(&[0x02, 0x01], ScriptFault::Malformed); // a push beyond the end
    case(&[0x51, 0xae], ScriptFault::Malformed); // more keys than items
    case(&[0x01, 0x81, 0xae], ScriptFault::Malformed); // a negative count of keys, badly pushed
    case(&[0x51, 0x6a], ScriptFault::Opcode(OP_RETURN));
    case(&[0x00, 0x63, 0x7e, 0x68, 0x51], ScriptFault::Opcode(OP_CAT)); // never run, yet refused
    let long = [vec![0x00, 0x63, 0x4d, 0x09, 0x02], vec![1; 521], vec![0x68, 0x51]].concat();
    case(&long, ScriptFault::TooLarge);
    case(&[0x51, 0x51], ScriptFault::False); // two items are left
    case(&[0x51, 0x51, 0x87, 0x69], ScriptFault::False); // nothing is left
    case(&[0x51; 200], ScriptFault::TooLarge);
    case(&vec![0x51; SCRIPT_BYTES_MAX + 1], ScriptFault::TooLarge);
    let dups = [vec![0x51], [0x76, 0x75].repeat(101)].concat();
    case(&dups, ScriptFault::TooLarge);
    let script = ScriptBuf::from_bytes(vec![0x75, 0x51]);
    assert_eq!(spend(&script, &[Bytes(&[0; 81])], NO_LOCK), Err(ScriptFault::TooLarge));
    assert_eq!(spend(&script, &[Bytes(&[0; 80])], NO_LOCK), Ok(()));
}

#[test]
fn numbers_are_minimal_and_signed() {
    #[track_caller]
    fn case(bytes: &[u8], expected: Option<i64>) {
        assert_eq!(number(bytes, LOCK_BYTES_MAX).ok(), expected);
    }
    case(&[], Some(0));
    case(&[1], Some(1));
    case(&[0x81], Some(-1));
    case(&[0x80, 0], Some(128));
    case(&[0xff, 0xff, 0xff, 0xff, 0], Some(0xffff_ffff));
    case(&[0, 0, 0, 0, 0, 1], None);
    case(&[0], None);
    case(&[0x80], None);
    case(&[1, 0], None);
}
