//! YAML under budgets. Anchors, aliases and tags are refused when they are met, before anything is built from them, so no
//! document is larger in memory than a small multiple of its text.
//!
//! The events of `granit-parser` are read directly: they give each scalar as it was written, and its line.

use {
    crate::value::{Fields, Text, Value, Words, decimal},
    granit_parser::{ErrorKind, Event, Parser, ScalarStyle, options},
};

/// How much one block of YAML may cost.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// Bytes of text.
    pub bytes: usize,
    /// Scalars, lists and mappings.
    pub nodes: usize,
    /// Lists and mappings within one another.
    pub depth: usize,
}

impl Default for Budget {
    /// Far above what vaults hold: their largest blocks have some ten kilobytes and three levels.
    fn default() -> Self {
        Self {
            bytes: 256 << 10,
            nodes: 10_000,
            depth: 32,
        }
    }
}

/// A block that was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parsed {
    /// Its fields.
    pub fields: Fields,
    /// The line of each, counted from 1 within the block.
    pub lines: Vec<usize>,
    /// Keys that stood twice, by the line of the later one, which was taken.
    pub twice: Vec<(usize, Text)>,
}

/// Why a block was not read. Lines are counted from 1 within the block.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It is no YAML.
    #[error("line {line}: {why}")]
    Malformed {
        /// Where.
        line: usize,
        /// In the parser's words.
        why: String,
    },
    /// It is YAML, and no mapping.
    #[error("the front matter is not a mapping")]
    NotAMapping,
    /// An anchor, an alias, a tag or a directive.
    #[error("line {line}: {what} are not read")]
    Unwelcome {
        /// Where.
        line: usize,
        /// What it is.
        what: &'static str,
    },
    /// It is larger than allowed.
    #[error("line {line}: more {what} than are read")]
    OverBudget {
        /// Where.
        line: usize,
        /// Of what.
        what: &'static str,
    },
}

/// Reads a mapping. Nothing at all is an empty one.
///
/// # Errors
/// [`Fault`] says what keeps it from being read.
pub fn parse(text: &str, budget: Budget, words: &mut Words) -> Result<Parsed, Fault> {
    if text.len() > budget.bytes {
        return Err(over(1, "bytes"));
    }
    if let Some(line) = tab_first(text) {
        return Err(malformed(line, "a tab stands where the first field begins"));
    }
    let limits = options! {
        disallow_directives: true,
        emit_comments: false,
        emit_unresolved_aliases: true,
        flow_nesting_limit: budget.depth,
        block_nesting_limit: budget.depth,
    };
    let mut builder = Builder::new(budget, words);
    for next in Parser::new_from_str_with_options(text, limits) {
        let (event, span) = next.map_err(|error| {
            let line = error.marker().line();
            match error.kind() {
                ErrorKind::RecursionLimitExceeded => over(line, "levels"),
                ErrorKind::DirectiveDisallowed => unwelcome(line, "directives"),
                _ => malformed(line, error.info()),
            }
        })?;
        builder.take(&event, span.start.line())?;
    }
    builder.finish()
}

/// The parser takes a tab before the first field for a blank; other programs do not, and the fields that follow cannot stand
/// in the same column.
fn tab_first(text: &str) -> Option<usize> {
    let (number, line) = (1..)
        .zip(text.lines())
        .find(|(_, line)| !line.trim_start().is_empty() && !line.trim_start().starts_with('#'))?;
    let indent = line.get(..line.len().saturating_sub(line.trim_start().len()));
    indent.is_some_and(|indent| indent.contains('\t')).then_some(number)
}

const fn over(line: usize, what: &'static str) -> Fault {
    Fault::OverBudget { line, what }
}

const fn unwelcome(line: usize, what: &'static str) -> Fault {
    Fault::Unwelcome { line, what }
}

fn malformed(line: usize, why: impl Into<String>) -> Fault {
    Fault::Malformed { line, why: why.into() }
}

/// A list or mapping that is not closed yet.
enum Open {
    List(Vec<Value>),
    Map(Mapping),
}

#[derive(Default)]
struct Mapping {
    fields: Vec<(Text, Value)>,
    lines: Vec<usize>,
    /// A key whose value comes next.
    key: Option<(Text, usize)>,
}

