//! What a vault of Markdown notes is: where it may be read, what its files say, and what follows from them. No HTTP and no
//! service: the public vault and the private servers build on it alike.
//!
//! What must stay true:
//!
//! - nothing outside of the root is read, written, or looked at ([`jail`]),
//! - one bad file never hurts another: what is wrong with it is a finding, and the rest is served,
//! - what can be derived is derived, and never believed from the disk.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        reason = "a test that fails may panic"
    )
)]

pub mod check;
mod crowd;
pub mod entity;
pub mod finding;
pub mod jail;
mod kept;
pub mod links;
pub mod matter;
pub mod note;
pub mod path;
pub mod relations;
pub mod revision;
pub mod root;
pub mod scan;
pub mod schema;
pub mod search;
pub mod snapshot;
#[cfg(feature = "testing")]
pub mod testing;
pub mod value;
pub mod vault;
pub mod watch;
mod whole;

pub use {
    check::{Report, breaches, check, check_one},
    entity::{Day, Entity, EntityId, EntityType},
    finding::{Finding, FindingCode, Severity},
    jail::{Done, EntryKind, Jail, JailError, Lock, Refused, Stamp, Write},
    matter::{Edit, WriteFault, compose, splice},
    note::{Area, Content, Limits, Note},
    path::{NotePath, PathError},
    relations::Relation,
    revision::{Digest, Revision, Seal},
    root::{Given, Root, RootError},
    scan::Progress,
    schema::Schema,
    search::{Filter, Found, Hit, Index, IndexError, Query, QueryError, Snippet},
    snapshot::{Generation, Snapshot},
    value::{Fields, Text, Value},
    vault::{Opened, Vault, VaultError},
    watch::{Watch, WatchError},
};
