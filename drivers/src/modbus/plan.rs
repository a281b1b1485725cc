//! Which requests read a whole profile: few of them, none above the meter's limit, no value split over two.

use crate::profiles::{Point, Profile, Space};
use crate::reading::Quantity;

/// The registers of one request and the points in them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) space: Space,
    pub(super) address: u16,
    pub(super) quantity: u16,
    pub(super) points: Vec<&'static Point>,
}

/// Joins neighbours as far as the profile allows.
pub(super) fn spans(profile: &'static Profile) -> Vec<Span> {
    let mut points: Vec<&'static Point> = profile.points.iter().collect();
    points.sort_by_key(|point| (point.space, point.address));
    let mut spans: Vec<Span> = Vec::new();
    for point in points {
        if let Some(span) = spans.last_mut()
            && span.takes(point, profile)
        {
            continue;
        }
        spans.push(Span {
            space: point.space,
            address: point.address,
            quantity: point.kind.words(),
            points: vec![point],
        });
    }
    spans
}

impl Span {
    pub(super) fn holds(&self, quantity: Quantity) -> bool {
        self.points.iter().any(|point| point.quantity == quantity)
    }

    /// The registers of one point within the answer; shorter where the answer ends, which decoding refuses.
    pub(super) fn words_of<'a>(&self, point: &Point, answer: &'a [u16]) -> &'a [u16] {
        let start = usize::from(point.address.saturating_sub(self.address));
        let rest = answer.get(start..).unwrap_or_default();
        rest.get(..usize::from(point.kind.words())).unwrap_or(rest)
    }

    fn takes(&mut self, point: &'static Point, profile: &Profile) -> bool {
        let end = self.address.saturating_add(self.quantity);
        let hole = point.address.saturating_sub(end);
        let quantity = point.address.saturating_sub(self.address).saturating_add(point.kind.words());
        let fits = point.space == self.space && hole <= profile.hole_max && quantity <= profile.registers_max;
        if fits {
            self.quantity = quantity;
            self.points.push(point);
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::profiles::{all, find};

    #[track_caller]
    fn case(name: &str, wanted: &[(Space, u16, u16)]) {
        let spans = spans(find(name).unwrap());
        let spans: Vec<_> = spans.iter().map(|span| (span.space, span.address, span.quantity)).collect();
        assert_eq!(spans, wanted, "{name}");
    }

    #[test]
    fn neighbours_share_a_request_as_far_as_the_meter_allows() {
        use Space::{Holding, Input};
        case("eastron-sdm630", &[(Holding, 64_512, 2), (Input, 0, 76)]);
        case("eastron-sdm120", &[(Holding, 64_512, 2), (Input, 0, 14), (Input, 70, 6)]);
        case(
            "eastron-sdm72d-m-v2",
            &[(Holding, 64_512, 2), (Input, 0, 10), (Input, 10, 8), (Input, 52, 2), (Input, 70, 6)],
        );
        case(
            "schneider-iem3155",
            &[(Holding, 2_999, 6), (Holding, 3_027, 6), (Holding, 3_053, 8), (Holding, 3_109, 2), (Holding, 3_203, 8)],
        );
    }

    #[test]
    fn every_point_is_read_exactly_once_and_whole() {
        for profile in all() {
            let spans = spans(profile);
            let read: usize = spans.iter().map(|span| span.points.len()).sum();
            assert_eq!(read, profile.points.len(), "{}", profile.name);
            for span in &spans {
                assert!(span.quantity <= profile.registers_max, "{}", profile.name);
                let answer = vec![0; usize::from(span.quantity)];
                for point in &span.points {
                    let words = span.words_of(point, &answer);
                    assert_eq!(words.len(), usize::from(point.kind.words()));
                }
            }
        }
    }

    #[test]
    fn a_short_answer_gives_short_values_and_no_panic() {
        let spans = spans(find("schneider-iem3155").unwrap());
        let span = spans.last().unwrap();
        let [import, export] = span.points.as_slice() else {
            panic!("the last span holds both counters");
        };
        assert_eq!(span.words_of(import, &[1, 2, 3]), [1, 2, 3]);
        assert!(span.words_of(export, &[1, 2, 3]).is_empty());
    }
}
