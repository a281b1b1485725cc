//! Where the page listens: a port that outlives a new start, so that nobody is turned away meanwhile.

use std::net::{SocketAddr, TcpListener as Listener};
use std::sync::Arc;

use tokio::net::TcpListener;

use super::AgentError;

/// A port that listens as long as one copy of this lives.
#[derive(Clone)]
pub(super) struct Door {
    asked: SocketAddr,
    address: SocketAddr,
    listener: Arc<Listener>,
}

impl Door {
    /// At `asked`; the one of before when it is there already. None when the page is switched off.
    pub(super) async fn open(asked: Option<SocketAddr>, before: Option<Door>) -> Result<Option<Door>, AgentError> {
        let Some(asked) = asked else { return Ok(None) };
        if let Some(door) = before.filter(|door| door.asked == asked) {
            return Ok(Some(door));
        }
        let fault = |source| AgentError::Web { address: asked, source };
        let listener = TcpListener::bind(asked).await.map_err(fault)?.into_std().map_err(fault)?;
        let address = listener.local_addr().map_err(fault)?;
        Ok(Some(Door { asked, address, listener: Arc::new(listener) }))
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn listener(&self) -> Result<TcpListener, AgentError> {
        let fault = |source| AgentError::Web { address: self.asked, source };
        self.listener.try_clone().and_then(TcpListener::from_std).map_err(fault)
    }
}
