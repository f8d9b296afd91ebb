//! The order of a write: the lock; what there is, and what it shall be; the audit entry; the file; the index; git.
//!
//! The entry comes first, so that nothing is written of which the log does not know. What it announces and what then does not
//! happen is told by a second one. All of it goes on when the caller has gone.

use {
    super::{Away, Desk, File, Plan, Writer, git::Change},
    crate::{
        Moment,
        moment::absent,
        shown::{NoteView, PlainNote, Selection},
    },
    jiff::civil::Date,
    portreeve_guard::{Problem, caller},
    portreeve_kernel::{Code, Credential, Principal, Timestamp},
    portreeve_notes::{
        Done, EntityType, NotePath, Refused, Snapshot, Vault as Notes,
        jail::{Lock, TRASH},
        schema::Private,
    },
    portreeve_store::{AuditEntry, StoreError},
    serde::Serialize,
    serde_json::json,
    std::{collections::BTreeSet, error::Error, sync::Arc, time::Duration},
    tracing::Instrument,
    utoipa::ToSchema,
};

/// How long to wait for another writer, and how often to ask.
pub(super) const PATIENCE: u32 = 2_000;
pub(super) const PAUSE: Duration = Duration::from_millis(5);

/// So many of the files that go along with what is deleted are named in the audit log.
const MOST_NAMED: usize = 500;

/// What became of a write in git.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = VaultGit)]
pub(crate) enum InGit {
    /// It is not kept in git.
    Off,
    /// It is a commit, by the caller.
    Committed,
    /// It is written, and not committed; the log of the server says why.
    Failed,
}

/// An entity that was written.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VaultWritten)]
pub(crate) struct Written {
    /// As it is now.
    #[serde(flatten)]
    #[schema(value_type = PlainNote)]
    pub(crate) note: NoteView,
    /// Fields that the vault set by itself, such as `closed` when a task became `done`.
    #[schema(value_type = Vec<String>, example = json!(["updated"]))]
    pub(crate) set: Vec<&'static str>,
    /// False when the disk did not say that it would outlast a power cut. It is written all the same.
    pub(crate) durable: bool,
    /// What became of it in git.
    pub(crate) git: InGit,
    /// True when nothing was written, because that was asked.
    pub(crate) dry_run: bool,
}

/// An entity that is gone.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VaultDeleted)]
pub(crate) struct Deleted {
    /// Its id.
    #[schema(example = "tsk-a1b2c3-1772323200000")]
    pub(crate) entity_id: String,
    /// Its type.
    #[schema(value_type = String, example = "Task")]
    pub(crate) entity_type: EntityType,
    /// Where it was.
    #[schema(value_type = String)]
    pub(crate) path: NotePath,
    /// Where it lies now, for people to take it back; nowhere yet when nothing was done.
    #[schema(example = ".trash/20260301T000000Z-tsk-a1b2c3-1772323200000")]
    pub(crate) trash: Option<String>,
    /// How many notes went with it, itself among them.
    pub(crate) notes: usize,
    /// False when the disk did not say that it would outlast a power cut. It is gone all the same.
    pub(crate) durable: bool,
    /// What became of it in git.
    pub(crate) git: InGit,
    /// True when nothing was done, because that was asked.
    pub(crate) dry_run: bool,
}

/// What a caller is told of files that cannot be read or written.
pub(super) fn refusal(refused: Refused) -> Problem {
    match refused {
        Refused::Changed => Problem::new(Code::VaultNoteChanged),
        Refused::Moved => Problem::because(Code::VaultMoved, refused),
        Refused::Present => super::conflict("there is a file of that name already"),
        Refused::Absent | Refused::Link | Refused::NotAFile => absent(),
        other => Problem::because(Code::VaultUnavailable, other),
    }
}

/// Writes the file that is planned, and the folders that it needs.
pub(super) fn put(notes: &Notes, plan: &Plan<File>) -> Result<Done<()>, Refused> {
    for folder in &plan.does.folders {
        notes.jail().make_folder(folder)?;
    }
    let File { bytes, write, .. } = &plan.does;
    notes.jail().write(&plan.path, bytes, *write)
}

/// Whoever waits for the lock does not wait for ever.
pub(super) fn held_too_long() -> Problem {
    let why = "another writer has held the vault's lock too long";
    Problem::because(Code::VaultUnavailable, why)
}

/// Whoever cannot read the rules cannot keep them.
pub(super) fn rules_are_known(desk: &Desk) -> Result<(), Problem> {
    if matches!(desk.moment.snapshot().schema().private, Some(Private::Unknown(_))) {
        return Err(super::conflict(
            "the vault has no schema that can be read: mend it first",
        ));
    }
    Ok(())
}

