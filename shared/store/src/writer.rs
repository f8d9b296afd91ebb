//! The one task that writes. It takes what waits (on PostgreSQL one unit at a time), runs it in one transaction, commits,
//! and only then answers.
//!
//! Every unit of a group runs under a savepoint, so that its failure undoes only itself. When more than that goes
//! wrong before the commit (a deadlock, a lost connection, a command that spoils its batch), the group is undone and
//! each unit runs alone, in order: what is at fault then fails alone. When the commit itself goes wrong, nobody is
//! told of success.

use {
    crate::{
        audit,
        backend::{Access, Backend, CommitFailure},
        error::StoreError,
        outbox,
        tx::{Health, Tx},
        unit::{Said, Unit},
    },
    portreeve_kernel::kill,
    std::{
        future::{Future, poll_fn},
        mem,
        panic::{AssertUnwindSafe, catch_unwind},
        pin::pin,
        sync::{
            Arc,
            atomic::{AtomicU64, Ordering::SeqCst},
        },
        task::Poll,
        time::Duration,
    },
    tokio::{
        sync::{mpsc::UnboundedReceiver, watch},
        time::{sleep, timeout},
    },
};

/// How often a unit that runs alone is tried when locks or the connection fail it, with 10, 20, 40, 80 ms between.
const TRIES: u32 = 5;

/// The one who writes.
pub(crate) struct Writer {
    pub(crate) url: String,
    pub(crate) backend: Backend,
    /// How long a unit may take.
    pub(crate) limit: Duration,
    /// Counts the commits, whatever became of them.
    pub(crate) generation: Arc<AtomicU64>,
    /// Counts what was asked for by [`Tx::wake`].
    pub(crate) wakeups: watch::Sender<u64>,
    /// `None` while there is no connection.
    pub(crate) tx: Option<Tx>,
    /// True once a commit failed in a way that only a restart can explain.
    pub(crate) broken: watch::Sender<bool>,
}

/// How an attempt at a group ended when not with a commit.
enum Failure {
    /// There was no beginning: nothing can be written now.
    NotBegun(StoreError),
    /// Nothing happened; single units may do better.
    Undone(StoreError),
    /// The commit may have happened.
    Unknown(StoreError),
}

impl Writer {
    /// Serves the queue until all who could fill it are gone.
    pub(crate) async fn serve(mut self, mut queue: UnboundedReceiver<Box<dyn Unit>>) {
        while let Some(first) = queue.recv().await {
            let mut group = vec![first];
            while group.len() < self.backend.units_at_once() {
                match queue.try_recv() {
                    Ok(next) => group.push(next),
                    Err(_) => break,
                }
            }
            for unit in &mut group {
                unit.gather();
            }
            self.group(group).await;
        }
        self.disconnect().await;
    }

    async fn group(&mut self, mut group: Vec<Box<dyn Unit>>) {
        match self.attempt(&mut group).await {
            Ok(()) => answer_all(group, &Ok(())),
            Err(Failure::NotBegun(error) | Failure::Unknown(error)) => answer_all(group, &Err(error)),
            Err(Failure::Undone(error)) => {
                tracing::warn!(units = group.len(), %error, "write group undone, each unit runs alone");
                for unit in group.into_iter().flat_map(Unit::split) {
                    self.alone(unit).await;
                }
            }
        }
    }

    async fn alone(&mut self, unit: Box<dyn Unit>) {
        let mut group = vec![unit];
        let mut tried: u32 = 1;
        loop {
            match self.attempt(&mut group).await {
                Ok(()) => return answer_all(group, &Ok(())),
                Err(Failure::Undone(error)) if error.is_passing() && tried < TRIES => {
                    sleep(Duration::from_millis(5_u64.saturating_mul(1 << tried))).await;
                    tried = tried.saturating_add(1);
                }
                Err(Failure::NotBegun(error) | Failure::Undone(error) | Failure::Unknown(error)) => {
                    return answer_all(group, &Err(error));
                }
            }
        }
    }

    /// Runs all units of `group` in one transaction and commits it. Units that ran out of time are answered and
    /// leave the group.
    async fn attempt(&mut self, group: &mut Vec<Box<dyn Unit>>) -> Result<(), Failure> {
        let mut tx = self.begin().await.map_err(Failure::NotBegun)?;
        match self.fill(&mut tx, group).await {
            Ok(()) => self.commit(tx).await,
            Err(error) => {
                // A connection that cannot say it undid everything is not used again.
                if matches!(tx.health, Health::Busy) || self.control(&mut tx, "ROLLBACK").await.is_err() {
                    drop(tx);
                } else {
                    self.tx = Some(tx);
                }
                Err(Failure::Undone(error))
            }
        }
    }

    /// A transaction that has begun, on the old connection or, when that is gone, on a new one.
    async fn begin(&mut self) -> Result<Tx, StoreError> {
        if *self.broken.borrow() {
            return Err(StoreError::Stopped);
        }
        if let Some(mut tx) = self.tx.take() {
            match self.begin_on(&mut tx).await {
                Ok(()) => return Ok(tx),
                Err(error @ StoreError::Contended(_)) => {
                    self.tx = Some(tx);
                    return Err(error);
                }
                Err(error) => tracing::warn!(%error, "connection to the database lost, connecting again"),
            }
        }
        let connection = self.backend.connect(&self.url, Access::Write).await?;
        let mut tx = Tx::new(connection, self.backend);
        self.begin_on(&mut tx).await?;
        Ok(tx)
    }

