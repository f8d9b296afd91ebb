//! The command line: what can be asked for, and how it ends.

mod agent;
mod approve;
mod client;
mod demo;
mod doctor;
mod grant;
mod init;
mod issuer;
mod key;
mod looks;
mod mcp;
mod pages;
mod policy;
mod resource;
mod serve;
mod token;
mod tx;
mod user;
mod vault;
mod watch;

use {
    crate::{
        client::{Client, ClientError},
        config::{self, Config, ConfigError, Flags},
        demo::DemoError,
        home::{self, FileError, Home, OwnerFolder},
        init::InitError,
        output::{Colour, Output},
        owner::OwnerError,
        serve::ServeError,
        trust::Trust,
    },
    clap::{Parser, Subcommand},
    portreeve_kernel::Secret,
    serde_json::Value,
    std::{io, path::PathBuf, process::ExitCode},
};

#[cfg(not(feature = "conformance"))]
const VERSION: &str = env!("CARGO_PKG_VERSION");
#[cfg(feature = "conformance")]
use crate::conformance::VERSION;

const AFTER_HELP: &str = "\
Examples:
  portreeve demo                                                    see what it does, with nothing to set up
  portreeve init                                                    make the data folder, the keys, the database
  portreeve serve                                                   start the server
  portreeve agent create shopper --daily 5sol --to ADDRESS          make an agent and its wallet
  portreeve key create shopper --agent AGENT --scope transactions:execute
  portreeve tx send --agent AGENT --to ADDRESS --amount 1sol        pay

Settings: portreeve.toml in the data folder, then variables such as PORTREEVE__SERVER__LISTEN, then flags; the later wins.

Exit codes:
  0  done
  1  not done; the message says what to do
  2  the command line makes no sense
  3  refused by the agent's policy";

/// Money for AI agents, within what their owner allows
#[derive(Debug, Parser)]
#[command(name = "portreeve", version = VERSION, after_help = AFTER_HELP)]
pub(crate) struct Args {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Args)]
struct Global {
    /// Data folder [default: ~/.portreeve]
    #[arg(long, global = true, env = "PORTREEVE_HOME", value_name = "DIR")]
    home: Option<PathBuf>,

    /// The owner's folder, when it was moved out of the data folder: approval key and first API key
    #[arg(long, global = true, env = "PORTREEVE_OWNER", value_name = "DIR")]
    owner: Option<PathBuf>,

    /// The server to ask [default: the one of the data folder]
    #[arg(long, global = true, env = "PORTREEVE_SERVER", value_name = "URL")]
    server: Option<String>,

    /// The API key to ask with [default: the owner's]. In PORTREEVE_KEY it does not show in the list of processes
    #[arg(long, global = true, env = "PORTREEVE_KEY", hide_env_values = true, value_parser = secret)]
    key: Option<Secret>,

    /// Print JSON: results on standard output, errors on standard error
    #[arg(long, global = true)]
    json: bool,

    /// When to use colours
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t)]
    color: Colour,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make the data folder, the keys and the database, once
    Init(init::InitArgs),
    /// Start the server, and its signer with it
    Serve(serve::ServeArgs),
    /// Show what it does: an agent spends, is refused by each of three layers, and is stopped
    Demo(demo::DemoArgs),
    /// API keys: make, list, revoke
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// OAuth clients: make, list, show, give another secret, end
    #[command(subcommand)]
    Client(client::ClientCommand),

    /// What people allowed programs to do: list, end
    #[command(subcommand)]
    Grant(grant::GrantCommand),
    /// People who sign in: invite, list, change, remove
    #[command(subcommand)]
    User(user::UserCommand),
    /// The servers that take our tokens, ours and others': register, list, show, remove
    #[command(subcommand)]
    Resource(resource::ResourceCommand),
    /// The keys that access tokens are signed with: have another one sign
    #[command(subcommand)]
    Issuer(issuer::IssuerCommand),
    /// Agents: make, see, suspend, resume
    #[command(subcommand)]
    Agent(agent::AgentCommand),
    /// What an agent may spend, what is left of it, and the owner's approval
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// Payments: send, show, list
    #[command(subcommand)]
    Tx(tx::TxCommand),
    /// A vault of Markdown notes, on the files themselves: check, search, show, draw, count, add
    #[command(subcommand)]
    Vault(vault::VaultCommand),
    /// The wallet for a model that a program on this machine runs: MCP over standard input and output
    #[command(after_help = "\
