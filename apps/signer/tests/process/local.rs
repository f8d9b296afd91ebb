//! On the local chain, and only there, the chain is the clock.

use {
    crate::support::*,
    portreeve_kernel::Cluster,
    portreeve_signing::{Reason, protocol::Request},
    std::{
        io::{BufRead, BufReader, Read, Write},
        net::{TcpListener, TcpStream},
        sync::{
            Arc,
            atomic::{AtomicI64, Ordering},
        },
        thread,
    },
};

/// Answers the two calls the signer makes, as `portreeve-localchain` does.
struct Chain {
    url: String,
    time: Arc<AtomicI64>,
}

const T: i64 = 1_800_000_000;

impl Chain {
    fn with_genesis(genesis: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let time = Arc::new(AtomicI64::new(T));
        let told = Arc::clone(&time);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let answer = format!(
                    r#"[{{"jsonrpc":"2.0","id":0,"result":"{genesis}"}},{{"jsonrpc":"2.0","id":1,"result":{{"unixTimestamp":{},"slot":1,"frozen":true}}}}]"#,
                    told.load(Ordering::SeqCst)
                );
                // A signer that is killed in the middle of its question is no fault of ours.
                let _ = Self::answer(stream.unwrap(), &answer);
            }
        });
        Self { url, time }
    }

    fn answer(mut stream: TcpStream, answer: &str) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let (mut line, mut length) = (String::new(), 0);
        while reader.read_line(&mut line)? > 2 {
            let lower = line.to_ascii_lowercase();
            if let Some(value) = lower.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            line.clear();
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        assert!(String::from_utf8(body).unwrap().contains("localnet_clock"));
        write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{answer}",
            answer.len()
        )
    }

    fn local() -> Self {
        Self::with_genesis(Cluster::Local.genesis_hash())
    }

    fn warp(&self, seconds: i64) {
        self.time.fetch_add(seconds, Ordering::SeqCst);
    }
}

#[test]
fn budget_comes_back_when_the_chains_clock_has_moved_a_day_and_not_before() {
    let chain = Chain::local();
    let place = Place::with(&["--cluster", "local", "--local-rpc", &chain.url]);
    let signer = place.serve();
    let mut client = signer.client();
    let wallet = client.enrol(1, &policy(1, 300, 300));
    let spend = client.signed(&wallet.pay(1, 300));
    assert_eq!(spend.signed_at.seconds(), T);
    chain.warp(86_400 + 300);
    assert_eq!(client.refused(&wallet.pay(2, 1)).reason, Reason::Policy);
    chain.warp(1);
    client.signed(&wallet.pay(2, 300));
}

#[test]
fn the_chains_clock_may_go_back_and_gives_nothing_away() {
    let chain = Chain::local();
    let place = Place::with(&["--cluster", "local", "--local-rpc", &chain.url]);
    let signer = place.serve();
    let mut client = signer.client();
    let wallet = client.enrol(1, &policy(1, 300, 300));
    client.signed(&wallet.pay(1, 300));
    chain.warp(-1_000_000_000);
    assert_eq!(client.refused(&wallet.pay(2, 1)).reason, Reason::Policy);
    signer.kill();
    let signer = place.serve();
    assert_eq!(signer.client().refused(&wallet.pay(2, 1)).reason, Reason::Policy);
}

#[test]
fn without_its_chain_it_signs_no_spend_but_takes_limits_away() {
    let chain = Chain::local();
    let place = Place::with(&["--cluster", "local", "--local-rpc", &chain.url]);
    let wallet = place.serve().client().enrol(1, &policy(1, 300, 300));
    let nobody = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let signer = place.serve_with(|command| {
        command.args(["--local-rpc", &nobody]);
    });
    let mut client = signer.client();
    assert_eq!(client.refused(&wallet.pay(1, 1)).reason, Reason::ClockUnavailable);
    let message = wallet.message(&[wallet.remove_limit()]);
    client.done(&Request::SignLimitRemoval {
        agent: agent(1),
        message,
    });
    let message = wallet.message(&[wallet.add_limit(300)]);
    assert_eq!(
        client
            .refused(&Request::SignLimitRestore {
                agent: agent(1),
                message
            })
            .reason,
        Reason::ClockUnavailable
    );
}

#[test]
fn another_chain_at_the_same_address_is_not_believed() {
    let chain = Chain::with_genesis(Cluster::Devnet.genesis_hash());
    let place = Place::with(&["--cluster", "local", "--local-rpc", &chain.url]);
    let signer = place.serve();
    let mut client = signer.client();
    let wallet = client.enrol(1, &policy(1, 300, 300));
    assert_eq!(client.refused(&wallet.pay(1, 1)).reason, Reason::ClockUnavailable);
}

#[test]
fn no_other_cluster_takes_its_time_from_a_chain_and_no_chain_is_far_away() {
    let place = Place::new();
    let serve = |arguments: &[&str]| {
        let mut command = place.command("serve");
        let done = command
            .arg("--socket")
            .arg(place.path("s.sock"))
            .args(arguments)
            .output()
            .unwrap();
        assert!(!done.status.success());
        String::from_utf8(done.stderr).unwrap()
    };
    assert!(serve(&["--local-rpc", "http://127.0.0.1:1"]).contains("--cluster local"));
    let place = Place::with(&["--cluster", "local"]);
    assert!(place.refused_start().contains("needs --local-rpc"));
    let mut command = place.command("serve");
    command
        .arg("--socket")
        .arg(place.path("s.sock"))
        .args(["--local-rpc", "http://192.0.2.1:8899"]);
    let said = String::from_utf8(command.output().unwrap().stderr).unwrap();
    assert!(said.contains("is not the address of a local chain"), "{said}");
}
