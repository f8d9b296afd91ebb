//! The text of an API key: `wai_live_` or `wai_test_`, 32 random bytes in Base62 (43 characters), and a checksum of 6.
//!
//! The checksum is the CRC-32 of everything before it, in Base62. It keeps typos and garbage away from the database and
//! false alarms away from secret scanners; it protects nothing.

use {
    portreeve_kernel::{Entropy, Environment, Secret},
    sha2::{Digest, Sha256},
    zeroize::Zeroize,
};

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The least that holds 256 bits: 62⁴³ > 2²⁵⁶.
const RANDOM_CHARACTERS: usize = 43;

/// The least that holds 32 bits: 62⁶ > 2³².
const CHECKSUM_CHARACTERS: usize = 6;

const LENGTH: usize = 9 + RANDOM_CHARACTERS + CHECKSUM_CHARACTERS;

/// SHA-256 of a whole key: what is stored, and what a key is found by.
pub(crate) type Hash = [u8; 32];

/// What every key of `environment` begins with.
pub(crate) const fn prefix(environment: Environment) -> &'static str {
    match environment {
        Environment::Live => "wai_live_",
        Environment::Test => "wai_test_",
    }
}

/// What every secret of an OAuth client begins with.
const CLIENT_SECRET: &str = "wcs_";

/// What the secret of every link begins with that lets somebody make a passkey.
const LINK: &str = "wlk_";

/// What every session's secret begins with.
const SESSION: &str = "wse_";

/// What every authorization code begins with.
const CODE: &str = "wac_";

/// What every refresh token begins with.
pub(crate) const REFRESH: &str = "wrt_";

/// What every device code begins with.
const DEVICE: &str = "wdc_";

/// A new device code.
pub(crate) fn device(entropy: &dyn Entropy) -> Secret {
    secret(DEVICE, entropy)
}

/// A new authorization code.
pub(crate) fn code(entropy: &dyn Entropy) -> Secret {
    secret(CODE, entropy)
}

/// A first refresh token. Those after it are made of the one before.
pub(crate) fn refresh(entropy: &dyn Entropy) -> Secret {
    secret(REFRESH, entropy)
}

/// A new key.
pub(crate) fn generate(environment: Environment, entropy: &dyn Entropy) -> Secret {
    secret(prefix(environment), entropy)
}

/// A new secret for an OAuth client: of the same form as a key, under a prefix of its own.
pub(crate) fn client_secret(entropy: &dyn Entropy) -> Secret {
    secret(CLIENT_SECRET, entropy)
}

/// A new secret for a link by which somebody makes a passkey.
pub(crate) fn link(entropy: &dyn Entropy) -> Secret {
    secret(LINK, entropy)
}

/// A new secret for a session.
pub(crate) fn session(entropy: &dyn Entropy) -> Secret {
    secret(SESSION, entropy)
}

fn secret(prefix: &str, entropy: &dyn Entropy) -> Secret {
    let mut random = [0_u8; 32];
    entropy.fill(&mut random);
    let mut text = String::with_capacity(LENGTH);
    text.push_str(prefix);
    push_base62(&mut text, &mut random, RANDOM_CHARACTERS);
    let mut sum = crc32fast::hash(text.as_bytes()).to_be_bytes();
    push_base62(&mut text, &mut sum, CHECKSUM_CHARACTERS);
    random.zeroize();
    Secret::new(text)
}

/// True when `text` is a key as [`generate`] makes them. Says nothing about whether it exists.
pub(crate) fn is_well_formed(text: &str) -> bool {
    let random = [Environment::Live, Environment::Test]
        .into_iter()
        .find_map(|environment| text.strip_prefix(prefix(environment)));
    let Some(random) = random.filter(|rest| rest.len() == RANDOM_CHARACTERS.saturating_add(CHECKSUM_CHARACTERS)) else {
        return false;
    };
    if !random.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return false;
    }
    let Some((summed, sum)) = text.split_at_checked(LENGTH.saturating_sub(CHECKSUM_CHARACTERS)) else {
        return false;
    };
    from_base62(sum) == Some(u64::from(crc32fast::hash(summed.as_bytes())))
}

