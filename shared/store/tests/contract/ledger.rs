//! Money: reserved, settled, released, and counted to the second.

use {
    crate::support::{Plug, T, agent, amount, begin, number, owner, transaction},
    portreeve_kernel::{AgentId, Amount, Asset, Now, OwnerId, Seconds, Timestamp, TransactionId, money::MAX},
    portreeve_ledger::{
        AccountKey, ExpiredProof, LedgerError, OperatorEvidence, Proof, ReservationState, Window, WindowUse, leaves_at,
    },
    portreeve_store::{
        Database, Fetch, Sql, StoreError, Tx,
        ledger::{self, Moved},
        testing::TestDatabase,
    },
    std::collections::BTreeMap,
};

/// The three accounts of one agent's money.
struct Purse {
    database: Database,
    owner: AccountKey,
    agent: AccountKey,
    signer: AccountKey,
}

impl Purse {
    async fn open(place: &TestDatabase) -> Self {
        let (asset, agent, owner): (Asset, AgentId, OwnerId) = (Asset::Sol, agent(), owner());
        let (of_agent, of_signer) = (agent.clone(), agent);
        Self {
            database: place.open().await.unwrap(),
            owner: AccountKey::Owner { owner, asset },
            agent: AccountKey::Agent { agent: of_agent, asset },
            signer: AccountKey::Signer {
                agent: of_signer,
                asset,
            },
        }
    }

    /// The same accounts, from another node.
    async fn on(&self, place: &TestDatabase) -> Self {
        Self {
            database: place.open().await.unwrap(),
            owner: self.owner.clone(),
            agent: self.agent.clone(),
            signer: self.signer.clone(),
        }
    }

    fn keys(&self) -> [AccountKey; 3] {
        // Not in lock order: that is the ledger's matter.
        [self.signer.clone(), self.agent.clone(), self.owner.clone()]
    }

    async fn reserve(&self, units: u64) -> Result<TransactionId, StoreError> {
        let (id, keys) = (transaction(), self.keys());
        let unit = async move |tx: &mut Tx| {
            let mut accounts = ledger::load(tx, keys.clone(), Now::at(T)).await?;
            accounts.reserve(&id, &keys, amount(units), T)?;
            accounts.write(tx).await?;
            Ok(id.clone())
        };
        self.database.write(unit).await
    }

    async fn settle(&self, id: &TransactionId, at: Timestamp) -> Result<Moved, StoreError> {
        let id = id.clone();
        self.database
            .write(async move |tx| ledger::settle(tx, &id, at).await)
            .await
    }

    async fn settle_signer(&self, id: &TransactionId, at: Timestamp) -> Result<Moved, StoreError> {
        let id = id.clone();
        let signer = |key: &AccountKey| matches!(key, AccountKey::Signer { .. });
        self.database
            .write(async move |tx| ledger::settle_accounts(tx, &id, signer, at).await)
            .await
    }

    async fn release(&self, id: &TransactionId, proof: Proof) -> Result<Moved, StoreError> {
        let id = id.clone();
        self.database
            .write(async move |tx| ledger::release(tx, &id, &proof).await)
            .await
    }

    async fn used(&self, key: &AccountKey, now: Timestamp) -> [u64; 3] {
        let usage = ledger::usage(&mut self.database.read(), std::slice::from_ref(key), Now::at(now))
            .await
            .unwrap();
        Window::ALL
            .iter()
            .map(|window| usage[key].of(*window).units())
            .collect::<Vec<_>>()
            .try_into()
            .unwrap()
    }

    async fn frees_at(&self, window: Window, over_by: u64, now: Timestamp) -> Option<Timestamp> {
        ledger::frees_at(&mut self.database.read(), &self.agent, window, over_by, Now::at(now))
            .await
            .unwrap()
    }
}

fn expired() -> Proof {
    let said = OperatorEvidence {
        operator: "local".to_owned(),
        finalized_height: 133,
        signature_seen: false,
    };
    Proof::Expired(ExpiredProof::new(100, &[said], 1).unwrap())
}