Examples:
  portreeve key create model --agent AGENT --scope transactions:execute --scope wallets:read --json
  PORTREEVE_KEY=wai_test_... portreeve mcp
  PORTREEVE_KEY=wai_test_... portreeve mcp --server https://portreeve.example

A client such as Claude Desktop starts it by itself: name `portreeve` as the command, `mcp` as its argument, and PORTREEVE_KEY in its
environment. It never uses the owner's key unless it is given.")]
    Mcp,
    /// Look at the whole installation and say what is wrong and what to do about it
    Doctor(doctor::DoctorArgs),
    /// Print a completion script for a shell
    #[command(after_help = "\
Examples:
  portreeve completions bash > /etc/bash_completion.d/portreeve
  portreeve completions zsh > ~/.zfunc/_portreeve
  portreeve completions fish > ~/.config/fish/completions/portreeve.fish")]
    Completions {
        /// Which shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Print the manual page of a command
    #[command(after_help = "\
Examples:
  portreeve man > /usr/local/share/man/man1/portreeve.1
  portreeve man tx send | man -l -")]
    Man {
        /// Which command; the whole program when none is named
        #[arg(value_name = "COMMAND")]
        command: Vec<String>,
    },
    /// Print a reference in Markdown: of all commands, of all settings, or of the endpoints for keys, clients and tokens
    #[command(after_help = "Example:\n  portreeve reference settings")]
    Reference {
        /// Of what
        #[arg(value_enum)]
        of: pages::Reference,
    },
}

/// How many items, and where to go on.
#[derive(Debug, clap::Args)]
struct Paging {
    /// Items on a page, 1 to 100
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u8).range(1..=100))]
    limit: u8,

    /// Where the page before ended, as it said
    #[arg(long)]
    cursor: Option<String>,
}

impl Paging {
    /// As a query string.
    fn query(&self) -> String {
        match &self.cursor {
            // A cursor is Base64url or nothing of ours; the server refuses what it did not make.
            Some(cursor) => format!("?limit={}&cursor={}", self.limit, encoded(cursor)),
            None => format!("?limit={}", self.limit),
        }
    }
}

/// Percent-encodes everything that is not plainly safe in a query or a path.
fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

fn secret(text: &str) -> Result<Secret, &'static str> {
    match text.trim() {
        "" => Err("the API key is empty"),
        key => Ok(Secret::new(key.to_owned())),
    }
}

/// Why a command did not do it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// The server or the way to it.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// Settings.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The owner's key.
    #[error(transparent)]
    Owner(#[from] OwnerError),
    /// Standard output is closed.
    #[error("cannot write the result: {0}")]
    Output(#[from] io::Error),
    /// Setting up.
    #[error(transparent)]
    Init(#[from] InitError),
    /// Serving.
    #[error(transparent)]
    Serve(#[from] Box<ServeError>),
    /// The demo.
    #[error(transparent)]
    Demo(#[from] Box<DemoError>),
    /// There is no home folder.
    #[error("there is no home folder; name a data folder with --home")]
    NoHome,
    /// There is no key to ask with.
    #[error("no API key: {0}\nGive one in PORTREEVE_KEY, or run `portreeve init` to make the owner's")]
    NoKey(FileError),
    /// A file that should hold a policy does not.
    #[error("`{}` is no policy: {cause}", file.display())]
    NotAPolicy {
        /// Which.
        file: PathBuf,
        /// Why, and where.
        cause: String,
    },
    /// Arguments that do not fit together.
    #[error("{0}")]
    Usage(String),
    /// What was asked for did not come about.
    #[error("{0}")]
    NotDone(String),
    /// What was to be judged could not be looked at: neither good nor bad.
    #[error("{0}")]
    NotLookedAt(Box<CliError>),
    /// Refused by the agent's policy, in an answer that is no error by itself.
    #[error("{0}")]
    ByPolicy(String),
}

impl CliError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::ByPolicy(_) => ExitCode::from(3),
            Self::Usage(_) | Self::NotLookedAt(_) => ExitCode::from(2),
            Self::Client(ClientError::Refused(refusal)) if refusal.is_policy() => ExitCode::from(3),
            _ => ExitCode::FAILURE,
        }
    }

    fn raw(&self) -> Option<&Value> {
        match self {
            Self::Client(ClientError::Refused(refusal)) => Some(&refusal.raw),
            _ => None,
        }
    }
}

/// What every command gets: where to print, and where the installation is.
struct Context {
    out: Output,
    home: Home,
    owner: OwnerFolder,
    server: Option<String>,
    key: Option<Secret>,
}

impl Context {
    fn new(global: Global) -> Result<Self, CliError> {
        let home = Home::choose(global.home.as_deref()).ok_or(CliError::NoHome)?;
        Ok(Self {
            out: Output::new(global.json, global.color),
            owner: global.owner.map_or_else(|| home.owner(), OwnerFolder::new),
            home,
            server: global.server,
            key: global.key,
        })
    }

    /// File, environment and flags together.
    fn config(&self, flags: Flags) -> Result<Config, ConfigError> {
        Config::load(&self.home, config::variables()?, flags)
    }

    /// A client with the key that was given, or the owner's.
    fn client(&self) -> Result<Client, CliError> {
        let server = match &self.server {
            Some(server) => server.clone(),
            None => self.config(Flags::default())?.local_url(),
        };
        let key = match &self.key {
            Some(key) => key.clone(),
            None => {
                let text = home::read(&self.owner.api_key()).map_err(CliError::NoKey)?;
                Secret::new(text.trim_end().to_owned())
            }
        };
        Ok(Client::new(&server, key, &Trust::of(&self.home))?)
    }
}

/// Does what was asked and says how it went.
pub(crate) fn run() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return pages::misread(&error),
    };
    let out = Output::new(args.global.json, args.global.color);
    match command(args) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads has seen enough, as `head` does.
        Err(CliError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            out.error(&error.to_string(), error.raw());
            error.exit_code()
        }
    }
}

