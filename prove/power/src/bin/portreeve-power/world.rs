//! A house whose power goes again and again. Its chain has power of its own, and is the witness.

use {
    crate::story::Told,
    portreeve_house::{
        estate::{Agent, Estate, until},
        house::{House, Running, SOL, signer},
    },
    portreeve_kernel::AgentId,
    portreeve_payment::Stage,
    portreeve_power::{Dice, Recording, Tape},
    serde_json::{Value, json},
    std::{
        collections::{BTreeMap, BTreeSet},
        thread,
        time::Duration,
    },
};

/// What payments are multiples of.
const UNIT: u64 = SOL / 1000;

/// What each payer may spend in a day.
pub(crate) const LIMIT: u64 = 60 * UNIT;

/// How many pay at once.
const PAYERS: usize = 3;

/// The most that a payer asks for before the power goes.
const MOST: u32 = 2000;

/// Seconds.
const DAY: u64 = 86_400;

/// What a payer starts with.
const FUNDS: u64 = 10 * SOL;

/// The house and its people.
pub(crate) struct World {
    pub(crate) estate: Estate,
    signer: Option<Running>,
    pub(crate) payers: Vec<Agent>,
    shop: String,
    /// What clients were told so far.
    pub(crate) told: Vec<Told>,
    /// Payments that were asked for and have not ended yet, as far as we know.
    open: BTreeSet<Order>,
    /// Those that have, and how.
    ended: BTreeMap<Order, Stage>,
    /// What was decided after this counts against the present day's limit. Milliseconds.
    pub(crate) since: i64,
    serving: bool,
    number: u32,
}

/// A payment as it is asked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Order {
    /// The payer's place among the payers.
    payer: usize,
    key: String,
    amount: u64,
}

impl World {
    /// A house with payers, at rest.
    pub(crate) fn build() -> Self {
        let mut house = House::built_quick();
        let keeper = house.lone_signer(&[]);
        assert!(house.try_serve_beside(&[]));
        let estate = Estate::of(house);
        let shop = estate.house.somebody();
        estate.house.chain.airdrop(&shop, SOL);
        let policy = json!({"preset": "custom", "limits": {"daily": LIMIT.to_string()}});
        let payers = (0..PAYERS)
            .map(|nth| estate.agent(&format!("payer {nth}"), &policy))
            .collect();
        let mut world = Self {
            estate,
            signer: Some(keeper),
            payers,
            shop,
            told: Vec::new(),
            open: BTreeSet::new(),
            ended: BTreeMap::new(),
            since: 0,
            serving: true,
            number: 0,
        };
        world.stop();
        world
    }

    /// Starts signer and server, with more variables.
    ///
    /// # Errors
    /// What the one said that ended before it was ready.
    pub(crate) fn start(&mut self, variables: &[(&str, String)]) -> Result<(), String> {
        let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let house = &mut self.estate.house;
        let mut command = house.program(&signer());
        command.arg("serve").arg("--dir").arg(house.home().join("signer"));
        command.arg("--passphrase-file").arg(house.home().join("signer.pass"));
        command.arg("--socket").arg(house.signer_socket());
        command.args(["--local-rpc", &house.chain.url, "--exit-with-parent"]);
        command.envs(variables.iter().copied());
        let (mut keeper, line) = Running::try_start(command);
        if line.is_empty() {
            return Err(format!("the signer does not start: {}", keeper.wait().stderr));
        }
        self.signer = Some(keeper);
        if !house.try_serve_beside(&variables) {
            return Err(format!("the server does not start: {}", house.wait_for_end().stderr));
        }
        self.serving = true;
        Ok(())
    }

    /// Takes the power away: whoever still runs ends here and now.
    pub(crate) fn kill(&mut self, recording: &Recording) {
        recording.while_nobody_asks(|| {
            if let Some(signer) = self.signer.take() {
                signer.kill();
            }
            if std::mem::take(&mut self.serving) {
                self.estate.house.kill();
            }
        });
    }

    /// Stops both as an operator does.
    pub(crate) fn stop(&mut self) {
        self.serving = false;
        self.estate.house.stop();
        if let Some(signer) = self.signer.take() {
            signer.stop();
        }
    }

    /// Clients at work until the power goes.
    pub(crate) fn work(&mut self, recording: &Recording, dice: &mut Dice) {
        self.number += 1;
        let (world, number) = (&*self, self.number);
        let begun = thread::scope(|scope| {
            let seeds: Vec<u64> = (0..PAYERS).map(|_| dice.number()).collect();
            let payers = seeds.into_iter().enumerate();
            let payers: Vec<_> = payers
                .map(|(payer, seed)| scope.spawn(move || world.pay(recording, payer, Dice::new(seed))))
                .collect();
            if dice.one_in(4) {
                scope.spawn(|| make_agent(&world.estate, recording, number));
            }
            let begun: Vec<Order> = payers.into_iter().flat_map(|payer| payer.join().unwrap()).collect();
            begun
        });
        self.open.extend(begun);
    }