/// Builds values from events, on a stack of its own: depth costs no stack of the thread.
struct Builder<'w> {
    budget: Budget,
    words: &'w mut Words,
    nodes: usize,
    open: Vec<Open>,
    twice: Vec<(usize, Text)>,
    /// The one document, and the lines of its fields.
    whole: Option<(Value, Vec<usize>)>,
}

impl<'w> Builder<'w> {
    const fn new(budget: Budget, words: &'w mut Words) -> Self {
        Self {
            budget,
            words,
            nodes: 0,
            open: Vec::new(),
            twice: Vec::new(),
            whole: None,
        }
    }

    fn take(&mut self, event: &Event<'_>, line: usize) -> Result<(), Fault> {
        if event.anchor_id().is_some() {
            return Err(unwelcome(line, "anchors"));
        }
        if event.tag().is_some() {
            return Err(unwelcome(line, "tags"));
        }
        match event {
            Event::Alias(_) | Event::UnresolvedAlias(_) => Err(unwelcome(line, "aliases")),
            Event::Scalar(text, style, ..) => {
                self.count(line)?;
                if let Some(Open::Map(Mapping { key: key @ None, .. })) = self.open.last_mut() {
                    *key = Some((self.words.share(text), line));
                    return Ok(());
                }
                let value = scalar(text, *style, self.words);
                self.put(value, Vec::new(), line)
            }
            Event::SequenceStart(..) => self.open(Open::List(Vec::new()), line),
            Event::MappingStart(..) => self.open(Open::Map(Mapping::default()), line),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open::List(items)) => self.put(Value::List(items.into_boxed_slice()), Vec::new(), line),
                Some(Open::Map(mapping)) => self.put(Value::Map(Fields::new(mapping.fields)), mapping.lines, line),
                None => Err(malformed(line, "an end without a beginning")),
            },
            _ => Ok(()),
        }
    }

    fn count(&mut self, line: usize) -> Result<(), Fault> {
        self.nodes = self.nodes.saturating_add(1);
        if self.nodes > self.budget.nodes {
            return Err(over(line, "values"));
        }
        Ok(())
    }

    fn open(&mut self, what: Open, line: usize) -> Result<(), Fault> {
        self.count(line)?;
        if let Some(Open::Map(Mapping { key: None, .. })) = self.open.last() {
            return Err(malformed(line, "the name of a field is not text"));
        }
        if self.open.len() >= self.budget.depth {
            return Err(over(line, "levels"));
        }
        self.open.push(what);
        Ok(())
    }

    /// Puts a finished value where it belongs.
    fn put(&mut self, value: Value, lines: Vec<usize>, line: usize) -> Result<(), Fault> {
        match self.open.last_mut() {
            Some(Open::List(items)) => items.push(value),
            Some(Open::Map(mapping)) => {
                let Some((key, at)) = mapping.key.take() else {
                    return Err(malformed(line, "the name of a field is not text"));
                };
                // The last one wins, in the place of the first.
                let known = mapping
                    .fields
                    .iter_mut()
                    .zip(&mut mapping.lines)
                    .find(|((name, _), _)| *name == key);
                if let Some(((_, old), was)) = known {
                    (*old, *was) = (value, at);
                    self.twice.push((at, key));
                } else {
                    mapping.fields.push((key, value));
                    mapping.lines.push(at);
                }
            }
            None if self.whole.is_some() => return Err(malformed(line, "a second document")),
            None => self.whole = Some((value, lines)),
        }
        Ok(())
    }

    fn finish(self) -> Result<Parsed, Fault> {
        match self.whole {
            None | Some((Value::Null, _)) => Ok(Parsed::default()),
            Some((Value::Map(fields), lines)) => Ok(Parsed {
                fields,
                lines,
                twice: self.twice,
            }),
            Some(_) => Err(Fault::NotAMapping),
        }
    }
}

