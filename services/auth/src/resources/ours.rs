//! Our own resource servers: written when a process starts, as it is configured and as this program has them.
//!
//! What must stay true: scopes and roles that a newer program wrote are not written over by an older one, in whatever order
//! they start; whoever has to go because one of ours comes is named in the audit log and to whoever called, with the reason.

use {
    crate::{
        oauth::RecentOauth,
        resources::{
            new::NewServer,
            rows::{self, Place, Why},
            server::ResourceServer,
        },
    },
    portreeve_kernel::{Clock, ResourceServerId, Scope, ScopeSet, Timestamp},
    portreeve_store::{Fetch, Sql, StoreError, Tx},
    serde_json::json,
};

/// Which built-in scopes and roles these are: to be raised by one whenever what [`NewServer::wallet`] and
/// [`NewServer::vault`] bring along changes. A row by a higher number was written by a newer program.
pub(crate) const REVISION: i64 = 1;

/// Who registers ours, for the audit log.
const SERVE: &str = "serve";

/// What came of registering one of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settled {
    /// What others had registered and is removed, and why.
    pub(crate) removed: Vec<(ResourceServerId, String, Why)>,
    /// By which revision a newer program wrote what was left as it is.
    pub(crate) newer: Option<i64>,
}

impl Settled {
    /// Says in the log what whoever started this process did not ask for.
    pub(super) fn tell(&self, own: &'static str) {
        for (id, resource, why) in &self.removed {
            let scopes: ScopeSet = why.scopes().iter().cloned().collect();
            tracing::warn!(
                resource_server.id = %id, resource_server.resource = %resource, why = why.as_str(), %scopes,
                "a registered resource server was removed, with the grants for it and the client that it asks by: \
                 our own `{own}` is at its address, or has these scopes"
            );
        }
        if let Some(newer) = self.newer {
            tracing::warn!(
                revision.ours = REVISION,
                revision.theirs = newer,
                "the scopes of `{own}` are left as a newer program wrote them; what it added is given to nobody here"
            );
        }
    }
}

/// The row of one of ours.
struct Written {
    id: ResourceServerId,
    revision: i64,
}

/// Has `own` be what it is configured to be today.
pub(super) async fn register(
    tx: &mut Tx,
    (id, new): (&ResourceServerId, &NewServer),
    own: &'static str,
    recent: &RecentOauth,
    clock: &dyn Clock,
) -> Result<Settled, StoreError> {
    let mut removed = Vec::new();
    loop {
        let written = lock(tx, own).await?;
        let there = rows::all(tx).await?;
        // After the look: what it did not find had its tokens until then.
        let at = clock.now().for_expiry();
        let newer = written.as_ref().map(|row| row.revision).filter(|of| *of > REVISION);
        let is_other = |server: &&ResourceServer| written.as_ref().is_none_or(|row| row.id != server.id);
        for stranger in there.iter().filter(is_other) {
            let Some(why) = in_the_way(stranger, new, newer.is_some()) else {
                continue;
            };
            rows::remove(tx, stranger, recent, at, (&why, SERVE)).await?;
            removed.push((stranger.id.clone(), stranger.resource.to_string(), why));
        }
        let old = written.and_then(|row| there.iter().find(|server| server.id == row.id).zip(Some(row.revision)));
        if let Some((old, revision)) = old {
            match newer {
                Some(_) => move_to(tx, old, new, at).await?,
                None => renew(tx, (old, revision), new, at).await?,
            }
            return Ok(Settled { removed, newer });
        }
        let place = Place::Ours(own, REVISION);
        if rows::insert(tx, (id, new), place, at, SERVE).await?.is_some() {
            return Ok(Settled { removed, newer });
        }
        // Another node was faster, and may be an older program: what it wrote is seen now.
    }
}

async fn lock(tx: &mut Tx, own: &'static str) -> Result<Option<Written>, StoreError> {
    let sql = Sql::new("SELECT id, revision FROM resource_servers WHERE own = $1 AND removed_at IS NULL");
    let row = tx.fetch_optional(sql.bind(own).for_update()).await?;
    row.map(|row| {
        Ok(Written {
            id: row.get("id")?,
            revision: row.get("revision")?,
        })
    })
    .transpose()
}

