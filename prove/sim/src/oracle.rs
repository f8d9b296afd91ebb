//! What must be true, looked at after every commit, every signature, every block and every answer. It knows the truth
//! (which block a transaction is in, what the time is) and counts by itself: no sum here comes from the code under test.

use {
    crate::{
        chain::{Effect, Refusal},
        db::{PaymentRow, Tables},
        estate::{START, estate},
        plan::Setup,
        wallet::{Order, Paid},
        world::{W, World, accounts_of},
    },
    portreeve_ledger::ReservationState,
    portreeve_payment::Stage,
    portreeve_signing::{Event, Record},
    std::{
        collections::{BTreeMap, BTreeSet},
        rc::Rc,
    },
};

const DAY: i64 = 86_400_000;

/// Where a payment may go from where: written down here once more, on purpose.
const ARROWS: [(Stage, &[Stage]); 3] = [
    (
        Stage::Reserved,
        &[Stage::Signing, Stage::Voided, Stage::SimulationFailed],
    ),
    (Stage::Signing, &[Stage::Submitted, Stage::SignerRefused, Stage::Voided]),
    (
        Stage::Submitted,
        &[Stage::Finalized, Stage::FailedOnChain, Stage::Expired],
    ),
];

/// Limits that the owner approved at some time: for a payment, a day, a week, a month.
type Limits = [u64; 4];

/// A spend that the signer has signed.
#[derive(Debug, Clone)]
struct Signed {
    sequence: u64,
    id: String,
    agent: u8,
    asset: u8,
    amount: u64,
    /// In truth.
    at: i64,
}

/// What the oracle remembers.
pub(crate) struct Oracle {
    approved: BTreeMap<(u8, u64), Limits>,
    versions: [u64; 2],
    owner_busy: [bool; 2],
    /// Clients that still wait.
    waiting: u64,
    /// What clients were told: the payment of each key.
    told: BTreeMap<(u8, u32), u64>,
    /// When each payment was decided, in truth.
    decided: BTreeMap<u64, i64>,
    by_name: BTreeMap<String, u64>,
    signed: Vec<Signed>,
    signatures: BTreeMap<String, String>,
    /// What is in blocks that count, by the payment's name: when, in truth, and how much.
    landed: BTreeMap<String, i64>,
    /// The signer's policies in force, with the record that brought them; suspensions likewise.
    policies: Vec<(u64, u8, u64)>,
    suspensions: Vec<(u64, u8)>,
}

impl Oracle {
    pub(crate) fn new(tables: &Tables) -> Self {
        let mut approved = BTreeMap::new();
        for (agent, row) in (0..).zip(&tables.agents) {
            approved.insert((agent, 1), limits(&row.policy));
        }
        Self {
            approved,
            versions: [1; 2],
            owner_busy: [false; 2],
            waiting: 0,
            told: BTreeMap::new(),
            decided: BTreeMap::new(),
            by_name: BTreeMap::new(),
            signed: Vec::new(),
            signatures: BTreeMap::new(),
            landed: BTreeMap::new(),
            policies: vec![(0, 0, 1), (0, 1, 1)],
            suspensions: Vec::new(),
        }
    }

    pub(crate) fn asks(&mut self) {
        self.waiting += 1;
    }

    /// Whether every client knows.
    pub(crate) fn is_content(&self) -> bool {
        self.waiting == 0 && self.owner_busy == [false; 2]
    }

    /// One act of an owner after the other, for each agent.
    pub(crate) fn owner_begins(&mut self, agent: u8) -> bool {
        !std::mem::replace(&mut self.owner_busy[usize::from(agent)], true)
    }

    pub(crate) fn owner_ends(&mut self, agent: u8) {
        self.owner_busy[usize::from(agent)] = false;
    }

    pub(crate) fn next_version(&mut self, agent: u8) -> u64 {
        self.versions[usize::from(agent)] += 1;
        self.versions[usize::from(agent)]
    }

