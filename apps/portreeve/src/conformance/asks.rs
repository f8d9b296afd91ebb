//! Tools that ask or tell the client something while they run. In the older revisions a server sends it requests, which
//! takes a session.

use {
    super::{Memory, fixtures::typed},
    rmcp::{
        ErrorData, RoleServer,
        model::{
            CallToolRequestParams, CallToolResult, ContentBlock, CreateMessageRequestParams, LoggingLevel,
            LoggingMessageNotificationParam,
        },
        service::RequestContext,
    },
    serde_json::{Value, json},
    std::time::Duration,
    tokio::time::sleep,
};

type Context = RequestContext<RoleServer>;

/// Calls a tool, when it is one of these.
pub(super) async fn call(
    request: &CallToolRequestParams,
    context: &Context,
    memory: Option<&Memory>,
) -> Result<Option<CallToolResult>, ErrorData> {
    let asks = request.name == "test_sampling" || request.name.starts_with("test_elicitation");
    if asks && memory.is_none() {
        let why = "a server asks its client in a session alone";
        return Ok(Some(CallToolResult::error(vec![ContentBlock::text(why)])));
    }
    let given = |name: &str| request.arguments.as_ref()?.get(name)?.as_str();
    let missing = |name: &str| ErrorData::invalid_params(format!("the argument `{name}` is missing"), None);
    let said = match &*request.name {
        "test_tool_with_logging" => {
            let tells = memory.is_some_and(Memory::tells_info);
            for what in [
                "Tool execution started",
                "Tool processing data",
                "Tool execution completed",
            ] {
                if tells {
                    log(context, what).await?;
                }
                sleep(Duration::from_millis(50)).await;
            }
            Ok("Logged".to_owned())
        }
        // In the stateless revision each request says whether it wants to hear.
        "test_logging_tool" => {
            if let Some(LoggingLevel::Debug | LoggingLevel::Info) = context.meta.log_level() {
                log(context, "Tool execution started").await?;
            }
            Ok("Logged".to_owned())
        }
        "test_sampling" => sample(context, given("prompt").ok_or_else(|| missing("prompt"))?).await?,
        "test_elicitation" => {
            let message = given("message").ok_or_else(|| missing("message"))?;
            elicit(context, message, contact()).await?
        }
        "test_elicitation_sep1034_defaults" => elicit(context, "Anything that differs?", defaults()).await?,
        "test_elicitation_sep1330_enums" => elicit(context, "Which?", choices()).await?,
        _ => return Ok(None),
    };
    Ok(Some(match said {
        Ok(text) => CallToolResult::success(vec![ContentBlock::text(text)]),
        Err(why) => CallToolResult::error(vec![ContentBlock::text(why)]),
    }))
}

async fn log(context: &Context, what: &str) -> Result<(), ErrorData> {
    let line = LoggingMessageNotificationParam::new(LoggingLevel::Info, what.into());
    let told = context.peer.notify_logging_message(line).await;
    told.map_err(|gone| ErrorData::internal_error(gone.to_string(), None))
}

/// What the client's model says; or why it says nothing.
async fn sample(context: &Context, prompt: &str) -> Result<Result<String, String>, ErrorData> {
    let asked = json!({
        "messages": [{"role": "user", "content": {"type": "text", "text": prompt}}],
        "maxTokens": 100,
    });
    let asked: CreateMessageRequestParams = typed(asked)?;
    let heard = context.peer.create_message(asked).await.map_err(|why| why.to_string());
    Ok(heard.map(|heard| {
        let text = heard.message.content.first().and_then(|content| content.as_text());
        format!("LLM response: {}", text.map_or("none in words", |text| &text.text))
    }))
}

/// What the client's person says; or why there is no answer.
async fn elicit(context: &Context, message: &str, schema: Value) -> Result<Result<String, String>, ErrorData> {
    let asked = typed(json!({"mode": "form", "message": message, "requestedSchema": schema}))?;
    let heard = context.peer.create_elicitation(asked).await;
    Ok(heard
        .map(|heard| {
            format!(
                "User response: {}",
                json!({"action": heard.action, "content": heard.content})
            )
        })
        .map_err(|why| why.to_string()))
}

fn contact() -> Value {
    json!({
        "type": "object",
        "properties": {
            "username": {"type": "string", "description": "User's response"},
            "email": {"type": "string", "description": "User's email address"},
        },
        "required": ["username", "email"],
    })
}

fn defaults() -> Value {
    json!({"type": "object", "properties": {
        "name": {"type": "string", "default": "John Doe"},
        "age": {"type": "integer", "default": 30},
        "score": {"type": "number", "default": 95.5},
        "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
        "verified": {"type": "boolean", "default": true},
    }})
}

fn choices() -> Value {
    let titled = |titles: [&str; 3]| -> Vec<Value> {
        let values = ["value1", "value2", "value3"].into_iter().zip(titles);
        values
            .map(|(value, title)| json!({"const": value, "title": title}))
            .collect()
    };
    let plain = ["option1", "option2", "option3"];
    json!({"type": "object", "properties": {
        "untitledSingle": {"type": "string", "enum": plain},
        "titledSingle": {"type": "string", "oneOf": titled(["First Option", "Second Option", "Third Option"])},
        "legacyEnum": {
            "type": "string",
            "enum": ["opt1", "opt2", "opt3"],
            "enumNames": ["Option One", "Option Two", "Option Three"],
        },
        "untitledMulti": {"type": "array", "items": {"type": "string", "enum": plain}},
        "titledMulti": {"type": "array", "items": {"anyOf": titled(["First Choice", "Second Choice", "Third Choice"])}},
    }})
}
