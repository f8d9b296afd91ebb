//! How much a tool says at once. A model's memory is small and dear, so each answer has a budget of characters; what does not
//! fit is cut, and the answer says what was cut, how much is left, and how to get it.
//!
//! What must stay true: no answer is longer than its budget; nothing is left out without being told; what names something
//! (an id, a path, a cursor) is whole or not there.

use {
    crate::shown::TextView,
    portreeve_guard::Problem,
    portreeve_kernel::Code,
    serde::{Serialize, Serializer},
    serde_json::{Map, Value},
    std::marker::PhantomData,
    utoipa::{PartialSchema, ToSchema, openapi},
};

/// Characters of an answer when the caller does not say.
const USUAL: u32 = 20_000;
/// Least and most characters that a caller may ask for.
pub(super) const LEAST: u32 = 2_000;
pub(super) const MOST: u32 = 40_000;

/// What an answer says of itself takes at most so many characters: see `a_budget_is_kept`.
const ROOM: usize = 900;
/// Places that are named where something was cut; the rest is counted.
const MOST_CUTS: usize = 8;
/// A place's address is told up to here.
const LONGEST_PLACE: usize = 48;

/// Characters of a text and items of a list that are left, from mild to harsh.
const STEPS: &[(usize, usize)] = &[
    (10_000, usize::MAX),
    (5_000, usize::MAX),
    (2_000, usize::MAX),
    (1_000, usize::MAX),
    (500, usize::MAX),
    (500, 100),
    (500, 50),
    (500, 20),
    (500, 10),
    (200, 5),
    (100, 3),
    (60, 1),
];

/// Never cut: what is cut would name something else, or nothing.
const NAMES: &[&str] = &["path", "entity_id", "revision", "cursor"];

/// A mapping of at most so many numbers is a view of ours; one of more is a count of the vault's words.
const MOST_NUMBERS: usize = 12;
/// Characters of a name in a mapping of the vault's. A longer one is left out with what it names.
const LONGEST_NAME: usize = 200;

/// Characters that an answer may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Budget(usize);

impl Budget {
    /// # Errors
    /// `VALIDATION_OUT_OF_RANGE`
    pub(super) fn of(asked: Option<u32>) -> Result<Self, Problem> {
        let chars = asked.unwrap_or(USUAL);
        if !(LEAST..=MOST).contains(&chars) {
            return Err(Problem::new(Code::ValidationOutOfRange)
                .detail(format_args!("`{chars}` is not between {LEAST} and {MOST}"))
                .param("max_chars"));
        }
        Ok(Self(usize::try_from(chars).unwrap_or(usize::MAX)))
    }

    /// As much as anybody may ask for: what was written is told whole where that is possible.
    pub(super) fn most() -> Self {
        Self(usize::try_from(MOST).unwrap_or(usize::MAX))
    }

    /// Without what an answer says of itself.
    const fn room(self) -> usize {
        self.0.saturating_sub(ROOM)
    }

    /// Characters of a whole answer.
    pub(super) const fn chars(self) -> usize {
        self.0
    }

    /// A view whose texts share the budget that the rest of it leaves.
    ///
    /// # Errors
    /// As [`Self::fit`].
    pub(super) fn share<T: Serialize>(
        self,
        view: &mut T,
        texts: impl Fn(&mut T) -> Vec<&mut TextView>,
    ) -> Result<Fitted<T>, Problem> {
        let excess = self.excess(view)?;
        if excess > 0 {
            let mut texts = texts(view);
            // What is told of each text grows a little.
            let more = texts.len().saturating_mul(16);
            shorten(&mut texts, excess.saturating_add(more));
        }
        self.fit(view)
    }

