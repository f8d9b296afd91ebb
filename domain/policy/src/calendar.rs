//! When an agent may spend: hours of the day, days of the week, dates that are closed. Everything is asked in UTC, which
//! has no summer time.
//!
//! A moment outside the calendar is never open when there is a rule about time.

use {
    crate::{
        validate::{FieldError, out_of_range},
        words::words,
    },
    jiff::civil::Date,
    portreeve_kernel::{Now, Timestamp},
    serde::{Deserialize, Deserializer, Serialize, Serializer},
    std::{borrow::Cow, collections::BTreeSet, fmt},
};

/// How many days ahead the next opening is looked for. More than a year, so that a yearly pattern is found.
const SEARCH_DAYS: u16 = 370;

/// How often the two clocks may disagree about an opening before the search is given up: twice a day, all the way.
const SEARCH_STEPS: u16 = 2 * SEARCH_DAYS;

words! {
    /// A day of the week, in UTC.
    Weekday {
        /// Monday.
        Monday = "monday",
        /// Tuesday.
        Tuesday = "tuesday",
        /// Wednesday.
        Wednesday = "wednesday",
        /// Thursday.
        Thursday = "thursday",
        /// Friday.
        Friday = "friday",
        /// Saturday.
        Saturday = "saturday",
        /// Sunday.
        Sunday = "sunday",
    }
}

impl From<jiff::civil::Weekday> for Weekday {
    fn from(day: jiff::civil::Weekday) -> Self {
        match day {
            jiff::civil::Weekday::Monday => Self::Monday,
            jiff::civil::Weekday::Tuesday => Self::Tuesday,
            jiff::civil::Weekday::Wednesday => Self::Wednesday,
            jiff::civil::Weekday::Thursday => Self::Thursday,
            jiff::civil::Weekday::Friday => Self::Friday,
            jiff::civil::Weekday::Saturday => Self::Saturday,
            jiff::civil::Weekday::Sunday => Self::Sunday,
        }
    }
}

/// Hours of the day in UTC: from `start` up to, but not including, `end`. Wraps midnight when `start` is the later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hours {
    /// 0 … 23, the first hour that is open.
    pub start: u8,
    /// 0 … 23, the first hour that is closed again. Equal to `start` is refused on save, and means never.
    pub end: u8,
}

impl Hours {
    /// True when the whole hour that begins at `hour` o'clock is open.
    #[must_use]
    pub const fn open_at(self, hour: u8) -> bool {
        if self.start <= self.end {
            self.start <= hour && hour < self.end
        } else {
            self.start <= hour || hour < self.end
        }
    }

    /// True when both clocks are in an hour that is open.
    #[must_use]
    pub fn open_now(self, now: Now) -> bool {
        let (slowest, fastest) = (now.for_release(), now.for_expiry());
        let control = self.alone();
        control.in_hours(slowest) && (slowest == fastest || control.in_hours(fastest))
    }

    /// The first moment from now on, as the slowest clock will say, at which both are in an hour that is open.
    #[must_use]
    pub fn open_from(self, now: Now) -> Option<Timestamp> {
        self.alone().opens_for(now.for_release(), now)
    }

    fn alone(self) -> TimeControl {
        TimeControl {
            operating_hours_utc: Some(self),
            ..TimeControl::default()
        }
    }

    /// What is wrong with these hours, which stand at `path`.
    #[must_use]
    pub fn check(self, path: &str) -> Vec<FieldError> {
        let mut errors = Vec::new();
        for (name, hour) in [("start", self.start), ("end", self.end)] {
            if hour > 23 {
                errors.push(out_of_range(format!("{path}.{name}"), "an hour is 0 to 23"));
            }
        }
        if self.start == self.end {
            let name = path.rsplit('.').next().unwrap_or(path);
            let detail = format!("`start` and `end` are the same hour; leave `{name}` out for all hours");
            errors.push(out_of_range(path, detail));
        }
        errors
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:00 to {}:00 UTC", self.start, self.end)
    }
}

/// When an agent may spend. Empty means always.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TimeControl {
    /// The hours of every day; `None` for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operating_hours_utc: Option<Hours>,
    /// The days; empty for all. Hours that wrap midnight are judged by the day they are in, not the day they began.
    pub weekdays: BTreeSet<Weekday>,
    /// Dates closed as a whole.
    #[serde(serialize_with = "write_dates", deserialize_with = "read_dates")]
    pub blackout_dates: BTreeSet<Date>,
}

