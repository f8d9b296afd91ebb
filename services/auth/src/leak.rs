//! Reporting that somebody else knows a key, and what came of that key.
//!
//! What must stay true: the key, its agent and that agent's clients end in one act, which nothing holds up; and whoever reports
//! a key is told what was made with it and is still good, through however many hands, because whoever knew it may have made
//! that. People count, too, whom it made or for whom it made a link, and so do clients to whom it gave another secret. What
//! is known of it is what the audit log and the rows say; sessions that are over are forgotten, and with them who acted in them.

use {
    crate::{
        cache::Shard,
        error::KeyError,
        keys::{Agents, Keys},
        oauth::manage,
        rows,
    },
    portreeve_kernel::{AgentId, Credential, EventId, KeyId, Principal, Timestamp, TokenId},
    portreeve_oauth::ClientId,
    portreeve_store::{AuditEntry, Fetch, OutboxEvent, Row, Sql, StoreError, Tx},
    serde::Serialize,
    serde_json::json,
    std::{
        cmp::Ordering,
        collections::{BTreeMap, BTreeSet},
        sync::Arc,
    },
    utoipa::ToSchema,
};

/// What ended with a key that leaked, and what came of it.
#[derive(Debug, Clone)]
pub(crate) struct Leak {
    /// The agent it spoke for.
    pub(crate) agent: Option<AgentId>,
    /// True when that was stopped just now.
    pub(crate) is_suspended: bool,
    /// What was made with it and was good until now, the oldest first.
    pub(crate) made: Vec<Made>,
}

/// Something that was made with a key, or with what was made with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Made {
    pub(crate) what: What,
    pub(crate) id: String,
    pub(crate) created_at: Timestamp,
    /// It ended with the key.
    pub(crate) has_ended: bool,
}

/// What can be made with a key that is good for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum What {
    ApiKey,
    OauthClient,
    /// Somebody who was invited.
    User,
    /// A link by which somebody could become a person whom others invited. The id is the person's.
    UserLink,
    /// Another secret of a client that others made. The id is the client's.
    ClientSecret,
    ResourceServer,
}

impl What {
    /// Whether it ends with the key when that is asked for. The others end with what else was done by them, or through them,
    /// which is for an owner to look at.
    const fn ends(self) -> bool {
        matches!(self, Self::ApiKey | Self::OauthClient)
    }
}

/// How many are ended in one unit, so that none takes long.
const SLICE: usize = 100;

/// Something of an owner's, and who made it.
#[derive(Debug, Clone)]
struct Thing {
    what: What,
    id: String,
    /// Any of them: of a token its person and its client.
    makers: Vec<String>,
    created_at: Timestamp,
    is_over: bool,
}

impl Keys {
    /// Ends a key that somebody else knows, and stops the agent it speaks for, with its clients and their tokens: all of it
    /// or nothing. `with_all` ends the keys and clients that were made with it as well, but for the one that asks. When this
    /// returns, none of them gets in on this node. Whoever listens is told. Doing it again ends what is left.
    ///
    /// # Errors
    /// [`KeyError::NoSuchKey`], also for somebody else's; [`KeyError::CallerRevoked`], [`KeyError::Store`].
    pub(crate) async fn report_leak(
        self: &Arc<Self>,
        by: &Principal,
        id: &KeyId,
        with_all: bool,
        agents: Arc<Agents>,
    ) -> Result<Leak, KeyError> {
        // Whoever reports itself is nobody any more afterwards.
        let before = match asking(by) == Some(id.as_str()) {
            true => Some(self.end_what_came_of(by, id, with_all).await?),
            false => None,
        };
        let (agent, is_suspended) = self.end_leaked(by, id, agents).await?;
        let made = match before {
            Some(made) => made,
            None => self.end_what_came_of(by, id, with_all).await?,
        };
        Ok(Leak {
            agent,
            is_suspended,
            made,
        })
    }

