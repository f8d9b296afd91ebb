//! `portreeve doctor`.

use {
    super::{CliError, Context},
    crate::{
        config::Flags,
        doctor::{self, Finding, Patient, State},
        output::list,
    },
    serde_json::json,
    std::path::PathBuf,
};

const AFTER_HELP: &str = "\
Examples:
  portreeve doctor
  portreeve doctor --json
  portreeve doctor --home /srv/portreeve --server https://127.0.0.1:9000

It changes nothing, and works when nothing is set up yet. It exits with 1 when anything fails; warnings are no failure.";

/// What is looked at, besides what every command takes.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct DoctorArgs {
    /// The signer's program [default: portreeve-signer beside this one]
    #[arg(long, value_name = "FILE", env = "PORTREEVE_SIGNER_BIN")]
    signer_bin: Option<PathBuf>,
}

pub(super) async fn run(context: &Context, args: DoctorArgs) -> Result<(), CliError> {
    let mut config = context.config(Flags::default());
    // A signer that somebody else runs needs no program.
    if let Ok(config) = &mut config
        && config.signer.socket.is_none()
        && args.signer_bin.is_some()
    {
        config.signer.binary = args.signer_bin;
    }
    let patient = Patient {
        home: context.home.clone(),
        owner: context.owner.clone(),
        config: config.map_err(|error| error.to_string()),
        server: context.server.clone(),
        key: context.key.clone(),
    };
    let progress = context.out.progress("looking");
    let found = doctor::examine(&patient, |what| progress.say(format!("looking at {what}"))).await;
    drop(progress);
    let failed = found.iter().filter(|one| one.status == State::Fail).count();
    let raw = json!({"healthy": failed == 0, "checks": &found});
    context.out.result(&raw, || {
        list(["STATE", "CHECK", "WHAT WAS FOUND"], found.iter().map(row), None)
    })?;
    match failed {
        0 => Ok(()),
        failed => Err(CliError::NotDone(format!("{failed} of {} checks failed", found.len()))),
    }
}

fn row(found: &Finding) -> [String; 3] {
    let detail = match &found.todo {
        Some(todo) => format!("{}\n→ {todo}", found.detail),
        None => found.detail.clone(),
    };
    [found.status.as_str().to_owned(), found.check.to_owned(), detail]
}
