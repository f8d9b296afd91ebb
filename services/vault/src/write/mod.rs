//! Changing the vault: tasks, projects, programs and hypotheses, and nothing else.
//!
//! A write is one after another (`commit.rs` has the order), and what it may be is decided from the files as they are then:
//! the form of what is given by `form.rs`, the vault's rules by `rules.rs`, the place by `place.rs`. Only lines of fields that
//! change are written; deleting is moving into the trash. HTTP and MCP call the same four acts.

mod commit;
mod delete;
mod diff;
mod form;
mod git;
mod make;
mod offline;
mod people;
mod place;
mod rules;
#[cfg(test)]
mod tests;
mod update;

pub use offline::{Made, Wish, create_offline};
pub(crate) use {
    commit::{Deleted, Written},
    form::{BODY, Form, Given, When, fields},
    git::Git,
};

use {
    crate::{Moment, Open, Vault},
    portreeve_guard::Problem,
    portreeve_kernel::{Clock, Code, Entropy, Principal, Timestamp, control::CredentialCheck},
    portreeve_notes::{EntityType, NotePath, Revision, Write, jail::Lock},
    portreeve_store::{Database, StoreError, Tx},
    std::sync::Arc,
};

/// The types that can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Task,
    Project,
    Program,
    Hypothesis,
}

impl Kind {
    #[cfg(test)]
    pub(crate) const ALL: [Self; 4] = [Self::Task, Self::Project, Self::Program, Self::Hypothesis];

    pub(crate) const fn entity_type(self) -> EntityType {
        match self {
            Self::Task => EntityType::Task,
            Self::Project => EntityType::Project,
            Self::Program => EntityType::Program,
            Self::Hypothesis => EntityType::Hypothesis,
        }
    }

    /// As it stands in the audit log.
    const fn word(self) -> &'static str {
        match self {
            Self::Task => "task",
            Self::Project => "project",
            Self::Program => "program",
            Self::Hypothesis => "hypothesis",
        }
    }
}

/// Whoever writes into the vault, with all that it takes. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Writer {
    open: Arc<Open>,
    database: Database,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    checks: Arc<dyn CredentialCheck<Tx, StoreError>>,
    git: Option<Git>,
}

impl Vault {
    pub(crate) fn writer(&self) -> Writer {
        let parts = &self.0;
        Writer {
            open: Arc::clone(&parts.open),
            database: parts.database.clone(),
            clock: Arc::clone(&parts.clock),
            entropy: Arc::clone(&parts.entropy),
            checks: Arc::clone(&parts.checks),
            git: self.1.clone(),
        }
    }
}

impl Writer {
    /// Makes an entity.
    ///
    /// # Errors
    /// `VALIDATION_*` for its form, `VAULT_RULE_BROKEN` for the vault's rules, `VAULT_CONFLICT` when it is there already, and
    /// `VAULT_UNAVAILABLE`.
    pub(crate) async fn create(
        &self,
        caller: &Arc<Principal>,
        kind: Kind,
        given: serde_json::Map<String, serde_json::Value>,
        dry_run: bool,
    ) -> Result<Written, Problem> {
        let given = Given::read(kind, &given, true)?;
        let plan = move |desk: &mut Desk| make::create(desk, kind, given);
        self.write(caller, dry_run, plan).await
    }

    /// Changes an entity that still has that revision.
    ///
    /// # Errors
    /// Those of [`Self::create`], `VAULT_NOT_FOUND`, and `VAULT_NOTE_CHANGED` when it has another revision.
    pub(crate) async fn update(
        &self,
        caller: &Arc<Principal>,
        kind: Kind,
        id: String,
        revision: Option<Revision>,
        given: serde_json::Map<String, serde_json::Value>,
        dry_run: bool,
    ) -> Result<Written, Problem> {
        let given = Given::read(kind, &given, false)?;
        let plan = move |desk: &mut Desk| update::update(desk, kind, &id, revision, given);
        self.write(caller, dry_run, plan).await
    }

    /// Makes an entity that differs from another in its id, its aliases and its days alone.
    ///
    /// # Errors
    /// Those of [`Self::create`], and `VAULT_NOT_FOUND`.
    pub(crate) async fn duplicate(
        &self,
        caller: &Arc<Principal>,
        kind: Kind,
        id: String,
        dry_run: bool,
    ) -> Result<Written, Problem> {
        let plan = move |desk: &mut Desk| make::duplicate(desk, kind, &id);
        self.write(caller, dry_run, plan).await
    }

    /// Moves an entity that still has that revision into the trash; a project with its folder.
    ///
    /// # Errors
    /// `VAULT_NOT_FOUND`, `VAULT_NOTE_CHANGED`, `VAULT_CONFLICT` while others need it, and `VAULT_UNAVAILABLE`.
    pub(crate) async fn delete(
        &self,
        caller: &Arc<Principal>,
        kind: Kind,
        id: String,
        revision: Option<Revision>,
        force: bool,
        dry_run: bool,
    ) -> Result<Deleted, Problem> {
        let plan = move |desk: &mut Desk| delete::delete(desk, kind, &id, revision, force);
        self.remove(caller, dry_run, plan).await
    }
}

/// What a decision is made from: the vault as it is once nobody else writes, time, and chance.
struct Desk {
    moment: Moment,
    now: Timestamp,
    entropy: Arc<dyn Entropy>,
    _lock: Lock,
}

impl Desk {
    /// Today, as fields have it.
    fn today(&self) -> String {
        self.moment.today().to_string()
    }

    /// Looks again at a part of the vault, which others may have written into a moment ago.
    fn look(&mut self, path: &NotePath) -> Result<(), Problem> {
        let notes = Arc::clone(self.moment.notes());
        notes.refresh(std::slice::from_ref(path)).map_err(commit::refusal)?;
        self.moment = Moment::of(notes, self.moment.today());
        Ok(())
    }
}

/// What is to be done to the files, decided and judged.
#[derive(Debug)]
struct Plan<T> {
    kind: Kind,
    id: String,
    /// `created`, `updated`, …
    act: &'static str,
    path: NotePath,
    before: Option<Revision>,
    after: Option<Revision>,
    diff: serde_json::Value,
    does: T,
}

/// A file that is to be written.
#[derive(Debug)]
struct File {
    bytes: Vec<u8>,
    write: Write,
    /// Folders that have to be there.
    folders: Vec<NotePath>,
    /// What it will be.
    note: Arc<portreeve_notes::Note>,
    /// Fields that the vault set and nobody gave.
    set: Vec<&'static str>,
    /// True when the file says all of it already.
    same: bool,
}

/// A file or a folder that is to go.
#[derive(Debug)]
struct Away {
    path: NotePath,
    /// What it is called in the trash.
    name: String,
    /// How many notes go with it.
    notes: usize,
    /// How the disk spells it.
    spelling: String,
    /// Files that go with it, beside itself.
    along: Vec<String>,
    /// The note that was decided upon, and its revision.
    note: (NotePath, Revision),
}

fn conflict(detail: impl std::fmt::Display) -> Problem {
    Problem::new(Code::VaultConflict).detail(detail)
}
