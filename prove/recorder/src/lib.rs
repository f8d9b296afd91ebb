//! Preloaded into a process (`LD_PRELOAD`), it writes down what the process asks of the disk below one folder: every
//! write, cut and sync, and what the folder holds by name whenever that has changed. From that `portreeve-power` makes
//! the folder as it could look after a power cut.
//!
//! What must stay true: nobody asks the disk for anything below the folder without its turn, which only one thread of
//! one process has; so the log's order is the order in which it happened. A process that cannot record dies, lest
//! somebody believe the log. Nothing here panics: it would do so in somebody else's process.

#[path = "../../power/src/record.rs"]
pub mod record;
mod stand_in;
mod tree;

use {
    record::{CONTROL, COUNT_AT, FOLDER, Kind, LIMIT_AT, LOG, NAMES_AT, Record},
    std::{
        cell::Cell,
        env,
        fs::{File, OpenOptions},
        io::{self, Write},
        os::unix::fs::{FileExt, MetadataExt},
        path::PathBuf,
        sync::{Mutex, MutexGuard, OnceLock, PoisonError},
    },
    tree::Tree,
};

/// What is recorded, and where to.
pub(crate) struct Recorder {
    folder: PathBuf,
    device: u64,
    log: File,
    control: File,
    /// The lock of the control file keeps processes apart, and this one threads.
    turn: Mutex<()>,
}

thread_local! {
    /// True while this thread records, so that what it does for that is not recorded.
    static BUSY: Cell<bool> = const { Cell::new(false) };
}

/// Runs `with_us` when something is recorded in this process and this thread is not recording already; or else
/// `without_us`.
pub(crate) fn unless_busy<T>(without_us: impl FnOnce() -> T, with_us: impl FnOnce(&Recorder) -> T) -> T {
    static RECORDER: OnceLock<Option<Recorder>> = OnceLock::new();
    if BUSY.replace(true) {
        return without_us();
    }
    let done = match RECORDER.get_or_init(|| Recorder::of_environment().unwrap_or_else(|error| die(&error))) {
        Some(recorder) => with_us(recorder),
        None => without_us(),
    };
    BUSY.set(false);
    done
}

impl Recorder {
    /// `None` when nobody asked for a record.
    fn of_environment() -> io::Result<Option<Self>> {
        let (Some(folder), Some(log), Some(control)) = (env::var_os(FOLDER), env::var_os(LOG), env::var_os(CONTROL))
        else {
            return Ok(None);
        };
        let folder = PathBuf::from(folder);
        Ok(Some(Self {
            device: folder.metadata()?.dev(),
            folder,
            log: OpenOptions::new().append(true).open(log)?,
            control: OpenOptions::new().read(true).write(true).open(control)?,
            turn: Mutex::new(()),
        }))
    }

    /// The device that the recorded folder is on.
    pub(crate) const fn device(&self) -> u64 {
        self.device
    }

    /// Waits until nobody else asks the disk for anything.
    pub(crate) fn turn(&self) -> Turn<'_> {
        let mine = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.control.lock().unwrap_or_else(|error| die(&error));
        Turn {
            recorder: self,
            _mine: mine,
        }
    }
}

/// The right to ask the disk for something.
pub(crate) struct Turn<'a> {
    recorder: &'a Recorder,
    _mine: MutexGuard<'a, ()>,
}

impl Turn<'_> {
    /// What the folder holds now. It is written down if it has changed.
    pub(crate) fn look(&self) -> Tree {
        let tree = Tree::below(&self.recorder.folder).unwrap_or_else(|error| die(&error));
        let print = tree.print();
        if self.read(NAMES_AT) != print {
            self.append(Kind::Names, 0, 0, &tree.list());
            self.write(NAMES_AT, print);
        }
        tree
    }

    /// Counts what is about to be asked of the disk, and dies when the power is gone by now.
    pub(crate) fn count(&self) {
        let count = self.read(COUNT_AT);
        if count >= self.read(LIMIT_AT) {
            end();
        }
        self.write(COUNT_AT, count.saturating_add(1));
    }

    /// Writes down what was done.
    pub(crate) fn append(&self, kind: Kind, subject: u64, place: u64, payload: &[u8]) {
        let record = Record {
            kind,
            subject,
            place,
            payload,
        };
        let mut bytes = record.header().to_vec();
        bytes.extend_from_slice(payload);
        (&self.recorder.log)
            .write_all(&bytes)
            .unwrap_or_else(|error| die(&error));
    }

    fn read(&self, at: u64) -> u64 {
        let mut number = [0; 8];
        let read = self.recorder.control.read_exact_at(&mut number, at);
        read.unwrap_or_else(|error| die(&error));
        u64::from_le_bytes(number)
    }

    fn write(&self, at: u64, number: u64) {
        let written = self.recorder.control.write_all_at(&number.to_le_bytes(), at);
        written.unwrap_or_else(|error| die(&error));
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.recorder.control.unlock().unwrap_or_else(|error| die(&error));
    }
}

/// Ends the process and says why.
fn die(error: &io::Error) -> ! {
    let _ = writeln!(io::stderr(), "portreeve-recorder: cannot record: {error}");
    end()
}

/// Ends the process as a power cut does: no destructor, no flush.
fn end() -> ! {
    // SAFETY: both take numbers only, and end this process.
    unsafe {
        libc::kill(libc::getpid(), libc::SIGKILL);
        libc::_exit(libc::EXIT_FAILURE)
    }
}
