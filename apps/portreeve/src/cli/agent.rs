//! `portreeve agent`: agents, from the wish to a wallet on chain.

use {
    super::{CliError, Context, Paging, approve, encoded, looks::Looks, token, watch::Watch},
    crate::{
        client::{Answer, Client, Page},
        home,
        money::{self, Unit},
        output::{View, fields, list},
    },
    clap::Subcommand,
    portreeve_kernel::{Address, AgentId, Amount, Asset, Mint, Secret},
    portreeve_policy::{AgentPolicy, PolicyInput},
    serde::Deserialize,
    serde_json::{Map, Value, json},
    std::path::PathBuf,
};

#[derive(Debug, Subcommand)]
pub(super) enum AgentCommand {
    /// Make an agent, approve its policy, and wait until its wallet is on chain
    #[command(after_help = "\
Examples:
  portreeve agent create shopper --daily 5sol --per-transaction 1sol --to ADDRESS
  portreeve agent create night-watch --preset conservative --to ADDRESS --tag ops
  portreeve agent create trader --policy policy.json
  portreeve agent create bot --daily 1sol --oauth-client --json

A policy file holds a preset with overrides, such as
  {\"preset\": \"standard\", \"limits\": {\"daily\": \"5000000000\"}}
or {\"preset\": \"custom\"} and the rest in full. Amounts in it are lamports.")]
    Create(CreateArgs),
    /// List the agents
    #[command(after_help = "Example:\n  portreeve agent list --limit 100")]
    List {
        #[command(flatten)]
        paging: Paging,
    },
    /// Show one agent
    #[command(after_help = "\
Examples:
  portreeve agent show agt_01JZ3V5Q8K3M0N2P4R6S8T0V2W --json
  portreeve agent show agt_01JZ3V5Q8K3M0N2P4R6S8T0V2W --watch")]
    Show {
        /// Which
        agent: AgentId,

        #[command(flatten)]
        watch: Watch,
    },
    /// Stop an agent at once: server, signer and chain
    #[command(
        after_help = "Example:\n  portreeve agent suspend agt_01JZ3V5Q8K3M0N2P4R6S8T0V2W --reason \"unknown shop\""
    )]
    Suspend {
        /// Which
        agent: AgentId,

        /// Why, for the audit log; at most 200 characters
        #[arg(long)]
        reason: Option<String>,
    },
    /// Let a suspended agent go on, with the owner's approval
    #[command(after_help = "Example:\n  portreeve agent resume agt_01JZ3V5Q8K3M0N2P4R6S8T0V2W")]
    Resume {
        /// Which
        agent: AgentId,
    },
    /// Show what an agent's vault holds, read from the chain
    #[command(after_help = "Example:\n  portreeve agent balance agt_01JZ3V5Q8K3M0N2P4R6S8T0V2W")]
    Balance {
        /// Whose
        agent: AgentId,
    },
}

#[derive(Debug, clap::Args)]
pub(super) struct CreateArgs {
    /// For people, 1 to 50 characters
    nickname: String,

    /// A label; can be repeated, at most 10
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,

    /// The policy in a JSON file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["preset", "per_transaction", "daily", "destinations"])]
    policy: Option<PathBuf>,

    /// The policy to start from: conservative, standard, permissive
    #[arg(long, default_value = "standard")]
    preset: String,

    /// At most this much in one payment, such as 1sol
    #[arg(long, value_name = "AMOUNT", value_parser = money::parse, allow_negative_numbers = true)]
    per_transaction: Option<Amount>,

    /// At most this much in any 24 hours
    #[arg(long, value_name = "AMOUNT", value_parser = money::parse, allow_negative_numbers = true)]
    daily: Option<Amount>,

    /// A wallet that may be paid; can be repeated. None means any, except with the preset `conservative`
    #[arg(long = "to", value_name = "ADDRESS")]
    destinations: Vec<Address>,

    /// Also make an OAuth client that acts for the agent; its secret is shown once
    #[arg(long)]
    oauth_client: bool,
}

/// A new agent, and the client that was made with it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Created {
    #[serde(flatten)]
    agent: Agent,
    oauth_client: Option<NewClient>,
}

/// By what the agent gets its tokens.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewClient {
    client_id: String,
    client_secret: Secret,
    token_endpoint: String,
}

/// As far as tables and steps need it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Agent {
    pub(super) id: AgentId,
    nickname: String,
    tags: Vec<String>,
    pub(super) status: String,
    stage: Option<String>,
    status_reason: Option<String>,
    vault_address: Option<String>,
    policy_version: u64,
    pub(super) policy_approval: Option<PolicyApproval>,
    resume_approval: Option<ResumeApproval>,
    policy_warnings: Vec<Warning>,
    chain_sync: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PolicyApproval {
    pub(super) challenge: String,
    pub(super) policy_version: u64,
    pub(super) policy: AgentPolicy,
}

