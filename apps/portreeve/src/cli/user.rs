//! `portreeve user`: people who sign in.

mod passkeys;

use {
    super::{CliError, Context, Paging, encoded},
    crate::{
        client::Page,
        output::{fields, list},
    },
    clap::Subcommand,
    serde::Deserialize,
    serde_json::json,
};

#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// Invite somebody. The link by which they make a passkey is shown once
    #[command(after_help = "Example:\n  portreeve user invite \"Ada Lovelace\" --role viewer")]
    Invite {
        /// What they are called, 1 to 100 characters
        name: String,

        /// What they may do at most: owner, viewer, auditor, member, or a role of a registered resource server; not more than
        /// your own key
        #[arg(long)]
        role: String,
    },
    /// List the people, newest first
    #[command(after_help = "Example:\n  portreeve user list --limit 100")]
    List {
        #[command(flatten)]
        paging: Paging,
    },
    /// Give somebody another role. They have to sign in again, and what they allowed others ends
    #[command(after_help = "Example:\n  portreeve user role usr_01ARYZ6S41TSV4RRFFQ69G5FAV auditor")]
    Role {
        /// Their id, as `user list` shows it
        id: String,

        /// What they may do at most: owner, viewer, auditor, member, or a role of a registered resource server; not more than
        /// your own key
        role: String,
    },
    /// Remove somebody: passkeys, sessions and what they allowed others end at once
    #[command(after_help = "Example:\n  portreeve user remove usr_01ARYZ6S41TSV4RRFFQ69G5FAV")]
    Remove {
        /// Their id, as `user list` shows it
        id: String,
    },
    /// Make a new link, for somebody who lost the old one or the device. The old one is no longer good
    #[command(after_help = "Example:\n  portreeve user link usr_01ARYZ6S41TSV4RRFFQ69G5FAV")]
    Link {
        /// Their id, as `user list` shows it
        id: String,
    },
    /// List somebody's passkeys, and which of them the signer believes
    #[command(after_help = "Example:\n  portreeve user passkeys usr_01ARYZ6S41TSV4RRFFQ69G5FAV")]
    Passkeys {
        /// Their id, as `user list` shows it
        id: String,
    },
    /// Let an owner approve policies in a browser: pin their passkey at the signer, with the approval key
    ///
    /// From then on a click and a passkey count as much as the approval key. What the browser shows comes from the server:
    /// who breaks into that can have an owner sign something else than they see. Without a pin it cannot.
    #[command(after_help = "Example:\n  portreeve user pin usr_01ARYZ6S41TSV4RRFFQ69G5FAV AQEBAQEBAQEBAQEBAQEBAQEBAQE")]
    Pin {
        /// Their id, as `user list` shows it
        id: String,

        /// The passkey's id, as `user passkeys` shows it
        #[arg(allow_hyphen_values = true)]
        passkey: String,

        /// Sign without asking
        #[arg(long)]
        yes: bool,
    },
    /// Take a passkey's word no longer. The approval key goes on
    #[command(after_help = "Example:\n  portreeve user unpin AQEBAQEBAQEBAQEBAQEBAQEBAQE")]
    Unpin {
        /// The passkey's id, as `user passkeys` shows it
        #[arg(allow_hyphen_values = true)]
        passkey: String,
    },
}

#[derive(Debug, Deserialize)]
struct User {
    id: String,
    name: String,
    role: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct UserInList {
    #[serde(flatten)]
    user: User,
    status: String,
    signed_in_at: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Link {
    link: String,
    link_expires_at: String,
}

#[derive(Debug, Deserialize)]
struct Invited {
    #[serde(flatten)]
    user: User,
    #[serde(flatten)]
    link: Link,
}

const ONCE: &str =
    "The link is shown this once, and good once. Whoever opens it becomes that person: send it to nobody else.";

pub(super) async fn run(context: &Context, command: UserCommand) -> Result<(), CliError> {
    let client = context.client()?;
    let path = |id: &str| format!("/auth/users/{}", encoded(id));
    match command {
        UserCommand::Invite { name, role } => {
            let body = json!({"name": name, "role": role});
            let made = client.post::<Invited>("/auth/users", &body).await?;
            let Invited { user, link } = &made.view;
            context.out.result(&made.raw, || {
                fields([
                    ("id", Some(user.id.clone())),
                    ("name", Some(user.name.clone())),
                    ("role", Some(user.role.clone())),
                    ("link", Some(link.link.clone())),
                    ("good until", Some(link.link_expires_at.clone())),
                ])
                .then(ONCE)
            })?;
        }
        UserCommand::List { paging } => {
            let page = client
                .get::<Page<UserInList>>(&format!("/auth/users{}", paging.query()))
                .await?;
            context.out.result(&page.raw, || {
                let rows = page.view.items.iter().map(|one| {
                    [
                        one.user.id.clone(),
                        one.user.name.clone(),
                        one.user.role.clone(),
                        one.status.clone(),
                        one.signed_in_at.clone().unwrap_or_default(),
                    ]
                });
                let header = ["ID", "NAME", "ROLE", "STATUS", "SIGNED IN"];
                list(header, rows, page.view.cursor.as_deref())
            })?;
        }
        UserCommand::Role { id, role } => {
            let changed = client.patch::<User>(&path(&id), &json!({"role": role})).await?;
            let user = &changed.view;
            context.out.result(&changed.raw, || {
                fields([
                    ("id", Some(user.id.clone())),
                    ("name", Some(user.name.clone())),
                    ("role", Some(user.role.clone())),
                ])
            })?;
        }
        UserCommand::Remove { id } => {
            client.delete(&path(&id)).await?;
            let done = json!({"id": id, "status": "removed"});
            context.out.result(&done, || format!("{id} is removed"))?;
        }
        UserCommand::Link { id } => {
            let made = client.post::<Link>(&format!("{}/link", path(&id)), &json!({})).await?;
            let link = &made.view;
            context.out.result(&made.raw, || {
                fields([
                    ("link", Some(link.link.clone())),
                    ("good until", Some(link.link_expires_at.clone())),
                ])
                .then(ONCE)
            })?;
        }
        UserCommand::Passkeys { id } => passkeys::list(context, &client, &path(&id)).await?,
        UserCommand::Pin { id, passkey, yes } => passkeys::pin(context, &client, &path(&id), &passkey, yes).await?,
        UserCommand::Unpin { passkey } => passkeys::unpin(context, &client, &passkey).await?,
    }
    Ok(())
}
