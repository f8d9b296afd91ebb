//! Writing a note so that whoever reads it, also after the power went, finds the old one or the new one.

use {
    super::{FOLDER, Jail, Place, READ, ROOT, Refused, Stamp, only_file, place_within, refusal},
    crate::{note::Revision, path::NotePath},
    rustix::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        fs::{self, AtFlags, Mode, OFlags, RenameFlags},
        io::Errno,
    },
    std::{
        fs::File,
        io::Write as _,
        sync::atomic::{AtomicU64, Ordering},
    },
};

/// What a file is called while it is being written: hidden, so that no scan takes it for a note.
const SCRATCH: &str = ".portreeve-";

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
    Over(Revision),
}

/// The largest file that is looked at to find out whether it is still the one that is to be replaced.
const LARGEST: usize = 64 << 20;

impl Jail {
    /// Writes a file whole, in a folder that exists, and answers when it would outlast a power cut.
    ///
    /// # Errors
    /// [`Refused::Present`], [`Refused::Absent`] or [`Refused::Changed`] when what is there is not what `write` says; else as for
    /// reading. The file is then what it was.
    pub fn write(&self, path: &NotePath, bytes: &[u8], write: Write) -> Result<Stamp, Refused> {
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
        let written = fill(file, bytes, mode).and_then(|file| {
            let flags = match write {
                Write::New => RenameFlags::NOREPLACE,
                Write::Replace | Write::Over(_) => RenameFlags::empty(),
            };
            if let Write::Over(revision) = write {
                self.still(&place, revision)?;
            }
            fs::renameat_with(&folder, &scratch, &folder, name, flags).map_err(refusal)?;
            fs::fsync(&folder).map_err(refusal)?;
            only_file(file.as_fd())
        });
        if written.is_err() {
            // Its name is not taken for a note's, so a scratch file that stays costs room and nothing else.
            let _ = fs::unlinkat(&folder, &scratch, AtFlags::empty());
        }
        written
    }

    /// Whether a file still has the bytes that somebody decided upon.
    fn still(&self, place: &Place, revision: Revision) -> Result<(), Refused> {
        match self.read_at(place, LARGEST) {
            Ok((bytes, _)) if Revision::of(&bytes) == revision => Ok(()),
            Ok(_) | Err(Refused::TooLarge(_) | Refused::Restless) => Err(Refused::Changed),
            Err(other) => Err(other),
        }
    }

    /// Makes a folder, and those on the way to it. One that is there already is as good.
    ///
    /// # Errors
    /// [`Refused::Present`] when something else has the name; else as for reading.
    pub fn make_folder(&self, path: &NotePath) -> Result<(), Refused> {
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
        let name = format!("{SCRATCH}{}-{number}.tmp", std::process::id());
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match fs::openat(folder, &name, flags, Mode::RUSR | Mode::WUSR) {
            Ok(file) => return Ok((name, file)),
            // Left by a process of the same number, long ago.
            Err(Errno::EXIST) => {}
            Err(errno) => return Err(refusal(errno)),
        }
    }
}

fn fill(file: OwnedFd, bytes: &[u8], mode: Mode) -> Result<File, Refused> {
    let mut file = File::from(file);
    file.write_all(bytes).map_err(Refused::Io)?;
    fs::fchmod(&file, mode).map_err(refusal)?;
    file.sync_all().map_err(Refused::Io)?;
    Ok(file)
}
