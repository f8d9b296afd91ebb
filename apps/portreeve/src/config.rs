//! Settings: one typed tree, read once. From the file, then the environment, then flags; the later wins.
//!
//! What must stay true: a misspelt key stops the start, a contradiction stops the start, and a secret cannot print.

mod environment;
pub(crate) mod reference;
mod tls;

use {
    crate::home::{self, FileError, Home},
    portreeve_guard::{Limits, Origin, Proxies, WebOrigin},
    portreeve_kernel::{Address, Network, Secret},
    serde::{Deserialize, Deserializer},
    std::{
        net::{Ipv4Addr, SocketAddr, SocketAddrV4},
        os::unix::ffi::OsStrExt,
        path::{Path, PathBuf},
    },
};

pub(crate) use {
    environment::{EnvironmentError, variables},
    tls::Tls,
};

/// Everything that can be set.
#[derive(Debug, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// Where this server listens and who stands before it.
    pub(crate) server: Server,
    /// How much one caller may ask.
    pub(crate) limits: Limits,
    /// How far OAuth clients are let in that nobody here made.
    pub(crate) oauth: Oauth,
    /// Where this server may call when a stranger says so.
    pub(crate) outbound: Outbound,
    /// Where rows are kept.
    pub(crate) database: Database,
    /// Which chain nodes are asked.
    pub(crate) chain: Chain,
    /// Where the signer is.
    pub(crate) signer: Signer,
    /// Where the notes are that people and models read.
    pub(crate) vault: Vault,
    /// What is logged.
    pub(crate) log: Log,
}

/// Where this server listens and who stands before it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Server {
    /// A loopback address when there is no TLS. Port 0 takes any free one.
    pub(crate) listen: SocketAddr,
    /// How it shows who it is.
    pub(crate) tls: Tls,
    /// What the server is called from outside. When absent: `https://localhost` and the port it listens on.
    pub(crate) origin: Option<Origin>,
    /// Proxies whose word about the client's address counts.
    pub(crate) proxies: Proxies,
    /// Web pages that may call the MCP endpoint besides our own.
    pub(crate) allowed_origins: Vec<WebOrigin>,
}

/// How far OAuth clients are let in that nobody here made.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Oauth {
    /// Whether anybody may register a public client of the code flow.
    pub(crate) anonymous_registration: bool,
    /// Whether a client may be called by the address of a document that describes it.
    pub(crate) client_documents: bool,
}

/// Where this server may call when a stranger says so.
#[derive(Debug, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Outbound {
    /// Inner networks that it may, beside everybody's internet.
    pub(crate) allowed_networks: Vec<Network>,
    /// Certificate authorities (PEM) that are believed beside the system's.
    pub(crate) extra_ca: Option<PathBuf>,
}

/// Where rows are kept.
#[derive(Debug, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Database {
    /// `postgres://…` or `sqlite://…`. When absent: SQLite in the data folder. Secret, because it may hold a password.
    pub(crate) url: Option<Secret>,
}

/// Which chain nodes are asked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Chain {
    /// JSON-RPC, the primary first; one URL or a list. Secret, because providers put keys into them.
    #[serde(deserialize_with = "one_or_many")]
    pub(crate) rpc: Vec<Secret>,
    /// How many of them must agree that a transaction can never land before its money counts as free again. When
    /// absent: 1 on the local chain, 2 elsewhere.
    pub(crate) release_min_operators: Option<usize>,
    /// The Squads v4 program, as the signer was told by `init`. When absent: where it is on mainnet.
    pub(crate) squads: Option<Address>,
}

/// Where the signer is.
#[derive(Debug, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Signer {
    /// The socket of a signer that somebody else runs. When absent, `serve` starts one of its own.
    pub(crate) socket: Option<PathBuf>,
    /// The program to start. When absent: `portreeve-signer` beside this one.
    pub(crate) binary: Option<PathBuf>,
}

/// Where the notes are that people and models read.
#[derive(Debug, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Vault {
    /// A folder of Markdown notes. When absent, there is no vault.
    pub(crate) root: Option<PathBuf>,
    /// Whether each change is committed to the git repository that the folder is.
    pub(crate) git: bool,
}

