//! Payments as the database holds them. Every change of stage is a compare-and-set, so that it is made once.

use {
    super::view::DecisionView,
    crate::tokens::Route,
    portreeve_chain::{TokenProgram, squads::Currency},
    portreeve_guard::Problem,
    portreeve_kernel::{
        Address, AgentId, Amount, Asset, Code, Mint, OwnerId, Principal, ProjectId, Timestamp, TransactionId,
    },
    portreeve_payment::{Payment, Stage},
    portreeve_store::{Bind, Fetch, Row, Sql, StoreError, Tx, Value},
    std::collections::BTreeMap,
};

/// Lamports per SOL as a power of ten.
pub(super) const SOL_DECIMALS: u8 = 9;

/// One payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TransactionRow {
    pub(crate) id: TransactionId,
    pub(crate) project: ProjectId,
    pub(crate) owner: OwnerId,
    pub(crate) agent: AgentId,
    pub(crate) idempotency_key: String,
    pub(crate) body_hash: String,
    pub(crate) requested_by: String,
    pub(crate) asset: Asset,
    pub(crate) amount: Amount,
    pub(crate) destination: Address,
    /// How a token is paid; nothing for SOL.
    pub(crate) route: Option<Route>,
    pub(crate) memo: Option<String>,
    pub(crate) stage: Stage,
    /// Why it did not happen.
    pub(crate) failure: Option<(Code, String)>,
    /// What the policy said when it was asked.
    pub(crate) decision: DecisionView,
    /// How often its agent had been suspended by then.
    pub(crate) suspensions: u64,
    /// The bytes the signer is asked to sign, from SIGNING on.
    pub(crate) message: Option<Vec<u8>>,
    /// The last block height at which they can land.
    pub(crate) last_valid_height: Option<u64>,
    /// The signed transaction, from SUBMITTED on.
    pub(crate) wire: Option<Vec<u8>>,
    pub(crate) signature: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) confirmed_at: Option<Timestamp>,
}

const COLUMNS: &str = "INSERT INTO transactions (id, project_id, owner_id, agent_id, idempotency_key, body_hash, \
     requested_by, asset, amount, destination, token_program, decimals, opens_account, memo, stage, code, detail, \
     decision, suspensions, created_at, updated_at)";

macro_rules! select_transactions {
    ($rest:literal) => {
        concat!(
            "SELECT id, project_id, owner_id, agent_id, idempotency_key, body_hash, requested_by, asset, amount, ",
            "destination, token_program, decimals, opens_account, memo, stage, code, detail, decision, suspensions, message, last_valid_height, wire, signature, created_at, ",
            "confirmed_at FROM transactions ",
            $rest
        )
    };
}

impl TransactionRow {
    fn read(row: &Row) -> Result<Self, StoreError> {
        let code: Option<String> = row.get_optional("code")?;
        let code = code.and_then(|text| Code::ALL.iter().copied().find(|code| code.as_str() == text));
        let detail: Option<String> = row.get_optional("detail")?;
        Ok(Self {
            id: row.get("id")?,
            project: row.get("project_id")?,
            owner: row.get("owner_id")?,
            agent: row.get("agent_id")?,
            idempotency_key: row.get("idempotency_key")?,
            body_hash: row.get("body_hash")?,
            requested_by: row.get("requested_by")?,
            asset: row.get("asset")?,
            amount: row.get("amount")?,
            destination: row.get("destination")?,
            route: route(row)?,
            memo: row.get_optional("memo")?,
            stage: row.parsed("stage")?.ok_or(StoreError::Missing)?,
            failure: code.map(|code| (code, detail.unwrap_or_default())),
            decision: row.json("decision")?,
            suspensions: row.get("suspensions")?,
            message: row.get_optional("message")?,
            last_valid_height: row.get_optional("last_valid_height")?,
            wire: row.get_optional("wire")?,
            signature: row.get_optional("signature")?,
            created_at: row.get("created_at")?,
            confirmed_at: row.get_optional("confirmed_at")?,
        })
    }

    fn values(&self) -> Vec<Value> {
        let (code, detail) = self
            .failure
            .as_ref()
            .map(|(code, detail)| (code.as_str(), detail.as_str()))
            .unzip();
        vec![
            (&self.id).value(),
            (&self.project).value(),
            (&self.owner).value(),
            (&self.agent).value(),
            self.idempotency_key.as_str().value(),
            self.body_hash.as_str().value(),
            self.requested_by.as_str().value(),
            (&self.asset).value(),
            self.amount.value(),
            (&self.destination).value(),
            self.route.map(|route| route.program.address().to_string()).value(),
            self.route.map(|route| u64::from(route.decimals)).value(),
            u64::from(self.opens_account()).value(),
            self.memo.as_deref().value(),
            self.stage.as_str().value(),
            code.value(),
            detail.value(),
            serde_json::to_string(&self.decision).map_or_else(|error| Value::Unfit(error.to_string()), Bind::value),
            self.suspensions.value(),
            self.created_at.value(),
            self.created_at.value(),
        ]
    }

