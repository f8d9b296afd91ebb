//! Resource servers as the database has them: read, registered, removed.
//!
//! What must stay true: whoever registers one, ours or a third party's, does it by [`insert`]; nodes that register the same
//! at once meet at its indexes, and one of them wins; and what lives by a server ends in the commit that removes it.

use {
    crate::{
        oauth::{
            RecentOauth,
            grants::{self, Ended},
        },
        resources::{
            new::NewServer,
            server::{OwnRole, OwnScope, ResourceServer, Tenant},
            taken::{self, Taken},
        },
    },
    portreeve_kernel::{Clock, ResourceServerId, Role, Scope, Timestamp},
    portreeve_oauth::Resource,
    portreeve_store::{AuditEntry, Bind, Fetch, Row, Sql, StoreError, Tx},
    serde_json::{Value, json},
    std::collections::HashMap,
};

/// The one of ours that is meant when a request names none.
pub(crate) const DEFAULT: &str = "wallet";

/// The one of ours that is there only where a vault is served.
pub(crate) const VAULT: &str = "vault";

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Registered {
    /// It is there, and what was made for it from this moment on is its own.
    There(Timestamp),
    /// It cannot be, because of others.
    Not(Taken),
}

/// All that are registered, the default first.
pub(crate) async fn all(from: &mut (impl Fetch + Send)) -> Result<Vec<ResourceServer>, StoreError> {
    let live = Sql::new("SELECT * FROM resource_servers WHERE removed_at IS NULL ORDER BY position, id");
    let rows = from.fetch_all(live).await?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let servers: Vec<ResourceServer> = rows.iter().map(read).collect::<Result<_, _>>()?;
    let scopes =
        "SELECT s.* FROM resource_scopes s JOIN resource_servers r ON r.id = s.server_id WHERE r.removed_at IS NULL";
    let scopes = from.fetch_all(Sql::new(scopes)).await?;
    let roles =
        "SELECT o.* FROM resource_roles o JOIN resource_servers r ON r.id = o.server_id WHERE r.removed_at IS NULL";
    let roles = from.fetch_all(Sql::new(roles)).await?;
    let mut known: HashMap<ResourceServerId, usize> = HashMap::new();
    let mut servers = servers;
    for (place, server) in servers.iter().enumerate() {
        known.insert(server.id.clone(), place);
    }
    for row in &scopes {
        let at = known.get(&row.get::<ResourceServerId>("server_id")?);
        if let Some(server) = at.and_then(|place| servers.get_mut(*place)) {
            let scope: Scope = row.parsed("scope")?.ok_or_else(|| StoreError::unreadable("scope"))?;
            server.scopes.insert(scope, own_scope(row)?);
        }
    }
    for row in &roles {
        let at = known.get(&row.get::<ResourceServerId>("server_id")?);
        if let Some(server) = at.and_then(|place| servers.get_mut(*place)) {
            server.roles.insert(row.get("role")?, own_role(row)?);
        }
    }
    Ok(servers)
}

/// One of them, without its scopes and roles.
fn read(row: &Row) -> Result<ResourceServer, StoreError> {
    Ok(ResourceServer {
        id: row.get("id")?,
        tenant: match (row.get_optional("project_id")?, row.get_optional("owner_id")?) {
            (Some(project), Some(owner)) => Some(Tenant { project, owner }),
            (None, None) => None,
            _ => return Err(StoreError::unreadable("owner_id")),
        },
        resource: Resource::configured(&row.get::<String>("resource")?),
        name: row.get("name")?,
        scopes: [].into(),
        roles: [].into(),
        client: row.get_optional("client_id")?,
        own: row.get_optional("own")?,
        created_at: row.get("created_at")?,
        created_by: row.get("created_by")?,
    })
}

fn own_scope(row: &Row) -> Result<OwnScope, StoreError> {
    Ok(OwnScope {
        words: row.get("words")?,
        is_default: row.get::<i64>("is_default")? != 0,
    })
}

