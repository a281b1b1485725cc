//! One request on the wire and its answer, taken apart as it comes in.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::super::fault::LinkFault;
use super::super::frame::{FRAME_MAX, Framing, Parsed, Wrong};
use super::super::line::Line;
use super::super::request::Request;
use super::Link;

impl Link {
    pub(super) async fn exchange(
        &mut self,
        request: Request,
        wait: Duration,
        words: &mut Vec<u16>,
    ) -> Result<Duration, LinkFault> {
        self.connect().await?;
        self.wait_for_turn(request.unit()).await?;
        self.transaction = self.transaction.wrapping_add(1);
        let framing = self.line.framing();
        request.write(framing, self.transaction, &mut self.output);
        self.echoed = false;
        self.echo_due = self.echoes && matches!(request, Request::Write(_));
        self.counts.requests += 1;
        let sent = Instant::now();
        let on_wire = self.wire_time(self.output.len());
        self.send(sent + on_wire + SEND_MAX).await?;
        let due = sent + on_wire + wait + self.wire_time(request.answer_bytes(framing));
        let outcome = self.receive(&request, due, wait, words).await;
        self.unit_before = Some(request.unit());
        // The silence after the answer was listened to already.
        self.free_at = self.heard_at.max(sent) + self.silent_interval().max(self.pauses.between_requests);
        if matches!(request, Request::Read(_)) && matches!(outcome, Ok(()) | Err(LinkFault::Exception(_))) {
            self.echoes = self.echoed;
        }
        outcome?;
        Ok(self.heard_at.saturating_duration_since(sent + on_wire))
    }

    pub(super) async fn connect(&mut self) -> Result<(), LinkFault> {
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
    async fn receive(
        &mut self,
        request: &Request,
        due: Instant,
        wait: Duration,
        words: &mut Vec<u16>,
    ) -> Result<(), LinkFault> {
        let mut until = due;
        let mut wrong = None;
        while self.receive_more(until).await? {
            match self.find_answer(request) {
                Parsed::Answer { data, end } => {
                    request.unpack(self.input.get(data..).unwrap_or_default(), words);
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
        Err(wrong.map_or(LinkFault::NoAnswer { unit: request.unit(), waited: wait }, LinkFault::Wrong))
    }

    /// Looks for the answer at the beginning of the input, after answers that a gateway had in its queue; on a serial line
    /// after the request itself, where the adapter sends it back, and after a few bytes that the line made up while it
    /// turned round.
    fn find_answer(&mut self, request: &Request) -> Parsed {
        let framing = self.line.framing();
        // What a device says to a write is the request once more, so the first copy of two is the adapter's.
        if self.echo_due {
            if self.input.len() < self.output.len() {
                return Parsed::Incomplete;
            }
            self.echo_due = false;
            self.drop_echo();
        }
        let transaction = self.transaction;
        let parse = |input: &[u8]| request.parse(framing, transaction, input);
        let mut first = parse(&self.input);
        while let Parsed::Late { end } = first {
            self.input.drain(..end);
            self.counts.stray_bytes += bytes(end);
            first = parse(&self.input);
        }
        if framing == Framing::Tcp || matches!(first, Parsed::Answer { .. } | Parsed::Exception { .. }) {
            return first;
        }
        if self.drop_echo() {
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

    /// Drops the request itself, where the adapter sends it back.
    fn drop_echo(&mut self) -> bool {
        let echo = self.input.starts_with(&self.output);
        if echo {
            self.input.drain(..self.output.len());
            self.counts.echoes += 1;
            self.echoed = true;
        }
        echo
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
    pub(super) async fn listen_until_quiet(&mut self) -> Result<(), LinkFault> {
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
            // In TLS 1.3 a server says only now that it does not want this client.
            Ok(Err(cause)) if cause.kind() == io::ErrorKind::InvalidData => {
                self.wire = None;
                Err(LinkFault::NotOpened { line: self.line.to_string(), cause })
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

fn bytes(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

const SEND_MAX: Duration = Duration::from_secs(2);
const GAP_SERIAL: Duration = Duration::from_millis(50);
const GAP_NETWORK: Duration = Duration::from_millis(300);
/// A line that never becomes quiet is not listened to for ever.
const LISTEN_MAX: Duration = Duration::from_secs(5);
/// Bytes before an answer that are forgiven.
const MADE_UP_MAX: usize = 4;
