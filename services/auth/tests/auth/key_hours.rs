//! Keys that are good in some hours of the day alone, and how much may be asked with them, on both databases.

use {
    crate::house::{House, facts},
    portreeve_kernel::{Cluster, Code},
    portreeve_store::testing::TestDatabase,
    serde_json::json,
};

facts! {
    a_key_is_good_in_its_hours_alone_and_its_holder_is_told_when_again;
    hours_that_wrap_midnight_are_open_on_both_sides_of_it;
    a_rotated_key_keeps_its_hours_and_its_tier;
    hours_that_are_none_are_refused;
}

/// The house opens at 22:13:20.
const TO_ELEVEN: u32 = 2_800;

async fn a_key_is_good_in_its_hours_alone_and_its_holder_is_told_when_again(database: &TestDatabase) {
    let house = House::new(database, 1).await;
    let (_, first) = house.owner(10, Cluster::Local).await;
    let body = json!({"name": "late", "scopes": ["agents:read"], "allowedHoursUtc": {"start": 22, "end": 23}});
    let (late, _) = house.made(first.text.expose(), body).await;
    house.after(TO_ELEVEN - 1);
    house.look(&late).await.is(Code::AuthScopeInsufficient);
    house.after(1);
    let refused = house.look(&late).await;
    let refused = refused.is(Code::AuthOutsideHours);
    assert_eq!(refused["opensAt"], "2023-11-15T22:00:00Z", "{refused}");
    assert!(
        refused["detail"].as_str().unwrap().contains("22:00 to 23:00 UTC"),
        "{refused}"
    );
    house.after(22 * 3600 + 3599);
    house.look(&late).await.is(Code::AuthOutsideHours);
}

async fn hours_that_wrap_midnight_are_open_on_both_sides_of_it(database: &TestDatabase) {
    let house = House::new(database, 1).await;
    let (_, first) = house.owner(10, Cluster::Local).await;
    let body = json!({"name": "night", "scopes": ["agents:read"], "allowedHoursUtc": {"start": 23, "end": 1}});
    let (night, _) = house.made(first.text.expose(), body).await;
    house.look(&night).await.is(Code::AuthOutsideHours);
    house.after(TO_ELEVEN);
    for _ in 0..2 {
        house.look(&night).await.is(Code::AuthScopeInsufficient);
        house.after(3600);
    }
    house.look(&night).await.is(Code::AuthOutsideHours);
}

async fn a_rotated_key_keeps_its_hours_and_its_tier(database: &TestDatabase) {
    let house = House::new(database, 1).await;
    let (_, first) = house.owner(10, Cluster::Local).await;
    let owner = first.text.expose();
    let hours = json!({"start": 8, "end": 18});
    let body = json!({"name": "w", "scopes": ["agents:read"], "allowedHoursUtc": hours, "tier": "premium"});
    let (_, id) = house.made(owner, body).await;
    let line = format!("POST /auth/keys/{id}/rotate");
    let made = house
        .call(&line, owner, "198.51.100.7", Some(&json!({})))
        .await
        .expect(201);
    assert_eq!((&made["allowedHoursUtc"], &made["tier"]), (&hours, &json!("premium")));
    house
        .look(made["key"].as_str().unwrap())
        .await
        .is(Code::AuthOutsideHours);
    let plain = house
        .made(owner, json!({"name": "p", "scopes": ["agents:read"]}))
        .await
        .1;
    let list = house.get("/auth/keys", owner).await.expect(200);
    let plain = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|key| key["id"] == plain)
        .unwrap()
        .clone();
    assert_eq!(
        (plain.get("allowedHoursUtc"), &plain["tier"]),
        (None, &json!("default"))
    );
}

async fn hours_that_are_none_are_refused(database: &TestDatabase) {
    let house = House::new(database, 1).await;
    let (_, first) = house.owner(10, Cluster::Local).await;
    for (hours, code, param) in [
        (
            json!({"start": 24, "end": 3}),
            Code::ValidationOutOfRange,
            "allowedHoursUtc.start",
        ),
        (
            json!({"start": 3, "end": 255}),
            Code::ValidationOutOfRange,
            "allowedHoursUtc.end",
        ),
        (
            json!({"start": 3, "end": 3}),
            Code::ValidationOutOfRange,
            "allowedHoursUtc",
        ),
        (
            json!({"start": 3}),
            Code::ValidationRequiredField,
            "allowedHoursUtc.end",
        ),
    ] {
        let body = json!({"name": "h", "scopes": ["agents:read"], "allowedHoursUtc": hours});
        let answer = house
            .call("POST /auth/keys", first.text.expose(), "198.51.100.7", Some(&body))
            .await;
        assert_eq!(answer.is(code)["param"], param, "{hours}");
    }
}
