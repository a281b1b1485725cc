//! Modbus servers that nobody here wrote.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use kilosat_drivers::profiles::Space;

use crate::libmodbus::order;

/// pymodbus playing an Eastron SDM630; ends when dropped.
pub struct Pymodbus {
    child: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    port: u16,
}

impl Pymodbus {
    /// Starts the peer with `KILOSAT_PYTHON`, which `tests/run` sets up.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start() -> Pymodbus {
        Self::start_with(&[])
    }

    /// The same, in the frames of a serial line.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start_rtu() -> Pymodbus {
        Self::start_with(&["--rtu"])
    }

    /// The same in TLS, with the certificates in this folder, `server.pem` with its key and `client.pem`.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start_tls(folder: &Path) -> Pymodbus {
        Self::start_with(&["--tls", folder.to_str().unwrap()])
    }

    fn start_with(options: &[&str]) -> Pymodbus {
        let mut child = python("pymodbus_meter.py")
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the Python environment of tests/run works");
        let orders = child.stdin.take();
        let mut answers = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        answers.read_line(&mut line).unwrap();
        let port = line.trim().strip_prefix("listening ").expect("the peer names its port").parse().unwrap();
        Pymodbus { child, orders, answers, port }
    }

    /// Where it listens on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Changes a value: `energy KWH` or `power WATTS`.
    ///
    /// # Panics
    /// When the peer does not understand.
    pub fn order(&mut self, order: &str) {
        let orders = self.orders.as_mut().expect("the peer runs");
        writeln!(orders, "{order}").unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        assert_eq!(line.trim(), "ok");
    }
}

impl Drop for Pymodbus {
    fn drop(&mut self) {
        drop(self.orders.take());
        let _ = self.child.wait();
    }
}

/// pymodbus playing one device after the other, with any registers; ends when dropped.
pub struct PymodbusDevices {
    child: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl PymodbusDevices {
    /// Starts the peer, for TCP or for the serial port at `path`.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(path: Option<&Path>) -> PymodbusDevices {
        let mut child =
            python("pymodbus_device.py").args(path).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (orders, answers) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        PymodbusDevices { child, orders, answers }
    }

    /// Becomes a device with these registers; the port where it is, on TCP.
    ///
    /// # Panics
    /// When the peer has ended.
    pub fn serve(&mut self, image: &[(Space, u16, u16)]) -> u16 {
        let orders = self.orders.as_mut().expect("the peer runs");
        orders.write_all(order(image).as_bytes()).unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line.trim().strip_prefix("listening ").expect("the peer names its port").parse().unwrap()
    }
}

impl Drop for PymodbusDevices {
    fn drop(&mut self) {
        drop(self.orders.take());
        let _ = self.child.wait();
    }
}

/// A peer of ours in the Python environment of `tests/run`.
fn python(script: &str) -> Command {
    let python = std::env::var_os("KILOSAT_PYTHON").expect("KILOSAT_PYTHON is set by tests/run");
    let mut command = Command::new(python);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("sim/peers").join(script));
    command
}

/// What pysunspec2 prints: the registers of a device with a model, or what it reads of one.
///
/// # Panics
/// When it does not run.
pub fn pysunspec(arguments: &[&str]) -> String {
    let run = python("sunspec.py").args(arguments).output().unwrap();
    assert!(run.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&run.stderr));
    String::from_utf8(run.stdout).unwrap()
}

/// The lines that pymodbus, as a client of the server at `port`, prints of the float in the input registers at `address`
/// of `unit`, and of its attempt to write.
///
/// # Panics
/// When it does not run.
pub fn pymodbus_reads(port: u16, unit: u8, address: u16) -> Vec<String> {
    let arguments = [port.to_string(), unit.to_string(), address.to_string()];
    let run = python("pymodbus_client.py").args(arguments).stderr(Stdio::null()).output().unwrap();
    String::from_utf8(run.stdout).unwrap().lines().map(str::to_owned).collect()
}
