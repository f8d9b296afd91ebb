//! Reads JSON text into a type and says in the client's words what is wrong and where.
//!
//! The text is read once, into a tree that refuses what readers disagree about; the type is then filled from the tree.

use {
    crate::problem::Problem,
    portreeve_kernel::Code,
    serde::{
        Deserializer,
        de::{DeserializeOwned, DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor},
    },
    serde_json::{Map, Number, Value},
    std::fmt,
};

/// How many objects and arrays may stand inside one another.
pub const MAX_DEPTH: usize = 32;

/// Reads `bytes` as one JSON document of type `T`.
///
/// # Errors
/// `VALIDATION_*` with the failing field in `param`: duplicate keys, unknown and missing fields, wrong types and
/// variants, a byte order mark, trailing data, more than [`MAX_DEPTH`] levels.
pub fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let malformed = |detail: String| Problem::new(Code::ValidationInvalidFormat).detail(detail);
    if bytes.starts_with(b"\xEF\xBB\xBF") {
        return Err(malformed("the body starts with a byte order mark".into()));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let tree = Tree { room: MAX_DEPTH }
        .deserialize(&mut reader)
        .and_then(|tree| reader.end().map(|()| tree))
        .map_err(|error| malformed(error.to_string()))?;
    fill(tree)
}

/// Fills `T` from anything that deserializes; shared with the query string.
pub(crate) fn fill<'de, T: DeserializeOwned, D: Deserializer<'de>>(from: D) -> Result<T, Problem>
where
    D::Error: fmt::Display,
{
    let mut unknown = None;
    let mut note = |path: serde_ignored::Path<'_>| {
        unknown.get_or_insert_with(|| path.to_string());
    };
    let filled =
        serde_path_to_error::deserialize(serde_ignored::Deserializer::new(from, &mut note)).map_err(|error| {
            let path = error.path().to_string();
            told(&path, &error.into_inner().to_string())
        })?;
    unknown.map_or(Ok(filled), |path| Err(unknown_field(path)))
}

fn unknown_field(path: String) -> Problem {
    Problem::new(Code::ValidationInvalidFormat)
        .detail(format_args!("unknown field `{path}`"))
        .param(path)
}

/// Turns serde's message into code, detail and param. The messages are those of `serde::de::Error`'s provided methods.
fn told(path: &str, message: &str) -> Problem {
    let parent = if path == "." { "" } else { path };
    let named = |start: &str| {
        let name = message.strip_prefix(start)?.split('`').next()?;
        Some(if parent.is_empty() {
            name.to_owned()
        } else {
            format!("{parent}.{name}")
        })
    };
    if let Some(field) = named("missing field `") {
        return Problem::new(Code::ValidationRequiredField)
            .detail(format_args!("`{field}` is missing"))
            .param(field);
    }
    if message.starts_with("unknown field `") {
        return Problem::new(Code::ValidationInvalidFormat)
            .detail(message)
            .param(parent);
    }
    let code = if message.starts_with("unknown variant `") {
        Code::ValidationInvalidEnum
    } else {
        Code::ValidationInvalidFormat
    };
    let problem = Problem::new(code).detail(message);
    if parent.is_empty() {
        problem
    } else {
        problem.param(parent)
    }
}

/// Builds a [`Value`] and refuses what [`Value`] itself would swallow.
#[derive(Clone, Copy)]
struct Tree {
    room: usize,
}

impl Tree {
    fn inner<E: serde::de::Error>(self) -> Result<Self, E> {
        let room = self
            .room
            .checked_sub(1)
            .ok_or_else(|| E::custom(format_args!("more than {MAX_DEPTH} levels of nesting")))?;
        Ok(Self { room })
    }
}

