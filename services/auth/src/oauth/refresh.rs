//! Refresh tokens: each becomes its successor, and one that comes back long after ends its grant (OAuth 2.1, 4.3.1).
//!
//! What must stay true: a stranger's attempt changes nothing; whoever lost an answer gets the same again; and what was
//! granted never widens.

use {
    crate::{
        oauth::{
            IssueError, Issued, Issuer,
            clients::Registered,
            exchange::Exchanged,
            grants::{self, Ended},
        },
        token,
    },
    portreeve_kernel::{GrantId, Secret, Timestamp},
    portreeve_oauth::{ClientId, Family, Grant, Params, Presentation, Refreshed, UNKNOWN_REFRESH, present},
    portreeve_store::{Fetch, Sql, StoreError, Tx},
    std::{net::IpAddr, sync::Arc},
};

/// Writes a refresh token of `grant` down, unless it is there.
pub(crate) async fn insert(tx: &mut Tx, text: &Secret, grant: &GrantId, at: Timestamp) -> Result<(), StoreError> {
    let insert = Sql::new(
        "INSERT INTO oauth_refresh_tokens (hash, grant_id, issued_at) VALUES ($1, $2, $3) ON CONFLICT (hash) DO NOTHING",
    );
    let insert = insert.bind(&token::hash(text.expose())).bind(grant).bind(at);
    tx.execute(insert).await?;
    Ok(())
}

/// A refresh token that is shown.
struct Shown {
    hash: token::Hash,
    successor: Secret,
    client: ClientId,
    params: Params,
}

impl Issuer {
    /// Exchanges a refresh token for `client`, which has proven who it is and asks from `address`.
    ///
    /// # Errors
    /// [`IssueError`].
    pub(crate) async fn refresh(
        self: &Arc<Self>,
        client: &Registered,
        shown: &Secret,
        params: &Params,
        address: IpAddr,
    ) -> Result<Issued, IssueError> {
        client.client.grants.allow(Grant::RefreshToken)?;
        let shown = Shown {
            hash: token::hash(shown.expose()),
            successor: self.signing.successor(shown)?,
            client: client.client.id.clone(),
            params: params.clone(),
        };
        let issuer = Arc::clone(self);
        let unit = async move |tx: &mut Tx| shown.exchange(tx, &issuer).await;
        self.settle(self.db.write::<_, StoreError, _>(unit).await?, address)
    }

    /// Ends the grant of a refresh token that `client` gives back, and every token of it (RFC 7009, 2.1). One that is
    /// nobody's, or somebody else's, is no error.
    ///
    /// # Errors
    /// The store's; the grant goes on.
    pub(crate) async fn give_back(self: &Arc<Self>, client: &Registered, shown: &str) -> Result<(), IssueError> {
        let (hash, of) = (token::hash(shown), client.client.id.clone());
        let (recent, at) = (Arc::clone(&self.recent), self.clock.now().for_expiry());
        let unit = async move |tx: &mut Tx| {
            let Some((_, grant)) = find(tx, &hash).await? else {
                return Ok(None);
            };
            let given = grants::lock(tx, &grant).await?.filter(|given| given.client == of);
            if let Some(given) = &given {
                given.end(tx, &recent, at, Ended::GivenBack, of.to_string()).await?;
            }
            Ok(given.map(|given| given.id))
        };
        if let Some(grant) = self.db.write::<_, StoreError, _>(unit).await? {
            self.recent.forget_grant(&grant);
        }
        Ok(())
    }
}

/// Locks a refresh token and says whose it is.
async fn find(tx: &mut Tx, hash: &token::Hash) -> Result<Option<(Presentation, GrantId)>, StoreError> {
    let sql = Sql::new("SELECT * FROM oauth_refresh_tokens WHERE hash = $1").bind(hash);
    let found = tx.fetch_optional(sql.for_update()).await?;
    let Some(row) = token::confirmed(found, "hash", hash)? else {
        return Ok(None);
    };
    let kept = Presentation {
        issued_at: row.get("issued_at")?,
        spent_at: row.get_optional("spent_at")?,
    };
    Ok(Some((kept, row.get("grant_id")?)))
}

impl Shown {
    async fn exchange(&self, tx: &mut Tx, issuer: &Issuer) -> Result<Exchanged, StoreError> {
        let now = issuer.clock.now();
        let at = now.for_expiry();
        let Some((kept, grant)) = find(tx, &self.hash).await? else {
            return Ok(Exchanged::Refused(UNKNOWN_REFRESH));
        };
        let Some(given) = grants::lock(tx, &grant).await? else {
            return Ok(Exchanged::Refused(UNKNOWN_REFRESH));
        };
        let family = Family {
            client: given.client.clone(),
            resource: given.resource.clone(),
            scopes: given.scopes.clone(),
            revoked: given.is_revoked,
        };
        let next = || Some(self.successor.clone());
        match present(&family, kept, &self.client, &self.params, now) {
            Refreshed::Rotate(scopes) => {
                // What cannot be given costs the token nothing: its successor would never be seen.
                if let Err(error) = issuer.left_of(&given, &scopes) {
                    return Ok(Exchanged::Refused(error));
                }
                let spent =
                    Sql::new("UPDATE oauth_refresh_tokens SET spent_at = $1 WHERE hash = $2 AND spent_at IS NULL");
                tx.execute(spent.bind(at).bind(&self.hash)).await?;
                insert(tx, &self.successor, &given.id, at).await?;
                Ok(Exchanged::Granted(Box::new(given), scopes, next()))
            }
            Refreshed::Again(scopes) => Ok(Exchanged::Granted(Box::new(given), scopes, next())),
            Refreshed::Reused(error) => {
                let by = self.client.to_string();
                given.end(tx, &issuer.recent, at, Ended::RefreshReused, by).await?;
                Ok(Exchanged::Ended(given.id, error))
            }
            Refreshed::Refused(error) => Ok(Exchanged::Refused(error)),
        }
    }
}
