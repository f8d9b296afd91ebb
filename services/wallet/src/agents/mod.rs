//! Agents: made, approved, suspended and resumed. What must stay true: the database says no at once; signer and chain
//! follow, by a job that is written in the same transaction.

mod configure;
mod new;
mod row;
mod shown;
mod state;
mod sync;
mod view;
mod witness;

pub use state::{AgentStage, AgentStatus, ChainSync};
pub(crate) use {
    new::NewAgent,
    row::{AgentRow, PolicyRow, find, lock, lock_all, named, out_of_step, policy as find_policy, signed},
    shown::{Rendered, Shown},
    sync::{JOB, sync},
    view::AgentView,
};

use {
    crate::{
        Wallet,
        error::{self, Failure},
        events,
        http::schema,
        passkeys, scopes,
        tokens::{self, TokenBalance},
    },
    portreeve_chain::TokenProgram,
    portreeve_guard::{Page, Paging, Problem, not_found, text},
    portreeve_kernel::{
        AgentId, Code, Mint, Now, OwnerProof, Principal, Timestamp,
        control::{AgentClient, NewClientSecret},
        kill,
        proof::Challenge,
    },
    portreeve_policy::{AgentPolicy, approval_challenge, describe, lint},
    portreeve_signing::resume_challenge,
    portreeve_store::{Database, Fetch, Tx},
    serde::Serialize,
    serde_json::json,
    shown::Before,
    utoipa::ToSchema,
    view::{ResumeApproval, WarningView},
};

const REASON_MAX: usize = 200;

/// An agent's policy and how it stands with it.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PolicyView {
    /// Whose.
    agent_id: String,
    /// All of it.
    #[schema(value_type = schema::Policy)]
    policy: AgentPolicy,
    /// Counts up with every change.
    version: u64,
    /// Whether the owner has approved it; nothing is signed before.
    approved: bool,
    /// When.
    #[schema(value_type = Option<String>, format = DateTime)]
    approved_at: Option<Timestamp>,
    /// What the owner should know about it.
    warnings: Vec<WarningView>,
    /// Whether signer and chain have it.
    sync_status: ChainSync,
    /// When they last had.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_synced_at: Option<Timestamp>,
    /// When it was saved.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    /// By which credential.
    updated_by: String,
}

/// What an agent's vault holds.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BalanceView {
    /// Whose.
    agent_id: String,
    /// Where.
    vault_address: String,
    /// SOL, in lamports.
    #[schema(example = "5000000000")]
    lamports: String,
    /// The same in SOL, for people.
    #[schema(example = "5.000000000")]
    sol: String,
    /// Every token that the policy gives limits, also those of which nothing is there.
    tokens: Vec<TokenBalance>,
    /// The slot it was read at.
    slot: u64,
}

/// The agent that `caller` may know of.
pub(crate) async fn reach(at: &mut (impl Fetch + Send), caller: &Principal, id: &AgentId) -> Result<AgentRow, Failure> {
    let agent = find(at, id).await?;
    agent
        .filter(|agent| agent.is_seen_by(caller))
        .ok_or_else(|| not_found::<AgentId>().into())
}

/// The policy in force; that there is one is the database's promise.
pub(crate) async fn policy_of(at: &mut (impl Fetch + Send), agent: &AgentRow) -> Result<PolicyRow, Failure> {
    let found = find_policy(at, &agent.id, agent.policy_version).await?;
    found.ok_or_else(|| Problem::internal("an agent without the policy it names").into())
}