impl<'de> DeserializeSeed<'de> for Tree {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Tree {
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

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
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
        let inner = self.inner()?;
        let mut all = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            all.push(item);
        }
        Ok(Value::Array(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut all = Map::new();
        while let Some(name) = fields.next_key::<String>()? {
            if all.contains_key(&name) {
                return Err(A::Error::custom(format_args!("`{name}` stands twice in one object")));
            }
            let value = fields.next_value_seed(inner)?;
            all.insert(name, value);
        }
        Ok(Value::Object(all))
    }
}

#[cfg(test)]
mod tests {
    use {super::*, serde::Deserialize, std::collections::BTreeMap};

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Order {
        to: String,
        #[serde(default)]
        limits: BTreeMap<String, u32>,
        speed: Option<Speed>,
        inner: Option<Inner>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Speed {
        Slow,
        Fast,
    }

    /// The second struct says it itself, which must give the same answer.
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Inner {
        many: Vec<u8>,
    }

    fn refused(text: &str) -> (String, String, String) {
        let problem = from_slice::<Order>(text.as_bytes()).unwrap_err();
        let told: Value = serde_json::from_slice(&problem.document(None, None)).unwrap();
        let member = |name: &str| told.get(name).and_then(Value::as_str).unwrap_or("").to_owned();
        (member("code"), member("param"), member("detail"))
    }

    #[test]
    fn a_good_document_is_read() {
        let order: Order = from_slice(br#"{"to":"x","limits":{"a":1},"speed":"fast","inner":{"many":[1,2]}}"#).unwrap();
        assert_eq!(order.limits["a"], 1);
        assert_eq!(order.speed, Some(Speed::Fast));
    }

    #[test]
    fn what_is_wrong_and_where_is_told() {
        for (text, code, param) in [
            (r#"{}"#, "VALIDATION_REQUIRED_FIELD", "to"),
            (r#"{"to":"x","inner":{}}"#, "VALIDATION_REQUIRED_FIELD", "inner.many"),
            (r#"{"to":7}"#, "VALIDATION_INVALID_FORMAT", "to"),
            (r#"{"to":null}"#, "VALIDATION_INVALID_FORMAT", "to"),
            (
                r#"{"to":"x","limits":{"a":-1}}"#,
                "VALIDATION_INVALID_FORMAT",
                "limits.a",
            ),
            (
                r#"{"to":"x","inner":{"many":[1,300]}}"#,
                "VALIDATION_INVALID_FORMAT",
                "inner.many[1]",
            ),
            (r#"{"to":"x","speed":"warp"}"#, "VALIDATION_INVALID_ENUM", "speed"),
            (r#"{"to":"x","memo":1}"#, "VALIDATION_INVALID_FORMAT", "memo"),
            (
                r#"{"to":"x","inner":{"many":[],"memo":{}}}"#,
                "VALIDATION_INVALID_FORMAT",
                "inner.memo",
            ),
            (r#"[]"#, "VALIDATION_INVALID_FORMAT", ""),
            (r#"{"to":"x"} {}"#, "VALIDATION_INVALID_FORMAT", ""),
            (r#"{"to":"x",}"#, "VALIDATION_INVALID_FORMAT", ""),
            ("\u{feff}{\"to\":\"x\"}", "VALIDATION_INVALID_FORMAT", ""),
            ("", "VALIDATION_INVALID_FORMAT", ""),
        ] {
            let told = refused(text);
            assert_eq!((told.0.as_str(), told.1.as_str()), (code, param), "{text}: {}", told.2);
        }
    }

    #[test]
    fn an_unknown_field_is_refused_even_by_a_type_that_would_ignore_it() {
        assert!(refused(r#"{"to":"x","memo":1}"#).2.contains("memo"));
    }

    #[test]
    fn duplicate_keys_are_refused_at_any_depth() {
        for text in [
            r#"{"to":"x","to":"y"}"#,
            r#"{"to":"x","limits":{"a":1,"a":2}}"#,
            r#"{"to":"x","memo":[{"a":[{"b":1,"b":1}]}]}"#,
            r#"{"to":"x","t\u006f":"y"}"#,
        ] {
            assert!(refused(text).2.contains("stands twice"), "{text}");
        }
    }

    #[test]
    fn thirty_two_levels_are_read_and_the_thirty_third_is_refused() {
        let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        assert!(from_slice::<Value>(nested(MAX_DEPTH).as_bytes()).is_ok());
        assert!(from_slice::<Value>(nested(MAX_DEPTH + 1).as_bytes()).is_err());
        assert!(from_slice::<Value>("[".repeat(60_000).as_bytes()).is_err());
    }

    #[test]
    fn bytes_that_are_no_utf_8_are_refused() {
        assert!(from_slice::<Value>(b"\"\xFF\"").is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..64)) {
            let _ = from_slice::<Order>(&bytes);
        }
    }
}
