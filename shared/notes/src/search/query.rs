//! What is searched for. Every word has to be there; words that a hyphen joins, or quotes, have to stand together.

use {
    super::{Fields, spelled, tokens},
    crate::value::Text,
    std::{
        collections::{HashSet, VecDeque},
        ops::Range,
    },
    tantivy::{
        Term,
        query::{
            BooleanQuery, BoostQuery, ConstScoreQuery, Occur, PhraseQuery, Query as Wanted, RegexQuery, TermQuery,
        },
        schema::{Field, IndexRecordOption},
        tokenizer::Token,
    },
};

/// Longer queries are pasted texts.
const LONGEST: usize = 512;
/// Each phrase is a walk over its words' lists.
const PHRASES: usize = 16;
const WORDS: usize = 64;
/// Characters of those that are read in pairs that may stand alone: each is looked for in every pair there is.
const SINGLES: usize = 2;
/// What stands in a name counts more than what stands in a text.
const TITLE: f32 = 3.0;
/// Characters of a snippet before and behind what was found.
const AROUND: usize = 60;

/// Something to search for.
#[derive(Debug, Clone)]
pub struct Query {
    /// Each a row of words that stand together.
    phrases: Vec<Vec<Token>>,
}

/// Which notes to search. Each that is given has to hold.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Of this type.
    pub kind: Option<Text>,
    /// In this status.
    pub status: Option<Text>,
    /// With this tag.
    pub tag: Option<Text>,
    /// In this folder or below it.
    pub folder: Option<Text>,
}

/// Why a text cannot be searched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// No letter or digit in it.
    #[error("a query has a word in it")]
    Empty,
    /// Too long, or too many words.
    #[error("a query has at most {LONGEST} bytes, {PHRASES} phrases and {WORDS} words")]
    TooLong,
    /// Every pair of characters has to be looked at for each.
    #[error("a query has at most {SINGLES} characters of Korean, Chinese or Japanese that stand alone")]
    TooManySingles,
}

/// A piece of a text, around what was found in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snippet {
    /// The piece, on one line.
    pub text: String,
    /// What was found, in bytes of the piece.
    pub found: Range<usize>,
}

impl Query {
    /// Reads a query as people type it.
    ///
    /// # Errors
    /// [`QueryError`] when there is nothing in it, or too much.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        if text.len() > LONGEST {
            return Err(QueryError::TooLong);
        }
        let text = spelled(text);
        let mut phrases = Vec::new();
        for (place, part) in text.split('"').enumerate() {
            // Every second part stands in quotes.
            if place % 2 == 1 {
                phrases.push(tokens::tokens(part));
            } else {
                phrases.extend(part.split_whitespace().map(tokens::tokens));
            }
        }
        phrases.retain(|phrase| !phrase.is_empty());
        let words: usize = phrases.iter().map(Vec::len).sum();
        if phrases.len() > PHRASES || words > WORDS {
            return Err(QueryError::TooLong);
        }
        // What stands twice is looked for once.
        let mut seen = HashSet::new();
        phrases.retain(|phrase| seen.insert(phrase.iter().map(|token| token.text.clone()).collect::<Vec<_>>()));
        let is_single = |phrase: &&Vec<Token>| matches!(phrase.as_slice(), [one] if single(&one.text).is_some());
        if phrases.iter().filter(is_single).count() > SINGLES {
            return Err(QueryError::TooManySingles);
        }
        if phrases.is_empty() {
            return Err(QueryError::Empty);
        }
        Ok(Self { phrases })
    }

    pub(super) fn build(&self, fields: Fields, filter: &Filter) -> BooleanQuery {
        let mut must: Vec<(Occur, Box<dyn Wanted>)> = Vec::new();
        for phrase in &self.phrases {
            let in_title = BoostQuery::new(stands_in(fields.title, phrase), TITLE);
            let anywhere = BooleanQuery::union(vec![Box::new(in_title), stands_in(fields.body, phrase)]);
            must.push((Occur::Must, Box::new(anywhere)));
        }
        for (field, wanted) in [
            (fields.kind, &filter.kind),
            (fields.status, &filter.status),
            (fields.tag, &filter.tag),
            (fields.folder, &filter.folder),
        ] {
            if let Some(wanted) = wanted {
                let is = TermQuery::new(Term::from_field_text(field, &spelled(wanted)), IndexRecordOption::Basic);
                // A filter says nothing about how well a note fits.
                must.push((Occur::Must, Box::new(ConstScoreQuery::new(Box::new(is), 0.0))));
            }
        }
        BooleanQuery::new(must)
    }

    /// Where one of the phrases first stands. Never more words of the text are held than the longest phrase has.
    fn first(&self, body: &str) -> Option<Range<usize>> {
        let longest = self.phrases.iter().map(Vec::len).max()?;
        let mut found: Option<Range<usize>> = None;
        let mut words = VecDeque::with_capacity(longest);
        // Once one is found, only those can begin before it that have begun already.
        let mut left = longest;
        tokens::each(body, |word| {
            if words.len() == longest {
                words.pop_front();
            }
            words.push_back(word.clone());
            for range in self.phrases.iter().filter_map(|phrase| ending(&words, phrase)) {
                if found.as_ref().is_none_or(|found| range.start < found.start) {
                    found = Some(range);
                }
            }
            if found.is_some() {
                left = left.saturating_sub(1);
            }
            left > 0
        });
        found
    }

    /// The first place in a text where one of the phrases stands.
    #[must_use]
    pub fn snippet(&self, body: &str) -> Option<Snippet> {
        let found = self.first(body)?;
        let before = body.get(..found.start)?.char_indices().rev().take(AROUND).last();
        let from = before.map_or(found.start, |(at, _)| at);
        let rest = body.get(found.end..)?;
        let length = rest.char_indices().nth(AROUND).map_or(rest.len(), |(at, _)| at);
        let line = |text: &str| text.replace(char::is_control, " ");
        let (head, middle) = (line(body.get(from..found.start)?), line(body.get(found.clone())?));
        let start = head.len();
        let end = start.saturating_add(middle.len());
        Some(Snippet {
            text: head + &middle + &line(rest.get(..length)?),
            found: start..end,
        })
    }
}

