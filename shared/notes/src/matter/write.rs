//! Writing front matter. Only the lines of the fields that change are written anew; every other byte of the file stays what it
//! was: comments, order, fields that nobody here knows, line ends, the byte order mark.
//!
//! Nothing is believed to be written well: what is about to be written is read by the parser that everybody reads with, and
//! has to say what was asked for and nothing else.

use {
    super::{
        split::{Fenced, Split, split},
        yaml::{Fault, parse},
    },
    crate::{
        note::Limits,
        value::{Fields, Text, Value, Words},
    },
    granit_parser::{Event, Parser, options},
    std::{fmt::Write as _, ops::Range},
};

/// A field and what it is to hold; nothing, to take it out.
pub type Edit = (Text, Option<Value>);

/// Why something is not written. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteFault {
    /// There are no fields in the file to change.
    #[error("the note has no front matter")]
    NoMatter,
    /// A name that begins with an underscore, or that is no name.
    #[error("`{0}` is no name of a field")]
    Name(String),
    /// A character that no note should hold.
    #[error("`{0}` holds a control character")]
    Control(String),
    /// More bytes than a note may have.
    #[error("the note would have more than {0} bytes")]
    TooLarge(usize),
    /// What would be written is beyond what is read.
    #[error("the front matter would not be read any more: {0}")]
    Unreadable(#[from] Fault),
    /// Two fields on a line, or the like: there are no lines of that field alone.
    #[error("the front matter is written so that `{0}` cannot be changed alone")]
    Woven(String),
}

/// A file with these fields changed, and with another text where one is given. Names that begin with an underscore are taken out on the
/// way: programs once wrote such fields by mistake.
///
/// # Errors
/// [`WriteFault`] says why it is not to be.
pub fn splice(bytes: &[u8], edits: &[Edit], body: Option<&str>, limits: Limits) -> Result<Vec<u8>, WriteFault> {
    let Split::Fenced(Fenced { matter, body: old }) = split(bytes) else {
        return Err(WriteFault::NoMatter);
    };
    let before = parse(matter, limits.matter, &mut Words::default())?.fields;
    let mut edits = edits.to_vec();
    for (name, _) in before.iter().filter(|(name, _)| name.starts_with('_')) {
        edits.push((name.clone(), None));
    }
    let opened = bytes
        .iter()
        .position(|byte| *byte == b'\n')
        .map_or(0, |end| end.saturating_add(1));
    let (head, line_end) = match bytes.get(..opened) {
        Some(head) if head.ends_with(b"\r\n") => (head, "\r\n"),
        head => (head.unwrap_or_default(), "\n"),
    };
    let changed = change(matter, &edits, line_end)?;
    let closing = bytes
        .get(opened.saturating_add(matter.len())..old.start)
        .unwrap_or_default();
    let mut whole = [head, changed.as_bytes(), closing].concat();
    let text = body.unwrap_or(old.text);
    if !text.is_empty() && !whole.ends_with(b"\n") {
        whole.extend_from_slice(line_end.as_bytes());
    }
    whole.extend_from_slice(text.as_bytes());
    let wanted = before.with(&edits);
    proven(whole, &wanted, text, limits)
}

/// A file of these fields and this text.
///
/// # Errors
/// [`WriteFault`] says why it is not to be.
pub fn compose(fields: &Fields, body: &str, limits: Limits) -> Result<Vec<u8>, WriteFault> {
    let mut whole = "---\n".to_owned();
    for (name, value) in fields.iter() {
        whole.push_str(&lines(name, value, "", "\n")?);
    }
    whole.push_str("---\n");
    whole.push_str(body);
    proven(whole.into_bytes(), fields, body, limits)
}

/// The bytes, when they are read back as exactly what was to be written.
fn proven(bytes: Vec<u8>, wanted: &Fields, body: &str, limits: Limits) -> Result<Vec<u8>, WriteFault> {
    if body.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        return Err(WriteFault::Control("body".to_owned()));
    }
    if bytes.len() > limits.bytes {
        return Err(WriteFault::TooLarge(limits.bytes));
    }
    let Split::Fenced(Fenced { matter, body: read }) = split(&bytes) else {
        return Err(WriteFault::NoMatter);
    };
    let read_fields = parse(matter, limits.matter, &mut Words::default())?.fields;
    for (name, value) in wanted.iter().chain(read_fields.iter()) {
        if read_fields.get(name) != Some(value) || wanted.get(name) != Some(value) {
            return Err(WriteFault::Woven(name.to_string()));
        }
    }
    if read.text != body {
        return Err(WriteFault::Woven("body".to_owned()));
    }
    Ok(bytes)
}

