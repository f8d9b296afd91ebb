//! What the command line says about itself: completions, manual pages, the reference of commands and settings, and what is
//! wrong with a command line that makes no sense. All of it follows from the one description that also reads it.

mod access;

use {
    super::{Args, CliError, Context},
    crate::{config::reference as settings, serve},
    clap::{
        Arg, Command, CommandFactory,
        error::{ContextKind, ContextValue},
    },
    serde_json::json,
    std::{
        fmt::Write as _,
        io::{self, Write as _},
        process::ExitCode,
    },
};

/// What a reference is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Reference {
    /// Every command with its arguments and examples
    Commands,
    /// Every setting, its variable and its default
    Settings,
    /// The endpoints of keys, clients and tokens, and their types
    Access,
}

/// Says what is wrong with a command line, in JSON when that was asked for; or shows the help that was asked for.
pub(super) fn misread(error: &clap::Error) -> ExitCode {
    let json = error.use_stderr() && std::env::args_os().any(|arg| arg == "--json");
    // Nothing is left to be done when a closed terminal does not take it.
    let _ = if json {
        let text = error.render().to_string();
        let detail = text.split("\n\n").next().unwrap_or_default();
        let detail = detail.strip_prefix("error: ").unwrap_or(detail);
        let mut told = json!({"detail": detail});
        if let (Some(param), Some(members)) = (wrong_argument(error), told.as_object_mut()) {
            members.insert("param".to_owned(), param.into());
        }
        writeln!(io::stderr().lock(), "{told:#}")
    } else {
        error.print()
    };
    u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
}

/// The argument it is about, such as `--amount`.
fn wrong_argument(error: &clap::Error) -> Option<String> {
    let text = match error.get(ContextKind::InvalidArg)? {
        ContextValue::String(one) => one.clone(),
        ContextValue::Strings(several) => several.first()?.clone(),
        _ => return None,
    };
    text.split([' ', '=']).next().map(str::to_owned)
}

/// The whole command line, with what commands inherit filled in.
fn described() -> Command {
    let mut program = Args::command();
    program.build();
    program
}

pub(super) fn completions(context: &Context, shell: clap_complete::Shell) -> Result<(), CliError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "portreeve", &mut script);
    print(context, &String::from_utf8_lossy(&script))
}

pub(super) fn man(context: &Context, words: &[String]) -> Result<(), CliError> {
    let program = described();
    let mut command = &program;
    for word in words {
        command = command.find_subcommand(word).ok_or_else(|| {
            CliError::NotDone(format!(
                "there is no command `{}`; see `portreeve --help`",
                words.join(" ")
            ))
        })?;
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    print(context, &String::from_utf8_lossy(&page))
}

pub(super) fn reference(context: &Context, of: Reference) -> Result<(), CliError> {
    match of {
        Reference::Commands => print(context, &commands()),
        Reference::Settings => print(context, &settings::page(&variables())),
        Reference::Access => {
            let api = serde_json::to_value(serve::document()).map_err(io::Error::other)?;
            print(context, &access::section(&api))
        }
    }
}

fn print(context: &Context, text: &str) -> Result<(), CliError> {
    let text = text.trim_end();
    context.out.verbatim(&json!({"text": text}), text)?;
    Ok(())
}

/// Every command that does something, as Markdown.
fn commands() -> String {
    let program = described();
    let mut page = "# Commands\n\nWritten by `cargo xtask docs` from the program's own description of its command \
                    line; `portreeve reference commands` prints it.\n"
        .to_owned();
    let inherited = program.get_arguments().filter(|arg| arg.is_global_set());
    page.push_str("\nEvery command also takes these:\n");
    table(&mut page, inherited);
    if let Some(notes) = program.get_after_help() {
        code(&mut page, &notes.to_string());
    }
    for command in leaves(&program) {
        describe(&mut page, command);
    }
    page
}

fn leaves(command: &Command) -> Vec<&Command> {
    let mut inner = command
        .get_subcommands()
        .filter(|one| one.get_name() != "help")
        .peekable();
    if inner.peek().is_none() {
        return vec![command];
    }
    inner.flat_map(leaves).collect()
}

// Writing to a String does not fail.
fn describe(page: &mut String, command: &Command) {
    let name = command.get_bin_name().unwrap_or(command.get_name());
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let _ = write!(page, "\n## {name}\n\n{about}.\n");
    let usage = command.clone().render_usage().to_string();
    code(page, usage.trim_start_matches("Usage: "));
    table(page, command.get_arguments().filter(|arg| !arg.is_global_set()));
    if let Some(notes) = command.get_after_help() {
        code(page, &notes.to_string());
    }
}

fn code(page: &mut String, text: &str) {
    let _ = write!(page, "\n```text\n{}\n```\n", text.trim_end());
}

fn table<'a>(page: &mut String, arguments: impl Iterator<Item = &'a Arg>) {
    let rows: Vec<String> = arguments
        .filter(|arg| !arg.is_hide_set() && !matches!(arg.get_id().as_str(), "help" | "version"))
        .map(row)
        .collect();
    if !rows.is_empty() {
        let _ = write!(page, "\n| argument | what it is |\n|---|---|\n{}\n", rows.join("\n"));
    }
}

