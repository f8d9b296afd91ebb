//! Reporting that somebody else knows a key, and what came of that key.
//!
//! What must stay true: the key, its agent and that agent's clients end in one act; and whoever reports a key is told what
//! was made with it and is still good, through however many hands, because whoever knew it may have made that.

use {
    crate::{
        cache::Shard,
        error::KeyError,
        keys::{Agents, Keys},
        oauth::manage,
        rows,
    },
    portreeve_kernel::{AgentId, Credential, EventId, KeyId, OwnerId, Principal, ProjectId, Timestamp, TokenId},
    portreeve_oauth::ClientId,
    portreeve_store::{AuditEntry, Fetch, OutboxEvent, Row, Sql, StoreError, Tx},
    serde::Serialize,
    serde_json::json,
    std::{
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
    User,
    ResourceServer,
}

/// Something of an owner's, and who made it.
#[derive(Debug, Clone)]
struct Thing {
    what: What,
    id: String,
    maker: String,
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
        let now = self.clock.now();
        let (keys, by, id) = (Arc::clone(self), by.clone(), id.clone());
        let unit = async move |tx: &mut Tx| {
            let (at, actor) = (now.for_expiry(), by.credential.to_string());
            let whose = (by.owner.clone(), by.project.clone());
            let agent = rows::agent_of(tx, &id, &by).await?.ok_or(KeyError::NoSuchKey)?;
            // Agents are locked before keys, and those before what an agent's suspension locks.
            if let Some(agent) = &agent {
                agents.lock(tx, agent, &by.owner).await?;
            }
            keys.still_good(tx, &by.credential, now).await?;
            let life = rows::life_of(tx, &id, &by).await?.ok_or(KeyError::NoSuchKey)?;
            let mut hashes = vec![life.hash];
            let mut clients = Vec::new();
            let (mut made, asking) = (made_with(tx, &id, &whose).await?, asking(&by));
            for thing in made.iter_mut().filter(|thing| with_all && asking != Some(&*thing.id)) {
                match thing.what {
                    What::ApiKey => {
                        let key: KeyId = thing.id.parse().map_err(|_| KeyError::NoSuchKey)?;
                        let life = rows::life_of(tx, &key, &by).await?.ok_or(KeyError::NoSuchKey)?;
                        keys.end(tx, &key, &life.hash, now, actor.clone(), whose.clone())
                            .await?;
                        hashes.push(life.hash);
                    }
                    What::OauthClient => {
                        let client = ClientId::parse(&thing.id).ok_or(KeyError::NoSuchClient)?;
                        manage::end(&keys, tx, &client, &by, at).await?;
                        clients.push(client);
                    }
                    // Theirs ends with what else they did, which is for an owner to look at.
                    What::User | What::ResourceServer => continue,
                }
                thing.has_ended = true;
            }
            let mut leak = Leak {
                agent,
                is_suspended: false,
                made,
            };
            if life.revoked_at.is_some() {
                // It has ended before; its agent may have been resumed since, and is not stopped by it again.
                return Ok((leak, hashes, clients));
            }
            keys.end(tx, &id, &life.hash, now, actor.clone(), whose).await?;
            if let Some(agent) = &leak.agent {
                leak.is_suspended = agents.suspend(tx, agent, &by.owner, &actor).await?;
            }
            let ended = leak.made.iter().filter(|thing| thing.has_ended).count();
            let data = json!({
                "agentId": leak.agent, "agentSuspended": leak.is_suspended, "made": leak.made.len(), "madeEnded": ended,
            });
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
                agent: leak.agent.clone(),
                subject: id.to_string(),
                data,
                at,
            });
            Ok::<_, KeyError>((leak, hashes, clients))
        };
        let (leak, hashes, clients) = self.db.write(unit).await?;
        for hash in &hashes {
            self.cache.forget(Shard::of(hash));
        }
        for client in &clients {
            self.recent_oauth.clients.forget(Shard::named(client.as_str()));
        }
        Ok(leak)
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

