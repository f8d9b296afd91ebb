//! A file of any bytes, as a note.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| portreeve_notes::testing::laws::matter(bytes));
