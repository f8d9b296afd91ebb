//! Refresh tokens: each becomes its successor, and one that comes back long after ends its grant (OAuth 2.1, 4.3.1).
//!
//! What must stay true: a stranger's attempt changes nothing; whoever lost an answer gets the same again; and what was
//! granted never widens.

use {
    crate::{
        oauth::{
            IssueError, Issued, Issuer,
            clients::Registered,
            grants::{self, Ended, Given},
        },
        token,
    },
    portreeve_kernel::{GrantId, ScopeSet, Seconds, Secret, Timestamp},
    portreeve_oauth::{ClientId, Family, Grant, OAuthError, Params, Presentation, Refreshed, UNKNOWN_REFRESH, present},
    portreeve_store::{Database, Fetch, Sql, StoreError, Tx},
    std::{net::IpAddr, sync::Arc},
};

/// How long codes and refresh tokens are remembered after they were made, so that one that comes back is known: longer
/// than a refresh token is good.
const REMEMBERED: Seconds = Seconds(30 * 86_400);

/// How long device codes are: longer than they are good.
const DEVICES_REMEMBERED: Seconds = Seconds(3_600);

/// How many rows are swept in one write.
const AT_ONCE: u32 = 500;

/// Writes a refresh token of `grant` down, unless it is there.
pub(crate) async fn insert(tx: &mut Tx, text: &Secret, grant: &GrantId, at: Timestamp) -> Result<(), StoreError> {
    let insert = Sql::new(
        "INSERT INTO oauth_refresh_tokens (hash, grant_id, issued_at) VALUES ($1, $2, $3) ON CONFLICT (hash) DO NOTHING",
    );
    let insert = insert.bind(&token::hash(text.expose())).bind(grant).bind(at);
    tx.execute(insert).await?;
    Ok(())
}

/// What came of it, and is committed either way: what a second showing ends stays ended.
enum Outcome {
    Granted(Box<Given>, ScopeSet),
    /// It ended this grant.
    Ended(GrantId, OAuthError),
    Refused(OAuthError),
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
        let successor = self.signing.successor(shown)?;
        let shown = Shown {
            hash: token::hash(shown.expose()),
            successor: successor.clone(),
            client: client.client.id.clone(),
            params: params.clone(),
        };
        let issuer = Arc::clone(self);
        let unit = async move |tx: &mut Tx| shown.exchange(tx, &issuer).await;
        match self.db.write::<_, StoreError, _>(unit).await? {
            Outcome::Granted(given, scopes) => self.for_person(&given, &scopes, Some(successor), address),
            Outcome::Refused(error) => Err(error.into()),
            Outcome::Ended(grant, error) => {
                self.recent.forget_grant(&grant);
                Err(error.into())
            }
        }
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
    let Some(row) = tx.fetch_optional(sql.for_update()).await? else {
        return Ok(None);
    };
    let kept = Presentation {
        issued_at: row.get("issued_at")?,
        spent_at: row.get_optional("spent_at")?,
    };
    Ok(Some((kept, row.get("grant_id")?)))
}

impl Shown {
    async fn exchange(&self, tx: &mut Tx, issuer: &Issuer) -> Result<Outcome, StoreError> {
        let now = issuer.clock.now();
        let at = now.for_expiry();
        let Some((kept, grant)) = find(tx, &self.hash).await? else {
            return Ok(Outcome::Refused(UNKNOWN_REFRESH));
        };
        let Some(given) = grants::lock(tx, &grant).await? else {
            return Ok(Outcome::Refused(UNKNOWN_REFRESH));
        };
        let family = Family {
            client: given.client.clone(),
            resource: given.resource.clone(),
            scopes: given.scopes.clone(),
            revoked: given.is_revoked,
        };
        match present(&family, kept, &self.client, &self.params, now) {
            Refreshed::Rotate(scopes) => {
                let spent =
                    Sql::new("UPDATE oauth_refresh_tokens SET spent_at = $1 WHERE hash = $2 AND spent_at IS NULL");
                tx.execute(spent.bind(at).bind(&self.hash)).await?;
                insert(tx, &self.successor, &given.id, at).await?;
                Ok(Outcome::Granted(Box::new(given), scopes))
            }
            Refreshed::Again(scopes) => Ok(Outcome::Granted(Box::new(given), scopes)),
            Refreshed::Reused(error) => {
                let by = self.client.to_string();
                given.end(tx, &issuer.recent, at, Ended::RefreshReused, by).await?;
                Ok(Outcome::Ended(given.id, error))
            }
            Refreshed::Refused(error) => Ok(Outcome::Refused(error)),
        }
    }
}

/// Forgets codes and refresh tokens that nobody can use any more, and ends the grants that nothing leads to. Nothing is
/// written when there are none.
/// True when there may be more.
pub(crate) async fn sweep(db: &Database, at: Timestamp) -> Result<bool, StoreError> {
    let mut is_more = false;
    let before = at.minus(REMEMBERED);
    for (before, select, delete) in [
        (
            before,
            "SELECT hash FROM oauth_codes WHERE issued_at < $1 ORDER BY issued_at LIMIT $2",
            "DELETE FROM oauth_codes WHERE hash IN ({list})",
        ),
        (
            at.minus(DEVICES_REMEMBERED),
            "SELECT hash FROM oauth_devices WHERE issued_at < $1 ORDER BY issued_at LIMIT $2",
            "DELETE FROM oauth_devices WHERE hash IN ({list})",
        ),
        (
            before,
            "SELECT hash FROM oauth_refresh_tokens WHERE issued_at < $1 ORDER BY issued_at LIMIT $2",
            "DELETE FROM oauth_refresh_tokens WHERE hash IN ({list})",
        ),
    ] {
        let over = db.read().fetch_all(Sql::new(select).bind(before).bind(AT_ONCE)).await?;
        if over.is_empty() {
            continue;
        }
        is_more |= is_full(over.len());
        let over: Vec<token::Hash> = over.iter().map(|row| row.get("hash")).collect::<Result<_, _>>()?;
        let unit = async move |tx: &mut Tx| tx.execute(Sql::new(delete).bind_list(&over)).await;
        db.write::<_, StoreError, _>(unit).await?;
    }
    // A grant that was given longer ago than its last token is good, and of which none is remembered.
    let over = Sql::new(
        "SELECT id FROM oauth_grants g WHERE g.kind = 'person' AND g.revoked_at IS NULL AND g.created_at < $1 \
         AND NOT EXISTS (SELECT 1 FROM oauth_refresh_tokens t WHERE t.grant_id = g.id) ORDER BY id LIMIT $2",
    );
    let over = db.read().fetch_all(over.bind(before).bind(AT_ONCE)).await?;
    if over.is_empty() {
        return Ok(is_more);
    }
    is_more |= is_full(over.len());
    let over: Vec<GrantId> = over.iter().map(|row| row.get("id")).collect::<Result<_, _>>()?;
    db.write::<_, StoreError, _>(async move |tx: &mut Tx| grants::end_unused(tx, &over, at).await)
        .await?;
    Ok(is_more)
}

/// True for as many rows as are swept at once: there may be more.
fn is_full(rows: usize) -> bool {
    u32::try_from(rows).is_ok_and(|rows| rows >= AT_ONCE)
}