pub(crate) async fn money_is_reserved_then_settled_and_then_leaves_the_windows(place: &TestDatabase) {
    let purse = Purse::open(place).await;
    let id = purse.reserve(7).await.unwrap();
    let months = T.plus(Seconds(90 * 86_400));
    assert_eq!(
        purse.used(&purse.agent, months).await,
        [7, 7, 7],
        "unknown is spent, however long it takes"
    );
    assert_eq!(purse.frees_at(Window::Day, 7, months).await, None);

    assert_eq!(purse.settle(&id, T).await.unwrap(), Moved::Now);
    for key in purse.keys() {
        let end = |window| leaves_at(T, window);
        assert_eq!(purse.used(&key, T).await, [7, 7, 7]);
        assert_eq!(purse.used(&key, end(Window::Day).plus_millis(-1)).await, [7, 7, 7]);
        assert_eq!(purse.used(&key, end(Window::Day)).await, [0, 7, 7]);
        assert_eq!(purse.used(&key, end(Window::Week).plus_millis(-1)).await, [0, 7, 7]);
        assert_eq!(purse.used(&key, end(Window::Week)).await, [0, 0, 7]);
        assert_eq!(purse.used(&key, end(Window::Month).plus_millis(-1)).await, [0, 0, 7]);
        assert_eq!(purse.used(&key, end(Window::Month)).await, [0, 0, 0]);
    }
    for window in Window::ALL {
        assert_eq!(purse.frees_at(*window, 0, T).await, Some(T));
        assert_eq!(purse.frees_at(*window, 7, T).await, Some(leaves_at(T, *window)));
        assert_eq!(purse.frees_at(*window, 8, T).await, None);
        assert_eq!(purse.frees_at(*window, u64::MAX, T).await, None);
    }
}

pub(crate) async fn released_money_can_be_spent_again(place: &TestDatabase) {
    let purse = Purse::open(place).await;
    let id = purse.reserve(7).await.unwrap();
    assert_eq!(purse.release(&id, Proof::NeverSigned).await.unwrap(), Moved::Now);
    for key in purse.keys() {
        assert_eq!(purse.used(&key, T).await, [0, 0, 0]);
    }
    let sql = Sql::new("SELECT DISTINCT state, proof FROM reservation_accounts");
    let rows = purse.database.read().fetch_all(sql).await.unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(
        rows[0].get::<ReservationState>("state").unwrap(),
        ReservationState::Released
    );
    assert_eq!(rows[0].get::<String>("proof").unwrap(), "never signed");
}

pub(crate) async fn a_reservation_ends_once_and_asking_again_is_harmless(place: &TestDatabase) {
    let purse = Purse::open(place).await;
    let (spent, freed) = (purse.reserve(7).await.unwrap(), purse.reserve(5).await.unwrap());
    assert_eq!(purse.settle(&spent, T).await.unwrap(), Moved::Now);
    assert_eq!(purse.settle(&spent, T.plus(Seconds(9))).await.unwrap(), Moved::Before);
    assert_eq!(purse.release(&freed, Proof::NeverSigned).await.unwrap(), Moved::Now);
    assert_eq!(purse.release(&freed, expired()).await.unwrap(), Moved::Before);
    let entries = Sql::new("SELECT COUNT(*) AS n FROM ledger_entries");
    assert_eq!(number(&purse.database, entries).await, 3, "one per account");

    let settled = purse.release(&spent, Proof::NeverSigned).await;
    assert!(matches!(
        settled,
        Err(StoreError::Ledger(LedgerError::Final(ReservationState::Settled)))
    ));
    let released = purse.settle(&freed, T).await;
    assert!(matches!(
        released,
        Err(StoreError::Ledger(LedgerError::Final(ReservationState::Released)))
    ));
    assert_eq!(purse.used(&purse.agent, T).await, [7, 7, 7]);
}

pub(crate) async fn an_unknown_reservation_is_missing_and_a_known_id_a_conflict(place: &TestDatabase) {
    let purse = Purse::open(place).await;
    assert!(matches!(
        purse.settle(&transaction(), T).await,
        Err(StoreError::Missing)
    ));
    assert!(matches!(
        purse.release(&transaction(), Proof::NeverSigned).await,
        Err(StoreError::Missing)
    ));

    let (id, key) = (purse.reserve(1).await.unwrap(), purse.agent.clone());
    let again = async move |tx: &mut Tx| {
        let mut accounts = ledger::load(tx, [key.clone()], Now::at(T)).await?;
        accounts.reserve(&id, std::slice::from_ref(&key), amount(1), T)?;
        accounts.write(tx).await
    };
    assert!(matches!(
        purse.database.write(again).await,
        Err(StoreError::Conflict(_))
    ));
    assert_eq!(purse.used(&purse.agent, T).await, [1, 1, 1]);
}

