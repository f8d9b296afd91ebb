//! A vault that is open: its files behind the jail, and what they said when they were last looked at.

use {
    crate::{
        finding::{Finding, FindingCode},
        jail::{Jail, JailError, Refused, Stamp},
        kept,
        note::{Area, Limits, Note, Rules},
        path::{NotePath, within},
        root::Root,
        scan::{Scan, Scanned, Tell},
        schema::{Private, Remembered, SCHEMA, Schema},
        snapshot::Snapshot,
        value::Words,
    },
    std::{
        io,
        path::{Path, PathBuf},
        sync::{
            Arc, Mutex, MutexGuard, PoisonError, RwLock,
            atomic::{AtomicBool, Ordering},
        },
        thread,
    },
};

/// The largest schema.
const LARGEST_SCHEMA: usize = 1 << 20;

/// So many changes at once are a checkout or a copy: then a look at all of it costs less.
const MANY: usize = 64;

/// The number of the first state that is seen of a vault.
const FIRST: u64 = 1;

/// See the top of this file.
#[derive(Debug)]
pub struct Vault {
    jail: Jail,
    limits: Limits,
    now: RwLock<Arc<Snapshot>>,
    /// One change after another.
    changing: Mutex<()>,
    /// Whether the folder was another one when that was last looked at.
    moved: AtomicBool,
    /// Where it is kept what is private.
    memory: Option<PathBuf>,
    /// Which file holds what was read, and of which state of the vault.
    keeps: Mutex<Option<(PathBuf, u64)>>,
}

