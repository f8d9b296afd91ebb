//! What accounts on chain hold. Bytes behind the last field are normal there; which program owns the account is for the
//! caller to check, because the bytes do not say.

mod extension;
mod squads;
mod token;

pub use {
    extension::Concern,
    squads::{Multisig, ProgramConfig, SpendingLimit},
    token::{MintAccount, TokenAccount},
};
