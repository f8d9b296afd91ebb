//! What people let in, as they see and end it themselves, on both databases.

use {
    crate::{
        authenticator::Browser,
        consent::{BACK, WALLET, ask, click, data, field, of, pair, program, redeeming, refused, told, wish},
        house::{Answer, House, START, facts},
        people_contract::Town,
        resources::{REPORTS, inactive, register, reports},
    },
    portreeve_kernel::{AgentId, Cluster, Code, GrantId, Secret, UserId, entropy::Seeded},
    portreeve_pages::form_token,
    portreeve_store::{Fetch, Sql, StoreError, Tx, audit::AuditRow, testing::TestDatabase},
    serde_json::{Value, json},
    std::{sync::Arc, time::Duration},
    tokio::sync::Notify,
};

facts! {
    whoever_let_a_program_in_sees_that_and_ends_it_whatever_their_role;
    a_page_says_which_program_where_its_answers_go_what_it_may_and_for_whom;
    nobody_ends_what_another_person_let_in_nor_what_another_owners_people_did;
    nothing_is_ended_without_the_click_of_who_was_shown_that_very_grant;
    a_session_that_ends_at_the_same_moment_ends_no_grant;
    the_newest_hundred_are_shown_and_how_many_there_are;
}

const VAULT: &str = "https://portreeve.test/vault/mcp";

/// Has a program let in, and gives its tokens.
async fn let_in(browser: &mut Browser<'_>, client: &str, change: &[(&str, &str)], choice: Value) -> (String, String) {
    let next = click(browser, &wish(client, change), choice).await.expect(200);
    let code = of(&told(next["next"].as_str().unwrap()), "code").to_owned();
    pair(&ask(browser.house, client, &redeeming(&code, &[])).await.expect(200))
}

/// What the page's forms hold that end something: grant and token.
async fn forms(browser: &Browser<'_>) -> Vec<(String, String)> {
    let page = browser.who().await.unwrap();
    let parts = page.split("<form class=\"end\">").skip(1);
    parts
        .map(|part| {
            let part = json!(part);
            (field(&part, "grantId"), field(&part, "formToken"))
        })
        .collect()
}

async fn end(browser: &mut Browser<'_>, (grant, token): &(String, String)) -> Answer {
    let body = json!({"grantId": grant, "formToken": token});
    browser.ask("/grants/end", &body).await
}

/// The token that whoever holds the session could make without any page.
fn made(browser: &Browser<'_>, grant: &str) -> (String, String) {
    let cookie = Secret::new(browser.cookie.split_once('=').unwrap().1.to_owned());
    (grant.to_owned(), form_token::of(&cookie, &format!("end-grant {grant}")))
}

async fn ended(town: &Town) -> Vec<AuditRow> {
    let log = town.house.audit().await;
    log.into_iter()
        .filter(|row| row.kind == "oauth.grant_revoked")
        .collect()
}

async fn whoever_let_a_program_in_sees_that_and_ends_it_whatever_their_role(database: &TestDatabase) {
    let town = Town::new(database).await;
    town.house.keys.open_registry(true).await.unwrap();
    let server = register(&town, &reports()).await;
    for (seed, role, scope, resource) in [
        (1, "viewer", "agents:read", WALLET),
        (2, "auditor", "audit:read", WALLET),
        (3, "owner", "transactions:execute", WALLET),
        (4, "member", "mcp:read", VAULT),
        (5, "reporter", "reports:read", REPORTS),
    ] {
        let (id, _, mut browser) = town.person(seed, role).await;
        let client = program(&town, "Travel planner").await;
        assert_eq!(forms(&browser).await, [], "{role}");
        let change = [("scope", scope), ("resource", resource)];
        let (access, refresh) = let_in(&mut browser, &client, &change, json!({"scopes": [scope]})).await;
        let shown = forms(&browser).await;
        assert_eq!(shown.len(), 1, "{role}");
        // It is known and good, and remembered.
        match resource {
            WALLET => drop(town.house.look(&access).await.is(Code::AuthScopeInsufficient)),
            REPORTS => assert_eq!(server.asks(&town, &access).await["active"], true),
            _ => {}
        }
        let before = ended(&town).await.len();
        end(&mut browser, &shown[0]).await.expect(204);
        match resource {
            WALLET => drop(town.house.look(&access).await.is(Code::AuthTokenRevoked)),
            REPORTS => assert_eq!(server.asks(&town, &access).await, inactive()),
            _ => {}
        }
        let pairs = [("grant_type", "refresh_token"), ("refresh_token", &*refresh)];
        refused(ask(&town.house, &client, &pairs).await, "invalid_grant");
        assert_eq!(forms(&browser).await, [], "{role}");
        end(&mut browser, &shown[0]).await.expect(204);
        let log = ended(&town).await;
        assert_eq!(log.len(), before + 1, "{role}: again changes nothing");
        let row = log.last().unwrap();
        assert_eq!((&row.actor, &row.subject), (&id, &shown[0].0));
        assert_eq!(data(row)["why"], "revoked");
    }
}

