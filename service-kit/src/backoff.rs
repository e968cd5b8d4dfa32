//! Pauses between attempts at what may work later.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// Waits that grow while trouble lasts: 50 ms to 2 s.
#[derive(Default)]
pub(crate) struct Backoff {
    tries: u32,
}

impl Backoff {
    pub(crate) fn reset(&mut self) {
        self.tries = 0;
    }

    pub(crate) fn next_delay(&mut self) -> Duration {
        let delay = Duration::from_millis(50 << self.tries.min(6)).min(Duration::from_secs(2));
        self.tries += 1;
        delay
    }

    pub(crate) async fn wait(&mut self, stop: &CancellationToken) {
        let delay = self.next_delay();
        tokio::select! {
            () = tokio::time::sleep(delay) => {}
            () = stop.cancelled() => {}
        }
    }
}
