//! Where the two databases differ, and the only place that says so.
//!
//! | | SQLite | PostgreSQL |
//! |---|---|---|
//! | a write begins | `BEGIN IMMEDIATE`: one writer at a time | `BEGIN`, read committed |
//! | rows are locked | by that already | `FOR UPDATE` |
//! | units that share a commit | up to 256 | one, or their locks would be out of order |
//! | migrations are kept apart | by that already | an advisory lock |
//! | a failed commit | is known, unless the disk failed: then only a restart tells | is unknown unless the server said no |

use {
    crate::error::StoreError,
    sqlx::{AnyConnection, Connection, Executor, Row, error::DatabaseError},
    std::{sync::Arc, time::Duration},
};

/// Older ones can corrupt a WAL database (fixed in 3.51.3, 2026-03-13).
const OLDEST_SQLITE: (u32, u32, u32) = (3, 51, 3);

/// How long to wait for a connection.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// How long to wait until nobody reads an old state of the file any more: a node that starts beside this one on a busy disk
/// takes a moment, somebody who copies the database takes longer, and is told to end.
const LOG_LIMIT: Duration = Duration::from_secs(30);

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    Sqlite,
    Postgres,
}

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
}

/// What a failed commit did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CommitFailure {
    /// Nothing, for certain.
    Undone,
    /// Perhaps something; a new connection will see it.
    Unknown,
    /// Perhaps something; only a restart, which recovers from the log on disk, will see it.
    UnknownUntilRestart,
}

impl Backend {
    /// From the scheme of the address.
    pub(crate) fn of(url: &str) -> Result<Self, StoreError> {
        match url.split_once(':') {
            Some(("sqlite", _)) => Ok(Self::Sqlite),
            Some(("postgres" | "postgresql", _)) => Ok(Self::Postgres),
            _ => Err(StoreError::Setup(
                "a database address starts with `sqlite://` or `postgres://`".to_owned(),
            )),
        }
    }

