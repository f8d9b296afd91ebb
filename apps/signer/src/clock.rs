//! What time it is: two readings, of which the slower gives budget back and the faster ends grants.
//!
//! Off the local chain both come from the system: the wall clock, and the time since this process started counted by a
//! clock that nobody can set. So a wall clock that is set forward while we run gives no budget back early. On the local
//! chain, whose time tests and the demo move, the chain is the clock; no chain, no time, no signature.

use {
    portreeve_kernel::{Cluster, Now, Timestamp},
    rustix::time::{ClockId, clock_gettime},
    serde_json::{Value, json},
    std::net::SocketAddr,
};

/// Seconds that the local chain may take to tell the time.
const PATIENCE: u64 = 2;

/// Why there is no clock.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClockError {
    /// Not a loopback address.
    #[error("`{0}` is not the address of a local chain, such as http://127.0.0.1:8899")]
    NotLocal(String),
    /// The chain is the clock, and nobody said where it is.
    #[error("a signer for the local chain needs --local-rpc")]
    NoChain,
    /// Only the local chain may be the clock.
    #[error("--local-rpc is for signers that were set up with --cluster local")]
    NotTheLocalCluster,
}

/// Where time comes from.
pub(crate) enum Clock {
    System(SystemClock),
    Chain(LocalChain),
}

impl Clock {
    /// The clock of a signer for `cluster`.
    pub(crate) fn of(cluster: Cluster, local_rpc: Option<&str>) -> Result<Self, ClockError> {
        match (cluster, local_rpc) {
            (Cluster::Local, Some(url)) => LocalChain::at(url).map(Self::Chain),
            (Cluster::Local, None) => Err(ClockError::NoChain),
            (Cluster::Mainnet | Cluster::Devnet, None) => Ok(Self::System(SystemClock::start())),
            (Cluster::Mainnet | Cluster::Devnet, Some(_)) => Err(ClockError::NotTheLocalCluster),
        }
    }

    /// The present, or why it cannot be told.
    pub(crate) fn read(&self) -> Result<Now, String> {
        match self {
            Self::System(clock) => Ok(clock.read()),
            Self::Chain(chain) => chain.read(),
        }
    }
}

/// The system's clocks.
pub(crate) struct SystemClock {
    /// The wall clock when the process started, less what the other clock said then.
    offset: i64,
}

impl SystemClock {
    /// From here on both readings go together, unless somebody sets the wall clock.
    pub(crate) fn start() -> Self {
        Self {
            offset: wall().saturating_sub(unsettable()),
        }
    }

    pub(crate) fn read(&self) -> Now {
        let counted = self.offset.saturating_add(unsettable());
        Now::between(Timestamp::from_millis(wall()), Timestamp::from_millis(counted))
    }
}

/// Milliseconds since 1970, as the machine believes.
fn wall() -> i64 {
    millis(ClockId::Realtime)
}

/// Milliseconds since the machine started, suspension included.
fn unsettable() -> i64 {
    millis(ClockId::Boottime)
}

fn millis(clock: ClockId) -> i64 {
    let time = clock_gettime(clock);
    time.tv_sec
        .saturating_mul(1000)
        .saturating_add(time.tv_nsec / 1_000_000)
}

/// The local chain, by its address.
pub(crate) struct LocalChain {
    url: String,
}

impl LocalChain {
    /// At `url`, which has to be a number on loopback: no name that could lead elsewhere.
    fn at(url: &str) -> Result<Self, ClockError> {
        let address = url
            .strip_prefix("http://")
            .map(|rest| rest.strip_suffix('/').unwrap_or(rest));
        let address: Option<SocketAddr> = address.and_then(|address| address.parse().ok());
        match address.filter(|address| address.ip().is_loopback()) {
            Some(address) => Ok(Self {
                url: format!("http://{address}/"),
            }),
            None => Err(ClockError::NotLocal(url.chars().take(100).collect())),
        }
    }

