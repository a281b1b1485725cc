//! Which entries of the journal the owner is told of, and in which words.

use serde_json::Value;

use crate::domain::money::Msat;
use crate::store::JournalEntry;
use crate::text::cleaned;

/// What the owner is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) text: String,
    /// Nothing is paid until the owner has answered or looked, or money went where it should not.
    pub(super) is_urgent: bool,
}

impl Message {
    /// `None` for what needs nobody.
    pub(super) fn of(entry: &JournalEntry) -> Option<Message> {
        let entry = entry.entry.as_ref()?;
        let word = |key: &str| cleaned(entry.get(key).and_then(Value::as_str).unwrap_or_default(), WORDS_MAX);
        let sat = |key: &str| Msat(entry.get(key).and_then(Value::as_u64).unwrap_or_default());
        let whole = |key: &str| Msat(entry.get(key).and_then(Value::as_u64).unwrap_or_default().saturating_mul(1_000));
        let number = entry.get("move").and_then(Value::as_i64).unwrap_or_default();
        let event = entry.get("event").and_then(Value::as_str)?;
        let text = match event {
            "asked" => format!(
                "May {} be paid to {}? You are asked because {}. Answer on the page, or: kilosat approve {}",
                sat("amount_msat"),
                word("payee"),
                word("why"),
                entry.get("question").and_then(Value::as_i64).unwrap_or_default()
            ),
            "not_answered" => {
                "A question about a payment was not answered in time; you are asked again in a day.".to_owned()
            }
            "refused" => format!("{} was not paid. {}", word("payee"), word("why")),
            "by_hand" => format!("{} are on their way to {}, by hand.", sat("amount_msat"), word("payee")),
            "by_hand_failed" => {
                format!("{} to {}, by hand, were not paid: {}", sat("amount_msat"), word("payee"), word("why"))
            }
            "locked" => format!("All payments are locked until you have looked: {}", word("reason")),
            "stopped" => "All payments are stopped.".to_owned(),
            "resumed" => "Payments go on.".to_owned(),
            "unlocked" => "The lock on payments was lifted.".to_owned(),
            "stop_button_lost" => format!("The stop button does not work, so nothing is paid: {}", word("why")),
            "fee_above_limit" => {
                format!("The wallet took a fee of {}, more than the limit of {}.", sat("fee_msat"), sat("fee_max_msat"))
            }
            "stray" => format!("The wallet paid {} that it was never told to pay.", sat("amount_msat")),
            "unproven" => word("why"),
            "move_asked" => format!(
                "May {} be moved {}, for at most {}? Answer on the page, or: kilosat treasury agree {number}",
                whole("amount_sat"),
                way(&word("kind")),
                whole("cost_max_sat"),
            ),
            "move_done" => {
                format!("{} were moved {}, for {}.", whole("amount_sat"), way(&word("kind")), whole("cost_sat"))
            }
            "move_undone" => format!("Move {number} was called off, for {}. {}", whole("cost_sat"), word("why")),
            "move_stuck" => format!("Move {number} does not go on: {}", word("why")),
            "provider_away" => PROVIDER_AWAY.to_owned(),
            "provider_back" => "Your Lightning provider answers again.".to_owned(),
            "channel_closed" => format!(
                "A Lightning channel was closed. {}. Its money comes back on the chain; the page shows when.",
                word("why")
            ),
            "money_wanted" => format!(
                "There is too little spending money: {}. Please bring {}; the page makes an invoice for it.",
                whole("spending_sat"),
                whole("wanted_sat")
            ),
            "access" => sentence(&word("text")),
            _ => return None,
        };
        Some(Message { text, is_urgent: URGENT.contains(&event) })
    }
}

/// Where money is moved to and from.
fn way(kind: &str) -> &'static str {
    if kind == "refill" { "from your savings into spending money" } else { "out of your spending money" }
}

/// As one stands alone.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
}

const WORDS_MAX: usize = 300;
const PROVIDER_AWAY: &str = "Your Lightning provider has not answered for an hour, so nothing can be paid. Nothing is lost; \
    Kilosat calls it again and closes nothing by itself.";
const URGENT: [&str; 8] =
    ["asked", "locked", "stop_button_lost", "fee_above_limit", "stray", "unproven", "money_wanted", "provider_away"];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(entry: Value) -> Option<String> {
        Message::of(&JournalEntry { seq: 1, at_ms: 1, entry: Some(entry) }).map(|message| message.text)
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
        assert!(
            text.starts_with("May 200000 sat be moved from your savings into spending money, for at most 900 sat?")
        );
        assert!(text.ends_with("kilosat treasury agree 3"), "{text}");
        assert!(told(json!({"event": "provider_away"})).unwrap().contains("closes nothing by itself"));
        for quiet in ["interval", "due", "intent", "settled", "received", "switched", "set", "something new"] {
            assert_eq!(told(json!({"event": quiet})), None, "{quiet}");
        }
        assert_eq!(Message::of(&JournalEntry { seq: 1, at_ms: 1, entry: None }).map(|message| message.text), None);
    }

    #[test]
    fn strangers_words_are_cleaned_and_bounded() {
        let text = told(json!({"event": "refused", "payee": "x\u{202e}\ny", "why": "w".repeat(9_000)})).unwrap();
        assert!(text.starts_with("x y was not paid.") && text.len() < 1_000, "{text}");
    }
}
