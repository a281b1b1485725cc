//! What happens on the wires: levels, edges, and who has a line.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::sync::OnceLock;

use tokio::time::Instant;

use super::Fault;

/// What a line is connected to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wire {
    /// Nothing: its resistor decides.
    #[default]
    Open,
    /// Ground.
    Ground,
    /// The supply.
    Supply,
}

/// How a program has a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requested {
    /// The program as it calls itself.
    pub consumer: String,
    /// `GPIO_V2_LINE_FLAG_*`.
    pub flags: u64,
    /// In microseconds.
    pub debounce_us: u32,
    /// How many edges the kernel keeps for it, at most; 0 leaves that to the kernel.
    pub events_kept: u32,
}

/// All chips, by number.
#[derive(Default)]
pub(super) struct Chips {
    chips: BTreeMap<u32, ChipSim>,
}

/// One chip.
pub(super) struct ChipSim {
    pub label: String,
    pub fault: Fault,
    pub lines: Vec<LineSim>,
    pub relays: Vec<RelaySim>,
}

/// A relay whose contact connects another line to ground.
pub(super) struct RelaySim {
    pub coil: usize,
    pub contact: usize,
    pub is_welded: bool,
}

/// One line.
#[derive(Default)]
pub(super) struct LineSim {
    pub name: String,
    pub other_user: Option<String>,
    pub external_pull: Option<bool>,
    pub long_cable: bool,
    wire: Wire,
    /// The level it is driven to as an output; it stays when the program is gone, as on most chips.
    driven: Option<bool>,
    /// When its last edge was.
    edge_ns: u64,
    holder: Option<Holder>,
}

/// The program that has a line; its end of the connection is the line's file descriptor.
struct Holder {
    requested: Requested,
    offset: u32,
    stream: UnixStream,
    charged: bool,
    events: u32,
}

impl Chips {
    pub(super) fn plug(&mut self, number: u32, label: &str, lines: &[&str]) {
        let lines = lines.iter().map(|name| LineSim { name: (*name).to_owned(), ..LineSim::default() }).collect();
        self.chips.insert(number, ChipSim { label: label.to_owned(), fault: Fault::None, lines, relays: Vec::new() });
    }

    /// The connections of its lines end with it.
    pub(super) fn unplug(&mut self, number: u32) {
        self.chips.remove(&number).expect("the chip is there");
    }

    pub(super) fn find(&mut self, number: u32) -> Option<&mut ChipSim> {
        self.chips.get_mut(&number)
    }

    pub(super) fn chip(&mut self, number: u32) -> &mut ChipSim {
        self.find(number).expect("the chip is there")
    }
}

impl ChipSim {
    /// The contacts of relays follow their coils.
    pub(super) fn follow(&mut self) {
        for relay in &self.relays {
            let closed = relay.is_welded || self.lines[relay.coil].driven == Some(true);
            self.lines[relay.contact].connect(if closed { Wire::Ground } else { Wire::Open });
        }
    }
}

impl LineSim {
    /// Pulses of a meter that connects the line to ground, on the kernel's clock; they come as fast as they are read.
    pub(super) fn pulse(&mut self, count: u32, on_ms: u64, off_ms: u64) {
        for _ in 0..count {
            for (wire, hold_ms) in [(Wire::Ground, on_ms), (Wire::Open, off_ms)] {
                self.connect_at(wire, self.edge_ns);
                self.edge_ns += hold_ms * 1_000_000;
            }
        }
    }

    /// So many edges find no room in the kernel's buffer.
    pub(super) fn lose(&mut self, edges: u32) {
        self.holder.as_mut().expect("somebody has the line").events += edges;
    }

    /// The level a program drives it to, or drove it to before it ended.
    pub(super) fn driven(&self) -> Option<bool> {
        self.driven
    }

    /// Sets an output, in terms of its holder.
    pub(super) fn drive(&mut self, active: bool) {
        let flags = self.holder.as_ref().map_or(0, |holder| holder.requested.flags);
        self.driven = Some(active != (flags & ACTIVE_LOW != 0));
    }

    pub(super) fn connect(&mut self, wire: Wire) {
        self.connect_at(wire, now_ns());
    }

    fn connect_at(&mut self, wire: Wire, at_ns: u64) {
        self.edge_ns = self.edge_ns.max(at_ns);
        self.change(|line| line.wire = wire);
    }

