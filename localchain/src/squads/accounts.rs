//! Account state across the border, in both directions.

use {
    old_solana::{account_info::AccountInfo, pubkey::Pubkey},
    solana_address::Address,
    solana_instruction::error::InstructionError,
    solana_program_runtime::invoke_context::InvokeContext,
};

/// An old key as the VM writes it.
pub(super) fn address(key: &Pubkey) -> Address {
    Address::new_from_array(key.to_bytes())
}

/// Writes what the program changed in `info` into the VM; the VM's own checks decide if it may.
pub(super) fn to_vm(context: &InvokeContext, info: &AccountInfo) -> Result<(), InstructionError> {
    let transaction = &context.transaction_context;
    let instruction = transaction.get_current_instruction_context()?;
    let index = transaction
        .find_index_of_account(&address(info.key))
        .ok_or(InstructionError::MissingAccount)?;
    let index = instruction.get_index_of_account_in_instruction(index)?;
    let mut account = instruction.try_borrow_instruction_account(index)?;
    if account.get_lamports() != info.lamports() {
        account.set_lamports(info.lamports())?;
    }
    let data = info
        .try_borrow_data()
        .map_err(|_| InstructionError::AccountBorrowFailed)?;
    if account.get_data() != &**data {
        account.set_data_from_slice(&data)?;
    }
    if account.get_owner().as_ref() != info.owner.as_ref() {
        account.set_owner(info.owner.as_ref())?;
    }
    Ok(())
}

/// Reads the VM's state of the account back into `info` after a call of another program.
pub(super) fn from_vm(context: &InvokeContext, info: &AccountInfo) -> Result<(), InstructionError> {
    let transaction = &context.transaction_context;
    let instruction = transaction.get_current_instruction_context()?;
    let index = transaction
        .find_index_of_account(&address(info.key))
        .ok_or(InstructionError::MissingAccount)?;
    let index = instruction.get_index_of_account_in_instruction(index)?;
    let account = instruction.try_borrow_instruction_account(index)?;
    let borrowed = |_| InstructionError::AccountBorrowFailed;
    **info.try_borrow_mut_lamports().map_err(borrowed)? = account.get_lamports();
    if account.get_owner().as_ref() != info.owner.as_ref() {
        info.assign(&Pubkey::new_from_array(account.get_owner().to_bytes()));
    }
    let data = account.get_data();
    if info.data_len() != data.len() {
        #[allow(deprecated, reason = "the old crate's `resize` is this very function")]
        info.realloc(data.len(), false)
            .map_err(|_| InstructionError::InvalidRealloc)?;
    }
    info.try_borrow_mut_data().map_err(borrowed)?.copy_from_slice(data);
    Ok(())
}
