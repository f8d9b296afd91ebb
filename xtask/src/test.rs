//! `cargo xtask test`: every check there is, cheap ones first.
//!
//! One build serves all tests: it has the kill points compiled in, so that a test can end a process at a named place.
//! The demo runs the binaries as they are shipped, without them.

use {
    crate::{
        command::{self, ChoreError},
        demo,
        flavour::Flavour,
        layout::{Layout, OTHERS},
        postgres::Postgres,
        prove,
        stage::{Stage, Watch},
        tools,
    },
    clap::ValueEnum,
    std::{
        fs,
        path::{Path, PathBuf},
        process::Command,
    },
};

/// The test binary that drives the real programs.
const END_TO_END: &str = "e2e";

/// The test binary that looks at what the others have run.
const DRIVEN: &str = "driven";

/// The test binary that has browsers and foreign clients drive the real programs.
const CLIENTS: &str = "clients";

/// What to run; all of it when nothing is said.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Run this stage alone; can be repeated
    #[arg(long = "stage", value_enum)]
    stages: Vec<Stage>,

    /// Passed on to the tests of `unit`, `localchain`, `e2e` and `clients`: a part of a test's name, or `--nocapture`
    #[arg(last = true)]
    pass_on: Vec<String>,
}

/// Runs the stages and prints minutes per stage.
pub(crate) fn run(layout: &Layout, args: &Args) -> Result<(), ChoreError> {
    let mut watch = Watch::default();
    let outcome = Stage::value_variants()
        .iter()
        .filter(|stage| match args.stages.as_slice() {
            [] => true,
            named => named.contains(stage),
        })
        .try_for_each(|stage| watch.time(*stage, || one(*stage, layout, &args.pass_on)));
    command::say(&format!("\n{}", watch.table()));
    if outcome.is_ok() {
        command::say("all green");
    }
    outcome
}

fn one(stage: Stage, layout: &Layout, pass_on: &[String]) -> Result<(), ChoreError> {
    match stage {
        Stage::Tools => tools::install(layout),
        Stage::Format => {
            command::run(&mut layout.cargo(&["fmt", "--all", "--check"]))?;
            OTHERS
                .into_iter()
                .try_for_each(|other| command::run(&mut layout.cargo_in(other, &["fmt", "--all", "--check"])))
        }
        Stage::Deny => deny(layout),
        Stage::Diagrams => diagrams(layout),
        Stage::Lint => {
            let strict = ["--all-targets", "--locked", "--", "-D", "warnings"];
            command::run(layout.cargo(&["clippy", "--workspace"]).args(strict))?;
            // What nothing else turns on.
            let fixtures = [
                "--package",
                "portreeve",
                "--bin",
                "portreeve",
                "--features",
                "conformance",
            ];
            let strict_for_one = ["--locked", "--", "-D", "warnings"];
            command::run(layout.cargo(&["clippy"]).args(fixtures).args(strict_for_one))?;
            OTHERS
                .into_iter()
                .try_for_each(|other| command::run(layout.cargo_in(other, &["clippy"]).args(strict)))
        }
        Stage::Build => build(layout),
        Stage::Unit => unit(layout, pass_on),
        Stage::Localchain => {
            let mut test = layout.cargo_in_localchain(&["test", "--locked", "--", "--include-ignored"]);
            command::run(test.args(pass_on))
        }
        Stage::E2e => {
            let postgres = Postgres::start()?;
            let mut test = kill_points(layout, &["test", "--locked", "--workspace", "--test", END_TO_END])?;
            test.args(["--", "--include-ignored"]).args(pass_on);
            test.env("TEST_POSTGRES_URL", postgres.url());
            let record = tempfile::NamedTempFile::new().map_err(ChoreError::Output)?;
            test.env("PORTREEVE_RAN", record.path());
            test.env("PORTREEVE_PEERS", tools::peers(layout)?);
            command::run(with_companions(&mut test, layout, Flavour::KillPoints))?;
            // What a part of the tests has run says nothing about the rest.
            if !pass_on.is_empty() {
                return Ok(());
            }
            let mut look = kill_points(
                layout,
                &["test", "--locked", "--package", "portreeve", "--test", DRIVEN],
            )?;
            look.args(["--", "--include-ignored"])
                .env("PORTREEVE_RAN", record.path());
            command::run(&mut look)
        }
        Stage::Clients => {
            command::run(&mut conformance(layout, &["build", "--locked", "--bin", "portreeve"])?)?;
            let mut test = kill_points(
                layout,
                &["test", "--locked", "--package", "portreeve", "--test", CLIENTS],
            )?;
            test.args(["--", "--include-ignored"]).args(pass_on);
            test.env("PORTREEVE_CLIENTS", tools::clients(layout));
            test.env("PORTREEVE_DIAGRAMS", tools::diagram_script(layout)?);
            let conformance = layout.binaries_of(Flavour::Conformance).join("portreeve");
            test.env("PORTREEVE_CONFORMANCE_BIN", conformance);
            command::run(with_companions(&mut test, layout, Flavour::KillPoints))
        }
        Stage::Prove => prove::all(layout),
        Stage::Demo => {
            demo::build(layout)?;
            command::run(&mut demo::portreeve_demo(layout))
        }
    }
}

