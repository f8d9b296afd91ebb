//! The signing half of an approval.

use {
    super::{
        CliError, Context,
        agent::{Agent, PolicyApproval},
    },
    crate::{
        client::{Answer, Client},
        owner::ApprovalKey,
    },
    serde_json::json,
    std::io::{self, BufRead, IsTerminal},
};

/// The owner's approval key, opened.
pub(super) fn key(context: &Context) -> Result<ApprovalKey, CliError> {
    let _progress = context.out.progress("opening the approval key");
    Ok(ApprovalKey::open(&context.owner)?)
}

/// Asks the person at the terminal; without one, `--yes` has to say it.
pub(super) fn confirmed(context: &Context, question: &str) -> Result<bool, CliError> {
    if !io::stdin().is_terminal() {
        return Err(CliError::NotDone(
            "there is nobody to ask; say --yes to sign without asking".to_owned(),
        ));
    }
    context.out.note(question);
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(answer.trim() == "yes")
}

/// The policy that waits for the owner.
pub(super) fn waiting(agent: &Agent) -> Result<&PolicyApproval, CliError> {
    agent.policy_approval.as_ref().ok_or_else(|| {
        CliError::NotDone(format!(
            "no policy of `{}` waits for approval; the agent is {}",
            agent.id, agent.status
        ))
    })
}

/// Signs the policy that waits for the owner, and hands the signature in.
pub(super) async fn policy(context: &Context, client: &Client, agent: &Agent) -> Result<Answer<Agent>, CliError> {
    let PolicyApproval {
        challenge,
        policy_version,
        policy,
    } = waiting(agent)?;
    let proof = key(context)?.approve_policy(&agent.id, policy, challenge)?;
    let body = json!({"policyVersion": policy_version, "proof": proof});
    Ok(client
        .post(&format!("/agents/{}/policy/approval", agent.id), &body)
        .await?)
}
