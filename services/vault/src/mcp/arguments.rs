//! What the tools are called with.

use {
    super::budget::Budget,
    crate::{
        Moment,
        acts::search::searching,
        listing::Filter,
        members::MembersView,
        shown::{Ask, Selection, Window},
    },
    portreeve_guard::{Paging, PagingQuery, Problem},
    portreeve_kernel::Code,
    serde::Deserialize,
    std::ops::RangeInclusive,
    utoipa::ToSchema,
};

/// Most characters that a text may be read up to at once; the budget of the answer is narrower.
const WHOLE: usize = 40_000;

searching! {
    /// Text to look for, and how much to read.
    #[derive(Debug, Clone, Deserialize, ToSchema)]
    #[serde(deny_unknown_fields)]
    SearchAndRead {
        #[schema(example = "harbour \"gate fee\"")]
        query,
        /// How many notes to read at most.
        #[schema(minimum = 1, maximum = 10, default = 5)]
        max_files: Option<u32>,
        /// Characters of the whole answer.
        #[schema(minimum = 2000, maximum = 40000, default = 20000)]
        max_chars: Option<u32>,
    }
}

searching! {
    /// Text to look for.
    #[derive(Debug, Clone, Deserialize, ToSchema)]
    #[serde(deny_unknown_fields)]
    Search {
        #[schema(example = "harbour \"gate fee\"")]
        query,
        /// How many notes at most.
        #[schema(minimum = 1, maximum = 100, default = 20)]
        limit: Option<u32>,
        /// The `cursor` of the page before.
        cursor: Option<String>,
        /// Characters of the whole answer.
        #[schema(minimum = 2000, maximum = 40000, default = 20000)]
        max_chars: Option<u32>,
    }
}

/// Which entities. Each filter that is given has to hold.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListEntities {
    /// Only of this type, such as Project, Task, Hypothesis, Track, Condition or Program.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// Only in this status; get_reference with part schema tells the words of each type.
    #[schema(example = "doing")]
    status: Option<String>,
    /// Only with this member: an id or an alias.
    assignee: Option<String>,
    /// Only what this member answers for: an id or an alias.
    owner: Option<String>,
    /// Only of this priority.
    priority: Option<String>,
    /// Only with this tag.
    tag: Option<String>,
    /// Only tasks of this project.
    project_id: Option<String>,
    /// Only right beneath this entity.
    parent_id: Option<String>,
    /// Only projects of this program.
    program_id: Option<String>,
    /// Only hypotheses that are shown to be so this far.
    evidence_status: Option<String>,
    /// Only hypotheses about this year.
    horizon: Option<String>,
    /// Only in this folder or below it.
    folder: Option<String>,
    /// Fields of the front matter to show. Left out: a few that tell what it is and how it stands. All: ["*"].
    #[schema(example = json!(["entity_name", "status", "due"]))]
    fields: Option<Vec<String>>,
    /// How many at most.
    #[schema(minimum = 1, maximum = 100, default = 20)]
    pub(super) limit: Option<u32>,
    /// The `cursor` of the page before.
    pub(super) cursor: Option<String>,
    /// Characters of the whole answer.
    #[schema(minimum = 2000, maximum = 40000, default = 20000)]
    pub(super) max_chars: Option<u32>,
}

/// Which entity, and how much of it.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GetEntity {
    /// Its id.
    #[schema(example = "prj-001")]
    pub(super) entity_id: String,
    /// Fields to show; all when left out. Fewer leave more room for the text.
    #[schema(example = json!(["entity_name", "status"]))]
    fields: Option<Vec<String>>,
    /// Whether its text is wanted; true when left out.
    #[schema(default = true)]
    body: Option<bool>,
    /// Characters of the text to leave out: `chars_total` less `chars_left` of the answer that was cut.
    #[schema(default = 0)]
    from_char: Option<u32>,
    /// Characters of the whole answer.
    #[schema(minimum = 2000, maximum = 40000, default = 20000)]
    pub(super) max_chars: Option<u32>,
}

