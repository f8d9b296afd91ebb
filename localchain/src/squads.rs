//! Runs the unmodified `squads-multisig-program` crate as a native builtin of the SVM.
//!
//! The program is built against `solana-program` 1.18; the VM is agave 4.x. The two worlds share
//! no Rust types, so everything crosses at byte level: the VM's own loader-v2 input buffer goes
//! in, account changes are copied back, and the old crate's `SyscallStubs` reach the VM through a
//! thread-local pointer to the current `InvokeContext`.

use {
    old_solana::{
        account_info::AccountInfo as OldAccountInfo, entrypoint::SUCCESS, instruction::Instruction as OldInstruction,
        program_error::ProgramError as OldError, program_stubs::SyscallStubs, pubkey::Pubkey as OldPubkey,
    },
    solana_address::Address,
    solana_instruction::{AccountMeta, Instruction, error::InstructionError},
    solana_program_runtime::{
        declare_process_instruction, invoke_context::InvokeContext, serialization,
        solana_sbpf::program::BuiltinFunctionDefinition, stable_log,
    },
    std::{
        cell::RefCell,
        panic::{AssertUnwindSafe, catch_unwind},
        sync::Once,
    },
};

pub const ID: Address = Address::new_from_array(squads_multisig_program::ID.to_bytes());

/// Flat charge per call. Native code has no instruction meter; builtins must charge something.
const COMPUTE_UNITS: u64 = 30_000;

struct Frame {
    ctx: *mut InvokeContext<'static, 'static>,
    /// First CPI failure. On chain a failed CPI ends the transaction before the caller runs on.
    cpi_error: Option<InstructionError>,
}

thread_local! {
    static FRAMES: RefCell<Vec<Frame>> = const { RefCell::new(Vec::new()) };
}

/// The current `InvokeContext`. Only valid inside `run`, which is the sole pusher of frames.
#[allow(clippy::mut_from_ref)]
fn ctx() -> &'static mut InvokeContext<'static, 'static> {
    let ptr = FRAMES.with_borrow(|f| f.last().expect("syscall outside a program").ctx);
    unsafe { &mut *ptr }
}

declare_process_instruction!(Squads, COMPUTE_UNITS, |invoke_context| { run(invoke_context) });

pub fn install(svm: &mut litesvm::LiteSVM) {
    // `solana program dump SQDS4ep65T869zMMBKyuUq6aD6EgTu8psMjkvj52pCf squads.so` gives the deployed binary.
    if let Ok(path) = std::env::var("SQUADS_SO") {
        svm.add_program_from_file(ID, path).expect("SQUADS_SO");
        return;
    }
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        old_solana::program_stubs::set_syscall_stubs(Box::new(Stubs));
        old_msg::set_sink(|m| stable_log::program_log(&ctx().get_log_collector(), m));
        // A panic inside the program is a failed transaction, not a fault of this process.
        let default = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if FRAMES.with_borrow(|f| f.is_empty()) {
                default(info);
            } else {
                stable_log::program_log(&ctx().get_log_collector(), &info.to_string());
            }
        }));
    });
    svm.add_builtin(ID, Squads::register);
}

fn run(invoke_context: &mut InvokeContext) -> Result<(), InstructionError> {
    let mut buffer = {
        let ix = invoke_context.transaction_context.get_current_instruction_context()?;
        serialization::serialize_parameters(&ix, false, false, false)?.0
    };
    // SAFETY: `buffer` holds the loader-v2 layout (copied account data, 10 KiB growth room) and
    // outlives every reference made from it here.
    let (program_id, infos, data) = unsafe { old_solana::entrypoint::deserialize(buffer.as_slice_mut().as_mut_ptr()) };
    let infos_ref: &'static [OldAccountInfo<'static>] =
        unsafe { std::slice::from_raw_parts(infos.as_ptr(), infos.len()) };

    FRAMES.with_borrow_mut(|f| {
        f.push(Frame {
            ctx: std::ptr::from_mut(invoke_context).cast(),
            cpi_error: None,
        })
    });
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        squads_multisig_program::entry(program_id, infos_ref, data)
    }));
    let frame = FRAMES.with_borrow_mut(|f| f.pop().expect("frame"));

    if let Some(err) = frame.cpi_error {
        return Err(err);
    }
    match outcome {
        Err(_) => return Err(InstructionError::ProgramFailedToComplete),
        Ok(Err(err)) => return Err(InstructionError::from(u64::from(err))),
        Ok(Ok(())) => {}
    }
    for info in &infos {
        to_vm(invoke_context, info)?;
    }
    Ok(())
}

fn address(key: &OldPubkey) -> Address {
    Address::new_from_array(key.to_bytes())
}

/// Writes what the program changed in `info` into the VM; the VM's own checks decide if it may.
fn to_vm(ctx: &InvokeContext, info: &OldAccountInfo) -> Result<(), InstructionError> {
    let tx = &ctx.transaction_context;
    let ix = tx.get_current_instruction_context()?;
    let index = tx
        .find_index_of_account(&address(info.key))
        .ok_or(InstructionError::MissingAccount)?;
    let index = ix.get_index_of_account_in_instruction(index)?;
    let mut account = ix.try_borrow_instruction_account(index)?;
    if account.get_lamports() != info.lamports() {
        account.set_lamports(info.lamports())?;
    }
    let data = info
        .try_borrow_data()
        .map_err(|_| InstructionError::AccountBorrowFailed)?;
    if account.get_data() != &data[..] {
        account.set_data_from_slice(&data)?;
    }
    if account.get_owner().as_ref() != info.owner.as_ref() {
        account.set_owner(info.owner.as_ref())?;
    }
    Ok(())
}

