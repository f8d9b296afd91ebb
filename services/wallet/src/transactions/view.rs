//! A payment and a decision as clients see them.

use {
    super::row::TransactionRow,
    crate::http::schema,
    portreeve_kernel::{Asset, Code, Timestamp},
    portreeve_payment::{Stage, Status},
    portreeve_policy::{AgentPolicy, Decision, Violation, Window},
    serde::{Deserialize, Serialize},
    utoipa::ToSchema,
};

/// One rule that says no.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ViolationView {
    /// The rule's code.
    #[schema(example = "POLICY_DAILY_LIMIT_EXCEEDED")]
    pub(crate) code: String,
    /// How alarming it is to the owner: LOW, MEDIUM, HIGH or CRITICAL.
    pub(crate) level: Option<String>,
    /// `24h`, `7d` or `30d` for limits over time.
    pub(crate) window: Option<String>,
    /// The limit, in base units.
    pub(crate) limit: Option<String>,
    /// What already counts against it.
    pub(crate) used: Option<String>,
    /// What was asked for.
    pub(crate) requested: String,
    /// What is left of it.
    pub(crate) remaining: Option<String>,
    /// When the same request would pass this rule; null when waiting does not help or it is not known.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) passes_at: Option<Timestamp>,
}

impl From<&Violation> for ViolationView {
    fn from(violation: &Violation) -> Self {
        Self {
            code: violation.code.to_string(),
            level: violation.level.map(|level| level.as_str().to_owned()),
            window: violation.window.map(|window: Window| window.to_string()),
            limit: violation.limit.map(|amount| amount.to_string()),
            used: violation.used.map(|total| total.to_string()),
            requested: violation.requested.to_string(),
            remaining: violation.remaining.map(|total| total.to_string()),
            passes_at: violation.passes_at,
        }
    }
}

/// What the policy says about one spend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DecisionView {
    /// ALLOW, ALLOW_NOTIFY, HOLD, DENY, DENY_SUSPEND or DENY_SUSPEND_REVOKE.
    #[schema(example = "ALLOW")]
    pub(crate) outcome: String,
    /// The escalation level the amount reaches.
    pub(crate) level: Option<String>,
    /// The code of a refusal.
    pub(crate) code: Option<String>,
    /// Every rule that says no.
    pub(crate) violations: Vec<ViolationView>,
    /// The largest amount that would be paid now without asking anybody.
    #[schema(example = "250000000")]
    pub(crate) max_amount_now: String,
    /// When the same request would pass; null when waiting does not help or it is not known.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) passes_at: Option<Timestamp>,
    /// The version of the policy that decided.
    pub(crate) policy_version: u64,
}

impl DecisionView {
    /// `policy` is the one that decided: what a limit lets through again has to meet its operating hours too.
    pub(crate) fn new(decision: &Decision, policy: &AgentPolicy) -> Self {
        let passes_at = decision.passes_at().and_then(|at| policy.time_control.opens_at(at));
        Self {
            outcome: decision.outcome.to_string(),
            level: decision.level.map(|level| level.as_str().to_owned()),
            code: decision.code().map(|code| code.to_string()),
            violations: decision.violations.iter().map(ViolationView::from).collect(),
            max_amount_now: decision.max_amount_now.to_string(),
            passes_at,
            policy_version: decision.policy_version,
        }
    }
}

/// Which layers have said yes so far: null where one has not been asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct PolicyChecks {
    /// The server's policy and ledger.
    pub(crate) server: bool,
    /// The signer's own copy.
    pub(crate) signer: Option<bool>,
    /// The limit in Squads.
    pub(crate) chain: Option<bool>,
}

/// Why a payment did not happen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct FailureView {
    /// From the registry.
    pub(crate) code: String,
    /// In words.
    pub(crate) detail: String,
    /// Whether paying again, under a new Idempotency-Key, may succeed.
    pub(crate) retryable: bool,
}

/// One payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(title = "Transaction")]
pub(crate) struct TransactionView {
    /// Also the memo on chain.
    #[schema(example = "tx_01JZ3V5Q8K3M0N2P4R6S8T0V2W")]
    pub(crate) id: String,
    /// Who pays.
    #[schema(example = "agt_01JZ3V5Q8K3M0N2P4R6S8T0V2W")]
    pub(crate) agent_id: String,
    /// TRANSFER for SOL, TOKEN_TRANSFER for a token.
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    /// Who is paid.
    pub(crate) to: String,
    /// In base units. Of a token that takes a fee, whoever is paid gets less.
    #[schema(example = "1000000000")]
    pub(crate) amount: String,
    /// The token's mint; null for SOL.
    pub(crate) mint: Option<String>,
    /// Digits after the point in whole SOL or tokens.
    #[schema(example = 9)]
    pub(crate) decimals: Option<u8>,
    /// Whether the fee payer opens a token account for whoever is paid.
    pub(crate) opens_token_account: bool,
    /// The caller's note. Kept here, not on chain.
    pub(crate) memo: Option<String>,
    /// Where it is.
    #[schema(value_type = schema::Status)]
    pub(crate) status: Status,
    /// The same in full detail.
    #[schema(value_type = schema::Stage)]
    pub(crate) stage: Stage,
    /// `finalized` once irreversible.
    pub(crate) commitment: Option<&'static str>,
    /// On chain.
    pub(crate) tx_signature: Option<String>,
    /// LOW, MEDIUM, HIGH or CRITICAL: the level the amount reached.
    pub(crate) escalation_level: Option<String>,
    /// The version of the policy that decided.
    pub(crate) policy_version: u64,
    /// Which layers agreed.
    pub(crate) policy_checks: PolicyChecks,
    /// Why it did not happen.
    pub(crate) failure: Option<FailureView>,
    /// Every rule that said no.
    pub(crate) violations: Vec<ViolationView>,
    /// When it was asked for.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) created_at: Timestamp,
    /// When the chain made it final.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) confirmed_at: Option<Timestamp>,
}

impl From<&TransactionRow> for TransactionView {
    fn from(row: &TransactionRow) -> Self {
        let stage = row.stage;
        let failure = row.failure.as_ref().map(|(code, detail)| FailureView {
            code: code.to_string(),
            detail: detail.clone(),
            retryable: *code == Code::TransactionExpired,
        });
        Self {
            id: row.id.to_string(),
            agent_id: row.agent.to_string(),
            kind: match row.asset {
                Asset::Sol => "TRANSFER",
                Asset::Token(_) => "TOKEN_TRANSFER",
            },
            to: row.destination.to_string(),
            amount: row.amount.to_string(),
            mint: row.mint().map(|mint| mint.to_string()),
            decimals: row.decimals(),
            opens_token_account: row.opens_account(),
            memo: row.memo.clone(),
            status: stage.status(),
            stage,
            commitment: matches!(stage, Stage::Finalized | Stage::FailedOnChain).then_some("finalized"),
            tx_signature: row.signature.clone(),
            escalation_level: row.decision.level.clone(),
            policy_version: row.decision.policy_version,
            policy_checks: PolicyChecks {
                server: !matches!(stage, Stage::Denied | Stage::Held),
                signer: match stage {
                    Stage::Submitted | Stage::Finalized | Stage::FailedOnChain | Stage::Expired => Some(true),
                    Stage::SignerRefused => Some(false),
                    _ => None,
                },
                chain: match stage {
                    Stage::Finalized => Some(true),
                    Stage::FailedOnChain => Some(false),
                    _ => None,
                },
            },
            failure,
            violations: row.decision.violations.clone(),
            created_at: row.created_at,
            confirmed_at: row.confirmed_at,
        }
    }
}
