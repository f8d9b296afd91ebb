//! A recorded folder as its disk has it: what is there for certain, and what was asked for since.

use {
    crate::{
        dice::Dice,
        file::{Fate, FileOnDisk},
        record::{Kind, Name, Record},
    },
    std::{
        collections::{BTreeMap, BTreeSet, HashMap},
        fs::{self, Permissions},
        os::unix::fs::{MetadataExt, PermissionsExt},
        path::Path,
    },
};

/// The type in `st_mode`.
const TYPE: u64 = 0o170_000;
const FILE: u64 = 0o100_000;
const FOLDER: u64 = 0o040_000;

/// What ends in this is memory that processes share through a file: it is not synced, and whoever comes first after a
/// power cut makes it anew. It is left out of every image.
const SHARED_MEMORY: &str = "-shm";

/// A name and what it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    /// As `st_mode` has it.
    mode: u64,
    /// Where the file is in [`Disk::files`]; `None` for a folder.
    file: Option<usize>,
}

/// What has a name, by its path from the recorded folder on. The folder itself has the empty one.
type Names = BTreeMap<String, Entry>;

/// The folder's disk at one moment.
#[derive(Debug, Clone)]
pub struct Disk {
    files: Vec<FileOnDisk>,
    /// Which file the file system's number stands for now.
    numbers: HashMap<u64, usize>,
    /// Folders by the file system's number.
    folders: HashMap<u64, String>,
    synced: Names,
    now: Names,
}

/// What a folder holds: modes, and bytes of files.
pub type Content = BTreeMap<String, (u64, Option<Vec<u8>>)>;

impl Disk {
    /// What `folder` holds, all of it on disk.
    #[must_use]
    pub fn of(folder: &Path) -> Self {
        let mut disk = Self {
            files: Vec::new(),
            numbers: HashMap::new(),
            folders: HashMap::new(),
            synced: Names::new(),
            now: Names::new(),
        };
        let names = names(folder);
        for name in &names {
            if name.mode & TYPE == FILE {
                let bytes = fs::read(folder.join(&name.path)).unwrap();
                disk.numbers.insert(name.file, disk.files.len());
                disk.files.push(FileOnDisk::synced(bytes));
            }
        }
        disk.rename(names);
        disk.synced = disk.now.clone();
        disk
    }

    /// Takes one record in.
    pub fn apply(&mut self, record: &Record<'_>) {
        match record.kind {
            Kind::Names => self.rename(Name::read_all(record.payload).unwrap()),
            Kind::SyncFolder => self.sync_folder(record.subject),
            Kind::Gone => {
                self.numbers.remove(&record.subject);
            }
            Kind::Write => self.file(record.subject).write(record.place, record.payload),
            Kind::Cut => self.file(record.subject).cut(record.place),
            Kind::Sync => self.file(record.subject).sync(),
            Kind::Note => {}
        }
    }

    /// The folder as it is for whoever asked: nothing is lost.
    #[must_use]
    pub fn kept(&self) -> Content {
        self.content(&self.now, |file| file.kept())
    }

    /// The folder as it may be after a power cut.
    #[must_use]
    pub fn after_power_cut(&self, dice: &mut Dice) -> Content {
        // Now and then one fate for all, which no mixture would give.
        let all = match dice.below(8) {
            0 => Some(Fate::Kept),
            1 | 2 => Some(Fate::Lost),
            _ => None,
        };
        let fate = |dice: &mut Dice| all.unwrap_or_else(|| Fate::draw(dice));
        let mut names = self.synced.clone();
        for change in self.changes() {
            let kept = match fate(dice) {
                Fate::Kept => true,
                Fate::Lost => false,
                Fate::Cut | Fate::Torn => dice.one_in(2),
            };
            if kept {
                for path in change {
                    match self.now.get(&path) {
                        Some(entry) => names.insert(path, entry.clone()),
                        None => names.remove(&path),
                    };
                }
            }
        }
        // What lies in a folder that was lost is lost with it.
        let there = names.clone();
        names.retain(|path, _| parents(path).all(|parent| there.contains_key(parent)));
        // Each file has one fate, however many names it has.
        let files: Vec<Vec<u8>> = self.files.iter().map(|file| file.after(fate(dice), dice)).collect();
        let content = |entry: &Entry| (entry.mode, entry.file.map(|file| files[file].clone()));
        names
            .iter()
            .map(|(path, entry)| (path.clone(), content(entry)))
            .collect()
    }

