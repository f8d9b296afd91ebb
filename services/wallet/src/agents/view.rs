//! An agent as clients see it.

use {
    super::{
        row::{AgentRow, PolicyRow},
        state::{AgentStage, AgentStatus, ChainSync},
    },
    crate::http::schema,
    portreeve_kernel::Timestamp,
    portreeve_policy::{AgentPolicy, Warning, approval_challenge, lint},
    serde::Serialize,
    utoipa::ToSchema,
};

/// Something about a policy that its owner should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(title = "PolicyWarning")]
pub(crate) struct WarningView {
    /// For programs.
    #[schema(example = "APPROVAL_TIER_UNREACHABLE")]
    pub(crate) code: String,
    /// For people.
    pub(crate) detail: String,
}

impl From<Warning> for WarningView {
    fn from(warning: Warning) -> Self {
        Self {
            code: warning.code.to_string(),
            detail: warning.detail,
        }
    }
}

/// What the owner has to sign before the agent can do anything.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PolicyApproval {
    /// 32 bytes in Base58: the hash of agent, version and policy. Compute it yourself from `policy` before signing it.
    pub(crate) challenge: String,
    /// The version to be approved.
    pub(crate) policy_version: u64,
    /// The policy, complete, as the signer will hold it.
    #[schema(value_type = schema::Policy)]
    pub(crate) policy: AgentPolicy,
}

/// What the owner has to sign before a suspended agent can pay again.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ResumeApproval {
    /// 32 bytes in Base58; another one for every suspension.
    pub(crate) challenge: String,
    /// The suspension it ends.
    pub(crate) suspension: u64,
}

/// One agent.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(title = "Agent")]
pub(crate) struct AgentView {
    /// Stays the same for the agent's whole life.
    #[schema(example = "agt_01JZ3V5Q8K3M0N2P4R6S8T0V2W")]
    pub(crate) id: String,
    /// Whose it is.
    pub(crate) owner_id: String,
    /// Inside which project.
    pub(crate) project_id: String,
    /// For people.
    #[schema(example = "shopper")]
    pub(crate) nickname: String,
    /// For people and filters.
    pub(crate) tags: Vec<String>,
    /// Only ACTIVE agents pay.
    pub(crate) status: AgentStatus,
    /// What is being done about it in the background.
    pub(crate) stage: Option<AgentStage>,
    /// Why it is in this status.
    pub(crate) status_reason: Option<String>,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) status_changed_at: Timestamp,
    /// The agent's key, held by the signer.
    pub(crate) agent_public_key: Option<String>,
    /// The Squads multisig. Do not send money here.
    pub(crate) multisig_address: Option<String>,
    /// Where the agent's money is. Send it here.
    pub(crate) vault_address: Option<String>,
    /// The policy in force.
    pub(crate) policy_version: u64,
    /// Whether the owner has approved it.
    pub(crate) policy_approved: bool,
    /// Present while the policy waits for the owner.
    pub(crate) policy_approval: Option<PolicyApproval>,
    /// Present while the agent is suspended and the signer can be asked.
    pub(crate) resume_approval: Option<ResumeApproval>,
    /// What the owner should know about the policy.
    pub(crate) policy_warnings: Vec<WarningView>,
    /// Whether signer and chain are as the status asks.
    pub(crate) chain_sync: ChainSync,
    /// When they last were.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) last_synced_at: Option<Timestamp>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) created_at: Timestamp,
    /// When anything about it last changed.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) updated_at: Timestamp,
}

impl AgentView {
    /// The agent with its policy; `resume` is added by who asked the signer.
    pub(crate) fn new(agent: &AgentRow, policy: &PolicyRow) -> Self {
        let approved = policy.approved_at.is_some();
        let approval = (!approved).then(|| PolicyApproval {
            challenge: approval_challenge(&agent.id, &policy.body).to_string(),
            policy_version: policy.body.version,
            policy: policy.body.clone(),
        });
        Self {
            id: agent.id.to_string(),
            owner_id: agent.owner.to_string(),
            project_id: agent.project.to_string(),
            nickname: agent.nickname.clone(),
            tags: agent.tags.clone(),
            status: agent.status,
            stage: agent.stage,
            status_reason: agent.status_reason.clone(),
            status_changed_at: agent.status_changed_at,
            agent_public_key: agent.public_key.map(|key| key.to_string()),
            multisig_address: agent.multisig.map(|address| address.to_string()),
            vault_address: agent.vault.map(|address| address.to_string()),
            policy_version: agent.policy_version,
            policy_approved: approved,
            policy_approval: approval,
            resume_approval: None,
            policy_warnings: lint(&policy.body).into_iter().map(WarningView::from).collect(),
            chain_sync: agent.chain_sync,
            last_synced_at: agent.last_synced_at,
            created_at: agent.created_at,
            updated_at: agent.updated_at,
        }
    }
}
