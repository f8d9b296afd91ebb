//! Users: invited, listed, given another role, removed.

use {
    crate::{
        oauth::grants::{self, Ended},
        people::{
            People,
            error::PeopleError,
            links::{self, NewLink},
            passkeys, sessions,
        },
        resources::registry::Servers,
        rows::Position,
    },
    portreeve_guard::{Page, Paging},
    portreeve_kernel::{
        Entropy, Now, OwnerId, Principal, ProjectId, Role, Timestamp, UserId, control::CredentialCheck,
    },
    portreeve_store::{
        AuditEntry, Fetch, Row, Sql, StoreError, Tx,
        tenancy::{Owner, Project},
    },
    serde_json::{Value, json},
    std::{collections::BTreeSet, sync::Arc},
};

/// A person who may sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// In which project.
    pub project: ProjectId,
    /// For whom.
    pub owner: OwnerId,
    /// What people call it.
    pub name: String,
    /// In which capacity it acts.
    pub role: Role,
    /// When it was invited.
    pub created_at: Timestamp,
    /// By which credential.
    pub created_by: String,
}

/// A user in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedUser {
    /// Who.
    pub user: User,
    /// How many passkeys it has; without one it was only invited so far.
    pub passkeys: u32,
    /// When it last signed in.
    pub signed_in_at: Option<Timestamp>,
}

/// Somebody who was invited.
#[derive(Debug, Clone)]
pub struct Invited {
    /// Who.
    pub user: User,
    /// How it makes its first passkey.
    pub link: NewLink,
}

impl User {
    pub(crate) fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.get("id")?,
            project: row.get("project_id")?,
            owner: row.get("owner_id")?,
            name: row.get("name")?,
            role: row.get("role")?,
            created_at: row.get("created_at")?,
            created_by: row.get("created_by")?,
        })
    }

    pub(crate) fn told(&self, at: Timestamp, kind: &'static str, actor: String, data: Value) -> AuditEntry {
        AuditEntry {
            at,
            kind: kind.into(),
            actor,
            owner: Some(self.owner.clone()),
            project: Some(self.project.clone()),
            subject: self.id.to_string(),
            data,
        }
    }
}

/// Whether somebody of `all` would still be an owner if `who` were none.
fn leaves_an_owner(all: &[User], who: &UserId) -> bool {
    all.iter().any(|user| user.role == Role::Owner && user.id != *who)
}

/// Nobody makes somebody who may be granted more than they hold themselves, or gives a role that nobody brought along.
fn check_role(servers: &Servers, role: &Role, creator: &Principal) -> Result<(), PeopleError> {
    if matches!(role, Role::Custom(_)) && !servers.knows(role, creator) {
        return Err(PeopleError::NoSuchRole);
    }
    let (most, held) = (servers.most(role, creator), servers.held(creator));
    match most.iter().find(|scope| !held.holds(scope)) {
        None => Ok(()),
        Some(scope) => Err(PeopleError::WiderThanCreator {
            scope: scope.clone(),
            role: role.clone(),
        }),
    }
}

impl People {
    /// Invites somebody. Whoever opens the link becomes that person, so it goes to nobody else.
    ///
    /// # Errors
    /// [`PeopleError::WiderThanCreator`], [`PeopleError::CallerRevoked`], [`PeopleError::Store`]; nobody was invited.
    pub async fn invite(self: &Arc<Self>, by: &Principal, name: String, role: Role) -> Result<Invited, PeopleError> {
        check_role(&self.keys.servers(), &role, by)?;
        let now = self.now();
        let at = now.for_expiry();
        let user = User {
            id: UserId::new(at, &*self.keys.entropy),
            project: by.project.clone(),
            owner: by.owner.clone(),
            name,
            role,
            created_at: at,
            created_by: by.credential.to_string(),
        };
        let (people, by) = (Arc::clone(self), by.clone());
        let unit = async move |tx: &mut Tx| {
            people.still_good(tx, &by, now).await?;
            insert(tx, &user).await?;
            let link = links::make(tx, &user.id, &people.keys.origin, &*people.keys.entropy, at).await?;
            Ok(Invited {
                user: user.clone(),
                link,
            })
        };
        self.keys.db.write(unit).await
    }

