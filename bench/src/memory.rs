//! What the server keeps in memory when it has a lot to know: every key used once, every agent read.

use {
    crate::{
        Effort,
        estate::Estate,
        load::{self, Until},
        process::Installation,
        result::{Measurement, Target},
    },
    std::{path::Path, thread, time::Duration},
};

/// Connections of the client that touches everything.
const CONNECTIONS: usize = 32;

/// How long nothing is asked before the memory at rest is read: longer than a use of a key waits to be written down.
const REST: Duration = Duration::from_secs(35);

/// Measures on an installation in `folder`.
pub(crate) async fn measure(effort: Effort, folder: &Path) -> Measurement {
    let mut result = Measurement::new("memory");
    let (keys, agents) = effort.pick((100_000, 10_000), (300, 30));
    let installation = Installation::new(folder);
    let estate = Estate::open(&installation.database()).await;
    let ids = estate.agents(agents).await;
    let tenants = estate.tenants(&ids, keys).await;
    estate.database.close().await;
    result.with(format!(
        "resident memory of `portreeve serve` with {keys} keys and {agents} agents in its database; each key used once, each \
         agent read {} times",
        keys / agents
    ));
    result.with(format!(
        "at rest: {REST:?} after the last request, keys and uses written down"
    ));
    result
        .with("the signer is a process of its own and holds none of these agents' keys; its memory is not in the sum");
    let rest = effort.pick(REST, Duration::ZERO);
    let done = tokio::task::spawn_blocking(move || {
        let server = installation.serve();
        let empty = server.memory();
        let requests: Vec<Vec<u8>> = tenants
            .iter()
            .map(|tenant| load::request(tenant.agent.as_str(), &tenant.key))
            .collect();
        let load = load::run(server.address, &requests, CONNECTIONS, Until::AllAnswered);
        assert_eq!(load.answers, keys as u64);
        thread::sleep(rest);
        (
            empty,
            server.memory(),
            server.peak_memory(),
            server.signer_memory(),
            load.rate(),
        )
    });
    let (empty, full, peak, signer, rate) = done.await.unwrap();
    result.hold("at rest, after all were used", full, "MB", Target::AtMost(150.0));
    result.tell("at its peak", peak, "MB");
    result.tell("when started", empty, "MB");
    result.tell("the signer", signer, "MB");
    result.tell("first use of every key", rate, "/s");
    result
}
