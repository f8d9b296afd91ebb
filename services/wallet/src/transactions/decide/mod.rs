//! The decision about payments: rule, reservation, payment row, audit entry and job are one commit, and many decisions
//! share it.
//!
//! What must stay true: the sums a rule sees were read under the lock that the reservation is written under, and each
//! decision of a group sees those before it. A known idempotency key is answered before any rule is asked.

use {
    super::{
        advance::JOB,
        order::{IdempotencyKey, Order},
        row::{self, TransactionRow},
        view::DecisionView,
    },
    crate::{
        agents::{self, AgentRow},
        events,
        hands::Hands,
        tokens::Found,
    },
    portreeve_guard::caller::revoked_code,
    portreeve_jobs as jobs,
    portreeve_kernel::{
        Address, AgentId, Asset, Code, Credential, Level, Now, OwnerId, Principal, ProjectId, Seconds, Timestamp,
        TransactionId,
    },
    portreeve_ledger::{AccountKey, LedgerError, WindowUse},
    portreeve_payment::{Case, Known, OPENED_WINDOW, Stage, begins_at, judge_token, known},
    portreeve_policy::{AgentPolicy, Decision, Outcome, SpendRequest},
    portreeve_store::{
        Batch, Fetch, StoreError, Tx,
        ledger::{self, Accounts},
    },
    serde_json::json,
    std::{
        collections::{BTreeMap, BTreeSet, HashMap},
        sync::{Arc, Mutex, PoisonError},
    },
};

/// How long whoever asked may take to prepare the payment before the job does it, in seconds. Long enough that they
/// never meet, short enough that a crash does not show.
const GRACE: Seconds = Seconds(15);

/// Policies that are kept parsed. A version never changes, so nothing has to be forgotten but for room.
const POLICIES_MAX: usize = 10_000;

/// One payment to be decided.
#[derive(Debug, Clone)]
pub(crate) struct Spend {
    pub(crate) id: TransactionId,
    pub(crate) owner: OwnerId,
    pub(crate) project: ProjectId,
    pub(crate) credential: Credential,
    pub(crate) order: Order,
    pub(crate) key: IdempotencyKey,
    /// How it is paid in a token; nothing for SOL.
    pub(crate) token: Option<Found>,
}

impl Spend {
    pub(crate) fn new(id: TransactionId, caller: &Principal, order: Order, key: IdempotencyKey) -> Self {
        Self {
            id,
            owner: caller.owner.clone(),
            project: caller.project.clone(),
            credential: caller.credential.clone(),
            order,
            key,
            token: None,
        }
    }

    /// What its owner is told of a refusal.
    fn why(&self, code: Code) -> String {
        let of_token = self.token.filter(|_| code == Code::PolicyTokenNotAllowed);
        let known = of_token.and_then(|found| found.refusal());
        known.unwrap_or_else(|| code.help().to_owned())
    }

    fn opens_account(&self) -> bool {
        self.token.is_some_and(|found| found.route.opens_account)
    }

    /// With what was found out about its token.
    pub(crate) fn by(self, token: Option<Found>) -> Self {
        Self { token, ..self }
    }
}

/// What became of it.
#[derive(Debug, Clone)]
pub(crate) enum Decided {
    /// Decided now, and kept.
    New(Box<TransactionRow>),
    /// Decided before, under the same key and with the same body.
    Replayed(Box<TransactionRow>),
    /// The key stands for another payment.
    Mismatch(TransactionId),
    /// The agent may not pay at all; nothing is kept.
    Refused(Code),
}

/// Decides payments, as many as wait, in one transaction.
pub(crate) struct Decider {
    hands: Hands,
    policies: Mutex<HashMap<(AgentId, u64), Arc<AgentPolicy>>>,
}

impl Decider {
    pub(crate) fn new(hands: Hands) -> Self {
        Self {
            hands,
            policies: Mutex::new(HashMap::new()),
        }
    }

