//! The settings as a page for people: every key, its variable, its default, and the flag that wins over both. A test asks
//! the settings themselves which keys there are.

use std::fmt::Write;

/// One setting.
struct Setting {
    /// `section.name`, as in the file.
    key: &'static str,
    /// As it would stand in the file; `None` when nothing stands for it.
    default: Option<&'static str>,
    /// Another value, for the example.
    example: &'static str,
    /// The flag of `serve` that wins.
    flag: Option<&'static str>,
    /// What it does.
    about: &'static str,
}

const SETTINGS: &[Setting] = &[
    Setting {
        key: "server.listen",
        default: Some("\"127.0.0.1:8787\""),
        example: "\"127.0.0.1:9000\"",
        flag: Some("--listen"),
        about: "Where the server listens: a loopback address, unless `server.tls` is on. Port 0 takes any free one",
    },
    Setting {
        key: "server.tls",
        default: Some("\"local\""),
        example: "{ certificate = \"/etc/portreeve/server.pem\", key = \"/etc/portreeve/server.key\" }",
        flag: None,
        about: "`\"local\"`: a certificate by the authority in `tls/ca.pem` of the data folder, for this machine's own names. \
                Two files: a certificate of your own with its chain, and its key, read again every hour. `\"off\"`: plain HTTP, \
                on loopback alone",
    },
    Setting {
        key: "server.origin",
        default: None,
        example: "\"https://portreeve.example\"",
        flag: None,
        about: "What clients call this server, without a path or a slash at the end. It names the issuer of access tokens, \
                so those from before a change are no longer good. When absent: `https://localhost` and the port",
    },
    Setting {
        key: "server.proxies",
        default: None,
        example: "{ networks = [\"10.0.0.0/8\"], header = \"x-forwarded-for\" }",
        flag: None,
        about: "Proxies whose word about the client's address counts, and the header they set. When absent: none",
    },
    Setting {
        key: "server.allowed_origins",
        default: Some("[]"),
        example: "[\"https://app.example\"]",
        flag: None,
        about: "Web pages that may call `/mcp` from their visitors' browsers, by their origins. Our own may anyway",
    },
    Setting {
        key: "limits.per_address",
        default: Some("1000"),
        example: "5000",
        flag: None,
        about: "Requests a minute from one address, before anybody looks who it is. An IPv6 address counts with its /64",
    },
    Setting {
        key: "limits.per_credential",
        default: Some("100"),
        example: "500",
        flag: None,
        about: "What the requests with one credential may weigh in a minute: 1 each, and 5 when they change something. \
                Suspending an agent is never held up",
    },
    Setting {
        key: "limits.premium",
        default: Some("500"),
        example: "1000",
        flag: None,
        about: "The same for keys of the tier `premium`",
    },
    Setting {
        key: "limits.enterprise",
        default: Some("5000"),
        example: "10000",
        flag: None,
        about: "The same for keys of the tier `enterprise`",
    },
    Setting {
        key: "limits.agent_payments",
        default: Some("10"),
        example: "30",
        flag: None,
        about: "Payments a minute that one agent may ask for",
    },
    Setting {
        key: "limits.registrations",
        default: Some("10"),
        example: "100",
        flag: None,
        about: "OAuth clients an hour that may be registered from one address without a credential",
    },
    Setting {
        key: "limits.introspections",
        default: Some("30000"),
        example: "100000",
        flag: None,
        about: "Questions a minute about credentials (`/oauth/introspect`) from one address, once a resource server proved to \
                be itself there",
    },
    Setting {
        key: "oauth.anonymous_registration",
        default: Some("true"),
        example: "false",
        flag: None,
        about: "Whether anybody may register a public OAuth client that people then let in. A credential that holds \
                `admin:all` may anyway, and registers other clients too",
    },
    Setting {
        key: "oauth.client_documents",
        default: Some("true"),
        example: "false",
        flag: None,
        about: "Whether an OAuth client may be called by the address of a document that describes it, which the server then \
                fetches",
    },
    Setting {
        key: "outbound.allowed_networks",
        default: Some("[]"),
        example: "[\"10.20.0.0/16\"]",
        flag: None,
        about: "Inner networks from which documents and keys of OAuth clients may be fetched. Without, nobody makes the server \
                call anything but everybody's internet",
    },
    Setting {
        key: "outbound.extra_ca",
        default: None,
        example: "\"/etc/portreeve/ca.pem\"",
        flag: None,
        about: "A file with certificate authorities (PEM) that are believed when those are fetched, beside the system's",
    },
    Setting {
        key: "database.url",
        default: None,
        example: "\"postgres://user:password@host/name\"",
        flag: None,
        about: "Where rows are kept. When absent: SQLite, in `portreeve.db` in the data folder",
    },
    Setting {
        key: "chain.rpc",
        default: Some("[\"http://127.0.0.1:8899\"]"),
        example: "[\"https://one.example\", \"https://other.example\"]",
        flag: None,
        about: "JSON-RPC of the chain, the primary first: one URL or a list",
    },
    Setting {
        key: "chain.release_min_operators",
        default: None,
        example: "2",
        flag: None,
        about: "How many operators must agree that a transaction can never land before its money counts as free again. \
                When absent: 1 on the local chain, 2 elsewhere",
    },
    Setting {
        key: "chain.squads",
        default: None,
        example: "\"SQDS4ep65T869zMMBKyuUq6aD6EgTu8psMjkvj52pCf\"",
        flag: None,
        about: "The Squads v4 program, as the signer was told by `init`. When absent: where it is on mainnet",
    },
    Setting {
        key: "signer.socket",
        default: None,
        example: "\"/run/portreeve/signer.sock\"",
        flag: None,
        about: "The socket of a signer that somebody else runs. When absent, `serve` starts one",
    },
    Setting {
        key: "signer.binary",
        default: None,
        example: "\"/usr/libexec/portreeve-signer\"",
        flag: Some("--signer-bin"),
        about: "The signer's program to start. When absent: `portreeve-signer` beside `portreeve`",
    },
    Setting {
        key: "vault.root",
        default: None,
        example: "\"/srv/vault\"",
        flag: Some("--vault-root"),
        about: "The folder of Markdown notes that is the vault. It is never guessed. When absent: there is no vault",
    },
    Setting {
        key: "vault.git",
        default: Some("false"),
        example: "true",
        flag: None,
        about: "Whether each change to a note is committed to the git repository that the folder is, with the caller as its \
                author",
    },
    Setting {
        key: "log.filter",
        default: Some("\"info\""),
        example: "\"info,access=warn\"",
        flag: None,
        about: "Levels by target. `access` is the access log",
    },
    Setting {
        key: "log.json",
        default: Some("false"),
        example: "true",
        flag: None,
        about: "One JSON object per line instead of text",
    },
];

