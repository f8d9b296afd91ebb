//! What is promised of people, their links, passkeys and sessions, on both databases.

use {
    crate::{
        authenticator::{Authenticator, Browser, phone},
        house::{House, START, facts},
    },
    portreeve_kernel::{Cluster, Code, GrantId, OwnerId, Timestamp, TokenId, entropy::Seeded},
    portreeve_store::{Fetch, Sql, StoreError, Tx, testing::TestDatabase},
    serde_json::{Value, json},
    sha2::{Digest, Sha256},
    tokio::task::JoinSet,
};

facts! {
    a_link_enrols_once;
    a_link_is_good_for_a_day_and_not_a_second_longer;
    a_new_link_ends_the_old_one;
    of_twenty_who_open_one_link_at_once_one_makes_a_passkey;
    the_last_owner_cannot_be_removed_or_made_less;
    of_two_owners_who_remove_each_other_at_once_one_stays;
    a_removed_users_session_link_passkeys_and_grants_end_with_the_answer;
    another_role_ends_sessions_and_grants_and_the_same_role_nothing;
    a_ceremony_is_good_once_at_whatever_node;
    a_passkey_whose_counter_went_back_is_refused_and_told_of;
    of_clones_that_sign_in_at_once_one_gets_in;
    a_key_that_was_revoked_elsewhere_does_nothing_about_people;
    links_and_sessions_are_nowhere_in_the_database;
    a_session_ends_with_its_user_signing_out;
    a_session_that_is_used_lasts_twelve_hours_and_one_that_is_not_half_an_hour;
    nobody_sees_or_touches_the_people_of_another_owner;
    people_are_listed_newest_first_in_pages;
}

/// A house whose owner has a key, and what that key does about people.
pub(crate) struct Town {
    pub(crate) house: House,
    pub(crate) key: String,
    pub(crate) owner: OwnerId,
}

impl Town {
    pub(crate) async fn new(database: &TestDatabase) -> Self {
        let house = House::new(database, 1).await;
        let (owner, first) = house.owner(10, Cluster::Local).await;
        Self {
            house,
            owner: owner.id,
            key: first.text.expose().to_owned(),
        }
    }

    pub(crate) async fn call(&self, line: &str, body: Option<&Value>) -> crate::house::Answer {
        self.house.call(line, &self.key, "198.51.100.7", body).await
    }

    /// Id and link of somebody new.
    pub(crate) async fn invite(&self, name: &str, role: &str) -> (String, String) {
        let made = self
            .call("POST /auth/users", Some(&json!({"name": name, "role": role})))
            .await
            .expect(201);
        let text = |member: &str| made[member].as_str().unwrap().to_owned();
        (text("id"), text("link"))
    }

    /// Somebody with a passkey, signed in.
    pub(crate) async fn person(&self, seed: u8, role: &str) -> (String, Authenticator, Browser<'_>) {
        let (id, link) = self.invite(&format!("person {seed}"), role).await;
        let (mut device, mut browser) = (phone(seed), Browser::new(&self.house));
        browser.enrol(&link, &mut device).await.expect(200);
        (id, device, browser)
    }

    pub(crate) async fn count(&self, sql: &'static str) -> i64 {
        let row = self.house.db.read().fetch_one(Sql::new(sql)).await.unwrap();
        row.get("n").unwrap()
    }

    async fn kinds(&self) -> Vec<String> {
        self.house.audit().await.into_iter().map(|row| row.kind).collect()
    }
}

async fn a_link_enrols_once(database: &TestDatabase) {
    let town = Town::new(database).await;
    let (id, link) = town.invite("Ada", "owner").await;
    assert!(link.starts_with("https://portreeve.test/enrol#wlk_"), "{link}");
    let mut browser = Browser::new(&town.house);
    let mut device = phone(1);
    let next = browser.enrol(&link, &mut device).await.expect(200);
    assert_eq!(next["next"], "/signin");
    let page = browser.who().await.unwrap();
    assert!(
        page.contains("<strong>Ada</strong>") && page.contains("<strong>owner</strong>"),
        "{page}"
    );

    let (mut other, mut stranger) = (phone(2), Browser::new(&town.house));
    let refused = stranger.enrol(&link, &mut other).await.is(Code::AuthLinkInvalid);
    let unknown = stranger.enrol("#wlk_1", &mut other).await.is(Code::AuthLinkInvalid);
    assert_eq!(refused["detail"], unknown["detail"], "used and unknown are told alike");
    let log = town.house.audit().await;
    let of = |kind: &str| log.iter().filter(|row| row.kind == kind).collect::<Vec<_>>();
    let enrolled = of("passkey.enrolled");
    assert_eq!((enrolled.len(), enrolled[0].subject.as_str()), (1, id.as_str()));
    assert_eq!(of("user.invited").len(), 1);
    assert_eq!(of("user.signed_in").len(), 1);
    assert_eq!(of("auth.failed").len(), 1, "the tries with a wrong link, as one entry");
}

