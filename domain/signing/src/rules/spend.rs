//! Signing a spend: only what the approved policy allows, by the signer's own sums, of bytes it has read itself.

use {
    super::{Context, Decided, Moment, Signatory, refuse},
    crate::{
        event::{BookedSpend, Event},
        protocol::{Answer, SignedSpend, Voided},
        refusal::{Reason, Refusal},
        state::{Agent, DAY, SignerState, SpendEntry},
        text::Hash,
    },
    portreeve_chain::{Mismatch, Spend, squads::Currency},
    portreeve_kernel::{AgentId, Now, Seconds, TransactionId},
    portreeve_policy::{Decision, SpendRequest, Usage, evaluate},
};

/// How long after signing a spend may still land: a blockhash lives about 150 blocks, which is 60 to 90 s on a quick
/// chain and several times that on a slow one.
pub const LANDING_MARGIN: Seconds = Seconds(300);

/// Token accounts that an agent may open for those it pays in a day. The fee payer pays about 0.002 SOL for each, which
/// no limit of the agent's counts.
pub const ACCOUNTS_PER_DAY: usize = 10;

/// Transactions of one agent that may be given up in a day: each stays in the journal for ever.
pub const VOIDS_PER_DAY: usize = 1000;

impl SignerState {
    pub(super) fn sign_spend(
        &self,
        transaction: &TransactionId,
        agent: &AgentId,
        message: &[u8],
        context: &Context<'_>,
        moment: &Moment,
    ) -> Decided {
        let hash = Hash::of(message);
        if let Some(entry) = self.spends.get(transaction) {
            return again(entry, agent, hash);
        }
        if self.voided.contains(transaction) {
            return refuse(Reason::TransactionVoided, format!("`{transaction}` was given up"));
        }
        let found = self.in_force(agent)?;
        let now = moment.now()?;
        let decoded = self.decode(message)?;
        let spend = found.wallet.check_spend(&decoded).map_err(|cause| not_ours(&cause))?;
        if spend.transaction != *transaction {
            let detail = format!("the memo is `{}`, not `{transaction}`", spend.transaction);
            return refuse(Reason::WrongMemo, detail);
        }
        let policy_version = judge(found, &spend, now)?;
        let keys = found.wallet.keys();
        let allowed = [
            (keys.fee_payer, Signatory::FeePayer),
            (keys.agent_key, Signatory::Agent(agent)),
        ];
        let signatures = self.signatures(&decoded.signers, &allowed, message, context.keys)?;
        let booked = BookedSpend {
            transaction: transaction.clone(),
            agent: agent.clone(),
            message: hash,
            asset: spend.asset(),
            amount: spend.amount,
            destination: spend.destination,
            opens_account: spend.creates_token_account,
            policy_version,
            counts_until_base: moment.stamp.plus(LANDING_MARGIN),
            signatures,
        };
        let entry = SpendEntry {
            sequence: moment.sequence,
            at: moment.stamp,
            booked,
        };
        let answer = Answer::Spend(told(&entry, false));
        Ok((
            Some(Event::SpendSigned {
                spend: Box::new(entry.booked),
            }),
            answer,
        ))
    }
}

impl SignerState {
    pub(super) fn void_spend(&self, transaction: &TransactionId, agent: &AgentId, moment: &Moment) -> Decided {
        self.thawed()?;
        let found = self.known(agent)?;
        match self.spends.get(transaction) {
            Some(entry) if entry.booked.agent == *agent => {
                let signed = Some(told(entry, true));
                return Ok((None, Answer::Voided(Voided { signed })));
            }
            Some(_) => {
                let detail = format!("`{transaction}` was signed already, for another agent");
                return refuse(Reason::TransactionReused, detail);
            }
            None => {}
        }
        let never = Answer::Voided(Voided { signed: None });
        if self.voided.contains(transaction) {
            return Ok((None, never));
        }
        let since = moment.stamp.minus(DAY);
        let given_up = found.voided.iter().filter(|at| **at > since).count();
        if given_up >= VOIDS_PER_DAY {
            let detail = format!("{given_up} transactions of `{agent}` were given up in a day; {VOIDS_PER_DAY} may be");
            return refuse(Reason::TooManyMessages, detail);
        }
        let (transaction, agent) = (transaction.clone(), agent.clone());
        Ok((Some(Event::SpendVoided { transaction, agent }), never))
    }
}

