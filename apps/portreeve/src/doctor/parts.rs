//! The programs, the database, the server and the signer.

use {
    super::{Finding, PATIENCE, Patient},
    crate::{
        client::{Client, ClientError},
        config::Config,
        home, issuer_key,
        schema::SCHEMAS,
        signer_process::{CURE, Isolation, SignerProgram},
        trust::{Trust, reason},
    },
    portreeve_auth::{SigningError, SigningKeys},
    portreeve_kernel::Secret,
    portreeve_signing::protocol::Enrolment,
    portreeve_store::{SCHEMA_EPOCH, StoreError, inspect, tenancy::Project},
    portreeve_wallet::{ports::Signer, signer_client::SignerClient},
    serde_json::Value,
    std::process::Stdio,
    tokio::{process::Command, time::timeout},
};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// This program, and the signer's that `serve` would start.
pub(super) async fn programs(config: &Config) -> Finding {
    if let Some(socket) = &config.signer.socket {
        let said = format!(
            "portreeve {VERSION}; somebody else runs the signer at {}",
            socket.display()
        );
        return Finding::ok("programs", said);
    }
    let program = match SignerProgram::find(config.signer.binary.as_deref()) {
        Ok(program) => program,
        Err(error) => {
            return Finding::fail(
                "programs",
                error.to_string(),
                "install portreeve-signer beside portreeve",
            );
        }
    };
    let path = program.path().display().to_string();
    let mut command = Command::new(program.path());
    command.arg("--version").stdin(Stdio::null()).kill_on_drop(true);
    let said = match timeout(PATIENCE, command.output()).await {
        Ok(Ok(output)) if output.status.success() => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        _ => {
            let why = format!("`{path}` does not say which version it is");
            return Finding::fail("programs", why, "install the signer that came with this program");
        }
    };
    if said == format!("portreeve-signer {VERSION}") {
        Finding::ok("programs", format!("portreeve {VERSION}, {said}"))
    } else {
        let why = format!("portreeve is {VERSION}, and `{path}` is `{said}`");
        Finding::warn("programs", why, "use both from one release")
    }
}

/// The database, and the project in it.
pub(super) async fn database(patient: &Patient, config: &Config) -> (Option<Project>, Option<Finding>) {
    let file = patient.home.database();
    if config.database.url.is_none() && !file.exists() {
        // Without a data folder there is no database, and that is told already.
        let gone = patient.home.path().is_dir().then(|| {
            let why = format!("`{}` is not there", file.display());
            Finding::fail("database", why, "put it back from a backup")
        });
        return (None, gone);
    }
    let found = match inspect(config.database_url(&patient.home).expose(), SCHEMAS).await {
        Ok(found) => found,
        Err(error) => {
            let todo = match error {
                StoreError::Unreachable(_) => "start the database, or correct `database.url` in the settings",
                StoreError::Statement(_) => "name a database that `portreeve init` has set up",
                _ => "do what it says, then look again",
            };
            return (None, Some(Finding::fail("database", error.to_string(), todo)));
        }
    };
    let newer = found.epoch > SCHEMA_EPOCH || found.unknown > 0;
    let project = found.projects.into_iter().next();
    let finding = match &project {
        _ if newer => Finding::fail(
            "database",
            "a newer program has written to it",
            "use the newest portreeve here",
        ),
        None => Finding::fail(
            "database",
            "it holds no project",
            "name the database that `portreeve init` has set up",
        ),
        Some(project) => {
            let pending = match found.pending {
                0 => "up to date".to_owned(),
                several => format!("{several} migrations will be applied by the next start"),
            };
            let epoch = found.epoch;
            let said = format!(
                "schema epoch {epoch}, {pending}; project `{}` on {}",
                project.name, project.cluster
            );
            Finding::ok("database", said)
        }
    };
    (project, Some(finding))
}

