//! The same house on PostgreSQL, and with two servers.

use {
    crate::{
        estate::{Estate, until},
        house::{Answer, Api, Chain, House, Running, SOL},
    },
    portreeve_store::testing::TestDatabase,
    serde_json::json,
    std::{env, fs, os::unix::fs::DirBuilderExt, thread},
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

/// A second server, as the README says: a data folder with nothing in it but settings and the issuer's key.
fn second(house: &House, database: &str) -> (Running, String) {
    let home = house.home().with_file_name("second");
    fs::DirBuilder::new().mode(0o700).create(&home).unwrap();
    fs::copy(house.home().join("issuer.key"), home.join("issuer.key")).unwrap();
    let settings = json!({"database": database, "rpc": house.chain.url, "socket": house.signer_socket()});
    let text = format!(
        "[database]\nurl = {database}\n[chain]\nrpc = [{rpc}]\n[signer]\nsocket = {socket}\n",
        database = settings["database"],
        rpc = settings["rpc"],
        socket = settings["socket"]
    );
    fs::write(home.join("portreeve.toml"), text).unwrap();
    let mut command = house.command();
    command.env_remove("PORTREEVE_SIGNER_BIN").env_remove("PORTREEVE_HOME");
    command.args(["serve", "--listen", "127.0.0.1:0", "--home", home.to_str().unwrap()]);
    let (server, line) = Running::start(command);
    (server, line.strip_prefix("listening on ").unwrap().to_owned())
}

#[test]
#[ignore = "needs TEST_POSTGRES_URL"]
fn two_servers_share_a_database_a_signer_and_every_limit() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let database = runtime.block_on(TestDatabase::postgres("e2e_two", &[])).unwrap();
    let mut house = House::on(Chain::start(), &env::temp_dir());
    house.init_quick(&["--database-url", database.url()]);
    let signer = house.lone_signer(&[]);
    assert!(house.try_serve_beside(&[]));
    let first = house.url().to_owned();
    let (other, second) = second(&house, database.url());
    let mut estate = Estate::of(house);
    let limits = json!({"preset": "custom", "limits": {"daily": (SOL / 10).to_string()}});
    let agent = estate.agent("racer", &limits);
    let mut at = |url: &str| {
        estate.house.ask_at(url);
        estate.house.api(&agent.key)
    };
    let servers = [at(&first), at(&second)];
    let payee = estate.house.somebody();
    let pay = |server: &Api, key: &str| -> Answer {
        let body = json!({"to": payee, "amount": (SOL / 100).to_string()});
        let headers = [("Idempotency-Key", key)];
        server.send(minreq::Method::Post, "/api/v1/transactions", Some(&body), &headers)
    };

    // Ten fit, and thirty are asked for, each of both servers.
    let taken = thread::scope(|scope| {
        let asked: Vec<_> = (0..60_usize)
            .map(|number| {
                let (server, pay) = (&servers[number % 2], &pay);
                scope.spawn(move || pay(server, &format!("race-{}", number / 2)))
            })
            .collect();
        let answers = asked.into_iter().map(|one| one.join().unwrap());
        let mut taken: Vec<String> = answers
            .filter(|answer| answer.status == 202 && answer.body["status"] != "REJECTED")
            .map(|answer| answer.body["id"].as_str().unwrap().to_owned())
            .collect();
        taken.sort();
        taken.dedup();
        taken
    });
    assert_eq!(taken.len(), 10, "{taken:?}");
    until("all ten have landed", || {
        (estate.house.chain.balance(&payee) == SOL / 10).then_some(())
    });

    // One dies; the other knows all that was decided, and decides no more than is left.
    estate.house.kill();
    let [_, left] = &servers;
    let denied = pay(left, "one-more");
    denied.is_problem(403, "POLICY_DAILY_LIMIT_EXCEEDED");
    for id in &taken {
        let path = format!("/api/v1/transactions/{id}");
        until("it is confirmed", || {
            (left.get(&path).is(200)["status"] == "CONFIRMED").then_some(())
        });
    }
    let ended = other.stop();
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    drop(signer);
    runtime.block_on(database.remove()).unwrap();
}