async fn a_link_is_good_for_a_day_and_not_a_second_longer(database: &TestDatabase) {
    let town = Town::new(database).await;
    let (_, link) = town.invite("Ada", "viewer").await;
    let mut browser = Browser::new(&town.house);
    town.house.after(24 * 60 * 60 - 1);
    let begun = browser.begin_enrolment(&link).await.expect(200);
    town.house.after(1);
    browser.begin_enrolment(&link).await.is(Code::AuthLinkInvalid);
    let made = phone(1).make(&begun);
    browser.ask("/enrol/finish", &made).await.is(Code::AuthLinkInvalid);
    assert_eq!(town.count("SELECT COUNT(*) AS n FROM passkeys").await, 0);
}

async fn a_new_link_ends_the_old_one(database: &TestDatabase) {
    let town = Town::new(database).await;
    let (id, old) = town.invite("Ada", "owner").await;
    let mut browser = Browser::new(&town.house);
    let begun = browser.begin_enrolment(&old).await.expect(200);
    let new = town
        .call(&format!("POST /auth/users/{id}/link"), None)
        .await
        .expect(201);
    browser.begin_enrolment(&old).await.is(Code::AuthLinkInvalid);
    let made = phone(1).make(&begun);
    browser.ask("/enrol/finish", &made).await.is(Code::AuthLinkInvalid);
    browser
        .enrol(new["link"].as_str().unwrap(), &mut phone(1))
        .await
        .expect(200);
}

async fn of_twenty_who_open_one_link_at_once_one_makes_a_passkey(database: &TestDatabase) {
    let town = Town::new(database).await;
    let (_, link) = town.invite("Ada", "owner").await;
    let nodes = [House::new(database, 2).await, House::new(database, 3).await];
    let mut bodies = Vec::new();
    for seed in 1..=20 {
        let begun = Browser::new(&town.house).begin_enrolment(&link).await.expect(200);
        bodies.push(phone(seed).make(&begun));
    }
    let nodes = std::sync::Arc::new(nodes);
    let mut tries = JoinSet::new();
    for (turn, body) in bodies.into_iter().enumerate() {
        let nodes = nodes.clone();
        tries.spawn(async move {
            Browser::new(&nodes[turn % 2])
                .ask("/enrol/finish", &body)
                .await
                .status
                .as_u16()
        });
    }
    let mut statuses = tries.join_all().await;
    statuses.sort_unstable();
    let mut expected = vec![403; 20];
    expected[0] = 200;
    assert_eq!(statuses, expected);
    assert_eq!(town.count("SELECT COUNT(*) AS n FROM passkeys").await, 1);
    assert_eq!(town.count("SELECT COUNT(*) AS n FROM sessions").await, 1);
}

async fn the_last_owner_cannot_be_removed_or_made_less(database: &TestDatabase) {
    let town = Town::new(database).await;
    let (ada, _) = town.invite("Ada", "owner").await;
    let (vi, _) = town.invite("Vi", "viewer").await;
    let change = async |id: &str, role: &str| {
        town.call(&format!("PATCH /auth/users/{id}"), Some(&json!({"role": role})))
            .await
    };
    let remove = async |id: &str| town.call(&format!("DELETE /auth/users/{id}"), None).await;
    remove(&ada).await.is(Code::UserLastOwner);
    change(&ada, "viewer").await.is(Code::UserLastOwner);
    change(&ada, "owner").await.expect(200);
    assert_eq!(change(&vi, "owner").await.expect(200)["role"], "owner");
    assert_eq!(change(&ada, "member").await.expect(200)["role"], "member");
    remove(&vi).await.is(Code::UserLastOwner);
    remove(&ada).await.expect(204);
    remove(&ada).await.is(Code::UserNotFound);
    change(&ada, "owner").await.is(Code::UserNotFound);
}

