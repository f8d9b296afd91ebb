//! Writing a note so that whoever reads it, also after the power went, finds the old one or the new one.

use {
    super::{FOLDER, Jail, Place, READ, ROOT, Refused, only_file, place_within, refusal},
    crate::{path::NotePath, revision::Digest},
    rustix::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        fs::{self, AtFlags, Mode, OFlags, RenameFlags},
        io::Errno,
    },
    std::{
        fs::File,
        io::{self, Write as _},
        sync::atomic::{AtomicU64, Ordering},
    },
};

/// What a file is called while it is being written: hidden, so that no scan takes it for a note.
const SCRATCH: &str = ".portreeve-";

/// What its name ends with.
const SCRATCH_END: &str = ".tmp";

/// For everybody to read, where the old file does not say otherwise.
const ORDINARY: Mode = Mode::RUSR.union(Mode::WUSR).union(Mode::RGRP).union(Mode::ROTH);

/// For everybody to list; the rest is the process's umask.
const FOLDER_MODE: Mode = Mode::RWXU
    .union(Mode::RGRP)
    .union(Mode::XGRP)
    .union(Mode::ROTH)
    .union(Mode::XOTH);

/// What may be there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    /// Nothing.
    New,
    /// A file, which is replaced.
    Replace,
    /// A file with these bytes, which is replaced. Looked at once more when the new one only has to take its name.
    Over(Digest),
}

/// What was done to the files. Where the system then did not say that it would outlast a power cut, it is done all the same, and
/// everybody sees it.
#[derive(Debug)]
pub struct Done<T> {
    /// What came of it.
    pub what: T,
    /// Why nobody knows whether it would outlast a power cut.
    pub unsynced: Option<io::Error>,
}

impl<T> Done<T> {
    /// What is done, and what was said when these folders were to be written to the disk. By way of the C library, in which a test
    /// can have that fail.
    pub(super) fn synced<const N: usize>(what: T, folders: [OwnedFd; N]) -> Self {
        let synced = folders.into_iter().map(|folder| File::from(folder).sync_all());
        Self {
            what,
            unsynced: synced.fold(None, |failed, synced| synced.err().or(failed)),
        }
    }
}

/// The largest file that is looked at to find out whether it is still the one that is to be replaced.
const LARGEST: usize = 64 << 20;

impl Jail {
    /// Writes a file whole, in a folder that exists, and answers when it would outlast a power cut, or nobody knows.
    ///
    /// # Errors
    /// [`Refused::Moved`]; [`Refused::Present`], [`Refused::Absent`] or [`Refused::Changed`] when what is there is not what `write` says; else as for
    /// reading. The file is then what it was.
    pub fn write(&self, path: &NotePath, bytes: &[u8], write: Write) -> Result<Done<()>, Refused> {
        self.in_place()?;
        let place = match write {
            Write::Replace | Write::Over(_) => self.locate(path)?,
            Write::New => self.locate_new(path)?,
        };
        let (folder, name) = place.spelling().rsplit_once('/').unwrap_or((ROOT, place.spelling()));
        let mode = match write {
            Write::Replace | Write::Over(_) => {
                let old = self.open(place.spelling(), READ, Mode::empty())?;
                only_file(old.as_fd())?;
                Mode::from_raw_mode(fs::fstat(&old).map_err(refusal)?.st_mode) & !Mode::SUID & !Mode::SGID
            }
            Write::New => ORDINARY,
        };
        let folder = self.open(folder, FOLDER, Mode::empty())?;
        let (scratch, file) = scratch(folder.as_fd())?;
        let written = fill(file, bytes, mode).and_then(|()| {
            let flags = match write {
                Write::New => RenameFlags::NOREPLACE,
                Write::Replace | Write::Over(_) => RenameFlags::empty(),
            };
            if let Write::Over(digest) = write {
                self.still(&place, digest)?;
            }
            fs::renameat_with(&folder, &scratch, &folder, name, flags).map_err(refusal)
        });
        match written {
            Ok(()) => Ok(Done::synced((), [folder])),
            Err(refused) => {
                // Its name is not taken for a note's, so a scratch file that stays costs room and nothing else.
                let _ = fs::unlinkat(&folder, &scratch, AtFlags::empty());
                Err(refused)
            }
        }
    }

