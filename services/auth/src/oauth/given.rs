//! What people allowed programs to do, as their owner sees it and ends it, and each of them what was their own click.

use {
    crate::{
        error::KeyError,
        keys::Keys,
        oauth::grants::{self, Ended, Given},
        rows::Position,
    },
    portreeve_guard::{Page, Paging},
    portreeve_kernel::{
        AgentId, Credential, GrantId, OwnerId, Principal, ProjectId, Role, ScopeSet, Timestamp, UserId,
    },
    portreeve_oauth::{ClientId, RedirectUri},
    portreeve_store::{Fetch, Row, Sql, StoreError, Tx},
    std::{collections::BTreeSet, sync::Arc},
};

/// How many of their own grants somebody is shown.
const OWN_MOST: u32 = 100;

/// A grant in a list.
#[derive(Debug, Clone)]
pub(crate) struct GrantRow {
    pub(crate) id: GrantId,
    pub(crate) client: String,
    pub(crate) client_name: String,
    pub(crate) user: UserId,
    pub(crate) agent: Option<AgentId>,
    pub(crate) role: Role,
    pub(crate) resource: String,
    pub(crate) scopes: ScopeSet,
    pub(crate) created_at: Timestamp,
    pub(crate) revoked_at: Option<Timestamp>,
    pub(crate) revoked_why: Option<String>,
}

impl GrantRow {
    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.get("id")?,
            client: row.get("client_id")?,
            client_name: row.get("client_name")?,
            user: row.get("user_id")?,
            agent: row.get_optional("agent_id")?,
            role: row.get("role")?,
            resource: row.get("resource")?,
            scopes: row.json("scopes")?,
            created_at: row.get("created_at")?,
            revoked_at: row.get_optional("revoked_at")?,
            revoked_why: row.get_optional("revoked_why")?,
        })
    }
}

/// A grant as the person sees it who gave it.
#[derive(Debug, Clone)]
pub(crate) struct OwnGrant {
    pub(crate) grant: GrantRow,
    /// The hosts that the client's answers may go to. For one that its own document describes, the host of that: what the
    /// document says may be another by now.
    pub(crate) hosts: BTreeSet<String>,
}

impl OwnGrant {
    fn read(row: &Row) -> Result<Self, StoreError> {
        let client = row.text_as("client_id", ClientId::parse)?;
        let redirects: Vec<String> = row.json("redirect_uris")?;
        let addresses = match client.document() {
            Some(document) => vec![document],
            None => redirects.iter().map(String::as_str).collect(),
        };
        let uris = addresses
            .into_iter()
            .filter_map(|text| RedirectUri::register(text).ok());
        Ok(Self {
            hosts: uris.map(|uri| uri.host().to_owned()).collect(),
            grant: GrantRow::read(row)?,
        })
    }
}

/// Who ends a grant, and of whose.
struct Ender {
    credential: Credential,
    /// For the audit log.
    actor: String,
    owner: OwnerId,
    project: ProjectId,
    /// The only person whose grants it may end; anybody's of the owner's people without.
    user: Option<UserId>,
}

impl Ender {
    fn may_end(&self, given: &Given) -> bool {
        let is_of_owner = given.owner == self.owner && given.project == self.project;
        is_of_owner && self.user.as_ref().is_none_or(|user| given.user == *user)
    }
}

impl Keys {
    /// What the people of the owner whom `of` speaks for allowed, newest first.
    ///
    /// # Errors
    /// [`KeyError::BadCursor`], [`KeyError::Store`].
    pub(crate) async fn grants(&self, of: &Principal, paging: &Paging) -> Result<Page<GrantRow>, KeyError> {
        let after = paging
            .after()
            .map(|text| Position::parse(text).ok_or(KeyError::BadCursor));
        let (time, id) = match after.transpose()? {
            Some(after) => (after.created_at, after.id),
            None => (Timestamp::from_millis(i64::MAX), String::new()),
        };
        let sql = Sql::new(
            "SELECT g.*, c.name AS client_name FROM oauth_grants g JOIN oauth_clients c ON c.id = g.client_id \
             WHERE g.kind = 'person' AND g.owner_id = $1 AND g.project_id = $2 \
             AND (g.created_at < $3 OR (g.created_at = $3 AND g.id < $4)) ORDER BY g.created_at DESC, g.id DESC LIMIT $5",
        )
        .bind(&of.owner)
        .bind(&of.project)
        .bind(time)
        .bind(id)
        .bind(paging.limit().saturating_add(1));
        let rows = self.db.read().fetch_all(sql).await?;
        let rows: Vec<GrantRow> = rows.iter().map(GrantRow::read).collect::<Result<_, _>>()?;
        Ok(Page::cut(rows, paging.limit(), |last| {
            format!("{} {}", last.created_at.millis(), last.id)
        }))
    }

