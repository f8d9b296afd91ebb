//! One trace as it lives: server, signer and model beside each other, and on chain a wallet that must agree with them.
//!
//! Two things are held to account, at every transaction:
//! - *the law*: a payment that the server allowed is not refused by the chain,
//! - *the model*: it foretells what the program answers, and what it then keeps.

mod check;
mod owner;
mod pay;
mod tally;
mod thief;

pub(crate) use tally::Tally;

use {
    crate::{
        books::Books,
        desk::Desk,
        model::{Limits, Refusal},
        node::Tip,
        plan::{Act, Ask, Coin, Plan, Skew},
        world::World,
    },
    owner::first_policy,
    portreeve_chain::{
        Action, AgentWallet, LimitChange, LimitSpec, Message, Programs, Spend, Transaction, pda,
        squads::RemoveSpendingLimit,
    },
    portreeve_kernel::{Address, AgentId, Now, Timestamp, TransactionId, entropy::Seeded},
    portreeve_ledger::{ExpiredProof, OperatorEvidence, Proof},
    portreeve_policy::AgentPolicy,
    portreeve_signing::{
        key::SecretKey,
        limits_on_chain,
        protocol::{KeySignature, Request},
    },
    std::collections::{BTreeMap, BTreeSet, VecDeque},
};

/// Seconds within which what is signed lands or never does, which the signer relies on. Not taken from its rules: they
/// are what is being proven.
const LANDS_WITHIN: u64 = 300;

/// What is still to be done, before the next act of the plan.
#[derive(Debug, Clone)]
enum Step {
    Setup(Vec<Action>),
    Act(Act),
    Land(TransactionId),
    Drain,
    Approve(Box<AgentPolicy>),
    Serve(Box<AgentPolicy>),
    /// Puts the limits of these on chain, in place of those that are there.
    Put(Vec<LimitSpec>),
    Restore(Vec<Action>),
    Activate,
}

/// What was sent, and what is expected of it.
struct Sent {
    errand: Errand,
    expected: Result<Limits, Refusal>,
}

enum Errand {
    Payment(TransactionId),
    Configuration,
    Theft,
    Attempt,
}

/// A signed payment that has not landed yet.
struct UnderWay {
    spend: Spend,
    transaction: Transaction,
    last_valid: u64,
    signed_at: i64,
}

/// A limit beside ours.
#[derive(Debug, Clone, Copy)]
struct Beside {
    at: Address,
    coin: Coin,
}

pub(crate) struct Life<'a> {
    world: &'a World,
    plan: &'a Plan,
    desk: Desk<'a>,
    books: Books,
    wallet: AgentWallet,
    model: Limits,
    beside: Vec<Beside>,
    under_way: BTreeMap<TransactionId, UnderWay>,
    queue: VecDeque<Step>,
    sent: Option<Sent>,
    /// The chain's clock, and ours.
    unix: i64,
    now: Now,
    counter: u64,
    robbed: bool,
    /// Something was under way for longer than the signer waits for it.
    late: bool,
    pub(crate) tally: Tally,
    pub(crate) trouble: Option<String>,
}

impl<'a> Life<'a> {
    pub(crate) fn new(world: &'a World, plan: &'a Plan, unix: i64) -> Self {
        let start = Timestamp::from_seconds(unix);
        let agent = AgentId::new(start, &Seeded::new(plan.number));
        let mut seed = [7; 32];
        seed[..8].copy_from_slice(&plan.number.to_le_bytes());
        let mut desk = Desk::new(&world.household, agent, SecretKey::from_seed(&seed), start);
        let policy = first_policy(world, plan);
        let now = Now::at(start);
        desk.approve(&policy, now).unwrap();
        let wallet = desk.wallet();
        let setup = wallet
            .setup_transactions(&limits_on_chain(&policy), world.treasury)
            .unwrap();
        Self {
            world,
            plan,
            desk,
            books: Books::new(policy),
            wallet,
            model: Limits::default(),
            beside: Vec::new(),
            under_way: BTreeMap::new(),
            queue: setup.into_iter().map(Step::Setup).collect(),
            sent: None,
            unix,
            now,
            counter: 0,
            robbed: false,
            late: false,
            tally: Tally::default(),
            trouble: None,
        }
    }

    pub(crate) fn vault(&self) -> Address {
        self.wallet.vault()
    }

