//! Seeing at once what changes on the disk: inotify on every folder of the vault, each opened through the jail.
//!
//! Changes are gathered for a moment and looked at together. What the kernel could not tell (its queue ran over) is found by
//! looking at everything.

mod folders;

use {
    crate::{
        jail::{Refused, place_within},
        path::NotePath,
        snapshot::Snapshot,
        vault::Vault,
    },
    folders::Folders,
    rustix::{
        event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll},
        fd::OwnedFd,
        fs::inotify::{self, CreateFlags, ReadFlags, Reader},
        io::{Errno, write},
    },
    std::{
        collections::BTreeSet,
        mem::MaybeUninit,
        panic::{AssertUnwindSafe, catch_unwind},
        sync::Arc,
        thread::{self, JoinHandle},
    },
};

/// A change is looked at when nothing more has come for so long…
const QUIET: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 30_000_000,
};
/// …or after so many waits: somebody who writes all the time is seen all the same.
const WAITS: usize = 8;

/// How often it is looked whether the root is still where it was: its being moved changes nothing in it.
const LOOK: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

/// Room for some hundred events.
const ROOM: usize = 32 << 10;

/// Watches a vault until it is dropped.
#[derive(Debug)]
pub struct Watch {
    stop: Arc<OwnedFd>,
    thread: Option<JoinHandle<()>>,
}

/// Why a vault cannot be watched.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The kernel gives no more watches: one is needed for each folder.
    #[error("the vault has more folders than the kernel watches; raise fs.inotify.max_user_watches")]
    TooManyFolders,
    /// A folder cannot be looked at.
    #[error("the vault cannot be watched")]
    Refused(#[from] Refused),
    /// The system says no.
    #[error("the vault cannot be watched")]
    System(#[source] std::io::Error),
}

impl From<Errno> for WatchError {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::NOSPC => Self::TooManyFolders,
            other => Self::System(other.into()),
        }
    }
}

