//! Preloaded into a process (`LD_PRELOAD`), it makes the disk fail on demand. What `PORTREEVE_BAD_DISK` names is looked
//! at before every write and sync; while there is no such file, the disk is good. Its text is what goes wrong and for
//! which files, such as `sync portreeve.db-wal` or `full portreeve.db`; with a `$` behind it, what a path has to end with,
//! such as `sync /Tasks$` for a folder and not for the files in it:
//!
//! - `sync`: the next sync of such a file fails with `EIO`, and the one after succeeds, as Linux has it. The text is
//!   removed, so it strikes once.
//! - `full`: every write to such a file fails with `ENOSPC`.
//!
//! Nothing here panics: it would do so in somebody else's process.

use {
    libc::{c_int, c_long, c_void, off_t, size_t, ssize_t},
    std::{env, ffi::OsString, fs, sync::OnceLock},
};

/// Where it says what goes wrong.
const CONTROL: &str = "PORTREEVE_BAD_DISK";

fn control() -> Option<&'static OsString> {
    static PATH: OnceLock<Option<OsString>> = OnceLock::new();
    PATH.get_or_init(|| env::var_os(CONTROL)).as_ref()
}

/// Whether `fault` is what the file behind `fd` meets now.
fn strikes(fault: &str, fd: c_int) -> bool {
    let Some(control) = control() else { return false };
    let Ok(text) = fs::read_to_string(control) else {
        return false;
    };
    let Some((asked, file)) = text.trim().split_once(' ') else {
        return false;
    };
    let about = fs::read_link(format!("/proc/self/fd/{fd}"));
    let is_it = |path: &str| {
        file.strip_suffix('$')
            .map_or_else(|| path.contains(file), |end| path.ends_with(end))
    };
    asked == fault && about.is_ok_and(|path| is_it(&path.to_string_lossy()))
}

fn fails_with(error: c_int) -> c_int {
    // SAFETY: the address is this thread's own `errno`.
    unsafe { *libc::__errno_location() = error };
    -1
}

/// As the type of what we stand in for; every answer of the system fits it.
fn narrow(answer: c_long) -> c_int {
    c_int::try_from(answer).unwrap_or(-1)
}

fn sync(fd: c_int, call: c_long) -> c_int {
    if strikes("sync", fd) {
        if let Some(control) = control() {
            // Gone or not: the strike has happened.
            let _ = fs::remove_file(control);
        }
        return fails_with(libc::EIO);
    }
    // SAFETY: what C asked of the function we stand in for is asked of the system, with the same argument.
    narrow(unsafe { libc::syscall(call, fd) })
}

/// Stands in for libc's.
#[unsafe(no_mangle)]
pub extern "C" fn fsync(fd: c_int) -> c_int {
    sync(fd, libc::SYS_fsync)
}

/// Stands in for libc's.
#[unsafe(no_mangle)]
pub extern "C" fn fdatasync(fd: c_int) -> c_int {
    sync(fd, libc::SYS_fdatasync)
}

fn put(fd: c_int, bytes: *const c_void, length: size_t, place: Option<off_t>) -> ssize_t {
    if strikes("full", fd) {
        return ssize_t::try_from(fails_with(libc::ENOSPC)).unwrap_or(-1);
    }
    let answer = match place {
        // SAFETY: what C asked of the function we stand in for is asked of the system, with the same arguments.
        Some(place) => unsafe { libc::syscall(libc::SYS_pwrite64, fd, bytes, length, place) },
        // SAFETY: as above.
        None => unsafe { libc::syscall(libc::SYS_write, fd, bytes, length) },
    };
    ssize_t::try_from(answer).unwrap_or(-1)
}

/// Stands in for libc's.
///
/// # Safety
/// As there: `bytes` has `length` bytes to read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn write(fd: c_int, bytes: *const c_void, length: size_t) -> ssize_t {
    put(fd, bytes, length, None)
}

/// Stands in for libc's.
///
/// # Safety
/// As there: `bytes` has `length` bytes to read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwrite(fd: c_int, bytes: *const c_void, length: size_t, place: off_t) -> ssize_t {
    put(fd, bytes, length, Some(place))
}

/// Stands in for libc's.
///
/// # Safety
/// As there: `bytes` has `length` bytes to read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwrite64(fd: c_int, bytes: *const c_void, length: size_t, place: off_t) -> ssize_t {
    put(fd, bytes, length, Some(place))
}
