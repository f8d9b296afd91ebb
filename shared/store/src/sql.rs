//! A statement and its values. The text is ours, always: what comes from outside is bound.

use {
    crate::backend::Backend,
    portreeve_kernel::{
        Address, AgentId, Amount, Asset, Cluster, Environment, EventId, GrantId, KeyId, Mint, OwnerId, ProjectId,
        RequestId, ResourceServerId, Role, Seconds, SessionId, Tier, Timestamp, TokenId, Total, TransactionId, UserId,
        id::JobId,
    },
    portreeve_ledger::{AccountKey, ReservationState},
    serde::Serialize,
    std::{borrow::Cow, fmt::Write},
};

/// A value as a column holds it; `None` is SQL's `NULL`, which has a type too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// `BIGINT`.
    Int(Option<i64>),
    /// `TEXT`.
    Text(Option<String>),
    /// `BYTEA`.
    Bytes(Option<Vec<u8>>),
    /// A value that no column holds; the statement it is bound to fails and says so.
    Unfit(String),
}

/// What can stand for a `$n`.
pub trait Bind {
    /// The value.
    fn value(self) -> Value;
    /// `NULL` of the same type.
    fn null() -> Value;
}

/// A statement with `$1`, `$2`, … and the values for them.
#[derive(Debug, Clone)]
pub struct Sql {
    pub(crate) text: Cow<'static, str>,
    pub(crate) values: Vec<Value>,
    pub(crate) lock: bool,
}

impl Sql {
    /// A statement that is known when compiling.
    #[must_use]
    pub const fn new(text: &'static str) -> Self {
        Self {
            text: Cow::Borrowed(text),
            values: Vec::new(),
            lock: false,
        }
    }

    /// Binds the next `$n`.
    #[must_use]
    pub fn bind(mut self, value: impl Bind) -> Self {
        self.values.push(value.value());
        self
    }

    /// Binds the next `$n` to `value` as JSON text.
    #[must_use]
    pub fn bind_json(mut self, value: &impl Serialize) -> Self {
        self.values.push(match serde_json::to_string(value) {
            Ok(text) => Value::Text(Some(text)),
            Err(error) => Value::Unfit(error.to_string()),
        });
        self
    }

    /// Replaces the first `{list}` of the text by one `$n` per value, for `IN ({list})`. An empty list becomes `NULL`,
    /// which nothing equals. The last value is repeated up to the next power of two, which changes nothing in a list
    /// and leaves few different texts to parse.
    #[must_use]
    pub fn bind_list<T: Bind>(mut self, list: impl IntoIterator<Item = T>) -> Self {
        let before = self.values.len();
        self.values.extend(list.into_iter().map(Bind::value));
        if let Some(last) = self.values.get(before..).and_then(<[Value]>::last).cloned() {
            let length = self.values.len().saturating_sub(before).next_power_of_two();
            self.values.resize(before.saturating_add(length), last);
        }
        let mut marks = String::new();
        for place in before..self.values.len() {
            let comma = if marks.is_empty() { "" } else { "," };
            // Writing to a String does not fail.
            let _ = write!(marks, "{comma}${}", place.saturating_add(1));
        }
        let marks = if marks.is_empty() { "NULL" } else { &marks };
        self.text = self.text.replacen("{list}", marks, 1).into();
        self
    }

    /// Locks the selected rows until the commit. In a transaction only; needed wherever what was read decides what is
    /// written.
    #[must_use]
    pub const fn for_update(mut self) -> Self {
        self.lock = true;
        self
    }

    /// `head VALUES ($1, …), (…) tail`, for `rows` of equal length.
    pub(crate) fn insert(head: &str, rows: Vec<Vec<Value>>, tail: &str, backend: Backend) -> Self {
        let mut text = format!("{head} VALUES ");
        let mut values: Vec<Value> = Vec::new();
        for row in rows {
            text.push_str(if values.is_empty() { "(" } else { ",(" });
            for (place, value) in row.into_iter().enumerate() {
                values.push(value);
                let comma = if place == 0 { "" } else { "," };
                let _ = match backend {
                    // SQLite keeps a list of the marks that have names and searches it for each value.
                    Backend::Sqlite => write!(text, "{comma}?"),
                    Backend::Postgres => write!(text, "{comma}${}", values.len()),
                };
            }
            text.push(')');
        }
        text.push(' ');
        text.push_str(tail);
        Self {
            text: text.into(),
            values,
            lock: false,
        }
    }
}