/// Which notes.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReadNotes {
    /// 1 to 10 paths of notes, or ids of entities.
    #[schema(example = json!(["README.md", "prj-001"]))]
    pub(super) paths: Vec<String>,
    /// Fields to show; all when left out. Fewer leave more room for the texts.
    fields: Option<Vec<String>>,
    /// Characters of each text to leave out: `chars_total` less `chars_left` of the answer that was cut.
    #[schema(default = 0)]
    from_char: Option<u32>,
    /// Characters of the whole answer.
    #[schema(minimum = 2000, maximum = 40000, default = 20000)]
    pub(super) max_chars: Option<u32>,
}

/// Which folder.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Browse {
    /// Its path; the top of the vault when left out.
    #[schema(example = "50_Projects/2026")]
    pub(super) path: Option<String>,
    /// Only notes that are entities.
    #[schema(default = false)]
    pub(super) entities_only: Option<bool>,
    /// How many notes at most.
    #[schema(minimum = 1, maximum = 100, default = 20)]
    pub(super) limit: Option<u32>,
    /// The `cursor` of the page before.
    pub(super) cursor: Option<String>,
    /// Characters of the whole answer.
    #[schema(minimum = 2000, maximum = 40000, default = 20000)]
    pub(super) max_chars: Option<u32>,
}

/// Which entity, and whether its text is wanted.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GetContext {
    /// Its id.
    #[schema(example = "prj-001")]
    pub(super) entity_id: String,
    /// Also its text.
    #[schema(default = false)]
    body: Option<bool>,
    /// Characters of the whole answer.
    #[schema(minimum = 2000, maximum = 40000, default = 20000)]
    pub(super) max_chars: Option<u32>,
}

/// Around which entity.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GetGraph {
    /// Its id.
    #[schema(example = "prj-001")]
    pub(super) entity_id: String,
    /// Characters of the whole answer.
    #[schema(minimum = 2000, maximum = 40000, default = 20000)]
    pub(super) max_chars: Option<u32>,
}

/// How much to tell.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GetStatus {
    /// Characters of the whole answer.
    #[schema(minimum = 2000, maximum = 40000, default = 20000)]
    pub(super) max_chars: Option<u32>,
}

/// What everything rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Part {
    /// North stars, beliefs, conditions, tracks.
    Strategy,
    /// Types, their fields, the words that fields may hold.
    Schema,
    /// Who works here: ids, names, aliases.
    Members,
}

/// Which part of what everything rests on.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GetReference {
    /// strategy: where it all leads. schema: the vault's types, fields and words, needed before a change. members: who works
    /// here.
    pub(super) part: Part,
    /// With strategy: how deep, 1 (north stars) to 5 (hypotheses, too).
    #[schema(minimum = 1, maximum = 5, default = 4)]
    pub(super) depth: Option<u32>,
    /// With schema: of which type, such as task, project or hypothesis; all when left out.
    #[schema(example = "task")]
    pub(super) category: Option<String>,
    /// Characters of the whole answer.
    #[schema(minimum = 2000, maximum = 40000, default = 20000)]
    pub(super) max_chars: Option<u32>,
}

/// What a list of entities shows of each when nobody says.
const USUAL: &[&str] = &[
    "entity_name",
    "status",
    "parent_id",
    "owner",
    "assignee",
    "priority",
    "due",
    "evidence_status",
    "updated",
];

impl SearchAndRead {
    /// # Errors
    /// `VALIDATION_OUT_OF_RANGE`
    pub(super) fn most(&self) -> Result<usize, Problem> {
        within("max_files", self.max_files, 5, 1..=10)
    }
}

