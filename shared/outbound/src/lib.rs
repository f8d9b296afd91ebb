//! The only way out: to addresses that strangers give us ([`Outbound`]: `https` documents, small and soon, from nowhere
//! within), and to servers that the configuration names ([`Peer`]).
//!
//! What must stay true:
//!
//! - no stranger makes this server call an inner address: not by a name that leads there, not by a number, not by a redirect,
//! - the address that was judged is the one that is called, whatever the name leads to a moment later,
//! - no answer costs more time or memory than the caller said.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::panic,
        clippy::arithmetic_side_effects,
        reason = "a test that fails may panic"
    )
)]

mod address;
mod fresh;
mod name;
mod outbound;
mod peer;
#[cfg(feature = "testing")]
pub mod testing;

pub use {
    name::Lookup,
    outbound::{Fetched, Outbound, OutboundError, Outside, Rules, SetupError},
    peer::{Peer, PeerRules, Trusted},
};
