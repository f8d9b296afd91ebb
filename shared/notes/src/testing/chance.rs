//! Chance that can be repeated, and the words that it picks from.

use jiff::{ToSpan as _, civil::Date};

const ENGLISH: &str = "harbour ledger gate quay toll warehouse tide beacon cargo market scale seal ferry anchor barrel merchant guild \
    charter wharf pilot salt timber copper grain spice rope sail mast hull keel lantern bell watch wall tower bridge ford \
    mill forge loom kiln orchard vineyard pasture stable chapel square fountain alley cellar attic";
const KOREAN: &str = "항구 장부 성문 부두 통행료 창고 밀물 등대 화물 시장 저울 인장 나룻배 닻 통 상인 조합 특허 선창 안내인 소금 \
    목재 구리 곡식 향료 밧줄 돛 돛대 선체 등불 종 파수 성벽 탑 다리 여울 방앗간 대장간 베틀 가마 과수원 포도밭 목장";

/// SplitMix64 (Steele, Lea, Flood 2014).
pub(super) struct Chance {
    state: u64,
    english: Vec<&'static str>,
    korean: Vec<&'static str>,
}

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15),
            english: ENGLISH.split_whitespace().collect(),
            korean: KOREAN.split_whitespace().collect(),
        }
    }

    pub(super) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// One of `0..end`.
    pub(super) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// True in so many of a hundred cases.
    pub(super) fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(super) fn english(&mut self) -> &'static str {
        // The first words are the most frequent, as in any language.
        let (one, other) = (self.below(self.english.len()), self.below(self.english.len()));
        self.english[one.min(other)]
    }

    pub(super) fn korean(&mut self) -> &'static str {
        let (one, other) = (self.below(self.korean.len()), self.below(self.korean.len()));
        self.korean[one.min(other)]
    }

    /// So many of `0-9a-z`.
    pub(super) fn letters(&mut self, count: usize) -> String {
        (0..count)
            .map(|_| char::from(self.pick(b"0123456789abcdefghijklmnopqrstuvwxyz")))
            .collect()
    }

    pub(super) fn day(&mut self, around: Date, back: usize, ahead: usize) -> Date {
        let days = i64::try_from(self.below(back + ahead + 1)).unwrap() - i64::try_from(back).unwrap();
        around.checked_add(days.days()).unwrap()
    }

    /// A day as people write it: bare, or in quotes.
    pub(super) fn written(&mut self, day: Date) -> String {
        if self.percent(40) {
            day.to_string()
        } else {
            format!("\"{day}\"")
        }
    }

    /// About so many bytes of text, with headings, lists and a rule now and then.
    pub(super) fn text(&mut self, title: &str, about: usize) -> String {
        let length = about / 2 + self.below(about.max(1));
        let mut text = format!("# {title}\n");
        while text.len() < length {
            text.push('\n');
            match self.below(12) {
                0 => text.push_str(&format!("## {} {}\n", self.korean(), self.english())),
                1 => text.push_str("---\n"),
                2..=4 => text.push_str("- [ ] "),
                _ => {}
            }
            for _ in 0..6 + self.below(14) {
                let word = if self.percent(45) {
                    self.korean()
                } else {
                    self.english()
                };
                text.push_str(word);
                text.push(' ');
            }
            text.push_str(&self.letters(5));
            text.push_str(".\n");
        }
        text
    }
}
