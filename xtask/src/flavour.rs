//! Builds that differ from the shipped one by a `cfg`: with kill points, or with a bug put in on purpose. One differs by a
//! feature besides.
//!
//! The `cfg` reaches our own crates alone, through a wrapper around the compiler that cargo calls for the members of
//! the workspace (`RUSTC_WORKSPACE_WRAPPER`). Cargo tells builds apart by the wrapper's path, so that every flavour
//! shares the dependencies, and only our crates are built again. The programs of a flavour lie in a folder of its own:
//! no test can run against another flavour's. (A library that is loaded at run time has one file for all flavours, so its
//! crate must not look at their `cfg`; the recorder of `prove` does not.)
//!
//! The wrapper is this program under the flavour's name. (A shell would be shorter, but some drop the variables whose
//! names are not theirs, such as `CARGO_BIN_EXE_portreeve-signer`.)

use {
    crate::command::{self, ChoreError},
    std::{
        env,
        ffi::OsString,
        fs, io,
        os::unix::{fs::symlink, process::CommandExt},
        path::{Path, PathBuf},
        process::Command,
    },
};

/// What a build has that the shipped one has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flavour {
    /// `kernel::kill::point` ends the process when it is told to.
    KillPoints,
    /// The same, with a bug.
    Seeded(Bug),
    /// The same as with kill points, and the fixtures of the official conformance suite of MCP. Those are a feature of
    /// `portreeve`, so that all crates that do not know it are shared.
    Conformance,
}

/// A bug that is put in to see the proofs find it. `cfg(seeded_bug)` marks its place in the sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bug {
    /// The limit is held against what was paid, not against what was allowed: two may pass before either is paid.
    CheckThenAct,
    /// The signer's journal holds a signature only after it has left.
    SignBeforeReserve,
    /// A payment's budget comes back because it takes long.
    ReleaseOnTimeout,
    /// Budget returns by the clock that is furthest ahead.
    FastReleaseClock,
    /// The database does not wait for the disk.
    SynchronousOff,
}

impl Bug {
    pub(crate) const ALL: [Self; 5] = [
        Self::CheckThenAct,
        Self::SignBeforeReserve,
        Self::ReleaseOnTimeout,
        Self::FastReleaseClock,
        Self::SynchronousOff,
    ];

    /// The value of `cfg(seeded_bug)`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::CheckThenAct => "check_then_act",
            Self::SignBeforeReserve => "sign_before_reserve",
            Self::ReleaseOnTimeout => "release_on_timeout",
            Self::FastReleaseClock => "fast_release_clock",
            Self::SynchronousOff => "synchronous_off",
        }
    }
}

impl Flavour {
    fn all() -> impl Iterator<Item = Self> {
        std::iter::once(Self::KillPoints).chain(Bug::ALL.into_iter().map(Self::Seeded))
    }

    /// The folder of its programs, and the name of its wrapper when it has one of its own.
    pub(crate) fn name(self) -> String {
        match self {
            Self::KillPoints => "kill-points".to_owned(),
            Self::Seeded(bug) => bug.name().replace('_', "-"),
            Self::Conformance => "conformance".to_owned(),
        }
    }

    /// What the compiler is told.
    fn cfgs(self) -> Vec<String> {
        match self {
            Self::KillPoints | Self::Conformance => vec!["kill_points".to_owned()],
            Self::Seeded(bug) => vec!["kill_points".to_owned(), format!("seeded_bug=\"{}\"", bug.name())],
        }
    }

    /// The flavour that this program was started as a compiler for.
    fn called() -> Option<Self> {
        let called = PathBuf::from(env::args_os().next()?);
        Self::all().find(|flavour| called.file_name() == Some(OsString::from(flavour.name()).as_os_str()))
    }

    /// The compiler that cargo is to call, which is this program, in `folder`.
    pub(crate) fn wrapper(self, folder: &Path) -> Result<PathBuf, ChoreError> {
        if self == Self::Conformance {
            return Self::KillPoints.wrapper(folder);
        }
        let path = folder.join(self.name());
        let fail = |cause| ChoreError::File {
            path: path.clone(),
            cause,
        };
        let us = env::current_exe().map_err(fail)?;
        if fs::read_link(&path).is_ok_and(|there| there == us) {
            return Ok(path);
        }
        fs::create_dir_all(folder).map_err(fail)?;
        // Another cargo may be about to call it: there is always one under its name.
        let half = folder.join(format!("{}.{}", self.name(), std::process::id()));
        symlink(us, &half)
            .and_then(|()| fs::rename(&half, &path))
            .map_err(fail)?;
        Ok(path)
    }
}

/// Becomes the compiler when cargo started this program as one, and returns only when it did not, or when there is no
/// compiler.
pub(crate) fn compile_if_called() -> Result<(), ChoreError> {
    let Some(flavour) = Flavour::called() else {
        return Ok(());
    };
    let mut words = env::args_os().skip(1);
    let mut rustc = Command::new(words.next().unwrap_or_default());
    rustc.args(words);
    for cfg in flavour.cfgs() {
        rustc.arg("--cfg").arg(cfg);
    }
    let cause: io::Error = rustc.exec();
    Err(ChoreError::Start {
        command: command::shown(&rustc),
        cause,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_build_with_fixtures_shares_what_does_not_know_them() {
        let folder = tempfile::tempdir().unwrap();
        let [own, shared] = [Flavour::Conformance, Flavour::KillPoints]
            .map(|flavour| (flavour.name(), flavour.wrapper(folder.path()).unwrap()));
        assert_eq!(own.1, shared.1, "cargo tells builds apart by it");
        assert_ne!(own.0, shared.0, "no test runs against another's programs");
    }

    #[test]
    fn a_wrapper_is_made_once_and_leads_to_this_program_even_when_it_led_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        let there = folder.path().join("a folder");
        fs::create_dir(&there).unwrap();
        symlink("/nowhere", there.join("kill-points")).unwrap();
        for _ in 0..2 {
            let wrapper = Flavour::KillPoints.wrapper(&there).unwrap();
            assert_eq!(fs::read_link(wrapper).unwrap(), env::current_exe().unwrap());
            assert_eq!(fs::read_dir(&there).unwrap().count(), 1, "and nothing lies around");
        }
    }
}
