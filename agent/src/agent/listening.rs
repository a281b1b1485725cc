//! Where the page and the command line are asked. The page's port outlives a new start, so that nobody is turned away
//! meanwhile, and so does a socket that the service manager opened.

use std::net::{SocketAddr, TcpListener as Listener};
use std::os::unix::net;
use std::path::Path;
use std::sync::Arc;

use tokio::net::{TcpListener, UnixListener};

use super::AgentError;
use crate::config::Config;
use crate::control;

/// What listens, as long as one copy of this lives.
#[derive(Clone, Default)]
pub(super) struct Entrances {
    /// The page's port; none when the page is switched off.
    door: Option<Door>,
    /// The command line's socket, if somebody else opened one.
    handed: Option<Arc<net::UnixListener>>,
}

impl Entrances {
    /// No port yet, and perhaps a socket that was handed over.
    pub(super) fn with(handed: Option<net::UnixListener>) -> Entrances {
        Entrances { door: None, handed: handed.map(Arc::new) }
    }

    /// Those of `config`, with what listens already where that is the same.
    pub(super) async fn open(
        self,
        config: &Config,
    ) -> Result<(Entrances, Option<TcpListener>, UnixListener), AgentError> {
        let door = Door::open(config.web_listen, self.door).await?;
        let web = door.as_ref().map(Door::listener).transpose()?;
        let socket = listen_control(&config.control_socket, self.handed.as_deref())?;
        Ok((Entrances { door, handed: self.handed }, web, socket))
    }

    pub(super) fn web_address(&self) -> Option<SocketAddr> {
        self.door.as_ref().map(|door| door.address)
    }
}

#[derive(Clone)]
struct Door {
    asked: SocketAddr,
    address: SocketAddr,
    listener: Arc<Listener>,
}

impl Door {
    /// At `asked`; the one of before when it is there already. None when the page is switched off.
    async fn open(asked: Option<SocketAddr>, before: Option<Door>) -> Result<Option<Door>, AgentError> {
        let Some(asked) = asked else { return Ok(None) };
        if let Some(door) = before.filter(|door| door.asked == asked) {
            return Ok(Some(door));
        }
        let fault = |source| AgentError::Web { address: asked, source };
        let listener = TcpListener::bind(asked).await.map_err(fault)?.into_std().map_err(fault)?;
        let address = listener.local_addr().map_err(fault)?;
        Ok(Some(Door { asked, address, listener: Arc::new(listener) }))
    }

    fn listener(&self) -> Result<TcpListener, AgentError> {
        let fault = |source| AgentError::Web { address: self.asked, source };
        self.listener.try_clone().and_then(TcpListener::from_std).map_err(fault)
    }
}

/// The command line's socket: the one at `path` that was handed over, which outlives this process, or one of our own.
fn listen_control(path: &Path, handed: Option<&net::UnixListener>) -> Result<UnixListener, AgentError> {
    let fault = |source| AgentError::Control { path: path.display().to_string(), source };
    let is_at = |socket: &&net::UnixListener| {
        socket.local_addr().is_ok_and(|address| address.as_pathname().is_some_and(|place| place == path))
    };
    if let Some(socket) = handed.filter(is_at) {
        socket.set_nonblocking(true).map_err(fault)?;
        return socket.try_clone().and_then(UnixListener::from_std).map_err(fault);
    }
    if handed.is_some() {
        let path = path.display();
        tracing::warn!(%path, "the socket that systemd opened is not the control_socket of the configuration; it is not used");
    }
    control::listen(path).map_err(fault)
}