    async fn policy(&self, tx: &mut Tx, agent: &AgentRow) -> Result<Arc<AgentPolicy>, StoreError> {
        let name = (agent.id.clone(), agent.policy_version);
        let known = self
            .policies
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&name)
            .cloned();
        if let Some(policy) = known {
            return Ok(policy);
        }
        let policy = agents::find_policy(tx, &agent.id, agent.policy_version)
            .await?
            .ok_or(StoreError::Missing)?;
        let policy = Arc::new(policy.body);
        let mut kept = self.policies.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= POLICIES_MAX {
            kept.clear();
        }
        kept.insert(name, Arc::clone(&policy));
        Ok(policy)
    }
}

/// The accounts a payment counts in.
pub(crate) fn accounts_of(owner: &OwnerId, order: &Order) -> [AccountKey; 3] {
    let (agent, asset) = (order.agent.clone(), order.asset);
    [
        AccountKey::Owner {
            owner: owner.clone(),
            asset,
        },
        AccountKey::Agent {
            agent: agent.clone(),
            asset,
        },
        AccountKey::Signer { agent, asset },
    ]
}

/// What a rule is asked: the program is the one that moves the asset.
pub(crate) fn request(order: &Order, token: Option<&Found>) -> SpendRequest {
    SpendRequest {
        asset: order.asset,
        amount: order.amount,
        destination: order.to,
        program: token.map_or(Address::SYSTEM_PROGRAM, |found| found.route.program.address()),
    }
}

/// What the token itself forbids. `opened`: when the agent had accounts opened, oldest first.
pub(crate) fn judge(
    decision: &mut Decision,
    policy: &AgentPolicy,
    order: &Order,
    token: Option<&Found>,
    opened: Option<&Vec<Timestamp>>,
) {
    if let (Asset::Token(mint), Some(found)) = (order.asset, token) {
        let opened = opened.map(Vec::as_slice).unwrap_or_default();
        let opens = found.route.opens_account.then_some(opened);
        judge_token(decision, policy, (mint, order.amount), found.nature(), opens);
    }
}

/// Fills in when each limit over time would let the payment through: when both accounts have freed enough.
pub(crate) async fn find_passes_at(
    from: &mut (impl Fetch + Send),
    decision: &mut Decision,
    keys: &[(AccountKey, WindowUse)],
    now: Now,
) -> Result<(), StoreError> {
    let over: Vec<_> = decision
        .violations
        .iter()
        .filter_map(|violation| Some((violation.window?, violation.limit?, violation.requested)))
        .collect();
    for (window, limit, requested) in over {
        let mut passes = Some(now.for_release());
        for (key, counted) in keys {
            let over_by = counted
                .of(window)
                .units()
                .saturating_add(requested.units())
                .saturating_sub(limit.units());
            let freed = ledger::frees_at(from, key, window, over_by, now).await?;
            passes = passes.zip(freed).map(|(one, other)| one.max(other));
        }
        decision.set_passes_at(window, passes);
    }
    Ok(())
}

/// What one group works on.
struct Group<'a> {
    now: Now,
    agents: BTreeMap<AgentId, AgentRow>,
    /// How many payments of an agent are allowed and not signed yet: nobody knows how soon they will be.
    unsigned: BTreeMap<AgentId, u64>,
    /// When token accounts were opened for those that an agent pays, oldest first.
    opened: BTreeMap<AgentId, Vec<Timestamp>>,
    accounts: Accounts,
    /// Credentials that have not been revoked since their requests came in.
    good: BTreeSet<Credential>,
    known: BTreeMap<(AgentId, String), TransactionRow>,
    new: Vec<TransactionRow>,
    hands: &'a Hands,
}

impl Batch for Decider {
    type Command = Spend;
    type Answer = Decided;

