//! The command line.

use {
    clap::{Args, Parser, Subcommand},
    portreeve_kernel::{Address, Cluster},
    std::path::PathBuf,
};

/// The isolated signer of Portreeve: it holds the keys, its own copy of every owner-approved policy, and its own sums.
#[derive(Debug, Parser)]
#[command(name = "portreeve-signer", version, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Set up a new signer: keystore, journal, owner key and fee payer.
    ///
    /// The owner's approval key and the cluster are fixed here, once. The owner key's encrypted backup is written once,
    /// beside the keystore; keep a copy of it somewhere else, with its passphrase.
    #[command(after_help = "Examples:
  portreeve-signer init --dir signer --passphrase-file signer.pass \\
      --approval-key 9hSR6S7WPtxmTojgo6GG3k4yDPecgJY292j7xrsUGWBu --cluster mainnet
  portreeve-signer init --dir signer --passphrase-file signer.pass \\
      --approval-key 9hSR6S7WPtxmTojgo6GG3k4yDPecgJY292j7xrsUGWBu --cluster local --local-rpc http://127.0.0.1:8899")]
    Init(InitArguments),
    /// Answer the server on a Unix socket, until SIGTERM.
    #[command(after_help = "Examples:
  portreeve-signer serve --dir signer --socket /run/portreeve/signer.sock --passphrase-file signer.pass
  portreeve-signer serve --dir signer --socket signer.sock --exit-with-parent   # as a supervised child")]
    Serve(ServeArguments),
    /// Show pinned keys, agents, policy versions and sums. No secrets.
    #[command(after_help = "Examples:
  portreeve-signer inspect --dir signer --passphrase-file signer.pass
  portreeve-signer inspect --dir signer --json")]
    Inspect(InspectArguments),
}

/// Where the signer's data lie, and what opens them.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// The signer's own folder. Nobody else may read it.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) dir: PathBuf,
    /// A file with the keystore's passphrase, readable by this user alone. Without it, PORTREEVE_SIGNER_PASSPHRASE is
    /// the passphrase.
    #[arg(long, value_name = "FILE", env = "PORTREEVE_SIGNER_PASSPHRASE_FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct InitArguments {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The public half of the owner's approval key, Base58. Only what it signs is the owner's word.
    #[arg(long, value_name = "KEY")]
    pub(crate) approval_key: Address,
    /// The chain the keys are for: mainnet, devnet or local.
    #[arg(long)]
    pub(crate) cluster: Cluster,
    /// The Squads v4 program.
    #[arg(long, value_name = "ADDRESS", default_value_t = portreeve_chain::Programs::default().squads)]
    pub(crate) squads_program: Address,
    /// The local chain, which is then the signer's clock. Only with `--cluster local`, only on loopback.
    #[arg(long, value_name = "URL")]
    pub(crate) local_rpc: Option<String>,
    /// Memory that each guess at the passphrase costs, in KiB.
    #[arg(long, value_name = "KIB", default_value_t = portreeve_signing::sealed::Cost::STANDARD.memory_kib)]
    pub(crate) kdf_memory_kib: u32,
    /// Passes over that memory.
    #[arg(long, value_name = "N", default_value_t = portreeve_signing::sealed::Cost::STANDARD.passes)]
    pub(crate) kdf_passes: u32,
    /// Answer in JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ServeArguments {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The socket to listen on. Its folder is made if it is missing, and must not be writable by others.
    #[arg(long, value_name = "PATH")]
    pub(crate) socket: PathBuf,
    /// Another user who may connect, by number. May be given several times; this user always may.
    #[arg(long = "allow-uid", value_name = "UID")]
    pub(crate) allowed_uids: Vec<u32>,
    /// In place of the local chain's address that was given to `init`.
    #[arg(long, value_name = "URL")]
    pub(crate) local_rpc: Option<String>,
    /// Stop when standard input ends, as it does when the process that started this one ends.
    #[arg(long)]
    pub(crate) exit_with_parent: bool,
}

#[derive(Debug, Args)]
pub(crate) struct InspectArguments {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Answer in JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[cfg(test)]
mod tests {
    use {super::*, clap::CommandFactory};

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_shows_examples() {
        for command in Cli::command().get_subcommands() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("portreeve-signer "), "{}", command.get_name());
        }
    }

    #[test]
    fn there_is_no_command_that_gives_a_key_away() {
        let names: Vec<String> = Cli::command()
            .get_subcommands()
            .map(|c| c.get_name().to_owned())
            .collect();
        assert_eq!(names, ["init", "serve", "inspect"]);
    }
}
