//! What people allowed programs to do, as their owner sees it and ends it.

use {
    crate::{
        error::KeyError,
        keys::Keys,
        oauth::grants::{self, Ended},
        rows::Position,
    },
    portreeve_guard::{Page, Paging},
    portreeve_kernel::{AgentId, GrantId, Principal, Role, ScopeSet, Timestamp, UserId},
    portreeve_store::{Fetch, Row, Sql, StoreError, Tx},
    std::sync::Arc,
};

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

    /// Ends a grant that a person gave. When this returns, no token of it gets in on this node, and none is made. Doing it
    /// again changes nothing.
    ///
    /// # Errors
    /// [`KeyError::NoSuchGrant`], also for somebody else's; [`KeyError::CallerRevoked`], [`KeyError::Store`].
    pub(crate) async fn revoke_grant(self: &Arc<Self>, by: &Principal, id: &GrantId) -> Result<(), KeyError> {
        let now = self.clock.now();
        let (keys, by, of) = (Arc::clone(self), by.clone(), id.clone());
        let unit = async move |tx: &mut Tx| {
            keys.still_good(tx, &by.credential, now).await?;
            let given = grants::lock(tx, &of).await?;
            let given = given.filter(|given| given.owner == by.owner && given.project == by.project);
            let given = given.ok_or(KeyError::NoSuchGrant)?;
            let actor = by.credential.to_string();
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
