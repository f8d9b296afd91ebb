//! What is to happen in one world: everything that is drawn, as a list that can be written down, cut short and played
//! again.

use {
    crate::dice::Dice,
    serde::{Deserialize, Serialize},
};

/// Agents in a world.
pub(crate) const AGENTS: u8 = 2;
/// Assets each may spend.
pub(crate) const ASSETS: u8 = 2;

/// A world and its history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// What all further chance (how long a disk takes, which block a transaction lands in) is drawn from.
    pub seed: u64,
    /// How the world is made.
    pub setup: Setup,
    /// What happens in it.
    pub items: Vec<Item>,
}

/// How a world is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setup {
    /// Server nodes, 1 or 2. Two share a database that is a process of its own; one has it in a file.
    pub nodes: u8,
    /// RPC operators, 1 or 3.
    pub operators: u8,
    /// Which of three operators lies when told to.
    pub liar: Option<u8>,
    /// How far clocks are from the truth, in milliseconds: node 0, node 1, signer, chain.
    pub skews: [i64; 4],
    /// Daily limit per agent.
    pub daily: [u64; AGENTS as usize],
    /// Limit of one payment.
    pub per_transaction: u64,
    /// Weekly limit in tenths of the daily one.
    pub weekly_tenths: u64,
    /// Seconds between two payments of an agent, often none.
    pub interval: u32,
    /// From here an agent is suspended for asking.
    pub high: Option<u64>,
    /// From here the owner is asked.
    pub medium: Option<u64>,
    /// What each vault holds at first.
    pub vault: u64,
}

/// One thing that happens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// When, in milliseconds from the beginning.
    pub at: i64,
    /// What.
    pub what: What,
}

/// A part of the world that can be reached or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Peer {
    /// The signer's socket.
    Signer,
    /// The RPC operators.
    Rpc,
}

/// Whose clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Whose {
    /// A node's.
    Node(u8),
    /// The signer's.
    Signer,
}

/// How the liar lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Lie {
    /// It has never seen any signature.
    Unseen,
    /// Every signature it is asked for is final, and went well.
    Paid,
    /// Every signature it is asked for is final, and failed.
    Failed,
    /// Its chain is hardly begun.
    Low,
    /// Its chain is far ahead.
    High,
    /// Its blocks are from 1970.
    Epoch,
    /// Its blocks are from next month.
    Future,
    /// Its blockhashes are good for a moment, or for weeks.
    Lifetime,
    /// Its dry runs fail.
    Refuses,
}

/// What happens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum What {
    /// A client asks for a payment, and asks again until it knows.
    Pay {
        /// Who pays.
        agent: u8,
        /// In what.
        asset: u8,
        /// How much.
        amount: u64,
        /// To whom: 0 and 1 are on the list.
        to: u8,
        /// The idempotency key.
        key: u32,
        /// The node that is asked first.
        node: u8,
    },
    /// The owner stops an agent.
    Suspend {
        /// Which.
        agent: u8,
    },
    /// The owner lets it go on.
    Resume {
        /// Which.
        agent: u8,
    },
    /// Somebody without the owner's key tries to let it go on.
    ForgeResume {
        /// Which.
        agent: u8,
    },
    /// The owner approves another daily limit.
    Limit {
        /// Whose.
        agent: u8,
        /// How much.
        daily: u64,
    },
    /// A node is killed.
    KillNode {
        /// Which.
        node: u8,
        /// For how long, in milliseconds.
        down: i64,
    },
    /// The signer is killed.
    KillSigner {
        /// For how long.
        down: i64,
    },
    /// A process is killed where it comes by.
    KillAt {
        /// The place.
        point: u8,
        /// Which time it comes by, from 1.
        nth: u8,
        /// For how long.
        down: i64,
    },
    /// The power goes, everywhere.
    PowerCut {
        /// For how long.
        down: i64,
    },
    /// A node stands still, and does not know.
    Pause {
        /// Which.
        node: u8,
        /// For how long.
        ms: i64,
    },
    /// The database takes no writes.
    DatabaseDown {
        /// For how long.
        ms: i64,
    },
    /// The next commits are made or not, and nobody is told.
    CommitUnknown {
        /// How many.
        count: u8,
    },
    /// The next requests are heard, and their replies are lost.
    LoseReply {
        /// Whose.
        of: Peer,
        /// How many.
        count: u8,
    },
    /// The next requests arrive late, when nobody waits any more.
    Delay {
        /// At whom.
        at: Peer,
        /// How late.
        ms: i64,
        /// How many.
        count: u8,
    },
    /// The next requests arrive twice.
    Twice {
        /// At whom.
        at: Peer,
        /// How many.
        count: u8,
    },
    /// All operators are silent.
    RpcDown {
        /// For how long.
        ms: i64,
    },
    /// One operator of several is silent.
    OperatorDown {
        /// Which.
        operator: u8,
        /// For how long.
        ms: i64,
    },
    /// One operator stands still: it answers, and knows of no newer block.
    OperatorStuck {
        /// Which.
        operator: u8,
        /// For how long.
        ms: i64,
    },
    /// One operator lies.
    Lies {
        /// How.
        how: Lie,
        /// For how long.
        ms: i64,
    },
    /// The chain forgets blocks that are not final.
    Fork {
        /// How many.
        slots: u8,
    },
    /// Transactions take long to land.
    SlowLanding {
        /// For how long.
        ms: i64,
    },
    /// Transactions are dropped.
    Drops {
        /// For how long.
        ms: i64,
    },
    /// The chain makes no blocks.
    Halt {
        /// For how long.
        ms: i64,
    },
    /// A wall clock is set wrong, and right again.
    WallJump {
        /// Whose.
        whose: Whose,
        /// By how much, in milliseconds.
        by: i64,
        /// For how long.
        ms: i64,
    },
    /// The signer's keystore or clock does not answer.
    SignerImpaired {
        /// True for the clock.
        clock: bool,
        /// For how long.
        ms: i64,
    },
}

