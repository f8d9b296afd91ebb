//! What the chain's refusals mean to a client: one table from Solana and Squads errors to the registry.

use portreeve_kernel::Code;

/// A refusal in the registry's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) code: Code,
    pub(crate) detail: String,
}

/// Squads v4, system and token program errors that a spend can meet: custom number, code, what it means.
const CUSTOM: &[(u64, Code, &str)] = &[
    (
        1,
        Code::TransactionInsufficientBalance,
        "the vault holds less than the amount",
    ),
    (
        17,
        Code::TransactionSimulationFailed,
        "a token account is frozen, the vault's or that of whoever is paid",
    ),
    (
        36,
        Code::TransactionSimulationFailed,
        "whoever is paid takes this token only with a memo of its own, which Squads does not write",
    ),
    (67, Code::TransactionSimulationFailed, "the token is paused"),
    (
        3012,
        Code::TransactionSimulationFailed,
        "the spending limit does not exist on chain; the agent may be suspended there",
    ),
    (
        6004,
        Code::TransactionSimulationFailed,
        "the agent's key is not a member of the spending limit on chain",
    ),
    (
        6025,
        Code::TransactionSimulationFailed,
        "the destination is not on the spending limit's list on chain",
    ),
    (
        6026,
        Code::TransactionSimulationFailed,
        "the spending limit on chain is used up",
    ),
];

impl Failure {
    /// The same, when it was in opening the token account of whoever is paid, at the fee payer's cost.
    pub(crate) fn of_opening(self, opening: bool) -> Self {
        if !opening {
            return self;
        }
        Self {
            code: Code::TransactionSimulationFailed,
            detail: "the token account of whoever is paid cannot be opened; the fee payer may hold too little SOL for \
                     its rent"
                .to_owned(),
        }
    }
}

/// Whether it was the first instruction that failed.
pub(crate) fn fails_first(error: &str) -> bool {
    let value: serde_json::Value = serde_json::from_str(error).unwrap_or_default();
    value.pointer("/InstructionError/0").and_then(serde_json::Value::as_u64) == Some(0)
}

/// Reads an `err` value of Solana's JSON-RPC.
pub(crate) fn explain(error: &str, fallback: Code) -> Failure {
    let value: serde_json::Value = serde_json::from_str(error).unwrap_or_default();
    let custom = value
        .pointer("/InstructionError/1/Custom")
        .and_then(serde_json::Value::as_u64);
    let named = CUSTOM.iter().find(|(number, ..)| Some(*number) == custom);
    if let Some((number, code, meaning)) = named {
        // After landing, the chain's reason is detail; the code says that it failed there.
        let code = if fallback == Code::TransactionFailed {
            fallback
        } else {
            *code
        };
        return Failure {
            code,
            detail: format!("{meaning} (program error {number})"),
        };
    }
    let left_with_dust = value
        .pointer("/InsufficientFundsForRent/account_index")
        .and_then(serde_json::Value::as_u64);
    // The fee payer comes first among the accounts.
    if value == "InsufficientFundsForFee" || left_with_dust == Some(0) {
        return Failure {
            code: fallback,
            detail: "the fee payer holds too little SOL for the fee".to_owned(),
        };
    }
    if error.contains("InsufficientFundsForRent") && fallback != Code::TransactionFailed {
        let detail = "the payment would leave the vault or a new account with less than the rent minimum of 890,880 lamports, and more than nothing";
        return Failure {
            code: Code::TransactionRentViolation,
            detail: detail.into(),
        };
    }
    let shown: String = error.chars().take(300).collect();
    Failure {
        code: fallback,
        detail: format!("the chain says {shown}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chains_refusals_get_codes_of_the_registry() {
        for (error, code, part) in [
            (
                r#"{"InstructionError":[0,{"Custom":1}]}"#,
                Code::TransactionInsufficientBalance,
                "vault holds less",
            ),
            (
                r#"{"InstructionError":[0,{"Custom":6026}]}"#,
                Code::TransactionSimulationFailed,
                "used up",
            ),
            (
                r#"{"InsufficientFundsForRent":{"account_index":3}}"#,
                Code::TransactionRentViolation,
                "890,880",
            ),
            (
                r#"{"InsufficientFundsForRent":{"account_index":0}}"#,
                Code::TransactionSimulationFailed,
                "fee payer",
            ),
            (
                r#""InsufficientFundsForFee""#,
                Code::TransactionSimulationFailed,
                "fee payer",
            ),
            (
                r#"{"InstructionError":[1,{"Custom":17}]}"#,
                Code::TransactionSimulationFailed,
                "frozen",
            ),
            (
                r#""BlockhashNotFound""#,
                Code::TransactionSimulationFailed,
                "BlockhashNotFound",
            ),
            ("no json", Code::TransactionSimulationFailed, "no json"),
        ] {
            let failure = explain(error, Code::TransactionSimulationFailed);
            assert_eq!(failure.code, code, "{error}");
            assert!(failure.detail.contains(part), "{}", failure.detail);
        }
    }

    #[test]
    fn an_account_that_cannot_be_opened_is_not_the_vaults_fault() {
        let error = r#"{"InstructionError":[0,{"Custom":1}]}"#;
        let failure = explain(error, Code::TransactionSimulationFailed).of_opening(fails_first(error));
        assert_eq!(failure.code, Code::TransactionSimulationFailed);
        assert!(failure.detail.contains("fee payer"), "{}", failure.detail);
        let second = r#"{"InstructionError":[1,{"Custom":1}]}"#;
        let failure = explain(second, Code::TransactionSimulationFailed).of_opening(fails_first(second));
        assert_eq!(failure.code, Code::TransactionInsufficientBalance);
    }

    #[test]
    fn what_failed_after_landing_keeps_the_code_for_that() {
        let failure = explain(r#"{"InstructionError":[0,{"Custom":6026}]}"#, Code::TransactionFailed);
        assert_eq!(failure.code, Code::TransactionFailed);
    }
}
