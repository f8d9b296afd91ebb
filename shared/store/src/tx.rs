//! The transaction as a unit of work sees it: statements, and what commits with them.

use {
    crate::{
        audit::AuditEntry,
        backend::Backend,
        error::StoreError,
        outbox::OutboxEvent,
        reader::{Fetch, query},
        row::Row,
        sql::{Sql, Value},
    },
    sqlx::{AnyConnection, Executor},
    std::mem,
};

/// The most values of one insert, of which SQLite takes 32,766 and PostgreSQL 65,535. A statement that the database has
/// seen before is not parsed again, so a few sizes that return are better than one statement for any number; and each
/// statement goes to the connection's thread and back, so few large ones are better than many small ones.
const VALUES_AT_ONCE: usize = 4096;

/// A transaction of the writer's current group. Work in it happens whole or not at all.
///
/// The first statement that fails ends the unit: later ones are refused, and the unit is undone even when it says it
/// succeeded. That is how PostgreSQL behaves, so both databases do. To try and see, use `ON CONFLICT DO NOTHING`.
pub struct Tx {
    pub(crate) connection: AnyConnection,
    pub(crate) backend: Backend,
    pub(crate) health: Health,
    pub(crate) after: After,
}

/// Whether the unit can still go on.
#[derive(Debug)]
pub(crate) enum Health {
    Good,
    /// A statement is under way, or was when its future was dropped.
    Busy,
    Failed(StoreError),
}

/// What is written at the end of the group, or happens after its commit.
#[derive(Debug, Default)]
pub(crate) struct After {
    pub(crate) entries: Vec<AuditEntry>,
    pub(crate) events: Vec<OutboxEvent>,
    pub(crate) wake: u32,
}

/// How much of [`After`] was there at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    entries: usize,
    events: usize,
    wake: u32,
}

impl After {
    pub(crate) const fn mark(&self) -> Mark {
        Mark {
            entries: self.entries.len(),
            events: self.events.len(),
            wake: self.wake,
        }
    }

    pub(crate) fn back_to(&mut self, mark: Mark) {
        self.entries.truncate(mark.entries);
        self.events.truncate(mark.events);
        self.wake = mark.wake;
    }
}

impl Tx {
    pub(crate) fn new(connection: AnyConnection, backend: Backend) -> Self {
        Self {
            connection,
            backend,
            health: Health::Good,
            after: After::default(),
        }
    }

    /// Runs a statement and says how many rows it touched.
    ///
    /// # Errors
    /// Any of [`StoreError`]; the unit is then beyond saving.
    pub async fn execute(&mut self, sql: Sql) -> Result<u64, StoreError> {
        self.start()?;
        let query = query(sql, self.backend.lock());
        let result = match query {
            Ok(query) => self
                .connection
                .execute(query)
                .await
                .map_err(|error| self.backend.error(error)),
            Err(error) => Err(error),
        };
        Ok(self.end(result)?.rows_affected())
    }

    /// Inserts rows of equal length, many with each statement: `head VALUES (…), (…) tail`. No rows, no statement.
    ///
    /// # Errors
    /// As [`Tx::execute`].
    pub async fn insert(
        &mut self,
        head: &'static str,
        mut rows: Vec<Vec<Value>>,
        tail: &'static str,
    ) -> Result<(), StoreError> {
        let width = rows.first().map_or(1, Vec::len);
        let fitting = VALUES_AT_ONCE.checked_div(width).and_then(usize::checked_ilog2);
        let mut size: usize = 1 << fitting.unwrap_or(0);
        while !rows.is_empty() {
            // As many as fit, and the rest by powers of two.
            while size > rows.len() {
                size >>= 1;
            }
            let rest = rows.split_off(size);
            let sql = Sql::insert(head, mem::replace(&mut rows, rest), tail, self.backend);
            self.execute(sql).await?;
        }
        Ok(())
    }

    /// Writes an audit entry with this unit, in the same commit.
    pub fn audit(&mut self, entry: AuditEntry) {
        self.after.entries.push(entry);
    }

    /// Tells the world of this unit, by way of the outbox and in the same commit.
    pub fn emit(&mut self, event: OutboxEvent) {
        self.after.events.push(event);
    }

    /// Wakes whoever waits for [`Database::wakeups`](crate::Database::wakeups), after the commit.
    pub fn wake(&mut self) {
        self.after.wake = self.after.wake.saturating_add(1);
    }

    /// One of the writer's own statements, which are never in doubt about the unit's health.
    pub(crate) async fn control(&mut self, statement: &'static str) -> Result<(), sqlx::Error> {
        self.connection.execute(sqlx::raw_sql(statement)).await?;
        Ok(())
    }

    fn start(&mut self) -> Result<(), StoreError> {
        if !matches!(self.health, Health::Good) {
            return Err(StoreError::Failed);
        }
        self.health = Health::Busy;
        Ok(())
    }

    fn end<T>(&mut self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        self.health = match &result {
            Ok(_) => Health::Good,
            Err(error) => Health::Failed(error.clone()),
        };
        result
    }
}

impl Fetch for Tx {
    async fn fetch_all(&mut self, sql: Sql) -> Result<Vec<Row>, StoreError> {
        self.start()?;
        let backend = self.backend;
        let result = match query(sql, backend.lock()) {
            Ok(query) => self
                .connection
                .fetch_all(query)
                .await
                .map_err(|error| backend.error(error)),
            Err(error) => Err(error),
        };
        let rows = self.end(result)?;
        Ok(rows.into_iter().map(|row| Row { row, backend }).collect())
    }
}
