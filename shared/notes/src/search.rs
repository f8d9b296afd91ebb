//! Full text: every word of every note, ranked, in a tantivy index that may lie on the disk.
//!
//! The index follows snapshots. It never decides what is served: what it finds are paths, which the caller looks up in its own
//! snapshot. It is made from the vault alone, so one that is lost or broken is made anew.

mod query;
mod tokens;

use {
    crate::{
        crowd::pieces,
        note::Note,
        path::NotePath,
        revision::Revision,
        scan::{Progress, Tell},
        snapshot::{Generation, Snapshot},
        vault::Vault,
    },
    rustix::process::nice,
    std::{
        cmp,
        collections::HashSet,
        fs,
        panic::resume_unwind,
        path::Path,
        sync::{
            Arc, Mutex, MutexGuard, PoisonError,
            atomic::{AtomicU64, AtomicUsize, Ordering},
        },
        thread,
    },
    tantivy::{
        IndexReader, IndexSettings, IndexWriter, ReloadPolicy, TantivyDocument, TantivyError, Term,
        collector::{Count, TopDocs},
        directory::{Directory, MmapDirectory, RamDirectory},
        schema::{Field, IndexRecordOption, STORED, STRING, Schema, TextFieldIndexing, TextOptions, Value as _},
        tokenizer::TextAnalyzer,
    },
    unicode_normalization::{UnicodeNormalization, is_nfc},
};

pub use query::{Filter, Query, QueryError, Snippet};

/// Memory of each thread that writes.
const ARENA: usize = 16 << 20;
const WRITERS: usize = 2;
/// Notes that a thread reads at a time, and how often it is told how far things are.
const BATCH: usize = 128;
/// How much less than others its threads count, as `nice` has it.
const NICE: i32 = 10;
const TOKENIZER: &str = "notes";
/// Changes whenever what is written into an index does: one that was written otherwise is made anew.
const FORMAT: &str = "2";

/// An index of a vault.
pub struct Index {
    fields: Fields,
    reader: IndexReader,
    writing: Mutex<Writing>,
    /// Which state of the vault it holds, for those who search. Never locked while something else is done.
    follows: Mutex<Option<Generation>>,
}

struct Writing {
    writer: IndexWriter,
    /// Which revision of each note is in it, by path; none until that has been read.
    holds: Option<Vec<(NotePath, Revision)>>,
    /// By which rules those were read: others may leave out more of the same file.
    rules: Option<String>,
}

#[derive(Debug, Clone, Copy)]
struct Fields {
    path: Field,
    revision: Field,
    title: Field,
    body: Field,
    kind: Field,
    status: Field,
    tag: Field,
    folder: Field,
}

/// Why there is no index, or it does not answer. A mistake of ours or of the disk's, never of the caller's.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// What tantivy says.
    #[error("the index of the vault fails")]
    Engine(#[from] tantivy::TantivyError),
    /// Where it should lie.
    #[error("the index of the vault cannot be kept where it should be")]
    Place(#[source] std::io::Error),
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// How many notes there are in all.
    pub total: usize,
    /// Those that were asked for, the best first.
    pub hits: Vec<Hit>,
}

/// One note that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// Where it is.
    pub path: NotePath,
    /// How well it fits. Comparable within one answer alone.
    pub score: f32,
}

impl Index {
    /// An index that lies on the disk and outlasts the process. The folder must not lie in the vault.
    ///
    /// # Errors
    /// [`IndexError`] when the folder cannot be used, or another process writes there.
    pub fn at(folder: &Path) -> Result<Self, IndexError> {
        let folder = folder.join(FORMAT);
        let open = || -> Result<Self, IndexError> {
            fs::create_dir_all(&folder).map_err(IndexError::Place)?;
            Self::with(MmapDirectory::open(&folder).map_err(tantivy::TantivyError::from)?)
        };
        match open() {
            Err(IndexError::Engine(error)) if is_broken(&error) => {
                fs::remove_dir_all(&folder).map_err(IndexError::Place)?;
                open()
            }
            answer => answer,
        }
    }

