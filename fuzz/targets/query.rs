//! Any text, whose first line is searched for in the rest.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    let (query, body) = text.split_once('\n').unwrap_or((text, ""));
    portreeve_notes::testing::laws::query(query, body);
});
