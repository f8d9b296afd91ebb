//! What an assertion by a passkey is worth (WebAuthn, 7.2): ES256 by `p256` alone, and nothing is asked of anybody.
//!
//! What must stay true: a passkey consents to one [`Challenge`] on one page of one site, with the person there and
//! checked. What it says of anything else, in words that could be read in two ways, or in more words than an
//! authenticator uses, is no consent.

use {
    base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD},
    p256::ecdsa::{Signature, VerifyingKey, signature::Verifier},
    portreeve_kernel::{OwnerProof, proof::Challenge},
    serde::{
        Deserialize, Deserializer, Serialize,
        de::{Error, IgnoredAny, MapAccess, Visitor},
    },
    sha2::{Digest, Sha256},
    std::{collections::BTreeSet, fmt},
};

/// The longest part of a proof, in characters. A record with one has to fit a line of the journal.
pub const MAX_PART: usize = 4_096;

/// The longest id of a credential, in bytes (WebAuthn, 4).
const MAX_ID: usize = 1_023;

/// The longest name of a site (RFC 1035, 2.3.4).
const MAX_SITE: usize = 253;

/// An uncompressed point of P-256 (SEC 1, 2.3.3).
const POINT: usize = 65;

/// The person touched the authenticator, and it found out who that is.
const PRESENT_AND_VERIFIED: u8 = 0x01 | 0x04;

/// Hash of the site, flags and counter: what the authenticator says at least (WebAuthn, 6.1).
const SAID_AT_LEAST: usize = 32 + 1 + 4;

/// Whose assertion counts: one credential, on the pages of one origin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Passkey {
    /// The credential's id, in base64url.
    pub credential_id: String,
    /// Its public key, in base64url: 65 bytes, the uncompressed point.
    pub public_key: String,
    /// The site it was made for, such as `portreeve.example`.
    pub rp_id: String,
    /// Where the pages are that may ask for it, such as `https://portreeve.example`.
    pub origin: String,
}

/// Why something cannot be pinned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasskeyError {
    /// No id of a credential.
    #[error("the credential's id is not 1 to {MAX_ID} bytes in base64url without padding")]
    Id,
    /// No key.
    #[error("the public key is no uncompressed point of P-256 in base64url without padding")]
    Key,
    /// No origin of that site.
    #[error("the origin is no `https://host[:port]` (or `http://localhost[:port]`) of the passkey's site")]
    Origin,
}

impl Passkey {
    /// Whether every part is what it has to be, in its one spelling.
    ///
    /// # Errors
    /// [`PasskeyError`] names the first that is not.
    pub fn check(&self) -> Result<(), PasskeyError> {
        let id = bytes(&self.credential_id).ok_or(PasskeyError::Id)?;
        if id.is_empty() || id.len() > MAX_ID {
            return Err(PasskeyError::Id);
        }
        self.key().ok_or(PasskeyError::Key)?;
        host(&self.origin)
            .filter(|host| is_of(host, &self.rp_id))
            .map(|_| ())
            .ok_or(PasskeyError::Origin)
    }

    /// True when `proof` is this passkey's consent to exactly `challenge`.
    #[must_use]
    pub fn asserts(&self, proof: &OwnerProof, challenge: &Challenge) -> bool {
        let OwnerProof::Passkey {
            credential_id,
            authenticator_data,
            client_data,
            signature,
        } = proof
        else {
            return false;
        };
        let (Some(said), Some(client), Some(signature)) =
            (bytes(authenticator_data), bytes(client_data), bytes(signature))
        else {
            return false;
        };
        *credential_id == self.credential_id
            && self.is_asked(&client, challenge)
            && self.is_said_here(&said)
            && self.is_signed(&said, &client, &signature)
    }

    /// The browser says that a page of the origin asked for this very challenge (WebAuthn, 7.2, steps 11 to 14).
    fn is_asked(&self, client: &[u8], challenge: &Challenge) -> bool {
        serde_json::from_slice::<ClientData>(client).is_ok_and(|data| {
            data.kind == "webauthn.get"
                && data.challenge == URL_SAFE_NO_PAD.encode(challenge.as_bytes())
                && data.origin == self.origin
                && !data.is_framed
        })
    }

    /// The authenticator says that it was asked for this site, by somebody who is there and was checked (steps 15 to 17).
    fn is_said_here(&self, said: &[u8]) -> bool {
        let site = Sha256::digest(self.rp_id.as_bytes());
        let flags = said.get(32).copied().unwrap_or_default();
        said.len() >= SAID_AT_LEAST && said.starts_with(&site) && flags & PRESENT_AND_VERIFIED == PRESENT_AND_VERIFIED
    }

    /// The credential's key has signed both (steps 19 and 20).
    fn is_signed(&self, said: &[u8], client: &[u8], signature: &[u8]) -> bool {
        let message = [said, &Sha256::digest(client)].concat();
        let (Some(key), Ok(signature)) = (self.key(), Signature::from_der(signature)) else {
            return false;
        };
        key.verify(&message, &signature).is_ok()
    }

    fn key(&self) -> Option<VerifyingKey> {
        let point = bytes(&self.public_key).filter(|point| point.len() == POINT)?;
        VerifyingKey::from_sec1_bytes(&point).ok()
    }
}

/// Base64url in its one spelling, and not longer than anything of ours.
fn bytes(text: &str) -> Option<Vec<u8>> {
    (text.len() <= MAX_PART)
        .then(|| URL_SAFE_NO_PAD.decode(text).ok())
        .flatten()
}

