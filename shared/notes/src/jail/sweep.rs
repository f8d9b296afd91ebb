//! Taking away what a writer left that was killed: files that were never given a note's name.

use {
    super::{BadName, EntryKind, Jail, Place, Refused, refusal, write::is_scratch},
    rustix::{
        fd::AsFd,
        fs::{self, AtFlags, FileType},
        io::Errno,
    },
};

impl Jail {
    /// Removes what was being written and has not been touched since `before`, in seconds since 1970; it has a name of ours, to the
    /// letter, and nothing else is touched. Nobody writes meanwhile: where somebody does, all of it stays. Answers how many
    /// files went.
    ///
    /// # Errors
    /// [`Refused`] when the root is another one, or cannot be listed.
    pub fn sweep(&self, before: i64) -> Result<usize, Refused> {
        let mut left: Vec<(Option<Place>, String)> = Vec::new();
        let mut todo = vec![None];
        while let Some(folder) = todo.pop() {
            let listed = match (self.list_at(folder.as_ref()), &folder) {
                (Ok(listed), _) => listed,
                // Gone or swapped meanwhile, or not ours to read.
                (Err(_), Some(_)) => continue,
                (Err(refused), None) => return Err(refused),
            };
            for entry in listed {
                match (entry.place, entry.kind) {
                    (Ok(place), EntryKind::Folder) => todo.push(Some(place)),
                    (Err(BadName { shown, .. }), EntryKind::File) if is_scratch(&shown) => {
                        left.push((folder.clone(), shown));
                    }
                    _ => {}
                }
            }
        }
        if left.is_empty() {
            return Ok(0);
        }
        let Some(_nobody_writes) = self.try_lock()? else {
            return Ok(0);
        };
        self.in_place()?;
        let mut swept = 0_usize;
        for (folder, name) in left {
            match self.sweep_one(folder.as_ref(), &name, before) {
                Ok(gone) => swept = swept.saturating_add(usize::from(gone)),
                Err(Refused::Absent) => {}
                Err(refused) => return Err(refused),
            }
        }
        Ok(swept)
    }

    fn sweep_one(&self, folder: Option<&Place>, name: &str, before: i64) -> Result<bool, Refused> {
        let folder = self.folder(folder)?;
        let found = fs::statat(folder.as_fd(), name, AtFlags::SYMLINK_NOFOLLOW).map_err(refusal)?;
        let is_file = FileType::from_raw_mode(found.st_mode) == FileType::RegularFile && found.st_nlink == 1;
        if !is_file || found.st_mtime >= before {
            return Ok(false);
        }
        match fs::unlinkat(folder.as_fd(), name, AtFlags::empty()) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(errno) => Err(refusal(errno)),
        }
    }
}
