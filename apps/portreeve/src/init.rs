//! `portreeve init`: a new installation, whole or not at all.
//!
//! Everything is made in a folder beside the data folder and moved into place by one rename at the end. An existing data
//! folder is never touched.

use {
    crate::{
        config::{self, sqlite_url},
        home::{self, FileError, Home},
        issuer_key,
        local_ca::{self, LocalCaError},
        owner::{self, ApprovalKey, OwnerError},
        schema::SCHEMAS,
        signer_process::{Enrol, SignerProcessError, SignerProgram},
        world::{SystemClock, SystemEntropy},
    },
    portreeve_auth::NewLink,
    portreeve_guard::Origin,
    portreeve_kernel::{Address, Clock, Cluster, OwnerId, ProjectId, Secret},
    portreeve_signing::protocol::Enrolment,
    portreeve_store::{
        AuditEntry, Database, StoreError, Tx,
        tenancy::{self, Owner, Project},
    },
    serde_json::json,
    std::{
        fs::{self, Permissions},
        io,
        os::unix::fs::PermissionsExt,
        path::PathBuf,
    },
};

/// What kind of installation is wanted.
#[derive(Debug)]
pub(crate) struct Wish {
    /// The project's name.
    pub(crate) name: String,
    /// The chain its wallets live on.
    pub(crate) cluster: Cluster,
    /// JSON-RPC of that chain, the primary first.
    pub(crate) rpc: Vec<Secret>,
    /// Another database than SQLite in the data folder.
    pub(crate) database: Option<Secret>,
    /// What the server will be called from outside.
    pub(crate) origin: Origin,
    /// The Squads program, when it is not the usual one.
    pub(crate) squads: Option<Address>,
    /// The signer's program, when it is not beside this one.
    pub(crate) signer_binary: Option<PathBuf>,
}

/// What was made.
#[derive(Debug)]
pub(crate) struct Made {
    /// The data folder.
    pub(crate) home: Home,
    /// The new project.
    pub(crate) project: ProjectId,
    /// Its owner.
    pub(crate) owner: OwnerId,
    /// The owner's first API key.
    pub(crate) api_key: Secret,
    /// By which the first person makes a passkey.
    pub(crate) link: NewLink,
    /// The public half of the owner's approval key.
    pub(crate) approval_key: Address,
    /// The signer's public keys.
    pub(crate) signer: Enrolment,
}

