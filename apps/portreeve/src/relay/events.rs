//! Messages out of a stream of server-sent events, as they come in.

use serde_json::Value;

/// What has come so far.
#[derive(Debug, Default)]
pub(super) struct Events {
    /// The beginning of a line.
    line: Vec<u8>,
    /// The data of an event that has not ended.
    data: String,
}

impl Events {
    /// The messages that `piece` completes. Comments, names and numbers of events are nothing to us, nor is data that is
    /// no message.
    pub(super) fn take(&mut self, piece: &[u8]) -> Vec<Value> {
        let mut messages = Vec::new();
        for byte in piece {
            if *byte != b'\n' {
                self.line.push(*byte);
                continue;
            }
            let line = std::mem::take(&mut self.line);
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end_matches('\r');
            if line.is_empty() {
                let data = std::mem::take(&mut self.data);
                messages.extend(serde_json::from_str(&data).ok().filter(Value::is_object));
            } else if let Some(data) = line.strip_prefix("data:") {
                if !self.data.is_empty() {
                    self.data.push('\n');
                }
                self.data.push_str(data.strip_prefix(' ').unwrap_or(data));
            }
        }
        messages
    }
}

#[cfg(test)]
mod tests {
    use {super::*, serde_json::json};

    #[test]
    fn a_message_comes_out_when_its_event_has_ended_wherever_it_is_cut() {
        let text =
            ": hello\n\nevent: message\r\ndata: {\"a\":\r\ndata: 1}\r\nid: 7\r\n\r\ndata:\n\ndata:{\"b\":\"ü\"}\n\n";
        let expected = [json!({"a": 1}), json!({"b": "ü"})];
        assert_eq!(Events::default().take(text.as_bytes()), expected);
        let mut events = Events::default();
        let one_by_one: Vec<Value> = text.as_bytes().chunks(1).flat_map(|piece| events.take(piece)).collect();
        assert_eq!(one_by_one, expected);
        assert!(events.take(b"data: {\"c\":1}\n").is_empty(), "not before its end");
    }
}
