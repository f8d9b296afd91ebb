//! How the bodies of writes are described: from the table by which they are read.

use {
    crate::write::{BODY, Form, Kind, When, fields},
    utoipa::openapi::{
        RefOr, Schema,
        schema::{ArrayBuilder, ObjectBuilder, SchemaType, Type},
    },
};

/// The body of a type, as its table has it.
pub(in crate::http) fn described(kind: Kind, new: bool) -> RefOr<Schema> {
    let left_out = if new { When::Later } else { When::New };
    let mut object = ObjectBuilder::new();
    for field in fields(kind).iter().filter(|field| field.when != left_out) {
        let must = field.when == When::Always;
        object = object.property(field.name, shape(field.form, field.about, !new && !must));
        if new && must {
            object = object.required(field.name);
        }
    }
    let text = ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some("Its text, in Markdown."));
    object
        .property(BODY, text)
        .additional_properties(Some(utoipa::openapi::schema::AdditionalProperties::FreeForm(false)))
        .into()
}

/// The schema of a field. Where something is there already, null takes it away.
fn shape(form: Form, about: &str, nullable: bool) -> Schema {
    let one = |kind: Type| match nullable {
        true => SchemaType::from_iter([kind, Type::Null]),
        false => SchemaType::new(kind),
    };
    let text = |most: usize| ObjectBuilder::new().schema_type(Type::String).max_length(Some(most));
    let pair = |first: (&str, ObjectBuilder), second: (&str, ObjectBuilder)| {
        ObjectBuilder::new()
            .property(first.0, first.1)
            .property(second.0, second.1)
            .required(first.0)
            .required(second.0)
    };
    let list = |items: ObjectBuilder, most: usize| {
        Schema::from(
            ArrayBuilder::new()
                .schema_type(one(Type::Array))
                .items(items)
                .max_items(Some(most))
                .description(Some(about))
                .build(),
        )
    };
    let plain = |object: ObjectBuilder, kind: Type| {
        Schema::from(object.schema_type(one(kind)).description(Some(about)).build())
    };
    let share = ObjectBuilder::new()
        .schema_type(Type::Number)
        .minimum(Some(0.0))
        .maximum(Some(1.0));
    match form {
        Form::Line | Form::Word | Form::Name | Form::Id(_) => plain(text(200), Type::String),
        Form::Address => plain(text(2_000), Type::String),
        Form::Text => plain(text(50_000), Type::String),
        Form::Day => plain(text(10).examples(["2026-03-01"]), Type::String),
        Form::Year => plain(text(4).examples(["2026"]), Type::String),
        Form::Names => {
            let kinds = [Type::String, Type::Array]
                .into_iter()
                .chain(nullable.then_some(Type::Null));
            let object = ObjectBuilder::new().schema_type(SchemaType::from_iter(kinds));
            Schema::from(object.description(Some(about)).build())
        }
        Form::Lines | Form::Ids(_) => list(text(200), 50),
        Form::Share => plain(share, Type::Number),
        Form::Hours => plain(
            ObjectBuilder::new().minimum(Some(0.0)).maximum(Some(100_000.0)),
            Type::Number,
        ),
        Form::Links => list(pair(("label", text(100)), ("url", text(2_000))), 10),
        Form::Measures => list(pair(("name", text(200)), ("description", text(50_000))), 50),
        Form::Weights(_) => list(pair(("to", text(200)), ("weight", share)), 50),
        Form::Words => {
            let any = utoipa::openapi::schema::AdditionalProperties::FreeForm(true);
            plain(ObjectBuilder::new().additional_properties(Some(any)), Type::Object)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_described_field_by_field_as_it_is_read() {
        for kind in Kind::ALL {
            for new in [true, false] {
                let told = serde_json::to_value(described(kind, new)).unwrap();
                let names: Vec<_> = told["properties"].as_object().unwrap().keys().cloned().collect();
                assert!(names.contains(&BODY.to_owned()));
                assert_eq!(told["additionalProperties"], false);
                for field in fields(kind) {
                    let left_out = if new { When::Later } else { When::New };
                    assert_eq!(
                        names.iter().any(|name| name == field.name),
                        field.when != left_out,
                        "{}",
                        field.name
                    );
                }
                assert_eq!(told["required"].is_array(), new);
            }
        }
    }
}
