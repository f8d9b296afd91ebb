//! Passkeys as they are shown to owners, and as the wallet asks for them when one is to speak for an owner.

use {
    crate::people::{People, error::PeopleError, users::User},
    base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD},
    portreeve_kernel::{
        Principal, Role, Timestamp, UserId,
        control::{Boxed, KnownPasskey, PasskeyControl},
    },
    portreeve_store::{Fetch, Row, Sql, StoreError},
    webauthn_rs::prelude::{COSEKeyType, Passkey},
};

/// A passkey in a list.
#[derive(Debug, Clone)]
pub(crate) struct ListedPasskey {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) public_key: String,
    pub(crate) site: String,
    pub(crate) origin: String,
    pub(crate) created_at: Timestamp,
    pub(crate) used_at: Option<Timestamp>,
}

impl People {
    /// The passkeys of `user`, newest first, without those that were removed.
    ///
    /// # Errors
    /// [`PeopleError::NoSuchUser`] when there is no such user of the caller's owner, [`PeopleError::Store`].
    pub(crate) async fn passkeys(&self, of: &Principal, user: &UserId) -> Result<Vec<ListedPasskey>, PeopleError> {
        let mut reader = self.keys.db.read();
        let sql = Sql::new("SELECT * FROM users WHERE id = $1 AND removed_at IS NULL");
        let row = reader.fetch_optional(sql.bind(user)).await?;
        let known = row.map(|row| User::read(&row)).transpose()?;
        let user = known
            .filter(|user| user.owner == of.owner && user.project == of.project)
            .ok_or(PeopleError::NoSuchUser)?;
        let sql = Sql::new(
            "SELECT * FROM passkeys WHERE user_id = $1 AND removed_at IS NULL ORDER BY created_at DESC, id DESC",
        );
        let rows = reader.fetch_all(sql.bind(&user.id)).await?;
        rows.iter().map(|row| self.listed(row)).collect()
    }

    fn listed(&self, row: &Row) -> Result<ListedPasskey, PeopleError> {
        Ok(ListedPasskey {
            id: row.get("id")?,
            name: row.get("name")?,
            public_key: point(&row.json("body")?),
            site: self.ceremonies.name().to_owned(),
            origin: self.keys.origin.as_str().to_owned(),
            created_at: row.get("created_at")?,
            used_at: row.get_optional("used_at")?,
        })
    }
}

impl PasskeyControl<StoreError> for People {
    fn find<'a>(&'a self, passkey: &'a str) -> Boxed<'a, Result<Option<KnownPasskey>, StoreError>> {
        Box::pin(async move {
            let sql = Sql::new(
                "SELECT u.*, p.body, CASE WHEN p.removed_at IS NULL AND u.removed_at IS NULL THEN 1 ELSE 0 END AS is_there \
                 FROM passkeys p JOIN users u ON u.id = p.user_id WHERE p.id = $1",
            );
            let row = self.keys.db.read().fetch_optional(sql.bind(passkey)).await?;
            row.map(|row| {
                let user = User::read(&row)?;
                Ok(KnownPasskey {
                    speaks_for_owner: row.get::<i64>("is_there")? == 1 && user.role == Role::Owner,
                    owner: user.owner,
                    user: user.id,
                    public_key: point(&row.json("body")?),
                    site: self.ceremonies.name().to_owned(),
                    origin: self.keys.origin.as_str().to_owned(),
                })
            })
            .transpose()
        })
    }
}

/// The uncompressed point (SEC 1, 2.3.3). Every passkey here is of that kind; of another there would be nothing to pin.
fn point(passkey: &Passkey) -> String {
    match &passkey.get_public_key().key {
        COSEKeyType::EC_EC2(key) => BASE64_URL_SAFE_NO_PAD.encode([&[4][..], key.x.as_ref(), key.y.as_ref()].concat()),
        _ => String::new(),
    }
}
