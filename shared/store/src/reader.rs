//! Reading outside a transaction: for answers and lists, never for a decision that moves money.

use {
    crate::{
        backend::Backend,
        error::StoreError,
        row::Row,
        sql::{Sql, Value},
    },
    sqlx::{Any, AnyPool, AssertSqlSafe, SqlSafeStr, any::AnyArguments, query::Query},
    std::{borrow::Cow, future::Future, time::Duration},
    tokio::time::timeout,
};

/// How long a read may take, whatever became of the network.
const LIMIT: Duration = Duration::from_secs(15);

/// Where rows can be read: a [`Reader`], or a transaction.
pub trait Fetch {
    /// All rows.
    fn fetch_all(&mut self, sql: Sql) -> impl Future<Output = Result<Vec<Row>, StoreError>> + Send;

    /// The only row, or none.
    fn fetch_optional(&mut self, sql: Sql) -> impl Future<Output = Result<Option<Row>, StoreError>> + Send
    where
        Self: Send,
    {
        async move { Ok(self.fetch_all(sql).await?.into_iter().next()) }
    }

    /// The row that has to be there.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when it is not.
    fn fetch_one(&mut self, sql: Sql) -> impl Future<Output = Result<Row, StoreError>> + Send
    where
        Self: Send,
    {
        async move { self.fetch_optional(sql).await?.ok_or(StoreError::Missing) }
    }
}

/// Reads what is committed. Its connections cannot write.
#[derive(Debug, Clone)]
pub struct Reader {
    pub(crate) pool: AnyPool,
    pub(crate) backend: Backend,
}

impl Fetch for Reader {
    async fn fetch_all(&mut self, sql: Sql) -> Result<Vec<Row>, StoreError> {
        let backend = self.backend;
        let rows = timeout(LIMIT, query(sql, "")?.fetch_all(&self.pool)).await;
        let rows = rows
            .map_err(|_| StoreError::TimedOut(LIMIT))?
            .map_err(|error| backend.error(error))?;
        Ok(rows.into_iter().map(|row| Row { row, backend }).collect())
    }
}

/// The statement as the driver takes it.
pub(crate) fn query(sql: Sql, lock: &str) -> Result<Query<'static, Any, AnyArguments>, StoreError> {
    // The texts are written in this workspace; values from outside are bound below.
    let text = match sql.text {
        Cow::Borrowed(text) if !sql.lock => text.into_sql_str(),
        text if sql.lock => AssertSqlSafe(format!("{text}{lock}")).into_sql_str(),
        text => AssertSqlSafe(text.into_owned()).into_sql_str(),
    };
    let mut query = sqlx::query(text);
    for (place, value) in sql.values.into_iter().enumerate() {
        query = match value {
            Value::Int(value) => query.bind(value),
            Value::Text(value) => query.bind(value),
            Value::Bytes(value) => query.bind(value),
            Value::Unfit(reason) => {
                return Err(StoreError::Column {
                    column: format!("${}", place.saturating_add(1)),
                    reason,
                });
            }
        };
    }
    Ok(query)
}
