//! A disk that can be full: a file system of its own in memory, made smaller than what is on it. Only who may mount can
//! have one.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// A mounted disk. Unmounted when dropped.
pub struct Disk {
    place: PathBuf,
}

impl Disk {
    /// Mounts one at `place`.
    pub fn mount(place: &Path) -> io::Result<Self> {
        fs::create_dir_all(place)?;
        let disk = Self {
            place: place.to_owned(),
        };
        disk.run("mount", &["-t", "tmpfs", "-o", "size=4g,mode=0700", "portreeve-race"])?;
        Ok(disk)
    }

    /// Leaves no room, or next to none: others may be writing while the size is set. False when they were too fast.
    pub fn fill(&self) -> io::Result<bool> {
        for spare in [0, 16, 64, 256] {
            // A size below what is there is refused.
            let size = used(&self.place)? + spare;
            if self.run("mount", &["-o", &format!("remount,size={size}k")]).is_ok() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Makes room again.
    pub fn empty(&self) -> io::Result<()> {
        self.run("mount", &["-o", "remount,size=4g"])
    }

    fn run(&self, program: &str, args: &[&str]) -> io::Result<()> {
        let status = Command::new(program)
            .args(args)
            .arg(&self.place)
            .stderr(Stdio::null())
            .status()?;
        if status.success() {
            Ok(())
        } else {
            Err(io::Error::other(format!("{program}: {status}")))
        }
    }
}

/// Kibibytes that are used.
fn used(place: &Path) -> io::Result<u64> {
    let found = rustix::fs::statvfs(place)?;
    Ok((found.f_blocks - found.f_bfree) * found.f_frsize / 1024)
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Who still has a file open there keeps it; lazily it goes when they do.
        if let Err(error) = self.run("umount", &["-l"]) {
            eprintln!("`{}` stays mounted: {error}", self.place.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_takes_nothing_and_an_emptied_one_does_again() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("disk");
        let Ok(disk) = Disk::mount(&place) else {
            eprintln!("not allowed to mount: nothing to see");
            return;
        };
        let big = vec![7; 1 << 20];
        fs::write(place.join("before"), &big).unwrap();
        assert!(disk.fill().unwrap());
        let full = fs::write(place.join("more"), &big).unwrap_err();
        assert_eq!(full.kind(), io::ErrorKind::StorageFull);
        disk.empty().unwrap();
        fs::write(place.join("more"), &big).unwrap();
        drop(disk);
        assert!(!place.join("before").exists());
    }
}