    fn content(&self, names: &Names, bytes: impl Fn(&FileOnDisk) -> Vec<u8>) -> Content {
        let content = |entry: &Entry| (entry.mode, entry.file.map(|file| bytes(&self.files[file])));
        names
            .iter()
            .map(|(path, entry)| (path.clone(), content(entry)))
            .collect()
    }

    /// Names whose change is not synced; those that one renaming changed stand together.
    fn changes(&self) -> Vec<Vec<String>> {
        let paths: BTreeSet<&String> = self.synced.keys().chain(self.now.keys()).collect();
        let mut changes: BTreeMap<Option<usize>, Vec<String>> = BTreeMap::new();
        let mut alone = Vec::new();
        for path in paths {
            let (old, new) = (self.synced.get(path), self.now.get(path));
            if old == new {
                continue;
            }
            // A renamed file is new under one name, and gone from another.
            match new.or(old).and_then(|entry| entry.file) {
                Some(file) => changes.entry(Some(file)).or_default().push(path.clone()),
                None => alone.push(vec![path.clone()]),
            }
        }
        alone.extend(changes.into_values());
        alone
    }

    fn rename(&mut self, names: Vec<Name>) {
        self.now.clear();
        self.folders.clear();
        for Name { path, file, mode } in names {
            if path.ends_with(SHARED_MEMORY) {
                continue;
            }
            let entry = match mode & TYPE {
                FILE => {
                    let next = self.files.len();
                    let place = *self.numbers.entry(file).or_insert(next);
                    if place == next {
                        self.files.push(FileOnDisk::default());
                    }
                    Some(place)
                }
                FOLDER => {
                    self.folders.insert(file, path.clone());
                    None
                }
                // Sockets are of no use to the next process.
                _ => continue,
            };
            self.now.insert(path, Entry { mode, file: entry });
        }
    }

    fn sync_folder(&mut self, number: u64) {
        let Some(folder) = self.folders.get(&number) else {
            return;
        };
        let inside = |path: &String| !path.is_empty() && parents(path).next() == Some(folder);
        self.synced.retain(|path, _| !inside(path));
        let there = self.now.iter().filter(|(path, _)| inside(path));
        self.synced
            .extend(there.map(|(path, entry)| (path.clone(), entry.clone())));
    }

    fn file(&mut self, number: u64) -> &mut FileOnDisk {
        // Shared memory has a number too, but no place in any image.
        let next = self.files.len();
        let place = *self.numbers.entry(number).or_insert(next);
        if place == next {
            self.files.push(FileOnDisk::default());
        }
        &mut self.files[place]
    }
}

/// The folders that `path` lies in, the innermost first, the recorded one last.
fn parents(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| {
        (!path.is_empty()).then(|| path.rsplit_once('/').map_or("", |(parent, _)| parent))
    })
    .skip(1)
}

/// All names below `folder`, and its own.
pub(crate) fn names(folder: &Path) -> Vec<Name> {
    fn gather(at: &Path, path: String, names: &mut Vec<Name>) {
        let found = fs::symlink_metadata(at).unwrap();
        if found.is_dir() {
            for entry in fs::read_dir(at).unwrap() {
                let name = entry.unwrap().file_name();
                let below = Path::new(&path).join(&name).to_str().unwrap().to_owned();
                gather(&at.join(&name), below, names);
            }
        }
        let mode = u64::from(found.mode());
        names.push(Name {
            path,
            file: found.ino(),
            mode,
        });
    }
    let mut names = Vec::new();
    gather(folder, String::new(), &mut names);
    names.sort_unstable();
    names
}

