//! Tables come and change by numbered migrations, each applied once, whole, and by one node at a time.
//!
//! A database that knows more than this program is refused: an old program must not write by old rules.

use {
    crate::{
        audit::hex,
        backend::{Access, Backend},
        error::StoreError,
        reader::Fetch,
        sql::Sql,
        tx::Tx,
    },
    sha2::{Digest, Sha256},
    sqlx::{AnyConnection, Executor},
};

/// Raised when older programs must no longer write to the database, although they know all its migrations.
pub const SCHEMA_EPOCH: u32 = 1;

/// One step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migration {
    /// From 1, without gaps, per [`Schema`].
    pub id: u32,
    /// What it is for, for people.
    pub name: &'static str,
    /// Statements separated by `;`, understood by both databases. Never changed once released.
    pub sql: &'static str,
}

/// The tables of one crate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schema {
    /// Whose tables these are. Never changed.
    pub name: &'static str,
    /// In order.
    pub migrations: &'static [Migration],
}

/// The store's own tables.
pub(crate) const OWN: Schema = Schema {
    name: "store",
    migrations: &[Migration {
        id: 1,
        name: "projects, ledger, audit log, outbox",
        sql: include_str!("schema.sql"),
    }],
};

const BOOK_KEEPING: &str = "
    CREATE TABLE IF NOT EXISTS schema_epoch (id BIGINT PRIMARY KEY CHECK (id = 0), epoch BIGINT NOT NULL);
    CREATE TABLE IF NOT EXISTS schema_migrations (
        schema_name TEXT NOT NULL,
        id BIGINT NOT NULL,
        name TEXT NOT NULL,
        digest TEXT NOT NULL,
        PRIMARY KEY (schema_name, id)
    );
";

/// Connects, checks the database and brings it up to date. The connection is the writer's from then on.
pub(crate) async fn migrate(backend: Backend, url: &str, schemas: &[Schema]) -> Result<AnyConnection, StoreError> {
    let mut connection = backend.connect(url, Access::Write).await?;
    backend.check(&mut connection).await?;
    let mut tx = Tx::new(connection, backend);
    in_transaction(&mut tx, async |tx| {
        tx.control(BOOK_KEEPING).await.map_err(|error| backend.error(error))?;
        check_epoch(tx).await
    })
    .await?;
    for schema in [OWN].iter().chain(schemas) {
        check_list(schema)?;
        for migration in schema.migrations {
            in_transaction(&mut tx, async |tx| apply(tx, schema, migration).await).await?;
        }
        in_transaction(&mut tx, async |tx| refuse_newer(tx, schema).await).await?;
    }
    in_transaction(&mut tx, async |tx| {
        let epoch = Sql::new(
            "INSERT INTO schema_epoch (id, epoch) VALUES (0, $1) \
             ON CONFLICT (id) DO UPDATE SET epoch = excluded.epoch WHERE schema_epoch.epoch < excluded.epoch",
        );
        tx.execute(epoch.bind(SCHEMA_EPOCH)).await?;
        Ok(())
    })
    .await?;
    Ok(tx.connection)
}

/// Under the schema's lock. On an error the connection is given up, which undoes it.
async fn in_transaction(tx: &mut Tx, work: impl AsyncFn(&mut Tx) -> Result<(), StoreError>) -> Result<(), StoreError> {
    let backend = tx.backend;
    let error = |error| backend.error(error);
    tx.control(backend.begin()).await.map_err(error)?;
    if let Some(lock) = backend.lock_schema() {
        tx.control(lock).await.map_err(error)?;
    }
    work(tx).await?;
    tx.control("COMMIT").await.map_err(error)
}

async fn check_epoch(tx: &mut Tx) -> Result<(), StoreError> {
    let row = tx
        .fetch_optional(Sql::new("SELECT epoch FROM schema_epoch WHERE id = 0"))
        .await?;
    let epoch: u32 = row.map_or(Ok(0), |row| row.get("epoch"))?;
    if epoch > SCHEMA_EPOCH {
        return Err(StoreError::Setup(format!(
            "the database has schema epoch {epoch}, this program knows {SCHEMA_EPOCH}: use a newer program"
        )));
    }
    Ok(())
}

/// A list with gaps or repeats is a mistake in the program.
fn check_list(schema: &Schema) -> Result<(), StoreError> {
    if schema
        .migrations
        .iter()
        .zip(1_u32..)
        .all(|(migration, place)| migration.id == place)
    {
        return Ok(());
    }
    Err(StoreError::Setup(format!(
        "the migrations of `{}` are not numbered 1, 2, 3 …",
        schema.name
    )))
}

async fn apply(tx: &mut Tx, schema: &Schema, migration: &Migration) -> Result<(), StoreError> {
    let digest = hex(&Sha256::digest(migration.sql.as_bytes()).into());
    let known = Sql::new("SELECT digest FROM schema_migrations WHERE schema_name = $1 AND id = $2")
        .bind(schema.name)
        .bind(migration.id);
    if let Some(row) = tx.fetch_optional(known).await? {
        if row.get::<String>("digest")? == digest {
            return Ok(());
        }
        return Err(StoreError::Setup(format!(
            "migration {} of `{}` was changed after it had been applied",
            migration.id, schema.name
        )));
    }
    tx.connection
        .execute(sqlx::raw_sql(migration.sql))
        .await
        .map_err(|error| tx.backend.error(error))?;
    let done = Sql::new("INSERT INTO schema_migrations (schema_name, id, name, digest) VALUES ($1, $2, $3, $4)")
        .bind(schema.name)
        .bind(migration.id)
        .bind(migration.name)
        .bind(digest);
    tx.execute(done).await?;
    tracing::info!(
        schema = schema.name,
        id = migration.id,
        name = migration.name,
        "migration applied"
    );
    Ok(())
}

async fn refuse_newer(tx: &mut Tx, schema: &Schema) -> Result<(), StoreError> {
    let newest = Sql::new("SELECT COALESCE(MAX(id), 0) AS id FROM schema_migrations WHERE schema_name = $1");
    let newest: u32 = tx.fetch_one(newest.bind(schema.name)).await?.get("id")?;
    let known = schema.migrations.last().map_or(0, |migration| migration.id);
    if newest > known {
        return Err(StoreError::Setup(format!(
            "the database has migration {newest} of `{}`, this program knows {known}: use a newer program",
            schema.name
        )));
    }
    Ok(())
}
