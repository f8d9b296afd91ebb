//! A part of this program in a process of its own, so that its memory, its time and its system calls can be told from others'.

use {
    crate::{cost, outside},
    std::{
        env,
        ffi::OsString,
        path::{Path, PathBuf},
        process::Command,
    },
};

const TASK: &str = "HOSTILE_TASK";
const HOME: &str = "HOSTILE_HOME";
/// What the process has to tell stands behind this.
const TOLD: &str = "TOLD ";

/// The command that does a task, to be run by itself or by another program.
pub(crate) fn command(task: &str, home: &Path) -> (Vec<OsString>, Vec<(&'static str, OsString)>) {
    let name = "apart::a_task_is_done_in_a_process_of_its_own";
    let args = ["--exact", name, "--include-ignored", "--nocapture", "--test-threads=1"];
    let words = [env::current_exe().unwrap().into_os_string()].into_iter();
    (
        words.chain(args.into_iter().map(OsString::from)).collect(),
        vec![(TASK, task.into()), (HOME, home.into())],
    )
}

/// Does a task and answers what it told.
pub(crate) fn told(task: &str, home: &Path) -> String {
    let (words, variables) = command(task, home);
    let output = Command::new(&words[0])
        .args(&words[1..])
        .envs(variables)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success(),
        "{text}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let line = text.lines().find_map(|line| line.strip_prefix(TOLD));
    line.unwrap_or_else(|| panic!("nothing was told: {text}")).to_owned()
}

#[test]
#[ignore = "needs HOSTILE_TASK: the other tests start it"]
fn a_task_is_done_in_a_process_of_its_own() {
    let (Some(task), Some(home)) = (env::var_os(TASK), env::var_os(HOME)) else {
        return;
    };
    let home = PathBuf::from(home);
    let told = match task.to_str().unwrap() {
        "read" => cost::read(&home),
        "one by one" => cost::one_by_one(&home),
        "attack" => outside::attack(&home),
        other => panic!("what is {other}?"),
    };
    println!("\n{TOLD}{told}");
}
