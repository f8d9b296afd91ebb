//! A code becomes a grant's first tokens, once (RFC 6749, 4.1.3).
//!
//! What must stay true: of all who show a code, at whatever node, one gets tokens; and whoever shows it after that, and
//! could have been the one, ends them.

use {
    crate::{
        oauth::{
            IssueError, Issued, Issuer,
            clients::Registered,
            exchange::Exchanged,
            grants::{self, Ended},
            refresh,
        },
        token,
    },
    portreeve_kernel::{GrantId, ScopeSet, Secret, Timestamp},
    portreeve_oauth::{Asked, Challenge, ClientId, Code, Grant, Params, Redeemed, Resource, UNKNOWN_CODE, redeem},
    portreeve_store::{Fetch, Row, Sql, StoreError, Tx},
    std::{net::IpAddr, sync::Arc},
};

/// A code as it is kept.
struct Kept {
    code: Code,
    grant: GrantId,
}

impl Kept {
    fn read(row: &Row) -> Result<Self, StoreError> {
        let used: Option<Timestamp> = row.get_optional("used_at")?;
        Ok(Self {
            code: Code {
                client: row.text_as("client_id", ClientId::parse)?,
                redirect_uri: row.get("redirect_uri")?,
                challenge: Challenge::from_bytes(row.get("challenge")?),
                resource: Resource::configured(&row.get::<String>("resource")?),
                scopes: row.json("scopes")?,
                issued_at: row.get("issued_at")?,
                used: used.is_some(),
            },
            grant: row.get("grant_id")?,
        })
    }
}

/// Writes down the code by which `client` gets what it `asked` for, as far as it was granted.
pub(crate) async fn insert(
    tx: &mut Tx,
    code: &Secret,
    (grant, client): (&GrantId, &ClientId),
    asked: &Asked,
    scopes: &ScopeSet,
    at: Timestamp,
) -> Result<(), StoreError> {
    // 0 in `redirect_uri_sent`: nodes of the version before ask for the address again where it is anything else.
    let insert = Sql::new(
        "INSERT INTO oauth_codes (hash, grant_id, client_id, redirect_uri, redirect_uri_sent, challenge, resource, scopes, \
         issued_at) VALUES ($1, $2, $3, $4, 0, $5, $6, $7, $8)",
    )
    .bind(&token::hash(code.expose()))
    .bind(grant)
    .bind(client.as_str())
    .bind(asked.redirect_uri.as_str())
    .bind(asked.challenge.as_bytes())
    .bind(asked.resource.as_str())
    .bind_json(scopes)
    .bind(at);
    tx.execute(insert).await?;
    Ok(())
}

impl Issuer {
    /// Redeems a code for `client`, which has proven who it is and asks from `address`.
    ///
    /// # Errors
    /// [`IssueError`].
    pub(crate) async fn redeem(
        self: &Arc<Self>,
        client: &Registered,
        code: &Secret,
        params: &Params,
        address: IpAddr,
    ) -> Result<Issued, IssueError> {
        client.client.grants.allow(Grant::AuthorizationCode)?;
        let shown = Shown {
            hash: token::hash(code.expose()),
            client: client.client.id.clone(),
            params: params.clone(),
            first: self.first_refresh(client),
        };
        let issuer = Arc::clone(self);
        let unit = async move |tx: &mut Tx| shown.redeem(tx, &issuer).await;
        self.settle(self.db.write::<_, StoreError, _>(unit).await?, address)
    }
}

/// A code that is shown.
struct Shown {
    hash: token::Hash,
    client: ClientId,
    params: Params,
    /// The refresh token that the client gets, when it registered for any.
    first: Option<Secret>,
}

impl Shown {
    async fn redeem(&self, tx: &mut Tx, issuer: &Issuer) -> Result<Exchanged, StoreError> {
        let now = issuer.clock.now();
        let at = now.for_expiry();
        let sql = Sql::new("SELECT * FROM oauth_codes WHERE hash = $1").bind(&self.hash);
        let found = tx.fetch_optional(sql.for_update()).await?;
        let Some(row) = token::confirmed(found, "hash", &self.hash)? else {
            return Ok(Exchanged::Refused(UNKNOWN_CODE));
        };
        let kept = Kept::read(&row)?;
        let judged = redeem(&kept.code, &self.client, &self.params, now);
        if let Redeemed::Refused(error) = judged {
            return Ok(Exchanged::Refused(error));
        }
        let Some(given) = grants::lock(tx, &kept.grant).await? else {
            return Ok(Exchanged::Refused(UNKNOWN_CODE));
        };
        if let Redeemed::Replayed(error) = judged {
            let by = self.client.to_string();
            given.end(tx, &issuer.recent, at, Ended::CodeReplayed, by).await?;
            return Ok(Exchanged::Ended(given.id, error));
        }
        if given.is_revoked {
            return Ok(Exchanged::Refused(UNKNOWN_CODE));
        }
        // What cannot be given costs the code nothing: its tokens would never be seen.
        if let Err(error) = issuer.left_of(&given, &kept.code.scopes) {
            return Ok(Exchanged::Refused(error));
        }
        let used = Sql::new("UPDATE oauth_codes SET used_at = $1 WHERE hash = $2 AND used_at IS NULL");
        tx.execute(used.bind(at).bind(&self.hash)).await?;
        if let Some(first) = &self.first {
            refresh::insert(tx, first, &given.id, at).await?;
        }
        Ok(Exchanged::Granted(
            Box::new(given),
            kept.code.scopes,
            self.first.clone(),
        ))
    }
}