    /// The longest page that fits, of at most `limit` items; at least one. `page` answers one of so many.
    ///
    /// # Errors
    /// As [`Self::fit`], and those of `page`.
    pub(super) fn page<T: Serialize>(
        self,
        mut limit: u32,
        page: impl Fn(u32) -> Result<T, Problem>,
    ) -> Result<Fitted<T>, Problem> {
        loop {
            let view = page(limit)?;
            let excess = self.excess(&view)?;
            if excess == 0 || limit <= 1 {
                return self.fit(&view);
            }
            // As many as would fit if all were alike, and fewer than before in any case.
            let whole = u64::try_from(self.room().saturating_add(excess)).unwrap_or(u64::MAX);
            let room = u64::try_from(self.room()).unwrap_or(u64::MAX);
            let alike = u64::from(limit).saturating_mul(room).checked_div(whole).unwrap_or(1);
            limit = u32::try_from(alike).unwrap_or(1).clamp(1, limit.saturating_sub(1));
        }
    }

    /// By how much a view is too long.
    fn excess(self, view: &impl Serialize) -> Result<usize, Problem> {
        let whole = serde_json::to_value(view).map_err(Problem::internal)?;
        Ok(chars(&whole).saturating_sub(self.room()))
    }

    /// A view within the budget. What is too long in it is cut, the longest first.
    ///
    /// # Errors
    /// `VALIDATION_OUT_OF_RANGE` when not even its bones fit.
    pub(super) fn fit<T: Serialize>(self, view: &T) -> Result<Fitted<T>, Problem> {
        let whole = serde_json::to_value(view).map_err(Problem::internal)?;
        let mut cuts = Cuts::default();
        let mut shown = whole.clone();
        let mut steps = STEPS.iter();
        while chars(&shown) > self.room() {
            let Some((text, items)) = steps.next() else {
                return Err(Problem::new(Code::ValidationOutOfRange)
                    .detail("not even the shortest form of the answer fits; ask for less of it, or for more characters")
                    .param("max_chars"));
            };
            cuts = Cuts::default();
            shown = cuts.cut(&whole, *text, *items, &mut Vec::new());
        }
        let Value::Object(mut members) = shown else {
            return Err(Problem::internal("an answer is no object"));
        };
        members.insert("size".to_owned(), cuts.told()?);
        Ok(Fitted(Value::Object(members), PhantomData))
    }
}

/// Shortens texts to one length, the longest first, so that together they lose at least `excess` characters, or all they have.
fn shorten(texts: &mut [&mut TextView], excess: usize) {
    let lengths: Vec<usize> = texts.iter().map(|text| text.body.chars().count()).collect();
    let whole = lengths.iter().fold(0_usize, |sum, length| sum.saturating_add(*length));
    let fits = whole.saturating_sub(excess);
    let kept = |most: usize| {
        lengths
            .iter()
            .fold(0_usize, |sum, length| sum.saturating_add(*length.min(&most)))
    };
    let (mut fitting, mut beyond) = (
        0_usize,
        lengths.iter().max().map_or(1, |longest| longest.saturating_add(1)),
    );
    while beyond.saturating_sub(fitting) > 1 {
        let middle = fitting.midpoint(beyond);
        if kept(middle) <= fits {
            fitting = middle
        } else {
            beyond = middle
        }
    }
    for (text, length) in texts.iter_mut().zip(lengths) {
        let Some((end, _)) = text.body.char_indices().nth(fitting) else {
            continue;
        };
        text.body.truncate(end);
        text.chars_left = text.chars_left.saturating_add(length.saturating_sub(fitting));
        text.truncated = true;
    }
}

/// A view within its budget.
#[derive(Debug)]
pub(super) struct Fitted<T>(Value, PhantomData<fn() -> T>);

/// What was cut to stay within `max_chars`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "Size")]
struct Size {
    /// True when something is not whole.
    truncated: bool,
    /// Characters of texts that are not shown.
    chars_left: usize,
    /// Items of lists that are not shown.
    items_left: usize,
    /// Where that is: the first places.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cut: Vec<Cut>,
}

