//! The pages of a vault: its folders, a note, what was found, and what is wrong. Who fills them in shows only what the reader
//! may see.

use {
    crate::{OwnPath, asset, markdown::Rendered, picture::Picture},
    askama::Template,
};

/// Something that has a page, as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What people call it.
    pub name: String,
    /// Its page.
    pub address: OwnPath,
    /// In a few words: its type and how it stands.
    pub about: String,
}

/// The beginning of a list, and how many more there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part<T> {
    /// What is shown.
    pub items: Vec<T>,
    /// How many are not.
    pub left: usize,
}

impl<T> Default for Part<T> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            left: 0,
        }
    }
}

impl<T> Part<T> {
    /// The first of them. What is left is counted and not kept.
    pub fn first(most: usize, all: impl IntoIterator<Item = T>) -> Self {
        let mut all = all.into_iter();
        let items = all.by_ref().take(most).collect();
        Self {
            items,
            left: all.count(),
        }
    }
}

/// A folder, and the folders in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    /// The folder.
    pub folder: Entry,
    /// The first folders in it.
    pub folders: Vec<Entry>,
    /// How many more there are.
    pub left: usize,
}

/// A folder of the vault.
#[derive(Debug, Clone, Template)]
#[template(path = "vault/folder.html")]
pub struct VaultFolder<'a> {
    /// What stands in the box for searching.
    pub query: &'a str,
    /// The folders above it, the highest first.
    pub above: &'a [Entry],
    /// Its name; none at the root.
    pub name: &'a str,
    /// The folders in it, and those in them.
    pub folders: &'a Part<Branch>,
    /// The notes in it.
    pub notes: &'a Part<Entry>,
    /// How the vault stands: in what state, and how many there are of each type. At the root alone.
    pub counts: &'a [(String, usize)],
    /// Where the notes go on.
    pub more: Option<&'a OwnPath>,
}

/// What a field holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held {
    /// A single value.
    Text(String),
    /// Several.
    List(Vec<String>),
    /// Values in one another, as JSON.
    Nested(String),
}

/// How one entity stands to others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relations {
    /// In words: `parent`, or `is parent of`.
    pub relation: String,
    /// To whom.
    pub with: Part<Entry>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// How much it matters.
    pub severity: String,
    /// What kind of thing it is.
    pub code: String,
    /// In words.
    pub message: String,
    /// Where: a path, and a line where there is one.
    pub place: String,
    /// The note's page, when it has one.
    pub address: Option<OwnPath>,
}

/// A note.
#[derive(Debug, Clone, Template)]
#[template(path = "vault/note.html")]
pub struct VaultNote<'a> {
    /// What stands in the box for searching.
    pub query: &'a str,
    /// The folders it lies in, the highest first.
    pub above: &'a [Entry],
    /// What people call it.
    pub name: &'a str,
    /// Where it lies.
    pub path: &'a str,
    /// Its front matter.
    pub fields: &'a [(String, Held)],
    /// Its text.
    pub text: &'a Rendered,
    /// What it says of others, and others of it.
    pub relations: &'a [Relations],
    /// The same, drawn.
    pub picture: Option<&'a Picture>,
    /// The notes whose text links to it.
    pub backlinks: &'a Part<Entry>,
    /// What is wrong with it.
    pub findings: &'a Part<Wrong>,
}

/// A note that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundNote {
    /// The note.
    pub note: Entry,
    /// A piece of its text: what stands before what was found, that, and what stands behind it. Empty when its name was found.
    pub snippet: (String, String, String),
}

/// What became of a search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing was asked.
    Nothing,
    /// It is no query, or there is no more of it.
    Refused,
    /// The full text is not there yet.
    NotYet,
    /// So many were found, whether notes that changed are still being read, and some of those that were found.
    Found(usize, bool, Vec<FoundNote>),
}

/// What was found.
#[derive(Debug, Clone, Template)]
#[template(path = "vault/search.html")]
pub struct VaultSearch<'a> {
    /// What was searched for.
    pub query: &'a str,
    /// What became of it.
    pub outcome: &'a Outcome,
    /// Where the list goes on.
    pub more: Option<&'a OwnPath>,
}

/// What is wrong with the vault.
#[derive(Debug, Clone, Template)]
#[template(path = "vault/findings.html")]
pub struct VaultFindings<'a> {
    /// What stands in the box for searching.
    pub query: &'a str,
    /// How many there are.
    pub total: usize,
    /// Some of them.
    pub findings: &'a [Wrong],
    /// Where the list goes on.
    pub more: Option<&'a OwnPath>,
}
