//! The chain, as far as it matters: blockhashes that expire, blocks that are forgotten until they are final, and the
//! spending limits of Squads.

use {
    crate::{
        dice::Dice,
        estate::{estate, name},
    },
    portreeve_chain::{Action, Programs, Transaction, decode},
    std::{collections::BTreeMap, rc::Rc},
};

/// Milliseconds of a slot.
const SLOT: i64 = 400;
/// The height at which every world begins.
const FIRST: u64 = 1_000_000;
/// Blocks that a blockhash is good for.
pub(crate) const LIFE: u64 = 150;
/// Slots until a block is final.
const FINAL: u64 = 32;
const DAY: i64 = 86_400;

/// A limit of Squads: one period after the other from its creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limit {
    pub(crate) amount: u64,
    remaining: u64,
    last_reset: i64,
    /// When it was made, by the true clock in milliseconds.
    pub(crate) made_at: i64,
}

/// What is on chain.
#[derive(Debug, Clone, Default)]
pub(crate) struct Accounts {
    pub(crate) limits: BTreeMap<(u8, u8), Limit>,
    pub(crate) vaults: BTreeMap<(u8, u8), u64>,
}

/// Why the chain refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The vault holds less.
    Short,
    /// There is no limit.
    NoLimit,
    /// There is one already.
    Exists,
    /// The limit is used up.
    Exceeded {
        /// When that limit was made, by the true clock in milliseconds.
        made_at: i64,
    },
}

/// What a transaction does.
#[derive(Debug, Clone)]
pub(crate) enum Effect {
    Spend {
        agent: u8,
        asset: u8,
        amount: u64,
        memo: String,
    },
    Add {
        agent: u8,
        asset: u8,
        amount: u64,
    },
    Remove {
        agent: u8,
        asset: u8,
    },
}

/// A transaction that was sent.
#[derive(Debug)]
struct Sent {
    effects: Vec<Effect>,
    valid_to: u64,
}

/// A transaction in a block.
#[derive(Debug, Clone)]
pub(crate) struct Landed {
    pub(crate) signature: String,
    pub(crate) slot: u64,
    /// The true time, in milliseconds.
    pub(crate) at: i64,
    pub(crate) failed: Option<Refusal>,
    sent: Rc<Sent>,
}

impl Landed {
    pub(crate) fn effects(&self) -> &[Effect] {
        &self.sent.effects
    }
}

/// The chain.
pub(crate) struct Chain {
    /// What the clock of its blocks says beyond the truth, in milliseconds.
    skew: i64,
    /// Milliseconds without blocks so far, and the present halt.
    halted: i64,
    halt: Option<i64>,
    settled: Accounts,
    /// Blocks that may still be forgotten, and what they have come to.
    recent: Vec<Landed>,
    accounts: Accounts,
    /// Everything final, by signature.
    pub(crate) finalized: BTreeMap<String, Landed>,
    waiting: BTreeMap<String, (u64, Rc<Sent>)>,
    known: BTreeMap<String, Rc<Sent>>,
    /// Signatures that the oracle has not been shown yet.
    pub(crate) news: Vec<Landed>,
}

impl Chain {
    pub(crate) fn new(skew: i64, accounts: Accounts) -> Self {
        Self {
            skew,
            halted: 0,
            halt: None,
            settled: accounts.clone(),
            recent: Vec::new(),
            accounts,
            finalized: BTreeMap::new(),
            waiting: BTreeMap::new(),
            known: BTreeMap::new(),
            news: Vec::new(),
        }
    }

    /// The newest slot; blocks are as high as their slots.
    pub(crate) fn slot(&self, now: i64) -> u64 {
        let halted = self.halted + self.halt.map_or(0, |since| now - since);
        FIRST + ((now - halted) / SLOT).unsigned_abs()
    }

    /// The newest final one.
    pub(crate) fn final_slot(&self, now: i64) -> u64 {
        self.slot(now) - FINAL
    }

    /// What the chain's clock says, in seconds.
    pub(crate) fn time(&self, at: i64) -> i64 {
        crate::estate::START.seconds() + (at + self.skew).div_euclid(1_000)
    }

    pub(crate) fn stop(&mut self, now: i64) {
        self.halt.get_or_insert(now);
    }

    pub(crate) fn go_on(&mut self, now: i64) {
        if let Some(since) = self.halt.take() {
            self.halted += now - since;
        }
    }

    /// The blockhash of a slot, and until when it is good.
    pub(crate) fn blockhash(slot: u64) -> ([u8; 32], u64) {
        let mut hash = name(&slot.to_be_bytes());
        hash[..8].copy_from_slice(&slot.to_be_bytes());
        (hash, slot + LIFE)
    }

