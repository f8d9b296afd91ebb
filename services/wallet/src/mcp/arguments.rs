//! What tools are called with. Names are in snake case, as everywhere in MCP; amounts are decimal strings, because a model's
//! numbers are floating points to somebody on the way.

use {
    crate::transactions::IdempotencyKey,
    portreeve_guard::{Paging, PagingQuery, Problem},
    portreeve_kernel::{Address, AgentId, Amount, Code, Mint, Principal, TransactionId},
    serde::Deserialize,
    std::time::Duration,
    utoipa::ToSchema,
};

/// Seconds that a payment is waited for when the caller does not say.
const WAIT: u32 = 30;
const WAIT_MOST: u32 = 60;

/// Payments of one page.
const PAGE: u32 = 10;
const PAGE_MOST: u32 = 50;

/// A payment.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Pay {
    /// Who is paid: a Solana wallet address, also for a token.
    #[schema(value_type = String, example = "9xQeWvG816bUx9EPjHmaT23yvVM2ZWbrrpZb9PusVFin")]
    pub(super) to: Address,
    /// How much, as a decimal string in base units: lamports for SOL ("1000000000" is 1 SOL), or the mint's smallest unit.
    #[schema(value_type = String, example = "1000000000")]
    pub(super) amount: Amount,
    /// The mint of the token to pay in. Leave it out to pay SOL.
    #[schema(value_type = Option<String>, example = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v")]
    pub(super) mint: Option<Mint>,
    /// A note of at most 200 characters, kept with the payment and not written on chain.
    #[schema(example = "invoice 42")]
    pub(super) memo: Option<String>,
    /// Names this payment: 1 to 255 visible ASCII characters. The same key never pays twice, so send the same one when you
    /// retry and a new one for a new payment. One is made when you leave it out.
    #[schema(example = "invoice-42")]
    pub(super) idempotency_key: Option<String>,
    /// Which agent pays. Leave it out when your credential is an agent's.
    #[schema(value_type = Option<String>, example = "agt_01JZ3V5Q8K3M0N2P4R6S8T0V2W")]
    pub(super) agent_id: Option<AgentId>,
    /// How many seconds to wait for the payment to become final, 0 to 60.
    #[schema(minimum = 0, maximum = 60, default = 30)]
    pub(super) wait_seconds: Option<u32>,
}

impl Pay {
    /// # Errors
    /// `VALIDATION_OUT_OF_RANGE`.
    pub(super) fn wait(&self) -> Result<Duration, Problem> {
        let seconds = within("wait_seconds", self.wait_seconds.unwrap_or(WAIT), 0, WAIT_MOST)?;
        Ok(Duration::from_secs(seconds.into()))
    }

    /// # Errors
    /// `VALIDATION_INVALID_FORMAT`.
    pub(super) fn key(&self) -> Result<Option<IdempotencyKey>, Problem> {
        let Some(text) = &self.idempotency_key else {
            return Ok(None);
        };
        let malformed = || {
            Problem::new(Code::ValidationInvalidFormat)
                .detail("an idempotency_key has 1 to 255 visible ASCII characters")
                .param("idempotency_key")
        };
        IdempotencyKey::parse(text).map(Some).ok_or_else(malformed)
    }
}

/// About one agent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OfAgent {
    /// Which agent. Leave it out when your credential is an agent's.
    #[schema(value_type = Option<String>, example = "agt_01JZ3V5Q8K3M0N2P4R6S8T0V2W")]
    pub(super) agent_id: Option<AgentId>,
}

/// About one payment.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OfTransaction {
    /// Which payment, as execute_transaction or list_transactions named it.
    #[schema(value_type = String, example = "tx_01JZ3V5Q8K3M0N2P4R6S8T0V2W")]
    pub(super) tx_id: TransactionId,
}

/// Which payments.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    /// How many at most, 1 to 50.
    #[schema(minimum = 1, maximum = 50, default = 10)]
    limit: Option<u32>,
    /// Only payments in this status: PENDING, APPROVED, AWAITING_APPROVAL, SUBMITTED, CONFIRMED, FAILED, REJECTED or EXPIRED.
    #[schema(example = "CONFIRMED")]
    pub(super) status: Option<String>,
    /// The `cursor` of the page before.
    cursor: Option<String>,
    /// Which agent's. Leave it out when your credential is an agent's.
    #[schema(value_type = Option<String>, example = "agt_01JZ3V5Q8K3M0N2P4R6S8T0V2W")]
    pub(super) agent_id: Option<AgentId>,
}

impl Filter {
    /// The newest payments.
    pub(super) const fn newest() -> Self {
        Self {
            limit: None,
            status: None,
            cursor: None,
            agent_id: None,
        }
    }

    /// # Errors
    /// `VALIDATION_*`.
    pub(super) fn paging(&self) -> Result<Paging, Problem> {
        let limit = within("limit", self.limit.unwrap_or(PAGE), 1, PAGE_MOST)?;
        PagingQuery {
            limit: Some(limit),
            cursor: self.cursor.clone(),
        }
        .check()
    }
}

/// Who is to be stopped.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Suspend {
    /// Which agent.
    #[schema(value_type = String, example = "agt_01JZ3V5Q8K3M0N2P4R6S8T0V2W")]
    pub(super) agent_id: AgentId,
    /// Why, in at most 200 characters.
    #[schema(example = "unknown shop")]
    pub(super) reason: Option<String>,
}

/// Who is to go on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Resume {
    /// Which agent.
    #[schema(value_type = String, example = "agt_01JZ3V5Q8K3M0N2P4R6S8T0V2W")]
    pub(super) agent_id: AgentId,
}

/// The agent that is meant: the named one, or the caller's own.
///
/// # Errors
/// `VALIDATION_REQUIRED_FIELD` when neither is there.
pub(super) fn whose(caller: &Principal, named: Option<AgentId>) -> Result<AgentId, Problem> {
    named.or_else(|| caller.agent.clone()).ok_or_else(|| {
        Problem::new(Code::ValidationRequiredField)
            .detail("a credential that is not bound to an agent has to say which agent is meant")
            .param("agent_id")
    })
}

fn within(name: &'static str, value: u32, least: u32, most: u32) -> Result<u32, Problem> {
    if (least..=most).contains(&value) {
        return Ok(value);
    }
    Err(Problem::new(Code::ValidationOutOfRange)
        .detail(format_args!("`{value}` is not between {least} and {most}"))
        .param(name))
}
