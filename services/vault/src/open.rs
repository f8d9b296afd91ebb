//! A vault that is open: its notes, kept up with the disk, and the full text that follows them.
//!
//! Lists and reads are there when [`Open::at`] answers. What was read is kept for the next start then, and the full text comes
//! afterwards, both in the background; until then a search says so.

use {
    crate::judge::{Judge, Judged},
    portreeve_guard::Problem,
    portreeve_kernel::{Seconds, Timestamp},
    portreeve_notes::{
        Index, IndexError, Limits, Progress, Root, RootError, Seal, Snapshot, Vault, VaultError, Watch, WatchError,
    },
    std::{
        fs, io,
        num::NonZero,
        panic::{AssertUnwindSafe, catch_unwind},
        path::{Path, PathBuf},
        sync::{
            Arc, Mutex, PoisonError,
            atomic::{AtomicBool, AtomicUsize, Ordering},
            mpsc::{self, RecvTimeoutError},
        },
        thread::{self, JoinHandle},
        time::Duration,
    },
    tokio::sync::Semaphore,
};

/// How long a full text that could not be written waits for its next try.
const AGAIN: Duration = Duration::from_secs(10);

/// Nobody takes so long to write a file.
const LEFT: Seconds = Seconds(3_600);

/// Where a vault lies, and where what is derived from it is kept.
#[derive(Debug, Clone)]
pub struct Place {
    /// The vault.
    pub root: Root,
    /// A folder of ours, outside of it.
    pub state: PathBuf,
}

/// Why a vault is not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Where it lies.
    #[error(transparent)]
    Root(#[from] RootError),
    /// Its files.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// Its full text.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// Seeing what changes.
    #[error(transparent)]
    Watch(#[from] WatchError),
    /// The folder of ours.
    #[error("`{}` cannot be used to keep what was read of the vault", path.display())]
    State {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The folder of ours lies in the vault, and its files would be notes.
    #[error("`{}` lies in the vault", .0.display())]
    StateInVault(PathBuf),
}

/// See the top of this file. Ends its threads when it is dropped.
pub struct Open {
    notes: Arc<Vault>,
    text: Arc<Text>,
    state: PathBuf,
    /// How many may look at all of it at once.
    looks: Arc<Semaphore>,
    judge: Arc<Judge>,
    /// First, so that nobody tells of changes any more when the rest ends.
    watch: Mutex<Option<Watch>>,
    follower: Mutex<Option<(mpsc::Sender<Told>, JoinHandle<()>)>>,
}

enum Told<T = Arc<Snapshot>> {
    Changed(T),
    Over,
}

/// The full text, and whether it ever held all of the vault.
struct Text {
    index: Index,
    ready: AtomicBool,
}

impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Open")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl Open {
    /// Reads what changed since the last time, and begins to watch. Revisions are made with `seal`. It reads files: not for a thread that answers requests.
    ///
    /// # Errors
    /// [`OpenError`]. A note that cannot be read is a finding and no error.
    pub fn at(place: Place, seal: Seal, tell: &(dyn Fn(Progress) + Sync)) -> Result<Self, OpenError> {
        let Place { root, state } = place;
        let unusable = |source| OpenError::State {
            path: state.clone(),
            source,
        };
        fs::create_dir_all(&state).map_err(unusable)?;
        if fs::canonicalize(&state).map_err(unusable)?.starts_with(root.path()) {
            return Err(OpenError::StateInVault(state));
        }
        let limits = Limits {
            seal,
            ..Limits::keeping_private()
        };
        let notes = Arc::new(Vault::open_kept(&root, limits, &kept(&state), tell)?);
        let text = Arc::new(Text {
            index: Index::at(&state.join("text"))?,
            ready: AtomicBool::new(false),
        });
        let (told, changes) = mpsc::channel();
        let follower = {
            let (notes, text, state) = (Arc::clone(&notes), Arc::clone(&text), state.clone());
            let follow = move || follow(&notes, &text, &state, &changes);
            thread::Builder::new()
                .name("vault-text".to_owned())
                .spawn(follow)
                .map_err(unusable)?
        };
        let tells = told.clone();
        let watch = Watch::start(Arc::clone(&notes), move |snapshot| {
            // Nobody listens any more when the server ends.
            let _ = tells.send(Told::Changed(Arc::clone(snapshot)));
        })?;
        Ok(Self {
            notes,
            text,
            state,
            looks: Arc::new(Semaphore::new(thread::available_parallelism().map_or(1, NonZero::get))),
            judge: Arc::default(),
            watch: Mutex::new(Some(watch)),
            follower: Mutex::new(Some((told, follower))),
        })
    }

    /// Looks at files or at all notes, on a thread that may wait for them. As many look at once as there are processors, so that
    /// who only answers waits for a slice of one, and never behind a hundred searches.
    ///
    /// # Errors
    /// `SYSTEM_INTERNAL_ERROR` when `act` panics.
    pub(crate) async fn look<T: Send + 'static>(
        self: &Arc<Self>,
        act: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let turn = Arc::clone(&self.looks).acquire_owned().await;
        let (own, turn) = (Arc::clone(self), turn.map_err(Problem::internal)?);
        let done = tokio::task::spawn_blocking(move || {
            let _until_done = turn;
            act(&own)
        });
        done.await.map_err(Problem::internal)
    }

    /// The notes.
    #[must_use]
    pub const fn notes(&self) -> &Arc<Vault> {
        &self.notes
    }

    /// The full text; `None` until it has been read once.
    #[must_use]
    pub fn text(&self) -> Option<&Index> {
        self.text.ready.load(Ordering::Acquire).then_some(&self.text.index)
    }

    /// What is wrong with the vault. Found out once for each state of it; see [`crate::judge`].
    ///
    /// # Errors
    /// `SYSTEM_INTERNAL_ERROR`
    pub(crate) async fn report(&self) -> Result<Judged, Problem> {
        let notes = Arc::clone(&self.notes);
        self.judge.ask(move || notes.snapshot(), portreeve_notes::check).await
    }

    /// Takes away what writers left in the vault that were killed more than an hour before `now`. It reads folders: not for a thread
    /// that answers requests.
    pub fn sweep(&self, now: Timestamp) {
        match self.notes.jail().sweep(now.minus(LEFT).seconds()) {
            Ok(0) => {}
            Ok(files) => tracing::info!(files, "took away what killed writers left in the vault"),
            Err(error) => tracing::warn!(%error, "what killed writers left in the vault stays"),
        }
    }

    /// The folder of ours.
    #[must_use]
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// Has the full text follow a change of our own at once, which the watch would see a moment later.
    pub fn changed(&self, snapshot: &Arc<Snapshot>) {
        let follower = self.follower.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((told, _)) = &*follower {
            let _ = told.send(Told::Changed(Arc::clone(snapshot)));
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        drop(self.watch.lock().unwrap_or_else(PoisonError::into_inner).take());
        if let Some((told, thread)) = self.follower.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = told.send(Told::Over);
            // A first reading takes long, and is begun again by whoever starts next.
            if self.text().is_some() {
                let _ = thread.join();
            }
        }
        keep(&self.notes, &self.state);
    }
}

