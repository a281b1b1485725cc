//! Which entries of the journal the owner is told of, and in which words.

use serde_json::Value;

use crate::store::JournalEntry;
use crate::text::cleaned;
use crate::words::Words;

/// What the owner is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) text: String,
    /// Nothing is paid until the owner has answered or looked, or money went where it should not.
    pub(super) is_urgent: bool,
}

impl Message {
    /// `None` for what needs nobody.
    pub(super) fn of(entry: &JournalEntry, t: Words) -> Option<Message> {
        let entry = entry.entry.as_ref()?;
        let word = |key: &str| cleaned(text_in(entry, key), WORDS_MAX);
        let why = |key: &str| ("why", cleaned(&t.told(text_in(entry, key)), WORDS_MAX));
        let payee = || ("payee", word("payee"));
        let number = |key: &str| number_in(entry, key);
        let sat = |name, key: &str| (name, t.sat(&number(key)));
        let sats = |name, key: &str| (name, t.sats(&number(key)));
        // Which way a move goes decides the sentence.
        let moved = |refill, sweep| if word("kind") == "refill" { refill } else { sweep };
        let event = entry.get("event").and_then(Value::as_str)?;
        let text = match event {
            "asked" => {
                let question = ("question", number("question").to_string());
                t.fill("message-asked", &[sat("amount", "amount_msat"), payee(), why("why"), question])
            }
            "not_answered" => t.say("message-not-answered"),
            "refused" => t.fill("message-refused", &[payee(), why("why")]),
            "by_hand" => t.fill("message-by-hand", &[sat("amount", "amount_msat"), payee()]),
            "by_hand_failed" => t.fill("message-by-hand-failed", &[sat("amount", "amount_msat"), payee(), why("why")]),
            "locked" => t.fill("message-locked", &[why("reason")]),
            "stopped" => t.say("message-stopped"),
            "resumed" => t.say("message-resumed"),
            "unlocked" => t.say("message-unlocked"),
            "stop_button_lost" => t.fill("message-button-lost", &[why("why")]),
            "fee_above_limit" => {
                t.fill("message-fee-above-limit", &[sat("fee", "fee_msat"), sat("limit", "fee_max_msat")])
            }
            "stray" => t.fill("message-stray", &[sat("amount", "amount_msat")]),
            "unproven" => why("why").1,
            "move_asked" => {
                let values = [
                    sats("amount", "amount_sat"),
                    sats("cost", "cost_max_sat"),
                    ("number", number("move").to_string()),
                ];
                t.fill(moved("message-refill-asked", "message-sweep-asked"), &values)
            }
            "move_done" => {
                let values = [sats("amount", "amount_sat"), sats("cost", "cost_sat")];
                t.fill(moved("message-refill-done", "message-sweep-done"), &values)
            }
            "move_undone" => t.fill(
                "message-move-undone",
                &[("number", number("move").to_string()), sats("cost", "cost_sat"), why("why")],
            ),
            "move_stuck" => t.fill("message-move-stuck", &[("number", number("move").to_string()), why("why")]),
            "provider_away" => t.say("message-provider-away"),
            "provider_back" => t.say("message-provider-back"),
            "provider_terms" | "opening_dearer" => dearer(entry, event, t),
            "channel_closed" => t.fill("message-channel-closed", &[why("why")]),
            "money_wanted" => {
                t.fill("message-money-wanted", &[sats("spending", "spending_sat"), sats("wanted", "wanted_sat")])
            }
            "access" => sentence(&word("text")),
            _ => return None,
        };
        Some(Message { text, is_urgent: URGENT.contains(&event) })
    }
}

/// What the provider takes now.
fn dearer(entry: &Value, event: &str, t: Words) -> String {
    if event == "opening_dearer" {
        let sat = |key| t.sat(&number_in(entry, key));
        return t.fill("message-opening-dearer", &[("amount", sat("amount_msat")), ("fee", sat("fee_msat"))]);
    }
    let fee = |of: &Value| t.passing_fee(number_in(of, "base_msat"), number_in(of, "ppm"));
    let before = entry.get("before").map_or_else(String::new, fee);
    t.fill("message-provider-terms", &[("now", fee(entry)), ("before", before)])
}

