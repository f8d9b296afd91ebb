//! One trace as it lives: server, signer and model beside each other, and on chain a wallet that must agree with them.
//!
//! Two things are held to account, at every transaction:
//! - *the law*: a payment that the server allowed is not refused by the chain,
//! - *the model*: it foretells what the program answers, and what it then keeps.

use {
    crate::{
        books::Books,
        desk::Desk,
        model::{Limits, Refusal},
        node::{Outcome, Tip},
        plan::{Act, Ask, Coin, Edit, Plan, Skew, Sums},
        world::{World, signed},
    },
    portreeve_chain::{
        Action, AgentWallet, LimitChange, LimitSpec, Message, Programs, Spend, Transaction,
        account::SpendingLimit,
        decode::compile,
        pda,
        squads::{AddSpendingLimit, Period, RemoveSpendingLimit, UseSpendingLimit},
    },
    portreeve_kernel::{Address, AgentId, Amount, Now, Timestamp, TransactionId, entropy::Seeded},
    portreeve_ledger::{ExpiredProof, OperatorEvidence, Proof},
    portreeve_payment::Stage,
    portreeve_policy::{AgentPolicy, Limits as PolicyLimits, PolicyInput, SpendRequest, loosens},
    portreeve_signing::{
        Bytes,
        key::SecretKey,
        limits_on_chain,
        protocol::{Answer, KeySignature, Request},
    },
    serde_json::{Value, json},
    std::collections::{BTreeMap, BTreeSet, VecDeque},
};

