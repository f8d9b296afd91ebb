//! The acts, in order. Each says what is promised, tries it, and prints what came of it.

use {
    super::{DemoError, stage::Stage, thief::Thief},
    crate::{
        client::{Client, ClientError},
        money,
        trust::Trust,
        world::SystemEntropy,
    },
    portreeve_kernel::{Address, AgentId, Amount, Entropy, Secret, Timestamp, id::random_base32},
    portreeve_policy::AgentPolicy,
    serde::Deserialize,
    serde_json::{Value, json},
    std::{io, time::Duration},
    tokio::time::sleep,
};

const SOL: u64 = 1_000_000_000;

/// How often, and how many times at most, something that takes a moment is looked at: 30 s.
const LOOK_EVERY: Duration = Duration::from_millis(100);
const LOOKS: u32 = 300;

/// The agent of the story.
pub(super) struct Agent {
    id: AgentId,
    key: Secret,
    vault: Address,
    shop: Address,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AgentView {
    id: AgentId,
    status: String,
    chain_sync: String,
    agent_public_key: Option<Address>,
    vault_address: Option<Address>,
    policy_approval: Option<Approval>,
}

#[derive(Debug, Clone, Deserialize)]
struct Approval {
    challenge: String,
    policy: AgentPolicy,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payment {
    id: String,
    status: String,
    tx_signature: Option<String>,
}

/// Tells it.
pub(super) async fn tell(stage: &Stage) -> Result<Agent, DemoError> {
    let (shop, stranger) = (fresh_address(), fresh_address());
    stage.say("An owner makes an agent that may spend 1 SOL a payment, 2 SOL in 24 hours, at one shop.")?;
    let (agent, view) = make_agent(stage, shop).await?;
    let client = Client::new(&stage.server_url, agent.key.clone(), &Trust::of(&stage.home))?;
    stage.chain.airdrop(agent.vault, 10 * SOL).await?;
    stage.done(
        "its wallet is on chain, funded with 10 SOL",
        &format!("vault {}", agent.vault),
    )?;

    stage.say("\nThe agent pays.")?;
    let signature = pay(stage, &client, &agent, SOL).await?;
    stage.done(
        "1 SOL paid: vault 9 SOL, shop 1 SOL, read back from the chain",
        &format!("signature {signature}"),
    )?;
    pay(stage, &client, &agent, 800_000_000).await?;
    stage.done("0.8 SOL paid", "")?;

    stage.say("\nLayer 1, the server, refuses and says what would pass.")?;
    let refusal = refused(&client, agent.shop, 1_500_000_000, "POLICY_PER_TX_LIMIT_EXCEEDED").await?;
    no(stage, "1.5 SOL at once", &refusal)?;
    let daily = refused(&client, agent.shop, 500_000_000, "POLICY_DAILY_LIMIT_EXCEEDED").await?;
    no(stage, "0.5 SOL more today", &daily)?;
    no(
        stage,
        "0.1 SOL to a stranger",
        &refused(&client, stranger, 100_000_000, "POLICY_DESTINATION_NOT_ALLOWED").await?,
    )?;

    stage.say("\nThe server is broken into: forged requests go straight to layer 2, the signer.")?;
    let agent_key = view
        .agent_public_key
        .ok_or_else(|| DemoError::not_as_promised("the agent has a key", "none"))?;
    let mut thief = Thief::new(stage, agent.id.clone(), agent_key).await?;
    for (what, to, amount) in [
        ("0.5 SOL more today", agent.shop, 500_000_000),
        ("0.1 SOL to a stranger", stranger, 100_000_000),
    ] {
        let refusal = thief.ask_signer(to, units(amount)?).await?;
        stage.done(&format!("refused: {what}"), &format!("signer: {}", refusal.detail))?;
    }

    stage.say("\nThe agent's key is stolen: transactions signed with it go straight to layer 3, Squads on chain.")?;
    thief.steal_key()?;
    let error = thief.ask_chain(agent.shop, units(500_000_000)?).await?;
    expect_custom(&error, 6026, "Squads refuses more than the day's limit")?;
    stage.done(
        "refused: 0.5 SOL more today",
        "Squads: error 6026, SpendingLimitExceeded",
    )?;
    let error = thief.ask_chain(stranger, units(100_000_000)?).await?;
    expect_custom(&error, 6025, "Squads refuses a stranger")?;
    stage.done(
        "refused: 0.1 SOL to a stranger",
        "Squads: error 6025, InvalidDestination",
    )?;

    let later: Timestamp = daily
        .get("passesAt")
        .and_then(Value::as_str)
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| {
            DemoError::not_as_promised("a refusal by the daily limit says when it would pass", "it does not")
        })?;
    stage.say(&format!("\nThe clock goes on to {later}, which the server named."))?;
    stage.chain.warp_to(later).await?;
    pay(stage, &client, &agent, 500_000_000).await?;
    stage.done("the budget is back: 0.5 SOL paid", "")?;

