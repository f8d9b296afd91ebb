//! The table: every field that may be given, of each type, in the order in which they are written.

use {
    super::{
        Field, Form,
        Form::{
            Address, Day as OnDay, Hours, Id, Ids, Line, Lines, Links, Measures, Name, Names, Share, Weights, Word,
            Words, Year,
        },
        When,
        When::{Always, Any, Later, New},
    },
    portreeve_notes::EntityType,
};

const fn field(name: &'static str, form: Form, when: When, about: &'static str) -> Field {
    Field {
        name,
        form,
        when,
        about,
    }
}

const PROJECTS: &[EntityType] = &[EntityType::Project];
const PROGRAMS: &[EntityType] = &[EntityType::Program];
const TRACKS: &[EntityType] = &[EntityType::Track];
const CONDITIONS: &[EntityType] = &[EntityType::Condition];
const HYPOTHESES: &[EntityType] = &[EntityType::Hypothesis];

const TAGS: Field = field("tags", Lines, Any, "Words to find it by.");
const NOTES: Field = field("notes", Form::Text, Any, "What else is to be said.");
const LINKED: Field = field("links", Links, Any, "At most 10 addresses, each with a label.");
const PRIORITY: Field = field("priority", Word, Any, "How urgent it is: a word of the vault's schema.");
const STATUS: Field = field("status", Word, Any, "How it stands: a word of the vault's schema.");

pub(super) const TASK: &[Field] = &[
    field("entity_name", Line, Always, "`topic - content`."),
    STATUS,
    field("project_id", Id(PROJECTS), Always, "The project it is work of."),
    field("assignee", Names, Always, "Who it is with: a member, or several."),
    PRIORITY,
    field(
        "type",
        Word,
        Any,
        "What kind of work it is: a word of the vault's schema.",
    ),
    field("start_date", OnDay, Any, "When it begins; today when left out."),
    field("due", OnDay, Any, "When it is due; today when left out."),
    field(
        "closed",
        OnDay,
        Any,
        "When it was done; today when it becomes `done` and this is left out.",
    ),
    field("target_project", Line, Any, "What is worked on, for `dev` and `bug`."),
    field("conditions_3y", Ids(CONDITIONS), Any, "The conditions it serves."),
    field("estimated_hours", Hours, Any, "How long it should take."),
    field("actual_hours", Hours, Any, "How long it took."),
    field("pr_url", Address, Any, "Where its change is reviewed."),
    field("merged_commit", Line, Any, "What its change became."),
    TAGS,
    LINKED,
    NOTES,
];

pub(super) const PROJECT: &[Field] = &[
    field("entity_name", Line, Always, "`topic - content`."),
    STATUS,
    field("owner", Name, Always, "Who answers for it: a member."),
    field("parent_id", Id(TRACKS), Always, "The track it serves."),
    field("program_id", Id(PROGRAMS), Any, "The program it belongs to."),
    field(
        "conditions_3y",
        Ids(CONDITIONS),
        Always,
        "The conditions it serves, at least one.",
    ),
    PRIORITY,
    field("priority_flag", Line, Any, "A mark that people read."),
    field("deadline", OnDay, Any, "When it has to be done."),
    field("cycle", Line, Any, "The cycle it is planned for."),
    field("budget", Line, Any, "What it may cost, in words."),
    field("tier", Word, Any, "How much it matters: a word of the vault's schema."),
    field(
        "impact_magnitude",
        Word,
        Any,
        "How large its effect would be: a word of the vault's schema.",
    ),
    field("confidence", Share, Any, "How sure that is, from 0 to 1."),
    field("validates", Ids(HYPOTHESES), Any, "The hypotheses it is to show."),
    field(
        "primary_hypothesis_id",
        Id(HYPOTHESES),
        Any,
        "Of these, the one it is mainly for.",
    ),
    field("hypothesis_text", Form::Text, Any, "What it is to show, in words."),
    field(
        "expected_impact",
        Words,
        Any,
        "What is expected of it: names with words or numbers.",
    ),
    field(
        "realized_impact",
        Words,
        Any,
        "What came of it; needed once it is done or cancelled.",
    ),
    field(
        "condition_contributes",
        Weights(CONDITIONS),
        Any,
        "What share of it counts for which condition.",
    ),
    field(
        "track_contributes",
        Weights(TRACKS),
        Any,
        "What share of it counts for which other track.",
    ),
    TAGS,
    LINKED,
    NOTES,
];

pub(super) const PROGRAM: &[Field] = &[
    field(
        "entity_id",
        Line,
        New,
        "`pgm-` and a name in small letters; made of `entity_name` when left out.",
    ),
    field("entity_name", Line, Always, "Its name."),
    field(
        "program_type",
        Word,
        Always,
        "What kind it is: a word of the vault's schema.",
    ),
    field("owner", Name, Always, "Who answers for it: a member."),
    field("parent_id", Id(TRACKS), Any, "The track it serves, when there is one."),
    field("description", Form::Text, Any, "What it is."),
    field("principles", Lines, Any, "What it goes by."),
    field("process_steps", Lines, Any, "How a round of it goes."),
    field("templates", Lines, Any, "What its rounds are made from."),
    field("kpis", Measures, Any, "What it is measured by."),
    TAGS,
    LINKED,
    NOTES,
];

pub(super) const HYPOTHESIS: &[Field] = &[
    field("entity_name", Line, Always, "Its name."),
    STATUS,
    field("parent_id", Id(TRACKS), Always, "The track it is about."),
    field(
        "hypothesis_question",
        Line,
        Always,
        "A question, with its mark at the end.",
    ),
    field("success_criteria", Form::Text, Any, "By what it is seen that it is so."),
    field(
        "failure_criteria",
        Form::Text,
        Any,
        "By what it is seen that it is not.",
    ),
    field("measurement", Form::Text, Any, "How that is measured."),
    field("horizon", Year, Any, "The year it is about; this one when left out."),
    field("deadline", OnDay, Any, "When it has to be known."),
    field(
        "evidence_status",
        Word,
        Any,
        "How far it is shown to be so: a word of the vault's schema.",
    ),
    field("confidence", Share, Any, "How sure it is, from 0 to 1."),
    field("loop_layer", Lines, Any, "The layers it touches."),
    field("closed", OnDay, Later, "When it was settled."),
    TAGS,
    LINKED,
    NOTES,
];