/// What the traces did, counted.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tally {
    pub(crate) allowed: u64,
    pub(crate) denied: u64,
    pub(crate) landed: u64,
    pub(crate) lost: u64,
    pub(crate) configured: u64,
    pub(crate) attempts: u64,
    pub(crate) refused_by_chain: u64,
    pub(crate) stolen: u64,
    pub(crate) compared: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, other: &Self) {
        self.allowed += other.allowed;
        self.denied += other.denied;
        self.landed += other.landed;
        self.lost += other.lost;
        self.configured += other.configured;
        self.attempts += other.attempts;
        self.refused_by_chain += other.refused_by_chain;
        self.stolen += other.stolen;
        self.compared += other.compared;
    }
}

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
            tally: Tally::default(),
            trouble: None,
        }
    }

    pub(crate) fn vault(&self) -> Address {
        self.wallet.vault()
    }

    /// The next round: the chain's clock shows `unix`.
    pub(crate) fn begin(&mut self, round: usize, unix: i64) {
        let round = &self.plan.rounds[round];
        self.unix = unix;
        self.now = read_clocks(self.now, unix, round.clock);
        self.queue.extend(round.acts.iter().cloned().map(Step::Act));
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

    /// Asks the server; what it allows is signed, and lands now or later.
    fn pay(&mut self, coin: Coin, ask: Ask, to: u8, later: bool, tip: &Tip) -> Option<Transaction> {
        let (asset, currency, destination) = (self.world.asset(coin), self.world.currency(coin), self.shop(to));
        let most = self.books.most(asset, destination, currency.program(), self.now);
        let amount = Amount::new(self.amount(ask, most)?).unwrap();
        let request = SpendRequest {
            asset,
            amount,
            destination,
            program: currency.program(),
        };
        if !matches!(self.books.decide(request, self.now), Ok((Stage::Reserved, _))) {
            self.tally.denied += 1;
            return None;
        }
        self.tally.allowed += 1;
        let spend = Spend {
            transaction: self.fresh(),
            currency,
            amount,
            destination,
            creates_token_account: false,
        };
        self.books.reserve(spend.transaction.clone(), asset, amount, self.now);
        let message = self
            .wallet
            .message(tip.blockhash, &self.wallet.spend(&spend).unwrap())
            .unwrap();
        let request = Request::SignSpend {
            transaction: spend.transaction.clone(),
            agent: self.wallet.keys().agent.clone(),
            message: Bytes(message.as_bytes().to_vec()),
        };
        let answer = match self.desk.ask(&request, self.now) {
            Ok(Answer::Spend(answer)) => answer,
            other => {
                self.fail(format!(
                    "the signer does not sign {amount} of {asset}, which the server allowed: {other:?}"
                ));
                return None;
            }
        };
        self.books
            .signed(&spend.transaction, answer.signed_at, answer.counts_until_base);
        let id = spend.transaction.clone();
        let under_way = UnderWay {
            spend,
            transaction: assembled(message, &answer.signatures),
            last_valid: tip.last_valid,
        };
        self.under_way.insert(id.clone(), under_way);
        if later { None } else { self.land(&id) }
    }

    fn land(&mut self, id: &TransactionId) -> Option<Transaction> {
        let UnderWay { spend, transaction, .. } = self.under_way.get(id)?;
        let transaction = transaction.clone();
        let coin = if spend.asset() == self.world.asset(Coin::Sol) {
            Coin::Sol
        } else {
            Coin::Token
        };
        let (at, to, amount) = (self.limit(coin), spend.destination, spend.amount.units());
        let expected = self.foretold(|model, unix, agent| model.spend(at, unix, agent, to, amount));
        self.sent = Some(Sent {
            errand: Errand::Payment(id.clone()),
            expected,
        });
        Some(transaction)
    }

    /// Has a configuration signed by the signer's rules.
    fn configure(
        &mut self,
        actions: &[Action],
        tip: &Tip,
        request: impl Fn(AgentId, Bytes) -> Request,
    ) -> Option<Transaction> {
        let message = self.wallet.message(tip.blockhash, actions).unwrap();
        let request = request(self.wallet.keys().agent.clone(), Bytes(message.as_bytes().to_vec()));
        match self.desk.configure(&request, self.now) {
            Ok(signatures) => {
                let expected = self.foretold(|model, unix, _| configured(model, actions, unix));
                self.sent = Some(Sent {
                    errand: Errand::Configuration,
                    expected,
                });
                Some(assembled(message, &signatures))
            }
            Err(refusal) => {
                self.fail(format!("the signer does not sign {actions:?}: {refusal:?}"));
                None
            }
        }
    }

    /// A new policy, and the order in which server, signer and chain learn of it: what loosens goes to the chain first,
    /// what tightens to the server first, and then everything that the old one allowed lands before the chain follows.
    fn edit(&mut self, edit: &Edit) {
        let old = self.books.policy.clone();
        let mut new = old.clone();
        new.version += 1;
        match edit {
            Edit::Daily { coin, day } => {
                let limits = match coin {
                    Coin::Sol => &mut new.limits,
                    Coin::Token => &mut new.tokens.get_mut(&self.world.mint()).unwrap().limits,
                };
                let daily = Amount::new(day * self.plan.scale).unwrap();
                *limits = PolicyLimits {
                    per_transaction: limits.per_transaction.min(daily),
                    daily,
                    weekly: limits.weekly.max(daily),
                    monthly: limits.monthly.max(daily),
                };
            }
            Edit::Shops(shops) => new.whitelist.allowed_destinations = self.addresses(shops),
            Edit::Interval(seconds) => new.min_interval_seconds = *seconds,
            Edit::Nothing(_) => {}
        }
        let (loosened, new) = (loosens(&old, &new), Box::new(new));
        let again = match edit {
            Edit::Nothing(coin) => Some(self.world.asset(*coin)),
            _ => None,
        };
        let before = limits_on_chain(&old);
        let changed = |spec: &LimitSpec| !before.contains(spec) || again == Some(spec.asset);
        let specs: Vec<LimitSpec> = limits_on_chain(&new).into_iter().filter(changed).collect();
        let (drain, put) = match specs.is_empty() {
            true => (None, None),
            // Suspended there is no limit to replace; what is under way ends all the same before the next one is put.
            false => (Some(Step::Drain), self.books.active.then_some(Step::Put(specs))),
        };
        let steps = if loosened {
            vec![Some(Step::Approve(new.clone())), put, Some(Step::Serve(new))]
        } else {
            let (serve, approve) = (Step::Serve(new.clone()), Step::Approve(new));
            vec![Some(serve), Some(approve), drain, put]
        };
        for step in steps.into_iter().rev().flatten() {
            self.queue.push_front(step);
        }
    }

    /// Spends on chain without asking the server.
    fn attempt(
        &mut self,
        coin: Coin,
        at: Address,
        amount: u64,
        to: u8,
        as_agent: bool,
        tip: &Tip,
    ) -> Option<Transaction> {
        let (world, purse) = (self.world, &self.world.household.purse);
        let member = if as_agent {
            self.desk.agent_key().public()
        } else {
            world.household.stranger.public()
        };
        let to = self.shop(to);
        let action = UseSpendingLimit {
            multisig: self.wallet.multisig(),
            member,
            limit: at,
            destination: to,
            currency: world.currency(coin),
            amount: Amount::new(amount).unwrap(),
            memo: Some(self.fresh().to_string()),
        };
        let message = compile(&Programs::default(), purse.public(), tip.blockhash, &[action.into()]).unwrap();
        let expected = self.foretold(|model, unix, _| model.spend(at, unix, member, to, amount));
        let theft = expected.is_ok() && self.ours().any(|(_, ours)| ours == at);
        self.sent = Some(Sent {
            errand: if theft { Errand::Theft } else { Errand::Attempt },
            expected,
        });
        let key = if as_agent {
            self.desk.agent_key()
        } else {
            &world.household.stranger
        };
        Some(signed(message, &[purse, key]))
    }

    fn add_beside(&mut self, coin: Coin, period: u8, amount: u64, closed: bool, tip: &Tip) -> Option<Transaction> {
        let period = [Period::OneTime, Period::Day, Period::Week, Period::Month][usize::from(period)];
        let mut create_key = [9; 32];
        create_key[..8].copy_from_slice(&self.plan.number.to_le_bytes());
        create_key[8..16].copy_from_slice(&self.counter.to_le_bytes());
        self.counter += 1;
        let create_key = Address::new(create_key);
        let asset = self.world.asset(coin);
        let spec = limits_on_chain(&self.books.policy)
            .into_iter()
            .find(|spec| spec.asset == asset)?;
        let stranger = self.world.household.stranger.public();
        let add = AddSpendingLimit {
            create_key,
            amount: Amount::new(amount * self.plan.scale).unwrap(),
            period,
            members: vec![self.wallet.keys().agent_key, stranger],
            destinations: if closed { vec![self.shop(0)] } else { Vec::new() },
            ..self.wallet.add_limit(&spec).unwrap()
        };
        let at = pda::spending_limit(&Programs::default(), &add.multisig, &create_key);
        self.beside.push(Beside { at, coin });
        self.past_us(add.into(), tip)
    }

    /// What the owner's key does without the signer's rules.
    fn past_us(&mut self, action: Action, tip: &Tip) -> Option<Transaction> {
        let keys = [&self.world.household.fee_payer, &self.world.household.owner];
        let actions = [action];
        let message = compile(&Programs::default(), keys[0].public(), tip.blockhash, &actions).unwrap();
        let expected = self.foretold(|model, unix, _| configured(model, &actions, unix));
        self.sent = Some(Sent {
            errand: Errand::Attempt,
            expected,
        });
        Some(signed(message, &keys))
    }

    /// What became of what [`Self::next`] gave.
    pub(crate) fn told(&mut self, outcome: &Outcome, height: u64) {
        let Sent { errand, expected } = self.sent.take().unwrap();
        if let Errand::Payment(id) = &errand {
            self.hold_to_the_law(id, outcome, height);
            if *outcome == Outcome::Never && self.trouble.is_none() {
                return;
            }
        } else if *outcome == Outcome::Never {
            self.fail("a transaction vanished".to_owned());
        }
        match (&expected, outcome) {
            (Ok(_), Outcome::Landed { .. }) => {}
            (Err(refusal), Outcome::Failed { error, .. }) if custom(error) == Some(refusal.number()) => {
                self.tally.refused_by_chain += 1;
            }
            _ => {
                let expected = expected.as_ref().map(|_| "yes");
                self.fail(format!("the model says {expected:?}, the program {outcome:?}"));
            }
        }
        if self.trouble.is_some() {
            return;
        }
        if let Ok(model) = expected {
            self.model = model;
            match errand {
                Errand::Payment(_) => self.tally.landed += 1,
                Errand::Configuration => self.tally.configured += 1,
                Errand::Theft => {
                    self.tally.stolen += 1;
                    self.robbed = true;
                }
                Errand::Attempt => self.tally.attempts += 1,
            }
        }
    }

    /// What the server allowed, the chain does not refuse: as long as the agent is active and nobody spent past us.
    fn hold_to_the_law(&mut self, id: &TransactionId, outcome: &Outcome, height: u64) {
        let Some(UnderWay { spend, last_valid, .. }) = self.under_way.remove(id) else {
            return self.fail(format!("{id} was not under way"));
        };
        match outcome {
            Outcome::Landed { .. } => self.books.landed(id, Timestamp::from_seconds(self.unix), self.now),
            Outcome::Failed { slot, error } => {
                self.books.released(id, &Proof::FailedOnChain { slot: *slot });
                if self.books.active && !self.robbed {
                    self.fail(format!(
                        "the chain refuses what the server allowed: {error} for {spend:?}"
                    ));
                }
            }
            Outcome::Never if height > last_valid => {
                self.tally.lost += 1;
                self.books.released(id, &expired(last_valid));
            }
            Outcome::Never => self.fail(format!("{id} vanished before its blockhash expired")),
        }
    }

    /// At the end of a round: what is reserved and what would still be allowed fits under the chain's limit, and the
    /// accounts on chain hold what the model says.
    pub(crate) fn compare(&mut self, accounts: &BTreeMap<Address, Option<Vec<u8>>>) {
        for (coin, at) in self.ours().collect::<Vec<_>>() {
            if self.robbed || !self.books.active {
                continue;
            }
            let asset = self.world.asset(coin);
            let program = self.world.currency(coin).program();
            for shop in &self.world.shops {
                let most = self.books.most(asset, *shop, program, self.now);
                let (ours, left) = (self.books.pending(asset) + most, self.model.left(at, self.unix));
                let listed = self.model.destinations(at);
                if most > 0 && (ours > left || !(listed.is_empty() || listed.contains(shop))) {
                    self.fail(format!(
                        "the server would let {ours} of {asset} go to {shop}, the chain {left} to {listed:?}"
                    ));
                    return;
                }
            }
        }
        for at in self.addresses_on_chain() {
            let found = accounts[&at]
                .as_deref()
                .map(|data| SpendingLimit::decode(data).unwrap());
            let trouble = match (self.model.get(at), found) {
                (None, None) => None,
                (Some(limit), Some(found)) => limit.difference(&found),
                (expected, found) => Some(format!("the model says {expected:?}, the program {found:?}")),
            };
            self.tally.compared += 1;
            if let Some(trouble) = trouble {
                return self.fail(trouble);
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

fn first_policy(world: &World, plan: &Plan) -> AgentPolicy {
    let limits = |sums: Sums| {
        let text = |units: u64| (units * plan.scale).to_string();
        json!({"perTransaction": text(sums.once), "daily": text(sums.day), "weekly": text(sums.week), "monthly": text(sums.month)})
    };
    let terms = &plan.terms;
    let mint = world.mint().to_string();
    let shops: Vec<String> = terms
        .shops
        .iter()
        .map(|shop| world.shops[usize::from(*shop)].to_string())
        .collect();
    let hours = terms.hours.map(|(start, end)| json!({"start": start, "end": end}));
    let input = json!({
        "preset": "custom",
        "limits": limits(terms.sol),
        "tokens": {mint: {"limits": limits(terms.token)}},
        "whitelist": {"allowedDestinations": shops},
        "timeControl": {"operatingHoursUtc": hours},
        "minIntervalSeconds": terms.interval,
    });
    let input: PolicyInput = serde_json::from_value(input).unwrap();
    input.resolve(1).unwrap()
}

/// Our clocks: none shows a time that the true time has not reached, but for the fastest; none goes back.
fn read_clocks(before: Now, unix: i64, skew: Skew) -> Now {
    let truth = Timestamp::from_seconds(unix).plus_millis(skew.millis.into());
    let slowest = truth.plus_millis(-i64::from(skew.behind)).max(before.for_release());
    let fastest = truth.plus_millis(skew.ahead.into()).max(before.for_expiry());
    Now::between(slowest, fastest)
}

fn assembled(message: Message, signatures: &[KeySignature]) -> Transaction {
    let signed: Vec<_> = signatures.iter().map(|one| (one.key, one.signature)).collect();
    Transaction::assemble(message, &signed).unwrap()
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

/// The program's own number in the chain's error.
fn custom(error: &Value) -> Option<u64> {
    error["InstructionError"][1]["Custom"].as_u64()
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
