//! A WebAuthn ceremony under way. Between its two halves it lies in the browser, sealed: so any node can end what another
//! began, and whoever is nobody has us write nothing down.
//!
//! What must stay true: a ceremony is ours, for one purpose, for five minutes. That it is good once is up to what ends it.

use {
    crate::{
        oauth::signing::{Purpose, SealKey},
        origin::Origin,
        people::error::PeopleError,
    },
    base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD},
    portreeve_kernel::{Entropy, Seconds, Timestamp, UserId},
    serde::{Deserialize, Serialize, de::DeserializeOwned},
    sha2::{Digest, Sha256},
    webauthn_rs::prelude::{Url, Uuid, Webauthn, WebauthnBuilder},
};

/// How long somebody may look for a finger.
const LIFE: Seconds = Seconds(300);

/// What a ceremony is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    Enrol,
    SignIn,
}

impl Act {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Enrol => "enrol",
            Self::SignIn => "signin",
        }
    }
}

#[derive(Serialize, Deserialize)]
struct UnderWay<S> {
    until: i64,
    state: S,
}

/// A ceremony that came back, of ours and in time.
#[derive(Debug)]
pub(crate) struct Opened<S> {
    pub(crate) state: S,
    pub(crate) until: Timestamp,
}

/// Where passkeys are good, and what ceremonies are sealed with.
pub(crate) struct Ceremonies {
    /// `None` when the server's name is a number, for which no browser makes a passkey.
    site: Option<Webauthn>,
    /// What that site is called; empty when there is none.
    name: Box<str>,
    seal: SealKey,
}

impl Ceremonies {
    pub(crate) fn new(origin: &Origin, seal: SealKey) -> Self {
        let url = Url::parse(origin.as_str()).ok();
        let site = url.as_ref().and_then(|url| {
            let builder = WebauthnBuilder::new(url.domain()?, url).ok()?;
            builder.rp_name("Portreeve").build().ok()
        });
        let name = url.as_ref().and_then(Url::domain).unwrap_or_default().into();
        Self { site, name, seal }
    }

    pub(crate) const fn has_site(&self) -> bool {
        self.site.is_some()
    }

    pub(crate) const fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn site(&self) -> Result<&Webauthn, PeopleError> {
        self.site.as_ref().ok_or(PeopleError::PasskeyRefused)
    }

    /// What the browser keeps of a ceremony that begins at `at`.
    pub(crate) fn seal(
        &self,
        act: Act,
        state: impl Serialize,
        at: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<String, PeopleError> {
        let until = at.plus(LIFE).millis();
        let open = serde_json::to_vec(&UnderWay { until, state });
        let open = open.map_err(|error| PeopleError::Ceremony(error.to_string()))?;
        let sealed = self.seal.seal(Purpose::Ceremonies, act.as_str(), &open, entropy);
        let sealed = sealed.map_err(|error| PeopleError::Ceremony(error.to_string()))?;
        Ok(BASE64_URL_SAFE_NO_PAD.encode(sealed))
    }

    /// What [`Ceremonies::seal`] put in; `None` for what we did not make, or not for this, or too long ago.
    pub(crate) fn open<S: DeserializeOwned>(&self, act: Act, text: &str, at: Timestamp) -> Option<Opened<S>> {
        let sealed = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        let open = self.seal.open(Purpose::Ceremonies, act.as_str(), &sealed).ok()?;
        let UnderWay { until, state } = serde_json::from_slice(&open).ok()?;
        let until = Timestamp::from_millis(until);
        (at < until).then_some(Opened { state, until })
    }
}

/// What authenticators know a user by. Tells nobody who or since when.
pub(crate) fn handle(user: &UserId) -> Uuid {
    let hash = Sha256::new()
        .chain_update(b"portreeve:user-handle:")
        .chain_update(user.as_str());
    let hash: [u8; 32] = hash.finalize().into();
    let first = hash
        .iter()
        .take(16)
        .fold(0_u128, |number, byte| (number << 8) | u128::from(*byte));
    Uuid::from_u128(first)
}

#[cfg(test)]
mod tests {
    use {super::*, portreeve_kernel::entropy::Seeded};

    const AT: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn ceremonies(seed: u8, origin: &str) -> Ceremonies {
        Ceremonies::new(&origin.parse().unwrap(), SealKey::new([seed; 32]))
    }

    fn sealed(by: &Ceremonies) -> String {
        by.seal(Act::SignIn, "state", AT, &Seeded::new(1)).unwrap()
    }

    #[test]
    fn a_ceremony_is_for_one_act_and_for_five_minutes() {
        let ours = ceremonies(1, "https://portreeve.test");
        let text = sealed(&ours);
        let open = |act, seconds| ours.open::<String>(act, &text, AT.plus(Seconds(seconds)));
        assert_eq!(open(Act::SignIn, 299).unwrap().state, "state");
        assert!(open(Act::SignIn, 300).is_none());
        assert!(open(Act::Enrol, 0).is_none());
    }

    #[test]
    fn a_ceremony_of_anybody_else_or_with_one_bit_changed_is_none() {
        let ours = ceremonies(1, "https://portreeve.test");
        let text = sealed(&ours);
        assert!(
            ceremonies(2, "https://portreeve.test")
                .open::<String>(Act::SignIn, &text, AT)
                .is_none()
        );
        let sealed = BASE64_URL_SAFE_NO_PAD.decode(&text).unwrap();
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            let changed = BASE64_URL_SAFE_NO_PAD.encode(changed);
            assert!(ours.open::<String>(Act::SignIn, &changed, AT).is_none(), "byte {place}");
        }
        for wrong in ["", "x", "!", &format!("{text}="), &text[1..]] {
            assert!(ours.open::<String>(Act::SignIn, wrong, AT).is_none(), "{wrong}");
        }
    }

    #[test]
    fn passkeys_need_a_server_with_a_name() {
        for (origin, named) in [
            ("https://portreeve.test", true),
            ("http://localhost:8787", true),
            ("https://192.0.2.7", false),
            ("http://[::1]:8787", false),
        ] {
            assert_eq!(ceremonies(1, origin).has_site(), named, "{origin}");
        }
    }

    #[test]
    fn a_handle_is_always_the_same_and_another_for_everybody() {
        let [one, other] = [1, 2].map(|seed| UserId::new(AT, &Seeded::new(seed)));
        assert_eq!(handle(&one), handle(&one));
        assert_ne!(handle(&one), handle(&other));
    }
}
