//! Bodies as the OpenAPI document shows them.
//!
//! A policy is parsed by `domain/policy`, and a payment's stages are `domain/payment`'s; neither knows OpenAPI. Their shape is written down here for readers, and a
//! test holds the two together.
#![expect(dead_code, reason = "these types describe JSON that other types parse and print")]

use utoipa::ToSchema;

/// A policy as it is sent: a preset with overrides, or `custom` in full.
#[derive(ToSchema)]
#[schema(title = "PolicyInput", rename_all = "camelCase")]
pub(crate) struct PolicyInput {
    /// `conservative`, `standard`, `permissive` or `custom`.
    #[schema(example = "standard")]
    preset: String,
    /// Limits for SOL, in lamports.
    limits: Option<LimitsInput>,
    /// What happens as the amount grows, for SOL.
    escalation: Option<Escalation>,
    /// Limits per token mint. A mint that is not here is refused.
    tokens: Option<std::collections::BTreeMap<String, TokenPolicy>>,
    /// Who and what may be paid.
    whitelist: Option<Whitelist>,
    /// When payments may happen.
    time_control: Option<TimeControl>,
    /// Seconds between two payments.
    min_interval_seconds: Option<u32>,
    /// Whether the owner may approve a payment above the limit per transaction.
    approval_may_exceed_per_transaction: Option<bool>,
    /// `whitelist` (at most 16 destinations go on chain) or `any`.
    #[schema(example = "whitelist")]
    chain_destinations: Option<String>,
}

/// Limits in base units, as decimal strings. Missing ones follow from `daily`: the same, 7 ×, 30 ×.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct LimitsInput {
    /// At most this much in one payment.
    #[schema(example = "1000000000")]
    per_transaction: Option<String>,
    /// At most this much in any 24 hours.
    #[schema(example = "5000000000")]
    daily: Option<String>,
    /// At most this much in any 7 days.
    weekly: Option<String>,
    /// At most this much in any 30 days.
    monthly: Option<String>,
}

/// From which amount on something happens. Inclusive lower bounds, ascending.
#[derive(ToSchema)]
pub(crate) struct Escalation {
    /// The owner is told.
    low: Option<String>,
    /// The owner has to approve.
    medium: Option<String>,
    /// Refused, and the agent is suspended.
    high: Option<String>,
    /// Refused, the agent is suspended, and its keys are revoked.
    critical: Option<String>,
}

/// Limits and escalation of one token.
#[derive(ToSchema)]
pub(crate) struct TokenPolicy {
    /// In the mint's smallest unit.
    limits: LimitsInput,
    /// In the mint's smallest unit.
    escalation: Option<Escalation>,
}

/// Limits, escalation and nature of one token, as they are kept.
#[derive(ToSchema)]
pub(crate) struct KeptTokenPolicy {
    /// In the mint's smallest unit.
    limits: Limits,
    /// In the mint's smallest unit.
    escalation: Escalation,
    /// What the chain said of the mint when the policy was made. The owner approves it too, and no payment may differ.
    pinned: Option<PinnedToken>,
}

/// What a token is.
#[derive(ToSchema)]
pub(crate) struct PinnedToken {
    /// The program that holds it.
    #[schema(example = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA")]
    program: String,
    /// Digits after the point.
    #[schema(example = 6)]
    decimals: u8,
}

/// Empty lists mean any.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Whitelist {
    /// Wallet addresses that may be paid.
    allowed_destinations: Option<Vec<String>>,
    /// Programs that may move the asset.
    allowed_programs: Option<Vec<String>>,
    /// Mints that may be spent, besides having limits. A token that is not plain (one that takes a fee of transfers, say)
    /// has to stand here before it is paid.
    allowed_token_mints: Option<Vec<String>>,
}

/// All in UTC.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct TimeControl {
    /// From `start` to before `end`; wraps midnight when `start` is later. Missing means around the clock.
    operating_hours_utc: Option<Hours>,
    /// `monday` … `sunday`; empty means every day.
    weekdays: Option<Vec<String>>,
    /// Whole dates on which nothing is paid, such as `2026-12-25`.
    blackout_dates: Option<Vec<String>>,
}

/// Hours of the day, 0 … 23.
#[derive(ToSchema)]
pub(crate) struct Hours {
    /// The first hour in which payments may happen.
    start: u8,
    /// The first hour in which they may not.
    end: u8,
}

/// A policy as it is kept: complete, with its version.
#[derive(ToSchema)]
#[schema(title = "Policy", rename_all = "camelCase")]
pub(crate) struct Policy {
    /// Counts up with every change.
    version: u64,
    /// Limits for SOL, in lamports.
    limits: Limits,
    /// What happens as the amount grows, for SOL.
    escalation: Escalation,
    /// Limits per token mint.
    tokens: std::collections::BTreeMap<String, KeptTokenPolicy>,
    /// Who and what may be paid.
    whitelist: Whitelist,
    /// When payments may happen.
    time_control: TimeControl,
    /// Seconds between two payments.
    min_interval_seconds: u32,
    /// Whether the owner may approve a payment above the limit per transaction.
    approval_may_exceed_per_transaction: bool,
    /// `whitelist` or `any`.
    chain_destinations: String,
}

/// Limits in base units, as decimal strings.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Limits {
    /// At most this much in one payment.
    per_transaction: String,
    /// At most this much in any 24 hours.
    daily: String,
    /// At most this much in any 7 days.
    weekly: String,
    /// At most this much in any 30 days.
    monthly: String,
}

