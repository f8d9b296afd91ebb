//! `portreeve issuer`: the keys that access tokens are signed with.

use {
    super::{CliError, Context},
    crate::output::fields,
    clap::Subcommand,
    serde::Deserialize,
    serde_json::json,
};

#[derive(Debug, Subcommand)]
pub(super) enum IssuerCommand {
    /// Have another key sign access tokens. The server does so by itself every thirty days
    #[command(after_help = "\
Examples:
  portreeve issuer rotate
  portreeve issuer rotate --now

Without --now no token ends: the new key is published at once and signs six minutes later, and the old one stays published until
the last token under it is over.")]
    Rotate {
        /// Because a key has leaked: every key and every access token ends at once, and clients ask for new ones
        #[arg(long)]
        now: bool,
    },
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SigningKey {
    kid: String,
    signs_from: String,
}

pub(super) async fn run(context: &Context, command: IssuerCommand) -> Result<(), CliError> {
    let IssuerCommand::Rotate { now } = command;
    let path = match now {
        true => "/auth/signing-keys/revoke",
        false => "/auth/signing-keys/rotate",
    };
    let newest = context.client()?.post::<SigningKey>(path, &json!({})).await?;
    context.out.result(&newest.raw, || {
        fields([
            ("key", Some(newest.view.kid.clone())),
            ("signs from", Some(newest.view.signs_from.clone())),
            ("tokens", now.then(|| "all that there were have ended".to_owned())),
        ])
    })?;
    Ok(())
}
