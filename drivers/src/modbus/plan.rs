//! Which requests read a whole profile: few of them, none above the device's limits, no value split over two.

use crate::profiles::{Part, Point, Profile, Space};

/// The registers of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) space: Space,
    pub(super) address: u16,
    pub(super) quantity: u16,
}

/// Joins neighbours as far as the profile allows.
pub(super) fn spans(profile: &Profile) -> Vec<Span> {
    let mut parts: Vec<Part> = profile.points.iter().flat_map(|point| point.parts.iter().copied()).collect();
    parts.sort_unstable();
    parts.dedup();
    let mut spans: Vec<Span> = Vec::new();
    for part in parts {
        if let Some(span) = spans.last_mut()
            && span.takes(part, profile)
        {
            continue;
        }
        spans.push(Span { space: part.space, address: part.address, quantity: part.count });
    }
    spans
}

/// The registers of a point from the answers to the spans; the exception where a request for one was refused.
pub(super) fn words_of(point: &Point, answers: &[(Span, Result<Vec<u16>, u8>)]) -> Result<Vec<u16>, u8> {
    let mut words = Vec::with_capacity(point.words());
    for part in &point.parts {
        for (span, answer) in answers.iter().filter(|(span, _)| span.holds(*part)).take(1) {
            let answer = answer.as_ref().map_err(|code| *code)?;
            let start = usize::from(part.address - span.address);
            // Shorter where the answer ends, which decoding refuses.
            words.extend(answer.iter().skip(start).take(usize::from(part.count)));
        }
    }
    Ok(words)
}

impl Span {
    fn holds(&self, part: Part) -> bool {
        let end = |address: u16, count: u16| u32::from(address) + u32::from(count);
        self.space == part.space
            && self.address <= part.address
            && end(part.address, part.count) <= end(self.address, self.quantity)
    }

    fn takes(&mut self, part: Part, profile: &Profile) -> bool {
        let limits = &profile.limits;
        let end = self.address.saturating_add(self.quantity);
        let hole = part.address.saturating_sub(end);
        let quantity = part.address.saturating_sub(self.address).saturating_add(part.count).max(self.quantity);
        let crosses = limits.barriers.iter().any(|barrier| self.address < *barrier && *barrier <= part.address);
        let fits = part.space == self.space
            && !limits.one_value_per_request
            && !crosses
            // What nobody knows to be answered is not asked for.
            && hole <= limits.hole_max.unwrap_or(0)
            && quantity <= limits.registers_max;
        if fits {
            self.quantity = quantity;
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::profiles::{all, find};
    use crate::reading::{Quantity, Subject};

    #[track_caller]
    fn case(name: &str, wanted: &[(Space, u16, u16)]) {
        let spans = spans(&find(name).unwrap());
        let spans: Vec<_> = spans.iter().map(|span| (span.space, span.address, span.quantity)).collect();
        assert_eq!(spans, wanted, "{name}");
    }

    #[test]
    fn neighbours_share_a_request_as_far_as_the_meter_allows() {
        use Space::{Holding, Input};
        case(
            "eastron-sdm120",
            &[(Holding, 64_512, 2), (Input, 0, 20), (Input, 24, 8), (Input, 70, 6), (Input, 342, 2)],
        );
        case(
            "deye-hybrid-1p",
            &[
                (Holding, 72, 11),
                (Holding, 96, 2),
                (Holding, 150, 1),
                (Holding, 169, 1),
                (Holding, 175, 4),
                (Holding, 184, 7),
            ],
        );
        let keba = spans(&find("keba-p30").unwrap());
        assert!(keba.iter().all(|span| span.quantity == 2), "each value alone");
    }

    #[test]
    fn no_request_crosses_a_barrier() {
        let goodwe = find("goodwe-et").unwrap();
        for span in spans(&goodwe) {
            let last = span.address + span.quantity - 1;
            for barrier in &goodwe.limits.barriers {
                assert!(last < *barrier || span.address >= *barrier, "{span:?}");
            }
        }
    }

    #[test]
    fn every_point_is_read_whole() {
        for profile in all() {
            let spans = spans(&profile);
            let answer = |span: &Span| (*span, Ok(vec![0; usize::from(span.quantity)]));
            let answers: Vec<_> = spans.iter().map(answer).collect();
            for span in &spans {
                assert!(span.quantity <= profile.limits.registers_max, "{}", profile.name);
            }
            for point in &profile.points {
                assert_eq!(
                    words_of(point, &answers).unwrap().len(),
                    point.words(),
                    "{} {}",
                    profile.name,
                    point.quantity
                );
            }
        }
    }

    #[test]
    fn a_short_answer_gives_short_values_and_a_refusal_its_code() {
        let deye = find("deye-hybrid-1p").unwrap();
        let import = deye.point(Quantity::ENERGY_IMPORT.at(Subject::Grid)).unwrap();
        let span = Span { space: Space::Holding, address: 78, quantity: 3 };
        assert_eq!(words_of(import, &[(span, Ok(vec![1, 2, 3]))]), Ok(vec![1, 3]));
        assert_eq!(words_of(import, &[(span, Ok(vec![1, 2]))]), Ok(vec![1]));
        assert_eq!(words_of(import, &[(span, Err(2))]), Err(2));
    }
}