    /// One payer at work. Answers what it has asked for.
    fn pay(&self, recording: &Recording, payer: usize, mut dice: Dice) -> Vec<Order> {
        let mut begun: Vec<Order> = self.open.iter().chain(self.ended.keys()).cloned().collect();
        begun.retain(|order| order.payer == payer);
        let known = begun.len();
        for count in 0..MOST {
            if recording.is_over() {
                break;
            }
            let order = if !begun.is_empty() && dice.one_in(4) {
                begun[dice.below(begun.len())].clone()
            } else {
                let order = Order {
                    payer,
                    key: format!("{}-{count}", self.number),
                    amount: UNIT * (1 + dice.below(3) as u64),
                };
                begun.push(order.clone());
                order
            };
            match self.ask(&order) {
                Asked::Told(told) => note(recording, &told),
                Asked::Later => thread::sleep(Duration::from_millis(5)),
                Asked::Nobody => break,
            }
        }
        begun.split_off(known)
    }

    /// Asks for a payment, or what became of it.
    fn ask(&self, order: &Order) -> Asked {
        let Order { payer, key, amount } = order;
        let agent = &self.payers[*payer];
        let Some(answer) = self.estate.try_pay(agent, &self.shop, *amount, key) else {
            return Asked::Nobody;
        };
        let denied = answer.body["code"]
            .as_str()
            .is_some_and(|code| code.starts_with("POLICY_"));
        match answer.status {
            200 | 202 => Asked::Told(self.told_of(order, &answer.body)),
            _ if denied => Asked::Told(Told::Denied {
                agent: agent.id.clone(),
                key: key.clone(),
            }),
            429 | 503 => Asked::Later,
            _ => panic!("{key}: {answer:?}"),
        }
    }

    fn told_of(&self, order: &Order, body: &Value) -> Told {
        Told::Payment {
            agent: self.payers[order.payer].id.clone(),
            key: order.key.clone(),
            id: body["id"].as_str().unwrap().to_owned(),
            amount: order.amount,
            stage: serde_json::from_value(body["stage"].clone()).unwrap(),
        }
    }

    /// Takes over what clients were told while `tape` was recorded.
    pub(crate) fn remember(&mut self, tape: &Tape) {
        let notes = tape.notes_before(u64::MAX);
        self.told
            .extend(notes.iter().map(|note| serde_json::from_str::<Told>(note).unwrap()));
    }

    pub(crate) fn payer_ids(&self) -> Vec<AgentId> {
        self.payers.iter().map(|payer| payer.id.clone()).collect()
    }
}

enum Asked {
    Told(Told),
    /// Not now.
    Later,
    /// The power is gone.
    Nobody,
}

/// The owner makes an agent, as far as the power lasts.
fn make_agent(estate: &Estate, recording: &Recording, number: u32) {
    let policy = json!({"preset": "custom", "limits": {"daily": SOL.to_string()}});
    let Some(made) = estate.try_ask_for_agent(&format!("guest {number}"), &policy) else {
        return;
    };
    if made.status != 201 {
        return;
    }
    let agent = portreeve_house::estate::id_of(&made.body);
    note(recording, &Told::Made { agent: agent.clone() });
    if let Some(200) = estate.approve(&agent).map(|answer| answer.status) {
        note(recording, &Told::Approved { agent });
    }
}

fn note(recording: &Recording, told: &Told) {
    recording.note(&serde_json::to_string(told).unwrap());
}

impl World {
    /// Lets everything that was begun come to its end, and holds server, signer and chain against one another. What is
    /// found out is noted.
    ///
    /// # Errors
    /// What does not fit.
    pub(crate) fn settle(&mut self, recording: &Recording) -> Result<(), String> {
        for order in std::mem::take(&mut self.open) {
            let told = until(&format!("{} is known", order.key), || match self.ask(&order) {
                Asked::Told(told) => Some(told),
                Asked::Later => None,
                Asked::Nobody => panic!("the server is gone"),
            });
            let Told::Payment { id, .. } = &told else {
                note(recording, &told);
                self.ended.insert(order, Stage::Denied);
                continue;
            };
            let last = self.estate.until_ended(&json!({"id": id}));
            let told = self.told_of(&order, &last);
            note(recording, &told);
            if let Told::Payment { stage, .. } = told {
                self.ended.insert(order, stage);
            }
        }
        for (nth, agent) in self.payers.iter().enumerate() {
            let landed = self.ended.iter().filter(|(_, stage)| **stage == Stage::Finalized);
            let paid: u64 = landed
                .filter(|(order, _)| order.payer == nth)
                .map(|(order, _)| order.amount)
                .sum();
            let left = self.estate.house.chain.balance(&agent.vault());
            if left != FUNDS - paid {
                return Err(format!(
                    "{} has {left} left of {FUNDS} after {paid} were paid",
                    agent.id
                ));
            }
            // Asked over HTTP: who opens the database empties its log, which would not be recorded.
            let used = self.estate.used_today(&agent.id);
            if used > LIMIT {
                return Err(format!("{} has {used} booked of {LIMIT}", agent.id));
            }
        }
        Ok(())
    }

    /// How many payments moved money.
    pub(crate) fn confirmed(&self) -> u64 {
        self.ended.values().filter(|stage| **stage == Stage::Finalized).count() as u64
    }

    /// A day later the limits are whole again.
    pub(crate) fn sleep(&mut self) {
        let clock = self.estate.house.chain.call("localnet_clock", &json!([]));
        self.estate.house.chain.warp(DAY + 2);
        // In the middle, where no clock's small differences matter.
        self.since = clock["unixTimestamp"].as_i64().unwrap() * 1000 + 500 * DAY as i64;
    }
}
