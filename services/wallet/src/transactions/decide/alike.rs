//! The same policy is asked in three places: by a dry run, by the decision that is kept, and by the signer. Random lives
//! of an agent, in which all three are asked before every payment, and give one answer.

use {
    super::contract::{START, World},
    super::*,
    crate::{migrations::SCHEMA, transactions::usage},
    portreeve_chain::{AgentWallet, Blockhash, Programs, Signature, squads::Currency},
    portreeve_kernel::{Address, Amount, Clock, Cluster, Entropy, Seconds, entropy::Seeded},
    portreeve_ledger::Proof,
    portreeve_policy::approval_challenge,
    portreeve_signing::{
        Bytes, Context, Event, KeyError, Keys, Reason, Record, Refusal, Signatory, SignerState,
        key::SecretKey,
        protocol::{Answer, Enrolment, Outcome as Said, Request, SignedSpend},
    },
    portreeve_store::testing::TestDatabase,
};

/// How many lives, and how many payments are asked for in each.
const LIVES: u64 = 12;
const PAYMENTS: u64 = 40;

/// A signer in memory.
struct Signer {
    state: SignerState,
    ring: Ring,
}

/// Its keys: owner, fee payer, agent, and the one that approves policies.
struct Ring([SecretKey; 4]);

impl Keys for Ring {
    fn create(&self, _: &AgentId) -> Result<Address, KeyError> {
        Ok(self.0[2].public())
    }

    fn sign(&self, who: Signatory<'_>, message: &[u8]) -> Result<Signature, KeyError> {
        let key = match who {
            Signatory::Owner => &self.0[0],
            Signatory::FeePayer => &self.0[1],
            Signatory::Agent(_) => &self.0[2],
        };
        Ok(key.sign(message))
    }
}

impl Signer {
    /// Has the agent's key and its approved policy.
    fn new(agent: &AgentId, policy: &AgentPolicy) -> Self {
        let ring = Ring([1, 2, 3, 4].map(|seed| SecretKey::from_seed(&[seed; 32])));
        let enrolment = Enrolment {
            cluster: Cluster::Local,
            squads: Programs::default().squads,
            owner_key: ring.0[0].public(),
            fee_payer: ring.0[1].public(),
            approval_key: ring.0[3].public(),
        };
        let first = Record {
            sequence: 1,
            at: START,
            event: Event::Enrolled { enrolment },
        };
        let state = SignerState::begin(first).unwrap();
        let mut signer = Self { state, ring };
        let proof = signer.ring.0[3].approve(&approval_challenge(agent, policy));
        let agent = agent.clone();
        let now = Now::at(START);
        signer
            .ask(&Request::CreateAgentKey { agent: agent.clone() }, now)
            .unwrap();
        let (policy, proof) = (Box::new(policy.clone()), Some(proof));
        signer
            .ask(&Request::ApprovePolicy { agent, policy, proof }, now)
            .unwrap();
        signer
    }

    fn ask(&mut self, request: &Request, now: Now) -> Result<Answer, Refusal> {
        let (now, shown) = (Some(now), None);
        let keys = &self.ring;
        match self.state.answer(request, &Context { now, shown, keys }).outcome {
            Said::Done(answer) => Ok(answer),
            Said::Refused(refusal) => Err(refusal),
        }
    }

    /// Asks for the signature under the message that pays `spend`.
    fn sign(&mut self, spend: &Spend, now: Now) -> Result<SignedSpend, Refusal> {
        let wallet: AgentWallet = self.state.agents().next().unwrap().1.wallet().clone();
        let pays = portreeve_chain::Spend {
            transaction: spend.id.clone(),
            currency: Currency::Sol,
            amount: spend.order.amount,
            destination: spend.order.to,
            creates_token_account: false,
        };
        let message = wallet
            .message(Blockhash::new([7; 32]), &wallet.spend(&pays).unwrap())
            .unwrap();
        let request = Request::SignSpend {
            transaction: spend.id.clone(),
            agent: spend.order.agent.clone(),
            message: Bytes(message.as_bytes().to_vec()),
        };
        match self.ask(&request, now)? {
            Answer::Spend(signed) => Ok(signed),
            other => panic!("not a signed spend: {other:?}"),
        }
    }
}

/// A number below `bound`.
fn below(chance: &Seeded, bound: u64) -> u64 {
    let mut bytes = [0; 8];
    chance.fill(&mut bytes);
    u64::from_le_bytes(bytes) % bound
}

