//! What front matter holds. Nothing that was written is lost: a date stays the text it is, a number that has more than one
//! spelling keeps its own.

use {
    serde::{Serialize, Serializer, ser::SerializeMap},
    std::{collections::HashSet, fmt, sync::Arc},
    unicode_normalization::{UnicodeNormalization, is_nfc},
};

/// A text that many notes may share.
pub type Text = Arc<str>;

/// A value of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Nothing.
    Null,
    /// `true` or `false`; `yes` and `off` are words.
    Bool(bool),
    /// A whole number, written as we would write it.
    Integer(i64),
    /// Any other finite number, as it was written.
    Number(Text),
    /// Text; also dates.
    Text(Text),
    /// A list.
    List(Box<[Value]>),
    /// A mapping.
    Map(Fields),
}

/// Fields in the order in which they were written, each once.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Fields(Box<[(Text, Value)]>);

impl Value {
    /// Text, or what a number was written as. Other values have none.
    #[must_use]
    pub fn text(&self) -> Option<Text> {
        match self {
            Self::Text(text) | Self::Number(text) => Some(Arc::clone(text)),
            Self::Integer(number) => Some(number.to_string().into()),
            _ => None,
        }
    }

    /// Borrowed text, when it is text.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A finite number.
    #[must_use]
    pub fn number(&self) -> Option<f64> {
        match self {
            // Above 2^53 the nearest one; no score is that large.
            Self::Integer(number) => number.to_string().parse().ok(),
            Self::Number(text) => decimal(text),
            _ => None,
        }
    }

    /// Whether there is nothing in it: null, or empty text, list or mapping.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Text(text) => text.trim().is_empty(),
            Self::List(items) => items.is_empty(),
            Self::Map(fields) => fields.is_empty(),
            _ => false,
        }
    }

    /// The items of a list; a single value stands for a list of one, and null for none.
    #[must_use]
    pub fn items(&self) -> &[Self] {
        match self {
            Self::Null => &[],
            Self::List(items) => items,
            single => std::slice::from_ref(single),
        }
    }
}

impl Fields {
    pub(crate) fn new(fields: Vec<(Text, Value)>) -> Self {
        Self(fields.into_boxed_slice())
    }

    /// These fields with others in their places, or behind them; what is changed to nothing is left out.
    #[must_use]
    pub fn with(&self, changes: &[(Text, Option<Value>)]) -> Self {
        let mut all = self.0.to_vec();
        for (name, value) in changes {
            let known = all.iter_mut().find(|(field, _)| field == name);
            match (known, value) {
                (Some((_, old)), Some(new)) => *old = new.clone(),
                (None, Some(new)) => all.push((name.clone(), new.clone())),
                (_, None) => all.retain(|(field, _)| field != name),
            }
        }
        Self::new(all)
    }

    /// The value of a field.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0
            .iter()
            .find(|(field, _)| **field == *name)
            .map(|(_, value)| value)
    }

    /// A field's text, or what a number in it was written as.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<Text> {
        self.get(name)?.text()
    }

    /// The texts in a field that may be a list or a single value.
    pub fn texts(&self, name: &str) -> impl Iterator<Item = Text> + '_ {
        self.get(name)
            .map_or(&[][..], Value::items)
            .iter()
            .filter_map(Value::text)
    }

    /// The mapping in a field.
    #[must_use]
    pub fn map(&self, name: &str) -> Option<&Self> {
        match self.get(name)? {
            Value::Map(fields) => Some(fields),
            _ => None,
        }
    }

    /// Each field, in the order in which it was written.
    pub fn iter(&self) -> impl Iterator<Item = (&Text, &Value)> {
        self.0.iter().map(|(name, value)| (name, value))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Of two with one name, the last one counts, in the place of the first.
impl FromIterator<(Text, Value)> for Fields {
    fn from_iter<I: IntoIterator<Item = (Text, Value)>>(fields: I) -> Self {
        let changes: Vec<_> = fields.into_iter().map(|(name, value)| (name, Some(value))).collect();
        Self::default().with(&changes)
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_map().entries(self.iter()).finish()
    }
}

/// A decimal number that is finite, as JSON has them.
pub(crate) fn decimal(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => to.serialize_unit(),
            Self::Bool(value) => to.serialize_bool(*value),
            Self::Integer(value) => to.serialize_i64(*value),
            Self::Number(text) => match decimal(text) {
                Some(number) => to.serialize_f64(number),
                None => to.serialize_str(text),
            },
            Self::Text(text) => to.serialize_str(text),
            Self::List(items) => to.collect_seq(items),
            Self::Map(fields) => fields.serialize(to),
        }
    }
}

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(self.len()))?;
        for (name, value) in self.iter() {
            map.serialize_entry(&**name, value)?;
        }
        map.end()
    }
}

/// Keeps one copy of each short text: names of fields, statuses, ids and dates stand in thousands of notes.
#[derive(Debug, Default)]
pub struct Words(HashSet<Text>);

/// Longer texts are seldom written twice.
const LONGEST_WORD: usize = 48;

impl Words {
    /// The text, shared with whoever had it before.
    pub fn share(&mut self, text: &str) -> Text {
        if text.len() > LONGEST_WORD {
            return text.into();
        }
        if let Some(known) = self.0.get(text) {
            return Arc::clone(known);
        }
        let new: Text = text.into();
        self.0.insert(Arc::clone(&new));
        new
    }
}

/// In NFC, which is how names are compared.
pub(crate) fn nfc(text: &Text) -> Text {
    if is_nfc(text) {
        Arc::clone(text)
    } else {
        text.nfc().collect::<String>().into()
    }
}