impl Writer {
    /// Writes what is planned.
    pub(super) async fn write(
        &self,
        caller: &Arc<Principal>,
        dry_run: bool,
        plan: impl FnOnce(&mut Desk) -> Result<Plan<File>, Problem> + Send + 'static,
    ) -> Result<Written, Problem> {
        let (writer, caller) = (self.clone(), Arc::clone(caller));
        let all = async move {
            let (desk, plan) = writer.planned(plan).await?;
            let note = Arc::clone(&plan.does.note);
            let mut written = Written {
                note: NoteView::new(&note, &Selection::default()),
                set: plan.does.set.clone(),
                durable: true,
                git: InGit::Off,
                dry_run,
            };
            if dry_run || plan.does.same {
                return Ok(written);
            }
            writer.announce(&caller, &plan, json!({})).await?;
            let plan = Arc::new(plan);
            let done = writer.files(&plan, put);
            ((), written.durable) = writer.done_or_told(done.await, &caller, &plan).await?;
            let now = writer.follow(&plan.path).await;
            let now = now.and_then(|now| now.note(&plan.path).cloned()).unwrap_or(note);
            written.note = NoteView::new(&now, &Selection::default());
            written.git = writer.commit(&caller, &plan, now.place.spelling()).await;
            drop(desk);
            Ok(written)
        };
        to_its_end(all).await
    }

    /// Moves away what is planned.
    pub(super) async fn remove(
        &self,
        caller: &Arc<Principal>,
        dry_run: bool,
        plan: impl FnOnce(&mut Desk) -> Result<Plan<Away>, Problem> + Send + 'static,
    ) -> Result<Deleted, Problem> {
        let (writer, caller) = (self.clone(), Arc::clone(caller));
        let all = async move {
            let (desk, plan) = writer.planned(plan).await?;
            let mut deleted = Deleted {
                entity_id: plan.id.clone(),
                entity_type: plan.kind.entity_type(),
                path: plan.path.clone(),
                trash: None,
                notes: plan.does.notes,
                durable: true,
                git: InGit::Off,
                dry_run,
            };
            if dry_run {
                return Ok(deleted);
            }
            let Away { name, along, .. } = &plan.does;
            let (named, more) = along.split_at_checked(MOST_NAMED).unwrap_or((along, &[]));
            let where_to = json!({"trash": format!("{TRASH}/{name}"), "along": named, "more_along": more.len()});
            writer.announce(&caller, &plan, where_to).await?;
            let plan = Arc::new(plan);
            let done = writer.files(&plan, |notes, plan| {
                let Away { path, name, note, .. } = &plan.does;
                // Somebody's editor asks for no lock.
                if notes.limits().seal.revision(&notes.bytes(&note.0)?) != note.1 {
                    return Err(Refused::Changed);
                }
                notes.jail().trash(path, name)
            });
            let (trash, durable) = writer.done_or_told(done.await, &caller, &plan).await?;
            (deleted.trash, deleted.durable) = (Some(trash), durable);
            writer.follow(&plan.does.path).await;
            deleted.git = writer.commit(&caller, &plan, &plan.does.spelling).await;
            drop(desk);
            Ok(deleted)
        };
        to_its_end(all).await
    }

