//! Clients that register themselves (RFC 7591).
//!
//! What must stay true: without a credential there is a public client of the code flow to be had and nothing else; with
//! one, a client that is never wider than it; and of what nobody ever let in, there is never more than [`MOST_UNUSED`],
//! and nothing older than [`UNUSED`].

use {
    crate::{
        error::KeyError,
        keys::Keys,
        oauth::make::{Holder, NewRow},
        token,
    },
    portreeve_kernel::{Principal, Role, Seconds, Secret, Timestamp},
    portreeve_oauth::{AuthMethod, ClientId, Described, OAuthError, Registration, SecretHash, registered},
    portreeve_store::{AuditEntry, Database, Fetch, Row, Sql, StoreError, Tx},
    serde_json::json,
    std::{net::IpAddr, sync::Arc},
};

/// How long a client is waited for that nobody lets in.
const UNUSED: Seconds = Seconds(24 * 60 * 60);

/// How many of them there are at most. Beyond that the oldest goes: nobody is kept out by what others registered.
const MOST_UNUSED: u32 = 1_000;

/// How many rows are swept in one write.
const AT_ONCE: u32 = 500;

/// Nobody's role: it may be granted nothing. What such a client may do, whoever lets it in says.
const NOBODY: &str = "none";

/// A client that was registered.
#[derive(Debug)]
pub(crate) struct NewlyRegistered {
    pub(crate) described: Described,
    /// The only time it is seen.
    pub(crate) secret: Option<Secret>,
    pub(crate) at: Timestamp,
}

impl Keys {
    /// Reads what a client says of itself, as `by` may register it.
    ///
    /// # Errors
    /// `invalid_redirect_uri` or `invalid_client_metadata`.
    pub(crate) fn describe(&self, json: &[u8], by: Option<&Principal>) -> Result<Described, OAuthError> {
        let who = by.map_or(Registration::Anonymous, |by| {
            Registration::Trusted(self.servers().held(by))
        });
        registered(json, &who, ClientId::new(&*self.entropy))
    }

    /// Registers a client, for the owner whom `by` speaks for or for nobody in particular.
    ///
    /// # Errors
    /// [`KeyError::CallerRevoked`], [`KeyError::Store`]; nothing was registered.
    pub(crate) async fn register(
        self: &Arc<Self>,
        described: Described,
        by: Option<&Principal>,
        from: IpAddr,
    ) -> Result<NewlyRegistered, KeyError> {
        let now = self.clock.now();
        let at = now.for_expiry();
        let client = &described.client;
        let keeps_one = matches!(
            client.auth_method,
            AuthMethod::ClientSecretBasic | AuthMethod::ClientSecretPost
        );
        let secret = keeps_one.then(|| token::client_secret(&*self.entropy));
        let row = NewRow {
            id: client.id.clone(),
            holder: by.map(|by| Holder {
                project: by.project.clone(),
                owner: by.owner.clone(),
            }),
            agent: None,
            name: client.name.clone(),
            role: by.map_or_else(|| Role::Custom(NOBODY.into()), |by| by.role.clone()),
            scopes: client.scopes.clone(),
            method: client.auth_method,
            secret: secret.as_ref().map(SecretHash::of),
            keys: described.keys.clone(),
            grants: client.grants.clone(),
            redirect_uris: client.redirect_uris.clone(),
            by: by.map_or_else(|| "anonymous".to_owned(), |by| by.credential.to_string()),
            from: by.is_none().then_some(from),
            stopped: false,
        };
        let (keys, by) = (Arc::clone(self), by.cloned());
        let unit = async move |tx: &mut Tx| {
            match &by {
                Some(by) => keys.still_good(tx, &by.credential, now).await?,
                None => make_room(tx, at).await?,
            }
            row.insert(tx, &*keys.entropy, at).await?;
            Ok::<_, KeyError>(())
        };
        self.db.write(unit).await?;
        Ok(NewlyRegistered { described, secret, at })
    }
}

/// Those that anybody registered and nobody let in. A grant says more than the mark: it lives by the client's row.
macro_rules! unused {
    ($rest:literal) => {
        concat!(
            "SELECT id FROM oauth_clients WHERE kind = 'dynamic' AND used_at IS NULL \
             AND NOT EXISTS (SELECT 1 FROM oauth_grants g WHERE g.client_id = oauth_clients.id) ",
            $rest
        )
    };
}

/// Ends those whose time is over, and as many of the oldest as have to go for one more.
async fn make_room(tx: &mut Tx, at: Timestamp) -> Result<(), StoreError> {
    let mut ids = ids(&tx.fetch_all(over(at)).await?)?;
    let beyond = Sql::new(unused!("ORDER BY created_at DESC, id DESC LIMIT $1 OFFSET $2"));
    let beyond = beyond.bind(AT_ONCE).bind(MOST_UNUSED.saturating_sub(1));
    ids.extend(self::ids(&tx.fetch_all(beyond).await?)?);
    end(tx, &ids, at).await
}

fn over(at: Timestamp) -> Sql {
    let over = Sql::new(unused!("AND created_at <= $1 ORDER BY created_at, id LIMIT $2"));
    over.bind(at.minus(UNUSED)).bind(AT_ONCE)
}

fn ids(rows: &[Row]) -> Result<Vec<String>, StoreError> {
    rows.iter().map(|row| row.get("id")).collect()
}

async fn end(tx: &mut Tx, ids: &[String], at: Timestamp) -> Result<(), StoreError> {
    if ids.is_empty() {
        return Ok(());
    }
    let texts = || ids.iter().map(String::as_str);
    // Locked first, in one order: who is letting one in at this moment has its row, and is waited for.
    let lock = Sql::new("SELECT id FROM oauth_clients WHERE id IN ({list}) ORDER BY id");
    tx.fetch_all(lock.bind_list(texts()).for_update()).await?;
    let delete = Sql::new(
        "DELETE FROM oauth_clients WHERE used_at IS NULL AND id IN ({list}) \
         AND NOT EXISTS (SELECT 1 FROM oauth_grants g WHERE g.client_id = oauth_clients.id)",
    );
    let count = tx.execute(delete.bind_list(texts())).await?;
    tx.audit(AuditEntry {
        at,
        kind: "oauth_client.unused".into(),
        actor: "system".to_owned(),
        owner: None,
        project: None,
        subject: "several".to_owned(),
        data: json!({ "count": count }),
    });
    Ok(())
}

/// Forgets clients that anybody registered and nobody let in for a day. Nothing is written when there are none.
pub(crate) async fn sweep(db: &Database, at: Timestamp) -> Result<(), StoreError> {
    let over = ids(&db.read().fetch_all(over(at)).await?)?;
    if over.is_empty() {
        return Ok(());
    }
    let unit = async move |tx: &mut Tx| end(tx, &over, at).await;
    db.write::<_, StoreError, _>(unit).await
}
