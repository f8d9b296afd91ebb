//! The help, and command lines that make no sense. That each command is run with each of its flags is looked at when all
//! tests have run: `tests/driven.rs`.

use {crate::house::House, serde_json::Value};

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
        &["tx", "list", "agt_01JZ3V5Q8K3M0N2P4R6S8T0V2W", "--watch=0"],
    ] {
        house.cli(args).fails_with(2);
    }
    assert!(house.cli(&["--version"]).ok().starts_with("portreeve "));
}

#[test]
fn what_makes_no_sense_is_told_in_json_when_json_is_asked_for() {
    let house = House::empty();
    let error = house
        .cli(&["tx", "send", "--json", "--to", "here", "--amount", "1sol"])
        .fails_with(2)
        .to_owned();
    let told: Value = serde_json::from_str(&error).unwrap();
    assert_eq!(told["param"], "--to");
    assert!(
        told["detail"].as_str().unwrap().contains("is not a Solana address"),
        "{told}"
    );
}

#[test]
fn bash_completes_commands_flags_and_words() {
    let house = House::empty();
    let script = house.cli(&["completions", "bash"]).ok().to_owned();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), script).unwrap();
    let complete = |line: &str| -> Vec<String> {
        // As bash does when Tab is pressed at the end of the line.
        let ask = "source \"$1\"; complete -p portreeve >/dev/null || exit 9; read -ra COMP_WORDS <<<\"$2\"; \
                   [[ $2 == *' ' ]] && COMP_WORDS+=(''); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMP_LINE=$2; \
                   COMP_POINT=${#2}; _portreeve portreeve \"${COMP_WORDS[COMP_CWORD]}\" \
                   \"${COMP_WORDS[COMP_CWORD - 1]}\"; printf '%s\\n' \"${COMPREPLY[@]}\"";
        let mut bash = std::process::Command::new("bash");
        bash.args(["--norc", "--noprofile", "-c", ask, "bash"])
            .arg(file.path())
            .arg(line);
        let output = bash.output().unwrap();
        assert!(
            output.status.success(),
            "{line}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines()
            .map(|word| word.trim().to_owned())
            .filter(|word| !word.is_empty())
            .collect()
    };
    assert_eq!(complete("portreeve ag"), ["agent"]);
    assert_eq!(complete("portreeve agent su"), ["suspend"]);
    assert_eq!(complete("portreeve tx send --idem"), ["--idempotency-key"]);
    assert_eq!(complete("portreeve reference set"), ["settings"]);
    assert_eq!(complete("portreeve vault se"), ["search"]);
    let all = complete("portreeve tx ");
    for word in ["send", "show", "list"] {
        assert!(all.iter().any(|one| one == word), "{all:?}");
    }
}

#[test]
fn every_shell_has_a_script() {
    let house = House::empty();
    for (shell, mark) in [
        ("bash", "_portreeve()"),
        ("zsh", "#compdef portreeve"),
        ("fish", "complete -c portreeve"),
        ("elvish", "edit:completion"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        assert!(house.cli(&["completions", shell]).ok().contains(mark), "{shell}");
    }
    house.cli(&["completions", "cobol"]).fails_with(2);
}

#[test]
fn the_manual_page_of_a_command_is_printed() {
    let house = House::empty();
    let page = house.cli(&["man", "tx", "send"]).ok().to_owned();
    assert!(
        page.contains(".TH portreeve-tx-send 1") && page.contains("idempotency"),
        "{page}"
    );
    assert!(house.cli(&["man"]).ok().contains(".TH portreeve 1"));
    let error = house.cli(&["man", "tx", "steal"]).fails_with(1).to_owned();
    assert!(error.contains("there is no command `tx steal`"), "{error}");
    assert!(
        house
            .cli(&["reference", "commands"])
            .ok()
            .contains("## portreeve tx send")
    );
    assert!(house.cli(&["reference", "settings"]).ok().contains("`server.listen`"));
    assert!(
        house
            .cli(&["reference", "access"])
            .ok()
            .contains("| `POST /oauth/token` |")
    );
}