/// What is logged, to standard error.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Log {
    /// Levels by target, such as `info,portreeve_wallet=debug`. `access` is the access log.
    pub(crate) filter: String,
    /// One JSON object per line instead of text.
    pub(crate) json: bool,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddrV4::new(Ipv4Addr::LOCALHOST, 8787).into(),
            tls: Tls::default(),
            origin: None,
            proxies: Proxies::default(),
            allowed_origins: Vec::new(),
        }
    }
}

impl Default for Oauth {
    fn default() -> Self {
        Self {
            anonymous_registration: true,
            client_documents: true,
        }
    }
}

impl Default for Chain {
    fn default() -> Self {
        Self {
            rpc: vec![Secret::new("http://127.0.0.1:8899".to_owned())],
            release_min_operators: None,
            squads: None,
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self {
            filter: "info".to_owned(),
            json: false,
        }
    }
}

/// What flags may change.
#[derive(Debug, Default)]
pub(crate) struct Flags {
    /// `--listen`
    pub(crate) listen: Option<SocketAddr>,
    /// `--signer-bin`
    pub(crate) signer_binary: Option<PathBuf>,
    /// `--vault-root`
    pub(crate) vault_root: Option<PathBuf>,
}

/// Why there are no settings to start with.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file is no TOML, or not of our shape.
    #[error("`{}`, line {line}: {why}", file.display())]
    Invalid {
        /// Which.
        file: PathBuf,
        /// Where, counted from 1.
        line: usize,
        /// Without the line itself, because it may hold a secret.
        why: String,
    },
    /// A variable is not of our shape.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    /// File and environment together are not of our shape.
    #[error("a variable PORTREEVE__… is not valid: {0}")]
    Together(String),
    /// Two settings exclude each other.
    #[error("the settings contradict each other: {0}")]
    Contradiction(&'static str),
}

impl Config {
    /// Reads the file of `home`, the environment and the flags. A missing file is an empty one: the defaults hold.
    pub(crate) fn load(
        home: &Home,
        environment: impl IntoIterator<Item = (String, String)>,
        flags: Flags,
    ) -> Result<Self, ConfigError> {
        let file = home.config();
        let text = match home::read(&file) {
            Err(error) if error.is_missing() => String::new(),
            other => other?,
        };
        // The file by itself first, so that the message about it says where.
        let invalid = |cause: toml::de::Error| {
            let start = cause.span().map_or(0, |span| span.start);
            ConfigError::Invalid {
                file: file.clone(),
                line: text
                    .get(..start)
                    .unwrap_or(&text)
                    .matches('\n')
                    .count()
                    .saturating_add(1),
                why: cause.message().to_owned(),
            }
        };
        toml::from_str::<Self>(&text).map_err(invalid)?;
        let mut table: toml::Table = toml::from_str(&text).map_err(invalid)?;
        environment::merge(&mut table, environment)?;
        let together = |cause: toml::de::Error| ConfigError::Together(cause.message().to_owned());
        let mut config: Self = table.try_into().map_err(together)?;
        if let Some(listen) = flags.listen {
            config.server.listen = listen;
        }
        if flags.signer_binary.is_some() {
            config.signer.binary = flags.signer_binary;
        }
        if flags.vault_root.is_some() {
            config.vault.root = flags.vault_root;
        }
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), ConfigError> {
        let refuse = |why| Err(ConfigError::Contradiction(why));
        if self.signer.socket.is_some() && self.signer.binary.is_some() {
            return refuse("`signer.socket` says that somebody else runs the signer, `signer.binary` that we start it");
        }
        let is_plain = self.server.origin.as_ref().is_some_and(|origin| !origin.is_https());
        if is_plain && self.server.tls != Tls::Off {
            return refuse("`server.origin` begins with `http:`, and `server.tls` is not \"off\"");
        }
        if self.vault.git && self.vault.root.is_none() {
            return refuse("`vault.git` is on, and `vault.root` does not say where the vault lies");
        }
        if self.chain.rpc.is_empty() {
            return refuse("`chain.rpc` is empty, and without a chain there are no wallets");
        }
        if self.chain.release_min_operators == Some(0) {
            return refuse("`chain.release_min_operators` is 0, and money would be free again without proof");
        }
        if self
            .chain
            .release_min_operators
            .is_some_and(|least| least > self.chain.rpc.len())
        {
            return refuse("`chain.release_min_operators` asks for more operators than `chain.rpc` names");
        }
        Ok(())
    }

