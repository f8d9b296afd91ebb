//! One JSON-RPC message, read as far as the decision needs who may send it.
//!
//! What must stay true: whoever executes the message understands it as it was understood here. So it is read strictly from
//! the bytes that are executed, and what two readers could take for two things is refused.

use {
    crate::{json, problem::Problem},
    rmcp::{
        ErrorData,
        model::{ErrorCode, JsonRpcError, RequestId},
    },
    serde_json::{Map, Value},
};

/// Where a request of the stateless revisions says its version.
const VERSION: &str = "io.modelcontextprotocol/protocolVersion";

/// A request, a notification, or an answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Envelope {
    /// `None` for a notification, which nobody answers and nobody executes. An answer has that of its question.
    pub(super) id: Option<RequestId>,
    /// What is asked for.
    pub(super) asks: Asks,
    /// Whether it names its protocol version itself.
    pub(super) is_versioned: bool,
}

/// What a request asks for, as far as scopes differ by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asks {
    /// A tool by its name.
    Tool(String),
    /// A resource by its address.
    Resource(String),
    /// To be told of changes of these resources.
    Changes(Vec<String>),
    /// Something that any credential may ask.
    Other,
    /// Nothing: it answers what the server asked.
    Nothing,
}

/// The text is no message that could be executed.
#[derive(Debug)]
pub(super) struct Malformed(pub(super) JsonRpcError);

impl Malformed {
    fn new(id: Option<RequestId>, code: ErrorCode, why: impl Into<String>) -> Self {
        Self(JsonRpcError::new(id, ErrorData::new(code, why.into(), None)))
    }

    fn parse(problem: &Problem) -> Self {
        Self::new(None, ErrorCode::PARSE_ERROR, problem.to_string())
    }
}

impl Envelope {
    /// Reads `bytes`.
    ///
    /// # Errors
    /// -32700 for what is no JSON, or JSON that readers disagree about; -32600 for what is no single JSON-RPC request or
    /// notification; -32602 where it does not say which tool or resource.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        let message: Value = json::from_slice(bytes).map_err(|problem| Malformed::parse(&problem))?;
        let invalid = |why: &str| Malformed::new(None, ErrorCode::INVALID_REQUEST, why);
        let Value::Object(mut message) = message else {
            return Err(invalid("send one JSON-RPC message, and no batch"));
        };
        if message.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
            return Err(invalid("`jsonrpc` must be \"2.0\""));
        }
        let answers = message.contains_key("result") || message.contains_key("error");
        if answers && message.contains_key("method") {
            return Err(invalid("a message asks or answers, not both"));
        }
        let id = match message.remove("id") {
            None => None,
            Some(Value::String(text)) => Some(RequestId::String(text.into())),
            Some(other) => match other.as_i64() {
                Some(number) => Some(RequestId::Number(number)),
                None => return Err(invalid("`id` must be a string or an integer")),
            },
        };
        if answers {
            let asks = Asks::Nothing;
            let is_versioned = false;
            return Ok(Self { id, asks, is_versioned });
        }
        let invalid = |code, why: &str| Malformed::new(id.clone(), code, why);
        let Some(Value::String(method)) = message.remove("method") else {
            return Err(invalid(ErrorCode::INVALID_REQUEST, "`method` must be a string"));
        };
        let params = match message.remove("params") {
            None => Map::new(),
            Some(Value::Object(params)) => params,
            Some(_) => return Err(invalid(ErrorCode::INVALID_REQUEST, "`params` must be an object")),
        };
        let text = |name: &str| params.get(name).and_then(Value::as_str).map(str::to_owned);
        let missing = |why| invalid(ErrorCode::INVALID_PARAMS, why);
        let asks = match method.as_str() {
            "tools/call" => {
                if params
                    .get("arguments")
                    .is_some_and(|given| !given.is_object() && !given.is_null())
                {
                    return Err(missing("`params.arguments` must be an object"));
                }
                Asks::Tool(text("name").ok_or_else(|| missing("`params.name` must be the name of a tool"))?)
            }
            "resources/read" => {
                Asks::Resource(text("uri").ok_or_else(|| missing("`params.uri` must be the address of a resource"))?)
            }
            "subscriptions/listen" => {
                let why = "`params.notifications.resourceSubscriptions` must be a list of addresses";
                Asks::Changes(addresses(&params).ok_or_else(|| missing(why))?)
            }
            _ => Asks::Other,
        };
        let is_versioned = params.get("_meta").is_some_and(|meta| meta.get(VERSION).is_some());
        Ok(Self { id, asks, is_versioned })
    }
}

