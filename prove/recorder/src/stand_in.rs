//! The functions that take the place of libc's, with their names, arguments and demands. Each does what it stands in for by asking the system directly, and has
//! it written down when it was about a file of ours.

use {
    crate::{Recorder, Turn, record::Kind, unless_busy},
    libc::{c_char, c_int, c_long, c_uint, c_void, mode_t, off_t, size_t, ssize_t},
    std::{io, mem::MaybeUninit, slice},
};

/// Asks the system directly. As in C, a failure is −1, and `errno` says which.
macro_rules! ask {
    ($call:ident $(, $argument:expr)*) => {
        // SAFETY: what C asked of the function we stand in for is asked of the system, with the same arguments.
        unsafe { libc::syscall(libc::$call $(, $argument)*) }
    };
}

/// What is written down about something that was done to an open file.
enum Done {
    /// So many bytes as the system took, of those at the address, at the place.
    Written(*const c_void, Option<u64>),
    Cut(off_t),
    Synced,
}

/// Does `act` to the open file `fd` in our turn, and writes it down.
fn on_file(fd: c_int, done: Done, act: impl Fn() -> c_long) -> c_long {
    unless_busy(&act, |recorder| {
        let Some(file) = ours(recorder, fd) else {
            return act();
        };
        let turn = recorder.turn();
        if !turn.look().has(file.st_ino) {
            return act();
        }
        turn.count();
        let place = match done {
            Done::Written(_, Some(place)) => place,
            Done::Written(_, None) => position(fd),
            Done::Cut(length) => u64::try_from(length).unwrap_or_default(),
            Done::Synced => 0,
        };
        let result = act();
        if result < 0 {
            return keeping_errno(result, turn);
        }
        let is_folder = file.st_mode & libc::S_IFMT == libc::S_IFDIR;
        match done {
            Done::Written(bytes, _) => {
                let length = usize::try_from(result).unwrap_or_default();
                // SAFETY: the system has just read this many bytes there.
                let bytes = unsafe { slice::from_raw_parts(bytes.cast::<u8>(), length) };
                turn.append(Kind::Write, file.st_ino, place, bytes);
            }
            Done::Cut(_) => turn.append(Kind::Cut, file.st_ino, place, &[]),
            Done::Synced if is_folder => turn.append(Kind::SyncFolder, file.st_ino, 0, &[]),
            Done::Synced => turn.append(Kind::Sync, file.st_ino, 0, &[]),
        }
        result
    })
}

/// Does `act`, which changes what has the names, and writes down whose last name that was.
fn on_names(names: &[(c_int, *const c_char)], act: impl Fn() -> c_long) -> c_int {
    let result = unless_busy(&act, |recorder| {
        let turn = recorder.turn();
        let tree = turn.look();
        let before: Vec<_> = names
            .iter()
            .filter_map(|(folder, path)| named(*folder, *path))
            .collect();
        if !before.iter().any(|file| tree.has(file.st_ino)) {
            return keeping_errno(act(), turn);
        }
        turn.count();
        let result = act();
        if result < 0 {
            return keeping_errno(result, turn);
        }
        let after = turn.look();
        for file in before {
            if file.st_nlink == 1 && tree.has(file.st_ino) && !after.has(file.st_ino) {
                turn.append(Kind::Gone, file.st_ino, 0, &[]);
            }
        }
        result
    });
    narrow(result)
}

/// Opens, and writes down when that emptied a file.
fn on_open(flags: c_int, act: impl Fn() -> c_long) -> c_int {
    let opened = unless_busy(&act, |recorder| {
        if flags & libc::O_TRUNC == 0 {
            return act();
        }
        let turn = recorder.turn();
        let opened = act();
        let file = c_int::try_from(opened).ok().and_then(|fd| ours(recorder, fd));
        match file {
            Some(file) if turn.look().has(file.st_ino) => turn.append(Kind::Cut, file.st_ino, 0, &[]),
            _ => return keeping_errno(opened, turn),
        }
        opened
    });
    narrow(opened)
}

/// Ends the turn, which must not hide why `act` failed.
fn keeping_errno(result: c_long, turn: Turn<'_>) -> c_long {
    let error = io::Error::last_os_error().raw_os_error().unwrap_or_default();
    drop(turn);
    // SAFETY: libc gives the address of this thread's own `errno`.
    unsafe { *libc::__errno_location() = error };
    result
}

