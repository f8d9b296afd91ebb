//! The decision about payments by itself, for those who measure it: no HTTP before it, no chain and no signer behind
//! it. What is decided is as durable as ever, and nobody carries it on.

use {
    crate::{
        hands::Hands,
        transactions::{Decided, Decider, IdempotencyKey, Order, Spend, Stage},
    },
    axum::http::{HeaderMap, HeaderValue},
    portreeve_guard::Problem,
    portreeve_kernel::{
        Address, AgentId, Amount, Clock, Code, Entropy, Principal, TransactionId,
        control::{CredentialCheck, CredentialControl},
    },
    portreeve_store::{Batcher, Database, StoreError, Tx},
    std::{fmt, sync::Arc},
};

/// What a decision needs from the house.
pub struct DecisionParts {
    /// Where everything is kept.
    pub database: Database,
    /// The time that budgets live by, and the wall's.
    pub clock: Arc<dyn Clock>,
    /// For ids.
    pub entropy: Arc<dyn Entropy>,
    /// Whose keys are revoked when an agent is stopped for good.
    pub credentials: Arc<dyn CredentialControl<Tx, StoreError>>,
    /// Whether a credential is still good.
    pub checks: Arc<dyn CredentialCheck<Tx, StoreError>>,
}

/// Decides payments as the server does. Cheap to clone.
#[derive(Clone)]
pub struct Decisions {
    decider: Batcher<Decider>,
    hands: Hands,
}

impl fmt::Debug for Decisions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Decisions")
    }
}

impl Decisions {
    /// Decisions on the agents of a database.
    #[must_use]
    pub fn new(parts: DecisionParts) -> Self {
        let hands = Hands {
            wall: Arc::clone(&parts.clock),
            clock: parts.clock,
            entropy: parts.entropy,
            credentials: parts.credentials,
            checks: parts.checks,
        };
        Self {
            decider: parts.database.batcher(Decider::new(hands.clone())),
            hands,
        }
    }

    /// Decides one payment of SOL and returns when that is on disk: where it stands, or why the agent may not pay at all.
    ///
    /// # Errors
    /// The store's. What is not well-formed is [`Code::ValidationInvalidFormat`].
    pub async fn decide(
        &self,
        caller: &Principal,
        agent: &AgentId,
        to: Address,
        amount: Amount,
        key: &str,
    ) -> Result<Result<Stage, Code>, StoreError> {
        let (Ok(order), Ok(key)) = (
            Order::check(caller, Some(agent.clone()), to, amount, None),
            idempotency_key(key),
        ) else {
            return Ok(Err(Code::ValidationInvalidFormat));
        };
        let id = TransactionId::new(self.hands.clock.now().for_expiry(), self.hands.entropy());
        Ok(match self.decider.submit(Spend::new(id, caller, order, key)).await? {
            Decided::New(row) | Decided::Replayed(row) => Ok(row.stage),
            Decided::Mismatch(_) => Err(Code::RequestIdempotencyMismatch),
            Decided::Refused(code) => Err(code),
        })
    }
}

fn idempotency_key(text: &str) -> Result<IdempotencyKey, Problem> {
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.insert("idempotency-key", value);
    }
    IdempotencyKey::from_headers(&headers)
}
