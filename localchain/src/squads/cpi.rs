//! Calls of other programs (system, token) on behalf of the program.

use {
    super::{
        accounts::{address, from_vm, to_vm},
        frame,
    },
    old_solana::{account_info::AccountInfo, instruction::Instruction as OldInstruction},
    solana_instruction::{AccountMeta, Instruction, error::InstructionError},
};

/// Shows the VM what the program has changed so far, makes the call, and shows the program what the callee changed.
pub(super) fn invoke(
    instruction: &OldInstruction,
    infos: &[AccountInfo],
    seeds: &[&[&[u8]]],
) -> Result<(), InstructionError> {
    let context = frame::context();
    let used = |writable_only: bool| {
        infos.iter().filter(move |info| {
            let mut metas = instruction.accounts.iter();
            metas.any(|meta| meta.pubkey == *info.key && (meta.is_writable || !writable_only))
        })
    };
    for info in used(false) {
        to_vm(context, info)?;
    }
    let accounts = instruction.accounts.iter();
    let call = Instruction {
        program_id: address(&instruction.program_id),
        accounts: accounts
            .map(|meta| AccountMeta {
                pubkey: address(&meta.pubkey),
                is_signer: meta.is_signer,
                is_writable: meta.is_writable,
            })
            .collect(),
        data: instruction.data.clone(),
    };
    context.native_invoke_signed(call, seeds)?;
    for info in used(true) {
        from_vm(context, info)?;
    }
    Ok(())
}
