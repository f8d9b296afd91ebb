//! The database behind the server, read as an auditor does.

use {
    super::Estate,
    crate::house::House,
    portreeve_kernel::{AgentId, Asset, Now, Timestamp},
    portreeve_ledger::AccountKey,
    portreeve_store::{
        Database, Fetch, Row, Sql, StoreError, Tx,
        audit::{self, AuditRow, Query},
        ledger,
    },
    serde_json::json,
    std::collections::BTreeMap,
    tokio::runtime::Runtime,
};

/// An open database and what drives it.
pub struct Books {
    runtime: Runtime,
    database: Database,
}

impl Estate {
    /// The books of this house; the server may be running.
    pub fn books(&self) -> Books {
        Books::of(&self.house)
    }

    /// Lamports that count against the day's limit: by the server's account alone, and by its mirror of the signer's.
    pub fn booked_today(&self, agent: &AgentId) -> (u64, u64) {
        let seconds = self.house.chain.call("localnet_clock", &json!([]))["unixTimestamp"]
            .as_i64()
            .unwrap();
        self.books().day(agent, Timestamp::from_seconds(seconds))
    }
}

impl Books {
    /// Those of `house`; the server may be running.
    pub fn of(house: &House) -> Self {
        let runtime = Runtime::new().unwrap();
        let url = format!("sqlite://{}?mode=rw", house.home().join("portreeve.db").display());
        let schemas = [portreeve_jobs::SCHEMA, portreeve_auth::SCHEMA, portreeve_wallet::SCHEMA];
        let database = runtime.block_on(Database::open(&url, &schemas)).unwrap();
        Self { runtime, database }
    }

    fn day(&self, agent: &AgentId, at: Timestamp) -> (u64, u64) {
        let (agent, asset) = (agent.clone(), Asset::Sol);
        let server = AccountKey::Agent {
            agent: agent.clone(),
            asset,
        };
        let signer = AccountKey::Signer { agent, asset };
        let keys = [server, signer];
        let read = &mut self.database.read();
        let used = self.runtime.block_on(ledger::usage(read, &keys, Now::at(at))).unwrap();
        let of = |key: &AccountKey| used.get(key).unwrap().day.units();
        let [server, signer] = &keys;
        (of(server), of(signer))
    }

    /// Writes past the server, which nobody should.
    pub fn write<T, F>(&self, work: F) -> T
    where
        F: AsyncFn(&mut Tx) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        self.runtime.block_on(self.database.write(work)).unwrap()
    }

    /// How many rows each table has that tells what was asked and decided. Two tables are left out that change by
    /// themselves: background work, and when keys were used.
    pub fn sizes(&self) -> BTreeMap<String, u64> {
        let sql = Sql::new(
            "SELECT 'agents' AS name, COUNT(*) AS size FROM agents UNION ALL \
             SELECT 'policies', COUNT(*) FROM policies UNION ALL \
             SELECT 'transactions', COUNT(*) FROM transactions UNION ALL \
             SELECT 'api_keys', COUNT(*) FROM api_keys UNION ALL \
             SELECT 'oauth_clients', COUNT(*) FROM oauth_clients UNION ALL \
             SELECT 'oauth_grants', COUNT(*) FROM oauth_grants UNION ALL \
             SELECT 'ledger_accounts', COUNT(*) FROM ledger_accounts UNION ALL \
             SELECT 'ledger_entries', COUNT(*) FROM ledger_entries UNION ALL \
             SELECT 'reservations', COUNT(*) FROM reservations UNION ALL \
             SELECT 'audit_log', COUNT(*) FROM audit_log UNION ALL \
             SELECT 'outbox', COUNT(*) FROM outbox",
        );
        let read = &mut self.database.read();
        let rows = self.runtime.block_on(read.fetch_all(sql)).unwrap();
        let pair = |row: &Row| (row.get("name").unwrap(), row.get("size").unwrap());
        rows.iter().map(pair).collect()
    }

    /// Every entry of the audit log, oldest first, once it is shown to be one chain.
    pub fn audit(&self) -> Vec<AuditRow> {
        let read = &mut self.database.read();
        let head = self.runtime.block_on(audit::verify_chain(read)).unwrap();
        let mut all = Vec::new();
        let mut before = None;
        loop {
            let query = Query {
                owner: None,
                before,
                limit: 1000,
            };
            let page = self.runtime.block_on(audit::page(read, &query)).unwrap();
            let Some(last) = page.last() else { break };
            before = Some(last.seq);
            all.extend(page);
        }
        all.reverse();
        assert!(u64::try_from(all.len()).unwrap() >= head.size);
        all
    }
}