    /// What `user` allowed that has not ended: the newest of it, and how much there is.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn own_grants(&self, user: &UserId) -> Result<(Vec<OwnGrant>, u64), StoreError> {
        let newest = Sql::new(
            "SELECT g.*, c.name AS client_name, c.redirect_uris FROM oauth_grants g \
             JOIN oauth_clients c ON c.id = g.client_id \
             WHERE g.kind = 'person' AND g.user_id = $1 AND g.revoked_at IS NULL \
             ORDER BY g.created_at DESC, g.id DESC LIMIT $2",
        );
        let all = Sql::new(
            "SELECT COUNT(*) AS n FROM oauth_grants WHERE kind = 'person' AND user_id = $1 AND revoked_at IS NULL",
        );
        let mut reader = self.db.read();
        let rows = reader.fetch_all(newest.bind(user).bind(OWN_MOST)).await?;
        let count: i64 = reader.fetch_one(all.bind(user)).await?.get("n")?;
        let own = rows.iter().map(OwnGrant::read).collect::<Result<_, _>>()?;
        Ok((own, u64::try_from(count).unwrap_or_default()))
    }

    /// Ends a grant that a person gave. When this returns, no token of it gets in on this node, and none is made. Doing it
    /// again changes nothing.
    ///
    /// # Errors
    /// [`KeyError::NoSuchGrant`], also for somebody else's; [`KeyError::CallerRevoked`], [`KeyError::Store`].
    pub(crate) async fn revoke_grant(self: &Arc<Self>, by: &Principal, id: &GrantId) -> Result<(), KeyError> {
        let ender = Ender {
            credential: by.credential.clone(),
            actor: by.credential.to_string(),
            owner: by.owner.clone(),
            project: by.project.clone(),
            user: None,
        };
        self.end_grant(ender, id).await
    }

    /// The same for the person who gave it, who is signed in as `who`: whatever their role.
    ///
    /// # Errors
    /// [`KeyError::NoSuchGrant`], also for another person's; [`KeyError::CallerRevoked`] when the session is over,
    /// [`KeyError::Store`].
    pub(crate) async fn end_own_grant(self: &Arc<Self>, who: &Principal, id: &GrantId) -> Result<(), KeyError> {
        // Whoever is nobody gave nothing.
        let user = who.user.clone().ok_or(KeyError::NoSuchGrant)?;
        let ender = Ender {
            credential: who.credential.clone(),
            actor: user.to_string(),
            owner: who.owner.clone(),
            project: who.project.clone(),
            user: Some(user),
        };
        self.end_grant(ender, id).await
    }

    async fn end_grant(self: &Arc<Self>, by: Ender, id: &GrantId) -> Result<(), KeyError> {
        let now = self.clock.now();
        let (keys, of) = (Arc::clone(self), id.clone());
        let unit = async move |tx: &mut Tx| {
            keys.still_good(tx, &by.credential, now).await?;
            let given = grants::lock(tx, &of).await?.filter(|given| by.may_end(given));
            let given = given.ok_or(KeyError::NoSuchGrant)?;
            let actor = by.actor.clone();
            given
                .end(tx, &keys.recent_oauth, now.for_expiry(), Ended::Revoked, actor)
                .await?;
            Ok::<_, KeyError>(())
        };
        self.db.write(unit).await?;
        self.recent_oauth.forget_grant(id);
        Ok(())
    }
}
