//! Lets other programs read what is on a meter's line, through Kilosat.

use std::net::SocketAddr;
use std::time::Duration;

use kilosat_drivers::modbus::Share;
use tokio::net::TcpListener;

use crate::latest::Latest;

/// A line that other programs may read.
pub struct SharedLine {
    /// The meter whose section of the configuration says so.
    pub meter: String,
    /// Where they ask.
    pub listen: SocketAddr,
    /// The way to the line.
    pub share: Share,
}

impl SharedLine {
    /// Serves other programs until the future is dropped; while the port is taken it is tried again.
    pub async fn serve(self, latest: Latest) {
        let SharedLine { meter, listen, share } = self;
        loop {
            let outcome = match TcpListener::bind(listen).await {
                Ok(listener) => {
                    latest.noted(&meter, format!("Other programs can read its line at {listen}; they cannot write."));
                    share.serve(&listener).await
                }
                Err(error) => Err(error),
            };
            if let Err(error) = outcome {
                tracing::error!(meter, %listen, %error, "the line is not shared");
                let text = format!("Its line is not shared at {listen} ({error}); Kilosat tries again.");
                latest.noted(&meter, text);
            }
            tokio::time::sleep(RETRY_WAIT).await;
        }
    }
}

const RETRY_WAIT: Duration = Duration::from_secs(10);