/// Reads the VM's state of the account back into `info` after a CPI.
fn from_vm(ctx: &InvokeContext, info: &OldAccountInfo) -> Result<(), InstructionError> {
    let tx = &ctx.transaction_context;
    let ix = tx.get_current_instruction_context()?;
    let index = tx
        .find_index_of_account(&address(info.key))
        .ok_or(InstructionError::MissingAccount)?;
    let index = ix.get_index_of_account_in_instruction(index)?;
    let account = ix.try_borrow_instruction_account(index)?;
    let borrow = |_| InstructionError::AccountBorrowFailed;
    **info.try_borrow_mut_lamports().map_err(borrow)? = account.get_lamports();
    if account.get_owner().as_ref() != info.owner.as_ref() {
        info.assign(&OldPubkey::new_from_array(account.get_owner().to_bytes()));
    }
    let data = account.get_data();
    if info.data_len() != data.len() {
        info.realloc(data.len(), false)
            .map_err(|_| InstructionError::InvalidRealloc)?;
    }
    info.try_borrow_mut_data().map_err(borrow)?.copy_from_slice(data);
    Ok(())
}

fn invoke(instruction: &OldInstruction, infos: &[OldAccountInfo], seeds: &[&[&[u8]]]) -> Result<(), InstructionError> {
    let ctx = ctx();
    let used = |writable_only: bool| {
        infos.iter().filter(move |info| {
            instruction
                .accounts
                .iter()
                .any(|meta| meta.pubkey == *info.key && (meta.is_writable || !writable_only))
        })
    };
    for info in used(false) {
        to_vm(ctx, info)?;
    }
    let call = Instruction {
        program_id: address(&instruction.program_id),
        accounts: instruction
            .accounts
            .iter()
            .map(|m| AccountMeta {
                pubkey: address(&m.pubkey),
                is_signer: m.is_signer,
                is_writable: m.is_writable,
            })
            .collect(),
        data: instruction.data.clone(),
    };
    ctx.native_invoke_signed(call, seeds)?;
    for info in used(true) {
        from_vm(ctx, info)?;
    }
    Ok(())
}

struct Stubs;

impl Stubs {
    /// Old sysvar structs are `repr(C)` and the callers pass `&mut Struct as *mut u8`.
    fn put<T>(value: T, to: *mut u8) -> u64 {
        unsafe { to.cast::<T>().write(value) };
        SUCCESS
    }
}

impl SyscallStubs for Stubs {
    fn sol_log(&self, message: &str) {
        stable_log::program_log(&ctx().get_log_collector(), message);
    }

    fn sol_log_data(&self, fields: &[&[u8]]) {
        stable_log::program_data(&ctx().get_log_collector(), fields);
    }

    fn sol_invoke_signed(
        &self,
        instruction: &OldInstruction,
        infos: &[OldAccountInfo],
        seeds: &[&[&[u8]]],
    ) -> Result<(), OldError> {
        invoke(instruction, infos, seeds).map_err(|err| {
            FRAMES.with_borrow_mut(|f| {
                f.last_mut().expect("frame").cpi_error.get_or_insert(err);
            });
            OldError::Custom(u32::MAX)
        })
    }

    fn sol_get_clock_sysvar(&self, to: *mut u8) -> u64 {
        let Ok(c) = ctx().environment_config.sysvar_cache().get_clock() else {
            return 1;
        };
        Self::put(
            old_solana::clock::Clock {
                slot: c.slot,
                epoch_start_timestamp: c.epoch_start_timestamp,
                epoch: c.epoch,
                leader_schedule_epoch: c.leader_schedule_epoch,
                unix_timestamp: c.unix_timestamp,
            },
            to,
        )
    }

    fn sol_get_rent_sysvar(&self, to: *mut u8) -> u64 {
        let Ok(r) = ctx().environment_config.sysvar_cache().get_rent() else {
            return 1;
        };
        #[allow(deprecated)]
        Self::put(
            old_solana::rent::Rent {
                lamports_per_byte_year: r.lamports_per_byte,
                exemption_threshold: f64::from_le_bytes(r.exemption_threshold),
                burn_percent: r.burn_percent,
            },
            to,
        )
    }

    fn sol_get_return_data(&self) -> Option<(OldPubkey, Vec<u8>)> {
        let (key, data) = ctx().transaction_context.get_return_data();
        (!data.is_empty()).then(|| (OldPubkey::new_from_array(key.to_bytes()), data.to_vec()))
    }

    fn sol_set_return_data(&self, data: &[u8]) {
        let tx = &mut ctx().transaction_context;
        let _ = tx.set_return_data(ID, data.to_vec());
    }

    fn sol_get_stack_height(&self) -> u64 {
        ctx().get_stack_height() as u64
    }
}
