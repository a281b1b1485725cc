//! When a verdict about money may be given at all, said a second time and in another way than the services say it.

use bitcoin::hex::DisplayHex as _;
use kilosat::domain::money::UnixMillis;
use kilosat::http::HttpAnswer;
use kilosat::lightning::ServiceKind;
use serde_json::{Value, json};

/// The payment asked about: the sha256 of [`PREIMAGE`].
pub const HASH: [u8; 32] = [
    0x4b, 0xb0, 0x6f, 0x8e, 0x4e, 0x3a, 0x77, 0x15, 0xd2, 0x01, 0xd5, 0x73, 0xd0, 0xaa, 0x42, 0x37, 0x62, 0xe5, 0x5d,
    0xab, 0xd6, 0x1a, 0x2c, 0x02, 0x27, 0x8f, 0xa5, 0x6c, 0xc6, 0xd2, 0x94, 0xe0,
];
/// Its proof.
pub const PREIMAGE: [u8; 32] = [7; 32];
/// The instant of the questions.
pub const NOW: UnixMillis = UnixMillis(1_800_000_000_000);
/// The id of our wallet at LNbits.
pub const WALLET_ID: &str = "b5d7a1f0";

/// Whether some answer shows the proof.
pub fn may_be_paid(kind: ServiceKind, answers: &[HttpAnswer]) -> bool {
    let told = |answer: &HttpAnswer| match kind {
        ServiceKind::Phoenixd | ServiceKind::Lnd => answer.status == 200,
        ServiceKind::Lnbits => matches!(answer.status, 200 | 201),
        ServiceKind::Cln => answer.status == 201,
        ServiceKind::Nwc | ServiceKind::Node => true,
    };
    let proof = PREIMAGE.to_lower_hex_string();
    answers.iter().filter(|answer| told(answer)).flat_map(values).any(|value| holds(&value, &proof))
}

/// Whether a pay call may be called failed for good.
pub fn may_have_failed(kind: ServiceKind, answers: &[HttpAnswer]) -> bool {
    let (first, value) = (&answers[0], value(&answers[0]));
    match kind {
        ServiceKind::Node | ServiceKind::Nwc => false,
        ServiceKind::Phoenixd => first.status == 200 && is_phoenixd_failure(&value),
        ServiceKind::Lnbits => {
            first.status == 520 && value["status"] == "failed" && may_be_found_failed(kind, &answers[1..])
        }
        ServiceKind::Lnd => may_be_found_failed(kind, answers),
        ServiceKind::Cln => {
            let reads = answers.get(1..3).unwrap_or_default();
            let code = value["code"].as_i64().unwrap_or(-1);
            let both = |wanted: fn(&HttpAnswer) -> bool| reads.len() == 2 && reads.iter().all(wanted);
            let before_an_attempt = [205, 206, 215].contains(&code) && both(is_empty_list);
            first.status != 201 && code >= 0 && (both(is_list_of_failed) || before_an_attempt)
        }
    }
}

/// Whether a pay call may be called never sent.
pub fn may_be_unsent(kind: ServiceKind, answers: &[HttpAnswer]) -> bool {
    let (status, value) = (answers[0].status, value(&answers[0]));
    let begins = |words: &str| answers[0].body.starts_with(words.as_bytes());
    match kind {
        ServiceKind::Node => false,
        ServiceKind::Phoenixd => match status {
            200 => is_phoenixd_failure(&value),
            400 => begins("Request parameter "),
            404 => begins("Unknown endpoint"),
            status => status == 401,
        },
        ServiceKind::Lnbits => match status {
            401 | 403 | 404 => value["detail"].is_string(),
            400 | 520 => may_be_not_found(kind, &answers[1..]),
            _ => false,
        },
        ServiceKind::Lnd => {
            let error = if value["error"].is_object() { &value["error"] } else { &value };
            let code = error["code"].as_u64().or_else(|| error["code"].as_str()?.parse().ok());
            let said = error["message"].as_str().unwrap_or_default();
            match (status, code) {
                (400, Some(3)) | (403, Some(7)) | (401, Some(16)) => true,
                (404 | 500, Some(2)) => LND_GATE.iter().any(|words| said.starts_with(words)),
                _ => false,
            }
        }
        ServiceKind::Cln => match (status, value["code"].as_i64()) {
            (201, _) | (_, None) => false,
            (401 | 403 | 406, _) | (404, Some(-32_601)) | (_, Some(-32_602)) => true,
            (_, Some(207)) => answers.len() > 2 && answers[1..3].iter().all(is_empty_list),
            _ => false,
        },
        ServiceKind::Nwc => {
            let kind = value["result_type"].as_str().unwrap_or_default();
            let code = value["error"]["code"].as_str().unwrap_or_default();
            (kind.is_empty() || kind == "pay_invoice") && BEFORE.contains(&code)
        }
    }
}