    pub(crate) fn owner_approves(&mut self, agent: u8, version: u64, daily: u64, setup: &Setup) {
        let policy = estate().policy(setup, version, daily);
        self.approved.insert((agent, version), limits(&policy));
    }

    /// The signer came back with so many records: what it had not kept it has told nobody.
    pub(crate) fn signer_starts(&mut self, sequence: u64) {
        self.signed.retain(|one| one.sequence <= sequence);
        self.policies.retain(|(at, ..)| *at <= sequence);
        self.suspensions.retain(|(at, _)| *at <= sequence);
    }
}

fn limits(policy: &portreeve_policy::AgentPolicy) -> Limits {
    let all = &policy.limits;
    [all.per_transaction, all.daily, all.weekly, all.monthly].map(portreeve_kernel::Amount::units)
}

/// The windows, in milliseconds.
const WINDOWS: [(usize, i64); 3] = [(1, DAY), (2, 7 * DAY), (3, 30 * DAY)];

/// After a commit.
pub(crate) fn on_commit(w: &World, before: &Rc<Tables>) {
    let after = Rc::clone(&w.database.borrow().live);
    for (id, row) in &after.payments {
        match before.payments.get(id) {
            None => decided(w, before, &after, *id, row),
            Some(old) if !Rc::ptr_eq(old, row) => moved(w, *id, old, row),
            Some(_) => {}
        }
    }
    if before.payments.keys().any(|id| !after.payments.contains_key(id)) {
        w.broken("a payment is gone".to_owned());
    }
    for (key, id) in &before.keys {
        if after.keys.get(key) != Some(id) {
            w.broken(format!("idempotency key {key:?} stands for another payment"));
        }
    }
    for (key, account) in &after.accounts {
        let same = before.accounts.get(key).is_some_and(|old| Rc::ptr_eq(old, account));
        if !same {
            book(w, &after, key);
        }
    }
    for (agent, (old, new)) in before.agents.iter().zip(&after.agents).enumerate() {
        if !old.active && new.active && old.stage != Some(crate::db::AgentStage::Resuming) {
            w.broken(format!("agent {agent} is active again without having been resumed"));
        }
        if !old.active && new.active && old.destroyed {
            w.broken(format!("agent {agent} is active again, which was stopped for good"));
        }
    }
}

/// A decision was kept.
fn decided(w: &World, before: &Tables, after: &Tables, id: u64, row: &PaymentRow) {
    w.count(stage_name(row.stage));
    {
        let mut oracle = w.oracle.borrow_mut();
        oracle.decided.insert(id, w.now());
        oracle.by_name.insert(row.id.to_string(), id);
    }
    let agent = usize::from(row.agent);
    if after.keys.values().filter(|known| **known == id).count() != 1 {
        w.broken(format!(
            "{} was decided, and its idempotency key was not kept with it",
            row.id
        ));
    }
    let reserved = after.reservations.contains_key(&id);
    if reserved != (row.stage == Stage::Reserved) {
        w.broken(format!("{} is {}, reserved: {reserved}", row.id, row.stage));
    }
    if row.stage != Stage::Reserved {
        return;
    }
    let in_force = [&before.agents[agent], &after.agents[agent]].map(|agent| agent.policy.version);
    if !in_force.contains(&row.policy_version) {
        w.broken(format!(
            "{} was decided by version {} of the policy",
            row.id, row.policy_version
        ));
        return;
    }
    if !before.agents[agent].active && !after.agents[agent].active {
        w.broken(format!("{} was allowed while its agent was suspended", row.id));
    }
    let oracle = w.oracle.borrow();
    let limits = oracle.approved[&(row.agent, row.policy_version)];
    if row.amount.units() > limits[0] {
        drop(oracle);
        w.broken(format!("{} is above the limit per payment", row.id));
        return;
    }
    let over = WINDOWS.into_iter().find_map(|(window, length)| {
        let sum = counting(w, &oracle, after, row, length);
        (sum > limits[window]).then_some((sum, limits[window], length / DAY))
    });
    drop(oracle);
    if let Some((sum, limit, days)) = over {
        w.broken(format!(
            "{} was allowed: {sum} counts in {days} day(s), the limit is {limit}",
            row.id
        ));
    }
}

