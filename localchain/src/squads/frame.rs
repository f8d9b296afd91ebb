//! Which invocation of the program is running on this thread.
//!
//! Invariant: a frame is on the stack exactly while its `InvokeContext` is borrowed by [`super::run::run`], which alone
//! pushes and pops.

use {
    solana_instruction::error::InstructionError, solana_program_runtime::invoke_context::InvokeContext,
    std::cell::RefCell,
};

type Context = InvokeContext<'static, 'static>;

struct Frame {
    context: *mut Context,
    /// The first failed call of another program. On chain it ends the transaction before the caller runs on.
    cpi_error: Option<InstructionError>,
}

thread_local! {
    static FRAMES: RefCell<Vec<Frame>> = const { RefCell::new(Vec::new()) };
}

/// Runs `program` with `context` within reach of the syscall stubs. Also tells the first failed CPI.
pub(super) fn within<T>(context: &mut InvokeContext, program: impl FnOnce() -> T) -> (T, Option<InstructionError>) {
    let context = std::ptr::from_mut(context).cast();
    FRAMES.with_borrow_mut(|frames| {
        frames.push(Frame {
            context,
            cpi_error: None,
        })
    });
    let outcome = program();
    let cpi_error = FRAMES.with_borrow_mut(Vec::pop).and_then(|frame| frame.cpi_error);
    (outcome, cpi_error)
}

/// Whether a program is running on this thread.
pub(super) fn is_running() -> bool {
    FRAMES.with_borrow(|frames| !frames.is_empty())
}

/// Keeps `error` as the reason why the running program fails, unless there is one already.
pub(super) fn fail(error: InstructionError) {
    FRAMES.with_borrow_mut(|frames| {
        if let Some(frame) = frames.last_mut() {
            frame.cpi_error.get_or_insert(error);
        }
    });
}

/// The `InvokeContext` of the running program.
/// # Panics
/// When no program is running: a syscall without a caller has nothing to answer with, and the hook that asks
/// [`is_running`] first is the only one that could be called so.
#[allow(
    clippy::expect_used,
    reason = "the syscall signatures leave no way to report the impossible"
)]
pub(super) fn context() -> &'static mut Context {
    let context = FRAMES.with_borrow(|frames| frames.last().map(|frame| frame.context));
    // SAFETY: the pointer stems from the `&mut` that `within` holds while the frame is on the stack. The program's
    // thread waits inside the syscall, so nothing else uses the context, and no caller keeps the reference.
    unsafe { &mut *context.expect("syscall outside a program") }
}