    /// Ends the key and what acts with it. The agent it spoke for, and whether that was stopped just now.
    async fn end_leaked(
        self: &Arc<Self>,
        by: &Principal,
        id: &KeyId,
        agents: Arc<Agents>,
    ) -> Result<(Option<AgentId>, bool), KeyError> {
        let now = self.clock.now();
        let (keys, by, id) = (Arc::clone(self), by.clone(), id.clone());
        let unit = async move |tx: &mut Tx| {
            let (at, actor) = (now.for_expiry(), by.credential.to_string());
            let agent = rows::agent_of(tx, &id, &by).await?.ok_or(KeyError::NoSuchKey)?;
            // Agents are locked before keys, and those before what an agent's suspension locks.
            if let Some(agent) = &agent {
                agents.lock(tx, agent, &by.owner).await?;
            }
            keys.still_good(tx, &by.credential, now).await?;
            let life = rows::life_of(tx, &id, &by).await?.ok_or(KeyError::NoSuchKey)?;
            if life.revoked_at.is_some() {
                // It has ended before; its agent may have been resumed since, and is not stopped by it again.
                return Ok((agent, false, life.hash));
            }
            let whose = (by.owner.clone(), by.project.clone());
            keys.end(tx, &id, &life.hash, now, actor.clone(), whose).await?;
            let is_suspended = match &agent {
                Some(agent) => agents.suspend(tx, agent, &by.owner, &actor).await?,
                None => false,
            };
            let data = json!({"agentId": agent, "agentSuspended": is_suspended});
            tx.audit(AuditEntry {
                at,
                kind: "api_key.leaked".into(),
                actor,
                owner: Some(by.owner.clone()),
                project: Some(by.project.clone()),
                subject: id.to_string(),
                data: data.clone(),
            });
            tx.emit(OutboxEvent {
                id: EventId::new(at, &*keys.entropy),
                kind: "credential.leaked".into(),
                project: by.project.clone(),
                owner: by.owner.clone(),
                agent: agent.clone(),
                subject: id.to_string(),
                data,
                at,
            });
            Ok::<_, KeyError>((agent, is_suspended, life.hash))
        };
        let (agent, is_suspended, hash) = self.db.write(unit).await?;
        self.cache.forget(Shard::of(&hash));
        Ok((agent, is_suspended))
    }

    /// What came of `id` and was good until now; with `with_all` all of it that can be ended is, a slice at a time, until no
    /// more of it comes.
    async fn end_what_came_of(
        self: &Arc<Self>,
        by: &Principal,
        id: &KeyId,
        with_all: bool,
    ) -> Result<Vec<Made>, KeyError> {
        let mut ended: Vec<Made> = Vec::new();
        loop {
            let made = made_with(&mut self.db.read(), id, by).await?;
            let can_end = |made: &Made| with_all && made.what.ends() && asking(by) != Some(&*made.id);
            let (mut ending, left): (Vec<Made>, Vec<Made>) = made.into_iter().partition(can_end);
            if ending.is_empty() {
                ended.extend(left);
                ended.sort_by(in_order);
                return Ok(ended);
            }
            // In one order, so that two who do this at once seldom wait for each other.
            ending.sort_by(|one, other| one.id.cmp(&other.id));
            for slice in ending.chunks(SLICE) {
                self.end_slice(by, slice).await?;
            }
            ended.extend(ending.into_iter().map(|made| Made {
                has_ended: true,
                ..made
            }));
        }
    }

    async fn end_slice(self: &Arc<Self>, by: &Principal, slice: &[Made]) -> Result<(), KeyError> {
        let now = self.clock.now();
        let slice: Arc<[Made]> = slice.into();
        let (keys, by) = (Arc::clone(self), by.clone());
        let unit = async move |tx: &mut Tx| {
            keys.still_good(tx, &by.credential, now).await?;
            let (mut hashes, mut clients) = (Vec::new(), Vec::new());
            for made in slice.iter() {
                if made.what == What::ApiKey {
                    let key: KeyId = made.id.parse().map_err(|_| KeyError::NoSuchKey)?;
                    let life = rows::life_of(tx, &key, &by).await?.ok_or(KeyError::NoSuchKey)?;
                    let whose = (by.owner.clone(), by.project.clone());
                    keys.end(tx, &key, &life.hash, now, by.credential.to_string(), whose)
                        .await?;
                    hashes.push(life.hash);
                } else {
                    let client = ClientId::parse(&made.id).ok_or(KeyError::NoSuchClient)?;
                    manage::end(&keys, tx, &client, &by, now.for_expiry()).await?;
                    clients.push(client);
                }
            }
            Ok::<_, KeyError>((hashes, clients))
        };
        let (hashes, clients) = self.db.write(unit).await?;
        for hash in &hashes {
            self.cache.forget(Shard::of(hash));
        }
        for client in &clients {
            self.recent_oauth.clients.forget(Shard::named(client.as_str()));
        }
        Ok(())
    }
}