const DAY: i64 = 86_400_000;

/// The places of [`What::KillAt`], as the product names them.
pub const POINTS: [&str; 24] = [
    "store.commit.before",
    "store.commit.after",
    "wallet.pay.reserved",
    "wallet.sign.before",
    "wallet.sign.signed",
    "wallet.sign.voided",
    "wallet.sign.kept",
    "wallet.submit.before",
    "wallet.submit.sent",
    "wallet.settled",
    "wallet.released",
    "wallet.suspend.signer",
    "wallet.suspend.landed",
    "wallet.resume.signer",
    "wallet.resume.landed",
    "wallet.configure.before",
    "wallet.configure.signed",
    "wallet.configure.landed",
    "wallet.approve.signer",
    "signer.journal.before",
    "signer.journal.written",
    "signer.journal.after",
    "signer.mark.written",
    "signer.reply.before",
];

impl Plan {
    /// The plan of a seed.
    #[must_use]
    pub fn draw(seed: u64) -> Self {
        let mut dice = Dice::new(seed, 1);
        let setup = Setup::draw(&mut dice);
        let mut items = Vec::new();
        let mut begin = 2_000;
        let mut key = 0;
        for _ in 0..dice.between(1, 3) {
            session(&mut dice, &setup, begin, &mut key, &mut items);
            // Edges of windows, where budget comes back, are where it is interesting.
            let edge = match dice.below(10) {
                0..=3 => DAY + dice.pick(&[-60_000, -2_000, 0, 1_000, 2_000, 301_000, 302_000, 330_000, 400_000]),
                4 => 7 * DAY + dice.between(-5_000, 400_000),
                5 => 30 * DAY + dice.between(-5_000, 400_000),
                6 => dice.between(1, 23) * 3_600_000,
                _ => dice.between(30_000, 600_000),
            };
            begin += edge + dice.between(0, 999);
        }
        items.sort_by_key(|item| item.at);
        Self { seed, setup, items }
    }
}

impl Setup {
    fn draw(dice: &mut Dice) -> Self {
        let operators = if dice.chance(70) { 3 } else { 1 };
        let daily = dice.pick(&[60, 100, 150]);
        let skew = |dice: &mut Dice| {
            if dice.chance(50) {
                0
            } else {
                dice.between(-30_000, 30_000)
            }
        };
        Self {
            nodes: if dice.chance(50) { 2 } else { 1 },
            operators,
            liar: (operators == 3).then(|| dice.below(3) as u8),
            skews: [skew(dice), skew(dice), skew(dice), skew(dice)],
            daily: [daily, dice.pick(&[60, 100, 150])],
            per_transaction: dice.pick(&[40, 60]),
            weekly_tenths: dice.pick(&[15, 20, 70]),
            interval: dice.pick(&[0, 0, 0, 20]),
            high: dice.chance(15).then_some(55),
            medium: dice.chance(15).then_some(45),
            vault: if dice.chance(10) { 90 } else { 1_000_000 },
        }
    }
}

