//! Reads the facts: the database page by page, the chain's record of every vault, the signer's word on every payment.

use {
    crate::{
        facts::{Account, Booking, Books, Entry, Facts, Landed, OnChain, Payment, Reservation, Signed},
        world::{UNIT, World},
    },
    portreeve_house::{estate::Agent, house::SignerClient},
    portreeve_kernel::{Asset, Timestamp, TransactionId},
    portreeve_signing::{
        Refusal,
        protocol::{Answer, Request},
    },
    portreeve_store::{Database, Fetch, Row, Sql, StoreError, audit},
    portreeve_wallet::Stage,
    serde_json::{Value, json},
    std::collections::BTreeMap,
};

/// Rows of one read.
const PAGE: i64 = 4000;

/// Characters of a payment's id.
const TRANSACTION_ID: usize = 29;

/// How far the one agent is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Payments of anybody that are neither done nor dead.
    pub open: u64,
    /// Units that the one agent has settled, or signed in vain.
    pub spent: u64,
}

/// Everything. The servers may be running, and should have nothing to do.
pub fn facts(world: &World) -> Facts {
    let books = world.runtime.block_on(books(&world.database)).unwrap();
    let chain = world.agents.iter().map(|agent| on_chain(world, agent)).collect();
    let signer = world.agents.iter().map(|agent| signed(world, agent, &books)).collect();
    Facts {
        agents: world.facts.clone(),
        unit: UNIT,
        books,
        chain,
        signer,
    }
}

/// How far the drain is.
pub fn progress(world: &World) -> Result<Progress, StoreError> {
    let agent = world.facts[0].id.clone();
    world.runtime.block_on(async {
        let mut read = world.database.read();
        let open =
            Sql::new("SELECT COUNT(*) AS n FROM transactions WHERE stage IN ('RESERVED', 'SIGNING', 'SUBMITTED')");
        let spent = Sql::new(
            "SELECT COUNT(*) AS n FROM transactions WHERE agent_id = $1 AND (stage = 'FINALIZED' \
             OR (signature IS NOT NULL AND stage <> 'SUBMITTED'))",
        );
        let open = read.fetch_one(open).await?.get("n")?;
        let spent = read.fetch_one(spent.bind(agent.as_str())).await?.get("n")?;
        Ok(Progress { open, spent })
    })
}

async fn books(database: &Database) -> Result<Books, StoreError> {
    let payments = pages(
        database,
        |after: &Option<String>| {
            Sql::new(
                "SELECT id, agent_id, idempotency_key, amount, stage, code, signature FROM transactions \
                 WHERE id > $1 ORDER BY id LIMIT $2",
            )
            .bind(after.clone().unwrap_or_default().as_str())
            .bind(PAGE)
        },
        payment,
        |one| Some(one.id.clone()),
    );
    let entries = pages(
        database,
        |after: &Option<i64>| {
            Sql::new(
                "SELECT seq, at, kind, subject, data FROM audit_log WHERE kind LIKE 'transaction.%' AND seq > $1 \
                 ORDER BY seq LIMIT $2",
            )
            .bind(after.unwrap_or(-1))
            .bind(PAGE)
        },
        entry,
        |one| i64::try_from(one.seq).ok(),
    );
    let reservations = pages(
        database,
        |after: &Option<(String, String)>| {
            let (payment, account) = after.clone().unwrap_or_default();
            Sql::new(
                "SELECT p.reservation, p.account, p.state, r.amount FROM reservation_accounts p \
                 JOIN reservations r ON r.id = p.reservation WHERE p.reservation > $1 \
                 OR (p.reservation = $1 AND p.account > $3) ORDER BY p.reservation, p.account LIMIT $2",
            )
            .bind(payment.as_str())
            .bind(PAGE)
            .bind(account.as_str())
        },
        reservation,
        |one| Some((one.payment.clone(), one.account.clone())),
    );
    let bookings = pages(
        database,
        |after: &Option<(String, i64)>| {
            let (account, seq) = after.clone().unwrap_or((String::new(), -1));
            Sql::new(
                "SELECT account, seq, reservation, settled_at, amount, running_total FROM ledger_entries \
                 WHERE account > $1 OR (account = $1 AND seq > $3) ORDER BY account, seq LIMIT $2",
            )
            .bind(account.as_str())
            .bind(PAGE)
            .bind(seq)
        },
        booking,
        |one| Some((one.account.clone(), i64::try_from(one.seq).ok()?)),
    );
    let mut read = database.read();
    let accounts = Sql::new("SELECT id, settled_total, pending, next_seq FROM ledger_accounts");
    let accounts = read.fetch_all(accounts).await?;
    let (audit_size, audit_broken) = match audit::verify_chain(&mut read).await {
        Ok(head) => (head.size, None),
        Err(error) => (0, Some(error.to_string())),
    };
    Ok(Books {
        payments: payments.await?,
        entries: entries.await?,
        audit_size,
        audit_broken,
        reservations: reservations.await?,
        accounts: accounts.iter().map(account).collect::<Result<_, _>>()?,
        bookings: bookings.await?,
    })
}