/// A place at which something was cut.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct Cut {
    /// Which member of the answer, as a JSON Pointer.
    #[schema(example = "/tracks/0/hypotheses")]
    at: String,
    /// Characters or items that are not shown.
    left: usize,
}

#[derive(Debug, Default)]
struct Cuts {
    chars: usize,
    items: usize,
    places: Vec<Cut>,
}

impl Cuts {
    /// The value with texts and lists cut.
    fn cut<'v>(&mut self, value: &'v Value, text: usize, items: usize, at: &mut Vec<Step<'v>>) -> Value {
        match value {
            Value::String(whole) if !is_name(at) => {
                let Some((end, _)) = whole.char_indices().nth(text) else {
                    return value.clone();
                };
                let (kept, rest) = whole.split_at(end);
                let left = rest.chars().count();
                self.chars = self.chars.saturating_add(left);
                self.note(at, left);
                Value::String(format!("{kept}…"))
            }
            Value::Array(all) => {
                let left = all.len().saturating_sub(items);
                if left > 0 {
                    self.items = self.items.saturating_add(left);
                    self.note(at, left);
                }
                let kept = all.iter().take(items).enumerate().map(|(place, item)| {
                    at.push(Step::Item(place));
                    let kept = self.cut(item, text, items, at);
                    at.pop();
                    kept
                });
                Value::Array(kept.collect())
            }
            Value::Object(members) => {
                let is_free = is_free(members, at);
                let fits = |(name, _): &(&String, &Value)| !is_free || name.chars().nth(LONGEST_NAME).is_none();
                let most = if is_free { items } else { usize::MAX };
                let kept: Vec<_> = members.iter().filter(fits).take(most).collect();
                let left = members.len().saturating_sub(kept.len());
                if left > 0 {
                    self.items = self.items.saturating_add(left);
                    self.note(at, left);
                }
                let kept = kept.into_iter().map(|(name, member)| {
                    at.push(Step::Member(name));
                    let kept = self.cut(member, text, items, at);
                    at.pop();
                    (name.clone(), kept)
                });
                Value::Object(kept.collect::<Map<_, _>>())
            }
            other => other.clone(),
        }
    }

    fn note(&mut self, at: &[Step<'_>], left: usize) {
        if self.places.len() < MOST_CUTS {
            let at: String = at.iter().map(|step| format!("/{step}")).collect();
            // One character each, also as it is written.
            let plain = |c: char| {
                if c.is_control() || matches!(c, '"' | '\\') {
                    '?'
                } else {
                    c
                }
            };
            let at = at.chars().take(LONGEST_PLACE).map(plain).collect();
            self.places.push(Cut { at, left });
        }
    }

    fn told(self) -> Result<Value, Problem> {
        let size = Size {
            truncated: self.chars > 0 || self.items > 0,
            chars_left: self.chars,
            items_left: self.items,
            cut: self.places,
        };
        serde_json::to_value(size).map_err(Problem::internal)
    }
}

/// A step into an answer.
enum Step<'v> {
    Member(&'v str),
    Item(usize),
}

impl std::fmt::Display for Step<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Member(name) => out.write_str(name),
            Self::Item(place) => write!(out, "{place}"),
        }
    }
}

/// Whether a mapping is the vault's own, of which members can be left out: front matter, or many counts.
fn is_free(members: &Map<String, Value>, at: &[Step<'_>]) -> bool {
    let is_matter = at.iter().any(|step| matches!(step, Step::Member("fields")));
    is_matter || members.len() > MOST_NUMBERS && members.values().all(Value::is_number)
}

/// Whether the text there, or each text of the list there, names something.
fn is_name(at: &[Step<'_>]) -> bool {
    let last = at.iter().rev().find_map(|step| match step {
        Step::Member(name) => Some(*name),
        Step::Item(_) => None,
    });
    // The front matter is the vault's: nothing there has a name that we gave.
    let is_ours = !at.iter().any(|step| matches!(step, Step::Member("fields")));
    is_ours && last.is_some_and(|name| NAMES.contains(&name) || name.ends_with("_ids"))
}

/// Characters of a value as it is written.
fn chars(value: &Value) -> usize {
    value.to_string().chars().count()
}

impl<T> Serialize for Fitted<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(to)
    }
}

