//! The acts, over vaults that were made up: what they count, what they find, and what they must not tell.

mod counts;
mod hidden;
mod pages;
mod tags;

use {
    crate::Moment,
    portreeve_guard::{Paging, PagingQuery},
    portreeve_notes::{
        Index, Limits, NotePath, Root, Vault,
        testing::{Manifest, Plan},
    },
    std::{fs, path::Path, sync::Arc},
    tempfile::TempDir,
};

/// A vault that was made up, as a server opens it.
struct House {
    home: TempDir,
    plan: Plan,
    manifest: Manifest,
    notes: Arc<Vault>,
    index: Index,
}

impl House {
    /// `change` gets the vault's folder before it is opened.
    fn open(plan: Plan, change: impl FnOnce(&Path)) -> Self {
        let home = tempfile::tempdir().unwrap();
        let manifest = plan.write(home.path()).unwrap();
        change(&home.path().join("notes"));
        let root = Root::at(&home.path().join("notes")).unwrap();
        let notes = Arc::new(Vault::open(&root, Limits::keeping_private(), &|_| {}).unwrap());
        let index = Index::in_memory().unwrap();
        index.follow(&notes, &notes.snapshot(), &|_| {}).unwrap();
        Self {
            home,
            plan,
            manifest,
            notes,
            index,
        }
    }

    fn moment(&self) -> Moment {
        Moment::of(Arc::clone(&self.notes), self.plan.today)
    }

    fn write(&self, path: &str, text: &str) {
        put(&self.home.path().join("notes"), path, text);
        self.notes.refresh(&[NotePath::parse(path).unwrap()]).unwrap();
    }
}

fn put(root: &Path, path: &str, text: &str) {
    let whole = root.join(path);
    fs::create_dir_all(whole.parent().unwrap()).unwrap();
    fs::write(whole, text).unwrap();
}

fn small(seed: u64) -> Plan {
    Plan {
        entities: 150,
        body: 400,
        seed,
        ..Plan::default()
    }
}

fn paging(limit: u32, cursor: Option<&str>) -> Paging {
    let query = PagingQuery {
        limit: Some(limit),
        cursor: cursor.map(str::to_owned),
    };
    query.check().unwrap()
}
