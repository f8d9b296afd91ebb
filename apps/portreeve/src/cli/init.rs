//! `portreeve init`.

use {
    super::{CliError, Context, secret},
    crate::{
        config::Flags,
        init::{self, Made, Wish},
        output::fields,
    },
    portreeve_kernel::{Address, Cluster, Secret},
    serde_json::json,
    std::path::PathBuf,
};

const AFTER_HELP: &str = "\
Examples:
  portreeve init                                           for the local chain, to try it out
  portreeve init --rpc http://127.0.0.1:9900               a local chain on another port
  portreeve init --database-url postgres://user:password@host/name

An existing data folder is never touched.";

/// What kind of installation is wanted.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct InitArgs {
    /// The project's name
    #[arg(long, default_value = "main")]
    name: String,

    /// The chain its wallets live on; so far only `local`
    #[arg(long, default_value = "local", value_parser = cluster)]
    cluster: Cluster,

    /// JSON-RPC of that chain, the primary first; can be repeated
    #[arg(long, value_name = "URL", value_parser = secret, default_value = "http://127.0.0.1:8899")]
    rpc: Vec<Secret>,

    /// Another database than SQLite in the data folder
    #[arg(long, value_name = "URL", env = "PORTREEVE_DATABASE_URL", hide_env_values = true, value_parser = secret)]
    database_url: Option<Secret>,

    /// The Squads v4 program, when it is not where it is on mainnet
    #[arg(long, value_name = "ADDRESS")]
    squads: Option<Address>,

    /// The signer's program [default: portreeve-signer beside this one]
    #[arg(long, value_name = "FILE", env = "PORTREEVE_SIGNER_BIN")]
    signer_bin: Option<PathBuf>,
}

/// The other clusters are not here yet.
fn cluster(text: &str) -> Result<Cluster, String> {
    match text.parse() {
        Ok(Cluster::Local) => Ok(Cluster::Local),
        Ok(other) => Err(format!("`{other}` is not here yet; use `local`")),
        Err(unknown) => Err(format!("{unknown}")),
    }
}

pub(super) async fn run(context: &Context, args: InitArgs) -> Result<(), CliError> {
    let config = context.config(Flags::default())?;
    let wish = Wish {
        origin: config.origin(config.server.listen.port()),
        name: args.name,
        cluster: args.cluster,
        rpc: args.rpc,
        database: args.database_url,
        squads: args.squads,
        signer_binary: args.signer_bin,
    };
    let progress = context.out.progress("making keys and database");
    let made = init::init(context.home.clone(), wish).await?;
    drop(progress);
    let Made {
        home,
        project,
        owner,
        api_key,
        link,
        approval_key,
        signer,
    } = &made;
    let raw = json!({
        "home": home.path(),
        "projectId": project,
        "ownerId": owner,
        "apiKey": api_key.expose(),
        "link": link.url.expose(),
        "linkExpiresAt": link.expires_at,
        "approvalKey": approval_key,
        "certificateAuthority": home.tls_authority(),
        "ownerFolder": home.owner().path(),
        "signer": signer,
    });
    context.out.result(&raw, || {
        fields([
            ("data folder", Some(home.path().display().to_string())),
            ("project", Some(project.to_string())),
            ("owner", Some(owner.to_string())),
            ("API key", Some(api_key.expose().to_owned())),
            ("sign-in link", Some(link.url.expose().to_owned())),
            ("approval key", Some(approval_key.to_string())),
            ("fee payer", Some(signer.fee_payer.to_string())),
            ("local authority", Some(home.tls_authority().display().to_string())),
            ("owner's folder", Some(home.owner().path().display().to_string())),
        ])
        .then(
            "The API key is shown this once; it is also in the owner's folder, with the approval key that signs policies.\n\
             Move that folder to a safe place and name it with --owner.\n\n\
             Open the sign-in link within a day, once the server runs, and make a passkey. It is good once.\n\n\
             The server speaks TLS, and commands believe it by the local authority. Browsers and other programs have to be told\n\
             of it once; it is good for this machine's own names alone.\n\n\
             Fund the fee payer: it pays fees and rent on chain, nothing else. The owner key's backup was written once, into\n\
             the signer's folder; move it to a safe place too.\n\n\
             Next: portreeve serve",
        )
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_local_chain_can_be_chosen_so_far() {
        assert_eq!(cluster("local"), Ok(Cluster::Local));
        for other in ["mainnet", "devnet", "testnet", ""] {
            assert!(cluster(other).is_err(), "{other}");
        }
    }
}
