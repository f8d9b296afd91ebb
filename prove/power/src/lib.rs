//! A disk after a power cut: what was synced is there, and of the rest whatever the disk likes.

pub mod record;
