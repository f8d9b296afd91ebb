//! The loop that claims what is due and sees it through.

use {
    crate::job::{self, Claimed, Moments},
    portreeve_kernel::{Clock, Seconds},
    portreeve_store::{Database, StoreError},
    std::{
        collections::BTreeMap,
        future::Future,
        pin::{Pin, pin},
        sync::Arc,
        time::Duration,
    },
    tokio::{task::JoinSet, time::sleep},
};

/// How long a claim holds without being renewed.
pub const LEASE: Seconds = Seconds(30);

/// How many jobs one runner runs at once.
const AT_ONCE: usize = 16;

/// The longest pause between two tries, in seconds.
const LONGEST_PAUSE: u32 = 60;

/// How often a runner looks up, in real time. What is due, and which lease holds, is the clock's matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Between two looks at the queue when nothing says that it changed: other nodes and the clock do not.
    pub look: Duration,
    /// Between two renewals of a lease.
    pub renew: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            look: Duration::from_millis(500),
            renew: Duration::from_secs(10),
        }
    }
}

/// What a handler says when it is through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Nothing is left to do.
    Done,
    /// It went well and there is more to do later.
    Again {
        /// How much later.
        after: Seconds,
    },
    /// It went wrong: try again after 1, 2, 4 … 60 s.
    Failed {
        /// Why, for people. No secrets.
        reason: String,
    },
}

type Work = Pin<Box<dyn Future<Output = Next> + Send>>;
type Handler = Arc<dyn Fn(String) -> Work + Send + Sync>;

/// Runs jobs of the kinds it has handlers for.
pub struct Runner {
    database: Database,
    node: String,
    clock: Arc<dyn Clock>,
    pace: Pace,
    handlers: BTreeMap<&'static str, Handler>,
}

impl Runner {
    /// A runner called `node`. No two runners that live at the same time may share a name: what the name holds from an
    /// earlier life is freed when it starts, so that a restart need not wait for leases to lapse.
    #[must_use]
    pub fn new(database: Database, node: impl Into<String>, clock: Arc<dyn Clock>) -> Self {
        Self {
            database,
            node: node.into(),
            clock,
            pace: Pace::default(),
            handlers: BTreeMap::new(),
        }
    }

    /// Looks up at another pace.
    #[must_use]
    pub const fn at_pace(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self
    }

    /// Has jobs of `kind` done by `handler`, which gets the subject. It may be stopped anywhere and run again.
    #[must_use]
    pub fn register<F, W>(mut self, kind: &'static str, handler: F) -> Self
    where
        F: Fn(String) -> W + Send + Sync + 'static,
        W: Future<Output = Next> + Send + 'static,
    {
        let boxed: Handler = Arc::new(move |subject| Box::pin(handler(subject)));
        self.handlers.insert(kind, boxed);
        self
    }

    /// Runs until `shutdown` is ready; then claims nothing more, lets what runs finish, and returns. Dropped, it stops
    /// at once, and its leases lapse.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let runner = Arc::new(self);
        let mut shutdown = pin!(shutdown);
        let mut wakeups = runner.database.wakeups();
        let mut running = JoinSet::new();
        if let Err(error) = job::free_all(&runner.database, &runner.node).await {
            tracing::warn!(%error, "leases of an earlier life could not be freed, they lapse by themselves");
        }
        loop {
            runner.start_what_is_due(&mut running).await;
            tokio::select! {
                biased;
                () = &mut shutdown => break,
                Some(_) = running.join_next() => {}
                // An error means that the writer is gone; then only looking again is left.
                Ok(()) = wakeups.changed() => {}
                () = sleep(runner.pace.look) => {}
            }
        }
        while running.join_next().await.is_some() {}
    }

    async fn start_what_is_due(self: &Arc<Self>, running: &mut JoinSet<()>) {
        let room = AT_ONCE.saturating_sub(running.len());
        let Some(limit) = u32::try_from(room).ok().filter(|room| *room > 0) else {
            return;
        };
        let kinds: Vec<&'static str> = self.handlers.keys().copied().collect();
        let now = self.clock.now();
        let at = Moments {
            due: now.for_expiry(),
            lapsed: now.for_release(),
            lease_until: now.for_release().plus(LEASE),
        };
        match job::claim(&self.database, &self.node, &kinds, limit, at).await {
            Ok(claimed) => {
                for job in claimed {
                    running.spawn(Arc::clone(self).see_through(job));
                }
            }
            Err(error) => tracing::warn!(%error, "jobs could not be claimed"),
        }
    }

    async fn see_through(self: Arc<Self>, job: Claimed) {
        let Some(next) = self.work(&job).await else {
            tracing::warn!(kind = job.kind, subject = job.subject, "lease lost, job stopped");
            return;
        };
        // Until the lease has lapsed somebody has to say how it ended; after that the job is somebody else's.
        for _ in 0..LEASE.0 {
            match self.end(&job, &next).await {
                Ok(()) => return,
                Err(error) => {
                    tracing::warn!(%error, kind = job.kind, subject = job.subject, "end of job not written, trying again");
                    sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }

    /// Runs the handler while the lease holds; `None` when it does not any more. The handler is stopped then, as it is
    /// when this future is dropped.
    async fn work(&self, job: &Claimed) -> Option<Next> {
        let handler = self.handlers.get(job.kind.as_str())?;
        let mut handling = JoinSet::new();
        handling.spawn(handler(job.subject.clone()));
        let mut held_until = job.lease_until;
        loop {
            tokio::select! {
                ended = handling.join_next() => {
                    let panicked = || Next::Failed { reason: "the handler panicked".to_owned() };
                    return Some(ended.and_then(Result::ok).unwrap_or_else(panicked));
                }
                () = sleep(self.pace.renew) => {
                    let now = self.clock.now();
                    let until = now.for_release().plus(LEASE);
                    match job::renew(&self.database, &self.node, job, until).await {
                        Ok(true) => held_until = until,
                        Ok(false) => return None,
                        Err(_) if now.for_expiry() >= held_until => return None,
                        Err(error) => tracing::warn!(%error, kind = job.kind, subject = job.subject, "lease not renewed"),
                    }
                }
            }
        }
    }

    async fn end(&self, job: &Claimed, next: &Next) -> Result<(), StoreError> {
        // By the slowest clock: one that was set far ahead for a moment must not hold work up until then.
        let now = self.clock.now().for_release();
        match next {
            Next::Done => job::done(&self.database, &self.node, job).await,
            Next::Again { after } => job::again(&self.database, &self.node, job, now.plus(*after), None).await,
            Next::Failed { reason } => {
                let pause = pause_after(job.attempts);
                tracing::warn!(
                    kind = job.kind,
                    subject = job.subject,
                    reason,
                    attempts = job.attempts,
                    "job failed"
                );
                job::again(&self.database, &self.node, job, now.plus(pause), Some(reason.clone())).await
            }
        }
    }
}

/// 1, 2, 4 … 60 s.
fn pause_after(attempts: u32) -> Seconds {
    let doublings = attempts.saturating_sub(1).min(6);
    Seconds(1_u32.checked_shl(doublings).unwrap_or(LONGEST_PAUSE).min(LONGEST_PAUSE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_from_one_second_to_a_minute() {
        let pauses: Vec<u32> = (1..=9).map(|attempts| pause_after(attempts).0).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(pause_after(u32::MAX), Seconds(60));
    }
}
