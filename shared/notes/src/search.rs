//! Full text: every word of every note, ranked, in a tantivy index that may lie on the disk.
//!
//! The index follows snapshots. It never decides what is served: what it finds are paths, which the caller looks up in its own
//! snapshot. It is made from the vault alone, so one that is lost or broken is made anew.

mod query;
mod tokens;

use {
    crate::{
        note::{Note, Revision},
        path::NotePath,
        scan::{Progress, Tell},
        snapshot::Snapshot,
        vault::Vault,
    },
    std::{
        cmp::Ordering,
        collections::{BTreeMap, BTreeSet},
        fs,
        path::Path,
        sync::{Arc, Mutex, MutexGuard, PoisonError},
    },
    tantivy::{
        IndexReader, IndexSettings, IndexWriter, ReloadPolicy, TantivyDocument, Term,
        collector::{Count, TopDocs},
        directory::{Directory, MmapDirectory, RamDirectory},
        schema::{Field, IndexRecordOption, STORED, STRING, Schema, TextFieldIndexing, TextOptions, Value as _},
        tokenizer::TextAnalyzer,
    },
    unicode_normalization::{UnicodeNormalization, is_nfc},
};

pub use query::{Filter, Query, QueryError, Snippet};

/// Memory of each thread that writes.
const ARENA: usize = 32 << 20;
const WRITERS: usize = 2;
const TOKENIZER: &str = "notes";
/// Changes whenever what is written into an index does: one that was written otherwise is made anew.
const FORMAT: &str = "1";

/// An index of a vault.
pub struct Index {
    fields: Fields,
    reader: IndexReader,
    writing: Mutex<Writing>,
}

struct Writing {
    writer: IndexWriter,
    /// Which revision of each note is in it, by path.
    holds: Vec<(NotePath, Revision)>,
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
        let writer = index.writer_with_num_threads(WRITERS, ARENA.saturating_mul(WRITERS))?;
        let holds = holds(&reader, fields)?;
        Ok(Self {
            fields,
            reader,
            writing: Mutex::new(Writing { writer, holds }),
        })
    }

    /// Makes the index hold what the snapshot does: what changed is read again, the rest stays.
    ///
    /// # Errors
    /// [`IndexError`] when it cannot be written; it then answers from what it held.
    pub fn follow(&self, vault: &Vault, snapshot: &Snapshot, tell: Tell<'_>) -> Result<(), IndexError> {
        let mut writing = self.writing();
        let Writing { writer, holds } = &mut *writing;
        let Difference { gone, stale } = difference(holds, snapshot.notes());
        if gone.is_empty() && stale.is_empty() {
            return Ok(());
        }
        for path in &gone {
            writer.delete_term(Term::from_field_text(self.fields.path, path.as_str()));
        }
        let mut read = BTreeMap::new();
        let mut bytes = 0_u64;
        for (done, note) in (1_usize..).zip(&stale) {
            writer.delete_term(Term::from_field_text(self.fields.path, note.path().as_str()));
            // Gone meanwhile: the next snapshot knows.
            if let Ok(opened) = vault.open_note(note) {
                bytes = bytes.saturating_add(opened.note.stamp.size);
                writer.add_document(self.document(&opened.note, &opened.body))?;
                read.insert(note.path().clone(), opened.note.revision);
            }
            if done.is_multiple_of(256) || done == stale.len() {
                tell(Progress {
                    found: stale.len(),
                    done,
                    bytes,
                });
            }
        }
        writer.commit()?;
        self.reader.reload()?;
        let touched: BTreeSet<_> = gone
            .iter()
            .chain(stale.iter().map(|note| note.path()))
            .cloned()
            .collect();
        holds.retain(|(path, _)| !touched.contains(path));
        holds.extend(read);
        // Two sorted stretches, which this sort only merges.
        holds.sort();
        Ok(())
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
        let mut document = TantivyDocument::default();
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
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
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
fn holds(reader: &IndexReader, fields: Fields) -> Result<Vec<(NotePath, Revision)>, IndexError> {
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