/// Makes an agent, and an OAuth client for it when one is wanted. Its wallet comes when the owner has approved its policy.
pub(crate) async fn create(
    wallet: &Wallet,
    caller: &Principal,
    new: NewAgent,
    with_client: bool,
) -> Result<(AgentView, Option<NewClientSecret>), Problem> {
    // To Squads its own address stands for an account that is not there, so no limit on such a mint can be made.
    let squads = Mint::new(wallet.programs().squads);
    if new.policy.tokens.contains_key(&squads) {
        let param = format!("policy.tokens.{squads}");
        return Err(Problem::new(Code::PolicyInvalid)
            .detail("a program is no mint")
            .param(param));
    }
    let now = wallet.now().await?.for_expiry();
    let mut body = new.policy;
    tokens::pin(wallet.chain(), &mut body).await?;
    let policy = PolicyRow {
        body,
        created_by: caller.credential.to_string(),
        created_at: now,
        approved_at: None,
    };
    let agent = AgentRow {
        id: AgentId::new(wallet.hands().wall(), wallet.hands().entropy()),
        project: caller.project.clone(),
        owner: caller.owner.clone(),
        nickname: new.nickname,
        tags: new.tags,
        status: AgentStatus::Creating,
        stage: Some(AgentStage::AwaitingPolicyApproval),
        status_reason: None,
        status_changed_at: now,
        suspensions: 0,
        public_key: None,
        multisig: None,
        vault: None,
        policy_version: policy.body.version,
        last_spend_at: None,
        chain_sync: ChainSync::Pending,
        last_synced_at: None,
        key_destroyed: false,
        resume_proof: None,
        limits_until: None,
        created_at: now,
        updated_at: now,
    };
    let view = AgentView::new(&agent, &policy);
    let client = with_client.then(|| client_of(&agent, caller));
    let (credential, hands) = (caller.credential.clone(), wallet.hands().clone());
    let unit = async move |tx: &mut Tx| {
        hands.still_good(tx, &credential).await?;
        agent.insert(tx, &policy).await?;
        let made = match &client {
            Some(client) => Some(hands.credentials.client_for_agent(tx, client, Now::at(now)).await?),
            None => None,
        };
        let data = json!({"nickname": agent.nickname, "policy": policy.body});
        tx.audit(events::entry(
            &agent,
            now,
            "agent.requested",
            &credential.to_string(),
            data,
        ));
        Ok::<_, Failure>(made)
    };
    let client = wallet.database().write(unit).await?;
    Ok((view, client))
}

/// The client that acts for `agent`: all that this service understands, as far as an agent may hold it.
fn client_of(agent: &AgentRow, by: &Principal) -> AgentClient {
    AgentClient {
        agent: agent.id.clone(),
        owner: agent.owner.clone(),
        project: agent.project.clone(),
        name: agent.nickname.clone(),
        scopes: scopes::ALL.iter().cloned().collect(),
        by: by.credential.to_string(),
    }
}

/// A page of the agents that `caller` may know of, newest first.
pub(crate) async fn list(wallet: &Wallet, caller: &Principal, paging: &Paging) -> Result<Page<AgentView>, Problem> {
    let mut read = wallet.database().read();
    let agents = row::page(&mut read, caller, paging.after(), paging.limit())
        .await
        .map_err(Failure::from)?;
    let page = Page::cut(agents, paging.limit(), |last| last.id.to_string());
    let mut items = Vec::with_capacity(page.items.len());
    for agent in &page.items {
        items.push(AgentView::new(agent, &policy_of(&mut read, agent).await?));
    }
    Ok(Page {
        items,
        cursor: page.cursor,
        has_more: page.has_more,
    })
}

/// One agent; while it is suspended, with what the owner has to sign to resume it.
pub(crate) async fn show(wallet: &Wallet, caller: &Principal, id: &AgentId) -> Result<Rendered, Problem> {
    let database = wallet.database();
    match look(database, &mut database.read(), wallet.shown(), caller, id).await? {
        Seen::Whole(answer) => Ok(answer),
        Seen::Suspended(view) => Rendered::new(&to_be_resumed(wallet, caller, id, *view).await),
    }
}

/// A suspended agent, with what the signer says of it; that is not ours to keep.
async fn to_be_resumed(wallet: &Wallet, caller: &Principal, id: &AgentId, mut view: AgentView) -> AgentView {
    if caller.agent.is_none() {
        // The signer may be away; the next look will show it.
        match wallet.signer().resume_challenge(id).await {
            Ok(asked) => {
                let (challenge, suspension) = (asked.challenge, asked.suspension);
                view.resume_approval = Some(ResumeApproval { challenge, suspension });
            }
            Err(error) => tracing::info!(agent.id = %id, %error, "no challenge to resume by"),
        }
    }
    view
}