/// Where a field stands in the text of its block.
struct Stands {
    name: Text,
    /// From the beginning of its first line.
    start: usize,
    /// Where its name ends, and where its value does.
    key: usize,
    value: usize,
}

fn change(matter: &str, edits: &[Edit], line_end: &str) -> Result<String, WriteFault> {
    let standing = standing(matter)?;
    let indent = standing.first().map_or("", |first| indent(matter, first.start));
    // The places that are written anew, each with what takes its place.
    let mut anew: Vec<(Range<usize>, String)> = Vec::new();
    let mut added = String::new();
    for (name, value) in edits {
        let mut known = standing.iter().enumerate().filter(|(_, one)| one.name == *name).rev();
        match value {
            None => {
                for (place, _) in known {
                    anew.push((span(matter, &standing, place)?, String::new()));
                }
            }
            Some(value) => {
                let mut text = lines(name, value, indent, line_end)?;
                // Where it stands twice, the last one is the one that is read.
                let Some((place, one)) = known.next() else {
                    added.push_str(&text);
                    continue;
                };
                if let Some(remark) = remark(matter, one) {
                    let first = text.find(line_end).unwrap_or(text.len());
                    text.insert_str(first, remark);
                }
                anew.push((span(matter, &standing, place)?, text));
            }
        }
    }
    anew.sort_by_key(|(span, _)| span.start);
    let (mut changed, mut done) = (String::with_capacity(matter.len()), 0_usize);
    for (span, text) in anew {
        changed.push_str(matter.get(done..span.start).unwrap_or_default());
        changed.push_str(&text);
        done = span.end;
    }
    changed.push_str(matter.get(done..).unwrap_or_default());
    changed.push_str(&added);
    Ok(changed)
}

/// Every field of a block, in the order of the text; also those that stand twice.
fn standing(matter: &str) -> Result<Vec<Stands>, WriteFault> {
    let limits = options! { emit_comments: false, emit_unresolved_aliases: true };
    let mut found: Vec<Stands> = Vec::new();
    let (mut depth, mut at_key) = (0_usize, true);
    for next in Parser::new_from_str_with_options(matter, limits) {
        // It was read before: there is nothing wrong with it.
        let (event, at) = next.map_err(|_| WriteFault::Woven(String::new()))?;
        let offset = |marker: granit_parser::Marker| marker.byte_offset().unwrap_or(usize::MAX);
        let (start, end) = (offset(at.start), offset(at.end));
        match &event {
            Event::Scalar(text, ..) if depth == 1 && at_key => {
                let line = matter
                    .get(..start)
                    .map(|before| before.rfind('\n').map_or(0, |last| last.saturating_add(1)));
                let stands = Stands {
                    name: Text::from(&**text),
                    start: line.unwrap_or(usize::MAX),
                    key: end,
                    value: end,
                };
                found.push(stands);
                at_key = false;
                continue;
            }
            Event::SequenceStart(..) | Event::MappingStart(..) => depth = depth.saturating_add(1),
            Event::SequenceEnd | Event::MappingEnd => depth = depth.saturating_sub(1),
            Event::Scalar(..) => {}
            _ => continue,
        }
        if depth == 0 {
            continue;
        }
        // What is empty stands nowhere, and the end of a block is where the next one begins.
        if let Some(last) = found.last_mut().filter(|_| start < end) {
            last.value = last.value.max(end);
        }
        if depth == 1 && !matches!(event, Event::MappingStart(..) if found.is_empty()) {
            at_key = true;
        }
    }
    Ok(found)
}

fn indent(matter: &str, start: usize) -> &str {
    let line = matter.get(start..).unwrap_or_default();
    line.get(..line.len().saturating_sub(line.trim_start_matches(' ').len()))
        .unwrap_or_default()
}

/// The lines of one field alone, with their ends.
fn span(matter: &str, standing: &[Stands], place: usize) -> Result<Range<usize>, WriteFault> {
    let Some(one) = standing.get(place) else {
        return Err(WriteFault::Woven(String::new()));
    };
    let woven = || WriteFault::Woven(one.name.to_string());
    let before = place.checked_sub(1).and_then(|before| standing.get(before));
    let next = place.checked_add(1).and_then(|next| standing.get(next));
    // A text of several lines ends where the next line begins, and with it what is blank.
    let text = matter.get(one.start..one.value).ok_or_else(woven)?.trim_end();
    let last = one.start.saturating_add(text.len());
    let end = matter
        .get(last..)
        .ok_or_else(woven)?
        .find('\n')
        .map_or(matter.len(), |line| last.saturating_add(line).saturating_add(1));
    let shared = before.is_some_and(|before| before.start == one.start);
    if shared || next.is_some_and(|next| next.start < end) {
        return Err(woven());
    }
    Ok(one.start..end)
}