impl Watch {
    /// Begins to watch. `told` is called with each new snapshot, on a thread of the watch; the first call may come at once, with what
    /// changed since the vault was read.
    ///
    /// # Errors
    /// [`WatchError`] when it cannot be watched; the vault is then read as it was.
    pub fn start(vault: Arc<Vault>, told: impl Fn(&Arc<Snapshot>) + Send + 'static) -> Result<Self, WatchError> {
        let stop = Arc::new(eventfd(0, EventfdFlags::CLOEXEC)?);
        let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        let mut folders = Folders::default();
        folders.watch(&inotify, &vault, None)?;
        let mut watcher = Watcher {
            vault,
            inotify,
            folders,
            told,
        };
        let ends = Arc::clone(&stop);
        let thread = thread::Builder::new()
            .name("vault-watch".to_owned())
            .spawn(move || watcher.run(&ends))
            .map_err(WatchError::System)?;
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // The thread sees it at its next look; a descriptor of ours takes eight bytes.
        let _ = write(&*self.stop, &1_u64.to_ne_bytes());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Watcher<T> {
    vault: Arc<Vault>,
    inotify: OwnedFd,
    folders: Folders,
    told: T,
}

/// What is to be looked at.
#[derive(Default)]
struct Changes {
    paths: BTreeSet<NotePath>,
    everything: bool,
    /// How often to wait for more of them.
    waits: usize,
}

/// Why a wait ended.
enum Woken {
    /// There is something to read.
    Changed,
    /// Nothing came for so long.
    Quiet,
    /// Somebody wants an end.
    Over,
}

impl<T: Fn(&Arc<Snapshot>)> Watcher<T> {
    fn run(&mut self, stop: &OwnedFd) {
        let mut last = self.vault.snapshot();
        // What changed between the first reading and the first watch.
        let mut changes = Changes {
            everything: true,
            ..Changes::default()
        };
        loop {
            // When the root cannot be listed, the vault stays what it was.
            let everything = std::mem::take(&mut changes.everything);
            let paths: Vec<_> = changes.paths.iter().cloned().collect();
            let look = || {
                if everything {
                    self.vault.look_again(&|_| {})
                } else {
                    self.vault.refresh(&paths)
                }
            };
            // A mistake of ours in one look is not the end of all looks: the vault stays what it was.
            let now = catch_unwind(AssertUnwindSafe(look)).unwrap_or(Err(Refused::Restless));
            changes.paths.clear();
            if let Ok(now) = now
                && !Arc::ptr_eq(&now, &last)
            {
                (self.told)(&now);
                last = now;
            }
            if !self.idle(stop, &mut changes) {
                return;
            }
            while changes.waits > 0 {
                changes.waits = changes.waits.saturating_sub(1);
                self.take(&mut changes);
                match self.wait(stop, &QUIET) {
                    Woken::Changed => {}
                    Woken::Quiet => changes.waits = 0,
                    Woken::Over => return,
                }
            }
        }
    }

    /// Waits until there is something to look at. False when it is over.
    fn idle(&self, stop: &OwnedFd, changes: &mut Changes) -> bool {
        loop {
            match self.wait(stop, &LOOK) {
                Woken::Over => return false,
                Woken::Changed => {
                    changes.waits = WAITS;
                    return true;
                }
                Woken::Quiet => {
                    let was_away = self.vault.has_moved();
                    if self.vault.in_place().is_ok() && was_away {
                        // Nothing was looked at meanwhile.
                        changes.everything = true;
                        return true;
                    }
                }
            }
        }
    }

    fn wait(&self, stop: &OwnedFd, most: &Timespec) -> Woken {
        let mut ready = [
            PollFd::new(stop, PollFlags::IN),
            PollFd::new(&self.inotify, PollFlags::IN),
        ];
        loop {
            return match poll(&mut ready, Some(most)) {
                Err(Errno::INTR) => continue,
                Err(_) => Woken::Over,
                Ok(_) => {
                    let [stop, inotify] = &ready;
                    match (stop.revents().is_empty(), inotify.revents().is_empty()) {
                        (false, _) => Woken::Over,
                        (true, false) => Woken::Changed,
                        (true, true) => Woken::Quiet,
                    }
                }
            };
        }
    }

    fn take(&mut self, changes: &mut Changes) {
        let mut room = vec![MaybeUninit::uninit(); ROOM];
        let mut reader = Reader::new(&self.inotify, &mut room);
        let mut fresh = Vec::new();
        while let Ok(event) = reader.next() {
            let what = event.events();
            if what.contains(ReadFlags::QUEUE_OVERFLOW) {
                changes.everything = true;
                continue;
            }
            if what.contains(ReadFlags::IGNORED) {
                self.folders.forget(event.wd());
                continue;
            }
            let Some(folder) = self.folders.at(event.wd()) else {
                continue;
            };
            let Some(name) = event.file_name() else { continue };
            match place_within(folder, name.to_bytes()) {
                Ok(place) => {
                    if what.contains(ReadFlags::ISDIR) {
                        fresh.push((place.clone(), what));
                    }
                    changes.paths.insert(place.path);
                }
                // Hidden on purpose, also what is being written.
                Err(name) if name.hidden => {}
                // Its folder's findings tell of it.
                Err(_) => match folder {
                    Some(folder) => drop(changes.paths.insert(folder.path.clone())),
                    None => changes.everything = true,
                },
            }
        }
        for (folder, what) in fresh {
            if what.intersects(ReadFlags::MOVED_FROM | ReadFlags::DELETE) {
                self.folders.unwatch(&self.inotify, &folder.path);
            }
            if what.intersects(ReadFlags::MOVED_TO | ReadFlags::CREATE) {
                // Watched before it is looked at, so nothing falls between. What cannot be watched is found by looking again.
                match self.folders.watch(&self.inotify, &self.vault, Some(folder)) {
                    Ok(()) | Err(WatchError::Refused(_)) => {}
                    Err(_) => changes.everything = true,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
