//! A recording that goes on: where it is kept, how far it may go, and what it became.

use {
    crate::{
        dice::Dice,
        disk::{Content, Disk, names},
        record::{CONTROL, CONTROL_LENGTH, COUNT_AT, FOLDER, Kind, LIMIT_AT, LOG, Record},
    },
    std::{
        env,
        fs::{self, File, OpenOptions},
        io::Write,
        os::unix::fs::FileExt,
        path::{Path, PathBuf},
    },
    tempfile::TempDir,
};

/// Where the recorder is, when it is not beside this program.
const RECORDER: &str = "PORTREEVE_RECORDER";

/// What processes ask of the disk below one folder is being written down, for those that were started with
/// [`Recording::variables`].
pub struct Recording {
    folder: PathBuf,
    before: Disk,
    place: TempDir,
    log: File,
    control: File,
}

impl Recording {
    /// From what `folder` holds now, all of which is on disk. Nobody uses it yet.
    #[must_use]
    pub fn begin(folder: &Path) -> Self {
        let folder = folder.canonicalize().unwrap();
        let place = tempfile::Builder::new().prefix("portreeve-power-").tempdir().unwrap();
        let log = place.path().join("log");
        let log = OpenOptions::new().create(true).append(true).open(log).unwrap();
        let control = place.path().join("control");
        let mut options = OpenOptions::new();
        let control = options
            .create(true)
            .truncate(true)
            .read(true)
            .write(true)
            .open(control)
            .unwrap();
        control.set_len(CONTROL_LENGTH).unwrap();
        let recording = Self {
            before: Disk::of(&folder),
            folder,
            place,
            log,
            control,
        };
        recording.go_on_until(u64::MAX);
        recording
    }

    /// What a process has to be started with.
    #[must_use]
    pub fn variables(&self) -> [(&'static str, String); 4] {
        let text = |path: PathBuf| path.to_str().unwrap().to_owned();
        [
            ("LD_PRELOAD", text(recorder())),
            (FOLDER, text(self.folder.clone())),
            (LOG, text(self.place.path().join("log"))),
            (CONTROL, text(self.place.path().join("control"))),
        ]
    }

    /// How much was asked of the disk so far.
    #[must_use]
    pub fn count(&self) -> u64 {
        let mut number = [0; 8];
        self.control.read_exact_at(&mut number, COUNT_AT).unwrap();
        u64::from_le_bytes(number)
    }

    /// The power goes when so much was asked of the disk: who asks for more dies. At once, when that is over already.
    pub fn go_on_until(&self, count: u64) {
        self.control.write_all_at(&count.to_le_bytes(), LIMIT_AT).unwrap();
    }

    /// Whether the power is gone.
    #[must_use]
    pub fn is_over(&self) -> bool {
        let mut number = [0; 8];
        self.control.read_exact_at(&mut number, LIMIT_AT).unwrap();
        self.count() >= u64::from_le_bytes(number)
    }

    /// Does `act` while nobody is in the middle of asking the disk for something.
    pub fn while_nobody_asks<T>(&self, act: impl FnOnce() -> T) -> T {
        self.control.lock().unwrap();
        let done = act();
        self.control.unlock().unwrap();
        done
    }

    /// Writes down that somebody outside knows `what`, before anything else is asked of the disk.
    pub fn note(&self, what: &str) {
        self.while_nobody_asks(|| self.append(Kind::Note, what.as_bytes()));
    }

    fn append(&self, kind: Kind, payload: &[u8]) {
        let record = Record {
            kind,
            subject: 0,
            place: 0,
            payload,
        };
        let bytes = [&record.header(), payload].concat();
        (&self.log).write_all(&bytes).unwrap();
    }

    /// Ends it, when all processes that were recorded are gone.
    ///
    /// # Panics
    /// When the record does not lead to what the folder holds: then something was asked of the disk that the recorder
    /// does not know of, and no image would be worth anything.
    #[must_use]
    pub fn end(self) -> Tape {
        let mut list = Vec::new();
        for name in names(&self.folder) {
            name.write(&mut list);
        }
        self.append(Kind::Names, &list);
        let log = fs::read(self.place.path().join("log")).unwrap();
        let tape = Tape {
            before: self.before,
            log,
        };
        let recorded = tape.disk_after(u64::MAX).kept();
        let real = Disk::of(&self.folder).kept();
        for path in recorded.keys().chain(real.keys()) {
            let (recorded, real) = (recorded.get(path), real.get(path));
            assert!(recorded == real, "the record of `{path}` is not what the folder holds");
        }
        tape
    }
}

/// What was recorded.
pub struct Tape {
    before: Disk,
    log: Vec<u8>,
}

impl Tape {
    fn records(&self) -> impl Iterator<Item = Record<'_>> {
        let mut rest = self.log.as_slice();
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let (record, after) = Record::read(rest).unwrap();
            rest = after;
            Some(record)
        })
    }

    /// How much was asked of the disk.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.records().filter(|record| asks(record.kind)).count() as u64
    }

    /// The records up to a power cut after `count` requests to the disk.
    fn up_to(&self, count: u64) -> impl Iterator<Item = Record<'_>> {
        let mut asked = 0;
        self.records().take_while(move |record| {
            asked += u64::from(asks(record.kind));
            asked <= count
        })
    }

    /// What was known outside when the power went after `count` requests to the disk.
    #[must_use]
    pub fn notes_before(&self, count: u64) -> Vec<String> {
        let notes = self.up_to(count).filter(|record| record.kind == Kind::Note);
        notes
            .map(|note| String::from_utf8(note.payload.to_vec()).unwrap())
            .collect()
    }

    /// The disk after `count` requests.
    #[must_use]
    pub fn disk_after(&self, count: u64) -> Disk {
        let mut disk = self.before.clone();
        for record in self.up_to(count) {
            disk.apply(&record);
        }
        disk
    }

    /// What the folder may hold when the power goes after `count` requests.
    #[must_use]
    pub fn image(&self, count: u64, dice: &mut Dice) -> Content {
        self.disk_after(count).after_power_cut(dice)
    }
}

/// What counts as a request to the disk, at which the power may go.
const fn asks(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Write | Kind::Cut | Kind::Sync | Kind::SyncFolder | Kind::Gone
    )
}

/// The recorder that was built with this program.
fn recorder() -> PathBuf {
    let beside = || env::current_exe().unwrap().with_file_name("libportreeve_recorder.so");
    let path = env::var_os(RECORDER).map_or_else(beside, PathBuf::from);
    assert!(
        path.is_file(),
        "`{}` is not there; build it, or set {RECORDER}",
        path.display()
    );
    path
}
