//! Every table there is, in the order in which their crates build on one another.

use portreeve_store::Schema;

/// For opening the database.
pub(crate) const SCHEMAS: &[Schema] = &[portreeve_jobs::SCHEMA, portreeve_auth::SCHEMA, portreeve_wallet::SCHEMA];
