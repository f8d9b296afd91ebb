//! What to do next about a payment that was allowed.
//!
//! It depends on its row and on what was just found out, on nothing else: so it may stop anywhere and start again, and
//! whoever carries it on does the same. From SIGNING on only the bytes that are fixed in the row are repeated, to the
//! signer and to the chain, because only those can have been signed.

use {
    crate::{operators::Height, stage::Stage},
    portreeve_kernel::{Code, Now, Seconds, Timestamp},
    portreeve_ledger::{ExpiredProof, OperatorEvidence, Proof},
};

/// How long after its decision a payment may still be prepared. Whoever asked has long given up, and would be
/// surprised.
pub const DEADLINE: Seconds = Seconds(120);

/// Blocks that have to be left before anything is signed: what is signed counts at the signer, landed or not.
pub const BLOCKS_TO_LAND: u64 = 30;

/// How long after its decision a payment is signed although nobody knows how high the chain is: half of what a
/// blockhash lives when the chain is at its fastest. What is signed too late moves nothing, but counts at the signer.
const FRESH: Seconds = Seconds(30);

/// How far a block time may be ahead of our own.
pub const CLOCK_MARGIN: Seconds = Seconds(300);

/// Why a payment did not happen: a code of the registry, and words.
pub type Why = (Code, String);

/// A payment, as far as its course depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Payment {
    /// Where it is.
    pub stage: Stage,
    /// When it was decided.
    pub created_at: Timestamp,
    /// How often its agent had been suspended by then.
    pub suspensions: u64,
    /// The last block height at which its bytes can land; `None` until they are fixed, and when too few operators agreed
    /// then on how high the chain was.
    pub last_valid_height: Option<u64>,
}

/// The agent, as far as its payments depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// True when it may pay.
    pub active: bool,
    /// How often it has been suspended so far. Counted, because two moments of one clock may be the same.
    pub suspensions: u64,
}

impl Standing {
    /// Whether it still pays what was decided when it had been suspended so often: not while it is suspended, and not
    /// after it was in between.
    #[must_use]
    pub const fn pays_for(self, suspensions: u64) -> bool {
        self.active && self.suspensions == suspensions
    }
}

/// What to do next, and whom to tell what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Build the message on a fresh blockhash, have the chain try it dry ([`tried`]), lock the agent, ask
    /// [`Payment::may_be_fixed`], and fix the bytes in the row. On the way there the payment may end.
    Prepare,
    /// Look how the agent stands: [`Payment::may_be_signed`].
    LookAtAgent,
    /// Ask how high the chain is: [`Payment::has_time_to_land`].
    LookAtHeight,
    /// Have the fixed bytes signed. Signatures are kept; a refusal goes to [`refused`].
    Sign,
    /// Have the signer promise that it never signs this: [`voided`].
    Void(End),
    /// Keep the signatures: in the signer's account the budget is spent from now on.
    Keep,
    /// Send the signed bytes and ask what became of them: [`seen`].
    Send,
    /// Ask how high the chain is: [`Payment::may_still_land`].
    AskHeight,
    /// Keep this as the last height at which the bytes can land, and look again later.
    Bound {
        /// In blocks.
        last_valid_height: u64,
    },
    /// Ask each operator by itself: [`Payment::is_dead`].
    AskOperators,
    /// The money has moved, irreversibly: settle.
    Settle {
        /// Where.
        slot: u64,
    },
    /// The money has not moved and never will: the budget comes back.
    End(End),
    /// Look again later.
    Wait,
    /// Nothing: it has ended.
    Rest,
}

/// How a payment ends that never moves money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// Its last stage.
    pub to: Stage,
    /// Why its budget comes back.
    pub proof: Proof,
    /// What its owner is told.
    pub why: Why,
}

/// What an operator, or as many as a proof takes, say about a signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The slot it landed in.
    pub slot: u64,
    /// True when that is irreversible.
    pub finalized: bool,
    /// Why it failed there; `None` when it succeeded.
    pub failed: Option<Why>,
}