/// What a scalar means, by the core schema of YAML 1.2. Quoted text is text.
fn scalar(text: &str, style: ScalarStyle, words: &mut Words) -> Value {
    if style != ScalarStyle::Plain {
        return Value::Text(words.share(text));
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    if !text.starts_with(|first: char| first.is_ascii_digit() || "+-.".contains(first)) {
        return Value::Text(words.share(text));
    }
    // `007` is a number in YAML, but for people it is 007: what would be printed otherwise keeps its spelling.
    if let Some(number) = text.parse::<i64>().ok().filter(|number| number.to_string() == text) {
        return Value::Integer(number);
    }
    if is_decimal(text) && decimal(text).is_some() {
        return Value::Number(words.share(text));
    }
    Value::Text(words.share(text))
}

/// `[-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`
fn is_decimal(text: &str) -> bool {
    let unsigned = |text: &str| text.strip_prefix(['-', '+']).unwrap_or(text).to_owned();
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let text = unsigned(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(unsigned(exponent))),
        None => (text.as_str(), None),
    };
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let has_digits = !(whole.is_empty() && part.is_empty());
    has_digits
        && digits(whole)
        && digits(part)
        && exponent.is_none_or(|exponent| !exponent.is_empty() && digits(&exponent))
}

#[cfg(test)]
mod tests {
    use {super::*, proptest::prelude::*};

    fn read(text: &str) -> Result<Parsed, Fault> {
        parse(text, Budget::default(), &mut Words::default())
    }

    fn field(text: &str) -> Value {
        read(&format!("a: {text}\n")).unwrap().fields.get("a").unwrap().clone()
    }

    fn json(text: &str) -> serde_json::Value {
        serde_json::to_value(read(text).unwrap().fields).unwrap()
    }

    #[test]
    fn values_are_what_yaml_says_and_dates_stay_text() {
        assert_eq!(field("2026-01-15"), Value::Text("2026-01-15".into()));
        assert_eq!(field("\"2026-01-15\""), Value::Text("2026-01-15".into()));
        assert_eq!(field("2026-13-45"), Value::Text("2026-13-45".into()));
        assert_eq!(field("12345"), Value::Integer(12345));
        assert_eq!(field("\"12345\""), Value::Text("12345".into()));
        assert_eq!(field("007"), Value::Number("007".into()));
        assert_eq!(field("-0.50"), Value::Number("-0.50".into()));
        assert_eq!(field("1e3"), Value::Number("1e3".into()));
        for word in [
            "yes",
            "off",
            "0x10",
            "1e999",
            ".inf",
            ".nan",
            "1.2.3",
            "+",
            ".",
            "-",
            "e5",
            "12 이상",
            "1_000",
        ] {
            if word != "-" {
                assert_eq!(field(word), Value::Text(word.into()), "{word}");
            }
        }
        for nothing in ["", "~", "null"] {
            assert_eq!(field(nothing), Value::Null, "{nothing}");
        }
        assert_eq!(
            (field("true"), field("\"true\"")),
            (Value::Bool(true), Value::Text("true".into()))
        );
        assert_eq!(field("0.70").number(), Some(0.7));
    }

    #[test]
    fn blocks_flows_and_long_texts_are_read() {
        assert_eq!(
            json(
                "a:\n  - b: 1\n    c: [x, \"y\"]\n  - {d: }\nnotes: \"one\\n---\\ntwo\"\ntext: |\n  l1\n  l2\nfold: >-\n  m1\n  m2\n"
            ),
            serde_json::json!({"a": [{"b": 1, "c": ["x", "y"]}, {"d": null}], "notes": "one\n---\ntwo", "text": "l1\nl2\n", "fold": "m1 m2"})
        );
    }

    #[test]
    fn nothing_is_an_empty_mapping() {
        for nothing in ["", "\n", "# a remark\n", "~\n"] {
            assert_eq!(read(nothing).unwrap(), Parsed::default(), "{nothing:?}");
        }
    }

    #[test]
    fn the_last_of_two_equal_keys_wins_and_is_told_with_its_line() {
        let parsed = read("status: todo\nx: 1\nstatus: done\n").unwrap();
        assert_eq!(parsed.fields.text("status").unwrap(), "done".into());
        assert_eq!(parsed.fields.len(), 2);
        assert_eq!(parsed.twice, [(3, "status".into())]);
        assert_eq!(parsed.lines, [3, 2]);
    }

    #[test]
    fn windows_line_ends_leave_nothing_in_values() {
        assert_eq!(
            json("a: x\r\nb: |\r\n  y\r\n  z\r\nc: 1\r\n"),
            serde_json::json!({"a": "x", "b": "y\nz\n", "c": 1})
        );
    }

