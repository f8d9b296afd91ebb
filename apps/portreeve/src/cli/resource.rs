//! `portreeve resource`: the servers that take our tokens.

use {
    super::{CliError, Context, Paging, encoded},
    crate::{
        client::Page,
        output::{View, fields, list},
    },
    clap::Subcommand,
    portreeve_kernel::{Scope, Secret},
    serde::Deserialize,
    serde_json::json,
};

#[derive(Debug, Subcommand)]
pub(super) enum ResourceCommand {
    /// Register a resource server: programs can then ask for tokens for it. The secret that it asks by is shown once
    #[command(after_help = "\
Examples:
  portreeve resource add Reports https://reports.example/mcp --scope \"reports:read=Read the reports\" --default reports:read
  portreeve resource add Reports https://reports.example/mcp --scope \"reports:read=Read the reports\" --role reporter=reports:read
  portreeve resource add Reports https://reports.example/mcp --scope \"reports:read=Read the reports\" --role chief=reports:read --bypass chief")]
    Add {
        /// What it is called, 1 to 100 characters
        name: String,

        /// Its address, which is the audience of its tokens. https, or http on loopback
        url: String,

        /// What it understands, and what that lets a program do, in words for people; can be repeated
        #[arg(long = "scope", value_name = "SCOPE=WORDS", required = true)]
        scopes: Vec<String>,

        /// One of its scopes that programs mean which name none; can be repeated
        #[arg(long = "default", value_name = "SCOPE")]
        defaults: Vec<Scope>,

        /// A role that it brings along, and what that may hold there; can be repeated
        #[arg(long = "role", value_name = "ROLE=SCOPE,SCOPE")]
        roles: Vec<String>,

        /// One of its roles in which people pass all its scope checks, by a token from their own browser; can be repeated
        #[arg(long = "bypass", value_name = "ROLE")]
        bypasses: Vec<String>,
    },
    /// List the resource servers, this program's own first
    #[command(after_help = "Example:\n  portreeve resource list --limit 100")]
    List {
        #[command(flatten)]
        paging: Paging,
    },
    /// Show one resource server, with its scopes and roles
    #[command(after_help = "Example:\n  portreeve resource show rsv_01ARYZ6S41TSV4RRFFQ69G5FAV --json")]
    Show {
        /// Its id, as `resource list` shows it
        id: String,
    },
    /// Remove a resource server: it gets no more tokens, and what was granted for it ends at once
    #[command(after_help = "Example:\n  portreeve resource remove rsv_01ARYZ6S41TSV4RRFFQ69G5FAV")]
    Remove {
        /// Its id, as `resource list` shows it
        id: String,
    },
}

#[derive(Debug, Deserialize)]
struct ServerScope {
    scope: String,
    words: String,
}

#[derive(Debug, Deserialize)]
struct ServerRole {
    role: String,
    scopes: Vec<String>,
    bypass: bool,
}

/// As far as it is shown.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Server {
    id: String,
    name: String,
    resource: String,
    built_in: bool,
    scopes: Vec<ServerScope>,
    roles: Vec<ServerRole>,
    introspection_client_id: Option<String>,
    created_at: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Registered {
    introspection_client_secret: Secret,
    issuer: String,
    #[serde(flatten)]
    about: Server,
}

impl Server {
    fn scopes(&self) -> String {
        let names: Vec<&str> = self.scopes.iter().map(|one| one.scope.as_str()).collect();
        names.join(" ")
    }

    fn view(&self) -> View {
        let words: Vec<String> = self
            .scopes
            .iter()
            .map(|one| format!("{}: {}", one.scope, one.words))
            .collect();
        let role = |one: &ServerRole| {
            let passes = if one.bypass { " (passes every check)" } else { "" };
            format!("{}: {}{passes}", one.role, one.scopes.join(" "))
        };
        let roles: Vec<String> = self.roles.iter().map(role).collect();
        fields([
            ("id", Some(self.id.clone())),
            ("name", Some(self.name.clone())),
            ("resource", Some(self.resource.clone())),
            ("scopes", Some(words.join("; "))),
            ("roles", Some(roles.join("; ")).filter(|text| !text.is_empty())),
            ("asks by", self.introspection_client_id.clone()),
            ("made", Some(self.created_at.clone())),
        ])
    }
}

/// `NAME=REST`; the server says what is wrong with one that has no rest.
fn pair(text: &str) -> (&str, &str) {
    text.split_once('=').unwrap_or((text, ""))
}

pub(super) async fn run(context: &Context, command: ResourceCommand) -> Result<(), CliError> {
    let client = context.client()?;
    let path = |id: &str| format!("/auth/resource-servers/{}", encoded(id));
    match command {
        ResourceCommand::Add {
            name,
            url,
            scopes,
            defaults,
            roles,
            bypasses,
        } => {
            let unknown = |given: &str, of: &[String]| !of.iter().any(|one| pair(one).0 == given);
            if let Some(none) = defaults.iter().find(|one| unknown(one.as_str(), &scopes)) {
                return Err(CliError::Usage(format!(
                    "--default: `{none}` is none of the scopes given"
                )));
            }
            if let Some(none) = bypasses.iter().find(|one| unknown(one, &roles)) {
                return Err(CliError::Usage(format!(
                    "--bypass: `{none}` is none of the roles given"
                )));
            }
            let scopes = scopes.iter().map(|text| {
                let (scope, words) = pair(text);
                json!({"scope": scope, "words": words, "isDefault": defaults.iter().any(|one| one.as_str() == scope)})
            });
            let roles = roles.iter().map(|text| {
                let (role, scopes) = pair(text);
                let scopes: Vec<&str> = scopes.split(',').filter(|scope| !scope.is_empty()).collect();
                json!({"role": role, "scopes": scopes, "bypass": bypasses.iter().any(|one| one == role)})
            });
            let body = json!({
                "name": name, "resource": url, "scopes": scopes.collect::<Vec<_>>(), "roles": roles.collect::<Vec<_>>(),
            });
            let made = client.post::<Registered>("/auth/resource-servers", &body).await?;
            context.out.result(&made.raw, || {
                let secret = made.view.introspection_client_secret.expose().to_owned();
                let more = [("secret", Some(secret)), ("issuer", Some(made.view.issuer.clone()))];
                made.view
                    .about
                    .view()
                    .and(more)
                    .then("The secret is shown this once. Keep it.")
            })?;
        }
        ResourceCommand::List { paging } => {
            let page = client
                .get::<Page<Server>>(&format!("/auth/resource-servers{}", paging.query()))
                .await?;
            context.out.result(&page.raw, || {
                let rows = page.view.items.iter().map(|one| {
                    [
                        one.id.clone(),
                        one.name.clone(),
                        one.resource.clone(),
                        one.scopes(),
                        if one.built_in {
                            "built in".to_owned()
                        } else {
                            String::new()
                        },
                    ]
                });
                let header = ["ID", "NAME", "RESOURCE", "SCOPES", ""];
                list(header, rows, page.view.cursor.as_deref())
            })?;
        }
        ResourceCommand::Show { id } => {
            let found = client.get::<Server>(&path(&id)).await?;
            context.out.result(&found.raw, || found.view.view())?;
        }
        ResourceCommand::Remove { id } => {
            client.delete(&path(&id)).await?;
            let done = json!({"id": id, "status": "removed"});
            context
                .out
                .result(&done, || format!("{id} is removed, and its tokens with it"))?;
        }
    }
    Ok(())
}
