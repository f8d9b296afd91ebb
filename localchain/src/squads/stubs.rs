//! The syscalls the program makes, answered from the running VM.

use {
    super::{ID, cpi, frame},
    old_solana::{
        account_info::AccountInfo, clock::Clock, entrypoint::SUCCESS, instruction::Instruction,
        program_error::ProgramError, program_stubs::SyscallStubs, pubkey::Pubkey, rent::Rent,
    },
    solana_program_runtime::stable_log,
    std::sync::Once,
};

/// What a syscall returns when the sysvar is not there.
const NO_SUCH_SYSVAR: u64 = 1;

/// Routes the old crates' syscalls, messages and panics to the VM. They are global, so once per process is enough.
pub(super) fn install_once() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        old_solana::program_stubs::set_syscall_stubs(Box::new(Stubs));
        old_msg::set_sink(log);
        let default = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if frame::is_running() {
                log(&info.to_string());
            } else {
                default(info);
            }
        }));
    });
}

fn log(message: &str) {
    stable_log::program_log(&frame::context().get_log_collector(), message);
}

/// Writes a sysvar where the caller asked for it.
fn put<T>(value: T, to: *mut u8) -> u64 {
    // SAFETY: the old `Sysvar::get` passes `&mut Self as *mut u8` of exactly this `repr(C)` type.
    unsafe { to.cast::<T>().write(value) };
    SUCCESS
}

struct Stubs;

impl SyscallStubs for Stubs {
    fn sol_log(&self, message: &str) {
        log(message);
    }

    fn sol_log_data(&self, fields: &[&[u8]]) {
        stable_log::program_data(&frame::context().get_log_collector(), fields);
    }

    fn sol_invoke_signed(
        &self,
        instruction: &Instruction,
        infos: &[AccountInfo],
        seeds: &[&[&[u8]]],
    ) -> Result<(), ProgramError> {
        cpi::invoke(instruction, infos, seeds).map_err(|error| {
            // Kept aside, because the old error type cannot carry every new one. What is returned only stops the caller.
            frame::fail(error);
            ProgramError::Custom(u32::MAX)
        })
    }

    fn sol_get_clock_sysvar(&self, to: *mut u8) -> u64 {
        let Ok(clock) = frame::context().environment_config.sysvar_cache().get_clock() else {
            return NO_SUCH_SYSVAR;
        };
        let old = Clock {
            slot: clock.slot,
            epoch_start_timestamp: clock.epoch_start_timestamp,
            epoch: clock.epoch,
            leader_schedule_epoch: clock.leader_schedule_epoch,
            unix_timestamp: clock.unix_timestamp,
        };
        put(old, to)
    }

    fn sol_get_rent_sysvar(&self, to: *mut u8) -> u64 {
        let Ok(rent) = frame::context().environment_config.sysvar_cache().get_rent() else {
            return NO_SUCH_SYSVAR;
        };
        #[allow(deprecated, reason = "the old sysvar's fields, under the names it had then")]
        let old = Rent {
            lamports_per_byte_year: rent.lamports_per_byte,
            exemption_threshold: f64::from_le_bytes(rent.exemption_threshold),
            burn_percent: rent.burn_percent,
        };
        put(old, to)
    }

    fn sol_get_return_data(&self) -> Option<(Pubkey, Vec<u8>)> {
        let (key, data) = frame::context().transaction_context.get_return_data();
        (!data.is_empty()).then(|| (Pubkey::new_from_array(key.to_bytes()), data.to_vec()))
    }

    fn sol_set_return_data(&self, data: &[u8]) {
        // The syscall has no way to fail either.
        let _ = frame::context().transaction_context.set_return_data(ID, data.to_vec());
    }

    fn sol_get_stack_height(&self) -> u64 {
        frame::context().get_stack_height() as u64
    }
}
