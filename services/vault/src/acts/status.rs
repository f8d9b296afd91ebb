//! How things stand: what is being done, what is late, what changed.

use {
    super::lines::LinesView,
    crate::{
        moment::{Moment, Served},
        shown::{LineView, Name},
    },
    portreeve_notes::EntityType,
    serde::Serialize,
    std::{
        cmp::Reverse,
        collections::{BTreeMap, BinaryHeap},
    },
    utoipa::ToSchema,
};

const MOST_LATE: usize = 10;
const MOST_RECENT: usize = 10;
const MOST_TRACKS: usize = 6;

/// How things stand.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VaultStatus)]
pub struct StatusView {
    /// The day on which this is so, in UTC.
    #[schema(example = "2026-03-01")]
    pub today: String,
    /// Entities by type.
    pub totals: BTreeMap<String, usize>,
    /// Tasks by status.
    #[schema(value_type = BTreeMap<String, usize>)]
    pub tasks: BTreeMap<Name, usize>,
    /// Projects by status.
    #[schema(value_type = BTreeMap<String, usize>)]
    pub projects: BTreeMap<Name, usize>,
    /// Tasks that are being done and were due before today, the longest due first; at most 10.
    pub attention_needed: LateView,
    /// What changed last by its own word, the newest first; at most 10.
    pub recent_updates: Vec<RecentView>,
    /// Tracks that are being worked on, by id; at most 6.
    pub active_tracks: LinesView,
}

/// Tasks that are late.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = VaultLate)]
pub struct LateView {
    /// How many there are.
    pub total: usize,
    /// The longest due of them.
    pub items: Vec<DueView>,
}

/// A task that is late.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = VaultDue)]
pub struct DueView {
    /// When it was due.
    pub due: String,
    /// The task.
    #[serde(flatten)]
    pub task: LineView,
}

/// Something that changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = VaultRecent)]
pub struct RecentView {
    /// When, by its `updated`.
    pub updated: String,
    /// What.
    #[serde(flatten)]
    pub entity: LineView,
}

/// How things stand today.
#[must_use]
pub fn status(moment: &Moment) -> StatusView {
    let counts = moment.snapshot().counts();
    StatusView {
        today: moment.today().to_string(),
        totals: counts.map(|(kind, count)| (kind.as_str().to_owned(), count)).collect(),
        tasks: by_status(moment, &EntityType::Task),
        projects: by_status(moment, &EntityType::Project),
        attention_needed: late(moment, MOST_LATE),
        recent_updates: recent(moment),
        active_tracks: active_tracks(moment),
    }
}

/// Entities of a type by status. Those without one are not among them.
pub(super) fn by_status(moment: &Moment, kind: &EntityType) -> BTreeMap<Name, usize> {
    let mut counts: BTreeMap<Name, usize> = BTreeMap::new();
    for status in moment
        .of_type(kind)
        .filter_map(|found| found.entity.fields.text("status"))
    {
        let count = counts.entry(Name(status)).or_default();
        *count = count.saturating_add(1);
    }
    counts
}

/// Tasks that are being done and were due before today.
pub(super) fn late(moment: &Moment, most: usize) -> LateView {
    let today = moment.today();
    let mut total = 0_usize;
    let mut longest = BinaryHeap::new();
    for task in moment.of_type(&EntityType::Task) {
        let due = task.entity.day("due").and_then(|due| due.date());
        let Some(due) = due.filter(|due| *due < today && task.entity.status() == Some("doing")) else {
            continue;
        };
        total = total.saturating_add(1);
        keep(&mut longest, (due, task.id()), most);
    }
    let items = longest.into_sorted_vec();
    LateView {
        total,
        items: items
            .into_iter()
            .filter_map(|(due, id)| {
                let task = moment.find(id)?.into();
                let due = due.to_string();
                Some(DueView { due, task })
            })
            .collect(),
    }
}

fn recent(moment: &Moment) -> Vec<RecentView> {
    let mut newest = BinaryHeap::new();
    for found in moment.entities() {
        if let Some(updated) = found.entity.day("updated").and_then(|day| day.date()) {
            keep(&mut newest, (Reverse(updated), found.id()), MOST_RECENT);
        }
    }
    let newest = newest.into_sorted_vec().into_iter();
    newest
        .filter_map(|(Reverse(updated), id)| {
            let entity = moment.find(id)?.into();
            let updated = updated.to_string();
            Some(RecentView { updated, entity })
        })
        .collect()
}

/// Tracks that are being worked on.
pub(super) fn active_tracks(moment: &Moment) -> LinesView {
    let doing = |found: &Served<'_>| matches!(found.entity.status(), Some("doing" | "active" | "in_progress"));
    LinesView::first(moment.of_type(&EntityType::Track).filter(doing), MOST_TRACKS)
}

/// Keeps the smallest few without sorting all.
fn keep<T: Ord>(heap: &mut BinaryHeap<T>, item: T, most: usize) {
    if heap.len() < most {
        heap.push(item);
    } else if heap.peek().is_some_and(|largest| item < *largest) {
        heap.pop();
        heap.push(item);
    }
}
