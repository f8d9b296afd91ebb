//! Deleting is moving: out of sight, into a folder whose name begins with a dot, from where people can take it back.

use {
    super::{Done, FOLDER, Jail, ROOT, Refused, TRIES, refusal},
    crate::path::{self, NotePath},
    rustix::{
        fd::{AsFd, OwnedFd},
        fs::{self, AtFlags, FileType, Mode, OFlags, RenameFlags},
        io::Errno,
    },
};

/// Where it goes, beneath the root. No scan looks into it, and no path from outside names it.
pub const TRASH: &str = ".trash";

impl Jail {
    /// What something that is to be called `name` can be called in the trash: it gets a number when the name is taken.
    ///
    /// # Errors
    /// [`Refused::Present`] when it is taken very often; else as for reading.
    pub fn trash_name(&self, name: &str) -> Result<String, Refused> {
        sound(name)?;
        let trash = match self.resolve(TRASH, FOLDER, Mode::empty()) {
            Err(Errno::NOENT) => return Ok(name.to_owned()),
            found => found.map_err(refusal)?,
        };
        for number in 1..=TRIES {
            let name = if number == 1 {
                name.to_owned()
            } else {
                format!("{name}-{number}")
            };
            match fs::statat(&trash, &name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(_) => {}
                Err(Errno::NOENT) => return Ok(name),
                Err(errno) => return Err(refusal(errno)),
            }
        }
        Err(Refused::Present)
    }

    /// Moves a file, or a folder with everything in it, into the trash, in one step. `name` is what it is called there. Answers where
    /// it is now.
    ///
    /// # Errors
    /// [`Refused`]: it is not there, or is not to be touched; [`Refused::Present`] when the name is taken; [`Refused::Moved`].
    pub fn trash(&self, path: &NotePath, name: &str) -> Result<Done<String>, Refused> {
        self.in_place()?;
        sound(name)?;
        let place = self.locate(path)?;
        let (above, own) = place.spelling().rsplit_once('/').unwrap_or((ROOT, place.spelling()));
        let above = self.open(above, FOLDER, Mode::empty())?;
        let found = self.open(place.spelling(), OFlags::PATH, Mode::empty())?;
        let found = fs::fstat(&found).map_err(refusal)?;
        match FileType::from_raw_mode(found.st_mode) {
            FileType::Directory => {}
            FileType::RegularFile if found.st_nlink == 1 => {}
            FileType::RegularFile => return Err(Refused::Link),
            _ => return Err(Refused::NotAFile),
        }
        let trash = self.trash_folder()?;
        fs::renameat_with(above.as_fd(), own, trash.as_fd(), name, RenameFlags::NOREPLACE).map_err(refusal)?;
        Ok(Done::synced(format!("{TRASH}/{name}"), [trash, above]))
    }

    fn trash_folder(&self) -> Result<OwnedFd, Refused> {
        match self.resolve(TRASH, FOLDER, Mode::empty()) {
            Err(Errno::NOENT) => {}
            found => return found.map_err(refusal),
        }
        match fs::mkdirat(&self.root, TRASH, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(refusal(errno)),
        }
        fs::fsync(&self.root).map_err(refusal)?;
        self.resolve(TRASH, FOLDER, Mode::empty()).map_err(refusal)
    }
}

fn sound(name: &str) -> Result<(), Refused> {
    if name.contains('/') || path::judge(name).is_err() {
        return Err(Refused::Absent);
    }
    Ok(())
}