#[derive(Debug, Deserialize)]
struct ResumeApproval {
    challenge: String,
    suspension: u64,
}

#[derive(Debug, Deserialize)]
struct Warning {
    code: String,
    detail: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Balance {
    vault_address: String,
    lamports: String,
    tokens: Vec<TokenBalance>,
    slot: u64,
}

#[derive(Debug, Deserialize)]
struct TokenBalance {
    mint: Mint,
    amount: String,
    decimals: u8,
}

pub(super) async fn run(context: &Context, command: AgentCommand) -> Result<(), CliError> {
    let client = context.client()?;
    match command {
        AgentCommand::Create(args) => create(context, &client, args).await,
        AgentCommand::List { paging } => {
            let page = client.get::<Page<Agent>>(&format!("/agents{}", paging.query())).await?;
            context.out.result(&page.raw, || {
                let rows = page.view.items.iter().map(|agent| {
                    [
                        agent.id.to_string(),
                        agent.nickname.clone(),
                        agent.state(),
                        agent.tags.join(" "),
                        agent.vault_address.clone().unwrap_or_default(),
                    ]
                });
                list(
                    ["ID", "NICKNAME", "STATUS", "TAGS", "VAULT"],
                    rows,
                    page.view.cursor.as_deref(),
                )
            })?;
            Ok(())
        }
        AgentCommand::Show { agent, watch } => {
            let look = async || fetch(&client, &agent).await;
            watch.show(context, look, Agent::view, |_| false).await
        }
        AgentCommand::Suspend { agent, reason } => {
            let path = format!("/agents/{agent}/suspend");
            let body = reason.map_or_else(|| json!({}), |reason| json!({"reason": reason}));
            let suspended = client.post::<Agent>(&path, &body).await?;
            let settled = settle(
                context,
                &client,
                suspended,
                "SUSPENDED",
                "taking the limits off the chain",
            )
            .await?;
            show(context, &settled)
        }
        AgentCommand::Resume { agent } => resume(context, &client, &agent).await,
        AgentCommand::Balance { agent } => {
            let balance = client.get::<Balance>(&format!("/agents/{agent}/balance")).await?;
            let Balance {
                vault_address,
                lamports,
                tokens,
                slot,
            } = &balance.view;
            let held = |one: &TokenBalance| {
                let unit = Unit::of(Asset::Token(one.mint), Some(one.decimals));
                unit.show_whole(&one.amount)
            };
            let tokens: Vec<String> = tokens.iter().map(held).collect();
            context.out.result(&balance.raw, || {
                fields([
                    ("vault", Some(vault_address.clone())),
                    ("balance", Some(money::show_text(lamports))),
                    ("tokens", (!tokens.is_empty()).then(|| tokens.join("\n"))),
                    ("slot", Some(slot.to_string())),
                ])
            })?;
            Ok(())
        }
    }
}

async fn create(context: &Context, client: &Client, args: CreateArgs) -> Result<(), CliError> {
    let policy = policy_of(&args)?;
    let mut body = json!({"nickname": args.nickname, "tags": args.tags, "policy": policy});
    if args.oauth_client
        && let Some(members) = body.as_object_mut()
    {
        members.insert("registerOAuthClient".to_owned(), json!(true));
    }
    let Answer {
        raw,
        view: Created { agent, oauth_client },
    } = client.post::<Created>("/agents", &body).await?;
    let secret = raw.get("oauthClient").cloned();
    let made = Answer { raw, view: agent };
    let ready = match approved(context, client, made, policy).await {
        Ok(ready) => ready,
        Err(error) => {
            // It is shown once, and the agent may yet be made to work.
            if let Some(client) = &oauth_client {
                let (id, secret) = (&client.client_id, client.client_secret.expose());
                context
                    .out
                    .insist(format!("its OAuth client is `{id}`, with the secret `{secret}`"));
            }
            return Err(error);
        }
    };
    let mut raw = ready.raw.clone();
    if let (Some(members), Some(secret)) = (raw.as_object_mut(), secret) {
        members.insert("oauthClient".to_owned(), secret);
    }
    context.out.result(&raw, || {
        let view = ready.view.view();
        match &oauth_client {
            None => view,
            Some(client) => view
                .and([
                    ("client", Some(client.client_id.clone())),
                    ("secret", Some(client.client_secret.expose().to_owned())),
                    ("token endpoint", Some(client.token_endpoint.clone())),
                ])
                .then("The client's secret is shown this once. Keep it."),
        }
    })?;
    Ok(())
}

/// Approves what was made, if it is what was meant, and waits for its wallet.
async fn approved(
    context: &Context,
    client: &Client,
    made: Answer<Agent>,
    policy: Value,
) -> Result<Answer<Agent>, CliError> {
    for warning in &made.view.policy_warnings {
        context
            .out
            .note(format!("warning: {} ({})", warning.detail, warning.code));
    }
    // What comes back is what the owner meant, or it is not signed.
    let meant = serde_json::from_value::<PolicyInput>(policy)
        .ok()
        .and_then(|policy| policy.resolve(1).ok());
    let shown = made.view.policy_approval.as_ref().map(|approval| &approval.policy);
    let meant = meant.zip(shown).map(|(meant, shown)| token::pinned_as(meant, shown));
    if meant.is_none() || meant.as_ref() != shown {
        return Err(CliError::NotDone(format!(
            "the server made `{}` with another policy than asked for, so it was not approved; look at it with `portreeve \
             policy show {}`",
            made.view.id, made.view.id
        )));
    }
    for (mint, token) in meant.iter().flat_map(|policy| &policy.tokens) {
        if let Some(pinned) = &token.pinned {
            context.out.note(format!("{mint}: {}", token::pinned_text(pinned)));
        }
    }
    approve::policy(context, client, &made.view).await?;
    settle(context, client, made, "ACTIVE", "putting the wallet on chain").await
}

/// The policy as the API takes it.
fn policy_of(args: &CreateArgs) -> Result<Value, CliError> {
    if let Some(file) = &args.policy {
        let text = home::read(file)?;
        // As strictly as the server reads, for of two limits of one name only the last would reach it.
        return portreeve_guard::json::from_slice(text.as_bytes()).map_err(|problem| CliError::NotAPolicy {
            file: file.clone(),
            cause: problem.to_string(),
        });
    }
    let mut limits = Map::new();
    limits.extend(
        args.per_transaction
            .map(|amount| ("perTransaction".to_owned(), json!(amount))),
    );
    limits.extend(args.daily.map(|amount| ("daily".to_owned(), json!(amount))));
    Ok(json!({
        "preset": args.preset,
        "limits": limits,
        "whitelist": {"allowedDestinations": args.destinations},
    }))
}

async fn resume(context: &Context, client: &Client, agent: &AgentId) -> Result<(), CliError> {
    let suspended = fetch(client, agent).await?;
    let Some(asked) = &suspended.view.resume_approval else {
        return Err(CliError::NotDone(format!(
            "`{agent}` is {}, and there is nothing to resume",
            suspended.view.state()
        )));
    };
    let proof = approve::key(context)?.approve_resume(agent, asked.suspension, &asked.challenge)?;
    let resumed = client
        .post::<Agent>(&format!("/agents/{agent}/resume"), &json!({"proof": proof}))
        .await?;
    let ready = settle(context, client, resumed, "ACTIVE", "putting the limits back on chain").await?;
    show(context, &ready)
}

/// Looks at the agent until it is `wanted` and nothing is going on any more.
async fn settle(
    context: &Context,
    client: &Client,
    mut agent: Answer<Agent>,
    wanted: &str,
    doing: &str,
) -> Result<Answer<Agent>, CliError> {
    let progress = context.out.progress(doing);
    let looks = Looks::new();
    loop {
        agent = looks.patiently(async || fetch(client, &agent.view.id).await).await?;
        if agent.view.status == wanted && agent.view.chain_sync == "synced" {
            return Ok(agent);
        }
        if agent.view.chain_sync == "failed" {
            break;
        }
        progress.say(format!("{doing}: {}", agent.view.state()));
        if !looks.next().await {
            break;
        }
    }
    Err(CliError::NotDone(format!(
        "`{}` is still {} (chain: {}); the server goes on trying, see `portreeve agent show {}`",
        agent.view.id,
        agent.view.state(),
        agent.view.chain_sync,
        agent.view.id
    )))
}

/// Asks for one agent.
pub(super) async fn fetch(client: &Client, agent: &AgentId) -> Result<Answer<Agent>, CliError> {
    Ok(client
        .get::<Agent>(&format!("/agents/{}", encoded(agent.as_str())))
        .await?)
}

impl Agent {
    fn view(&self) -> View {
        let tags = (!self.tags.is_empty()).then(|| self.tags.join(" "));
        fields([
            ("id", Some(self.id.to_string())),
            ("nickname", Some(self.nickname.clone())),
            ("tags", tags),
            ("status", Some(self.state())),
            ("reason", self.status_reason.clone()),
            ("vault", self.vault_address.clone()),
            ("policy", Some(format!("version {}", self.policy_version))),
            ("chain", Some(self.chain_sync.clone())),
        ])
    }

    /// Status, and what is going on.
    fn state(&self) -> String {
        match &self.stage {
            Some(stage) => format!("{} ({stage})", self.status),
            None => self.status.clone(),
        }
    }
}

fn show(context: &Context, agent: &Answer<Agent>) -> Result<(), CliError> {
    Ok(context.out.result(&agent.raw, || agent.view.view())?)
}
