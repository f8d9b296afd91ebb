//! What a client is told when a call fails: codes and words as Solana's own node uses them.

use {
    crate::chain::Failed,
    serde_json::{Value, json},
};

/// The `error` object of an answer.
#[derive(Debug)]
pub(super) struct RpcError {
    code: i64,
    message: String,
    data: Value,
}

impl RpcError {
    fn new(code: i64, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            data: Value::Null,
        }
    }

    pub(super) fn parse() -> Self {
        Self::new(-32700, "Parse error")
    }

    pub(super) fn invalid_request() -> Self {
        Self::new(-32600, "Invalid request")
    }

    pub(super) fn no_such_method() -> Self {
        Self::new(-32601, "Method not found")
    }

    pub(super) fn bad_params(message: impl Into<String>) -> Self {
        Self::new(-32602, message)
    }

    /// The preflight of `sendTransaction` failed; `data` is what the simulation said, `reason` its error in words.
    pub(super) fn preflight(reason: &str, data: Value) -> Self {
        Self {
            data,
            ..Self::new(-32002, format!("Transaction simulation failed: {reason}"))
        }
    }

    pub(super) fn signature_verification() -> Self {
        Self::new(-32003, "Transaction signature verification failure")
    }

    pub(super) fn block_not_available(slot: u64) -> Self {
        Self::new(-32004, format!("Block not available for slot {slot}"))
    }

    /// A version-0 transaction was asked for by a client that did not say it understands them.
    pub(super) fn unsupported_version(version: u8) -> Self {
        let hint = "is not supported by the requesting client. Please try the request again with the following \
                    configuration parameter: \"maxSupportedTransactionVersion\": ";
        Self::new(-32015, format!("Transaction version ({version}) {hint}{version}"))
    }

    /// The caller has seen a newer slot than this commitment has reached.
    pub(super) fn min_context_slot(slot: u64) -> Self {
        let data = json!({"contextSlot": slot});
        Self {
            data,
            ..Self::new(-32016, "Minimum context slot has not been reached")
        }
    }

    pub(super) fn airdrop(failed: &Failed) -> Self {
        Self::new(-32603, format!("airdrop failed: {}", failed.err))
    }

    pub(super) fn to_json(&self) -> Value {
        match &self.data {
            Value::Null => json!({"code": self.code, "message": self.message}),
            data => json!({"code": self.code, "message": self.message, "data": data}),
        }
    }
}