/// What counts, in truth: whatever may still be paid, and whatever was within the window.
fn counting(w: &World, oracle: &Oracle, tables: &Tables, of: &PaymentRow, length: i64) -> u64 {
    let mut sum = 0;
    for row in tables
        .payments
        .values()
        .filter(|row| (row.agent, row.asset) == (of.agent, of.asset))
    {
        let open = matches!(row.stage, Stage::Reserved | Stage::Signing | Stage::Submitted);
        let recent = oracle
            .landed
            .get(row.id.as_str())
            .is_some_and(|at| *at > w.now() - length);
        if open || recent {
            sum += row.amount.units();
        }
    }
    sum
}

/// A payment's row changed.
fn moved(w: &World, id: u64, old: &PaymentRow, new: &PaymentRow) {
    let fixed = |row: &PaymentRow| {
        (
            row.agent,
            row.asset,
            row.amount,
            row.to,
            row.hash.clone(),
            row.created_at,
        )
    };
    if fixed(old) != fixed(new) {
        w.broken(format!("{} changed its content", new.id));
    }
    if old.stage == new.stage {
        return;
    }
    w.count(stage_name(new.stage));
    w.note(format_args!("{} is {} now", new.id, new.stage));
    let arrows = ARROWS
        .iter()
        .find(|(from, _)| *from == old.stage)
        .map(|(_, to)| *to)
        .unwrap_or_default();
    if !arrows.contains(&new.stage) {
        w.broken(format!("{} went from {} to {}", new.id, old.stage, new.stage));
    }
    let landed = w.oracle.borrow().landed.contains_key(new.id.as_str());
    let signed = w.oracle.borrow().signed.iter().any(|one| one.id == new.id.as_str());
    match new.stage {
        Stage::Finalized => {
            let truth = w.chain.borrow().status(new.signature.as_deref().unwrap_or_default());
            if !matches!(truth, Some((_, true, None))) {
                w.broken(format!("{} is settled, and the chain says {truth:?}", new.id));
            }
        }
        Stage::FailedOnChain | Stage::Expired if landed => {
            w.broken(format!("the budget of {} came back although it has been paid", new.id));
        }
        Stage::Voided | Stage::SimulationFailed | Stage::SignerRefused if signed => {
            w.broken(format!(
                "the budget of {} came back although it has been signed",
                new.id
            ));
        }
        Stage::Submitted if !signed => {
            w.broken(format!("{} is under way without a signature in the journal", new.id));
        }
        _ => {}
    }
    let parts = w.database.borrow().live.reservations[&id].parts.clone();
    let [_, agent, _] = accounts_of(new.agent, new.asset);
    let expected = match new.stage {
        Stage::Signing | Stage::Submitted => ReservationState::Reserved,
        Stage::Finalized => ReservationState::Settled,
        _ => ReservationState::Released,
    };
    if parts[&agent] != expected {
        w.broken(format!("{} is {}, its budget is {}", new.id, new.stage, parts[&agent]));
    }
}

/// An account changed: its sums are those of its entries and reservations.
fn book(w: &World, tables: &Tables, key: &portreeve_ledger::AccountKey) {
    let account = &tables.accounts[key];
    let (mut total, mut last) = (0, None);
    for (place, entry) in (0_u64..).zip(&account.entries) {
        total += entry.amount.units();
        let in_order = entry.seq == place && entry.running_total.units() == total && Some(entry.settled_at) >= last;
        last = Some(entry.settled_at);
        if !in_order {
            w.broken(format!("entry {place} of {key} is out of order"));
        }
    }
    let open =
        |reservation: &&Rc<crate::db::Reservation>| reservation.parts.get(key) == Some(&ReservationState::Reserved);
    let pending: u64 = tables
        .reservations
        .values()
        .filter(open)
        .map(|one| one.amount.units())
        .sum();
    let state = &account.state;
    if (state.settled_total.units(), state.pending.units()) != (total, pending) {
        w.broken(format!(
            "{key} says {state:?}; its entries say {total}, its reservations {pending}"
        ));
    }
}