    /// Starts a transaction that will write.
    pub(crate) const fn begin(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::Postgres => "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
        }
    }

    /// The most units in one commit. Where others write at the same time it is one: a unit locks its rows in an order,
    /// but two units, one after the other, do not, and then two nodes would wait for each other until the database undoes
    /// one of them. What has to be many in one commit there is a [`Batch`](crate::Batch), which locks all its rows at once.
    pub(crate) const fn units_at_once(self) -> usize {
        match self {
            Self::Sqlite => 256,
            Self::Postgres => 1,
        }
    }

    /// What follows a `SELECT` whose rows nobody else may change until the commit.
    pub(crate) const fn lock(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " FOR UPDATE",
        }
    }

    /// Keeps other nodes out of the schema until the commit.
    pub(crate) const fn lock_schema(self) -> Option<&'static str> {
        match self {
            Self::Sqlite => None,
            // Any number will do, as long as no other use of this database picks it: "PRTREEVE" in ASCII.
            Self::Postgres => Some("SELECT pg_advisory_xact_lock(5787213827046135365)"),
        }
    }

    /// How long a commit may take before its outcome counts as unknown, of the `limit` for everything else. A local
    /// disk answers in the end, and until it does nothing else can be written anyway.
    pub(crate) const fn commit_limit(self, limit: Duration) -> Option<Duration> {
        match self {
            Self::Sqlite => None,
            Self::Postgres => Some(limit),
        }
    }

    /// Set on every connection, rather than hoped for.
    const fn session(self, access: Access) -> &'static str {
        match (self, access) {
            #[cfg(seeded_bug = "synchronous_off")]
            (Self::Sqlite, Access::Write) => {
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 5000"
            }
            #[cfg(not(seeded_bug = "synchronous_off"))]
            (Self::Sqlite, Access::Write) => {
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
                 PRAGMA busy_timeout = 5000; PRAGMA mmap_size = 0; PRAGMA cache_size = -16384; PRAGMA temp_store = MEMORY; PRAGMA fullfsync = ON; \
                 PRAGMA checkpoint_fullfsync = ON; PRAGMA trusted_schema = OFF"
            }
            (Self::Sqlite, Access::Read) => {
                "PRAGMA query_only = ON; PRAGMA busy_timeout = 5000; PRAGMA mmap_size = 0; PRAGMA trusted_schema = OFF"
            }
            // A node that hangs must not keep its locks; a lock that is not to be had must not hang a node.
            (Self::Postgres, Access::Write) => {
                "SET lock_timeout = 5000; SET idle_in_transaction_session_timeout = 15000"
            }
            (Self::Postgres, Access::Read) => "SET default_transaction_read_only = on; SET statement_timeout = 10000",
        }
    }

    /// Opens a connection of its own.
    pub(crate) async fn connect(self, url: &str, access: Access) -> Result<AnyConnection, StoreError> {
        let connecting = async {
            loop {
                match self.try_connect(url, access).await {
                    // Changing a new file to WAL needs it for oneself, and SQLite does not wait for that by itself.
                    Err(StoreError::Contended(_)) => tokio::time::sleep(Duration::from_millis(20)).await,
                    connected => return connected,
                }
            }
        };
        let late = |_| Err(StoreError::Unreachable(Arc::new(sqlx::Error::PoolTimedOut)));
        tokio::time::timeout(CONNECT_LIMIT, connecting)
            .await
            .unwrap_or_else(late)
    }

    async fn try_connect(self, url: &str, access: Access) -> Result<AnyConnection, StoreError> {
        let connected = AnyConnection::connect(url).await;
        let mut connection = connected.map_err(|error| self.error(error))?;
        let prepared = self.prepare(&mut connection, access).await;
        prepared.map_err(|error| self.error(error))?;
        Ok(connection)
    }

    /// Makes a fresh connection fit for `access`.
    pub(crate) async fn prepare(self, connection: &mut AnyConnection, access: Access) -> Result<(), sqlx::Error> {
        connection.execute(sqlx::raw_sql(self.session(access))).await?;
        Ok(())
    }

    /// Refuses a database that would not keep our promises.
    pub(crate) async fn check(self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        match self {
            Self::Sqlite => {
                let version = self.ask(connection, "SELECT sqlite_version()").await?;
                if parse_version(&version).is_none_or(|version| version < OLDEST_SQLITE) {
                    return Err(StoreError::Setup(format!("SQLite {version} is older than 3.51.3")));
                }
                self.expect(connection, "PRAGMA journal_mode", "wal").await?;
                self.empty_log(connection).await
            }
            Self::Postgres => {
                let durable = self
                    .ask(connection, "SELECT current_setting('synchronous_commit')")
                    .await?;
                if matches!(durable.as_str(), "off" | "local") {
                    return Err(StoreError::Setup(format!(
                        "PostgreSQL has synchronous_commit = {durable}, so what it commits may be lost; set it to on"
                    )));
                }
                self.expect(connection, "SELECT current_setting('fsync')", "on").await?;
                self.expect(connection, "SELECT pg_is_in_recovery()::text", "false")
                    .await
            }
        }
    }

    /// Moves all of the log into the file. An earlier process may have ended because the disk would not sync the log;
    /// what it wrote there can be read, and is not on the disk, and syncing it again changes nothing about that.
    async fn empty_log(self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        let error = |cause| self.error(cause);
        let emptied = async {
            loop {
                let done = connection.fetch_one("PRAGMA wal_checkpoint(TRUNCATE)").await;
                let busy: i32 = done.map_err(error)?.try_get(0).map_err(error)?;
                if busy == 0 {
                    return Ok(());
                }
                // Somebody reads an old state, or empties it too; SQLite does not wait for that by itself.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let why = "another program keeps reading the database; the log can be emptied when it has ended";
        tokio::time::timeout(LOG_LIMIT, emptied)
            .await
            .unwrap_or_else(|_| Err(StoreError::Setup(why.to_owned())))
    }

    async fn expect(
        self,
        connection: &mut AnyConnection,
        question: &'static str,
        answer: &str,
    ) -> Result<(), StoreError> {
        let said = self.ask(connection, question).await?;
        if said == answer {
            return Ok(());
        }
        Err(StoreError::Setup(format!(
            "`{question}` says `{said}` and not `{answer}`"
        )))
    }

    async fn ask(self, connection: &mut AnyConnection, question: &'static str) -> Result<String, StoreError> {
        let row = connection
            .fetch_one(question)
            .await
            .map_err(|error| self.error(error))?;
        row.try_get(0).map_err(|error| self.error(error))
    }

    /// Sorts an error by what a caller can do about it.
    pub(crate) fn error(self, error: sqlx::Error) -> StoreError {
        use sqlx::Error as E;
        match &error {
            E::RowNotFound => StoreError::Missing,
            E::Configuration(reason) => StoreError::Setup(format!("the database address is not usable: {reason}")),
            E::ColumnNotFound(column) => StoreError::Column {
                column: column.clone(),
                reason: "not in the row".to_owned(),
            },
            E::ColumnDecode { index, source } => StoreError::Column {
                column: index.clone(),
                reason: source.to_string(),
            },
            E::Database(refusal) if refusal.is_unique_violation() => StoreError::Conflict(Arc::new(error)),
            E::Database(refusal) if self.is_contention(refusal.as_ref()) => StoreError::Contended(Arc::new(error)),
            E::Database(refusal) if self.is_farewell(refusal.as_ref()) => StoreError::Unreachable(Arc::new(error)),
            E::Io(_) | E::Tls(_) | E::Protocol(_) | E::PoolTimedOut | E::PoolClosed | E::WorkerCrashed => {
                StoreError::Unreachable(Arc::new(error))
            }
            _ => StoreError::Statement(Arc::new(error)),
        }
    }

    /// Serialization failure, deadlock or lock timeout; `SQLITE_BUSY` and `SQLITE_LOCKED`.
    fn is_contention(self, refusal: &dyn DatabaseError) -> bool {
        match self {
            Self::Sqlite => matches!(sqlite_code(refusal), Some(5 | 6)),
            Self::Postgres => matches!(refusal.code().as_deref(), Some("40001" | "40P01" | "55P03")),
        }
    }

    /// The server ends the connection (classes 08 and 57) or has none left (53300).
    fn is_farewell(self, refusal: &dyn DatabaseError) -> bool {
        match (self, refusal.code().as_deref()) {
            (Self::Postgres, Some(code)) => code.starts_with("08") || code.starts_with("57P") || code == "53300",
            _ => false,
        }
    }

    /// What a commit did that answered with `error`.
    pub(crate) fn commit_failure(self, error: &sqlx::Error) -> CommitFailure {
        let refusal = match error {
            sqlx::Error::Database(refusal) => Some(refusal.as_ref()),
            _ => None,
        };
        match self {
            // Busy, full and constraint failures leave the log without a commit record. After anything else, an I/O
            // error above all, the record may be on disk although SQLite could not say so.
            Self::Sqlite => match refusal.and_then(sqlite_code) {
                Some(5 | 13 | 19) => CommitFailure::Undone,
                _ => CommitFailure::UnknownUntilRestart,
            },
            // Class 40 is "transaction rollback", class 23 a deferred constraint.
            Self::Postgres => match refusal.and_then(|refusal| refusal.code()).as_deref() {
                Some(code) if code.starts_with("40") || code.starts_with("23") => CommitFailure::Undone,
                _ => CommitFailure::Unknown,
            },
        }
    }
}

/// The primary result code, which is the low byte of the extended one.
fn sqlite_code(refusal: &dyn DatabaseError) -> Option<i32> {
    refusal.code()?.parse::<i32>().ok().map(|code| code & 0xFF)
}

fn parse_version(text: &str) -> Option<(u32, u32, u32)> {
    let mut parts = text.split('.').map(|part| part.parse::<u32>().ok());
    Some((parts.next()??, parts.next()??, parts.next()??))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_which_database_it_is() {
        assert_eq!(Backend::of("sqlite:///tmp/a.db?mode=rwc").unwrap(), Backend::Sqlite);
        assert_eq!(Backend::of("postgres://u@h/d").unwrap(), Backend::Postgres);
        assert_eq!(Backend::of("postgresql://u@h/d").unwrap(), Backend::Postgres);
        for other in ["mysql://h/d", "/tmp/a.db", "", "sqlite"] {
            assert!(matches!(Backend::of(other), Err(StoreError::Setup(_))), "{other}");
        }
    }

    #[test]
    fn versions_compare_by_number_and_not_by_letter() {
        assert!(parse_version("3.51.3").unwrap() >= OLDEST_SQLITE);
        assert!(parse_version("3.51.2").unwrap() < OLDEST_SQLITE);
        assert!(parse_version("3.9.30").unwrap() < OLDEST_SQLITE);
        assert!(parse_version("4.0.0").unwrap() >= OLDEST_SQLITE);
        assert_eq!(parse_version("3.51"), None);
    }

    #[test]
    fn a_commit_whose_answer_was_lost_is_unknown_and_never_undone() {
        let lost = sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into());
        assert_eq!(Backend::Postgres.commit_failure(&lost), CommitFailure::Unknown);
        assert_eq!(
            Backend::Sqlite.commit_failure(&sqlx::Error::WorkerCrashed),
            CommitFailure::UnknownUntilRestart
        );
    }
}
