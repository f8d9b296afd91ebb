//! The acts. Each is prepared on a healthy stage, attempted in the presence of death, finished as a client would who
//! lost the answer, and then held to what must be true.

use {
    super::stage::Stage,
    crate::{
        estate::{Agent, Estate, policy, until},
        house::SOL,
    },
    portreeve_kernel::{Address, AgentId, Asset},
    portreeve_signing::{
        key::SecretKey,
        protocol::{Answer, Request},
    },
    serde_json::{Value, json},
    std::collections::{BTreeMap, BTreeSet},
};

/// What every payment moves.
const UNIT: u64 = SOL / 1000;

/// Far enough to prove that a transaction can never land any more: its blockhash lives 150 slots, and 32 more make sure.
const DEAD: u64 = 200;

/// A wallet of this many limits and destinations takes more than one transaction to set up.
const TOKENS: u8 = 3;

/// What every payment in a token moves, and what there is of it.
const ONE_TOKEN: u64 = 1_000_000;
pub(super) const TOKENS_HELD: u64 = 100 * ONE_TOKEN;

/// Mints for the policies here.
pub(super) fn mints() -> impl Iterator<Item = String> {
    (1..=TOKENS).map(|number| Address::new([number; 32]).to_string())
}

/// The one that is paid in.
pub(super) fn token() -> String {
    mints().next().unwrap()
}

/// The usual policy, and as much of the token a day as there is.
pub(super) fn with_a_token() -> Value {
    let mut policy = policy();
    policy["tokens"] = json!({token(): {"limits": {"daily": TOKENS_HELD.to_string()}}});
    policy
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    /// An agent is asked for.
    Create,
    /// Its policy is approved, and its wallet made on chain.
    Approve,
    /// It pays.
    Pay,
    /// Another pays in a token, now and then to somebody who has no account for it.
    PayToken,
    /// A payment that the chain swallowed is given up when that is proven.
    Expire,
    /// A payment that nobody had time to sign is given up.
    GiveUp,
    /// The agent is suspended, on chain too.
    Suspend,
    /// And resumed.
    Resume,
}

impl Act {
    /// Brings the stage to where the act begins; the agent that it is about, if that is a new one.
    pub(super) fn prepare(self, stage: &mut Stage) -> Option<AgentId> {
        match self {
            Self::Create | Self::Pay | Self::PayToken => {}
            Self::Approve => return Some(stage.estate.ask_for_agent(&stage.name(), &wide_policy())),
            Self::Expire => stage.begin_swallowed_payment(),
            Self::GiveUp => stage.begin_late_payment(),
            Self::Suspend | Self::Resume => {
                // The signer puts limits on chain only so often a day.
                stage.estate.house.chain.warp(86_400);
                stage.be(if self == Self::Suspend { "ACTIVE" } else { "SUSPENDED" });
                stage.changes = changes(&stage.estate, &stage.agent.wallet.limit(&Asset::Sol));
            }
        }
        None
    }

    /// The act until it is over or somebody is dead. What comes back does not matter.
    pub(super) fn attempt(self, stage: &mut Stage, new: Option<&AgentId>) {
        let agent = stage.agent.clone();
        match self {
            Self::Create => {
                stage.estate.try_ask_for_agent(&stage.name(), &wide_policy());
            }
            Self::Approve => {
                let id = new.unwrap();
                stage.estate.approve(id);
                stage.watch("the wallet is made", |estate| is_settled(estate, id, "ACTIVE"));
            }
            Self::Pay | Self::Expire | Self::GiveUp => {
                let answer = stage.estate.try_pay(&agent, &stage.shop, UNIT, &stage.name());
                let Some(taken) = answer.filter(|answer| answer.status == 202) else {
                    return;
                };
                stage.watch("the payment is made or given up", |estate| {
                    has_ended(estate, &taken.body)
                });
            }
            Self::PayToken => {
                let payee = stage.payee();
                let paid = (token(), ONE_TOKEN);
                let name = stage.name();
                let answer = stage
                    .estate
                    .try_pay_token(&stage.buyer, &payee, (&paid.0, paid.1), &name);
                let Some(taken) = answer.filter(|answer| answer.status == 202) else {
                    return;
                };
                stage.watch("the payment is made", |estate| has_ended(estate, &taken.body));
            }
            Self::Suspend => {
                let path = format!("{}/suspend", agent.path());
                stage
                    .estate
                    .owner()
                    .try_send(minreq::Method::Post, &path, Some(&json!({})), &[]);
                stage.watch("the agent is suspended", |estate| {
                    is_settled(estate, &agent.id, "SUSPENDED")
                });
            }
            Self::Resume => {
                let answer = stage.estate.ask_to_resume(&agent.id);
                if answer.is_some_and(|answer| answer.status == 200) {
                    stage.watch("the agent is resumed", |estate| is_settled(estate, &agent.id, "ACTIVE"));
                }
            }
        }
    }

