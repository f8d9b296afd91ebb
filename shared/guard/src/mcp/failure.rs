//! What a model is told of a problem: what is wrong, and what to do next.

use {
    crate::{context::RequestContext, problem::Problem},
    portreeve_kernel::Code,
    serde_json::{Map, Value},
};

/// Where the pages about codes are.
const DOCS: &str = concat!(env!("CARGO_PKG_REPOSITORY"), "/blob/main/docs/errors/");

/// The problem as the text of a tool's answer: `code`, `message`, `suggestion`, `retryable`, `docUrl`, `requestId`, and what
/// the problem says besides, such as `violations`, `maxAmountNow` and `passesAt`. `words` are the resource server's own.
pub(super) fn told(problem: &Problem, context: &RequestContext, words: fn(Code) -> Option<&'static str>) -> Value {
    let code = problem.code();
    let mut all = problem.members().clone();
    all.retain(|_, value| !value.is_null());
    let suggestion = suggestion(code, &all, words);
    let mut put = |name: &str, value: Value| all.insert(name.to_owned(), value);
    put("code", code.as_str().into());
    // Advice is for `suggestion`; what is wrong without further words is in the title.
    let message = if problem.said() == code.help() {
        code.title()
    } else {
        problem.said()
    };
    put("message", message.into());
    put("suggestion", suggestion.into());
    put("retryable", code.retryable().into());
    put("docUrl", format!("{DOCS}{code}.md").into());
    put("requestId", context.id().as_str().into());
    if let Some(place) = problem.place() {
        put("param", place.into());
    }
    if let Some(seconds) = problem.retry_after() {
        put("retryAfter", seconds.into());
    }
    Value::Object(all)
}

/// What to do next, with the numbers where they are known.
fn suggestion(code: Code, known: &Map<String, Value>, words: fn(Code) -> Option<&'static str>) -> String {
    let text = |name: &str| known.get(name).and_then(Value::as_str);
    let most = text("maxAmountNow").filter(|_| is_about_the_amount(code));
    match (most, text("passesAt")) {
        (Some("0"), Some(at)) => {
            format!("Nothing can be paid right now. Wait until {at}, or ask the owner.")
        }
        (Some("0"), None) => "Nothing can be paid right now. Ask the owner.".to_owned(),
        (Some(most), Some(at)) => {
            format!("Send at most {most} (base units) now, or wait until {at} for the whole amount, or ask the owner.")
        }
        (Some(most), None) => format!("Send at most {most} (base units), or ask the owner."),
        (None, Some(at)) => format!("Wait until {at} and try again with the same arguments, or ask the owner."),
        (None, None) => words(code).unwrap_or_else(|| advice(code)).to_owned(),
    }
}

/// Whether a smaller amount would help.
const fn is_about_the_amount(code: Code) -> bool {
    matches!(
        code,
        Code::PolicyPerTxLimitExceeded
            | Code::PolicyDailyLimitExceeded
            | Code::PolicyWeeklyLimitExceeded
            | Code::PolicyMonthlyLimitExceeded
            | Code::PolicyGlobalBudgetExceeded
    )
}

/// What a model does after a problem, whichever resource server it met it at. The registry's advice speaks to who writes HTTP
/// requests; where that would lead a model astray, ours.
#[must_use]
pub const fn advice(code: Code) -> &'static str {
    match code {
        Code::ValidationRequiredField => "Add the argument named in `param`.",
        Code::ValidationInvalidFormat | Code::ValidationInvalidEnum => {
            "Correct the argument named in `param`; `message` says what would work."
        }
        Code::ValidationOutOfRange => "Correct the argument named in `param`; `message` gives the bounds.",
        Code::SystemInternalError => "Try again; report the requestId to the owner if it stays.",
        Code::SystemSignerUnavailable
        | Code::SystemRpcUnavailable
        | Code::SystemDatabaseError
        | Code::SystemIssuerUnavailable => "Try again later.",
        Code::SystemRecovering => "Try again in a few seconds.",
        Code::SystemRateLimited | Code::SystemOverloaded => "Try again after `retryAfter` seconds.",
        Code::AuthKeyInvalid | Code::AuthKeyExpired | Code::AuthKeyRevoked => {
            "Ask the owner for a new credential; until then nothing here works."
        }
        other => other.help(),
    }
}

#[cfg(test)]
mod tests {
    use {super::*, serde_json::json};

    #[test]
    fn a_model_is_not_told_to_write_http() {
        let everywhere = Code::ALL.iter().filter(|code| {
            let text = code.as_str();
            ["AUTH_", "SYSTEM_", "VALIDATION_"]
                .iter()
                .any(|begin| text.starts_with(begin))
        });
        for code in everywhere {
            let advice = suggestion(*code, &Map::new(), |_| None);
            for word in ["header", "Idempotency-Key", "openapi", "Retry-After", "field"] {
                assert!(!advice.contains(word), "{code}: {advice}");
            }
            assert!(advice.ends_with('.'), "{code}: {advice}");
        }
    }

    #[test]
    fn a_resource_server_has_words_of_its_own() {
        let words = |code| (code == Code::AgentNotFound).then_some("Look around.");
        assert_eq!(suggestion(Code::AgentNotFound, &Map::new(), words), "Look around.");
        assert_eq!(
            suggestion(Code::AuthKeyInvalid, &Map::new(), words),
            advice(Code::AuthKeyInvalid)
        );
    }

    #[test]
    fn the_numbers_stand_in_the_advice() {
        let known = |value: Value| value.as_object().unwrap().clone();
        let limit = Code::PolicyDailyLimitExceeded;
        let both = known(json!({"maxAmountNow": "250", "passesAt": "2026-11-22T00:00:00Z"}));
        let advice = suggestion(limit, &both, |_| None);
        assert!(advice.contains("250") && advice.contains("2026-11-22"), "{advice}");
        let advice = suggestion(
            limit,
            &known(json!({"maxAmountNow": "0", "passesAt": "2026-11-22T00:00:00Z"})),
            |_| None,
        );
        assert!(!advice.contains("at most") && advice.contains("2026-11-22"), "{advice}");
        // Less of it would be refused as well.
        let advice = suggestion(
            Code::PolicyDestinationNotAllowed,
            &known(json!({"maxAmountNow": "250"})),
            |_| None,
        );
        assert_eq!(advice, Code::PolicyDestinationNotAllowed.help());
    }
}
