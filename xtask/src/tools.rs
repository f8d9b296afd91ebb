//! What the tests need beyond Rust's own toolchain: found, or installed when that can be done unasked.

use {
    crate::{
        command::{self, ChoreError},
        layout::Layout,
        postgres,
    },
    std::{
        env, fs,
        path::{Path, PathBuf},
        process::Command,
    },
};

/// What npm is told to install, from the clone's root.
const CLIENTS: &str = "apps/portreeve/tests/clients";

/// Finds or installs PostgreSQL, cargo-deny, Chromium, and what npm provides for the tests with foreign clients.
pub(crate) fn install(layout: &Layout) -> Result<(), ChoreError> {
    if postgres::binaries().is_none() {
        let missing = ChoreError::Missing {
            what: "postgresql",
            fix: "install it with: sudo apt-get install -y postgresql",
        };
        debian("postgresql", missing, || postgres::binaries().is_some())?;
    }
    if cargo_deny(layout).is_none() {
        let root = layout.tools();
        let mut install = layout.cargo(&["install", "--locked", "cargo-deny", "--root"]);
        command::run(install.arg(&root))?;
    }
    if in_path("chromium").is_none() {
        let missing = ChoreError::Missing {
            what: "chromium",
            fix: "install it with: sudo apt-get install -y chromium",
        };
        debian("chromium", missing, || in_path("chromium").is_some())?;
    }
    npm(layout)
}

/// Where [`install`] puts what npm provides.
pub(crate) fn clients(layout: &Layout) -> PathBuf {
    layout.tools().join("clients")
}

/// Installs exactly what the lock file says, outside of the sources, and not twice.
fn npm(layout: &Layout) -> Result<(), ChoreError> {
    let (from, to) = (layout.root().join(CLIENTS), clients(layout));
    let fail = |path: &Path| {
        let path = path.to_owned();
        move |cause| ChoreError::File { path, cause }
    };
    let lock = from.join("package-lock.json");
    let wanted = fs::read(&lock).map_err(fail(&lock))?;
    // Written last, so that what was cut off is done again.
    let done = to.join("installed.json");
    if fs::read(&done).is_ok_and(|there| there == wanted) {
        return Ok(());
    }
    if in_path("npm").is_none() {
        return Err(ChoreError::Missing {
            what: "npm",
            fix: "install it with: sudo apt-get install -y npm",
        });
    }
    fs::create_dir_all(&to).map_err(fail(&to))?;
    for name in ["package.json", "package-lock.json"] {
        let there = to.join(name);
        fs::copy(from.join(name), &there).map_err(fail(&there))?;
    }
    let mut install = Command::new("npm");
    install.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
    command::run(install.current_dir(&to))?;
    fs::write(&done, wanted).map_err(fail(&done))
}

/// The program, in the path or where [`install`] puts it.
pub(crate) fn cargo_deny(layout: &Layout) -> Option<PathBuf> {
    let ours = layout.tools().join("bin").join("cargo-deny");
    in_path("cargo-deny").or_else(|| ours.is_file().then_some(ours))
}

/// Installs a package, when that can be done unasked and is enough.
fn debian(package: &str, missing: ChoreError, is_there: impl FnOnce() -> bool) -> Result<(), ChoreError> {
    if !is_root() || in_path("apt-get").is_none() {
        return Err(missing);
    }
    let apt = |args: &[&str]| {
        command::run(
            Command::new("apt-get")
                .args(args)
                .env("DEBIAN_FRONTEND", "noninteractive"),
        )
    };
    apt(&["update"])?;
    apt(&["install", "-y", "--no-install-recommends", package])?;
    if is_there() { Ok(()) } else { Err(missing) }
}

/// True when we may install Debian packages, and must not run a database server.
pub(crate) fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

fn in_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|candidate| Path::is_file(candidate))
}