    #[test]
    fn what_is_no_yaml_is_told_with_its_line() {
        for (text, line) in [
            ("a: 1\nname: A: b: c\n", 2),
            ("\ta: 1\n", 1),
            ("a: 1\n\tb: 2\n", 2),
            ("a: {{X}}\n", 1),
            ("a: \"open\n", 1),
            ("a: [1\nb: 2\n", 1),
            ("a: 1\n...\nb: 2\n", 3),
            ("? [x]\n: 1\n", 1),
        ] {
            match read(text) {
                Err(Fault::Malformed { line: found, .. }) => {
                    assert!(found.abs_diff(line) <= 2, "{text:?}: line {found}")
                }
                other => panic!("{text:?}: {other:?}"),
            }
        }
        assert_eq!(read("- a\n- b\n"), Err(Fault::NotAMapping));
        assert_eq!(read("text\n"), Err(Fault::NotAMapping));
    }

    #[test]
    fn anchors_aliases_tags_and_directives_are_refused() {
        for (text, what) in [
            ("a: &x 1\n", "anchors"),
            ("a: &x [1]\n", "anchors"),
            ("&x a: 1\n", "anchors"),
            ("a: *x\n", "aliases"),
            ("<<: *x\n", "aliases"),
            ("a: !!str 1\n", "tags"),
            ("a: !local {}\n", "tags"),
            ("%YAML 1.2\n", "directives"),
        ] {
            assert!(
                matches!(read(text), Err(Fault::Unwelcome { what: found, .. }) if found == what),
                "{text:?}: {:?}",
                read(text)
            );
        }
    }

    #[test]
    fn each_budget_holds_to_the_last_one() {
        let budget = Budget {
            bytes: 100,
            nodes: 7,
            depth: 3,
        };
        let read = |text: &str| parse(text, budget, &mut Words::default());
        assert!(read("a: [[1]]\n").is_ok());
        assert_eq!(read("a: [[[1]]]\n"), Err(over(1, "levels")));
        assert!(read("a: [1, 2, 3, 4]\n").is_ok());
        assert_eq!(read("a: [1, 2, 3, 4, 5]\n"), Err(over(1, "values")));
        assert!(read(&format!("a: {}\n", "x".repeat(96))).is_ok());
        assert_eq!(read(&format!("a: {}\n", "x".repeat(97))), Err(over(1, "bytes")));
    }

    #[test]
    fn hostile_blocks_as_large_as_allowed_come_to_an_end() {
        let most = Budget::default().bytes - 16;
        let filled = |unit: &str| format!("a: {}", unit.repeat(most / unit.len()));
        for text in [
            filled("["),
            filled("{"),
            filled("{a: "),
            filled("[a, "),
            filled("- "),
            filled("? "),
            filled("!"),
            filled("&a "),
            filled("\"\\u0041"),
            filled("'"),
            filled("x "),
            filled("x\n"),
            filled("#"),
            filled("# \n"),
            filled("|\n"),
            filled("\n "),
            filled(": "),
            filled("a: \n "),
            filled(", "),
            filled("\r"),
            format!("[{}", "a,".repeat(most / 2)),
            "k: v\n".repeat(most / 5),
            (0..most / 16).map(|n| format!("k{n}: v\n")).collect(),
            (0..31).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect(),
        ] {
            let _ = read(&text);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[a-c:\\-\\[\\]{}&*!|>'\"#%@`, \n\t?.0-9가]{0,80}") {
            let _ = read(&text);
        }

        #[test]
        fn what_json_writes_is_read_back(fields in proptest::collection::btree_map("[a-z_]{1,8}", leaf(), 0..6)) {
            let written: String = fields.iter().map(|(key, value)| format!("{key}: {value}\n")).collect();
            let read = serde_json::to_value(read(&written).unwrap().fields).unwrap();
            prop_assert_eq!(read, serde_json::to_value(&fields).unwrap());
        }
    }

    fn leaf() -> impl Strategy<Value = serde_json::Value> {
        let scalar = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            "\\PC{0,20}".prop_map(Into::into),
        ];
        scalar.prop_recursive(3, 12, 4, |inner| {
            proptest::collection::vec(inner, 0..4).prop_map(Into::into)
        })
    }
}
