//! One world: everything there is, and the plan's hand in it.

use {
    crate::{
        chain::{Accounts, Chain, Limit},
        db::{AgentRow, Database, Tables},
        dice::Dice,
        estate::{START, estate},
        exec::{Exec, Owner},
        node::Node,
        oracle::Oracle,
        plan::{AGENTS, ASSETS, Lie, POINTS, Peer, Plan, Whose},
        signer::SignerBox,
        trace::Trace,
    },
    portreeve_kernel::{AgentId, Now, Timestamp},
    portreeve_ledger::AccountKey,
    std::{
        cell::{Cell, RefCell},
        collections::BTreeMap,
        rc::Rc,
    },
};

/// Shared by all tasks.
pub(crate) type W = Rc<World>;

/// What goes wrong just now.
#[derive(Debug, Default)]
pub(crate) struct Trouble {
    /// Kills that wait for somebody to come by: point, times left, for how long.
    pub(crate) kills: Vec<(u8, u8, i64)>,
    pub(crate) database_down_until: i64,
    pub(crate) commits_unknown: u8,
    pub(crate) lose: BTreeMap<Peer, u8>,
    pub(crate) delay: BTreeMap<Peer, (i64, u8)>,
    pub(crate) twice: BTreeMap<Peer, u8>,
    pub(crate) rpc_down_until: i64,
    pub(crate) operators_down_until: BTreeMap<u8, i64>,
    /// By operator: the slot it stands at, and until when.
    pub(crate) operators_stuck: BTreeMap<u8, (u64, i64)>,
    pub(crate) lies: Vec<(Lie, i64)>,
    pub(crate) slow_until: i64,
    pub(crate) drops_until: i64,
    pub(crate) jumps: Vec<(Whose, i64, i64)>,
    pub(crate) clock_gone_until: i64,
    pub(crate) keystore_gone_until: i64,
}

/// Everything.
pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) exec: Rc<Exec>,
    pub(crate) database: RefCell<Database>,
    pub(crate) chain: RefCell<Chain>,
    pub(crate) signer: RefCell<SignerBox>,
    pub(crate) nodes: RefCell<Vec<Node>>,
    pub(crate) trouble: RefCell<Trouble>,
    pub(crate) oracle: RefCell<Oracle>,
    pub(crate) trace: RefCell<Trace>,
    dice: RefCell<Dice>,
    /// Who writes to the database.
    pub(crate) writing: Cell<Option<u8>>,
    /// Numbers of decisions that were asked for.
    pub(crate) ids: Cell<u64>,
    /// True once the plan is over and everything is to come to rest.
    pub(crate) calm: Cell<bool>,
}

impl World {
    pub(crate) fn new(plan: Plan, told: bool) -> W {
        let exec = Rc::new(Exec::default());
        let mut accounts = Accounts::default();
        let mut tables = Tables::default();
        for agent in 0..AGENTS {
            let daily = plan.setup.daily[usize::from(agent)];
            tables.agents.push(AgentRow {
                active: true,
                stage: None,
                suspensions: 0,
                policy: Rc::new(estate().policy(&plan.setup, 1, daily)),
                last_spend_at: None,
                destroyed: false,
                resume_proof: None,
                limits_until: None,
            });
            for asset in 0..ASSETS {
                let time = START.seconds() + plan.setup.skews[3].div_euclid(1_000);
                accounts.limits.insert((agent, asset), Limit::new(daily, time, 0));
                accounts.vaults.insert((agent, asset), plan.setup.vault);
            }
        }
        let oracle = Oracle::new(&tables);
        Rc::new(Self {
            database: RefCell::new(Database::new(tables)),
            chain: RefCell::new(Chain::new(plan.setup.skews[3], accounts)),
            signer: RefCell::new(SignerBox::new(&plan.setup)),
            nodes: RefCell::new((0..plan.setup.nodes).map(|_| Node::new()).collect()),
            trouble: RefCell::new(Trouble::default()),
            oracle: RefCell::new(oracle),
            trace: RefCell::new(Trace::new(told)),
            dice: RefCell::new(Dice::new(plan.seed, 2)),
            writing: Cell::new(None),
            ids: Cell::new(0),
            calm: Cell::new(false),
            plan,
            exec,
        })
    }

    /// The true time, in milliseconds from the beginning.
    pub(crate) fn now(&self) -> i64 {
        self.exec.now()
    }

    /// Chance, between two numbers.
    pub(crate) fn between(&self, least: i64, most: i64) -> i64 {
        self.dice.borrow_mut().between(least, most)
    }

