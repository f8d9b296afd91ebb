//! Looking at a database without changing anything in it, for whoever wants to know whether it can be used.

use {
    crate::{
        backend::{Access, Backend},
        error::StoreError,
        migrate::Schema,
        reader::{Fetch, Reader},
        sql::Sql,
        tenancy::{self, Project},
    },
    sqlx::any::AnyPoolOptions,
    std::time::Duration,
};

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// By which rules it is written; see [`crate::SCHEMA_EPOCH`].
    pub epoch: u32,
    /// Migrations of this program that the next start will apply.
    pub pending: usize,
    /// Migrations that this program does not know.
    pub unknown: usize,
    /// Whose it is.
    pub projects: Vec<Project>,
}

/// Looks at the database at `url`. One that is not there is not made.
///
/// # Errors
/// Why it cannot be used: [`StoreError::Unreachable`], [`StoreError::Setup`] for one that would lose data, or
/// [`StoreError::Statement`] when it does not hold our tables.
pub async fn inspect(url: &str, schemas: &[Schema]) -> Result<Inspection, StoreError> {
    peek(url, async |reader| look(reader, schemas).await).await
}

/// Reads in the database at `url`, which is opened for nothing but that and closed after. One that is not there is not made.
///
/// # Errors
/// As [`inspect`], and whatever `read` answers.
pub async fn peek<T>(url: &str, read: impl AsyncFnOnce(&mut Reader) -> Result<T, StoreError>) -> Result<T, StoreError> {
    sqlx::any::install_default_drivers();
    let backend = Backend::of(url)?;
    let url = url.replace("mode=rwc", "mode=rw");
    let mut connection = backend.connect(&url, Access::Read).await?;
    backend.check(&mut connection).await?;
    drop(connection);
    let pool = AnyPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(Duration::from_secs(5))
        .after_connect(move |connection, _| Box::pin(backend.prepare(connection, Access::Read)))
        .connect_lazy(&url)
        .map_err(|error| backend.error(error))?;
    let mut reader = Reader { pool, backend };
    let found = read(&mut reader).await;
    reader.pool.close().await;
    found
}

async fn look(reader: &mut Reader, schemas: &[Schema]) -> Result<Inspection, StoreError> {
    let epoch = reader
        .fetch_one(Sql::new("SELECT epoch FROM schema_epoch WHERE id = 0"))
        .await?
        .get("epoch")?;
    let rows = reader
        .fetch_all(Sql::new("SELECT schema_name, id FROM schema_migrations"))
        .await?;
    let mut applied = Vec::with_capacity(rows.len());
    for row in &rows {
        applied.push((row.get::<String>("schema_name")?, row.get::<u32>("id")?));
    }
    let own = [crate::migrate::OWN];
    let known: Vec<(String, u32)> = own
        .iter()
        .chain(schemas)
        .flat_map(|schema| schema.migrations.iter().map(|one| (schema.name.to_owned(), one.id)))
        .collect();
    Ok(Inspection {
        epoch,
        pending: known.iter().filter(|one| !applied.contains(one)).count(),
        unknown: applied.iter().filter(|one| !known.contains(one)).count(),
        projects: tenancy::projects(reader).await?,
    })
}

#[cfg(test)]
mod tests {
    use {super::*, crate::Database};

    fn url(folder: &tempfile::TempDir) -> String {
        format!("sqlite://{}/a.db?mode=rwc", folder.path().display())
    }

    #[tokio::test]
    async fn a_database_that_is_not_there_is_not_made() {
        let folder = tempfile::tempdir().unwrap();
        assert!(inspect(&url(&folder), &[]).await.is_err());
        assert!(!folder.path().join("a.db").exists());
    }

    #[tokio::test]
    async fn what_is_there_and_what_is_still_to_be_done_is_told() {
        const MORE: Schema = Schema {
            name: "more",
            migrations: &[crate::Migration {
                id: 1,
                name: "one",
                sql: "CREATE TABLE more (id BIGINT)",
            }],
        };
        let folder = tempfile::tempdir().unwrap();
        let url = url(&folder);
        Database::open(&url, &[]).await.unwrap().close().await;
        let found = inspect(&url, &[]).await.unwrap();
        assert_eq!((found.epoch, found.pending, found.unknown), (crate::SCHEMA_EPOCH, 0, 0));
        assert_eq!(inspect(&url, &[MORE]).await.unwrap().pending, 1);
        Database::open(&url, &[MORE]).await.unwrap().close().await;
        assert_eq!(inspect(&url, &[]).await.unwrap().unknown, 1);
        assert_eq!(found.projects, []);
    }

    #[tokio::test]
    async fn a_database_of_somebody_else_is_told_from_one_of_ours() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.db"), "words").unwrap();
        assert!(inspect(&url(&folder), &[]).await.is_err());
    }
}