impl ListEntities {
    pub(super) fn filter(&self, moment: &Moment) -> Result<Filter, Problem> {
        let names = match (&self.assignee, &self.owner) {
            (None, None) => MembersView::default(),
            _ => MembersView::read(moment)?,
        };
        let called = |name: &Option<String>| name.as_deref().map(|name| names.names(name));
        Filter::of_name(moment, self.kind.as_deref())?
            .with(moment, "status", self.status.as_deref())?
            .with_any(moment, "assignee", called(&self.assignee))?
            .with_any(moment, "owner", called(&self.owner))?
            .with(moment, "priority", self.priority.as_deref())?
            .with(moment, "tags", self.tag.as_deref())?
            .with(moment, "project_id", self.project_id.as_deref())?
            .with(moment, "parent_id", self.parent_id.as_deref())?
            .with(moment, "program_id", self.program_id.as_deref())?
            .with(moment, "evidence_status", self.evidence_status.as_deref())?
            .with(moment, "horizon", self.horizon.as_deref())?
            .within(self.folder.as_deref())
    }

    pub(super) fn selection(&self, moment: &Moment) -> Result<Selection, Problem> {
        match self.fields.as_deref() {
            Some([all]) if all == "*" => Ok(Selection::default()),
            Some(fields) => selection(moment, Some(fields)),
            None => usual(moment),
        }
    }
}

impl GetContext {
    pub(super) fn ask(&self) -> Ask {
        Ask {
            fields: Selection::default(),
            body: self.body.unwrap_or(false).then_some(window(None)),
            relations: false,
        }
    }
}

/// Those of the usual fields that this vault has.
pub(super) fn usual(moment: &Moment) -> Result<Selection, Problem> {
    let known = USUAL
        .iter()
        .filter(|field| Selection::parse(moment, Some(field)).is_ok());
    let known: Vec<&str> = known.copied().collect();
    if known.is_empty() {
        return Ok(Selection::default());
    }
    Selection::parse(moment, Some(&known.join(",")))
}

impl GetEntity {
    pub(super) fn ask(&self, moment: &Moment) -> Result<Ask, Problem> {
        Ok(Ask {
            fields: selection(moment, self.fields.as_deref())?,
            body: self.body.unwrap_or(true).then_some(window(self.from_char)),
            relations: true,
        })
    }
}

impl ReadNotes {
    pub(super) fn ask(&self, moment: &Moment) -> Result<Ask, Problem> {
        Ok(Ask {
            fields: selection(moment, self.fields.as_deref())?,
            body: Some(window(self.from_char)),
            relations: false,
        })
    }
}

fn window(from: Option<u32>) -> Window {
    Window {
        from: usize::try_from(from.unwrap_or(0)).unwrap_or(usize::MAX),
        most: Some(WHOLE),
    }
}

fn selection(moment: &Moment, fields: Option<&[String]>) -> Result<Selection, Problem> {
    Selection::parse(moment, fields.map(|fields| fields.join(",")).as_deref())
}

/// # Errors
/// `VALIDATION_OUT_OF_RANGE` and `VALIDATION_INVALID_FORMAT`.
pub(super) fn paging(limit: Option<u32>, cursor: Option<&str>) -> Result<Paging, Problem> {
    let cursor = cursor.map(str::to_owned);
    PagingQuery { limit, cursor }.check()
}

/// # Errors
/// `VALIDATION_OUT_OF_RANGE`
pub(super) fn budget(asked: Option<u32>) -> Result<Budget, Problem> {
    Budget::of(asked)
}

pub(super) fn within(
    name: &'static str,
    given: Option<u32>,
    usual: u32,
    range: RangeInclusive<u32>,
) -> Result<usize, Problem> {
    let value = given.unwrap_or(usual);
    if !range.contains(&value) {
        return Err(Problem::new(Code::ValidationOutOfRange)
            .detail(format_args!(
                "`{value}` is not between {} and {}",
                range.start(),
                range.end()
            ))
            .param(name));
    }
    usize::try_from(value).map_err(Problem::internal)
}