    /// Whether a file still has the bytes that somebody decided upon.
    fn still(&self, place: &Place, digest: Digest) -> Result<(), Refused> {
        match self.read_at(place, LARGEST) {
            Ok((bytes, _)) if Digest::of(&bytes) == digest => Ok(()),
            Ok(_) | Err(Refused::TooLarge(_) | Refused::Restless) => Err(Refused::Changed),
            Err(other) => Err(other),
        }
    }

    /// Makes a folder, and those on the way to it. One that is there already is as good.
    ///
    /// # Errors
    /// [`Refused::Moved`]; [`Refused::Present`] when something else has the name; else as for reading.
    pub fn make_folder(&self, path: &NotePath) -> Result<(), Refused> {
        self.in_place()?;
        let whole = path.as_str();
        let mut above: Option<Place> = None;
        for end in whole.match_indices('/').map(|(end, _)| end).chain([whole.len()]) {
            let part = whole.get(..end).and_then(|part| NotePath::parse(part).ok());
            let part = part.ok_or(Refused::Absent)?;
            let place = match self.locate(&part) {
                Ok(place) => place,
                Err(Refused::Absent) => {
                    place_within(above.as_ref(), part.name().as_bytes()).map_err(|_| Refused::Absent)?
                }
                Err(other) => return Err(other),
            };
            match self.folder(Some(&place)) {
                Ok(_) => {}
                Err(Refused::Absent) => self.make(above.as_ref(), &place)?,
                Err(other) => return Err(other),
            }
            above = Some(place);
        }
        Ok(())
    }

    fn make(&self, above: Option<&Place>, place: &Place) -> Result<(), Refused> {
        let folder = self.folder(above)?;
        match fs::mkdirat(&folder, place.path.name(), FOLDER_MODE) {
            // Somebody else was faster.
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(refusal(errno)),
        }
        fs::fsync(&folder).map_err(refusal)?;
        match self.folder(Some(place)) {
            Ok(_) => Ok(()),
            Err(Refused::Absent) => Err(Refused::Present),
            Err(other) => Err(other),
        }
    }

    /// A new file goes where the disk has its folder, however that is spelled.
    fn locate_new(&self, path: &NotePath) -> Result<Place, Refused> {
        match self.locate(path) {
            Ok(_) if path.as_str().is_ascii() => {}
            Ok(_) => return Err(Refused::Present),
            Err(Refused::Absent) => {}
            Err(other) => return Err(other),
        }
        let Some(folder) = path.folder() else {
            return Ok(path.clone().into());
        };
        let folder = self.locate(&NotePath::parse(folder).map_err(|_| Refused::Absent)?)?;
        Ok(Place {
            path: path.clone(),
            on_disk: folder
                .on_disk
                .map(|spelling| format!("{spelling}/{}", path.name()).into()),
        })
    }
}

/// A file that nobody else has, in a folder that was opened.
fn scratch(folder: BorrowedFd<'_>) -> Result<(String, OwnedFd), Refused> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    loop {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{SCRATCH}{}-{number}{SCRATCH_END}", std::process::id());
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match fs::openat(folder, &name, flags, Mode::RUSR | Mode::WUSR) {
            Ok(file) => return Ok((name, file)),
            // Left by a process of the same number, long ago.
            Err(Errno::EXIST) => {}
            Err(errno) => return Err(refusal(errno)),
        }
    }
}

/// Whether a file is called as [`scratch`] calls them.
pub(super) fn is_scratch(name: &str) -> bool {
    let numbers = name
        .strip_prefix(SCRATCH)
        .and_then(|name| name.strip_suffix(SCRATCH_END));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let apart = numbers.and_then(|numbers| numbers.split_once('-'));
    apart.is_some_and(|(process, number)| is_number(process) && is_number(number))
}

fn fill(file: OwnedFd, bytes: &[u8], mode: Mode) -> Result<(), Refused> {
    let mut file = File::from(file);
    file.write_all(bytes).map_err(Refused::Io)?;
    fs::fchmod(&file, mode).map_err(refusal)?;
    file.sync_all().map_err(Refused::Io)
}
