//! The command line.

use {
    clap::{Parser, ValueEnum},
    std::path::PathBuf,
};

const AFTER_HELP: &str = "\
Examples:
  portreeve-race --small                     what continuous integration runs, on both databases
  portreeve-race --seed 7                    20,000 tries of 64 clients, 1,000 admitted, 2 nodes, 20 kills
  portreeve-race --database sqlite --tries 5000 --limit-admits 250 --kills 10
  portreeve-race --tries 200000 --kills 200 --limit-admits 10000 --json

What the clients ask, and when what is done to the processes, the chain, the clock and the disk, follows from the seed.
How real processes answer to it does not: the same seed is the same torture, not the same history.
The two nodes need TEST_POSTGRES_URL; `cargo xtask prove race` starts a PostgreSQL of its own.";

/// Whether a limit holds while processes race, stop and die, and the chain is witness
#[derive(Debug, Clone, Parser)]
#[command(name = "portreeve-race", version, after_help = AFTER_HELP)]
pub struct Args {
    /// Requests that are sent before the drain begins
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    pub tries: u64,

    /// Clients that ask at the same time
    #[arg(long, value_name = "N", default_value_t = 64)]
    pub clients: u64,

    /// Servers on one database; more than one only on PostgreSQL. When absent: 2 on PostgreSQL, 1 on SQLite
    #[arg(long, value_name = "N")]
    pub nodes: Option<usize>,

    /// Where the books are kept
    #[arg(long, value_enum, default_value_t = Kind::Postgres)]
    pub database: Kind,

    /// Deaths of servers and signers, at the least
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub kills: u64,

    /// Payments that the limit of the one agent admits
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    pub limit_admits: u64,

    /// Tries for the one agent, of a hundred; the others are bystanders', whose short histories are searched for an order
    #[arg(long, value_name = "N", default_value_t = 70, value_parser = clap::value_parser!(u64).range(1..=100))]
    pub same: u64,

    /// What everything that is drawn follows from; when absent, drawn by chance
    #[arg(long)]
    pub seed: Option<u64>,

    /// How long pauses are, in thousandths of what they are at full size (0.1 to 30 s)
    #[arg(long, value_name = "N", default_value_t = 150)]
    pub pauses: u64,

    /// No misfortune but the kills
    #[arg(long)]
    pub only_kills: bool,

    /// Three small runs: PostgreSQL with two nodes, SQLite, and fifty short histories. Of the other options only --seed,
    /// --keep and --json count
    #[arg(long)]
    pub small: bool,

    /// Where history and logs are written; when absent, a folder that is removed after a run in good order
    #[arg(long, value_name = "FOLDER")]
    pub keep: Option<PathBuf>,

    /// Print the outcome as JSON
    #[arg(long)]
    pub json: bool,
}

/// Where the books are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    Sqlite,
    Postgres,
}

impl Args {
    /// Servers on one database.
    pub fn node_count(&self) -> usize {
        self.nodes.unwrap_or(match self.database {
            Kind::Sqlite => 1,
            Kind::Postgres => 2,
        })
    }

    /// Why this cannot be run.
    pub fn contradiction(&self) -> Option<&'static str> {
        match self.database {
            Kind::Sqlite if self.node_count() > 1 => Some("SQLite takes one server; use --database postgres"),
            _ if self.node_count() == 0 || self.clients == 0 => Some("nobody to race"),
            _ if self.limit_admits == 0 || self.limit_admits > 9_000_000 => Some("--limit-admits is out of range"),
            _ => None,
        }
    }

    /// The runs of continuous integration.
    pub fn small_runs(&self, seed: u64) -> [Self; 3] {
        let common = Self {
            nodes: None,
            only_kills: false,
            pauses: 50,
            same: 70,
            seed: Some(seed),
            ..self.clone()
        };
        let two_nodes = Self {
            database: Kind::Postgres,
            tries: 2_000,
            limit_admits: 100,
            clients: 24,
            kills: 6,
            ..common.clone()
        };
        let one_node = Self {
            database: Kind::Sqlite,
            tries: 1_200,
            limit_admits: 60,
            clients: 16,
            kills: 4,
            ..common.clone()
        };
        let histories = Self {
            database: Kind::Sqlite,
            tries: 10_000,
            same: 5,
            limit_admits: 20,
            clients: 12,
            kills: 4,
            ..common
        };
        [two_nodes, one_node, histories]
    }
}

#[cfg(test)]
mod tests {
    use {super::*, clap::CommandFactory};

    #[test]
    fn the_command_line_is_in_order() {
        Args::command().debug_assert();
    }

    #[test]
    fn two_servers_on_sqlite_are_refused() {
        let args = Args::parse_from(["portreeve-race", "--database", "sqlite", "--nodes", "2"]);
        assert!(args.contradiction().is_some());
        let args = Args::parse_from(["portreeve-race", "--database", "sqlite"]);
        assert_eq!((args.contradiction(), args.node_count()), (None, 1));
        assert_eq!(Args::parse_from(["portreeve-race"]).node_count(), 2);
    }
}