    /// The users of the owner whom `of` speaks for, newest first, without those who were removed.
    ///
    /// # Errors
    /// [`PeopleError::BadCursor`], [`PeopleError::Store`].
    pub async fn list(&self, of: &Principal, paging: &Paging) -> Result<Page<ListedUser>, PeopleError> {
        let after = paging
            .after()
            .map(|text| Position::parse(text).ok_or(PeopleError::BadCursor));
        let (time, id) = match after.transpose()? {
            Some(after) => (after.created_at, after.id),
            None => (Timestamp::from_millis(i64::MAX), String::new()),
        };
        let sql = Sql::new(
            "SELECT u.*, \
             (SELECT COUNT(*) FROM passkeys p WHERE p.user_id = u.id AND p.removed_at IS NULL) AS passkeys, \
             (SELECT MAX(s.created_at) FROM sessions s WHERE s.user_id = u.id) AS signed_in_at \
             FROM users u WHERE u.owner_id = $1 AND u.project_id = $2 AND u.removed_at IS NULL \
             AND (u.created_at < $3 OR (u.created_at = $3 AND u.id < $4)) \
             ORDER BY u.created_at DESC, u.id DESC LIMIT $5",
        )
        .bind(&of.owner)
        .bind(&of.project)
        .bind(time)
        .bind(id)
        .bind(paging.limit().saturating_add(1));
        let read = |row: &Row| {
            Ok::<_, StoreError>(ListedUser {
                user: User::read(row)?,
                passkeys: row.get("passkeys")?,
                signed_in_at: row.get_optional("signed_in_at")?,
            })
        };
        let rows = self.keys.db.read().fetch_all(sql).await?;
        let users = rows.iter().map(read).collect::<Result<_, _>>()?;
        Ok(Page::cut(users, paging.limit(), |last| {
            format!("{} {}", last.user.created_at.millis(), last.user.id)
        }))
    }

    /// Gives somebody another role. What it was granted in the old one ends, and it is signed out.
    ///
    /// # Errors
    /// [`PeopleError`]; nothing was changed.
    pub async fn change_role(self: &Arc<Self>, by: &Principal, id: &UserId, role: Role) -> Result<User, PeopleError> {
        let now = self.now();
        let (people, by, id) = (Arc::clone(self), by.clone(), id.clone());
        let unit = async move |tx: &mut Tx| {
            let (all, mut user) = people.lock_one(tx, &by, &id, now).await?;
            check_role(&people.keys.servers(), &role, &by)?;
            if user.role == role {
                return Ok(user);
            }
            if user.role == Role::Owner && !leaves_an_owner(&all, &id) {
                return Err(PeopleError::LastOwner);
            }
            let at = now.for_expiry();
            let update = Sql::new("UPDATE users SET role = $1 WHERE id = $2");
            tx.execute(update.bind(&role).bind(&id)).await?;
            sessions::end_of_user(tx, &id, at).await?;
            grants::end_of_user(tx, &people.keys.recent_oauth, &id, at, Ended::RoleChanged).await?;
            let data = json!({"from": user.role, "to": role});
            tx.audit(user.told(at, "user.role_changed", by.credential.to_string(), data));
            user.role = role.clone();
            Ok(user)
        };
        self.keys.db.write(unit).await
    }

