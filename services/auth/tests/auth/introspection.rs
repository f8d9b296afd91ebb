//! What the server says of keys to whoever asks, with several nodes. On both databases.

use {
    crate::{
        house::{House, facts},
        people_contract::Town,
        resources::{register, reports},
    },
    portreeve_store::testing::TestDatabase,
    serde_json::json,
};

facts! {
    another_node_says_at_once_that_a_key_is_revoked;
}

async fn another_node_says_at_once_that_a_key_is_revoked(database: &TestDatabase) {
    let town = Town::new(database).await;
    let reports = register(&town, &reports()).await;
    let other = House::new(database, 2).await;
    let body = json!({"name": "k", "scopes": ["reports:read"]});
    let (key, id) = town.house.made(&town.key, body).await;
    let form = format!("token={key}");
    let asks = async || {
        let answer = other.form("/oauth/introspect", &form, Some(&reports.basic)).await;
        answer.expect(200)
    };
    assert_eq!(asks().await["active"], json!(true));
    town.house.revoke(&town.key, &id).await.expect(204);
    // Whoever asks remembers the answer, and one time after another would add up.
    assert_eq!(asks().await, json!({"active": false}));
}
