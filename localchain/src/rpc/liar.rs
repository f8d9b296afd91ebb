//! What the second port says while the fault `lie` is on: no transaction has landed, and all blockhashes are long dead.
//!
//! A client that gives money back because one provider says so is what this is to find out.

use serde_json::{Value, json};

/// Twists the result of `method`; heights are put `ahead` slots too far.
pub(super) fn twist(method: &str, result: &mut Value, ahead: u64) {
    match method {
        "getSignatureStatuses" => {
            if let Some(statuses) = result.get_mut("value").and_then(Value::as_array_mut) {
                statuses.fill(Value::Null);
            }
        }
        "getTransaction" => *result = Value::Null,
        "getSignaturesForAddress" => *result = json!([]),
        "getBlockHeight" | "getSlot" => raise(Some(result), ahead),
        "getEpochInfo" => {
            raise(result.get_mut("absoluteSlot"), ahead);
            raise(result.get_mut("blockHeight"), ahead);
        }
        "isBlockhashValid" => {
            if let Some(valid) = result.get_mut("value") {
                *valid = json!(false);
            }
        }
        _ => {}
    }
    if let Some(context) = result.get_mut("context") {
        raise(context.get_mut("slot"), ahead);
    }
}

fn raise(number: Option<&mut Value>, ahead: u64) {
    if let Some(number) = number
        && let Some(honest) = number.as_u64()
    {
        *number = json!(honest.saturating_add(ahead));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_landed_signature_is_hidden_and_the_height_raised() {
        let mut statuses = json!({"context": {"slot": 5}, "value": [{"slot": 4}]});
        twist("getSignatureStatuses", &mut statuses, 1000);
        assert_eq!(statuses, json!({"context": {"slot": 1005}, "value": [null]}));
        let mut height = json!(5);
        twist("getBlockHeight", &mut height, 1000);
        assert_eq!(height, json!(1005));
    }

    #[test]
    fn balances_are_true() {
        let mut balance = json!({"context": {"slot": 5}, "value": 7});
        twist("getBalance", &mut balance, 0);
        assert_eq!(balance, json!({"context": {"slot": 5}, "value": 7}));
    }
}