    /// Removes somebody: passkeys, link, sessions and what it granted end with the answer.
    ///
    /// # Errors
    /// [`PeopleError`]; nothing was changed.
    pub async fn remove(self: &Arc<Self>, by: &Principal, id: &UserId) -> Result<(), PeopleError> {
        let now = self.now();
        let (people, by, id) = (Arc::clone(self), by.clone(), id.clone());
        let unit = async move |tx: &mut Tx| {
            let (all, user) = people.lock_one(tx, &by, &id, now).await?;
            if user.role == Role::Owner && !leaves_an_owner(&all, &id) {
                return Err(PeopleError::LastOwner);
            }
            let at = now.for_expiry();
            let update = Sql::new("UPDATE users SET removed_at = $1 WHERE id = $2");
            tx.execute(update.bind(at).bind(&id)).await?;
            links::end_of_user(tx, &id, at).await?;
            passkeys::remove_of_user(tx, &id, at).await?;
            sessions::end_of_user(tx, &id, at).await?;
            grants::end_of_user(tx, &people.keys.recent_oauth, &id, at, Ended::UserRemoved).await?;
            tx.audit(user.told(at, "user.removed", by.credential.to_string(), json!({})));
            Ok(())
        };
        self.keys.db.write(unit).await
    }

    /// A new link for somebody who has lost the old one, or the device. The old one is no longer good.
    ///
    /// # Errors
    /// [`PeopleError`]; also when the user's role is wider than `by`, who could become that user by the link.
    pub async fn link(self: &Arc<Self>, by: &Principal, id: &UserId) -> Result<NewLink, PeopleError> {
        let now = self.now();
        let (people, by, id) = (Arc::clone(self), by.clone(), id.clone());
        let unit = async move |tx: &mut Tx| {
            let (_, user) = people.lock_one(tx, &by, &id, now).await?;
            check_role(&people.keys.servers(), &user.role, &by)?;
            let at = now.for_expiry();
            let link = links::make(tx, &id, &people.keys.origin, &*people.keys.entropy, at).await?;
            tx.audit(user.told(at, "user.link_made", by.credential.to_string(), json!({})));
            Ok(link)
        };
        self.keys.db.write(unit).await
    }

    /// Locks all users of the owner whom `by` speaks for, so that what is counted stays so, and finds one.
    async fn lock_one(
        &self,
        tx: &mut Tx,
        by: &Principal,
        id: &UserId,
        now: Now,
    ) -> Result<(Vec<User>, User), PeopleError> {
        self.still_good(tx, by, now).await?;
        let sql =
            Sql::new("SELECT * FROM users WHERE owner_id = $1 AND project_id = $2 AND removed_at IS NULL ORDER BY id");
        let rows = tx.fetch_all(sql.bind(&by.owner).bind(&by.project).for_update()).await?;
        let all: Vec<User> = rows.iter().map(User::read).collect::<Result<_, _>>()?;
        let user = all.iter().find(|user| user.id == *id).cloned();
        Ok((all, user.ok_or(PeopleError::NoSuchUser)?))
    }

    async fn still_good(&self, tx: &mut Tx, by: &Principal, now: Now) -> Result<(), PeopleError> {
        let asked = BTreeSet::from([by.credential.clone()]);
        if self.keys.good_among(tx, &asked, now).await?.is_empty() {
            return Err(PeopleError::CallerRevoked(by.credential.clone()));
        }
        Ok(())
    }
}

