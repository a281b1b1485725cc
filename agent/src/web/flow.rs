//! The picture of the house's power: a bar of where it comes from, and one of where it goes.

use super::Words;
use crate::status::{Flow, FlowPart, Status};

/// Both bars, drawn to the same scale.
pub(super) struct Picture {
    pub from: Vec<Segment>,
    pub to: Vec<Segment>,
    /// What is measured and not known now, in words.
    pub unknown: Option<String>,
}

/// A part of a bar that is [`WIDTH`] long.
pub(super) struct Segment {
    pub what: String,
    pub label: String,
    pub power: String,
    pub x: u64,
    pub width: u64,
}

impl Picture {
    pub(super) fn of(status: &Status, t: Words) -> Option<Picture> {
        let Flow { from, to, unknown } = status.flow.as_ref()?;
        let scale = sum(from).max(sum(to)).max(1);
        let unknown = unknown.iter().map(|what| t.say(&format!("flow-{what}"))).collect::<Vec<_>>().join(", ");
        let unknown = (!unknown.is_empty()).then(|| t.with("flow-unknown", "what", unknown));
        Some(Picture { from: segments(from, scale, t), to: segments(to, scale, t), unknown })
    }
}

fn sum(parts: &[FlowPart]) -> u64 {
    parts.iter().fold(0, |sum, part| sum.saturating_add(part.power_mw))
}

fn segments(parts: &[FlowPart], scale: u64, t: Words) -> Vec<Segment> {
    // Ends are rounded, not lengths, so that no gap is left between.
    let place = |power_mw: u64| {
        let place = u128::from(power_mw) * u128::from(WIDTH) / u128::from(scale);
        u64::try_from(place).unwrap_or(WIDTH).min(WIDTH)
    };
    let mut before = 0_u64;
    let segment = |part: &FlowPart| {
        let x = place(before);
        before = before.saturating_add(part.power_mw);
        let power_mw = i64::try_from(part.power_mw).unwrap_or(i64::MAX);
        Segment {
            what: part.what.clone(),
            label: t.say(&format!("flow-{}", part.what)),
            power: t.watts(&power_mw),
            x,
            width: place(before) - x,
        }
    };
    parts.iter().map(segment).collect()
}

/// Of the drawing, in its own units.
const WIDTH: u64 = 1_000;
