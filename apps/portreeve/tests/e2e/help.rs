//! What the help offers is what is tested: a command or flag that no end-to-end test drives has no place there.

use {
    crate::house::House,
    std::{collections::BTreeSet, fs, path::Path},
};

/// Every command that does something, as words, with its long flags.
fn commands(house: &House, path: &[String]) -> Vec<(Vec<String>, BTreeSet<String>)> {
    let mut args: Vec<&str> = path.iter().map(String::as_str).collect();
    args.push("--help");
    let help = house.cli(&args).ok().to_owned();
    let section = |title: &str| -> Vec<String> {
        let lines = help.lines().skip_while(|line| *line != title).skip(1);
        lines
            .take_while(|line| !line.is_empty() || title == "Options:")
            .map(str::to_owned)
            .collect()
    };
    let children = section("Commands:").into_iter().filter_map(|line| {
        let name = line.strip_prefix("  ")?.split_whitespace().next()?.to_owned();
        (name != "help" && !line.starts_with("   ")).then_some(name)
    });
    let children: Vec<String> = children.collect();
    if children.is_empty() {
        let is_flag = |word: &&str| word.starts_with("--") && word.len() > 2;
        let flags = section("Options:")
            .into_iter()
            .filter(|line| line.trim_start().starts_with('-'))
            .filter_map(|line| {
                let flag = line.split([' ', ',', '=']).find(is_flag)?;
                Some(flag.to_owned())
            });
        return vec![(path.to_vec(), flags.collect())];
    }
    let deeper = children
        .into_iter()
        .flat_map(|child| commands(house, &[path, &[child]].concat()));
    deeper.collect()
}

/// The text of all these tests but this one.
fn tests(folder: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            text.push_str(&tests(&path));
        } else if path.file_name().is_some_and(|name| name != "help.rs") {
            text.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
    text
}

#[test]
fn every_command_and_flag_of_the_help_is_driven_by_a_test() {
    let house = House::empty();
    let commands = commands(&house, &[]);
    assert!(commands.len() >= 20, "{commands:?}");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let tests = ["apps/portreeve/tests/e2e", "prove/house/src"].map(|folder| tests(&root.join(folder)));
    let tests = tests.concat();
    // Spread over lines or not, the words stand in this order.
    let squeezed: String = tests.split_whitespace().collect();
    let mut missing = Vec::new();
    for (words, flags) in &commands {
        let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
        if !squeezed.contains(&quoted.join(",")) && !squeezed.contains(&format!("arg({})", quoted.join(","))) {
            missing.push(words.join(" "));
        }
        let undriven = flags
            .iter()
            .filter(|flag| !matches!(flag.as_str(), "--help" | "--version"));
        missing.extend(
            undriven
                .filter(|flag| !tests.contains(&format!("\"{flag}\"")))
                .map(|flag| format!("{} {flag}", words.join(" "))),
        );
    }
    assert!(
        missing.is_empty(),
        "drive these in a test, or take them out:\n{}",
        missing.join("\n")
    );
}

#[test]
fn a_command_line_that_makes_no_sense_ends_with_2() {
    let house = House::empty();
    for args in [
        &["nonsense"][..],
        &[],
        &["tx", "send"],
        &["tx", "show", "agt_01JZ3V5Q8K3M0N2P4R6S8T0V2W"],
        &["agent", "list", "--limit", "101"],
        &[
            "policy",
            "check",
            "agt_01JZ3V5Q8K3M0N2P4R6S8T0V2W",
            "--to",
            "here",
            "--amount",
            "1sol",
        ],
        &["init", "--cluster", "mainnet"],
    ] {
        house.cli(args).fails_with(2);
    }
    assert!(house.cli(&["--version"]).ok().starts_with("portreeve "));
}
