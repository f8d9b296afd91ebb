//! The authorization server: its signing keys.

pub(crate) mod signing;