pub(crate) async fn what_the_signer_signed_stays_spent_there_when_the_rest_is_released(place: &TestDatabase) {
    let purse = Purse::open(place).await;
    let id = purse.reserve(7).await.unwrap();
    let margin = T.plus(Seconds(300));
    let refused = purse.release(&id, expired()).await;
    assert!(
        matches!(refused, Err(StoreError::Ledger(LedgerError::SignedCounts))),
        "it was signed, so it counts there"
    );
    assert_eq!(
        purse.used(&purse.agent, T).await,
        [7, 7, 7],
        "and nothing was released by halves"
    );

    assert_eq!(purse.settle_signer(&id, margin).await.unwrap(), Moved::Now);
    assert_eq!(purse.settle_signer(&id, margin).await.unwrap(), Moved::Before);
    assert_eq!(purse.release(&id, expired()).await.unwrap(), Moved::Now);
    assert_eq!(purse.release(&id, expired()).await.unwrap(), Moved::Before);
    assert_eq!(purse.used(&purse.agent, T).await, [0, 0, 0]);
    assert_eq!(purse.used(&purse.owner, T).await, [0, 0, 0]);
    assert_eq!(
        purse
            .used(&purse.signer, leaves_at(margin, Window::Day).plus_millis(-1))
            .await,
        [7, 7, 7]
    );
    assert_eq!(
        purse.used(&purse.signer, leaves_at(margin, Window::Day)).await,
        [0, 7, 7]
    );
    assert!(matches!(
        purse.settle(&id, T).await,
        Err(StoreError::Ledger(LedgerError::Final(_)))
    ));

    // The usual way: signed, then seen on chain.
    let id = purse.reserve(2).await.unwrap();
    purse.settle_signer(&id, margin).await.unwrap();
    assert_eq!(purse.settle(&id, T).await.unwrap(), Moved::Now);
    assert_eq!(purse.settle(&id, T).await.unwrap(), Moved::Before);
    assert_eq!(purse.used(&purse.signer, T).await, [9, 9, 9], "not counted twice");
}

pub(crate) async fn a_reservation_counts_in_every_account_or_in_none(place: &TestDatabase) {
    let purse = Purse::open(place).await;
    let stranger = AccountKey::Agent {
        agent: agent(),
        asset: Asset::Sol,
    };
    let (keys, agent) = (purse.keys(), purse.agent.clone());
    let unit = async move |tx: &mut Tx| {
        let mut accounts = ledger::load(tx, keys.clone(), Now::at(T)).await?;
        let none = accounts.reserve(&transaction(), &[], amount(1), T);
        assert!(matches!(none, Err(StoreError::Ledger(LedgerError::NoAccount))));
        let unknown = accounts.reserve(&transaction(), &[agent.clone(), stranger.clone()], amount(1), T);
        assert!(matches!(unknown, Err(StoreError::NotLoaded(key)) if *key == stranger));
        assert!(matches!(accounts.usage(&stranger), Err(StoreError::NotLoaded(_))));
        assert_eq!(
            accounts.usage(&agent)?,
            WindowUse::default(),
            "nothing was reserved by halves"
        );
        accounts.reserve(&transaction(), &[agent.clone(), agent.clone()], amount(1), T)?;
        assert_eq!(accounts.usage(&agent)?.day.units(), 1, "named twice, counted once");
        accounts.write(tx).await
    };
    purse.database.write(unit).await.unwrap();
    assert_eq!(purse.used(&purse.agent, T).await, [1, 1, 1]);
    assert_eq!(purse.used(&purse.owner, T).await, [0, 0, 0]);
}