    fn read(&self) -> Result<Now, String> {
        let calls = json!([
            {"jsonrpc": "2.0", "id": 0, "method": "getGenesisHash", "params": []},
            {"jsonrpc": "2.0", "id": 1, "method": "localnet_clock", "params": []},
        ]);
        let answer = minreq::post(&self.url)
            .with_header("Content-Type", "application/json")
            .with_body(calls.to_string())
            .with_timeout(PATIENCE)
            .with_follow_redirects(false)
            .send()
            .map_err(|cause| format!("the local chain does not answer: {cause}"))?;
        time_in(answer.as_bytes())
    }
}

/// The time in the chain's answer, if it is the chain we know.
fn time_in(answer: &[u8]) -> Result<Now, String> {
    let senseless = || "the local chain's answer makes no sense".to_owned();
    let answers: Vec<Value> = serde_json::from_slice(answer).map_err(|_| senseless())?;
    let result = |id: u64| {
        let found = answers.iter().find(|answer| answer.get("id") == Some(&json!(id)));
        found.and_then(|answer| answer.get("result")).ok_or_else(senseless)
    };
    let genesis = result(0)?.as_str().unwrap_or_default();
    if genesis != Cluster::Local.genesis_hash() {
        return Err(format!("the chain at this address is `{genesis}`, not the local one"));
    }
    let seconds = result(1)?
        .get("unixTimestamp")
        .and_then(Value::as_i64)
        .ok_or_else(senseless)?;
    Ok(Now::at(Timestamp::from_seconds(seconds)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_by_number_is_a_local_chain() {
        for good in ["http://127.0.0.1:8899", "http://127.0.0.1:8899/", "http://[::1]:8899"] {
            assert!(LocalChain::at(good).is_ok(), "{good}");
        }
        for bad in [
            "http://localhost:8899",
            "http://10.0.0.1:8899",
            "http://127.0.0.1",
            "https://127.0.0.1:8899",
            "http://127.0.0.1:8899@evil.example:80",
            "http://127.0.0.1:8899/x",
            "127.0.0.1:8899",
            "",
        ] {
            assert!(LocalChain::at(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_local_chain_is_the_clock_of_the_local_cluster_only() {
        let url = Some("http://127.0.0.1:8899");
        assert!(matches!(Clock::of(Cluster::Local, url), Ok(Clock::Chain(_))));
        assert!(matches!(Clock::of(Cluster::Local, None), Err(ClockError::NoChain)));
        for cluster in [Cluster::Mainnet, Cluster::Devnet] {
            assert!(matches!(Clock::of(cluster, None), Ok(Clock::System(_))));
            assert!(matches!(Clock::of(cluster, url), Err(ClockError::NotTheLocalCluster)));
        }
    }

    #[test]
    fn time_is_believed_from_the_chain_with_the_pinned_genesis_only() {
        let answer = |genesis: &str, time: Value| {
            let answers =
                json!([{"id": 1, "result": {"unixTimestamp": time, "slot": 4}}, {"id": 0, "result": genesis}]);
            time_in(answers.to_string().as_bytes())
        };
        let local = Cluster::Local.genesis_hash();
        assert_eq!(
            answer(local, json!(1_800_000_000)),
            Ok(Now::at(Timestamp::from_seconds(1_800_000_000)))
        );
        assert!(answer(Cluster::Devnet.genesis_hash(), json!(1_800_000_000)).is_err());
        assert!(answer("", json!(1_800_000_000)).is_err());
        assert!(answer(local, json!("1800000000")).is_err());
        for senseless in ["", "{}", "[]", "null", r#"[{"id":0,"error":{}},{"id":1,"error":{}}]"#] {
            assert!(time_in(senseless.as_bytes()).is_err(), "{senseless}");
        }
    }

    #[test]
    fn a_wall_clock_set_forward_leaves_the_slower_reading_where_it_was() {
        let clock = SystemClock {
            offset: wall() - unsettable() - 40 * 86_400_000,
        };
        let now = clock.read();
        assert!(now.for_expiry().millis_since(now.for_release()) >= 39 * 86_400_000);
    }
}
