//! Where is what: for whoever sees this vault for the first time.

use {
    super::{
        lines::LinesView,
        scan::{GuideView, guide},
        schema::kinds,
        status::{LateView, active_tracks, late},
    },
    crate::moment::{Moment, Served},
    portreeve_notes::{EntityType, NotePath},
    serde::Serialize,
    std::collections::BTreeMap,
    utoipa::ToSchema,
};

const MOST_DOCUMENTS: usize = 20;
const MOST_DOING: usize = 10;
const MOST_LATE: usize = 5;
/// What people call a text that introduces its folder.
const INTRODUCTIONS: [&str; 5] = ["README.md", "_INDEX.md", "_HOME.md", "_ENTRY_POINT.md", "CLAUDE.md"];

/// Where is what.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VaultNavigation)]
pub struct NavigationView {
    /// The folders at the top.
    pub folders: Vec<TopFolder>,
    /// Texts that introduce the vault or a folder, the highest first; at most 20.
    #[schema(value_type = Vec<String>)]
    pub key_documents: Vec<NotePath>,
    /// Entities by type.
    pub entity_stats: BTreeMap<String, usize>,
    /// Which call answers which question.
    pub routing_guide: Vec<GuideView>,
}

/// A folder at the top.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VaultTopFolder)]
pub struct TopFolder {
    /// Its path.
    pub path: String,
    /// Notes in it and below it.
    pub notes: usize,
    /// Entities in it and below it, by type.
    pub types: BTreeMap<String, usize>,
}

/// What this vault is, and how it stands.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VaultOverview)]
pub struct OverviewView {
    /// The types, and of what type the parent of each is.
    pub hierarchy: Vec<RankView>,
    /// What ids look like, by what they begin with.
    pub id_patterns: BTreeMap<String, String>,
    /// Entities by type.
    pub entity_counts: BTreeMap<String, usize>,
    /// What is going on.
    pub current_state: CurrentView,
    /// Where to begin to read: the first level of the strategy, then what introduces the vault.
    #[schema(value_type = Vec<String>)]
    pub recommended_start: Vec<NotePath>,
}

/// A type and its parents.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VaultRank)]
pub struct RankView {
    /// Which.
    pub entity_type: String,
    /// The types of its parent; none at the top, and where the schema does not say.
    pub parents: Vec<String>,
}

/// What is going on.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VaultCurrent)]
pub struct CurrentView {
    /// Tasks that are being done; at most 10 are named.
    pub doing_tasks: LinesView,
    /// Projects that are being done; at most 10 are named.
    pub doing_projects: LinesView,
    /// Tracks that are being worked on; at most 6 are named.
    pub active_tracks: LinesView,
    /// Tasks that are late; at most 5 are named.
    pub attention_needed: LateView,
}

/// Where is what.
#[must_use]
pub fn navigation(moment: &Moment) -> NavigationView {
    let mut folders: BTreeMap<&str, TopFolder> = BTreeMap::new();
    for note in moment.snapshot().notes() {
        let Some((top, _)) = note.path().as_str().split_once('/') else {
            continue;
        };
        let folder = folders.entry(top).or_insert_with(|| TopFolder {
            path: top.to_owned(),
            notes: 0,
            types: BTreeMap::new(),
        });
        folder.notes = folder.notes.saturating_add(1);
    }
    for Served { note, entity } in moment.entities() {
        let top = note.path().as_str().split_once('/').map(|(top, _)| top);
        if let Some(folder) = top.and_then(|top| folders.get_mut(top)) {
            let kind = entity.kind.as_str();
            match folder.types.get_mut(kind) {
                Some(count) => *count = count.saturating_add(1),
                None => {
                    folder.types.insert(kind.to_owned(), 1);
                }
            }
        }
    }
    NavigationView {
        folders: folders.into_values().collect(),
        key_documents: introductions(moment),
        entity_stats: counts(moment),
        routing_guide: guide(),
    }
}

/// What this vault is, and how it stands.
#[must_use]
pub fn overview(moment: &Moment) -> OverviewView {
    let schema = moment.snapshot().schema();
    let hierarchy = kinds(moment).into_iter().map(|kind| RankView {
        parents: schema
            .parents
            .get(&kind)
            .into_iter()
            .flatten()
            .map(|parent| parent.as_str().to_owned())
            .collect(),
        entity_type: kind.as_str().to_owned(),
    });
    let doing = |kind: EntityType| {
        let is_doing = |found: &Served<'_>| found.entity.status() == Some("doing");
        LinesView::first(moment.of_type(&kind).filter(is_doing), MOST_DOING)
    };
    let start = moment
        .of_type(&EntityType::NorthStar)
        .map(|found| found.note.path().clone());
    OverviewView {
        hierarchy: hierarchy.collect(),
        id_patterns: schema
            .id_patterns
            .iter()
            .map(|(prefix, pattern)| (prefix.to_string(), pattern.as_str().to_owned()))
            .collect(),
        entity_counts: counts(moment),
        current_state: CurrentView {
            doing_tasks: doing(EntityType::Task),
            doing_projects: doing(EntityType::Project),
            active_tracks: active_tracks(moment),
            attention_needed: late(moment, MOST_LATE),
        },
        recommended_start: start.chain(introductions(moment)).take(MOST_DOCUMENTS).collect(),
    }
}

fn counts(moment: &Moment) -> BTreeMap<String, usize> {
    let counts = moment.snapshot().counts();
    counts.map(|(kind, count)| (kind.as_str().to_owned(), count)).collect()
}

fn introductions(moment: &Moment) -> Vec<NotePath> {
    let notes = moment.snapshot().notes().iter();
    let mut found: Vec<_> = notes
        .map(|note| note.path())
        .filter(|path| INTRODUCTIONS.contains(&path.name()))
        .collect();
    let depth = |path: &NotePath| path.as_str().matches('/').count();
    found.sort_by_key(|path| (depth(path), path.as_str().to_owned()));
    found.into_iter().take(MOST_DOCUMENTS).cloned().collect()
}