fn kept(state: &Path) -> PathBuf {
    state.join("notes")
}

/// Tells the log how far something is, each time that so many more notes are done.
pub fn told(what: &'static str) -> impl Fn(Progress) + Sync {
    const NOTES: usize = 20_000;
    let last = AtomicUsize::new(0);
    // Several threads tell, and none of them sees every number.
    move |Progress { found, done, .. }| {
        let steps = done.div_euclid(NOTES);
        if last.fetch_max(steps, Ordering::Relaxed) < steps {
            tracing::info!(found, done, "{what}");
        }
    }
}

/// Follows the vault until it is over.
fn follow(notes: &Vault, text: &Text, state: &Path, changes: &mpsc::Receiver<Told>) {
    // Before the full text is read, which takes longest: whoever is killed meanwhile need not read the notes twice.
    keep(notes, state);
    let now = || notes.snapshot();
    rounds(changes, AGAIN, now, |snapshot| bring_up(notes, text, state, snapshot));
}

/// Keeps what was read, for the next start.
fn keep(notes: &Vault, state: &Path) {
    if let Err(error) = notes.keep(&kept(state)) {
        tracing::warn!(%error, "the next start reads all of the vault again");
    }
}

/// Does something for now, and for the newest of all changes that came meanwhile, until it is over. What was not done is tried again
/// after a while, also when nothing changes.
fn rounds<T>(changes: &mpsc::Receiver<Told<T>>, again: Duration, now: impl Fn() -> T, does: impl Fn(T) -> bool) {
    let mut next = Some(now());
    while let Some(state) = next {
        let change = if does(state) {
            changes.recv().map_err(RecvTimeoutError::from)
        } else {
            changes.recv_timeout(again)
        };
        next = match change {
            Ok(Told::Changed(changed)) => Some(changed),
            Err(RecvTimeoutError::Timeout) => Some(now()),
            Ok(Told::Over) | Err(RecvTimeoutError::Disconnected) => None,
        };
        while let Ok(newer) = changes.try_recv() {
            next = match newer {
                Told::Changed(changed) => Some(changed),
                Told::Over => return,
            };
        }
    }
}

