//! Words by people for people: bounded, and nothing that a database, a log or a terminal trips over.

use {crate::problem::Problem, portreeve_kernel::Code, std::ops::RangeInclusive};

/// Not a control character, and none of those that are invisible, end a line, or turn the text around.
#[must_use]
pub fn is_plain(c: char) -> bool {
    let hidden = matches!(
        c,
        '\u{AD}' | '\u{61C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}'
    );
    !c.is_control() && !hidden
}

/// `text` with everything that is not plain written as `\u{…}`, so that it can be read and does nothing.
#[must_use]
pub fn shown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_plain(c) {
            out.push(c);
        } else {
            out.extend(c.escape_unicode());
        }
    }
    out
}

/// Checks that `text` has as many characters as `length` allows, and plain ones only. `what` is what people call it, such
/// as `a memo`.
///
/// # Errors
/// `VALIDATION_OUT_OF_RANGE` for its length, `VALIDATION_INVALID_FORMAT` for a character, with `param`.
pub fn check(param: &str, what: &str, text: &str, length: RangeInclusive<usize>) -> Result<(), Problem> {
    let found = text.chars().count();
    if !length.contains(&found) {
        let (least, most) = (length.start(), length.end());
        let bounds = match least {
            0 => format!("at most {most} characters"),
            _ => format!("{least} to {most} characters"),
        };
        let problem = Problem::new(Code::ValidationOutOfRange).param(param);
        return Err(problem.detail(format_args!("{what} has {bounds}, this one has {found}")));
    }
    if let Some((place, c)) = (1_usize..).zip(text.chars()).find(|(_, c)| !is_plain(*c)) {
        let problem = Problem::new(Code::ValidationInvalidFormat).param(param);
        return Err(problem.detail(format_args!(
            "{what} has no control characters and none that are invisible or turn text around; take out U+{:04X}, \
             which is character {place}",
            u32::from(c)
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_trips_a_terminal_or_a_reader_is_not_plain() {
        for c in [
            '\0',
            '\n',
            '\u{1b}',
            '\u{7f}',
            '\u{85}',
            '\u{200B}',
            '\u{202E}',
            '\u{2066}',
            '\u{FEFF}',
            '\u{E0041}',
        ] {
            assert!(!is_plain(c), "{c:?}");
        }
        for c in ['a', ' ', 'é', '가', '漢', '🚢', '\u{A0}'] {
            assert!(is_plain(c), "{c:?}");
        }
    }

    #[test]
    fn what_is_not_plain_is_spelled_out() {
        assert_eq!(shown("a\u{1b}[2J\u{202E}b"), "a\\u{1b}[2J\\u{202e}b");
    }

    #[test]
    fn length_is_counted_in_characters_and_is_another_fault_than_a_character() {
        assert!(check("memo", "a memo", &"é".repeat(200), 0..=200).is_ok());
        assert!(check("memo", "a memo", "", 0..=200).is_ok());
        let refused = |text: &str, length| check("memo", "a memo", text, length).unwrap_err().code();
        assert_eq!(refused(&"é".repeat(201), 0..=200), Code::ValidationOutOfRange);
        assert_eq!(refused("", 1..=200), Code::ValidationOutOfRange);
        assert_eq!(refused("a\nb", 1..=200), Code::ValidationInvalidFormat);
    }
}