/// One node settles a spend that is two days old while another waits for the account. What the other then sees has to
/// be of one piece: with the entry in the total, and with it before the window.
pub(crate) async fn the_sums_are_read_under_the_lock(place: &TestDatabase) {
    let purse = Purse::open(place).await;
    let id = purse.reserve(7).await.unwrap();
    let two_days_on = Now::at(T.plus(Seconds(2 * 86_400)));
    let other = place.open().await.unwrap();

    let settling = id.clone();
    let (gate, ready) = (tokio::sync::Semaphore::new(0), tokio::sync::Semaphore::new(0));
    let (gate, ready) = (std::sync::Arc::new(gate), std::sync::Arc::new(ready));
    let first = {
        let (database, gate, ready) = (purse.database.clone(), gate.clone(), ready.clone());
        tokio::spawn(async move {
            let unit = async move |tx: &mut Tx| {
                ledger::settle(tx, &settling, T).await?;
                ready.add_permits(1);
                let _ = gate.acquire().await;
                Ok::<_, StoreError>(())
            };
            database.write(unit).await
        })
    };
    let _ready = ready.acquire().await.unwrap();
    let key = purse.agent.clone();
    let second = tokio::spawn(async move {
        let unit = async move |tx: &mut Tx| {
            let accounts = ledger::load(tx, [key.clone()], two_days_on).await?;
            accounts.usage(&key)
        };
        other.write(unit).await
    });
    // Long enough for the second node to stand before the lock; were it late, the fact would hold all the same.
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    gate.add_permits(1);
    first.await.unwrap().unwrap();
    let used = second.await.unwrap().unwrap();
    assert_eq!([used.day.units(), used.week.units(), used.month.units()], [0, 7, 7]);
}

/// One node is between deciding and writing when another settles (or releases) an older spend of the same accounts.
pub(crate) async fn a_spend_ends_on_one_node_while_another_reserves_and_nothing_is_lost(place: &TestDatabase) {
    let purse = Purse::open(place).await;
    let other = purse.on(place).await;
    for release in [false, true] {
        let used = purse.used(&purse.agent, T).await[0];
        let old = purse.reserve(7).await.unwrap();
        let decided = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
        let reserving = {
            let (database, keys, decided) = (purse.database.clone(), purse.keys(), decided.clone());
            tokio::spawn(async move {
                let id = transaction();
                let unit = async move |tx: &mut Tx| {
                    let mut accounts = ledger::load(tx, keys.clone(), Now::at(T)).await?;
                    accounts.reserve(&id, &keys, amount(5), T)?;
                    decided.add_permits(1);
                    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
                    accounts.write(tx).await
                };
                database.write(unit).await
            })
        };
        let _decided = decided.acquire().await.unwrap();
        let (moved, counts) = if release {
            (other.release(&old, Proof::NeverSigned).await, 5)
        } else {
            (other.settle(&old, T).await, 7 + 5)
        };
        assert_eq!(moved.unwrap(), Moved::Now);
        reserving.await.unwrap().unwrap();
        assert_eq!(purse.used(&purse.agent, T).await[0], used + counts);
    }
}

pub(crate) async fn usage_shows_what_a_decision_would_see(place: &TestDatabase) {
    let purse = Purse::open(place).await;
    let now = Now::at(T);
    let keys = purse.keys();
    let empty = ledger::usage(&mut purse.database.read(), &keys, now).await.unwrap();
    assert_eq!(empty.len(), 3);
    assert!(empty.values().all(|used| *used == WindowUse::default()));
    assert_eq!(
        number(&purse.database, Sql::new("SELECT COUNT(*) AS n FROM ledger_accounts")).await,
        0,
        "showing makes nothing"
    );

    let id = purse.reserve(3).await.unwrap();
    purse.reserve(4).await.unwrap();
    purse.settle(&id, T).await.unwrap();
    let shown = ledger::usage(&mut purse.database.read(), &keys, now).await.unwrap();
    let unit = async move |tx: &mut Tx| {
        let accounts = ledger::load(tx, keys.clone(), now).await?;
        keys.iter()
            .map(|key| Ok((key.clone(), accounts.usage(key)?)))
            .collect::<Result<BTreeMap<_, _>, StoreError>>()
    };
    assert_eq!(purse.database.write(unit).await.unwrap(), shown);
    assert_eq!(shown[&purse.agent].day.units(), 7);
}

pub(crate) async fn an_account_is_full_at_two_to_the_63_minus_one(place: &TestDatabase) {
    let purse = Purse::open(place).await;
    let all = Amount::new(MAX).unwrap();
    let id = purse.reserve(all.units()).await.unwrap();
    purse.settle(&id, T).await.unwrap();
    assert_eq!(purse.used(&purse.agent, T).await, [MAX, MAX, MAX]);
    let plug = Plug::insert(&purse.database).await;
    let more = begin(purse.reserve(1));
    plug.pull().await;
    assert!(matches!(more.await, Err(StoreError::Ledger(LedgerError::Overflow))));
    assert_eq!(
        purse.frees_at(Window::Day, MAX, T).await,
        Some(leaves_at(T, Window::Day))
    );
}
