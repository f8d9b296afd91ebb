//! A new client, with the grant that its own tokens live by when it acts by itself.

use {
    crate::oauth::grants::{self, Ended, NewGrant},
    portreeve_kernel::{AgentId, Entropy, GrantId, OwnerId, ProjectId, Role, ScopeSet, Timestamp},
    portreeve_oauth::{AuthMethod, ClientId, Grant, GrantSet, RedirectUri, SecretHash},
    portreeve_store::{AuditEntry, Sql, StoreError, Tx},
    serde_json::json,
};

/// A client: one that acts by itself, or one that people use.
#[derive(Debug, Clone)]
pub(crate) struct NewRow {
    pub(crate) id: ClientId,
    pub(crate) project: ProjectId,
    pub(crate) owner: OwnerId,
    pub(crate) agent: Option<AgentId>,
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) scopes: ScopeSet,
    pub(crate) method: AuthMethod,
    pub(crate) secret: Option<SecretHash>,
    /// Public keys, as they were given.
    pub(crate) jwks: Option<String>,
    /// Where answers go, when it is people who use it. It then never acts by itself.
    pub(crate) redirects: Vec<RedirectUri>,
    /// Whether people consent on another device, when it is people who use it.
    pub(crate) on_device: bool,
    /// By which credential it is made.
    pub(crate) by: String,
    /// Its agent is suspended: it waits until that is resumed.
    pub(crate) stopped: bool,
}

impl NewRow {
    /// Writes it down.
    pub(crate) async fn insert(&self, tx: &mut Tx, entropy: &dyn Entropy, at: Timestamp) -> Result<(), StoreError> {
        let is_for_people = self.on_device || !self.redirects.is_empty();
        let grant = (!is_for_people).then(|| GrantId::new(at, entropy));
        let kind = match (&grant, &self.agent) {
            (None, _) => "application",
            (Some(_), Some(_)) => "agent",
            (Some(_), None) => "service",
        };
        let grants = match &grant {
            None => [
                (Grant::AuthorizationCode, !self.redirects.is_empty()),
                (Grant::RefreshToken, true),
                (Grant::DeviceCode, self.on_device),
            ]
            .into_iter()
            .filter_map(|(grant, is_there)| is_there.then_some(grant))
            .collect(),
            Some(_) => GrantSet::from_iter([Grant::ClientCredentials]),
        };
        let redirects: Vec<&str> = self.redirects.iter().map(RedirectUri::as_str).collect();
        let insert = Sql::new(
            "INSERT INTO oauth_clients (id, project_id, owner_id, agent_id, kind, name, role, auth_method, grants, \
             redirect_uris, scopes, secret_hash, jwks, self_grant, created_at, created_by, stopped_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)",
        )
        .bind(self.id.as_str())
        .bind(&self.project)
        .bind(&self.owner)
        .bind(self.agent.as_ref())
        .bind(kind)
        .bind(self.name.as_str())
        .bind(&self.role)
        .bind(self.method.as_str())
        .bind_json(&grants)
        .bind_json(&redirects)
        .bind_json(&self.scopes)
        .bind(self.secret.as_ref().map(|hash| &hash.0))
        .bind(self.jwks.as_deref())
        .bind(grant.as_ref())
        .bind(at)
        .bind(self.by.as_str())
        .bind(self.stopped.then_some(at));
        tx.execute(insert).await?;
        if let Some(grant) = &grant {
            let own = NewGrant {
                id: grant,
                client: self.id.as_str(),
                project: &self.project,
                owner: &self.owner,
                user: None,
                agent: self.agent.as_ref(),
                role: &self.role,
                resource: None,
                scopes: &self.scopes,
            };
            // Resuming gives it another one.
            grants::insert(tx, own, at, self.stopped.then_some(Ended::AgentSuspended)).await?;
        }
        tx.audit(AuditEntry {
            at,
            kind: "oauth_client.created".into(),
            actor: self.by.clone(),
            owner: Some(self.owner.clone()),
            project: Some(self.project.clone()),
            subject: self.id.to_string(),
            data: json!({
                "name": self.name,
                "role": self.role,
                "scopes": self.scopes,
                "agentId": self.agent,
                "authMethod": self.method.as_str(),
                "grantId": grant,
                "redirectUris": redirects,
                "stopped": self.stopped,
            }),
        });
        Ok(())
    }
}
