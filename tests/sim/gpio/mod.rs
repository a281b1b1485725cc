//! GPIO chips with buttons, meters and relays on them, put under the real `kilosat` binary.
//!
//! Below the system calls nothing is real: `shim.c`, preloaded into the program, sends what it asks of `/dev/gpiochip*`
//! here, and [`kernel`] answers as Linux does. Above them everything is: the same binary, library and records.

mod kernel;
mod lines;

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard};

use tempfile::TempDir;
use tokio::net::UnixListener;
use tokio::task::JoinSet;

use lines::{Chips, LineSim, RelaySim};
pub use lines::{Requested, Wire};

/// The machine's GPIO chips. They are gone when this is dropped.
pub struct Gpio {
    chips: Arc<Mutex<Chips>>,
    folder: TempDir,
    _answering: JoinSet<()>,
}

/// What is wrong with a chip or the system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// The device file belongs to others.
    Denied,
    /// The kernel is older than 5.10 and does not know the questions.
    OldKernel,
    /// The chip has no interrupts.
    NoInterrupts,
}

impl Gpio {
    /// A machine without chips.
    pub fn start() -> Gpio {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("dev")).unwrap();
        build_shim(&folder.path().join(SHIM));
        let chips = Arc::new(Mutex::new(Chips::default()));
        let listener = UnixListener::bind(folder.path().join("kernel")).unwrap();
        let mut answering = JoinSet::new();
        answering.spawn(kernel::serve(listener, folder.path().to_owned(), Arc::clone(&chips)));
        Gpio { chips, folder, _answering: answering }
    }

    /// What makes a program use these chips.
    pub fn environment(&self) -> [(OsString, OsString); 2] {
        let preload = self.folder.path().join(SHIM).into();
        [("LD_PRELOAD".into(), preload), ("KILOSAT_GPIO_SIM".into(), self.folder.path().into())]
    }

    /// Adds a chip as `/dev/gpiochip{number}`, with nothing connected to its lines.
    pub fn plug(&self, number: u32, label: &str, lines: &[&str]) {
        self.lock().plug(number, label, lines);
        std::fs::File::create(self.folder.path().join(format!("dev/gpiochip{number}"))).unwrap();
    }

    /// Takes a chip away, however it is used.
    pub fn unplug(&self, number: u32) {
        std::fs::remove_file(self.folder.path().join(format!("dev/gpiochip{number}"))).unwrap();
        self.lock().unplug(number);
    }

    /// From now on this is wrong with a chip.
    pub fn set_fault(&self, number: u32, fault: Fault) {
        self.lock().chip(number).fault = fault;
    }

    /// Another program takes a line, or gives it back.
    pub fn set_other_user(&self, number: u32, line: usize, user: Option<&str>) {
        self.line(number, line, |line| line.other_user = user.map(str::to_owned));
    }

    /// Connects a line to ground or to the supply, or opens the circuit.
    pub fn connect(&self, number: u32, line: usize, wire: Wire) {
        self.line(number, line, |line| line.connect(wire));
    }

    /// Connects a line otherwise for much less than any debounce period.
    pub fn glitch(&self, number: u32, line: usize, wire: Wire) {
        self.line(number, line, |line| line.glitch(wire));
    }

    /// Puts a resistor outside the chip between the line and the supply, or else ground.
    pub fn set_external_pull(&self, number: u32, line: usize, up: bool) {
        self.line(number, line, |line| line.external_pull = Some(up));
    }

    /// Connects so long a cable that the line is low for some time after its resistor was switched on.
    pub fn set_long_cable(&self, number: u32, line: usize) {
        self.line(number, line, |line| line.long_cable = true);
    }

    /// A meter sends pulses: it connects the line to ground for so long, and opens it for so long, by the kernel's clock.
    pub fn pulse(&self, number: u32, line: usize, count: u32, on_ms: u64, off_ms: u64) {
        self.line(number, line, |line| line.pulse(count, on_ms, off_ms));
    }

    /// So many edges are lost, because the kernel has no room for them.
    pub fn lose(&self, number: u32, line: usize, edges: u32) {
        self.line(number, line, |line| line.lose(edges));
    }

    /// The level a line is driven to as an output, true for high, also after the program that did it was killed.
    pub fn driven(&self, number: u32, line: usize) -> Option<bool> {
        self.line(number, line, |line| line.driven())
    }

    /// A relay: while the line `coil` is driven high, its contact connects the line `contact` to ground.
    pub fn plug_relay(&self, number: u32, coil: usize, contact: usize) {
        self.lock().chip(number).relays.push(RelaySim { coil, contact, is_welded: false });
    }

    /// The contact of this relay stays closed from now on, or moves again.
    pub fn weld(&self, number: u32, coil: usize, is_welded: bool) {
        let mut chips = self.lock();
        let chip = chips.chip(number);
        chip.relays.iter_mut().filter(|relay| relay.coil == coil).for_each(|relay| relay.is_welded = is_welded);
        chip.follow();
    }

    /// From now on each flush to disk takes so long; `None` ends it.
    pub fn set_slow_disk(&self, flush_ms: Option<u32>) {
        let path = self.folder.path().join("slow_disk");
        match flush_ms {
            Some(ms) => std::fs::write(path, ms.to_string()).unwrap(),
            None => std::fs::remove_file(path).unwrap(),
        }
    }

    /// What the program asked for that has the line now.
    pub fn requested(&self, number: u32, line: usize) -> Option<Requested> {
        self.line(number, line, LineSim::requested)
    }

    fn line<T>(&self, number: u32, line: usize, act: impl FnOnce(&mut LineSim) -> T) -> T {
        act(&mut self.lock().chip(number).lines[line])
    }

    fn lock(&self) -> MutexGuard<'_, Chips> {
        self.chips.lock().unwrap()
    }
}

fn build_shim(path: &Path) {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/sim/gpio/shim.c");
    let cc = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    let built = Command::new(cc)
        .args(["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-O1", "-shared", "-fPIC", "-o"])
        .arg(path)
        .args([source, "-ldl"])
        .output()
        .expect("a C compiler, which the build of Kilosat needs too");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
}

const SHIM: &str = "shim.so";
