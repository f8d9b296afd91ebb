//! Solana messages and the Squads v4 program: build them, and decode what a transaction would do. No I/O.
//!
//! The signer believes only what it decodes here, so this crate is our own from the first byte to the last, and small.
//! What must stay true: **decoding is one to one**. [`decode`] accepts a message only when compiling the actions it
//! found gives the same bytes again, so there is no byte of an accepted message that its [`Action`]s do not tell, and
//! no two messages that tell the same. Whatever is not an action we know is refused, by name where we know the name.
//!
//! Only legacy messages: version 0 adds lookup tables, whose accounts the signer could not see, and nothing we need.
#![cfg_attr(
    test,
    allow(
        clippy::arithmetic_side_effects,
        reason = "a test that overflows fails, which is what we want"
    )
)]

pub mod account;
pub mod action;
mod bytes;
pub mod compute;
pub mod decode;
pub mod instruction;
pub mod message;
pub mod pda;
pub mod program;
pub mod squads;
pub mod system;
pub mod token;
pub mod transaction;
pub mod wallet;

pub use action::{Action, InstructionError};
pub use bytes::Malformed;
pub use decode::{DecodeError, DecodedMessage, compile, decode};
pub use instruction::{AccountMeta, Instruction};
pub use message::{MAX_TRANSACTION_BYTES, Message, MessageError};
pub use program::{Programs, TokenProgram};
pub use transaction::{AssembleError, Blockhash, Signature, Transaction};
pub use wallet::{AgentKeys, AgentWallet, BuildError, Configuration, LimitChange, LimitSpec, Mismatch, Spend};
