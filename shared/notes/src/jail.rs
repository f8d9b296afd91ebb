//! The only way to the disk: everything that scans, searches, reads or writes opens its file with [`Jail::open`].
//!
//! The kernel resolves the path, in one step and beneath the root's own descriptor, and follows no link of any kind. So there
//! is nothing between a check and an open that somebody could swap, and nothing outside of the root is even looked at. A
//! kernel that cannot do this gets no jail: there is no second way in.

mod lock;
mod sweep;
mod trash;
mod write;

use {
    crate::{
        path::{self, NotePath},
        root::Root,
    },
    rustix::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        fs::{self, Dir, FileType, Mode, OFlags, ResolveFlags, Stat},
        io::Errno,
    },
    std::{fs::File, io::Read as _, path::PathBuf, sync::Arc},
    unicode_normalization::is_nfc,
};

pub use {
    lock::Lock,
    trash::TRASH,
    write::{Done, Write},
};

/// Beneath the root, without any link: neither symbolic ones nor those of `/proc`.
const RESOLVE: ResolveFlags = ResolveFlags::BENEATH
    .union(ResolveFlags::NO_SYMLINKS)
    .union(ResolveFlags::NO_MAGICLINKS);

/// Opening a FIFO waits for nobody, and a terminal does not become ours.
const READ: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY);
const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY);

const ROOT: &str = ".";

/// How often to ask again when the kernel says that the tree moved while it looked.
const TRIES: usize = 16;

/// A root that nothing leaves.
#[derive(Debug)]
pub struct Jail {
    root: OwnedFd,
    /// Where people find it.
    said: PathBuf,
}

/// Why there is no jail.
#[derive(Debug, thiserror::Error)]
pub enum JailError {
    /// No `openat2` (Linux 5.6), or something such as a container's filter forbids it. Another way in would be less safe.
    #[error("this kernel cannot keep a path beneath a folder: openat2 is missing or forbidden ({0})")]
    Unsupported(#[source] std::io::Error),
    /// The folder cannot be opened.
    #[error("cannot open the vault")]
    Unreadable(#[source] std::io::Error),
}

/// Why a file was not opened. To a caller from outside, all but [`Refused::TooLarge`] are the same: there is nothing there.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// There is nothing of that name.
    #[error("there is no such file")]
    Absent,
    /// It is there already.
    #[error("the file is there already")]
    Present,
    /// The root is not what lies at its path any more: somebody moved it away, or put something else there.
    #[error("the vault's folder is not the one that was opened")]
    Moved,
    /// It is not what it was when somebody decided to replace it.
    #[error("the file has changed since")]
    Changed,
    /// A link stands on the way, or the file has a second name, which may be outside.
    #[error("links are not followed")]
    Link,
    /// A folder, a socket, a device or a pipe.
    #[error("it is not a file")]
    NotAFile,
    /// More bytes than were asked for.
    #[error("the file has more than {0} bytes")]
    TooLarge(usize),
    /// It did not stand still long enough to be read.
    #[error("the file changes all the time")]
    Restless,
    /// The system says no.
    #[error("the file cannot be read or written")]
    Io(#[source] std::io::Error),
}

/// By what a changed file is recognised without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// Bytes.
    pub size: u64,
    /// Nanoseconds since 1970 of the last change of the content.
    pub modified: i64,
    /// Nanoseconds since 1970 of the last change of anything; nobody can set it back.
    pub changed: i64,
    /// The file itself, whatever it is called.
    pub inode: u64,
}

/// A path as the disk spells it. Its [`NotePath`] may be spelled otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// What it is called here.
    pub path: NotePath,
    /// How the disk spells it, where that differs.
    pub(crate) on_disk: Option<Arc<str>>,
}

/// Something that a folder holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its path, or its name where that is none.
    pub place: Result<Place, BadName>,
    /// What it is.
    pub kind: EntryKind,
    /// Its number on the disk. Most file systems keep what has near numbers near.
    pub(crate) inode: u64,
}

/// A name on the disk that cannot be the name of a note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadName {
    /// What can be shown of it.
    pub shown: String,
    /// Whether it begins with a dot: hidden on purpose, and nothing to report.
    pub hidden: bool,
}

/// What a folder's entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// A file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Link,
    /// A device, a pipe, a socket.
    Other,
}

impl Place {
    /// How the disk spells it.
    #[must_use]
    pub fn spelling(&self) -> &str {
        self.on_disk.as_deref().unwrap_or_else(|| self.path.as_str())
    }
}

impl From<NotePath> for Place {
    fn from(path: NotePath) -> Self {
        Self { path, on_disk: None }
    }
}

