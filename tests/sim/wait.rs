//! Waiting for what happens in another process: asked again and again, never for a fixed time.

use std::time::Duration;

use tokio::time::{interval, timeout};

/// Asks twenty times a second until there is an answer; `None` after a minute.
pub async fn answer<T>(mut ask: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    let asking = async {
        let mut beat = interval(BEAT);
        loop {
            beat.tick().await;
            if let Some(answer) = ask().await {
                return answer;
            }
        }
    };
    timeout(LONGEST, asking).await.ok()
}

/// Lets this much time pass, for faults that strike at a chosen moment.
pub async fn let_pass(time: Duration) {
    // Nothing ever answers; the limit is what is waited for.
    let _ = timeout(time, std::future::pending::<()>()).await;
}

const BEAT: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(60);
