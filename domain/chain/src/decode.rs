//! What a transaction would do, told so exactly that the bytes could be written again from it.

use {
    crate::{
        action::{Action, InstructionError},
        message::{Message, MessageError},
        program::Programs,
        transaction::Blockhash,
    },
    portreeve_kernel::Address,
};

/// Why a message is not signed before any rule is even asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Not a well-formed message.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// An instruction that is not one of ours.
    #[error("instruction {position}: {cause}")]
    Instruction {
        /// Counted from 0.
        position: usize,
        /// What is wrong with it.
        cause: InstructionError,
    },
    /// The same actions have other bytes: accounts in another order, unused, or with rights nobody needs.
    #[error("the message says more than its actions: accounts out of order, unused, or with rights nobody needs")]
    NotCanonical,
}

/// What a transaction would do. Together with [`Programs`] it determines every byte of the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodedMessage {
    /// Pays the fees, and signs first.
    pub fee_payer: Address,
    /// All that have to sign, the fee payer first.
    pub signers: Vec<Address>,
    /// Until about 150 blocks after this one the transaction can land.
    pub recent_blockhash: Blockhash,
    /// In the order they are done; all of them or none.
    pub actions: Vec<Action>,
}

/// Says what the message in `bytes` would do.
///
/// # Errors
/// [`DecodeError`] unless the bytes are exactly what [`compile`] makes of the actions found in them.
pub fn decode(bytes: &[u8], programs: &Programs) -> Result<DecodedMessage, DecodeError> {
    let message = Message::parse(bytes)?;
    let action =
        |(position, call)| Action::decode(programs, call).map_err(|cause| DecodeError::Instruction { position, cause });
    let actions: Vec<Action> = message
        .instructions()
        .iter()
        .enumerate()
        .map(action)
        .collect::<Result<_, _>>()?;
    let again = compile(programs, message.fee_payer(), message.recent_blockhash(), &actions)?;
    if again.as_bytes() != bytes {
        return Err(DecodeError::NotCanonical);
    }
    Ok(DecodedMessage {
        fee_payer: message.fee_payer(),
        signers: message.signers().to_vec(),
        recent_blockhash: message.recent_blockhash(),
        actions,
    })
}

/// The one message that does `actions`.
///
/// # Errors
/// [`MessageError`] when they do not fit one transaction.
pub fn compile(
    programs: &Programs,
    fee_payer: Address,
    recent_blockhash: Blockhash,
    actions: &[Action],
) -> Result<Message, MessageError> {
    let instructions: Vec<_> = actions.iter().map(|action| action.instruction(programs)).collect();
    Message::compile(fee_payer, recent_blockhash, &instructions)
}
