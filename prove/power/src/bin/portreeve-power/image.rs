//! A folder that a power cut left, looked at before anything runs on it.

use {
    crate::story::{Held, Payment, Told},
    portreeve_house::house::signer,
    portreeve_kernel::AgentId,
    portreeve_payment::Stage,
    portreeve_signing::{BookedSpend, Event, Record, protocol::KeySignature},
    portreeve_store::{Database, Fetch, Sql, StoreError, audit},
    serde::Deserialize,
    serde_json::Value,
    std::{collections::HashMap, fs, path::Path, process::Command},
    tokio::runtime::Runtime,
};

/// What has to be true of every state.
pub(crate) struct Law<'a> {
    /// What clients were told before the cut.
    pub(crate) told: &'a [Told],
    /// Whose payments are limited.
    pub(crate) payers: &'a [AgentId],
    /// To how much.
    pub(crate) limit: u64,
    /// Since when, in milliseconds.
    pub(crate) since: i64,
    /// Signatures that had left the signer before the cut, by payment.
    pub(crate) left: &'a [(String, String)],
}

/// The signatures that the server had written down by then, on disk or not: all of them had left the signer.
///
/// # Errors
/// What is wrong with the database.
pub(crate) fn signatures(home: &Path) -> Result<Vec<(String, String)>, String> {
    let payments = database(home)?.payments.into_iter();
    Ok(payments
        .filter_map(|payment| Some((payment.id, payment.signature?)))
        .collect())
}

/// A line of the signer's journal, after its seal.
#[derive(Deserialize)]
struct Line {
    record: Record,
}

/// Holds the folder to the law.
///
/// # Errors
/// What is broken.
pub(crate) fn check(home: &Path, law: &Law<'_>) -> Result<(), String> {
    let held = database(home)?;
    held.keeps(law.told)?;
    for agent in law.payers {
        let counting = held.counting(agent, law.since);
        if counting > law.limit {
            return Err(format!("{counting} count against {agent}'s limit of {}", law.limit));
        }
    }
    inspect(home)?;
    let signed = journal(home)?;
    for (id, signature) in law.left {
        let of = signed.get(id);
        let is_it = |one: &KeySignature| one.signature.to_string() == *signature;
        if !of.is_some_and(|spend| spend.signatures.iter().any(is_it)) {
            return Err(format!(
                "{signature} had left the signer for {id}, and it has booked {of:?}"
            ));
        }
    }
    Ok(())
}

/// What the database holds, once it is shown to be whole.
fn database(home: &Path) -> Result<Held, String> {
    let path = home.join("portreeve.db");
    let url = format!("sqlite://{}?mode=rw", path.display());
    let schemas = [portreeve_jobs::SCHEMA, portreeve_auth::SCHEMA, portreeve_wallet::SCHEMA];
    let reading = async {
        let database = Database::open(&url, &schemas).await.map_err(said)?;
        let read = &mut database.read();
        let faults = read
            .fetch_all(Sql::new("SELECT integrity_check AS fault FROM pragma_integrity_check"))
            .await;
        for fault in faults.map_err(said)? {
            let fault: String = fault.get("fault").map_err(said)?;
            if fault != "ok" {
                return Err(format!("the database is not whole: {fault}"));
            }
        }
        audit::verify_chain(read).await.map_err(|error| error.to_string())?;
        let held = held(read).await.map_err(said)?;
        database.close().await;
        Ok(held)
    };
    Runtime::new().unwrap().block_on(reading)
}

async fn held(read: &mut impl Fetch) -> Result<Held, StoreError> {
    let mut held = Held::default();
    let payments =
        Sql::new("SELECT id, agent_id, idempotency_key, amount, stage, signature, created_at FROM transactions");
    for row in read.fetch_all(payments).await? {
        held.payments.push(Payment {
            id: row.get("id")?,
            agent: row.get("agent_id")?,
            key: row.get("idempotency_key")?,
            amount: row.get("amount")?,
            stage: row.parsed::<Stage>("stage")?.ok_or(StoreError::Missing)?,
            signature: row.get_optional("signature")?,
            created_at: row.get("created_at")?,
        });
    }
    let agents = Sql::new(
        "SELECT agents.id, MAX(policies.approved_at) AS approved_at FROM agents \
         LEFT JOIN policies ON policies.agent_id = agents.id GROUP BY agents.id",
    );
    for row in read.fetch_all(agents).await? {
        let approved: Option<i64> = row.get_optional("approved_at")?;
        held.agents.insert(row.get("id")?, approved.is_some());
    }
    Ok(held)
}

/// The signer itself says whether its folder is good.
fn inspect(home: &Path) -> Result<(), String> {
    let mut command = Command::new(signer());
    command.arg("inspect").arg("--dir").arg(home.join("signer"));
    command
        .arg("--passphrase-file")
        .arg(home.join("signer.pass"))
        .arg("--json");
    let output = command.output().unwrap();
    if output.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// What the signer has signed, by payment; each once. It has every key that it has told.
fn journal(home: &Path) -> Result<HashMap<String, BookedSpend>, String> {
    let bytes = fs::read(home.join("signer/journal")).map_err(|error| error.to_string())?;
    let mut signed = HashMap::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        // A torn end was never told to anybody.
        let Some((_, body)) = line.iter().position(|byte| *byte == b' ').map(|at| line.split_at(at)) else {
            break;
        };
        let Ok(Line { record }) = serde_json::from_slice(body) else {
            break;
        };
        match record.event {
            Event::SpendSigned { spend } => {
                let id = spend.transaction.to_string();
                if signed.insert(id.clone(), *spend).is_some() {
                    return Err(format!("the signer signed {id} twice"));
                }
            }
            Event::KeyCreated { agent, key } => {
                let file = home.join("signer/keys").join(format!("{agent}.json"));
                let sealed: Option<Value> = fs::read(&file)
                    .ok()
                    .and_then(|bytes| serde_json::from_slice(&bytes).ok());
                if sealed.is_none_or(|sealed| sealed["publicKey"] != key.to_string()) {
                    return Err(format!("the signer has told the key of {agent}, and has lost it"));
                }
            }
            _ => {}
        }
    }
    Ok(signed)
}

fn said(error: StoreError) -> String {
    error.to_string()
}
