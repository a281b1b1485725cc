//! A line for other programs too: a Modbus TCP server that passes reads on to the bus, one at a time, and refuses writes.
//!
//! Many devices serve one client only, and a serial port has one owner; whoever else wants the values asks here. A guest
//! gets every second request of the line at most, and only units that the bus reads itself.

use std::io;

use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

use super::frame::{Ask, Framing};
use super::server::{Answers, CLIENTS_MAX, Reply, serve};

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
    /// Serves other programs until the future is dropped.
    ///
    /// # Errors
    /// When the system no longer accepts connections.
    pub async fn serve(&self, listener: &TcpListener) -> io::Result<()> {
        serve(listener, Framing::Tcp, self.clone()).await
    }

    /// The registers, or the exception code a client is to get.
    pub(super) async fn ask(&self, ask: Ask) -> Result<Vec<u16>, u8> {
        let (answer, answered) = oneshot::channel();
        // A bus that has ended is a line that cannot be reached.
        self.questions.send(Question { ask, answer }).await.map_err(|_| GATEWAY_PATH)?;
        answered.await.unwrap_or(Err(GATEWAY_PATH))
    }
}

impl Answers for Share {
    async fn answer(&self, ask: Ask) -> Reply {
        self.ask(ask).await.map_or_else(Reply::Refusal, Reply::Registers)
    }
}

/// The line cannot be reached.
pub(super) const GATEWAY_PATH: u8 = 0x0A;
/// The device did not answer.
pub(super) const GATEWAY_TARGET: u8 = 0x0B;
