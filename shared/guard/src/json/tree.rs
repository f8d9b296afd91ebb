//! Reads JSON text into a [`Value`] and refuses what [`Value`] itself would swallow: a name that stands twice, and
//! nesting without end. Says where.

use {
    serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor},
    serde_json::{Map, Number, Value},
    std::{cell::RefCell, fmt},
};

/// How many objects and arrays may stand inside one another.
pub const MAX_DEPTH: usize = 32;

/// Why a text is not read, and at which place in it.
#[derive(Debug)]
pub(super) struct Unread {
    pub(super) cause: serde_json::Error,
    /// Such as `limits.daily`; `None` when it is about the text as a whole.
    pub(super) place: Option<String>,
}

/// The one document in `bytes`.
pub(super) fn read(bytes: &[u8]) -> Result<Value, Unread> {
    let place = RefCell::new(None);
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let tree = Tree {
        room: MAX_DEPTH,
        here: None,
        place: &place,
    };
    let read = tree
        .deserialize(&mut reader)
        .and_then(|tree| reader.end().map(|()| tree));
    read.map_err(|cause| Unread {
        cause,
        place: place.take(),
    })
}

/// One step on the way from the whole to a part of it.
#[derive(Clone, Copy)]
enum Step<'a> {
    Name(&'a str),
    Index(usize),
}

/// Where a value stands: the last step, and those before it.
#[derive(Clone, Copy)]
struct Place<'a> {
    step: Step<'a>,
    before: Option<&'a Place<'a>>,
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(before) = self.before {
            before.fmt(f)?;
        }
        match (self.step, self.before) {
            (Step::Name(name), None) => f.write_str(name),
            (Step::Name(name), Some(_)) => write!(f, ".{name}"),
            (Step::Index(index), _) => write!(f, "[{index}]"),
        }
    }
}

/// One value that is about to be read.
#[derive(Clone, Copy)]
struct Tree<'a> {
    room: usize,
    here: Option<&'a Place<'a>>,
    /// Where the place of a fault is left.
    place: &'a RefCell<Option<String>>,
}

impl<'a> Tree<'a> {
    fn within<'b>(&self, room: usize, here: &'b Place<'b>) -> Tree<'b>
    where
        'a: 'b,
    {
        Tree {
            room,
            here: Some(here),
            place: self.place,
        }
    }

    /// How much room is left inside an array or object.
    fn enter<E: Error>(&self) -> Result<usize, E> {
        self.room.checked_sub(1).ok_or_else(|| {
            self.place.replace(self.here.map(ToString::to_string));
            E::custom(format_args!("more than {MAX_DEPTH} levels of nesting"))
        })
    }
}

impl<'de> DeserializeSeed<'de> for Tree<'_> {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Tree<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let room = self.enter()?;
        let mut all = Vec::new();
        loop {
            let here = Place {
                step: Step::Index(all.len()),
                before: self.here,
            };
            match items.next_element_seed(self.within(room, &here))? {
                Some(item) => all.push(item),
                None => return Ok(Value::Array(all)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let room = self.enter()?;
        let mut all = Map::new();
        while let Some(name) = fields.next_key::<String>()? {
            let here = Place {
                step: Step::Name(&name),
                before: self.here,
            };
            if all.contains_key(&name) {
                self.place.replace(Some(here.to_string()));
                return Err(A::Error::custom("the same name stands twice in one object"));
            }
            let value = fields.next_value_seed(self.within(room, &here))?;
            all.insert(name, value);
        }
        Ok(Value::Object(all))
    }
}
