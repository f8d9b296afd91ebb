//! The one place that knows SQL databases: SQLite for one node, PostgreSQL for many, one SQL text for both.
//!
//! Everything that is written goes through one writer per node, which commits groups: [`Database::write`] and
//! [`Batcher::submit`] queue their work, the writer runs what is waiting in one transaction, and nobody is told of
//! success before the commit is on disk. What must stay true:
//!
//! - a unit of work happens whole or not at all, whatever its neighbours in the group do,
//! - what was acknowledged survives `kill -9` and power loss; what may or may not have happened is
//!   [`StoreError::OutcomeUnknown`] and never an acknowledgement,
//! - audit entries and outbox events commit with the act they tell of; the audit log has no gaps,
//! - the sums that allow a spend are read under the account's lock, in the transaction that reserves.
//!
//! Columns hold times as `BIGINT` milliseconds, amounts as `BIGINT`, ids and JSON as `TEXT`, flags as `BIGINT` 0 or 1.
#![cfg_attr(
    test,
    allow(
        clippy::arithmetic_side_effects,
        reason = "a test that overflows fails, which is what we want"
    )
)]

pub mod audit;
mod backend;
mod batch;
mod database;
mod error;
mod inspect;
pub mod ledger;
mod migrate;
pub mod outbox;
mod reader;
mod row;
mod sql;
pub mod tenancy;
#[cfg(feature = "testing")]
pub mod testing;
mod tx;
mod unit;
mod writer;

pub use {
    audit::AuditEntry,
    batch::{Batch, Batcher},
    database::{Database, Options, QUEUE},
    error::StoreError,
    inspect::{Inspection, inspect, peek},
    migrate::{Migration, SCHEMA_EPOCH, Schema},
    outbox::OutboxEvent,
    reader::{Fetch, Reader},
    row::{Column, Row},
    sql::{Bind, Sql, Value},
    tx::Tx,
};
