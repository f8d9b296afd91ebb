//! What a folder holds by name, at one moment.

use {
    crate::record::Name,
    std::{fs, io, os::unix::fs::MetadataExt, path::Path},
};

/// The folder itself is the name that is empty.
pub(crate) struct Tree(Vec<Name>);

impl Tree {
    /// All below `folder`, in the order of names.
    pub(crate) fn below(folder: &Path) -> io::Result<Self> {
        let mut names = Vec::new();
        gather(folder, String::new(), &mut names)?;
        names.sort_unstable();
        Ok(Self(names))
    }

    /// Whether this is a file or folder of ours.
    pub(crate) fn has(&self, file: u64) -> bool {
        self.0.iter().any(|name| name.file == file)
    }

    /// As it is written down.
    pub(crate) fn list(&self) -> Vec<u8> {
        let mut list = Vec::new();
        for name in &self.0 {
            name.write(&mut list);
        }
        list
    }

    /// Another number for another tree, as good as always (FNV-1a).
    pub(crate) fn print(&self) -> u64 {
        let mix = |print: u64, byte: &u8| (print ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        self.list().iter().fold(0xcbf2_9ce4_8422_2325, mix)
    }
}

fn gather(at: &Path, path: String, names: &mut Vec<Name>) -> io::Result<()> {
    // What another thread has just taken away is not there.
    let Some(found) = there(fs::symlink_metadata(at))? else {
        return Ok(());
    };
    if found.is_dir() {
        for entry in there(fs::read_dir(at))?.into_iter().flatten() {
            let entry = entry?;
            let name = entry.file_name();
            let below = Path::new(&path).join(&name);
            gather(&entry.path(), below.to_string_lossy().into_owned(), names)?;
        }
    }
    names.push(Name {
        path,
        file: found.ino(),
        mode: u64::from(found.mode()),
    });
    Ok(())
}

fn there<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        found => found.map(Some),
    }
}
