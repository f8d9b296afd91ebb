//! The same policy is asked in three places: by a dry run, by the decision that is kept, and by the signer. Random lives
//! of an agent, in which all three are asked before every payment, and give one answer: in SOL and in tokens, by clocks
//! that differ, up to the amount that stops the agent.
//!
//! `ALIKE_SEED=7 ALIKE_LIVES=1000 cargo test -p portreeve-wallet alike` lives as many as are wanted, from another seed
//! on. A life is its seed: `ALIKE_SEED=<that> ALIKE_LIVES=1` is the one that a failure names.

use {
    super::contract::{START, World, mint},
    super::*,
    crate::{migrations::SCHEMA, tokens::Route, transactions::usage},
    portreeve_chain::{AgentWallet, Blockhash, Programs, Signature, TokenProgram, squads::Currency},
    portreeve_kernel::{Address, Amount, Clock, Cluster, Entropy, Seconds, entropy::Seeded},
    portreeve_ledger::Proof,
    portreeve_policy::{PinnedToken, PolicyInput, approval_challenge},
    portreeve_signing::{
        Bytes, Context, Event, KeyError, Keys, Reason, Record, Refusal, Signatory, SignerState,
        key::SecretKey,
        protocol::{Answer, Enrolment, Outcome as Said, Request, SignedSpend},
    },
    portreeve_store::testing::TestDatabase,
};

