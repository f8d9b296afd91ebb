//! What is wrong with a file, as data: where, what, and how much it matters. Whatever is wrong is told and never stops the rest.

use {
    crate::path::NotePath,
    serde::{Serialize, Serializer},
    std::fmt,
};

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The file; or, where its name is no path, what can be shown of it.
    pub path: String,
    /// The line, counted from 1, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// What kind of thing it is.
    pub code: FindingCode,
    /// The same in words, for whoever mends it.
    pub message: String,
}

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Served as it is, and should be mended.
    Warning,
    /// Not served as what it claims to be, or it breaks a rule of the vault.
    Error,
}

impl Severity {
    /// Its stable text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal, $severity:ident;)+) => {
        /// What kind of thing is wrong. The texts are stable; they are never renamed or used for something else.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum FindingCode {
            $($(#[doc = $doc])+ $name,)+
        }

        impl FindingCode {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// Its stable text.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// How much it matters.
            #[must_use]
            pub const fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity,)+ }
            }
        }
    };
}

codes! {
    /// A name that cannot be the name of a note.
    BadName = "bad_name", Warning;
    /// A link, which is never followed, or a file that has a second name.
    Link = "link", Warning;
    /// The system does not let us read it.
    Unreadable = "unreadable", Error;
    /// More bytes than a note may have.
    TooLarge = "too_large", Error;
    /// Not UTF-8.
    Undecodable = "undecodable", Error;
    /// A file where entities belong, without front matter.
    NoFrontMatter = "no_front_matter", Note;
    /// Front matter that is no YAML, or is never closed.
    Malformed = "malformed", Error;
    /// Front matter that is YAML and no mapping.
    NotAMapping = "not_a_mapping", Error;
    /// Front matter with anchors, aliases or tags, or beyond a budget.
    Refused = "refused", Error;
    /// Front matter without an id or a type.
    NoEntity = "no_entity", Warning;
    /// A field stands twice; the last one is taken.
    DuplicateKey = "duplicate_key", Warning;
    /// A field whose name begins with an underscore: left out, because programs once wrote such fields back by mistake.
    ReservedField = "reserved_field", Warning;
    /// A day that is none; it is kept as text.
    InvalidDate = "invalid_date", Warning;
    /// An id that is a number; it is taken as it is written.
    NumericId = "numeric_id", Warning;
    /// An id outside of the pattern of its kind; it is served.
    IdPattern = "id_pattern", Warning;
    /// Two files with one id; the first path is served.
    DuplicateId = "duplicate_id", Error;
    /// A type that the vault's schema does not know.
    UnknownType = "unknown_type", Warning;
    /// A field that the schema asks for.
    MissingField = "missing_field", Error;
    /// A field that something else in the note asks for: when a task was closed, once it is done.
    ConditionalField = "conditional_field", Warning;
    /// A field that the schema does not know.
    UnknownField = "unknown_field", Note;
    /// A field that this type must not have; it is not believed.
    ForbiddenField = "forbidden_field", Error;
    /// A field that is derived; what stands there is not believed.
    DerivedField = "derived_field", Warning;
    /// A word that the schema does not list.
    NotListed = "not_listed", Warning;
    /// A parent of the wrong type.
    ParentType = "parent_type", Error;
    /// A relation to something that does not exist.
    Dangling = "dangling", Error;
    /// A link in the text to something that does not exist.
    DanglingLink = "dangling_link", Note;
    /// A rule about how a value is written.
    Format = "format", Warning;
    /// The vault has a schema, and it cannot be read.
    Schema = "schema", Error;
    /// The vault has no schema: a folder of notes, or one whose schema has gone.
    NoSchema = "no_schema", Warning;
}

impl Finding {
    pub(crate) fn new(path: &NotePath, line: Option<usize>, code: FindingCode, message: impl Into<String>) -> Self {
        Self {
            path: path.as_str().to_owned(),
            line: line.and_then(|line| u32::try_from(line).ok()),
            code,
            message: message.into(),
        }
    }

    /// How much it matters.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        self.code.severity()
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.path)?;
        if let Some(line) = self.line {
            write!(out, ":{line}")?;
        }
        write!(out, ": {} ({})", self.message, self.code.as_str())
    }
}

impl Serialize for FindingCode {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_a_text_of_its_own() {
        let texts: std::collections::BTreeSet<_> = FindingCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(texts.len(), FindingCode::ALL.len());
    }

    #[test]
    fn a_severity_is_written_as_it_is_called() {
        for severity in [Severity::Note, Severity::Warning, Severity::Error] {
            assert_eq!(serde_json::to_value(severity).unwrap(), severity.as_str());
        }
    }

    #[test]
    fn a_finding_reads_as_compilers_write_them() {
        let path = NotePath::parse("a/b.md").unwrap();
        let finding = Finding::new(&path, Some(3), FindingCode::InvalidDate, "`due` is not a day");
        assert_eq!(finding.to_string(), "a/b.md:3: `due` is not a day (invalid_date)");
        assert_eq!(
            serde_json::to_value(finding).unwrap(),
            serde_json::json!({"path": "a/b.md", "line": 3, "code": "invalid_date", "message": "`due` is not a day"})
        );
    }
}