/// As what `by` itself may have been made.
fn asking(by: &Principal) -> Option<&str> {
    match &by.credential {
        Credential::ApiKey(id) => Some(id.as_str()),
        Credential::Token(_) => by.client.as_deref(),
        Credential::Session(_) => None,
    }
}

/// Who acts by grants and sessions, by their ids.
type Actors = BTreeMap<String, Vec<String>>;

/// What of the owner's whom `of` speaks for was made with `key` and is still good, the oldest first.
async fn made_with(from: &mut (impl Fetch + Send), key: &KeyId, of: &Principal) -> Result<Vec<Made>, StoreError> {
    let ask = |text: &'static str| Sql::new(text).bind(&of.owner).bind(&of.project);
    let mut actors = Actors::new();
    for text in [
        "SELECT id, client_id AS actor, user_id AS other FROM oauth_grants WHERE owner_id = $1 AND project_id = $2",
        "SELECT s.id, s.user_id AS actor, CAST(NULL AS TEXT) AS other FROM sessions s JOIN users u ON u.id = s.user_id \
         WHERE u.owner_id = $1 AND u.project_id = $2",
    ] {
        for row in from.fetch_all(ask(text)).await? {
            let both = [Some(row.get("actor")?), row.get_optional("other")?];
            actors.insert(row.get("id")?, both.into_iter().flatten().collect());
        }
    }
    let mut things = Vec::new();
    for (what, text) in [
        (
            What::ApiKey,
            "SELECT id, created_by, created_at, revoked_at AS over_at FROM api_keys WHERE owner_id = $1 AND project_id = $2",
        ),
        // The client by which a resource server asks ends with that.
        (
            What::OauthClient,
            "SELECT id, created_by, created_at, revoked_at AS over_at FROM oauth_clients \
             WHERE owner_id = $1 AND project_id = $2 AND kind <> 'resource'",
        ),
        (
            What::User,
            "SELECT id, created_by, created_at, removed_at AS over_at FROM users WHERE owner_id = $1 AND project_id = $2",
        ),
        (
            What::UserLink,
            "SELECT a.subject AS id, a.actor AS created_by, a.at AS created_at, u.removed_at AS over_at \
             FROM audit_log a JOIN users u ON u.id = a.subject \
             WHERE a.owner_id = $1 AND a.project_id = $2 AND a.kind = 'user.link_made'",
        ),
        (
            What::ClientSecret,
            "SELECT a.subject AS id, a.actor AS created_by, a.at AS created_at, c.revoked_at AS over_at \
             FROM audit_log a JOIN oauth_clients c ON c.id = a.subject \
             WHERE a.owner_id = $1 AND a.project_id = $2 AND a.kind = 'oauth_client.secret_changed'",
        ),
        (
            What::ResourceServer,
            "SELECT id, created_by, created_at, removed_at AS over_at FROM resource_servers \
             WHERE owner_id = $1 AND project_id = $2",
        ),
    ] {
        for row in &from.fetch_all(ask(text)).await? {
            things.push(Thing::read(what, row, &actors)?);
        }
    }
    Ok(came_of(key.as_str(), things))
}

impl Thing {
    fn read(what: What, row: &Row, actors: &Actors) -> Result<Self, StoreError> {
        let over: Option<Timestamp> = row.get_optional("over_at")?;
        Ok(Self {
            what,
            id: row.get("id")?,
            makers: makers(&row.get::<String>("created_by")?, actors),
            created_at: row.get("created_at")?,
            is_over: over.is_some(),
        })
    }
}

/// Who acted by the credential `by`: the key itself; of a token its client, and its person where there is one; of a session its
/// person.
fn makers(by: &str, actors: &Actors) -> Vec<String> {
    let grant = by.parse::<TokenId>().map(|token| token.grant().to_string());
    let name = grant.as_deref().unwrap_or(by);
    actors.get(name).cloned().unwrap_or_else(|| vec![name.to_owned()])
}

