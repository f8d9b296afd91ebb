//! JSON Schemas of views and arguments, from the descriptions that the OpenAPI document has of them: one description for
//! both faces.

use {
    serde_json::{Map, Value},
    utoipa::ToSchema,
};

/// A JSON Schema, 2020-12.
pub(super) type JsonObject = Map<String, Value>;

/// Where the schemas of other types stand in an OpenAPI document, and where in a schema of its own.
const IN_OPENAPI: &str = "#/components/schemas/";
pub(super) const IN_SCHEMA: &str = "#/$defs/";

/// The schema of `T`, complete in itself. Always one of an object, because arguments and structured answers are objects.
pub(super) fn schema<T: ToSchema>() -> JsonObject {
    let mut others = Vec::new();
    T::schemas(&mut others);
    let defs: JsonObject = others
        .into_iter()
        .map(|(name, schema)| (name, plain(&schema)))
        .collect();
    let mut whole = match plain(&T::schema()) {
        Value::Object(whole) => whole,
        _ => JsonObject::new(),
    };
    whole.entry("type").or_insert_with(|| "object".into());
    if !defs.is_empty() {
        whole.insert("$defs".to_owned(), defs.into());
    }
    whole
}

fn plain(schema: &impl serde::Serialize) -> Value {
    let mut schema = serde_json::to_value(schema).unwrap_or(Value::Null);
    rewrite(&mut schema);
    schema
}

/// From OpenAPI's dialect to plain JSON Schema.
fn rewrite(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get_mut("$ref")
                && let Some(name) = reference.strip_prefix(IN_OPENAPI)
            {
                *reference = format!("{IN_SCHEMA}{name}");
            }
            // A field that is named so has an object for its schema.
            if !members.get("example").is_none_or(Value::is_object)
                && let Some(example) = members.remove("example")
            {
                members.insert("examples".to_owned(), vec![example].into());
            }
            members.values_mut().for_each(rewrite);
        }
        Value::Array(items) => items.iter_mut().for_each(rewrite),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use {super::*, serde_json::json};

    /// One thing.
    #[derive(ToSchema)]
    #[expect(dead_code, reason = "only its description is looked at")]
    struct Thing {
        /// How many.
        #[schema(example = "7")]
        count: String,
        example: Option<Part>,
    }

    #[derive(ToSchema)]
    #[expect(dead_code, reason = "only its description is looked at")]
    struct Part {
        size: u8,
    }

    #[test]
    fn a_schema_is_complete_in_itself() {
        let whole = Value::Object(schema::<Thing>());
        assert_eq!(whole["type"], "object");
        assert_eq!(whole["properties"]["count"]["examples"], json!(["7"]));
        assert_eq!(whole["properties"]["count"]["description"], "How many.");
        assert!(
            whole["properties"]["example"].to_string().contains("#/$defs/Part"),
            "{whole}"
        );
        assert_eq!(whole["$defs"]["Part"]["required"], json!(["size"]));
        assert!(!whole.to_string().contains("#/components/"), "{whole}");
    }
}
