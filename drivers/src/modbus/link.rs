//! One exchange at a time over one line, and never a late answer for a new request.
//!
//! A request that was given up is still on its way, and on a serial line nothing in its answer says which request it
//! belongs to. So whatever goes wrong, other than an exception, ends a TCP connection, and a serial line is listened to
//! until it is quiet. The answer may still come after that: the request stays *in doubt*, and before the same question is
//! asked again, one of another length is. A device answers in order, and the two answers cannot be mistaken for each other.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::counts::{Counts, Pauses};
use super::fault::LinkFault;
use super::frame::{Ask, FRAME_MAX, Framing, Parsed, Wrong};
use super::line::{Line, Wire};
use crate::profiles::REGISTERS_MAX;

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
    doubts: Vec<Ask>,
    /// Something may come that was not asked for.
    noisy: bool,
    /// The request under way; still set at the next one if the caller stopped waiting for it.
    busy: Option<Ask>,
    /// Not before this may the next byte be sent.
    free_at: Instant,
    /// When the last byte came.
    heard_at: Instant,
    unit_before: Option<u8>,
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
        words.clear();
        if let Some(abandoned) = self.busy.replace(ask) {
            self.give_up(abandoned);
        }
        let outcome = self.read_clean(ask, wait, words).await;
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
    fn give_up(&mut self, ask: Ask) {
        // On Modbus TCP the transaction number tells.
        if self.line.framing() == Framing::Rtu {
            self.doubts.push(ask);
            self.noisy = true;
        }
        if matches!(self.line, Line::Network { .. }) {
            self.wire = None;
        }
    }

    async fn read_clean(&mut self, ask: Ask, wait: Duration, words: &mut Vec<u16>) -> Result<Duration, LinkFault> {
        if self.doubts.iter().any(|doubt| same_answer(doubt, &ask)) {
            // Any answer to it, even a refusal, comes after those that are still missing.
            match self.ask(Ask { quantity: self.other_quantity(ask), ..ask }, wait, words).await {
                Ok(_) | Err(LinkFault::Exception(_)) => words.clear(),
                Err(fault) => return Err(fault),
            }
        }
        self.ask(ask, wait, words).await
    }

    /// A length that no answer in doubt has. Even, because some devices refuse odd ones.
    fn other_quantity(&self, ask: Ask) -> u16 {
        let taken =
            |quantity: &u16| self.doubts.iter().any(|doubt| same_answer(doubt, &Ask { quantity: *quantity, ..ask }));
        (1..=REGISTERS_MAX / 2).map(|half| half * 2).find(|quantity| !taken(quantity)).unwrap_or(1)
    }

    /// One exchange, and a second one where a kept connection turned out to be closed.
    async fn ask(&mut self, ask: Ask, wait: Duration, words: &mut Vec<u16>) -> Result<Duration, LinkFault> {
        if self.noisy {
            self.connect().await?;
            self.listen_until_quiet().await?;
            self.noisy = false;
        }
        let kept = self.wire.is_some();
        let outcome = match self.exchange(ask, wait, words).await {
            Err(LinkFault::Closed) if kept => self.exchange(ask, wait, words).await,
            outcome => outcome,
        };
        match &outcome {
            Ok(_) | Err(LinkFault::Exception(_)) => self.doubts.retain(|doubt| doubt.unit != ask.unit),
            Err(_) => self.give_up(ask),
        }
        outcome
    }

    async fn exchange(&mut self, ask: Ask, wait: Duration, words: &mut Vec<u16>) -> Result<Duration, LinkFault> {
        self.connect().await?;
        self.wait_for_turn(ask.unit).await?;
        self.transaction = self.transaction.wrapping_add(1);
        let framing = self.line.framing();
        ask.write(framing, self.transaction, &mut self.output);
        self.counts.requests += 1;
        let sent = Instant::now();
        let on_wire = self.wire_time(self.output.len());
        self.send(sent + on_wire + SEND_MAX).await?;
        let due = sent + on_wire + wait + self.wire_time(ask.answer_bytes(framing));
        let outcome = self.receive(ask, due, wait, words).await;
        self.unit_before = Some(ask.unit);
        // The silence after the answer was listened to already.
        self.free_at = self.heard_at.max(sent) + self.silent_interval().max(self.pauses.between_requests);
        outcome?;
        Ok(self.heard_at.saturating_duration_since(sent + on_wire))
    }

    async fn connect(&mut self) -> Result<(), LinkFault> {
        if self.wire.is_none() {
            let wire = self.open.open(&self.line).await;
            let wire = wire.map_err(|cause| LinkFault::NotOpened { line: self.line.to_string(), cause })?;
            self.wire = Some(wire);
            self.input.clear();
            self.counts.opened += 1;
            self.free_at = Instant::now() + self.pauses.after_connect;
        }
        Ok(())
    }

    /// Keeps the silence between two frames, and refuses to ask while somebody speaks.
    async fn wait_for_turn(&mut self, unit: u8) -> Result<(), LinkFault> {
        if self.unit_before.is_some_and(|before| before != unit) {
            self.free_at = self.free_at.max(Instant::now() + self.pauses.on_change_of_unit);
        }
        if Instant::now() < self.free_at {
            self.receive_more(self.free_at).await?;
            sleep_until(self.free_at).await;
        } else {
            // A timer would take a whole millisecond to say that nothing needs to be waited for.
            tokio::select! {
                biased;
                received = self.receive_more(self.free_at) => { received?; }
                () = std::future::ready(()) => {}
            }
        }
        if self.input.is_empty() {
            return Ok(());
        }
        self.counts.stray_bytes += bytes(self.input.len());
        self.input.clear();
        Err(LinkFault::Wrong(Wrong::Unasked))
    }

    async fn send(&mut self, due: Instant) -> Result<(), LinkFault> {
        let wire = self.wire.as_mut().ok_or(LinkFault::Closed)?;
        let sending = async {
            wire.write_all(&self.output).await?;
            wire.flush().await
        };
        let outcome = timeout_at(due, sending).await;
        match outcome {
            Ok(Ok(())) => Ok(()),
            _ => self.closed(),
        }
    }

    /// Takes the answer apart as it comes in. Whatever is not a whole answer when nothing more comes is none.
    async fn receive(&mut self, ask: Ask, due: Instant, wait: Duration, words: &mut Vec<u16>) -> Result<(), LinkFault> {
        let mut until = due;
        let mut wrong = None;
        while self.receive_more(until).await? {
            match self.find_answer(ask) {
                Parsed::Answer { data, end } => {
                    ask.unpack(self.input.get(data..data + ask.data_bytes()).unwrap_or_default(), words);
                    return self.finish(end).await;
                }
                Parsed::Exception { code, end } => {
                    self.finish(end).await?;
                    return Err(LinkFault::Exception(code));
                }
                Parsed::Incomplete | Parsed::Late { .. } => wrong = Some(Wrong::Truncated),
                // On a serial line the rest of the noise is waited for, or it would be the beginning of the next answer.
                Parsed::Wrong(other) if self.line.framing() == Framing::Rtu => wrong = Some(other),
                Parsed::Wrong(other) => return Err(LinkFault::Wrong(other)),
            }
            (until, wrong) = match self.input.is_empty() {
                true => (due, None), // It was late, or the echo of the request.
                false => (due.min(Instant::now() + self.gap()), wrong),
            };
        }
        self.counts.stray_bytes += bytes(self.input.len());
        self.input.clear();
        Err(wrong.map_or(LinkFault::NoAnswer { unit: ask.unit, waited: wait }, LinkFault::Wrong))
    }

    /// Looks for the answer at the beginning of the input, after answers that a gateway had in its queue; on a serial line
    /// after the request itself, where the adapter sends it back, and after a few bytes that the line made up while it
    /// turned round.
    fn find_answer(&mut self, ask: Ask) -> Parsed {
        let framing = self.line.framing();
        let parse = |input: &[u8]| ask.parse(framing, self.transaction, input);
        let mut first = parse(&self.input);
        while let Parsed::Late { end } = first {
            self.input.drain(..end);
            self.counts.stray_bytes += bytes(end);
            first = parse(&self.input);
        }
        if framing == Framing::Tcp || matches!(first, Parsed::Answer { .. } | Parsed::Exception { .. }) {
            return first;
        }
        if self.input.starts_with(&self.output) {
            self.input.drain(..self.output.len());
            self.counts.echoes += 1;
            first = parse(&self.input);
        }
        if matches!(first, Parsed::Wrong(_)) {
            for skip in 1..=MADE_UP_MAX {
                let found = parse(self.input.get(skip..).unwrap_or_default());
                if matches!(found, Parsed::Answer { .. } | Parsed::Exception { .. }) {
                    self.input.drain(..skip);
                    self.counts.stray_bytes += bytes(skip);
                    return found;
                }
            }
        }
        first
    }

    /// The line has to be silent after an answer: a second one means that the first may be the wrong one.
    async fn finish(&mut self, end: usize) -> Result<(), LinkFault> {
        if self.line.framing() == Framing::Rtu {
            self.receive_more(Instant::now() + self.silent_interval()).await?;
        }
        let trailing = self.input.len() - end;
        self.input.clear();
        if trailing > 0 {
            self.counts.stray_bytes += bytes(trailing);
            return Err(LinkFault::Wrong(Wrong::Trailing));
        }
        Ok(())
    }

    /// Throws away what comes until nothing more comes.
    async fn listen_until_quiet(&mut self) -> Result<(), LinkFault> {
        let enough = Instant::now() + LISTEN_MAX;
        self.input.clear();
        while self.receive_more(Instant::now() + self.gap()).await? {
            self.counts.stray_bytes += bytes(self.input.len());
            self.input.clear();
            if Instant::now() > enough {
                return Err(LinkFault::Busy);
            }
        }
        Ok(())
    }

    /// Adds what comes until then to the input. `false` when nothing came.
    async fn receive_more(&mut self, until: Instant) -> Result<bool, LinkFault> {
        let Some(wire) = self.wire.as_mut() else { return Ok(false) };
        let mut chunk = [0; FRAME_MAX];
        match timeout_at(until, wire.read(&mut chunk)).await {
            Err(_) => Ok(false),
            Ok(Ok(read)) if read > 0 => {
                self.heard_at = Instant::now();
                // Two frames are more than any answer; an endless one is cut off here.
                let room = (FRAME_MAX * 2).saturating_sub(self.input.len());
                self.input.extend_from_slice(&chunk[..read.min(room)]);
                Ok(true)
            }
            Ok(_) => self.closed(),
        }
    }

    fn closed<T>(&mut self) -> Result<T, LinkFault> {
        self.wire = None;
        Err(LinkFault::Closed)
    }

    fn wire_time(&self, bytes: usize) -> Duration {
        match self.line.framing() {
            Framing::Rtu => self.line.wire().wire_time(bytes),
            Framing::Tcp => Duration::ZERO,
        }
    }

    fn silent_interval(&self) -> Duration {
        match self.line.framing() {
            Framing::Rtu => self.line.wire().silent_interval(),
            Framing::Tcp => Duration::ZERO,
        }
    }

    /// No answer stops for so long in its middle. Adapters hand bytes on in bursts of 16 ms, gateways in packets.
    fn gap(&self) -> Duration {
        match &self.line {
            Line::Serial { .. } => self.silent_interval() + GAP_SERIAL,
            Line::Network { .. } => GAP_NETWORK,
        }
    }
}

/// Whether the answer to one could pass for the answer to the other.
fn same_answer(one: &Ask, other: &Ask) -> bool {
    (one.unit, one.space, one.quantity) == (other.unit, other.space, other.quantity)
}

fn bytes(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

const CONNECT_MAX: Duration = Duration::from_secs(3);
const SEND_MAX: Duration = Duration::from_secs(2);
const GAP_SERIAL: Duration = Duration::from_millis(50);
const GAP_NETWORK: Duration = Duration::from_millis(300);
/// A line that never becomes quiet is not listened to for ever.
const LISTEN_MAX: Duration = Duration::from_secs(5);
/// Bytes before an answer that are forgiven.
const MADE_UP_MAX: usize = 4;

#[cfg(test)]
mod tests;
