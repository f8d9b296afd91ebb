//! `cargo xtask demo`: both workspaces built as they are shipped, then the demo with the paths of what was built.

use {
    crate::{
        command::{self, ChoreError},
        layout::Layout,
    },
    std::process::Command,
};

/// Builds and runs.
pub(crate) fn run(layout: &Layout, pass_on: &[String]) -> Result<(), ChoreError> {
    build(layout)?;
    command::run(portreeve_demo(layout).args(pass_on))
}

/// The binaries the demo consists of.
pub(crate) fn build(layout: &Layout) -> Result<(), ChoreError> {
    command::run(&mut layout.cargo(&["build", "--locked", "--bins"]))?;
    command::run(&mut layout.cargo_in_localchain(&["build", "--locked"]))
}

/// `portreeve demo`, told where its companions are.
pub(crate) fn portreeve_demo(layout: &Layout) -> Command {
    let mut demo = Command::new(layout.binaries().join("portreeve"));
    demo.arg("demo")
        .env("PORTREEVE_SIGNER_BIN", layout.binaries().join("portreeve-signer"))
        .env("PORTREEVE_LOCALCHAIN_BIN", layout.localchain());
    demo
}
