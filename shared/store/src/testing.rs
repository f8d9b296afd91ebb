//! Databases for one test each.

use {
    crate::{
        audit::hex,
        backend::{Access, Backend},
        database::{Database, Options},
        error::StoreError,
        migrate::Schema,
    },
    sha2::{Digest, Sha256},
    sqlx::{AssertSqlSafe, Connection, Executor},
    std::path::PathBuf,
    tempfile::TempDir,
};

/// The environment variable that names a PostgreSQL to test on, such as `postgres://user:secret@host/database`.
pub const POSTGRES: &str = "TEST_POSTGRES_URL";

/// A database of one test's own, which can be opened several times, as several nodes would.
#[derive(Debug)]
pub struct TestDatabase {
    url: String,
    schemas: Vec<Schema>,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Folder(TempDir),
    /// A schema of the server at `server`.
    Schema {
        server: String,
        name: String,
    },
}

impl TestDatabase {
    /// An SQLite file in a new folder.
    ///
    /// # Errors
    /// [`StoreError::Setup`] when there is no place for it.
    pub fn sqlite(schemas: &[Schema]) -> Result<Self, StoreError> {
        let folder = tempfile::tempdir().map_err(|error| StoreError::Setup(error.to_string()))?;
        Ok(Self {
            url: format!("sqlite://{}?mode=rwc", folder.path().join("test.db").display()),
            schemas: schemas.to_vec(),
            place: Place::Folder(folder),
        })
    }

    /// An empty PostgreSQL schema called `name`, which no other test uses, on the server that [`POSTGRES`] names.
    ///
    /// # Errors
    /// [`StoreError::Setup`] when the variable is not set; [`StoreError::Unreachable`].
    pub async fn postgres(name: &str, schemas: &[Schema]) -> Result<Self, StoreError> {
        let server = std::env::var(POSTGRES).map_err(|_| StoreError::Setup(format!("{POSTGRES} is not set")))?;
        // PostgreSQL cuts names at 63 bytes; the digest keeps two long ones apart.
        let digest: String = hex(&Sha256::digest(name.as_bytes()).into()).chars().take(12).collect();
        let short: String = name.chars().take(30).collect();
        let name = format!("test_{short}_{digest}_{}", std::process::id());
        on_server(
            &server,
            format!("DROP SCHEMA IF EXISTS {name} CASCADE; CREATE SCHEMA {name}"),
        )
        .await?;
        let joint = if server.contains('?') { '&' } else { '?' };
        Ok(Self {
            url: format!("{server}{joint}options=-c%20search_path%3D{name}"),
            schemas: schemas.to_vec(),
            place: Place::Schema { server, name },
        })
    }

    /// One more node on this database.
    ///
    /// # Errors
    /// As [`Database::open`].
    pub async fn open(&self) -> Result<Database, StoreError> {
        self.open_with(Options::default()).await
    }

    /// [`TestDatabase::open`] with other options.
    ///
    /// # Errors
    /// As [`Database::open`].
    pub async fn open_with(&self, options: Options) -> Result<Database, StoreError> {
        Database::open_with(&self.url, &self.schemas, options).await
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The file, when it is one.
    #[must_use]
    pub fn file(&self) -> Option<PathBuf> {
        match &self.place {
            Place::Folder(folder) => Some(folder.path().join("test.db")),
            Place::Schema { .. } => None,
        }
    }

    /// Leaves nothing behind.
    ///
    /// # Errors
    /// [`StoreError::Unreachable`].
    pub async fn remove(self) -> Result<(), StoreError> {
        match self.place {
            Place::Folder(folder) => folder.close().map_err(|error| StoreError::Setup(error.to_string())),
            Place::Schema { server, name } => on_server(&server, format!("DROP SCHEMA {name} CASCADE")).await,
        }
    }
}

async fn on_server(url: &str, statements: String) -> Result<(), StoreError> {
    sqlx::any::install_default_drivers();
    let mut connection = Backend::Postgres.connect(url, Access::Write).await?;
    connection
        .execute(sqlx::raw_sql(AssertSqlSafe(statements)))
        .await
        .map_err(|error| Backend::Postgres.error(error))?;
    connection.close().await.map_err(|error| Backend::Postgres.error(error))
}