    /// Where rows are kept.
    pub(crate) fn database_url(&self, home: &Home) -> Secret {
        match &self.database.url {
            Some(url) => url.clone(),
            None => sqlite_url(&home.database()),
        }
    }

    /// The server as a client on this machine reaches it, by a name that its certificate is for.
    pub(crate) fn local_url(&self) -> String {
        let Server {
            listen, tls, origin, ..
        } = &self.server;
        match (tls, origin) {
            (Tls::Off, _) => format!("http://{listen}"),
            (Tls::Own { .. }, Some(origin)) => origin.to_string(),
            (Tls::Local, _) if listen.ip().is_loopback() => format!("https://{listen}"),
            _ => format!("https://localhost:{}", listen.port()),
        }
    }

    /// What the server is called when it listens on `port`.
    pub(crate) fn origin(&self, port: u16) -> Origin {
        match (&self.server.origin, &self.server.tls) {
            (Some(origin), _) => origin.clone(),
            (None, Tls::Off) => Origin::without_tls(port),
            (None, Tls::Local | Tls::Own { .. }) => Origin::local(port),
        }
    }
}

/// The address of a SQLite file that is made when it is missing.
pub(crate) fn sqlite_url(path: &Path) -> Secret {
    let path = path.as_os_str().as_bytes().iter().map(|byte| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => char::from(*byte).to_string(),
        _ => format!("%{byte:02X}"),
    });
    Secret::new(format!("sqlite://{}?mode=rwc", path.collect::<String>()))
}

/// The file that `init` writes.
pub(crate) fn first_file(database: Option<&Secret>, rpc: &[Secret], squads: Option<Address>) -> String {
    let text = |secret: &Secret| toml::Value::String(secret.expose().to_owned()).to_string();
    let database = match database {
        Some(url) => format!("url = {}", text(url)),
        None => "# url = \"postgres://user:password@host/name\"    when absent: SQLite in this folder".to_owned(),
    };
    let squads = match squads {
        Some(squads) => format!("squads = \"{squads}\""),
        None => "# squads = \"SQDS4ep65T869zMMBKyuUq6aD6EgTu8psMjkvj52pCf\"".to_owned(),
    };
    let rpc = rpc.iter().map(text).collect::<Vec<_>>().join(", ");
    format!(
        "\
# Settings of this installation. A variable such as PORTREEVE__SERVER__LISTEN wins over this file, a flag over both.

[server]
# Without TLS a loopback address.
# listen = \"127.0.0.1:8787\"
# A certificate of your own, its chain behind it, and its key. When absent: by the local authority, `tls/ca.pem` in this folder.
# tls = {{ certificate = \"/etc/portreeve/server.pem\", key = \"/etc/portreeve/server.key\" }}
# What clients call this server; it is in every access token. When absent: `https://localhost` and the port.
# origin = \"https://portreeve.example\"
# Proxies whose word about the client's address counts, and the header they set.
# proxies = {{ networks = [\"10.0.0.0/8\"], header = \"x-forwarded-for\" }}
# Web pages that may call /mcp from their visitors' browsers.
# allowed_origins = [\"https://app.example\"]

[database]
{database}

[chain]
# JSON-RPC, the primary first.
rpc = [{rpc}]
# How many of them must agree that a transaction can never land. When absent: 1 on the local chain, 2 elsewhere.
# release_min_operators = 2
# The Squads v4 program, as the signer was told. When absent: where it is on mainnet.
{squads}

[signer]
# The socket of a signer that somebody else runs. When absent, `serve` starts one.
# socket = \"/run/portreeve/signer.sock\"

[vault]
# A folder of Markdown notes that people and models read. When absent: there is no vault.
# root = \"/srv/vault\"
# Commit each change to the git repository that the folder is.
# git = true

[log]
# filter = \"info,access=warn\"
# json = true
"
    )
}