    /// An index that ends with the process.
    ///
    /// # Errors
    /// [`IndexError`] when threads cannot be started.
    pub fn in_memory() -> Result<Self, IndexError> {
        Self::with(RamDirectory::create())
    }

    fn with(directory: impl Directory) -> Result<Self, IndexError> {
        let (schema, fields) = schema();
        let index = tantivy::Index::builder()
            .schema(schema)
            .settings(IndexSettings::default())
            .open_or_create(directory)?;
        index
            .tokenizers()
            .register(TOKENIZER, TextAnalyzer::from(tokens::Tokens::default()));
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        // Started from there, so that its threads make way, too.
        let writer = in_background(|| index.writer_with_num_threads(WRITERS, ARENA.saturating_mul(WRITERS)))?;
        Ok(Self {
            fields,
            reader,
            writing: Mutex::new(Writing {
                writer,
                holds: None,
                rules: index.load_metas()?.payload,
            }),
            follows: Mutex::default(),
        })
    }

    /// Makes the index hold what the snapshot does: what changed is read again, the rest stays.
    ///
    /// # Errors
    /// [`IndexError`] when it cannot be written; it then answers from what it held.
    pub fn follow(&self, vault: &Vault, snapshot: &Snapshot, tell: Tell<'_>) -> Result<(), IndexError> {
        let mut writing = self.writing();
        let Writing { writer, holds, rules } = &mut *writing;
        let new_rules = rules_of(snapshot);
        let is_read_otherwise = rules.as_ref() != Some(&new_rules);
        if is_read_otherwise {
            writer.delete_all_documents()?;
            *holds = Some(Vec::new());
        }
        let holds = match holds {
            Some(holds) => holds,
            unread => unread.insert(match held(&self.reader, self.fields) {
                Ok(held) => held,
                // It cannot be read, so all of it is made anew.
                Err(_) => {
                    writer.delete_all_documents()?;
                    Vec::new()
                }
            }),
        };
        let Difference { gone, stale } = difference(holds, snapshot.notes());
        if gone.is_empty() && stale.is_empty() && !is_read_otherwise {
            self.now_follows(Some(snapshot.generation()));
            return Ok(());
        }
        let outdated: HashSet<NotePath> = (gone.into_iter())
            .chain(stale.iter().map(|note| note.path().clone()))
            .collect();
        let written = in_background(|| {
            let written = self.write(writer, vault, (&outdated, &stale), &new_rules, tell);
            if written.is_err() {
                // What was not committed must not come with the next commit.
                let _ = writer.rollback();
            }
            written
        })?;
        // What could not be read is not in it, and will be tried again.
        let is_whole = written.len() == stale.len();
        self.now_follows(None);
        self.reader.reload()?;
        self.now_follows(is_whole.then(|| snapshot.generation()));
        *rules = Some(new_rules);
        holds.retain(|(path, _)| !outdated.contains(path));
        holds.extend(written);
        // Two sorted stretches, which this sort only merges.
        holds.sort();
        Ok(())
    }