/// Some payments and some trouble, close together.
fn session(dice: &mut Dice, setup: &Setup, begin: i64, key: &mut u32, items: &mut Vec<Item>) {
    let favourite = dice.below(u64::from(AGENTS)) as u8;
    let length = dice.pick(&[3_000, 20_000, 90_000]);
    for _ in 0..dice.between(2, 6) {
        let agent = if dice.chance(75) { favourite } else { 1 - favourite };
        let asset = u8::from(dice.chance(25));
        let amount = dice.pick(&[5, 10, 20, 30, 40, 41, 50, 60]);
        let to = if dice.chance(96) { dice.below(2) as u8 } else { 2 };
        if !dice.chance(12) || *key == 0 {
            *key += 1;
        }
        let at = begin + dice.between(0, length);
        let pay = |node: u8, amount| What::Pay {
            agent,
            asset,
            amount,
            to,
            key: *key,
            node,
        };
        let node = dice.below(u64::from(setup.nodes)) as u8;
        items.push(Item {
            at,
            what: pay(node, amount),
        });
        if dice.chance(15) {
            // The same again at the same time, perhaps elsewhere, perhaps with another body.
            let amount = if dice.chance(20) { amount + 1 } else { amount };
            items.push(Item {
                at: at + dice.between(0, 20),
                what: pay(setup.nodes - 1 - node, amount),
            });
        }
    }
    let faults = dice.pick(&[0, 1, 2, 3, 5, 8]);
    for _ in 0..faults {
        let at = begin + dice.between(-2_000, length + 20_000);
        let what = fault(dice, setup, favourite);
        items.push(Item { at, what });
    }
    if dice.chance(25) {
        let at = begin + dice.between(0, length + 30_000);
        items.push(Item {
            at,
            what: What::Suspend { agent: favourite },
        });
        if dice.chance(30) {
            let at = at + dice.between(0, 30_000);
            items.push(Item {
                at,
                what: What::ForgeResume { agent: favourite },
            });
        }
        if dice.chance(80) {
            let at = at + dice.between(0, 60_000);
            items.push(Item {
                at,
                what: What::Resume { agent: favourite },
            });
        }
    }
    if dice.chance(15) {
        let daily = dice.pick(&[30, 60, 80, 100, 150, 200]);
        let at = begin + dice.between(0, length + 20_000);
        items.push(Item {
            at,
            what: What::Limit {
                agent: favourite,
                daily,
            },
        });
    }
}

fn fault(dice: &mut Dice, setup: &Setup, agent: u8) -> What {
    let node = dice.below(u64::from(setup.nodes)) as u8;
    let down = dice.pick(&[200, 2_000, 15_000]);
    let ms = dice.pick(&[500, 5_000, 40_000, 150_000]);
    let count = dice.between(1, 4) as u8;
    let peer = if dice.chance(60) { Peer::Signer } else { Peer::Rpc };
    match dice.below(22) {
        0 | 1 => What::KillNode { node, down },
        2 => What::KillSigner { down },
        3..=6 => What::KillAt {
            point: dice.below(POINTS.len() as u64) as u8,
            nth: dice.between(1, 4) as u8,
            down,
        },
        7 => What::PowerCut { down },
        8 => What::Pause {
            node,
            ms: dice.pick(&[2_000, 20_000, 45_000]),
        },
        9 => What::DatabaseDown {
            ms: dice.pick(&[500, 5_000]),
        },
        10 => What::CommitUnknown { count },
        11 => What::LoseReply { of: peer, count },
        12 => What::Delay {
            at: peer,
            ms: dice.pick(&[3_000, 7_000, 30_000]),
            count,
        },
        13 => What::Twice { at: peer, count },
        14 if setup.operators > 1 && dice.chance(50) => What::OperatorDown {
            operator: dice.below(u64::from(setup.operators)) as u8,
            ms: dice.pick(&[20_000, 150_000, 600_000]),
        },
        14 if setup.operators > 1 && dice.chance(50) => What::OperatorStuck {
            operator: dice.below(u64::from(setup.operators)) as u8,
            ms: dice.pick(&[20_000, 80_000, 300_000]),
        },
        14 => What::RpcDown {
            ms: dice.pick(&[2_000, 40_000, 150_000]),
        },
        15 | 16 if setup.liar.is_some() => What::Lies {
            how: dice.pick(&[
                Lie::Unseen,
                Lie::Paid,
                Lie::Failed,
                Lie::Low,
                Lie::High,
                Lie::Epoch,
                Lie::Future,
                Lie::Lifetime,
                Lie::Refuses,
            ]),
            ms: dice.pick(&[5_000, 60_000, 200_000]),
        },
        15 | 17 => What::Fork {
            slots: dice.between(1, 31) as u8,
        },
        16 | 18 => What::SlowLanding { ms },
        19 => What::Drops { ms },
        20 => match dice.below(3) {
            0 => What::Halt {
                ms: dice.pick(&[3_000, 60_000]),
            },
            1 => What::SignerImpaired {
                clock: dice.chance(50),
                ms,
            },
            _ => What::ForgeResume { agent },
        },
        _ => What::WallJump {
            whose: if dice.chance(30) {
                Whose::Signer
            } else {
                Whose::Node(node)
            },
            by: dice.pick(&[
                -10_000,
                -100_000,
                -90_000_000,
                10_000,
                100_000,
                90_000_000,
                3_000_000_000,
            ]),
            ms,
        },
    }
}