fn row(arg: &Arg) -> String {
    let mut about = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let words: Vec<String> = arg
        .get_possible_values()
        .iter()
        .map(|word| format!("`{}`", word.get_name()))
        .collect();
    if !words.is_empty() && arg.get_action().takes_values() {
        let _ = write!(about, ": {}", words.join(", "));
    }
    let given: Vec<_> = arg
        .get_default_values()
        .iter()
        .map(|value| value.to_string_lossy())
        .collect();
    if !given.is_empty() && arg.get_action().takes_values() {
        let _ = write!(about, ". Default: `{}`", given.join(" "));
    }
    if let Some(name) = arg.get_env() {
        let _ = write!(about, ". Variable: `{}`", name.to_string_lossy());
    }
    format!(
        "| `{}` | {} |",
        arg.to_string().replace('|', "\\|"),
        about.replace('|', "\\|")
    )
}

/// The variables that stand for arguments, each with the arguments it stands for.
fn variables() -> Vec<(String, String)> {
    let program = described();
    let inherited = program.get_arguments().filter(|arg| arg.is_global_set());
    let mut found: Vec<(String, String)> = Vec::new();
    let own = leaves(&program)
        .into_iter()
        .flat_map(|command| command.get_arguments().filter(|arg| !arg.is_global_set()));
    for arg in inherited.chain(own) {
        let Some(name) = arg.get_env() else { continue };
        let pair = (
            name.to_string_lossy().into_owned(),
            format!("--{}", arg.get_long().unwrap_or_default()),
        );
        if !found.contains(&pair) {
            found.push(pair);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_in_the_reference_with_an_example() {
        let page = commands();
        for name in ["portreeve tx send", "portreeve doctor", "portreeve key create"] {
            assert!(page.contains(&format!("\n## {name}\n")), "{name}");
        }
        assert!(page.contains("| `--listen <ADDRESS:PORT>` |"), "{page}");
        assert!(page.contains("Variable: `PORTREEVE_SIGNER_BIN`"), "{page}");
    }

    #[test]
    fn every_variable_that_stands_for_an_argument_is_known() {
        let names: Vec<String> = variables().into_iter().map(|(name, _)| name).collect();
        for name in [
            "PORTREEVE_HOME",
            "PORTREEVE_KEY",
            "PORTREEVE_DATABASE_URL",
            "PORTREEVE_SIGNER_BIN",
        ] {
            assert!(names.iter().any(|known| known == name), "{name}: {names:?}");
        }
    }

    #[test]
    fn a_wrong_argument_is_named_without_its_value() {
        use clap::Parser;
        for (line, param) in [
            (
                &["portreeve", "tx", "send", "--to", "x", "--amount", "1"][..],
                Some("--to"),
            ),
            (&["portreeve", "tx", "send", "--amount", "1"], Some("--to")),
            (&["portreeve", "agent", "list", "--limit=101"], Some("--limit")),
            (&["portreeve", "agent", "list", "--limmit=1"], Some("--limmit")),
        ] {
            let error = Args::try_parse_from(line).unwrap_err();
            assert_eq!(wrong_argument(&error).as_deref(), param, "{line:?}");
        }
    }
}
