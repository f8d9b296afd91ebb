//! The database as everybody holds it: reads from a pool, writes through the one writer.

use {
    crate::{
        backend::{Access, Backend},
        batch::{Batch, Batcher},
        error::StoreError,
        migrate::{Schema, migrate},
        reader::Reader,
        tx::Tx,
        unit::{Call, Unit},
        writer::Writer,
    },
    sqlx::any::AnyPoolOptions,
    std::{
        sync::{
            Arc,
            atomic::{AtomicU64, Ordering::SeqCst},
        },
        thread::{self, ThreadId},
        time::Duration,
    },
    tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError, mpsc, oneshot, watch},
};

/// How many writes may wait. The next one is refused, which is better than an answer nobody waits for any more.
pub const QUEUE: usize = 1024;

/// What can be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Connections for reading.
    pub readers: u32,
    /// How long one unit of work may keep all others waiting. Longer ones are undone.
    pub unit_limit: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            readers: 4,
            unit_limit: Duration::from_secs(10),
        }
    }
}

/// An open database. Cheap to clone; the writer ends with the last clone.
#[derive(Debug, Clone)]
pub struct Database {
    reader: Reader,
    queue: mpsc::UnboundedSender<Box<dyn Unit>>,
    places: Arc<Semaphore>,
    wakeups: watch::Receiver<u64>,
    broken: watch::Receiver<bool>,
    generation: Arc<AtomicU64>,
    writer: ThreadId,
}

impl Database {
    /// Opens the database at `url` (`sqlite:///path/to.db?mode=rwc` or `postgres://…`), checks that it can keep our
    /// promises, and brings the store's own tables and those of `schemas` up to date.
    ///
    /// # Errors
    /// [`StoreError::Setup`] for a wrong address, a version or setting that loses data, or a schema newer than this
    /// program; [`StoreError::Unreachable`].
    pub async fn open(url: &str, schemas: &[Schema]) -> Result<Self, StoreError> {
        Self::open_with(url, schemas, Options::default()).await
    }

