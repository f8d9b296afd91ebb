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
    std::{collections::BTreeMap, marker::PhantomData},
    utoipa::{PartialSchema, ToSchema, openapi},
};

/// Characters of an answer when the caller does not say.
const USUAL: u32 = 20_000;
/// Least and most characters that a caller may ask for.
pub(super) const LEAST: u32 = 2_000;
pub(super) const MOST: u32 = 40_000;

/// What an answer says of itself takes at most so many characters: see `a_budget_is_kept`.
const ROOM: usize = 900;
/// As many take it to say that it is whole: see `what_fits_to_the_last_character_is_whole`.
const WHOLE: usize = 57;
/// How often texts are made shorter: what is told of each grows a little when it is cut, by less each time.
const TRIES: usize = 4;
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

    /// Without what an answer says of itself when something in it was cut.
    const fn room(self) -> usize {
        self.0.saturating_sub(ROOM)
    }

    /// Without what an answer says of itself when it is whole.
    const fn whole(self) -> usize {
        self.0.saturating_sub(WHOLE)
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
        for _ in 0..TRIES {
            let excess = self.excess(view)?;
            if excess == 0 {
                break;
            }
            shorten(&mut texts(view), excess);
        }
        self.fit(view)
    }

    /// As many of the first items as fit, and at least one. Items are taken one by one, and after the first that does not fit no
    /// more of them; `page` makes a view of those that are kept.
    ///
    /// # Errors
    /// As [`Self::fit`].
    pub(super) fn fill<Item: Serialize, T: Serialize>(
        self,
        items: impl Iterator<Item = Item>,
        page: impl Fn(&[Item]) -> T,
    ) -> Result<Fitted<T>, Problem> {
        let mut kept = Vec::new();
        let mut left = self.whole().saturating_sub(length(&page(&[]))?);
        for item in items {
            let more = length(&item)?.saturating_add(1);
            let fits = more <= left;
            if fits || kept.is_empty() {
                kept.push(item);
            }
            if !fits {
                break;
            }
            left = left.saturating_sub(more);
        }
        loop {
            let view = page(&kept);
            if kept.len() <= 1 || self.excess(&view)? == 0 {
                return self.fit(&view);
            }
            // Where the next page begins takes some characters, too.
            kept.pop();
        }
    }

    /// By how much a view is too long.
    fn excess(self, view: &impl Serialize) -> Result<usize, Problem> {
        Ok(length(view)?.saturating_sub(self.whole()))
    }

    /// A view within the budget. What is too long in it is cut, the longest first.
    ///
    /// # Errors
    /// `VALIDATION_OUT_OF_RANGE` when not even its bones fit.
    pub(super) fn fit<T: Serialize>(self, view: &T) -> Result<Fitted<T>, Problem> {
        let whole = serde_json::to_value(view).map_err(Problem::internal)?;
        let mut cuts = Cuts::default();
        let mut shown = whole.clone();
        let (mut room, mut steps) = (self.whole(), STEPS.iter());
        while chars(&shown) > room {
            room = self.room();
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

/// Shortens texts to one length as JSON writes them, the longest first, so that together they lose at least `excess` characters of
/// what is written, or all they have.
fn shorten(texts: &mut [&mut TextView], excess: usize) {
    let lengths: Vec<usize> = texts.iter().map(|text| sum(text.body.chars().map(written))).collect();
    let fits = sum(lengths.iter().copied()).saturating_sub(excess);
    let kept = |most: usize| sum(lengths.iter().map(|length| *length.min(&most)));
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
    for text in texts {
        let mut length = 0_usize;
        let is_beyond = |(_, c): &(usize, char)| {
            length = length.saturating_add(written(*c));
            length > fitting
        };
        let Some((end, _)) = text.body.char_indices().find(is_beyond) else {
            continue;
        };
        let cut = text.body.get(end..).unwrap_or_default().chars().count();
        text.body.truncate(end);
        text.chars_left = text.chars_left.saturating_add(cut);
        text.truncated = true;
    }
}

fn sum(lengths: impl Iterator<Item = usize>) -> usize {
    lengths.fold(0, usize::saturating_add)
}

/// How many characters JSON writes for one.
const fn written(c: char) -> usize {
    match c {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        '\0'..='\u{1f}' => 6,
        _ => 1,
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
    /// Where that is: the first places, as JSON Pointers, and how many characters or items each has beyond what is shown.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(required = false, example = json!({"/tracks/0/hypotheses": 12}))]
    cut: BTreeMap<String, usize>,
}

#[derive(Debug, Default)]
struct Cuts {
    chars: usize,
    items: usize,
    places: BTreeMap<String, usize>,
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
            let at: String = at.chars().take(LONGEST_PLACE).map(plain).collect();
            let known = self.places.entry(at).or_default();
            *known = known.saturating_add(left);
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

/// The same of a view.
fn length(view: &impl Serialize) -> Result<usize, Problem> {
    Ok(chars(&serde_json::to_value(view).map_err(Problem::internal)?))
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
    fn what_fits_to_the_last_character_is_whole() {
        let view = |length| json!({"body": "x".repeat(length)});
        let fitting = usize::try_from(LEAST).unwrap() - WHOLE - view(0).to_string().len();
        let told = said(&least().fit(&view(fitting)).unwrap());
        assert_eq!((&told["body"], told.to_string().len()), (&view(fitting)["body"], 2_000));
        let told = said(&least().fit(&view(fitting + 1)).unwrap());
        assert_eq!(told["size"]["truncated"], true);
    }

    #[test]
    fn texts_are_cut_by_no_more_than_they_have_to_be() {
        #[derive(Serialize)]
        struct Texts {
            items: Vec<TextView>,
        }
        for (line, most) in [
            ("The gate.\n", 20_000),
            ("\"\\\"\n", 20_000),
            ("가\u{1}", 6_000),
            ("plain ", 40_000),
        ] {
            let text = |count: usize| TextView {
                body: line.repeat(count),
                truncated: false,
                chars_total: line.chars().count() * count,
                chars_left: 0,
            };
            let mut texts = Texts {
                items: [10, 9_000, 30_000, 20_000].map(text).into(),
            };
            let budget = Budget::of(Some(most)).unwrap();
            let told = said(
                &budget
                    .share(&mut texts, |texts| texts.items.iter_mut().collect())
                    .unwrap(),
            );
            let (written, most) = (told.to_string().chars().count(), usize::try_from(most).unwrap());
            assert!(written <= most && written + 40 > most, "{line:?}: {written} of {most}");
            assert_eq!(
                told["size"]["truncated"], false,
                "only what says so itself: {}",
                told["size"]
            );
            assert_eq!(told["items"][0]["body"], line.repeat(10));
        }
    }

    #[test]
    fn no_more_items_are_taken_than_fit_and_one() {
        for (size, most) in [(100, 2_000), (700, 6_000), (30_000, 20_000), (10, 40_000)] {
            let taken = std::cell::Cell::new(0_usize);
            let items = (0..100).map(|number| {
                taken.set(taken.get() + 1);
                json!({"number": number, "text": "x".repeat(size)})
            });
            let budget = Budget::of(Some(most)).unwrap();
            let told = budget
                .fill(items, |kept| json!({"items": kept, "next": kept.len(), "of": 100}))
                .unwrap();
            let told = said(&told);
            let (kept, most) = (told["items"].as_array().unwrap().len(), usize::try_from(most).unwrap());
            assert_eq!(told["next"], kept);
            assert!(taken.get() <= kept + 1, "{} for {kept}", taken.get());
            // One more would not have fitted.
            let written = told.to_string().len();
            assert!(
                written <= most && (kept == 100 || kept == 1 || written + size + 40 > most),
                "{written} of {most}"
            );
        }
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
                   "cut": {"/note/body": 8_500}})
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
                    let (had, has) = (held(&view["view"]).0, held(&told["view"]).0);
                    // Each text that is cut ends with an ellipsis.
                    let cut = told["view"].to_string().matches('…').count();
                    let left = usize::try_from(told["size"]["chars_left"].as_u64().unwrap()).unwrap();
                    prop_assert_eq!(had, has - cut + left);
                }
            }
        }
    }
}
