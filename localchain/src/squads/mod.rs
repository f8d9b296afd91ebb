//! The Squads v4 program inside the VM.
//!
//! Its unmodified Rust source runs natively as a builtin. The program is built against an old `solana-program`, the VM
//! is agave 4.x; the two share no Rust types, so everything crosses at byte level:
//!
//! - [`run`] hands the VM's input buffer to the program and copies its account changes back;
//! - [`cpi`] carries its calls of other programs into the VM;
//! - [`stubs`] answers its syscalls;
//! - [`frame`] remembers which invocation is running.

mod accounts;
mod cpi;
mod frame;
mod run;
mod stubs;

use {
    litesvm::{LiteSVM, error::LiteSVMError},
    solana_address::Address,
    solana_program_runtime::{declare_process_instruction, solana_sbpf::program::BuiltinFunctionDefinition},
    std::path::Path,
};

/// The program id of mainnet.
pub(crate) const ID: Address = Address::new_from_array(squads_multisig_program::ID.to_bytes());

/// Compute units charged per call, whatever it does: native code has no instruction meter, and a builtin must charge.
const COMPUTE_UNITS: u64 = 30_000;

declare_process_instruction!(Squads, COMPUTE_UNITS, |invoke_context| { run::run(invoke_context) });

/// Puts the program in place: the compiled one at `so` if given, else the built-in one.
/// # Errors
/// When `so` cannot be read or is no program.
pub(crate) fn install(svm: &mut LiteSVM, so: Option<&Path>) -> Result<(), LiteSVMError> {
    if let Some(so) = so {
        return svm.add_program_from_file(ID, so);
    }
    stubs::install_once();
    svm.add_builtin(ID, Squads::register);
    Ok(())
}
