//! One exchange at a time over one line, and never a late answer for a new request.
//!
//! A request that was given up is still on its way, and on a serial line nothing in its answer says which request it
//! belongs to. So whatever goes wrong, other than an exception, ends a TCP connection, and a serial line is listened to
//! until it is quiet. The answer may still come after that: the request stays *in doubt*, and before the same question is
//! asked again, one of another length is. A device answers in order, and the two answers cannot be mistaken for each other.

use std::io;
use std::time::Duration;

use tokio::time::Instant;

use super::counts::{Counts, Pauses};
use super::fault::LinkFault;
use super::frame::{Ask, FRAME_MAX, Framing};
use super::line::{Line, Wire};
use super::request::{Put, Request};
use crate::profiles::REGISTERS_MAX;

mod exchange;

/// One line with at most one request on it.
pub struct Link {
    line: Line,
    open: Box<dyn Open>,
    wire: Option<Box<dyn Wire>>,
    /// What came in since the last request.
    input: Vec<u8>,
    output: Vec<u8>,
    transaction: u16,
    /// Requests that were given up and whose answers may still come.
    doubts: Vec<Request>,
    /// Something may come that was not asked for.
    noisy: bool,
    /// The request under way; still set at the next one if the caller stopped waiting for it.
    busy: Option<Request>,
    /// Not before this may the next byte be sent.
    free_at: Instant,
    /// When the last byte came.
    heard_at: Instant,
    unit_before: Option<u8>,
    /// The adapter sent back what it was given, at the last read.
    echoes: bool,
    /// The request under way came back.
    echoed: bool,
    /// The next bytes are the request itself.
    echo_due: bool,
    pauses: Pauses,
    counts: Counts,
}

/// Opens the line; tests put a wire of their own here.
pub(super) trait Open: Send + Sync {
    fn open<'a>(&'a mut self, line: &'a Line) -> Opening<'a>;
}

pub(super) type Opening<'a> = std::pin::Pin<Box<dyn Future<Output = io::Result<Box<dyn Wire>>> + Send + 'a>>;

struct ForReal;

impl Open for ForReal {
    fn open<'a>(&'a mut self, line: &'a Line) -> Opening<'a> {
        Box::pin(line.open(CONNECT_MAX))
    }
}

impl Link {
    /// A line that has not been opened yet.
    #[must_use]
    pub fn new(line: Line, pauses: Pauses) -> Self {
        Self::with(line, pauses, Box::new(ForReal))
    }

    pub(super) fn with(line: Line, pauses: Pauses, open: Box<dyn Open>) -> Self {
        Self {
            line,
            open,
            wire: None,
            input: Vec::with_capacity(FRAME_MAX * 2),
            output: Vec::with_capacity(FRAME_MAX),
            transaction: 0,
            doubts: Vec::new(),
            noisy: false,
            busy: None,
            free_at: Instant::now(),
            heard_at: Instant::now(),
            unit_before: None,
            echoes: false,
            echoed: false,
            echo_due: false,
            pauses,
            counts: Counts::default(),
        }
    }

    /// What happened here so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// The line given to [`Link::new`].
    #[must_use]
    pub fn line(&self) -> &Line {
        &self.line
    }

    /// Reads registers into `words`, which holds exactly the registers asked for afterwards, or nothing after a fault.
    ///
    /// `wait` is for the device alone; the time of the bytes on the wire is added. A kept TCP connection that turns out
    /// to be closed is replaced once, at once. A caller who stops waiting leaves the line in doubt, no more.
    ///
    /// # Errors
    /// [`LinkFault`]. After every one but an exception, the same question is not trusted to get its own answer until the
    /// line has been cleared, which the next call does.
    pub async fn read(&mut self, ask: Ask, wait: Duration, words: &mut Vec<u16>) -> Result<Duration, LinkFault> {
        self.perform(Request::Read(ask), wait, words).await
    }

    /// Writes a set point, which the device confirms; waits as [`Link::read`] does.
    ///
    /// # Errors
    /// [`LinkFault`]. After a line that cannot be opened or is never quiet nothing was sent; after most exceptions nothing
    /// was done; after everything else the device may have taken the value.
    pub async fn write(&mut self, put: Put, wait: Duration) -> Result<Duration, LinkFault> {
        self.perform(Request::Write(put), wait, &mut Vec::new()).await
    }

    async fn perform(&mut self, request: Request, wait: Duration, words: &mut Vec<u16>) -> Result<Duration, LinkFault> {
        words.clear();
        if let Some(abandoned) = self.busy.replace(request) {
            self.give_up(abandoned);
        }
        let begun = Instant::now();
        let outcome = self.perform_clean(request, wait, words).await;
        self.counts.used += begun.elapsed();
        self.busy = None;
        match &outcome {
            Ok(_) => self.counts.answers += 1,
            Err(LinkFault::Exception(_)) => self.counts.exceptions += 1,
            Err(fault) => {
                words.clear();
                match fault {
                    LinkFault::NoAnswer { .. } => self.counts.unanswered += 1,
                    LinkFault::Wrong(_) => self.counts.damaged += 1,
                    _ => {}
                }
            }
        }
        outcome
    }

    /// What is still on its way must not be taken for something else.
    fn give_up(&mut self, request: Request) {
        // On Modbus TCP the transaction number tells.
        if self.line.framing() == Framing::Rtu {
            self.doubts.push(request);
            self.noisy = true;
        }
        if matches!(self.line, Line::Network { .. }) {
            self.wire = None;
        }
    }

    async fn perform_clean(
        &mut self,
        request: Request,
        wait: Duration,
        words: &mut Vec<u16>,
    ) -> Result<Duration, LinkFault> {
        if self.doubts.iter().any(|doubt| doubt.could_be_answered_like(&request)) {
            // Any answer to it, even a refusal, comes after those that are still missing.
            match self.ask(Request::Read(self.other(request.probe())), wait, words).await {
                Ok(_) | Err(LinkFault::Exception(_)) => words.clear(),
                Err(fault) => return Err(fault),
            }
        }
        self.ask(request, wait, words).await
    }

    /// The same with a length that no answer in doubt has. Even, because some devices refuse odd ones.
    fn other(&self, ask: Ask) -> Ask {
        let of = |quantity: u16| Ask { quantity, ..ask };
        let taken = |ask: &Ask| self.doubts.iter().any(|doubt| doubt.could_be_answered_like(&Request::Read(*ask)));
        (1..=REGISTERS_MAX / 2).map(|half| of(half * 2)).find(|ask| !taken(ask)).unwrap_or(of(1))
    }

    /// One exchange, and a second one where a kept connection turned out to be closed.
    async fn ask(&mut self, request: Request, wait: Duration, words: &mut Vec<u16>) -> Result<Duration, LinkFault> {
        if self.noisy {
            self.connect().await?;
            self.listen_until_quiet().await?;
            self.noisy = false;
        }
        let kept = self.wire.is_some();
        let outcome = match self.exchange(request, wait, words).await {
            // A write may have been taken; whoever wants it says so again.
            Err(LinkFault::Closed) if kept && matches!(request, Request::Read(_)) => {
                self.exchange(request, wait, words).await
            }
            outcome => outcome,
        };
        match &outcome {
            Ok(_) | Err(LinkFault::Exception(_)) => self.doubts.retain(|doubt| doubt.unit() != request.unit()),
            Err(_) => self.give_up(request),
        }
        outcome
    }
}

const CONNECT_MAX: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests;