impl Jail {
    /// Opens the root, and makes sure that the kernel can keep us beneath it.
    ///
    /// # Errors
    /// [`JailError`] when it cannot, or when the folder cannot be opened.
    pub fn new(root: &Root) -> Result<Self, JailError> {
        let said = root.said().to_owned();
        let root = fs::open(root.path(), FOLDER.union(OFlags::CLOEXEC), Mode::empty())
            .map_err(|errno| JailError::Unreadable(errno.into()))?;
        let jail = Self { root, said };
        match jail.resolve(ROOT, FOLDER, Mode::empty()) {
            Ok(_) => Ok(jail),
            Err(errno) => Err(JailError::Unsupported(errno.into())),
        }
    }

    /// That the root is still what lies at its path. Without that, people would look at one folder and we at another.
    ///
    /// # Errors
    /// [`Refused::Moved`] when it is not, or nobody can tell.
    pub fn in_place(&self) -> Result<(), Refused> {
        let identity = |found: Stat| (found.st_dev, found.st_ino);
        let here = fs::fstat(&self.root).map(identity);
        match (here, fs::stat(&self.said).map(identity)) {
            (Ok(here), Ok(there)) if here == there => Ok(()),
            _ => Err(Refused::Moved),
        }
    }

    /// Reads a file of at most `limit` bytes. One that is replaced meanwhile, as [`Self::write`] and most editors do it, is read
    /// as it was before or after; one that is written in place is read again when that shows.
    ///
    /// # Errors
    /// [`Refused`]: it is not there, or is not to be read.
    pub fn read(&self, path: &NotePath, limit: usize) -> Result<(Vec<u8>, Stamp), Refused> {
        let place = self.locate(path)?;
        self.read_at(&place, limit)
    }

    /// What distinguishes the file from what it was, without reading it.
    ///
    /// # Errors
    /// [`Refused`]: it is not there, or is not to be read.
    pub fn stamp(&self, path: &NotePath) -> Result<Stamp, Refused> {
        let place = self.locate(path)?;
        self.stamp_at(&place)
    }

    pub(crate) fn stamp_at(&self, place: &Place) -> Result<Stamp, Refused> {
        let file = self.open(place.spelling(), READ, Mode::empty())?;
        only_file(file.as_fd())
    }

    pub(crate) fn read_at(&self, place: &Place, limit: usize) -> Result<(Vec<u8>, Stamp), Refused> {
        for _ in 0..TRIES {
            let file = self.open(place.spelling(), READ, Mode::empty())?;
            let before = only_file(file.as_fd())?;
            let mut file = File::from(file);
            let bytes = read_at_most(&mut file, before.size, limit)?;
            // Written in place while it was read: what was read may be half of each.
            if only_file(file.as_fd())? == before {
                return Ok((bytes, before));
            }
        }
        Err(Refused::Restless)
    }

    /// What a folder holds, in no order; the root for none.
    ///
    /// # Errors
    /// [`Refused`]: it is not there, or is not to be read.
    pub fn list(&self, folder: Option<&NotePath>) -> Result<Vec<Entry>, Refused> {
        let place = folder.map(|folder| self.locate(folder)).transpose()?;
        self.list_at(place.as_ref())
    }

    pub(crate) fn folder(&self, folder: Option<&Place>) -> Result<OwnedFd, Refused> {
        self.open(folder.map_or(ROOT, Place::spelling), FOLDER, Mode::empty())
    }

    pub(crate) fn list_at(&self, folder: Option<&Place>) -> Result<Vec<Entry>, Refused> {
        let listed = Dir::new(self.folder(folder)?).map_err(refusal)?;
        let mut entries = Vec::new();
        for item in listed {
            let item = item.map_err(refusal)?;
            let name = item.file_name().to_bytes();
            if name == b"." || name == b".." {
                continue;
            }
            let place = place_within(folder, name);
            let kind = match item.file_type() {
                FileType::Unknown => self.kind_of(&place),
                known => kind(known),
            };
            let inode = item.ino();
            entries.push(Entry { place, kind, inode });
        }
        Ok(entries)
    }

    /// How the disk spells the path of what is there, for programs that compare bytes.
    ///
    /// # Errors
    /// [`Refused`]: it is not there.
    pub fn spelling(&self, path: &NotePath) -> Result<String, Refused> {
        self.locate(path).map(|place| place.spelling().to_owned())
    }

    /// For file systems whose folders do not say what they hold.
    fn kind_of(&self, place: &Result<Place, BadName>) -> EntryKind {
        let Ok(place) = place else { return EntryKind::Other };
        match self.open(place.spelling(), OFlags::PATH, Mode::empty()) {
            Ok(found) => fs::fstat(found).map_or(EntryKind::Other, |stat| kind(FileType::from_raw_mode(stat.st_mode))),
            Err(Refused::Link) => EntryKind::Link,
            Err(_) => EntryKind::Other,
        }
    }