async fn of_two_owners_who_remove_each_other_at_once_one_stays(database: &TestDatabase) {
    let nodes = [House::new(database, 1).await, House::new(database, 2).await];
    for seed in 10..16 {
        let (owner, key) = nodes[0].owner(seed, Cluster::Local).await;
        let key = key.text.expose();
        // Of another key, or the two would wait for each other at that.
        let (second, _) = nodes[0]
            .made(key, json!({"name": "second", "scopes": ["admin:all"]}))
            .await;
        let mut two = Vec::new();
        for name in ["Ada", "Bo"] {
            let body = json!({"name": name, "role": "owner"});
            let made = nodes[0]
                .call("POST /auth/users", key, "198.51.100.7", Some(&body))
                .await;
            two.push(made.expect(201)["id"].as_str().unwrap().to_owned());
        }
        let remove = format!("DELETE /auth/users/{}", two[0]);
        let (change, less) = (format!("PATCH /auth/users/{}", two[1]), json!({"role": "viewer"}));
        let (removed, changed) = tokio::join!(
            nodes[0].call(&remove, key, "198.51.100.7", None),
            nodes[1].call(&change, &second, "198.51.100.7", Some(&less)),
        );
        let statuses = (removed.status.as_u16(), changed.status.as_u16());
        assert!(matches!(statuses, (204, 409) | (409, 200)), "{statuses:?}");
        let owners =
            Sql::new("SELECT COUNT(*) AS n FROM users WHERE owner_id = $1 AND role = 'owner' AND removed_at IS NULL");
        let row = nodes[0].db.read().fetch_one(owners.bind(&owner.id)).await.unwrap();
        assert_eq!(row.get::<i64>("n").unwrap(), 1);
    }
}

/// A client, and a grant that `user` gave it.
async fn granted(town: &Town, user: &str) -> TokenId {
    let chance = Seeded::new(user.bytes().map(u64::from).sum());
    let grant = GrantId::new(START, &chance);
    let (id, user) = (grant.clone(), user.to_owned());
    let unit = async move |tx: &mut Tx| {
        let client = Sql::new(
            "INSERT INTO oauth_clients (id, kind, name, role, auth_method, grants, redirect_uris, scopes, created_at, \
             created_by) VALUES ('clt_1', 'dynamic', 'x', 'owner', 'none', '[]', '[]', '[]', 0, 'x') ON CONFLICT DO NOTHING",
        );
        tx.execute(client).await?;
        let grant = Sql::new(
            "INSERT INTO oauth_grants (id, client_id, kind, project_id, owner_id, user_id, role, resource, scopes, created_at) \
             SELECT $1, 'clt_1', 'person', project_id, owner_id, id, role, 'https://portreeve.test/mcp', '[]', 0 FROM users WHERE id = $2",
        );
        tx.execute(grant.bind(&id).bind(user.as_str())).await
    };
    town.house.db.write::<_, StoreError, _>(unit).await.unwrap();
    TokenId::new(&grant, &chance)
}

async fn is_good(town: &Town, token: &TokenId) -> bool {
    use portreeve_kernel::{Clock, Credential, control::CredentialCheck};
    let credential = Credential::Token(token.clone());
    let (keys, now) = (town.house.keys.clone(), town.house.clock.now());
    let unit = async move |tx: &mut Tx| keys.good_among(tx, &[credential.clone()].into(), now).await;
    !town.house.db.write::<_, StoreError, _>(unit).await.unwrap().is_empty()
}

async fn a_removed_users_session_link_passkeys_and_grants_end_with_the_answer(database: &TestDatabase) {
    let town = Town::new(database).await;
    town.invite("Ada", "owner").await;
    let (id, mut device, mut browser) = town.person(1, "auditor").await;
    let link = town
        .call(&format!("POST /auth/users/{id}/link"), None)
        .await
        .expect(201);
    let (other, _, others_browser) = town.person(2, "auditor").await;
    let (token, others) = (granted(&town, &id).await, granted(&town, &other).await);
    assert!(is_good(&town, &token).await);
    town.call(&format!("DELETE /auth/users/{id}"), None).await.expect(204);
    assert!(browser.who().await.is_none());
    assert!(!is_good(&town, &token).await);
    let node = House::new(database, 9).await;
    assert!(browser.at(&node).who().await.is_none(), "nor at another node");
    browser.sign_in(&mut device).await.is(Code::AuthPasskeyRefused);
    browser
        .enrol(link["link"].as_str().unwrap(), &mut phone(3))
        .await
        .is(Code::AuthLinkInvalid);
    assert!(
        is_good(&town, &others).await && others_browser.who().await.is_some(),
        "and nobody else's"
    );
    assert!(town.kinds().await.contains(&"user.removed".to_owned()));
    let why = "SELECT COUNT(*) AS n FROM oauth_grants WHERE revoked_why = 'user_removed'";
    assert_eq!(town.count(why).await, 1);
}

