//! A note as one text: its front matter, as far as it is shown, and its Markdown.
//!
//! What must stay true: what stands there is what [`crate::shown`] shows. So the front matter is written from that, and not
//! copied from the file; each value is written as JSON, which is YAML, too.

use {
    crate::shown::NoteView,
    portreeve_guard::Problem,
    std::{borrow::Cow, fmt::Write},
};

/// Words that YAML takes for something else than text, in some revision of it.
const WORDS: &[&str] = &["null", "true", "false", "yes", "no", "on", "off", "y", "n"];

/// The note whose view this is.
pub(super) fn markdown(view: &NoteView) -> Result<String, Problem> {
    let mut text = String::new();
    for (name, value) in view.fields.iter() {
        let value = serde_json::to_string(value).map_err(Problem::internal)?;
        writeln!(text, "{}: {value}", key(name)?).map_err(Problem::internal)?;
    }
    let body = view.text.as_ref().map(|text| text.body.as_str()).unwrap_or_default();
    if text.is_empty() {
        return Ok(body.to_owned());
    }
    Ok(format!("---\n{text}---\n{body}"))
}

/// A field's name, in quotes when it could be read as something else.
fn key(name: &str) -> Result<Cow<'_, str>, Problem> {
    let is_plain = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !WORDS.contains(&name.to_ascii_lowercase().as_str());
    if is_plain {
        return Ok(name.into());
    }
    serde_json::to_string(name).map(Cow::from).map_err(Problem::internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_could_be_something_else_is_quoted() {
        for (name, written) in [
            ("status", "status"),
            ("conditions_3y", "conditions_3y"),
            ("No", "\"No\""),
            ("3y", "\"3y\""),
            ("a: b", "\"a: b\""),
            ("가", "\"가\""),
            ("a\"b", "\"a\\\"b\""),
        ] {
            assert_eq!(key(name).unwrap(), written);
        }
    }
}
