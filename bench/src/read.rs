//! An authenticated read over HTTP by API key, with every layer on that there is, against a bare axum handler that answers
//! the same bytes, and against Fastify with a rate limit. Ours is measured twice: of agents that nothing was written about,
//! which are shown again as they were, and of agents that have to be read from the database.
//!
//! Beside the rate stands the processor time per request, which is the steadier number.

use {
    crate::{
        Effort,
        load::{self, Answer, Until},
        peers,
        process::{self, Server},
        processors::{self, Whose},
        result::{Measurement, Target},
        served::{SETTING, Served, answer_alike},
        side::{self, CONNECTIONS, Side},
    },
    serde_json::json,
    std::{path::Path, process::Command, thread, time::Duration},
};

/// Agents that are read in turn, so that none is still known when it is asked for again.
const AGENTS: usize = 4_000;

/// Longer than an agent is shown again without asking the database.
const FORGOTTEN: Duration = Duration::from_millis(1_200);

/// Measures on an installation in `folder`.
pub(crate) async fn measure(effort: Effort, folder: &Path) -> Measurement {
    let mut result = Measurement::new("read");
    let (served, server) = Served::start(folder, effort.pick(AGENTS, CONNECTIONS)).await;
    let rounds = effort.pick(7, 1);
    let length = effort.pick(Duration::from_secs(2), Duration::from_millis(300));
    let done = tokio::task::spawn_blocking(move || {
        let all: Vec<Vec<u8>> = (served.tenants.iter())
            .map(|tenant| load::request(tenant.agent.as_str(), &tenant.key))
            .collect();
        let requests = &all[..CONNECTIONS];
        let peer = peers::node("fastify.mjs", &served.told(server.address));
        answer_alike(server.address, peer.address, requests);
        let mut bare = Side::new(bare(&load::ask(server.address, &all[0])));
        let (mut ours, mut peer) = (Side::new(server), Side::new(peer));
        side::in_turn(
            &mut [(&mut bare, requests), (&mut ours, requests), (&mut peer, requests)],
            rounds,
            length,
        );
        assert_eq!(bare.bytes, ours.bytes, "both answer the same bytes");
        let shown = ours.taken();
        // Each key is known from the first time on.
        ours.warm(&all, Until::AllAnswered);
        for _ in 0..rounds {
            thread::sleep(FORGOTTEN);
            ours.round(&all, Until::AllAnswered);
        }
        (bare, shown, ours, peer)
    });
    let (bare, shown, ours, peer) = done.await.unwrap();
    result.with("GET /api/v1/agents/{agentId} with an API key");
    result.with(SETTING);
    result.with(
        "peer: Fastify with @fastify/rate-limit in memory, keys found by SHA-256; one process, without a log; it answers the \
         same body and the same headers",
    );
    result.with(side::client(rounds, length));
    result.with(ours.words("ours"));
    result.with(bare.words("bare"));
    result.with(peer.words("Fastify"));
    result.hold(
        "of the bare handler's rate, nothing written meanwhile",
        shown.rate() / bare.rate(),
        "×",
        Target::AtLeast(0.75),
    );
    result.hold(
        "of the rate of Fastify with @fastify/rate-limit",
        shown.rate() / peer.rate(),
        "×",
        Target::AtLeast(2.5),
    );
    result.tell(
        "of the bare handler's rate, read from the database",
        ours.rate() / bare.rate(),
        "×",
    );
    result.tell(
        "processor time of the bare handler to ours, nothing written meanwhile",
        bare.cost() / shown.cost(),
        "×",
    );
    result.tell("the same, read from the database", bare.cost() / ours.cost(), "×");
    bare.rounds.tell("bare", &mut result);
    shown.tell("ours, nothing written", &mut result);
    ours.rounds.tell("ours, from the database", &mut result);
    peer.rounds.tell("Fastify", &mut result);
    result
}

/// A bare handler that answers as ours just did.
fn bare(answer: &Answer) -> Server {
    // Hyper adds these two by itself, to both.
    let headers: Vec<&(String, String)> = (answer.headers.iter())
        .filter(|(name, _)| !["content-length", "date"].contains(&name.as_str()))
        .collect();
    let input = json!({"headers": headers, "body": answer.body});
    processors::on(Whose::Server, || {
        Server::start(Command::new(process::bare()), &format!("{input}\n"))
    })
}
