//! What API keys promise, on both databases.

use {
    crate::house::{House, START, facts},
    portreeve_kernel::{
        AgentId, Clock, Cluster, Code, Credential, KeyId, Timestamp,
        control::{CredentialCheck, CredentialControl},
        entropy::Seeded,
    },
    portreeve_store::{Sql, StoreError, Tx, testing::TestDatabase},
    serde_json::{Value, json},
    std::{collections::BTreeSet, time::Duration},
};

facts! {
    a_key_is_shown_once_and_gets_in;
    a_key_wider_than_its_creator_is_refused_by_the_name_of_the_scope;
    a_key_for_an_agent_has_the_role_agent_and_the_agent_is_the_owners;
    a_key_of_the_other_environment_is_refused_and_does_not_act;
    a_key_ends_at_its_moment_even_when_it_was_just_used;
    a_key_is_good_only_from_its_addresses;
    address_lists_are_taken_up_to_twenty_and_only_without_host_bits;
    a_revoked_key_is_refused_at_once;
    what_is_not_yours_does_not_exist;
    pages_show_every_key_once_and_the_newest_first;
    another_node_stops_within_five_seconds_and_acts_of_admins_at_once;
    suspending_an_agent_takes_its_keys_with_it_or_leaves_them;
    every_change_and_failure_is_in_the_audit_log_without_the_key;
    a_flood_of_failures_is_counted_and_bounded;
    the_last_use_is_written_down;
}

const ADMIN: &str = "admin:all";

/// AUTH_CHECKLIST 2.12
async fn a_key_is_shown_once_and_gets_in(database: &TestDatabase) {
    let house = House::new(database, 1).await;
    let (owner, first) = house.owner(10, Cluster::Local).await;
    let first = first.text.expose();
    let told = house
        .make(first, json!({ "name": "ops", "scopes": [ADMIN] }))
        .await
        .expect(201);
    let key = told["key"].as_str().unwrap();
    assert!(key.starts_with("wai_test_") && key.len() == 58);
    assert_eq!(told["hint"], format!("wai_test_…{}", &key[54..]));
    assert_eq!(
        (&told["role"], &told["status"], &told["warnings"]),
        (&json!("owner"), &json!("active"), &json!([]))
    );
    assert_eq!(told["createdAt"], START.to_string());

    let listed = house.get("/auth/keys", key).await.expect(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 2);
    assert!(!listed.to_string().contains(key), "a list shows no key");

    let read = house.db.read();
    let rows =
        portreeve_store::Fetch::fetch_all(&mut read.clone(), Sql::new("SELECT owner_id, hash FROM api_keys")).await;
    for row in rows.unwrap() {
        assert_eq!(row.get::<String>("owner_id").unwrap(), owner.id.to_string());
        assert_eq!(row.get::<Vec<u8>>("hash").unwrap().len(), 32);
    }
}

async fn a_key_wider_than_its_creator_is_refused_by_the_name_of_the_scope(database: &TestDatabase) {
    let house = House::new(database, 1).await;
    let (owner, first) = house.owner(10, Cluster::Local).await;
    let (admin, _) = house
        .made(first.text.expose(), json!({ "name": "a", "scopes": [ADMIN] }))
        .await;
    let agent = AgentId::new(START, &Seeded::new(4));
    house.wallet.adds(&agent, &owner.id);
    for (body, scope) in [
        (
            json!({ "name": "x", "scopes": ["wallets:read", "mcp:write", "mcp:read"] }),
            "mcp:read",
        ),
        (json!({ "name": "x", "scopes": ["reports:read"] }), "reports:read"),
        (
            json!({ "name": "x", "scopes": ["transactions:execute", "agents:write"], "agentId": agent }),
            "agents:write",
        ),
        (json!({ "name": "x", "scopes": [ADMIN], "agentId": agent }), ADMIN),
    ] {
        let answer = house.make(&admin, body).await;
        let challenge = answer.headers["www-authenticate"].to_str().unwrap().to_owned();
        assert!(challenge.contains(&format!("scope=\"{scope}\"")), "{challenge}");
        let told = answer.is(Code::AuthScopeInsufficient);
        assert_eq!(
            (&told["requiredScope"], &told["param"]),
            (&json!(scope), &json!("scopes"))
        );
        assert!(told["detail"].as_str().unwrap().contains(scope), "{told}");
    }
    let listed = house.get("/auth/keys", &admin).await.expect(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 2, "nothing was made");

    // Whoever may not make keys at all is told so first.
    let (reader, _) = house
        .made(&admin, json!({ "name": "r", "scopes": ["wallets:read"] }))
        .await;
    let told = house
        .make(&reader, json!({ "name": "x", "scopes": ["wallets:read"] }))
        .await;
    assert_eq!(told.is(Code::AuthScopeInsufficient)["requiredScope"], ADMIN);
}

