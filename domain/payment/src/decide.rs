//! Whether a payment is allowed. Whoever asks has read all of it under the lock that the reservation is written under.

use {
    crate::stage::Stage,
    portreeve_kernel::{Code, Now, Timestamp},
    portreeve_ledger::WindowUse,
    portreeve_policy::{AgentPolicy, Decision, Outcome, SpendRequest, Usage, evaluate},
};

/// Payments of one agent that may wait for their signatures: more would outlive their blockhashes.
pub const UNSIGNED_MAX: u64 = 256;

/// What an idempotency key that was used before stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// This very payment: its present state is the answer, whatever the rules say by now.
    Same,
    /// Another payment.
    Other,
}

/// Compares the body that came first under a key with the one that is asked for now, by their hashes.
#[must_use]
pub fn known(first: &str, asked: &str) -> Known {
    if first == asked { Known::Same } else { Known::Other }
}

/// What the rules are shown: the larger of what server and signer count. As long as a payment waits for its signature
/// nobody knows how soon that will be, so it counts as made now.
#[must_use]
pub fn usage(server: WindowUse, signer: WindowUse, last_spend_at: Option<Timestamp>, unsigned: u64, now: Now) -> Usage {
    let counted = server.max(signer);
    Usage {
        day: counted.day,
        week: counted.week,
        month: counted.month,
        last_spend_at: if unsigned > 0 {
            Some(now.for_expiry())
        } else {
            last_spend_at
        },
        global: None,
    }
}

/// All that a decision rests on.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// Whether the agent may pay at all, and if not, why.
    pub may_pay: Result<(), Code>,
    /// The policy in force.
    pub policy: &'a AgentPolicy,
    /// What is asked for.
    pub request: SpendRequest,
    /// What the server's ledger counts.
    pub server: WindowUse,
    /// What the ledger's mirror of the signer counts.
    pub signer: WindowUse,
    /// When the agent last spent, of whatever asset.
    pub last_spend_at: Option<Timestamp>,
    /// Its payments that are allowed and not signed yet.
    pub unsigned: u64,
}

impl Case<'_> {
    /// Decides. What comes of it is kept, also when it is a refusal; budget is taken for [`Stage::Reserved`] alone.
    ///
    /// # Errors
    /// The code of an agent that may not pay now, whatever it asks for. Nothing is kept then.
    pub fn decide(&self, now: Now) -> Result<(Stage, Decision), Code> {
        self.may_pay?;
        if self.unsigned >= UNSIGNED_MAX {
            return Err(Code::SystemOverloaded);
        }
        let usage = usage(self.server, self.signer, self.last_spend_at, self.unsigned, now);
        let decision = evaluate(self.policy, &self.request, &usage, now);
        Ok((begins_at(decision.outcome), decision))
    }
}

/// Where a payment of this outcome begins.
#[must_use]
pub const fn begins_at(outcome: Outcome) -> Stage {
    match outcome {
        Outcome::Allow | Outcome::AllowNotify => Stage::Reserved,
        Outcome::Hold => Stage::Held,
        Outcome::Deny | Outcome::DenySuspend | Outcome::DenySuspendRevoke => Stage::Denied,
    }
}

#[cfg(test)]
mod tests {
    use {
        super::*,
        portreeve_kernel::{Address, Amount, Asset, Total},
    };

    const NOW: Now = Now::at(Timestamp::from_seconds(1_800_000_000));

    fn policy() -> AgentPolicy {
        let text = r#"{"preset":"custom","limits":{"perTransaction":"10","daily":"20"},"escalation":{"medium":"9"},"minIntervalSeconds":60}"#;
        let input: portreeve_policy::PolicyInput = serde_json::from_str(text).unwrap();
        input.resolve(1).unwrap()
    }

    fn used(units: u64) -> WindowUse {
        let total = Total::new(units).unwrap();
        WindowUse {
            day: total,
            week: total,
            month: total,
        }
    }

    fn case(policy: &AgentPolicy, amount: u64) -> Case<'_> {
        Case {
            may_pay: Ok(()),
            policy,
            request: SpendRequest {
                asset: Asset::Sol,
                amount: Amount::new(amount).unwrap(),
                destination: Address::new([7; 32]),
                program: Address::SYSTEM_PROGRAM,
            },
            server: WindowUse::default(),
            signer: WindowUse::default(),
            last_spend_at: None,
            unsigned: 0,
        }
    }

    fn stage(case: &Case<'_>) -> Result<Stage, Code> {
        case.decide(NOW).map(|(stage, _)| stage)
    }

    #[test]
    fn the_outcome_says_where_a_payment_begins() {
        let policy = policy();
        assert_eq!(stage(&case(&policy, 8)), Ok(Stage::Reserved));
        assert_eq!(stage(&case(&policy, 9)), Ok(Stage::Held));
        assert_eq!(stage(&case(&policy, 11)), Ok(Stage::Denied));
    }

    #[test]
    fn the_larger_of_server_and_signer_counts() {
        let policy = policy();
        for (server, signer, expected) in [
            (12, 12, Stage::Reserved),
            (13, 0, Stage::Denied),
            (0, 13, Stage::Denied),
        ] {
            let case = Case {
                server: used(server),
                signer: used(signer),
                ..case(&policy, 8)
            };
            assert_eq!(stage(&case), Ok(expected), "server {server}, signer {signer}");
        }
    }

    #[test]
    fn who_may_not_pay_is_told_why_before_any_rule() {
        let policy = policy();
        let may_pay = Err(Code::AgentSuspended);
        let case = Case {
            may_pay,
            ..case(&policy, 11)
        };
        assert_eq!(stage(&case), Err(Code::AgentSuspended));
    }

    #[test]
    fn only_so_many_payments_wait_for_their_signatures() {
        let mut policy = policy();
        policy.min_interval_seconds = 0;
        let waiting = |unsigned| Case {
            unsigned,
            ..case(&policy, 1)
        };
        assert_eq!(stage(&waiting(UNSIGNED_MAX - 1)), Ok(Stage::Reserved));
        assert_eq!(stage(&waiting(UNSIGNED_MAX)), Err(Code::SystemOverloaded));
    }

    #[test]
    fn a_payment_that_waits_for_its_signature_counts_as_made_now() {
        let policy = policy();
        let long_ago = Some(Timestamp::EPOCH);
        let case = |unsigned| Case {
            unsigned,
            last_spend_at: long_ago,
            ..case(&policy, 1)
        };
        assert_eq!(stage(&case(0)), Ok(Stage::Reserved));
        assert_eq!(stage(&case(1)), Ok(Stage::Denied));
    }

    #[test]
    fn a_key_stands_for_one_body() {
        assert_eq!(known("a", "a"), Known::Same);
        assert_eq!(known("a", "b"), Known::Other);
    }
}
