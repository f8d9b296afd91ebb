//! `portreeve grant`: what people allowed programs to do.

use {
    super::{CliError, Context, Paging, encoded},
    crate::{client::Page, output::list},
    clap::Subcommand,
    serde::Deserialize,
    serde_json::json,
};

#[derive(Debug, Subcommand)]
pub(super) enum GrantCommand {
    /// List what people allowed programs to do, ended grants included
    #[command(after_help = "Example:\n  portreeve grant list --limit 100")]
    List {
        #[command(flatten)]
        paging: Paging,
    },
    /// End a grant and its tokens, at once and for good
    #[command(after_help = "Example:\n  portreeve grant revoke grt_01ARYZ6S41TSV4RRFFQ69G5FAV")]
    Revoke {
        /// Its id, as `grant list` shows it
        id: String,
    },
}

/// As far as it is shown.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Grant {
    id: String,
    client_name: String,
    user_id: String,
    agent_id: Option<String>,
    scopes: Vec<String>,
    revoked_why: Option<String>,
}

pub(super) async fn run(context: &Context, command: GrantCommand) -> Result<(), CliError> {
    let client = context.client()?;
    match command {
        GrantCommand::List { paging } => {
            let page = client
                .get::<Page<Grant>>(&format!("/auth/grants{}", paging.query()))
                .await?;
            context.out.result(&page.raw, || {
                let rows = page.view.items.iter().map(|one| {
                    [
                        one.id.clone(),
                        one.client_name.clone(),
                        one.user_id.clone(),
                        one.agent_id.clone().unwrap_or_default(),
                        one.scopes.join(" "),
                        one.revoked_why.clone().unwrap_or_else(|| "good".to_owned()),
                    ]
                });
                let header = ["ID", "PROGRAM", "BY", "AGENT", "SCOPES", "STATE"];
                list(header, rows, page.view.cursor.as_deref())
            })?;
        }
        GrantCommand::Revoke { id } => {
            client.delete(&format!("/auth/grants/{}", encoded(&id))).await?;
            let done = json!({"id": id, "status": "revoked"});
            context
                .out
                .result(&done, || format!("{id} is revoked, and its tokens with it"))?;
        }
    }
    Ok(())
}
