//! What the numbers were taken on, asked of the system.

use {
    crate::{result::Machine, stats::median},
    std::{
        fs::{self, File},
        io::Write,
        path::Path,
        process::Command,
        time::Instant,
    },
};

/// How often the disk is asked. Each time costs some milliseconds.
const SYNCS: usize = 200;

/// Looks at the machine, and at the disk under `folder`.
pub(crate) fn look(folder: &Path) -> Machine {
    let load = load();
    Machine {
        cpu: first_line("/proc/cpuinfo", "model name"),
        cores: std::thread::available_parallelism().unwrap().get(),
        kernel: fs::read_to_string("/proc/sys/kernel/osrelease")
            .unwrap()
            .trim()
            .to_owned(),
        file_system: said(Command::new("stat").args(["--file-system", "--format=%T"]).arg(folder)),
        fsync_p50_us: sync_time(folder),
        load: (load, load),
    }
}

/// How many processes wanted a processor in the last minute.
pub(crate) fn load() -> f64 {
    let all = fs::read_to_string("/proc/loadavg").unwrap();
    all.split(' ').next().unwrap().parse().unwrap()
}

/// The commit of the clone; with `+` when files differ from it.
pub(crate) fn commit() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let git = |args: &[&str]| said(Command::new("git").arg("-C").arg(&root).args(args));
    let commit = git(&["rev-parse", "--short=9", "HEAD"]);
    // What was measured before is no part of what is measured.
    let changes = git(&["status", "--porcelain", "--", ".", ":!bench/history"]);
    if changes.is_empty() {
        commit
    } else {
        format!("{commit}+")
    }
}

/// What a program prints, in one line.
fn said(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn first_line(file: &str, name: &str) -> String {
    let text = fs::read_to_string(file).unwrap();
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.split_once(':').map(|(_, value)| value));
    value.unwrap_or("unknown").trim().to_owned()
}

/// Microseconds to append 4 KiB and be sure of it, as a commit does.
fn sync_time(folder: &Path) -> f64 {
    let path = folder.join("sync");
    let mut file = File::create(&path).unwrap();
    let times: Vec<f64> = (0..SYNCS)
        .map(|_| {
            let start = Instant::now();
            file.write_all(&[0; 4096]).unwrap();
            file.sync_data().unwrap();
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    fs::remove_file(path).unwrap();
    median(&times)
}