async fn another_role_ends_sessions_and_grants_and_the_same_role_nothing(database: &TestDatabase) {
    let town = Town::new(database).await;
    let (id, mut device, mut browser) = town.person(1, "auditor").await;
    let token = granted(&town, &id).await;
    let change = async |role: &str| {
        let body = json!({"role": role});
        town.call(&format!("PATCH /auth/users/{id}"), Some(&body))
            .await
            .expect(200)
    };
    change("auditor").await;
    assert!(browser.who().await.is_some() && is_good(&town, &token).await);
    change("viewer").await;
    assert!(browser.who().await.is_none() && !is_good(&town, &token).await);
    browser.sign_in(&mut device).await.expect(200);
    assert!(browser.who().await.unwrap().contains("<strong>viewer</strong>"));
    let kinds = town.kinds().await;
    assert_eq!(kinds.iter().filter(|kind| *kind == "user.role_changed").count(), 1);
}

async fn a_ceremony_is_good_once_at_whatever_node(database: &TestDatabase) {
    let town = Town::new(database).await;
    let (_, mut device, mut browser) = town.person(1, "viewer").await;
    let begun = browser.begin_sign_in().await;
    device.counter = 1;
    let nodes = std::sync::Arc::new([House::new(database, 2).await, House::new(database, 3).await]);
    let mut tries = JoinSet::new();
    for turn in 0..10_usize {
        // Each with a counter of its own, so that it is not the counter that refuses.
        device.counter += 1;
        let (body, nodes) = (device.show(&begun), nodes.clone());
        tries.spawn(async move {
            Browser::new(&nodes[turn % 2])
                .ask("/signin/finish", &body)
                .await
                .status
                .as_u16()
        });
    }
    let good = tries
        .join_all()
        .await
        .into_iter()
        .filter(|status| *status == 200)
        .count();
    assert_eq!(good, 1);
    device.counter += 1;
    browser
        .ask("/signin/finish", &device.show(&begun))
        .await
        .is(Code::AuthPasskeyRefused);
    browser.sign_in(&mut device).await.expect(200);
    let late = browser.begin_sign_in().await;
    town.house.after(300);
    device.counter += 1;
    browser
        .ask("/signin/finish", &device.show(&late))
        .await
        .is(Code::AuthPasskeyRefused);
    browser.sign_in(&mut device).await.expect(200);
    assert_eq!(
        town.count("SELECT COUNT(*) AS n FROM spent_ceremonies").await,
        1,
        "those that are over are gone"
    );
}

async fn a_passkey_whose_counter_went_back_is_refused_and_told_of(database: &TestDatabase) {
    let town = Town::new(database).await;
    let (id, mut device, mut browser) = town.person(1, "owner").await;
    device.counter = 41;
    let mut clone = device.clone();
    browser.sign_in(&mut device).await.expect(200);
    Browser::new(&town.house)
        .sign_in(&mut clone)
        .await
        .is(Code::AuthPasskeyRefused);
    let log = town.house.audit().await;
    let told: Vec<_> = log
        .iter()
        .filter(|row| row.kind == "passkey.counter_went_back")
        .collect();
    assert_eq!((told.len(), told[0].subject.as_str()), (1, id.as_str()));
    browser.sign_in(&mut device).await.expect(200);
}

async fn of_clones_that_sign_in_at_once_one_gets_in(database: &TestDatabase) {
    let town = Town::new(database).await;
    let (_, mut device, mut browser) = town.person(1, "owner").await;
    let nodes = std::sync::Arc::new([House::new(database, 2).await, House::new(database, 3).await]);
    for _ in 0..3 {
        device.counter += 1;
        let mut tries = JoinSet::new();
        for turn in 0..6_usize {
            // The same counter, each in a ceremony of its own.
            let (begun, nodes) = (browser.begin_sign_in().await, nodes.clone());
            let body = device.show(&begun);
            tries.spawn(async move {
                Browser::new(&nodes[turn % 2])
                    .ask("/signin/finish", &body)
                    .await
                    .status
                    .as_u16()
            });
        }
        let good = tries
            .join_all()
            .await
            .into_iter()
            .filter(|status| *status == 200)
            .count();
        assert_eq!(good, 1);
    }
}

