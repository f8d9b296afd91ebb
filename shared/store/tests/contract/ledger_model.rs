//! Random lives of accounts, on the database and in a model that adds up every entry each time.

use {
    crate::support::{T, agent, amount, owner, transaction},
    portreeve_kernel::{Asset, Now, Timestamp, TransactionId},
    portreeve_ledger::{AccountKey, Proof, Window},
    portreeve_store::{Database, StoreError, Tx, ledger, testing::TestDatabase},
    proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner},
    std::collections::BTreeMap,
};

/// How many lives.
const CASES: usize = 24;

#[derive(Debug, Clone)]
enum Step {
    /// In both accounts, or only in the agent's.
    Reserve {
        units: u64,
        both: bool,
    },
    /// The reservation at this place (modulo how many there are), settled so many milliseconds from now.
    Settle {
        which: usize,
        skew: i64,
    },
    /// Only in the agent's account.
    SettleAgent {
        which: usize,
    },
    Release {
        which: usize,
    },
    Pass {
        millis: i64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let pass = prop_oneof![
        0..2_000_i64,
        prop::sample::select(Window::ALL.to_vec()).prop_flat_map(
            |window| (-1_001..=1_001_i64).prop_map(move |near| i64::from(window.seconds()) * 1000 + near)
        ),
        0..400_000_000_i64,
    ];
    prop_oneof![
        4 => (1..1_000_u64, any::<bool>()).prop_map(|(units, both)| Step::Reserve { units, both }),
        4 => (0..64_usize, -90_000_000..400_000_i64).prop_map(|(which, skew)| Step::Settle { which, skew }),
        1 => (0..64_usize).prop_map(|which| Step::SettleAgent { which }),
        1 => (0..64_usize).prop_map(|which| Step::Release { which }),
        4 => pass.prop_map(|millis| Step::Pass { millis }),
    ]
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Reserved,
    Settled(Timestamp),
    Released,
}

/// What every account knows of every reservation, and nothing cleverer.
struct Model {
    reservations: Vec<(TransactionId, u64, BTreeMap<AccountKey, State>)>,
    latest: BTreeMap<AccountKey, Timestamp>,
}

impl Model {
    fn used(&self, key: &AccountKey, window: Window, now: Timestamp) -> u64 {
        let life = (i64::from(window.seconds()) + 1) * 1000;
        let counts = |state: &State| match state {
            State::Reserved => true,
            State::Settled(at) => now.millis() < at.millis() + life,
            State::Released => false,
        };
        let of = |(_, units, states): &(_, u64, BTreeMap<AccountKey, State>)| {
            states.get(key).filter(|state| counts(state)).map(|_| *units)
        };
        self.reservations.iter().filter_map(of).sum()
    }

    /// True when the ledger has to accept it.
    fn settle(&mut self, which: usize, at: Timestamp, only: Option<&AccountKey>) -> bool {
        let latest = &mut self.latest;
        let states = &mut self.reservations[which].2;
        let picked = |key: &AccountKey| only.is_none_or(|only| only == key);
        if states
            .iter()
            .any(|(key, state)| picked(key) && *state == State::Released)
        {
            return false;
        }
        for (key, state) in states
            .iter_mut()
            .filter(|(key, state)| picked(key) && **state == State::Reserved)
        {
            let last = latest.entry(key.clone()).or_insert(at);
            *last = at.max(*last);
            *state = State::Settled(*last);
        }
        true
    }

    fn release(&mut self, which: usize) -> bool {
        let states = &mut self.reservations[which].2;
        if states.values().any(|state| matches!(state, State::Settled(_))) {
            return false;
        }
        states.values_mut().for_each(|state| *state = State::Released);
        true
    }
}

pub(crate) async fn the_ledger_equals_a_model_that_adds_up_every_entry(place: &TestDatabase) {
    let database = place.open().await.unwrap();
    let mut runner = TestRunner::deterministic();
    for _ in 0..CASES {
        let life = prop::collection::vec(step(), 1..40)
            .new_tree(&mut runner)
            .unwrap()
            .current();
        live(&database, &life).await;
    }
}

async fn live(database: &Database, life: &[Step]) {
    let asset = Asset::Sol;
    let of_agent = AccountKey::Agent { agent: agent(), asset };
    let of_owner = AccountKey::Owner { owner: owner(), asset };
    let keys = [of_agent.clone(), of_owner];
    let mut now = T;
    let mut model = Model {
        reservations: Vec::new(),
        latest: BTreeMap::new(),
    };
    for (place, step) in life.iter().enumerate() {
        let among = model.reservations.len().max(1);
        match *step {
            Step::Pass { millis } => now = now.plus_millis(millis),
            Step::Reserve { units, both } => {
                let id = transaction();
                let keys = if both { keys.to_vec() } else { vec![of_agent.clone()] };
                let states = keys.iter().map(|key| (key.clone(), State::Reserved)).collect();
                model.reservations.push((id.clone(), units, states));
                let unit = async move |tx: &mut Tx| {
                    let mut accounts = ledger::load(tx, keys.clone(), Now::at(now)).await?;
                    accounts.reserve(&id, &keys, amount(units), now)?;
                    accounts.write(tx).await
                };
                database.write(unit).await.unwrap();
            }
            Step::Settle { .. } | Step::SettleAgent { .. } | Step::Release { .. } if model.reservations.is_empty() => {}
            Step::Settle { which, skew } => {
                let at = now.plus_millis(skew);
                let expected = model.settle(which % among, at, None);
                let id = model.reservations[which % among].0.clone();
                let said = database.write(async move |tx| ledger::settle(tx, &id, at).await).await;
                agree(&said, expected, life, place);
            }
            Step::SettleAgent { which } => {
                let expected = model.settle(which % among, now, Some(&of_agent));
                let (id, key) = (model.reservations[which % among].0.clone(), of_agent.clone());
                let unit = async move |tx: &mut Tx| ledger::settle_accounts(tx, &id, |one| *one == key, now).await;
                agree(&database.write(unit).await, expected, life, place);
            }
            Step::Release { which } => {
                let expected = model.release(which % among);
                let id = model.reservations[which % among].0.clone();
                let unit = async move |tx: &mut Tx| ledger::release(tx, &id, &Proof::NeverSigned).await;
                agree(&database.write(unit).await, expected, life, place);
            }
        }
        let shown = ledger::usage(&mut database.read(), &keys, Now::at(now)).await.unwrap();
        for key in &keys {
            for window in Window::ALL {
                let (ledger, model) = (shown[key].of(*window).units(), model.used(key, *window, now));
                assert_eq!(ledger, model, "{key} {window} after step {place} of {life:?}");
            }
        }
    }
    for window in Window::ALL {
        let used = model.used(&of_agent, *window, now);
        for over_by in [1, used / 2, used, used + 1] {
            let free = ledger::frees_at(&mut database.read(), &of_agent, *window, over_by, Now::at(now))
                .await
                .unwrap();
            if let Some(free) = free.filter(|_| over_by > 0) {
                assert!(model.used(&of_agent, *window, free) + over_by <= used, "{life:?}");
                assert!(
                    model.used(&of_agent, *window, free.plus_millis(-1)) + over_by > used,
                    "{life:?}"
                );
            }
        }
    }
}

fn agree<T>(said: &Result<T, StoreError>, expected: bool, life: &[Step], place: usize) {
    match said {
        Ok(_) => assert!(expected, "accepted at step {place} of {life:?}"),
        Err(StoreError::Ledger(_)) => assert!(!expected, "refused at step {place} of {life:?}"),
        Err(error) => panic!("{error:?} at step {place} of {life:?}"),
    }
}
