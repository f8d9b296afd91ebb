//! What can be done with the vault, one act per file. HTTP, MCP and pages call the same; so none of them can do more than
//! another.
//!
//! An act is plain: it takes a [`Moment`](crate::Moment), looks, and answers. Those that read texts or walk through all
//! entities take their time, and belong on a thread that may wait.

pub mod batch;
pub mod context;
pub mod entity;
pub mod findings;
pub mod folder;
pub mod graph;
pub mod impact;
pub mod lines;
pub mod list;
pub mod navigation;
pub mod scan;
pub mod schema;
pub mod search;
pub mod stats;
pub mod status;
pub mod strategy;

#[cfg(test)]
mod tests;