    /// Writes and commits, and says which revision of each note was read.
    fn write(
        &self,
        writer: &mut IndexWriter,
        vault: &Vault,
        (outdated, stale): (&HashSet<NotePath>, &[&Arc<Note>]),
        rules: &str,
        tell: Tell<'_>,
    ) -> Result<Vec<(NotePath, Revision)>, IndexError> {
        // Each is looked for in every part of the index; the first time there is none.
        if self.reader.searcher().num_docs() > 0 {
            for path in outdated {
                writer.delete_term(Term::from_field_text(self.fields.path, path.as_str()));
            }
        }
        let (done, bytes) = (AtomicUsize::new(0), AtomicU64::new(0));
        let adding = &*writer;
        let work = |batch: &[&Arc<Note>], (read, failed): &mut (Vec<_>, Option<TantivyError>)| {
            for note in batch {
                // Gone meanwhile: the next snapshot knows.
                let Ok(opened) = vault.open_note(note) else { continue };
                bytes.fetch_add(opened.note.stamp.size, Ordering::Relaxed);
                match adding.add_document(self.document(&opened.note, &opened.body)) {
                    Ok(_) => read.push((note.path().clone(), opened.note.revision)),
                    Err(error) => *failed = Some(error),
                }
            }
            let before = done.fetch_add(batch.len(), Ordering::Relaxed);
            tell(Progress {
                found: stale.len(),
                done: before.saturating_add(batch.len()),
                bytes: bytes.load(Ordering::Relaxed),
            });
        };
        let mut written = Vec::with_capacity(stale.len());
        for (read, failed) in pieces(stale, BATCH, work) {
            failed.map_or(Ok(()), Err)?;
            written.extend(read);
        }
        let mut commit = writer.prepare_commit()?;
        commit.set_payload(rules);
        commit.commit()?;
        written.sort();
        Ok(written)
    }

    /// Whether it was made by the rules of this snapshot. When not, it may know words that are left out by now.
    #[must_use]
    pub fn keeps_the_rules_of(&self, snapshot: &Snapshot) -> bool {
        self.writing().rules.as_ref() == Some(&rules_of(snapshot))
    }

    /// Which state of the vault it holds, when it holds one wholly. Who asks before and after a search, and is told the same, has
    /// searched that.
    #[must_use]
    pub fn follows(&self) -> Option<Generation> {
        *self.follows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now_follows(&self, state: Option<Generation>) {
        *self.follows.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    /// The best notes for a query.
    ///
    /// # Errors
    /// [`IndexError`] when the index cannot be read.
    pub fn search(&self, query: &Query, filter: &Filter, from: usize, count: usize) -> Result<Found, IndexError> {
        let searcher = self.reader.searcher();
        let wanted = query.build(self.fields, filter);
        let best = TopDocs::with_limit(count.max(1)).and_offset(from).order_by_score();
        let (total, best) = searcher.search(&wanted, &(Count, best))?;
        let mut hits = Vec::with_capacity(best.len());
        for (score, address) in best.into_iter().take(count) {
            let document: TantivyDocument = searcher.doc(address)?;
            let path = document.get_first(self.fields.path).and_then(|path| path.as_str());
            if let Some(Ok(path)) = path.map(NotePath::parse) {
                hits.push(Hit { path, score });
            }
        }
        Ok(Found { total, hits })
    }

    fn document(&self, note: &Note, body: &str) -> TantivyDocument {
        let fields = self.fields;
        // Thousands wait for the writers, so none takes more than it needs.
        let mut document = TantivyDocument::with_capacity(body.len().saturating_add(512));
        document.add_text(fields.path, note.path().as_str());
        document.add_text(fields.revision, note.revision.to_string());
        document.add_text(fields.title, note.path().stem());
        if let Some(entity) = note.entity() {
            document.add_text(fields.title, entity.id.as_str());
            document.add_text(fields.kind, entity.kind.as_str());
            entity
                .name()
                .into_iter()
                .for_each(|name| document.add_text(fields.title, spelled(&name)));
            entity
                .status()
                .into_iter()
                .for_each(|status| document.add_text(fields.status, status));
        }
        note.fields()
            .texts("tags")
            .for_each(|tag| document.add_text(fields.tag, spelled(&tag)));
        let mut folder = note.path().folder();
        while let Some(name) = folder {
            document.add_text(fields.folder, name);
            folder = name.rsplit_once('/').map(|(above, _)| above);
        }
        document.add_text(fields.body, spelled(body));
        document
    }

    fn writing(&self) -> MutexGuard<'_, Writing> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Index {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Index").finish_non_exhaustive()
    }
}

/// By what the notes of a snapshot were read.
fn rules_of(snapshot: &Snapshot) -> String {
    let schema = snapshot.schema();
    format!("{:?} {:?}", schema.revision, schema.private)
}

/// What an index has to forget, and what to read.
struct Difference<'a> {
    gone: Vec<NotePath>,
    stale: Vec<&'a Arc<Note>>,
}

