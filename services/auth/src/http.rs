//! The HTTP face, one file per noun.

pub(crate) mod clients;
pub(crate) mod grants;
pub(crate) mod keys;
pub(crate) mod oauth;
pub(crate) mod passkeys;
pub(crate) mod people;
pub(crate) mod resources;
pub(crate) mod signing_keys;
pub(crate) mod users;
