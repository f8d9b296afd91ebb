//! The chain: each operator by itself, its clock, the program that holds the wallets, and who pays the fees.

use {
    super::{Finding, PATIENCE},
    crate::{config::Config, money, world::SystemClock},
    portreeve_chain::Programs,
    portreeve_kernel::{Address, Clock, Cluster, Timestamp},
    portreeve_signing::protocol::Enrolment,
    portreeve_store::tenancy::Project,
    portreeve_wallet::{
        ports::{Chain, ChainError},
        rpc::RpcChain,
    },
    tokio::time::timeout,
};

/// By how many seconds two clocks may differ before somebody should look, and before limits are counted wrongly.
const APART: u64 = 30;
const TOO_FAR_APART: u64 = 120;

/// What owns programs, and nothing else.
const LOADERS: [&str; 5] = [
    "BPFLoader1111111111111111111111111111111111",
    "BPFLoader2111111111111111111111111111111111",
    "BPFLoaderUpgradeab1e11111111111111111111111",
    "LoaderV411111111111111111111111111111111111",
    "NativeLoader1111111111111111111111111111111",
];

/// What the fee payer should hold, in lamports: enough for some hundred payments, and for one new wallet.
const FEES: u64 = 100_000_000;
const LEAST_FEES: u64 = 10_000_000;

pub(super) async fn look(config: &Config, project: Option<&Project>, enrolment: Option<&Enrolment>) -> Vec<Finding> {
    let cluster = project.map(|project| project.cluster);
    let mut found = Vec::new();
    let mut answering = None;
    for (place, url) in (1_usize..).zip(&config.chain.rpc) {
        let name = format!("operator {place} of `chain.rpc`");
        let one = match RpcChain::new(vec![url.expose().to_owned()], 1, None) {
            Ok(one) => one,
            Err(error) => {
                found.push(Finding::fail(
                    "chain",
                    format!("{name}: {error}"),
                    "correct it in the settings",
                ));
                continue;
            }
        };
        let (finding, is_it) = operator(&one, &name, cluster).await;
        found.push(finding);
        if is_it && answering.is_none() {
            answering = Some(one);
        }
    }
    let Some(chain) = answering else { return found };
    found.push(clock(&chain, cluster).await);
    found.push(squads(&chain, config).await);
    found.push(match enrolment {
        Some(enrolment) => fee_payer(&chain, enrolment.fee_payer, cluster).await,
        None => Finding::warn(
            "fee payer",
            "the signer, which knows it, does not answer",
            "look again when the signer runs",
        ),
    });
    found
}

async fn within<T>(asked: impl Future<Output = Result<T, ChainError>>) -> Result<T, String> {
    match timeout(PATIENCE, asked).await {
        Ok(answer) => answer.map_err(|error| error.to_string()),
        Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
    }
}

/// Whether it answers, and for the chain that the project is on. True when it does.
async fn operator(one: &RpcChain, name: &str, cluster: Option<Cluster>) -> (Finding, bool) {
    let hash = match within(one.genesis_hashes()).await {
        Ok(hashes) => hashes.concat(),
        Err(why) => {
            let todo = "start it, or correct `chain.rpc` in the settings";
            return (Finding::fail("chain", format!("{name}: {why}"), todo), false);
        }
    };
    let known = Cluster::of_genesis(&hash);
    let found = known.map_or_else(
        || format!("an unknown chain (genesis {hash})"),
        |known| known.to_string(),
    );
    match cluster {
        Some(expected) if known != Some(expected) => {
            let why = format!("{name} is {found}, and the project is on {expected}");
            (
                Finding::fail("chain", why, "name an operator of that chain in `chain.rpc`"),
                false,
            )
        }
        _ => (Finding::ok("chain", format!("{name} answers for {found}")), true),
    }
}