    /// What the accounts are now, or as far as they are final.
    pub(crate) fn accounts(&self, finalized: bool) -> &Accounts {
        if finalized { &self.settled } else { &self.accounts }
    }

    /// Takes a transaction to be put into a block `later` slots on. The same one again changes nothing while it waits.
    pub(crate) fn send(&mut self, now: i64, signature: &str, wire: &[u8], later: u64) {
        let there = self.finalized.contains_key(signature) || self.recent.iter().any(|one| one.signature == signature);
        if there || self.waiting.contains_key(signature) {
            return;
        }
        let slot = self.slot(now) + 1 + later;
        let sent = match self.known.get(signature) {
            Some(sent) => Rc::clone(sent),
            None => {
                let sent = Rc::new(read(signature, wire));
                self.known.insert(signature.to_owned(), Rc::clone(&sent));
                sent
            }
        };
        self.waiting.insert(signature.to_owned(), (slot, sent));
    }

    /// Whether the chain would take it now.
    pub(crate) fn simulate(&self, now: i64, effects: &[Effect]) -> Result<(), Refusal> {
        let mut accounts = self.accounts.clone();
        let time = self.time(now);
        effects.iter().try_for_each(|effect| accounts.apply(effect, time, now))
    }

    /// Makes the blocks up to now.
    pub(crate) fn catch_up(&mut self, now: i64) {
        let slot = self.slot(now);
        if self.waiting.values().any(|(at, _)| *at <= slot) {
            let mut due: Vec<(u64, String)> = Vec::new();
            for (signature, (at, _)) in &self.waiting {
                if *at <= slot {
                    due.push((*at, signature.clone()));
                }
            }
            due.sort();
            for (at, signature) in due {
                let (_, sent) = self.waiting.remove(&signature).unwrap();
                self.land(at, signature, sent, now);
            }
        }
        let last = slot - FINAL;
        while self.recent.first().is_some_and(|first| first.slot <= last) {
            let first = self.recent.remove(0);
            if first.failed.is_none() {
                let time = self.time(first.at);
                for effect in first.effects() {
                    self.settled.apply(effect, time, first.at).unwrap();
                }
            }
            self.finalized.insert(first.signature.clone(), first);
        }
    }

    fn land(&mut self, slot: u64, signature: String, sent: Rc<Sent>, now: i64) {
        if slot > sent.valid_to {
            return;
        }
        // Blocks are looked at a little after they were made; nothing depends on them in between.
        let behind = (self.slot(now) - slot) as i64 * SLOT;
        let at = now - behind;
        let time = self.time(at);
        let mut after = self.accounts.clone();
        let tried = sent.effects.iter().try_for_each(|effect| after.apply(effect, time, at));
        if tried.is_ok() {
            self.accounts = after;
        }
        let landed = Landed {
            signature,
            slot,
            at,
            failed: tried.err(),
            sent,
        };
        self.news.push(landed.clone());
        self.recent.push(landed);
    }

    /// Forgets up to so many blocks; what was in them may land again, or never. Says how many transactions that were.
    pub(crate) fn fork(&mut self, now: i64, slots: u64, dice: &mut Dice) -> usize {
        let from = self.slot(now) + 1 - slots.min(FINAL - 1);
        let split = self.recent.partition_point(|one| one.slot < from);
        let forgotten = self.recent.split_off(split);
        let count = forgotten.len();
        for one in forgotten {
            if dice.chance(60) {
                let slot = self.slot(now) + 1 + dice.below(20);
                self.waiting.insert(one.signature, (slot, one.sent));
            }
        }
        self.accounts = self.settled.clone();
        for one in &mut self.recent {
            let (time, mut after) = (self.skew, self.accounts.clone());
            let time = crate::estate::START.seconds() + (one.at + time).div_euclid(1_000);
            let tried = one
                .sent
                .effects
                .iter()
                .try_for_each(|effect| after.apply(effect, time, one.at));
            if tried.is_ok() {
                self.accounts = after;
            }
            one.failed = tried.err();
        }
        count
    }

    /// What is known of a signature: the slot, whether it is final, and why it failed.
    pub(crate) fn status(&self, signature: &str) -> Option<(u64, bool, Option<Refusal>)> {
        if let Some(landed) = self.finalized.get(signature) {
            return Some((landed.slot, true, landed.failed));
        }
        let recent = self.recent.iter().find(|one| one.signature == signature);
        recent.map(|one| (one.slot, false, one.failed))
    }

    /// When the block of a slot was made, by the chain's clock.
    pub(crate) fn block_time(&self, slot: u64) -> Option<i64> {
        let landed = self.finalized.values().find(|one| one.slot == slot);
        landed.map(|one| self.time(one.at))
    }
}

