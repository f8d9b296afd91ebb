//! Reads JSON text into a type and says in the client's words what is wrong and where.
//!
//! The text is read once, into a tree that refuses what readers disagree about; the type is then filled from the tree.

use {
    super::{
        fault::Fault,
        tree::{self, Unread},
        value::Strict,
    },
    crate::problem::Problem,
    portreeve_kernel::Code,
    serde::{Deserializer, de::DeserializeOwned},
    serde_json::{Value, error::Category},
};

/// Reads `bytes` as one JSON document of type `T`.
///
/// # Errors
/// `VALIDATION_*` with the failing field in `param`: duplicate keys, unknown and missing fields, wrong types and
/// variants, a byte order mark, trailing data, more than [`super::MAX_DEPTH`] levels.
pub fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let malformed = |detail: &str| Problem::new(Code::ValidationInvalidFormat).detail(detail);
    if bytes.trim_ascii().is_empty() {
        return Err(malformed("there is nothing; a JSON object is expected"));
    }
    if bytes.starts_with(b"\xEF\xBB\xBF") {
        return Err(malformed(
            "it starts with a byte order mark; leave out the bytes EF BB BF",
        ));
    }
    if let Err(error) = str::from_utf8(bytes) {
        let place = error.valid_up_to();
        return Err(malformed(&format!("from byte {place} on it is not UTF-8")));
    }
    fill(Strict(tree::read(bytes).map_err(told)?))
}

/// Reads a tree that [`from_slice`] or another reader has made, as strictly, as a `T`.
///
/// # Errors
/// `VALIDATION_*` with the failing field in `param`.
pub fn from_value<T: DeserializeOwned>(value: Value) -> Result<T, Problem> {
    fill(Strict(value))
}

/// What the reader of the text complains about.
fn told(unread: Unread) -> Problem {
    let Unread { cause, place } = unread;
    let problem = Problem::new(Code::ValidationInvalidFormat);
    let problem = match cause.classify() {
        Category::Data => problem.detail(&cause),
        Category::Syntax | Category::Eof | Category::Io => problem.detail(format_args!("this is no JSON: {cause}")),
    };
    match place {
        Some(place) => problem.param(place),
        None => problem,
    }
}

/// Fills `T` from anything that deserializes; shared with the query string.
pub(crate) fn fill<'de, T: DeserializeOwned, D: Deserializer<'de, Error = Fault>>(from: D) -> Result<T, Problem> {
    let mut unknown = None;
    let mut note = |path: serde_ignored::Path<'_>| {
        unknown.get_or_insert_with(|| path.to_string());
    };
    let filled = serde_path_to_error::deserialize(serde_ignored::Deserializer::new(from, &mut note))
        .map_err(|error| located(&error.path().to_string(), error.into_inner()))?;
    unknown.map_or(Ok(filled), |path| {
        Err(Problem::new(Code::ValidationInvalidFormat)
            .detail(format_args!("unknown field `{path}`"))
            .param(path))
    })
}

/// A fault at `path`, where `.` is the whole.
fn located(path: &str, fault: Fault) -> Problem {
    let parent = if path == "." { "" } else { path };
    let Fault { code, said, missing } = fault;
    let problem = Problem::new(code);
    match missing {
        Some(field) => {
            let field = match parent {
                "" => field.to_owned(),
                parent => format!("{parent}.{field}"),
            };
            problem.detail(format_args!("`{field}` is missing")).param(field)
        }
        None if parent.is_empty() => problem.detail(said),
        None => problem.detail(said).param(parent),
    }
}

#[cfg(test)]
mod tests {
    use {super::*, crate::json::MAX_DEPTH, serde::Deserialize, std::collections::BTreeMap};

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
        assert_eq!(order.inner, Some(Inner { many: vec![1, 2] }));
        let order: Order = from_slice(br#"{"to":"x","speed":null,"inner":null}"#).unwrap();
        assert_eq!((order.speed, order.inner), (None, None));
    }

    #[test]
    fn what_is_wrong_and_where_is_told() {
        let (format, range) = ("VALIDATION_INVALID_FORMAT", "VALIDATION_OUT_OF_RANGE");
        for (text, code, param) in [
            (r#"{}"#, "VALIDATION_REQUIRED_FIELD", "to"),
            (r#"{"to":"x","inner":{}}"#, "VALIDATION_REQUIRED_FIELD", "inner.many"),
            (r#"{"to":7}"#, format, "to"),
            (r#"{"to":null}"#, format, "to"),
            (r#"{"to":"x","limits":{"a":-1}}"#, range, "limits.a"),
            (r#"{"to":"x","limits":{"a":1.5}}"#, format, "limits.a"),
            (r#"{"to":"x","limits":{"a":"1"}}"#, format, "limits.a"),
            (r#"{"to":"x","inner":{"many":[1,300]}}"#, range, "inner.many[1]"),
            (r#"{"to":"x","speed":"warp"}"#, "VALIDATION_INVALID_ENUM", "speed"),
            (r#"{"to":"x","speed":1}"#, format, "speed"),
            (r#"{"to":"x","memo":1}"#, format, "memo"),
            (r#"{"to":"x","inner":{"many":[],"memo":{}}}"#, format, "inner.memo"),
            (r#"[]"#, format, ""),
            (r#"{"to":"x"} {}"#, format, ""),
            (r#"{"to":"x",}"#, format, ""),
            ("\u{feff}{\"to\":\"x\"}", format, ""),
            ("", format, ""),
        ] {
            let told = refused(text);
            assert_eq!((told.0.as_str(), told.1.as_str()), (code, param), "{text}: {}", told.2);
        }
    }

    #[test]
    fn what_has_names_is_not_read_from_a_list() {
        assert!(refused(r#"["x",{},null,null]"#).2.starts_with("an object is expected"));
        let inner = refused(r#"{"to":"x","inner":[[1]]}"#);
        assert_eq!(
            (inner.1.as_str(), inner.2.as_str()),
            ("inner", "an object is expected, not an array")
        );
    }

    #[test]
    fn an_unknown_field_is_refused_even_by_a_type_that_would_ignore_it() {
        assert!(refused(r#"{"to":"x","memo":1}"#).2.contains("memo"));
    }

    #[test]
    fn duplicate_keys_are_refused_at_any_depth_and_named() {
        for (text, param) in [
            (r#"{"to":"x","to":"y"}"#, "to"),
            (r#"{"to":"x","limits":{"a":1,"a":2}}"#, "limits.a"),
            (r#"{"to":"x","memo":[1,{"a":[{"b":1,"b":1}]}]}"#, "memo[1].a[0].b"),
            (r#"{"to":"x","t\u006f":"y"}"#, "to"),
        ] {
            let told = refused(text);
            assert!(told.2.contains("stands twice"), "{text}");
            assert_eq!(told.1, param, "{text}");
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
