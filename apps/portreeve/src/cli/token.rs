//! What the command line has to know of a token: how it is counted, as its owner has approved it.

use {
    super::CliError,
    crate::{
        client::{Client, Page},
        money::{Unit, Wish},
    },
    portreeve_chain::TokenProgram,
    portreeve_kernel::{Address, AgentId, Amount, Asset, Mint},
    portreeve_policy::{AgentPolicy, PinnedToken},
    serde::Deserialize,
};

#[derive(Debug, Deserialize)]
struct Policy {
    policy: AgentPolicy,
}

#[derive(Debug, Deserialize)]
struct Agent {
    id: AgentId,
}

/// What `wish` means: in lamports, or in the smallest units of `mint` by the decimals that the owner of `agent` approved.
/// Without an agent it is that of the key.
pub(super) async fn amount(
    client: &Client,
    agent: Option<&AgentId>,
    mint: Option<Mint>,
    wish: &Wish,
) -> Result<(Amount, Unit), CliError> {
    let misread = |why: String| CliError::Usage(format!("invalid value '{wish}' for '--amount <AMOUNT>': {why}"));
    let Some(mint) = mint else {
        return Ok((wish.in_sol().map_err(misread)?, Unit::SOL));
    };
    let agent = match agent {
        Some(agent) => agent.clone(),
        None => own(client).await?,
    };
    let policy = client
        .get::<Policy>(&format!("/agents/{agent}/policy"))
        .await?
        .view
        .policy;
    let asset = Asset::Token(mint);
    let pinned = policy
        .pinned_of(asset)
        .ok_or_else(|| CliError::ByPolicy(format!("the policy of `{agent}` gives the token `{mint}` no limits")))?;
    let amount = wish.in_tokens(pinned.decimals).map_err(misread)?;
    Ok((amount, Unit::of(asset, Some(pinned.decimals))))
}

/// The agent that the key is bound to.
async fn own(client: &Client) -> Result<AgentId, CliError> {
    let page = client.get::<Page<Agent>>("/agents?limit=2").await?.view;
    match <[Agent; 1]>::try_from(page.items) {
        Ok([agent]) => Ok(agent.id),
        Err(_) => Err(CliError::Usage("say which agent pays with --agent".to_owned())),
    }
}

/// What is pinned of a token, for people.
pub(super) fn pinned_text(pinned: &PinnedToken) -> String {
    let program = program_text(pinned.program);
    format!("whole tokens of {} decimals, {program}", pinned.decimals)
}

/// A token program, for people.
pub(super) fn program_text(program: Address) -> String {
    TokenProgram::at(program).map_or_else(|| program.to_string(), |known| known.name().to_owned())
}

/// `meant` with what the server found out about its tokens, which whoever wrote it could not say.
pub(super) fn pinned_as(mut meant: AgentPolicy, shown: &AgentPolicy) -> AgentPolicy {
    for (mint, token) in &mut meant.tokens {
        token.pinned = shown.pinned_of(Asset::Token(*mint)).copied();
    }
    meant
}