async fn insert(tx: &mut Tx, user: &User) -> Result<(), StoreError> {
    let insert = Sql::new(
        "INSERT INTO users (id, project_id, owner_id, name, role, created_at, created_by) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(&user.id)
    .bind(&user.project)
    .bind(&user.owner)
    .bind(user.name.as_str())
    .bind(&user.role)
    .bind(user.created_at)
    .bind(user.created_by.as_str());
    tx.execute(insert).await?;
    let data = json!({"name": user.name, "role": user.role});
    tx.audit(user.told(user.created_at, "user.invited", user.created_by.clone(), data));
    Ok(())
}

/// Locks a user who was not removed.
pub(crate) async fn lock(tx: &mut Tx, id: &UserId) -> Result<Option<User>, StoreError> {
    let sql = Sql::new("SELECT * FROM users WHERE id = $1 AND removed_at IS NULL");
    let row = tx.fetch_optional(sql.bind(id).for_update()).await?;
    row.as_ref().map(User::read).transpose()
}

/// The first person of `owner`, within the transaction of `init` that makes the owner, and how it makes its passkey at
/// `origin`.
///
/// # Errors
/// The store's.
pub async fn first_person(
    tx: &mut Tx,
    (project, owner): (&Project, &Owner),
    origin: &crate::origin::Origin,
    entropy: &dyn Entropy,
    at: Timestamp,
) -> Result<NewLink, StoreError> {
    let user = User {
        id: UserId::new(at, entropy),
        project: project.id.clone(),
        owner: owner.id.clone(),
        name: owner.name.clone(),
        role: Role::Owner,
        created_at: at,
        created_by: "init".to_owned(),
    };
    insert(tx, &user).await?;
    links::make(tx, &user.id, origin, entropy, at).await
}

#[cfg(test)]
mod tests {
    use {
        super::*, crate::resources::server::tests::reports, portreeve_kernel::entropy::Seeded, portreeve_policy::roles,
    };

    fn user(seed: u64, role: Role) -> User {
        let (at, chance) = (Timestamp::EPOCH, Seeded::new(seed));
        User {
            id: UserId::new(at, &chance),
            project: ProjectId::new(at, &chance),
            owner: OwnerId::new(at, &chance),
            name: "x".to_owned(),
            role,
            created_at: at,
            created_by: "init".to_owned(),
        }
    }

    #[test]
    fn an_owner_may_go_when_another_stays_and_nobody_else_counts() {
        let (ada, bo, vi) = (user(1, Role::Owner), user(2, Role::Owner), user(3, Role::Viewer));
        assert!(leaves_an_owner(&[ada.clone(), bo.clone()], &ada.id));
        assert!(!leaves_an_owner(&[ada.clone(), vi], &ada.id));
        assert!(!leaves_an_owner(std::slice::from_ref(&ada), &ada.id));
        assert!(leaves_an_owner(&[ada], &bo.id));
    }

    #[test]
    fn a_role_is_given_only_by_who_holds_all_that_it_may_hold() {
        let mut creator = Principal::stranger(Timestamp::EPOCH, &Seeded::new(1));
        creator.scopes = roles::expand(&"admin:all".parse().unwrap());
        for (role, fits) in [
            (Role::Viewer, true),
            (Role::Auditor, true),
            (Role::Owner, false),
            (Role::Member, false),
        ] {
            assert_eq!(check_role(&Servers::default(), &role, &creator).is_ok(), fits, "{role}");
        }
        creator.scopes = roles::grantable(&Role::Owner).clone();
        for role in [Role::Owner, Role::Viewer, Role::Auditor, Role::Member] {
            assert!(check_role(&Servers::default(), &role, &creator).is_ok(), "{role}");
        }
    }

    #[test]
    fn a_role_that_no_server_brought_along_is_given_to_nobody() {
        let server = reports();
        let mut creator = Principal {
            project: server.tenant.clone().unwrap().project,
            owner: server.tenant.clone().unwrap().owner,
            scopes: roles::expand(&"admin:all".parse().unwrap()),
            ..Principal::stranger(Timestamp::EPOCH, &Seeded::new(1))
        };
        let servers = Servers::new([Arc::new(server)]);
        let given = |role: &str, by: &Principal| check_role(&servers, &Role::Custom(role.into()), by);
        assert!(given("reporter", &creator).is_ok());
        assert!(matches!(given("stranger", &creator), Err(PeopleError::NoSuchRole)));
        creator.scopes = "agents:read".parse().unwrap();
        assert!(matches!(
            given("reporter", &creator),
            Err(PeopleError::WiderThanCreator { .. })
        ));
        creator.project = ProjectId::new(Timestamp::EPOCH, &Seeded::new(77));
        assert!(matches!(given("reporter", &creator), Err(PeopleError::NoSuchRole)));
    }
}
