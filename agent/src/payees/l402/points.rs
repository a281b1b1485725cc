//! From a bought page to points: exact thousandths, never a float.

use crate::json::{DEPTH_MAX, Document, JsonFault, thousandths};

/// Where in a seller's JSON one point is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PointRule {
    /// Name of the point, as the owner chose it.
    pub point: String,
    /// JSON pointer to a number, such as `/data/0/price`.
    pub pointer: String,
}

/// One bought quantity, in thousandths of the seller's unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataPoint {
    /// Name of the point, from its rule.
    pub point: String,
    /// Value times 1000.
    pub milli: i64,
}

/// Why a bought page gives no points.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PointFault {
    /// Not JSON, or too deep.
    #[error("the page that was bought cannot be read: {0}; Kilosat kept no value of it")]
    Unreadable(#[from] JsonFault),
    /// More rules than [`POINTS_MAX`].
    #[error("a feed may have at most 64 points; Kilosat kept no value, remove some from the feed")]
    TooManyPoints,
    /// The rule's pointer is not a JSON pointer of at most 32 steps.
    #[error("\"{pointer}\" for {point} is not a JSON pointer; correct it in the feed")]
    NotAPointer {
        /// Name of the point.
        point: String,
        /// The pointer of its rule.
        pointer: String,
    },
    /// Nothing stands at the pointer.
    #[error("the page that was bought has nothing at {pointer} for {point}; Kilosat kept no value of it")]
    Missing {
        /// Name of the point.
        point: String,
        /// The pointer of its rule.
        pointer: String,
    },
    /// Something else than a number stands there, or one that does not fit.
    #[error("the page that was bought has no usable number at {pointer} for {point}; Kilosat kept no value of it")]
    NotANumber {
        /// Name of the point.
        point: String,
        /// The pointer of its rule.
        pointer: String,
    },
}

/// Most points of one feed.
pub const POINTS_MAX: usize = 64;

/// Reads the points out of a page; all of them or none.
///
/// A number is read from its own digits. More than three decimals are rounded half away from zero:
/// `0.0005` is 1 thousandth, `-1.2345` is -1235.
///
/// # Errors
/// The first [`PointFault`].
pub fn points(json: &[u8], mapping: &[PointRule]) -> Result<Vec<DataPoint>, PointFault> {
    if mapping.len() > POINTS_MAX {
        return Err(PointFault::TooManyPoints);
    }
    let document = Document::parse(json)?;
    mapping.iter().map(|rule| read(&document, rule)).collect()
}

fn read(document: &Document<'_>, rule: &PointRule) -> Result<DataPoint, PointFault> {
    let PointRule { point, pointer } = rule.clone();
    let steps = pointer.matches('/').count();
    if steps > DEPTH_MAX || !(pointer.is_empty() || pointer.starts_with('/')) {
        return Err(PointFault::NotAPointer { point, pointer });
    }
    let Some(text) = document.text_at(&pointer) else {
        return Err(PointFault::Missing { point, pointer });
    };
    match thousandths(text) {
        Some(milli) => Ok(DataPoint { point, milli }),
        None => Err(PointFault::NotANumber { point, pointer }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const PAGE: &[u8] = br#"{"hour":12,"price":{"now":-85.125,"next":0.30049,"note":"12"},"list":[1e2]}"#;

    fn read(pointer: &str) -> Result<i64, PointFault> {
        let rule = PointRule { point: "price".to_owned(), pointer: pointer.to_owned() };
        points(PAGE, &[rule]).map(|points| points.first().unwrap().milli)
    }

    #[test]
    fn numbers_are_read_exactly() {
        assert_eq!(read("/hour"), Ok(12_000));
        assert_eq!(read("/price/now"), Ok(-85_125));
        assert_eq!(read("/price/next"), Ok(300));
        assert_eq!(read("/list/0"), Ok(100_000));
    }

    #[test]
    fn all_points_are_read_or_none() {
        let rule = |point: &str, pointer: &str| PointRule { point: point.to_owned(), pointer: pointer.to_owned() };
        let both = [rule("a", "/hour"), rule("b", "/price/now")];
        let read = points(PAGE, &both).unwrap();
        assert_eq!(read.len(), 2);
        assert_eq!(read.get(1).unwrap().point, "b");
        let one_missing = [rule("a", "/hour"), rule("b", "/gone")];
        assert!(points(PAGE, &one_missing).is_err());
        assert_eq!(points(PAGE, &[]), Ok(Vec::new()));
        let many = vec![rule("a", "/hour"); POINTS_MAX + 1];
        assert_eq!(points(PAGE, &many), Err(PointFault::TooManyPoints));
    }

    #[test]
    fn what_is_no_number_is_refused_by_name() {
        let fault = |pointer: &str| read(pointer).unwrap_err();
        assert!(matches!(fault("/gone"), PointFault::Missing { .. }));
        assert!(matches!(fault("hour"), PointFault::NotAPointer { .. }));
        assert!(matches!(fault(&"/a".repeat(40)), PointFault::NotAPointer { .. }));
        for pointer in ["/price", "/price/note", "/list", ""] {
            assert!(matches!(fault(pointer), PointFault::NotANumber { .. }), "{pointer}");
        }
    }

    #[test]
    fn a_page_that_is_no_json_is_refused() {
        let rule = PointRule { point: "a".to_owned(), pointer: "/a".to_owned() };
        let refused = |json: &[u8]| points(json, std::slice::from_ref(&rule));
        assert_eq!(refused(b"<html>"), Err(PointFault::Unreadable(JsonFault::NotJson)));
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(40), "]".repeat(40));
        assert_eq!(refused(deep.as_bytes()), Err(PointFault::Unreadable(JsonFault::TooDeep)));
    }
}