async fn a_key_that_was_revoked_elsewhere_does_nothing_about_people(database: &TestDatabase) {
    let town = Town::new(database).await;
    let (vi, _) = town.invite("Vi", "viewer").await;
    let (second, id) = town
        .house
        .made(&town.key, json!({"name": "second", "scopes": ["admin:all"]}))
        .await;
    let node = House::new(database, 2).await;
    // This node has it in its memory, for a few seconds.
    node.get("/auth/users", &second).await.expect(200);
    assert_eq!(town.house.revoke(&town.key, &id).await.status, 204);
    let before = town.kinds().await.len();
    let (invite, change) = (json!({"name": "x", "role": "viewer"}), json!({"role": "auditor"}));
    for (line, body) in [
        ("POST /auth/users".to_owned(), Some(&invite)),
        (format!("PATCH /auth/users/{vi}"), Some(&change)),
        (format!("POST /auth/users/{vi}/link"), None),
        (format!("DELETE /auth/users/{vi}"), None),
    ] {
        node.call(&line, &second, "198.51.100.7", body)
            .await
            .is(Code::AuthKeyRevoked);
    }
    assert_eq!(town.kinds().await.len(), before);
}

async fn links_and_sessions_are_nowhere_in_the_database(database: &TestDatabase) {
    let town = Town::new(database).await;
    let (_, link) = town.invite("Ada", "owner").await;
    let mut browser = Browser::new(&town.house);
    browser.enrol(&link, &mut phone(1)).await.expect(200);
    let (_, open) = town.invite("Bo", "owner").await;
    let secrets = [&link, &open].map(|link| link.split_once('#').unwrap().1.to_owned());
    let cookie = browser.cookie.split_once('=').unwrap().1.to_owned();
    let mut held = Vec::new();
    for sql in [
        "SELECT body || name || id AS n FROM passkeys",
        "SELECT data || subject || actor AS n FROM audit_log",
    ] {
        for row in town.house.db.read().fetch_all(Sql::new(sql)).await.unwrap() {
            held.extend(row.get::<String>("n").unwrap().into_bytes());
        }
    }
    for sql in ["SELECT hash FROM user_links", "SELECT hash FROM sessions"] {
        for row in town.house.db.read().fetch_all(Sql::new(sql)).await.unwrap() {
            held.extend(row.get::<[u8; 32]>("hash").unwrap());
        }
    }
    let holds = |place: &[u8], part: &[u8]| place.windows(part.len()).any(|window| window == part);
    assert!(holds(&held, b"usr_") && holds(&held, b"ses_"));
    for secret in secrets.iter().chain([&cookie]) {
        assert!(
            holds(&held, &Sha256::digest(secret.as_bytes())),
            "known by its hash alone"
        );
        let part = &secret.as_bytes()[4..44];
        assert!(!holds(&held, part));
        if let Some(file) = database.file() {
            for name in ["", "-wal"] {
                assert!(!holds(
                    &std::fs::read(format!("{}{name}", file.display())).unwrap_or_default(),
                    part
                ));
            }
        }
    }
}

