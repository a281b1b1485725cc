//! A device played by libmodbus, with any registers.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use kilosat_drivers::profiles::Space;

use crate::wait;

/// The program, built in a folder of its own.
pub struct Libmodbus {
    folder: tempfile::TempDir,
}

/// A running device; ends when dropped.
pub struct LibmodbusDevice {
    child: Child,
    port: u16,
}

/// Two serial ports with a wire between them; it is cut when this is dropped.
pub struct Wire {
    socat: Child,
    folder: tempfile::TempDir,
}

impl Libmodbus {
    /// Builds it with the C compiler and libmodbus, which `tests/run` installs.
    ///
    /// # Panics
    /// When it does not build.
    pub fn build() -> Libmodbus {
        let folder = tempfile::tempdir().unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("sim/peers/libmodbus_device.c");
        let program = folder.path().join("device");
        let mut compiler = Command::new("cc");
        compiler.args(["-Wall", "-I/usr/include/modbus", "-o"]).arg(program).arg(source).arg("-lmodbus");
        assert!(compiler.status().unwrap().success(), "libmodbus-dev is installed by tests/run");
        Libmodbus { folder }
    }

    /// Starts a device with these registers, on TCP or on the serial port at `path`.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(&self, image: &[(Space, u16, u16)], path: Option<&Path>) -> LibmodbusDevice {
        let mut command = Command::new(self.folder.path().join("device"));
        match path {
            Some(path) => command.arg("rtu").arg(path),
            None => command.arg("tcp"),
        };
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(order(image).as_bytes()).unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().strip_prefix("listening ").expect("the device names its port").parse().unwrap();
        LibmodbusDevice { child, port }
    }
}

impl LibmodbusDevice {
    /// Where it listens on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for LibmodbusDevice {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Wire {
    /// Lays it with socat.
    ///
    /// # Panics
    /// When the ports do not appear.
    pub async fn lay() -> Wire {
        let folder = tempfile::tempdir().unwrap();
        let end = |name| format!("pty,raw,echo=0,link={}", folder.path().join(name).display());
        let socat = Command::new("socat").args([end("ours"), end("theirs")]).spawn().expect("tests/run installs socat");
        let wire = Wire { socat, folder };
        wait::answer(async || (wire.ours().exists() && wire.theirs().exists()).then_some(())).await.unwrap();
        wire
    }

    /// One end.
    pub fn ours(&self) -> PathBuf {
        self.folder.path().join("ours")
    }

    /// The other.
    pub fn theirs(&self) -> PathBuf {
        self.folder.path().join("theirs")
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        let _ = self.socat.kill();
        let _ = self.socat.wait();
    }
}

/// What a peer is told to serve these registers.
pub(crate) fn order(image: &[(Space, u16, u16)]) -> String {
    let lines = image.iter().map(|(space, at, word)| format!("{} {at} {word}\n", table(*space)));
    lines.chain(["serve\n".to_owned()]).collect()
}

fn table(space: Space) -> &'static str {
    match space {
        Space::Coil => "coil",
        Space::Discrete => "discrete",
        Space::Holding => "holding",
        Space::Input => "input",
    }
}