    /// The act again, by who does not know what came of it.
    pub(super) fn finish(self, stage: &mut Stage, new: Option<&AgentId>) {
        let (estate, agent) = (&stage.estate, &stage.agent);
        match self {
            Self::Create => {
                if estate.named(&stage.name()).is_empty() {
                    estate.ask_for_agent(&stage.name(), &wide_policy());
                }
            }
            Self::Approve => {
                let id = new.unwrap();
                if !estate.shown(id)["policyApproval"].is_null() {
                    estate.approve(id).unwrap().is(200);
                }
                estate.until_settled(id, "ACTIVE");
            }
            Self::Pay => {
                assert_eq!(stage.ended_payment()["status"], "CONFIRMED");
                stage.landed += UNIT;
                stage.signed += UNIT;
            }
            Self::PayToken => {
                let ended = stage.ended_token_payment();
                assert_eq!(ended["status"], "CONFIRMED", "{ended}");
                stage.tokens_landed += ONE_TOKEN;
            }
            Self::Expire => {
                let ended = stage.ended_payment();
                assert_eq!(ended["status"], "EXPIRED", "{ended}");
                estate.house.chain.call("localnet_clearFaults", &json!([]));
            }
            Self::GiveUp => {
                let ended = stage.ended_payment();
                let told = (&ended["stage"], &ended["failure"]["code"]);
                assert_eq!(told, (&json!("VOIDED"), &json!("TRANSACTION_EXPIRED")), "{ended}");
            }
            Self::Suspend => {
                if estate.shown(&agent.id)["status"] == "ACTIVE" {
                    let suspended = estate.owner().post(&format!("{}/suspend", agent.path()), &json!({}));
                    suspended.is(200);
                }
                estate.until_settled(&agent.id, "SUSPENDED");
            }
            Self::Resume => {
                let shown = estate.shown(&agent.id);
                if shown["status"] == "SUSPENDED" && shown["stage"].is_null() {
                    estate.ask_to_resume(&agent.id).unwrap().is(200);
                }
                estate.until_settled(&agent.id, "ACTIVE");
            }
        }
    }