async fn a_page_says_which_program_where_its_answers_go_what_it_may_and_for_whom(database: &TestDatabase) {
    let town = Town::new(database).await;
    let (_, _, mut browser) = town.person(1, "owner").await;
    let page = browser.who().await.unwrap();
    assert!(page.contains("You have let no program in"), "{page}");
    let agent = AgentId::new(START, &Seeded::new(4));
    town.house.wallet.adds(&agent, &town.owner);
    let client = program(&town, "Travel <b>planner").await;
    let choice = json!({"scopes": ["transactions:execute"], "agentId": agent});
    let_in(&mut browser, &client, &[], choice).await;
    let document = "https://editor.example/client.json";
    let described = json!({
        "client_id": document, "client_name": "Editor", "redirect_uris": [BACK],
        "grant_types": ["authorization_code", "refresh_token"],
    });
    town.house.elsewhere.put(document, &described, 600);
    town.house.after(60);
    let scopes = json!({"scopes": ["agents:read"]});
    let_in(&mut browser, document, &[("scope", "agents:read")], scopes).await;
    let page = browser.who().await.unwrap();
    let (newer, older) = page.split_once("“Travel").unwrap();
    for part in [
        "“Editor”",
        "<dd>editor.example</dd>",
        "<dd>you</dd>",
        "2023-11-14T22:14:20Z",
    ] {
        assert!(newer.contains(part), "`{part}` in {newer}");
    }
    assert!(
        !newer.contains("planner.example"),
        "what its document says may be another by now"
    );
    let acts_for = format!("the agent agent of {} ({agent}) alone", town.owner);
    for part in [
        " &#60;b&#62;planner”",
        "<dd>planner.example</dd>",
        "At Portreeve wallet it may",
        "Pay, as far as the policy allows",
        "transactions:execute",
        &acts_for,
        "2023-11-14T22:13:20Z",
    ] {
        assert!(older.contains(part), "`{part}` in {older}");
    }
    assert!(!older.contains("agents:read"), "what was not granted: {older}");
}

async fn nobody_ends_what_another_person_let_in_nor_what_another_owners_people_did(database: &TestDatabase) {
    let town = Town::new(database).await;
    let (_, _, mut ada) = town.person(1, "viewer").await;
    let client = program(&town, "Travel planner").await;
    let scopes = json!({"scopes": ["agents:read"]});
    let (access, _) = let_in(&mut ada, &client, &[], scopes).await;
    let (grant, _) = forms(&ada).await.remove(0);
    let (_, _, mut bo) = town.person(2, "owner").await;
    let (owner, key) = town.house.owner(20, Cluster::Local).await;
    let stranger = Town {
        house: House::new(database, 5).await,
        owner: owner.id,
        key: key.text.expose().to_owned(),
    };
    let (_, _, mut cy) = stranger.person(3, "owner").await;
    let robot = json!({"name": "robot", "scopes": ["agents:read"]});
    town.call("POST /auth/clients", Some(&robot)).await.expect(201);
    let own = Sql::new("SELECT id FROM oauth_grants WHERE kind = 'client' ORDER BY id LIMIT 1");
    let own: String = town.house.db.read().fetch_one(own).await.unwrap().get("id").unwrap();
    let nothing = GrantId::new(START, &Seeded::new(99)).to_string();
    for browser in [&mut bo, &mut cy] {
        assert_eq!(forms(browser).await, []);
        let mut answers = Vec::new();
        for id in [&grant, &own, &nothing] {
            let form = made(browser, id);
            let told = end(browser, &form).await.is(Code::AuthGrantNotFound);
            answers.push((told["title"].clone(), told["detail"].clone()));
        }
        answers.dedup();
        assert_eq!(answers.len(), 1, "all are told alike");
    }
    town.house.look(&access).await.is(Code::AuthScopeInsufficient);
    assert_eq!(ended(&town).await.len(), 0);
    let form = made(&ada, &grant);
    end(&mut ada, &form).await.expect(204);
    town.house.look(&access).await.is(Code::AuthTokenRevoked);
}

