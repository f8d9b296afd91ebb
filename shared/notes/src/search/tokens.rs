//! Words. Letters and digits that stand together are one word, without regard to case. Korean, Chinese and Japanese put no blanks
//! between words that one may look for, so there each two neighbours are a word, and a longer one is found as a phrase of them.

use {
    std::ops::Range,
    tantivy::tokenizer::{Token, TokenStream, Tokenizer},
};

/// A word longer than this is data; only its beginning is kept.
const LONGEST: usize = 64;

/// Where the words of a text stand.
struct Words<'a> {
    text: &'a str,
    /// Where to go on.
    at: usize,
    /// Within a run of characters that are read in pairs.
    in_run: bool,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Tokens {
    token: Token,
}

pub(super) struct Stream<'a> {
    words: Words<'a>,
    token: &'a mut Token,
}

impl<'a> Words<'a> {
    const fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            in_run: false,
        }
    }
}

impl Iterator for Words<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        loop {
            let start = self.at;
            // Most texts are mostly of these, and nothing has to be decoded to know what they are.
            let byte = self.text.as_bytes().get(start)?;
            if byte.is_ascii() && !byte.is_ascii_alphanumeric() {
                self.at = start.saturating_add(1);
                continue;
            }
            let rest = self.text.get(start..).unwrap_or_default();
            let mut chars = rest.chars();
            let first = chars.next()?;
            if paired(first) {
                self.at = start.saturating_add(first.len_utf8());
                let Some(second) = chars.next().filter(|second| paired(*second)) else {
                    // The last of a run was the second of a pair already.
                    if std::mem::take(&mut self.in_run) {
                        continue;
                    }
                    return Some(start..self.at);
                };
                self.in_run = true;
                return Some(start..self.at.saturating_add(second.len_utf8()));
            }
            if first.is_alphanumeric() {
                self.at = start.saturating_add(word(rest));
                return Some(start..self.at);
            }
            self.at = start.saturating_add(first.len_utf8());
        }
    }
}

impl Tokenizer for Tokens {
    type TokenStream<'a> = Stream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> Stream<'a> {
        self.token.reset();
        Stream {
            words: Words::new(text),
            token: &mut self.token,
        }
    }
}

impl TokenStream for Stream<'_> {
    fn advance(&mut self) -> bool {
        let Some(place) = self.words.next() else { return false };
        let word = self.words.text.get(place.clone()).unwrap_or_default();
        self.token.position = self.token.position.wrapping_add(1);
        (self.token.offset_from, self.token.offset_to) = (place.start, place.end);
        self.token.text.clear();
        if word.is_ascii() {
            self.token.text.push_str(word.get(..LONGEST).unwrap_or(word));
            self.token.text.make_ascii_lowercase();
        } else if word.starts_with(paired) {
            // These have no case.
            self.token.text.push_str(word);
        } else {
            self.token.text.extend(spelled(word));
        }
        true
    }

    fn token(&self) -> &Token {
        self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        self.token
    }
}

/// A word as it is looked for.
fn spelled(word: &str) -> impl Iterator<Item = char> + '_ {
    word.chars().take(LONGEST).flat_map(char::to_lowercase)
}

/// The length of the word that a text begins with.
fn word(text: &str) -> usize {
    let plain = text.bytes().position(|byte| !byte.is_ascii_alphanumeric());
    let plain = plain.unwrap_or(text.len());
    let rest = text.get(plain..).unwrap_or_default();
    // Letters of other kinds may go on.
    let more = rest.find(|next: char| !next.is_alphanumeric() || paired(next));
    plain.saturating_add(more.unwrap_or(rest.len()))
}

/// Whether characters of this kind are read in pairs.
pub(super) const fn paired(character: char) -> bool {
    matches!(character,
        '\u{1100}'..='\u{11ff}' | '\u{3130}'..='\u{318f}' | '\u{ac00}'..='\u{d7a3}'
        | '\u{3040}'..='\u{30ff}'
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3134f}')
}

/// The words of a text, with where each stands.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut found = Vec::new();
    each(text, |token| {
        found.push(token.clone());
        true
    });
    found
}

/// Takes the words of a text one after the other, for as long as more are wanted.
pub(super) fn each(text: &str, mut take: impl FnMut(&Token) -> bool) {
    let mut tokens = Tokens::default();
    let mut stream = tokens.token_stream(text);
    while stream.advance() && take(stream.token()) {}
}

#[cfg(test)]
mod tests {
    use {super::*, proptest::prelude::*};

    fn words(text: &str) -> Vec<String> {
        tokens(text).into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn words_are_letters_that_stand_together_whatever_their_case() {
        assert_eq!(
            words("The HARBOUR-gate, v2.0_x"),
            ["the", "harbour", "gate", "v2", "0", "x"]
        );
        assert_eq!(words("Straße ÉCOLE naÏve Ωx"), ["straße", "école", "naïve", "ωx"]);
        assert_eq!(words(&"aB".repeat(40)), ["ab".repeat(32)]);
        assert_eq!(words(&"éB".repeat(40)), ["éb".repeat(32)]);
    }

    #[test]
    fn korean_is_read_in_pairs_and_a_single_letter_by_itself() {
        assert_eq!(words("항구의 문"), ["항구", "구의", "문"]);
        assert_eq!(words("API항구v2"), ["api", "항구", "v2"]);
        assert_eq!(words("東京タワー"), ["東京", "京タ", "タワ", "ワー"]);
    }

    #[test]
    fn positions_follow_one_another() {
        let positions: Vec<_> = tokens("a 가나다 b").into_iter().map(|token| token.position).collect();
        assert_eq!(positions, [0, 1, 2, 3]);
    }

    proptest! {
        #[test]
        fn every_token_is_a_piece_of_the_text(text in "[a-cA-C가-힣 .\u{1100}東é0-9-]{0,40}") {
            let mut last = 0;
            for token in tokens(&text) {
                prop_assert!(text.get(token.offset_from..token.offset_to).is_some_and(|word| !word.is_empty()));
                prop_assert!(token.offset_from >= last);
                last = token.offset_from;
                let word = &text[token.offset_from..token.offset_to];
                prop_assert_eq!(spelled(word).collect::<String>(), token.text);
            }
        }
    }
}