    /// Waits for its turn, and decides.
    async fn planned<T: Send + 'static>(
        &self,
        plan: impl FnOnce(&mut Desk) -> Result<Plan<T>, Problem> + Send + 'static,
    ) -> Result<(Desk, Plan<T>), Problem> {
        let lock = self.turn().await?;
        let now = self.clock.now().for_release();
        let today = now.civil().map_or(Date::ZERO, |now| now.date());
        let mut desk = Desk {
            moment: Moment::of(Arc::clone(self.open.notes()), today),
            now,
            entropy: Arc::clone(&self.entropy),
            _lock: lock,
        };
        let decided = tokio::task::spawn_blocking(move || {
            desk.moment.notes().in_place().map_err(refusal)?;
            rules_are_known(&desk)?;
            let plan = plan(&mut desk)?;
            Ok((desk, plan))
        });
        decided.await.map_err(Problem::internal)?
    }

    async fn turn(&self) -> Result<Lock, Problem> {
        for _ in 0..PATIENCE {
            if let Some(lock) = self.open.notes().jail().try_lock().map_err(refusal)? {
                return Ok(lock);
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(held_too_long())
    }

    /// Writes into the audit log what will be done, if the caller may still do it.
    async fn announce<T>(&self, caller: &Principal, plan: &Plan<T>, more: serde_json::Value) -> Result<(), Problem> {
        let kind = format!("vault.{}.{}", plan.kind.word(), plan.act);
        let mut data = json!({
            "path": plan.path, "before": plan.before, "after": plan.after, "diff": plan.diff, "by": by(caller),
        });
        if let (Some(data), serde_json::Value::Object(more)) = (data.as_object_mut(), more) {
            data.extend(more);
        }
        let entry = entry(caller, plan, kind, self.clock.now().for_release(), data);
        let (checks, clock) = (Arc::clone(&self.checks), Arc::clone(&self.clock));
        let credential = caller.credential.clone();
        let announced = self.database.write::<_, StoreError, _>(async move |tx| {
            let asked = BTreeSet::from([credential.clone()]);
            let is_good = !checks.good_among(tx, &asked, clock.now()).await?.is_empty();
            if is_good {
                tx.audit(entry.clone());
            }
            Ok(is_good)
        });
        match announced.await {
            Ok(true) => Ok(()),
            Ok(false) => Err(caller::revoked(&caller.credential)),
            Err(error) => Err(Problem::because(error.code(), error)),
        }
    }

    /// Changes files, on a thread that may wait for the disk.
    async fn files<T: Send + 'static, P: Send + Sync + 'static>(
        &self,
        plan: &Arc<Plan<P>>,
        act: impl FnOnce(&Notes, &Plan<P>) -> Result<Done<T>, Refused> + Send + 'static,
    ) -> Result<Done<T>, Refused> {
        let (notes, plan) = (Arc::clone(self.open.notes()), Arc::clone(plan));
        let done = tokio::task::spawn_blocking(move || act(&notes, &plan)).await;
        done.unwrap_or_else(|error| Err(Refused::Io(std::io::Error::other(error))))
    }

    /// What was announced and did not happen is told too, and what happened and may not last. Answers whether it is known to.
    async fn done_or_told<T, P>(
        &self,
        done: Result<Done<T>, Refused>,
        caller: &Principal,
        plan: &Plan<P>,
    ) -> Result<(T, bool), Problem> {
        match done {
            Ok(Done { what, unsynced: None }) => Ok((what, true)),
            Ok(Done {
                what,
                unsynced: Some(error),
            }) => {
                tracing::error!(%error, entity.id = plan.id, "the disk does not say whether what was written would outlast a power cut");
                self.tell(caller, plan, "vault.write.unsynced", error.to_string()).await;
                Ok((what, false))
            }
            Err(refused) => {
                self.tell(caller, plan, "vault.write.failed", refused.to_string()).await;
                Err(refusal(refused))
            }
        }
    }

    /// A second word about what was announced.
    async fn tell<P>(&self, caller: &Principal, plan: &Plan<P>, kind: &str, why: String) {
        let data = json!({"path": plan.path, "act": plan.act, "why": why});
        let entry = entry(caller, plan, kind.to_owned(), self.clock.now().for_release(), data);
        let told = self.database.write::<_, StoreError, _>(async move |tx| {
            tx.audit(entry.clone());
            Ok(())
        });
        if let Err(error) = told.await {
            tracing::error!(%error, "the audit log announces a write, and takes no word of `{kind}`");
        }
    }

    /// Has everybody see it: what is read after this answer is what was written. It is written also when that cannot be looked at.
    async fn follow(&self, path: &NotePath) -> Option<Arc<Snapshot>> {
        let (open, path) = (Arc::clone(&self.open), path.clone());
        let seen = tokio::task::spawn_blocking(move || {
            let snapshot = open.notes().refresh(&[path])?;
            open.changed(&snapshot);
            Ok(snapshot)
        });
        let seen: Result<_, Box<dyn Error + Send + Sync>> = match seen.await {
            Ok(seen) => seen.map_err(|refused: Refused| refused.into()),
            Err(error) => Err(error.into()),
        };
        seen.inspect_err(|error| tracing::warn!(%error, "what was written cannot be looked at"))
            .ok()
    }

    async fn commit<P>(&self, caller: &Principal, plan: &Plan<P>, path: &str) -> InGit {
        let Some(git) = &self.git else { return InGit::Off };
        let change = Change {
            path,
            gone: plan.act == super::delete::ACT,
            message: &format!("{} {} {}", plan.kind.word(), plan.id, plan.act),
            by: &by(caller),
        };
        match git.commit(change, self.clock.now().for_release()).await {
            Ok(()) => InGit::Committed,
            Err(error) => {
                tracing::warn!(%error, entity.id = plan.id, "what was written is not committed");
                InGit::Failed
            }
        }
    }
}

/// Goes on when whoever asked has gone: what was announced is done.
async fn to_its_end<T: Send + 'static>(
    all: impl Future<Output = Result<T, Problem>> + Send + 'static,
) -> Result<T, Problem> {
    tokio::spawn(all.in_current_span()).await.map_err(Problem::internal)?
}

fn entry<P>(caller: &Principal, plan: &Plan<P>, kind: String, at: Timestamp, data: serde_json::Value) -> AuditEntry {
    AuditEntry {
        at,
        kind: kind.into(),
        actor: caller.credential.to_string(),
        owner: Some(caller.owner.clone()),
        project: Some(caller.project.clone()),
        subject: plan.id.clone(),
        data,
    }
}

/// Who it is: the person or the agent for whom a credential speaks, or else the credential.
fn by(caller: &Principal) -> String {
    match (&caller.user, &caller.agent) {
        (Some(user), _) => user.to_string(),
        (_, Some(agent)) => agent.to_string(),
        _ => match &caller.credential {
            Credential::ApiKey(key) => key.to_string(),
            _ => caller.owner.to_string(),
        },
    }
}
