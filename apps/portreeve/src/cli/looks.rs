//! Looking at what the server works on until it is done, within what the server lets a client ask.

use {
    super::CliError,
    std::time::Duration,
    tokio::time::{Instant, sleep},
};

/// How long somebody at a terminal is kept waiting.
const PATIENCE: Duration = Duration::from_secs(120);

/// How often at first, and how often once it takes longer: at the default limit a credential may look 100 times a minute.
const PACES: [(Duration, Duration); 3] = [
    (Duration::from_millis(250), Duration::from_millis(1_500)),
    (Duration::from_millis(500), Duration::from_secs(5)),
    (Duration::from_secs(2), PATIENCE),
];

/// Looks, at a pace that slackens.
pub(super) struct Looks {
    since: Instant,
}

impl Looks {
    pub(super) fn new() -> Self {
        Self { since: Instant::now() }
    }

    /// Waits until it is time to look again; false when that has gone on long enough.
    pub(super) async fn next(&self) -> bool {
        let Some(pause) = pause(self.since.elapsed()) else {
            return false;
        };
        sleep(pause).await;
        true
    }

    /// The answer of `look`, which is asked again when it was asked too often.
    pub(super) async fn patiently<T>(&self, look: impl AsyncFn() -> Result<T, CliError>) -> Result<T, CliError> {
        loop {
            match look().await {
                Err(CliError::Client(error)) => match error.retry_after() {
                    Some(pause) if self.since.elapsed().saturating_add(pause) < PATIENCE => sleep(pause).await,
                    _ => return Err(CliError::Client(error)),
                },
                other => return other,
            }
        }
    }
}

fn pause(waited: Duration) -> Option<Duration> {
    let pace = PACES.iter().find(|(_, until)| waited < *until);
    pace.map(|(pause, _)| *pause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_of_looking_is_well_within_the_default_limit_and_two_minutes_are_enough() {
        let (mut waited, mut looks) = (Duration::ZERO, 0);
        while let Some(pause) = pause(waited) {
            waited += pause;
            looks += u32::from(waited <= Duration::from_secs(60));
        }
        assert_eq!((looks, waited), (40, PATIENCE + Duration::from_millis(1_000)));
    }
}