/// Has the full text hold what a snapshot does, and says whether it does.
fn bring_up(notes: &Vault, text: &Text, state: &Path, snapshot: Arc<Snapshot>) -> bool {
    if !text.index.keeps_the_rules_of(&snapshot) {
        // It may know words that are left out by now, and so may what was kept.
        text.ready.store(false, Ordering::Release);
        keep(notes, state);
    }
    let first = !text.ready.load(Ordering::Acquire);
    let told = told("reading the full text of the vault");
    let follow = || text.index.follow(notes, &snapshot, &told);
    match catch_unwind(AssertUnwindSafe(follow)) {
        Ok(Ok(())) if first => {
            text.ready.store(true, Ordering::Release);
            tracing::info!(notes = snapshot.notes().len(), "the full text of the vault is there");
            true
        }
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            tracing::error!(%error, "the full text of the vault is what it was");
            false
        }
        Err(_) => {
            tracing::error!("reading the full text of the vault panicked; it is what it was");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use {super::*, portreeve_notes::testing::Plan, std::cell::RefCell};

    /// A vault of some notes.
    fn place(home: &Path) -> Place {
        let plan = Plan {
            entities: 20,
            ..Plan::default()
        };
        plan.write(home).unwrap();
        Place {
            root: Root::at(&home.join("notes")).unwrap(),
            state: home.join("state"),
        }
    }

    #[test]
    fn what_failed_is_tried_again_though_nothing_changes_and_of_many_changes_the_newest_is_followed() {
        let (tell, changes) = mpsc::channel();
        let done = RefCell::new(Vec::new());
        let does = |state: u32| {
            let mut done = done.borrow_mut();
            done.push(state);
            match done.len() {
                // Nobody tells of anything: it is tried again, with what is there then.
                1 | 2 => return false,
                3 => [7, 8, 9].map(|newer| tell.send(Told::Changed(newer)).unwrap()),
                _ => [(); 3].map(|()| tell.send(Told::Over).unwrap()),
            };
            true
        };
        rounds(&changes, Duration::from_millis(1), || 1, does);
        assert_eq!(done.into_inner(), [1, 1, 1, 9]);
    }

    #[test]
    fn what_was_read_is_kept_also_when_the_full_text_never_comes() {
        let home = tempfile::tempdir().unwrap();
        let Place { root, state } = place(home.path());
        fs::create_dir(&state).unwrap();
        let notes = Vault::open_kept(&root, Limits::keeping_private(), &kept(&state), &|_| {}).unwrap();
        let folder = home.path().join("text");
        let text = Text {
            index: Index::at(&folder).unwrap(),
            ready: AtomicBool::new(false),
        };
        fs::remove_dir_all(&folder).unwrap();
        let (tell, changes) = mpsc::channel();
        tell.send(Told::Over).unwrap();
        follow(&notes, &text, &state, &changes);
        assert!(!text.ready.load(Ordering::Acquire));
        assert!(kept(&state).exists());
    }

    #[test]
    fn what_has_become_private_is_not_kept_any_longer() {
        let home = tempfile::tempdir().unwrap();
        let notes = home.path().join("notes");
        let schema = notes.join("00_Meta/schema_constants.yaml");
        fs::create_dir_all(schema.parent().unwrap()).unwrap();
        fs::write(&schema, "schema_version: 1\n").unwrap();
        let task = "---\nentity_type: Task\nentity_id: tsk-1\npurse: twelve-ducats\n---\n";
        fs::write(notes.join("task.md"), task).unwrap();
        let root = Root::at(&notes).unwrap();
        let state = home.path().join("state");
        let _open = Open::at(
            Place {
                root,
                state: state.clone(),
            },
            Seal::default(),
            &|_| {},
        );
        let is_kept = |words: &[u8]| {
            let bytes = fs::read(kept(&state)).unwrap_or_default();
            bytes.windows(words.len()).any(|some| some == words)
        };
        let soon = |what: &dyn Fn() -> bool| {
            (0..500).any(|_| {
                thread::sleep(Duration::from_millis(20));
                what()
            })
        };
        assert!(soon(&|| is_kept(b"twelve-ducats")));
        fs::write(&schema, "schema_version: 1\nprivate_fields: {Task: [purse]}\n").unwrap();
        assert!(soon(&|| is_kept(b"tsk-1") && !is_kept(b"twelve-ducats")));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn no_more_look_at_once_than_there_are_processors_and_a_panic_gives_its_turn_back() {
        let home = tempfile::tempdir().unwrap();
        let open = Arc::new(Open::at(place(home.path()), Seal::default(), &|_| {}).unwrap());
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let looks: Vec<_> = (0..40)
            .map(|number| {
                let (open, now, most) = (Arc::clone(&open), Arc::clone(&now), Arc::clone(&most));
                tokio::spawn(async move {
                    open.look(move |_| {
                        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        thread::sleep(Duration::from_millis(5));
                        now.fetch_sub(1, Ordering::SeqCst);
                        assert!(number % 10 != 0, "on purpose");
                    })
                    .await
                    .is_ok()
                })
            })
            .collect();
        let mut done = 0;
        for look in looks {
            done += usize::from(look.await.unwrap());
        }
        let processors = thread::available_parallelism().unwrap().get();
        assert_eq!((done, open.looks.available_permits()), (36, processors));
        assert!(most.load(Ordering::SeqCst) <= processors);
    }
}