/// The view, and what was cut of it.
impl<T: ToSchema> PartialSchema for Fitted<T> {
    fn schema() -> openapi::RefOr<openapi::schema::Schema> {
        let size = openapi::ObjectBuilder::new()
            .property("size", Size::schema())
            .required("size");
        let whole = openapi::AllOfBuilder::new().item(T::schema()).item(size);
        whole.into()
    }
}

impl<T: ToSchema> ToSchema for Fitted<T> {
    fn name() -> std::borrow::Cow<'static, str> {
        T::name()
    }

    fn schemas(others: &mut Vec<(String, openapi::RefOr<openapi::schema::Schema>)>) {
        T::schemas(others);
        Size::schemas(others);
    }
}

#[cfg(test)]
mod tests {
    use {super::*, proptest::prelude::*, serde_json::json};

    fn least() -> Budget {
        Budget::of(Some(LEAST)).unwrap()
    }

    fn said<T: Serialize>(fitted: &Fitted<T>) -> Value {
        serde_json::to_value(fitted).unwrap()
    }

    #[test]
    fn what_fits_is_whole() {
        let view = json!({"items": [1, 2, 3], "body": "x".repeat(900)});
        let told = said(&least().fit(&view).unwrap());
        assert_eq!((&told["items"], &told["body"]), (&view["items"], &view["body"]));
        assert_eq!(
            told["size"],
            json!({"truncated": false, "chars_left": 0, "items_left": 0})
        );
    }

    #[test]
    fn the_longest_text_is_cut_first_and_it_is_told_where_and_how_much() {
        let view = json!({"note": {"body": "가".repeat(9_000), "title": "y".repeat(400)}, "path": "p"});
        let told = said(&least().fit(&view).unwrap());
        assert_eq!(told["note"]["title"], view["note"]["title"]);
        assert_eq!(told["note"]["body"], format!("{}…", "가".repeat(500)));
        assert_eq!(
            told["size"],
            json!({"truncated": true, "chars_left": 8_500, "items_left": 0,
                   "cut": [{"at": "/note/body", "left": 8_500}]})
        );
    }

    #[test]
    fn what_names_something_is_not_cut_but_a_field_of_the_vault_that_is_called_so_is() {
        let path = "a".repeat(300);
        let view =
            json!({"path": path, "more": {"entity_ids": ["b".repeat(200)]}, "fields": {"path": "c".repeat(3_000)}});
        let told = said(&least().fit(&view).unwrap());
        assert_eq!((&told["path"], &told["more"]), (&json!(path), &view["more"]));
        assert_eq!(told["fields"]["path"].as_str().unwrap().chars().count(), 501);
        // A list of names loses whole names.
        let ids: Vec<String> = (0..500).map(|number| format!("tsk-{number}")).collect();
        let told = said(&least().fit(&json!({"entity_ids": ids})).unwrap());
        let kept = told["entity_ids"].as_array().unwrap().len();
        assert_eq!(told["size"]["items_left"], 500 - kept);
        assert!(kept >= 50);
    }

    #[test]
    fn what_the_vault_names_by_the_thousand_is_cut_like_a_list() {
        let counts: Map<String, Value> = (0..3_000)
            .map(|number| (format!("status {number}"), 1.into()))
            .collect();
        let fields: Map<String, Value> = (0..3_000)
            .map(|number| (format!("field {number}"), "x".into()))
            .collect();
        let mut long = fields.clone();
        long.insert("k".repeat(30_000), 1.into());
        for view in [
            json!({"by_status": counts}),
            json!({"fields": fields}),
            json!({"fields": long}),
        ] {
            let told = said(&least().fit(&view).unwrap());
            assert!(told["size"]["items_left"].as_u64().unwrap() > 2_900, "{}", told["size"]);
        }
        // A view of ours keeps its members.
        let view = json!({"score": {"expected": 1, "realized": 2}, "text": "x".repeat(40_000)});
        assert_eq!(said(&least().fit(&view).unwrap())["score"], view["score"]);
    }

