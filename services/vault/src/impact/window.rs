//! Stretches of time in which evidence is counted: `2026-03`, `2026-Q1`, `2026-H1`, `2026-W09`.

use {
    jiff::civil::{Date, ISOWeekDate, Weekday, date},
    portreeve_notes::{Day, Entity},
    std::str::FromStr,
};

/// A month, a quarter, a half, an ISO week, or a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    first: Date,
    last: Date,
    /// A week lies where its Thursday does (ISO 8601).
    thursday: Option<Date>,
}

/// The text names no window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a window is a month `2026-03`, a quarter `2026-Q1`, a half `2026-H1` or a week `2026-W09`")]
pub struct WindowError;

impl Window {
    /// Whether another lies in it whole.
    #[must_use]
    pub fn holds(self, other: Self) -> bool {
        let (first, last) = other.thursday.map_or((other.first, other.last), |day| (day, day));
        self.first <= first && last <= self.last
    }

    const fn between(first: Date, last: Date) -> Self {
        Self {
            first,
            last,
            thursday: None,
        }
    }

    /// When a piece of evidence was gathered: its `window_id`, or the end of its `time_range`, or the day on which it was made.
    #[must_use]
    pub fn of_evidence(evidence: &Entity) -> Option<Self> {
        if let Some(named) = evidence.fields.text("window_id") {
            return named.trim().parse().ok();
        }
        let range = evidence.fields.map("time_range");
        let end = range.and_then(|range| range.text("end").or_else(|| range.text("to")));
        let day = end.map(|end| Day::read(&end)).or_else(|| evidence.day("created"))?;
        day.date().map(|day| Self::between(day, day))
    }

    fn months(year: i16, first: i8, count: i8) -> Result<Self, WindowError> {
        let last = first
            .checked_add(count)
            .and_then(|next| next.checked_sub(1))
            .ok_or(WindowError)?;
        if !(1..=12).contains(&first) || !(1..=12).contains(&last) {
            return Err(WindowError);
        }
        Ok(Self::between(date(year, first, 1), date(year, last, 1).last_of_month()))
    }
}

impl FromStr for Window {
    type Err = WindowError;

    fn from_str(text: &str) -> Result<Self, WindowError> {
        let (year, part) = text.split_once('-').ok_or(WindowError)?;
        if year.len() != 4 || !text.is_ascii() {
            return Err(WindowError);
        }
        let year: i16 = digits(year)?;
        let (kind, number) = match part.chars().next() {
            Some(kind @ ('Q' | 'H' | 'W')) => (kind, part.get(1..).unwrap_or_default()),
            _ => ('M', part),
        };
        let wide = if matches!(kind, 'M' | 'W') { 2 } else { 1 };
        if number.len() != wide {
            return Err(WindowError);
        }
        let number: i8 = digits(number)?;
        let nth = |length: i8| {
            number
                .checked_sub(1)
                .and_then(|before| before.checked_mul(length))
                .and_then(|months| months.checked_add(1))
                .ok_or(WindowError)
        };
        match kind {
            'M' => Self::months(year, number, 1),
            'Q' => Self::months(year, nth(3)?, 3),
            'H' => Self::months(year, nth(6)?, 6),
            _ => {
                let day = |day| ISOWeekDate::new(year, number, day).map_err(|_| WindowError);
                Ok(Self {
                    first: day(Weekday::Monday)?.date(),
                    last: day(Weekday::Sunday)?.date(),
                    thursday: Some(day(Weekday::Thursday)?.date()),
                })
            }
        }
    }
}

fn digits<N: FromStr>(text: &str) -> Result<N, WindowError> {
    let all = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| all).ok_or(WindowError)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(text: &str) -> Window {
        text.parse().unwrap()
    }

    #[test]
    fn months_quarters_halves_and_weeks_are_read() {
        for (text, first, last) in [
            ("2026-02", date(2026, 2, 1), date(2026, 2, 28)),
            ("2024-02", date(2024, 2, 1), date(2024, 2, 29)),
            ("2026-Q1", date(2026, 1, 1), date(2026, 3, 31)),
            ("2026-Q4", date(2026, 10, 1), date(2026, 12, 31)),
            ("2026-H2", date(2026, 7, 1), date(2026, 12, 31)),
            ("2026-W01", date(2025, 12, 29), date(2026, 1, 4)),
            ("2026-W53", date(2026, 12, 28), date(2027, 1, 3)),
        ] {
            let window = window(text);
            assert_eq!((window.first, window.last), (first, last), "{text}");
        }
    }

    #[test]
    fn what_names_no_window_is_refused() {
        for text in [
            "",
            "2026",
            "2026-",
            "2026-0",
            "2026-00",
            "2026-13",
            "2026-Q0",
            "2026-Q5",
            "2026-H3",
            "2026-W00",
            "2025-W53",
            "2026-W1",
            "2026-Q01",
            "26-01",
            "2026-1",
            "+026-01",
            "2026-+1",
            "2026-가",
            "2026-q1",
            "2026-01-01",
        ] {
            assert_eq!(text.parse::<Window>(), Err(WindowError), "{text:?}");
        }
    }

    #[test]
    fn a_window_holds_what_lies_in_it_whole() {
        for (outer, inner, holds) in [
            ("2026-Q1", "2026-03", true),
            ("2026-H1", "2026-Q2", true),
            ("2026-H1", "2026-H1", true),
            ("2026-03", "2026-Q1", false),
            ("2026-Q1", "2026-04", false),
            // Its Thursday is the first of January 2026, its Monday in December.
            ("2026-01", "2026-W01", true),
            ("2026-W01", "2026-W01", true),
            ("2026-W01", "2026-01", false),
            ("2026-Q4", "2026-W53", true),
        ] {
            assert_eq!(window(outer).holds(window(inner)), holds, "{outer} {inner}");
        }
    }
}