/// Reads page after page, each after the last row of the one before.
async fn pages<T, After>(
    database: &Database,
    sql: impl Fn(&Option<After>) -> Sql,
    read: impl Fn(&Row) -> Result<T, StoreError>,
    last: impl Fn(&T) -> Option<After>,
) -> Result<Vec<T>, StoreError> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let rows = database.read().fetch_all(sql(&after)).await?;
        let Some(row) = rows.last() else { return Ok(all) };
        after = last(&read(row)?);
        for row in &rows {
            all.push(read(row)?);
        }
    }
}

fn payment(row: &Row) -> Result<Payment, StoreError> {
    let stage: Stage = row.parsed("stage")?.ok_or(StoreError::Missing)?;
    Ok(Payment {
        id: row.get("id")?,
        agent: row.get("agent_id")?,
        key: row.get("idempotency_key")?,
        lamports: row.get("amount")?,
        stage: stage.as_str().to_owned(),
        status: stage.status().as_str().to_owned(),
        code: row.get_optional("code")?,
        signature: row.get_optional("signature")?,
    })
}

fn entry(row: &Row) -> Result<Entry, StoreError> {
    let data: Value = row.json("data")?;
    let landed: Option<Timestamp> = serde_json::from_value(data["confirmedAt"].clone()).ok();
    Ok(Entry {
        seq: row.get("seq")?,
        at: row.get("at")?,
        kind: row.get("kind")?,
        payment: row.get("subject")?,
        landed_at: landed.map(Timestamp::millis),
    })
}

fn reservation(row: &Row) -> Result<Reservation, StoreError> {
    Ok(Reservation {
        payment: row.get("reservation")?,
        account: row.get("account")?,
        state: row.get("state")?,
        lamports: row.get("amount")?,
    })
}

fn booking(row: &Row) -> Result<Booking, StoreError> {
    Ok(Booking {
        account: row.get("account")?,
        seq: row.get("seq")?,
        payment: row.get("reservation")?,
        at: row.get("settled_at")?,
        lamports: row.get("amount")?,
        running: row.get("running_total")?,
    })
}

fn account(row: &Row) -> Result<Account, StoreError> {
    Ok(Account {
        id: row.get("id")?,
        settled: row.get("settled_total")?,
        pending: row.get("pending")?,
        next_seq: row.get("next_seq")?,
    })
}

