//! Schemas that say what others say in fewer characters: a model reads the list of tools whole, each time, and pays for it.
//!
//! What must stay true: each member keeps its name and its type, and has to be there where it had to. What goes are words, how
//! numbers are kept, that counts are not negative, and that an argument may be null, which says as much as to leave it out.

use {
    super::schema::{IN_SCHEMA, JsonObject},
    serde_json::Value,
    std::collections::BTreeMap,
};

/// Where others stand that a schema refers to.
const DEFS: &str = "$defs";

/// Members of a schema that are schemas by name.
const BY_NAME: [&str; 2] = ["properties", DEFS];

/// Members of a schema that are values, in which nothing is a schema.
const VALUES: [&str; 5] = ["const", "default", "enum", "examples", "required"];

/// The schema of arguments: its words stay, because a model has no others.
pub(super) fn arguments(mut schema: JsonObject) -> JsonObject {
    // What the tool does is told by the tool.
    schema.remove("description");
    brief(schema, &|schema| {
        forget(schema, &["examples"]);
        let Value::Object(members) = schema else { return };
        let one = match members.get("type").and_then(Value::as_array).map(Vec::as_slice) {
            Some([one, null]) if *null == "null" => one.clone(),
            _ => return,
        };
        members.insert("type".to_owned(), one);
    })
}

/// The schema of an answer: what its members are called has to say what they are.
pub(super) fn answer(schema: JsonObject) -> JsonObject {
    brief(schema, &|schema| {
        forget(schema, &["description", "examples", "title"]);
        if let Value::Object(members) = schema
            && members.get("minimum").is_some_and(|least| *least == 0)
        {
            members.remove("minimum");
        }
    })
}

fn brief(mut whole: JsonObject, forget: &dyn Fn(&mut Value)) -> JsonObject {
    let mut defs = match whole.remove(DEFS) {
        Some(Value::Object(defs)) => defs,
        _ => JsonObject::new(),
    };
    let mut whole = Value::Object(whole);
    // What is meant in one place stands there.
    loop {
        let once = once(&mut defs, &mut whole);
        if once.is_empty() {
            break;
        }
        defs.retain(|name, _| !once.contains_key(name));
        for schema in defs.values_mut().chain([&mut whole]) {
            each(schema, &mut |schema| inline(schema, &once));
        }
    }
    for schema in defs.values_mut().chain([&mut whole]) {
        each(schema, &mut merge);
        each(schema, &mut |schema| forget(schema));
    }
    let Value::Object(mut whole) = whole else {
        return JsonObject::new();
    };
    if !defs.is_empty() {
        whole.insert(DEFS.to_owned(), defs.into());
    }
    whole
}

/// Those that are referred to once. Those that nobody refers to are gone afterwards.
fn once(defs: &mut JsonObject, whole: &mut Value) -> JsonObject {
    let mut uses = BTreeMap::new();
    for schema in defs.values_mut().chain([whole]) {
        each(schema, &mut |schema| {
            if let Some(name) = reference(schema) {
                let count: &mut usize = uses.entry(name.to_owned()).or_default();
                *count = count.saturating_add(1);
            }
        });
    }
    defs.retain(|name, _| uses.contains_key(name));
    let once = defs.iter().filter(|(name, _)| uses.get(*name) == Some(&1));
    once.map(|(name, schema)| (name.clone(), schema.clone())).collect()
}

/// Does something to a schema, and then to all that are in it.
fn each(schema: &mut Value, act: &mut dyn FnMut(&mut Value)) {
    act(schema);
    match schema {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::Object(named) if BY_NAME.contains(&name.as_str()) => {
                        named.values_mut().for_each(|member| each(member, act));
                    }
                    _ if VALUES.contains(&name.as_str()) => {}
                    member => each(member, act),
                }
            }
        }
        Value::Array(schemas) => schemas.iter_mut().for_each(|schema| each(schema, act)),
        _ => {}
    }
}

/// What says nothing that a value could break.
fn forget(schema: &mut Value, words: &[&str]) {
    let Value::Object(members) = schema else { return };
    words.iter().for_each(|word| drop(members.remove(*word)));
    // Every name in JSON is one.
    if members
        .get("propertyNames")
        .is_some_and(|names| names.get("type").is_some_and(|kind| *kind == "string"))
    {
        members.remove("propertyNames");
    }
    let is = |kind: &str| match members.get("type") {
        Some(Value::Array(kinds)) => kinds.iter().any(|one| one == kind),
        one => one.is_some_and(|one| one == kind),
    };
    if is("integer") || is("number") {
        members.remove("format");
    }
}

fn reference(schema: &Value) -> Option<&str> {
    schema.get("$ref")?.as_str()?.strip_prefix(IN_SCHEMA)
}

