//! The same house on PostgreSQL.

use {
    crate::house::{House, SOL},
    portreeve_store::testing::TestDatabase,
};

#[test]
#[ignore = "needs TEST_POSTGRES_URL"]
fn an_agent_pays_from_a_house_on_postgres_and_goes_on_after_a_restart() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let database = runtime.block_on(TestDatabase::postgres("e2e", &[])).unwrap();
    let mut house = House::empty();
    let rpc = house.chain.url.clone();
    let made = house
        .cli(&["init", "--rpc", &rpc, "--database-url", database.url(), "--json"])
        .json();
    assert!(!house.home().join("portreeve.db").exists());
    house
        .chain
        .airdrop(made["signer"]["feePayer"].as_str().unwrap(), 100 * SOL);

    house.serve(&[]);
    let agent = house.agent(&["--daily", "2sol"]);
    let payee = house.somebody();
    house.send(&agent.id, &payee, "1sol").ok();
    let ended = house.stop();
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(
        !ended.stderr.contains(database.url()),
        "the address, which may hold a password, is in the log"
    );

    house.serve(&[]);
    house.send(&agent.id, &payee, "1sol").ok();
    house.send(&agent.id, &payee, "1sol").fails_with(3);
    assert_eq!(house.chain.balance(&payee), 2 * SOL);

    let other = house.home().with_file_name("other");
    let error = house
        .cli(&[
            "init",
            "--home",
            other.to_str().unwrap(),
            "--rpc",
            &rpc,
            "--database-url",
            database.url(),
        ])
        .fails_with(1)
        .to_owned();
    assert!(error.contains("already holds project `main`"), "{error}");
    assert!(!other.exists());
    house.stop();
    runtime.block_on(database.remove()).unwrap();
}
