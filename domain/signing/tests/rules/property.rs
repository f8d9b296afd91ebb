//! Whatever a server asks, in whatever order: no window ever holds more signed money than the owner approved.

use {
    crate::world::*,
    portreeve_chain::{Action, LimitSpec, Spend, TokenProgram, decode, squads::Currency, squads::Period},
    portreeve_kernel::{Asset, Mint, Now, Seconds, Timestamp},
    portreeve_policy::{AgentPolicy, Escalation, Limits, TokenPolicy, Window},
    portreeve_signing::{
        ACCOUNTS_PER_DAY, Event,
        protocol::{Answer, Outcome, Request},
        resume_challenge,
    },
    proptest::prelude::*,
};

/// What a server may try.
#[derive(Debug, Clone)]
enum Try {
    Pay {
        id: u64,
        units: u64,
        to_shop: bool,
    },
    /// A token payment that opens an account for whoever is paid, at the fee payer's cost.
    Open {
        id: u64,
    },
    /// A policy with these numbers, `ahead` versions from the newest, with a proof by the owner, a stranger or nobody.
    Policy {
        ahead: i64,
        factor: u64,
        by: By,
    },
    Limit {
        units: u64,
        remove_first: bool,
        hash: u64,
    },
    Suspend,
    Resume {
        by: By,
    },
    Wait {
        seconds: u32,
        behind: u32,
        ahead: u32,
    },
    Restart,
}

#[derive(Debug, Clone, Copy)]
enum By {
    Owner,
    Stranger,
    Nobody,
}

fn by() -> impl Strategy<Value = By> {
    prop_oneof![1 => Just(By::Owner), 2 => Just(By::Stranger), 2 => Just(By::Nobody)]
}

/// By how many seconds a clock is wrong.
fn clock_error() -> impl Strategy<Value = u32> {
    prop_oneof![4 => Just(0), 1 => 0..100_000_u32]
}

fn tries() -> impl Strategy<Value = Try> {
    prop_oneof![
        10 => (0..60_u64, prop_oneof![1..400_u64, Just(100), Just(1)], prop::bool::weighted(0.9))
            .prop_map(|(id, units, to_shop)| Try::Pay { id, units, to_shop }),
        10 => (100..160_u64).prop_map(|id| Try::Open { id }),
        2 => (-2..4_i64, 1..5_u64, by()).prop_map(|(ahead, factor, by)| Try::Policy { ahead, factor, by }),
        2 => (prop_oneof![Just(300_u64), Just(150), Just(600), 1..1_000_u64], any::<bool>(), 0..40_u64)
            .prop_map(|(units, remove_first, hash)| Try::Limit { units, remove_first, hash }),
        1 => Just(Try::Suspend),
        1 => by().prop_map(|by| Try::Resume { by }),
        4 => (prop_oneof![0..400_u32, 0..200_000_u32, Just(86_701), Just(86_700), Just(605_100)], clock_error(), clock_error())
            .prop_map(|(seconds, behind, ahead)| Try::Wait { seconds, behind, ahead }),
        1 => Just(Try::Restart),
    ]
}

/// Versions differ in how much they allow: a factor of 1 … 4 on a quarter of the usual sums.
fn scaled(version: u64, factor: u64) -> AgentPolicy {
    let token = TokenPolicy {
        limits: limits(1, 1_000, 1_000, 1_000),
        escalation: Escalation::default(),
        pinned: None,
    };
    AgentPolicy {
        tokens: [(mint(), token)].into(),
        limits: limits(50 * factor, 150 * factor, 200 * factor, 250 * factor),
        ..policy(version)
    }
}

fn mint() -> Mint {
    Mint::new(address(60))
}

fn opening(id: u64) -> Spend {
    let currency = Currency::Token {
        mint: mint(),
        program: TokenProgram::Token,
        decimals: 6,
    };
    Spend {
        currency,
        creates_token_account: true,
        ..payment(id, 1, shop())
    }
}

struct Run {
    world: World,
    clock: Timestamp,
    /// When, how much, under which limits.
    spent: Vec<(Timestamp, u64, Limits)>,
    /// When accounts were opened.
    opened: Vec<Timestamp>,
}