fn number_in(entry: &Value, key: &str) -> u64 {
    entry.get(key).and_then(Value::as_u64).unwrap_or_default()
}

fn text_in<'a>(entry: &'a Value, key: &str) -> &'a str {
    entry.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// As one stands alone.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
}

const WORDS_MAX: usize = 300;
const URGENT: [&str; 8] =
    ["asked", "locked", "stop_button_lost", "fee_above_limit", "stray", "unproven", "money_wanted", "provider_away"];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::language::Language;

    fn told(entry: Value) -> Option<String> {
        told_in(Language::English, entry)
    }

    fn told_in(language: Language, entry: Value) -> Option<String> {
        let entry = JournalEntry { seq: 1, at_ms: 1, entry: Some(entry) };
        Message::of(&entry, Words::of(language)).map(|message| message.text)
    }

    #[test]
    fn they_are_in_the_owners_language_with_the_reason() {
        let why = "The kilowatt-hour costs 300 sat; your limit for this payee is 250 sat. Nothing was paid, and what was used \
                   stays owed.";
        let text = told_in(Language::German, json!({"event": "refused", "payee": "a@b.example", "why": why})).unwrap();
        assert!(text.contains("Ihre Grenze für diesen Empfänger ist 250 sat. Es wurde nichts bezahlt"), "{text}");
        let asked = json!({"event": "asked", "question": 7, "payee": "a@b.example", "amount_msat": 1_500_500, "why": "it is new"});
        let text = told_in(Language::German, asked).unwrap();
        assert!(text.contains("1\u{202f}500,500 sat") && text.contains("it is new"), "{text}");
    }

    #[test]
    fn what_needs_the_owner_is_told_and_the_rest_is_not() {
        let asked = json!({"event": "asked", "question": 7, "payee": "a@b.example", "amount_msat": 150_000, "why": "it is new"});
        let text = told(asked).unwrap();
        assert!(text.contains("May 150 sat be paid to a@b.example?") && text.contains("kilosat approve 7"), "{text}");
        assert_eq!(
            told(json!({"event": "access", "text": "logged in from 192.168.1.5"})).unwrap(),
            "Logged in from 192.168.1.5."
        );
        assert_eq!(told(json!({"event": "access"})).unwrap(), "");
        let moves =
            json!({"event": "move_asked", "move": 3, "kind": "refill", "amount_sat": 200_000, "cost_max_sat": 900});
        let text = told(moves).unwrap();
        assert!(text.starts_with(
            "May 200\u{202f}000 sat be moved from your savings into spending money, for at most 900 sat?"
        ));
        assert!(text.ends_with("kilosat treasury agree 3"), "{text}");
        let terms = json!({"event": "provider_terms", "base_msat": 1_500, "ppm": 2_000,
            "before": {"base_msat": 1_000, "ppm": 100, "blocks": 40}});
        let text = told(terms).unwrap();
        assert!(text.contains("now 1.5 sat and 0.2 % of each payment, before 1 sat and 0.01 %"), "{text}");
        assert!(told(json!({"event": "provider_away"})).unwrap().contains("closes nothing by itself"));
        for quiet in ["interval", "due", "intent", "settled", "received", "switched", "set", "something new"] {
            assert_eq!(told(json!({"event": quiet})), None, "{quiet}");
        }
        assert_eq!(Message::of(&JournalEntry { seq: 1, at_ms: 1, entry: None }, Words::of(Language::English)), None);
    }

    #[test]
    fn strangers_words_are_cleaned_and_bounded() {
        let text = told(json!({"event": "refused", "payee": "x\u{202e}\ny", "why": "w".repeat(9_000)})).unwrap();
        assert!(text.starts_with("x y was not paid.") && text.len() < 1_000, "{text}");
    }
}