/// Where a row of words stands, when it is what the words end with.
fn ending(words: &VecDeque<Token>, phrase: &[Token]) -> Option<Range<usize>> {
    let from = words.len().checked_sub(phrase.len())?;
    let stands = words.range(from..).zip(phrase).rev();
    // The last word first, because mostly it is another.
    let mut stands = stands.map(|(word, wanted)| fits(&word.text, &wanted.text));
    let found = || Some(words.get(from)?.offset_from..words.back()?.offset_to);
    stands.all(|fits| fits).then(found)?
}

/// One character of those that are read in pairs is found in either place of a pair.
fn fits(word: &str, wanted: &str) -> bool {
    word == wanted || single(wanted).is_some_and(|single| word.chars().count() == 2 && word.contains(single))
}

fn single(word: &str) -> Option<char> {
    let mut chars = word.chars();
    chars
        .next()
        .filter(|first| tokens::paired(*first) && chars.next().is_none())
}

fn stands_in(field: Field, phrase: &[Token]) -> Box<dyn Wanted> {
    let term = |token: &Token| Term::from_field_text(field, &token.text);
    match phrase {
        [only] => {
            let exactly: Box<dyn Wanted> = Box::new(TermQuery::new(term(only), IndexRecordOption::WithFreqs));
            // No character of that kind means something else in a pattern.
            let pattern = single(&only.text).map(|single| format!("{single}.?|.{single}"));
            match pattern.map(|pattern| RegexQuery::from_pattern(&pattern, field)) {
                Some(Ok(pairs)) => Box::new(pairs),
                _ => exactly,
            }
        }
        row => Box::new(PhraseQuery::new(row.iter().map(term).collect())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snippet(query: &str, body: &str) -> Option<(String, String)> {
        let snippet = Query::parse(query).unwrap().snippet(body)?;
        let found = snippet.text[snippet.found.clone()].to_owned();
        Some((snippet.text, found))
    }

    #[test]
    fn a_query_has_words_and_not_too_many() {
        for empty in ["", "  ", "\"\"", "-- !"] {
            assert_eq!(Query::parse(empty).unwrap_err(), QueryError::Empty, "{empty:?}");
        }
        assert!(Query::parse(&"a ".repeat(16)).is_ok());
        assert_eq!(Query::parse(&"a ".repeat(17)).unwrap_err(), QueryError::TooLong);
        assert_eq!(Query::parse(&"a-".repeat(65)).unwrap_err(), QueryError::TooLong);
        assert_eq!(Query::parse(&"a".repeat(513)).unwrap_err(), QueryError::TooLong);
        assert!(Query::parse("가 나 가 항구").is_ok(), "what stands twice counts once");
        assert_eq!(Query::parse("가 나 다").unwrap_err(), QueryError::TooManySingles);
    }

    #[test]
    fn what_begins_first_is_shown_also_when_something_shorter_ends_before_it() {
        let body = "and so the old harbour gate of the town is open";
        assert_eq!(
            snippet("gate \"old harbour gate of\"", body).unwrap().1,
            "old harbour gate of"
        );
        assert_eq!(
            snippet("gate \"harbour gate of the town\" open", body).unwrap().1,
            "harbour gate of the town"
        );
        assert_eq!(snippet("town \"of the sea\"", body).unwrap().1, "town");
    }

    #[test]
    fn a_snippet_shows_what_was_found_with_some_text_around() {
        let body = format!("{}the Harbour\nGate is open{}", "x ".repeat(100), " y".repeat(100));
        let (text, found) = snippet("harbour-gate", &body).unwrap();
        assert_eq!(found, "Harbour Gate");
        assert_eq!(text.chars().count(), AROUND + "Harbour Gate".len() + AROUND);
        assert_eq!(
            snippet("gate harbour", &body).unwrap().1,
            "Harbour",
            "the first of two words"
        );
        assert_eq!(snippet("\"gate harbour\"", &body), None);
        assert_eq!(
            snippet("항구", "큰 항구의 문").unwrap(),
            ("큰 항구의 문".to_owned(), "항구".to_owned())
        );
        assert_eq!(snippet("구", "큰 항구의 문").unwrap().1, "항구");
    }
}
