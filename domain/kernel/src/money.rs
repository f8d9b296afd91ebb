//! Money is whole base units: lamports for SOL, the mint's smallest unit for tokens. Never a fraction, never a float.

use {
    crate::address::Mint,
    serde::{Deserialize, Deserializer, Serialize, Serializer},
    std::{fmt, str::FromStr},
};

/// Largest amount we handle: 2⁶³ − 1, so that it fits a signed database column.
pub const MAX: u64 = i64::MAX.unsigned_abs();

/// Why a text or number is not an amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// Not plain decimal digits.
    #[error("an amount is a string of decimal digits in base units (lamports for SOL), such as \"1000000000\"")]
    Format,
    /// Zero.
    #[error("an amount is at least 1")]
    Zero,
    /// Above [`MAX`].
    #[error("an amount is at most 9223372036854775807")]
    TooLarge,
}

/// An amount that moves or limits: 1 … 2⁶³ − 1 base units. In JSON a decimal string, because JSON numbers lose digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(u64);

/// A sum of amounts, which may be zero: 0 … 2⁶³ − 1 base units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Total(u64);

/// What is spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Asset {
    /// The chain's own coin, counted in lamports (10⁻⁹ SOL).
    Sol,
    /// A token, counted in its mint's smallest unit.
    Token(Mint),
}

/// Strict: digits only, no sign, no leading zero, no other script's digits.
fn digits(text: &str) -> Result<u64, AmountError> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let leading_zero = text.len() > 1 && text.starts_with('0');
    if !plain || leading_zero {
        return Err(AmountError::Format);
    }
    text.parse::<u64>()
        .ok()
        .filter(|value| *value <= MAX)
        .ok_or(AmountError::TooLarge)
}

impl Amount {
    /// The largest amount there is.
    pub const MAX: Self = Self(MAX);

    /// From a count of base units.
    ///
    /// # Errors
    /// [`AmountError::Zero`] and [`AmountError::TooLarge`].
    pub const fn new(units: u64) -> Result<Self, AmountError> {
        match units {
            0 => Err(AmountError::Zero),
            1..=MAX => Ok(Self(units)),
            _ => Err(AmountError::TooLarge),
        }
    }

    /// The count of base units.
    #[must_use]
    pub const fn units(self) -> u64 {
        self.0
    }

    /// This many times as much, or `None` above [`MAX`].
    #[must_use]
    pub const fn times(self, factor: u64) -> Option<Self> {
        match self.0.checked_mul(factor) {
            Some(units @ 1..=MAX) => Some(Self(units)),
            _ => None,
        }
    }

    /// As a database column holds it.
    #[must_use]
    pub const fn column(self) -> i64 {
        self.0.cast_signed()
    }
}

impl Total {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// From a count of base units; `None` above [`MAX`].
    #[must_use]
    pub const fn new(units: u64) -> Option<Self> {
        if units <= MAX { Some(Self(units)) } else { None }
    }

    /// The count of base units.
    #[must_use]
    pub const fn units(self) -> u64 {
        self.0
    }

    /// Together with `amount`, or `None` above [`MAX`].
    #[must_use]
    pub const fn plus(self, amount: u64) -> Option<Self> {
        match self.0.checked_add(amount) {
            Some(units) => Self::new(units),
            None => None,
        }
    }

    /// Less `amount`, or `None` below zero.
    #[must_use]
    pub const fn minus(self, amount: u64) -> Option<Self> {
        match self.0.checked_sub(amount) {
            Some(units) => Some(Self(units)),
            None => None,
        }
    }

    /// As a database column holds it.
    #[must_use]
    pub const fn column(self) -> i64 {
        self.0.cast_signed()
    }

    /// From a database column; `None` for a negative one, which no code of ours writes.
    #[must_use]
    pub fn from_column(column: i64) -> Option<Self> {
        u64::try_from(column).ok().map(Self)
    }
}

impl From<Amount> for Total {
    fn from(amount: Amount) -> Self {
        Self(amount.0)
    }
}

impl FromStr for Amount {
    type Err = AmountError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        digits(text).and_then(Self::new)
    }
}

impl FromStr for Total {
    type Err = AmountError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        digits(text).map(Self)
    }
}

macro_rules! decimal_text {
    ($($name:ident),+) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(&self.0)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                from.deserialize_str(Digits).and_then(|text| text.parse().map_err(|error| refused(&text, &error)))
            }
        }
    )+};
}
decimal_text!(Amount, Total);

/// The text of an amount. Says what is expected, so that whoever sends a number learns of the string.
struct Digits;

impl serde::de::Visitor<'_> for Digits {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string of decimal digits in base units (lamports for SOL), such as \"1000000000\",")
    }

    fn visit_str<E>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }
}

/// Out of bounds is another fault than no number at all.
fn refused<E: serde::de::Error>(text: &str, error: &AmountError) -> E {
    let found = serde::de::Unexpected::Str(text);
    match error {
        AmountError::Format => E::invalid_type(found, &Digits),
        AmountError::Zero | AmountError::TooLarge => {
            E::invalid_value(found, &"an amount from \"1\" to \"9223372036854775807\"")
        }
    }
}

impl fmt::Display for Asset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sol => f.write_str("SOL"),
            Self::Token(mint) => mint.fmt(f),
        }
    }
}

impl FromStr for Asset {
    type Err = crate::address::AddressError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "SOL" {
            Ok(Self::Sol)
        } else {
            text.parse().map(Self::Token)
        }
    }
}

impl Serialize for Asset {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Asset {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<'de, str>::deserialize(from)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_plain_decimal_digits_from_one_to_two_to_the_63_minus_one() {
        for (text, want) in [
            ("1", Ok(1)),
            ("9223372036854775807", Ok(MAX)),
            ("0", Err(AmountError::Zero)),
            ("9223372036854775808", Err(AmountError::TooLarge)),
            ("99999999999999999999999", Err(AmountError::TooLarge)),
            ("", Err(AmountError::Format)),
            ("-1", Err(AmountError::Format)),
            ("+1", Err(AmountError::Format)),
            ("01", Err(AmountError::Format)),
            ("1.0", Err(AmountError::Format)),
            ("1e9", Err(AmountError::Format)),
            ("0x10", Err(AmountError::Format)),
            (" 1", Err(AmountError::Format)),
            ("1_000", Err(AmountError::Format)),
            ("١", Err(AmountError::Format)),
        ] {
            assert_eq!(text.parse::<Amount>().map(Amount::units), want, "{text:?}");
        }
    }

    #[test]
    fn in_json_an_amount_is_a_string_and_a_number_is_refused() {
        assert_eq!(serde_json::to_string(&Amount::new(5).unwrap()).unwrap(), "\"5\"");
        assert!(serde_json::from_str::<Amount>("5").is_err());
        assert!(serde_json::from_str::<Amount>("5.0").is_err());
    }

    #[test]
    fn totals_refuse_to_overflow_or_go_below_zero() {
        assert_eq!(Total::new(MAX).unwrap().plus(1), None);
        assert_eq!(Total::ZERO.minus(1), None);
        assert_eq!(Total::from_column(-1), None);
        assert_eq!(Amount::new(MAX).unwrap().times(2), None);
    }

    #[test]
    fn sol_is_an_asset_and_so_is_a_mint() {
        assert_eq!("SOL".parse::<Asset>().unwrap(), Asset::Sol);
        assert!("sol".parse::<Asset>().is_err());
        let mint = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v";
        assert_eq!(mint.parse::<Asset>().unwrap().to_string(), mint);
    }
}
