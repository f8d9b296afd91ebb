//! Sessions: somebody who signed in, in one browser. For pages alone; nothing of the API takes the cookie.
//!
//! What must stay true: a session's secret leaves the process once, in its cookie, and is stored nowhere; a session that
//! was ended, or whose user was removed, is over with the answer that says so.

use {
    crate::{
        people::{People, error::PeopleError, users::User},
        token::{self, Hash},
    },
    axum::http::HeaderMap,
    portreeve_kernel::{Seconds, Secret, SessionId, Timestamp, UserId},
    portreeve_pages::{cookie, form_token},
    portreeve_store::{Fetch, Sql, StoreError, Tx},
    serde_json::json,
    std::{fmt, sync::Arc},
};

/// How long a session lasts, used or not.
pub(crate) const LIFE: Seconds = Seconds(12 * 60 * 60);

/// How long it may lie unused.
const IDLE: Seconds = Seconds(30 * 60);

/// How long after somebody showed their passkey they may do what needs a person who is there.
const FRESH: Seconds = Seconds(5 * 60);

/// How far behind the note of its last use may be.
const NOTE_EVERY: Seconds = Seconds(60);

/// Somebody who is signed in.
#[derive(Clone)]
pub struct SignedIn {
    /// Which session.
    pub session: SessionId,
    /// Who.
    pub user: User,
    /// When they showed their passkey.
    signed_in_at: Timestamp,
    cookie: Secret,
}

impl fmt::Debug for SignedIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedIn")
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}

impl SignedIn {
    /// What a page puts into its form called `form`.
    #[must_use]
    pub fn form_token(&self, form: &str) -> String {
        form_token::of(&self.cookie, form)
    }

    /// True when they showed their passkey a moment ago.
    pub(crate) fn is_fresh(&self, at: Timestamp) -> bool {
        at < self.signed_in_at.plus(FRESH)
    }

    pub(crate) const fn cookie(&self) -> &Secret {
        &self.cookie
    }

    /// True when `shown` came out of that form, shown to this very session.
    #[must_use]
    pub fn filled_in(&self, form: &str, shown: &str) -> bool {
        form_token::is_of(&self.cookie, form, shown)
    }
}

/// A session that began. The cookie's value is here and nowhere else.
#[derive(Debug, Clone)]
pub(crate) struct Started {
    pub(crate) cookie: Secret,
}

/// What decides whether a session is still good.
#[derive(Debug, Clone, Copy)]
struct Life {
    expires_at: Timestamp,
    seen_at: Timestamp,
}

impl Life {
    fn is_over(self, at: Timestamp) -> bool {
        at >= self.expires_at || at >= self.seen_at.plus(IDLE)
    }

    fn is_to_be_noted(self, at: Timestamp) -> bool {
        at >= self.seen_at.plus(NOTE_EVERY)
    }
}

impl People {
    /// Who is signed in, by the request's cookie.
    ///
    /// # Errors
    /// The store's; then nobody is.
    pub async fn signed_in(&self, headers: &HeaderMap) -> Result<Option<SignedIn>, StoreError> {
        let Some(cookie) = cookie::read(headers) else {
            return Ok(None);
        };
        let sql = Sql::new(
            "SELECT u.*, s.hash, s.id AS session_id, s.created_at AS signed_in_at, s.expires_at, s.seen_at FROM sessions s JOIN users u ON u.id = s.user_id \
             WHERE s.hash = $1 AND s.ended_at IS NULL AND u.removed_at IS NULL",
        );
        let hash = token::hash(cookie.expose());
        let found = self.keys.db.read().fetch_optional(sql.bind(&hash)).await?;
        let Some(row) = token::confirmed(found, "hash", &hash)? else {
            return Ok(None);
        };
        let (at, session) = (self.at(), row.get::<SessionId>("session_id")?);
        let life = Life {
            expires_at: row.get("expires_at")?,
            seen_at: row.get("seen_at")?,
        };
        if life.is_over(at) {
            return Ok(None);
        }
        if life.is_to_be_noted(at) {
            let update = Sql::new("UPDATE sessions SET seen_at = $1 WHERE id = $2 AND seen_at < $1");
            let update = update.bind(at).bind(&session);
            self.keys
                .db
                .write(async move |tx: &mut Tx| tx.execute(update.clone()).await)
                .await?;
        }
        Ok(Some(SignedIn {
            session,
            user: User::read(&row)?,
            signed_in_at: row.get("signed_in_at")?,
            cookie,
        }))
    }

