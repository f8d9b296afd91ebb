//! The ledger on disk. The rules are in `domain/ledger`; here the rows are locked, read, and written by what it says.
//!
//! A decision is `load` → look at [`Accounts::usage`] → [`Accounts::reserve`] → [`Accounts::write`], in one
//! transaction. Accounts are locked in the order owner, agent, signer, and the window sums are read under the lock.
//! What was reserved is later settled (the chain shows it) or released (it is proven that the chain never will). The
//! signer's account ends earlier than the others, at signing, and is never given back; so every account of a
//! reservation has a state of its own.

mod accounts;
mod end;
mod read;

pub use {
    accounts::{Accounts, load},
    end::{Moved, release, settle, settle_accounts},
    read::{frees_at, usage},
};
