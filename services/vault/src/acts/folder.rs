//! What lies in a folder.

use {
    crate::{
        listing::{Listing, folder_of},
        moment::{Moment, Served, absent},
        shown::{LineView, Name},
    },
    portreeve_guard::{Paging, Problem},
    portreeve_notes::{Note, NotePath, Text},
    serde::Serialize,
    std::{collections::BTreeMap, sync::Arc},
    utoipa::ToSchema,
};

/// A folder of the vault.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = VaultFolder)]
pub struct FolderView {
    /// Its path; empty for the vault itself.
    #[schema(example = "50_Projects/2026")]
    pub path: String,
    /// The folders in it that hold notes.
    pub folders: Vec<SubfolderView>,
    /// A page of the notes that lie right in it, by path.
    pub notes: Vec<FileView>,
    /// How many notes lie right in it.
    pub total: usize,
    /// Ask with it for the notes after these.
    pub cursor: Option<String>,
    /// True when there are more.
    pub has_more: bool,
    /// Of it and everything below it.
    pub stats: FolderStats,
}

/// A folder in a folder.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = VaultSubfolder)]
pub struct SubfolderView {
    /// Its path.
    pub path: String,
    /// Its name.
    pub name: String,
    /// Notes in it and below it.
    pub notes: usize,
}

/// A note in a folder.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = VaultFile)]
pub struct FileView {
    /// Its path.
    #[schema(value_type = String)]
    pub path: NotePath,
    /// Its name.
    pub name: String,
    /// Bytes of the file.
    pub bytes: u64,
    /// The entity that it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entity: Option<LineView>,
}

/// What a folder holds, counted.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = VaultFolderStats)]
pub struct FolderStats {
    /// Notes.
    pub notes: usize,
    /// Of these, entities.
    pub entities: usize,
    /// Entities by type.
    pub by_type: BTreeMap<String, usize>,
    /// Entities by status; those without one are not among them.
    #[schema(value_type = BTreeMap<String, usize>)]
    pub by_status: BTreeMap<Name, usize>,
}

impl FolderView {
    /// The same with its first `count` notes alone, as if no more had been asked for.
    #[must_use]
    pub fn first(&self, count: usize) -> Self {
        let notes = Listing {
            items: self.notes.clone(),
            total: self.total,
            cursor: self.cursor.clone(),
            has_more: self.has_more,
        };
        let Listing {
            items,
            total,
            cursor,
            has_more,
        } = notes.first(count, |file| file.path.as_str());
        Self {
            notes: items,
            total,
            cursor,
            has_more,
            ..self.clone()
        }
    }
}

/// What lies in a folder: `None` is the vault itself.
///
/// # Errors
/// `VALIDATION_INVALID_FORMAT` when it is no path; `VAULT_NOT_FOUND` when it holds no note.
pub fn contents(
    moment: &Moment,
    folder: Option<&str>,
    entities_only: bool,
    paging: &Paging,
) -> Result<FolderView, Problem> {
    let snapshot = moment.snapshot();
    let folder: Option<Text> = folder.filter(|text| !text.is_empty()).map(folder_of).transpose()?;
    let within = folder
        .as_ref()
        .map_or(snapshot.notes(), |folder| snapshot.within(folder));
    if within.is_empty() && folder.is_some() {
        return Err(absent());
    }
    let prefix = folder.as_ref().map_or(0, |folder| folder.len().saturating_add(1));
    let mut folders: BTreeMap<&str, usize> = BTreeMap::new();
    let mut files: Vec<&Arc<Note>> = Vec::new();
    for note in within {
        let rest = note.path().as_str().get(prefix..).unwrap_or_default();
        match rest.split_once('/') {
            Some((name, _)) => {
                let count = folders.entry(name).or_default();
                *count = count.saturating_add(1);
            }
            None if entities_only && served(moment, note).is_none() => {}
            None => files.push(note),
        }
    }
    let Listing {
        items,
        total,
        cursor,
        has_more,
    } = Listing::cut(
        &files,
        paging,
        |note| note.path().as_str(),
        |note| FileView {
            path: note.path().clone(),
            name: note.path().name().to_owned(),
            bytes: note.stamp.size,
            entity: served(moment, note).map(LineView::from),
        },
    );
    let path = folder.as_deref().unwrap_or_default();
    let folders = folders.into_iter().map(|(name, notes)| SubfolderView {
        path: if path.is_empty() {
            name.to_owned()
        } else {
            format!("{path}/{name}")
        },
        name: name.to_owned(),
        notes,
    });
    Ok(FolderView {
        path: path.to_owned(),
        folders: folders.collect(),
        notes: items,
        total,
        cursor,
        has_more,
        stats: stats(moment, within),
    })
}

/// The entity that a note is, when its id means it.
fn served<'a>(moment: &'a Moment, note: &'a Arc<Note>) -> Option<Served<'a>> {
    let found = Served::of(note)?;
    let first = moment.snapshot().find(found.id())?;
    Arc::ptr_eq(first, note).then_some(found)
}

fn stats(moment: &Moment, within: &[Arc<Note>]) -> FolderStats {
    let mut stats = FolderStats {
        notes: within.len(),
        entities: 0,
        by_type: BTreeMap::new(),
        by_status: BTreeMap::new(),
    };
    let more = |count: &mut usize| *count = count.saturating_add(1);
    for found in within.iter().filter_map(|note| served(moment, note)) {
        more(&mut stats.entities);
        let kind = found.entity.kind.as_str();
        match stats.by_type.get_mut(kind) {
            Some(count) => more(count),
            None => {
                stats.by_type.insert(kind.to_owned(), 1);
            }
        }
        if let Some(status) = found.entity.fields.text("status") {
            more(stats.by_status.entry(Name(status)).or_default());
        }
    }
    stats
}