/// Builds what tests and proofs need: the local chain, and everything of ours with kill points.
pub(crate) fn build(layout: &Layout) -> Result<(), ChoreError> {
    command::run(&mut layout.cargo_in_localchain(&["build", "--locked"]))?;
    command::run(&mut kill_points(
        layout,
        &["build", "--locked", "--workspace", "--all-targets"],
    )?)
}

fn deny(layout: &Layout) -> Result<(), ChoreError> {
    let program = tools::cargo_deny(layout).ok_or(ChoreError::Missing {
        what: "cargo-deny",
        fix: "run: cargo xtask test --stage tools",
    })?;
    for workspace in ["."].into_iter().chain(OTHERS) {
        let mut check = Command::new(&program);
        check.args(["--locked", "check"]);
        command::run(
            check
                .args(["--hide-inclusion-graph", "licenses", "bans", "sources"])
                .current_dir(layout.root().join(workspace)),
        )?;
    }
    Ok(())
}

fn diagrams(layout: &Layout) -> Result<(), ChoreError> {
    command::run(tools::diagram_parser(layout)?.args(pages(layout.root())?))
}

/// Every Markdown file below `root` that git knows, and those that are about to be added: whatever git is not told to ignore.
fn pages(root: &Path) -> Result<Vec<PathBuf>, ChoreError> {
    let mut list = Command::new("git");
    list.args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
        "--",
        "*.md",
    ]);
    let known = command::output(list.current_dir(root))?;
    let known = known
        .split('\0')
        .filter(|path| !path.is_empty())
        .map(|path| root.join(path));
    // One that was deleted is known until that is committed.
    Ok(known.filter(|path| path.is_file()).collect())
}

fn unit(layout: &Layout, pass_on: &[String]) -> Result<(), ChoreError> {
    let postgres = Postgres::start()?;
    let url = postgres.url();
    let mut test = kill_points(layout, &["test", "--locked", "--workspace", "--lib", "--bins"])?;
    for name in integration_tests(layout.root())? {
        test.args(["--test", &name]);
    }
    test.args(["--", "--include-ignored"])
        .args(pass_on)
        .env("TEST_POSTGRES_URL", &url);
    command::run(with_companions(&mut test, layout, Flavour::KillPoints))?;
    if !pass_on.is_empty() {
        return Ok(());
    }
    command::run(&mut kill_points(layout, &["test", "--locked", "--workspace", "--doc"])?)
}

/// Cargo for what has the fixtures of the conformance suite.
fn conformance(layout: &Layout, args: &[&str]) -> Result<Command, ChoreError> {
    let mut cargo = layout.cargo_of(Flavour::Conformance, args)?;
    cargo.args(["--package", "portreeve", "--features", "conformance"]);
    Ok(cargo)
}

fn kill_points(layout: &Layout, args: &[&str]) -> Result<Command, ChoreError> {
    layout.cargo_of(Flavour::KillPoints, args)
}

