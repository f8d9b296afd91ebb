//! `portreeve client`: OAuth clients.

use {
    super::{CliError, Context, Paging, encoded},
    crate::{
        client::{Answer, Page},
        home,
        output::{View, fields, list},
    },
    clap::Subcommand,
    portreeve_kernel::{AgentId, Scope, Secret},
    serde::Deserialize,
    serde_json::{Value, json},
    std::path::PathBuf,
};

#[derive(Debug, Subcommand)]
pub(super) enum ClientCommand {
    /// Make a client: one that gets tokens by itself, or with --redirect one that people use. Its secret is shown once
    #[command(after_help = "\
Examples:
  portreeve client create accounting --scope transactions:read --scope wallets:read
  portreeve client create shopper --agent AGENT --scope transactions:execute --json
  portreeve client create robot --scope transactions:read --jwks public.json
  portreeve client create planner --redirect https://planner.example/callback
  portreeve client create editor --redirect http://127.0.0.1/callback --public
  portreeve client create kiosk --device --public")]
    Create {
        /// What it is for, 1 to 100 characters
        name: String,

        /// What its tokens may be good for; can be repeated. At most what the creator may
        #[arg(long = "scope", required_unless_present_any = ["redirects", "device"])]
        scopes: Vec<Scope>,

        /// Where answers go when people use it, who then decide what it may; can be repeated. https, or http on loopback
        #[arg(long = "redirect", value_name = "URL", conflicts_with_all = ["scopes", "agent"])]
        redirects: Vec<String>,

        /// It has no browser: it shows a code, and people decide on another device
        #[arg(long, conflicts_with_all = ["scopes", "agent"])]
        device: bool,

        /// It runs where it cannot keep a secret, and has none. For programs that people use
        #[arg(long, conflicts_with_all = ["jwks", "scopes"])]
        public: bool,

        /// Have it act for one agent: it then sees nothing else, and stops while that is suspended
        #[arg(long)]
        agent: Option<AgentId>,

        /// Its public keys, a JSON Web Key Set in a file: it then signs, and has no secret
        #[arg(long, value_name = "FILE")]
        jwks: Option<PathBuf>,
    },
    /// List the clients, ended ones included
    #[command(after_help = "Example:\n  portreeve client list --limit 100")]
    List {
        #[command(flatten)]
        paging: Paging,
    },
    /// Show one client
    #[command(after_help = "Example:\n  portreeve client show clt_0123456789AB --json")]
    Show {
        /// Its id, as `client list` shows it
        id: String,
    },
    /// Give a client another secret; the old one ends at once, tokens go on
    #[command(after_help = "Example:\n  portreeve client secret clt_0123456789AB")]
    Secret {
        /// Its id, as `client list` shows it
        id: String,
    },
    /// End a client and its tokens, at once and for good
    #[command(after_help = "Example:\n  portreeve client revoke clt_0123456789AB")]
    Revoke {
        /// Its id, as `client list` shows it
        id: String,
    },
}

/// As far as it is shown.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OauthClient {
    id: String,
    name: String,
    scopes: Vec<String>,
    #[serde(default)]
    redirect_uris: Vec<String>,
    agent_id: Option<String>,
    auth_method: String,
    status: String,
    created_at: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WithSecret {
    client_secret: Option<Secret>,
    token_endpoint: String,
    #[serde(flatten)]
    about: OauthClient,
}

impl OauthClient {
    fn view(&self) -> View {
        fields([
            ("id", Some(self.id.clone())),
            ("name", Some(self.name.clone())),
            ("status", Some(self.status.clone())),
            (
                "scopes",
                Some(self.scopes.join(" ")).filter(|_| self.redirect_uris.is_empty()),
            ),
            (
                "answers go to",
                Some(self.redirect_uris.join(" ")).filter(|text| !text.is_empty()),
            ),
            ("agent", self.agent_id.clone()),
            ("proves itself by", Some(self.auth_method.clone())),
            ("made", Some(self.created_at.clone())),
        ])
    }
}

pub(super) async fn run(context: &Context, command: ClientCommand) -> Result<(), CliError> {
    let client = context.client()?;
    let path = |id: &str| format!("/auth/clients/{}", encoded(id));
    match command {
        ClientCommand::Create {
            name,
            scopes,
            redirects,
            device,
            public,
            agent,
            jwks,
        } => {
            let mut body = json!({"name": name, "scopes": scopes, "redirectUris": redirects, "onDevice": device});
            if let Some(members) = body.as_object_mut() {
                members.extend(public.then(|| ("authMethod".to_owned(), json!("none"))));
                members.extend(agent.map(|agent| ("agentId".to_owned(), json!(agent))));
                if let Some(file) = jwks {
                    // As it stands: the server judges it, and says what is wrong.
                    let text = home::read(&file)?;
                    let set = serde_json::from_str(&text).unwrap_or(Value::String(text));
                    members.insert("jwks".to_owned(), set);
                }
            }
            shown_once(context, &client.post::<WithSecret>("/auth/clients", &body).await?)?;
        }
        ClientCommand::List { paging } => {
            let page = client
                .get::<Page<OauthClient>>(&format!("/auth/clients{}", paging.query()))
                .await?;
            context.out.result(&page.raw, || {
                let rows = page.view.items.iter().map(|one| {
                    [
                        one.id.clone(),
                        one.name.clone(),
                        one.status.clone(),
                        one.scopes.join(" "),
                        one.agent_id.clone().unwrap_or_default(),
                    ]
                });
                let header = ["ID", "NAME", "STATUS", "SCOPES", "AGENT"];
                list(header, rows, page.view.cursor.as_deref())
            })?;
        }
        ClientCommand::Show { id } => {
            let found = client.get::<OauthClient>(&path(&id)).await?;
            context.out.result(&found.raw, || found.view.view())?;
        }
        ClientCommand::Secret { id } => {
            let path = format!("{}/secret", path(&id));
            shown_once(context, &client.post::<WithSecret>(&path, &json!({})).await?)?;
        }
        ClientCommand::Revoke { id } => {
            client.delete(&path(&id)).await?;
            let done = json!({"id": id, "status": "revoked"});
            context
                .out
                .result(&done, || format!("{id} is revoked, and its tokens with it"))?;
        }
    }
    Ok(())
}

fn shown_once(context: &Context, made: &Answer<WithSecret>) -> Result<(), CliError> {
    let secret = [
        (
            "secret",
            made.view
                .client_secret
                .as_ref()
                .map(|secret| secret.expose().to_owned()),
        ),
        ("token endpoint", Some(made.view.token_endpoint.clone())),
    ];
    Ok(context.out.result(&made.raw, || {
        let view = made.view.about.view().and(secret);
        match &made.view.client_secret {
            Some(_) => view.then("The secret is shown this once. Keep it."),
            None => view,
        }
    })?)
}
