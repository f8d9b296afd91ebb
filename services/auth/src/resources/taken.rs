//! What a third party's server may not be registered with, because of others.
//!
//! What must stay true: keys, clients and people keep the names that a server brought along when it is removed, so no other
//! server of their owner's gets these names; the one at the same address gets its own again.

use {
    crate::resources::{
        new::NewServer,
        server::{ResourceServer, Tenant},
    },
    portreeve_kernel::{Role, Scope, Timestamp},
    portreeve_store::{Fetch, Sql, StoreError, Tx},
};

/// How many servers an owner has at most.
const MOST: usize = 50;

/// What others have already.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Taken {
    /// Tokens for it would be good at both.
    #[error("another resource server is registered under this address")]
    Resource,
    /// An API key that holds it would be good at both.
    #[error("the scope `{0}` belongs to another resource server, or did until that was removed")]
    Scope(Scope),
    /// Whoever is in it still would be let in without having been asked for.
    #[error("the role `{0}` came with another resource server, which was removed; people may have it still")]
    Role(Role),
    /// More than anybody has use for.
    #[error("there are {MOST} resource servers already; remove one")]
    Full,
}

impl Taken {
    /// In which field.
    pub(crate) const fn field(&self) -> &'static str {
        match self {
            Self::Resource | Self::Full => "resource",
            Self::Scope(_) => "scopes",
            Self::Role(_) => "roles",
        }
    }
}

/// What stands in the way of `new` for `tenant`, when `there` are registered.
pub(crate) async fn in_the_way(
    tx: &mut Tx,
    tenant: &Tenant,
    new: &NewServer,
    there: &[ResourceServer],
) -> Result<Option<Taken>, StoreError> {
    if there.iter().any(|server| server.resource == new.resource) {
        return Ok(Some(Taken::Resource));
    }
    if let Some(scope) = had_scope(tx, tenant, new).await? {
        return Ok(Some(Taken::Scope(scope)));
    }
    let theirs = || there.iter().filter(|server| server.tenant.as_ref() == Some(tenant));
    // One that a live server has is seen in the list of them, and is meant by who brings it along again.
    let is_seen = |role: &Role| theirs().any(|server| server.roles.contains_key(role));
    if let Some(role) = had_roles(tx, tenant, new)
        .await?
        .into_iter()
        .find(|role| !is_seen(role))
    {
        return Ok(Some(Taken::Role(role)));
    }
    Ok((theirs().count() >= MOST).then_some(Taken::Full))
}

/// A scope of `new` that another server of `tenant` has or had.
async fn had_scope(tx: &mut Tx, tenant: &Tenant, new: &NewServer) -> Result<Option<Scope>, StoreError> {
    let sql = Sql::new(
        "SELECT s.scope FROM resource_servers r JOIN resource_scopes s ON s.server_id = r.id \
         WHERE r.project_id = $1 AND r.owner_id = $2 AND r.resource <> $3 AND s.scope IN ({list}) \
         ORDER BY s.scope LIMIT 1",
    )
    .bind(&tenant.project)
    .bind(&tenant.owner)
    .bind(new.resource.as_str())
    .bind_list(new.scopes.keys().map(Scope::as_str));
    let Some(row) = tx.fetch_optional(sql).await? else {
        return Ok(None);
    };
    let scope: Option<Scope> = row.parsed("scope")?;
    scope.map(Some).ok_or_else(|| StoreError::unreadable("scope"))
}

/// The roles of `new` that another server of `tenant` had before it was removed.
async fn had_roles(tx: &mut Tx, tenant: &Tenant, new: &NewServer) -> Result<Vec<Role>, StoreError> {
    let sql = Sql::new(
        "SELECT DISTINCT o.role FROM resource_servers r JOIN resource_roles o ON o.server_id = r.id \
         WHERE r.project_id = $1 AND r.owner_id = $2 AND r.resource <> $3 AND r.removed_at IS NOT NULL \
         AND o.role IN ({list}) ORDER BY o.role",
    )
    .bind(&tenant.project)
    .bind(&tenant.owner)
    .bind(new.resource.as_str())
    .bind_list(new.roles.keys());
    let rows = tx.fetch_all(sql).await?;
    rows.iter().map(|row| row.get("role")).collect()
}

/// The first moment of whose tokens a server that is registered `at` this one may say that they are its own: once there was
/// another at this address, the next full second, because tokens know no smaller part of time.
pub(crate) async fn since(tx: &mut Tx, new: &NewServer, at: Timestamp) -> Result<Timestamp, StoreError> {
    let before = Sql::new("SELECT id FROM resource_servers WHERE resource = $1 AND removed_at IS NOT NULL LIMIT 1");
    let before = tx.fetch_optional(before.bind(new.resource.as_str())).await?;
    Ok(match before {
        Some(_) => Timestamp::from_seconds(at.seconds().saturating_add(1)),
        None => at,
    })
}
