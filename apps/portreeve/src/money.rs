//! SOL as people write and read it. Programs see lamports.

use portreeve_kernel::Amount;

/// Digits after the point.
const DECIMALS: usize = 9;

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
    let digits = format!("{lamports:0>10}");
    let (whole, fraction) = digits.split_at(digits.len().saturating_sub(DECIMALS));
    match fraction.trim_end_matches('0') {
        "" => format!("{whole} SOL"),
        fraction => format!("{whole}.{fraction} SOL"),
    }
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