    async fn decide(&self, tx: &mut Tx, commands: &[Spend]) -> Result<Vec<Decided>, StoreError> {
        let now = self.hands.clock.now();
        let ids: BTreeSet<&AgentId> = commands.iter().map(|spend| &spend.order.agent).collect();
        let agents = agents::lock_all(tx, ids.iter().copied()).await?;
        let keys: BTreeSet<&str> = commands.iter().map(|spend| spend.key.as_str()).collect();
        let known = row::find_by_keys(tx, ids, keys).await?;
        let credentials: BTreeSet<Credential> = commands.iter().map(|spend| spend.credential.clone()).collect();
        let good = self.hands.checks.good_among(tx, &credentials, now).await?;
        let accounts = commands
            .iter()
            .flat_map(|spend| accounts_of(&spend.owner, &spend.order));
        let opening = commands.iter().filter(|spend| spend.opens_account());
        let opening: BTreeSet<&AgentId> = opening.map(|spend| &spend.order.agent).collect();
        let opened = if opening.is_empty() {
            BTreeMap::new()
        } else {
            row::opened(tx, opening, now.for_release().minus(OPENED_WINDOW)).await?
        };
        let mut group = Group {
            now,
            opened,
            agents: agents.into_iter().map(|agent| (agent.id.clone(), agent)).collect(),
            unsigned: row::unsigned(tx, commands.iter().map(|spend| &spend.order.agent)).await?,
            accounts: ledger::load(tx, accounts, now).await?,
            good,
            known: known
                .into_iter()
                .map(|row| ((row.agent.clone(), row.idempotency_key.clone()), row))
                .collect(),
            new: Vec::new(),
            hands: &self.hands,
        };
        let mut answers = Vec::with_capacity(commands.len());
        for spend in commands {
            answers.push(self.one(tx, &mut group, spend).await?);
        }
        row::insert(tx, &group.new).await?;
        group.accounts.write(tx).await?;
        // Each is carried on, whatever happens to whoever asked.
        let reserved = group.new.iter().filter(|row| row.stage == Stage::Reserved);
        let later = self.hands.wall().plus(GRACE);
        jobs::enqueue_all(tx, JOB, reserved.map(|row| row.id.as_str()), later).await?;
        Ok(answers)
    }
}

impl Decider {
    async fn one(&self, tx: &mut Tx, group: &mut Group<'_>, spend: &Spend) -> Result<Decided, StoreError> {
        if !group.good.contains(&spend.credential) {
            return Ok(Decided::Refused(revoked_code(&spend.credential)));
        }
        let theirs = |agent: &&AgentRow| agent.owner == spend.owner && agent.project == spend.project;
        let Some(agent) = group.agents.get(&spend.order.agent).filter(theirs).cloned() else {
            return Ok(Decided::Refused(Code::AgentNotFound));
        };
        let hash = spend.order.hash();
        let name = (spend.order.agent.clone(), spend.key.as_str().to_owned());
        if let Some(row) = group.known.get(&name) {
            return Ok(match known(&row.body_hash, &hash) {
                Known::Same => Decided::Replayed(Box::new(row.clone())),
                Known::Other => Decided::Mismatch(row.id.clone()),
            });
        }
        let policy = self.policy(tx, &agent).await?;
        let keys = accounts_of(&spend.owner, &spend.order);
        let [_, server, signer] = &keys;
        let case = Case {
            may_pay: agent.status.may_pay(),
            policy: &policy,
            request: request(&spend.order, spend.token.as_ref()),
            server: group.accounts.usage(server)?,
            signer: group.accounts.usage(signer)?,
            last_spend_at: agent.last_spend_at,
            unsigned: group.unsigned.get(&agent.id).copied().unwrap_or(0),
        };
        let mut decision = match case.decide(group.now) {
            Ok((_, decision)) => decision,
            Err(code) => return Ok(Decided::Refused(code)),
        };
        let opened = group.opened.get(&agent.id);
        judge(&mut decision, &policy, &spend.order, spend.token.as_ref(), opened);
        if decision.outcome.is_refused() {
            let counted = [(server.clone(), case.server), (signer.clone(), case.signer)];
            find_passes_at(tx, &mut decision, &counted, group.now).await?;
        }
        let row = TransactionRow {
            id: spend.id.clone(),
            project: agent.project.clone(),
            owner: agent.owner.clone(),
            agent: agent.id.clone(),
            idempotency_key: name.1.clone(),
            body_hash: hash,
            requested_by: spend.credential.to_string(),
            asset: spend.order.asset,
            amount: spend.order.amount,
            destination: spend.order.to,
            route: spend.token.map(|found| found.route),
            memo: spend.order.memo.clone(),
            stage: begins_at(decision.outcome),
            failure: decision.code().map(|code| (code, spend.why(code))),
            decision: DecisionView::new(&decision, &policy),
            suspensions: agent.suspensions,
            message: None,
            last_valid_height: None,
            wire: None,
            signature: None,
            created_at: group.now.for_expiry(),
            confirmed_at: None,
        };
        if row.stage == Stage::Reserved {
            match group.reserve(&row, &keys) {
                // More than a column holds, over the life of the account: nobody's limit, but the end of counting.
                Err(StoreError::Ledger(LedgerError::Overflow)) => {
                    return Ok(Decided::Refused(Code::ValidationOutOfRange));
                }
                reserved => reserved?,
            }
        }
        group.tell(tx, &row, decision.outcome, decision.level);
        if decision.outcome.suspends() {
            group.stop(tx, &row, decision.outcome.revokes()).await?;
        }
        group.known.insert(name, row.clone());
        group.new.push(row.clone());
        Ok(Decided::New(Box::new(row)))
    }
}