impl Payment {
    /// What to do when nothing is known but the row.
    #[must_use]
    pub fn next(&self, now: Now) -> Next {
        match self.stage {
            Stage::Reserved => self.in_time(now).map_or(Next::Prepare, Next::End),
            Stage::Signing => Next::LookAtAgent,
            Stage::Submitted if cfg!(seeded_bug = "release_on_timeout") && self.waited(now) > 5_000 => Next::End(End {
                to: Stage::Expired,
                proof: Proof::FailedOnChain { slot: 0 },
                why: (Code::TransactionExpired, "it took too long".to_owned()),
            }),
            Stage::Submitted => Next::Send,
            _ => Next::Rest,
        }
    }

    /// The end of a payment whose asker has long given up; `None` while there is time to prepare it.
    #[must_use]
    pub fn in_time(&self, now: Now) -> Option<End> {
        (self.waited(now) > i64::from(DEADLINE.0).saturating_mul(1000)).then(|| End {
            to: Stage::SimulationFailed,
            proof: Proof::NeverSigned,
            why: (
                Code::TransactionExpired,
                "the chain could not be asked in time; nothing was signed".to_owned(),
            ),
        })
    }

    /// Under the agent's lock: the end of a payment whose agent has been stopped meanwhile; `None` when its bytes may be
    /// fixed.
    #[must_use]
    pub fn may_be_fixed(&self, agent: Option<Standing>) -> Option<End> {
        let stopped = "the agent was suspended before the signer was asked";
        (!self.is_paid_by(agent)).then(|| given_up(Code::AgentSuspended, stopped))
    }

    /// Before the signer is asked: whether the agent still pays.
    #[must_use]
    pub fn may_be_signed(&self, agent: Option<Standing>) -> Next {
        if self.is_paid_by(agent) {
            return Next::LookAtHeight;
        }
        let stopped = "the agent was suspended before the payment was signed";
        Next::Void(given_up(Code::AgentSuspended, stopped))
    }

    /// Before the signer is asked: whether what it signs could still land. The height is `None` when too few operators
    /// agree on one.
    #[must_use]
    pub fn has_time_to_land(&self, finalized: Option<Height>, now: Now) -> Next {
        let in_time = match (self.last_valid_height, finalized) {
            (Some(last_valid), Some(height)) => height.agreed.saturating_add(BLOCKS_TO_LAND) <= last_valid,
            _ => self.waited(now) <= i64::from(FRESH.0).saturating_mul(1000),
        };
        if in_time {
            return Next::Sign;
        }
        let late = "there was no time left to sign and send the payment";
        Next::Void(given_up(Code::TransactionExpired, late))
    }

    /// One look at the height saves asking every operator while the payment may still land. Without a last height it
    /// always may, until as many as a proof takes agree on how high the chain is: its blockhash is older than that.
    #[must_use]
    pub fn may_still_land(&self, finalized: Height) -> Next {
        match self.last_valid_height {
            None => Next::Bound {
                last_valid_height: finalized.last_valid(u64::MAX),
            },
            Some(last_valid) if finalized.agreed > last_valid => Next::AskOperators,
            Some(_) => Next::Wait,
        }
    }

    /// Gives up a payment of which it is proven that it can never land.
    #[must_use]
    pub fn is_dead(&self, evidence: &[OperatorEvidence], min_operators: usize) -> Next {
        let proof = self
            .last_valid_height
            .and_then(|last_valid| ExpiredProof::new(last_valid, evidence, min_operators));
        proof.map_or(Next::Wait, |proof| {
            Next::End(End {
                to: Stage::Expired,
                proof: Proof::Expired(proof),
                why: (
                    Code::TransactionExpired,
                    "the transaction did not land before its blockhash expired".to_owned(),
                ),
            })
        })
    }

    fn waited(&self, now: Now) -> i64 {
        now.for_expiry().millis_since(self.created_at)
    }

    fn is_paid_by(&self, agent: Option<Standing>) -> bool {
        agent.is_some_and(|agent| agent.pays_for(self.suspensions))
    }
}

/// After the dry run: a message whose bytes may be fixed.
///
/// # Errors
/// The end of a payment that the chain would refuse.
pub fn tried<M>(outcome: Result<M, Why>) -> Result<M, End> {
    outcome.map_err(|why| End {
        to: Stage::SimulationFailed,
        proof: Proof::NeverSigned,
        why,
    })
}

