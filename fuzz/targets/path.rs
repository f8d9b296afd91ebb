//! Any text, as a path.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| portreeve_notes::testing::laws::path(text));
