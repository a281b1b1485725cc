//! Where devices are reached, and how that is opened: a serial line, or a TCP connection.

use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::fs::{FlockOperation, Mode, OFlags, flock, open};
use rustix::termios::ioctl_tiocexcl;
use serial2_tokio::{CharSize, FlowControl, SerialPort, Settings, StopBits};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use super::frame::Framing;
use crate::serial::{Parity, SerialSettings};

/// One line: everything on it shares its time.
#[derive(Clone)]
pub enum Line {
    /// RS-485 behind a serial port of this machine.
    Serial {
        /// Best by id, such as `/dev/serial/by-id/usb-FTDI_...`; `/dev/ttyUSB0` may be another one tomorrow.
        path: PathBuf,
        /// Speed and character; every device on the line has the same.
        settings: SerialSettings,
    },
    /// A device or a gateway in the network.
    Network {
        /// Name or address.
        host: String,
        /// TCP port.
        port: u16,
        /// RTU frames where the gateway passes bytes on as they are.
        framing: Framing,
        /// Modbus/TCP Security: TLS around the same frames.
        tls: Option<Arc<ClientConfig>>,
    },
}

/// Bytes to and from a line.
pub(super) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

impl Line {
    /// How frames are wrapped here.
    #[must_use]
    pub fn framing(&self) -> Framing {
        match self {
            Self::Serial { .. } => Framing::Rtu,
            Self::Network { framing, .. } => *framing,
        }
    }

    /// Speed of the wire that the bytes go over in the end; a guess behind a gateway, which does not say.
    #[must_use]
    pub fn wire(&self) -> SerialSettings {
        match self {
            Self::Serial { settings, .. } => *settings,
            Self::Network { .. } => SerialSettings::default(),
        }
    }

    pub(super) async fn open(&self, limit: Duration) -> io::Result<Box<dyn Wire>> {
        match self {
            Self::Serial { path, settings } => Ok(Box::new(Port::open(path, *settings)?)),
            Self::Network { host, port, tls, .. } => {
                timeout(limit, connect(host, *port, tls.as_ref())).await.map_err(|_| io::ErrorKind::TimedOut)?
            }
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Serial { path, settings } => write!(f, "{} ({settings})", path.display()),
            Self::Network { host, port, .. } => write!(f, "{host}:{port}"),
        }
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Line({self}, {:?})", self.framing())
    }
}

async fn connect(host: &str, port: u16, tls: Option<&Arc<ClientConfig>>) -> io::Result<Box<dyn Wire>> {
    let stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    let Some(config) = tls else { return Ok(Box::new(stream)) };
    let name = ServerName::try_from(host.to_owned()).map_err(|_| io::ErrorKind::InvalidInput)?;
    Ok(Box::new(TlsConnector::from(Arc::clone(config)).connect(name, stream).await?))
}

/// A serial port that no other program may use at the same time: two of them would take each other's answers.
pub(super) struct Port {
    port: SerialPort,
    /// Holds the lock until the port is closed.
    _lock: OwnedFd,
}

impl Port {
    pub(super) fn open(path: &Path, settings: SerialSettings) -> io::Result<Port> {
        let lock = open(path, OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|_| io::ErrorKind::ResourceBusy)?;
        let port = SerialPort::open(path, |mut raw: Settings| {
            raw.set_raw();
            raw.set_baud_rate(settings.baud)?;
            raw.set_char_size(CharSize::Bits8);
            raw.set_parity(match settings.parity {
                Parity::None => serial2_tokio::Parity::None,
                Parity::Even => serial2_tokio::Parity::Even,
                Parity::Odd => serial2_tokio::Parity::Odd,
            });
            raw.set_stop_bits(if settings.stop_bits == 2 { StopBits::Two } else { StopBits::One });
            raw.set_flow_control(FlowControl::None);
            Ok(raw)
        })?;
        ioctl_tiocexcl(&lock)?;
        port.discard_buffers()?;
        Ok(Port { port, _lock: lock })
    }
}

impl AsyncRead for Port {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.port).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Port {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.port).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.port).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.port).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;