/// After the signer refused with a reason of this code: `None` when the same bytes may pass later.
#[must_use]
pub fn refused(code: Code, detail: String) -> Option<Next> {
    let end = End {
        to: Stage::SignerRefused,
        proof: Proof::NeverSigned,
        why: (Code::TransactionSigningFailed, detail),
    };
    (!code.retryable()).then_some(Next::Void(end))
}

/// After the signer was asked to void: it has the last word. It promises never to sign, which is the proof that gives
/// the budget back, or shows that it has signed, and then the payment goes on.
#[must_use]
pub fn voided(end: End, signed: bool) -> Next {
    if signed { Next::Keep } else { Next::End(end) }
}

/// After the bytes were sent, lost or refused: only the status tells, and nothing less than finalized.
#[must_use]
pub fn seen(status: Option<Seen>) -> Next {
    match status {
        Some(Seen {
            slot,
            finalized: true,
            failed: None,
        }) => Next::Settle { slot },
        Some(Seen {
            slot,
            finalized: true,
            failed: Some(why),
        }) => Next::End(End {
            to: Stage::FailedOnChain,
            proof: Proof::FailedOnChain { slot },
            why,
        }),
        Some(Seen { finalized: false, .. }) => Next::Wait,
        None => Next::AskHeight,
    }
}

/// From when a settled payment's windows run. Without a block time the present stands in for it: later, so the budget
/// comes back later. One far in the future, by a chain's or a node's mistake, would keep the budget for as long.
#[must_use]
pub fn landed_at(block_time: Option<Timestamp>, created_at: Timestamp, now: Now) -> Timestamp {
    let now = now.for_expiry();
    block_time.unwrap_or(now).max(created_at).min(now.plus(CLOCK_MARGIN))
}

