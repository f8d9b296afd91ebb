//! What accounts on chain hold. Bytes behind the last field are normal there; which program owns the account is for the
//! caller to check, because the bytes do not say.

mod squads;
mod token;

pub use {
    squads::{Multisig, ProgramConfig, SpendingLimit},
    token::{MintAccount, TokenAccount},
};
