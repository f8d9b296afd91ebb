//! Signing what sets up and changes an agent's wallet on chain. Taking limits away is always allowed; putting them
//! there only exactly as the newest approved policy says, and only so often.
//!
//! What this bounds: no amount, destination, member, period or multisig that the policy does not say; fees and rent of
//! so many messages a day. What it does not: a limit that is put back starts full, so whoever holds the agent's key
//! *and* the server can refill the chain's budget as often as messages are signed. The signer's own sums are not
//! touched by that, and it signs no spend beyond them.

use {
    super::{Context, Decided, Moment, Signatory, refuse, spend::not_ours},
    crate::{
        event::{Event, Subject},
        protocol::{Answer, Signed},
        refusal::{Reason, Refusal},
        state::{Agent, DAY, SignerState},
        text::Hash,
    },
    portreeve_chain::{Configuration, DecodedMessage, Mismatch},
    portreeve_kernel::AgentId,
};

/// How many different messages may put the same thing on chain in a day. More than one, because a blockhash may expire
/// and a crash may lose an answer; bounded, because each may refill a limit and costs the fee payer.
pub const PUTS_PER_DAY: usize = 20;

/// A message about one agent's wallet, read.
struct Asked<'a> {
    agent: &'a AgentId,
    found: &'a Agent,
    message: &'a [u8],
    decoded: DecodedMessage,
}

impl SignerState {
    pub(super) fn sign_setup(
        &self,
        agent: &AgentId,
        message: &[u8],
        context: &Context<'_>,
        moment: &Moment,
    ) -> Decided {
        let asked = self.read(agent, self.in_force(agent)?, message)?;
        let done = asked.found.wallet.check_setup(&asked.decoded, &asked.found.limits());
        self.put(&asked, &done.map_err(|cause| not_approved(&cause))?, context, moment)
    }

    pub(super) fn sign_restore(
        &self,
        agent: &AgentId,
        message: &[u8],
        context: &Context<'_>,
        moment: &Moment,
    ) -> Decided {
        let asked = self.read(agent, self.in_force(agent)?, message)?;
        let done = asked
            .found
            .wallet
            .check_limit_change(&asked.decoded, &asked.found.limits());
        self.put(&asked, &done.map_err(|cause| not_approved(&cause))?, context, moment)
    }

    /// Needs neither a policy nor a clock nor the full journal: it only takes away. The owner key signs, so it works
    /// for agents whose own key is gone.
    pub(super) fn sign_removal(&self, agent: &AgentId, message: &[u8], context: &Context<'_>) -> Decided {
        let asked = self.read(agent, self.known(agent)?, message)?;
        // With no limit to expect, every message that adds one is refused; what is left removes.
        let done = asked.found.wallet.check_limit_change(&asked.decoded, &[]);
        done.map_err(|cause| not_ours(&cause))?;
        self.sign_configuration(&asked, context, Vec::new())
    }

    fn read<'a>(&self, agent: &'a AgentId, found: &'a Agent, message: &'a [u8]) -> Result<Asked<'a>, Refusal> {
        Ok(Asked {
            agent,
            found,
            message,
            decoded: self.decode(message)?,
        })
    }

    fn put(&self, asked: &Asked<'_>, done: &Configuration, context: &Context<'_>, moment: &Moment) -> Decided {
        let multisig = done.creates_multisig.then_some(Subject::Multisig);
        let subjects: Vec<Subject> = multisig
            .into_iter()
            .chain(done.added.iter().copied().map(Subject::Limit))
            .collect();
        if subjects.is_empty() {
            return refuse(Reason::WrongAction, "the message puts nothing on chain");
        }
        let since = moment.now()?.for_release().minus(DAY);
        let hash = Hash::of(asked.message);
        let others = || {
            asked
                .found
                .put
                .iter()
                .filter(|put| put.at > since && put.message != hash)
        };
        let crowded = |subject| others().filter(|put| put.subjects.contains(subject)).count() >= PUTS_PER_DAY;
        if subjects.iter().any(crowded) {
            let detail = format!("{PUTS_PER_DAY} different messages a day may put this on chain, and have");
            return refuse(Reason::TooManyMessages, detail);
        }
        self.sign_configuration(asked, context, subjects)
    }

    fn sign_configuration(&self, asked: &Asked<'_>, context: &Context<'_>, subjects: Vec<Subject>) -> Decided {
        let Asked {
            agent,
            found,
            message,
            decoded,
        } = asked;
        let keys = found.wallet.keys();
        let allowed = [
            (keys.fee_payer, Signatory::FeePayer),
            (keys.owner_key, Signatory::Owner),
            (keys.agent_key, Signatory::Agent(agent)),
        ];
        let signatures = self.signatures(&decoded.signers, &allowed, message, context.keys)?;
        let hash = Hash::of(message);
        let known = found.put.iter().any(|put| put.message == hash);
        let event = || Event::MessageSigned {
            agent: (*agent).clone(),
            message: hash,
            subjects,
        };
        Ok(((!known).then(event), Answer::Signed(Signed { signatures })))
    }
}

/// A limit in the message is not the policy's.
fn not_approved(cause: &Mismatch) -> Refusal {
    let reason = match cause {
        Mismatch::Field { .. } => Reason::NotApproved,
        other => return not_ours(other),
    };
    Refusal::new(reason, cause.to_string())
}
