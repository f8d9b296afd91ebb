//! One line of a client's, as far as it has to be understood to be relayed.

use {
    base64::{Engine, engine::general_purpose::STANDARD},
    serde_json::{Value, json},
};

/// Where a request of the stateless revisions says its version.
const VERSION: &str = "io.modelcontextprotocol/protocolVersion";

/// A message of the client's.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Message {
    /// As it came.
    pub(super) body: Value,
    /// What the answer is called by.
    pub(super) id: Value,
    /// What to do with it.
    pub(super) kind: Kind,
}

/// What to do with a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// Hand it to the server.
    Request,
    /// Take back the request of this id.
    Cancels(String),
    /// Nothing: a notification that a server without sessions has no use for, or an answer that nobody waits for.
    Other,
}

impl Message {
    /// # Errors
    /// What to answer to a line that is no message.
    pub(super) fn read(line: &str) -> Result<Self, Value> {
        let body: Value =
            serde_json::from_str(line).map_err(|error| failed(None, -32700, &format!("no JSON: {error}")))?;
        if !body.is_object() {
            return Err(failed(None, -32600, "one JSON-RPC message a line, and no batch"));
        }
        let is_request = body.get("method").is_some();
        let id = body.get("id").cloned().unwrap_or(Value::Null);
        let kind = match body.get("method").and_then(Value::as_str) {
            _ if body.get("id").is_some() && is_request => Kind::Request,
            Some("notifications/cancelled") => Kind::Cancels(
                body.pointer("/params/requestId")
                    .map(Value::to_string)
                    .unwrap_or_default(),
            ),
            _ => Kind::Other,
        };
        Ok(Self { body, id, kind })
    }

    /// What the headers of the request say: what its body says.
    pub(super) fn headers(&self, negotiated: Option<&str>) -> Vec<(&'static str, String)> {
        let params = self.body.get("params");
        let text = |name: &str| params?.get(name)?.as_str();
        let of_its_own = params.and_then(|params| params.get("_meta")?.get(VERSION)?.as_str());
        let Some(version) = of_its_own else {
            let version = negotiated.filter(|_| !self.is_handshake());
            return version
                .map(|version| ("mcp-protocol-version", in_header(version)))
                .into_iter()
                .collect();
        };
        let method = self.body.get("method").and_then(Value::as_str).unwrap_or_default();
        let mut headers = vec![
            ("mcp-protocol-version", in_header(version)),
            ("mcp-method", in_header(method)),
        ];
        let name = match method {
            "tools/call" | "prompts/get" => text("name"),
            "resources/read" => text("uri"),
            "tasks/get" | "tasks/update" | "tasks/cancel" => text("taskId"),
            _ => None,
        };
        headers.extend(name.map(|name| ("mcp-name", in_header(name))));
        headers
    }

    /// Whether it begins a conversation in one of the older revisions.
    pub(super) fn is_handshake(&self) -> bool {
        self.body.get("method").is_some_and(|method| method == "initialize")
    }

    /// Whether it asks to be told of changes, without end.
    pub(super) fn is_subscription(&self) -> bool {
        self.body
            .get("method")
            .is_some_and(|method| method == "subscriptions/listen")
    }
}

/// Text as a header carries it: as it is when every reader takes it for the same, encoded otherwise.
fn in_header(text: &str) -> String {
    let plain = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if plain && text.trim() == text && !text.is_empty() && !text.starts_with("=?") {
        text.to_owned()
    } else {
        format!("=?base64?{}?=", STANDARD.encode(text))
    }
}

/// A JSON-RPC error.
pub(super) fn failed(id: Option<&Value>, code: i32, why: &str) -> Value {
    let mut answer = json!({"jsonrpc": "2.0", "error": {"code": code, "message": why}});
    if let (Some(id), Some(members)) = (id, answer.as_object_mut()) {
        members.insert("id".to_owned(), id.clone());
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Message {
        Message::read(text).unwrap()
    }

    #[test]
    fn requests_go_to_the_server_and_nothing_else_does() {
        assert_eq!(
            read(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#).kind,
            Kind::Request
        );
        assert_eq!(
            read(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#).kind,
            Kind::Other
        );
        assert_eq!(read(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#).kind, Kind::Other);
        let cancel = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"a"}}"#;
        assert_eq!(read(cancel).kind, Kind::Cancels("\"a\"".into()));
        assert_eq!(Message::read("{").unwrap_err()["error"]["code"], -32700);
        assert_eq!(Message::read("[]").unwrap_err()["error"]["code"], -32600);
    }

    #[test]
    fn the_headers_say_what_the_body_says() {
        let meta = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}"#;
        let call = |name: &str| {
            let text =
                format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{name}",{meta}}}}}"#);
            read(&text).headers(Some("2025-11-25"))
        };
        let version = ("mcp-protocol-version", "2026-07-28".to_owned());
        let method = ("mcp-method", "tools/call".to_owned());
        assert_eq!(
            call("pay"),
            [version.clone(), method.clone(), ("mcp-name", "pay".to_owned())]
        );
        for (name, header) in [
            ("pä", "=?base64?cMOk?="),
            (" a", "=?base64?IGE=?="),
            ("=?x?=", "=?base64?PT94Pz0=?="),
        ] {
            assert_eq!(call(name)[2].1, header);
        }
        // In the older revisions it is the one that was agreed on, once it was.
        let list = read(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"name":"x"}}"#);
        assert_eq!(
            list.headers(Some("2025-06-18")),
            [("mcp-protocol-version", "2025-06-18".to_owned())]
        );
        assert_eq!(list.headers(None), []);
        let hello = read(r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18"}}"#);
        assert_eq!(hello.headers(Some("2024-11-05")), []);
    }
}
