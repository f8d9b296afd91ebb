//! The endpoints of credentials and tokens with the types of what they take and answer, in Markdown. All of it is read
//! from the description of the API, so it says what `/openapi.json` says.

use {
    serde_json::{Map, Value},
    std::{collections::BTreeSet, fmt::Write as _},
};

/// The groups of operations that it is about.
const TAGS: [&str; 2] = ["keys", "oauth"];

/// Where types are, and what a reference to one begins with.
const SCHEMAS: &str = "/components/schemas";

/// Names of types that are pages of others.
const PAGE_OF: &str = "Page_";

/// The refusal of everything else, which has pages of its own.
const PROBLEM: &str = "Problem";

/// What is told of one operation.
struct Operation<'a> {
    call: String,
    scopes: Vec<&'a str>,
    takes: Option<&'a str>,
    is_form: bool,
    answers: Vec<String>,
    about: &'a str,
    types: Vec<&'a str>,
}

/// The table of operations, and a table for each type they use.
// Writing to a String does not fail.
pub(super) fn section(api: &Value) -> String {
    let operations = operations(api);
    let mut page =
        "### Endpoints\n\n| call | scope | takes | answers | what it does |\n|---|---|---|---|---|\n".to_owned();
    for one in &operations {
        let takes = one.takes.map_or_else(
            || "–".to_owned(),
            |name| {
                let form = if one.is_form { ", a form" } else { "" };
                format!("{}{form}", link(name))
            },
        );
        let scopes: Vec<String> = one.scopes.iter().map(|scope| format!("`{scope}`")).collect();
        let scopes = if scopes.is_empty() {
            "–".to_owned()
        } else {
            scopes.join(" ")
        };
        let answers = one.answers.join("; ");
        let _ = writeln!(
            page,
            "| `{}` | {scopes} | {takes} | {answers} | {} |",
            one.call,
            cell(one.about)
        );
    }
    page.push_str("\n### Types\n");
    for name in used(api, operations.iter().flat_map(|one| one.types.iter().copied())) {
        if let Some(schema) = api.pointer(&format!("{SCHEMAS}/{name}")) {
            let _ = write!(
                page,
                "\n#### `{name}`\n\n{}\n",
                text(schema, "description").replace('\n', " ")
            );
            describe(&mut page, schema);
        }
    }
    page
}

fn operations(api: &Value) -> Vec<Operation<'_>> {
    let mut found = Vec::new();
    for (path, methods) in members(api.get("paths")) {
        for (method, operation) in members(Some(methods)) {
            let tags = list(operation.get("tags"));
            if tags
                .iter()
                .filter_map(|tag| tag.as_str())
                .any(|tag| TAGS.contains(&tag))
            {
                found.push(read(format!("{} {path}", method.to_uppercase()), operation));
            }
        }
    }
    found
}

fn read(call: String, operation: &Value) -> Operation<'_> {
    let scopes = list(operation.get("security"))
        .iter()
        .filter_map(|way| way.get("bearer"));
    let scopes = scopes.flat_map(|scopes| list(Some(scopes))).filter_map(Value::as_str);
    let (mut takes, mut is_form) = (None, false);
    for (kind, body) in members(operation.pointer("/requestBody/content")) {
        takes = type_of(body);
        is_form = kind.contains("form");
    }
    let mut types: Vec<&str> = takes.into_iter().collect();
    let mut answers = Vec::new();
    for (status, answer) in members(operation.get("responses")) {
        let content = members(answer.get("content")).next().map(|(_, content)| content);
        let of = content.and_then(type_of);
        types.extend(of);
        if status.starts_with('2') {
            answers.push(match (of, content) {
                (Some(name), _) => format!("{status}, {}", link(name)),
                (None, Some(_)) => format!("{status}, {}", cell(text(answer, "description"))),
                (None, None) => status.clone(),
            });
        }
    }
    Operation {
        call,
        scopes: scopes.collect(),
        takes,
        is_form,
        answers,
        about: text(operation, "summary"),
        types,
    }
}

/// The names, and all that they refer to; a page stands for what is on it.
fn used<'a>(api: &'a Value, from: impl Iterator<Item = &'a str>) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut open: Vec<&str> = from.collect();
    while let Some(name) = open.pop() {
        let name = name.strip_prefix(PAGE_OF).unwrap_or(name);
        if name != PROBLEM
            && found.insert(name)
            && let Some(schema) = api.pointer(&format!("{SCHEMAS}/{name}"))
        {
            references(schema, &mut open);
        }
    }
    found
}

fn references<'a>(schema: &'a Value, found: &mut Vec<&'a str>) {
    found.extend(reference(schema));
    match schema {
        Value::Object(members) => members.values().for_each(|inner| references(inner, found)),
        Value::Array(items) => items.iter().for_each(|inner| references(inner, found)),
        _ => {}
    }
}