/// What stands for `text` in the database.
pub(crate) fn hash(text: &str) -> Hash {
    Sha256::digest(text.as_bytes()).into()
}

/// What an owner may see of a key later: its prefix and its last four characters, which belong to the checksum.
pub(crate) fn hint(environment: Environment, key: &Secret) -> String {
    let text = key.expose();
    let last = text.get(LENGTH.saturating_sub(4)..).unwrap_or_default();
    format!("{}…{last}", prefix(environment))
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
        let digit = ALPHABET.iter().position(|known| *known == byte)?;
        sum.checked_mul(62)?.checked_add(u64::try_from(digit).ok()?)
    })
}

#[cfg(test)]
mod tests {
    use {super::*, portreeve_kernel::entropy::Seeded};

    fn key() -> String {
        generate(Environment::Test, &Seeded::new(3)).expose().to_owned()
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
                let key = generate(environment, &Constant(chance));
                let text = key.expose();
                assert_eq!(text.len(), LENGTH);
                assert!(is_well_formed(text), "{text}");
                assert_eq!(text.strip_prefix(prefix(environment)).unwrap().get(..43), Some(random));
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
    fn the_secret_of_a_client_has_a_form_of_its_own_and_is_no_key() {
        let secret = client_secret(&Seeded::new(3));
        let text = secret.expose();
        assert!(text.starts_with("wcs_") && text.len() == 4 + RANDOM_CHARACTERS + CHECKSUM_CHARACTERS);
        assert!(!is_well_formed(text));
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
                assert!(!is_well_formed(&typo), "{typo}");
            }
        }
    }

    #[test]
    fn characters_left_out_added_or_swapped_are_noticed() {
        let key = key();
        for place in 0..key.len() {
            let mut shorter = key.clone();
            let taken = shorter.remove(place);
            assert!(!is_well_formed(&shorter), "{shorter}");
            let mut longer = key.clone();
            longer.insert(place, taken);
            assert!(!is_well_formed(&longer), "{longer}");
            let mut swapped = key.clone().into_bytes();
            if place > 0 && swapped[place - 1] != swapped[place] {
                swapped.swap(place - 1, place);
                assert!(!is_well_formed(std::str::from_utf8(&swapped).unwrap()));
            }
        }
    }

    #[test]
    fn other_texts_are_no_keys() {
        let key = key();
        let live = key.replace("wai_test_", "wai_live_");
        for text in [
            "",
            "wai_test_",
            "wai_live_",
            "a.b.c",
            &live,
            &key.to_uppercase(),
            &"é".repeat(29),
            &format!("{key}é"),
        ] {
            assert!(!is_well_formed(text), "{text}");
        }
    }

    #[test]
    fn a_hint_is_the_prefix_and_the_last_four_characters() {
        let key = generate(Environment::Test, &Seeded::new(3));
        let hint = hint(Environment::Test, &key);
        assert_eq!(hint, format!("wai_test_…{}", &key.expose()[LENGTH - 4..]));
    }

    proptest::proptest! {
        #[test]
        fn base_62_gives_back_the_number(number: u64) {
            let mut text = String::new();
            push_base62(&mut text, &mut number.to_be_bytes(), 11);
            proptest::prop_assert_eq!(from_base62(&text), Some(number));
        }

        #[test]
        fn every_key_is_well_formed_and_has_a_hash_of_its_own(one: u64, other: u64) {
            let (first, second) = (generate(Environment::Live, &Seeded::new(one)), generate(Environment::Live, &Seeded::new(other)));
            proptest::prop_assert!(is_well_formed(first.expose()));
            proptest::prop_assert_eq!(one == other, hash(first.expose()) == hash(second.expose()));
        }

        #[test]
        fn no_text_panics(text in ".{0,80}") {
            let _ = is_well_formed(&text);
        }
    }
}
