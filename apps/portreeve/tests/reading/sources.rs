//! Which functions of the sources are tests, for pages that name them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// How a list begins of which a macro makes tests, one on each database of each function that is named in it.
const LISTS: [&str; 3] = ["facts! {", "contract! {", "on_both_databases! {"];

/// The name of the function that begins with `line`, if it may be a test.
fn function(line: &str) -> Option<&str> {
    let (before, rest) = line.split_once("fn ")?;
    let mut words = before.split(' ');
    let is_plain = words.all(|word| matches!(word, "" | "pub" | "pub(crate)" | "async"));
    rest.split(['(', '<']).next().filter(|_| is_plain)
}

/// The functions of all sources.
#[derive(Default)]
pub(crate) struct Sources {
    /// What stands above each of them: comments and attributes.
    pub(crate) above: BTreeMap<String, Vec<String>>,
    /// What stands in the lists.
    listed: BTreeSet<String>,
}

impl Sources {
    /// Those of the product in the clone at `root`.
    pub(crate) fn of(root: &Path) -> Self {
        let mut sources = Self::default();
        for folder in ["apps", "domain", "services", "shared"] {
            sources.read(&root.join(folder));
        }
        sources
    }

    fn read(&mut self, folder: &Path) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() && !matches!(name, "target" | "node_modules") && !name.starts_with('.') {
                self.read(&path);
            } else if name.ends_with(".rs") {
                self.take(&fs::read_to_string(&path).unwrap());
            }
        }
    }

    /// Takes in one file.
    pub(crate) fn take(&mut self, text: &str) {
        let (mut above, mut in_list) = (Vec::new(), false);
        for line in text.lines().map(str::trim) {
            let is_comment = line.starts_with("//");
            let ends_something = line.is_empty() || line.ends_with('{') || line.ends_with('}') || line.ends_with(';');
            if in_list {
                in_list = line != "}";
                let names = line.split([' ', ',', ';']).filter(|_| !is_comment);
                self.listed.extend(names.map(str::to_owned));
            } else if LISTS.contains(&line) {
                in_list = true;
            } else if let Some(name) = function(line) {
                self.above.entry(name.to_owned()).or_default().append(&mut above);
            } else if is_comment || !ends_something {
                above.push(line.to_owned());
            } else {
                above.clear();
            }
        }
    }

    /// A helper is none: it has the attribute of a test, or stands in a list.
    pub(crate) fn is_test(&self, name: &str) -> bool {
        let is_mark = |line: &String| line == "#[test]" || line.starts_with("#[tokio::test");
        let above = self.above.get(name);
        above.is_some_and(|above| self.listed.contains(name) || above.iter().any(is_mark))
    }
}
