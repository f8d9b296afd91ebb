//! `portreeve key`: API keys.

use {
    super::{CliError, Context, Paging, encoded},
    crate::{
        client::{Answer, Page},
        output::{fields, list},
    },
    clap::Subcommand,
    portreeve_kernel::{AgentId, Scope, Tier, Timestamp},
    portreeve_policy::Hours,
    serde::Deserialize,
    serde_json::json,
};

#[derive(Debug, Subcommand)]
pub(super) enum KeyCommand {
    /// Make a key. It is shown once
    #[command(after_help = "\
Examples:
  portreeve key create shopper --agent AGENT --scope transactions:execute --scope transactions:read
  portreeve key create dashboard --scope agents:read --ip 10.0.0.0/8 --expires 2027-01-01T00:00:00Z
  portreeve key create buyer --agent AGENT --scope transactions:execute --hours 8-18 --tier premium")]
    Create {
        /// What it is for, 1 to 100 characters
        name: String,

        /// What it may do; can be repeated. At most what the creator may
        #[arg(long = "scope", required = true)]
        scopes: Vec<Scope>,

        /// Bind it to one agent: it then acts as that agent and sees nothing else
        #[arg(long)]
        agent: Option<AgentId>,

        /// Accept it only from this network, such as 10.0.0.0/8; can be repeated, at most 20
        #[arg(long = "ip", value_name = "CIDR")]
        networks: Vec<String>,

        /// Accept it only in these hours of the day, in UTC: 8-18 is from 8:00 to 18:00 [default: all]
        #[arg(long, value_name = "FROM-TO", value_parser = hours)]
        hours: Option<Hours>,

        /// How much may be asked with it in a minute: default, premium or enterprise [default: default]
        #[arg(long)]
        tier: Option<Tier>,

        /// When it ends, such as 2027-01-01T00:00:00Z [default: never]
        #[arg(long, value_name = "TIME")]
        expires: Option<Timestamp>,
    },
    /// List the keys, revoked ones included
    #[command(after_help = "Example:\n  portreeve key list --limit 100")]
    List {
        #[command(flatten)]
        paging: Paging,
    },
    /// Make a key like this one, which stays good for a while. The new one is shown once
    #[command(after_help = "\
Examples:
  portreeve key rotate key_0123456789AB
  portreeve key rotate key_0123456789AB --grace 3600")]
    Rotate {
        /// Its id, as `key list` shows it
        id: String,

        /// How many seconds the old one stays good, at most 259200 [default: 86400, a day]
        #[arg(long, value_name = "SECONDS")]
        grace: Option<u32>,
    },
    /// Say that somebody else knows a key: it is revoked, and its agent suspended with its clients
    #[command(after_help = "\
Examples:
  portreeve key leaked key_0123456789AB
  portreeve key leaked key_0123456789AB --with-what-it-made

What was made with it and is still good is told: whoever knew the key may have done that.")]
    Leaked {
        /// Its id, as `key list` shows it
        id: String,

        /// End the keys and clients, too, that were made with it and with those, but for the key that this command uses
        #[arg(long)]
        with_what_it_made: bool,
    },
    /// Revoke a key, at once and for good
    #[command(after_help = "Example:\n  portreeve key revoke key_0123456789AB")]
    Revoke {
        /// Its id, as `key list` shows it
        id: String,
    },
}

#[derive(Debug, Deserialize)]
struct Warning {
    detail: String,
}

/// As far as tables show it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Key {
    id: String,
    name: String,
    scopes: Vec<String>,
    agent_id: Option<String>,
    tier: Tier,
    allowed_hours_utc: Option<Hours>,
    status: String,
    expires_at: Option<String>,
    last_used_at: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Leak {
    agent_id: Option<String>,
    agent_suspended: bool,
    made: Vec<Made>,
    made_in_all: usize,
}

/// Something that was made with a key that leaked.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Made {
    kind: String,
    id: String,
    created_at: String,
    ended: bool,
}

#[derive(Debug, Deserialize)]
struct NewKey {
    key: String,
    #[serde(flatten)]
    about: Key,
    #[serde(default)]
    warnings: Vec<Warning>,
}

