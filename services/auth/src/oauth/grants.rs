//! What clients were granted. A token is good while the row of its grant is live and it was not revoked by itself; so
//! whatever ends a client, an agent or a consent does it here, in the transaction of that act.

use {
    crate::{oauth::RecentOauth, resources::ResourceServer},
    portreeve_kernel::{AgentId, GrantId, OwnerId, ProjectId, Role, ScopeSet, Timestamp, TokenId, UserId},
    portreeve_oauth::{ClientId, Resource},
    portreeve_store::{AuditEntry, Fetch, Row, Sql, StoreError, Tx},
    serde_json::json,
    std::collections::BTreeSet,
};

/// How many grants end by one statement: a database takes so many values at once and no more.
const AT_ONCE: usize = 500;

/// What a client may do: by itself, or because a person said so.
pub(crate) struct NewGrant<'a> {
    pub(crate) id: &'a GrantId,
    pub(crate) client: &'a str,
    pub(crate) project: &'a ProjectId,
    pub(crate) owner: &'a OwnerId,
    /// Who said so; nobody for what a client may do by itself.
    pub(crate) user: Option<&'a UserId>,
    pub(crate) agent: Option<&'a AgentId>,
    pub(crate) role: &'a Role,
    /// The one resource server it is for; all that the client may ask for, when there is none.
    pub(crate) resource: Option<&'a Resource>,
    pub(crate) scopes: &'a ScopeSet,
    /// Whether the person clicked in the browser that goes back to the program, and the program is one that their own people
    /// made known.
    pub(crate) interactive: bool,
}

/// Writes a grant down; one that has `ended` is good for nothing from its first moment on.
pub(crate) async fn insert(
    tx: &mut Tx,
    grant: NewGrant<'_>,
    at: Timestamp,
    ended: Option<Ended>,
) -> Result<(), StoreError> {
    let insert = Sql::new(
        "INSERT INTO oauth_grants (id, client_id, kind, project_id, owner_id, user_id, agent_id, role, resource, scopes, \
         created_at, revoked_at, revoked_why, interactive) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
    )
    .bind(grant.id)
    .bind(grant.client)
    .bind(if grant.user.is_some() { "person" } else { "client" })
    .bind(grant.project)
    .bind(grant.owner)
    .bind(grant.user)
    .bind(grant.agent)
    .bind(grant.role)
    .bind(grant.resource.map(Resource::as_str))
    .bind_json(grant.scopes)
    .bind(at)
    .bind(ended.map(|_| at))
    .bind(ended.map(Ended::as_str))
    .bind(grant.interactive);
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
    /// Its code was shown twice by who could have had it once.
    CodeReplayed,
    /// A refresh token was shown again long after it was spent.
    RefreshReused,
    /// Its client gave it back.
    GivenBack,
    /// Whoever gave it ended it, or somebody with the owner's rights.
    Revoked,
    /// Its resource server was removed.
    ServerRemoved,
    /// Nobody redeemed its code, or came back in time.
    Unused,
}