/// One walk along both, which are sorted by path.
fn difference<'a>(holds: &[(NotePath, Revision)], notes: &'a [Arc<Note>]) -> Difference<'a> {
    let mut found = Difference {
        gone: Vec::new(),
        stale: Vec::new(),
    };
    let (mut holds, mut notes) = (holds.iter().peekable(), notes.iter().peekable());
    loop {
        let order = match (holds.peek(), notes.peek()) {
            (None, None) => return found,
            (Some(_), None) => cmp::Ordering::Less,
            (None, Some(_)) => cmp::Ordering::Greater,
            (Some((path, _)), Some(note)) => path.cmp(note.path()),
        };
        let held = if order.is_le() { holds.next() } else { None };
        let note = if order.is_ge() { notes.next() } else { None };
        match (held, note) {
            (Some((path, _)), None) => found.gone.push(path.clone()),
            (Some((_, revision)), Some(note)) if *revision == note.revision => {}
            (_, Some(note)) => found.stale.push(note),
            (None, None) => {}
        }
    }
}

/// Does something on a thread that makes way for those that answer, as do the threads that it starts.
fn in_background<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            // Where that is not allowed, it does not.
            let _ = nice(NICE);
            work()
        });
        thread.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

/// What is searched is spelled as what is searched for.
fn spelled(text: &str) -> String {
    if is_nfc(text) {
        text.to_owned()
    } else {
        text.nfc().collect()
    }
}

/// Whether to begin anew. Not when another process holds it, nor when the disk is full.
const fn is_broken(error: &tantivy::TantivyError) -> bool {
    use tantivy::TantivyError as Error;
    matches!(
        error,
        Error::DataCorruption(_) | Error::SchemaError(_) | Error::IncompatibleIndex(_) | Error::OpenReadError(_)
    )
}

fn schema() -> (Schema, Fields) {
    let mut schema = Schema::builder();
    let indexing = TextFieldIndexing::default()
        .set_tokenizer(TOKENIZER)
        .set_index_option(IndexRecordOption::WithFreqsAndPositions);
    let text = TextOptions::default().set_indexing_options(indexing);
    let fields = Fields {
        path: schema.add_text_field("path", STRING | STORED),
        revision: schema.add_text_field("revision", STORED),
        title: schema.add_text_field("title", text.clone()),
        body: schema.add_text_field("body", text),
        kind: schema.add_text_field("type", STRING),
        status: schema.add_text_field("status", STRING),
        tag: schema.add_text_field("tag", STRING),
        folder: schema.add_text_field("folder", STRING),
    };
    (schema.build(), fields)
}

/// Which revision of each note an index holds.
fn held(reader: &IndexReader, fields: Fields) -> Result<Vec<(NotePath, Revision)>, IndexError> {
    let mut holds = Vec::new();
    for segment in reader.searcher().segment_readers() {
        let store = segment.get_store_reader(1).map_err(tantivy::TantivyError::from)?;
        for document in store.iter::<TantivyDocument>(segment.alive_bitset()) {
            let document = document?;
            let text = |field| document.get_first(field).and_then(|value| value.as_str());
            let path = text(fields.path).map(NotePath::parse);
            if let (Some(Ok(path)), Some(revision)) = (path, text(fields.revision).and_then(Revision::parse)) {
                holds.push((path, revision));
            }
        }
    }
    holds.sort();
    Ok(holds)
}

#[cfg(test)]
mod tests;