/// Whether a look-up may say that a payment failed.
pub fn may_be_found_failed(kind: ServiceKind, answers: &[HttpAnswer]) -> bool {
    let Some(first) = answers.first() else { return false };
    let value = value(first);
    match kind {
        ServiceKind::Node => false,
        ServiceKind::Phoenixd => {
            let is_over = !value["completedAt"].is_null() && value["preimage"].is_null();
            first.status == 200 && value["isPaid"] == false && is_over && is_ours(&value["paymentHash"])
        }
        ServiceKind::Lnbits => {
            let row = &value["details"];
            let goes_out = row["amount"].as_f64().is_some_and(|amount| amount <= 0.0);
            let is_row = row["wallet_id"] == WALLET_ID && goes_out && is_ours(&row["payment_hash"]);
            first.status == 200 && value["paid"] == false && row["status"] == "failed" && is_row && names_invoice(row)
        }
        ServiceKind::Lnd => {
            let failed =
                |line: &Value| line["result"]["status"] == "FAILED" && is_ours(&line["result"]["payment_hash"]);
            first.status == 200 && values(first).iter().any(failed)
        }
        ServiceKind::Cln => answers.len() > 1 && answers[..2].iter().all(is_list_of_failed),
        ServiceKind::Nwc => {
            let row = &value["result"];
            let state = row["state"].as_str().unwrap_or_default();
            let is_failed = row["type"] == "outgoing" && state.eq_ignore_ascii_case("failed");
            let is_past = row["expires_at"].as_u64().is_some_and(|at| at > 0 && at <= NOW.0 / 1_000);
            is_failed
                && is_ours(&row["payment_hash"])
                && !is_past
                && (names_invoice(row) || !row["expires_at"].is_null())
        }
    }
}

/// Whether a look-up may say that the wallet never heard of a payment.
pub fn may_be_not_found(kind: ServiceKind, answers: &[HttpAnswer]) -> bool {
    let Some(first) = answers.first() else { return false };
    let value = value(first);
    match kind {
        ServiceKind::Node => false,
        ServiceKind::Phoenixd => first.status == 404 && first.body == b"Not found",
        ServiceKind::Lnbits => first.status == 404 && value == json!({ "detail": "Payment does not exist." }),
        ServiceKind::Lnd => {
            let error = if value["error"].is_object() { &value["error"] } else { &value };
            first.status == 404 && error["message"] == "payment isn't initiated"
        }
        // A payment that failed and is gone at the second look is on its way.
        ServiceKind::Cln => is_empty_list(first),
        ServiceKind::Nwc => value["error"]["code"] == "NOT_FOUND",
    }
}

/// Whether a look-up may say that an invoice of ours was paid.
pub fn may_have_come_in(kind: ServiceKind, answer: &HttpAnswer) -> bool {
    let value = value(answer);
    match kind {
        ServiceKind::Node => false,
        ServiceKind::Phoenixd => answer.status == 200 && value["isPaid"] == true && is_ours(&value["paymentHash"]),
        ServiceKind::Lnbits => {
            let row = &value["details"];
            let comes_in = row["amount"].as_f64().is_some_and(|amount| amount >= 0.0);
            value["paid"] == true && row["status"] == "success" && comes_in && is_ours(&row["payment_hash"])
        }
        ServiceKind::Lnd => answer.status == 200 && value["state"] == "SETTLED",
        ServiceKind::Cln => {
            let row = &value["invoices"][0];
            answer.status == 201 && row["status"] == "paid" && is_ours(&row["payment_hash"])
        }
        ServiceKind::Nwc => {
            let row = &value["result"];
            row["type"] == "incoming" && row["state"] != "pending" && is_ours(&row["payment_hash"])
        }
    }
}

