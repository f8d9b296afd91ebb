//! A signer with its keys, an owner with an approval key, and a server that asks.

use {
    portreeve_chain::{Action, AgentWallet, Blockhash, Signature, Spend, squads::Currency},
    portreeve_kernel::{
        Address, AgentId, Amount, Asset, Cluster, Now, OwnerProof, Seconds, Timestamp, TransactionId, entropy::Seeded,
    },
    portreeve_policy::{
        AgentPolicy, ChainDestinations, Escalation, Limits, TimeControl, Whitelist, approval_challenge,
    },
    portreeve_signing::{
        Bytes, Context, Event, Hash, KeyError, Keys, Reason, Record, Refusal, Signatory, SignerState, Step,
        key::SecretKey,
        protocol::{Answer, Enrolment, Outcome, Request, SignedSpend},
    },
    std::{cell::Cell, collections::BTreeMap},
};

/// A Thursday afternoon, in the middle of a second.
pub(crate) const T: Timestamp = Timestamp::from_millis(1_800_000_000_500);

pub(crate) const OWNER: u8 = 1;
pub(crate) const FEE_PAYER: u8 = 2;
pub(crate) const APPROVAL: u8 = 3;

pub(crate) fn secret(seed: u8) -> SecretKey {
    SecretKey::from_seed(&[seed; 32])
}

pub(crate) fn address(seed: u8) -> Address {
    secret(seed).public()
}

/// The shop that is on every whitelist here.
pub(crate) fn shop() -> Address {
    address(40)
}

pub(crate) fn agent(number: u64) -> AgentId {
    AgentId::new(T, &Seeded::new(number))
}

pub(crate) fn transaction(number: u64) -> TransactionId {
    TransactionId::new(T, &Seeded::new(number))
}

pub(crate) fn amount(units: u64) -> Amount {
    Amount::new(units).unwrap()
}

pub(crate) fn blockhash(number: u64) -> Blockhash {
    Blockhash::new(*Hash::of(&number.to_be_bytes()).as_bytes())
}

pub(crate) fn limits(per_transaction: u64, daily: u64, weekly: u64, monthly: u64) -> Limits {
    Limits {
        per_transaction: amount(per_transaction),
        daily: amount(daily),
        weekly: amount(weekly),
        monthly: amount(monthly),
    }
}

/// 100 at once, 300 a day, 1,000 a week, 2,000 a month, to the shop only.
pub(crate) fn policy(version: u64) -> AgentPolicy {
    AgentPolicy {
        version,
        limits: limits(100, 300, 1_000, 2_000),
        escalation: Escalation::default(),
        tokens: BTreeMap::new(),
        whitelist: Whitelist {
            allowed_destinations: [shop()].into(),
            ..Whitelist::default()
        },
        time_control: TimeControl::default(),
        min_interval_seconds: 0,
        approval_may_exceed_per_transaction: false,
        chain_destinations: ChainDestinations::Whitelist,
    }
}

/// Keys that follow from names, so that a restored keystore has the same ones.
pub(crate) struct TestKeys {
    pub(crate) working: Cell<bool>,
    /// Agents' keys lie in each other's places.
    pub(crate) swapped: Cell<bool>,
}

impl TestKeys {
    fn of(agent: &AgentId) -> SecretKey {
        SecretKey::from_seed(Hash::of(agent.as_str().as_bytes()).as_bytes())
    }

    fn check(&self) -> Result<(), KeyError> {
        if self.working.get() {
            Ok(())
        } else {
            Err(KeyError("out of order".to_owned()))
        }
    }
}

impl Keys for TestKeys {
    fn create(&self, agent: &AgentId) -> Result<Address, KeyError> {
        self.check()?;
        Ok(Self::of(agent).public())
    }

    fn sign(&self, who: Signatory<'_>, message: &[u8]) -> Result<Signature, KeyError> {
        self.check()?;
        Ok(match who {
            Signatory::Owner => secret(OWNER).sign(message),
            Signatory::FeePayer => secret(FEE_PAYER).sign(message),
            Signatory::Agent(_) if self.swapped.get() => secret(9).sign(message),
            Signatory::Agent(agent) => Self::of(agent).sign(message),
        })
    }
}

pub(crate) struct World {
    pub(crate) state: SignerState,
    pub(crate) journal: Vec<Record>,
    pub(crate) keys: TestKeys,
    pub(crate) now: Option<Now>,
    pub(crate) shown: Option<u64>,
}

impl World {
    /// Nothing but an enrolment.
    pub(crate) fn new() -> Self {
        let enrolment = Enrolment {
            cluster: Cluster::Local,
            squads: portreeve_chain::Programs::default().squads,
            owner_key: address(OWNER),
            fee_payer: address(FEE_PAYER),
            approval_key: address(APPROVAL),
        };
        let first = Record {
            sequence: 1,
            at: T,
            event: Event::Enrolled { enrolment },
        };
        Self {
            state: SignerState::begin(first.clone()).unwrap(),
            journal: vec![first],
            keys: TestKeys {
                working: Cell::new(true),
                swapped: Cell::new(false),
            },
            now: Some(Now::at(T)),
            shown: None,
        }
    }