    /// [`Database::open`] with other options.
    ///
    /// # Errors
    /// As there.
    pub async fn open_with(url: &str, schemas: &[Schema], options: Options) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let backend = Backend::of(url)?;
        let (queue, waiting) = mpsc::unbounded_channel();
        let (counter, wakeups) = watch::channel(0);
        let (alarm, broken) = watch::channel(false);
        let generation = Arc::new(AtomicU64::new(0));
        let writer = Writer {
            generation: Arc::clone(&generation),
            url: url.to_owned(),
            backend,
            limit: options.unit_limit,
            wakeups: counter,
            tx: None,
            broken: alarm,
        };
        let writer = start(writer, waiting, schemas.to_vec()).await?;
        let pool = AnyPoolOptions::new()
            .max_connections(options.readers)
            .acquire_timeout(Duration::from_secs(5))
            // A server may have ended the connection; a file has nobody who would.
            .test_before_acquire(backend == Backend::Postgres)
            .after_connect(move |connection, _| Box::pin(backend.prepare(connection, Access::Read)))
            .connect_lazy(url)
            .map_err(|error| backend.error(error))?;
        Ok(Self {
            reader: Reader { pool, backend },
            queue,
            places: Arc::new(Semaphore::new(QUEUE)),
            wakeups,
            broken,
            generation,
            writer,
        })
    }

    /// For reading what is committed.
    #[must_use]
    pub fn read(&self) -> Reader {
        self.reader.clone()
    }

    /// Runs `work` in a transaction and returns once it is on disk. It shares the commit with whatever else waits,
    /// but happens or fails by itself.
    ///
    /// `work` may run more than once, each time after the run before was undone, so it has no effect but through the
    /// [`Tx`]. It runs on the writer's thread: what it waits for, everybody waits for. It is done even when the caller
    /// goes away meanwhile. An `Err` undoes it, audit entries included; what has to be recorded is `Ok`.
    ///
    /// # Errors
    /// Whatever `work` answers, and [`StoreError`] for what keeps it from being done.
    pub async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: AsyncFn(&mut Tx) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let place = self.place()?;
        let (caller, done) = oneshot::channel();
        self.enqueue(Box::new(Call::new(work, caller, place)));
        done.await.unwrap_or_else(|_| Err(E::from(StoreError::Stopped)))
    }

    /// For commands of one kind that are best decided together.
    pub fn batcher<B: Batch>(&self, batch: B) -> Batcher<B> {
        Batcher::new(self.clone(), batch)
    }

    /// Changes after every commit that asked for it by [`Tx::wake`].
    #[must_use]
    pub fn wakeups(&self) -> watch::Receiver<u64> {
        self.wakeups.clone()
    }

    /// Ready once the disk has failed while committing. What is on it then only a new process can find out; until there
    /// is one, every write is refused.
    pub async fn broken(&self) {
        let mut broken = self.broken.clone();
        if broken.wait_for(|broken| *broken).await.is_err() {
            // The writer has gone in peace.
            std::future::pending().await
        }
    }

    /// Counts the commits of this process: one more before anybody is told of a commit. What was read while it stood still
    /// is what the database holds. `None` on PostgreSQL, where other nodes write too.
    #[must_use]
    pub fn generation(&self) -> Option<u64> {
        let alone = self.reader.backend == Backend::Sqlite;
        alone.then(|| self.generation.load(SeqCst))
    }

    /// True answer to "can it write now?", by way of an empty transaction.
    ///
    /// # Errors
    /// Why it cannot.
    pub async fn ready(&self) -> Result<(), StoreError> {
        self.write(async |_| Ok(())).await
    }

    /// Lets what waits finish, refuses anything new, and closes the connections for reading.
    pub async fn close(self) {
        let all = u32::try_from(QUEUE).unwrap_or(u32::MAX);
        let finished = self.places.acquire_many(all).await;
        self.places.close();
        drop(finished);
        self.reader.pool.close().await;
    }

    /// A place in the queue, which its holder keeps until it is answered.
    pub(crate) fn place(&self) -> Result<OwnedSemaphorePermit, StoreError> {
        if thread::current().id() == self.writer {
            return Err(StoreError::Nested);
        }
        Arc::clone(&self.places)
            .try_acquire_owned()
            .map_err(|error| match error {
                TryAcquireError::NoPermits => StoreError::Overloaded,
                TryAcquireError::Closed => StoreError::Stopped,
            })
    }

    /// Hands a unit to the writer. Should the writer be gone, the unit is dropped, which its callers notice.
    pub(crate) fn enqueue(&self, unit: Box<dyn Unit>) {
        let _ = self.queue.send(unit);
    }
}

/// Starts the writer on a thread of its own, so that no load on the runtime delays it, and waits until it is ready.
async fn start(
    mut writer: Writer,
    queue: mpsc::UnboundedReceiver<Box<dyn Unit>>,
    schemas: Vec<Schema>,
) -> Result<ThreadId, StoreError> {
    let (ready, started) = oneshot::channel();
    let work = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => {
                return drop(ready.send(Err(StoreError::Setup(format!("no runtime for the writer: {error}")))));
            }
        };
        runtime.block_on(async move {
            let begun = migrate(writer.backend, &writer.url, &schemas).await;
            let connection = match begun {
                Ok(connection) => connection,
                Err(error) => return drop(ready.send(Err(error))),
            };
            writer.tx = Some(Tx::new(connection, writer.backend));
            if ready.send(Ok(thread::current().id())).is_ok() {
                writer.serve(queue).await;
            }
        });
    };
    thread::Builder::new()
        .name("store-writer".to_owned())
        .spawn(work)
        .map_err(|error| StoreError::Setup(format!("no thread for the writer: {error}")))?;
    started.await.unwrap_or(Err(StoreError::Stopped))
}