pub(super) async fn run(context: &Context, command: KeyCommand) -> Result<(), CliError> {
    let client = context.client()?;
    match command {
        KeyCommand::Create {
            name,
            scopes,
            agent,
            networks,
            hours,
            tier,
            expires,
        } => {
            let mut body = json!({"name": name, "scopes": scopes, "allowedIps": networks});
            if let Some(members) = body.as_object_mut() {
                members.extend(agent.map(|agent| ("agentId".to_owned(), json!(agent))));
                members.extend(hours.map(|hours| ("allowedHoursUtc".to_owned(), json!(hours))));
                members.extend(tier.map(|tier| ("tier".to_owned(), json!(tier))));
                members.extend(expires.map(|at| ("expiresAt".to_owned(), json!(at))));
            }
            let made = client.post::<NewKey>("/auth/keys", &body).await?;
            for warning in &made.view.warnings {
                context.out.note(format!("warning: {}", warning.detail));
            }
            shown_once(context, &made)?;
        }
        KeyCommand::Rotate { id, grace } => {
            let body = grace.map_or_else(|| json!({}), |seconds| json!({"graceSeconds": seconds}));
            let path = format!("/auth/keys/{}/rotate", encoded(&id));
            shown_once(context, &client.post::<NewKey>(&path, &body).await?)?;
        }
        KeyCommand::List { paging } => {
            let page = client
                .get::<Page<Key>>(&format!("/auth/keys{}", paging.query()))
                .await?;
            context.out.result(&page.raw, || {
                let rows = page.view.items.iter().map(|key| {
                    [
                        key.id.clone(),
                        key.name.clone(),
                        key.status.clone(),
                        key.scopes.join(" "),
                        key.agent_id.clone().unwrap_or_default(),
                        key.expires_at.clone().unwrap_or_default(),
                        key.last_used_at.clone().unwrap_or_default(),
                    ]
                });
                let header = ["ID", "NAME", "STATUS", "SCOPES", "AGENT", "EXPIRES", "LAST USED"];
                list(header, rows, page.view.cursor.as_deref())
            })?;
        }
        KeyCommand::Leaked { id, with_what_it_made } => {
            let path = format!("/auth/keys/{}/report-leak", encoded(&id));
            let body = json!({"withWhatItMade": with_what_it_made});
            let done = client.post::<Leak>(&path, &body).await?;
            context.out.result(&done.raw, || leaked(&id, &done.view))?;
        }
        KeyCommand::Revoke { id } => {
            client.delete(&format!("/auth/keys/{}", encoded(&id))).await?;
            let done = json!({"id": id, "status": "revoked"});
            context.out.result(&done, || format!("{id} is revoked"))?;
        }
    }
    Ok(())
}

/// What ended with the key, and what goes on that was made with it.
fn leaked(id: &str, leak: &Leak) -> String {
    let mut lines = vec![match (&leak.agent_id, leak.agent_suspended) {
        (Some(agent), true) => {
            format!("{id} is revoked, and {agent} suspended; `portreeve agent resume {agent}` lets it go on")
        }
        (Some(agent), false) => format!("{id} is revoked; {agent} was not running"),
        (None, _) => format!("{id} is revoked"),
    }];
    let made = |made: &Made| format!("  {} ({}, made {})", made.id, made.kind, made.created_at);
    let (ended, good): (Vec<_>, Vec<_>) = leak.made.iter().partition(|made| made.ended);
    if !ended.is_empty() {
        lines.push("what was made with it ended, too:".to_owned());
        lines.extend(ended.into_iter().map(made));
    }
    if !good.is_empty() {
        lines.push("made with it, and still good:".to_owned());
        lines.extend(good.into_iter().map(made));
        lines.push(
            "end what you did not make: `key revoke`, `client revoke` (`client secret` for a client_secret), `user remove` (see \
             `user passkeys` for a user_link), `resource remove`; or all of its keys and clients with `--with-what-it-made`"
                .to_owned(),
        );
    }
    if leak.made_in_all > leak.made.len() {
        lines.push(format!("these are {} of {}", leak.made.len(), leak.made_in_all));
    }
    lines.join("\n")
}

/// Reads `8-18`. Whether there are such hours the server says.
fn hours(text: &str) -> Result<Hours, String> {
    let read = |(start, end): (&str, &str)| {
        Some(Hours {
            start: start.parse().ok()?,
            end: end.parse().ok()?,
        })
    };
    let hours = text.split_once('-').and_then(read);
    hours.ok_or_else(|| "two hours of the day with a dash between, such as 8-18".to_owned())
}

fn shown_once(context: &Context, made: &Answer<NewKey>) -> Result<(), CliError> {
    Ok(context.out.result(&made.raw, || {
        fields([
            ("id", Some(made.view.about.id.clone())),
            ("scopes", Some(made.view.about.scopes.join(" "))),
            ("agent", made.view.about.agent_id.clone()),
            (
                "hours",
                made.view.about.allowed_hours_utc.map(|hours| hours.to_string()),
            ),
            ("tier", Some(made.view.about.tier.to_string())),
            ("key", Some(made.view.key.clone())),
        ])
        .then("The key is shown this once. Keep it.")
    })?)
}