/// What of an owner's was made with `key` and is still good, the oldest first.
async fn made_with(tx: &mut Tx, key: &KeyId, (owner, project): &(OwnerId, ProjectId)) -> Result<Vec<Made>, StoreError> {
    let mut makers = BTreeMap::new();
    for text in [
        "SELECT id, COALESCE(user_id, client_id) AS maker FROM oauth_grants WHERE owner_id = $1 AND project_id = $2",
        "SELECT s.id, s.user_id AS maker FROM sessions s JOIN users u ON u.id = s.user_id \
         WHERE u.owner_id = $1 AND u.project_id = $2",
    ] {
        for row in tx.fetch_all(Sql::new(text).bind(owner).bind(project)).await? {
            makers.insert(row.get::<String>("id")?, row.get::<String>("maker")?);
        }
    }
    let mut things = Vec::new();
    for (what, text) in [
        (
            What::ApiKey,
            "SELECT id, created_by, created_at, revoked_at AS over_at FROM api_keys WHERE owner_id = $1 AND project_id = $2",
        ),
        (
            What::OauthClient,
            "SELECT id, created_by, created_at, revoked_at AS over_at FROM oauth_clients \
             WHERE owner_id = $1 AND project_id = $2",
        ),
        (
            What::User,
            "SELECT id, created_by, created_at, removed_at AS over_at FROM users WHERE owner_id = $1 AND project_id = $2",
        ),
        (
            What::ResourceServer,
            "SELECT id, created_by, created_at, removed_at AS over_at FROM resource_servers \
             WHERE owner_id = $1 AND project_id = $2",
        ),
    ] {
        let rows = tx.fetch_all(Sql::new(text).bind(owner).bind(project)).await?;
        for row in &rows {
            things.push(Thing::read(what, row, &makers)?);
        }
    }
    Ok(came_of(key.as_str(), things))
}

impl Thing {
    fn read(what: What, row: &Row, makers: &BTreeMap<String, String>) -> Result<Self, StoreError> {
        let over: Option<Timestamp> = row.get_optional("over_at")?;
        Ok(Self {
            what,
            id: row.get("id")?,
            maker: maker(&row.get::<String>("created_by")?, makers),
            created_at: row.get("created_at")?,
            is_over: over.is_some(),
        })
    }
}

/// Who acted by the credential `by`: the key itself; of a token its person, or its client where it acts by itself; of a session its
/// person.
fn maker(by: &str, makers: &BTreeMap<String, String>) -> String {
    let grant = by.parse::<TokenId>().map(|token| token.grant().to_string());
    let name = grant.as_deref().unwrap_or(by);
    makers.get(name).map_or(name, String::as_str).to_owned()
}

/// What came of `first`, through however many hands, and is not over.
fn came_of(first: &str, things: Vec<Thing>) -> Vec<Made> {
    let mut by_maker: BTreeMap<String, Vec<Thing>> = BTreeMap::new();
    for thing in things {
        by_maker.entry(thing.maker.clone()).or_default().push(thing);
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
    made.sort_by(|one, other| (one.created_at, one.what, &one.id).cmp(&(other.created_at, other.what, &other.id)));
    made
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
            maker: maker.to_owned(),
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
                thing(What::ApiKey, "key_other", "init", 1, false),
                thing(What::OauthClient, "cli_2", "key_other", 2, false),
                thing(What::OauthClient, "https://c.example/", "https://c.example/", 2, false),
            ],
        );
        let ids: Vec<&str> = made.iter().map(|made| made.id.as_str()).collect();
        assert_eq!(ids, ["usr_1", "key_c", "cli_1", "rsv_1"]);
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
        let makers = BTreeMap::from([
            (grant.to_string(), "cli_1".to_owned()),
            (session.to_string(), "usr_1".to_owned()),
        ]);
        let token = TokenId::new(&grant, &Seeded::new(3)).to_string();
        for (by, who) in [
            ("key_0123456789AB", "key_0123456789AB"),
            (token.as_str(), "cli_1"),
            (session.as_str(), "usr_1"),
            ("init", "init"),
        ] {
            assert_eq!(maker(by, &makers), who, "{by}");
        }
    }
}
