//! What the wallet is told of people: whose passkeys may speak for an owner, and who is signed in. On both databases.

use {
    crate::{
        house::{House, facts},
        people_contract::Town,
    },
    axum::http::{HeaderMap, header},
    portreeve_kernel::{
        AuthMethod, Clock, Credential, Role,
        control::{CredentialCheck, KnownPasskey, PasskeyControl},
    },
    portreeve_pages::{Visitor, Visitors},
    portreeve_store::{StoreError, Tx, testing::TestDatabase},
    serde_json::json,
};

facts! {
    a_passkey_speaks_for_an_owner_while_its_holder_is_one;
    passkeys_are_listed_as_the_signer_pins_them_and_to_their_owner_alone;
    who_is_signed_in_may_what_their_role_may_until_the_session_ends;
}

async fn known(house: &House, passkey: &str) -> Option<KnownPasskey> {
    PasskeyControl::find(&*house.people, passkey).await.unwrap()
}

async fn a_passkey_speaks_for_an_owner_while_its_holder_is_one(database: &TestDatabase) {
    let town = Town::new(database).await;
    let (ada, device, _) = town.person(1, "owner").await;
    let (_, other, _) = town.person(2, "owner").await;
    let (_, viewers, _) = town.person(3, "viewer").await;
    let id =
        |device: &portreeve_pages::testing::Authenticator| device.pinned()["credentialId"].as_str().unwrap().to_owned();
    let found = known(&town.house, &id(&device)).await.unwrap();
    assert_eq!(
        (found.owner.clone(), found.user.to_string()),
        (town.owner.clone(), ada.clone())
    );
    assert!(found.speaks_for_owner);
    let told = json!({
        "credentialId": id(&device), "publicKey": found.public_key, "rpId": found.site, "origin": found.origin,
    });
    assert_eq!(told, device.pinned(), "as the authenticator has it");
    assert!(!known(&town.house, &id(&viewers)).await.unwrap().speaks_for_owner);
    assert_eq!(known(&town.house, "AQEB").await, None);

    let user = format!("/auth/users/{ada}");
    let change = async |role: &str| {
        let body = json!({"role": role});
        town.call(&format!("PATCH {user}"), Some(&body)).await.expect(200);
        known(&town.house, &id(&device)).await.unwrap().speaks_for_owner
    };
    assert!(!change("auditor").await);
    assert!(change("owner").await);
    town.call(&format!("DELETE {user}"), None).await.expect(204);
    let gone = known(&town.house, &id(&device)).await.unwrap();
    assert!(
        !gone.speaks_for_owner && gone.owner == town.owner,
        "it is known whose it was"
    );
    assert!(known(&town.house, &id(&other)).await.unwrap().speaks_for_owner);
}

async fn passkeys_are_listed_as_the_signer_pins_them_and_to_their_owner_alone(database: &TestDatabase) {
    let town = Town::new(database).await;
    let (ada, device, _) = town.person(1, "owner").await;
    let (bo, _) = town.invite("Bo", "viewer").await;
    let list = format!("GET /auth/users/{ada}/passkeys");
    let found = town.call(&list, None).await.expect(200)["items"].clone();
    let pinned = device.pinned();
    assert_eq!(found.as_array().unwrap().len(), 1);
    assert_eq!(found[0]["id"], pinned["credentialId"]);
    for member in ["publicKey", "rpId", "origin"] {
        assert_eq!(found[0][member], pinned[member]);
    }
    let none = town.call(&format!("GET /auth/users/{bo}/passkeys"), None).await;
    assert_eq!(none.expect(200)["items"], json!([]));

    let (_, stranger) = town.house.owner(11, portreeve_kernel::Cluster::Local).await;
    let refused = town
        .house
        .call(&list, stranger.text.expose(), "198.51.100.7", None)
        .await;
    refused.is(portreeve_kernel::Code::UserNotFound);
    town.call(&format!("DELETE /auth/users/{bo}"), None).await.expect(204);
    let gone = town.call(&format!("GET /auth/users/{bo}/passkeys"), None).await;
    gone.is(portreeve_kernel::Code::UserNotFound);
}

async fn visitor(house: &House, cookie: &str) -> Option<Visitor> {
    let mut headers = HeaderMap::new();
    headers.insert(header::COOKIE, cookie.parse().unwrap());
    house.people.visitor(&headers).await.unwrap()
}

async fn who_is_signed_in_may_what_their_role_may_until_the_session_ends(database: &TestDatabase) {
    let town = Town::new(database).await;
    let (ada, _, browser) = town.person(1, "owner").await;
    let (_, _, viewers) = town.person(2, "viewer").await;
    assert!(visitor(&town.house, "a=b").await.is_none());
    let who = visitor(&town.house, &browser.cookie).await.unwrap();
    let principal = &who.principal;
    assert_eq!(
        (&principal.owner, &principal.role, principal.method),
        (&town.owner, &Role::Owner, AuthMethod::Session)
    );
    assert_eq!(
        principal.user.as_ref().map(ToString::to_string).as_deref(),
        Some(ada.as_str())
    );
    let may = |who: &Visitor, scope: &str| who.principal.scopes.holds(&scope.parse().unwrap());
    assert!(may(&who, "policies:write") && may(&who, "policies:read"));
    let vi = visitor(&town.house, &viewers.cookie).await.unwrap();
    assert!(!may(&vi, "policies:write") && may(&vi, "policies:read"));
    assert!(who.filled_in("form", &who.form_token("form")));
    assert!(!who.filled_in("other", &who.form_token("form")) && !who.filled_in("form", &vi.form_token("form")));

    let is_good = async |credential: &Credential| {
        let (keys, now, asked) = (town.house.keys.clone(), town.house.clock.now(), credential.clone());
        let unit = async move |tx: &mut Tx| keys.good_among(tx, &[asked.clone()].into(), now).await;
        !town.house.db.write::<_, StoreError, _>(unit).await.unwrap().is_empty()
    };
    let (hers, theirs) = (principal.credential.clone(), vi.principal.credential);
    assert!(is_good(&hers).await && is_good(&theirs).await);
    town.invite("Bo", "owner").await;
    let change = json!({"role": "auditor"});
    town.call(&format!("PATCH /auth/users/{ada}"), Some(&change))
        .await
        .expect(200);
    assert!(!is_good(&hers).await, "an act that is under way does not commit either");
    assert!(visitor(&town.house, &browser.cookie).await.is_none());
    assert!(is_good(&theirs).await);
}
