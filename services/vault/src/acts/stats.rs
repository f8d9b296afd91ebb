//! The vault in numbers.

use {crate::moment::Moment, serde::Serialize, std::collections::BTreeMap, utoipa::ToSchema};

/// The vault in numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = VaultStats)]
pub struct StatsView {
    /// Which state of the vault this is; the same on each node and after a restart.
    pub generation: String,
    /// The number that the vault gives its schema.
    pub schema_version: Option<String>,
    /// Notes that are served.
    pub notes: usize,
    /// Bytes of their files.
    pub bytes: u64,
    /// Of the notes, those that are entities.
    pub entities: usize,
    /// Entities by type.
    pub types: BTreeMap<String, usize>,
    /// Whether the full text can be searched.
    pub searchable: bool,
}

/// Counts.
#[must_use]
pub fn stats(moment: &Moment, searchable: bool) -> StatsView {
    let snapshot = moment.snapshot();
    let counts: BTreeMap<_, _> = snapshot
        .counts()
        .map(|(kind, count)| (kind.as_str().to_owned(), count))
        .collect();
    StatsView {
        generation: snapshot.generation().to_string(),
        schema_version: snapshot.schema().version.as_deref().map(str::to_owned),
        notes: snapshot.notes().len(),
        bytes: snapshot.notes().iter().map(|note| note.stamp.size).sum(),
        entities: counts.values().sum(),
        types: counts,
        searchable,
    }
}