/// The open file, when it is a file or folder that may lie below the recorded one.
fn ours(recorder: &Recorder, fd: c_int) -> Option<libc::stat> {
    let mut found = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: the system fills it in when it says 0.
    let found = unsafe {
        if libc::fstat(fd, found.as_mut_ptr()) != 0 {
            return None;
        }
        found.assume_init()
    };
    let kind = found.st_mode & libc::S_IFMT;
    (found.st_dev == recorder.device() && (kind == libc::S_IFREG || kind == libc::S_IFDIR)).then_some(found)
}

/// What has the name now.
fn named(folder: c_int, path: *const c_char) -> Option<libc::stat> {
    let mut found = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: `path` is what the caller gave as a name; the system fills `found` in when it says 0.
    unsafe {
        let said = libc::fstatat(folder, path, found.as_mut_ptr(), libc::AT_SYMLINK_NOFOLLOW);
        (said == 0).then(|| found.assume_init())
    }
}

/// Where a write without a place goes.
fn position(fd: c_int) -> u64 {
    // SAFETY: both take numbers only.
    let (flags, at) = unsafe {
        let flags = libc::fcntl(fd, libc::F_GETFL);
        let from = if flags & libc::O_APPEND == 0 {
            libc::SEEK_CUR
        } else {
            libc::SEEK_END
        };
        (flags, libc::lseek(fd, 0, from))
    };
    debug_assert!(flags >= 0);
    u64::try_from(at).unwrap_or_default()
}

fn narrow(result: c_long) -> c_int {
    c_int::try_from(result).unwrap_or(-1)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn write(fd: c_int, bytes: *const c_void, length: size_t) -> ssize_t {
    let done = Done::Written(bytes, None);
    on_file(fd, done, || ask!(SYS_write, fd, bytes, length)) as ssize_t
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pwrite(fd: c_int, bytes: *const c_void, length: size_t, at: off_t) -> ssize_t {
    let done = Done::Written(bytes, u64::try_from(at).ok());
    on_file(fd, done, || ask!(SYS_pwrite64, fd, bytes, length, at)) as ssize_t
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pwrite64(fd: c_int, bytes: *const c_void, length: size_t, at: off_t) -> ssize_t {
    // SAFETY: on the systems we know they are one function.
    unsafe { pwrite(fd, bytes, length, at) }
}

#[unsafe(no_mangle)]
extern "C" fn ftruncate(fd: c_int, length: off_t) -> c_int {
    narrow(on_file(fd, Done::Cut(length), || ask!(SYS_ftruncate, fd, length)))
}

#[unsafe(no_mangle)]
extern "C" fn ftruncate64(fd: c_int, length: off_t) -> c_int {
    ftruncate(fd, length)
}

#[unsafe(no_mangle)]
extern "C" fn fsync(fd: c_int) -> c_int {
    narrow(on_file(fd, Done::Synced, || ask!(SYS_fsync, fd)))
}

#[unsafe(no_mangle)]
extern "C" fn fdatasync(fd: c_int) -> c_int {
    narrow(on_file(fd, Done::Synced, || ask!(SYS_fdatasync, fd)))
}

// C's `open` takes the mode only when it makes a file; where it is not given, nobody looks at it.
#[unsafe(no_mangle)]
unsafe extern "C" fn open(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    on_open(flags, || ask!(SYS_openat, libc::AT_FDCWD, path, flags, mode))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn open64(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    on_open(flags, || ask!(SYS_openat, libc::AT_FDCWD, path, flags, mode))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn openat(folder: c_int, path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    on_open(flags, || ask!(SYS_openat, folder, path, flags, mode))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn openat64(folder: c_int, path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    on_open(flags, || ask!(SYS_openat, folder, path, flags, mode))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn unlink(path: *const c_char) -> c_int {
    on_names(&[(libc::AT_FDCWD, path)], || {
        ask!(SYS_unlinkat, libc::AT_FDCWD, path, 0)
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn unlinkat(folder: c_int, path: *const c_char, flags: c_int) -> c_int {
    on_names(&[(folder, path)], || ask!(SYS_unlinkat, folder, path, flags))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn rename(from: *const c_char, to: *const c_char) -> c_int {
    let here = libc::AT_FDCWD;
    let names = [(here, from), (here, to)];
    on_names(&names, || ask!(SYS_renameat2, here, from, here, to, 0))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn renameat(old: c_int, from: *const c_char, new: c_int, to: *const c_char) -> c_int {
    on_names(&[(old, from), (new, to)], || ask!(SYS_renameat2, old, from, new, to, 0))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn renameat2(old: c_int, from: *const c_char, new: c_int, to: *const c_char, flags: c_uint) -> c_int {
    on_names(&[(old, from), (new, to)], || {
        ask!(SYS_renameat2, old, from, new, to, flags)
    })
}