/// The host of an origin on which browsers give out passkeys.
fn host(origin: &str) -> Option<&str> {
    let (scheme, place) = origin.split_once("://")?;
    let (host, port) = place
        .split_once(':')
        .map_or((place, None), |(host, port)| (host, Some(port)));
    let is_port = |port: &str| !port.starts_with('0') && !port.starts_with('+') && port.parse::<u16>().is_ok();
    let is_secure = scheme == "https" || scheme == "http" && host == "localhost";
    (is_secure && is_name(host) && port.is_none_or(is_port)).then_some(host)
}

/// As browsers write a host's name.
fn is_name(host: &str) -> bool {
    let is_label = |label: &str| {
        let inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        !label.is_empty() && label.bytes().all(inside)
    };
    host.len() <= MAX_SITE && host.split('.').all(is_label)
}

/// The same name, or one below it.
fn is_of(host: &str, site: &str) -> bool {
    let below = |rest: &str| rest.is_empty() || rest.ends_with('.');
    is_name(site) && host.strip_suffix(site).is_some_and(below)
}

/// What the browser says (WebAuthn, 5.8.1), as far as it matters here. No member may stand twice, also none that does not
/// matter: the browser writes none twice, so whoever does wants it read in two ways.
struct ClientData {
    kind: String,
    challenge: String,
    origin: String,
    /// The page was in a frame of another site.
    is_framed: bool,
}

impl<'de> Deserialize<'de> for ClientData {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Members)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = ClientData;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("what a browser says of a page")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<ClientData, M::Error> {
        let (mut kind, mut challenge, mut origin, mut is_framed) = (None, None, None, false);
        let mut seen = BTreeSet::new();
        while let Some(name) = map.next_key::<String>()? {
            match name.as_str() {
                "type" => kind = Some(map.next_value()?),
                "challenge" => challenge = Some(map.next_value()?),
                "origin" => origin = Some(map.next_value()?),
                "crossOrigin" => is_framed |= map.next_value::<bool>()?,
                "topOrigin" => {
                    map.next_value::<IgnoredAny>()?;
                    is_framed = true;
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
            if !seen.insert(name) {
                return Err(M::Error::custom("a member stands twice"));
            }
        }
        let missing = || M::Error::custom("a member is missing");
        Ok(ClientData {
            kind: kind.ok_or_else(missing)?,
            challenge: challenge.ok_or_else(missing)?,
            origin: origin.ok_or_else(missing)?,
            is_framed,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passkey(origin: &str, rp_id: &str) -> Passkey {
        Passkey {
            credential_id: "AQID".to_owned(),
            // The base point of P-256 (FIPS 186-4, D.1.2.3), uncompressed.
            public_key: "BGsX0fLhLEJH-Lzm5WOkQPJ3A32BLeszoPShOUXYmMKWT-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU"
                .to_owned(),
            rp_id: rp_id.to_owned(),
            origin: origin.to_owned(),
        }
    }

    #[test]
    fn an_origin_is_of_its_site_and_of_no_other() {
        for (origin, site, good) in [
            ("https://portreeve.example", "portreeve.example", true),
            ("https://portreeve.example:8443", "portreeve.example", true),
            ("https://pay.portreeve.example", "portreeve.example", true),
            ("http://localhost:4180", "localhost", true),
            ("http://portreeve.example", "portreeve.example", false),
            ("https://evilportreeve.example", "portreeve.example", false),
            ("https://portreeve.example", "pay.portreeve.example", false),
            ("https://portreeve.example", "", false),
            ("https://portreeve.example/", "portreeve.example", false),
            ("https://portreeve.example:", "portreeve.example", false),
            ("https://portreeve.example:0443", "portreeve.example", false),
            ("https://portreeve.example:70000", "portreeve.example", false),
            ("https://a@portreeve.example", "portreeve.example", false),
            ("https://Portreeve.example", "portreeve.example", false),
            ("https://portreeve.example", "Portreeve.example", false),
            ("https://portreeve..example", "example", false),
            ("ftp://portreeve.example", "portreeve.example", false),
            ("portreeve.example", "portreeve.example", false),
        ] {
            let expected = if good { Ok(()) } else { Err(PasskeyError::Origin) };
            assert_eq!(passkey(origin, site).check(), expected, "{origin} of {site}");
        }
    }

    #[test]
    fn a_key_is_a_point_of_the_curve_in_one_spelling() {
        let good = passkey("https://a.example", "a.example");
        let point = URL_SAFE_NO_PAD.decode(&good.public_key).unwrap();
        let compressed = [&[0x02 | point[64] & 1], &point[1..33]].concat();
        let mut beside = point.clone();
        beside[64] ^= 1;
        for wrong in [
            compressed,
            beside,
            point[..64].to_vec(),
            vec![0],
            vec![0; 65],
            Vec::new(),
        ] {
            let public_key = URL_SAFE_NO_PAD.encode(&wrong);
            let passkey = Passkey {
                public_key,
                ..good.clone()
            };
            assert_eq!(passkey.check(), Err(PasskeyError::Key), "{wrong:?}");
        }
        let padded = Passkey {
            public_key: format!("{}=", good.public_key),
            ..good
        };
        assert_eq!(padded.check(), Err(PasskeyError::Key));
    }

    #[test]
    fn a_credential_has_an_id_of_a_length_that_there_is() {
        for (length, good) in [(0, false), (1, true), (1_023, true), (1_024, false)] {
            let passkey = Passkey {
                credential_id: URL_SAFE_NO_PAD.encode(vec![7; length]),
                ..passkey("https://a.example", "a.example")
            };
            assert_eq!(passkey.check().is_ok(), good, "{length}");
        }
    }
}
