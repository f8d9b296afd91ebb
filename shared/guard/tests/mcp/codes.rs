//! Which codes of errors an answer in the stateless revision may hold: looked at in every answer that a test reads whole.

use super::*;

/// Those that the revision defines of its own, of the range that it keeps for itself.
const DEFINED: [i64; 3] = [-32020, -32021, -32022];

/// Those of older revisions that it has retired.
const RETIRED: [i64; 2] = [-32002, -32042];

fn may_be_sent(code: i64) -> bool {
    !RETIRED.contains(&code) && (!(-32099..=-32020).contains(&code) || DEFINED.contains(&code))
}

/// Whether `request` says in its `_meta` that it is one of the stateless revision.
pub(crate) fn is_modern(request: &[u8]) -> bool {
    let message: Option<Value> = serde_json::from_slice(request).ok();
    message.is_some_and(|message| message["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] == MODERN)
}

/// The codes of errors in an answer that may not be there, whether it is one message or a stream of them.
pub(crate) fn wrong(answer: &[u8]) -> Vec<i64> {
    let text = String::from_utf8_lossy(answer);
    let events = text.lines().filter_map(|line| line.strip_prefix("data:"));
    let messages = events.chain([text.as_ref()]);
    let messages = messages.filter_map(|message| serde_json::from_str::<Value>(message.trim()).ok());
    let codes = messages.filter_map(|message| message["error"]["code"].as_i64());
    codes.filter(|code| !may_be_sent(*code)).collect()
}

/// 3b.12
#[test]
fn a_code_that_is_retired_or_undefined_is_seen_in_a_message_and_in_a_stream() {
    for code in [
        -32002, -32019, -32020, -32021, -32022, -32023, -32042, -32099, -32100, -32602, -32700,
    ] {
        let message = json!({"jsonrpc": "2.0", "id": 1, "error": {"code": code, "message": "x"}}).to_string();
        let expected = match code {
            -32002 | -32023 | -32042 | -32099 => vec![code],
            _ => Vec::new(),
        };
        assert_eq!(wrong(message.as_bytes()), expected, "{code}");
        let stream = format!(": hello\n\ndata: {{\"method\": \"x\"}}\n\ndata: {message}\n\n");
        assert_eq!(wrong(stream.as_bytes()), expected, "{code} in a stream");
    }
    assert!(is_modern(&Wire::modern("tools/list", json!({})).body));
    assert!(!is_modern(&legacy("tools/list", json!({})).body) && !is_modern(b"{") && !is_modern(b""));
}
