//! Links by which somebody makes a passkey: good once, for a day, and one at a time for each user.

use {
    crate::{
        origin::Origin,
        people::users::User,
        token::{self, Hash},
    },
    portreeve_kernel::{Entropy, Seconds, Secret, Timestamp, UserId},
    portreeve_store::{Fetch, Sql, StoreError, Tx},
};

const LIFE: Seconds = Seconds(24 * 60 * 60);

/// A link that was made, and the only time it is seen.
#[derive(Debug, Clone)]
pub struct NewLink {
    /// The whole address. Its secret stands behind the `#`, where it reaches no log, no proxy and no other page.
    pub url: Secret,
    /// From when on it is no longer good.
    pub expires_at: Timestamp,
}

/// Makes a link for `user`, and ends the one before.
pub(crate) async fn make(
    tx: &mut Tx,
    user: &UserId,
    origin: &Origin,
    entropy: &dyn Entropy,
    at: Timestamp,
) -> Result<NewLink, StoreError> {
    end_of_user(tx, user, at).await?;
    let secret = token::link(entropy);
    let expires_at = at.plus(LIFE);
    let insert = Sql::new("INSERT INTO user_links (hash, user_id, created_at, expires_at) VALUES ($1, $2, $3, $4)");
    let insert = insert.bind(&token::hash(secret.expose())).bind(user).bind(at);
    tx.execute(insert.bind(expires_at)).await?;
    let url = Secret::new(format!("{}#{}", origin.at("/enrol"), secret.expose()));
    Ok(NewLink { url, expires_at })
}

/// Whose link it is, when it is still good.
pub(crate) async fn user_of(
    from: &mut (impl Fetch + Send),
    hash: &Hash,
    at: Timestamp,
) -> Result<Option<User>, StoreError> {
    let sql = Sql::new(
        "SELECT u.*, l.hash FROM user_links l JOIN users u ON u.id = l.user_id \
         WHERE l.hash = $1 AND l.ended_at IS NULL AND l.expires_at > $2 AND u.removed_at IS NULL",
    );
    let found = from.fetch_optional(sql.bind(hash).bind(at)).await?;
    let row = token::confirmed(found, "hash", hash)?;
    row.as_ref().map(User::read).transpose()
}

/// Uses up a link of `user`. False when it is no longer good; of several who try at once, one is told true.
pub(crate) async fn spend(tx: &mut Tx, hash: &Hash, user: &UserId, at: Timestamp) -> Result<bool, StoreError> {
    let update = Sql::new(
        "UPDATE user_links SET ended_at = $1 WHERE hash = $2 AND user_id = $3 AND ended_at IS NULL AND expires_at > $1",
    );
    Ok(tx.execute(update.bind(at).bind(hash).bind(user)).await? == 1)
}

pub(crate) async fn end_of_user(tx: &mut Tx, user: &UserId, at: Timestamp) -> Result<(), StoreError> {
    // Its user is locked, so no two units end the same links.
    let update = Sql::new("UPDATE user_links SET ended_at = $1 WHERE user_id = $2 AND ended_at IS NULL");
    tx.execute(update.bind(at).bind(user)).await?;
    Ok(())
}