impl Run {
    fn step(&mut self, attempt: &Try) {
        let proof_by = |by: By, challenge| match by {
            By::Owner => Some(secret(APPROVAL).approve(&challenge)),
            By::Stranger => Some(secret(9).approve(&challenge)),
            By::Nobody => None,
        };
        let newest = self.newest();
        match attempt {
            Try::Pay { id, units, to_shop } => {
                let destination = if *to_shop { shop() } else { address(41) };
                let request = signing(&payment(*id, *units, destination));
                let before = self.world.journal.len();
                if let Outcome::Done(Answer::Spend(spend)) = self.world.ask(&request).outcome {
                    assert!(*to_shop, "to a stranger");
                    assert_eq!(spend.replayed, self.world.journal.len() == before);
                    if !spend.replayed {
                        let policy = newest.expect("signed without a policy");
                        self.spent.push((self.clock, *units, policy.limits));
                    }
                }
            }
            Try::Open { id } => {
                let before = self.world.journal.len();
                if let Outcome::Done(Answer::Spend(_)) = self.world.ask(&signing(&opening(*id))).outcome
                    && self.world.journal.len() > before
                {
                    self.opened.push(self.clock);
                }
            }
            Try::Policy { ahead, factor, by } => {
                let version = newest
                    .as_ref()
                    .map_or(0, |policy| policy.version)
                    .saturating_add_signed(*ahead);
                let proposal = scaled(version, *factor);
                let proof = proof_by(*by, portreeve_policy::approval_challenge(&agent(1), &proposal));
                let consented = matches!(by, By::Owner);
                self.world.ask(&proposed(1, &proposal, proof));
                let now = self.newest();
                if now != newest {
                    let now = now.expect("a policy does not vanish");
                    assert!(
                        newest.as_ref().is_none_or(|old| old.version < now.version),
                        "back to an older one"
                    );
                    let tighter = newest.is_some_and(|old| now.limits.daily <= old.limits.daily);
                    assert!(consented || tighter, "loosened without the owner");
                }
            }
            Try::Limit {
                units,
                remove_first,
                hash,
            } => {
                let spec = LimitSpec {
                    asset: Asset::Sol,
                    amount: amount(*units),
                    destinations: [shop()].into(),
                };
                let remove = remove_first.then(|| wallet(1).remove_limit(&Asset::Sol).into());
                let add: Action = wallet(1).add_limit(&spec).unwrap().into();
                let actions: Vec<Action> = remove.into_iter().chain([add]).collect();
                let message = message(1, &actions, *hash);
                let request = Request::SignLimitRestore {
                    agent: agent(1),
                    message: message.clone(),
                };
                if let Outcome::Done(_) = self.world.ask(&request).outcome {
                    let policy = newest.expect("a limit without a policy");
                    let decoded = decode(&message.0, &portreeve_chain::Programs::default()).unwrap();
                    for action in decoded.actions {
                        if let Action::AddSpendingLimit(add) = action {
                            assert_eq!((add.amount, add.period), (policy.limits.daily, Period::Day));
                        }
                    }
                }
            }
            Try::Suspend => {
                self.world.ask(&Request::Suspend { agent: agent(1) });
            }
            Try::Resume { by } => {
                let found = self
                    .world
                    .state
                    .agents()
                    .next()
                    .and_then(|(_, agent)| agent.suspension());
                let challenge = resume_challenge(&agent(1), found.unwrap_or(1));
                if let Some(proof) = proof_by(*by, challenge) {
                    self.world.ask(&Request::Resume { agent: agent(1), proof });
                    let now = self
                        .world
                        .state
                        .agents()
                        .next()
                        .and_then(|(_, agent)| agent.suspension());
                    assert!(found == now || matches!(by, By::Owner), "resumed without the owner");
                }
            }
            Try::Wait { seconds, behind, ahead } => {
                // The true time lies between the two readings; that is all that is asked of the clocks.
                self.clock = self.clock.plus(Seconds(*seconds));
                let (slow, fast) = (self.clock.minus(Seconds(*behind)), self.clock.plus(Seconds(*ahead)));
                self.world.now = Some(Now::between(slow, fast));
            }
            Try::Restart => self.world.state = self.world.restarted(self.world.journal.len()),
        }
    }

    fn newest(&self) -> Option<AgentPolicy> {
        self.world
            .state
            .agents()
            .next()
            .and_then(|(_, agent)| agent.policy().cloned())
    }

    /// At each spend, what was signed in the window that ends there fits the limits that allowed it.
    fn check(&self) {
        for (place, (at, _, limits)) in self.spent.iter().enumerate() {
            for window in Window::ALL {
                let since = at.minus(window.length());
                let within = self.spent[..=place].iter().filter(|(then, _, _)| *then >= since);
                let sum: u64 = within.map(|(_, units, _)| units).sum();
                assert!(
                    sum <= limits.of(*window).units(),
                    "{sum} signed in {window} of {limits:?}"
                );
            }
        }
        for (place, at) in self.opened.iter().enumerate() {
            let since = at.minus(Seconds(86_400));
            let within = self.opened[..=place].iter().filter(|then| **then > since).count();
            assert!(within <= ACCOUNTS_PER_DAY, "{within} accounts opened in a day");
        }
        let booked = self
            .world
            .journal
            .iter()
            .filter(|record| matches!(record.event, Event::SpendSigned { .. }));
        assert_eq!(
            booked.count(),
            self.spent.len() + self.opened.len(),
            "everything that was signed is booked, once"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_requests_gets_more_than_the_owner_approved(attempts in prop::collection::vec(tries(), 1..120)) {
        let mut world = World::new();
        world.done(Request::CreateAgentKey { agent: agent(1) });
        let mut run = Run { world, clock: T, spent: Vec::new(), opened: Vec::new() };
        run.world.approve(1, scaled(1, 2));
        for attempt in &attempts {
            run.step(attempt);
        }
        run.check();
    }
}