/// The resources that somebody wants to be told of; none is a list, too.
fn addresses(params: &Map<String, Value>) -> Option<Vec<String>> {
    match params.get("notifications")?.as_object()?.get("resourceSubscriptions") {
        None => Some(Vec::new()),
        Some(list) => {
            let each = list.as_array()?.iter().map(|uri| uri.as_str().map(str::to_owned));
            each.collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> (i32, Value) {
        let error = Envelope::read(text.as_bytes()).unwrap_err().0;
        let told = serde_json::to_value(error).unwrap();
        assert!(!told["error"]["message"].as_str().unwrap().is_empty());
        (
            i32::try_from(told["error"]["code"].as_i64().unwrap()).unwrap(),
            told["id"].clone(),
        )
    }

    #[test]
    fn a_request_says_which_tool_or_resource_it_is_about() {
        let read = |text: &str| Envelope::read(text.as_bytes()).unwrap();
        let call = read(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"pay"}}"#);
        assert_eq!(
            (call.asks, call.id),
            (Asks::Tool("pay".into()), Some(RequestId::Number(1)))
        );
        let look = read(r#"{"jsonrpc":"2.0","id":"a","method":"resources/read","params":{"uri":"w://b"}}"#);
        assert_eq!(look.asks, Asks::Resource("w://b".into()));
        let listen = |filter: &str| {
            let text = format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{{"notifications":{filter}}}}}"#
            );
            Envelope::read(text.as_bytes()).map(|envelope| envelope.asks).ok()
        };
        assert_eq!(
            listen(r#"{"resourceSubscriptions":["w://b"]}"#),
            Some(Asks::Changes(vec!["w://b".into()]))
        );
        assert_eq!(listen("{}"), Some(Asks::Changes(Vec::new())));
        assert_eq!(
            (listen(r#"{"resourceSubscriptions":"w://b"}"#), listen("7")),
            (None, None)
        );
        let list = read(r#"{"jsonrpc":"2.0","id":2,"method":"tools/list"}"#);
        assert_eq!((list.asks, list.is_versioned), (Asks::Other, false));
        let meta = r#"{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}"#;
        let modern = read(&format!(
            r#"{{"jsonrpc":"2.0","id":2,"method":"tools/list","params":{meta}}}"#
        ));
        assert!(modern.is_versioned);
        let said = read(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
        assert_eq!(said.id, None);
    }

    #[test]
    fn an_answer_asks_nothing() {
        for text in [
            r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
            r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"x"}}"#,
        ] {
            let answer = Envelope::read(text.as_bytes()).unwrap();
            assert_eq!(
                (answer.asks, answer.id),
                (Asks::Nothing, Some(RequestId::Number(1))),
                "{text}"
            );
        }
    }

    /// Checklist 2.9.
    #[test]
    fn what_two_readers_could_read_as_two_things_is_refused() {
        for text in [
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"look","name":"pay"}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"tools/call","params":{"name":"pay"}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"pay","arguments":{"to":"a","to":"b"}}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"} {"jsonrpc":"2.0"}"#,
            "{",
            "",
        ] {
            assert_eq!(refused(text), (-32700, Value::Null), "{text}");
        }
    }

    /// Checklist 3a.5.
    #[test]
    fn a_batch_is_refused() {
        assert_eq!(refused(r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#).0, -32600);
        assert_eq!(refused("[]").0, -32600);
    }

    #[test]
    fn what_is_no_request_is_refused() {
        for text in [
            "7",
            r#"{"id":1,"method":"ping"}"#,
            r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":null,"method":"tools/call","params":{"name":"pay"}}"#,
            r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":7}"#,
            r#"{"jsonrpc":"2.0","id":1}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}"#,
            r#"{"jsonrpc":"2.0","id":null,"result":{}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}"#,
        ] {
            assert_eq!(refused(text).0, -32600, "{text}");
        }
        for params in [r#"{}"#, r#"{"name":7}"#, r#"{"name":"pay","arguments":[]}"#] {
            let text = format!(r#"{{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{params}}}"#);
            assert_eq!(refused(&text), (-32602, 9.into()), "{params}");
        }
        let text = r#"{"jsonrpc":"2.0","id":9,"method":"resources/read","params":{"url":"x"}}"#;
        assert_eq!(refused(text), (-32602, 9.into()));
    }
}