/// A policy that refuses for many reasons, and suspends for none.
fn policy(chance: &Seeded) -> String {
    let day = 20 + below(chance, 40);
    let some = |one_in: u64, value: serde_json::Value| if below(chance, one_in) == 0 { value } else { json!(null) };
    let shop = Address::new([9; 32]).to_string();
    let hours = some(3, json!({"start": 6, "end": 18}));
    let interval = [0, 0, 1, 60, 3_600][usize::try_from(below(chance, 5)).unwrap()];
    json!({
        "preset": "custom",
        "limits": {
            "perTransaction": (1 + below(chance, day)).to_string(),
            "daily": day.to_string(),
            "weekly": (2 * day).to_string(),
            "monthly": (3 * day).to_string(),
        },
        "escalation": {"low": some(2, json!("3")), "medium": some(3, json!("12"))},
        "whitelist": {"allowedDestinations": if below(chance, 2) == 0 { json!([shop]) } else { json!([]) }},
        "timeControl": {"operatingHoursUtc": hours, "blackoutDates": ["2027-01-17"]},
        "minIntervalSeconds": interval,
        "approvalMayExceedPerTransaction": below(chance, 2) == 0,
    })
    .to_string()
}

/// Signed, and then either landed or failed on chain, for good.
async fn carry_on(world: &World, id: &TransactionId, signed: &SignedSpend, lands: bool) {
    let (id, agent, now) = (id.clone(), world.agent.clone(), world.clock.now().for_expiry());
    let (from, at) = (signed.counts_until_base, signed.signed_at);
    let unit = async move |tx: &mut Tx| {
        let change = row::Change::default();
        row::advance(tx, &id, Stage::Reserved, Stage::Signing, &change, now).await?;
        row::advance(tx, &id, Stage::Signing, Stage::Submitted, &change, now).await?;
        let of_signer = |key: &AccountKey| matches!(key, AccountKey::Signer { .. });
        ledger::settle_accounts(tx, &id, of_signer, from).await?;
        agents::signed(tx, &agent, at).await?;
        if lands {
            ledger::settle(tx, &id, now).await?;
        } else {
            ledger::release(tx, &id, &Proof::FailedOnChain { slot: 1 }).await?;
        }
        Ok::<_, StoreError>(())
    };
    world.database.write(unit).await.unwrap();
}

/// Asks all three; says whether it is paid.
async fn ask(world: &World, signer: &mut Signer, policy: &AgentPolicy, chance: &Seeded, key: &str) -> bool {
    let now = world.clock.now();
    let mut spend = world.spend(key, 1);
    if below(chance, 6) == 0 {
        spend.order.to = Address::new([8; 32]);
    }
    let (agent, mut read) = (world.agent().await, world.database.read());
    let first = usage::decide(&mut read, &agent, &spend.order, None, policy, now).await;
    let most: u64 = first.ok().unwrap().max_amount_now.parse().unwrap();
    let amount = match below(chance, 3) {
        0 => 1 + below(chance, 60),
        _ => (most + below(chance, 3)).saturating_sub(1).max(1),
    };
    spend.order.amount = Amount::new(amount).unwrap();

    let dry = usage::decide(&mut read, &agent, &spend.order, None, policy, now)
        .await
        .ok()
        .unwrap();
    let Decided::New(kept) = world.decider.submit(spend.clone()).await.unwrap() else {
        panic!("`{key}` was not decided anew");
    };
    let signed = signer.sign(&spend, now);

    assert_eq!(dry, kept.decision, "dry run and decision");
    let allowed = kept.stage == Stage::Reserved;
    assert_eq!(allowed, kept.decision.outcome.starts_with("ALLOW"));
    match signed {
        Ok(signed) => {
            assert!(allowed, "signed though it is {:?}", kept.decision);
            carry_on(world, &spend.id, &signed, below(chance, 5) > 0).await;
        }
        Err(refusal) => {
            assert!(!allowed, "{refusal:?} though it is {:?}", kept.decision);
            let codes: Vec<String> = kept.decision.violations.iter().map(|one| one.code.clone()).collect();
            assert_eq!((refusal.reason, refusal.codes), (Reason::Policy, codes));
        }
    }
    allowed
}

#[tokio::test(flavor = "multi_thread")]
async fn dry_run_decision_and_signer_give_one_answer() {
    let (mut paid, mut refused) = (0, 0);
    for life in 0..LIVES {
        let chance = Seeded::new(life);
        let test = TestDatabase::sqlite(&[portreeve_jobs::SCHEMA, SCHEMA]).unwrap();
        let world = World::new(test, &policy(&chance)).await;
        let policy = agents::find_policy(&mut world.database.read(), &world.agent, 1)
            .await
            .unwrap()
            .unwrap()
            .body;
        let mut signer = Signer::new(&world.agent, &policy);
        for payment in 0..PAYMENTS {
            // What the signer counts leaves its windows five minutes after what the chain shows.
            let waits = [
                0, 0, 1, 60, 3_600, 7_200, 40_000, 86_400, 86_401, 86_700, 86_701, 605_101, 2_592_301,
            ];
            let wait = waits[usize::try_from(below(&chance, waits.len() as u64)).unwrap()];
            world.clock.advance(Seconds(wait));
            if ask(&world, &mut signer, &policy, &chance, &format!("k{payment}")).await {
                paid += 1;
            } else {
                refused += 1;
            }
        }
        world.end().await;
    }
    assert!(paid > 100 && refused > 100, "{paid} paid, {refused} refused");
}
