//! Names and answers, as the suite writes them down.

use {
    rmcp::{ErrorData, model::JsonObject},
    serde::de::DeserializeOwned,
    serde_json::{Value, json},
};

/// A red point.
const PICTURE: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==";

/// Nothing to hear.
const SOUND: &str = "UklGRiQAAABXQVZFZm10IBAAAAABAAEARKwAAIhYAQACABAAZGF0YQAAAAA=";

/// A fixture as rmcp has it.
pub(super) fn typed<T: DeserializeOwned>(fixture: Value) -> Result<T, ErrorData> {
    serde_json::from_value(fixture).map_err(|why| ErrorData::internal_error(format!("a fixture is wrong: {why}"), None))
}

/// The tools that [`content`], `rounds` and `asks` answer.
pub(super) fn tools() -> Value {
    let plain =
        |name: &str, about: &str| json!({"name": name, "description": about, "inputSchema": {"type": "object"}});
    let texting = |name: &str, about: &str, argument: &str| {
        let schema = json!({"type": "object", "properties": {argument: {"type": "string"}}, "required": [argument]});
        json!({"name": name, "description": about, "inputSchema": schema})
    };
    json!([
        plain("test_image_content", "A picture."),
        plain("test_audio_content", "A sound."),
        plain("test_embedded_resource", "A resource in the answer."),
        plain("test_multiple_content_types", "A text, a picture and a resource."),
        plain("test_tool_with_logging", "Tells what it does in three log lines."),
        texting("test_sampling", "Has the client's model say something.", "prompt"),
        texting("test_elicitation", "Asks the client's person.", "message"),
        plain("test_elicitation_sep1034_defaults", "Asks, and says what it expects to hear."),
        plain("test_elicitation_sep1330_enums", "Asks for choices, in every form that a choice has."),
        plain("test_missing_capability", "Needs a client that has a model."),
        plain("test_streaming_elicitation", "Needs to hear something first."),
        plain("test_logging_tool", "Tells what it does, when it is asked to."),
        plain("test_input_required_result_elicitation", "Needs a name."),
        plain("test_input_required_result_sampling", "Needs a model."),
        plain("test_input_required_result_list_roots", "Needs roots."),
        plain("test_input_required_result_request_state", "Needs a word, and hands out a state."),
        plain("test_input_required_result_multiple_inputs", "Needs three things."),
        plain("test_input_required_result_multi_round", "Needs two things, one after the other."),
        plain("test_input_required_result_tampered_state", "Needs its state back as it was."),
        plain("test_input_required_result_capabilities", "Asks what the client can answer."),
        {"name": "test_header_parameter", "description": "Takes a word that stands in a header, too.", "inputSchema": {
            "type": "object", "properties": {"word": {"type": "string", "x-mcp-header": "Word"}},
        }},
        {"name": "json_schema_2020_12_tool", "description": "Tool with JSON Schema 2020-12 features", "inputSchema": {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "$defs": {"address": {
                "$anchor": "addressDef",
                "type": "object",
                "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
            }},
            "properties": {
                "name": {"type": "string"},
                "address": {"$ref": "#/$defs/address"},
                "contactMethod": {"type": "string", "enum": ["phone", "email"]},
                "phone": {"type": "string"},
                "email": {"type": "string"},
            },
            "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
            "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
            "then": {"required": ["phone"]},
            "else": {"required": ["email"]},
            "additionalProperties": false,
        }},
    ])
}

/// What the tools answer that always answer the same.
pub(super) fn content(tool: &str) -> Option<Value> {
    let text = |text: &str| json!({"type": "text", "text": text});
    let picture = json!({"type": "image", "data": PICTURE, "mimeType": "image/png"});
    Some(match tool {
        "test_image_content" => json!([picture]),
        "test_audio_content" => json!([{"type": "audio", "data": SOUND, "mimeType": "audio/wav"}]),
        "test_embedded_resource" => json!([{"type": "resource", "resource": {
            "uri": "test://embedded-resource",
            "mimeType": "text/plain",
            "text": "This is an embedded resource content.",
        }}]),
        "test_multiple_content_types" => {
            json!([text("Multiple content types test:"), picture, {"type": "resource", "resource": {
                "uri": "test://mixed-content-resource",
                "mimeType": "application/json",
                "text": r#"{"test":"data","value":123}"#,
            }}])
        }
        "test_header_parameter" | "json_schema_2020_12_tool" => json!([text("taken")]),
        _ => return None,
    })
}

/// The resources that [`contents`] answers.
pub(super) fn resources() -> Value {
    json!([
        {"uri": "test://static-text", "name": "static-text", "description": "A text.", "mimeType": "text/plain"},
        {"uri": "test://static-binary", "name": "static-binary", "description": "A picture.", "mimeType": "image/png"},
    ])
}

/// What stands at an address.
pub(super) fn contents(uri: &str) -> Option<Value> {
    let one = match uri {
        "test://static-text" => {
            let text = "This is the content of the static text resource.";
            json!({"uri": uri, "mimeType": "text/plain", "text": text})
        }
        "test://static-binary" => json!({"uri": uri, "mimeType": "image/png", "blob": PICTURE}),
        _ => return None,
    };
    Some(json!([one]))
}

/// The prompts that [`messages`] and `rounds` answer.
pub(super) fn prompts() -> Value {
    let taking = |name: &str, about: &str, arguments: &[&str]| {
        let argument = |name: &&str| json!({"name": name, "description": "A text.", "required": true});
        let arguments: Vec<Value> = arguments.iter().map(argument).collect();
        json!({"name": name, "description": about, "arguments": arguments})
    };
    json!([
        taking("test_simple_prompt", "A text.", &[]),
        taking(
            "test_prompt_with_arguments",
            "A text with two others in it.",
            &["arg1", "arg2"]
        ),
        taking(
            "test_prompt_with_embedded_resource",
            "A resource and a text.",
            &["resourceUri"]
        ),
        taking("test_prompt_with_image", "A picture and a text.", &[]),
        taking(
            "test_input_required_result_prompt",
            "A text that needs another one first.",
            &[]
        ),
    ])
}

/// What a prompt becomes. `None` where there is no such prompt, or an argument is missing.
pub(super) fn messages(prompt: &str, arguments: &JsonObject) -> Option<Value> {
    let says = |content: Value| json!({"role": "user", "content": content});
    let text = |text: &str| says(json!({"type": "text", "text": text}));
    let given = |name: &str| arguments.get(name).and_then(Value::as_str);
    Some(match prompt {
        "test_simple_prompt" => json!([text("This is a simple prompt for testing.")]),
        "test_prompt_with_arguments" => {
            let (first, second) = (given("arg1")?, given("arg2")?);
            json!([text(&format!("Prompt with arguments: arg1='{first}', arg2='{second}'"))])
        }
        "test_prompt_with_embedded_resource" => {
            let content = "Embedded resource content for testing.";
            let resource = json!({"uri": given("resourceUri")?, "mimeType": "text/plain", "text": content});
            let resource = says(json!({"type": "resource", "resource": resource}));
            json!([resource, text("Please process the embedded resource above.")])
        }
        "test_prompt_with_image" => {
            let picture = says(json!({"type": "image", "data": PICTURE, "mimeType": "image/png"}));
            json!([picture, text("Please analyze the image above.")])
        }
        _ => return None,
    })
}
