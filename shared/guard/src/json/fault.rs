//! What is wrong with a value, in words of the one who sent it: JSON's names for kinds of values, numbers for bounds, and
//! the code of the registry that fits.

use {
    portreeve_kernel::Code,
    serde::de::{self, Expected, Unexpected},
    std::fmt,
};

/// How much of somebody's input a message repeats, in characters.
const ECHO: usize = 64;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(super) code: Code,
    pub(super) said: String,
    /// The field that is missing, where it should stand.
    pub(super) missing: Option<&'static str>,
}

impl Fault {
    fn new(code: Code, said: String) -> Self {
        let missing = None;
        Self { code, said, missing }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.said)
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(said: T) -> Self {
        Self::new(Code::ValidationInvalidFormat, said.to_string())
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let (found, expected) = (in_json(found), wanted(&expected.to_string()));
        Self::custom(format_args!("{expected} is expected, not {found}"))
    }

    /// The kind is right, so it is a matter of bounds.
    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let (found, expected) = (in_json(found), wanted(&expected.to_string()));
        let said = format!("{expected} is expected, not {found}");
        Self::new(Code::ValidationOutOfRange, said)
    }

    fn unknown_variant(found: &str, known: &'static [&'static str]) -> Self {
        let said = format!("`{}` is not one of {}", cut(found), listed(known));
        Self::new(Code::ValidationInvalidEnum, said)
    }

    fn unknown_field(found: &str, known: &'static [&'static str]) -> Self {
        let found_as = spelled(found);
        let meant = known.iter().find(|known| spelled(known) == found_as);
        let found = cut(found);
        match (meant, known) {
            (Some(meant), _) => Self::custom(format_args!("unknown field `{found}`, it is called `{meant}`")),
            (None, []) => Self::custom(format_args!("unknown field `{found}`, there are none here")),
            (None, _) => Self::custom(format_args!("unknown field `{found}`, known are {}", listed(known))),
        }
    }

    fn missing_field(field: &'static str) -> Self {
        Self {
            missing: Some(field),
            ..Self::new(Code::ValidationRequiredField, String::new())
        }
    }
}

/// Names that differ in nothing else are probably the same name.
fn spelled(name: &str) -> String {
    let letters = name.chars().filter(|c| !matches!(c, '_' | '-'));
    letters.flat_map(char::to_lowercase).collect()
}

fn cut(text: &str) -> String {
    let mut short: String = text.chars().take(ECHO).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

fn listed(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

fn in_json(found: Unexpected<'_>) -> String {
    match found {
        Unexpected::Bool(value) => format!("`{value}`"),
        Unexpected::Unsigned(value) => format!("the number `{value}`"),
        Unexpected::Signed(value) => format!("the number `{value}`"),
        Unexpected::Float(value) => format!("the number `{value}`"),
        Unexpected::Str("") => "the empty string".to_owned(),
        Unexpected::Str(text) => format!("the string `{}`", cut(text)),
        Unexpected::Unit | Unexpected::Option => "`null`".to_owned(),
        Unexpected::Seq => "an array".to_owned(),
        Unexpected::Map => "an object".to_owned(),
        other => other.to_string(),
    }
}

/// Serde's names for what a type wants. What says in its own words what it wants is left as it is.
fn wanted(expected: &str) -> String {
    let between = |most: u64| format!("a whole number from 0 to {most}");
    match expected {
        "u8" => between(u8::MAX.into()),
        "u16" => between(u16::MAX.into()),
        "u32" => between(u32::MAX.into()),
        "u64" | "usize" => "a whole number from 0".to_owned(),
        "i8" | "i16" | "i32" | "i64" => "a whole number".to_owned(),
        "a boolean" => "`true` or `false`".to_owned(),
        "a sequence" => "an array".to_owned(),
        "a map" => "an object".to_owned(),
        _ if expected.starts_with("struct ") || expected.starts_with("internally tagged enum ") => {
            "an object".to_owned()
        }
        _ if expected.starts_with("variant of enum ") || expected.starts_with("enum ") => "a string".to_owned(),
        _ => expected.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use {super::*, serde::de::Error};

    #[test]
    fn a_value_out_of_bounds_is_told_from_one_of_the_wrong_kind() {
        let bounds = Fault::invalid_value(Unexpected::Signed(-1), &"u8");
        assert_eq!(bounds.code, Code::ValidationOutOfRange);
        assert_eq!(
            bounds.said,
            "a whole number from 0 to 255 is expected, not the number `-1`"
        );
        let kind = Fault::invalid_type(Unexpected::Seq, &"struct OrderBody");
        assert_eq!(kind.code, Code::ValidationInvalidFormat);
        assert_eq!(kind.said, "an object is expected, not an array");
    }

    #[test]
    fn a_name_in_another_spelling_is_recognised() {
        const KNOWN: &[&str] = &["agentId", "to"];
        for name in ["AgentId", "agent_id", "AGENT-ID"] {
            let fault = Fault::unknown_field(name, KNOWN);
            assert!(fault.said.ends_with("it is called `agentId`"), "{fault}");
        }
        let fault = Fault::unknown_field("recipient", KNOWN);
        assert!(fault.said.ends_with("known are `agentId`, `to`"), "{fault}");
    }

    #[test]
    fn input_is_repeated_only_in_part() {
        let long = "x".repeat(10_000);
        for fault in [
            Fault::invalid_type(Unexpected::Str(&long), &"u32"),
            Fault::unknown_variant(&long, &["a"]),
            Fault::unknown_field(&long, &["a"]),
        ] {
            assert!(fault.said.len() < 200, "{fault}");
        }
    }
}
