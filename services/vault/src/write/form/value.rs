//! Reading one value by its form.

use {
    super::{
        Field,
        Form::{
            self, Address, Hours, Ids, Line, Lines, Links, Measures, Name, Names, Share, Weights, Word, Words, Year,
        },
    },
    portreeve_guard::Problem,
    portreeve_kernel::Code,
    portreeve_notes::{Day, Fields, Text, Value},
    serde_json::Value as Json,
};

/// Characters of a text on one line.
const LINE: usize = 200;
/// Characters of a link's label.
const LABEL: usize = 100;
/// Characters of an address.
const ADDRESS: usize = 2_000;
/// Characters of a text of several lines.
const TEXT: usize = 50_000;
/// Links of one entity.
const LINKS: usize = 10;
/// Items of any other list.
const ITEMS: usize = 50;

impl Field {
    /// Reads a value; nothing when it is null, or as good as that.
    pub(super) fn value(&self, given: &Json) -> Result<Option<Value>, Problem> {
        let name = self.name;
        Ok(match (self.form, given) {
            (_, Json::Null) => None,
            (Form::Id(_) | Form::Day, Json::String(text)) if text.is_empty() => None,
            (Line | Word | Name | Form::Id(_), given) => Some(line(name, given, LINE)?),
            (Form::Text, given) => Some(long(name, given)?),
            (Form::Day, given) => {
                let value = line(name, given, LINE)?;
                match &value {
                    Value::Text(text) if text.len() == 10 && Day::read(text).date().is_some() => Some(value),
                    _ => return Err(format(name, "a day such as `2026-01-15` is expected")),
                }
            }
            (Year, given) => {
                let value = line(name, given, LINE)?;
                match &value {
                    Value::Text(text) if text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit()) => {
                        Some(value)
                    }
                    _ => return Err(format(name, "a year such as `\"2026\"` is expected")),
                }
            }
            (Names, Json::String(_)) => Some(line(name, given, LINE)?),
            (Names, Json::Array(names)) if names.is_empty() => None,
            (Names | Lines | Ids(_), given) => Some(list(name, given, ITEMS, |name: &str, item: &Json| {
                line(name, item, LINE)
            })?),
            (Share, given) => Some(number(name, given, 1.0)?),
            (Hours, given) => Some(number(name, given, 100_000.0)?),
            (Address, given) => Some(address(name, given)?),
            (Links, given) => Some(list(name, given, LINKS, |name, item| {
                pair(
                    name,
                    item,
                    ("label", |name: &str, item: &Json| line(name, item, LABEL)),
                    ("url", address),
                )
            })?),
            (Measures, given) => Some(list(name, given, ITEMS, |name, item| {
                pair(
                    name,
                    item,
                    ("name", |name: &str, item: &Json| line(name, item, LINE)),
                    ("description", long),
                )
            })?),
            (Weights(_), given) => Some(list(name, given, ITEMS, |name, item| {
                pair(
                    name,
                    item,
                    ("to", |name: &str, item: &Json| line(name, item, LINE)),
                    ("weight", |name: &str, item: &Json| number(name, item, 1.0)),
                )
            })?),
            (Words, Json::Object(words)) => Some(mapping(name, words)?),
            (Words, _) => return Err(format(name, "an object is expected")),
        })
    }
}

pub(super) fn format(param: &str, detail: impl std::fmt::Display) -> Problem {
    Problem::new(Code::ValidationInvalidFormat).detail(detail).param(param)
}

fn range(param: &str, detail: impl std::fmt::Display) -> Problem {
    Problem::new(Code::ValidationOutOfRange).detail(detail).param(param)
}

fn line(name: &str, given: &Json, most: usize) -> Result<Value, Problem> {
    let Json::String(text) = given else {
        return Err(format(name, "a text is expected"));
    };
    if !text.chars().all(portreeve_guard::text::is_plain) {
        return Err(format(
            name,
            "a text on one line is expected, without characters that cannot be seen",
        ));
    }
    let count = text.chars().count();
    if text.trim().is_empty() || count > most {
        return Err(range(
            name,
            format_args!("1 to {most} characters are expected, not {count}"),
        ));
    }
    Ok(Value::Text(text.as_str().into()))
}

