//! A new client, with the grant that its own tokens live by when it acts by itself.

use {
    crate::oauth::grants::{self, Ended, NewGrant},
    portreeve_kernel::{AgentId, Entropy, GrantId, OwnerId, ProjectId, Role, ScopeSet, Timestamp},
    portreeve_oauth::{AuthMethod, ClientId, Grant, GrantSet, KeySource, RedirectUri, SecretHash},
    portreeve_store::{AuditEntry, Sql, StoreError, Tx},
    serde_json::json,
    std::net::IpAddr,
};

/// Who has a client.
#[derive(Debug, Clone)]
pub(crate) struct Holder {
    pub(crate) project: ProjectId,
    pub(crate) owner: OwnerId,
}

/// A client that is to be.
#[derive(Debug, Clone)]
pub(crate) struct NewRow {
    pub(crate) id: ClientId,
    /// Nobody when anybody registered it.
    pub(crate) holder: Option<Holder>,
    pub(crate) agent: Option<AgentId>,
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) scopes: ScopeSet,
    pub(crate) method: AuthMethod,
    pub(crate) secret: Option<SecretHash>,
    pub(crate) keys: KeySource,
    pub(crate) grants: GrantSet,
    /// Where answers go, when it is people who use it.
    pub(crate) redirect_uris: Vec<RedirectUri>,
    /// By which credential it is made.
    pub(crate) by: String,
    /// From where, when it is made without one.
    pub(crate) from: Option<IpAddr>,
    /// Its agent is suspended: it waits until that is resumed.
    pub(crate) stopped: bool,
}

impl NewRow {
    /// Writes it down.
    pub(crate) async fn insert(&self, tx: &mut Tx, entropy: &dyn Entropy, at: Timestamp) -> Result<(), StoreError> {
        let for_itself = self.grants.has(Grant::ClientCredentials);
        let own = self.holder.as_ref().filter(|_| for_itself);
        let own = own.map(|holder| (holder, GrantId::new(at, entropy)));
        let kind = match (&self.holder, &self.agent) {
            (None, _) => "dynamic",
            (Some(_), Some(_)) => "agent",
            (Some(_), None) if for_itself => "service",
            (Some(_), None) if self.grants.iter().next().is_none() => "resource",
            (Some(_), None) => "application",
        };
        let (jwks, jwks_uri) = match &self.keys {
            KeySource::None => (None, None),
            KeySource::Here(set) => (Some(set.to_string()), None),
            KeySource::At(address) => (None, Some(address.as_str())),
        };
        let redirect_uris: Vec<&str> = self.redirect_uris.iter().map(RedirectUri::as_str).collect();
        let insert = Sql::new(
            "INSERT INTO oauth_clients (id, project_id, owner_id, agent_id, kind, name, role, auth_method, grants, \
             redirect_uris, scopes, secret_hash, jwks, jwks_uri, self_grant, created_at, created_by, stopped_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)",
        )
        .bind(self.id.as_str())
        .bind(self.holder.as_ref().map(|holder| &holder.project))
        .bind(self.holder.as_ref().map(|holder| &holder.owner))
        .bind(self.agent.as_ref())
        .bind(kind)
        .bind(self.name.as_str())
        .bind(&self.role)
        .bind(self.method.as_str())
        .bind_json(&self.grants)
        .bind_json(&redirect_uris)
        .bind_json(&self.scopes)
        .bind(self.secret.as_ref().map(|hash| &hash.0))
        .bind(jwks.as_deref())
        .bind(jwks_uri)
        .bind(own.as_ref().map(|(_, grant)| grant))
        .bind(at)
        .bind(self.by.as_str())
        .bind(self.stopped.then_some(at));
        tx.execute(insert).await?;
        if let Some((holder, grant)) = &own {
            let own = NewGrant {
                id: grant,
                client: self.id.as_str(),
                project: &holder.project,
                owner: &holder.owner,
                user: None,
                agent: self.agent.as_ref(),
                role: &self.role,
                resource: None,
                scopes: &self.scopes,
                interactive: false,
            };
            // Resuming gives it another one.
            grants::insert(tx, own, at, self.stopped.then_some(Ended::AgentSuspended)).await?;
        }
        tx.audit(AuditEntry {
            at,
            kind: "oauth_client.created".into(),
            actor: self.by.clone(),
            owner: self.holder.as_ref().map(|holder| holder.owner.clone()),
            project: self.holder.as_ref().map(|holder| holder.project.clone()),
            subject: self.id.to_string(),
            data: json!({
                "name": self.name,
                "role": self.role,
                "scopes": self.scopes,
                "agentId": self.agent,
                "authMethod": self.method.as_str(),
                "grants": self.grants,
                "redirectUris": redirect_uris,
                "ip": self.from,
                "grantId": own.map(|(_, grant)| grant),
                "stopped": self.stopped,
            }),
        });
        Ok(())
    }
}