    /// The next round: the chain's clock shows `unix`.
    pub(crate) fn begin(&mut self, round: usize, unix: i64) {
        let (round, next) = (&self.plan.rounds[round], self.plan.rounds.get(round + 1));
        self.unix = unix;
        let late = |one: &UnderWay| unix - one.signed_at > LANDS_WITHIN.cast_signed();
        self.late |= self.under_way.values().any(late);
        self.now = read_clocks(self.now, unix, round.clock);
        self.queue.extend(round.acts.iter().cloned().map(Step::Act));
        if self.plan.brisk && next.is_some_and(|next| next.wait > LANDS_WITHIN) {
            self.queue.push_back(Step::Drain);
        }
    }

    /// Goes on until there is something for the chain to do, or nothing left to do in this round.
    pub(crate) fn next(&mut self, tip: &Tip) -> Option<Transaction> {
        while self.trouble.is_none() {
            let step = self.queue.pop_front()?;
            if let Some(transaction) = self.step(step, tip) {
                return Some(transaction);
            }
        }
        None
    }

    fn step(&mut self, step: Step, tip: &Tip) -> Option<Transaction> {
        match step {
            Step::Act(act) => self.act(act, tip),
            Step::Land(id) => self.land(&id),
            Step::Drain => {
                for id in self.under_way.keys().rev().cloned() {
                    self.queue.push_front(Step::Land(id));
                }
                None
            }
            Step::Approve(policy) => {
                if let Err(refusal) = self.desk.approve(&policy, self.now) {
                    self.fail(format!("the signer refuses the policy: {refusal:?}"));
                }
                None
            }
            Step::Serve(policy) => {
                self.books.policy = *policy;
                None
            }
            Step::Put(specs) => {
                let changes: Vec<LimitChange> = specs.into_iter().map(LimitChange::Replace).collect();
                for actions in self.wallet.limit_transactions(&changes).unwrap().into_iter().rev() {
                    self.queue.push_front(Step::Restore(actions));
                }
                None
            }
            Step::Setup(actions) => {
                self.configure(&actions, tip, |agent, message| Request::SignSetup { agent, message })
            }
            Step::Restore(actions) => self.configure(&actions, tip, |agent, message| Request::SignLimitRestore {
                agent,
                message,
            }),
            Step::Activate => {
                self.books.active = true;
                None
            }
        }
    }

    fn act(&mut self, act: Act, tip: &Tip) -> Option<Transaction> {
        match act {
            Act::Pay { coin, ask, to, later } => self.pay(coin, ask, to, later, tip),
            Act::Land(which) => self.land(&self.picked(which)?),
            Act::Lose(which) => {
                let id = self.picked(which)?;
                let lost = self.under_way.remove(&id)?;
                self.tally.lost += 1;
                self.books.released(&id, &expired(lost.last_valid));
                None
            }
            Act::Edit(edit) => {
                self.edit(&edit);
                None
            }
            Act::Suspend if self.books.active => {
                self.desk.suspend(self.now);
                self.books.active = false;
                let changes = [Coin::Sol, Coin::Token].map(|coin| LimitChange::Remove(self.world.asset(coin)));
                let actions = self.wallet.limit_transactions(&changes).unwrap().remove(0);
                self.configure(&actions, tip, |agent, message| Request::SignLimitRemoval {
                    agent,
                    message,
                })
            }
            Act::Resume if !self.books.active => {
                self.desk.resume(self.now);
                let specs = limits_on_chain(&self.books.policy);
                let changes: Vec<LimitChange> = specs.into_iter().map(LimitChange::Add).collect();
                self.queue.push_front(Step::Activate);
                for actions in self.wallet.limit_transactions(&changes).unwrap().into_iter().rev() {
                    self.queue.push_front(Step::Restore(actions));
                }
                None
            }
            Act::Suspend | Act::Resume => None,
            Act::TryTooMuch { coin, over, to } => {
                let at = self.limit(coin);
                let amount = self.model.left(at, self.unix) + over;
                self.attempt(coin, at, amount, to, true, tip)
            }
            Act::TryAsStranger { coin } => self.attempt(coin, self.limit(coin), 1, 0, false, tip),
            Act::Steal { coin, ask, to } => {
                let at = self.limit(coin);
                let amount = self.amount(ask, self.model.left(at, self.unix))?;
                self.attempt(coin, at, amount, to, true, tip)
            }
            Act::SpendBeside { which, ask, to } => {
                let Beside { at, coin } = *self.beside.get(usize::from(which) % self.beside.len().max(1))?;
                let amount = self.amount(ask, self.model.left(at, self.unix))?;
                self.attempt(coin, at, amount, to, true, tip)
            }
            Act::AddAgain(coin) => {
                let spec = limits_on_chain(&self.books.policy)
                    .into_iter()
                    .find(|spec| spec.asset == self.world.asset(coin))?;
                self.model.get(self.limit(coin))?;
                let add = self.wallet.add_limit(&spec).unwrap();
                self.past_us(add.into(), tip)
            }
            Act::AddBeside {
                coin,
                period,
                amount,
                closed,
            } => self.add_beside(coin, period, amount, closed, tip),
            Act::RemoveBeside(which) => {
                if self.beside.is_empty() {
                    return None;
                }
                let gone = self.beside.remove(usize::from(which) % self.beside.len());
                let remove = RemoveSpendingLimit {
                    limit: gone.at,
                    ..self.wallet.remove_limit(&self.world.asset(gone.coin))
                };
                self.past_us(remove.into(), tip)
            }
        }
    }

