//! What clients were granted. A token is good while the row of its grant is live and it was not revoked by itself; so
//! whatever ends a client, an agent or a consent does it here, in the transaction of that act.

use {
    crate::oauth::RecentOauth,
    portreeve_kernel::{AgentId, GrantId, OwnerId, ProjectId, Role, ScopeSet, Timestamp, TokenId, UserId},
    portreeve_store::{Fetch, Sql, StoreError, Tx},
    std::collections::BTreeSet,
};

/// What a client may do by itself, without a person.
pub(crate) struct OwnGrant<'a> {
    pub(crate) id: &'a GrantId,
    pub(crate) client: &'a str,
    pub(crate) project: &'a ProjectId,
    pub(crate) owner: &'a OwnerId,
    pub(crate) agent: Option<&'a AgentId>,
    pub(crate) role: &'a Role,
    pub(crate) scopes: &'a ScopeSet,
}

/// Writes a grant down; one that has `ended` is good for nothing from its first moment on.
pub(crate) async fn insert(
    tx: &mut Tx,
    grant: OwnGrant<'_>,
    at: Timestamp,
    ended: Option<Ended>,
) -> Result<(), StoreError> {
    let insert = Sql::new(
        "INSERT INTO oauth_grants (id, client_id, kind, project_id, owner_id, agent_id, role, scopes, created_at, \
         revoked_at, revoked_why) VALUES ($1, $2, 'client', $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(grant.id)
    .bind(grant.client)
    .bind(grant.project)
    .bind(grant.owner)
    .bind(grant.agent)
    .bind(grant.role)
    .bind_json(grant.scopes)
    .bind(at)
    .bind(ended.map(|_| at))
    .bind(ended.map(Ended::as_str));
    tx.execute(insert).await?;
    Ok(())
}

/// Why a grant ended.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ended {
    AgentSuspended,
    AgentRevoked,
    ClientRevoked,
    RoleChanged,
    UserRemoved,
}

impl Ended {
    const fn as_str(self) -> &'static str {
        match self {
            Self::AgentSuspended => "agent_suspended",
            Self::AgentRevoked => "agent_revoked",
            Self::ClientRevoked => "client_revoked",
            Self::RoleChanged => "role_changed",
            Self::UserRemoved => "user_removed",
        }
    }
}

/// Ends every grant that speaks for `agent`: those of its own clients, and those that people gave for it.
pub(crate) async fn end_of_agent(
    tx: &mut Tx,
    recent: &RecentOauth,
    agent: &AgentId,
    at: Timestamp,
    why: Ended,
) -> Result<(), StoreError> {
    let live = Sql::new("SELECT id FROM oauth_grants WHERE agent_id = $1 AND revoked_at IS NULL ORDER BY id");
    end(tx, recent, live.bind(agent), at, why).await
}

/// Ends every grant that `client` has.
pub(crate) async fn end_of_client(
    tx: &mut Tx,
    recent: &RecentOauth,
    client: &str,
    at: Timestamp,
    why: Ended,
) -> Result<(), StoreError> {
    let live = Sql::new("SELECT id FROM oauth_grants WHERE client_id = $1 AND revoked_at IS NULL ORDER BY id");
    end(tx, recent, live.bind(client), at, why).await
}

/// Ends every grant that `user` gave.
pub(crate) async fn end_of_user(
    tx: &mut Tx,
    recent: &RecentOauth,
    user: &UserId,
    at: Timestamp,
    why: Ended,
) -> Result<(), StoreError> {
    let live = Sql::new("SELECT id FROM oauth_grants WHERE user_id = $1 AND revoked_at IS NULL ORDER BY id");
    end(tx, recent, live.bind(user), at, why).await
}

/// Ends the grants that `live` selects, in the order in which it names them.
async fn end(tx: &mut Tx, recent: &RecentOauth, live: Sql, at: Timestamp, why: Ended) -> Result<(), StoreError> {
    // Locked first: an update alone takes its rows as it finds them.
    let live = tx.fetch_all(live.for_update()).await?;
    if live.is_empty() {
        return Ok(());
    }
    let ids: Vec<GrantId> = live.iter().map(|row| row.get("id")).collect::<Result<_, _>>()?;
    // Whoever asked may be gone when this has been committed.
    for id in &ids {
        recent.distrust_grant(id);
    }
    let update = Sql::new("UPDATE oauth_grants SET revoked_at = $1, revoked_why = $2 WHERE id IN ({list})");
    tx.execute(update.bind(at).bind(why.as_str()).bind_list(&ids)).await?;
    Ok(())
}

/// Those of `tokens` that are not revoked, neither by themselves nor with their grant. Locks their clients and grants:
/// ending one of them waits for this transaction.
pub(crate) async fn good_among(tx: &mut Tx, tokens: &[&TokenId]) -> Result<Vec<TokenId>, StoreError> {
    // Named in the order in which they are to be locked.
    let live = Sql::new(
        "SELECT g.id FROM oauth_clients c JOIN oauth_grants g ON g.client_id = c.id \
         WHERE g.id IN ({list}) AND g.revoked_at IS NULL ORDER BY g.id",
    );
    let grants = tokens.iter().map(|token| token.grant());
    let live = tx.fetch_all(live.bind_list(grants).for_update()).await?;
    let live: BTreeSet<GrantId> = live.iter().map(|row| row.get("id")).collect::<Result<_, _>>()?;
    // Under the lock of its grant, which whoever revokes a token takes too.
    let dead = Sql::new("SELECT jti FROM oauth_revoked_tokens WHERE jti IN ({list})");
    let dead = tx.fetch_all(dead.bind_list(tokens.iter().copied())).await?;
    let dead: BTreeSet<TokenId> = dead.iter().map(|row| row.get("jti")).collect::<Result<_, _>>()?;
    let good = |token: &&&TokenId| live.contains(token.grant()) && !dead.contains(**token);
    Ok(tokens.iter().filter(good).map(|token| (**token).clone()).collect())
}