    /// Agent 1 has a key and [`policy`] 1, approved.
    pub(crate) fn ready() -> Self {
        let mut world = Self::new();
        world.done(Request::CreateAgentKey { agent: agent(1) });
        world.approve(1, policy(1));
        world
    }

    pub(crate) fn ask(&mut self, request: &Request) -> Step {
        let context = Context {
            now: self.now,
            shown: self.shown,
            keys: &self.keys,
        };
        let step = self.state.answer(request, &context);
        self.journal.extend(step.record.clone());
        step
    }

    pub(crate) fn done(&mut self, request: Request) -> Answer {
        match self.ask(&request).outcome {
            Outcome::Done(answer) => answer,
            Outcome::Refused(refusal) => panic!("{request:?} was refused: {refusal:?}"),
        }
    }

    pub(crate) fn refusal(&mut self, request: Request) -> Refusal {
        let step = self.ask(&request);
        assert!(step.record.is_none(), "a refusal changes nothing: {request:?}");
        match step.outcome {
            Outcome::Refused(refusal) => refusal,
            Outcome::Done(answer) => panic!("{request:?} was done: {answer:?}"),
        }
    }

    pub(crate) fn refused(&mut self, request: Request) -> Reason {
        self.refusal(request).reason
    }

    pub(crate) fn at(&mut self, seconds: u32) -> &mut Self {
        self.now = Some(Now::at(T.plus(Seconds(seconds))));
        self
    }

    pub(crate) fn approve(&mut self, number: u64, policy: AgentPolicy) {
        let request = approved(number, &policy, APPROVAL);
        self.done(request);
    }

    /// The journal, folded again from its beginning.
    pub(crate) fn restarted(&self, records: usize) -> SignerState {
        let mut records = self.journal.iter().take(records).cloned();
        let mut state = SignerState::begin(records.next().unwrap()).unwrap();
        for record in records {
            state.apply(record).unwrap();
        }
        state
    }
}

pub(crate) fn wallet(number: u64) -> AgentWallet {
    let keys = portreeve_chain::AgentKeys {
        agent: agent(number),
        agent_key: TestKeys::of(&agent(number)).public(),
        owner_key: address(OWNER),
        fee_payer: address(FEE_PAYER),
    };
    AgentWallet::new(keys, portreeve_chain::Programs::default()).unwrap()
}

/// What a policy request looks like with a proof by the key of `seed`.
pub(crate) fn approved(number: u64, policy: &AgentPolicy, seed: u8) -> Request {
    let proof = secret(seed).approve(&approval_challenge(&agent(number), policy));
    proposed(number, policy, Some(proof))
}

pub(crate) fn proposed(number: u64, policy: &AgentPolicy, proof: Option<OwnerProof>) -> Request {
    Request::ApprovePolicy {
        agent: agent(number),
        policy: Box::new(policy.clone()),
        proof,
    }
}

/// A payment in SOL by agent 1.
pub(crate) fn payment(id: u64, units: u64, destination: Address) -> Spend {
    Spend {
        transaction: transaction(id),
        currency: Currency::Sol,
        amount: amount(units),
        destination,
        creates_token_account: false,
    }
}

pub(crate) fn message(number: u64, actions: &[Action], hash: u64) -> Bytes {
    Bytes(
        wallet(number)
            .message(blockhash(hash), actions)
            .unwrap()
            .as_bytes()
            .to_vec(),
    )
}

/// Agent 1's request to sign `spend`, all in order.
pub(crate) fn signing(spend: &Spend) -> Request {
    let actions = wallet(1).spend(spend).unwrap();
    Request::SignSpend {
        transaction: spend.transaction.clone(),
        agent: agent(1),
        message: message(1, &actions, 0),
    }
}

/// The request to sign a payment of `units` to the shop.
pub(crate) fn pay(id: u64, units: u64) -> Request {
    signing(&payment(id, units, shop()))
}

pub(crate) fn signed(answer: Answer) -> SignedSpend {
    match answer {
        Answer::Spend(spend) => spend,
        other => panic!("not a signed spend: {other:?}"),
    }
}

pub(crate) fn headroom(world: &mut World, asset: Asset) -> (u64, u64, u64) {
    match world.done(Request::Headroom { agent: agent(1), asset }) {
        Answer::Headroom(found) => (found.day.units(), found.week.units(), found.month.units()),
        other => panic!("not the headroom: {other:?}"),
    }
}

/// The message of a request to sign a spend.
pub(crate) fn bytes_of(request: &Request) -> Bytes {
    match request {
        Request::SignSpend { message, .. } => message.clone(),
        other => panic!("not about a spend: {other:?}"),
    }
}
