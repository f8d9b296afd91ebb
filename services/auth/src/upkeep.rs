//! What has to be written now and then: uses of keys, tokens that were made, who was let in and who was not.

use {
    crate::{auth_log::AuthLog, keys::Keys},
    std::{future::Future, pin::pin, sync::Arc, time::Duration},
    tokio::time::{MissedTickBehavior, interval},
};

/// How often failures are written down.
const FAILURES: Duration = Duration::from_secs(1);

/// Uses are written down every so many times failures are: at most half a minute late.
const USES: u32 = 30;

/// Tokens that were made, and who was let in, are written down every so many times: at most a minute late.
const ISSUES: u32 = 60;

/// What is over by itself is forgotten every so many times: once an hour.
const SWEEPS: u32 = 3600;

/// Writes until `shutdown`, and once more then. One task per process.
pub async fn upkeep(keys: Arc<Keys>, log: Arc<AuthLog>, shutdown: impl Future<Output = ()>) {
    let mut tick: u32 = 0;
    let (keys, log) = (&*keys, &*log);
    every(FAILURES, shutdown, || {
        tick = tick.wrapping_add(1);
        let now = tick;
        async move {
            write(keys, log, now.is_multiple_of(USES), now.is_multiple_of(ISSUES)).await;
            if now.is_multiple_of(SWEEPS)
                && let Err(error) = keys.sweep().await
            {
                tracing::warn!(%error, "what is over by itself is still remembered");
            }
        }
    })
    .await;
    write(keys, log, true, true).await;
}

/// Does `work` at once and then after each `period`, until `shutdown`; never twice at a time.
pub(crate) async fn every<Work: Future<Output = ()>>(
    period: Duration,
    shutdown: impl Future<Output = ()>,
    mut work: impl FnMut() -> Work,
) {
    let mut shutdown = pin!(shutdown);
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => return,
            _ = ticks.tick() => {}
        }
        work().await;
    }
}

async fn write(keys: &Keys, log: &AuthLog, uses_too: bool, issues_too: bool) {
    if let Err(error) = log.flush(&keys.db).await {
        tracing::warn!(%error, "failures to authenticate are not in the audit log yet");
    }
    if uses_too && let Err(error) = keys.flush_uses().await {
        tracing::warn!(%error, "uses of keys are not written down yet");
    }
    if !issues_too {
        return;
    }
    if let Err(error) = keys.flush_issues().await {
        tracing::warn!(%error, "tokens that were made are not in the audit log yet");
    }
    if let Err(error) = log.flush_admissions(&keys.db).await {
        tracing::warn!(%error, "who was let in is not in the audit log yet");
    }
}
