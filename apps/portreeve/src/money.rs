//! SOL and tokens as people write and read them. Programs see lamports, and the smallest units of a mint.

use portreeve_kernel::{Amount, Asset};

/// Digits after the point of SOL.
const DECIMALS: usize = 9;

/// What an amount is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unit {
    asset: Asset,
    /// `None` for a token that nobody has said the decimals of.
    decimals: Option<u8>,
}

impl Unit {
    /// SOL.
    pub(crate) const SOL: Self = Self {
        asset: Asset::Sol,
        decimals: None,
    };

    /// Of `asset`, whose mint has so many decimals if it is a token.
    pub(crate) const fn of(asset: Asset, decimals: Option<u8>) -> Self {
        Self { asset, decimals }
    }

    /// An amount of an answer, for people; what is no amount stays as it is.
    pub(crate) fn show(self, units: &str) -> String {
        match (self.asset, self.decimals, units.parse()) {
            (Asset::Sol, ..) => show_text(units),
            (Asset::Token(_), Some(decimals), Ok(count)) => decimal(count, decimals),
            (Asset::Token(_), ..) => format!("{units} base units"),
        }
    }

    /// The same, and of what.
    pub(crate) fn show_whole(self, units: &str) -> String {
        match self.asset {
            Asset::Sol => self.show(units),
            Asset::Token(mint) => format!("{} of {mint}", self.show(units)),
        }
    }
}

/// An amount as somebody wrote it. What it means depends on what it is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wish(String);

impl std::fmt::Display for Wish {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reads an amount of SOL, or of a token that is not known yet.
pub(crate) fn wish(text: &str) -> Result<Wish, String> {
    let wish = Wish(text.to_owned());
    if is_decimal(text) {
        return Ok(wish);
    }
    wish.in_sol().map(|_| wish)
}

impl Wish {
    /// `1500000000` (lamports) or `1.5sol`.
    pub(crate) fn in_sol(&self) -> Result<Amount, String> {
        parse(&self.0)
    }