    /// Too short for a line that is debounced: the kernel takes no notice.
    pub(super) fn glitch(&mut self, wire: Wire) {
        let debounced = self.requested().is_some_and(|requested| requested.debounce_us > 0);
        if !debounced {
            let before = self.wire;
            self.connect(wire);
            self.connect(before);
        }
    }

    /// The resistor has charged the cable.
    pub(super) fn charge(&mut self) {
        self.change(|line| {
            if let Some(holder) = &mut line.holder {
                holder.charged = true;
            }
        });
    }

    pub(super) fn give(&mut self, requested: Requested, offset: u32, stream: UnixStream) {
        let charged = !self.long_cable;
        self.driven = None;
        self.edge_ns = self.edge_ns.max(now_ns());
        self.holder = Some(Holder { requested, offset, stream, charged, events: 0 });
    }

    /// A program that closed its file descriptor has the line no more.
    pub(super) fn requested(&mut self) -> Option<Requested> {
        let closed = |holder: &mut Holder| matches!(holder.stream.read(&mut [0]), Ok(0));
        if self.holder.as_mut().is_some_and(closed) {
            self.holder = None;
        }
        self.holder.as_ref().map(|holder| holder.requested.clone())
    }

    /// The user that `gpioinfo` would show.
    pub(super) fn user(&mut self) -> Option<String> {
        self.requested().map(|requested| requested.consumer).or_else(|| self.other_user.clone())
    }

    /// Whether the line is at its active level, as its holder defined that.
    pub(super) fn is_active(&self) -> bool {
        let flags = self.holder.as_ref().map_or(0, |holder| holder.requested.flags);
        self.is_high() != (flags & ACTIVE_LOW != 0)
    }

    fn is_high(&self) -> bool {
        let (flags, charged) =
            self.holder.as_ref().map_or((0, true), |holder| (holder.requested.flags, holder.charged));
        match self.wire {
            _ if self.driven.is_some() => self.driven == Some(true),
            Wire::Ground => false,
            Wire::Supply => true,
            Wire::Open if !charged => false,
            Wire::Open if flags & PULL_UP != 0 => true,
            Wire::Open if flags & PULL_DOWN != 0 => false,
            Wire::Open => self.external_pull.unwrap_or(false),
        }
    }

    /// Writes the event of an edge that the holder wants to know of.
    fn change(&mut self, act: impl FnOnce(&mut LineSim)) {
        let before = self.is_active();
        act(self);
        let now = self.is_active();
        let Some(holder) = self.holder.as_mut().filter(|_| now != before) else { return };
        let (id, wanted) = if now { (RISING_EDGE, EDGE_RISING) } else { (FALLING_EDGE, EDGE_FALLING) };
        if holder.requested.flags & wanted != 0 {
            holder.events += 1;
            let record = event(self.edge_ns, id, holder.offset, holder.events);
            // A program that is gone reads nothing any more.
            let _ = holder.stream.write_all(&record);
        }
    }
}

/// `struct gpio_v2_line_event`.
fn event(at_ns: u64, id: u32, offset: u32, seqno: u32) -> [u8; 48] {
    let mut record = [0; 48];
    record[..8].copy_from_slice(&at_ns.to_ne_bytes());
    for (index, word) in [id, offset, seqno, seqno].into_iter().enumerate() {
        record[8 + 4 * index..][..4].copy_from_slice(&word.to_ne_bytes());
    }
    record
}

/// Nanoseconds on a clock that nobody sets.
fn now_ns() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    BOOT_NS + u64::try_from(START.get_or_init(Instant::now).elapsed().as_nanos()).unwrap()
}

/// The machine was switched on an hour ago.
const BOOT_NS: u64 = 3_600_000_000_000;
/// `GPIO_V2_LINE_FLAG_*`.
pub(super) const USED: u64 = 1 << 0;
pub(super) const ACTIVE_LOW: u64 = 1 << 1;
const EDGE_RISING: u64 = 1 << 4;
const EDGE_FALLING: u64 = 1 << 5;
const PULL_UP: u64 = 1 << 8;
const PULL_DOWN: u64 = 1 << 9;
/// `GPIO_V2_LINE_EVENT_*`.
const RISING_EDGE: u32 = 1;
const FALLING_EDGE: u32 = 2;