    stage.say("\nThe owner suspends the agent.")?;
    suspend(stage, &agent).await?;
    let problem = refused(&client, agent.shop, 1, "AGENT_SUSPENDED").await?;
    stage.done("server: refused", &text(&problem, "title"))?;
    let refusal = thief.ask_signer(agent.shop, units(1)?).await?;
    stage.done("signer: refused", &refusal.detail)?;
    let error = thief.ask_chain(agent.shop, units(SOL / 10)?).await?;
    expect_custom(&error, 3012, "the limit is off the chain")?;
    stage.done("chain: refused, even with the stolen key", "the spending limit is gone")?;
    let (vault, shop) = (
        stage.chain.balance(agent.vault).await?,
        stage.chain.balance(agent.shop).await?,
    );
    if (vault, shop) != (7_700_000_000, 2_300_000_000) {
        return Err(DemoError::not_as_promised(
            "2.3 SOL have moved in all",
            format!("vault {vault}, shop {shop} lamports"),
        ));
    }
    stage.say("\nIn all 2.3 SOL have moved, each of them allowed. Nothing else did.")?;
    Ok(agent)
}

/// What `--keep` prints.
pub(super) fn leave_running(stage: &Stage, agent: &Agent) -> Result<(), DemoError> {
    stage.say(&format!(
        "\nThe server goes on at {}. Ctrl-C ends it and removes everything.\n\
         \n  export PORTREEVE_HOME={}\n  export PORTREEVE_SERVER={}\n  portreeve agent resume {}\
         \n  PORTREEVE_KEY={} portreeve tx send --to {} --amount 0.1sol\n\nfee payer {}",
        stage.server_url,
        stage.home.path().display(),
        stage.server_url,
        agent.id,
        agent.key.expose(),
        agent.shop,
        stage.fee_payer,
    ))?;
    Ok(())
}

async fn make_agent(stage: &Stage, shop: Address) -> Result<(Agent, AgentView), DemoError> {
    let body = json!({
        "nickname": "shopper",
        "policy": {
            "preset": "custom",
            "limits": {"perTransaction": "1000000000", "daily": "2000000000"},
            "whitelist": {"allowedDestinations": [shop]},
        },
    });
    let new: AgentView = stage.owner.post("/agents", &body).await?.view;
    let asked = new.policy_approval.clone();
    let asked = asked.ok_or_else(|| DemoError::not_as_promised("a new agent waits for the owner", "it does not"))?;
    let proof = stage
        .approval_key
        .approve_policy(&new.id, &asked.policy, &asked.challenge);
    let proof = proof.map_err(crate::init::InitError::from)?;
    let approval = json!({"policyVersion": asked.policy.version, "proof": proof});
    let path = format!("/agents/{}", new.id);
    stage
        .owner
        .post::<Value>(&format!("{path}/policy/approval"), &approval)
        .await?;
    let view = until(stage, &path, "the wallet is made on chain", |agent| {
        agent.status == "ACTIVE"
    })
    .await?;
    let vault = view
        .vault_address
        .ok_or_else(|| DemoError::not_as_promised("an agent has a vault", "none"))?;
    let key = json!({
        "name": "shopper", "agentId": view.id,
        "scopes": ["transactions:execute", "transactions:read", "wallets:read", "policies:read", "agents:read"],
    });
    let made: Value = stage.owner.post("/auth/keys", &key).await?.view;
    let key = Secret::new(text(&made, "key"));
    Ok((
        Agent {
            id: view.id.clone(),
            key,
            vault,
            shop,
        },
        view,
    ))
}

async fn suspend(stage: &Stage, agent: &Agent) -> Result<(), DemoError> {
    let path = format!("/agents/{}", agent.id);
    stage
        .owner
        .post::<Value>(&format!("{path}/suspend"), &json!({"reason": "end of the story"}))
        .await?;
    let suspended = |agent: &AgentView| agent.status == "SUSPENDED" && agent.chain_sync == "synced";
    until(stage, &path, "signer and chain follow a suspension", suspended)
        .await
        .map(|_| ())
}

async fn until(
    stage: &Stage,
    path: &str,
    promise: &str,
    holds: impl Fn(&AgentView) -> bool,
) -> Result<AgentView, DemoError> {
    for _ in 0..LOOKS {
        let agent: AgentView = stage.owner.get(path).await?.view;
        if holds(&agent) {
            return Ok(agent);
        }
        sleep(LOOK_EVERY).await;
    }
    Err(DemoError::not_as_promised(promise, "it did not within 30 s"))
}

/// Pays, waits until the chain has made it final, and checks the balances on chain.
async fn pay(stage: &Stage, client: &Client, agent: &Agent, lamports: u64) -> Result<String, DemoError> {
    let before = (
        stage.chain.balance(agent.vault).await?,
        stage.chain.balance(agent.shop).await?,
    );
    let body = json!({"to": agent.shop, "amount": lamports.to_string()});
    let paid: Payment = client.post_once("/transactions", &idempotency_key(), &body).await?.view;
    for _ in 0..LOOKS {
        let payment: Payment = client.get(&format!("/transactions/{}", paid.id)).await?.view;
        if let ("CONFIRMED", Some(signature)) = (payment.status.as_str(), payment.tx_signature) {
            let after = (
                stage.chain.balance(agent.vault).await?,
                stage.chain.balance(agent.shop).await?,
            );
            let moved = (before.0.checked_sub(after.0), after.1.checked_sub(before.1));
            if moved == (Some(lamports), Some(lamports)) {
                return Ok(signature);
            }
            let instead = format!("vault and shop went from {before:?} to {after:?}");
            return Err(DemoError::not_as_promised("exactly what was asked for moves", instead));
        }
        sleep(LOOK_EVERY).await;
    }
    Err(DemoError::not_as_promised(
        "a payment within the policy is made",
        "it was not within 30 s",
    ))
}

/// Asks for a payment that must be refused with `code`, and gives the problem document.
async fn refused(client: &Client, to: Address, lamports: u64, code: &str) -> Result<Value, DemoError> {
    let body = json!({"to": to, "amount": lamports.to_string()});
    match client
        .post_once::<Value>("/transactions", &idempotency_key(), &body)
        .await
    {
        Err(ClientError::Refused(refusal)) if text(&refusal.raw, "code") == code => Ok(refusal.raw),
        Err(ClientError::Refused(other)) => Err(DemoError::not_as_promised(format!("the answer is {code}"), other)),
        Err(other) => Err(other.into()),
        Ok(paid) => Err(DemoError::not_as_promised(format!("the answer is {code}"), paid.raw)),
    }
}

fn expect_custom(error: &Value, number: u64, promise: &str) -> Result<(), DemoError> {
    match error.pointer("/InstructionError/1/Custom").and_then(Value::as_u64) {
        Some(custom) if custom == number => Ok(()),
        _ => Err(DemoError::not_as_promised(promise, error)),
    }
}

fn fresh_address() -> Address {
    let mut bytes = [0; 32];
    SystemEntropy.fill(&mut bytes);
    // The public half of a key nobody keeps: a wallet like any other.
    portreeve_signing::key::SecretKey::from_seed(&bytes).public()
}

fn idempotency_key() -> String {
    random_base32(20, &SystemEntropy)
}

fn units(lamports: u64) -> Result<Amount, DemoError> {
    Amount::new(lamports).map_err(|error| DemoError::Build(error.to_string()))
}

fn text(value: &Value, member: &str) -> String {
    value.get(member).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// A refusal by the server: which rule, and what would pass.
fn no(stage: &Stage, what: &str, problem: &Value) -> io::Result<()> {
    let most = money::show_text(&text(problem, "maxAmountNow"));
    let when = problem
        .get("passesAt")
        .and_then(Value::as_str)
        .map(|at| format!("; the same passes at {at}"));
    let title = text(problem, "title");
    stage.done(
        &format!("refused: {what}"),
        &format!("{title}; would pass now: {most}{}", when.unwrap_or_default()),
    )
}