/// Every transaction that the chain has finalized and that touched the agent's vault after the first funding.
fn on_chain(world: &World, agent: &Agent) -> OnChain {
    let vault = agent.vault();
    let mut landed = Vec::new();
    let mut before = Value::Null;
    loop {
        let page = world.chain(
            "getSignaturesForAddress",
            &json!([vault, {"before": before, "commitment": "finalized"}]),
        );
        let rows = page.as_array().unwrap();
        let Some(last) = rows.last() else { break };
        before = last["signature"].clone();
        landed.extend(rows.iter().filter_map(|row| one_landed(world, &vault, row)));
    }
    OnChain {
        landed,
        vault: world.estate.house.chain.balance(&vault),
    }
}

/// `None` for what only puts money into the vault, or builds it.
fn one_landed(world: &World, vault: &str, row: &Value) -> Option<Landed> {
    let signature = row["signature"].as_str().unwrap();
    let config = json!({"encoding": "json", "commitment": "finalized", "maxSupportedTransactionVersion": 0});
    let whole = world.chain("getTransaction", &json!([signature, config]));
    let message = &whole["transaction"]["message"];
    let place = message["accountKeys"]
        .as_array()
        .unwrap()
        .iter()
        .position(|key| key == vault)?;
    let lamports = |which: &str| i128::from(whole["meta"][which][place].as_u64().unwrap());
    let payment = message["instructions"]
        .as_array()
        .unwrap()
        .iter()
        .find_map(|one| named_in(one["data"].as_str()?));
    let moved = lamports("preBalances") - lamports("postBalances");
    let failed = !row["err"].is_null();
    (payment.is_some() || moved > 0).then(|| Landed {
        signature: signature.to_owned(),
        payment,
        failed,
        lamports: moved,
    })
}

/// The payment that an instruction's memo names.
fn named_in(data: &str) -> Option<String> {
    let data = bs58::decode(data).into_vec().ok()?;
    let names = data
        .windows(TRANSACTION_ID)
        .filter_map(|part| std::str::from_utf8(part).ok());
    names
        .filter_map(|text| text.parse::<TransactionId>().ok())
        .map(|id| id.to_string())
        .next()
}

/// What the signer has booked for the agent, and of each payment whether it was signed. It is asked to void each: so it
/// says for certain, and for ever.
fn signed(world: &World, agent: &Agent, books: &Books) -> Signed {
    let mut client = world.estate.house.signer_client();
    let headroom = Request::Headroom {
        agent: agent.id.clone(),
        asset: Asset::Sol,
    };
    let lamports = match client.ask(&headroom) {
        Ok(Answer::Headroom(room)) => room.month.units(),
        other => panic!("{other:?}"),
    };
    let own = books
        .payments
        .iter()
        .filter(|payment| payment.agent == agent.id.as_str());
    let (signed, unsigned): (Vec<&Payment>, Vec<&Payment>) = own.partition(|payment| payment.signature.is_some());
    let mut payments = BTreeMap::new();
    for payment in signed {
        let told = void(&mut client, agent, payment);
        payments.insert(
            payment.id.clone(),
            told.unwrap_or_else(|refusal| panic!("{}: {refusal:?}", payment.id)),
        );
    }
    // It gives up only so many a day. Of the rest its sums tell that there is nothing more.
    let mut asked = true;
    for payment in unsigned {
        let told = if asked {
            void(&mut client, agent, payment).ok()
        } else {
            None
        };
        asked = told.is_some();
        payments.insert(payment.id.clone(), told.flatten());
    }
    Signed { lamports, payments }
}

/// The signature of a payment, or that there is none and never will be.
fn void(client: &mut SignerClient, agent: &Agent, payment: &Payment) -> Result<Option<String>, Refusal> {
    let transaction: TransactionId = payment.id.parse().unwrap();
    let agent = agent.id.clone();
    let voided = match client.ask(&Request::VoidSpend { transaction, agent })? {
        Answer::Voided(voided) => voided,
        other => panic!("{}: {other:?}", payment.id),
    };
    // The fee payer's signature is the first, and the transaction's name on chain.
    Ok(voided.signed.map(|spend| spend.signatures[0].signature.to_string()))
}