/// What the owner has to sign before the agent can be resumed.
pub(crate) async fn what_resuming_needs(
    wallet: &Wallet,
    caller: &Principal,
    id: &AgentId,
) -> Result<ResumeApproval, Problem> {
    may_be_resumed(&reach(&mut wallet.database().read(), caller, id).await?)?;
    let asked = wallet
        .signer()
        .resume_challenge(id)
        .await
        .map_err(|error| error::signer(&error))?;
    let (challenge, suspension) = (asked.challenge, asked.suspension);
    Ok(ResumeApproval { challenge, suspension })
}

/// What the database knows of an agent.
enum Seen {
    /// All there is to show.
    Whole(Rendered),
    /// It can be resumed, and what that takes is the signer's to say.
    Suspended(Box<AgentView>),
}

/// Looks at an agent, in the database only when something was written since the last look. `read` reads `database`.
async fn look(
    database: &Database,
    read: &mut (impl Fetch + Send),
    shown: &Shown,
    caller: &Principal,
    id: &AgentId,
) -> Result<Seen, Problem> {
    // Before the reads: a write that is committed between them and `keep` belongs to a later generation.
    let before = Before::reading(database.generation());
    if let Some(answer) = shown.get(id, caller, before) {
        return Ok(Seen::Whole(answer));
    }
    let agent = reach(read, caller, id).await?;
    let view = AgentView::new(&agent, &policy_of(read, &agent).await?);
    if may_be_resumed(&agent).is_ok() {
        return Ok(Seen::Suspended(Box::new(view)));
    }
    let answer = Rendered::new(&view)?;
    shown.keep(agent, before, &answer);
    Ok(Seen::Whole(answer))
}

