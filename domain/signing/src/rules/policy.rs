//! Which policy is in force: the newest the owner has signed, or a tighter one after it.

use {
    super::{Decided, refuse},
    crate::{
        event::Event,
        protocol::{Answer, Approved},
        refusal::Reason,
        state::SignerState,
    },
    portreeve_kernel::{AgentId, OwnerProof},
    portreeve_policy::{AgentPolicy, approval_challenge, loosens},
    std::cmp::Ordering,
};

/// How many versions a policy may skip without the owner's proof. Without a bound one request could use up all the
/// numbers, and lock the owner out of ever changing the policy again.
pub const MAX_UNPROVEN_STEP: u64 = 1_000;

impl SignerState {
    pub(super) fn approve(&self, agent: &AgentId, policy: &AgentPolicy, proof: Option<&OwnerProof>) -> Decided {
        self.thawed()?;
        let old = self.with_key(agent)?.policy.as_ref();
        let version = policy.version;
        let answer = Answer::Approved(Approved { version });
        if let Some(old) = old {
            match version.cmp(&old.version) {
                Ordering::Less => {
                    let detail = format!(
                        "version {version} is older than version {}, which is in force",
                        old.version
                    );
                    return refuse(Reason::PolicyOlder, detail);
                }
                Ordering::Equal if old == policy => return Ok((None, answer)),
                Ordering::Equal => {
                    let detail = format!("version {version} is in force with other content");
                    return refuse(Reason::PolicyDiffers, detail);
                }
                Ordering::Greater => {}
            }
        }
        if let Err(errors) = policy.validate() {
            let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
            return refuse(Reason::PolicyInvalid, errors.join("; "));
        }
        match (proof, old) {
            (Some(proof), _) => {
                if !self.pins.prove(proof, &approval_challenge(agent, policy)) {
                    let detail = "the proof is not the owner's consent to this very policy for this agent";
                    return refuse(Reason::ProofInvalid, detail);
                }
            }
            (None, None) => return refuse(Reason::PolicyLoosens, "the first policy needs the owner's proof"),
            (None, Some(old)) => {
                if loosens(old, policy) {
                    let detail = format!(
                        "it may allow more than version {}; that needs the owner's proof",
                        old.version
                    );
                    return refuse(Reason::PolicyLoosens, detail);
                }
                if version.saturating_sub(old.version) > MAX_UNPROVEN_STEP {
                    let detail = format!("without proof a policy skips at most {MAX_UNPROVEN_STEP} versions");
                    return refuse(Reason::PolicySkips, detail);
                }
            }
        }
        let (policy, proof) = (Box::new(policy.clone()), proof.cloned());
        Ok((
            Some(Event::PolicyApproved {
                agent: agent.clone(),
                policy,
                proof,
            }),
            answer,
        ))
    }
}
