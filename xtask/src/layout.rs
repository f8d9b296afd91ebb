//! Where things are: the clone, and one place for build products with a folder for each workspace and flavour, so that
//! no build throws another's products away.

use {
    crate::{command::ChoreError, flavour::Flavour},
    std::{
        env,
        ffi::OsString,
        path::{Path, PathBuf},
        process::Command,
    },
};

/// Workspaces beside the main one, each with dependencies that must not meet those of the product.
pub(crate) const OTHERS: [&str; 3] = ["localchain", "bench/cedar", "fuzz"];

/// The clone and its build products.
#[derive(Debug)]
pub(crate) struct Layout {
    root: PathBuf,
    target: PathBuf,
}

impl Layout {
    /// # Errors
    /// When a relative `CARGO_TARGET_DIR` cannot be made absolute.
    pub(crate) fn find() -> Result<Self, ChoreError> {
        // The manifest of this crate is `<root>/xtask/Cargo.toml`.
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = here.parent().unwrap_or(here).to_owned();
        let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        let target = std::path::absolute(&target).map_err(|cause| ChoreError::File { path: target, cause })?;
        Ok(Self { root, target })
    }

    /// The clone.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Tools that the tests need and that we installed ourselves.
    pub(crate) fn tools(&self) -> PathBuf {
        self.target.join("tools")
    }

    /// `portreeve` and `portreeve-signer`, as shipped.
    pub(crate) fn binaries(&self) -> PathBuf {
        self.target.join("debug")
    }

    /// What was built to be fast, assertions and all.
    pub(crate) fn fast_binaries(&self) -> PathBuf {
        self.target.join("prove")
    }

    /// The same, optimised, as whoever runs them for good builds them.
    pub(crate) fn release_binaries(&self) -> PathBuf {
        self.target.join("release")
    }

    /// The same programs in another flavour.
    pub(crate) fn binaries_of(&self, flavour: Flavour) -> PathBuf {
        self.target.join(flavour.name()).join("debug")
    }

    /// The local chain's binary.
    pub(crate) fn localchain(&self) -> PathBuf {
        self.target
            .join("localchain")
            .join("debug")
            .join("portreeve-localchain")
    }

    /// Cargo in the main workspace.
    pub(crate) fn cargo(&self, args: &[&str]) -> Command {
        cargo(args, &self.root, &self.target)
    }

    /// Cargo in the main workspace, with our crates in another flavour. What is built on the way there is shared; the
    /// programs are not.
    pub(crate) fn cargo_of(&self, flavour: Flavour, args: &[&str]) -> Result<Command, ChoreError> {
        let wrapper = flavour.wrapper(&self.target.join("flavours"))?;
        let mut command = cargo(args, &self.root, &self.target.join(flavour.name()));
        command
            .env("CARGO_BUILD_BUILD_DIR", &self.target)
            .env("RUSTC_WORKSPACE_WRAPPER", wrapper);
        Ok(command)
    }

    /// Cargo in the local chain's own workspace.
    pub(crate) fn cargo_in_localchain(&self, args: &[&str]) -> Command {
        self.cargo_in("localchain", args)
    }

    /// Cargo in one of the [`OTHERS`].
    pub(crate) fn cargo_in(&self, workspace: &str, args: &[&str]) -> Command {
        cargo(args, &self.root.join(workspace), &self.target.join(workspace))
    }

    /// Cedar, put to the question that our policies are measured with.
    pub(crate) fn cedar(&self) -> PathBuf {
        self.target.join("bench/cedar/release/portreeve-bench-cedar")
    }
}

fn cargo(args: &[&str], directory: &Path, target: &Path) -> Command {
    // Cargo tells the programs it runs which cargo it is, so that the toolchain stays the same.
    let program = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(program);
    command
        .args(args)
        .current_dir(directory)
        .env("CARGO_TARGET_DIR", target);
    command
}
