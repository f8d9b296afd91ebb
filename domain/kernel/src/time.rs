//! Time comes in from outside, and under two readings: **grants expire by the fastest clock, budget returns by the
//! slowest**. A clock that runs fast must not give money back early; one that runs slow must not keep a key alive.

use {
    serde::{Deserialize, Deserializer, Serialize, Serializer},
    std::{
        fmt,
        str::FromStr,
        sync::atomic::{AtomicI64, Ordering},
    },
};

/// A length of time in whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seconds(pub u32);

/// A moment: milliseconds since 1970-01-01T00:00:00Z. Prints and travels as RFC 3339 in UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// The text is no RFC 3339 date and time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a date and time such as `2026-01-31T09:30:00Z`")]
pub struct TimestampError(String);

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);

    /// From milliseconds since 1970.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// From whole seconds since 1970, as Solana gives block times. Saturates.
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970, rounded down.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Later by `by`. Saturates.
    #[must_use]
    pub const fn plus(self, by: Seconds) -> Self {
        self.plus_millis((by.0 as i64).saturating_mul(1000))
    }

    /// Earlier by `by`. Saturates.
    #[must_use]
    pub const fn minus(self, by: Seconds) -> Self {
        self.plus_millis((by.0 as i64).saturating_mul(-1000))
    }

    /// Moved by `millis`, which may be negative. Saturates.
    #[must_use]
    pub const fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// Milliseconds from `earlier` to here; negative when `earlier` is later. Saturates.
    #[must_use]
    pub const fn millis_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The same moment for calendar questions, all of which are asked in UTC. `None` outside the years −9999 … 9999.
    #[must_use]
    pub fn civil(self) -> Option<jiff::civil::DateTime> {
        let stamp = jiff::Timestamp::from_millisecond(self.0).ok()?;
        Some(jiff::tz::Offset::UTC.to_datetime(stamp))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(stamp) => write!(f, "{stamp}"),
            Err(_) => write!(f, "{}ms", self.0),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let stamp: jiff::Timestamp = text
            .parse()
            .map_err(|_| TimestampError(text.chars().take(64).collect()))?;
        Ok(Self(stamp.as_millisecond()))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<'de, str>::deserialize(from)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// What the clocks say at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    slowest: Timestamp,
    fastest: Timestamp,
}

impl Now {
    /// One clock, so both readings agree.
    #[must_use]
    pub const fn at(moment: Timestamp) -> Self {
        Self {
            slowest: moment,
            fastest: moment,
        }
    }

    /// Two clocks that may differ, in either order.
    #[must_use]
    pub fn between(one: Timestamp, other: Timestamp) -> Self {
        Self {
            slowest: one.min(other),
            fastest: one.max(other),
        }
    }

    /// For giving budget back: the clock that is furthest behind.
    #[must_use]
    pub const fn for_release(self) -> Timestamp {
        self.slowest
    }

    /// For ending grants, and for stamping what just happened: the clock that is furthest ahead.
    #[must_use]
    pub const fn for_expiry(self) -> Timestamp {
        self.fastest
    }
}

/// Where time comes from. Readings never go back.
pub trait Clock: Send + Sync {
    /// The present, under both readings.
    fn now(&self) -> Now;
}

/// A clock that tests move by hand.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// Stands at `moment` until it is advanced.
    #[must_use]
    pub const fn at(moment: Timestamp) -> Self {
        Self(AtomicI64::new(moment.millis()))
    }

    /// Moves forward by `by`.
    pub fn advance(&self, by: Seconds) {
        self.0.fetch_add(i64::from(by.0).saturating_mul(1000), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Now {
        Now::at(Timestamp::from_millis(self.0.load(Ordering::SeqCst)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_prints_and_parses_as_rfc_3339() {
        let moment = Timestamp::from_seconds(1_769_850_600);
        assert_eq!(moment.to_string(), "2026-01-31T09:10:00Z");
        assert_eq!("2026-01-31T09:10:00Z".parse::<Timestamp>().unwrap(), moment);
        assert!("yesterday".parse::<Timestamp>().is_err());
    }

    #[test]
    fn budget_returns_by_the_slowest_clock_and_grants_end_by_the_fastest() {
        let now = Now::between(Timestamp::from_seconds(20), Timestamp::from_seconds(10));
        assert_eq!(now.for_release(), Timestamp::from_seconds(10));
        assert_eq!(now.for_expiry(), Timestamp::from_seconds(20));
    }

    #[test]
    fn arithmetic_stops_at_the_ends_of_time() {
        assert_eq!(Timestamp::from_millis(i64::MAX).plus(Seconds(1)).millis(), i64::MAX);
        assert_eq!(Timestamp::from_seconds(i64::MIN).minus(Seconds(1)).millis(), i64::MIN);
    }
}
