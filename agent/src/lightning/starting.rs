//! The built-in node before it runs. Page and meters do not wait for it: after a power cut the network is often not there
//! yet, and on a new device nobody has said how to reach it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use super::node::{NodeFault, NodeService};
use super::trouble::{ServiceFault, ServiceKind, Trouble};

/// A node that is started until it runs. Clones wait for the same one.
#[derive(Clone)]
pub struct Starting {
    progress: watch::Receiver<Progress>,
    stop: Arc<watch::Sender<bool>>,
}

/// How far that is.
#[derive(Default)]
struct Progress {
    node: Option<NodeService>,
    /// Why the last try failed.
    fault: Option<NodeFault>,
    /// Nothing is tried any more.
    has_ended: bool,
}

impl Starting {
    /// Begins to call `start`, which may block for seconds, and again later when it fails.
    pub fn begin(start: impl Fn() -> Result<NodeService, NodeFault> + Clone + Send + 'static) -> Starting {
        let (progress, seen) = watch::channel(Progress::default());
        let (stop, stopped) = watch::channel(false);
        tokio::spawn(try_until_it_runs(start, progress, stopped));
        Starting { progress: seen, stop: Arc::new(stop) }
    }

    /// What the first try comes to, if it comes to anything within `patience`.
    pub async fn first_try(&self, patience: Duration) -> Option<Result<NodeService, NodeFault>> {
        let mut progress = self.progress.clone();
        let tried = progress.wait_for(|progress| progress.node.is_some() || progress.fault.is_some());
        let tried = timeout(patience, tried).await.ok()?.ok()?;
        tried.node.clone().map(Ok).or_else(|| tried.fault.clone().map(Err))
    }

    /// The node, once it runs.
    pub fn node(&self) -> Option<NodeService> {
        self.progress.borrow().node.clone()
    }

    /// Waits for the node; for ever where it never runs.
    pub async fn ready(&self) -> NodeService {
        let mut progress = self.progress.clone();
        let node = progress.wait_for(|progress| progress.node.is_some()).await.ok().and_then(|seen| seen.node.clone());
        match node {
            Some(node) => node,
            None => std::future::pending().await,
        }
    }

    /// Whether nothing is tried any more.
    pub fn has_ended(&self) -> bool {
        self.progress.borrow().has_ended
    }

    /// Why nothing can be asked of it.
    pub fn fault(&self) -> ServiceFault {
        let why = self.progress.borrow().fault.as_ref().map_or_else(String::new, ToString::to_string);
        ServiceFault::with(ServiceKind::Node, Trouble::NotReady, &why)
    }

    /// Tries no more, and stops the node if it runs. Returns only then: two nodes must never have one store.
    pub async fn stop(&self) {
        self.stop.send_replace(true);
        let mut progress = self.progress.clone();
        // The task being gone has ended it as well.
        let _ = progress.wait_for(|progress| progress.has_ended).await;
        if let Some(node) = self.node() {
            node.stop().await;
        }
    }
}

impl NodeFault {
    /// Whether it may work later without anybody changing anything.
    fn may_pass(&self) -> bool {
        matches!(self, NodeFault::Start(_))
    }
}

async fn try_until_it_runs(
    start: impl Fn() -> Result<NodeService, NodeFault> + Clone + Send + 'static,
    progress: watch::Sender<Progress>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut wait = RETRY_FIRST;
    while !*stopped.borrow() {
        match tokio::task::spawn_blocking(start.clone()).await {
            Ok(Ok(node)) => {
                progress.send_modify(|progress| (progress.node, progress.fault) = (Some(node), None));
                break;
            }
            Ok(Err(fault)) => {
                let may_pass = fault.may_pass();
                match may_pass {
                    true => tracing::warn!(%fault, "it is tried again in {} s", wait.as_secs()),
                    false => tracing::error!(%fault, "it is not tried again before something is changed"),
                }
                progress.send_modify(|progress| progress.fault = Some(fault));
                if !may_pass {
                    break;
                }
            }
            // It panicked, or the program is ending.
            Err(_) => break,
        }
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            _ = stopped.wait_for(|stop| *stop) => {}
        }
        wait = (wait * 2).min(RETRY_LONGEST);
    }
    progress.send_modify(|progress| progress.has_ended = true);
}

const RETRY_FIRST: Duration = Duration::from_secs(5);
const RETRY_LONGEST: Duration = Duration::from_secs(60);
