//! What RPC operators say about an agent's limits, and what is believed of it: that the chain holds none must be seen by
//! as many as a proof takes, in blocks late enough to show it.

use {
    crate::{
        estate::{Agent, Estate, policy, until},
        house::House,
    },
    serde_json::{Value, json},
    std::{
        fs,
        io::{BufRead, BufReader, Read, Write},
        net::TcpListener,
        process::{Command, Stdio},
        thread,
    },
};

/// A house on two operators, the one that can lie first, of which `least` make a proof; and an agent in it.
fn on_two_operators(least: u32) -> (Estate, Agent) {
    let mut house = House::built_quick();
    let config = house.home().join("portreeve.toml");
    let alone = format!("rpc = [\"{}\"]", house.chain.url);
    let both = format!(
        "rpc = [\"{}\", \"{}\"]\nrelease_min_operators = {least}",
        house.chain.liar, house.chain.url
    );
    let text = fs::read_to_string(&config).unwrap();
    assert!(text.contains(&alone));
    fs::write(&config, text.replace(&alone, &both)).unwrap();
    house.serve(&[]);
    let estate = Estate::of(house);
    let agent = estate.agent("tester", &policy());
    (estate, agent)
}

fn fault(estate: &Estate, name: &str, settings: &Value) {
    estate.house.chain.call("localnet_setFault", &json!([name, settings]));
}

fn heal(estate: &Estate) {
    estate.house.chain.call("localnet_clearFaults", &json!([]));
}

fn struck(estate: &Estate) -> u64 {
    let faults = estate.house.chain.call("localnet_faults", &json!([]));
    faults["struck"]["delay"].as_u64().unwrap_or_default()
}

/// Waits until the limits have been looked up so often that whoever believed what is said of them would have.
fn until_looked_at(estate: &Estate) {
    fault(estate, "delay", &json!({"ms": 0, "methods": ["getMultipleAccounts"]}));
    let before = struck(estate);
    until("the server looks again, and again", || {
        (struck(estate) >= before + 6).then_some(())
    });
}

/// Asks for a suspension, and sees the server refuse from then on.
fn ask_to_suspend(estate: &Estate, agent: &Agent) {
    let suspended = estate.owner().post(&format!("{}/suspend", agent.path()), &json!({}));
    assert_eq!(suspended.is(200)["status"], "SUSPENDED");
}

#[test]
fn an_operator_that_hides_the_limits_is_not_believed_that_they_are_gone() {
    let (estate, agent) = on_two_operators(2);
    fault(&estate, "lie", &json!({"heightAhead": 0, "hideAccounts": true}));
    ask_to_suspend(&estate, &agent);
    until_looked_at(&estate);
    assert_ne!(estate.shown(&agent.id)["chainSync"], "synced");
    heal(&estate);
    estate.until_settled(&agent.id, "SUSPENDED");
    assert_eq!(estate.limits(&agent), []);
}

#[test]
fn an_operator_that_does_not_keep_up_is_not_asked_whether_limits_are_gone() {
    let (estate, agent) = on_two_operators(1);
    fault(
        &estate,
        "lie",
        &json!({"heightBehind": 1_000_000, "hideAccounts": true}),
    );
    ask_to_suspend(&estate, &agent);
    estate.until_settled(&agent.id, "SUSPENDED");
    assert_eq!(estate.limits(&agent), []);
}

/// Has the chain hold back the transaction that puts the agent's limit back, and suspends the agent again.
fn suspend_while_its_limit_is_under_way(estate: &Estate, agent: &Agent) -> Value {
    estate.suspend(agent);
    fault(estate, "hold", &json!({}));
    estate.ask_to_resume(&agent.id).unwrap().is(200);
    let restore = until("the limit is under way", || {
        let faults = estate.house.chain.call("localnet_faults", &json!([]));
        faults["held"].as_array().unwrap().first().cloned()
    });
    // So that the job does not wait for it.
    fault(estate, "refuse", &json!({"methods": ["sendTransaction"]}));
    ask_to_suspend(estate, agent);
    until_looked_at(estate);
    heal(estate);
    assert_ne!(estate.shown(&agent.id)["chainSync"], "synced", "it may still land");
    restore
}

#[test]
fn a_limit_that_may_still_come_is_not_gone() {
    let estate = Estate::open();
    let agent = estate.agent("tester", &policy());
    let restore = suspend_while_its_limit_is_under_way(&estate, &agent);
    let release = |signature: &Value| {
        let landed = estate.house.chain.call("localnet_releaseHeld", &json!([signature]));
        landed[0]["err"].clone()
    };
    assert_eq!(release(&restore), Value::Null, "it lands after the suspension");
    assert_eq!(estate.limits(&agent).len(), 1);
    until("it is taken away again", || {
        estate.limits(&agent).is_empty().then_some(())
    });
    estate.house.chain.call("localnet_warpSlots", &json!([200]));
    estate.until_settled(&agent.id, "SUSPENDED");
    assert_eq!(estate.limits(&agent), []);

    estate.resume(&agent);
    let restore = suspend_while_its_limit_is_under_way(&estate, &agent);
    estate.house.chain.call("localnet_warpSlots", &json!([200]));
    estate.until_settled(&agent.id, "SUSPENDED");
    assert_eq!(release(&restore), "BlockhashNotFound");
    assert_eq!(estate.limits(&agent), []);
}

/// Answers every question with `result`, on a port of its own.
fn operator(result: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let (mut length, mut line) = (0, String::new());
            while stream.read_line(&mut line).unwrap() > 2 {
                if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                line.clear();
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).unwrap();
            let asked: Value = serde_json::from_slice(&body).unwrap();
            let answer = json!({"jsonrpc": "2.0", "id": asked["id"], "result": result}).to_string();
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                answer.len()
            );
            stream.get_mut().write_all((head + &answer).as_bytes()).unwrap();
        }
    });
    url
}

#[test]
fn an_operator_of_another_chain_stops_the_start_wherever_it_stands_in_the_list() {
    let house = House::built_quick();
    let other = operator("EtWTRABZaYq6iMfeYKouRu166VU2xqa1wcaWoxPkrZBG");
    let both = json!([house.chain.url, other]).to_string();
    let refused = house.cli_with(
        &["serve", "--listen", "127.0.0.1:0"],
        &[("PORTREEVE__CHAIN__RPC", &both)],
    );
    let why = refused.fails_with(1);
    assert!(
        why.contains("the project is for local, and the chain at `chain.rpc` is devnet"),
        "{why}"
    );
}

#[test]
fn a_server_that_is_told_to_stop_before_it_is_ready_stops() {
    let house = House::built_quick();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let mut command = house.command();
    command
        .args(["serve", "--listen", "127.0.0.1:0"])
        .env("PORTREEVE__CHAIN__RPC", url);
    let server = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _asked = silent.accept().unwrap();
    let pid = server.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let ended = server.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success() && ended.stdout.is_empty(), "{said}");
}
