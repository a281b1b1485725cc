#![allow(clippy::unwrap_used)]
use super::*;
use bitcoin::hashes::{Hash as _, sha256};

const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

/// `Found` of a look-up for the hash of the preimage 0707..07; PROOF and HASH stand for the two.
#[track_caller]
fn case(members: &str, expected: &str) {
    let hash = PaymentHash(sha256::Hash::hash(&[7; 32]).to_byte_array());
    let members = members.replace("PROOF", &"07".repeat(32)).replace("HASH", &hash.to_string());
    let text = format!(r#"{{"result_type":"lookup_invoice","result":{{{members}}}}}"#);
    let answer = Answer::new(text);
    let document = answer.result("lookup_invoice").unwrap();
    let found = Transaction::read(&document, "/result").map(|transaction| transaction.outgoing(&hash, NOW));
    let shown = format!("{found:?}");
    assert!(shown.contains(expected), "{members}: {shown}");
}

#[test]
fn only_a_settled_payment_with_its_proof_is_paid() {
    let out = |members: &str| format!(r#""type":"outgoing","payment_hash":"HASH",{members}"#);
    case(&out(r#""state":"settled","preimage":"PROOF","fees_paid":21"#), "Paid");
    case(&out(r#""settled_at":1700000000,"preimage":"PROOF""#), "Paid");
    case(&out(r#""state":"settled","preimage":"""#), "Unavailable");
    case(&out(r#""state":"settled""#), "Unavailable");
    case(
        &out(r#""state":"settled","preimage":"0000000000000000000000000000000000000000000000000000000000000000""#),
        "Unavailable",
    );
    case(&out(r#""state":"pending","preimage":"PROOF""#), "InFlight");
    case(&out(r#""state":"pending","settled_at":null"#), "InFlight");
    case(&out(r#""settled_at":null"#), "InFlight");
    case(&out(r#""settled_at":0"#), "InFlight");
    case(&out(r#""state":"failed","preimage":"","expires_at":1700000031"#), "Failed");
    case(&out(r#""state":"failed","preimage":"","expires_at":1700000030"#), "Unavailable");
    case(&out(r#""state":"failed","preimage":"""#), "Unavailable");
    case(&out(r#""state":"failed","settled_at":1699999000,"invoice":"no invoice""#), "Unavailable");
    case(&out(r#""state":"failed","preimage":"PROOF""#), "Unavailable");
    case(&out(r#""state":"expired""#), "Unavailable");
    case(&out(r#""state":"something new""#), "Unavailable");
    case(r#""type":"incoming","payment_hash":"HASH","state":"settled","preimage":"PROOF""#, "Unavailable");
    case(r#""type":"incoming","payment_hash":"HASH","state":"failed""#, "Unavailable");
    let other = "22".repeat(32);
    case(&format!(r#""type":"outgoing","payment_hash":"{other}","state":"failed""#), "Unavailable");
    case(r#""type":"outgoing","state":"failed""#, "None");
    case(r#""payment_hash":"HASH","state":"failed""#, "None");
}

#[test]
fn an_answer_to_another_question_is_no_refusal() {
    for (text, code) in [
        (r#"{"result_type":"pay_invoice","error":{"code":"RESTRICTED","message":"no"}}"#, "RESTRICTED"),
        (r#"{"error":{"code":"RESTRICTED","message":"no"}}"#, "RESTRICTED"),
        (r#"{"result_type":"get_info","error":{"code":"RESTRICTED","message":"no"}}"#, ""),
        (r#"{"result_type":"pay_invoice","error":{"message":"no"}}"#, ""),
        (r#"{"result_type":"pay_invoice","error":"RESTRICTED"}"#, ""),
        (r#"{"result_type":"pay_invoice","error":null,"result":[]}"#, ""),
        (r#"{"result":{"preimage":""}}"#, ""),
        ("[]", ""),
        ("", ""),
    ] {
        let refusal = Answer::new(text.to_owned()).result("pay_invoice").err().unwrap();
        assert_eq!(refusal.code, code, "{text}");
        assert_eq!(refusal.sorted().1, code == "RESTRICTED", "{text}");
    }
}

/// What one page of the history comes to: how many settled ones, or a fault.
#[track_caller]
fn listed(item: &str, expected: Result<usize, ()>) {
    let text = format!(r#"{{"result_type":"list_transactions","result":{{"transactions":[{item}]}}}}"#);
    let listed = page(&Answer::new(text)).and_then(|page| {
        let listed: Result<Vec<_>, _> =
            page.into_iter().flatten().filter_map(|found| found.listed().transpose()).collect();
        listed.map(|listed| listed.len())
    });
    assert_eq!(listed.map_err(|_| ()), expected, "{item}");
}

#[test]
fn a_settled_payment_that_cannot_be_read_is_not_left_out_of_the_history() {
    let hash = "22".repeat(32);
    let settled = |rest: &str| format!(r#"{{"type":"outgoing","payment_hash":"{hash}","state":"settled"{rest}}}"#);
    listed(&settled(r#","amount":1000"#), Ok(1));
    listed(&settled(""), Err(()));
    listed(&settled(r#","amount":1.5"#), Err(()));
    listed(r#"{"state":"settled","amount":1000}"#, Err(()));
    listed(r#"{"type":"outgoing","settled_at":1700000000,"amount":1000}"#, Err(()));
    listed("7", Err(()));
    listed(r#"{"type":"something new","state":"pending"}"#, Ok(0));
    listed(&format!(r#"{{"type":"outgoing","payment_hash":"{hash}","state":"failed"}}"#), Ok(0));
}
