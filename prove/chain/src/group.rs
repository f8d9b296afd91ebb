//! Some traces on one chain, in lock-step: time passes for all of them at once, and they take turns within a second.

use {
    crate::{
        life::{Life, Tally},
        node::Node,
        plan::Plan,
        world::World,
    },
    portreeve_chain::Transaction,
    portreeve_kernel::Address,
    std::collections::BTreeMap,
};

/// 2030-01-01T00:00:00Z, when every chain begins.
const BEGIN: i64 = 1_893_456_000;

/// A trace in which something was not as it should be.
#[derive(Debug, Clone)]
pub(crate) struct Trouble {
    pub(crate) number: u64,
    /// In which round.
    pub(crate) round: usize,
    pub(crate) what: String,
}

/// Lives all of `plans`, which share their waits, on a chain of their own.
pub(crate) fn live(plans: &[Plan]) -> (Tally, Vec<Trouble>) {
    let node = Node::start(BEGIN);
    let world = World::build(&node);
    let mut lives: Vec<Life> = plans.iter().map(|plan| Life::new(&world, plan, BEGIN)).collect();
    for life in &lives {
        world.fund(&node, life.vault());
    }
    let mut troubles = Vec::new();
    for round in 0..plans.iter().map(|plan| plan.rounds.len()).max().unwrap_or(0) {
        // The wallets are made before the first round, in its second.
        play(&node, &mut lives);
        let unix = node.wait(plans[0].rounds[round].wait);
        for life in lives.iter_mut().filter(|life| life.trouble.is_none()) {
            life.begin(round, unix);
        }
        play(&node, &mut lives);
        compare(&node, &mut lives);
        for (life, plan) in lives.iter().zip(plans) {
            let known = troubles.iter().any(|trouble: &Trouble| trouble.number == plan.number);
            if let Some(what) = life.trouble.clone().filter(|_| !known) {
                let number = plan.number;
                troubles.push(Trouble { number, round, what });
            }
        }
    }
    let mut tally = Tally::default();
    lives.iter().for_each(|life| tally.add(&life.tally));
    (tally, troubles)
}

/// Until nobody has anything left to do in this second.
fn play(node: &Node, lives: &mut [Life<'_>]) {
    let mut tip = node.tip();
    loop {
        let sending: Vec<(usize, Transaction)> = lives
            .iter_mut()
            .enumerate()
            .filter_map(|(place, life)| Some((place, life.next(&tip)?)))
            .collect();
        if sending.is_empty() {
            return;
        }
        let transactions: Vec<&Transaction> = sending.iter().map(|(_, transaction)| transaction).collect();
        let (outcomes, reached) = node.send(&transactions);
        for ((place, _), outcome) in sending.iter().zip(&outcomes) {
            lives[*place].told(outcome, reached.height);
        }
        tip = reached;
    }
}

fn compare(node: &Node, lives: &mut [Life<'_>]) {
    let addresses: Vec<Address> = lives.iter().flat_map(Life::addresses_on_chain).collect();
    let found = node.accounts(&addresses);
    let accounts: BTreeMap<Address, _> = addresses.into_iter().zip(found).collect();
    for life in lives.iter_mut().filter(|life| life.trouble.is_none()) {
        life.compare(&accounts);
    }
}