fn is_phoenixd_failure(value: &Value) -> bool {
    let proof = value.get("paymentPreimage");
    value["reason"].as_str().is_some_and(|reason| FINAL_REASONS.contains(&reason))
        && proof.is_none()
        && is_ours(&value["paymentHash"])
}

/// Without the invoice nobody knows whether a failure is more than its expiry.
fn names_invoice(row: &Value) -> bool {
    ["bolt11", "invoice"].iter().any(|key| row[key].as_str().is_some_and(|text| text.to_lowercase().starts_with("ln")))
}

fn is_list_of_failed(answer: &HttpAnswer) -> bool {
    let value = value(answer);
    let failed = |row: &Value| row["status"] == "failed" && is_ours(&row["payment_hash"]);
    let rows = value["pays"].as_array();
    answer.status == 201 && rows.is_some_and(|rows| !rows.is_empty() && rows.iter().all(failed))
}

fn is_empty_list(answer: &HttpAnswer) -> bool {
    answer.status == 201 && value(answer)["pays"] == json!([])
}

fn is_ours(hash: &Value) -> bool {
    hash.as_str().is_some_and(|hash| hash.eq_ignore_ascii_case(&HASH.to_lower_hex_string()))
}

fn holds(value: &Value, wanted: &str) -> bool {
    match value {
        Value::String(text) => text.eq_ignore_ascii_case(wanted),
        Value::Array(items) => items.iter().any(|item| holds(item, wanted)),
        Value::Object(members) => members.values().any(|member| holds(member, wanted)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// The whole body as JSON, or nothing. What is no UTF-8 comes over Nostr as replacement characters.
fn value(answer: &HttpAnswer) -> Value {
    serde_json::from_str(&String::from_utf8_lossy(&answer.body)).unwrap_or_default()
}

/// The body as JSON, and each of its lines.
fn values(answer: &HttpAnswer) -> Vec<Value> {
    let lines = answer.body.split(|byte| *byte == b'\n').map(|line| serde_json::from_slice(line).unwrap_or_default());
    std::iter::once(value(answer)).chain(lines).collect()
}

/// NIP-47: refusals from before anything was begun.
const BEFORE: [&str; 7] = [
    "RATE_LIMITED",
    "NOT_IMPLEMENTED",
    "INSUFFICIENT_BALANCE",
    "QUOTA_EXCEEDED",
    "RESTRICTED",
    "UNAUTHORIZED",
    "UNSUPPORTED_ENCRYPTION",
];
/// What phoenixd says of a payment that did not begin or has ended; every other reason has to be looked up.
const FINAL_REASONS: [&str; 19] = [
    "a node in the route had a temporary failure",
    "a splicing operation is in progress",
    "channel closing is in progress, please retry when a new channel has been created",
    "channel creation is in progress, please retry when ready",
    "channel is not connected yet, please retry when connected",
    "liquidity issue at the recipient node",
    "not enough funds",
    "not enough funds in wallet to afford payment",
    "payment amount must be positive",
    "payment attempts exhausted without success",
    "payment request features not supported",
    "recipient node is offline or unreachable",
    "recipient node rejected the payment",
    "routing fees are insufficient",
    "the payment amount is too large",
    "the payment expiry is too far in the future",
    "the recipient rejected the payment",
    "the recipient was offline or did not have enough liquidity to receive the payment",
    "too many pending payments",
];
/// What LND says with its number for anything before it looks at a payment.
const LND_GATE: [&str; 13] = [
    "caveat \"",
    "cannot get macaroon: ",
    "expected 1 macaroon, got ",
    "invoice expired. Valid until",
    "invoice not for current active network",
    "permission denied",
    "self-payments not allowed",
    "the RPC server is in the process of starting up",
    "unknown macaroon version",
    "verification failed: ",
    "waiting to start, RPC services not available",
    "wallet locked, unlock it to enable full RPC access",
    "wallet not created, create one to enable full RPC access",
];
