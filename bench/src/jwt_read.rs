//! An authenticated read by access token, against Fastify whose user verifies each token with jose. Both are sent the same
//! bytes and answer the same body; the tokens are ours, and each is used again and again as a client does until it expires.

use {
    crate::{
        Effort, load, peers,
        result::{Measurement, Target},
        served::{SETTING, Served, answer_alike},
        side::{self, CONNECTIONS, Side},
    },
    std::{path::Path, time::Duration},
};

/// Measures on an installation in `folder`.
pub(crate) async fn measure(effort: Effort, folder: &Path) -> Measurement {
    let mut result = Measurement::new("jwt-read");
    let (served, server) = Served::start(folder, CONNECTIONS).await;
    let rounds = effort.pick(5, 1);
    let length = effort.pick(Duration::from_secs(2), Duration::from_millis(300));
    let done = tokio::task::spawn_blocking(move || {
        let tokens = served.tokens(server.address);
        let peer = peers::node("fastify.mjs", &served.told(server.address));
        let requests: Vec<Vec<u8>> = (served.tenants.iter().zip(&tokens))
            .map(|(tenant, token)| load::request(tenant.agent.as_str(), token))
            .collect();
        answer_alike(server.address, peer.address, &requests);
        let (mut ours, mut peer) = (Side::new(server), Side::new(peer));
        side::in_turn(&mut [(&mut peer, &requests), (&mut ours, &requests)], rounds, length);
        (ours, peer)
    });
    let (ours, peer) = done.await.unwrap();
    result.with("GET /api/v1/agents/{agentId} with an access token (EdDSA, `at+jwt`) of our issuer");
    result.with(SETTING);
    result.with(
        "peer: Fastify, @fastify/rate-limit in memory, jose's jwtVerify for each request with the key at hand; one process, \
         without a log; it answers the same body and the same headers",
    );
    result.with(side::client(rounds, length));
    result.with(ours.words("ours"));
    result.with(peer.words("Fastify"));
    result.hold(
        "of the rate of Fastify with jose",
        ours.rate() / peer.rate(),
        "×",
        Target::AtLeast(10.0),
    );
    ours.rounds.tell("ours", &mut result);
    peer.rounds.tell("Fastify", &mut result);
    result
}