/// What a type is made of: other types, words, or fields.
fn describe(page: &mut String, schema: &Value) {
    for part in list(schema.get("allOf")) {
        match reference(part) {
            Some(name) => {
                let _ = write!(page, "\nAll of {}, and:\n", link(name));
            }
            None => describe(page, part),
        }
    }
    let words: Vec<String> = list(schema.get("enum"))
        .iter()
        .map(|word| format!("`{}`", plain(word)))
        .collect();
    if !words.is_empty() {
        let _ = write!(page, "\nOne of {}.\n", words.join(", "));
    }
    let required: Vec<&str> = list(schema.get("required")).iter().filter_map(Value::as_str).collect();
    let rows: Vec<String> = members(schema.get("properties"))
        .map(|(name, field)| {
            let optional = if required.contains(&name.as_str()) {
                ""
            } else {
                ", optional"
            };
            format!(
                "| `{name}` | {}{optional} | {} |",
                kind(field),
                cell(text(field, "description"))
            )
        })
        .collect();
    if !rows.is_empty() {
        let _ = write!(
            page,
            "\n| field | type | what it is |\n|---|---|---|\n{}\n",
            rows.join("\n")
        );
    }
}

/// The type of a field, in words.
fn kind(field: &Value) -> String {
    if let Some(name) = reference(field) {
        return link(name);
    }
    // A type that may be left out is one of nothing and that type.
    let either = list(field.get("oneOf")).iter().find_map(reference);
    if let Some(name) = either {
        return link(name);
    }
    let several = list(field.get("type"))
        .iter()
        .filter_map(Value::as_str)
        .find(|name| *name != "null");
    let one = field.get("type").and_then(Value::as_str).or(several).unwrap_or("any");
    match (one, field.get("format").and_then(Value::as_str), field.get("items")) {
        ("array", _, Some(items)) => format!("list of {}", kind(items)),
        (_, Some("date-time"), _) => "time".to_owned(),
        _ => one.to_owned(),
    }
}

/// The name of the type that the content of a body or an answer has.
fn type_of(content: &Value) -> Option<&str> {
    let schema = content.get("schema")?;
    // One that may be left out is either null or that.
    reference(schema).or_else(|| list(schema.get("oneOf")).iter().find_map(reference))
}

fn reference(schema: &Value) -> Option<&str> {
    let to = schema.get("$ref")?.as_str()?;
    to.strip_prefix('#')?.strip_prefix(SCHEMAS)?.strip_prefix('/')
}

fn link(name: &str) -> String {
    match name.strip_prefix(PAGE_OF) {
        Some(of) => format!("a page of {}", link(of)),
        None if name == PROBLEM => format!("`{name}`"),
        None => format!("[`{name}`](#{})", name.to_lowercase()),
    }
}

fn members(of: Option<&Value>) -> impl Iterator<Item = (&String, &Value)> {
    of.and_then(Value::as_object).into_iter().flat_map(Map::iter)
}

fn list(of: Option<&Value>) -> &[Value] {
    of.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn text<'a>(of: &'a Value, name: &str) -> &'a str {
    of.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn plain(word: &Value) -> String {
    word.as_str().map_or_else(|| word.to_string(), str::to_owned)
}

/// In a table a line is a row, and a bar ends a cell.
fn cell(text: &str) -> String {
    text.replace('\n', " ").replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use {super::*, serde_json::json};

    fn api() -> Value {
        json!({
            "paths": {
                "/things": {
                    "get": {
                        "tags": ["keys"], "summary": "List.", "security": [{"bearer": ["a:read"]}],
                        "responses": {
                            "200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Page_Thing"}}}},
                            "401": {"content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}},
                        },
                    },
                    "post": {
                        "tags": ["oauth"], "summary": "Ask.", "security": [{}],
                        "requestBody": {"content": {"application/x-www-form-urlencoded": {"schema": {"$ref": "#/components/schemas/Form"}}}},
                        "responses": {"204": {"description": "Done"}},
                    },
                },
                "/others": {"get": {"tags": ["agents"], "summary": "Not of these.", "responses": {}}},
            },
            "components": {"schemas": {
                "Thing": {"description": "A thing.", "allOf": [
                    {"$ref": "#/components/schemas/Base"},
                    {"type": "object", "required": ["colour"], "properties": {
                        "colour": {"$ref": "#/components/schemas/Colour", "description": "Red | blue."},
                        "seen": {"type": ["string", "null"], "format": "date-time"},
                    }},
                ]},
                "Base": {"description": "What all have.", "properties": {"names": {"type": "array", "items": {"type": "string"}}}},
                "Colour": {"description": "A colour.", "enum": ["red", "blue"]},
                "Form": {"description": "A form.", "properties": {}},
                "Problem": {"description": "A refusal."},
                "Unused": {"description": "Of somebody else."},
            }},
        })
    }

    #[test]
    fn an_operation_says_what_it_needs_takes_and_answers() {
        let page = section(&api());
        for row in [
            "| `GET /things` | `a:read` | – | 200, a page of [`Thing`](#thing) | List. |",
            "| `POST /things` | – | [`Form`](#form), a form | 204 | Ask. |",
        ] {
            assert!(page.contains(row), "{page}");
        }
        assert!(!page.contains("/others"), "{page}");
    }

    #[test]
    fn every_type_that_is_used_is_described_with_what_it_is_made_of() {
        let page = section(&api());
        for piece in [
            "#### `Thing`\n\nA thing.\n\nAll of [`Base`](#base), and:\n",
            "| `colour` | [`Colour`](#colour) | Red \\| blue. |",
            "| `seen` | time, optional |",
            "| `names` | list of string, optional |",
            "#### `Colour`\n\nA colour.\n\nOne of `red`, `blue`.\n",
        ] {
            assert!(page.contains(piece), "{piece}\n{page}");
        }
        assert!(!page.contains("Unused") && !page.contains("#### `Problem`"), "{page}");
    }
}