impl Accounts {
    /// Squads and the system program.
    fn apply(&mut self, effect: &Effect, time: i64, at: i64) -> Result<(), Refusal> {
        match effect {
            Effect::Add { agent, asset, amount } => {
                if self.limits.contains_key(&(*agent, *asset)) {
                    return Err(Refusal::Exists);
                }
                self.limits.insert((*agent, *asset), Limit::new(*amount, time, at));
                Ok(())
            }
            Effect::Remove { agent, asset } => self
                .limits
                .remove(&(*agent, *asset))
                .map(|_| ())
                .ok_or(Refusal::NoLimit),
            Effect::Spend {
                agent, asset, amount, ..
            } => {
                let limit = self.limits.get_mut(&(*agent, *asset)).ok_or(Refusal::NoLimit)?;
                let passed = time - limit.last_reset;
                let (mut remaining, mut last_reset) = (limit.remaining, limit.last_reset);
                if passed > DAY {
                    remaining = limit.amount;
                    last_reset += passed / DAY * DAY;
                }
                let remaining = remaining.checked_sub(*amount);
                let remaining = remaining.ok_or(Refusal::Exceeded { made_at: limit.made_at })?;
                let vault = self.vaults.entry((*agent, *asset)).or_default();
                *vault = vault.checked_sub(*amount).ok_or(Refusal::Short)?;
                (limit.remaining, limit.last_reset) = (remaining, last_reset);
                Ok(())
            }
        }
    }
}

impl Limit {
    pub(crate) const fn new(amount: u64, time: i64, made_at: i64) -> Self {
        Self {
            amount,
            remaining: amount,
            last_reset: time,
            made_at,
        }
    }
}

/// The first bytes of a payment's instruction.
const USE: [u8; 8] = [16, 57, 130, 127, 193, 20, 155, 134];

/// What a transaction does, from its bytes. A payment is read here by hand, as Squads reads it.
fn read(signature: &str, wire: &[u8]) -> Sent {
    let transaction = Transaction::from_wire(wire).unwrap();
    assert_eq!(
        transaction.signature().to_string(),
        signature,
        "the bytes have another signature"
    );
    let message = transaction.message();
    assert!(
        transaction.signatures().iter().all(|one| *one.as_bytes() != [0; 64]),
        "a signature is missing"
    );
    let mut slot = [0; 8];
    slot.copy_from_slice(&message.recent_blockhash().as_bytes()[..8]);
    let effects = match message.instructions() {
        [only] if only.data.starts_with(&USE) => {
            let number = |at: usize| u64::from_le_bytes(only.data[at..at + 8].try_into().unwrap());
            let (agent, asset) = place(&only.accounts[2].address);
            let memo = String::from_utf8(only.data[22..].to_vec()).unwrap();
            vec![Effect::Spend {
                agent,
                asset,
                amount: number(8),
                memo,
            }]
        }
        _ => effects(&decode(message.as_bytes(), &Programs::default()).unwrap().actions),
    };
    Sent {
        effects,
        valid_to: u64::from_be_bytes(slot) + LIFE,
    }
}

/// What some actions do, in the terms of a world.
pub(crate) fn effects(actions: &[Action]) -> Vec<Effect> {
    let mut all = Vec::new();
    for action in actions {
        match action {
            Action::UseSpendingLimit(spend) => {
                let (agent, asset) = place(&spend.limit);
                let (amount, memo) = (spend.amount.units(), spend.memo.clone().unwrap_or_default());
                all.push(Effect::Spend {
                    agent,
                    asset,
                    amount,
                    memo,
                });
            }
            Action::AddSpendingLimit(add) => {
                let agent = u8::from(estate().agents[1].wallet.multisig() == add.multisig);
                let asset = u8::from(add.asset != portreeve_kernel::Asset::Sol);
                all.push(Effect::Add {
                    agent,
                    asset,
                    amount: add.amount.units(),
                });
            }
            Action::RemoveSpendingLimit(remove) => {
                let (agent, asset) = place(&remove.limit);
                all.push(Effect::Remove { agent, asset });
            }
            other => panic!("a transaction that nobody here builds: {}", other.name()),
        }
    }
    all
}

/// Whose limit, and for which asset, an address is.
fn place(limit: &portreeve_kernel::Address) -> (u8, u8) {
    static PLACES: std::sync::OnceLock<Vec<(portreeve_kernel::Address, (u8, u8))>> = std::sync::OnceLock::new();
    let places = PLACES.get_or_init(|| {
        let all = [(0, 0), (0, 1), (1, 0), (1, 1)];
        let address =
            |(agent, asset): (u8, u8)| estate().agents[usize::from(agent)].wallet.limit(&estate().asset(asset));
        all.into_iter().map(|place| (address(place), place)).collect()
    });
    places
        .iter()
        .find(|(address, _)| address == limit)
        .map(|(_, place)| *place)
        .unwrap()
}
