//! `cargo xtask docs`: the pages that follow from the code, written anew: error codes, commands, settings, manual pages.
//! Tests say when they are out of date: here for the codes, `apps/portreeve/tests/docs.rs` for what the program prints.

use {
    crate::{
        command::{self, ChoreError},
        layout::Layout,
    },
    portreeve_kernel::Code,
    std::{
        collections::{BTreeMap, BTreeSet},
        fmt::Write,
        fs,
        path::Path,
        process::Command,
    },
};

/// Writes all pages, and removes those of what is gone.
pub(crate) fn run(layout: &Layout) -> Result<(), ChoreError> {
    let docs = layout.root().join("docs");
    fill(&docs.join("errors"), pages())?;

    command::run(&mut layout.cargo(&["build", "--quiet", "--package", "portreeve", "--bin", "portreeve"]))?;
    let program = layout.binaries().join("portreeve");
    let print = |args: &[&str]| command::output(Command::new(&program).args(args));
    let commands = print(&["reference", "commands"])?;
    write(&docs.join("cli.md"), &commands)?;
    write(&docs.join("config.md"), &print(&["reference", "settings"])?)?;
    put_in(&docs.join("authentication.md"), &print(&["reference", "access"])?)?;
    let mut manual = BTreeMap::new();
    for words in commands_in(&commands) {
        let words: Vec<&str> = words.split(' ').collect();
        let inner = words.get(1..).unwrap_or_default();
        let page = print(&[["man"].as_slice(), inner].concat())?;
        manual.insert(format!("{}.1", words.join("-")), page);
    }
    fill(&docs.join("man"), manual)
}

/// Between these lines stands what the program prints; the rest of the page is written by hand.
const PRINTED: [&str; 2] = [
    "<!-- portreeve reference access: written by `cargo xtask docs` -->\n",
    "<!-- end -->\n",
];

/// Replaces what stands between the marks of a page.
fn put_in(page: &Path, printed: &str) -> Result<(), ChoreError> {
    let old = fs::read_to_string(page).map_err(|cause| ChoreError::File {
        path: page.to_owned(),
        cause,
    })?;
    let new =
        replaced(&old, printed).ok_or_else(|| ChoreError::Missed(format!("{PRINTED:?} in {}", page.display())))?;
    write(page, &new)
}

/// The page with `printed` between its marks, or nothing when it has not both of them once.
fn replaced(page: &str, printed: &str) -> Option<String> {
    let [begin, end] = PRINTED;
    let (before, rest) = page.split_once(begin)?;
    let (_, after) = rest.split_once(end)?;
    let is_once = !rest.contains(begin) && !after.contains(end);
    is_once.then(|| format!("{before}{begin}\n{printed}\n{end}{after}"))
}

/// Every command that the reference has a heading for, and every group of them, in words.
fn commands_in(reference: &str) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for heading in reference.lines().filter_map(|line| line.strip_prefix("## ")) {
        let mut words = String::new();
        for word in heading.split(' ') {
            if !words.is_empty() {
                words.push(' ');
            }
            words.push_str(word);
            all.insert(words.clone());
        }
    }
    all
}

/// Makes the folder hold these pages and nothing else.
fn fill(folder: &Path, pages: BTreeMap<String, String>) -> Result<(), ChoreError> {
    let fail = |cause| ChoreError::File {
        path: folder.to_owned(),
        cause,
    };
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(fail)?;
    }
    fs::create_dir_all(folder).map_err(fail)?;
    for (name, text) in pages {
        write(&folder.join(name), &text)?;
    }
    command::say(&format!("wrote {}", folder.display()));
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), ChoreError> {
    fs::write(path, text).map_err(|cause| ChoreError::File {
        path: path.to_owned(),
        cause,
    })
}

/// One page for every code of the registry, and a list of them.
fn pages() -> BTreeMap<String, String> {
    let mut pages = BTreeMap::new();
    let mut list = String::from(
        "# Error codes\n\n\
         Every refusal is an `application/problem+json` document (RFC 9457) with a `code` of this list, which never changes \
         its meaning.\nWritten by `cargo xtask docs` from `domain/kernel/src/code.rs`.\n\n\
         | code | status | retry | what |\n|---|---|---|---|\n",
    );
    for code in Code::ALL {
        // Writing to a String does not fail.
        let _ = writeln!(
            list,
            "| [{code}]({code}.md) | {} | {} | {} |",
            code.status(),
            if code.retryable() { "yes" } else { "no" },
            code.title()
        );
        pages.insert(format!("{code}.md"), page(*code));
    }
    pages.insert("README.md".to_owned(), list);
    pages
}

fn page(code: Code) -> String {
    let retry = if code.retryable() {
        "The same request may succeed later; a payment with the same `Idempotency-Key`."
    } else {
        "The same request will be answered the same way until something changes."
    };
    let level = code.level().map_or_else(String::new, |level| {
        format!("\nHow alarming it is to the owner: {}.\n", level.as_str())
    });
    format!(
        "# {code}\n\n{title}. HTTP status {status}, `type` is `urn:portreeve:error:{code}`.\n\n\
         **What to do:** {help}\n\n{retry}\n{level}",
        title = code.title(),
        status = code.status(),
        help = code.help(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_goes_between_the_marks_and_nowhere_else() {
        let [begin, end] = PRINTED;
        let page = format!("before\n{begin}old\n{end}after\n");
        let new = replaced(&page, "new\n").unwrap();
        assert_eq!(new, format!("before\n{begin}\nnew\n\n{end}after\n"));
        assert_eq!(replaced(&new, "new\n"), Some(new.clone()), "again changes nothing");
        assert_eq!(replaced("no marks", "new"), None);
        assert_eq!(replaced(&format!("{page}{page}"), "new"), None, "it is not clear where");
    }

    #[test]
    fn a_command_has_a_page_and_so_has_the_group_it_is_in() {
        let found = commands_in("# Commands\n\n## portreeve tx send\n\n## portreeve init\n");
        let expected = ["portreeve", "portreeve init", "portreeve tx", "portreeve tx send"];
        assert_eq!(found, expected.map(str::to_owned).into());
    }

    #[test]
    fn the_pages_say_what_the_code_says() {
        let folder = Layout::find().unwrap().root().join("docs").join("errors");
        let mut found: Vec<String> = fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        found.sort();
        let pages = pages();
        assert_eq!(
            found,
            pages.keys().cloned().collect::<Vec<_>>(),
            "run: cargo xtask docs"
        );
        for (name, text) in pages {
            assert_eq!(
                fs::read_to_string(folder.join(&name)).unwrap(),
                text,
                "{name}; run: cargo xtask docs"
            );
        }
    }
}
