//! Setting up: everything is made beside the folder and then moved into place, so there is a whole signer or none.

use {
    crate::{
        Failure,
        cli::InitArguments,
        clock::Clock,
        entropy::SystemEntropy,
        files::{self, FileError},
        journal::Journal,
        keystore::{Keystore, json},
        passphrase,
    },
    portreeve_kernel::{Cluster, Now, Timestamp},
    portreeve_signing::{
        Event, Record,
        protocol::Enrolment,
        sealed::{self, Cost, KeyFile},
    },
    serde::{Deserialize, Serialize},
    std::{
        fs,
        io::{self, Write},
        path::{Path, PathBuf},
    },
};

const SETTINGS: &str = "settings.json";
const BACKUP: &str = "owner-key-backup.json";

/// What may be set otherwise at every start, and what no rule depends on.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Settings {
    /// Where the local chain is.
    pub(crate) local_rpc: Option<String>,
}

impl Settings {
    pub(crate) fn read(dir: &Path) -> Result<Self, FileError> {
        let path = dir.join(SETTINGS);
        let content = files::read_private(&path, 4096)?;
        serde_json::from_slice(&content).map_err(FileError::content(&path))
    }
}

pub(crate) fn run(arguments: &InitArguments) -> Result<(), Failure> {
    let dir = &arguments.place.dir;
    let passphrase = passphrase::read(&arguments.place)?;
    if dir.exists() && fs::read_dir(dir).map_err(FileError::io("read", dir))?.next().is_some() {
        return Err(Failure::Other(format!(
            "`{}` is not empty; a signer is set up once",
            dir.display()
        )));
    }
    let at = beginning(arguments)?;
    let half = beside(dir)?;
    if half.exists() {
        fs::remove_dir_all(&half).map_err(FileError::io("remove", &half))?;
    }
    files::make_folder(&half)?;
    let cost = Cost {
        memory_kib: arguments.kdf_memory_kib,
        passes: arguments.kdf_passes,
    };
    let (keystore, owner) = Keystore::create(&half, &passphrase, cost)?;
    let backup = KeyFile::seal(sealed::Keystore::OWNER, &owner, &passphrase, cost, &SystemEntropy)
        .map_err(crate::keystore::KeystoreError::from)?;
    drop(owner);
    files::write_new(&half.join(BACKUP), &json(&backup, &half)?)?;
    let settings = Settings {
        local_rpc: arguments.local_rpc.clone(),
    };
    files::write_new(&half.join(SETTINGS), &json(&settings, &half)?)?;
    let enrolment = Enrolment {
        cluster: arguments.cluster,
        squads: arguments.squads_program,
        owner_key: keystore.owner(),
        fee_payer: keystore.fee_payer(),
        approval_key: arguments.approval_key,
    };
    let first = Record {
        sequence: 1,
        at,
        event: Event::Enrolled {
            enrolment: enrolment.clone(),
        },
    };
    Journal::create(&half, keystore.journal_key()?, &first)?;
    fs::rename(&half, dir).map_err(FileError::io("make", dir))?;
    files::sync_folder_of(dir)?;
    tell(arguments, &enrolment)
}

/// Where a half-made signer lies: a name that nobody else gives a folder.
fn beside(dir: &Path) -> Result<PathBuf, Failure> {
    let name = dir
        .file_name()
        .ok_or_else(|| Failure::Other(format!("`{}` is no name for a folder", dir.display())))?;
    Ok(dir.with_file_name(format!(".{}.portreeve-signer-init", name.to_string_lossy())))
}

/// The time of the first record. Nothing hangs on it, so a local chain that is not there yet is no obstacle; its first
/// answer will be later than this.
fn beginning(arguments: &InitArguments) -> Result<Timestamp, Failure> {
    let read = match (arguments.cluster, arguments.local_rpc.as_deref()) {
        (Cluster::Local, None) => None,
        (cluster, local_rpc) => Clock::of(cluster, local_rpc)?.read().ok(),
    };
    Ok(read.map_or(Timestamp::EPOCH, Now::for_expiry))
}

fn tell(arguments: &InitArguments, enrolment: &Enrolment) -> Result<(), Failure> {
    let backup = arguments.place.dir.join(BACKUP);
    let mut out = io::stdout();
    if arguments.json {
        let answer = serde_json::json!({"enrolment": enrolment, "ownerKeyBackup": backup});
        writeln!(out, "{answer}")?;
        return Ok(());
    }
    let Enrolment {
        cluster,
        squads,
        owner_key,
        fee_payer,
        approval_key,
    } = enrolment;
    let dir = arguments.place.dir.display();
    writeln!(
        out,
        "The signer in `{dir}` is set up.
  cluster       {cluster}
  squads        {squads}
  approval key  {approval_key}
  owner key     {owner_key}
  fee payer     {fee_payer}   (fund this one: it pays fees and rent, nothing else)

The owner key's encrypted backup was written once, to `{}`.
Move it to a safe place, with its passphrase: there is no way to export the key later.",
        backup.display()
    )?;
    Ok(())
}