impl<T: Bind> Bind for Option<T> {
    fn value(self) -> Value {
        self.map_or_else(T::null, Bind::value)
    }
    fn null() -> Value {
        T::null()
    }
}

impl Bind for Value {
    fn value(self) -> Value {
        self
    }
    fn null() -> Value {
        Value::Text(None)
    }
}

macro_rules! bind {
    ($kind:ident: $($type:ty, $it:ident => $column:expr;)+) => {$(
        impl Bind for $type {
            fn value(self) -> Value {
                let $it = self;
                Value::$kind(Some($column))
            }
            fn null() -> Value {
                Value::$kind(None)
            }
        }
    )+};
}

bind! { Int:
    i64, it => it;
    u32, it => i64::from(it);
    bool, it => i64::from(it);
    Timestamp, it => it.millis();
    Seconds, it => i64::from(it.0);
    Amount, it => it.column();
    Total, it => it.column();
}

bind! { Text:
    &str, it => it.to_owned();
    String, it => it;
}

bind! { Bytes:
    &[u8], it => it.to_vec();
    Vec<u8>, it => it;
    &[u8; 32], it => it.to_vec();
}

impl Bind for u64 {
    fn value(self) -> Value {
        match i64::try_from(self) {
            Ok(fits) => Value::Int(Some(fits)),
            Err(_) => Value::Unfit(format!("{self} is larger than a column holds")),
        }
    }
    fn null() -> Value {
        Value::Int(None)
    }
}

/// Types whose text is their column: they print and parse.
macro_rules! bind_text {
    ($($type:ty),+ $(,)?) => {$(
        impl Bind for &$type {
            fn value(self) -> Value {
                Value::Text(Some(self.to_string()))
            }
            fn null() -> Value {
                Value::Text(None)
            }
        }
        impl crate::row::Column for $type {
            fn read(row: &crate::row::Row, column: &str) -> Result<Option<Self>, crate::error::StoreError> {
                row.parsed(column)
            }
        }
    )+};
}
bind_text!(
    AccountKey,
    Address,
    AgentId,
    Asset,
    Cluster,
    Environment,
    EventId,
    GrantId,
    JobId,
    KeyId,
    Mint,
    OwnerId,
    ProjectId,
    RequestId,
    ReservationState,
    Role,
    ResourceServerId,
    SessionId,
    Tier,
    TokenId,
    TransactionId,
    UserId,
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_gets_the_numbers_that_follow() {
        let sql = Sql::new("SELECT a FROM t WHERE b = $1 AND a IN ({list})")
            .bind(7_i64)
            .bind_list(["x", "y", "z"]);
        assert_eq!(sql.text, "SELECT a FROM t WHERE b = $1 AND a IN ($2,$3,$4,$5)");
        assert_eq!(sql.values.get(3), sql.values.get(4));
        assert_eq!(sql.values.len(), 5);
        let one = Sql::new("SELECT a FROM t WHERE a IN ({list})").bind_list(["x"]);
        assert_eq!(one.text, "SELECT a FROM t WHERE a IN ($1)");
        let none = Sql::new("SELECT a FROM t WHERE a IN ({list})").bind_list(Vec::<String>::new());
        assert_eq!(none.text, "SELECT a FROM t WHERE a IN (NULL)");
    }

    #[test]
    fn rows_become_one_statement() {
        let row = |n: i64| vec![n.value(), "a".value()];
        for (backend, text) in [
            (
                Backend::Postgres,
                "INSERT INTO t (n, s) VALUES ($1,$2),($3,$4) ON CONFLICT DO NOTHING",
            ),
            (
                Backend::Sqlite,
                "INSERT INTO t (n, s) VALUES (?,?),(?,?) ON CONFLICT DO NOTHING",
            ),
        ] {
            let rows = vec![row(1), row(2)];
            let sql = Sql::insert("INSERT INTO t (n, s)", rows, "ON CONFLICT DO NOTHING", backend);
            assert_eq!(sql.text, text);
        }
    }

    #[test]
    fn a_number_above_two_to_the_63_is_unfit_and_not_negative() {
        assert_eq!(
            u64::MAX.value(),
            Value::Unfit(format!("{} is larger than a column holds", u64::MAX))
        );
        assert_eq!(None::<Timestamp>.value(), Value::Int(None));
    }
}