/// Tells a test or proof where the programs of its build are.
pub(crate) fn with_companions<'a>(test: &'a mut Command, layout: &Layout, flavour: Flavour) -> &'a mut Command {
    let programs = layout.binaries_of(flavour);
    test.env("PORTREEVE_BIN", programs.join("portreeve"))
        .env("PORTREEVE_SIGNER_BIN", programs.join("portreeve-signer"))
        .env("PORTREEVE_LOCALCHAIN_BIN", layout.localchain())
}

/// Every integration test of the workspace but those with a stage of their own, by name, each once.
fn integration_tests(root: &Path) -> Result<Vec<String>, ChoreError> {
    let mut packages = vec![root.join("xtask")];
    for floor in ["domain", "shared", "services", "apps", "prove"] {
        packages.extend(entries(&root.join(floor))?);
    }
    let mut names = Vec::new();
    for tests in packages.iter().map(|package| package.join("tests")) {
        if tests.is_dir() {
            names.extend(entries(&tests)?.iter().filter_map(|path| test_name(path)));
        }
    }
    names.retain(|name| ![END_TO_END, DRIVEN, CLIENTS].contains(&name.as_str()));
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

/// Cargo makes a test of every `tests/name.rs` and `tests/name/main.rs`.
fn test_name(path: &Path) -> Option<String> {
    let is_test = path.extension().is_some_and(|ending| ending == "rs") || path.join("main.rs").is_file();
    let name = path.file_stem()?.to_str()?;
    is_test.then(|| name.to_owned())
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, ChoreError> {
    let fail = |cause| ChoreError::File {
        path: folder.to_owned(),
        cause,
    };
    fs::read_dir(folder)
        .map_err(fail)?
        .map(|entry| entry.map(|found| found.path()).map_err(fail))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_that_git_knows_is_looked_at_for_diagrams_wherever_it_lies() {
        let folder = tempfile::tempdir().unwrap();
        let git = |args: &[&str]| {
            let mut git = Command::new("git");
            assert!(git.args(args).current_dir(folder.path()).status().unwrap().success());
        };
        git(&["init", "--quiet"]);
        for path in [
            "CHANGELOG.md",
            "bench/history/NOTES.md",
            "docs/a/b.md",
            "new.md",
            "target/made.md",
            "bench/x.rs",
        ] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        fs::write(folder.path().join("gone.md"), "").unwrap();
        fs::write(folder.path().join(".gitignore"), "/target/\n").unwrap();
        git(&["add", "CHANGELOG.md", "bench", "docs", "gone.md"]);
        fs::remove_file(folder.path().join("gone.md")).unwrap();
        let mut found = pages(folder.path()).unwrap();
        found.sort();
        let expected = ["CHANGELOG.md", "bench/history/NOTES.md", "docs/a/b.md", "new.md"];
        assert_eq!(found, expected.map(|path| folder.path().join(path)));
    }

    #[test]
    fn the_integration_tests_are_found_and_those_with_a_stage_of_their_own_left_to_it() {
        let folder = tempfile::tempdir().unwrap();
        for floor in ["domain", "shared", "services", "apps", "prove"] {
            fs::create_dir(folder.path().join(floor)).unwrap();
        }
        for path in [
            "apps/a/tests/e2e",
            "apps/a/tests/clients",
            "apps/a/tests/fixtures",
            "shared/s/tests",
            "shared/t/src",
            "prove/p/tests",
            "xtask/tests",
        ] {
            fs::create_dir_all(folder.path().join(path)).unwrap();
        }
        for path in [
            "apps/a/tests/e2e/main.rs",
            "apps/a/tests/clients/main.rs",
            "apps/a/tests/architecture.rs",
            "shared/s/tests/contract.rs",
            "prove/p/tests/proof.rs",
            "xtask/tests/chore.rs",
        ] {
            fs::write(folder.path().join(path), "").unwrap();
        }
        assert_eq!(
            integration_tests(folder.path()).unwrap(),
            ["architecture", "chore", "contract", "proof"]
        );
    }
}
