//! A result before it is text: a list, the fields of one thing, or words. A terminal gets a table; a pipe gets a line for
//! each thing, its parts separated by tabs, for `cut` and `grep`.

use {
    super::{harmless, line::Line, look::Look},
    comfy_table::{Cell, Table, presets},
};

/// Something to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum View {
    /// Words as they stand.
    Words(String),
    /// Lines whose parts look different.
    Lines(Vec<Line>),
    /// A line for each.
    List {
        /// What the parts are.
        header: Vec<&'static str>,
        /// Each of them.
        rows: Vec<Vec<String>>,
        /// Where the next page starts.
        cursor: Option<String>,
    },
    /// One thing, by its fields.
    Fields(Vec<(&'static str, String)>),
    /// One after the other.
    Both(Box<View>, Box<View>),
}

impl From<String> for View {
    fn from(words: String) -> Self {
        Self::Words(words)
    }
}

/// A list: one line each.
pub(crate) fn list<const N: usize>(
    header: [&'static str; N],
    rows: impl IntoIterator<Item = [String; N]>,
    cursor: Option<&str>,
) -> View {
    View::List {
        header: header.to_vec(),
        rows: rows.into_iter().map(|row| row.to_vec()).collect(),
        cursor: cursor.map(str::to_owned),
    }
}

/// One thing: a line for each of its fields that has a value.
pub(crate) fn fields<const N: usize>(pairs: [(&'static str, Option<String>); N]) -> View {
    let pairs = pairs.into_iter();
    View::Fields(pairs.filter_map(|(name, value)| Some((name, value?))).collect())
}

impl View {
    /// One thing with more fields.
    pub(crate) fn and<const N: usize>(self, more: [(&'static str, Option<String>); N]) -> Self {
        match (self, fields(more)) {
            (Self::Fields(first), Self::Fields(second)) => Self::Fields(first.into_iter().chain(second).collect()),
            (first, second) => Self::Both(Box::new(first), Box::new(second)),
        }
    }

    /// This, and words below it.
    pub(crate) fn then(self, words: impl Into<String>) -> Self {
        self.over(Self::Words(words.into()))
    }

    /// This, and something else below it.
    pub(crate) fn over(self, below: Self) -> Self {
        Self::Both(Box::new(self), Box::new(below))
    }

    /// As text for a stream of this look.
    pub(super) fn text(&self, look: Look) -> String {
        match self {
            Self::Words(words) => harmless(words),
            Self::Lines(lines) => {
                let lines: Vec<String> = lines.iter().map(|line| line.text(look)).collect();
                lines.join("\n")
            }
            Self::Both(first, second) => format!("{}\n\n{}", first.text(look), second.text(look)),
            Self::List { rows, .. } if rows.is_empty() => "none".to_owned(),
            Self::List { header, rows, cursor } => {
                let head: Vec<String> = header.iter().map(|name| (*name).to_owned()).collect();
                let lines = [head]
                    .into_iter()
                    .chain(rows.iter().map(|row| row.iter().map(|cell| harmless(cell)).collect()));
                let text = lay_out(
                    lines,
                    look,
                    |line, _, cell| if line == 0 { look.head(cell) } else { look.state(cell) },
                );
                match cursor {
                    Some(cursor) => format!("{text}\n\nmore: --cursor {}", harmless(cursor)),
                    None => text,
                }
            }
            Self::Fields(pairs) => {
                let lines = pairs
                    .iter()
                    .map(|(name, value)| vec![(*name).to_owned(), harmless(value)]);
                lay_out(lines, look, |_, column, cell| {
                    if column == 0 { look.head(cell) } else { look.state(cell) }
                })
            }
        }
    }
}

/// Lines of cells as a table or as lines with tabs, each cell painted by its line and column.
fn lay_out(
    lines: impl Iterator<Item = Vec<String>>,
    look: Look,
    paint: impl Fn(usize, usize, &str) -> String,
) -> String {
    let painted = lines.enumerate().map(|(line, cells)| {
        let cells = cells.iter().enumerate();
        cells
            .map(|(column, cell)| paint(line, column, cell))
            .collect::<Vec<_>>()
    });
    if !look.terminal {
        let lines: Vec<String> = painted.map(|cells| cells.join("\t").replace('\n', "\n\t")).collect();
        return lines.join("\n");
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    for cells in painted {
        table.add_row(cells.into_iter().map(Cell::new));
    }
    table.trim_fmt()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIPE: Look = Look {
        terminal: false,
        colour: false,
    };
    const TERMINAL: Look = Look {
        terminal: true,
        colour: false,
    };
    const COLOURED: Look = Look {
        terminal: true,
        colour: true,
    };

    fn keys() -> View {
        let row = |name: &str, status: &str| [name.to_owned(), status.to_owned()];
        list(
            ["NAME", "STATUS"],
            [row("a", "active"), row("long one", "revoked")],
            Some("c1"),
        )
    }

    #[test]
    fn a_terminal_gets_a_table_and_a_pipe_gets_tabs() {
        assert_eq!(
            keys().text(TERMINAL),
            " NAME      STATUS\n a         active\n long one  revoked\n\nmore: --cursor c1"
        );
        assert_eq!(
            keys().text(PIPE),
            "NAME\tSTATUS\na\tactive\nlong one\trevoked\n\nmore: --cursor c1"
        );
        assert_eq!(list(["NAME"], [], None).text(PIPE), "none");
    }

    #[test]
    fn colours_do_not_move_the_columns() {
        let plain = keys().text(TERMINAL);
        let coloured = keys().text(COLOURED);
        assert!(coloured.contains("\x1b[32mactive\x1b[0m"), "{coloured:?}");
        let mut bare = String::new();
        let mut rest = coloured.as_str();
        while let Some((before, after)) = rest.split_once('\x1b') {
            bare.push_str(before);
            rest = after.split_once('m').unwrap().1;
        }
        bare.push_str(rest);
        assert_eq!(bare, plain);
    }

    #[test]
    fn fields_without_a_value_are_left_out() {
        let view = fields([
            ("id", Some("x".to_owned())),
            ("reason", None),
            ("rules", Some("1\n2".to_owned())),
        ]);
        assert_eq!(view.text(TERMINAL), " id     x\n rules  1\n        2");
        assert_eq!(view.text(PIPE), "id\tx\nrules\t1\n\t2");
    }

    #[test]
    fn a_cell_does_nothing_to_the_terminal() {
        let row = [["a\u{1b}[2J\tb".to_owned()]];
        assert_eq!(list(["NAME"], row, None).text(PIPE), "NAME\na\\u{1b}[2J\\u{9}b");
    }
}
