//! Vaults made up by seed, for tests, proofs and measurements: entities with relations, planted words, every odd file that real
//! vaults hold and every hostile one that we could think of, with a [`Manifest`] of what a correct reader finds.
//!
//! The same plan writes the same bytes. People and firms in it do not exist.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "it runs in tests and tools alone, where a mistake in it should stop everything"
)]

mod chance;
mod compare;
mod hostile;
pub mod laws;
mod odd;
mod town;

pub use compare::differences;

use {
    crate::finding::FindingCode,
    jiff::civil::{Date, date},
    serde::Serialize,
    std::{
        collections::{BTreeMap, BTreeSet},
        fs, io,
        path::Path,
    },
};

/// What no answer may ever hold: it stands in the neighbour's files, which lie beside the vault.
pub const OUTSIDE: &str = "OUTSIDE-THE-WALLS";

/// What to make up.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// About how many entities; odd files come on top.
    pub entities: usize,
    /// Another seed is another vault.
    pub seed: u64,
    /// The day from which others are counted.
    pub today: Date,
    /// How long a text is on average, in bytes.
    pub body: usize,
    /// Files as they are found in real vaults.
    pub odd: bool,
    /// Files as an attacker would write them.
    pub hostile: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            entities: 600,
            seed: 1,
            today: date(2026, 3, 1),
            body: 2_400,
            odd: true,
            hostile: false,
        }
    }
}

/// What a correct reader finds.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Manifest {
    /// Entities that are served, of each type.
    pub types: BTreeMap<String, usize>,
    /// Tasks that are served, by status.
    pub task_statuses: BTreeMap<String, usize>,
    /// Tasks that are being done and were due before today.
    pub overdue: usize,
    /// Planted words, and the files that hold each.
    pub terms: BTreeMap<String, BTreeSet<String>>,
    /// Who is said to be whose parent: how many children each has.
    pub children: BTreeMap<String, usize>,
    /// How many projects say that they validate each hypothesis.
    pub validated_by: BTreeMap<String, usize>,
    /// How many notes link to each note.
    pub backlinks: BTreeMap<String, usize>,
    /// What becomes of each odd file.
    pub odd: Vec<Odd>,
    /// Bytes of all files.
    pub bytes: u64,
}

/// One odd file.
#[derive(Debug, Clone, Serialize)]
pub struct Odd {
    /// Where it is, in NFC.
    pub path: String,
    /// What becomes of it.
    pub expect: Expect,
    /// What is odd about it.
    pub why: &'static str,
}

/// What becomes of an odd file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Expect {
    /// It is an entity like any other.
    Entity,
    /// It is an entity, and this is told of it.
    Told(FindingCode),
    /// It is a text, and this is told of it.
    Text(FindingCode),
    /// Another file has its id: it is a text, and both are told.
    Second,
    /// It is not served, and this is told of it.
    Refused(FindingCode),
    /// It is a text of which nothing is told.
    Prose,
    /// It is as if it were not there.
    Unseen,
}

impl Plan {
    /// Writes a vault into `home/notes`, and its neighbour into `home/notes-2`.
    ///
    /// # Errors
    /// What the file system says.
    pub fn write(&self, home: &Path) -> io::Result<Manifest> {
        let mut writer = Writer {
            home,
            manifest: Manifest::default(),
        };
        fs::create_dir_all(home.join("notes-2"))?;
        fs::write(
            home.join("notes-2/secret.md"),
            format!("---\nentity_id: x\n---\n{OUTSIDE}\n"),
        )?;
        town::write(self, &mut writer)?;
        if self.odd {
            odd::write(&mut writer)?;
        }
        if self.hostile {
            hostile::write(&mut writer)?;
        }
        Ok(writer.manifest)
    }
}

struct Writer<'a> {
    home: &'a Path,
    manifest: Manifest,
}

impl Writer<'_> {
    fn put(&mut self, path: &str, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        let whole = self.home.join("notes").join(path);
        fs::create_dir_all(whole.parent().unwrap())?;
        self.manifest.bytes += bytes.as_ref().len() as u64;
        fs::write(whole, bytes)
    }

    fn count(&mut self, kind: &str) {
        *self.manifest.types.entry(kind.to_owned()).or_default() += 1;
    }

    fn child_of(&mut self, parent: &str) {
        *self.manifest.children.entry(parent.to_owned()).or_default() += 1;
    }
}
