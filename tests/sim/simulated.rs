//! `kilosat sim`, started as an integrator starts it.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::hub::kilosat_exe;

/// A running `kilosat sim`.
pub struct Simulated {
    child: Child,
    said: BufReader<std::process::ChildStdout>,
    /// What it said at first.
    pub first: String,
}

impl Simulated {
    /// Starts it with these arguments.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(arguments: &[&str]) -> Simulated {
        let mut command = Command::new(kilosat_exe());
        let mut child = command.arg("sim").args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let mut first = String::new();
        said.read_line(&mut first).unwrap();
        Simulated { child, said, first }
    }

    /// Where it listens on 127.0.0.1.
    ///
    /// # Panics
    /// When it did not say so.
    pub fn port(&self) -> u16 {
        let port = self.first.split("127.0.0.1:").nth(1).unwrap().split('.').next().unwrap();
        port.parse().unwrap_or_else(|_| panic!("{}", self.first))
    }

    /// Ends it as Ctrl-C does; the rest of what it said.
    ///
    /// # Panics
    /// When it does not end well.
    pub fn interrupt(mut self) -> String {
        kill_process(Pid::from_child(&self.child), Signal::INT).unwrap();
        let mut rest = String::new();
        self.said.read_to_string(&mut rest).unwrap();
        assert!(self.child.wait().unwrap().success(), "{rest}");
        rest
    }
}

impl Drop for Simulated {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