/// How many lives when nobody says otherwise, and how many payments are asked for in each.
const LIVES: u64 = 32;
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
        let currency = match (spend.order.asset, spend.token) {
            (Asset::Token(mint), Some(found)) => found.route.currency(mint),
            _ => Currency::Sol,
        };
        let pays = portreeve_chain::Spend {
            transaction: spend.id.clone(),
            currency,
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

/// One of `all`.
fn pick<T: Copy>(chance: &Seeded, all: &[T]) -> T {
    all[usize::try_from(below(chance, all.len() as u64)).unwrap()]
}

/// The program that holds the token with this number.
fn program_of(token: u8) -> TokenProgram {
    [TokenProgram::Token, TokenProgram::Token2022][usize::from(token % 2)]
}

/// A policy that refuses, holds and stops for many reasons.
fn policy(chance: &Seeded) -> AgentPolicy {
    let some = |one_in: u64, value: serde_json::Value| if below(chance, one_in) == 0 { value } else { json!(null) };
    let list = |one_in: u64, value: serde_json::Value| if below(chance, one_in) == 0 { value } else { json!([]) };
    let limits = || {
        let day = 20 + below(chance, 40);
        json!({
            "perTransaction": (1 + below(chance, day)).to_string(),
            "daily": day.to_string(),
            "weekly": (2 * day).to_string(),
            "monthly": (3 * day).to_string(),
        })
    };
    let levels = || {
        json!({
            "low": some(2, json!("3")),
            "medium": some(3, json!("12")),
            "high": some(3, json!("50")),
            "critical": some(3, json!("56")),
        })
    };
    let shop = Address::new([9; 32]);
    let programs = [Address::SYSTEM_PROGRAM, program_of(2).address()];
    let input = json!({
        "preset": "custom",
        "limits": limits(),
        "escalation": levels(),
        "tokens": {
            mint(2).to_string(): {"limits": limits(), "escalation": levels()},
            mint(3).to_string(): {"limits": limits(), "escalation": levels()},
        },
        "whitelist": {
            "allowedDestinations": list(2, json!([shop])),
            "allowedPrograms": list(4, json!(programs)),
            "allowedTokenMints": list(4, json!([mint(3)])),
        },
        "timeControl": {
            "operatingHoursUtc": some(3, json!({"start": 6, "end": 18})),
            "blackoutDates": ["2027-01-17"],
        },
        "minIntervalSeconds": pick(chance, &[0, 0, 1, 60, 3_600]),
        "approvalMayExceedPerTransaction": below(chance, 2) == 0,
    });
    let mut policy = serde_json::from_value::<PolicyInput>(input)
        .unwrap()
        .resolve(1)
        .unwrap();
    for number in [2, 3] {
        let program = program_of(number).address();
        let pinned = (below(chance, 2) == 0).then_some(PinnedToken { program, decimals: 6 });
        policy.tokens.get_mut(&mint(number)).unwrap().pinned = pinned;
    }
    policy
}

/// One unit for the shop or, at times, somebody else: of SOL or of a token, of which the last has no limits.
fn draw(world: &World, chance: &Seeded, key: &str) -> Spend {
    let mut spend = world.spend(key, 1);
    if below(chance, 6) == 0 {
        spend.order.to = Address::new([8; 32]);
    }
    let number = pick(chance, &[0, 0, 0, 0, 0, 2, 2, 2, 2, 3, 3, 3, 3, 4]);
    if number == 0 {
        return spend;
    }
    let other = u8::from(below(chance, 8) == 0);
    let route = Route {
        program: program_of(number + other),
        decimals: 6,
        opens_account: false,
    };
    spend.order = spend.order.paid_in(Some(mint(number)));
    spend.by(Some(Found { route, concern: None }))
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

/// Asks all three; says what became of it.
async fn ask(world: &World, signer: &mut Signer, policy: &AgentPolicy, chance: &Seeded, key: &str) -> TransactionRow {
    let now = world.clock.now();
    let mut spend = draw(world, chance, key);
    let (agent, mut read) = (world.agent().await, world.database.read());
    let mut dry_run =
        async |spend: &Spend| usage::decide(&mut read, &agent, &spend.order, spend.token.as_ref(), policy, now).await;
    let most: u64 = dry_run(&spend).await.ok().unwrap().max_amount_now.parse().unwrap();
    let amount = match below(chance, 3) {
        0 => 1 + below(chance, 60),
        _ => (most + below(chance, 3)).saturating_sub(1).max(1),
    };
    spend.order.amount = Amount::new(amount).unwrap();

    let dry = dry_run(&spend).await.ok().unwrap();
    let Decided::New(kept) = world.decider.submit(spend.clone()).await.unwrap() else {
        panic!("`{key}` was not decided anew");
    };
    let signed = signer.sign(&spend, now);

    assert_eq!(dry, kept.decision, "dry run and decision");
    let begins_at = match kept.decision.outcome.as_str() {
        "ALLOW" | "ALLOW_NOTIFY" => Stage::Reserved,
        "HOLD" => Stage::Held,
        _ => Stage::Denied,
    };
    assert_eq!(kept.stage, begins_at, "{:?}", kept.decision);
    match signed {
        Ok(signed) => {
            assert_eq!(kept.stage, Stage::Reserved, "signed though it is {:?}", kept.decision);
            carry_on(world, &spend.id, &signed, below(chance, 5) > 0).await;
        }
        Err(refusal) => {
            assert_ne!(
                kept.stage,
                Stage::Reserved,
                "{refusal:?} though it is {:?}",
                kept.decision
            );
            let mut codes: Vec<String> = kept.decision.violations.iter().map(|one| one.code.clone()).collect();
            if codes.is_empty() {
                // The amount alone: what is held is no failure, what stops the agent is one.
                codes.extend(kept.failure.iter().map(|(code, _)| code.to_string()));
                assert_eq!(codes.is_empty(), kept.stage == Stage::Held, "{:?}", kept.decision);
            }
            let said = format!("version 1 of the policy says {}: ", kept.decision.outcome);
            assert!(refusal.detail.starts_with(&said), "{refusal:?}, not {said}");
            assert_eq!((refusal.reason, refusal.codes), (Reason::Policy, codes));
        }
    }
    *kept
}

/// An agent that was stopped by what it asked for pays nothing more, here or, once the signer is told, there.
async fn stays_stopped(world: &World, signer: &mut Signer) {
    let (now, spend) = (world.clock.now(), world.spend("stopped", 1));
    let decided = world.decider.submit(spend.clone()).await.unwrap();
    assert!(matches!(decided, Decided::Refused(Code::AgentSuspended)), "{decided:?}");
    let agent = world.agent.clone();
    signer.ask(&Request::Suspend { agent }, now).unwrap();
    assert_eq!(signer.sign(&spend, now).unwrap_err().reason, Reason::Suspended);
}

/// Often when something ends or a little before, so that only the clock that is ahead has come to its end: an interval,
/// a window, which what the signer counts leaves five minutes after what the chain shows, or the hours of a day.
fn wait(world: &World, chance: &Seeded) -> Seconds {
    let day = [86_350, 86_400, 86_401, 86_650, 86_700, 86_701];
    let longer = [605_050, 605_101, 2_592_250, 2_592_301];
    let waits = match below(chance, 8) {
        0..=2 => pick(chance, &[0, 0, 1, 20, 60, 3_550, 3_600, 7_200, 40_000]),
        3..=4 => pick(chance, &day),
        5 => pick(chance, &longer),
        _ => {
            let half_a_day = 43_200;
            let since_six = world.clock.now().for_release().millis() / 1000 - half_a_day / 2;
            let left = half_a_day - since_six.rem_euclid(half_a_day);
            u32::try_from(if left > 50 { left - 50 } else { left }).unwrap()
        }
    };
    Seconds(waits)
}

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).map_or(otherwise, |text| text.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn dry_run_decision_and_signer_give_one_answer() {
    let (first, lives) = (number("ALIKE_SEED", 0), number("ALIKE_LIVES", LIVES));
    let mut met = BTreeMap::<(String, bool), u64>::new();
    for life in first..first + lives {
        println!("the life of ALIKE_SEED={life}");
        let chance = Seeded::new(life);
        let test = TestDatabase::sqlite(&[portreeve_jobs::SCHEMA, SCHEMA]).unwrap();
        let policy = policy(&chance);
        let world = World::with(test, policy.clone()).await;
        let mut signer = Signer::new(&world.agent, &policy);
        for payment in 0..PAYMENTS {
            // Clocks as far apart as the signer believes them.
            let ahead = pick(&chance, &[0, 0, 0, 1, 999, 1_000, 60_000, 120_000]);
            world.clock.move_apart(wait(&world, &chance), ahead);
            let row = ask(&world, &mut signer, &policy, &chance, &format!("k{payment}")).await;
            let (outcome, of_token) = (row.decision.outcome, row.asset != Asset::Sol);
            let stops = outcome.starts_with("DENY_SUSPEND");
            *met.entry((outcome, of_token)).or_default() += 1;
            if stops {
                stays_stopped(&world, &mut signer).await;
                break;
            }
        }
        world.end().await;
    }
    println!("{met:#?}");
    if (first, lives) == (0, LIVES) {
        assert_eq!(met.len(), 12, "six outcomes, in SOL and in tokens");
        assert!(
            met.values().sum::<u64>() > LIVES * PAYMENTS / 2,
            "most are not stopped early"
        );
    }
}
