//! What is recorded is also told to the log, with fields by which systemd's journal finds it: `PAYMENT_HASH`, `AGREEMENT`,
//! `METER`, `EVENT`.

use serde_json::{Map, Value};

use super::{EngineHandle, Unanswered};
use crate::store::JournalEntry;
use crate::text::{cleaned, without_paths};

/// Tells what was recorded after entry `told`, and what is from now on, until the engine stops.
pub async fn tell_log(engine: EngineHandle, mut told: u64) {
    let mut news = engine.news();
    news.mark_changed();
    while news.changed().await.is_ok() {
        loop {
            let entries = match engine.journal_after(told, ENTRIES_MAX).await {
                Ok(entries) => entries,
                Err(Unanswered::Gone(_)) => return,
                // Said already; with the next news it is tried again.
                Err(Unanswered::Question(_)) => break,
            };
            let Some(last) = entries.last() else { break };
            told = last.seq;
            entries.into_iter().for_each(|entry| tell(entry.without_proof()));
        }
    }
}

fn tell(entry: JournalEntry) {
    let Some(Value::Object(fields)) = entry.entry else { return };
    let word = |key: &str| fields.get(key).and_then(Value::as_str);
    let (event, text) = (word("event"), sentence(&fields));
    // The entries of a payment call the agreement, or the feed that buys data, its rule.
    let (agreement, meter, hash) = (word("agreement").or_else(|| word("rule")), word("meter"), word("hash"));
    match event {
        Some("locked" | "stray" | "doubtful" | "fee_above_limit" | "illegal_move") => {
            tracing::error!(event, agreement, meter, payment_hash = hash, "{text}");
        }
        _ => tracing::info!(event, agreement, meter, payment_hash = hash, "{text}"),
    }
}

/// Such as `settled: payment 3, rule home, amount_msat 50000`.
fn sentence(fields: &Map<String, Value>) -> String {
    let event = fields.get("event").and_then(Value::as_str).unwrap_or("recorded").replace('_', " ");
    let parts = fields.iter().filter(|(key, value)| *key != "event" && !value.is_null()).map(|(key, value)| {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        format!("{key} {value}")
    });
    let text: Vec<String> = parts.collect();
    // Strangers' words may be in it, and addresses that hold a key.
    let text = without_paths(&text.join(", "));
    cleaned(&format!("{event}: {text}"), TEXT_MAX)
}

const ENTRIES_MAX: u32 = 200;
const TEXT_MAX: usize = 600;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_becomes_one_line() {
        let entry = serde_json::json!({"event": "settled", "preimage": "00"});
        let entry = JournalEntry { seq: 1, at_ms: 0, entry: Some(entry) }.without_proof();
        assert_eq!(entry.entry, Some(serde_json::json!({"event": "settled"})));
        let said = |entry: Value| entry.as_object().map(sentence).unwrap_or_default();
        let entry = serde_json::json!({"event": "meter_changed", "agreement": "home", "from": "a", "owed_msat": 12, "to": null});
        assert_eq!(said(entry), "meter changed: agreement home, from a, owed_msat 12");
        let hostile = serde_json::json!({"event": "refused", "why": "no\nMESSAGE=payments are fine\u{1b}[2J"});
        let text = said(hostile);
        assert!(!text.contains(['\n', '\u{1b}']), "{text:?}");
        let address = serde_json::json!({"event": "refused", "why": "https://a.example/key/secret does not answer"});
        assert_eq!(said(address), "refused: why https://a.example/... does not answer");
    }
}
