//! One call of the program: input over, program run, changes back.

use {
    super::{accounts::to_vm, frame},
    old_solana::account_info::AccountInfo,
    solana_instruction::error::InstructionError,
    solana_program_runtime::{invoke_context::InvokeContext, serialization},
    std::panic::{AssertUnwindSafe, catch_unwind},
};

/// Runs the program on the current instruction. A panic inside it is a failed transaction, not a fault of ours.
pub(super) fn run(context: &mut InvokeContext) -> Result<(), InstructionError> {
    let mut input = {
        let instruction = context.transaction_context.get_current_instruction_context()?;
        serialization::serialize_parameters(&instruction, false, false, false)?.0
    };
    // SAFETY: `input` holds the loader-v2 layout (copied account data, 10 KiB of room to grow) that `deserialize`
    // expects, and outlives every reference made from it here.
    let (program_id, infos, data) = unsafe { old_solana::entrypoint::deserialize(input.as_slice_mut().as_mut_ptr()) };
    // SAFETY: the entry point asks for `'static`, as on chain, where the process ends with the call. `infos` and what
    // it points into live until the end of this function, and the program keeps nothing beyond its return.
    let borrowed: &'static [AccountInfo<'static>] = unsafe { std::slice::from_raw_parts(infos.as_ptr(), infos.len()) };

    let (outcome, cpi_error) = frame::within(context, || {
        catch_unwind(AssertUnwindSafe(|| {
            squads_multisig_program::entry(program_id, borrowed, data)
        }))
    });
    if let Some(error) = cpi_error {
        return Err(error);
    }
    match outcome {
        Err(_) => return Err(InstructionError::ProgramFailedToComplete),
        Ok(Err(error)) => return Err(InstructionError::from(u64::from(error))),
        Ok(Ok(())) => {}
    }
    for info in &infos {
        to_vm(context, info)?;
    }
    Ok(())
}