async fn a_key_for_an_agent_has_the_role_agent_and_the_agent_is_the_owners(database: &TestDatabase) {
    let house = House::new(database, 1).await;
    let (owner, first) = house.owner(10, Cluster::Local).await;
    let (other, _) = house.owner(11, Cluster::Local).await;
    let (own, strange, none) = (
        AgentId::new(START, &Seeded::new(4)),
        AgentId::new(START, &Seeded::new(5)),
        AgentId::new(START, &Seeded::new(6)),
    );
    house.wallet.adds(&own, &owner.id);
    house.wallet.adds(&strange, &other.id);
    let body = |agent: &AgentId| json!({ "name": "bot", "scopes": ["transactions:execute"], "agentId": agent });
    let told = house.make(first.text.expose(), body(&own)).await.expect(201);
    assert_eq!((&told["role"], &told["agentId"]), (&json!("agent"), &json!(own)));
    let principal =
        portreeve_guard::Authenticate::authenticate(&*house.keys, told["key"].as_str().unwrap(), [127, 0, 0, 1].into());
    let principal = principal.await.unwrap();
    assert_eq!(
        (principal.agent.as_ref(), principal.role.as_str()),
        (Some(&own), "agent")
    );
    assert_eq!(principal.scopes.to_string(), "transactions:execute");

    let mut answers = Vec::new();
    for agent in [strange, none] {
        let mut told = house
            .make(first.text.expose(), body(&agent))
            .await
            .is(Code::AgentNotFound);
        told["requestId"] = Value::Null;
        answers.push(told);
    }
    assert_eq!(answers[0], answers[1]);
}

async fn a_key_of_the_other_environment_is_refused_and_does_not_act(database: &TestDatabase) {
    let house = House::new(database, 1).await;
    let (test, first) = house.owner(10, Cluster::Devnet).await;
    let (_, live) = house.owner(11, Cluster::Mainnet).await;
    assert!(live.text.expose().starts_with("wai_live_"));
    house.get("/auth/keys", live.text.expose()).await.expect(200);
    let body = |environment| json!({ "name": "x", "scopes": [ADMIN], "environment": environment });
    house.make(first.text.expose(), body("test")).await.expect(201);
    let told = house
        .make(first.text.expose(), body("live"))
        .await
        .is(Code::ValidationInvalidEnum);
    assert_eq!(told["param"], "environment");
    let told = house
        .make(first.text.expose(), body("prod"))
        .await
        .is(Code::ValidationInvalidEnum);
    assert_eq!(told["param"], "environment");

    // A project that became real money: its test keys end.
    let project = test.project.clone();
    let move_to = async move |tx: &mut Tx| {
        tx.execute(Sql::new("UPDATE projects SET cluster = 'mainnet' WHERE id = $1").bind(&project))
            .await
    };
    house.db.write::<_, StoreError, _>(move_to).await.unwrap();
    let later = House::new(database, 2).await;
    later
        .get("/auth/keys", first.text.expose())
        .await
        .is(Code::AuthKeyInvalid);
}

