//! The command line: what may be switched when the chain is started.

use {
    crate::chain::Settings,
    clap::Parser,
    std::{
        io,
        net::{IpAddr, Ipv4Addr},
        path::{Path, PathBuf},
        time::{SystemTime, UNIX_EPOCH},
    },
};

const AFTER_HELP: &str = "\
Genesis hash, the same at every start: 51VtkXEMH419GpzhP1bZb4nNrFY6xWt9NzZ55VeSAKkz

Examples:
  portreeve-localchain
  portreeve-localchain --port 0 --port-file /run/chain.port --exit-with-parent
  portreeve-localchain --frozen --start-time 2026-01-01T00:00:00Z
  portreeve-localchain --finality-slots 32 --liar-port 8898

Calls beside Solana's own (POST JSON-RPC, parameters in an array):
  localnet_clock                        {unixTimestamp, slot, frozen}
  localnet_warpSeconds [seconds]        move the clock forward; the slot goes on by one
  localnet_warpSlots [slots]            let slots pass, the clock stands; 151 expire every blockhash
  localnet_createMint [{decimals, program?, address?, extensions?}]   a token; program: token or token2022
  localnet_mintTo [mint, owner, amount] as many of it as wanted, in the owner's token account
  localnet_setLamports [address, lamports]  leave an account with so many
  localnet_freeze [true|false]          time and slots move only by warps and transactions
  localnet_setFault [name, {settings}]  switch a fault on
  localnet_clearFaults []               switch all off; also [name]
  localnet_faults                       what is on, and how often each has struck
  localnet_releaseHeld [signature?]     let held transactions land: [{signature, err}]

Faults. Each takes `count` (how often; absent: until cleared) and `methods` (which calls; absent: as said):
  refuse          {}                    HTTP 503 for every call
  delay           {ms}                  every answer comes `ms` milliseconds late
  dropReply       {how: close|http500}  sendTransaction is done, its answer is lost (absent: close)
  duplicate       {}                    sendTransaction is processed twice; the second is AlreadyProcessed
  failSimulation  {err}                 simulateTransaction and preflights fail with `err`
  hold            {}                    sendTransaction answers, the transaction waits for localnet_releaseHeld
  lie             {heightAhead|heightBehind, hideAccounts}
                                        only on --liar-port, and without `count` and `methods`: signatures are hidden,
                                        heights are `heightAhead` (absent: 1000000) too far or `heightBehind` too low,
                                        and no account is there when `hideAccounts` is true
localnet_* calls are never struck.";

/// A local Solana that runs the real Squads v4 program, for tests and demos. Nothing is kept on disk.
#[derive(Debug, Parser)]
#[command(version, after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Port to listen on; 0 takes any free one
    #[arg(long, default_value_t = 8899)]
    pub(crate) port: u16,

    /// Address to listen on; only loopback is accepted
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST), value_parser = loopback)]
    pub(crate) host: IpAddr,

    /// Second port to the same chain, which lies when the fault `lie` is on; 0 takes any free one
    #[arg(long)]
    pub(crate) liar_port: Option<u16>,

    /// What Squads charges for a new multisig, in lamports
    #[arg(long, value_name = "LAMPORTS", default_value_t = 0)]
    creation_fee: u64,

    /// Slots until a transaction is finalized; confirmed after half of them (rounded up). 0: final at once
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=140))]
    finality_slots: u64,

    /// Chain time at the start, RFC 3339 or Unix seconds; absent: now
    #[arg(long, value_name = "TIME", value_parser = start_time, allow_hyphen_values = true)]
    start_time: Option<i64>,

    /// Start with time and slots standing still: only warps and transactions move them
    #[arg(long)]
    frozen: bool,

    /// Let any number of transactions share a slot, as on a busy cluster: then time alone ages blockhashes. Equal
    /// transactions in one slot are one transaction
    #[arg(long)]
    busy: bool,

    /// Write the bound port here once it is open; the liar's port goes on a second line
    #[arg(long, value_name = "PATH")]
    pub(crate) port_file: Option<PathBuf>,

    /// Stop when standard input ends. Give the chain a pipe as standard input and keep it open: it closes when the
    /// parent dies, however it dies
    #[arg(long)]
    pub(crate) exit_with_parent: bool,

    /// Run this compiled Squads program (`solana program dump SQDS4ep65T869zMMBKyuUq6aD6EgTu8psMjkvj52pCf squads.so`)
    /// in place of the built-in one
    #[arg(long, value_name = "PATH", env = "SQUADS_SO")]
    squads_so: Option<PathBuf>,
}

impl Args {
    /// What the chain itself needs to know.
    /// # Errors
    /// When the machine's clock stands before 1970.
    pub(crate) fn settings(&self) -> Result<Settings, io::Error> {
        let start_unix_ms = match self.start_time {
            Some(seconds) => seconds.saturating_mul(1000),
            None => wall_unix_ms()?,
        };
        Ok(Settings {
            creation_fee: self.creation_fee,
            finality_slots: self.finality_slots,
            start_unix_ms,
            frozen: self.frozen,
            busy: self.busy,
            squads_so: self.squads_so.clone(),
        })
    }
}

/// The only look at the machine's clock. From here on time is counted, so it cannot go back.
fn wall_unix_ms() -> Result<i64, io::Error> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map_err(io::Error::other)?;
    i64::try_from(since.as_millis()).map_err(io::Error::other)
}

fn loopback(text: &str) -> Result<IpAddr, String> {
    let host: IpAddr = text.parse().map_err(|_| "an IP address is expected".to_owned())?;
    if host.is_loopback() {
        Ok(host)
    } else {
        Err("a faucet for everybody: only loopback is accepted".to_owned())
    }
}

fn start_time(text: &str) -> Result<i64, String> {
    let seconds = match text.parse::<i64>() {
        Ok(seconds) => seconds,
        Err(_) => text
            .parse::<jiff::Timestamp>()
            .map_err(|error| error.to_string())?
            .as_second(),
    };
    if seconds < 0 {
        Err("the chain's clock starts in 1970 or later".to_owned())
    } else {
        Ok(seconds)
    }
}

/// Writes one port per line, by rename, so that a reader never sees half a number.
/// # Errors
/// Whatever the file system says.
pub(crate) fn write_ports(path: &Path, ports: &[u16]) -> Result<(), io::Error> {
    let lines: String = ports.iter().map(|port| format!("{port}\n")).collect();
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    std::fs::write(&draft, lines)?;
    std::fs::rename(&draft, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_names_the_genesis_hash() {
        assert!(AFTER_HELP.contains(crate::genesis::HASH_TEXT));
    }

    #[test]
    fn an_address_others_could_reach_is_refused() {
        assert!(loopback("127.0.0.1").is_ok());
        assert!(loopback("::1").is_ok());
        assert!(loopback("0.0.0.0").is_err());
        assert!(loopback("192.168.1.7").is_err());
    }

    #[test]
    fn a_start_time_is_rfc_3339_or_unix_seconds() {
        assert_eq!(start_time("2026-01-01T00:00:00Z"), Ok(1_767_225_600));
        assert_eq!(start_time("1767225600"), Ok(1_767_225_600));
        assert!(start_time("-1").is_err());
        assert!(start_time("yesterday").is_err());
    }
}