    pub(crate) fn dice(&self) -> std::cell::RefMut<'_, Dice> {
        self.dice.borrow_mut()
    }

    /// Writes a line of the world's history.
    pub(crate) fn note(&self, line: std::fmt::Arguments<'_>) {
        self.trace.borrow_mut().note(self.now(), line);
    }

    /// Counts that something happened.
    pub(crate) fn count(&self, what: &'static str) {
        self.trace.borrow_mut().count(what);
    }

    /// A promise was broken.
    pub(crate) fn broken(&self, what: String) {
        self.note(format_args!("BROKEN: {what}"));
        self.trace.borrow_mut().broken(what);
    }

    /// What one of the clocks of `whose` machine says: the one that can be set, and the one that only counts.
    fn clocks(&self, whose: Whose, set_at_start: i64) -> (i64, i64) {
        let skew = match whose {
            Whose::Node(node) => self.plan.setup.skews[usize::from(node)],
            Whose::Signer => self.plan.setup.skews[2],
        };
        let jump: i64 = self.jump(whose);
        let counted = START.millis() + self.now() + skew + set_at_start;
        (START.millis() + self.now() + skew + jump, counted)
    }

    /// How wrong a wall clock is set just now.
    pub(crate) fn jump(&self, whose: Whose) -> i64 {
        let now = self.now();
        let trouble = self.trouble.borrow();
        let here = |(one, _, until): &&(Whose, i64, i64)| *one == whose && *until > now;
        trouble.jumps.iter().filter(here).map(|(_, by, _)| *by).sum()
    }

    /// What the clocks of a machine read.
    pub(crate) fn read_clock(&self, whose: Whose, set_at_start: i64) -> Now {
        let (wall, counted) = self.clocks(whose, set_at_start);
        Now::between(Timestamp::from_millis(wall), Timestamp::from_millis(counted))
    }

    /// A process comes by a place where it may be killed. If it is, this never returns.
    pub(crate) async fn point(self: &Rc<Self>, owner: Owner, name: &'static str) {
        self.count(name);
        let place = POINTS.iter().position(|known| *known == name).unwrap() as u8;
        let down = {
            let mut trouble = self.trouble.borrow_mut();
            let found = trouble.kills.iter_mut().position(|(point, left, _)| {
                *left -= u8::from(*point == place);
                *point == place && *left == 0
            });
            found.map(|found| trouble.kills.remove(found).2)
        };
        let Some(down) = down else { return };
        self.note(format_args!("{owner:?} is killed at {name}"));
        self.trace.borrow_mut().killed(name);
        match owner {
            Owner::Node(node) => self.kill_node(node, down),
            Owner::Signer => self.kill_signer(down),
            Owner::World => {}
        }
        std::future::pending::<()>().await;
    }

    /// Whether one of the next few messages is to go wrong in this way.
    pub(crate) fn strikes(&self, which: fn(&mut Trouble) -> &mut BTreeMap<Peer, u8>, peer: Peer) -> bool {
        let mut trouble = self.trouble.borrow_mut();
        match which(&mut trouble).get_mut(&peer) {
            Some(left) if *left > 0 => {
                *left -= 1;
                true
            }
            _ => false,
        }
    }

    /// How late the next message to `peer` is.
    pub(crate) fn lateness(&self, peer: Peer) -> i64 {
        let mut trouble = self.trouble.borrow_mut();
        match trouble.delay.get_mut(&peer) {
            Some((ms, left)) if *left > 0 => {
                *left -= 1;
                *ms
            }
            _ => 0,
        }
    }

    /// Whether the liar tells this lie now.
    pub(crate) fn lies(&self, how: Lie) -> bool {
        let now = self.now();
        let lies = self
            .trouble
            .borrow()
            .lies
            .iter()
            .any(|(lie, until)| *lie == how && *until > now);
        if lies {
            self.count(lie_name(how));
        }
        lies
    }
}

/// As the table of what occurred calls it.
pub(crate) const fn lie_name(how: Lie) -> &'static str {
    match how {
        Lie::Unseen => "lie: never seen",
        Lie::Paid => "lie: paid",
        Lie::Failed => "lie: failed",
        Lie::Low => "lie: low chain",
        Lie::High => "lie: high chain",
        Lie::Epoch => "lie: block of 1970",
        Lie::Future => "lie: block of next month",
        Lie::Lifetime => "lie: blockhash lifetime",
        Lie::Refuses => "lie: dry run fails",
    }
}

/// The accounts that a payment counts in.
pub(crate) fn accounts_of(agent: u8, asset: u8) -> [AccountKey; 3] {
    let estate = estate();
    let (id, asset): (AgentId, _) = (estate.agents[usize::from(agent)].id.clone(), estate.asset(asset));
    let owner = estate.owner.clone();
    [
        AccountKey::Owner { owner, asset },
        AccountKey::Agent {
            agent: id.clone(),
            asset,
        },
        AccountKey::Signer { agent: id, asset },
    ]
}