/// Makes `folder` hold this, and nothing else.
pub fn lay(content: &Content, folder: &Path) {
    if folder.exists() {
        fs::remove_dir_all(folder).unwrap();
    }
    // A folder comes before what lies in it.
    for (path, (mode, bytes)) in content {
        let path = folder.join(path);
        match bytes {
            Some(bytes) => fs::write(&path, bytes).unwrap(),
            None => fs::create_dir_all(&path).unwrap(),
        }
        let permissions = u32::try_from(mode & 0o7777).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(permissions)).unwrap();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with a synced file `a`, which is renamed to `b`, beside a new file `c`.
    struct Scene {
        disk: Disk,
        root: u64,
    }

    fn scene() -> Scene {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), "a").unwrap();
        let mut disk = Disk::of(folder.path());
        fs::rename(folder.path().join("a"), folder.path().join("b")).unwrap();
        fs::write(folder.path().join("c"), "").unwrap();
        let names = names(folder.path());
        let mut list = Vec::new();
        for name in &names {
            name.write(&mut list);
        }
        let number = |path: &str| names.iter().find(|name| name.path == path).unwrap().file;
        let record = |kind, subject, payload| Record {
            kind,
            subject,
            place: 0,
            payload,
        };
        disk.apply(&record(Kind::Names, 0, &list));
        disk.apply(&record(Kind::Write, number("c"), b"c"));
        disk.apply(&record(Kind::Sync, number("c"), &[]));
        let root = number("");
        Scene { disk, root }
    }

    /// What there is after many power cuts, as `name=content` in one line each.
    fn seen(disk: &Disk) -> BTreeSet<String> {
        let line = |content: Content| {
            let files = content
                .into_iter()
                .filter_map(|(path, (_, bytes))| Some((path, bytes?)));
            let texts: Vec<_> = files
                .map(|(path, bytes)| format!("{path}={}", String::from_utf8(bytes).unwrap()))
                .collect();
            texts.join(" ")
        };
        (0..300)
            .map(|seed| line(disk.after_power_cut(&mut Dice::new(seed))))
            .collect()
    }

    #[test]
    fn a_name_may_be_lost_until_its_folder_is_synced_though_the_file_is() {
        let Scene { mut disk, root } = scene();
        let all = ["a=a", "a=a c=c", "b=a", "b=a c=c"].map(str::to_owned);
        assert_eq!(seen(&disk), BTreeSet::from(all), "a renamed file has one of its names");
        disk.apply(&Record {
            kind: Kind::SyncFolder,
            subject: root,
            place: 0,
            payload: &[],
        });
        assert_eq!(seen(&disk), BTreeSet::from(["b=a c=c".to_owned()]));
    }

    #[test]
    fn a_number_that_comes_back_is_another_file() {
        let Scene { mut disk, .. } = scene();
        let number = *disk.numbers.iter().find(|(_, file)| **file == 0).unwrap().0;
        let gone = Record {
            kind: Kind::Gone,
            subject: number,
            place: 0,
            payload: &[],
        };
        disk.apply(&gone);
        disk.apply(&Record {
            kind: Kind::Write,
            payload: b"other",
            ..gone
        });
        assert_eq!(disk.files[0].kept(), b"a");
    }

    #[test]
    fn what_is_laid_out_is_what_was_kept() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("there");
        fs::create_dir(&place).unwrap();
        fs::write(place.join("old"), "old").unwrap();
        let Scene { disk, .. } = scene();
        lay(&disk.kept(), &place);
        assert_eq!(Disk::of(&place).kept(), disk.kept());
        assert!(!place.join("old").exists());
    }

    #[test]
    fn the_folders_of_a_name_are_counted_from_the_inside_out() {
        assert_eq!(parents("a/b/c").collect::<Vec<_>>(), ["a/b", "a", ""]);
        assert_eq!(parents("a").collect::<Vec<_>>(), [""]);
        assert_eq!(parents("").count(), 0);
    }
}
