//! The text of a secret that we make: a prefix that says what it is, 32 random bytes in Base62 (43 characters), and a
//! checksum of 6. An API key is `wai_live_` or `wai_test_` and so on.
//!
//! The checksum is the CRC-32 of everything before it, in Base62. It keeps typos and garbage away from the database, or from
//! the issuer that would have to be asked, and false alarms away from secret scanners; it protects nothing.

use {
    portreeve_kernel::{Entropy, Environment, Secret},
    zeroize::Zeroize,
};

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The least that holds 256 bits: 62⁴³ > 2²⁵⁶.
const RANDOM_CHARACTERS: usize = 43;

/// The least that holds 32 bits: 62⁶ > 2³².
const CHECKSUM_CHARACTERS: usize = 6;

/// What every API key of `environment` begins with.
#[must_use]
pub const fn key_prefix(environment: Environment) -> &'static str {
    match environment {
        Environment::Live => "wai_live_",
        Environment::Test => "wai_test_",
    }
}

/// A new secret that begins with `prefix`.
#[must_use]
pub fn generate(prefix: &str, entropy: &dyn Entropy) -> Secret {
    let mut random = [0_u8; 32];
    entropy.fill(&mut random);
    let length = [prefix.len(), RANDOM_CHARACTERS, CHECKSUM_CHARACTERS];
    // It never grows, which would leave a copy behind.
    let mut text = String::with_capacity(length.into_iter().fold(0, usize::saturating_add));
    text.push_str(prefix);
    push_base62(&mut text, &mut random, RANDOM_CHARACTERS);
    let mut sum = crc32fast::hash(text.as_bytes()).to_be_bytes();
    push_base62(&mut text, &mut sum, CHECKSUM_CHARACTERS);
    random.zeroize();
    Secret::new(text)
}

/// True when `text` is a secret as [`generate`] makes them with `prefix`. Says nothing about whether it exists.
#[must_use]
pub fn is_well_formed(text: &str, prefix: &str) -> bool {
    let Some(rest) = text.strip_prefix(prefix) else {
        return false;
    };
    if rest.len() != RANDOM_CHARACTERS.saturating_add(CHECKSUM_CHARACTERS)
        || !rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
    {
        return false;
    }
    let Some((summed, sum)) = text.split_at_checked(text.len().saturating_sub(CHECKSUM_CHARACTERS)) else {
        return false;
    };
    from_base62(sum) == Some(u64::from(crc32fast::hash(summed.as_bytes())))
}

/// Appends the `length` lowest Base62 digits of a big-endian number, which is divided to nothing meanwhile.
fn push_base62(text: &mut String, number: &mut [u8], length: usize) {
    let mut digits = [0_u8; RANDOM_CHARACTERS];
    for digit in digits.iter_mut().take(length).rev() {
        let mut rest = 0_u16;
        for byte in &mut *number {
            let part = rest.wrapping_shl(8) | u16::from(*byte);
            // The rest is below 62, so the quotient fits a byte.
            *byte = u8::try_from(part / 62).unwrap_or(u8::MAX);
            rest = part % 62;
        }
        *digit = ALPHABET.get(usize::from(rest)).copied().unwrap_or(b'0');
    }
    text.extend(digits.iter().take(length).copied().map(char::from));
    digits.zeroize();
}

/// The number that Base62 digits stand for; `None` for other characters or above 2⁶⁴.
fn from_base62(text: &str) -> Option<u64> {
    text.bytes().try_fold(0_u64, |sum, byte| {
        // Every key that is shown comes by here: faster than looking for it in the alphabet.
        let digit = match byte {
            b'0'..=b'9' => byte.wrapping_sub(b'0'),
            b'A'..=b'Z' => byte.wrapping_sub(b'A').wrapping_add(10),
            b'a'..=b'z' => byte.wrapping_sub(b'a').wrapping_add(36),
            _ => return None,
        };
        sum.checked_mul(62)?.checked_add(u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use {super::*, portreeve_kernel::entropy::Seeded};

    const TEST: &str = "wai_test_";

    fn key() -> String {
        generate(TEST, &Seeded::new(3)).expose().to_owned()
    }

    /// Always the same byte.
    struct Constant(u8);

    impl Entropy for Constant {
        fn fill(&self, out: &mut [u8]) {
            out.fill(self.0);
        }
    }

    #[test]
    fn a_key_has_its_form_for_every_value_of_its_bytes() {
        for (chance, random) in [
            (0, "0000000000000000000000000000000000000000000"),
            // 2²⁵⁶ − 1, worked out by other means.
            (0xFF, "yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp1"),
        ] {
            for environment in [Environment::Live, Environment::Test] {
                let key = generate(key_prefix(environment), &Constant(chance));
                let text = key.expose();
                assert_eq!(text.len(), 58);
                assert!(is_well_formed(text, key_prefix(environment)), "{text}");
                assert_eq!(
                    text.strip_prefix(key_prefix(environment)).unwrap().get(..43),
                    Some(random)
                );
            }
        }
    }

    #[test]
    fn the_checksum_is_the_crc_32_that_everybody_uses() {
        // The check value of CRC-32/ISO-HDLC, as catalogues of CRCs give it.
        assert_eq!(crc32fast::hash(b"123456789"), 0xCBF4_3926);
        let mut text = String::new();
        push_base62(&mut text, &mut 0xCBF4_3926_u32.to_be_bytes(), 6);
        assert_eq!(from_base62(&text), Some(0xCBF4_3926));
    }

    #[test]
    fn every_typo_of_one_character_is_noticed() {
        let key = key();
        for place in 0..key.len() {
            for other in ALPHABET.iter().chain(b"_-.=+/ ") {
                let mut typo = key.clone().into_bytes();
                if typo[place] == *other {
                    continue;
                }
                typo[place] = *other;
                let typo = String::from_utf8(typo).unwrap();
                assert!(!is_well_formed(&typo, TEST), "{typo}");
            }
        }
    }

    #[test]
    fn characters_left_out_added_or_swapped_are_noticed() {
        let key = key();
        for place in 0..key.len() {
            let mut shorter = key.clone();
            let taken = shorter.remove(place);
            assert!(!is_well_formed(&shorter, TEST), "{shorter}");
            let mut longer = key.clone();
            longer.insert(place, taken);
            assert!(!is_well_formed(&longer, TEST), "{longer}");
            let mut swapped = key.clone().into_bytes();
            if place > 0 && swapped[place - 1] != swapped[place] {
                swapped.swap(place - 1, place);
                assert!(!is_well_formed(std::str::from_utf8(&swapped).unwrap(), TEST));
            }
        }
    }

    #[test]
    fn a_secret_has_the_prefix_that_it_was_made_with_and_no_other() {
        let key = key();
        for prefix in ["wai_live_", "wai_", "", "wai_test_0"] {
            assert!(!is_well_formed(&key, prefix), "{prefix}");
        }
        let other = key.replace(TEST, "wai_live_");
        assert!(!is_well_formed(&other, "wai_live_"), "the checksum is of all of it");
    }

    proptest::proptest! {
        #[test]
        fn base_62_gives_back_the_number(number: u64) {
            let mut text = String::new();
            push_base62(&mut text, &mut number.to_be_bytes(), 11);
            proptest::prop_assert_eq!(from_base62(&text), Some(number));
        }

        #[test]
        fn every_secret_is_well_formed_and_no_text_panics(seed: u64, text in ".{0,80}") {
            proptest::prop_assert!(is_well_formed(generate(TEST, &Seeded::new(seed)).expose(), TEST));
            let _ = is_well_formed(&text, TEST) || is_well_formed(&text, "");
        }
    }
}
