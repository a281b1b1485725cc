//! Tells whoever looks that there is something new to see.

use std::sync::Arc;

use tokio::sync::watch;

/// Clones tell the same listeners.
#[derive(Clone, Debug, Default)]
pub struct News {
    told: Arc<watch::Sender<()>>,
}

impl News {
    /// There is something new.
    pub fn tell(&self) {
        self.told.send_modify(|()| {});
    }

    /// Hears of what is told from now on.
    pub fn listen(&self) -> watch::Receiver<()> {
        self.told.subscribe()
    }
}