fn command(args: Args) -> Result<(), CliError> {
    let context = Context::new(args.global)?;
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build();
    match args.command {
        Command::Init(args) => runtime()?.block_on(init::run(&context, args)),
        Command::Serve(args) => serve::run(&context, args),
        Command::Demo(args) => runtime()?.block_on(demo::run(&context, args)),
        Command::Key(command) => runtime()?.block_on(key::run(&context, command)),
        Command::Client(command) => runtime()?.block_on(client::run(&context, command)),
        Command::Grant(command) => runtime()?.block_on(grant::run(&context, command)),
        Command::User(command) => runtime()?.block_on(user::run(&context, command)),
        Command::Resource(command) => runtime()?.block_on(resource::run(&context, command)),
        Command::Issuer(command) => runtime()?.block_on(issuer::run(&context, command)),
        Command::Agent(command) => runtime()?.block_on(agent::run(&context, command)),
        Command::Policy(command) => runtime()?.block_on(policy::run(&context, command)),
        Command::Tx(command) => runtime()?.block_on(tx::run(&context, command)),
        Command::Vault(command) => vault::run(&context, command),
        Command::Mcp => runtime()?.block_on(mcp::run(&context)),
        Command::Doctor(args) => runtime()?.block_on(doctor::run(&context, args)),
        Command::Completions { shell } => pages::completions(&context, shell),
        Command::Man { command } => pages::man(&context, &command),
        Command::Reference { of } => pages::reference(&context, of),
    }
}

#[cfg(test)]
mod tests {
    use {super::*, clap::CommandFactory};

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn every_command_shows_an_example() {
        fn walk(command: &clap::Command, path: &str) {
            let subcommands: Vec<_> = command.get_subcommands().collect();
            if subcommands.is_empty() {
                let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(
                    help.contains(&format!("{path} ")) || help.ends_with(path),
                    "`{path}` lacks an example"
                );
            }
            for subcommand in subcommands {
                walk(subcommand, &format!("{path} {}", subcommand.get_name()));
            }
        }
        walk(&Args::command(), "portreeve");
    }

    #[test]
    fn what_goes_into_an_address_cannot_leave_its_place() {
        assert_eq!(encoded("agt_01-~."), "agt_01-~.");
        assert_eq!(encoded("../x?y=1&z #%é"), "..%2Fx%3Fy%3D1%26z%20%23%25%C3%A9");
    }

    #[test]
    fn a_key_on_the_command_line_does_not_print() {
        let args = Args::parse_from(["portreeve", "key", "list", "--key", "hush"]);
        assert!(!format!("{args:?}").contains("hush"));
    }
}