async fn a_session_ends_with_its_user_signing_out(database: &TestDatabase) {
    let town = Town::new(database).await;
    let (_, mut device, mut browser) = town.person(1, "viewer").await;
    let old = browser.at(&town.house);
    browser.sign_in(&mut device).await.expect(200);
    assert!(
        old.who().await.is_none(),
        "a new session takes the place of the one the browser had"
    );
    let elsewhere = {
        let mut elsewhere = Browser::new(&town.house);
        elsewhere.sign_in(&mut device).await.expect(200);
        elsewhere
    };
    let kept = browser.at(&town.house);
    let page = browser.who().await.unwrap();
    let token = page
        .split("name=\"formToken\" value=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .to_owned();
    for wrong in ["", "x", &token[1..]] {
        let refused = browser.ask("/signout", &json!({"formToken": wrong})).await;
        refused.is(Code::RequestOriginNotAllowed);
    }
    assert!(browser.who().await.is_some());
    let gone = browser.ask("/signout", &json!({"formToken": token})).await;
    assert_eq!(gone.status, 204);
    assert_eq!(browser.cookie, "__Host-portreeve=");
    assert!(browser.who().await.is_none() && kept.who().await.is_none());
    assert!(elsewhere.who().await.is_some(), "other browsers stay");
    browser.ask("/signout", &json!({"formToken": token})).await.expect(204);
    assert_eq!(
        town.kinds()
            .await
            .iter()
            .filter(|kind| *kind == "user.signed_out")
            .count(),
        1
    );
}

async fn a_session_that_is_used_lasts_twelve_hours_and_one_that_is_not_half_an_hour(database: &TestDatabase) {
    let town = Town::new(database).await;
    let (_, mut device, mut browser) = town.person(1, "viewer").await;
    for _ in 0..3 {
        town.house.after(30 * 60 - 1);
        assert!(browser.who().await.is_some());
    }
    town.house.after(30 * 60);
    assert!(browser.who().await.is_none());
    browser.sign_in(&mut device).await.expect(200);
    for _ in 0..24 {
        assert!(browser.who().await.is_some());
        town.house.after(30 * 60 - 1);
    }
    town.house.after(24);
    assert!(browser.who().await.is_none());
}

async fn nobody_sees_or_touches_the_people_of_another_owner(database: &TestDatabase) {
    let town = Town::new(database).await;
    let (ada, _) = town.invite("Ada", "owner").await;
    town.invite("Bo", "owner").await;
    let (owner, stranger) = town.house.owner(20, Cluster::Local).await;
    let stranger = Town {
        house: House::new(database, 5).await,
        owner: owner.id,
        key: stranger.text.expose().to_owned(),
    };
    let list = stranger.call("GET /auth/users", None).await.expect(200);
    assert_eq!(list["items"], json!([]));
    let body = json!({"role": "viewer"});
    for (line, body) in [
        (format!("PATCH /auth/users/{ada}"), Some(&body)),
        (format!("DELETE /auth/users/{ada}"), None),
        (format!("POST /auth/users/{ada}/link"), None),
        ("DELETE /auth/users/usr_01ARYZ6S41TSV4RRFFQ69G5FAV".to_owned(), None),
        ("DELETE /auth/users/x".to_owned(), None),
    ] {
        stranger.call(&line, body).await.is(Code::UserNotFound);
    }
    // The stranger's only owner is counted by itself.
    let (cy, _) = stranger.invite("Cy", "owner").await;
    stranger
        .call(&format!("DELETE /auth/users/{cy}"), None)
        .await
        .is(Code::UserLastOwner);
}

async fn people_are_listed_newest_first_in_pages(database: &TestDatabase) {
    let town = Town::new(database).await;
    for name in ["a", "b", "c"] {
        town.house.after(1);
        town.invite(name, "viewer").await;
    }
    let (_, link) = town.invite("d", "viewer").await;
    Browser::new(&town.house).enrol(&link, &mut phone(1)).await.expect(200);
    let first = town.call("GET /auth/users?limit=2", None).await.expect(200);
    let names = |page: &Value| -> Vec<(String, String)> {
        let items = page["items"].as_array().unwrap();
        let text = |one: &Value, name: &str| one[name].as_str().unwrap().to_owned();
        items
            .iter()
            .map(|one| (text(one, "name"), text(one, "status")))
            .collect()
    };
    // Two of one millisecond are in the order of their ids, which chance has made.
    let mut all = names(&first);
    let cursor = first["cursor"].as_str().unwrap();
    let second = town
        .call(&format!("GET /auth/users?limit=2&cursor={cursor}"), None)
        .await
        .expect(200);
    all.extend(names(&second));
    all[..2].sort();
    let expected = [("c", "invited"), ("d", "active"), ("b", "invited"), ("a", "invited")];
    assert_eq!(all, expected.map(|(name, status)| (name.to_owned(), status.to_owned())));
    assert_eq!(second["hasMore"], false);
    let enrolled = first["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["name"] == "d")
        .unwrap();
    let at: Timestamp = START.plus(portreeve_kernel::Seconds(3));
    assert_eq!(enrolled["signedInAt"], at.to_string());
    town.call("GET /auth/users?cursor=eA", None)
        .await
        .is(Code::ValidationInvalidFormat);
}