/// What came of `first`, through however many hands, and is not over.
fn came_of(first: &str, things: Vec<Thing>) -> Vec<Made> {
    let mut by_maker: BTreeMap<String, Vec<Thing>> = BTreeMap::new();
    for thing in things {
        for maker in &thing.makers {
            by_maker.entry(maker.clone()).or_default().push(thing.clone());
        }
    }
    let (mut seen, mut next) = (BTreeSet::from([first.to_owned()]), vec![first.to_owned()]);
    let mut made = Vec::new();
    while let Some(maker) = next.pop() {
        for thing in by_maker.remove(&maker).unwrap_or_default() {
            // A client that is a document was made by itself, and what leaked did not make itself.
            if !seen.insert(thing.id.clone()) {
                continue;
            }
            next.push(thing.id.clone());
            // What is over may have made what is not.
            if !thing.is_over {
                made.push(Made {
                    what: thing.what,
                    id: thing.id,
                    created_at: thing.created_at,
                    has_ended: false,
                });
            }
        }
    }
    made.sort_by(in_order);
    made
}

/// The oldest first.
fn in_order(one: &Made, other: &Made) -> Ordering {
    (one.created_at, one.what, &one.id).cmp(&(other.created_at, other.what, &other.id))
}

#[cfg(test)]
mod tests {
    use {
        super::*,
        portreeve_kernel::{GrantId, SessionId, entropy::Seeded},
    };

    fn thing(what: What, id: &str, maker: &str, at: i64, is_over: bool) -> Thing {
        Thing {
            what,
            id: id.to_owned(),
            makers: vec![maker.to_owned()],
            created_at: Timestamp::from_seconds(at),
            is_over,
        }
    }

    #[test]
    fn what_came_of_a_key_is_found_through_however_many_hands_and_through_what_is_over() {
        let made = came_of(
            "key_a",
            vec![
                thing(What::ApiKey, "key_a", "init", 0, false),
                thing(What::ApiKey, "key_c", "key_b", 3, false),
                thing(What::ApiKey, "key_b", "key_a", 1, true),
                thing(What::User, "usr_1", "key_a", 2, false),
                thing(What::OauthClient, "cli_1", "usr_1", 4, false),
                thing(What::ResourceServer, "rsv_1", "cli_1", 5, false),
                thing(What::UserLink, "usr_2", "key_b", 6, false),
                thing(What::User, "usr_2", "init", 0, false),
                thing(What::ApiKey, "key_d", "usr_2", 7, false),
                thing(What::ClientSecret, "cli_3", "key_d", 8, false),
                thing(What::ResourceServer, "rsv_2", "cli_3", 9, false),
                thing(What::ApiKey, "key_other", "init", 1, false),
                thing(What::OauthClient, "cli_2", "key_other", 2, false),
                thing(What::OauthClient, "https://c.example/", "https://c.example/", 2, false),
            ],
        );
        let ids: Vec<&str> = made.iter().map(|made| made.id.as_str()).collect();
        assert_eq!(
            ids,
            ["usr_1", "key_c", "cli_1", "rsv_1", "usr_2", "key_d", "cli_3", "rsv_2"]
        );
    }

    #[test]
    fn keys_that_made_each_other_are_found_once() {
        let made = came_of(
            "key_a",
            vec![
                thing(What::ApiKey, "key_a", "key_b", 0, false),
                thing(What::ApiKey, "key_b", "key_a", 1, false),
            ],
        );
        assert_eq!(made.len(), 1);
    }

    #[test]
    fn who_acted_is_known_by_the_credential() {
        let grant = GrantId::new(Timestamp::EPOCH, &Seeded::new(1));
        let session = SessionId::new(Timestamp::EPOCH, &Seeded::new(2));
        let actors = Actors::from([
            (grant.to_string(), vec!["cli_1".to_owned(), "usr_2".to_owned()]),
            (session.to_string(), vec!["usr_1".to_owned()]),
        ]);
        let token = TokenId::new(&grant, &Seeded::new(3)).to_string();
        for (by, who) in [
            ("key_0123456789AB", "key_0123456789AB"),
            (token.as_str(), "cli_1 usr_2"),
            (session.as_str(), "usr_1"),
            ("init", "init"),
        ] {
            assert_eq!(makers(by, &actors).join(" "), who, "{by}");
        }
    }
}
