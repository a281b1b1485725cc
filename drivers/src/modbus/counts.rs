//! What a line is asked to respect, and what happened on it.

use std::time::Duration;

/// Silence that devices on a line want, beyond what the standard asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pauses {
    /// After the connection was made.
    pub after_connect: Duration,
    /// Between an answer and the next request.
    pub between_requests: Duration,
    /// Before another unit is asked.
    pub on_change_of_unit: Duration,
}

/// What happened on a line since it is used; a rising `damaged` means wiring, a rising `unanswered` number or speed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Requests sent.
    pub requests: u64,
    /// Answers taken.
    pub answers: u64,
    /// Refusals.
    pub exceptions: u64,
    /// Requests without an answer.
    pub unanswered: u64,
    /// Answers thrown away because something was wrong with them.
    pub damaged: u64,
    /// Bytes thrown away because they came late, or before an answer.
    pub stray_bytes: u64,
    /// Requests that the line sent back to us.
    pub echoes: u64,
    /// Connections made, or ports opened.
    pub opened: u64,
    /// For how long the line was taken: by requests, waiting for their answers, and the pauses between.
    pub used: Duration,
}
