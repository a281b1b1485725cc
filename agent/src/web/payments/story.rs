//! What the journal says of a payment, in sentences.

use jiff::tz::TimeZone;
use serde_json::Value;

use super::super::Words;
use crate::store::Story;

/// One step.
pub(in super::super) struct Step {
    /// When, as the owner's clock has it.
    pub at: String,
    /// What happened.
    pub text: String,
}

/// Every step that the journal has, oldest first.
pub(in super::super) fn steps(story: &Story, t: Words, zone: &TimeZone) -> Vec<Step> {
    let entries = story.steps.iter().filter_map(|entry| Some((entry.at_ms, entry.entry.as_ref()?)));
    entries.map(|(at_ms, entry)| Step { at: t.moment(&at_ms, zone), text: sentence(entry, t) }).collect()
}

fn sentence(entry: &Value, t: Words) -> String {
    let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let sat = |key: &str| t.sat(&entry.get(key).and_then(Value::as_u64).unwrap_or_default());
    let event = text("event");
    match event.as_str() {
        "by_hand" => t.with("step-by-hand", "amount", sat("amount_msat")),
        "by_hand_failed" => t.say("step-by-hand-failed"),
        "due" => t.with("step-due", "amount", sat("amount_msat")),
        "asked" => t.with("step-asked", "amount", sat("amount_msat")),
        "approved" => t.say("step-approved"),
        "declined" => t.say("step-declined"),
        "not_answered" => t.say("step-not-answered"),
        "refused" => t.with("step-refused", "why", text("why")),
        "intent" => t.fill("step-intent", &[("amount", sat("amount_msat")), ("fee", sat("fee_max_msat"))]),
        "settled" => t.with("step-settled", "fee", sat("fee_msat")),
        "failed" => t.with("step-failed", "why", text("why")),
        "cancelled" => t.with("step-cancelled", "why", text("why")),
        "fee_above_limit" => t.with("step-fee-above-limit", "fee", sat("fee_msat")),
        "unproven" => t.with("step-unproven", "why", text("why")),
        "stray" => t.say("step-stray"),
        "accepted" => t.say("step-accepted"),
        "written_off" => t.say("step-written-off"),
        _ => t.with("step-other", "event", event),
    }
}