/// What somebody remarked behind a value, on its line.
fn remark<'a>(matter: &'a str, one: &Stands) -> Option<&'a str> {
    let rest = matter.get(one.value..)?;
    let line = rest
        .get(..rest.find('\n').unwrap_or(rest.len()))?
        .trim_end_matches('\r');
    let line = if one.value == one.key {
        line.trim_start().strip_prefix(':')?
    } else {
        line
    };
    let remark = line.trim_start();
    (remark.starts_with('#') && remark.len() < line.len()).then_some(line)
}

/// A field as it is written: on one line, but for lists and mappings of more than words.
fn lines(name: &str, value: &Value, indent: &str, line_end: &str) -> Result<String, WriteFault> {
    let letters = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if name.is_empty() || !name.starts_with(|first: char| first.is_ascii_alphabetic()) || !name.chars().all(letters) {
        return Err(WriteFault::Name(name.chars().take(50).collect()));
    }
    let mut text = format!("{indent}{name}:");
    let written = match value {
        Value::List(items) if items.iter().any(|item| matches!(item, Value::List(_) | Value::Map(_))) => {
            items.iter().try_for_each(|item| {
                write!(text, "{line_end}{indent}  - ")?;
                flow(item, &mut text)
            })
        }
        Value::Map(fields) if !fields.is_empty() => fields.iter().try_for_each(|(name, value)| {
            write!(text, "{line_end}{indent}  ")?;
            scalar(name, &mut text)?;
            text.push_str(": ");
            flow(value, &mut text)
        }),
        value => {
            text.push(' ');
            flow(value, &mut text)
        }
    };
    written.map_err(|_| WriteFault::Control(name.to_owned()))?;
    text.push_str(line_end);
    Ok(text)
}

/// A value on one line.
fn flow(value: &Value, to: &mut String) -> std::fmt::Result {
    match value {
        Value::Null => to.write_str("null"),
        Value::Bool(value) => write!(to, "{value}"),
        Value::Integer(value) => write!(to, "{value}"),
        Value::Number(text) => to.write_str(text),
        Value::Text(text) => scalar(text, to),
        Value::List(items) => {
            to.push('[');
            for (place, item) in items.iter().enumerate() {
                to.push_str(if place == 0 { "" } else { ", " });
                flow(item, to)?;
            }
            to.write_char(']')
        }
        Value::Map(fields) => {
            to.push('{');
            for (place, (name, value)) in fields.iter().enumerate() {
                to.push_str(if place == 0 { "" } else { ", " });
                scalar(name, to)?;
                to.push_str(": ");
                flow(value, to)?;
            }
            to.write_char('}')
        }
    }
}

/// Text as people would write it, where every reader of YAML takes it for text; else in quotes. Fails on a control character.
fn scalar(text: &str, to: &mut String) -> std::fmt::Result {
    if is_plain(text) {
        return to.write_str(text);
    }
    to.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => write!(to, "\\{c}")?,
            '\n' => to.push_str("\\n"),
            '\t' => to.push_str("\\t"),
            c if c.is_control() => return Err(std::fmt::Error),
            // What YAML, or somebody's reader of it, takes for a line end or for nothing.
            '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => write!(to, "\\u{:04X}", u32::from(c))?,
            c => to.push(c),
        }
    }
    to.write_char('"')
}

/// Words that some reader of YAML takes for something else than text.
const MEANING_MORE: [&str; 11] = [
    "null", "true", "false", "yes", "no", "on", "off", "y", "n", "inf", "nan",
];

fn is_plain(text: &str) -> bool {
    let inner = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_' | '.' | '/' | '(' | ')' | '+');
    let is_day = text.len() == 10
        && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
        && text.parse::<jiff::civil::Date>().is_ok();
    is_day
        || (text.starts_with(char::is_alphabetic)
            && text.chars().all(inner)
            && !text.ends_with(' ')
            && !MEANING_MORE.contains(&text.to_lowercase().as_str()))
}

#[cfg(test)]
mod tests;