/// The page. `arguments` are the variables that stand for arguments of commands, with those.
pub(crate) fn page(arguments: &[(String, String)]) -> String {
    let mut page = "\
# Settings

Written by `cargo xtask docs` from the program's own table; `portreeve reference settings` prints it.

They are read from `portreeve.toml` in the data folder, then from variables, then from flags; the later wins. A value in a
variable is TOML, or else a text as it stands. A key that is misspelt, a value of the wrong kind and settings that contradict
each other stop the start.

| key | variable | flag of `serve` | default | what it does |
|---|---|---|---|---|
"
    .to_owned();
    for setting in SETTINGS {
        let code = |text: Option<&str>| text.map_or_else(|| "–".to_owned(), |text| format!("`{text}`"));
        // Writing to a String does not fail.
        let _ = writeln!(
            page,
            "| `{}` | `{}` | {} | {} | {} |",
            setting.key,
            variable(setting.key),
            code(setting.flag),
            code(setting.default),
            setting.about
        );
    }
    page.push_str("\nAll of them in one file, with other values than the defaults:\n\n```toml\n");
    page.push_str(&example());
    page.push_str("```\n\nVariables that stand for arguments of commands:\n\n| variable | argument |\n|---|---|\n");
    for (name, argument) in arguments {
        let _ = writeln!(page, "| `{name}` | `{argument}` |");
    }
    page.push_str(
        "\n`NO_COLOR` takes the colours out of what is printed, `CLICOLOR_FORCE=1` puts them in where there is no \
         terminal, and `--color` wins over both.\n",
    );
    page
}

fn variable(key: &str) -> String {
    format!("PORTREEVE__{}", key.replace('.', "__").to_uppercase())
}

/// A file with every setting in it. `signer.binary` is commented out, because it contradicts `signer.socket`.
fn example() -> String {
    let mut text = String::new();
    let mut section = "";
    for setting in SETTINGS {
        let (inside, name) = setting.key.split_once('.').unwrap_or(("", setting.key));
        if inside != section {
            let gap = if section.is_empty() { "" } else { "\n" };
            let _ = writeln!(text, "{gap}[{inside}]");
            section = inside;
        }
        let comment = if setting.key == "signer.binary" { "# " } else { "" };
        let _ = writeln!(text, "{comment}{name} = {}", setting.example);
    }
    text
}

#[cfg(test)]
mod tests {
    use {super::*, crate::config::Config, std::collections::BTreeSet};

    fn parsed(text: &str) -> Config {
        toml::from_str(text).unwrap_or_else(|error| panic!("{error} in\n{text}"))
    }

    /// The names that are known in `section`, as the settings say when they meet an unknown one.
    fn known(section: &str) -> Vec<String> {
        let text = match section {
            "" => "nonsense = 1\n".to_owned(),
            section => format!("[{section}]\nnonsense = 1\n"),
        };
        let error = toml::from_str::<Config>(&text).unwrap_err().message().to_owned();
        let (_, names) = error.split_once("expected").unwrap_or_else(|| panic!("{error}"));
        names.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    }

    #[test]
    fn the_table_has_every_setting_there_is_and_no_other() {
        let sections = known("");
        assert!(sections.len() >= 5, "{sections:?}");
        let there = sections
            .iter()
            .flat_map(|section| known(section).into_iter().map(move |name| format!("{section}.{name}")));
        let listed: BTreeSet<String> = SETTINGS.iter().map(|setting| setting.key.to_owned()).collect();
        assert_eq!(listed, there.collect());
    }

    #[test]
    fn the_defaults_are_the_defaults_and_the_examples_are_something_else() {
        let plain = format!("{:#?}", Config::default());
        for setting in SETTINGS {
            let (section, name) = setting.key.split_once('.').unwrap();
            let with = |value: &str| format!("{:#?}", parsed(&format!("[{section}]\n{name} = {value}\n")));
            if let Some(default) = setting.default {
                assert_eq!(with(default), plain, "{}", setting.key);
            }
            // Secrets print alike.
            if !matches!(setting.key, "chain.rpc" | "database.url") {
                assert_ne!(with(setting.example), plain, "{}", setting.key);
            }
        }
    }

    #[test]
    fn the_file_of_examples_can_be_used() {
        assert!(parsed(&example()).check().is_ok());
    }
}