async fn a_key_ends_at_its_moment_even_when_it_was_just_used(database: &TestDatabase) {
    let house = House::new(database, 1).await;
    let (_, first) = house.owner(10, Cluster::Local).await;
    let at = |millis: i64| START.plus_millis(millis).to_string();
    for (expires, good) in [(at(-1), false), (at(0), false), (at(1), true)] {
        let answer = house
            .make(
                first.text.expose(),
                json!({ "name": "x", "scopes": [ADMIN], "expiresAt": expires }),
            )
            .await;
        if good {
            answer.expect(201);
        } else {
            assert_eq!(answer.is(Code::ValidationOutOfRange)["param"], "expiresAt");
        }
    }
    let (key, id) = house
        .made(
            first.text.expose(),
            json!({ "name": "x", "scopes": [ADMIN], "expiresAt": at(2_000) }),
        )
        .await;
    house.after(1);
    house.get("/auth/keys", &key).await.expect(200);
    house.after(1);
    for _ in 0..2 {
        let answer = house.get("/auth/keys", &key).await;
        assert!(
            answer.headers["www-authenticate"]
                .to_str()
                .unwrap()
                .contains("invalid_token")
        );
        answer.is(Code::AuthKeyExpired);
    }
    let listed = house.get("/auth/keys", first.text.expose()).await.body;
    let shown = listed["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|item| item["id"] == id.as_str())
        .unwrap();
    assert_eq!(shown["status"], "expired");
}

async fn a_key_is_good_only_from_its_addresses(database: &TestDatabase) {
    let house = House::new(database, 1).await;
    let (_, first) = house.owner(10, Cluster::Local).await;
    for (list, from, good) in [
        (json!([]), "203.0.113.9", true),
        (json!([]), "2001:db8::9", true),
        (json!(["203.0.113.0/24"]), "203.0.113.9", true),
        (json!(["203.0.113.0/24"]), "::ffff:203.0.113.9", true),
        (json!(["203.0.113.0/24"]), "203.0.114.9", false),
        (json!(["203.0.113.0/24"]), "2001:db8::9", false),
        (json!(["::ffff:203.0.113.0/120"]), "203.0.113.9", true),
        (json!(["203.0.113.9"]), "203.0.113.9", true),
        (json!(["203.0.113.9"]), "203.0.113.8", false),
        (json!(["2001:db8::/32"]), "2001:db8:1::9", true),
        (json!(["2001:db8::/32"]), "2001:db9::9", false),
        (json!(["10.0.0.0/8", "2001:db8::/32"]), "2001:db8::1", true),
        (json!(["0.0.0.0/0"]), "203.0.113.9", true),
        (json!(["0.0.0.0/0"]), "2001:db8::9", false),
        (json!(["::/0"]), "2001:db8::9", true),
        (json!(["::/0"]), "203.0.113.9", false),
    ] {
        let (key, _) = house
            .made(
                first.text.expose(),
                json!({ "name": "x", "scopes": [ADMIN], "allowedIps": list }),
            )
            .await;
        for _ in 0..2 {
            let answer = house.call("GET /auth/keys", &key, from, None).await;
            let expected = if good { 200 } else { Code::AuthIpBlocked.status() };
            assert_eq!(answer.status.as_u16(), expected, "{list} from {from}: {}", answer.body);
        }
    }
}

async fn address_lists_are_taken_up_to_twenty_and_only_without_host_bits(database: &TestDatabase) {
    let house = House::new(database, 1).await;
    let (_, first) = house.owner(10, Cluster::Local).await;
    let make = async |list: Value| {
        house
            .make(
                first.text.expose(),
                json!({ "name": "x", "scopes": [ADMIN], "allowedIps": list }),
            )
            .await
    };
    let addresses = |count| (0..count).map(|n| format!("192.0.2.{n}")).collect::<Vec<_>>();
    let told = make(json!(addresses(20))).await.expect(201);
    assert_eq!(told["allowedIps"][19], "192.0.2.19/32");
    assert_eq!(
        make(json!(addresses(21))).await.is(Code::ValidationOutOfRange)["param"],
        "allowedIps"
    );

    let told = make(json!(["192.0.2.0/24", "10.1.2.3/16"]))
        .await
        .is(Code::ValidationInvalidFormat);
    assert_eq!(told["param"], "allowedIps[1]");
    assert!(
        told["detail"].as_str().unwrap().contains("write `10.1.0.0/16`"),
        "{told}"
    );
    for bad in ["10.0.0.0/33", "office", "10.0.0.0/8 "] {
        assert_eq!(
            make(json!([bad])).await.is(Code::ValidationInvalidFormat)["param"],
            "allowedIps[0]",
            "{bad}"
        );
    }

    let told = make(json!(["192.0.2.0/24", "0.0.0.0/0", "::/0"])).await.expect(201);
    let warned: Vec<&Value> = told["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|warning| &warning["param"])
        .collect();
    assert_eq!(warned, ["allowedIps[1]", "allowedIps[2]"]);
    assert_eq!(told["warnings"][0]["code"], "any_address");
}

async fn a_revoked_key_is_refused_at_once(database: &TestDatabase) {
    let house = House::new(database, 1).await;
    let (_, first) = house.owner(10, Cluster::Local).await;
    let (key, id) = house
        .made(first.text.expose(), json!({ "name": "x", "scopes": [ADMIN] }))
        .await;
    house.get("/auth/keys", &key).await.expect(200);
    house.revoke(first.text.expose(), &id).await.expect(204);
    for _ in 0..2 {
        house.get("/auth/keys", &key).await.is(Code::AuthKeyRevoked);
    }
    house.revoke(first.text.expose(), &id).await.expect(204);
    let listed = house.get("/auth/keys", first.text.expose()).await.body;
    let shown = listed["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|item| item["id"] == id.as_str())
        .unwrap();
    assert_eq!(
        (&shown["status"], &shown["revokedAt"]),
        (&json!("revoked"), &json!(START))
    );

    // A key may end itself, and then nothing more.
    let (own, own_id) = house
        .made(first.text.expose(), json!({ "name": "y", "scopes": [ADMIN] }))
        .await;
    house.revoke(&own, &own_id).await.expect(204);
    house.revoke(&own, &own_id).await.is(Code::AuthKeyRevoked);
}

async fn what_is_not_yours_does_not_exist(database: &TestDatabase) {
    let house = House::new(database, 1).await;
    let (_, mine) = house.owner(10, Cluster::Local).await;
    let (_, theirs) = house.owner(11, Cluster::Local).await;
    let listed = house.get("/auth/keys", mine.text.expose()).await.expect(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    let mut answers = Vec::new();
    for id in [theirs.key.id.as_str(), "key_000000000000", "nonsense"] {
        let mut told = house.revoke(mine.text.expose(), id).await.is(Code::AuthKeyNotFound);
        told["requestId"] = Value::Null;
        told["instance"] = Value::Null;
        answers.push(told);
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
    house.get("/auth/keys", theirs.text.expose()).await.expect(200);
}

async fn pages_show_every_key_once_and_the_newest_first(database: &TestDatabase) {
    let house = House::new(database, 1).await;
    let (_, first) = house.owner(10, Cluster::Local).await;
    let mut made = vec![first.key.id.to_string()];
    for number in 0..9 {
        // Three at a time are made at the same moment.
        if number % 3 == 0 {
            house.after(1);
        }
        made.push(
            house
                .made(first.text.expose(), json!({ "name": "x", "scopes": [ADMIN] }))
                .await
                .1,
        );
    }
    let (mut seen, mut times) = (Vec::new(), Vec::new());
    let mut path = "/auth/keys?limit=4".to_owned();
    loop {
        let page = house.get(&path, first.text.expose()).await.expect(200);
        for item in page["items"].as_array().unwrap() {
            seen.push(item["id"].as_str().unwrap().to_owned());
            times.push(item["createdAt"].as_str().unwrap().parse::<Timestamp>().unwrap());
        }
        let Some(cursor) = page["cursor"].as_str() else { break };
        path = format!("/auth/keys?limit=4&cursor={cursor}");
    }
    assert!(times.is_sorted_by(|one, next| one >= next));
    seen.sort();
    made.sort();
    assert_eq!(seen, made);
    for bad in ["cursor=eA", "cursor=%20", "limit=0"] {
        house
            .get(&format!("/auth/keys?{bad}"), first.text.expose())
            .await
            .expect(400);
    }
}

async fn another_node_stops_within_five_seconds_and_acts_of_admins_at_once(database: &TestDatabase) {
    let (here, there) = (House::new(database, 1).await, House::new(database, 2).await);
    let (_, first) = here.owner(10, Cluster::Local).await;
    let (key, id) = here
        .made(first.text.expose(), json!({ "name": "x", "scopes": [ADMIN] }))
        .await;
    there.get("/auth/keys", &key).await.expect(200);
    here.revoke(first.text.expose(), &id).await.expect(204);
    here.get("/auth/keys", &key).await.is(Code::AuthKeyRevoked);

    // The other node may still read by it, but whatever changes rights asks within its transaction.
    there.get("/auth/keys", &key).await.expect(200);
    there
        .make(&key, json!({ "name": "y", "scopes": [ADMIN] }))
        .await
        .is(Code::AuthKeyRevoked);
    there.revoke(&key, first.key.id.as_str()).await.is(Code::AuthKeyRevoked);
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(5)).await;
    tokio::time::resume();
    there.get("/auth/keys", &key).await.is(Code::AuthKeyRevoked);
}

async fn suspending_an_agent_takes_its_keys_with_it_or_leaves_them(database: &TestDatabase) {
    let house = House::new(database, 1).await;
    let (owner, first) = house.owner(10, Cluster::Local).await;
    let agent = AgentId::new(START, &Seeded::new(4));
    house.wallet.adds(&agent, &owner.id);
    let body = json!({ "name": "bot", "scopes": ["wallets:read"], "agentId": agent });
    let (one, one_id) = house.made(first.text.expose(), body.clone()).await;
    let (two, two_id) = house.made(first.text.expose(), body).await;
    let gets_in = async |key: &str| {
        // It lacks the scope, so it was let in.
        house.get("/auth/keys", key).await.body["code"] == Code::AuthScopeInsufficient.as_str()
    };
    assert!(gets_in(&one).await && gets_in(&two).await);

    let suspend = |commit: bool| {
        let (keys, agent) = (house.keys.clone(), agent.clone());
        let unit = async move |tx: &mut Tx| {
            let revoked = keys.revoke_of_agent(tx, &agent).await?;
            if commit { Ok(revoked) } else { Err(StoreError::Missing) }
        };
        house.db.write::<Vec<KeyId>, StoreError, _>(unit)
    };
    suspend(false).await.unwrap_err();
    assert!(
        gets_in(&one).await && gets_in(&two).await,
        "an act that did not happen revokes nothing"
    );

    let mut revoked: Vec<String> = suspend(true).await.unwrap().iter().map(KeyId::to_string).collect();
    revoked.sort();
    let mut both = vec![one_id, two_id.clone()];
    both.sort();
    assert_eq!(revoked, both);
    house.get("/auth/keys", &one).await.is(Code::AuthKeyRevoked);
    house.get("/auth/keys", &two).await.is(Code::AuthKeyRevoked);
    house.get("/auth/keys", first.text.expose()).await.expect(200);
    assert_eq!(suspend(true).await.unwrap(), [], "there is nothing left to revoke");

    let (keys, now) = (house.keys.clone(), house.clock.now());
    let good = Credential::ApiKey(first.key.id.clone());
    let asked: BTreeSet<Credential> = [
        Credential::ApiKey(two_id.parse().unwrap()),
        good.clone(),
        Credential::ApiKey(KeyId::new(&Seeded::new(99))),
    ]
    .into();
    let ask = async move |tx: &mut Tx| keys.good_among(tx, &asked, now).await;
    assert_eq!(house.db.write::<_, StoreError, _>(ask).await.unwrap(), [good].into());
}

async fn every_change_and_failure_is_in_the_audit_log_without_the_key(database: &TestDatabase) {
    let house = House::new(database, 1).await;
    let (owner, first) = house.owner(10, Cluster::Local).await;
    let first_key = first.text.expose();
    let (key, id) = house
        .made(
            first_key,
            json!({ "name": "x", "scopes": ["wallets:read"], "allowedIps": ["198.51.100.0/24"] }),
        )
        .await;
    let unknown = portreeve_kernel::Secret::new(first_key.replace("wai_test_", "wai_live_"));
    house.get("/auth/keys", unknown.expose()).await.is(Code::AuthKeyInvalid);
    house.get("/auth/keys", "").await.is(Code::AuthKeyInvalid);
    house
        .call("GET /auth/keys", &key, "203.0.113.9", None)
        .await
        .is(Code::AuthIpBlocked);
    house.get("/auth/keys", &key).await.is(Code::AuthScopeInsufficient);
    house.revoke(first_key, &id).await.expect(204);
    house.get("/auth/keys", &key).await.is(Code::AuthKeyRevoked);

    let mut log = house.audit().await;
    log.retain(|row| row.kind != "signing_key.created");
    let first_id = first.key.id.to_string();
    // The server's own is told of when it starts.
    let log: Vec<_> = log
        .into_iter()
        .filter(|row| row.kind != "resource_server.registered")
        .collect();
    let lines: Vec<(String, String, String, Value)> = log
        .iter()
        .map(|row| {
            let data: Value = serde_json::from_str(&row.data).unwrap();
            (
                row.kind.clone(),
                row.actor.clone(),
                row.subject.clone(),
                data["reason"].clone(),
            )
        })
        .collect();
    let line =
        |kind: &str, actor: &str, subject: &str, reason: Value| (kind.into(), actor.into(), subject.into(), reason);
    let mut expected = [
        line("api_key.created", "init", &first_id, Value::Null),
        line("api_key.created", &first_id, &id, Value::Null),
        line("api_key.revoked", &first_id, &id, Value::Null),
        line("auth.failed", "anonymous", "198.51.100.7", json!("invalid")),
        line("auth.failed", "anonymous", "198.51.100.7", json!("missing")),
        line("auth.failed", &id, &id, json!("address_not_allowed")),
        line("auth.failed", &id, &id, json!("scope_insufficient")),
        line("auth.failed", &id, &id, json!("revoked")),
    ];
    let (changes, mut failures) = lines.split_at(3);
    assert_eq!(changes, &expected[..3]);
    let mut sorted = failures.to_vec();
    sorted.sort_by_key(|line| line.3.to_string());
    failures = &sorted;
    expected[3..].sort_by_key(|line| line.3.to_string());
    assert_eq!(failures, &expected[3..]);
    for row in &log {
        assert!(
            !row.data.contains(&key[9..52]) && !row.data.contains(&first_key[9..52]),
            "{row:?}"
        );
        if row.actor != "anonymous" {
            assert_eq!(row.owner.as_ref(), Some(&owner.id));
            assert_eq!(row.project.as_ref(), Some(&owner.project));
        }
    }
    let blocked = log.iter().find(|row| row.data.contains("address_not_allowed")).unwrap();
    let data: Value = serde_json::from_str(&blocked.data).unwrap();
    assert_eq!(
        (&data["ip"], &data["endpoint"]),
        (&json!("203.0.113.9"), &json!("/api/v1/auth/keys"))
    );
    assert_eq!((&data["method"], &data["count"]), (&json!("GET"), &json!(1)));
    assert!(data["requestId"].as_str().unwrap().starts_with("req_"));
}

async fn a_flood_of_failures_is_counted_and_bounded(database: &TestDatabase) {
    let house = House::new(database, 1).await;
    house.owner(10, Cluster::Local).await;
    for _ in 0..50 {
        house.call("GET /auth/keys", "garbage", "192.0.2.1", None).await;
    }
    for number in 0..300 {
        house
            .call("GET /auth/keys", "garbage", &format!("2001:db8::{number:x}"), None)
            .await;
    }
    let counts: Vec<u64> = house
        .audit()
        .await
        .iter()
        .filter(|row| row.kind == "auth.failed")
        .map(|row| {
            serde_json::from_str::<Value>(&row.data).unwrap()["count"]
                .as_u64()
                .unwrap()
        })
        .collect();
    assert_eq!(counts.len(), 257);
    assert_eq!(counts.iter().sum::<u64>(), 350, "every failure is counted");
    assert_eq!(counts.iter().copied().max(), Some(50));
    assert_eq!(counts.last(), Some(&45), "what could not be told apart comes last");
}

async fn the_last_use_is_written_down(database: &TestDatabase) {
    let house = House::new(database, 1).await;
    let (_, first) = house.owner(10, Cluster::Local).await;
    let (key, id) = house
        .made(first.text.expose(), json!({ "name": "x", "scopes": [ADMIN] }))
        .await;
    let last_use = async || {
        let listed = house.get("/auth/keys", first.text.expose()).await.body;
        let shown = listed["items"]
            .as_array()
            .unwrap()
            .iter()
            .find(|item| item["id"] == id.as_str())
            .unwrap()
            .clone();
        shown["lastUsedAt"].clone()
    };
    assert_eq!(last_use().await, Value::Null);
    house.after(60);
    house.get("/auth/keys", &key).await.expect(200);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let upkeep = portreeve_auth::upkeep(house.keys.clone(), house.audit_log.clone(), async {
        let _ = stopped.await;
    });
    drop(stop);
    upkeep.await;
    let used = START.plus_millis(60_000);
    assert_eq!(last_use().await, json!(used));
    // A node whose clock is behind, or whose notes come late.
    let late = House::new(database, 2).await;
    late.get("/auth/keys", &key).await.expect(200);
    late.keys.flush_uses().await.unwrap();
    assert_eq!(
        last_use().await,
        json!(used),
        "an earlier use does not overwrite a later one"
    );
}
