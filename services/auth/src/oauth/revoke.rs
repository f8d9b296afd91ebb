//! Ending one token (RFC 7009), while its grant and the others of it go on.
//!
//! What must stay true: a client ends its own tokens and nobody else's, and learns nothing of those; once the answer is
//! there, this node refuses the token.

use {
    crate::oauth::{IssueError, Issuer, clients::Registered},
    portreeve_kernel::{Timestamp, TokenId},
    portreeve_oauth::AccessClaims,
    portreeve_store::{AuditEntry, Fetch, Sql, StoreError, Tx},
    serde_json::json,
    std::sync::Arc,
};

impl Issuer {
    /// Ends `token` if it is one that `client` holds. Anything else is no error (RFC 7009, 2.2): the client wants it to be
    /// no token, and it is none.
    ///
    /// # Errors
    /// The store's; the token goes on.
    pub(crate) async fn revoke(&self, client: &Registered, token: &str) -> Result<(), IssueError> {
        let now = self.clock.now();
        let Some((claims, id)) = self.tokens.read_to_end(token, now).await? else {
            return Ok(());
        };
        if claims.client_id != client.client.id || claims.is_expired(now) {
            return Ok(());
        }
        let (recent, at) = (Arc::clone(&self.recent), now.for_expiry());
        let ended = Ended { claims, id };
        let grant = ended.id.grant().clone();
        let unit = async move |tx: &mut Tx| {
            // Whoever asked may be gone when this has been committed.
            recent.distrust_grant(ended.id.grant());
            ended.write(tx, at).await
        };
        self.db.write::<_, StoreError, _>(unit).await?;
        self.recent.forget_grant(&grant);
        Ok(())
    }
}

/// A token that is to end.
struct Ended {
    claims: AccessClaims,
    id: TokenId,
}

impl Ended {
    async fn write(&self, tx: &mut Tx, at: Timestamp) -> Result<(), StoreError> {
        // Under the lock of its grant, which an act that moves money by this token holds until it is done.
        let live = Sql::new("SELECT id FROM oauth_grants WHERE id = $1 AND revoked_at IS NULL");
        let live = tx.fetch_optional(live.bind(self.id.grant()).for_update()).await?;
        if live.is_none() {
            return Ok(());
        }
        let insert =
            Sql::new("INSERT INTO oauth_revoked_tokens (jti, expires_at) VALUES ($1, $2) ON CONFLICT (jti) DO NOTHING");
        let until = Timestamp::from_seconds(self.claims.exp);
        if tx.execute(insert.bind(&self.id).bind(until)).await? == 0 {
            return Ok(());
        }
        tx.audit(AuditEntry {
            at,
            kind: "oauth.token_revoked".into(),
            actor: self.claims.client_id.to_string(),
            owner: Some(self.claims.owner_id.clone()),
            project: Some(self.claims.project_id.clone()),
            subject: self.id.to_string(),
            data: json!({"agentId": self.claims.agent_id}),
        });
        Ok(())
    }
}