/// A policy for somebody who is to approve it.
pub(crate) struct Waiting {
    pub(crate) id: AgentId,
    pub(crate) name: String,
    pub(crate) version: u64,
    /// What has to be signed; `None` when nothing waits.
    pub(crate) challenge: Option<Challenge>,
    /// All of it, in words.
    pub(crate) lines: Vec<(&'static str, String)>,
    pub(crate) warnings: Vec<String>,
}

/// What of `id` waits for its owner; `None` when there is no such agent of the caller's.
pub(crate) async fn waiting(wallet: &Wallet, caller: &Principal, id: &AgentId) -> Result<Option<Waiting>, Problem> {
    let mut read = wallet.database().read();
    let found = row::find(&mut read, id).await.map_err(|error| error::store(&error))?;
    let Some(agent) = found.filter(|agent| agent.is_seen_by(caller)) else {
        return Ok(None);
    };
    let policy = policy_of(&mut read, &agent).await?;
    let program =
        |program| TokenProgram::at(program).map_or_else(|| program.to_string(), |known| known.name().to_owned());
    Ok(Some(Waiting {
        challenge: policy
            .approved_at
            .is_none()
            .then(|| approval_challenge(&agent.id, &policy.body)),
        lines: describe(&policy.body, program),
        warnings: lint(&policy.body).into_iter().map(|warning| warning.detail).collect(),
        version: policy.body.version,
        id: agent.id,
        name: agent.nickname,
    }))
}

/// Hands the owner's approval to the signer, keeps it, and has the wallet made.
pub(crate) async fn approve(
    wallet: &Wallet,
    caller: &Principal,
    id: &AgentId,
    version: u64,
    proof: OwnerProof,
) -> Result<AgentView, Problem> {
    let agent = reach(&mut wallet.database().read(), caller, id).await?;
    let policy = policy_of(&mut wallet.database().read(), &agent).await?;
    if version != agent.policy_version {
        let detail = format!("the newest version is {}, not {version}", agent.policy_version);
        return Err(Problem::new(Code::PolicyVersionConflict)
            .detail(detail)
            .param("policyVersion"));
    }
    passkeys::check_holder(wallet, caller, &proof).await?;
    // The signer judges the proof. Its key has to be there first; both calls can be repeated.
    wallet
        .signer()
        .create_key(id)
        .await
        .map_err(|error| error::signer(&error))?;
    kill::point("wallet.approve.key");
    wallet
        .signer()
        .approve_policy(id, &policy.body, &proof)
        .await
        .map_err(|error| error::signer(&error))?;
    kill::point("wallet.approve.signer");
    let now = wallet.now().await?.for_expiry();
    let (id, credential, hands) = (id.clone(), caller.credential.clone(), wallet.hands().clone());
    let unit = async move |tx: &mut Tx| {
        let mut agent = row::lock(tx, &id).await?.ok_or_else(not_found::<AgentId>)?;
        hands.still_good(tx, &credential).await?;
        row::approve_policy(tx, &id, version, &proof, now).await?;
        if agent.stage == Some(AgentStage::AwaitingPolicyApproval) {
            agent.stage = Some(AgentStage::Building);
            agent.updated_at = now;
            agent.update(tx).await?;
            let data = json!({"policyVersion": version, "proof": proof});
            tx.audit(events::entry(
                &agent,
                now,
                "policy.approved",
                &credential.to_string(),
                data,
            ));
        }
        hands.sync(tx, &id).await?;
        let policy = policy_of(tx, &agent).await?;
        Ok::<_, Failure>(AgentView::new(&agent, &policy))
    };
    Ok(wallet.database().write(unit).await?)
}

/// True unless it is stopped already, or not made yet.
pub(crate) fn may_be_stopped(agent: &AgentRow) -> bool {
    agent.stage == Some(AgentStage::Resuming) || agent.status.may_be_suspended().is_ok()
}

/// Stops an agent: at once here, then in the signer and on chain.
pub(crate) async fn suspend(
    wallet: &Wallet,
    caller: &Principal,
    id: &AgentId,
    reason: Option<String>,
) -> Result<AgentView, Problem> {
    if let Some(reason) = &reason {
        text::check("reason", "a reason", reason, 0..=REASON_MAX)?;
    }
    reach(&mut wallet.database().read(), caller, id).await?;
    // Not `wallet.now()`: stopping must not wait for a chain that does not answer.
    let now = wallet.hands().clock.now().for_expiry();
    let (stopped, credential, hands) = (id.clone(), caller.credential.clone(), wallet.hands().clone());
    let unit = async move |tx: &mut Tx| {
        let mut agent = row::lock(tx, &stopped).await?.ok_or_else(not_found::<AgentId>)?;
        hands.still_good(tx, &credential).await?;
        if agent.stage != Some(AgentStage::Resuming) {
            agent.status.may_be_suspended()?;
        }
        hands
            .suspend(tx, &mut agent, reason.clone(), &credential.to_string(), now)
            .await?;
        let policy = policy_of(tx, &agent).await?;
        Ok::<_, Failure>(AgentView::new(&agent, &policy))
    };
    let view = wallet.database().write(unit).await?;
    // The job does this too; here it does not wait for what the job may be in the middle of.
    if let Err(error) = wallet.signer().suspend(id).await {
        tracing::warn!(agent.id = %id, %error, "the signer does not know of the suspension yet; the job tells it");
    }
    Ok(view)
}

/// Lets a suspended agent pay again, on the owner's word. It may as soon as signer and chain have followed.
///
/// The proof is judged here and kept with the intent; the job hands it to the signer, which judges it again.
pub(crate) async fn resume(
    wallet: &Wallet,
    caller: &Principal,
    id: &AgentId,
    proof: OwnerProof,
) -> Result<AgentView, Problem> {
    let seen = reach(&mut wallet.database().read(), caller, id).await?;
    may_be_resumed(&seen)?;
    let asked = wallet
        .signer()
        .resume_challenge(id)
        .await
        .map_err(|error| error::signer(&error))?;
    passkeys::check_holder(wallet, caller, &proof).await?;
    let pins = wallet.signer().pins().await.map_err(|error| error::signer(&error))?;
    if !pins.prove(&proof, &resume_challenge(id, asked.suspension)) {
        return Err(Problem::new(Code::PolicyProofInvalid)
            .detail("not the owner's consent to end this agent's present suspension")
            .param("proof"));
    }
    let now = wallet.now().await?.for_expiry();
    let (id, credential, hands) = (id.clone(), caller.credential.clone(), wallet.hands().clone());
    let unit = async move |tx: &mut Tx| {
        let mut agent = row::lock(tx, &id).await?.ok_or_else(not_found::<AgentId>)?;
        hands.still_good(tx, &credential).await?;
        may_be_resumed(&agent)?;
        // Consent to end the suspension that was seen ends no later one.
        if agent.suspensions != seen.suspensions {
            return Err(Code::AgentStateConflict.into());
        }
        agent.stage = Some(AgentStage::Resuming);
        agent.resume_proof = Some(proof.clone());
        agent.chain_sync = ChainSync::Pending;
        agent.updated_at = now;
        agent.update(tx).await?;
        let data = json!({"proof": proof, "suspension": asked.suspension});
        tx.audit(events::entry(
            &agent,
            now,
            "agent.resume_approved",
            &credential.to_string(),
            data,
        ));
        hands.sync(tx, &id).await?;
        let policy = policy_of(tx, &agent).await?;
        Ok::<_, Failure>(AgentView::new(&agent, &policy))
    };
    Ok(wallet.database().write(unit).await?)
}

/// Whether the owner can resume it now.
fn may_be_resumed(agent: &AgentRow) -> Result<(), Problem> {
    agent.status.may_be_resumed()?;
    let conflict = |detail: &str| Err(Problem::new(Code::AgentStateConflict).detail(detail));
    match agent.stage {
        _ if agent.key_destroyed => conflict("the agent was stopped for good; make a new one"),
        Some(AgentStage::Suspending) => {
            conflict("the suspension is still on its way to signer and chain; try again in a few seconds")
        }
        Some(AgentStage::Resuming) => conflict("the agent is being resumed"),
        _ => Ok(()),
    }
}

/// The agent's policy.
pub(crate) async fn policy(wallet: &Wallet, caller: &Principal, id: &AgentId) -> Result<PolicyView, Problem> {
    let mut read = wallet.database().read();
    let agent = reach(&mut read, caller, id).await?;
    let policy = policy_of(&mut read, &agent).await?;
    Ok(PolicyView {
        agent_id: agent.id.to_string(),
        version: policy.body.version,
        approved: policy.approved_at.is_some(),
        approved_at: policy.approved_at,
        warnings: lint(&policy.body).into_iter().map(WarningView::from).collect(),
        sync_status: agent.chain_sync,
        last_synced_at: agent.last_synced_at,
        updated_at: policy.created_at,
        updated_by: policy.created_by,
        policy: policy.body,
    })
}

/// What the agent's vault holds now.
pub(crate) async fn balance(wallet: &Wallet, caller: &Principal, id: &AgentId) -> Result<BalanceView, Problem> {
    let agent = reach(&mut wallet.database().read(), caller, id).await?;
    let vault = agent.vault.ok_or(Code::AgentCreating)?;
    let policy = policy_of(&mut wallet.database().read(), &agent).await?.body;
    let tokens = tokens::held(wallet.chain(), &vault, &policy)
        .await
        .map_err(|error| error::chain(&error))?;
    let (lamports, slot) = wallet
        .chain()
        .balance(vault)
        .await
        .map_err(|error| error::chain(&error))?;
    Ok(BalanceView {
        agent_id: agent.id.to_string(),
        vault_address: vault.to_string(),
        lamports: lamports.to_string(),
        sol: tokens::ui_amount(lamports, 9),
        tokens,
        slot,
    })
}