/// Who may make OAuth clients known: what is open is open by default, and somebody who puts a server on the internet should
/// have read it once.
pub(super) fn clients(config: &Config) -> Finding {
    let (registers, documents) = (config.oauth.anonymous_registration, config.oauth.client_documents);
    let who = match (registers, documents) {
        (false, false) => "only those that an owner made are let in",
        (true, false) => "anybody may register a program; people decide what it gets (`oauth.anonymous_registration`)",
        (false, true) => {
            "a program may be called by its document; people decide what it gets (`oauth.client_documents`)"
        }
        (true, true) => {
            "anybody may register a program or have it called by its document; people decide what it gets \
             (`oauth.anonymous_registration`, `oauth.client_documents`)"
        }
    };
    Finding::ok("oauth clients", who)
}

/// Whether the issuer's key file belongs to the database. Nothing when the one or the other is missing, which is told already.
pub(super) async fn signing_keys(patient: &Patient, config: &Config) -> Option<Finding> {
    const CHECK: &str = "signing keys";
    const TODO: &str =
        "put back the `issuer.key` that belongs to this database, or name the database that belongs to it";
    if !patient.home.issuer_key().exists() {
        return None;
    }
    let seal = match issuer_key::read(&patient.home) {
        Ok(seal) => seal,
        Err(error) => return Some(Finding::fail(CHECK, error.to_string(), TODO)),
    };
    Some(
        match SigningKeys::opened_by(&seal, config.database_url(&patient.home).expose()).await {
            Ok(count) => Finding::ok(CHECK, format!("the issuer's key opens all {count} of them")),
            Err(SigningError::None) => Finding::ok(CHECK, "there is none yet; the first start makes one"),
            Err(error @ (SigningError::WrongSeal | SigningError::Crypto)) => {
                Finding::fail(CHECK, error.to_string(), TODO)
            }
            Err(SigningError::Store(_)) => return None,
        },
    )
}

/// Whether the server answers, is ready, and takes the key.
pub(super) async fn server(patient: &Patient, config: &Config) -> (bool, Vec<Finding>) {
    let url = patient.server.clone().unwrap_or_else(|| config.local_url());
    let trust = Trust::of(&patient.home);
    let ready = match ask(&trust, &url, "/readyz").await {
        Ok(ready) => ready,
        Err(Silence::Untrusted { why, advice }) => {
            let why = format!("`{url}` is not who it should be: {why}");
            return (false, vec![Finding::fail("server", why, advice)]);
        }
        Err(Silence::Other(why)) => {
            let why = format!("`{url}` does not answer: {why}");
            return (
                false,
                vec![Finding::warn("server", why, "start it with `portreeve serve`")],
            );
        }
    };
    let checks = ready.get("checks").and_then(Value::as_object);
    let down: Vec<&str> = checks
        .into_iter()
        .flatten()
        .filter(|(_, status)| *status != "ok")
        .map(|(name, _)| name.as_str())
        .collect();
    let document = ask(&trust, &url, "/openapi.json").await.unwrap_or_default();
    let version = document
        .pointer("/info/version")
        .and_then(Value::as_str)
        .unwrap_or("unknown");
    let of_server = if checks.is_none() {
        Finding::fail(
            "server",
            format!("`{url}` is no Portreeve"),
            "name the server with --server",
        )
    } else if !down.is_empty() {
        let why = format!("`{url}` has no {}", down.join(" and no "));
        Finding::fail(
            "server",
            why,
            "the checks below say more; then look into the server's log",
        )
    } else if version != VERSION {
        let why = format!("`{url}` runs version {version}, and this is {VERSION}");
        Finding::warn("server", why, "restart it, so that the installed program runs")
    } else {
        Finding::ok("server", format!("{url}, version {version}, ready"))
    };
    (true, vec![of_server, key(patient, &url).await])
}