    /// Every limit that is, or that ours would be.
    pub(crate) fn addresses_on_chain(&self) -> Vec<Address> {
        let all: BTreeSet<Address> = self
            .ours()
            .map(|(_, at)| at)
            .chain(self.model.iter().map(|(at, _)| *at))
            .collect();
        all.into_iter().collect()
    }

    fn ours(&self) -> impl Iterator<Item = (Coin, Address)> + use<> {
        [Coin::Sol, Coin::Token]
            .map(|coin| (coin, self.limit(coin)))
            .into_iter()
    }

    fn limit(&self, coin: Coin) -> Address {
        self.wallet.limit(&self.world.asset(coin))
    }

    fn shop(&self, number: u8) -> Address {
        self.world.shops[usize::from(number)]
    }

    fn addresses(&self, shops: &[u8]) -> BTreeSet<Address> {
        shops.iter().map(|shop| self.shop(*shop)).collect()
    }

    /// The model after a change, or why there is none.
    fn foretold(
        &self,
        change: impl FnOnce(&mut Limits, i64, Address) -> Result<(), Refusal>,
    ) -> Result<Limits, Refusal> {
        let mut model = self.model.clone();
        change(&mut model, self.unix, self.wallet.keys().agent_key).map(|()| model)
    }

    fn amount(&self, ask: Ask, most: u64) -> Option<u64> {
        let amount = match ask {
            Ask::Exactly(units) => units * self.plan.scale,
            Ask::Most(more) => most.checked_add_signed(more)?,
            Ask::Part(parts) => most / parts,
        };
        (amount > 0).then_some(amount)
    }

    fn picked(&self, which: u8) -> Option<TransactionId> {
        let place = usize::from(which) % self.under_way.len().max(1);
        self.under_way.keys().nth(place).cloned()
    }

    fn fresh(&mut self) -> TransactionId {
        self.counter += 1;
        let chance = Seeded::new(self.plan.number.wrapping_mul(1 << 20) + self.counter);
        TransactionId::new(self.now.for_expiry(), &chance)
    }

    fn fail(&mut self, what: String) {
        let both = self
            .trouble
            .take()
            .map_or(what.clone(), |before| format!("{before}; {what}"));
        self.trouble = Some(both);
    }
}

/// Our clocks: none shows a time that the true time has not reached, but for the fastest; none goes back.
fn read_clocks(before: Now, unix: i64, skew: Skew) -> Now {
    let truth = Timestamp::from_seconds(unix).plus_millis(skew.millis.into());
    let slowest = truth.plus_millis(-i64::from(skew.behind)).max(before.for_release());
    let fastest = truth.plus_millis(skew.ahead.into()).max(before.for_expiry());
    Now::between(slowest, fastest)
}

/// What a configuration does to the limits: all of it or nothing.
fn configured(model: &mut Limits, actions: &[Action], unix: i64) -> Result<(), Refusal> {
    for action in actions {
        match action {
            Action::AddSpendingLimit(add) => {
                let at = pda::spending_limit(&Programs::default(), &add.multisig, &add.create_key);
                model.add(at, add, unix)?;
            }
            Action::RemoveSpendingLimit(remove) => model.remove(remove.limit)?,
            _ => {}
        }
    }
    Ok(())
}

/// Proof that what was never sent, or came too late, is dead.
fn expired(last_valid: u64) -> Proof {
    let evidence = OperatorEvidence {
        operator: "local".to_owned(),
        finalized_height: last_valid + portreeve_ledger::EXPIRY_MARGIN_BLOCKS + 1,
        signature_seen: false,
    };
    Proof::Expired(ExpiredProof::new(last_valid, &[evidence], 1).unwrap())
}

fn assembled(message: Message, signatures: &[KeySignature]) -> Transaction {
    let signed: Vec<_> = signatures.iter().map(|one| (one.key, one.signature)).collect();
    Transaction::assemble(message, &signed).unwrap()
}
