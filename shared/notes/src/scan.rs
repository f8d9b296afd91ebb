//! Reading a whole vault: first its folders, then its files, by many threads. What was read before and has not changed is kept.

use {
    crate::{
        crowd::{pieces, share},
        finding::{Finding, FindingCode},
        jail::{BadName, Entry, EntryKind, Jail, Place, Refused},
        note::{Area, Limits, Note, Rules},
        path::NotePath,
        schema::Schema,
        value::Words,
    },
    std::{
        collections::BTreeMap,
        panic::{AssertUnwindSafe, catch_unwind},
        sync::{
            Arc,
            atomic::{AtomicU64, AtomicUsize, Ordering},
        },
    },
};

/// How many files a thread takes at a time, and how often it is told how far things are.
const BATCH: usize = 128;

/// How far a scan is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Files that were found.
    pub found: usize,
    /// Of these, how many are done.
    pub done: usize,
    /// Bytes that were read.
    pub bytes: u64,
}

/// Who is told. Called from several threads.
pub type Tell<'a> = &'a (dyn Fn(Progress) + Sync);

/// What lies in a vault, or in a part of it, by path.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Scanned {
    /// What is served, by path.
    pub notes: Vec<Arc<Note>>,
    /// What is not, and why.
    pub unserved: BTreeMap<String, Finding>,
}

/// What a scan works with.
#[derive(Clone, Copy)]
pub(crate) struct Scan<'a> {
    pub(crate) jail: &'a Jail,
    pub(crate) schema: &'a Schema,
    pub(crate) limits: Limits,
    /// What was there before: what has the same stamp is not read again.
    pub(crate) before: &'a [Arc<Note>],
}

impl Scanned {
    /// Sorts what was put together. Of two files whose paths are one when spelled alike, the one that the disk spells so is kept.
    pub(crate) fn settle(&mut self) {
        self.notes.sort_by(|one, other| {
            let spelled = |note: &Note| (note.place.on_disk.is_some(), note.place.on_disk.clone());
            one.path()
                .cmp(other.path())
                .then_with(|| spelled(one).cmp(&spelled(other)))
        });
        let unserved = &mut self.unserved;
        self.notes.dedup_by(|again, first| {
            let same = again.path() == first.path();
            if same {
                let message = "another file has the same name, spelled otherwise";
                let finding = Finding::new(again.path(), None, FindingCode::BadName, message);
                unserved.insert(finding.path.clone(), finding);
            }
            same
        });
    }
}

/// The note at a path, among notes by path.
pub(crate) fn find<'a>(notes: &'a [Arc<Note>], path: &NotePath) -> Option<&'a Arc<Note>> {
    let place = notes.binary_search_by(|note| note.path().cmp(path)).ok()?;
    notes.get(place)
}

