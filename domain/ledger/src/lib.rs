//! What a budget has left. Pure: no clock, no database; state and command in, new state or refusal out.
//!
//! An account holds what was settled and what is pending, and both count. A settled entry carries the account's running
//! total, so the sum over a rolling window is one subtraction: `total now − total before the window + pending`. What
//! must stay true:
//!
//! - money that is reserved counts in every window until it is settled or released,
//! - a settled entry counts until its window and one second have passed by the slowest clock,
//! - money comes back only on [`Proof`] that the transaction can never land, and what a signer signed never comes back,
//! - a reservation ends once: settled and released are final.
#![cfg_attr(
    test,
    allow(
        clippy::arithmetic_side_effects,
        reason = "a test that overflows fails, which is what we want"
    )
)]

mod account;
mod book;
mod key;
mod reservation;
mod sheet;
mod window;

pub use {
    account::{AccountState, Before, Entry, WindowUse, release, reserve, settle, used},
    book::Book,
    key::{AccountKey, AccountKeyError},
    portreeve_policy::Window,
    reservation::{EXPIRY_MARGIN_BLOCKS, ExpiredProof, OperatorEvidence, Proof, ReservationState},
    sheet::Sheet,
    window::{counts, cutoff, leaves_at},
};

/// Why the ledger refused. The account is then unchanged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// The account's lifetime total would pass 2⁶³ − 1. Not a policy matter: no such sum can be kept.
    #[error("the account's total would pass 9223372036854775807")]
    Overflow,
    /// Less is pending than is to be settled or released: the rows contradict each other, so nothing is touched.
    #[error("the account has {pending} pending, less than the {amount} to be taken from it")]
    NotPending {
        /// What is pending.
        pending: u64,
        /// What was to be taken from it.
        amount: u64,
    },
    /// A window began with more than the account has now: the rows contradict each other.
    #[error("the account's running totals contradict each other")]
    Contradiction,
    /// A reservation over no account would count nowhere.
    #[error("a reservation names at least one account")]
    NoAccount,
    /// The reservation has ended already, otherwise than asked.
    #[error("the reservation is {0}, which is final")]
    Final(ReservationState),
    /// What was signed counts at the signer for ever; only what was never signed can be taken back there.
    #[error("the signer's account gives back only what was never signed")]
    SignedCounts,
}