/// The signer has decided something. It is told to nobody before it is on disk.
pub(crate) fn on_signed(w: &W, record: &Record) {
    match &record.event {
        Event::SpendSigned { spend } => {
            let live = Rc::clone(&w.database.borrow().live);
            let agent = estate().number(&spend.agent);
            let row = live.payments.values().find(|row| row.id == spend.transaction);
            let reserved = row.is_some_and(|row| {
                let same = estate().asset(row.asset) == spend.asset && row.amount == spend.amount;
                same && row.to == spend.destination && row.agent == agent && row.stage.is_in_flight()
            });
            if !reserved {
                let stage = row.map(|row| row.stage);
                w.broken(format!(
                    "{} was signed without a reservation: {stage:?}",
                    spend.transaction
                ));
            }
            let signature = format!("{:?}", spend.signatures);
            let first = w
                .oracle
                .borrow_mut()
                .signatures
                .insert(spend.transaction.to_string(), signature.clone());
            if first.is_some_and(|first| first != signature) {
                w.broken(format!("{} has two signatures", spend.transaction));
            }
            let asset = u8::from(spend.asset != portreeve_kernel::Asset::Sol);
            w.oracle.borrow_mut().signed.push(Signed {
                sequence: record.sequence,
                id: spend.transaction.to_string(),
                agent,
                asset,
                amount: spend.amount.units(),
                at: w.now(),
            });
            within(w, agent, asset);
        }
        Event::PolicyApproved { agent, policy, proof } => {
            let (agent, version) = (estate().number(agent), policy.version);
            let mut oracle = w.oracle.borrow_mut();
            let old = oracle
                .policies
                .iter()
                .rev()
                .find(|(_, of, _)| *of == agent)
                .map(|(.., version)| *version);
            let (old, new) = (oracle.approved[&(agent, old.unwrap())], limits(policy));
            let approved = oracle.approved.get(&(agent, version)) == Some(&new);
            oracle.policies.push((record.sequence, agent, version));
            drop(oracle);
            let loosens = old.iter().zip(new).any(|(old, new)| new > *old);
            if !approved || (proof.is_none() && loosens) {
                w.broken(format!(
                    "policy {version} of agent {agent} is in force without the owner"
                ));
            }
        }
        Event::Suspended { agent } => {
            let agent = estate().number(agent);
            w.oracle.borrow_mut().suspensions.push((record.sequence, agent));
        }
        Event::Resumed { agent, proof } => {
            let number = estate().number(agent);
            let oracle = w.oracle.borrow();
            let suspension = oracle
                .suspensions
                .iter()
                .rev()
                .find(|(_, of)| *of == number)
                .map(|(at, _)| *at);
            drop(oracle);
            let challenge = portreeve_signing::resume_challenge(agent, suspension.unwrap_or_default());
            // Ed25519 signs the same always the same, so the owner's word can be made again and compared.
            let genuine = estate().approval.approve(&challenge);
            if *proof != genuine {
                w.broken(format!("agent {number} was resumed without the owner's consent"));
            }
        }
        _ => {}
    }
}