impl Scan<'_> {
    /// What there is to read in all of the vault.
    pub(crate) fn files(self) -> Result<Files, Refused> {
        let mut files = Files::default();
        self.walk(None, &mut files)?;
        Ok(files)
    }

    /// What is at a path now: a file, a folder with all that is in it, or nothing.
    pub(crate) fn part(self, path: &NotePath) -> Scanned {
        let mut files = Files::default();
        let Ok(place) = self.jail.locate(path) else {
            return Scanned::default();
        };
        if self.schema.is_excluded(path) {
            return Scanned::default();
        }
        // A folder is one when it can be listed; nothing is asked before it is opened.
        match self.walk(Some(place.clone()), &mut files) {
            Ok(()) => {}
            Err(Refused::Link) => files.refuse(path, &Refused::Link),
            Err(_) => files.take(place, 0, self.schema),
        }
        self.read(files, &|_| {})
    }

    fn walk(self, from: Option<Place>, files: &mut Files) -> Result<(), Refused> {
        let folders = self.list(from.as_ref(), files)?;
        let found = share(folders, |folder, files: &mut Files| {
            self.list(Some(&folder), files).unwrap_or_else(|refused| {
                // Gone or swapped since it was listed, or not ours to read.
                files.refuse(&folder.path, &refused);
                Vec::new()
            })
        });
        for Files { found, unserved } in found {
            files.found.extend(found);
            files.unserved.extend(unserved);
        }
        Ok(())
    }

    /// Takes the files of a folder, and gives its folders.
    fn list(self, folder: Option<&Place>, files: &mut Files) -> Result<Vec<Place>, Refused> {
        let mut folders = Vec::new();
        for Entry { place, kind, inode } in self.jail.list_at(folder)? {
            match (place, kind) {
                (Err(name), _) => files.misnamed(folder, name),
                (Ok(place), _) if self.schema.is_excluded(&place.path) => {}
                (Ok(place), EntryKind::Folder) => folders.push(place),
                (Ok(place), EntryKind::File) => files.take(place, inode, self.schema),
                (Ok(place), EntryKind::Link) => files.refuse(&place.path, &Refused::Link),
                (Ok(_), EntryKind::Other) => {}
            }
        }
        Ok(folders)
    }

    /// Reads it, but for what is as it was before.
    pub(crate) fn read(self, files: Files, tell: Tell<'_>) -> Scanned {
        let Files {
            mut found,
            mut unserved,
        } = files;
        // A disk that has to be asked for them gives neighbours sooner than what lies all over it.
        found.sort_unstable_by_key(|(_, _, inode)| *inode);
        let (done, bytes) = (AtomicUsize::new(0), AtomicU64::new(0));
        let work = |batch: &[(Place, Area, u64)], (words, read): &mut (Words, Vec<_>)| {
            for (place, area, _) in batch {
                let note = self.one(place, *area, words, &bytes);
                read.extend(note.transpose());
            }
            tell(Progress {
                found: found.len(),
                done: done
                    .fetch_add(batch.len(), Ordering::Relaxed)
                    .saturating_add(batch.len()),
                bytes: bytes.load(Ordering::Relaxed),
            });
        };
        // A thread that failed is an error of ours; what it read is then missing, and the next scan reads it.
        let read = pieces(&found, BATCH, work);
        let read: Vec<_> = read.into_iter().flat_map(|(_, read)| read).collect();
        let mut notes = Vec::with_capacity(read.len());
        for read in read {
            match read {
                Ok(note) => notes.push(note),
                Err(finding) => {
                    unserved.insert(finding.path.clone(), finding);
                }
            }
        }
        let mut scanned = Scanned { notes, unserved };
        scanned.settle();
        scanned
    }

    pub(crate) const fn rules(&self, area: Area) -> Rules<'_> {
        Rules {
            area,
            schema: self.schema,
            budget: self.limits.matter,
            seal: self.limits.seal,
        }
    }

    /// One file; nothing where it has gone meanwhile.
    fn one(
        self,
        place: &Place,
        area: Area,
        words: &mut Words,
        total: &AtomicU64,
    ) -> Result<Option<Arc<Note>>, Finding> {
        if let Some(known) = find(self.before, &place.path).filter(|known| known.place == *place)
            && self.jail.stamp_at(place).is_ok_and(|stamp| stamp == known.stamp)
        {
            return Ok(Some(Arc::clone(known)));
        }
        let (bytes, stamp) = match self.jail.read_at(place, self.limits.bytes) {
            Ok(read) => read,
            Err(refused) => return unserved_as(&place.path, &refused).map_or(Ok(None), Err),
        };
        total.fetch_add(stamp.size, Ordering::Relaxed);
        contained(&place.path, || {
            Note::read(place.clone(), stamp, &bytes, self.rules(area), words)
        })
        .map(|note| Some(Arc::new(note)).filter(|note| !self.schema.hides(note)))
    }
}

/// Whatever reading one file does, the others are read. Parsers promise not to panic; this is for the day on which one does.
fn contained(path: &NotePath, read: impl FnOnce() -> Result<Note, Finding>) -> Result<Note, Finding> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| {
        let message = "reading the file failed, which is a mistake of ours";
        Err(Finding::new(path, None, FindingCode::Unreadable, message))
    })
}

/// What was found, and what is not to be read.
#[derive(Default)]
pub(crate) struct Files {
    /// With its number on the disk.
    found: Vec<(Place, Area, u64)>,
    unserved: BTreeMap<String, Finding>,
}

impl Files {
    fn take(&mut self, place: Place, inode: u64, schema: &Schema) {
        if let Some(area) = schema.area(&place.path).filter(|_| place.path.is_markdown()) {
            self.found.push((place, area, inode));
        }
    }

    fn refuse(&mut self, path: &NotePath, refused: &Refused) {
        if let Some(finding) = unserved_as(path, refused) {
            self.unserved.insert(finding.path.clone(), finding);
        }
    }

    /// Names that begin with a dot are hidden on purpose.
    fn misnamed(&mut self, folder: Option<&Place>, name: BadName) {
        if name.hidden {
            return;
        }
        let path = folder.map_or_else(
            || name.shown.clone(),
            |folder| format!("{}/{}", folder.path, name.shown),
        );
        let finding = Finding {
            path: path.clone(),
            line: None,
            code: FindingCode::BadName,
            message: "the name cannot be the name of a note".to_owned(),
        };
        self.unserved.insert(path, finding);
    }
}

/// What a file that could not be opened is told as.
fn unserved_as(path: &NotePath, refused: &Refused) -> Option<Finding> {
    let (code, message) = match refused {
        // Gone since its folder was listed, or nothing that could be a note.
        Refused::Absent | Refused::Present | Refused::Changed | Refused::NotAFile | Refused::Moved => return None,
        Refused::Link => (
            FindingCode::Link,
            "links, and files with a second name, are not read".to_owned(),
        ),
        Refused::TooLarge(_) => (FindingCode::TooLarge, refused.to_string()),
        Refused::Restless | Refused::Io(_) => (FindingCode::Unreadable, refused.to_string()),
    };
    Some(Finding::new(path, None, code, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parser_that_panics_costs_one_file() {
        let path = NotePath::parse("a.md").unwrap();
        let finding = contained(&path, || panic!("on purpose")).unwrap_err();
        assert_eq!((finding.path.as_str(), finding.code), ("a.md", FindingCode::Unreadable));
    }
}
