//! Runners that are watched.

use {
    portreeve_jobs::{Next, Runner, enqueue},
    portreeve_kernel::{ManualClock, Seconds, Timestamp},
    portreeve_store::{Database, Fetch, Sql, StoreError, testing::TestDatabase},
    std::{
        collections::VecDeque,
        sync::{Arc, Mutex},
        time::Duration,
    },
    tokio::{
        sync::{Semaphore, mpsc, oneshot},
        task::JoinHandle,
        time::{sleep, timeout},
    },
};

pub(crate) const T: Timestamp = Timestamp::from_seconds(1_800_000_000);
pub(crate) const KIND: &str = "test.work";

/// Long enough for anything that happens at all.
const SOON: Duration = Duration::from_secs(20);

/// Subject, attempts and error of a job.
pub(crate) type Left = (String, u32, Option<String>);

/// A database with a clock.
pub(crate) struct House {
    pub(crate) database: Database,
    pub(crate) clock: Arc<ManualClock>,
}

impl House {
    pub(crate) async fn open(place: &TestDatabase) -> Self {
        Self {
            database: place.open().await.unwrap(),
            clock: Arc::new(ManualClock::at(T)),
        }
    }

    /// The same house, seen from another node.
    pub(crate) async fn other(&self, place: &TestDatabase) -> Self {
        Self {
            database: place.open().await.unwrap(),
            clock: Arc::clone(&self.clock),
        }
    }

    pub(crate) async fn ask(&self, subject: &'static str, run_at: Timestamp) {
        self.database
            .write(async move |tx| enqueue(tx, KIND, subject, run_at).await)
            .await
            .unwrap();
    }

    /// Moves the clock and has the runners of this node look again.
    pub(crate) async fn pass(&self, seconds: u32) {
        self.clock.advance(Seconds(seconds));
        self.look().await;
    }

    pub(crate) async fn look(&self) {
        let look = async |tx: &mut portreeve_store::Tx| {
            tx.wake();
            Ok::<_, StoreError>(())
        };
        self.database.write(look).await.unwrap();
    }

    /// When the lease of `x` ends.
    pub(crate) async fn lease_of_x(&self) -> Option<Timestamp> {
        let lease = Sql::new("SELECT lease_until FROM jobs WHERE subject = 'x'");
        self.database
            .read()
            .fetch_one(lease)
            .await
            .unwrap()
            .get_optional("lease_until")
            .unwrap()
    }

    /// The jobs that are left.
    pub(crate) async fn left(&self) -> Vec<Left> {
        let rows = self
            .database
            .read()
            .fetch_all(Sql::new("SELECT * FROM jobs ORDER BY subject"))
            .await
            .unwrap();
        let job = |row: &portreeve_store::Row| -> Result<_, StoreError> {
            Ok((
                row.get("subject")?,
                row.get("attempts")?,
                row.get_optional("last_error")?,
            ))
        };
        rows.iter().map(|row| job(row).unwrap()).collect()
    }

    /// Waits until the lease of `x` ends later than `before`.
    pub(crate) async fn renewed(&self, before: Timestamp) {
        self.leased(|until| until.is_some_and(|until| until > before)).await;
    }

    /// Waits until `x` is under no lease.
    pub(crate) async fn freed(&self) {
        self.leased(|until| until.is_none()).await;
    }

    async fn leased(&self, is_so: impl Fn(Option<Timestamp>) -> bool) {
        let waiting = async {
            while !is_so(self.lease_of_x().await) {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(SOON, waiting).await.unwrap();
    }

    /// Waits until `is_so` of what is left.
    pub(crate) async fn until(&self, is_so: impl Fn(&[Left]) -> bool) {
        let waiting = async {
            while !is_so(&self.left().await) {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(SOON, waiting).await.unwrap();
    }

    /// Waits until nothing is left.
    pub(crate) async fn empty(&self) {
        self.until(<[Left]>::is_empty).await;
    }

    /// A runner called `node`, whose handler says what `worker` has it say.
    pub(crate) fn runner(&self, node: &str, worker: &Worker) -> Runner {
        let clock: Arc<ManualClock> = Arc::clone(&self.clock);
        let worker = worker.clone();
        Runner::new(self.database.clone(), node, clock).register(KIND, move |subject| {
            let worker = worker.clone();
            async move { worker.work(subject).await }
        })
    }

    /// Runs a runner called `node` until the answer is used.
    pub(crate) fn start(&self, node: &str, worker: &Worker) -> Running {
        Running::start(self.runner(node, worker))
    }
}

/// A runner that runs.
pub(crate) struct Running {
    stop: oneshot::Sender<()>,
    noticed: oneshot::Receiver<()>,
    task: JoinHandle<()>,
}

impl Running {
    pub(crate) fn start(runner: Runner) -> Self {
        let ((stop, stopped), (notice, noticed)) = (oneshot::channel::<()>(), oneshot::channel());
        let task = tokio::spawn(runner.run(async move {
            let _ = stopped.await;
            let _ = notice.send(());
        }));
        Self { stop, noticed, task }
    }

    /// Asks it to stop and waits until it has.
    pub(crate) async fn stop(self) {
        ended(self.stopping().await).await;
    }

    /// Asks it to stop and returns when it has noticed.
    pub(crate) async fn stopping(self) -> JoinHandle<()> {
        self.stop.send(()).unwrap();
        timeout(SOON, self.noticed).await.unwrap().unwrap();
        self.task
    }

    /// As if its process had died.
    pub(crate) async fn die(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }
}

/// Waits until a runner has ended by itself.
pub(crate) async fn ended(runner: JoinHandle<()>) {
    timeout(SOON, runner).await.unwrap().unwrap();
}

/// What handlers do: each run announces itself, waits for the gate (if there is one), and is done; only `x` says what is
/// next in line, and is done when nothing is.
#[derive(Clone)]
pub(crate) struct Worker {
    script: Arc<Mutex<VecDeque<Next>>>,
    gate: Option<Arc<Semaphore>>,
    begun: mpsc::UnboundedSender<String>,
}

/// Who hears of the runs.
pub(crate) struct Watch(mpsc::UnboundedReceiver<String>);

impl Worker {
    pub(crate) fn saying(script: impl IntoIterator<Item = Next>) -> (Self, Watch) {
        let (begun, watch) = mpsc::unbounded_channel();
        let script = Arc::new(Mutex::new(script.into_iter().collect()));
        let gate = None;
        (Self { script, gate, begun }, Watch(watch))
    }

    /// Every run waits for a permit.
    pub(crate) fn gated() -> (Self, Watch, Arc<Semaphore>) {
        let (mut worker, watch) = Self::saying([]);
        let gate = Arc::new(Semaphore::new(0));
        worker.gate = Some(Arc::clone(&gate));
        (worker, watch, gate)
    }

    async fn work(&self, subject: String) -> Next {
        self.begun.send(subject.clone()).unwrap();
        if let Some(gate) = &self.gate {
            gate.acquire().await.unwrap().forget();
        }
        let next = if subject == "x" {
            self.script.lock().unwrap().pop_front()
        } else {
            None
        };
        next.unwrap_or(Next::Done)
    }
}

impl Watch {
    /// The subject of the next run.
    pub(crate) async fn next(&mut self) -> String {
        timeout(SOON, self.0.recv()).await.unwrap().unwrap()
    }

    /// Nothing ran that was not heard of.
    pub(crate) fn is_quiet(&mut self) -> bool {
        self.0.try_recv().is_err()
    }
}
