//! The secrets that we make, each known by its prefix, and what stands for one in the database. Their form is that of
//! [`secret_text`].

use {
    portreeve_guard::secret_text,
    portreeve_kernel::{Entropy, Environment, Secret},
    portreeve_store::{Row, StoreError},
    sha2::{Digest, Sha256},
    subtle::ConstantTimeEq,
};

/// SHA-256 of a whole key: what is stored, and what a key is found by.
pub(crate) type Hash = [u8; 32];

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
    secret_text::generate(DEVICE, entropy)
}

/// A new authorization code.
pub(crate) fn code(entropy: &dyn Entropy) -> Secret {
    secret_text::generate(CODE, entropy)
}

/// A first refresh token. Those after it are made of the one before.
pub(crate) fn refresh(entropy: &dyn Entropy) -> Secret {
    secret_text::generate(REFRESH, entropy)
}

/// A new key.
pub(crate) fn generate(environment: Environment, entropy: &dyn Entropy) -> Secret {
    secret_text::generate(secret_text::key_prefix(environment), entropy)
}

/// A new secret for an OAuth client: of the same form as a key, under a prefix of its own.
pub(crate) fn client_secret(entropy: &dyn Entropy) -> Secret {
    secret_text::generate(CLIENT_SECRET, entropy)
}

/// A new secret for a link by which somebody makes a passkey.
pub(crate) fn link(entropy: &dyn Entropy) -> Secret {
    secret_text::generate(LINK, entropy)
}

/// A new secret for a session.
pub(crate) fn session(entropy: &dyn Entropy) -> Secret {
    secret_text::generate(SESSION, entropy)
}

/// The environments that keys are of.
const ENVIRONMENTS: [Environment; 2] = [Environment::Live, Environment::Test];

/// True when `text` begins as keys do, and as nothing else does that is ever shown.
pub(crate) fn is_key(text: &str) -> bool {
    ENVIRONMENTS
        .into_iter()
        .any(|environment| text.starts_with(secret_text::key_prefix(environment)))
}

/// True when `text` is a key as [`generate`] makes them. Says nothing about whether it exists.
pub(crate) fn is_well_formed(text: &str) -> bool {
    ENVIRONMENTS
        .into_iter()
        .any(|environment| secret_text::is_well_formed(text, secret_text::key_prefix(environment)))
}

/// What stands for `text` in the database.
pub(crate) fn hash(text: &str) -> Hash {
    Sha256::digest(text.as_bytes()).into()
}

/// Whether two are the same, in the same time wherever they differ.
pub(crate) fn is_same(stored: &Hash, shown: &Hash) -> bool {
    stored.ct_eq(shown).into()
}

/// `row`, when what it keeps in `column` is what stands for the secret that was shown. An index found it by comparing byte by
/// byte; this comparison is the one that counts. Whoever looks a secret up has its row from here.
///
/// # Errors
/// When there is no such column, or no hash in it.
pub(crate) fn confirmed(row: Option<Row>, column: &'static str, shown: &Hash) -> Result<Option<Row>, StoreError> {
    let Some(row) = row else {
        return Ok(None);
    };
    let stored: Hash = row.get(column)?;
    Ok(is_same(&stored, shown).then_some(row))
}

/// What an owner may see of a key later: its prefix and its last four characters, which belong to the checksum.
pub(crate) fn hint(environment: Environment, key: &Secret) -> String {
    let text = key.expose();
    let last = text.get(text.len().saturating_sub(4)..).unwrap_or_default();
    format!("{}…{last}", secret_text::key_prefix(environment))
}

#[cfg(test)]
mod tests {
    use {
        super::*,
        portreeve_kernel::entropy::Seeded,
        portreeve_store::{Fetch, Sql, testing::TestDatabase},
    };

    fn key() -> String {
        generate(Environment::Test, &Seeded::new(3)).expose().to_owned()
    }

    #[test]
    fn the_secret_of_a_client_has_a_form_of_its_own_and_is_no_key() {
        let secret = client_secret(&Seeded::new(3));
        let text = secret.expose();
        assert!(text.starts_with("wcs_") && text.len() == 4 + 43 + 6);
        assert!(!is_well_formed(text));
    }

    #[tokio::test]
    async fn a_row_counts_with_the_very_hash_that_was_shown_and_with_no_other() {
        let database = TestDatabase::sqlite(&[]).unwrap();
        let db = database.open().await.unwrap();
        let shown = hash("wse_1");
        let row = async |stored: &[u8]| {
            let sql = Sql::new("SELECT $1 AS user_hash").bind(stored);
            db.read().fetch_optional(sql).await.unwrap()
        };
        let found = |row| confirmed(row, "user_hash", &shown);
        assert!(found(row(&shown).await).unwrap().is_some());
        for bit in 0..256 {
            let mut other = shown;
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(found(row(&other).await).unwrap().is_none(), "{bit}");
        }
        assert!(found(None).unwrap().is_none());
        assert!(found(row(&shown[1..]).await).is_err(), "a part of it");
        let elsewhere = confirmed(row(&shown).await, "hash", &shown);
        assert!(elsewhere.is_err(), "a query that does not ask for it");
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
        assert_eq!(hint, format!("wai_test_…{}", &key.expose()[54..]));
    }

    proptest::proptest! {
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
