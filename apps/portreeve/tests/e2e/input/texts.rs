//! Texts that are wrong wherever people may write what they like.

/// Characters that trip a terminal, a log or a reader.
pub(super) const NOT_PLAIN: [&str; 12] = [
    "a\nb",
    "a\rb",
    "a\tb",
    "a\0b",
    "\u{1b}[2J",
    "\u{7f}",
    "\u{85}",
    "\u{9b}2J",
    "a\u{200b}b",
    "a\u{202e}b",
    "a\u{2066}b",
    "\u{feff}a",
];