impl Group<'_> {
    /// Takes the budget.
    fn reserve(&mut self, row: &TransactionRow, keys: &[AccountKey]) -> Result<(), StoreError> {
        let at = self.now.for_expiry();
        self.accounts.reserve(&row.id, keys, row.amount, at)?;
        let unsigned = self.unsigned.entry(row.agent.clone()).or_default();
        *unsigned = unsigned.saturating_add(1);
        if row.opens_account() {
            self.opened.entry(row.agent.clone()).or_default().push(row.created_at);
        }
        Ok(())
    }

    /// Writes down what was decided, and tells the owner what the amount's level asks for.
    fn tell(&self, tx: &mut Tx, row: &TransactionRow, outcome: Outcome, level: Option<Level>) {
        let at = self.now.for_expiry();
        let kind = match row.stage {
            Stage::Reserved => "transaction.reserved",
            Stage::Held => "transaction.held",
            _ => "transaction.denied",
        };
        let data = json!({
            "agentId": row.agent, "to": row.destination, "amount": row.amount, "asset": row.asset,
            "decision": row.decision,
        });
        tx.audit(events::entry(row, at, kind, &row.requested_by, data.clone()));
        if outcome.is_refused() {
            tx.emit(events::event(
                self.hands.entropy(),
                row,
                at,
                "policy.violation",
                data.clone(),
            ));
        }
        if level.is_some() {
            tx.emit(events::event(self.hands.entropy(), row, at, "policy.escalation", data));
        }
    }

    /// Stops the agent that asked; with `revoke` for good, credentials and signing key included.
    async fn stop(&mut self, tx: &mut Tx, row: &TransactionRow, revoke: bool) -> Result<(), StoreError> {
        let at = self.now.for_expiry();
        let Some(agent) = self.agents.get_mut(&row.agent) else {
            return Err(StoreError::Missing);
        };
        agent.key_destroyed |= revoke;
        let reason = format!("{} asked for {} base units of {}", row.id, row.amount, row.asset);
        self.hands.suspend(tx, agent, Some(reason), events::SYSTEM, at).await?;
        if revoke {
            let keys = self.hands.credentials.revoke_of_agent(tx, &row.agent).await?;
            tx.audit(events::entry(
                &*agent,
                at,
                "agent.revoked",
                events::SYSTEM,
                json!({"keys": keys}),
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod alike;
#[cfg(test)]
mod contract;
#[cfg(test)]
mod twins;
