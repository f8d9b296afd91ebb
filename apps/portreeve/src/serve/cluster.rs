//! Which chain this is, and whose time counts: on the local chain the chain's, so that tests and the demo can move it;
//! elsewhere this machine's.
//!
//! What must stay true: a project never acts on another chain than it was made for, and no chain but the local one, known
//! by its genesis hash, ever tells us the time.

use {
    crate::{config::Chain, world::SystemClock},
    portreeve_kernel::{Clock, Cluster, Now},
    portreeve_wallet::{
        ports::{Chain as _, ChainError},
        rpc::{ChainTime, RpcChain},
    },
    std::{pin::pin, sync::Arc, time::Duration},
    tokio::time::{sleep, timeout},
};

/// How long the start waits for a chain that must tell us the time.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often the local chain is asked for the time. What money depends on asks by itself.
const KEEP_UP: Duration = Duration::from_millis(200);

/// Why there is no chain to work on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClusterError {
    /// It has to answer before we can start.
    #[error("the local chain does not answer: {0}\nStart it, or name it as `chain.rpc` in the settings")]
    Silent(ChainError),
    /// It is not the one the project is for.
    #[error("the project is for {expected}, and the chain at `chain.rpc` is {found}")]
    Other {
        /// As `init` was told.
        expected: Cluster,
        /// What answers.
        found: String,
    },
    /// The settings do not make a client.
    #[error("`chain.rpc` cannot be used: {0}")]
    Settings(ChainError),
}

/// The clocks of this server.
#[derive(Clone)]
pub(super) struct Time {
    wall: Arc<SystemClock>,
    /// On the local chain, and only there.
    chain: Option<Arc<ChainTime>>,
}

/// The local chain's time, as last told.
struct ChainClock(Arc<ChainTime>);

impl Clock for ChainClock {
    fn now(&self) -> Now {
        Now::at(self.0.read())
    }
}

impl Time {
    /// What money, policies and keys live by.
    pub(super) fn clock(&self) -> Arc<dyn Clock> {
        match &self.chain {
            Some(time) => Arc::new(ChainClock(Arc::clone(time))),
            None => self.wall(),
        }
    }

    /// What background work is planned by.
    pub(super) fn wall(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.wall) as _
    }

    /// True where the chain is the clock.
    pub(super) const fn is_chain(&self) -> bool {
        self.chain.is_some()
    }

    /// Asks the local chain for the time now and then, until `stopped`.
    pub(super) async fn keep_up(self, chain: Arc<RpcChain>, stopped: impl Future<Output = ()>) {
        if !self.is_chain() {
            return;
        }
        let mut stopped = pin!(stopped);
        loop {
            tokio::select! {
                () = &mut stopped => return,
                () = sleep(KEEP_UP) => {}
            }
            if let Err(error) = chain.refresh_time().await {
                tracing::debug!(%error, "the local chain does not tell the time");
            }
        }
    }
}

/// A client of the chain, and the clocks that go with it.
pub(super) async fn reach(settings: &Chain, cluster: Cluster) -> Result<(RpcChain, Time), ClusterError> {
    let wall = Arc::new(SystemClock::start());
    let least = settings.release_min_operators.unwrap_or(match cluster {
        Cluster::Local => 1,
        Cluster::Mainnet | Cluster::Devnet => 2,
    });
    let operators = settings.rpc.iter().map(|url| url.expose().to_owned()).collect();
    let chain = (cluster == Cluster::Local).then(|| Arc::new(ChainTime::default()));
    let rpc = RpcChain::new(operators, least, chain.clone()).map_err(ClusterError::Settings)?;
    match (genesis(&rpc, cluster).await, cluster) {
        (Ok(hashes), _) => hashes.iter().try_for_each(|hash| check(cluster, hash))?,
        (Err(error), Cluster::Local) => return Err(ClusterError::Silent(error)),
        // Elsewhere the chain tells no time, so we can begin without it and say 503 where it is needed.
        (Err(error), _) => tracing::error!(%error, "the chain does not answer; nothing can be paid until it does"),
    }
    if chain.is_some() {
        rpc.refresh_time().await.map_err(ClusterError::Silent)?;
    }
    Ok((rpc, Time { wall, chain }))
}

/// Asks every operator which chain it is on; on the local one, which may just be starting, repeatedly.
async fn genesis(rpc: &RpcChain, cluster: Cluster) -> Result<Vec<String>, ChainError> {
    let first = rpc.genesis_hashes().await;
    if first.is_ok() || cluster != Cluster::Local {
        return first;
    }
    let again = async {
        loop {
            sleep(Duration::from_millis(100)).await;
            if let Ok(hashes) = rpc.genesis_hashes().await {
                return hashes;
            }
        }
    };
    match timeout(PATIENCE, again).await {
        Ok(hashes) => Ok(hashes),
        Err(_) => first,
    }
}

fn check(expected: Cluster, hash: &str) -> Result<(), ClusterError> {
    let found = Cluster::of_genesis(hash);
    if found == Some(expected) {
        return Ok(());
    }
    Err(ClusterError::Other {
        expected,
        found: found.map_or_else(|| format!("unknown (genesis `{hash}`)"), |found| found.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_acts_on_its_own_chain_alone() {
        let answers = |expected| Cluster::ALL.map(|answers| (expected, answers));
        for (expected, answers) in Cluster::ALL.into_iter().flat_map(answers) {
            let checked = check(expected, answers.genesis_hash());
            assert_eq!(checked.is_ok(), expected == answers, "{expected} {answers}");
        }
        assert!(
            check(Cluster::Devnet, "1111")
                .unwrap_err()
                .to_string()
                .contains("unknown")
        );
    }
}