/// Why a vault cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// There is no way in.
    #[error(transparent)]
    Jail(#[from] JailError),
    /// Its root cannot be listed.
    #[error("cannot list the vault")]
    Unreadable(#[source] Refused),
    /// Nobody could tell, at the next start, what is private.
    #[error("cannot keep, or read, in `{}` what the vault keeps private: make room, or give the vault its schema and remove the file", file.display())]
    Memory {
        /// Where.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// A note and its text, of the same moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Opened {
    /// What it is. Newer than the snapshot's when the file has changed meanwhile.
    pub note: Arc<Note>,
    /// Its text, without its front matter.
    pub body: String,
}

impl Vault {
    /// Opens a vault and reads all of it.
    ///
    /// # Errors
    /// [`VaultError`] when there is no way in. A file that cannot be read is a finding.
    pub fn open(root: &Root, limits: Limits, tell: Tell<'_>) -> Result<Self, VaultError> {
        Self::open_with(root, limits, None, None, tell)
    }

    /// Opens a vault and reads what has changed since [`Self::keep`] wrote this file. What is private is kept beside it, and goes on being
    /// private when the schema has gone.
    ///
    /// # Errors
    /// [`VaultError`] when there is no way in, or nobody can tell what is private. A file that is missing or cannot be used costs the
    /// time of reading all.
    pub fn open_kept(root: &Root, limits: Limits, file: &Path, tell: Tell<'_>) -> Result<Self, VaultError> {
        let memory = limits.keeps_private.then(|| file.with_extension("private"));
        Self::open_with(root, limits, memory, Some(file), tell)
    }

    fn open_with(
        root: &Root,
        limits: Limits,
        memory: Option<PathBuf>,
        file: Option<&Path>,
        tell: Tell<'_>,
    ) -> Result<Self, VaultError> {
        let jail = Jail::new(root)?;
        let read = match schema(&jail, limits) {
            Ok(read) => {
                remember(memory.as_deref(), &read.0)?;
                read
            }
            Err(finding) => {
                let last = match memory.as_deref() {
                    Some(file) => Remembered::read(file).map_err(forgotten(file))?,
                    None => None,
                };
                (unknown(limits, &last.unwrap_or_default()), vec![finding])
            }
        };
        let scan = scan(&jail, &read.0, limits, &[]);
        // What was kept is read while the folders are listed.
        let (files, kept) = thread::scope(|scope| {
            let kept = scope.spawn(|| file.map_or_else(Vec::new, |file| kept::kept(file, &read.0, limits)));
            (scan.files(), kept.join().unwrap_or_default())
        });
        let files = files.map_err(VaultError::Unreadable)?;
        let scanned = Scan { before: &kept, ..scan }.read(files, tell);
        // Nothing is also what was read of a file that cannot be used.
        let as_kept = !kept.is_empty()
            && kept.len() == scanned.notes.len()
            && kept
                .iter()
                .zip(&scanned.notes)
                .all(|(one, other)| Arc::ptr_eq(one, other));
        let (schema, findings) = read;
        let first = Snapshot::new(FIRST, Arc::new(schema), findings, scanned);
        Ok(Self {
            jail,
            limits,
            now: RwLock::new(Arc::new(first)),
            changing: Mutex::new(()),
            moved: AtomicBool::new(false),
            memory,
            keeps: Mutex::new(file.filter(|_| as_kept).map(|file| (file.to_owned(), FIRST))),
        })
    }

    /// Writes what was read into a file outside of the vault, for the next start, unless it stands there already.
    ///
    /// # Errors
    /// What the file system says.
    pub fn keep(&self, file: &Path) -> io::Result<()> {
        let mut keeps = self.keeps.lock().unwrap_or_else(PoisonError::into_inner);
        let snapshot = self.snapshot();
        let number = snapshot.generation().number;
        if keeps.as_ref().is_some_and(|(kept, of)| kept == file && *of == number) {
            return Ok(());
        }
        kept::keep(file, snapshot.schema(), self.limits, snapshot.notes())?;
        *keeps = Some((file.to_owned(), number));
        Ok(())
    }

    /// The vault as it is now. Whoever holds it sees no change.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.now.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Its files.
    #[must_use]
    pub const fn jail(&self) -> &Jail {
        &self.jail
    }

    /// Looks whether its folder is still what lies at its path.
    ///
    /// # Errors
    /// [`Refused::Moved`] when it is not. [`Self::has_moved`] says so from then on, until it is again.
    pub fn in_place(&self) -> Result<(), Refused> {
        let found = self.jail.in_place();
        self.moved.store(found.is_err(), Ordering::Relaxed);
        found
    }

    /// Whether its folder was another one at the last look: what is read then is not what people have before them.
    #[must_use]
    pub fn has_moved(&self) -> bool {
        self.moved.load(Ordering::Relaxed)
    }

    /// Looks at every file again, and reads those that have changed. For when nobody knows what changed.
    ///
    /// # Errors
    /// [`Refused`] when the root cannot be listed, or is another one; the vault is then what it was.
    pub fn look_again(&self, tell: Tell<'_>) -> Result<Arc<Snapshot>, Refused> {
        let _changing = self.change();
        self.in_place()?;
        self.look_at_all(tell)
    }

    /// Looks again at these files or folders, whether they changed, are new, or have gone.
    ///
    /// # Errors
    /// [`Refused`] when the root is another one, or the schema changed, so that all has to be looked at, and it cannot be listed.
    pub fn refresh(&self, paths: &[NotePath]) -> Result<Arc<Snapshot>, Refused> {
        let _changing = self.change();
        self.in_place()?;
        let before = self.snapshot();
        // A folder with the schema in it may have come or gone whole.
        let is_schema = |path: &NotePath| NotePath::parse(SCHEMA).is_ok_and(|schema| schema.is_within(path.as_str()));
        if paths.len() > MANY || paths.iter().any(is_schema) {
            return self.look_at_all(&|_| {});
        }
        let known = before.scanned();
        let scan = scan(&self.jail, before.schema(), self.limits, &known.notes);
        let mut all = Scanned {
            notes: known.notes.clone(),
            unserved: known.unserved.clone(),
        };
        for path in paths {
            all.notes.retain(|known| !known.path().is_within(path.as_str()));
            all.unserved.retain(|known, _| !within(known, path.as_str()));
            let part = scan.part(path);
            all.notes.extend(part.notes);
            all.unserved.extend(part.unserved);
        }
        all.settle();
        if all == *known {
            return Ok(before);
        }
        let number = before.generation().number.saturating_add(1);
        let after = before.next(number, all);
        Ok(self.becomes(after))
    }

    /// What a note may cost here.
    #[must_use]
    pub const fn limits(&self) -> Limits {
        self.limits
    }

    /// A file's bytes as they are on the disk now.
    ///
    /// # Errors
    /// [`Refused`]: it is not there, or is not to be read.
    pub fn bytes(&self, path: &NotePath) -> Result<Vec<u8>, Refused> {
        self.jail.read(path, self.limits.bytes).map(|(bytes, _)| bytes)
    }

    /// What a file with these bytes would be at this path: a note that is not on the disk yet.
    ///
    /// # Errors
    /// The one finding because of which it would not be served at all.
    pub fn would_be(&self, path: &NotePath, bytes: &[u8]) -> Result<Note, Finding> {
        let snapshot = self.snapshot();
        let Some(area) = snapshot.schema().area(path).filter(|_| path.is_markdown()) else {
            return Err(Finding::new(path, None, FindingCode::BadName, "nothing is read there"));
        };
        let rules = Rules {
            area,
            schema: snapshot.schema(),
            budget: self.limits.matter,
            seal: self.limits.seal,
        };
        let nowhere = Stamp {
            size: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            modified: 0,
            changed: 0,
            inode: 0,
        };
        let place = self.jail.locate(path).unwrap_or_else(|_| path.clone().into());
        Note::read(place, nowhere, bytes, rules, &mut Words::default())
    }

    /// A note with its text as it lies on the disk now.
    ///
    /// # Errors
    /// [`Refused`] when it has gone, or is no note any more.
    pub fn open_note(&self, note: &Arc<Note>) -> Result<Opened, Refused> {
        let (bytes, stamp) = self.jail.read_at(&note.place, self.limits.bytes)?;
        let note = if self.limits.seal.revision(&bytes) == note.revision {
            Arc::clone(note)
        } else {
            let snapshot = self.snapshot();
            let area = snapshot.schema().area(note.path()).unwrap_or(Area::Prose);
            let place = note.place.clone();
            let rules = Rules {
                area,
                schema: snapshot.schema(),
                budget: self.limits.matter,
                seal: self.limits.seal,
            };
            let read = Note::read(place, stamp, &bytes, rules, &mut Words::default());
            let read = read.map_err(|_| Refused::NotAFile)?;
            if snapshot.schema().hides(&read) {
                return Err(Refused::Absent);
            }
            Arc::new(read)
        };
        let mut bytes = bytes;
        let body = bytes.split_off(note.body_start.min(bytes.len()));
        let body = String::from_utf8(body).map_err(|_| Refused::NotAFile)?;
        Ok(Opened { note, body })
    }

    fn look_at_all(&self, tell: Tell<'_>) -> Result<Arc<Snapshot>, Refused> {
        let before = self.snapshot();
        let (schema, findings) = match schema(&self.jail, self.limits) {
            Ok(read) => {
                remember(self.memory.as_deref(), &read.0).map_err(|error| Refused::Io(io::Error::other(error)))?;
                read
            }
            // A checkout takes the schema away for a moment, and what it kept private is private still.
            Err(finding) => {
                let last = Remembered::of(before.schema());
                (unknown(self.limits, &last), vec![finding])
            }
        };
        // Another schema may make something else of the same file.
        let same =
            before.schema().revision == schema.revision && knows_nothing(before.schema()) == knows_nothing(&schema);
        let known = if same { before.notes() } else { &[] };
        let scan = scan(&self.jail, &schema, self.limits, known);
        let scanned = scan.read(scan.files()?, tell);
        if same && scanned == *before.scanned() {
            return Ok(before);
        }
        let number = before.generation().number.saturating_add(1);
        Ok(self.becomes(Snapshot::new(number, Arc::new(schema), findings, scanned)))
    }

    fn becomes(&self, after: Snapshot) -> Arc<Snapshot> {
        let after = Arc::new(after);
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&after);
        after
    }

    fn change(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const fn knows_nothing(schema: &Schema) -> bool {
    matches!(schema.private, Some(Private::Unknown(_)))
}

const fn scan<'a>(jail: &'a Jail, schema: &'a Schema, limits: Limits, before: &'a [Arc<Note>]) -> Scan<'a> {
    Scan {
        jail,
        schema,
        limits,
        before,
    }
}

/// What it means that there is none: to whom all is shown, and to all others.
const HOLDS_NOTHING: &str = "types, words and fields are held against nothing";
const SHOWS_LITTLE: &str = "only what vaults ordinarily show is shown";

/// The vault's schema, or why there is none.
fn schema(jail: &Jail, limits: Limits) -> Result<(Schema, Vec<Finding>), Finding> {
    let told = |message: String| Finding {
        path: SCHEMA.to_owned(),
        line: None,
        code: FindingCode::Schema,
        message,
    };
    let path = NotePath::parse(SCHEMA).map_err(|error| told(error.to_string()))?;
    let (bytes, _) = jail.read(&path, LARGEST_SCHEMA).map_err(|refused| match refused {
        Refused::Absent => {
            let means = if limits.keeps_private {
                SHOWS_LITTLE
            } else {
                HOLDS_NOTHING
            };
            Finding {
                code: FindingCode::NoSchema,
                ..told(format!(
                    "the vault has no schema, so {means}: write `{SCHEMA}`, or put it back"
                ))
            }
        }
        refused => told(format!("the schema cannot be read: {refused}")),
    })?;
    let (schema, findings) = if limits.keeps_private {
        Schema::read_private(&bytes)?
    } else {
        Schema::read(&bytes)?
    };
    let revision = Some(limits.seal.revision(&bytes));
    Ok((Schema { revision, ..schema }, findings))
}

/// The schema of a vault whose own cannot be read.
fn unknown(limits: Limits, last: &Remembered) -> Schema {
    if limits.keeps_private {
        last.schema()
    } else {
        Schema::default()
    }
}

fn remember(file: Option<&Path>, schema: &Schema) -> Result<(), VaultError> {
    let Some(file) = file else { return Ok(()) };
    Remembered::of(schema).keep(file).map_err(forgotten(file))
}

fn forgotten(file: &Path) -> impl FnOnce(io::Error) -> VaultError {
    let file = file.to_owned();
    move |source| VaultError::Memory { file, source }
}

#[cfg(test)]
pub(crate) mod tests;