    /// It, as far as its course depends on it.
    pub(super) const fn course(&self) -> Payment {
        Payment {
            stage: self.stage,
            created_at: self.created_at,
            suspensions: self.suspensions,
            last_valid_height: self.last_valid_height,
        }
    }

    /// What moves.
    ///
    /// # Errors
    /// For a token without a route, which is never written.
    pub(crate) fn currency(&self) -> Result<Currency, Problem> {
        match (self.asset, self.route) {
            (Asset::Sol, _) => Ok(Currency::Sol),
            (Asset::Token(mint), Some(route)) => Ok(route.currency(mint)),
            (Asset::Token(_), None) => Err(Problem::internal("a payment in a token without its program")),
        }
    }

    /// The token's mint; `None` for SOL.
    pub(crate) fn mint(&self) -> Option<Mint> {
        match self.asset {
            Asset::Sol => None,
            Asset::Token(mint) => Some(mint),
        }
    }

    /// Digits after the point in whole SOL or tokens.
    pub(crate) fn decimals(&self) -> Option<u8> {
        match self.asset {
            Asset::Sol => Some(SOL_DECIMALS),
            Asset::Token(_) => self.route.map(|route| route.decimals),
        }
    }

    /// Whether the fee payer opens a token account for whoever is paid.
    pub(crate) fn opens_account(&self) -> bool {
        self.route.is_some_and(|route| route.opens_account)
    }

    /// Whether `caller` may know of this payment.
    pub(crate) fn is_seen_by(&self, caller: &Principal) -> bool {
        let in_reach = self.owner == caller.owner && self.project == caller.project;
        in_reach && caller.agent.as_ref().is_none_or(|own| *own == self.agent)
    }
}

fn route(row: &Row) -> Result<Option<Route>, StoreError> {
    let program: Option<Address> = row.parsed("token_program")?;
    let decimals: Option<u64> = row.get_optional("decimals")?;
    let opens: u64 = row.get("opens_account")?;
    let Some((program, decimals)) = program.zip(decimals) else {
        return Ok(None);
    };
    Ok(Some(Route {
        program: TokenProgram::at(program).ok_or(StoreError::Missing)?,
        decimals: u8::try_from(decimals).map_err(|_| StoreError::Missing)?,
        opens_account: opens == 1,
    }))
}

/// Writes new payments in one statement.
pub(crate) async fn insert(tx: &mut Tx, rows: &[TransactionRow]) -> Result<(), StoreError> {
    tx.insert(COLUMNS, rows.iter().map(TransactionRow::values).collect(), "")
        .await
}

/// One payment, by its id alone: who asks has to look whose it is.
pub(crate) async fn find(
    at: &mut (impl Fetch + Send),
    id: &TransactionId,
) -> Result<Option<TransactionRow>, StoreError> {
    let row = at
        .fetch_optional(Sql::new(select_transactions!("WHERE id = $1")).bind(id))
        .await?;
    row.as_ref().map(TransactionRow::read).transpose()
}

/// What an agent asked for under an idempotency key.
pub(crate) async fn find_by_key(
    at: &mut (impl Fetch + Send),
    agent: &AgentId,
    key: &str,
) -> Result<Option<TransactionRow>, StoreError> {
    let sql = Sql::new(select_transactions!("WHERE agent_id = $1 AND idempotency_key = $2"))
        .bind(agent)
        .bind(key);
    at.fetch_optional(sql)
        .await?
        .as_ref()
        .map(TransactionRow::read)
        .transpose()
}

/// All payments of `agents` under any of `keys`: at least those asked for, perhaps more.
pub(crate) async fn find_by_keys<'a>(
    tx: &mut Tx,
    agents: impl IntoIterator<Item = &'a AgentId>,
    keys: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<TransactionRow>, StoreError> {
    let sql = Sql::new(select_transactions!(
        "WHERE agent_id IN ({list}) AND idempotency_key IN ({list})"
    ));
    let rows = tx.fetch_all(sql.bind_list(agents).bind_list(keys)).await?;
    rows.iter().map(TransactionRow::read).collect()
}

/// A page of an agent's payments, newest first; one more than `limit`, if there is.
pub(crate) async fn page(
    at: &mut (impl Fetch + Send),
    agent: &AgentId,
    stages: &[Stage],
    before: Option<&str>,
    limit: u32,
) -> Result<Vec<TransactionRow>, StoreError> {
    let sql = Sql::new(select_transactions!(
        "WHERE agent_id = $1 AND ($2 = '' OR id < $2) AND stage IN ({list}) ORDER BY id DESC LIMIT $3"
    ));
    let sql = sql.bind(agent).bind(before.unwrap_or("")).bind(limit.saturating_add(1));
    let sql = sql.bind_list(stages.iter().map(|stage| stage.as_str()));
    at.fetch_all(sql).await?.iter().map(TransactionRow::read).collect()
}

/// The payments that are neither done nor dead, and whose they are.
pub(crate) async fn in_flight(at: &mut (impl Fetch + Send)) -> Result<Vec<(TransactionId, AgentId)>, StoreError> {
    let sql = Sql::new("SELECT id, agent_id FROM transactions WHERE stage IN ('RESERVED', 'SIGNING', 'SUBMITTED')");
    at.fetch_all(sql)
        .await?
        .iter()
        .map(|row| Ok((row.get("id")?, row.get("agent_id")?)))
        .collect()
}

