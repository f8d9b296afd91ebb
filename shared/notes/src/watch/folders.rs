//! Which watch stands for which folder.

use {
    super::WatchError,
    crate::{
        jail::{EntryKind, Place, Refused},
        path::NotePath,
        vault::Vault,
    },
    rustix::{
        fd::{AsRawFd, OwnedFd},
        fs::inotify::{self, WatchFlags},
    },
    std::collections::HashMap,
};

/// What changes a note. Not that it is read: reading is what a server does all day.
const CHANGES: WatchFlags = WatchFlags::CREATE
    .union(WatchFlags::DELETE)
    .union(WatchFlags::MODIFY)
    .union(WatchFlags::CLOSE_WRITE)
    .union(WatchFlags::ATTRIB)
    .union(WatchFlags::MOVED_FROM)
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::ONLYDIR)
    .union(WatchFlags::EXCL_UNLINK);

/// See the top of this file. The root is none.
#[derive(Debug, Default)]
pub(super) struct Folders(HashMap<i32, Option<Place>>);

impl Folders {
    /// Watches a folder and all folders in it. One that goes or is swapped meanwhile is left out: its going is an event, too.
    pub(super) fn watch(&mut self, inotify: &OwnedFd, vault: &Vault, folder: Option<Place>) -> Result<(), WatchError> {
        let snapshot = vault.snapshot();
        let mut folders = vec![folder];
        while let Some(folder) = folders.pop() {
            let opened = match vault.jail().folder(folder.as_ref()) {
                Ok(opened) => opened,
                Err(Refused::Absent | Refused::Link | Refused::NotAFile) => continue,
                Err(refused) => return Err(refused.into()),
            };
            // By its descriptor: the path could lead elsewhere by now.
            let path = format!("/proc/self/fd/{}", opened.as_raw_fd());
            let watch = inotify::add_watch(inotify, path.as_str(), CHANGES)?;
            for entry in vault.jail().list_at(folder.as_ref()).unwrap_or_default() {
                match (entry.place, entry.kind) {
                    (Ok(place), EntryKind::Folder) if !snapshot.schema().is_excluded(&place.path) => {
                        folders.push(Some(place));
                    }
                    _ => {}
                }
            }
            self.0.insert(watch, folder);
        }
        Ok(())
    }

    /// Stops watching what was at a path, and all below it: the folder is called otherwise now.
    pub(super) fn unwatch(&mut self, inotify: &OwnedFd, path: &NotePath) {
        self.0.retain(|watch, folder| {
            let is_below = folder
                .as_ref()
                .is_some_and(|folder| folder.path.is_within(path.as_str()));
            if is_below {
                // Gone by itself when the folder was deleted.
                let _ = inotify::remove_watch(inotify, *watch);
            }
            !is_below
        });
    }

    pub(super) fn forget(&mut self, watch: i32) {
        self.0.remove(&watch);
    }

    pub(super) fn at(&self, watch: i32) -> Option<Option<&Place>> {
        self.0.get(&watch).map(Option::as_ref)
    }
}
