//! What a model does after one of the wallet's problems, where the registry speaks to who writes HTTP.

use portreeve_kernel::Code;

/// `None` where what is said everywhere is right here.
pub(super) const fn advice(code: Code) -> Option<&'static str> {
    Some(match code {
        Code::RequestIdempotencyMismatch => {
            "Use a new `idempotency_key` for a new payment, or repeat the first arguments exactly."
        }
        Code::AgentNotFound => "Check `agent_id`; leave it out when you are the agent.",
        Code::TransactionNotFound => "Call list_transactions to see which exist.",
        Code::AgentStateConflict => "Call get_agent_status to see the agent's status.",
        Code::TransactionFailed => "Nothing was spent. Call get_transaction for the chain's reason and decide anew.",
        Code::TransactionExpired => "Nothing was spent. Pay again with a new `idempotency_key`.",
        Code::SystemInternalError => {
            "Try again with the same `idempotency_key`; report the requestId to the owner if it stays."
        }
        Code::SystemSignerUnavailable | Code::SystemRpcUnavailable | Code::SystemDatabaseError => {
            "Try again later with the same `idempotency_key`."
        }
        Code::SystemRecovering => "Try again in a few seconds with the same `idempotency_key`.",
        Code::SystemRateLimited | Code::SystemOverloaded => {
            "Try again after `retryAfter` seconds with the same `idempotency_key`."
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_not_told_to_write_http() {
        let said_in_http =
            |code: &&Code| code.as_str().starts_with("REQUEST_") && **code != Code::RequestIdempotencyMismatch;
        let elsewhere = |code: &&Code| code.as_str().starts_with("VAULT_");
        let answered = Code::ALL.iter().filter(|code| !said_in_http(code) && !elsewhere(code));
        for code in answered {
            let advice = advice(*code).unwrap_or_else(|| portreeve_guard::mcp::advice(*code));
            for word in [
                "header",
                "Idempotency-Key",
                "Content-Type",
                "openapi",
                "Retry-After",
                "field",
            ] {
                assert!(
                    *code == Code::PolicyInvalid || !advice.contains(word),
                    "{code}: {advice}"
                );
            }
            assert!(advice.ends_with('.'), "{code}: {advice}");
        }
    }
}