impl TimeControl {
    /// True when hours and weekday allow `moment`.
    #[must_use]
    pub fn in_hours(&self, moment: Timestamp) -> bool {
        if self.operating_hours_utc.is_none() && self.weekdays.is_empty() {
            return true;
        }
        moment
            .civil()
            .is_some_and(|at| self.opens_on(at.date()) && self.opens_in(at.hour()))
    }

    /// True when the date of `moment` is closed.
    #[must_use]
    pub fn blacks_out(&self, moment: Timestamp) -> bool {
        !self.blackout_dates.is_empty() && moment.civil().is_none_or(|at| self.blackout_dates.contains(&at.date()))
    }

    /// The first moment at or after `from` when hours, weekday and date all allow a spend; `None` when there is none
    /// in the next 370 days.
    #[must_use]
    pub fn opens_at(&self, from: Timestamp) -> Option<Timestamp> {
        if self.in_hours(from) && !self.blacks_out(from) {
            return Some(from);
        }
        // Nothing opens in the middle of an hour, so what is found lies ahead.
        let at = from.civil()?;
        let mut date = at.date();
        let mut first_hour = at.hour();
        for _ in 0..=SEARCH_DAYS {
            let hour = (first_hour..24).find(|hour| self.opens_in(*hour));
            match hour.filter(|_| self.opens_on(date) && !self.blackout_dates.contains(&date)) {
                Some(hour) => return start_of_hour(date, hour),
                None => first_hour = 0,
            }
            date = date.tomorrow().ok()?;
        }
        None
    }

    /// The same when two clocks must agree: the first reading of the slowest clock, at or after `from`, at which the
    /// fastest is in an opening too.
    pub(crate) fn opens_for(&self, from: Timestamp, now: Now) -> Option<Timestamp> {
        let ahead = now.for_expiry().millis_since(now.for_release());
        let last = from.plus_millis(i64::from(SEARCH_DAYS).saturating_mul(86_400_000));
        let mut slowest = self.opens_at(from)?;
        for _ in 0..SEARCH_STEPS {
            let fastest = slowest.plus_millis(ahead);
            let opens = self.opens_at(fastest)?;
            if opens == fastest {
                return Some(slowest);
            }
            slowest = self.opens_at(opens.plus_millis(ahead.saturating_neg()))?;
            if slowest > last {
                return None;
            }
        }
        None
    }

    fn opens_on(&self, date: Date) -> bool {
        self.weekdays.is_empty() || self.weekdays.contains(&date.weekday().into())
    }

    pub(crate) fn opens_in(&self, hour: i8) -> bool {
        self.operating_hours_utc
            .is_none_or(|hours| hours.open_at(hour.unsigned_abs()))
    }
}

fn start_of_hour(date: Date, hour: i8) -> Option<Timestamp> {
    let stamp = jiff::tz::Offset::UTC.to_timestamp(date.at(hour, 0, 0, 0)).ok()?;
    Some(Timestamp::from_millis(stamp.as_millisecond()))
}

fn write_dates<S: Serializer>(dates: &BTreeSet<Date>, to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(dates.iter().map(Date::to_string))
}

/// Only `2026-12-31`: the parser of the library takes many forms, and two texts for one date invite mistakes.
pub(crate) fn read_dates<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeSet<Date>, D::Error> {
    let dates = Vec::<WrittenDate>::deserialize(from)?;
    Ok(dates.into_iter().map(|WrittenDate(date)| date).collect())
}

/// One of them, so that an error says which.
struct WrittenDate(Date);

impl<'de> Deserialize<'de> for WrittenDate {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        read_date(&Cow::<'de, str>::deserialize(from)?).map(Self)
    }
}

fn read_date<E: serde::de::Error>(text: &str) -> Result<Date, E> {
    text.parse::<Date>()
        .ok()
        .filter(|date| date.year() >= 0 && date.to_string() == text)
        .ok_or_else(|| {
            let shown: String = text.chars().take(64).collect();
            E::custom(format!("`{shown}` is not a date such as `2026-12-31`"))
        })
}