    /// Signs somebody out. When this returns, the session is over.
    ///
    /// # Errors
    /// The store's.
    pub async fn sign_out(self: &Arc<Self>, who: &SignedIn) -> Result<(), PeopleError> {
        let (at, who) = (self.at(), who.clone());
        let unit = async move |tx: &mut Tx| {
            let update = Sql::new("UPDATE sessions SET ended_at = $1 WHERE id = $2 AND ended_at IS NULL");
            if tx.execute(update.bind(at).bind(&who.session)).await? == 1 {
                let data = json!({"sessionId": who.session});
                tx.audit(who.user.told(at, "user.signed_out", who.user.id.to_string(), data));
            }
            Ok(())
        };
        self.keys.db.write(unit).await
    }

    /// Begins a session for `user`, who is locked, in place of the one that the browser showed.
    pub(crate) async fn start_session(
        &self,
        tx: &mut Tx,
        user: &User,
        passkey: &str,
        shown: Option<&Hash>,
        at: Timestamp,
    ) -> Result<Started, StoreError> {
        if let Some(shown) = shown {
            let update = Sql::new("UPDATE sessions SET ended_at = $1 WHERE hash = $2 AND ended_at IS NULL");
            tx.execute(update.bind(at).bind(shown)).await?;
        }
        let (id, cookie) = (
            SessionId::new(at, &*self.keys.entropy),
            token::session(&*self.keys.entropy),
        );
        let insert = Sql::new(
            "INSERT INTO sessions (hash, id, user_id, created_at, expires_at, seen_at) VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(&token::hash(cookie.expose()))
        .bind(&id)
        .bind(&user.id)
        .bind(at)
        .bind(at.plus(LIFE))
        .bind(at);
        tx.execute(insert).await?;
        let data = json!({"sessionId": id, "passkeyId": passkey});
        tx.audit(user.told(at, "user.signed_in", user.id.to_string(), data));
        Ok(Started { cookie })
    }
}

/// Locks a session; false when it was ended.
pub(crate) async fn lock(tx: &mut Tx, id: &SessionId) -> Result<bool, StoreError> {
    let sql = Sql::new("SELECT id FROM sessions WHERE id = $1 AND ended_at IS NULL");
    Ok(tx.fetch_optional(sql.bind(id).for_update()).await?.is_some())
}

/// Ends every session of `user`, who is locked.
pub(crate) async fn end_of_user(tx: &mut Tx, user: &UserId, at: Timestamp) -> Result<(), StoreError> {
    let update = Sql::new("UPDATE sessions SET ended_at = $1 WHERE user_id = $2 AND ended_at IS NULL");
    tx.execute(update.bind(at).bind(user)).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_after_half_an_hour_of_silence_and_after_twelve_hours_of_anything() {
        let start = Timestamp::from_seconds(1_700_000_000);
        let life = |seen: u32| Life {
            expires_at: start.plus(LIFE),
            seen_at: start.plus(Seconds(seen)),
        };
        for (seen, now, over) in [
            (0, 0, false),
            (0, 30 * 60 - 1, false),
            (0, 30 * 60, true),
            (100, 30 * 60 + 99, false),
            (100, 30 * 60 + 100, true),
            (43_190, 43_199, false),
            (43_199, 43_200, true),
        ] {
            assert_eq!(life(seen).is_over(start.plus(Seconds(now))), over, "{seen} {now}");
        }
        assert!(!life(0).is_to_be_noted(start.plus(Seconds(59))));
        assert!(life(0).is_to_be_noted(start.plus(Seconds(60))));
    }
}
