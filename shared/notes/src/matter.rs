//! Front matter: the block of YAML between two fences that a note may begin with.
//!
//! Vaults are written by people and by many programs, so what is odd and plain enough is taken as it is meant, with a finding:
//! a byte order mark, CRLF, a key that stands twice (the last one wins). What could cost more than its size, or means
//! something only to a program (anchors, aliases, tags), is refused.

mod split;
mod write;
mod yaml;

pub use {
    split::{Body, Fenced, Split, split},
    write::{Edit, WriteFault, compose, splice},
    yaml::{Budget, Fault, Parsed, parse},
};