    async fn begin_on(&self, tx: &mut Tx) -> Result<(), StoreError> {
        tx.health = Health::Good;
        tx.after = crate::tx::After::default();
        self.control(tx, self.backend.begin()).await
    }

    /// All that comes before the commit.
    async fn fill(&self, tx: &mut Tx, group: &mut Vec<Box<dyn Unit>>) -> Result<(), StoreError> {
        let mut place: usize = 0;
        self.control(tx, "SAVEPOINT unit").await?;
        while let Some(unit) = group.get_mut(place) {
            match self.unit(tx, unit.as_mut()).await {
                Ok(()) => place = place.saturating_add(1),
                Err(error) => {
                    if matches!(error, StoreError::TimedOut(_)) {
                        group.remove(place).answer(Err(error.clone()));
                    }
                    return Err(error);
                }
            }
        }
        let rest = async {
            outbox::flush(tx).await?;
            audit::flush(tx).await
        };
        match timeout(self.limit, rest).await {
            Ok(flushed) => flushed,
            Err(_) => Err(StoreError::TimedOut(self.limit)),
        }
    }

    /// One unit after the savepoint, which then stands behind it, or before it when it was undone. An error is one that
    /// the whole group shares.
    async fn unit(&self, tx: &mut Tx, unit: &mut dyn Unit) -> Result<(), StoreError> {
        tx.health = Health::Good;
        let mark = tx.after.mark();
        let Ok(said) = timeout(self.limit, caught(unit.run(tx))).await else {
            tx.health = Health::Busy;
            return Err(StoreError::TimedOut(self.limit));
        };
        match (said, mem::replace(&mut tx.health, Health::Good)) {
            // Fails when the database has given up the transaction by itself, which must not pass for a commit.
            (Some(Said::Keep), Health::Good) => {
                return self.control(tx, "RELEASE SAVEPOINT unit; SAVEPOINT unit").await;
            }
            (_, Health::Failed(error)) if error.is_passing() => return Err(error),
            (None, _) if !unit.is_single() => return Err(StoreError::Panicked),
            (None, _) => unit.undone(StoreError::Panicked),
            (Some(Said::Split), _) => return Err(StoreError::Failed),
            (Some(Said::Undo), _) => {}
            (Some(Said::Keep), Health::Failed(_) | Health::Busy) => {
                tracing::error!("a unit of work went on after a statement of it had failed; it is undone");
                unit.undone(StoreError::Failed);
            }
        }
        tx.after.back_to(mark);
        self.control(tx, "ROLLBACK TO SAVEPOINT unit").await
    }

    /// One of the writer's own statements. When it takes too long, the connection is not to be used again.
    async fn control(&self, tx: &mut Tx, statement: &'static str) -> Result<(), StoreError> {
        match timeout(self.limit, tx.control(statement)).await {
            Ok(done) => done.map_err(|error| self.backend.error(error)),
            Err(_) => {
                tx.health = Health::Busy;
                Err(StoreError::TimedOut(self.limit))
            }
        }
    }

    async fn commit(&mut self, mut tx: Tx) -> Result<(), Failure> {
        kill::point("store.commit.before");
        let committing = tx.control("COMMIT");
        let committed = match self.backend.commit_limit(self.limit) {
            None => committing.await,
            Some(limit) => timeout(limit, committing)
                .await
                .unwrap_or(Err(sqlx::Error::PoolTimedOut)),
        };
        self.generation.fetch_add(1, SeqCst);
        let Err(error) = committed else {
            kill::point("store.commit.after");
            let wake = u64::from(tx.after.wake);
            self.tx = Some(tx);
            if wake > 0 {
                self.wakeups.send_modify(|count| *count = count.wrapping_add(wake));
            }
            return Ok(());
        };
        // Whatever became of it, this connection has seen enough.
        drop(tx);
        let failure = self.backend.commit_failure(&error);
        tracing::error!(?failure, %error, "commit failed");
        match failure {
            CommitFailure::Undone => return Err(Failure::Undone(self.backend.error(error))),
            CommitFailure::Unknown => {}
            CommitFailure::UnknownUntilRestart => drop(self.broken.send_replace(true)),
        }
        Err(Failure::Unknown(StoreError::OutcomeUnknown(Arc::new(error))))
    }

    async fn disconnect(&mut self) {
        if let Some(tx) = self.tx.take() {
            let _ = sqlx::Connection::close(tx.connection).await;
        }
    }
}

fn answer_all(group: Vec<Box<dyn Unit>>, fate: &Result<(), StoreError>) {
    for unit in group {
        unit.answer(fate.clone());
    }
}

/// The future's output, or `None` when it panicked. The panic hook has told of it by then.
async fn caught<T>(work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    poll_fn(
        |context| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(done)) => Poll::Ready(Some(done)),
            Err(_) => Poll::Ready(None),
        },
    )
    .await
}