    #[test]
    fn what_cannot_be_cut_is_an_error_and_no_lie() {
        let view = json!({"path": "a".repeat(2_000)});
        let refused = least().fit(&view).unwrap_err();
        assert_eq!(refused.code(), Code::ValidationOutOfRange);
        for chars in [LEAST - 1, MOST + 1] {
            assert_eq!(Budget::of(Some(chars)).unwrap_err().code(), Code::ValidationOutOfRange);
        }
    }

    #[test]
    fn texts_share_what_there_is_and_short_ones_stay_whole() {
        let text = |length: usize| TextView {
            body: "가".repeat(length),
            truncated: false,
            chars_total: length,
            chars_left: 0,
        };
        let mut texts = [text(10), text(100), text(500)];
        let mut all: Vec<&mut TextView> = texts.iter_mut().collect();
        shorten(&mut all, 450);
        let kept = texts.map(|text| (text.body.chars().count(), text.truncated, text.chars_left));
        assert_eq!(kept, [(10, false, 0), (75, true, 25), (75, true, 425)]);
        let mut one = text(5);
        shorten(&mut [&mut one], 9);
        assert_eq!((one.body.as_str(), one.chars_left, one.truncated), ("", 5, true));
        shorten(&mut [], 9);
    }

    fn anything() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i64>().prop_map(Value::from),
            "[a가\"\\\\\u{1}\n ]{0,400}".prop_map(Value::from),
            (0_usize..40_000).prop_map(|length| Value::from("\"".repeat(length))),
        ];
        leaf.prop_recursive(4, 200, 40, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..40).prop_map(Value::from),
                prop::collection::btree_map("[a-z\"\u{1}]{1,60}", inner, 0..12)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    /// Counts characters of texts and items of lists.
    fn held(value: &Value) -> (usize, usize) {
        match value {
            Value::String(text) => (text.chars().count(), 0),
            Value::Array(all) => all
                .iter()
                .map(held)
                .fold((0, all.len()), |(a, b), (c, d)| (a + c, b + d)),
            Value::Object(all) => all.values().map(held).fold((0, 0), |(a, b), (c, d)| (a + c, b + d)),
            _ => (0, 0),
        }
    }

    proptest! {
        #[test]
        fn a_budget_is_kept_whatever_there_is_to_say(view in anything(), chars in LEAST..=MOST) {
            let view = json!({"view": view});
            let budget = Budget::of(Some(chars)).unwrap();
            if let Ok(fitted) = budget.fit(&view) {
                let told = said(&fitted);
                let written = told.to_string().chars().count();
                prop_assert!(written <= usize::try_from(chars).unwrap(), "{written} of {chars}");
                let is_whole = told["view"] == view["view"];
                prop_assert_eq!(told["size"]["truncated"].as_bool().unwrap(), !is_whole);
                if budget.excess(&view).unwrap() == 0 {
                    prop_assert!(is_whole);
                }
                if told["size"]["items_left"] == 0 {
                    let cut = told["size"]["cut"].as_array().map_or(0, Vec::len);
                    let (had, has) = (held(&view["view"]).0, held(&told["view"]).0);
                    // Each text that is cut ends with an ellipsis.
                    let left = usize::try_from(told["size"]["chars_left"].as_u64().unwrap()).unwrap();
                    if cut < MOST_CUTS {
                        prop_assert_eq!(had, has - cut + left);
                    }
                }
            }
        }
    }
}
