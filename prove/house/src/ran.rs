//! A record of every command line that the tests really run: one JSON array of arguments for each, in the file that
//! `PORTREEVE_RAN` names. What the help offers is held to it when a whole run has ended.

use std::{env, ffi::OsStr, fs::OpenOptions, io::Write, path::Path, process::Command};

/// Notes that `command` is run.
pub(crate) fn note_command(command: &Command) {
    note(command.get_program(), command.get_args());
}

/// Notes that `program` is run with `args`, when it is ours and a record is kept.
pub(crate) fn note<'a>(program: &OsStr, args: impl Iterator<Item = &'a OsStr>) {
    let Some(file) = env::var_os("PORTREEVE_RAN") else {
        return;
    };
    if Path::new(program).file_name() != Some(OsStr::new("portreeve")) {
        return;
    }
    let args: Vec<_> = args.map(OsStr::to_string_lossy).collect();
    let line = format!("{}\n", serde_json::to_string(&args).unwrap());
    // One write of a line at the end: tests in other threads and processes do the same.
    let mut file = OpenOptions::new().append(true).create(true).open(file).unwrap();
    file.write_all(line.as_bytes()).unwrap();
}
