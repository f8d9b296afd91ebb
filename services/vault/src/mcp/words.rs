//! What a model does after one of the vault's problems, where the registry speaks to who writes HTTP.

use portreeve_kernel::Code;

/// `None` where what is said everywhere is right here.
pub(super) const fn advice(code: Code) -> Option<&'static str> {
    Some(match code {
        Code::VaultNotFound => "Look it up with search, list_entities or browse; ids and paths are compared exactly.",
        Code::VaultNoteChanged => {
            "Call get_entity for what it says now, and repeat the change with its newest `revision` if it is still right."
        }
        Code::VaultRevisionMissing => "Send the `revision` that get_entity told.",
        Code::VaultRuleBroken => {
            "Correct what `violations` lists; get_reference with part schema tells the vault's rules."
        }
        Code::VaultConflict => "`message` says what stands in the way.",
        Code::VaultIndexing => "Try again after `retryAfter` seconds; everything but search works meanwhile.",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_not_told_to_write_http() {
        let answered = |code: &&Code| {
            let text = code.as_str();
            ["VAULT_", "AUTH_", "SYSTEM_", "VALIDATION_"]
                .iter()
                .any(|begin| text.starts_with(begin))
        };
        for code in Code::ALL.iter().filter(answered) {
            let advice = advice(*code).unwrap_or_else(|| portreeve_guard::mcp::advice(*code));
            for word in ["header", "If-Match", "ETag", "Retry-After", "field", "Idempotency"] {
                assert!(!advice.contains(word), "{code}: {advice}");
            }
            assert!(advice.ends_with('.'), "{code}: {advice}");
        }
    }
}