/// What the signer has signed keeps to the newest policy it has, by its own count.
fn within(w: &W, agent: u8, asset: u8) {
    let oracle = w.oracle.borrow();
    let version = oracle
        .policies
        .iter()
        .rev()
        .find(|(_, of, _)| *of == agent)
        .map(|(.., version)| *version);
    let limits = oracle.approved[&(agent, version.unwrap())];
    let mine = || {
        oracle
            .signed
            .iter()
            .filter(|one| (one.agent, one.asset) == (agent, asset))
    };
    let over = WINDOWS.into_iter().find_map(|(window, length)| {
        let sum: u64 = mine()
            .filter(|one| one.at > w.now() - length)
            .map(|one| one.amount)
            .sum();
        (sum > limits[window]).then_some((sum, limits[window], length / DAY))
    });
    drop(oracle);
    if let Some((sum, limit, days)) = over {
        w.broken(format!(
            "the signer has signed {sum} for agent {agent} in {days} day(s); the limit is {limit}"
        ));
    }
}

/// Transactions are in blocks now, or no more.
pub(crate) fn on_blocks(w: &W) {
    let news = std::mem::take(&mut w.chain.borrow_mut().news);
    for landed in news {
        for effect in landed.effects() {
            let Effect::Spend {
                agent,
                asset,
                amount,
                memo,
            } = effect
            else {
                continue;
            };
            w.note(format_args!("{memo} is in block {}: {:?}", landed.slot, landed.failed));
            let live = Rc::clone(&w.database.borrow().live);
            let id = w.oracle.borrow().by_name.get(memo).copied();
            let row = id.and_then(|id| live.payments.get(&id));
            let (Some(id), Some(row)) = (id, row) else {
                w.broken(format!("{memo} is on chain, and nobody has decided it"));
                continue;
            };
            if (row.agent, row.asset, row.amount.units()) != (*agent, *asset, *amount) {
                w.broken(format!("{memo} is on chain with other content"));
            }
            match landed.failed {
                None => {
                    w.oracle.borrow_mut().landed.insert(memo.clone(), landed.at);
                    w.count("landed");
                    if row.stage != Stage::Submitted {
                        w.broken(format!("{memo} is paid, and is {} here", row.stage));
                    }
                }
                Some(Refusal::Exceeded { made_at }) => {
                    let decided = w.oracle.borrow().decided[&id];
                    w.count("chain refuses: limit, changed since");
                    if made_at < decided {
                        w.broken(format!("the chain refuses {memo}, which the server allowed"));
                    }
                }
                Some(Refusal::NoLimit) => w.count("chain refuses: no limit"),
                Some(Refusal::Short) => w.count("chain refuses: vault"),
                Some(Refusal::Exists) => {}
            }
        }
    }
}

/// Blocks were forgotten: what was in them has not been paid.
pub(crate) fn on_fork(w: &W) {
    let live = Rc::clone(&w.database.borrow().live);
    let chain = w.chain.borrow();
    let gone = |name: &String| {
        let signature = live
            .payments
            .values()
            .find(|row| row.id.as_str() == name)
            .and_then(|row| row.signature.clone());
        signature.is_none_or(|signature| !matches!(chain.status(&signature), Some((_, _, None))))
    };
    w.oracle.borrow_mut().landed.retain(|name, _| !gone(name));
}

/// A client was told what became of its payment.
pub(crate) fn on_answer(w: &W, order: &Order, paid: &Paid) {
    let mut oracle = w.oracle.borrow_mut();
    oracle.waiting -= 1;
    let name = (order.agent, order.key);
    let id = match paid {
        Paid::Known(id, _) | Paid::Mismatch(id) => *id,
        Paid::Refused(_) => {
            drop(oracle);
            w.count("answer: refused, agent may not pay");
            return;
        }
        Paid::Unavailable => return,
    };
    let first = *oracle.told.entry(name).or_insert(id);
    drop(oracle);
    w.count(if matches!(paid, Paid::Known(..)) {
        "answer: known"
    } else {
        "answer: mismatch"
    });
    if first != id {
        w.broken(format!("key {name:?} is payment {first} and payment {id}"));
    }
    if w.database.borrow().live.keys.get(&name) != Some(&id) {
        w.broken(format!("a client was told of payment {id}, which is not on disk"));
    }
}