/// Whether the server takes the key that commands ask with.
async fn key(patient: &Patient, url: &str) -> Finding {
    let file = patient.owner.api_key();
    let key = match &patient.key {
        Some(key) => key.clone(),
        None => match home::read(&file) {
            Ok(text) => Secret::new(text.trim_end().to_owned()),
            Err(error) => {
                let todo = "give a key in PORTREEVE_KEY, or name the owner's folder with --owner";
                return Finding::warn("API key", error.to_string(), todo);
            }
        },
    };
    let asked = match Client::new(url, key, &Trust::of(&patient.home)) {
        Ok(client) => client.get::<Value>("/agents?limit=1").await.map(|_| ()),
        Err(error) => Err(error),
    };
    match asked {
        Ok(()) => Finding::ok("API key", "the server takes it"),
        Err(ClientError::Refused(refusal)) if refusal.is_about_scopes() => {
            Finding::ok("API key", "the server takes it; it may not list agents")
        }
        Err(error) => {
            let why = error.to_string();
            let first = why.lines().next().unwrap_or_default();
            Finding::fail("API key", first, "use a key of this server, such as the owner's")
        }
    }
}

/// Why a server says nothing.
enum Silence {
    /// Nobody vouches for it.
    Untrusted {
        /// What is wrong.
        why: String,
        /// What to do about it.
        advice: String,
    },
    /// It is not there, or is something else.
    Other(String),
}

async fn ask(trust: &Trust, url: &str, path: &str) -> Result<Value, Silence> {
    let why = |error: reqwest::Error| {
        let (advice, why) = (trust.advice(&error), reason(&error.without_url()));
        match advice {
            Some(advice) => Silence::Untrusted { why, advice },
            None => Silence::Other(why),
        }
    };
    let client = trust.client(url).map_err(|error| Silence::Other(error.to_string()))?;
    let http = client.timeout(PATIENCE).build().map_err(why)?;
    let answer = http
        .get(format!("{}{path}", url.trim_end_matches('/')))
        .send()
        .await
        .map_err(why)?;
    answer.json().await.map_err(why)
}

/// Whether the signer holds when the server's process is taken over; `None` while that cannot be seen.
pub(super) async fn isolation(patient: &Patient, config: &Config) -> Option<Finding> {
    let ours = patient.home.signer_socket();
    let found = Isolation::look(&patient.home, config.signer.socket.as_ref().unwrap_or(&ours)).await;
    let weak = found.weakness().map(|why| Finding::warn("isolation", why, CURE));
    let holds = || {
        Finding::ok(
            "isolation",
            "the signer has a user of its own, and its passphrase to itself",
        )
    };
    weak.or_else(|| found.holds().then(holds))
}

/// Whether the signer answers and may sign, and the keys it was set up with. `server_runs`: then there should be one.
pub(super) async fn signer(patient: &Patient, config: &Config, server_runs: bool) -> (Option<Enrolment>, Finding) {
    let ours = patient.home.signer_socket();
    let socket = config.signer.socket.clone().unwrap_or(ours);
    let name = socket.display().to_string();
    let client = SignerClient::new(socket, None);
    let client: &dyn Signer = &client;
    let health = match client.health().await {
        Ok(health) => health,
        Err(error) if server_runs || config.signer.socket.is_some() => {
            let todo = "look into the server's log; without a signer nothing can be paid";
            return (None, Finding::fail("signer", format!("{name}: {error}"), todo));
        }
        Err(_) => {
            let todo = "`portreeve serve` starts it";
            return (
                None,
                Finding::warn("signer", format!("it does not run at {name}"), todo),
            );
        }
    };
    let finding = if health.frozen {
        Finding::fail(
            "signer",
            "it is frozen: its journal has lost records",
            "put the newest journal back; until then it signs nothing",
        )
    } else if health.time.is_none() {
        Finding::fail(
            "signer",
            "it cannot read its clock, so it signs no payment",
            "see that its chain (--local-rpc) or the system's clock can be read",
        )
    } else {
        Finding::ok("signer", format!("{name}, {} records in its journal", health.sequence))
    };
    (client.enrolment().await.ok(), finding)
}
