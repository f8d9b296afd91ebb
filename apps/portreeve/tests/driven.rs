//! What the help offers is what is tested: each command with each of its flags has been run by an end-to-end test, with
//! that very command. Looked at when all of them have run, in the record of what they ran.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that fails may panic"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    process::Command,
};

/// Flags by command.
type Flags = BTreeMap<Vec<String>, BTreeSet<String>>;

fn help(words: &[String]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_portreeve"))
        .args(words)
        .arg("--help")
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// Every command that does something, with its long flags.
fn offered(words: &[String], found: &mut Flags) {
    let help = help(words);
    let section = |title: &'static str| {
        let lines = help.lines().skip_while(move |line| *line != title).skip(1);
        lines.take_while(move |line| !line.is_empty() || title == "Options:")
    };
    let commands = section("Commands:").filter_map(|line| {
        let name = line.strip_prefix("  ").filter(|rest| !rest.starts_with(' '))?;
        name.split_whitespace().next().filter(|name| *name != "help")
    });
    let commands: Vec<String> = commands.map(str::to_owned).collect();
    if commands.is_empty() {
        let flags = section("Options:")
            .filter(|line| line.trim_start().starts_with('-'))
            .filter_map(|line| line.split([' ', ',', '=', '[']).find(|word| word.starts_with("--")))
            .filter(|flag| !matches!(*flag, "--help" | "--version"));
        found.insert(words.to_vec(), flags.map(str::to_owned).collect());
    }
    for command in commands {
        offered(&[words, &[command]].concat(), found);
    }
}

/// The command that a line runs, and the flags it gives it. `None` when it runs none.
fn ran(line: &[String], offered: &Flags) -> Option<(Vec<String>, BTreeSet<String>)> {
    // Flags may stand before and between the words of a command; what takes a value does not look like one of them.
    let commands: BTreeSet<&String> = offered.keys().flatten().collect();
    let words: Vec<String> = line.iter().filter(|arg| commands.contains(arg)).cloned().collect();
    let command = (1..=words.len())
        .rev()
        .map(|count| words[..count].to_vec())
        .find(|start| offered.contains_key(start))?;
    let flags = line.iter().filter(|arg| arg.starts_with("--"));
    let flags = flags.map(|flag| flag.split('=').next().unwrap_or_default().to_owned());
    Some((command, flags.collect()))
}

#[test]
#[ignore = "needs PORTREEVE_RAN, the record of a whole run of the end-to-end tests; cargo xtask test --stage e2e makes it"]
fn every_command_has_been_run_with_each_of_its_flags() {
    let mut offer = Flags::new();
    offered(&[], &mut offer);
    assert!(offer.len() >= 20, "{offer:?}");
    let record = fs::read_to_string(env::var_os("PORTREEVE_RAN").unwrap()).unwrap();
    let mut seen = Flags::new();
    for line in record.lines() {
        let line: Vec<String> = serde_json::from_str(line).unwrap();
        if let Some((command, flags)) = ran(&line, &offer) {
            seen.entry(command).or_default().extend(flags);
        }
    }
    let mut missing = Vec::new();
    for (command, flags) in &offer {
        match seen.get(command) {
            None => missing.push(command.join(" ")),
            Some(given) => missing.extend(
                flags
                    .difference(given)
                    .map(|flag| format!("{} {flag}", command.join(" "))),
            ),
        }
    }
    assert!(
        missing.is_empty(),
        "drive these in an end-to-end test, or take them out:\n{}",
        missing.join("\n")
    );
}

#[test]
fn a_flag_counts_for_the_command_that_was_run_with_it_and_for_no_other() {
    let words = |text: &str| -> Vec<String> { text.split_whitespace().map(str::to_owned).collect() };
    let flags = |text: &str| -> BTreeSet<String> { words(text).into_iter().collect() };
    let offer: Flags = [
        (words("tx list"), flags("--limit --json")),
        (words("agent list"), flags("--limit --json")),
        (words("serve"), flags("--listen")),
    ]
    .into();
    let (command, given) = ran(&words("--home /x tx list --limit=5 agt_1"), &offer).unwrap();
    assert_eq!((command, given), (words("tx list"), flags("--home --limit")));
    assert_eq!(ran(&words("serve"), &offer), Some((words("serve"), BTreeSet::new())));
    assert_eq!(ran(&words("--help"), &offer), None);
}