async fn nothing_is_ended_without_the_click_of_who_was_shown_that_very_grant(database: &TestDatabase) {
    let town = Town::new(database).await;
    let (_, mut device, mut browser) = town.person(1, "viewer").await;
    let client = program(&town, "Travel planner").await;
    let scopes = || json!({"scopes": ["agents:read"]});
    let (access, _) = let_in(&mut browser, &client, &[], scopes()).await;
    town.house.after(1);
    let_in(&mut browser, &client, &[], scopes()).await;
    let shown = forms(&browser).await;
    let [other, this] = [shown[0].clone(), shown[1].clone()];
    let page = json!(browser.who().await.unwrap());
    let mut second = Browser::new(&town.house);
    second.sign_in(&mut device).await.expect(200);
    let forged = [
        String::new(),
        "x".to_owned(),
        this.1[1..].to_owned(),
        other.1.clone(),
        field(&page, "formToken"),
        made(&second, &this.0).1,
    ];
    for token in forged {
        let refused = end(&mut browser, &(this.0.clone(), token)).await;
        assert_eq!(refused.is(Code::RequestOriginNotAllowed)["param"], "formToken");
    }
    end(&mut second, &this).await.is(Code::RequestOriginNotAllowed);
    end(&mut Browser::new(&town.house), &this)
        .await
        .is(Code::AuthSessionOver);
    let body = json!({"grantId": this.0, "formToken": this.1}).to_string();
    let from = [
        ("content-type", "application/json"),
        ("origin", "https://evil.example"),
        ("cookie", &browser.cookie),
    ];
    let elsewhere = town.house.at_root("POST /grants/end", &from, Some(&body)).await;
    assert_eq!(elsewhere.is(Code::RequestOriginNotAllowed).get("param"), None);
    let malformed = json!({"grantId": "grt_x", "formToken": this.1});
    browser.ask("/grants/end", &malformed).await.expect(400);

    // A session that was ended while the page was open.
    let cookie = browser.cookie.clone();
    let token = field(&page, "formToken");
    browser.ask("/signout", &json!({"formToken": token})).await.expect(204);
    browser.cookie = cookie;
    end(&mut browser, &this).await.is(Code::AuthSessionOver);
    town.house.look(&access).await.is(Code::AuthScopeInsufficient);
    assert_eq!(ended(&town).await.len(), 0);
}

async fn a_session_that_ends_at_the_same_moment_ends_no_grant(database: &TestDatabase) {
    let town = Town::new(database).await;
    let (_, _, mut browser) = town.person(1, "viewer").await;
    let client = program(&town, "Travel planner").await;
    let scopes = json!({"scopes": ["agents:read"]});
    let (access, _) = let_in(&mut browser, &client, &[], scopes).await;
    let shown = forms(&browser).await.remove(0);
    let other = House::new(database, 2).await;
    let is_ending = Arc::new(Notify::new());
    let told = is_ending.clone();
    // Ended, and not committed yet: whoever looks sees it going on.
    let unit = async move |tx: &mut Tx| {
        tx.execute(Sql::new("UPDATE sessions SET ended_at = 1")).await?;
        told.notify_one();
        tokio::time::sleep(Duration::from_millis(500)).await;
        Ok::<_, StoreError>(())
    };
    let clicked = async {
        is_ending.notified().await;
        end(&mut browser, &shown).await
    };
    let (done, answer) = tokio::join!(other.db.write(unit), clicked);
    done.unwrap();
    answer.is(Code::AuthSessionOver);
    town.house.look(&access).await.is(Code::AuthScopeInsufficient);
    assert_eq!(ended(&town).await.len(), 0);
}

async fn the_newest_hundred_are_shown_and_how_many_there_are(database: &TestDatabase) {
    let town = Town::new(database).await;
    let (id, _, browser) = town.person(1, "viewer").await;
    let user: UserId = id.parse().unwrap();
    let add = async |from: u32, to: u32| {
        let user = user.clone();
        let unit = async move |tx: &mut Tx| {
            let client = Sql::new(
                "INSERT INTO oauth_clients (id, kind, name, role, auth_method, grants, redirect_uris, scopes, \
                 created_at, created_by) VALUES ('clt_1', 'dynamic', $1, 'none', 'none', '[]', '[]', '[]', 0, 'x') \
                 ON CONFLICT DO NOTHING",
            );
            tx.execute(client.bind("n".repeat(300).as_str())).await?;
            for number in from..to {
                let grant = Sql::new(
                    "INSERT INTO oauth_grants (id, client_id, kind, project_id, owner_id, user_id, role, resource, \
                     scopes, created_at) SELECT $1, 'clt_1', 'person', project_id, owner_id, id, role, \
                     'https://gone.example', '[\"a:b\"]', $2 FROM users WHERE id = $3",
                );
                let at = START.plus(portreeve_kernel::Seconds(number));
                let grant = grant.bind(&GrantId::new(at, &Seeded::new(number.into())));
                tx.execute(grant.bind(at).bind(&user)).await?;
            }
            Ok::<_, StoreError>(())
        };
        town.house.db.write(unit).await.unwrap();
    };
    let many = "You have let in";
    add(0, 100).await;
    let page = browser.who().await.unwrap();
    assert!(!page.contains(many), "{page}");
    assert_eq!(forms(&browser).await.len(), 100);
    let name = format!("“{}…”", "n".repeat(100));
    assert!(page.contains(&name) && !page.contains(&"n".repeat(101)), "{page}");
    // A server that is gone is known by its address.
    assert!(
        page.contains("At https://gone.example it may") && page.contains("a:b"),
        "{page}"
    );
    add(100, 101).await;
    let page = browser.who().await.unwrap();
    assert!(
        page.contains("You have let in 101. The newest 100 are shown."),
        "{page}"
    );
    let shown = forms(&browser).await;
    let id = |number: u32| {
        let at = START.plus(portreeve_kernel::Seconds(number));
        GrantId::new(at, &Seeded::new(number.into())).to_string()
    };
    assert_eq!((&shown[0].0, &shown[99].0), (&id(100), &id(1)));
    assert_eq!(shown.len(), 100);
}