fn given_up(code: Code, detail: &str) -> End {
    End {
        to: Stage::Voided,
        proof: Proof::NeverSigned,
        why: (code, detail.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use {super::*, crate::operators::BLOCKHASH_LIFE};

    const T: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn payment(stage: Stage) -> Payment {
        Payment {
            stage,
            created_at: T,
            suspensions: 2,
            last_valid_height: Some(1_000),
        }
    }

    fn height(agreed: u64) -> Height {
        Height {
            agreed,
            at_most: agreed,
        }
    }

    fn at(seconds: u32) -> Now {
        Now::at(T.plus(Seconds(seconds)))
    }

    #[test]
    fn only_what_is_in_flight_is_carried_on() {
        for stage in Stage::ALL {
            let rests = payment(*stage).next(at(0)) == Next::Rest;
            assert_eq!(rests, !stage.is_in_flight(), "{stage}");
        }
    }

    #[test]
    fn every_end_is_an_arrow_of_its_stage() {
        let why = || (Code::TransactionFailed, String::new());
        let ends = [
            (Stage::Reserved, payment(Stage::Reserved).next(at(121))),
            (Stage::Reserved, Next::End(tried::<()>(Err(why())).unwrap_err())),
            (
                Stage::Reserved,
                Next::End(payment(Stage::Reserved).may_be_fixed(None).unwrap()),
            ),
            (Stage::Signing, payment(Stage::Signing).may_be_signed(None)),
            (
                Stage::Signing,
                payment(Stage::Signing).has_time_to_land(Some(height(971)), at(0)),
            ),
            (
                Stage::Signing,
                refused(Code::PolicyDailyLimitExceeded, String::new()).unwrap(),
            ),
            (
                Stage::Submitted,
                seen(Some(Seen {
                    slot: 1,
                    finalized: true,
                    failed: Some(why()),
                })),
            ),
        ];
        for (from, next) in ends {
            let (Next::End(end) | Next::Void(end)) = next else {
                panic!("{from} goes on with {next:?}");
            };
            assert!(from.may_become(end.to), "{from} must not become {}", end.to);
        }
    }

    #[test]
    fn a_payment_is_prepared_for_two_minutes_and_not_a_moment_longer() {
        assert_eq!(payment(Stage::Reserved).next(at(120)), Next::Prepare);
        assert!(matches!(payment(Stage::Reserved).next(at(121)), Next::End(_)));
    }

    #[test]
    fn an_agent_pays_only_what_was_decided_since_it_last_became_active() {
        let standing = |active, suspensions| Standing { active, suspensions };
        let payment = payment(Stage::Signing);
        assert_eq!(payment.may_be_signed(Some(standing(true, 2))), Next::LookAtHeight);
        assert_eq!(payment.may_be_fixed(Some(standing(true, 2))), None);
        let in_between = standing(true, 3);
        for none in [
            None,
            Some(standing(false, 2)),
            Some(standing(false, 3)),
            Some(in_between),
        ] {
            assert!(matches!(payment.may_be_signed(none), Next::Void(_)));
            assert!(payment.may_be_fixed(none).is_some());
        }
    }

    #[test]
    fn nothing_is_signed_with_fewer_than_thirty_blocks_left() {
        let payment = payment(Stage::Signing);
        assert_eq!(payment.has_time_to_land(Some(height(970)), at(99)), Next::Sign);
        assert!(matches!(
            payment.has_time_to_land(Some(height(971)), at(0)),
            Next::Void(_)
        ));
    }

    #[test]
    fn without_a_height_only_what_was_just_decided_is_signed() {
        for (last_valid_height, finalized) in [(None, None), (Some(1_000), None), (None, Some(height(7)))] {
            let payment = Payment {
                last_valid_height,
                ..payment(Stage::Signing)
            };
            assert_eq!(payment.has_time_to_land(finalized, at(30)), Next::Sign);
            assert!(matches!(payment.has_time_to_land(finalized, at(31)), Next::Void(_)));
        }
    }

    #[test]
    fn a_payment_whose_height_has_passed_is_dead_on_proof_alone() {
        let payment = payment(Stage::Submitted);
        assert_eq!(payment.may_still_land(height(1_000)), Next::Wait);
        assert_eq!(payment.may_still_land(height(1_001)), Next::AskOperators);
        assert_eq!(payment.is_dead(&[], 1), Next::Wait, "no evidence proves nothing");
        let evidence = [OperatorEvidence {
            operator: "a".to_owned(),
            finalized_height: 1_033,
            signature_seen: false,
        }];
        assert_eq!(payment.is_dead(&evidence, 2), Next::Wait);
        assert!(matches!(payment.is_dead(&evidence, 1), Next::End(_)));
    }

    #[test]
    fn a_payment_without_a_last_height_is_not_dead_and_gets_one_as_soon_as_the_chains_is_known() {
        let payment = Payment {
            last_valid_height: None,
            ..payment(Stage::Submitted)
        };
        assert_eq!(payment.is_dead(&[], 0), Next::Wait);
        let last_valid_height = 1_000 + 2 * BLOCKHASH_LIFE;
        assert_eq!(payment.may_still_land(height(1_000)), Next::Bound { last_valid_height });
        assert_eq!(
            payment.may_still_land(height(u64::MAX)),
            Next::Bound {
                last_valid_height: u64::MAX
            }
        );
    }

    #[test]
    fn less_than_finalized_is_waited_for() {
        let status = |finalized| {
            Some(Seen {
                slot: 9,
                finalized,
                failed: None,
            })
        };
        assert_eq!(seen(status(false)), Next::Wait);
        assert_eq!(seen(status(true)), Next::Settle { slot: 9 });
        assert_eq!(seen(None), Next::AskHeight);
    }

    #[test]
    fn a_signer_that_may_pass_it_later_is_asked_again_and_its_word_decides_the_rest() {
        assert_eq!(refused(Code::SystemSignerUnavailable, String::new()), None);
        let end = given_up(Code::AgentSuspended, "");
        assert_eq!(voided(end.clone(), true), Next::Keep);
        assert_eq!(voided(end.clone(), false), Next::End(end));
    }

    #[test]
    fn a_payment_counts_from_its_block_time_within_reason() {
        let now = at(100);
        assert_eq!(landed_at(Some(T.plus(Seconds(50))), T, now), T.plus(Seconds(50)));
        assert_eq!(
            landed_at(Some(Timestamp::EPOCH), T, now),
            T,
            "not before it was decided"
        );
        assert_eq!(landed_at(None, T, now), T.plus(Seconds(100)));
        let far = T.plus(Seconds(1_000_000));
        assert_eq!(landed_at(Some(far), T, now), T.plus(Seconds(400)));
    }
}