/// One URL, or several.
fn one_or_many<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Secret>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a URL or a list of URLs is expected")]
    enum Urls {
        One(Secret),
        Many(Vec<Secret>),
    }
    Ok(match Urls::deserialize(from)? {
        Urls::One(url) => vec![url],
        Urls::Many(urls) => urls,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(file: &str, environment: &[(&str, &str)]) -> Result<Config, String> {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::choose(Some(folder.path())).unwrap();
        std::fs::write(home.config(), file).unwrap();
        let environment = environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::load(&home, environment, Flags::default()).map_err(|error| error.to_string())
    }

    #[test]
    fn the_environment_wins_over_the_file_and_a_flag_over_both() {
        let file = "[server]\nlisten = \"127.0.0.1:1\"\n[log]\njson = true\n";
        let config = load(file, &[]).unwrap();
        assert_eq!(config.server.listen.port(), 1);
        let env = [
            ("PORTREEVE__SERVER__LISTEN", "127.0.0.1:2"),
            ("PORTREEVE__LOG__JSON", "false"),
        ];
        let config = load(file, &env).unwrap();
        assert_eq!((config.server.listen.port(), config.log.json), (2, false));

        let folder = tempfile::tempdir().unwrap();
        let home = Home::choose(Some(folder.path())).unwrap();
        let flags = Flags {
            listen: Some("127.0.0.1:3".parse().unwrap()),
            ..Flags::default()
        };
        let environment = env.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(Config::load(&home, environment, flags).unwrap().server.listen.port(), 3);
    }

    #[test]
    fn a_misspelt_key_is_an_error_wherever_it_stands() {
        let error = load("[server]\nlissten = \"127.0.0.1:1\"\n", &[]).unwrap_err();
        assert!(error.contains("portreeve.toml") && error.contains("lissten"), "{error}");
        let error = load("", &[("PORTREEVE__SERVER__LISSTEN", "127.0.0.1:1")]).unwrap_err();
        assert!(error.contains("lissten"), "{error}");
        let error = load("[sever]\n", &[]).unwrap_err();
        assert!(error.contains("sever"), "{error}");
    }

    #[test]
    fn a_value_of_the_wrong_kind_is_an_error() {
        for file in [
            "[server]\nlisten = 8787\n",
            "[server]\nlisten = \"localhost\"\n",
            "[log]\njson = \"yes\"\n",
            "=",
        ] {
            assert!(load(file, &[]).is_err(), "{file}");
        }
        assert!(load("", &[("PORTREEVE__LOG__JSON", "yes")]).is_err());
    }

    #[test]
    fn contradictions_stop_the_start() {
        for file in [
            "[signer]\nsocket = \"/a\"\nbinary = \"/b\"\n",
            "[server]\norigin = \"http://localhost:8787\"\n",
            "[chain]\nrpc = []\n",
            "[chain]\nrelease_min_operators = 2\n",
            "[chain]\nrelease_min_operators = 0\n",
            "[vault]\ngit = true\n",
        ] {
            assert!(load(file, &[]).unwrap_err().contains("contradict"), "{file}");
        }
        assert!(load("[server]\norigin = \"http://localhost:8787\"\ntls = \"off\"\n", &[]).is_ok());
        let enough = "[chain]\nrpc = [\"http://a\", \"http://b\"]\nrelease_min_operators = 2\n";
        assert!(load(enough, &[]).is_ok());
    }

    #[test]
    fn a_word_in_the_environment_wins_over_files_in_the_file() {
        let file = "[server.tls]\ncertificate = \"/c\"\nkey = \"/k\"\n";
        let config = load(file, &[("PORTREEVE__SERVER__TLS", "off")]).unwrap();
        assert_eq!(config.server.tls, Tls::Off);
    }

    #[test]
    fn commands_call_the_server_by_a_name_that_its_certificate_is_for() {
        let url = |text: &str| load(&format!("[server]\n{text}\n"), &[]).unwrap().local_url();
        let own = "tls = { certificate = \"/c\", key = \"/k\" }";
        for (text, expected) in [
            (String::new(), "https://127.0.0.1:8787"),
            ("listen = \"[::1]:1\"".into(), "https://[::1]:1"),
            ("listen = \"0.0.0.0:1\"".into(), "https://localhost:1"),
            ("tls = \"off\"".into(), "http://127.0.0.1:8787"),
            (own.into(), "https://localhost:8787"),
            (format!("{own}\norigin = \"https://a.example\""), "https://a.example"),
            ("origin = \"https://a.example\"".into(), "https://127.0.0.1:8787"),
        ] {
            assert_eq!(url(&text), expected, "{text}");
        }
    }

    #[test]
    fn secrets_do_not_print() {
        let file = "[database]\nurl = \"postgres://u:hush@h/d\"\n[chain]\nrpc = [\"https://rpc/?key=hush\"]\n";
        let printed = format!("{:?}", load(file, &[]).unwrap());
        assert!(!printed.contains("hush"), "{printed}");
    }

    #[test]
    fn an_error_does_not_print_secrets_either() {
        let file = "[database]\nurl = \"postgres://u:hush@h/d\"\nurll = 1\n";
        let error = load(file, &[]).unwrap_err();
        assert!(!error.contains("hush"), "{error}");
        for line in [
            "[database]\nurl = [\"hush\"]\n",
            "[chain]\nrpc = [[\"hush\"]]\n",
            "[chain]\nrpc = \"hush\n",
        ] {
            let error = load(line, &[]).unwrap_err();
            assert!(error.contains("line 2") && !error.contains("hush"), "{error}");
        }
        for name in [
            "PORTREEVE__DATABASE",
            "PORTREEVE__DATABASE__URL",
            "PORTREEVE__CHAIN__RPC",
        ] {
            let error = load("", &[(name, "[[\"hush\"]]")]).unwrap_err();
            assert!(!error.contains("hush"), "{error}");
        }
    }

    #[test]
    fn the_first_file_is_valid_and_so_is_every_line_that_is_commented_out() {
        let rpc = ["https://rpc/?key=\"x\"".to_owned(), "http://b".to_owned()].map(Secret::new);
        let plain = first_file(None, &rpc, None);
        let config = load(&plain, &[]).unwrap();
        assert_eq!(config.chain.rpc[0].expose(), "https://rpc/?key=\"x\"");
        assert!(config.database.url.is_none());
        let postgres = Secret::new("postgres://u:p@h/d".to_owned());
        let other = first_file(Some(&postgres), &rpc, Some(Address::SYSTEM_PROGRAM));
        let config = load(&other, &[]).unwrap();
        assert_eq!(config.database.url.unwrap().expose(), "postgres://u:p@h/d");
        assert_eq!(config.chain.squads, Some(Address::SYSTEM_PROGRAM));

        let is_setting = |line: &str| line.split_once(" = ").is_some_and(|(name, _)| !name.contains(' '));
        let used: Vec<&str> = plain
            .lines()
            .map(|line| line.strip_prefix("# ").filter(|rest| is_setting(rest)).unwrap_or(line))
            .map(|line| line.split("    when absent").next().unwrap())
            .collect();
        let config = load(&used.join("\n"), &[]).unwrap();
        assert!(config.log.json && config.signer.socket.is_some() && config.database.url.is_some() && config.vault.git);
    }

    #[test]
    fn a_path_with_odd_characters_is_one_path_in_the_address() {
        let url = sqlite_url(Path::new("/a b/c?d%/é.db"));
        assert_eq!(url.expose(), "sqlite:///a%20b/c%3Fd%25/%C3%A9.db?mode=rwc");
    }
}
