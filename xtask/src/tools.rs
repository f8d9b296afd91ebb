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

/// Finds or installs PostgreSQL and cargo-deny.
pub(crate) fn install(layout: &Layout) -> Result<(), ChoreError> {
    if postgres::binaries().is_none() {
        install_postgres()?;
    }
    if cargo_deny(layout).is_none() {
        let root = layout.tools();
        let mut install = layout.cargo(&["install", "--locked", "cargo-deny", "--root"]);
        command::run(install.arg(&root))?;
    }
    Ok(())
}

/// The program, in the path or where [`install`] puts it.
pub(crate) fn cargo_deny(layout: &Layout) -> Option<PathBuf> {
    let ours = layout.tools().join("bin").join("cargo-deny");
    in_path("cargo-deny").or_else(|| ours.is_file().then_some(ours))
}

fn install_postgres() -> Result<(), ChoreError> {
    let missing = ChoreError::Missing {
        what: "postgresql",
        fix: "install it with: sudo apt-get install -y postgresql",
    };
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
    apt(&["install", "-y", "--no-install-recommends", "postgresql"])?;
    postgres::binaries().map(|_| ()).ok_or(missing)
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
