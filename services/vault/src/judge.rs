//! What is wrong with the vault, found out beside those who answer.
//!
//! What must stay true: one check at a time, however many ask, on a thread of its own; who reads waits for none; whoever asks is
//! told how the vault stood when they asked, or later.

use {
    portreeve_guard::Problem,
    portreeve_notes::{Generation, Report, Snapshot},
    std::sync::{Arc, Mutex, MutexGuard, PoisonError},
    tokio::sync::Semaphore,
};

/// A report, and of which state of the vault it is.
#[derive(Debug, Clone)]
pub(crate) struct Judged {
    pub(crate) generation: Generation,
    pub(crate) report: Arc<Report>,
}

/// Who finds it out. See the top of this file.
#[derive(Debug)]
pub(crate) struct Judge {
    /// Whose turn it is to check.
    turn: Arc<Semaphore>,
    /// Locked for no longer than it takes to look.
    last: Mutex<Last>,
}

#[derive(Debug, Default)]
struct Last {
    /// How many checks have begun.
    begun: u64,
    /// Which of them the newest report came of.
    came_of: u64,
    judged: Option<Judged>,
}

impl Default for Judge {
    fn default() -> Self {
        Self {
            turn: Arc::new(Semaphore::new(1)),
            last: Mutex::default(),
        }
    }
}

impl Judge {
    /// What is wrong with the vault that `now` is a state of. `check` looks at all of it.
    ///
    /// # Errors
    /// `SYSTEM_INTERNAL_ERROR` when `check` panics.
    pub(crate) async fn ask(
        self: &Arc<Self>,
        now: impl Fn() -> Arc<Snapshot> + Send + Sync + 'static,
        check: impl FnOnce(&Snapshot) -> Report + Send + 'static,
    ) -> Result<Judged, Problem> {
        let begun = {
            let last = self.last();
            if let Some(judged) = last.of(now().generation()) {
                return Ok(judged);
            }
            last.begun
        };
        let turn = Arc::clone(&self.turn)
            .acquire_owned()
            .await
            .map_err(Problem::internal)?;
        {
            // Somebody was faster, and began after we had asked.
            let last = self.last();
            let newer = last.judged.clone().filter(|_| last.came_of > begun);
            if let Some(judged) = newer.or_else(|| last.of(now().generation())) {
                return Ok(judged);
            }
        }
        let own = Arc::clone(self);
        let done = tokio::task::spawn_blocking(move || {
            // Also when whoever asked has gone, because then the check goes on.
            let _until_done = turn;
            let number = {
                let mut last = own.last();
                last.begun = last.begun.saturating_add(1);
                last.begun
            };
            let snapshot = now();
            let judged = Judged {
                generation: snapshot.generation(),
                report: Arc::new(check(&snapshot)),
            };
            let mut last = own.last();
            (last.came_of, last.judged) = (number, Some(judged.clone()));
            judged
        });
        done.await.map_err(Problem::internal)
    }

    fn last(&self) -> MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Last {
    fn of(&self, generation: Generation) -> Option<Judged> {
        let judged = self.judged.clone();
        judged.filter(|judged| judged.generation.content == generation.content)
    }
}

#[cfg(test)]
mod tests {
    use {
        super::*,
        portreeve_notes::{Limits, NotePath, Root, Vault},
        std::{
            fs,
            sync::{
                atomic::{AtomicUsize, Ordering},
                mpsc,
            },
            time::Duration,
        },
        tokio::time::timeout,
    };

    /// A vault of one note, whose checks wait until they are let go.
    struct House {
        home: tempfile::TempDir,
        notes: Arc<Vault>,
        judge: Arc<Judge>,
        checks: Arc<AtomicUsize>,
        go: mpsc::Sender<()>,
        wait: Arc<Mutex<mpsc::Receiver<()>>>,
    }

