//! A serial port without a wire: a pseudo-terminal whose other end is a TCP connection.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// The port; it is pulled out when this is dropped.
pub struct SerialPort {
    path: PathBuf,
    pulled: Arc<AtomicBool>,
    carrier: Option<JoinHandle<()>>,
}

impl SerialPort {
    /// A port at `path` whose bytes go to and come from `127.0.0.1:port`.
    ///
    /// # Panics
    /// When the system has no pseudo-terminal left or nobody listens there.
    pub fn plug(path: &Path, port: u16) -> SerialPort {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        // Held open, so that the other end can be read before anybody uses the port and between two who do.
        let held = open(&name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()).unwrap();
        symlink(name.into_string().unwrap(), path).unwrap();
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_nodelay(true).unwrap();
        let pulled = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&pulled);
        let carrier = std::thread::spawn(move || {
            // Whatever ends it is seen by who reads the port.
            let _ = carry(&master, stream, &seen);
            drop(held);
        });
        SerialPort { path: path.to_owned(), pulled, carrier: Some(carrier) }
    }
}

impl Drop for SerialPort {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
        self.pulled.store(true, Ordering::SeqCst);
        if let Some(carrier) = self.carrier.take() {
            let _ = carrier.join();
        }
    }
}

/// Carries bytes both ways until the port is pulled out or the connection ends.
fn carry(master: &OwnedFd, mut stream: TcpStream, pulled: &AtomicBool) -> std::io::Result<()> {
    let mut bytes = [0; 512];
    while !pulled.load(Ordering::SeqCst) {
        let mut ends = [PollFd::new(master, PollFlags::IN), PollFd::new(&stream, PollFlags::IN)];
        poll(&mut ends, Some(&LOOK_EVERY))?;
        let [from_port, from_network] = ends.map(|end| end.revents());
        if from_port.contains(PollFlags::IN) {
            let read = rustix::io::read(master, &mut bytes)?;
            stream.write_all(bytes.get(..read).unwrap_or_default())?;
        }
        if !from_network.is_empty() {
            let read = stream.read(&mut bytes)?;
            if read == 0 {
                return Ok(());
            }
            // A terminal takes far more at once than a frame has.
            rustix::io::write(master, bytes.get(..read).unwrap_or_default())?;
        }
    }
    Ok(())
}

const LOOK_EVERY: Timespec = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };
