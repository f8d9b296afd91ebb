//! What can go wrong with the store, in the order a caller cares: did it happen, and is it worth trying again.

use {
    portreeve_kernel::Code,
    portreeve_ledger::{AccountKey, LedgerError},
    std::{sync::Arc, time::Duration},
};

/// Why the store did not do as asked. Unless it is [`StoreError::OutcomeUnknown`], nothing was changed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// 1,024 writes are waiting already. Come back later.
    #[error("too many writes are waiting")]
    Overloaded,
    /// The database was closed, or its disk failed while committing and only a restart can tell what is on it.
    #[error("the writer has stopped")]
    Stopped,
    /// The commit was sent and its answer got lost. It may have happened: look by idempotency key before anything else.
    #[error("whether the write took effect is not known")]
    OutcomeUnknown(#[source] Arc<sqlx::Error>),
    /// A unique key exists already.
    #[error("a row with the same key exists already")]
    Conflict(#[source] Arc<sqlx::Error>),
    /// Others hold the locks, and several tries did not get them.
    #[error("the database is busy with other writes")]
    Contended(#[source] Arc<sqlx::Error>),
    /// No connection.
    #[error("the database is not reachable")]
    Unreachable(#[source] Arc<sqlx::Error>),
    /// The database refused a statement: a constraint, a full disk, wrong SQL.
    #[error("a statement failed: {0}")]
    Statement(#[source] Arc<sqlx::Error>),
    /// A statement of this unit failed before, so the unit can only be undone.
    #[error("an earlier statement of this unit failed")]
    Failed,
    /// A value does not fit its column, or a column's content is not what it should be.
    #[error("column `{column}`: {reason}")]
    Column {
        /// Which.
        column: String,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no row where one has to be.
    #[error("a row is missing")]
    Missing,
    /// The unit of work panicked; it was undone.
    #[error("the unit of work panicked")]
    Panicked,
    /// The unit of work, or a read, took too long. The unit was undone.
    #[error("it took longer than {} ms", .0.as_millis())]
    TimedOut(Duration),
    /// A write was asked for inside a write, which would wait for itself.
    #[error("a write inside a write waits for itself; use the transaction at hand")]
    Nested,
    /// A batch answered more or fewer commands than it was given.
    #[error("a batch gave {answers} answers to {commands} commands")]
    Batch {
        /// How many it was given.
        commands: usize,
        /// How many it answered.
        answers: usize,
    },
    /// The ledger refused.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The account was not loaded, so its sums are not known.
    #[error("account `{0}` was not loaded")]
    NotLoaded(Box<AccountKey>),
    /// The database cannot be used: its address, version, schema or settings are wrong.
    #[error("{0}")]
    Setup(String),
}

impl StoreError {
    /// A column that does not hold what its writer puts there.
    #[must_use]
    pub fn unreadable(column: &str) -> Self {
        Self::Column {
            column: column.to_owned(),
            reason: "not what was written".to_owned(),
        }
    }

    /// The code of the registry that tells a client as much as it may know.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Overloaded => Code::SystemOverloaded,
            Self::Stopped
            | Self::OutcomeUnknown(_)
            | Self::Contended(_)
            | Self::Unreachable(_)
            | Self::Statement(_)
            | Self::TimedOut(_)
            | Self::Setup(_) => Code::SystemDatabaseError,
            Self::Conflict(_)
            | Self::Failed
            | Self::Column { .. }
            | Self::Missing
            | Self::Panicked
            | Self::Nested
            | Self::Batch { .. }
            | Self::Ledger(_)
            | Self::NotLoaded(_) => Code::SystemInternalError,
        }
    }

    /// True when running the same unit again, as it is, may succeed.
    pub(crate) const fn is_passing(&self) -> bool {
        matches!(self, Self::Contended(_) | Self::Unreachable(_))
    }
}