/// At the end, when nothing goes wrong any more and time enough has passed.
pub(crate) fn at_rest(w: &W) {
    if !w.oracle.borrow().is_content() {
        w.broken("a client was never answered".to_owned());
    }
    if !crate::node::is_quiet(w) {
        let live = Rc::clone(&w.database.borrow().live);
        let open: Vec<String> = live
            .payments
            .values()
            .filter(|row| row.stage.is_in_flight())
            .map(|row| format!("{} is {}", row.id, row.stage))
            .collect();
        let agents: Vec<_> = live.agents.iter().map(|agent| agent.stage).collect();
        w.broken(format!(
            "work is left: {open:?}, agents {agents:?}, {} jobs",
            live.jobs.len()
        ));
    }
    let live = Rc::clone(&w.database.borrow().live);
    for (name, id) in &w.oracle.borrow().told {
        if live.keys.get(name) != Some(id) {
            w.broken(format!("an acknowledged payment is lost: {id}"));
        }
    }
    let paid: BTreeSet<String> = {
        let chain = w.chain.borrow();
        let spends = chain
            .finalized
            .values()
            .filter(|one| one.failed.is_none())
            .flat_map(|one| one.effects());
        spends
            .filter_map(|effect| match effect {
                Effect::Spend { memo, .. } => Some(memo.clone()),
                _ => None,
            })
            .collect()
    };
    let settled = live.payments.values().filter(|row| row.stage == Stage::Finalized);
    let settled: BTreeSet<String> = settled.map(|row| row.id.to_string()).collect();
    if paid != settled {
        w.broken(format!(
            "the chain has paid {paid:?}, the server has settled {settled:?}"
        ));
    }
    for (agent, asset) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        sums(w, &live, agent, asset);
    }
}

/// What was spent is what was settled, nothing is pending, and all of it comes back.
fn sums(w: &W, tables: &Tables, agent: u8, asset: u8) {
    let of = |row: &&Rc<PaymentRow>| (row.agent, row.asset) == (agent, asset);
    let spent: u64 = tables
        .payments
        .values()
        .filter(of)
        .filter(|row| row.stage == Stage::Finalized)
        .map(|row| row.amount.units())
        .sum();
    let signed: u64 = tables
        .payments
        .values()
        .filter(of)
        .filter(|row| matches!(row.stage, Stage::Finalized | Stage::FailedOnChain | Stage::Expired))
        .map(|row| row.amount.units())
        .sum();
    let [_, server, signer] = accounts_of(agent, asset);
    for (key, expected) in [(server, spent), (signer, signed)] {
        let state = tables
            .accounts
            .get(&key)
            .map(|account| account.state)
            .unwrap_or_default();
        if (state.settled_total.units(), state.pending.units()) != (expected, 0) {
            w.broken(format!(
                "{key} has settled {} and {} pending; spent was {expected}",
                state.settled_total, state.pending
            ));
        }
        let later = portreeve_kernel::Now::at(START.plus_millis(w.now() + 200 * DAY));
        let left = tables.usage(&key, later);
        if left != portreeve_ledger::WindowUse::default() {
            w.broken(format!("{key} never gets its budget back: {left:?}"));
        }
    }
}

/// How the table of what occurred calls a stage.
const fn stage_name(stage: Stage) -> &'static str {
    match stage {
        Stage::Denied => "stage DENIED",
        Stage::Held => "stage HELD",
        Stage::Reserved => "stage RESERVED",
        Stage::Signing => "stage SIGNING",
        Stage::Submitted => "stage SUBMITTED",
        Stage::Finalized => "stage FINALIZED",
        Stage::Voided => "stage VOIDED",
        Stage::SimulationFailed => "stage SIMULATION_FAILED",
        Stage::SignerRefused => "stage SIGNER_REFUSED",
        Stage::FailedOnChain => "stage FAILED_ON_CHAIN",
        Stage::Expired => "stage EXPIRED",
    }
}