async fn clock(chain: &RpcChain, cluster: Option<Cluster>) -> Finding {
    let told = async {
        let (_, slot) = chain.balance(Address::SYSTEM_PROGRAM).await?;
        chain.block_time(slot).await
    };
    let here = SystemClock::start().now().for_expiry();
    match within(told).await {
        Ok(Some(there)) => difference(here, there, cluster),
        Ok(None) => Finding::warn(
            "clock",
            "the chain does not tell the time of its newest block",
            "look again",
        ),
        Err(why) => Finding::warn("clock", why, "look again"),
    }
}

fn difference(here: Timestamp, there: Timestamp, cluster: Option<Cluster>) -> Finding {
    let seconds = here.millis_since(there).unsigned_abs().div_euclid(1_000);
    let said = format!("this machine and the chain are {seconds} s apart");
    let todo = "let this machine's clock be set by NTP";
    match seconds {
        _ if cluster == Some(Cluster::Local) => Finding::ok("clock", format!("the local chain is the clock; {said}")),
        0..APART => Finding::ok("clock", said),
        APART..TOO_FAR_APART => Finding::warn("clock", said, todo),
        _ => Finding::fail("clock", said, todo),
    }
}

async fn squads(chain: &RpcChain, config: &Config) -> Finding {
    let programs = Programs::default();
    let squads = config.chain.squads.unwrap_or(programs.squads);
    let seen = timeout(PATIENCE, chain.sightings(&[squads])).await.unwrap_or_default();
    match seen.first().map(|seen| seen.accounts.first()) {
        Some(Some(Some(account))) if LOADERS.contains(&account.owner.to_string().as_str()) => {
            Finding::ok("Squads", format!("the program is at {squads}"))
        }
        Some(_) => Finding::fail(
            "Squads",
            format!("there is no program at {squads}"),
            "name where it is as `chain.squads` in the settings, as `init` was told",
        ),
        None => Finding::fail("Squads", "the chain does not say", "look again when the chain answers"),
    }
}

async fn fee_payer(chain: &RpcChain, payer: Address, cluster: Option<Cluster>) -> Finding {
    match within(chain.balance(payer)).await {
        Ok((lamports, _)) => fees(lamports, payer, cluster),
        Err(why) => Finding::fail("fee payer", why, "look again when the chain answers"),
    }
}

fn fees(lamports: u64, payer: Address, cluster: Option<Cluster>) -> Finding {
    let said = format!("{payer} holds {}", money::show(lamports));
    let how = match cluster {
        Some(Cluster::Local) => "; on the local chain: requestAirdrop",
        _ => "",
    };
    let todo = format!("send it SOL, a little at a time{how}");
    match lamports {
        FEES.. => Finding::ok("fee payer", said),
        LEAST_FEES.. => Finding::warn("fee payer", said, todo),
        _ => Finding::fail("fee payer", format!("{said}, too little for fees and rent"), todo),
    }
}

#[cfg(test)]
mod tests {
    use {super::*, crate::doctor::State};

    #[test]
    fn clocks_may_differ_a_little_and_on_the_local_chain_as_much_as_they_like() {
        let here = Timestamp::from_seconds(1_800_000_000);
        let at = |seconds: i64| Timestamp::from_seconds(1_800_000_000 + seconds);
        for (apart, status) in [
            (0, State::Ok),
            (-29, State::Ok),
            (30, State::Warn),
            (-119, State::Warn),
            (120, State::Fail),
            (-5_000, State::Fail),
        ] {
            assert_eq!(
                difference(here, at(apart), Some(Cluster::Devnet)).status,
                status,
                "{apart}"
            );
            assert_eq!(difference(here, at(apart), Some(Cluster::Local)).status, State::Ok);
        }
    }

    #[test]
    fn a_fee_payer_that_runs_dry_is_noticed_before_it_is() {
        for (lamports, status) in [
            (FEES, State::Ok),
            (FEES - 1, State::Warn),
            (LEAST_FEES, State::Warn),
            (LEAST_FEES - 1, State::Fail),
            (0, State::Fail),
        ] {
            let found = fees(lamports, Address::SYSTEM_PROGRAM, None);
            assert_eq!(found.status, status, "{lamports}");
        }
    }
}