fn own_role(row: &Row) -> Result<OwnRole, StoreError> {
    Ok(OwnRole {
        scopes: row.json("scopes")?,
        bypass: row.get::<i64>("bypass")? != 0,
    })
}

/// Registers a third party's server, unless it is there. The project of `tenant` is locked ([`lock_project`]), and the
/// `client` that it asks by is in a row already.
pub(crate) async fn register(
    tx: &mut Tx,
    (id, new): (&ResourceServerId, &NewServer),
    (tenant, client, actor): (&Tenant, &str, &str),
    clock: &dyn Clock,
) -> Result<Registered, StoreError> {
    let there = all(tx).await?;
    // After the look: what it did not find had its tokens until then.
    let at = clock.now().for_expiry();
    if let Some(taken) = taken::in_the_way(tx, tenant, new, &there).await? {
        return Ok(Registered::Not(taken));
    }
    let place = Place::Theirs(tenant, client);
    Ok(match insert(tx, (id, new), place, at, actor).await? {
        Some(since) => Registered::There(since),
        None => Registered::Not(Taken::Resource),
    })
}

/// What stands in a new row beside what is registered.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place<'a> {
    /// Which one of ours, and by which revision of the table.
    Ours(&'static str, i64),
    /// Whom it serves, and the client that it asks by.
    Theirs(&'a Tenant, &'a str),
}

/// Writes the row of `new`; from which moment on it is there. `None` when another node was faster: with the same one of
/// ours, or with one at the same address.
pub(super) async fn insert(
    tx: &mut Tx,
    (id, new): (&ResourceServerId, &NewServer),
    place: Place<'_>,
    at: Timestamp,
    actor: &str,
) -> Result<Option<Timestamp>, StoreError> {
    let (own, revision, tenant, client) = match place {
        Place::Ours(own, revision) => (Some(own), revision, None, None),
        Place::Theirs(tenant, client) => (None, 0, Some(tenant), Some(client)),
    };
    let since = taken::since(tx, new, at).await?;
    let last = Sql::new("SELECT COALESCE(MAX(position), 0) AS last FROM resource_servers");
    let last: i64 = tx.fetch_one(last).await?.get("last")?;
    let insert = Sql::new(
        "INSERT INTO resource_servers (id, project_id, owner_id, own, name, resource, position, client_id, created_at, \
         created_by, revision) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING",
    )
    .bind(id)
    .bind(tenant.map(|of| &of.project))
    .bind(tenant.map(|of| &of.owner))
    .bind(own)
    .bind(new.name.as_str())
    .bind(new.resource.as_str())
    // The first is the default, whoever came before it.
    .bind(if own == Some(DEFAULT) {
        0
    } else {
        last.saturating_add(1)
    })
    .bind(client)
    .bind(since)
    .bind(actor)
    .bind(revision);
    if tx.execute(insert).await? == 0 {
        return Ok(None);
    }
    bring_along(tx, id, new).await?;
    let data = json!({
        "resource": new.resource, "name": new.name, "clientId": client,
        "scopes": new.scopes.keys().collect::<Vec<_>>(), "roles": told_roles(new),
    });
    tx.audit(told(id, tenant, at, ("resource_server.registered", actor), data));
    Ok(Some(since))
}

/// Writes the scopes and roles of `new`.
pub(super) async fn bring_along(tx: &mut Tx, id: &ResourceServerId, new: &NewServer) -> Result<(), StoreError> {
    let scopes = new.scopes.iter().map(|(scope, own)| {
        vec![
            id.value(),
            scope.as_str().value(),
            own.words.as_str().value(),
            own.is_default.value(),
        ]
    });
    let head = "INSERT INTO resource_scopes (server_id, scope, words, is_default)";
    tx.insert(head, scopes.collect(), "").await?;
    for (role, own) in &new.roles {
        let insert = Sql::new("INSERT INTO resource_roles (server_id, role, scopes, bypass) VALUES ($1, $2, $3, $4)");
        let insert = insert.bind(id).bind(role).bind_json(&own.scopes);
        tx.execute(insert.bind(own.bypass)).await?;
    }
    Ok(())
}

