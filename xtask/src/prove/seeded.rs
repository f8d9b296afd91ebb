//! The proofs, proven: bugs are put in one by one, and each has to be found.
//!
//! A proof says with its exit code what it found: 0 for nothing, 1 for a broken promise. Anything else is no finding,
//! and neither is one that comes too late.

use {
    super::Proof,
    crate::{
        command::{self, ChoreError},
        flavour::{Bug, Flavour},
        layout::Layout,
        test,
    },
    std::{
        fs::{self, File},
        path::Path,
        process::{Command, Stdio},
        thread,
        time::Duration,
    },
};

/// How long a proof may take to find a bug.
const SOON: Duration = Duration::from_secs(60);

/// How often one looks whether it has.
const LOOK: Duration = Duration::from_millis(100);

/// What a proof exits with when a promise is broken.
const BROKEN: i32 = 1;

/// What became of one bug.
struct Finding {
    bug: Bug,
    proof: Proof,
    took: Duration,
    /// What the proof said of it; `None` when it found nothing.
    said: Option<String>,
}

/// Builds with each bug, runs the proof that has to find it, and prints what was found.
pub(crate) fn run(layout: &Layout) -> Result<(), ChoreError> {
    command::run(&mut layout.cargo_in_localchain(&["build", "--locked"]))?;
    let findings: Vec<Finding> = Bug::ALL
        .into_iter()
        .map(|bug| find(layout, bug))
        .collect::<Result<_, _>>()?;
    command::say(&format!("\n{}", table(&findings)));
    let missed: Vec<&str> = findings
        .iter()
        .filter(|finding| finding.said.is_none())
        .map(|finding| finding.bug.name())
        .collect();
    if missed.is_empty() {
        Ok(())
    } else {
        Err(ChoreError::Missed(missed.join(", ")))
    }
}

/// Who has to find it, told how far to look.
const fn finder(bug: Bug) -> (Proof, &'static [&'static str]) {
    match bug {
        Bug::CheckThenAct | Bug::SignBeforeReserve | Bug::ReleaseOnTimeout | Bug::FastReleaseClock => {
            (Proof::Sim, &["--seeds", "1000000"])
        }
        Bug::SynchronousOff => (Proof::Power, &["--cuts", "1000"]),
    }
}

/// What has to be said of it. A proof that fails for any other reason has not found the bug.
const fn words(bug: Bug) -> &'static str {
    match bug {
        // More counts than the limit allows.
        Bug::CheckThenAct | Bug::FastReleaseClock => "the limit is",
        Bug::SignBeforeReserve => "without a signature in the journal",
        Bug::ReleaseOnTimeout => "came back although it has been paid",
        // What is lost differs from cut to cut.
        Bug::SynchronousOff => "broken: cut",
    }
}

fn find(layout: &Layout, bug: Bug) -> Result<Finding, ChoreError> {
    let (proof, arguments) = finder(bug);
    let flavour = Flavour::Seeded(bug);
    let mut build = layout.cargo_of(flavour, &["build", "--locked"])?;
    build.args(proof.packages().iter().flat_map(|package| ["--package", package]));
    command::run(&mut build)?;

    let file = |cause| ChoreError::File {
        path: layout.root().to_owned(),
        cause,
    };
    let folder = tempfile::tempdir().map_err(file)?;
    let log = folder.path().join("log");
    let output = File::create(&log).map_err(file)?;
    let mut command = Command::new(layout.binaries_of(flavour).join(proof.program()));
    // What it leaves behind goes with the folder.
    command.args(arguments).stdin(Stdio::null()).current_dir(folder.path());
    command.stdout(output.try_clone().map_err(file)?).stderr(output);
    test::with_companions(&mut command, layout, flavour);
    let (took, code) = run_for(&mut command)?;
    Ok(Finding {
        bug,
        proof,
        took,
        said: (code == Some(BROKEN))
            .then(|| last_words(&log))
            .filter(|said| said.contains(words(bug))),
    })
}

/// How long it ran, and its exit code if it ended in time.
fn run_for(command: &mut Command) -> Result<(Duration, Option<i32>), ChoreError> {
    let shown = command::shown(command);
    command::say(&format!("$ {shown}"));
    let mut child = command
        .spawn()
        .map_err(|cause| ChoreError::Start { command: shown, cause })?;
    let mut took = Duration::ZERO;
    while took < SOON {
        if let Ok(Some(status)) = child.try_wait() {
            return Ok((took, status.code()));
        }
        thread::sleep(LOOK);
        took = took.saturating_add(LOOK);
    }
    // Programs that it started end with it.
    let _ = child.kill();
    let _ = child.wait();
    Ok((took, None))
}

/// The first line that says what is broken, or else the last one, as far as it fits.
fn last_words(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let line = lines.clone().find(|line| line.to_lowercase().contains("broken: "));
    line.or_else(|| lines.next_back())
        .unwrap_or_default()
        .chars()
        .take(160)
        .collect()
}

/// One line per bug.
fn table(findings: &[Finding]) -> String {
    let line = |finding: &Finding| {
        let (bug, proof, took) = (finding.bug.name(), finding.proof.program(), finding.took.as_secs_f64());
        match &finding.said {
            Some(said) => format!("{bug:<22}found by {proof} in {took:>4.1} s: {said}"),
            None => format!("{bug:<22}NOT FOUND by {proof} in {took:.1} s"),
        }
    };
    findings.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends_with(script: &str) -> Option<i32> {
        run_for(Command::new("sh").args(["-c", script])).unwrap().1
    }

    #[test]
    fn an_exit_code_is_told_from_another() {
        assert_eq!(ends_with("exit 1"), Some(BROKEN));
        assert_eq!(ends_with("exit 0"), Some(0));
        assert_eq!(ends_with("kill -9 $$"), None);
    }

    #[test]
    fn what_was_missed_stands_out_in_the_table() {
        let finding = |bug, said: Option<&str>| Finding {
            bug,
            proof: Proof::Sim,
            took: Duration::from_millis(1500),
            said: said.map(str::to_owned),
        };
        let findings = [
            finding(Bug::CheckThenAct, Some("seed 7")),
            finding(Bug::SynchronousOff, None),
        ];
        assert_eq!(
            table(&findings),
            "check_then_act        found by portreeve-sim in  1.5 s: seed 7\n\
             synchronous_off       NOT FOUND by portreeve-sim in 1.5 s"
        );
    }

    #[test]
    fn the_line_that_says_what_is_broken_is_told_or_else_the_last() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        for (text, told) in [
            ("one\n BROKEN: two\nthree\n", "BROKEN: two"),
            ("one\ntwo\n\n", "two"),
            ("", ""),
        ] {
            fs::write(&log, text).unwrap();
            assert_eq!(last_words(&log), told);
        }
    }
}