/// Puts what is referred to in the place of the reference. What the place itself says of it counts.
fn inline(schema: &mut Value, defs: &JsonObject) {
    let Some(Value::Object(referred)) = reference(schema).and_then(|name| defs.get(name)) else {
        return;
    };
    let mut referred = referred.clone();
    if let Value::Object(members) = schema {
        members.remove("$ref");
        referred.extend(std::mem::take(members));
    }
    *schema = Value::Object(referred);
}

/// Makes one object of several that all have to hold, where they stand here and do not contradict one another.
fn merge(schema: &mut Value) {
    let Some(Value::Array(parts)) = schema.get("allOf") else {
        return;
    };
    let mut merged = JsonObject::new();
    for part in parts {
        let mut part = part.clone();
        merge(&mut part);
        let Value::Object(part) = part else { return };
        if part.contains_key("$ref") {
            return;
        }
        for (name, member) in part {
            match (merged.get_mut(&name), member) {
                (Some(Value::Object(all)), Value::Object(more)) if name == "properties" => {
                    if more.keys().any(|name| all.contains_key(name)) {
                        return;
                    }
                    all.extend(more);
                }
                (Some(Value::Array(all)), Value::Array(more)) if name == "required" => all.extend(more),
                (Some(known), member) if *known == member || name == "description" => *known = member,
                (None, member) => drop(merged.insert(name, member)),
                // It would be another schema.
                (Some(_), _) => return,
            }
        }
    }
    // An object that takes nothing else takes nothing of the others.
    if merged.contains_key("additionalProperties") && merged.contains_key("properties") {
        return;
    }
    let Value::Object(members) = schema else { return };
    let clashes = |(name, own): (&String, &Value)| {
        let known = merged.get(name).filter(|_| name != "description");
        known.is_some_and(|known| known != own)
    };
    if members.iter().any(clashes) {
        return;
    }
    members.remove("allOf");
    merged.extend(std::mem::take(members));
    *members = merged;
}

#[cfg(test)]
mod tests {
    use {super::*, serde_json::json};

    fn object(schema: Value) -> JsonObject {
        schema.as_object().unwrap().clone()
    }

    #[test]
    fn words_go_from_answers_and_stay_in_arguments() {
        let schema = json!({
            "description": "A thing.", "type": "object", "required": ["title"],
            "properties": {
                "title": {"description": "Its title.", "type": "string", "format": "date-time", "examples": ["x"]},
                "description": {"$ref": "#/$defs/Count", "description": "How many."},
                "by": {"type": "object", "propertyNames": {"type": "string"}, "additionalProperties": {"$ref": "#/$defs/Kind"}},
                "kind": {"$ref": "#/$defs/Kind"},
            },
            "$defs": {
                "Count": {"description": "A count.", "type": ["integer", "null"], "format": "int32", "minimum": 0},
                "Kind": {"enum": ["description", "title"], "description": "A kind."},
                "Nobody": {"type": "object"},
            },
        });
        let kinds = json!({"Kind": {"enum": ["description", "title"]}});
        assert_eq!(
            Value::Object(answer(object(schema.clone()))),
            json!({
                "type": "object", "required": ["title"],
                "properties": {
                    "title": {"type": "string", "format": "date-time"},
                    "description": {"type": ["integer", "null"]},
                    "by": {"type": "object", "additionalProperties": {"$ref": "#/$defs/Kind"}},
                    "kind": {"$ref": "#/$defs/Kind"},
                },
                "$defs": kinds,
            })
        );
        let arguments = arguments(object(schema));
        assert_eq!(arguments["properties"]["description"]["description"], "How many.");
        assert_eq!(arguments["properties"]["description"]["type"], "integer");
        assert_eq!(arguments["properties"]["description"]["minimum"], 0);
        assert!(!arguments.contains_key("description"));
    }

    #[test]
    fn what_all_has_to_hold_becomes_one_object_unless_that_were_another_schema() {
        let merged = |parts: Value| {
            Value::Object(answer(object(json!({"allOf": parts, "$defs": {"A": {
                "type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"],
            }}}))))
        };
        let more = json!({"type": "object", "properties": {"b": {"type": "integer"}}, "required": ["b"]});
        assert_eq!(
            merged(json!([{"$ref": "#/$defs/A"}, more])),
            json!({"type": "object", "required": ["a", "b"],
                   "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}})
        );
        // What is meant in several places is not written into each.
        let twice = json!({"allOf": [{"$ref": "#/$defs/A"}, {"properties": {"c": {"$ref": "#/$defs/A"}}}],
                           "$defs": {"A": {"type": "object"}}});
        assert_eq!(Value::Object(answer(object(twice.clone()))), twice);
        for other in [
            json!({"type": "object", "properties": {"a": {"type": "integer"}}}),
            json!({"type": "string"}),
            json!({"type": "object", "additionalProperties": false, "properties": {}}),
        ] {
            let kept = merged(json!([{"$ref": "#/$defs/A"}, other]));
            assert_eq!(kept["allOf"].as_array().unwrap().len(), 2, "{kept}");
        }
    }
}