/// The answer to a transaction that was signed before: the same signatures, if it is the same request.
fn again(entry: &SpendEntry, agent: &AgentId, message: Hash) -> Decided {
    if entry.booked.agent == *agent && entry.booked.message == message {
        Ok((None, Answer::Spend(told(entry, true))))
    } else {
        let detail = format!("`{}` was signed already, otherwise than this", entry.booked.transaction);
        refuse(Reason::TransactionReused, detail)
    }
}

fn told(entry: &SpendEntry, replayed: bool) -> SignedSpend {
    SignedSpend {
        signatures: entry.booked.signatures.clone(),
        signed_at: entry.at,
        counts_until_base: entry.booked.counts_until_base,
        journal_sequence: entry.sequence,
        policy_version: entry.booked.policy_version,
        replayed,
    }
}

/// The version of the policy that allows the spend.
fn judge(agent: &Agent, spend: &Spend, now: Now) -> Result<u64, Refusal> {
    let Some(policy) = &agent.policy else {
        return refuse(Reason::NoPolicy, "there is no approved policy");
    };
    let asset = spend.asset();
    let used = agent.used(&asset, now);
    let usage = Usage {
        day: used.day,
        week: used.week,
        month: used.month,
        last_spend_at: agent.last_spend_at,
        global: None,
    };
    let request = SpendRequest {
        asset,
        amount: spend.amount,
        destination: spend.destination,
        program: spend.program(),
    };
    let decision = evaluate(policy, &request, &usage, now);
    if !decision.outcome.is_allowed() {
        return Err(denied(&decision));
    }
    if let (Some(pinned), Currency::Token { decimals, .. }) = (policy.pinned_of(asset), spend.currency)
        && decimals != pinned.decimals
    {
        let detail = format!(
            "the owner approved {asset} with {} decimals, not {decimals}",
            pinned.decimals
        );
        return refuse(Reason::WrongToken, detail);
    }
    let since = now.for_release().minus(DAY);
    let opened = agent.opened.iter().filter(|opened| **opened > since).count();
    if spend.creates_token_account && opened >= ACCOUNTS_PER_DAY {
        let detail =
            format!("{opened} token accounts opened at the fee payer's cost in a day; {ACCOUNTS_PER_DAY} may be");
        return refuse(Reason::TooManyAccounts, detail);
    }
    Ok(decision.policy_version)
}

fn denied(decision: &Decision) -> Refusal {
    let mut codes: Vec<String> = decision
        .violations
        .iter()
        .map(|violation| violation.code.to_string())
        .collect();
    if codes.is_empty() {
        codes.extend(decision.code().map(|code| code.to_string()));
    }
    let (outcome, version) = (decision.outcome, decision.policy_version);
    let reasons = if codes.is_empty() {
        String::from("the amount")
    } else {
        codes.join(", ")
    };
    let detail = format!("version {version} of the policy says {outcome}: {reasons}");
    Refusal {
        reason: Reason::Policy,
        detail,
        codes,
    }
}

/// A message that is not a spend out of this agent's wallet.
pub(super) fn not_ours(cause: &Mismatch) -> Refusal {
    let reason = match cause {
        Mismatch::Memo(_) => Reason::WrongMemo,
        Mismatch::NotASpend(_) | Mismatch::Action(_) | Mismatch::Twice(_) => Reason::WrongAction,
        Mismatch::NoLimit(_) => Reason::NotApproved,
        Mismatch::FeePayer { .. } | Mismatch::Field { .. } | Mismatch::Build(_) => Reason::WrongWallet,
    };
    Refusal::new(reason, cause.to_string())
}