/// Why nothing was made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InitError {
    /// There is one already.
    #[error("`{}` exists already and was not touched; name another data folder with --home", .0.display())]
    AlreadyThere(PathBuf),
    /// The database belongs to another installation.
    #[error(
        "the database already holds project `{0}`; nothing was changed. If it was an `init` on this machine that was cut \
         off, nothing was ever made with its keys: empty the database, remove the folders `.portreeve-*` beside the data \
         folder, and run it again"
    )]
    AlreadyOwned(String),
    /// A file or folder.
    #[error(transparent)]
    File(#[from] FileError),
    /// The approval key.
    #[error(transparent)]
    Owner(#[from] OwnerError),
    /// The local authority.
    #[error(transparent)]
    LocalCa(#[from] LocalCaError),
    /// The signer.
    #[error(transparent)]
    Signer(#[from] SignerProcessError),
    /// The database.
    #[error("the database could not be set up: {0}")]
    Store(#[from] StoreError),
}

/// Makes an installation at `home`.
pub(crate) async fn init(home: Home, wish: Wish) -> Result<Made, InitError> {
    refuse_existing(&home)?;
    let program = SignerProgram::find(wish.signer_binary.as_deref())?;
    let parent = home.path().parent().unwrap_or(home.path());
    fs::create_dir_all(parent).map_err(FileError::at(parent))?;
    // Removed again unless it is moved into place.
    let mut draft = tempfile::Builder::new();
    draft.prefix(".portreeve-").permissions(Permissions::from_mode(0o700));
    let draft = draft.tempdir_in(parent).map_err(FileError::at(parent))?;
    let new = Home::at(draft.path());

    let folder = new.owner();
    home::make_private_folder(folder.path())?;
    let approval_key = ApprovalKey::make(&folder, &SystemEntropy)?.public();
    home::write_private_file(
        &new.signer_passphrase(),
        &format!("{}\n", owner::passphrase(&SystemEntropy)),
    )?;
    issuer_key::make(&new)?;
    local_ca::make(&new, SystemClock::start().now().for_expiry())?;
    let enrol = Enrol {
        folder: &new.signer(),
        passphrase: &new.signer_passphrase(),
        cluster: wish.cluster,
        squads: wish.squads,
        approval_key,
    };
    let signer = program.enrol(&enrol).await?;
    home::write_private_file(
        &new.config(),
        &config::first_file(wish.database.as_ref(), &wish.rpc, wish.squads),
    )?;
    let url = wish.database.unwrap_or_else(|| sqlite_url(&new.database()));
    let tenant = settle_in(&url, &wish.name, wish.cluster, wish.origin).await?;
    home::write_private_file(&folder.api_key(), &format!("{}\n", tenant.api_key.expose()))?;

    fs::rename(draft.path(), home.path()).map_err(|cause| match cause.kind() {
        io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists => {
            InitError::AlreadyThere(home.path().to_owned())
        }
        _ => FileError::at(home.path())(cause).into(),
    })?;
    Ok(Made {
        home,
        project: tenant.project,
        owner: tenant.owner,
        api_key: tenant.api_key,
        link: tenant.link,
        approval_key,
        signer,
    })
}

/// An empty folder is as good as none: whoever mounts a volume has one.
fn refuse_existing(home: &Home) -> Result<(), InitError> {
    match fs::read_dir(home.path()) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(InitError::AlreadyThere(home.path().to_owned())),
        },
        Err(cause) => match cause.kind() {
            io::ErrorKind::NotFound => Ok(()),
            io::ErrorKind::NotADirectory => Err(InitError::AlreadyThere(home.path().to_owned())),
            _ => Err(FileError::at(home.path())(cause).into()),
        },
    }
}

struct Tenant {
    project: ProjectId,
    owner: OwnerId,
    api_key: Secret,
    link: NewLink,
}

/// Why the rows were not made.
enum SettleError {
    Owned(String),
    Store(StoreError),
}

impl From<StoreError> for SettleError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Project, owner, first key and first person, in one transaction.
async fn settle_in(url: &Secret, name: &str, cluster: Cluster, origin: Origin) -> Result<Tenant, InitError> {
    let database = Database::open(url.expose(), SCHEMAS).await?;
    let at = SystemClock::start().now().for_expiry();
    let project = Project {
        id: ProjectId::new(at, &SystemEntropy),
        name: name.to_owned(),
        cluster,
        created_at: at,
    };
    let owner = Owner {
        id: OwnerId::new(at, &SystemEntropy),
        project: project.id.clone(),
        name: "owner".to_owned(),
        created_at: at,
    };
    let work = async move |tx: &mut Tx| {
        if let Some(there) = tenancy::projects(tx).await?.first() {
            return Err(SettleError::Owned(there.name.clone()));
        }
        tenancy::add_project(tx, &project).await?;
        tenancy::add_owner(tx, &owner).await?;
        tx.audit(AuditEntry {
            at,
            kind: "project.created".into(),
            actor: "init".to_owned(),
            owner: Some(owner.id.clone()),
            project: Some(project.id.clone()),
            subject: project.id.to_string(),
            data: json!({"name": project.name, "cluster": project.cluster.as_str()}),
        });
        let key = portreeve_auth::first_key(tx, &project, &owner, &SystemEntropy, at).await?;
        let link = portreeve_auth::first_person(tx, (&project, &owner), &origin, &SystemEntropy, at).await?;
        Ok(Tenant {
            project: project.id.clone(),
            owner: owner.id.clone(),
            api_key: key.text,
            link,
        })
    };
    let made = database.write(work).await;
    database.close().await;
    made.map_err(|error| match error {
        SettleError::Owned(name) => InitError::AlreadyOwned(name),
        SettleError::Store(error) => InitError::Store(error),
    })
}
