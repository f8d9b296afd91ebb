//! What the second port says while the fault `lie` is on: no transaction has landed, and all blockhashes are long dead;
//! when it is told so, no account is there, or it is a node that does not keep up.
//!
//! A client that gives money back, or believes a limit gone, because one provider says so is what this is to find out.

use {
    crate::faults::Lie,
    serde_json::{Value, json},
};

/// Twists the result of `method`.
pub(super) fn twist(method: &str, result: &mut Value, lie: Lie) {
    match method {
        "getSignatureStatuses" => {
            if let Some(statuses) = result.get_mut("value").and_then(Value::as_array_mut) {
                statuses.fill(Value::Null);
            }
        }
        "getTransaction" => *result = Value::Null,
        "getSignaturesForAddress" => *result = json!([]),
        "getBlockHeight" | "getSlot" => shift(Some(result), lie),
        "getEpochInfo" => {
            shift(result.get_mut("absoluteSlot"), lie);
            shift(result.get_mut("blockHeight"), lie);
        }
        "getAccountInfo" if lie.hides_accounts => {
            if let Some(account) = result.get_mut("value") {
                *account = Value::Null;
            }
        }
        "getMultipleAccounts" if lie.hides_accounts => {
            if let Some(accounts) = result.get_mut("value").and_then(Value::as_array_mut) {
                accounts.fill(Value::Null);
            }
        }
        "isBlockhashValid" => {
            if let Some(valid) = result.get_mut("value") {
                *valid = json!(false);
            }
        }
        _ => {}
    }
    if let Some(context) = result.get_mut("context") {
        shift(context.get_mut("slot"), lie);
    }
}

fn shift(number: Option<&mut Value>, lie: Lie) {
    if let Some(number) = number
        && let Some(honest) = number.as_u64()
    {
        *number = json!(honest.saturating_add(lie.ahead).saturating_sub(lie.behind));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAR_AHEAD: Lie = Lie {
        ahead: 1000,
        behind: 0,
        hides_accounts: false,
    };

    #[test]
    fn a_landed_signature_is_hidden_and_the_height_raised() {
        let mut statuses = json!({"context": {"slot": 5}, "value": [{"slot": 4}]});
        twist("getSignatureStatuses", &mut statuses, FAR_AHEAD);
        assert_eq!(statuses, json!({"context": {"slot": 1005}, "value": [null]}));
        let mut height = json!(5);
        twist("getBlockHeight", &mut height, FAR_AHEAD);
        assert_eq!(height, json!(1005));
    }

    #[test]
    fn balances_are_true() {
        let mut balance = json!({"context": {"slot": 5}, "value": 7});
        twist("getBalance", &mut balance, Lie::default());
        assert_eq!(balance, json!({"context": {"slot": 5}, "value": 7}));
    }

    #[test]
    fn a_node_that_does_not_keep_up_knows_of_no_account() {
        let lie = Lie {
            ahead: 0,
            behind: 3,
            hides_accounts: true,
        };
        let mut accounts = json!({"context": {"slot": 5}, "value": [{"lamports": 1}, null]});
        twist("getMultipleAccounts", &mut accounts, lie);
        assert_eq!(accounts, json!({"context": {"slot": 2}, "value": [null, null]}));
        let mut account = json!({"context": {"slot": 2}, "value": {"lamports": 1}});
        twist("getAccountInfo", &mut account, lie);
        assert_eq!(account, json!({"context": {"slot": 0}, "value": null}));
        let mut epoch = json!({"absoluteSlot": 5, "blockHeight": 5});
        twist("getEpochInfo", &mut epoch, lie);
        assert_eq!(epoch, json!({"absoluteSlot": 2, "blockHeight": 2}));
    }
}