    impl House {
        fn new() -> Self {
            let home = tempfile::tempdir().unwrap();
            fs::write(home.path().join("a.md"), "a").unwrap();
            let root = Root::at(home.path()).unwrap();
            let (go, wait) = mpsc::channel();
            Self {
                notes: Arc::new(Vault::open(&root, Limits::keeping_private(), &|_| {}).unwrap()),
                home,
                judge: Arc::default(),
                checks: Arc::default(),
                go,
                wait: Arc::new(Mutex::new(wait)),
            }
        }

        fn write(&self, text: &str) {
            fs::write(self.home.path().join("a.md"), text).unwrap();
            self.notes.refresh(&[NotePath::parse("a.md").unwrap()]).unwrap();
        }

        fn ask(&self) -> tokio::task::JoinHandle<Result<Judged, Problem>> {
            let (judge, notes) = (Arc::clone(&self.judge), Arc::clone(&self.notes));
            let (checks, wait) = (Arc::clone(&self.checks), Arc::clone(&self.wait));
            tokio::spawn(async move {
                let check = move |snapshot: &Snapshot| {
                    checks.fetch_add(1, Ordering::SeqCst);
                    wait.lock().unwrap().recv().unwrap();
                    portreeve_notes::check(snapshot)
                };
                judge.ask(move || notes.snapshot(), check).await
            })
        }

        /// Until so many checks have begun.
        async fn begun(&self, checks: usize) {
            while self.checks.load(Ordering::SeqCst) < checks {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    }

    #[tokio::test]
    async fn many_who_ask_at_once_wait_for_one_check_and_hold_up_nobody() {
        let house = House::new();
        let first = house.ask();
        house.begun(1).await;
        let others: Vec<_> = (0..50).map(|_| house.ask()).collect();
        // This thread is the only one that answers: it is free, and so is what they look at.
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(!first.is_finished() && others.iter().all(|other| !other.is_finished()));
        assert!(house.judge.last.try_lock().is_ok());
        house.go.send(()).unwrap();
        let judged = first.await.unwrap().unwrap();
        for other in others {
            assert!(Arc::ptr_eq(&other.await.unwrap().unwrap().report, &judged.report));
        }
        assert_eq!(house.checks.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn nobody_is_told_how_the_vault_stood_before_they_asked() {
        let house = House::new();
        let first = house.ask();
        house.begun(1).await;
        house.write("b");
        // These ask while an older state is looked at: one check is enough for all of them, and it is another one.
        let others: Vec<_> = (0..5).map(|_| house.ask()).collect();
        tokio::time::sleep(Duration::from_millis(20)).await;
        house.write("c");
        house.go.send(()).unwrap();
        let old = first.await.unwrap().unwrap();
        house.begun(2).await;
        // Written while it is looked at: they asked before.
        house.write("d");
        house.go.send(()).unwrap();
        for other in others {
            let judged = timeout(Duration::from_secs(20), other).await.unwrap().unwrap().unwrap();
            assert!(judged.generation.number > old.generation.number);
        }
        assert_eq!(house.checks.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_check_that_panics_fails_alone() {
        let house = House::new();
        let notes = Arc::clone(&house.notes);
        let failed = house
            .judge
            .ask(move || notes.snapshot(), |_| panic!("on purpose"))
            .await;
        assert!(failed.is_err());
        let again = house.ask();
        house.go.send(()).unwrap();
        assert!(again.await.unwrap().is_ok());
    }

    #[tokio::test]
    async fn a_check_goes_on_when_who_asked_has_gone_and_nobody_begins_another() {
        let house = House::new();
        let gone = house.ask();
        house.begun(1).await;
        gone.abort();
        let next = house.ask();
        tokio::time::sleep(Duration::from_millis(20)).await;
        house.go.send(()).unwrap();
        assert!(next.await.unwrap().is_ok());
        assert_eq!(house.checks.load(Ordering::SeqCst), 1);
    }
}