/// Whether a payment is neither done nor dead.
pub(crate) async fn is_open(at: &mut (impl Fetch + Send), id: &TransactionId) -> Result<bool, StoreError> {
    let row = at
        .fetch_optional(Sql::new("SELECT stage FROM transactions WHERE id = $1").bind(id))
        .await?;
    let stage = row.map(|row| row.parsed::<Stage>("stage")).transpose()?.flatten();
    Ok(stage.is_some_and(Stage::is_in_flight))
}

/// How many payments of each of `agents` are allowed and not signed yet.
pub(crate) async fn unsigned<'a>(
    at: &mut (impl Fetch + Send),
    agents: impl IntoIterator<Item = &'a AgentId>,
) -> Result<BTreeMap<AgentId, u64>, StoreError> {
    let sql = Sql::new(
        "SELECT agent_id, COUNT(*) AS n FROM transactions WHERE stage IN ('RESERVED', 'SIGNING') AND agent_id IN ({list}) \
         GROUP BY agent_id",
    );
    let rows = at.fetch_all(sql.bind_list(agents)).await?;
    rows.iter()
        .map(|row| Ok((row.get("agent_id")?, row.get("n")?)))
        .collect()
}

/// When each of `agents` had token accounts opened since then, oldest first. What the signer has promised never to sign,
/// or nobody asked it to, opens none.
pub(crate) async fn opened<'a>(
    at: &mut (impl Fetch + Send),
    agents: impl IntoIterator<Item = &'a AgentId>,
    since: Timestamp,
) -> Result<BTreeMap<AgentId, Vec<Timestamp>>, StoreError> {
    let sql = Sql::new(
        "SELECT agent_id, created_at FROM transactions WHERE opens_account = 1 AND created_at > $1 \
         AND stage NOT IN ('DENIED', 'HELD', 'VOIDED', 'SIMULATION_FAILED', 'SIGNER_REFUSED') \
         AND agent_id IN ({list}) ORDER BY created_at, id",
    );
    let mut opened: BTreeMap<AgentId, Vec<Timestamp>> = BTreeMap::new();
    for row in at.fetch_all(sql.bind(since).bind_list(agents)).await? {
        opened
            .entry(row.get("agent_id")?)
            .or_default()
            .push(row.get("created_at")?);
    }
    Ok(opened)
}

/// Sets the last height at which a sent payment can land, of which nobody knew one.
pub(crate) async fn bound(tx: &mut Tx, id: &TransactionId, last_valid_height: u64) -> Result<(), StoreError> {
    let sql = Sql::new(
        "UPDATE transactions SET last_valid_height = $1 WHERE id = $2 AND stage = $3 AND last_valid_height IS NULL",
    );
    let sql = sql.bind(last_valid_height).bind(id).bind(Stage::Submitted.as_str());
    tx.execute(sql).await.map(drop)
}

/// What changes with a stage.
#[derive(Debug, Clone, Default)]
pub(crate) struct Change {
    pub(crate) failure: Option<(Code, String)>,
    pub(crate) message: Option<Vec<u8>>,
    pub(crate) last_valid_height: Option<u64>,
    pub(crate) wire: Option<Vec<u8>>,
    pub(crate) signature: Option<String>,
    pub(crate) slot: Option<u64>,
    pub(crate) confirmed_at: Option<Timestamp>,
}

/// Moves a payment from one stage to the next. False when somebody else did already; then nothing is changed.
///
/// # Errors
/// [`StoreError::Missing`] for a step that the state machine does not have.
pub(crate) async fn advance(
    tx: &mut Tx,
    id: &TransactionId,
    from: Stage,
    to: Stage,
    change: &Change,
    at: Timestamp,
) -> Result<bool, StoreError> {
    if !from.may_become(to) {
        return Err(StoreError::Missing);
    }
    let (code, detail) = change
        .failure
        .as_ref()
        .map(|(code, detail)| (code.as_str(), detail.as_str()))
        .unzip();
    let sql = Sql::new(
        "UPDATE transactions SET stage = $1, code = COALESCE($2, code), detail = COALESCE($3, detail), \
         message = COALESCE($4, message), last_valid_height = COALESCE($5, last_valid_height), \
         wire = COALESCE($6, wire), signature = COALESCE($7, signature), slot = COALESCE($8, slot), \
         confirmed_at = COALESCE($9, confirmed_at), updated_at = $10 WHERE id = $11 AND stage = $12",
    );
    let sql = sql
        .bind(to.as_str())
        .bind(code)
        .bind(detail)
        .bind(change.message.as_deref())
        .bind(change.last_valid_height)
        .bind(change.wire.as_deref())
        .bind(change.signature.as_deref())
        .bind(change.slot)
        .bind(change.confirmed_at)
        .bind(at)
        .bind(id)
        .bind(from.as_str());
    Ok(tx.execute(sql).await? == 1)
}
