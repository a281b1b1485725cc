//! A line for other programs too: a Modbus TCP server that passes reads on to the bus, one at a time, and refuses writes.
//!
//! Many devices serve one client only, and a serial port has one owner; whoever else wants the values asks here. A guest
//! gets every second request of the line at most, and only units that the bus reads itself.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::frame::{Ask, FRAME_MAX, Framing};
use super::question::{Parsed, parse};

/// The way into a bus for other programs.
#[derive(Debug, Clone)]
pub struct Share {
    questions: mpsc::Sender<Question>,
}

/// A guest's request on its way to the bus.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) ask: Ask,
    /// The registers, or the exception code.
    pub(super) answer: oneshot::Sender<Result<Vec<u16>, u8>>,
}

/// Both ends: the bus keeps the second.
pub(super) fn share() -> (Share, mpsc::Receiver<Question>) {
    let (questions, asked) = mpsc::channel(CLIENTS_MAX);
    (Share { questions }, asked)
}

impl Share {
    /// Serves at most [`CLIENTS_MAX`] clients at a time until the future is dropped; one that is silent for
    /// [`IDLE_MAX`] is dismissed.
    ///
    /// # Errors
    /// When the system no longer accepts connections.
    pub async fn serve(&self, listener: &TcpListener) -> io::Result<()> {
        let mut clients = JoinSet::new();
        loop {
            tokio::select! {
                Some(_) = clients.join_next() => {}
                accepted = listener.accept() => {
                    let (stream, _) = accepted?;
                    if clients.len() < CLIENTS_MAX {
                        clients.spawn(client(stream, self.clone()));
                    }
                }
            }
        }
    }

    /// The registers, or the exception code a client is to get.
    pub(super) async fn ask(&self, ask: Ask) -> Result<Vec<u16>, u8> {
        let (answer, answered) = oneshot::channel();
        // A bus that has ended is a line that cannot be reached.
        self.questions.send(Question { ask, answer }).await.map_err(|_| GATEWAY_PATH)?;
        answered.await.unwrap_or(Err(GATEWAY_PATH))
    }
}

/// Serves one client until it leaves, falls silent or sends what is no request.
async fn client(mut stream: TcpStream, share: Share) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut input, mut output) = (Vec::with_capacity(FRAME_MAX), Vec::with_capacity(FRAME_MAX));
    loop {
        let envelope = match parse(Framing::Tcp, &input) {
            Parsed::Broken => return Ok(()),
            Parsed::Incomplete => {
                let read = timeout(IDLE_MAX, stream.read_buf(&mut input)).await.map_err(|_| io::ErrorKind::TimedOut)?;
                if read? == 0 {
                    return Ok(());
                }
                continue;
            }
            Parsed::Refused(code, envelope) => {
                envelope.refuse(code, &mut output);
                envelope
            }
            Parsed::Read(ask, envelope) => {
                match share.ask(ask).await {
                    Ok(words) => envelope.answer(ask.space, &words, &mut output),
                    Err(code) => envelope.refuse(code, &mut output),
                }
                envelope
            }
        };
        input.drain(..envelope.end);
        timeout(IDLE_MAX, stream.write_all(&output)).await.map_err(|_| io::ErrorKind::TimedOut)??;
    }
}

/// Clients served at a time; more are sent away.
pub const CLIENTS_MAX: usize = 8;
/// How long a client may be silent.
pub const IDLE_MAX: Duration = Duration::from_secs(300);
/// The line cannot be reached.
pub(super) const GATEWAY_PATH: u8 = 0x0A;
/// The device did not answer.
pub(super) const GATEWAY_TARGET: u8 = 0x0B;