impl Ended {
    const fn as_str(self) -> &'static str {
        match self {
            Self::AgentSuspended => "agent_suspended",
            Self::AgentRevoked => "agent_revoked",
            Self::ClientRevoked => "client_revoked",
            Self::RoleChanged => "role_changed",
            Self::UserRemoved => "user_removed",
            Self::CodeReplayed => "code_replayed",
            Self::RefreshReused => "refresh_reused",
            Self::GivenBack => "given_back",
            Self::Revoked => "revoked",
            Self::ServerRemoved => "server_removed",
            Self::Unused => "unused",
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

/// Ends every grant that is for `resource` alone.
pub(crate) async fn end_of_resource(
    tx: &mut Tx,
    recent: &RecentOauth,
    resource: &Resource,
    at: Timestamp,
    why: Ended,
) -> Result<(), StoreError> {
    let live = Sql::new("SELECT id FROM oauth_grants WHERE resource = $1 AND revoked_at IS NULL ORDER BY id");
    end(tx, recent, live.bind(resource.as_str()), at, why).await
}

/// A grant that a person gave, as tokens are made of it.
pub(crate) struct Given {
    pub(crate) id: GrantId,
    pub(crate) client: ClientId,
    pub(crate) project: ProjectId,
    pub(crate) owner: OwnerId,
    pub(crate) user: UserId,
    pub(crate) agent: Option<AgentId>,
    pub(crate) role: Role,
    pub(crate) resource: Resource,
    pub(crate) scopes: ScopeSet,
    pub(crate) is_revoked: bool,
    /// As [`NewGrant::interactive`].
    pub(crate) interactive: bool,
}

impl Given {
    fn read(row: &Row) -> Result<Self, StoreError> {
        let revoked: Option<Timestamp> = row.get_optional("revoked_at")?;
        Ok(Self {
            id: row.get("id")?,
            client: row.text_as("client_id", ClientId::parse)?,
            project: row.get("project_id")?,
            owner: row.get("owner_id")?,
            user: row.get("user_id")?,
            agent: row.get_optional("agent_id")?,
            role: row.get("role")?,
            resource: Resource::configured(&row.get::<String>("resource")?),
            scopes: row.json("scopes")?,
            is_revoked: revoked.is_some(),
            interactive: row.get_optional::<i64>("interactive")? == Some(1),
        })
    }

    /// Whether its tokens pass the scope checks of `server`: only those of a person, for themselves, in a role that does.
    pub(crate) fn passes(&self, server: &ResourceServer) -> bool {
        self.interactive && self.agent.is_none() && server.resource == self.resource && server.is_passed_by(&self.role)
    }

    /// Ends it, and tells the audit log by whom and why. It is locked.
    pub(crate) async fn end(
        &self,
        tx: &mut Tx,
        recent: &RecentOauth,
        at: Timestamp,
        why: Ended,
        by: String,
    ) -> Result<(), StoreError> {
        // Whoever asked may be gone when this has been committed.
        recent.distrust_grant(&self.id);
        let update =
            Sql::new("UPDATE oauth_grants SET revoked_at = $1, revoked_why = $2 WHERE id = $3 AND revoked_at IS NULL");
        let update = update.bind(at).bind(why.as_str()).bind(&self.id);
        if tx.execute(update).await? == 0 {
            return Ok(());
        }
        tx.audit(AuditEntry {
            at,
            kind: "oauth.grant_revoked".into(),
            actor: by,
            owner: Some(self.owner.clone()),
            project: Some(self.project.clone()),
            subject: self.id.to_string(),
            data: json!({"clientId": self.client, "userId": self.user, "agentId": self.agent, "why": why.as_str()}),
        });
        Ok(())
    }
}

/// Locks a grant that a person gave.
pub(crate) async fn lock(tx: &mut Tx, id: &GrantId) -> Result<Option<Given>, StoreError> {
    let sql = Sql::new("SELECT * FROM oauth_grants WHERE id = $1 AND kind = 'person'");
    let row = tx.fetch_optional(sql.bind(id).for_update()).await?;
    row.as_ref().map(Given::read).transpose()
}

/// Ends grants that nothing leads to any more: no token of theirs is good, so none has to be forgotten.
pub(crate) async fn end_unused(tx: &mut Tx, ids: &[GrantId], at: Timestamp) -> Result<(), StoreError> {
    let update = Sql::new(
        "UPDATE oauth_grants SET revoked_at = $1, revoked_why = $2 WHERE revoked_at IS NULL AND id IN ({list})",
    );
    tx.execute(update.bind(at).bind(Ended::Unused.as_str()).bind_list(ids))
        .await?;
    Ok(())
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
    for some in ids.chunks(AT_ONCE) {
        let update = Sql::new("UPDATE oauth_grants SET revoked_at = $1, revoked_why = $2 WHERE id IN ({list})");
        tx.execute(update.bind(at).bind(why.as_str()).bind_list(some)).await?;
    }
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
