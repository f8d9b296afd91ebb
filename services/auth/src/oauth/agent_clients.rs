//! The clients of agents: made with them, stopped and resumed with them, and ended for good with their credentials.
//!
//! What must stay true: a client's secret leaves the process once and is stored nowhere; a client that is stopped has no
//! live grant, and one that is resumed has a new one.

use {
    crate::{
        oauth::{
            RecentOauth,
            grants::{self, Ended, NewGrant},
            make::{Holder, NewRow},
        },
        origin::{Addresses, Origin},
        token,
    },
    portreeve_kernel::{
        AgentId, Entropy, GrantId, OwnerId, ProjectId, Role, ScopeSet, Timestamp,
        control::{AgentClient, NewClientSecret},
    },
    portreeve_oauth::{AuthMethod, ClientId, Grant, GrantSet, KeySource, SecretHash},
    portreeve_policy::roles,
    portreeve_store::{AuditEntry, Fetch, Row, Sql, StoreError, Tx},
    serde_json::{Value, json},
};

/// An agent's client, locked, and not revoked.
struct OfAgent {
    id: String,
    project: ProjectId,
    owner: OwnerId,
    role: Role,
    scopes: ScopeSet,
    acts_by_itself: bool,
    is_stopped: bool,
}

impl OfAgent {
    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.get("id")?,
            project: row.get("project_id")?,
            owner: row.get("owner_id")?,
            role: row.get("role")?,
            scopes: row.json("scopes")?,
            acts_by_itself: row.get_optional::<GrantId>("self_grant")?.is_some(),
            is_stopped: row.get_optional::<Timestamp>("stopped_at")?.is_some(),
        })
    }

    /// What is told of it. The agent is the actor: why it is stopped or resumed stands beside this, in the same commit.
    fn told(&self, agent: &AgentId, at: Timestamp, kind: &'static str, data: Value) -> AuditEntry {
        AuditEntry {
            at,
            kind: kind.into(),
            actor: agent.to_string(),
            owner: Some(self.owner.clone()),
            project: Some(self.project.clone()),
            subject: self.id.clone(),
            data,
        }
    }
}

async fn lock_of_agent(tx: &mut Tx, agent: &AgentId) -> Result<Vec<OfAgent>, StoreError> {
    let sql = Sql::new(
        "SELECT id, project_id, owner_id, role, scopes, self_grant, stopped_at FROM oauth_clients \
         WHERE agent_id = $1 AND revoked_at IS NULL ORDER BY id",
    );
    let rows = tx.fetch_all(sql.bind(agent).for_update()).await?;
    rows.iter().map(OfAgent::read).collect()
}

/// Makes a client that proves itself by a secret and acts for its agent by itself.
pub(crate) async fn make_for_agent(
    tx: &mut Tx,
    new: &AgentClient,
    origin: &Origin,
    entropy: &dyn Entropy,
    at: Timestamp,
) -> Result<NewClientSecret, StoreError> {
    let (id, secret) = (ClientId::new(entropy), token::client_secret(entropy));
    let most = roles::grantable(&Role::Agent);
    let row = NewRow {
        id: id.clone(),
        holder: Some(Holder {
            project: new.project.clone(),
            owner: new.owner.clone(),
        }),
        agent: Some(new.agent.clone()),
        name: new.name.clone(),
        role: Role::Agent,
        scopes: new.scopes.iter().filter(|scope| most.holds(scope)).cloned().collect(),
        method: AuthMethod::ClientSecretBasic,
        secret: Some(SecretHash::of(&secret)),
        keys: KeySource::None,
        grants: GrantSet::from_iter([Grant::ClientCredentials]),
        redirect_uris: Vec::new(),
        by: new.by.clone(),
        from: None,
        stopped: false,
    };
    row.insert(tx, entropy, at).await?;
    Ok(NewClientSecret {
        client: id.as_str().into(),
        secret,
        scopes: row.scopes,
        token_endpoint: origin.token_endpoint().into(),
    })
}

/// Stops the clients of `agent`, and ends every grant that speaks for it.
pub(crate) async fn stop_of_agent(
    tx: &mut Tx,
    recent: &RecentOauth,
    agent: &AgentId,
    at: Timestamp,
) -> Result<(), StoreError> {
    let clients = lock_of_agent(tx, agent).await?;
    grants::end_of_agent(tx, recent, agent, at, Ended::AgentSuspended).await?;
    let running: Vec<&OfAgent> = clients.iter().filter(|client| !client.is_stopped).collect();
    if running.is_empty() {
        return Ok(());
    }
    let update = Sql::new("UPDATE oauth_clients SET stopped_at = $1 WHERE id IN ({list})");
    let ids = running.iter().map(|client| client.id.as_str());
    tx.execute(update.bind(at).bind_list(ids)).await?;
    for client in running {
        recent.distrust_client(&client.id);
        tx.audit(client.told(agent, at, "oauth_client.stopped", json!({})));
    }
    Ok(())
}

/// Lets the clients of `agent` that were stopped go on, each under a new grant.
pub(crate) async fn resume_of_agent(
    tx: &mut Tx,
    recent: &RecentOauth,
    agent: &AgentId,
    entropy: &dyn Entropy,
    at: Timestamp,
) -> Result<(), StoreError> {
    for client in lock_of_agent(tx, agent).await? {
        if !client.is_stopped {
            continue;
        }
        recent.distrust_client(&client.id);
        let grant = client.acts_by_itself.then(|| GrantId::new(at, entropy));
        if let Some(grant) = &grant {
            let own = NewGrant {
                id: grant,
                client: &client.id,
                project: &client.project,
                owner: &client.owner,
                user: None,
                agent: Some(agent),
                role: &client.role,
                resource: None,
                scopes: &client.scopes,
                interactive: false,
            };
            grants::insert(tx, own, at, None).await?;
        }
        let update = Sql::new("UPDATE oauth_clients SET stopped_at = NULL, self_grant = $1 WHERE id = $2");
        tx.execute(update.bind(grant.as_ref()).bind(client.id.as_str())).await?;
        let data = json!({"grantId": grant});
        tx.audit(client.told(agent, at, "oauth_client.resumed", data));
    }
    Ok(())
}

/// Ends the clients of `agent` for good, and every grant that speaks for it.
pub(crate) async fn revoke_of_agent(
    tx: &mut Tx,
    recent: &RecentOauth,
    agent: &AgentId,
    at: Timestamp,
) -> Result<(), StoreError> {
    let clients = lock_of_agent(tx, agent).await?;
    grants::end_of_agent(tx, recent, agent, at, Ended::AgentRevoked).await?;
    if clients.is_empty() {
        return Ok(());
    }
    let update = Sql::new("UPDATE oauth_clients SET revoked_at = $1 WHERE id IN ({list})");
    let ids = clients.iter().map(|client| client.id.as_str());
    tx.execute(update.bind(at).bind_list(ids)).await?;
    for client in clients {
        recent.distrust_client(&client.id);
        tx.audit(client.told(agent, at, "oauth_client.revoked", json!({})));
    }
    Ok(())
}