/// Why `stranger` cannot stay beside `new`: whoever is at our own address, or has a scope of ours, is us, whatever somebody
/// registered before that was ours. An older program does not know which scopes are ours now.
fn in_the_way(stranger: &ResourceServer, new: &NewServer, is_older: bool) -> Option<Why> {
    if stranger.resource == new.resource {
        return Some(Why::OurAddress);
    }
    if stranger.is_ours() || is_older {
        return None;
    }
    let has = |scope: &&Scope| stranger.scopes.contains_key(*scope);
    let scopes: Vec<Scope> = new.scopes.keys().filter(has).cloned().collect();
    (!scopes.is_empty()).then_some(Why::OurScopes(scopes))
}

/// Has one of ours be called what it is called today. What was granted for another address of it stays, and is good again
/// when it is called so again.
async fn move_to(tx: &mut Tx, old: &ResourceServer, new: &NewServer, at: Timestamp) -> Result<(), StoreError> {
    if old.resource == new.resource {
        return Ok(());
    }
    let update = Sql::new("UPDATE resource_servers SET resource = $1 WHERE id = $2");
    tx.execute(update.bind(new.resource.as_str()).bind(&old.id)).await?;
    let data = json!({"from": old.resource, "to": new.resource, "scopes": old.scopes.keys().collect::<Vec<_>>()});
    tx.audit(rows::told(&old.id, None, at, ("resource_server.changed", SERVE), data));
    Ok(())
}

/// The same, and has it bring along what this program has.
async fn renew(
    tx: &mut Tx,
    (old, revision): (&ResourceServer, i64),
    new: &NewServer,
    at: Timestamp,
) -> Result<(), StoreError> {
    let is_same =
        (&old.resource, &old.name, &old.scopes, &old.roles) == (&new.resource, &new.name, &new.scopes, &new.roles);
    if is_same && revision == REVISION {
        return Ok(());
    }
    let update = Sql::new("UPDATE resource_servers SET resource = $1, name = $2, revision = $3 WHERE id = $4");
    let update = update.bind(new.resource.as_str()).bind(new.name.as_str());
    tx.execute(update.bind(REVISION).bind(&old.id)).await?;
    for table in [
        "DELETE FROM resource_scopes WHERE server_id = $1",
        "DELETE FROM resource_roles WHERE server_id = $1",
    ] {
        tx.execute(Sql::new(table).bind(&old.id)).await?;
    }
    rows::bring_along(tx, &old.id, new).await?;
    let data = json!({
        "from": old.resource, "to": new.resource, "scopes": new.scopes.keys().collect::<Vec<_>>(),
        "revision": REVISION, "before": revision,
    });
    tx.audit(rows::told(&old.id, None, at, ("resource_server.changed", SERVE), data));
    Ok(())
}

#[cfg(test)]
mod tests {
    use {
        super::*,
        sha2::{Digest, Sha256},
        std::fmt::Write,
    };

    /// What each revision wrote, the first first. Nothing here is ever changed; the next one is added.
    const KNOWN: &[&str] = &["dc2b597404ecfd89"];

    /// All of what stands in the rows but the address.
    fn told() -> String {
        let origin = "https://portreeve.test".parse().unwrap();
        let mut told = String::new();
        for server in [NewServer::wallet(&origin), NewServer::vault(&origin)] {
            writeln!(told, "{}", server.name).unwrap();
            for (scope, own) in &server.scopes {
                writeln!(told, "{scope} {} {}", own.is_default, own.words).unwrap();
            }
            for (role, own) in &server.roles {
                writeln!(told, "{role} {} {}", own.bypass, own.scopes).unwrap();
            }
        }
        told
    }

    #[test]
    fn the_revision_is_raised_with_what_ours_bring_along() {
        let now: String = Sha256::digest(told())
            .iter()
            .take(8)
            .fold(String::new(), |mut text, byte| {
                write!(text, "{byte:02x}").unwrap();
                text
            });
        let last = KNOWN.last().copied();
        assert_eq!(
            last,
            Some(now.as_str()),
            "raise REVISION and add `{now}` to KNOWN, for:\n{}",
            told()
        );
        assert_eq!(
            i64::try_from(KNOWN.len()).unwrap(),
            REVISION,
            "one number for each that was ever written"
        );
    }
}
