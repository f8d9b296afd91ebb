//! A disk after a power cut. What processes ask of the disk is recorded, and from the record come the folders that a cut
//! may leave: what was synced is there, and of the rest whatever the disk likes: all, nothing, the beginning, or torn
//! sectors in any order; names, too, until their folder is synced.
//!
//! Killing a process proves little about that, because the system goes on to write what the process left behind.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::missing_panics_doc,
    reason = "a proof that fails may panic, and whatever is not as it should be ends it"
)]

mod dice;
mod disk;
mod file;
pub mod record;
mod recording;

pub use {
    dice::Dice,
    disk::{Content, Disk, lay},
    file::Fate,
    recording::{Recording, Tape},
};