    /// How the disk spells a path. Mostly as we do; but a disk that was written on a Mac may take letters and their accents
    /// apart, and then each folder on the way is asked which of its names is meant.
    pub(crate) fn locate(&self, path: &NotePath) -> Result<Place, Refused> {
        let place = Place::from(path.clone());
        if path.as_str().is_ascii()
            || !matches!(
                self.open(path.as_str(), OFlags::PATH, Mode::empty()),
                Err(Refused::Absent)
            )
        {
            return Ok(place);
        }
        let mut found: Option<Place> = None;
        for part in path.as_str().split('/') {
            let next = self
                .list_at(found.as_ref())?
                .into_iter()
                .filter_map(|entry| entry.place.ok())
                .find(|place| place.path.name() == part);
            found = Some(next.ok_or(Refused::Absent)?);
        }
        found.ok_or(Refused::Absent)
    }

    /// Opens what lies beneath the root, and nothing else. Every access goes through here.
    fn open(&self, spelling: &str, flags: OFlags, mode: Mode) -> Result<OwnedFd, Refused> {
        // Names that were listed have been judged too; this is for a path that would get here in a way nobody thought of.
        if spelling != ROOT && path::judge(spelling).is_err() {
            return Err(Refused::Absent);
        }
        self.resolve(spelling, flags, mode).map_err(refusal)
    }

    fn resolve(&self, spelling: &str, flags: OFlags, mode: Mode) -> Result<OwnedFd, Errno> {
        let mut tried = 0_usize;
        loop {
            tried = tried.saturating_add(1);
            match fs::openat2(&self.root, spelling, flags.union(OFlags::CLOEXEC), mode, RESOLVE) {
                Err(Errno::AGAIN | Errno::INTR) if tried < TRIES => {}
                answer => return answer,
            }
        }
    }
}

pub(crate) fn place_within(folder: Option<&Place>, name: &[u8]) -> Result<Place, BadName> {
    let bad = || BadName {
        shown: String::from_utf8_lossy(name).into_owned(),
        hidden: name.starts_with(b"."),
    };
    let name = std::str::from_utf8(name).map_err(|_| bad())?;
    let joined = |folder: Option<&str>| folder.map_or_else(|| name.to_owned(), |folder| format!("{folder}/{name}"));
    let path = NotePath::parse(&joined(folder.map(|folder| folder.path.as_str()))).map_err(|_| bad())?;
    let apart = !is_nfc(name) || folder.is_some_and(|folder| folder.on_disk.is_some());
    Ok(Place {
        path,
        on_disk: apart.then(|| joined(folder.map(Place::spelling)).into()),
    })
}

const fn kind(found: FileType) -> EntryKind {
    match found {
        FileType::RegularFile => EntryKind::File,
        FileType::Directory => EntryKind::Folder,
        FileType::Symlink => EntryKind::Link,
        _ => EntryKind::Other,
    }
}

/// A file with one name. A second name may lie outside of the root: whoever may not read it there could put it here.
fn only_file(file: BorrowedFd<'_>) -> Result<Stamp, Refused> {
    let found = fs::fstat(file).map_err(refusal)?;
    match FileType::from_raw_mode(found.st_mode) {
        FileType::RegularFile if found.st_nlink > 1 => Err(Refused::Link),
        FileType::RegularFile => Ok(stamp(&found)),
        _ => Err(Refused::NotAFile),
    }
}

fn stamp(found: &Stat) -> Stamp {
    let nanos = |seconds: i64, nanos| {
        seconds
            .saturating_mul(1_000_000_000)
            .saturating_add(i64::try_from(nanos).unwrap_or_default())
    };
    Stamp {
        size: u64::try_from(found.st_size).unwrap_or_default(),
        modified: nanos(found.st_mtime, found.st_mtime_nsec),
        changed: nanos(found.st_ctime, found.st_ctime_nsec),
        inode: found.st_ino,
    }
}

fn read_at_most(file: &mut File, size: u64, limit: usize) -> Result<Vec<u8>, Refused> {
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    if size > limit {
        return Err(Refused::TooLarge(limit));
    }
    // One more than it should have, so that its end is seen; it may have grown, but never past the limit.
    let mut bytes = Vec::with_capacity(size.saturating_add(1));
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    file.take(most).read_to_end(&mut bytes).map_err(Refused::Io)?;
    if bytes.len() > limit {
        return Err(Refused::TooLarge(limit));
    }
    Ok(bytes)
}

fn refusal(errno: Errno) -> Refused {
    match errno {
        Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG => Refused::Absent,
        Errno::EXIST => Refused::Present,
        Errno::LOOP | Errno::XDEV => Refused::Link,
        Errno::ISDIR | Errno::NXIO | Errno::NODEV => Refused::NotAFile,
        Errno::AGAIN => Refused::Restless,
        other => Refused::Io(other.into()),
    }
}

#[cfg(test)]
mod tests;