    /// What must be true after the act, whatever happened in it.
    pub(super) fn check(self, stage: &Stage, new: Option<&AgentId>) {
        let (estate, agent) = (&stage.estate, &stage.agent);
        match self {
            Self::Create => {
                let made = estate.named(&stage.name());
                let [made] = made.as_slice() else { panic!("{made:?}") };
                assert_eq!(made["stage"], "AWAITING_POLICY_APPROVAL");
                let policy = estate
                    .owner()
                    .get(&format!("/api/v1/agents/{}/policy", made["id"].as_str().unwrap()));
                assert_eq!(
                    (&policy.is(200)["version"], &policy.body["approved"]),
                    (&json!(1), &json!(false))
                );
            }
            Self::Approve => {
                let agent = estate.settle_in(new.unwrap());
                let limits = estate.limits(&agent);
                assert_eq!(limits.len(), 1 + usize::from(TOKENS), "one limit per asset");
                for (place, limit) in &limits {
                    assert_eq!(*place, agent.wallet.limit(&limit.asset));
                    assert_eq!(limit.amount, if limit.asset == Asset::Sol { SOL } else { 1000 });
                    assert_eq!(limit.destinations.len(), 16);
                    assert_eq!(changes(estate, place), 1, "nobody filled it up again");
                }
                assert_eq!(estate.squads_accounts(&agent).len(), limits.len(), "and nothing else");
                assert_eq!(estate.multisig(&agent).members.len(), 1);
                assert!(!stage.is_stopped_at_the_signer(&agent));
            }
            Self::Pay | Self::Expire | Self::GiveUp => stage.balanced(),
            Self::PayToken => stage.balanced_in_tokens(),
            Self::Suspend => {
                assert_eq!(estate.limits(agent), []);
                assert!(stage.is_stopped_at_the_signer(agent));
                let refused = estate.pay(agent, &stage.shop, UNIT, &format!("while-suspended-{}", stage.number));
                refused.is_problem(409, "AGENT_SUSPENDED");
            }
            Self::Resume => {
                let limits = estate.limits(agent);
                let places: Vec<Address> = limits.iter().map(|(place, _)| *place).collect();
                assert_eq!(places, [agent.wallet.limit(&Asset::Sol)], "exactly one limit");
                assert_eq!(limits[0].1.amount, 5 * SOL);
                assert_eq!(changes(estate, &places[0]), stage.changes + 1, "put back once");
                assert!(!stage.is_stopped_at_the_signer(agent));
            }
        }
    }
}

/// Limits on SOL and some tokens, to 16 destinations: more than one transaction holds.
fn wide_policy() -> Value {
    let tokens: BTreeMap<String, Value> = mints()
        .map(|mint| (mint, json!({"limits": {"daily": "1000"}})))
        .collect();
    let shops: BTreeSet<String> = (1..=16)
        .map(|number| Address::new([100 + number; 32]).to_string())
        .collect();
    json!({
        "preset": "custom", "limits": {"daily": SOL.to_string()}, "tokens": tokens,
        "whitelist": {"allowedDestinations": shops},
    })
}

/// How many transactions have changed or used the limit at `place`.
fn changes(estate: &Estate, place: &Address) -> usize {
    let list = estate.house.chain.call("getSignaturesForAddress", &json!([place]));
    let list = list.as_array().unwrap();
    list.iter().filter(|one| one["err"].is_null()).count()
}

/// `None` when the server does not answer.
fn is_settled(estate: &Estate, agent: &AgentId, status: &str) -> Option<bool> {
    let answer = estate
        .owner()
        .try_send(minreq::Method::Get, &format!("/api/v1/agents/{agent}"), None, &[])?;
    let shown = answer.is(200);
    Some(shown["status"] == status && shown["stage"].is_null() && shown["chainSync"] == "synced")
}

/// `None` when the server does not answer.
fn has_ended(estate: &Estate, payment: &Value) -> Option<bool> {
    let path = format!("/api/v1/transactions/{}", payment["id"].as_str().unwrap());
    let answer = estate.owner().try_send(minreq::Method::Get, &path, None, &[])?;
    let status = answer.is(200)["status"].as_str().unwrap();
    Some(!["PENDING", "APPROVED", "SUBMITTED"].contains(&status))
}

impl Stage {
    /// The idempotency key or nickname of what is played now.
    fn name(&self) -> String {
        format!("play-{}", self.number)
    }

    /// Brings the agent into `status`.
    pub(super) fn be(&self, status: &str) {
        if self.estate.shown(&self.agent.id)["status"] != status {
            match status {
                "SUSPENDED" => self.estate.suspend(&self.agent),
                _ => self.estate.resume(&self.agent),
            }
        }
    }

    /// Asks again under the same key until the payment is taken, and waits for its end.
    fn ended_payment(&self) -> Value {
        let taken = until("the payment is taken under the same key", || {
            let answer = self.estate.pay(&self.agent, &self.shop, UNIT, &self.name());
            assert!(
                answer.status == 202 || answer.body["retryable"] == true,
                "{}",
                answer.body
            );
            (answer.status == 202).then_some(answer.body)
        });
        self.estate.until_ended(&taken)
    }

    /// Who is paid in a token now. Every fourth is somebody new; more than that the fee payer would not open accounts for.
    fn payee(&self) -> String {
        let known = self.number - self.number % 4;
        let mut bytes = [9; 32];
        bytes[..4].copy_from_slice(&known.to_be_bytes());
        SecretKey::from_seed(&bytes).public().to_string()
    }