/// Why a server is removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Why {
    /// Its owner said so.
    Asked,
    /// It is where one of ours is.
    OurAddress,
    /// It has scopes that are built in now.
    OurScopes(Vec<Scope>),
}

impl Why {
    pub(crate) const fn as_str(&self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::OurAddress => "our_address",
            Self::OurScopes(_) => "our_scopes",
        }
    }

    /// Those that are ours.
    pub(crate) fn scopes(&self) -> &[Scope] {
        match self {
            Self::OurScopes(scopes) => scopes,
            Self::Asked | Self::OurAddress => &[],
        }
    }
}

/// Removes `server`: it gets no more tokens, those that it got are good for nothing that asks us, and neither is the client
/// that it asked by. It is not one of ours, unless one of ours takes its place.
pub(crate) async fn remove(
    tx: &mut Tx,
    server: &ResourceServer,
    recent: &RecentOauth,
    at: Timestamp,
    (why, actor): (&Why, &str),
) -> Result<bool, StoreError> {
    // In the order in which everybody locks: clients, resource servers, grants.
    if let Some(client) = &server.client {
        recent.distrust_client(client);
        let lock = Sql::new("SELECT id FROM oauth_clients WHERE id = $1").bind(client.as_str());
        tx.fetch_optional(lock.for_update()).await?;
        let end = Sql::new("UPDATE oauth_clients SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL");
        if tx.execute(end.bind(at).bind(client.as_str())).await? == 1 {
            tx.audit(AuditEntry {
                subject: client.clone(),
                ..told(
                    &server.id,
                    server.tenant.as_ref(),
                    at,
                    ("oauth_client.revoked", actor),
                    json!({}),
                )
            });
        }
    }
    if !lock(tx, &server.id).await? {
        return Ok(false);
    }
    let update = Sql::new("UPDATE resource_servers SET removed_at = $1 WHERE id = $2");
    tx.execute(update.bind(at).bind(&server.id)).await?;
    grants::end_of_resource(tx, recent, &server.resource, at, Ended::ServerRemoved).await?;
    let data = json!({
        "resource": server.resource, "name": server.name, "clientId": server.client,
        "why": why.as_str(), "scopes": why.scopes(),
    });
    let tenant = server.tenant.as_ref();
    tx.audit(told(&server.id, tenant, at, ("resource_server.removed", actor), data));
    Ok(true)
}

/// Locks the project of `tenant`: its servers are registered one at a time, so that what is looked at then stays so.
pub(crate) async fn lock_project(tx: &mut Tx, tenant: &Tenant) -> Result<(), StoreError> {
    let lock = Sql::new("SELECT id FROM projects WHERE id = $1").bind(&tenant.project);
    tx.fetch_optional(lock.for_update()).await.map(|_| ())
}

/// Locks a server that is not removed: its removal waits for this transaction. False when there is none.
pub(crate) async fn lock(tx: &mut Tx, id: &ResourceServerId) -> Result<bool, StoreError> {
    let sql = Sql::new("SELECT id FROM resource_servers WHERE id = $1 AND removed_at IS NULL");
    Ok(tx.fetch_optional(sql.bind(id).for_update()).await?.is_some())
}

fn told_roles(new: &NewServer) -> Value {
    let told = |(role, own): (&Role, &OwnRole)| json!({"role": role, "scopes": own.scopes, "bypass": own.bypass});
    new.roles.iter().map(told).collect()
}

/// What the audit log has of it.
pub(super) fn told(
    id: &ResourceServerId,
    tenant: Option<&Tenant>,
    at: Timestamp,
    (kind, actor): (&'static str, &str),
    data: Value,
) -> AuditEntry {
    AuditEntry {
        at,
        kind: kind.into(),
        actor: actor.to_owned(),
        owner: tenant.map(|of| of.owner.clone()),
        project: tenant.map(|of| of.project.clone()),
        subject: id.to_string(),
        data,
    }
}
