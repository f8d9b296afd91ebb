//! `portreeve vault new`: the one command of the vault that writes. What may be made and where it lies the server's own rules say.

use {
    super::{Rooted, open_with},
    crate::{
        cli::{CliError, Context},
        output::fields,
        world::{SystemClock, SystemEntropy},
    },
    portreeve_kernel::Clock,
    portreeve_notes::{EntityType, Limits},
    portreeve_vault::{Made, Wish, create_offline},
    serde_json::json,
    std::{fs, io, io::Read as _, path::PathBuf, sync::Arc},
};

const AFTER_HELP: &str = "\
Examples:
  portreeve vault new task --root ~/notes --name \"Gate - paint it\" --project prj-001 --assignee member-01
  portreeve vault new task --root ~/notes --name \"Gate - oil it\" --project prj-001 --assignee member-01 --set due=2026-03-01 --dry-run
  portreeve vault new project --root ~/notes --name \"Harbour - light\" --parent trk-1 --set owner=member-02 --set conditions_3y=cond-a
  portreeve vault new hypothesis --root ~/notes --name Light --parent trk-1 --set \"hypothesis_question=Does light help?\" --body text.md

It writes a file, as an editor does, and the audit log of no server knows of it. Id, place, days and usual words are the vault's to choose.
--set takes any other field of the type. A field with several values is set several times; what has parts of its own is written as JSON.";

/// What to make.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(in crate::cli) struct NewArgs {
    /// Of which type
    #[arg(value_name = "TYPE", value_enum)]
    kind: Kind,

    #[command(flatten)]
    rooted: Rooted,

    /// Its name; of a task and a project `topic - content`
    #[arg(long)]
    name: String,

    /// The project that a task is work of
    #[arg(long, value_name = "ID")]
    project: Option<String>,

    /// The track that a project, a program or a hypothesis serves
    #[arg(long, value_name = "ID")]
    parent: Option<String>,

    /// Who a task is with; can be repeated
    #[arg(long, value_name = "MEMBER")]
    assignee: Vec<String>,

    /// Any other field; can be repeated
    #[arg(long, value_name = "FIELD=VALUE", value_parser = pair)]
    set: Vec<(String, String)>,

    /// A file with its text; `-` is standard input
    #[arg(long, value_name = "FILE")]
    body: Option<PathBuf>,

    /// Say what it would be, and write nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// A piece of work
    Task,
    /// The unit that is judged
    Project,
    /// A container of projects that never ends
    Program,
    /// A question with criteria
    Hypothesis,
}

fn pair(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text
        .split_once('=')
        .ok_or("a field and its value are expected, such as due=2026-03-01")?;
    Ok((name.trim().to_owned(), value.to_owned()))
}

pub(super) fn run(context: &Context, args: NewArgs) -> Result<(), CliError> {
    let body = args.body.as_deref().map(text_of).transpose()?;
    let root = args.rooted.find(context)?;
    let single = [
        ("entity_name", Some(args.name)),
        ("project_id", args.project),
        ("parent_id", args.parent),
    ];
    let single = single
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    let assignees = args.assignee.into_iter().map(|who| ("assignee".to_owned(), who));
    let wish = Wish {
        kind: match args.kind {
            Kind::Task => EntityType::Task,
            Kind::Project => EntityType::Project,
            Kind::Program => EntityType::Program,
            Kind::Hypothesis => EntityType::Hypothesis,
        },
        fields: single.chain(assignees).chain(args.set).collect(),
        body,
    };
    // As the server has it open, so that both decide alike.
    let vault = Arc::new(open_with(context, &root, None, Limits::keeping_private())?);
    let now = SystemClock::start().now().for_release();
    let made = create_offline(&vault, &wish, now, Arc::new(SystemEntropy), args.dry_run)
        .map_err(|problem| CliError::NotDone(problem.to_string()))?;
    show(context, &made, args.dry_run)
}

fn text_of(file: &std::path::Path) -> Result<String, CliError> {
    let read = if file.as_os_str() == "-" {
        let mut text = String::new();
        io::stdin().lock().read_to_string(&mut text).map(|_| text)
    } else {
        fs::read_to_string(file)
    };
    read.map_err(|error| CliError::NotDone(format!("`{}`: {error}", file.display())))
}

fn show(context: &Context, made: &Made, dry_run: bool) -> Result<(), CliError> {
    let raw = json!({
        "entity_id": made.id,
        "path": made.path,
        "revision": made.revision,
        "set": made.set,
        "durable": made.durable,
        "dry_run": dry_run,
        "text": made.text,
    });
    Ok(context.out.result(&raw, || {
        let doubt = (!made.durable).then(|| "the disk did not say that it would outlast a power cut".to_owned());
        let view = fields([
            ("id", Some(made.id.clone())),
            ("path", Some(made.path.to_string())),
            ("but", doubt),
        ]);
        if dry_run { view.then(made.text.trim_end()) } else { view }
    })?)
}