    /// The same in a token.
    fn ended_token_payment(&self) -> Value {
        let (payee, token) = (self.payee(), token());
        let taken = until("the payment is taken under the same key", || {
            let paid = self
                .estate
                .pay_token(&self.buyer, &payee, (&token, ONE_TOKEN), &self.name());
            assert!(paid.status == 202 || paid.body["retryable"] == true, "{}", paid.body);
            (paid.status == 202).then_some(paid.body)
        });
        self.estate.until_ended(&taken)
    }

    /// The chain, the books and the signer all hold what was paid in the token, once.
    fn balanced_in_tokens(&self) {
        let Self { estate, buyer, .. } = self;
        let held = |owner: &str| estate.house.chain.tokens(&token(), owner);
        let had = u64::from(self.number % 4);
        assert!(held(&self.payee()) <= Some((had + 1) * ONE_TOKEN), "paid twice");
        assert_eq!(held(&buyer.vault()), Some(TOKENS_HELD - self.tokens_landed), "left");
        assert_eq!(estate.used_today_of(&buyer.id, &token()), self.tokens_landed, "booked");
        let request = Request::Headroom {
            agent: buyer.id.clone(),
            asset: Asset::Token(token().parse().unwrap()),
        };
        match estate.house.signer_client().ask(&request) {
            Ok(Answer::Headroom(room)) => assert_eq!(room.day.units(), self.tokens_landed, "the signer itself"),
            other => panic!("{other:?}"),
        }
    }

    /// A payment that was signed and sent, that the chain keeps to itself, and whose blockhash has died while the power
    /// was away.
    fn begin_swallowed_payment(&mut self) {
        self.estate.house.chain.call("localnet_setFault", &json!(["hold", {}]));
        let taken = self.estate.pay(&self.agent, &self.shop, UNIT, &self.name());
        let path = format!("/api/v1/transactions/{}", taken.is(202)["id"].as_str().unwrap());
        until("the payment is sent", || {
            (self.estate.owner().get(&path).is(200)["status"] == "SUBMITTED").then_some(())
        });
        self.signed += UNIT;
        self.stop_server();
        self.estate.house.chain.call("localnet_warpSlots", &json!([DEAD]));
    }

    /// A payment that the power cut kept from being signed, until there was no time left to.
    fn begin_late_payment(&mut self) {
        self.stop_server();
        self.start_server("wallet.sign.before");
        // Whether the answer comes before the end is chance.
        self.estate.try_pay(&self.agent, &self.shop, UNIT, &self.name());
        self.watch("the power fails", |_| Some(false));
        self.bury_server();
        self.estate.house.chain.call("localnet_warpSlots", &json!([DEAD]));
    }

    fn is_stopped_at_the_signer(&self, agent: &Agent) -> bool {
        let request = Request::Headroom {
            agent: agent.id.clone(),
            asset: Asset::Sol,
        };
        match self.estate.house.signer_client().ask(&request) {
            Ok(Answer::Headroom(room)) => room.suspended,
            other => panic!("{other:?}"),
        }
    }

    /// The chain, the server's books and its mirror of the signer's all hold what was paid, once.
    fn balanced(&self) {
        let Self { estate, agent, .. } = self;
        assert_eq!(estate.house.chain.balance(&self.shop), SOL + self.landed, "paid");
        assert_eq!(
            estate.house.chain.balance(&agent.vault()),
            10 * SOL - self.landed,
            "left"
        );
        assert_eq!(
            estate.booked_today(&agent.id),
            (self.landed, self.signed),
            "server and signer"
        );
        assert_eq!(estate.used_today(&agent.id), self.signed, "the larger of the two");
        let request = Request::Headroom {
            agent: agent.id.clone(),
            asset: Asset::Sol,
        };
        match estate.house.signer_client().ask(&request) {
            Ok(Answer::Headroom(room)) => assert_eq!(room.day.units(), self.signed, "the signer itself"),
            other => panic!("{other:?}"),
        }
    }
}
