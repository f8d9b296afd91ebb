//! What a write changes, for the audit log.

use {
    portreeve_notes::{Fields, Value},
    serde_json::{Map, Value as Json, json},
};

/// Characters of a value that are kept.
const KEPT: usize = 500;

/// Each field that differs, with what it was and what it is: `{"status": {"old": "todo", "new": "done"}}`.
pub(super) fn diff(old: &Fields, new: &Fields, body: Option<(&str, &str)>) -> Json {
    let mut all = Map::new();
    let names = old.iter().chain(new.iter()).map(|(name, _)| name);
    for name in names {
        let (was, is) = (old.get(name), new.get(name));
        if was != is {
            all.insert(name.to_string(), json!({"old": was.map(shown), "new": is.map(shown)}));
        }
    }
    if let Some((was, is)) = body.filter(|(was, is)| was != is) {
        all.insert(super::BODY.to_owned(), json!({"old": cut(was), "new": cut(is)}));
    }
    Json::Object(all)
}

/// Short values are kept as they are, long ones as the beginning of their text.
fn shown(value: &Value) -> Json {
    match value {
        Value::Text(text) => cut(text).into(),
        value => {
            let whole = serde_json::to_value(value).unwrap_or(Json::Null);
            let text = whole.to_string();
            if text.chars().nth(KEPT).is_none() {
                whole
            } else {
                cut(&text).into()
            }
        }
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(KEPT) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(all: &[(&str, Value)]) -> Fields {
        all.iter()
            .map(|(name, value)| ((*name).into(), value.clone()))
            .collect()
    }

    #[test]
    fn only_what_differs_is_told_and_long_values_are_cut() {
        let text = |text: &str| Value::Text(text.into());
        let old = fields(&[("a", text("x")), ("b", Value::Integer(1)), ("c", text("same"))]);
        let new = fields(&[
            ("a", text(&"가".repeat(501))),
            ("c", text("same")),
            ("d", Value::List([text("y")].into())),
        ]);
        let told = diff(&old, &new, Some(("one", "two")));
        assert_eq!(
            told,
            json!({
                "a": {"old": "x", "new": format!("{}…", "가".repeat(500))},
                "b": {"old": 1, "new": null},
                "d": {"old": null, "new": ["y"]},
                "body": {"old": "one", "new": "two"},
            })
        );
        assert_eq!(diff(&old, &old, Some(("one", "one"))), json!({}));
    }
}
