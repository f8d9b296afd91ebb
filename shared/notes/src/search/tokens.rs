//! Words. Letters and digits that stand together are one word, without regard to case. Korean, Chinese and Japanese put no blanks
//! between words that one may look for, so there each two neighbours are a word, and a longer one is found as a phrase of them.

use tantivy::tokenizer::{Token, TokenStream, Tokenizer};

/// A word longer than this is data; only its beginning is kept.
const LONGEST: usize = 64;

#[derive(Debug, Clone, Default)]
pub(super) struct Tokens {
    token: Token,
}

pub(super) struct Stream<'a> {
    text: &'a str,
    /// Where to go on.
    at: usize,
    /// Within a run of characters that are read in pairs.
    in_run: bool,
    token: &'a mut Token,
}

impl Tokenizer for Tokens {
    type TokenStream<'a> = Stream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> Stream<'a> {
        self.token.reset();
        Stream {
            text,
            at: 0,
            in_run: false,
            token: &mut self.token,
        }
    }
}

impl TokenStream for Stream<'_> {
    fn advance(&mut self) -> bool {
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let mut chars = rest.chars();
            let Some(first) = chars.next() else { return false };
            if paired(first) {
                let second = chars.next().filter(|second| paired(*second));
                let start = self.at;
                self.at = self.at.saturating_add(first.len_utf8());
                let Some(second) = second else {
                    // The last of a run was the second of a pair already.
                    if std::mem::take(&mut self.in_run) {
                        continue;
                    }
                    self.put(start, self.at);
                    return true;
                };
                self.in_run = true;
                self.put(start, self.at.saturating_add(second.len_utf8()));
                return true;
            }
            if first.is_alphanumeric() {
                let length = rest
                    .find(|next: char| !next.is_alphanumeric() || paired(next))
                    .unwrap_or(rest.len());
                let start = self.at;
                self.at = self.at.saturating_add(length);
                self.put(start, self.at);
                return true;
            }
            self.at = self.at.saturating_add(first.len_utf8());
        }
    }

    fn token(&self) -> &Token {
        self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        self.token
    }
}

impl Stream<'_> {
    fn put(&mut self, from: usize, to: usize) {
        let word = self.text.get(from..to).unwrap_or_default();
        self.token.position = self.token.position.wrapping_add(1);
        (self.token.offset_from, self.token.offset_to) = (from, to);
        self.token.text.clear();
        self.token
            .text
            .extend(word.chars().take(LONGEST).flat_map(char::to_lowercase));
    }
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
        assert_eq!(words("Straße ÉCOLE"), ["straße", "école"]);
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
            }
        }
    }
}