    /// `1.5`, in whole tokens.
    pub(crate) fn in_tokens(&self, decimals: u8) -> Result<Amount, String> {
        let usage = || {
            format!(
                "an amount of a token is a number of whole tokens such as `1.5`, above zero and with at most {decimals} \
                 decimals"
            )
        };
        let width = usize::from(decimals);
        let (whole, fraction) = self.0.split_once('.').unwrap_or((&self.0, ""));
        if !is_decimal(&self.0) || fraction.len() > width {
            return Err(usage());
        }
        let units = format!("{whole}{fraction:0<width$}");
        units.trim_start_matches('0').parse().map_err(|_| usage())
    }
}

/// Digits, and perhaps a point with digits on both sides.
fn is_decimal(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    text.split_once('.')
        .map_or_else(|| digits(text), |(whole, fraction)| digits(whole) && digits(fraction))
}

/// `units` with a decimal point, without useless zeros.
fn decimal(units: u64, decimals: u8) -> String {
    let decimals = usize::from(decimals);
    let digits = format!("{units:0>width$}", width = decimals.saturating_add(1));
    let (whole, fraction) = digits.split_at(digits.len().saturating_sub(decimals));
    match fraction.trim_end_matches('0') {
        "" => whole.to_owned(),
        fraction => format!("{whole}.{fraction}"),
    }
}

/// Reads `1500000000` (lamports) or `1.5sol`.
pub(crate) fn parse(text: &str) -> Result<Amount, String> {
    let lower = text.to_ascii_lowercase();
    let Some(sol) = lower.strip_suffix("sol") else {
        return text.parse().map_err(|_| usage());
    };
    let sol = sol.trim_end();
    let (whole, fraction) = sol.split_once('.').unwrap_or((sol, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || fraction.len() > DECIMALS {
        return Err(usage());
    }
    let lamports = format!("{whole}{fraction:0<DECIMALS$}");
    let plain = lamports.trim_start_matches('0');
    plain.parse().map_err(|_| usage())
}

fn usage() -> String {
    "an amount is lamports such as `1500000000` or SOL such as `1.5sol`, above zero and with at most 9 decimals"
        .to_owned()
}

/// `1500000000` lamports as `1.5 SOL`.
pub(crate) fn show(lamports: u64) -> String {
    format!("{} SOL", decimal(lamports, 9))
}

/// The same for a decimal string of an answer; anything else stays as it is.
pub(crate) fn show_text(lamports: &str) -> String {
    lamports.parse().map_or_else(|_| lamports.to_owned(), show)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sol_and_lamports_are_read() {
        for (text, lamports) in [
            ("1", 1),
            ("1500000000", 1_500_000_000),
            ("1sol", 1_000_000_000),
            ("1.5sol", 1_500_000_000),
            ("1.5 SOL", 1_500_000_000),
            ("0.000000001sol", 1),
            ("007sol", 7_000_000_000),
            ("9223372036.854775807sol", 9_223_372_036_854_775_807),
        ] {
            assert_eq!(parse(text).map(Amount::units), Ok(lamports), "{text}");
        }
    }

    #[test]
    fn anything_doubtful_is_refused() {
        for text in [
            "",
            "sol",
            "0",
            "0sol",
            "-1sol",
            "1.0000000001sol",
            "1.sol",
            ".5sol",
            "1,5sol",
            "1.5",
            "1e3",
            "1.5.5sol",
            "9223372036.854775808sol",
            "1 000",
            "0x1",
            "٣sol",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn tokens_are_read_with_the_decimals_of_their_mint() {
        for (text, decimals, units) in [
            ("1.5", 6, 1_500_000),
            ("1", 6, 1_000_000),
            ("0.000001", 6, 1),
            ("007.0", 1, 70),
            ("7", 0, 7),
            ("9223372036854775807", 0, 9_223_372_036_854_775_807),
        ] {
            let amount = wish(text).unwrap().in_tokens(decimals);
            assert_eq!(amount.map(Amount::units), Ok(units), "{text}");
        }
        for (text, decimals) in [
            ("0", 6),
            ("0.0", 6),
            ("1.0000001", 6),
            ("1.0", 0),
            ("1sol", 9),
            ("9223372036855", 6),
        ] {
            assert!(wish(text).unwrap().in_tokens(decimals).is_err(), "{text}");
        }
        for text in ["", "-1", "1e3", "1.", ".5", "1,5", " 1", "1 000", "٣", "1.5.5", "0x1"] {
            assert!(wish(text).is_err(), "{text}");
        }
        assert!(wish("1.5").unwrap().in_sol().is_err(), "of SOL it has to say so");
    }

    #[test]
    fn tokens_are_shown_in_whole_ones_when_their_decimals_are_known() {
        let mint: portreeve_kernel::Mint = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v".parse().unwrap();
        let unit = |decimals| Unit::of(Asset::Token(mint), decimals);
        assert_eq!(unit(Some(6)).show_whole("1500000"), format!("1.5 of {mint}"));
        assert_eq!(unit(Some(0)).show("7"), "7");
        assert_eq!(unit(None).show("7"), "7 base units");
        assert_eq!(Unit::SOL.show_whole("1500000000"), "1.5 SOL");
        assert_eq!(unit(Some(6)).show("many"), "many base units");
    }

    #[test]
    fn lamports_are_shown_as_sol_without_losing_one() {
        for (lamports, text) in [
            (0, "0 SOL"),
            (1, "0.000000001 SOL"),
            (1_500_000_000, "1.5 SOL"),
            (u64::MAX, "18446744073.709551615 SOL"),
        ] {
            assert_eq!(show(lamports), text);
        }
        assert_eq!(show_text("1000000000"), "1 SOL");
        assert_eq!(show_text("many"), "many");
    }
}