/// The owner's consent: by the approval key that `portreeve init` made, or by a passkey that is pinned at the signer.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct OwnerProof {
    /// `ed25519` or `passkey`.
    #[schema(example = "ed25519")]
    kind: String,
    /// `ed25519`: the approval key's public half, Base58.
    public_key: Option<String>,
    /// `ed25519`: 64 bytes over the challenge, Base58. `passkey`: as the authenticator made it, base64url.
    signature: String,
    /// `passkey`: which, base64url.
    credential_id: Option<String>,
    /// `passkey`: what the authenticator says, base64url.
    authenticator_data: Option<String>,
    /// `passkey`: what the browser says, base64url. Its challenge is the challenge's 32 bytes.
    client_data: Option<String>,
}

/// Whose word the signer takes for the owner's.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Pins {
    /// Another one after each change; consent to a pin names it.
    revision: u64,
    /// The approval key's public half, Base58.
    approval_key: String,
    /// In the order in which they were pinned.
    passkeys: Vec<PinnedPasskey>,
}

/// A passkey that the signer believes.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct PinnedPasskey {
    /// The credential's id, base64url.
    credential_id: String,
    /// P-256, base64url: the uncompressed point.
    public_key: String,
    /// The site it is good for.
    #[schema(example = "portreeve.example")]
    rp_id: String,
    /// Where the pages are that may ask for it.
    #[schema(example = "https://portreeve.example")]
    origin: String,
}

/// Where a payment is, in full detail.
#[derive(ToSchema)]
#[schema(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Stage {
    Denied,
    Held,
    Reserved,
    Signing,
    Submitted,
    Finalized,
    Voided,
    SimulationFailed,
    SignerRefused,
    FailedOnChain,
    Expired,
}

/// Where a payment is, for clients.
#[derive(ToSchema)]
#[schema(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Status {
    Pending,
    Approved,
    AwaitingApproval,
    Submitted,
    Confirmed,
    Failed,
    Rejected,
    Expired,
}

#[cfg(test)]
mod tests {
    use {
        super::*,
        portreeve_policy::Preset,
        serde_json::{Value, json},
        std::collections::BTreeSet,
        utoipa::PartialSchema,
    };

    /// The names of the properties that a schema shows.
    fn shown<T: PartialSchema>() -> BTreeSet<String> {
        let schema = serde_json::to_value(T::schema()).unwrap();
        schema["properties"].as_object().unwrap().keys().cloned().collect()
    }

    fn names(value: &Value) -> BTreeSet<String> {
        value.as_object().unwrap().keys().cloned().collect()
    }

    #[test]
    fn what_is_shown_of_a_policy_is_what_is_printed() {
        let mut policy = portreeve_policy::PolicyInput::from(Preset::Standard)
            .resolve(1)
            .unwrap();
        let token = portreeve_policy::TokenPolicy {
            limits: policy.limits,
            escalation: policy.escalation,
            pinned: Some(portreeve_policy::PinnedToken {
                program: portreeve_kernel::Address::SYSTEM_PROGRAM,
                decimals: 6,
            }),
        };
        policy.tokens.insert(
            portreeve_kernel::Mint::new(portreeve_kernel::Address::new([9; 32])),
            token,
        );
        let printed = serde_json::to_value(policy).unwrap();
        assert_eq!(shown::<Policy>(), names(&printed));
        assert_eq!(shown::<Limits>(), names(&printed["limits"]));
        assert_eq!(shown::<Whitelist>(), names(&printed["whitelist"]));
        let token = printed["tokens"].as_object().unwrap().values().next().unwrap();
        assert_eq!(shown::<KeptTokenPolicy>(), names(token));
        assert_eq!(shown::<PinnedToken>(), names(&token["pinned"]));
    }

    #[test]
    fn the_stages_and_statuses_that_are_shown_are_those_there_are() {
        let shown = |schema: &Value| -> BTreeSet<String> {
            let words = schema["enum"].as_array().unwrap().iter();
            words.map(|word| word.as_str().unwrap().to_owned()).collect()
        };
        let stages = serde_json::to_value(Stage::schema()).unwrap();
        let all = || portreeve_payment::Stage::ALL.iter();
        assert_eq!(shown(&stages), all().map(ToString::to_string).collect());
        let statuses = serde_json::to_value(Status::schema()).unwrap();
        assert_eq!(
            shown(&statuses),
            all().map(|stage| stage.status().as_str().to_owned()).collect()
        );
    }

    #[test]
    fn every_field_that_is_shown_is_read_and_no_other() {
        let whole = json!({
            "preset": "custom",
            "limits": {"perTransaction": "1", "daily": "1", "weekly": "1", "monthly": "1"},
            "escalation": {"low": "1", "medium": "1", "high": "1", "critical": "1"},
            "tokens": {},
            "whitelist": {"allowedDestinations": [], "allowedPrograms": [], "allowedTokenMints": []},
            "timeControl": {"operatingHoursUtc": {"start": 9, "end": 17}, "weekdays": [], "blackoutDates": []},
            "minIntervalSeconds": 1,
            "approvalMayExceedPerTransaction": false,
            "chainDestinations": "any",
        });
        assert_eq!(shown::<PolicyInput>(), names(&whole));
        assert_eq!(shown::<LimitsInput>(), names(&whole["limits"]));
        assert_eq!(shown::<Escalation>(), names(&whole["escalation"]));
        assert_eq!(shown::<TimeControl>(), names(&whole["timeControl"]));
        assert_eq!(shown::<Hours>(), names(&whole["timeControl"]["operatingHoursUtc"]));
        assert!(serde_json::from_value::<portreeve_policy::PolicyInput>(whole.clone()).is_ok());
        let mut more = whole;
        more["other"] = json!(1);
        assert!(serde_json::from_value::<portreeve_policy::PolicyInput>(more).is_err());
    }
}
