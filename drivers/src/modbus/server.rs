//! A Modbus server for whoever answers: a line that is shared, which never writes, or a simulated device.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{OFlags, fcntl_setfl};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serial2_tokio::{SerialPort, Settings};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, Join, join};
use tokio::net::TcpListener;
use tokio::net::unix::pipe::{Receiver, Sender};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::frame::{Ask, FRAME_MAX, Framing};
use super::line::Port;
use super::question::{ILLEGAL_FUNCTION, Parsed, parse};
use crate::profiles::Space;
use crate::serial::SerialSettings;

/// Whoever knows the answers.
pub trait Answers: Clone + Send + 'static {
    /// What is answered to a read.
    fn answer(&self, ask: Ask) -> impl Future<Output = Reply> + Send;

    /// What is answered to a write: with [`Reply::Registers`] of whatever content it was done. Refused, unless somebody
    /// says otherwise.
    fn write(&self, _: Change) -> impl Future<Output = Reply> + Send {
        std::future::ready(Reply::Refusal(ILLEGAL_FUNCTION))
    }
}

/// A request to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Who is told.
    pub unit: u8,
    /// Which table.
    pub space: Space,
    /// Zero-based address of the first register.
    pub address: u16,
    /// What is written there; a coil is a register of 0 or 1.
    pub words: Vec<u16>,
}

/// An answer to a read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// As many registers as were asked for; bits are registers of 0 and 1.
    Registers(Vec<u16>),
    /// The same, spoilt on the way, as a simulated line does it.
    Spoilt(Vec<u16>, Spoiling),
    /// A refusal with this exception code.
    Refusal(u8),
    /// Nothing at all.
    Silence,
}

/// What a bad line or a bad device does to an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spoiling {
    /// A bit is turned over where the receiver can notice it.
    Damaged,
    /// Only the first half arrives.
    Short,
    /// Another unit answers.
    OtherUnit,
}

/// Serves at most [`CLIENTS_MAX`] clients at a time until the future is dropped; one that is silent for [`IDLE_MAX`] is
/// dismissed.
///
/// # Errors
/// When the system no longer accepts connections.
pub async fn serve(listener: &TcpListener, framing: Framing, answers: impl Answers) -> io::Result<()> {
    let mut clients = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = clients.join_next() => {}
            accepted = listener.accept() => {
                let (stream, _) = accepted?;
                if clients.len() < CLIENTS_MAX && stream.set_nodelay(true).is_ok() {
                    clients.spawn(converse(stream, framing, answers.clone(), Some(IDLE_MAX)));
                }
            }
        }
    }
}

/// Serves whoever is at the other end of a serial port until the future is dropped.
///
/// # Errors
/// When the port cannot be opened, or fails.
pub async fn serve_port(path: &Path, settings: SerialSettings, answers: impl Answers) -> io::Result<()> {
    converse(Port::open(path, settings)?, Framing::Rtu, answers, None).await
}

/// A serial port without a wire: what is opened at its path speaks to the server at its other end.
pub struct PseudoTerminal {
    ours: Join<Receiver, Sender>,
    /// Held open, so that our end works while nobody has opened the other.
    _theirs: SerialPort,
    path: PathBuf,
}

impl PseudoTerminal {
    /// A new one, reached under `path`, which must not exist.
    ///
    /// # Errors
    /// When the system gives none or `path` cannot be made.
    pub fn new(path: &Path) -> io::Result<Self> {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        grantpt(&ours)?;
        unlockpt(&ours)?;
        fcntl_setfl(&ours, OFlags::RDWR | OFlags::NONBLOCK)?;
        let name = ptsname(&ours, Vec::new())?;
        let name = Path::new(OsStr::from_bytes(name.as_bytes()));
        let theirs = SerialPort::open(name, |mut raw: Settings| {
            raw.set_raw();
            Ok(raw)
        })?;
        // To tokio it is two ends of a pipe; a terminal is read and written like one.
        let (to_read, to_write) = (File::from(ours.try_clone()?), File::from(ours));
        let ours = join(Receiver::from_file_unchecked(to_read)?, Sender::from_file_unchecked(to_write)?);
        symlink(name, path)?;
        Ok(Self { ours, _theirs: theirs, path: path.to_owned() })
    }

    /// Serves whoever opens it until the future is dropped.
    ///
    /// # Errors
    /// When it fails.
    pub async fn serve(&mut self, answers: impl Answers) -> io::Result<()> {
        converse(&mut self.ours, Framing::Rtu, answers, None).await
    }
}

impl Drop for PseudoTerminal {
    fn drop(&mut self) {
        // It leads nowhere any more.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Serves one client until it leaves, is silent for `idle_max`, or on Modbus TCP sends what is no request. On a serial
/// line what is no request is dropped up to the next silence.
async fn converse(
    mut wire: impl AsyncRead + AsyncWrite + Unpin,
    framing: Framing,
    answers: impl Answers,
    idle_max: Option<Duration>,
) -> io::Result<()> {
    let (mut input, mut output) = (Vec::with_capacity(FRAME_MAX), Vec::with_capacity(FRAME_MAX));
    loop {
        let (reply, envelope) = match parse(framing, &input) {
            Parsed::Read(ask, envelope) => (answers.answer(ask).await, envelope),
            Parsed::Write(change, envelope) => (answers.write(change).await, envelope),
            Parsed::Refused(code, envelope) => (Reply::Refusal(code), envelope),
            Parsed::Broken if framing == Framing::Tcp => return Ok(()),
            Parsed::Incomplete | Parsed::Broken if framing == Framing::Rtu && !input.is_empty() => {
                // Either its rest comes at once, or it was noise.
                match timeout(RTU_SILENCE, wire.read_buf(&mut input)).await {
                    Ok(Ok(0)) => return Ok(()),
                    Ok(Ok(_)) if input.len() <= FRAME_MAX => {}
                    Ok(Ok(_)) | Err(_) => input.clear(),
                    Ok(Err(error)) => return Err(error),
                }
                continue;
            }
            Parsed::Incomplete | Parsed::Broken => {
                let reading = wire.read_buf(&mut input);
                let read = match idle_max {
                    Some(idle_max) => timeout(idle_max, reading).await.map_err(|_| io::ErrorKind::TimedOut)?,
                    None => reading.await,
                };
                if read? == 0 {
                    return Ok(());
                }
                continue;
            }
        };
        input.drain(..envelope.end);
        match reply {
            Reply::Registers(words) => envelope.answer(&words, &mut output),
            Reply::Spoilt(words, spoiling) => envelope.spoil(&words, spoiling, &mut output),
            Reply::Refusal(code) => envelope.refuse(code, &mut output),
            Reply::Silence => continue,
        }
        timeout(SEND_MAX, wire.write_all(&output)).await.map_err(|_| io::ErrorKind::TimedOut)??;
    }
}

/// Clients served at a time; more are sent away.
pub const CLIENTS_MAX: usize = 8;
/// How long a client may be silent.
pub const IDLE_MAX: Duration = Duration::from_secs(300);
const SEND_MAX: Duration = Duration::from_secs(10);
/// Far longer than between the bytes of one frame, also through an adapter.
const RTU_SILENCE: Duration = Duration::from_millis(50);