fn long(name: &str, given: &Json) -> Result<Value, Problem> {
    let Json::String(text) = given else {
        return Err(format(name, "a text is expected"));
    };
    if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
        return Err(format(name, "a text without control characters is expected"));
    }
    let count = text.chars().count();
    if count > TEXT {
        return Err(range(
            name,
            format_args!("at most {TEXT} characters are expected, not {count}"),
        ));
    }
    Ok(Value::Text(text.as_str().into()))
}

fn address(name: &str, given: &Json) -> Result<Value, Problem> {
    let value = line(name, given, ADDRESS)?;
    let Value::Text(text) = &value else { return Ok(value) };
    let behind = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let sound = |rest: &&str| {
        rest.starts_with(|first: char| first.is_alphanumeric() || first == '[') && !rest.contains(char::is_whitespace)
    };
    if behind.filter(sound).is_none() {
        return Err(format(
            name,
            "an address that begins with `https://` or `http://` is expected",
        ));
    }
    Ok(value)
}

fn number(name: &str, given: &Json, most: f64) -> Result<Value, Problem> {
    let Json::Number(number) = given else {
        return Err(format(name, "a number is expected"));
    };
    let within = number.as_f64().is_some_and(|number| (0.0..=most).contains(&number));
    if !within {
        return Err(range(
            name,
            format_args!("a number from 0 to {most} is expected, not `{number}`"),
        ));
    }
    Ok(number
        .as_i64()
        .map_or_else(|| Value::Number(number.to_string().into()), Value::Integer))
}

fn list(
    name: &str,
    given: &Json,
    most: usize,
    item: impl Fn(&str, &Json) -> Result<Value, Problem>,
) -> Result<Value, Problem> {
    let Json::Array(items) = given else {
        return Err(format(name, "an array is expected"));
    };
    if items.len() > most {
        return Err(range(
            name,
            format_args!("at most {most} items are expected, not {}", items.len()),
        ));
    }
    let items = items
        .iter()
        .enumerate()
        .map(|(place, one)| item(&format!("{name}[{place}]"), one));
    Ok(Value::List(items.collect::<Result<_, _>>()?))
}

/// An object of exactly two fields.
fn pair(
    name: &str,
    given: &Json,
    (first, read_first): (&str, impl Fn(&str, &Json) -> Result<Value, Problem>),
    (second, read_second): (&str, impl Fn(&str, &Json) -> Result<Value, Problem>),
) -> Result<Value, Problem> {
    let Json::Object(fields) = given else {
        return Err(format(name, "an object is expected"));
    };
    if let Some(other) = fields.keys().find(|key| *key != first && *key != second) {
        let param = format!("{name}.{other}");
        return Err(format(&param, format_args!("known are `{first}`, `{second}`")));
    }
    let read = |key: &str, read: &dyn Fn(&str, &Json) -> Result<Value, Problem>| {
        let param = format!("{name}.{key}");
        match fields.get(key) {
            Some(value) => Ok((Text::from(key), read(&param, value)?)),
            None => Err(Problem::new(Code::ValidationRequiredField).param(param)),
        }
    };
    let both = [read(first, &read_first)?, read(second, &read_second)?];
    Ok(Value::Map(both.into_iter().collect()))
}

/// Names with a word, a number or words each.
fn mapping(name: &str, given: &serde_json::Map<String, Json>) -> Result<Value, Problem> {
    if given.len() > ITEMS {
        return Err(range(
            name,
            format_args!("at most {ITEMS} names are expected, not {}", given.len()),
        ));
    }
    let mut fields = Vec::new();
    for (key, value) in given {
        let param = format!("{name}.{}", key.chars().take(50).collect::<String>());
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if key.is_empty() || key.len() > LABEL || !key.chars().all(plain) || key.starts_with('_') {
            return Err(format(&param, "a name of letters, digits, `_` and `-` is expected"));
        }
        let value = match value {
            Json::Null => Value::Null,
            Json::Bool(value) => Value::Bool(*value),
            Json::Number(number) => number
                .as_i64()
                .map_or_else(|| Value::Number(number.to_string().into()), Value::Integer),
            Json::String(_) => long(&param, value)?,
            Json::Array(_) => list(&param, value, ITEMS, |name: &str, item: &Json| line(name, item, LINE))?,
            Json::Object(_) => return Err(format(&param, "a word, a number or a list of words is expected")),
        };
        fields.push((Text::from(key.as_str()), value));
    }
    Ok(Value::Map(fields.into_iter().collect::<Fields>()))
}
