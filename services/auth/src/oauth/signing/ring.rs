//! The keys as they stand at a moment: which one signs, which are believed, and when there has to be another.
//!
//! What must stay true: a key is published for as long before it signs as others may keep the list of keys, and for as long
//! after it signed as its last token lives; so nobody ever meets a good token under a key that he cannot know.

use {
    super::{SealKey, SigningError, rotate::Row},
    aws_lc_rs::signature::{Ed25519KeyPair, Signature},
    base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD},
    jsonwebtoken::{
        Algorithm as JwtAlgorithm, EncodingKey,
        jwk::{AlgorithmParameters, Jwk, ThumbprintHash},
    },
    portreeve_guard::remote::PublicKey,
    portreeve_kernel::{Now, Seconds, Secret, Timestamp},
    portreeve_oauth::{AccessClaims, AccessToken, JsonWebKey, JsonWebKeySet},
    serde_json::json,
    std::collections::BTreeSet,
    zeroize::Zeroizing,
};

/// Longer than most tokens, so that their text need not grow.
const LENGTH: usize = 1024;

/// PKCS #8 of an Ed25519 key, as far as the seed (RFC 8410, 7).
const DER_PREFIX: [u8; 16] = [
    0x30, 0x2E, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// How long a key is published before it signs: five minutes for which the list may be kept, and one in which every node
/// of ours has looked.
pub(super) const NOTICE: Seconds = Seconds(6 * 60);

/// How long a key is believed after it signed for the last time: the life of a token, and what two nodes' clocks may differ.
const AFTERLIFE: Seconds = Seconds(AccessClaims::TTL.0 + 2 * 60);

/// How old a key may become before another takes over.
pub(super) const MOST_AGE: Seconds = Seconds(30 * 24 * 60 * 60);

/// One key, both halves.
pub(super) struct SigningKey {
    /// The thumbprint of its public half (RFC 7638), so no two keys share one.
    pub(super) kid: String,
    /// The public half in base64url.
    x: String,
    /// What every token of it begins with: its header, encoded, and the dot after it.
    header: Box<str>,
    /// Made once: to read a private key again costs more than to sign.
    secret: Ed25519KeyPair,
    public: PublicKey,
}

impl SigningKey {
    pub(super) fn from_seed(seed: &[u8; 32]) -> Result<Self, SigningError> {
        let crypto = |_| SigningError::Crypto;
        let der = Zeroizing::new([DER_PREFIX.as_slice(), seed].concat());
        let jwk = Jwk::from_encoding_key(&EncodingKey::from_ed_der(&der), JwtAlgorithm::EdDSA).map_err(crypto)?;
        let kid = jwk.thumbprint(ThumbprintHash::SHA256).map_err(crypto)?;
        let header = json!({"typ": AccessToken::TYPE, "alg": "EdDSA", "kid": kid}).to_string();
        let AlgorithmParameters::OctetKeyPair(pair) = jwk.algorithm else {
            return Err(SigningError::Crypto);
        };
        Ok(Self {
            kid,
            header: format!("{}.", BASE64_URL_SAFE_NO_PAD.encode(header)).into(),
            public: PublicKey::ed25519(&pair.x).ok_or(SigningError::Crypto)?,
            x: pair.x,
            secret: Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| SigningError::Crypto)?,
        })
    }

    /// A token of `claims`: a JWS in its compact form (RFC 7515, 7.1).
    fn sign(&self, claims: &AccessClaims) -> Result<Secret, SigningError> {
        let claims = serde_json::to_vec(claims).map_err(|_| SigningError::Crypto)?;
        let mut text = String::with_capacity(LENGTH);
        text.push_str(&self.header);
        BASE64_URL_SAFE_NO_PAD.encode_string(claims, &mut text);
        let signature = self.signature(&text);
        text.push('.');
        BASE64_URL_SAFE_NO_PAD.encode_string(signature, &mut text);
        Ok(Secret::new(text))
    }

    fn signature(&self, message: &str) -> Signature {
        self.secret.sign(message.as_bytes())
    }
}

/// A key, and when it is what.
struct Kept {
    key: SigningKey,
    signs_from: Timestamp,
    /// When it stopped to sign.
    retired_at: Option<Timestamp>,
}

impl Kept {
    /// True as long as there can be a good token under it.
    fn is_published(&self, now: Now) -> bool {
        self.retired_at
            .is_none_or(|end| now.for_release() < end.plus(AFTERLIFE))
    }
}

/// What a token is, as far as its signature tells.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Judged {
    /// One of ours, with this payload. What it claims is not judged yet.
    Ours(Vec<u8>),
    /// It looks like one of ours, under a key that is not here. Another node may have made it a moment ago.
    UnknownKey,
    /// Nothing of ours.
    Not,
}

/// All the keys that there are. The oldest comes first.
pub(super) struct Ring {
    keys: Vec<Kept>,
    /// When the newest was made.
    renewed_at: Timestamp,
}

impl Ring {
    /// Opens what the database holds.
    pub(super) fn unsealed(rows: &[Row], seal: &SealKey) -> Result<Self, SigningError> {
        let mut keys = Vec::with_capacity(rows.len());
        for row in rows {
            let key = SigningKey::from_seed(&*seal.seed(&row.kid, &row.sealed)?)?;
            if key.kid != row.kid {
                return Err(SigningError::WrongSeal);
            }
            keys.push(Kept {
                key,
                signs_from: row.signs_from,
                retired_at: row.retired_at,
            });
        }
        let renewed_at = rows.last().ok_or(SigningError::None)?.created_at;
        Ok(Self { keys, renewed_at })
    }

    /// The newest that has begun. The first signs even when the clock was put back behind its beginning.
    fn signs(&self, now: Now) -> Result<&SigningKey, SigningError> {
        let begun = self.keys.iter().rfind(|kept| kept.signs_from <= now.for_expiry());
        let kept = begun.or(self.keys.first()).ok_or(SigningError::None)?;
        Ok(&kept.key)
    }

    /// The name of the newest, and when it begins to sign.
    pub(super) fn newest(&self) -> Option<(&str, Timestamp)> {
        self.keys.last().map(|kept| (kept.key.kid.as_str(), kept.signs_from))
    }

    /// True when the newest is too old.
    pub(super) fn is_due(&self, now: Now) -> bool {
        self.renewed_at.plus(MOST_AGE) <= now.for_expiry()
    }

    /// The names of those under which no token can be good any more.
    pub(super) fn over(&self, now: Now) -> Vec<String> {
        let over = self.keys.iter().filter(|kept| !kept.is_published(now));
        over.map(|kept| kept.key.kid.clone()).collect()
    }

    /// True when `later` lacks one of these keys.
    pub(super) fn loses_by(&self, later: &Self) -> bool {
        let there: BTreeSet<&str> = later.keys.iter().map(|kept| kept.key.kid.as_str()).collect();
        self.keys.iter().any(|kept| !there.contains(kept.key.kid.as_str()))
    }

    /// Makes a token of `claims`.
    pub(super) fn sign(&self, claims: &AccessClaims, now: Now) -> Result<Secret, SigningError> {
        self.signs(now)?.sign(claims)
    }

    /// What `token` is.
    pub(super) fn judge(&self, token: &str, now: Now) -> Judged {
        let Some(shown) = AccessToken::read(token) else {
            return Judged::Not;
        };
        let mut known = self.keys.iter().filter(|kept| kept.is_published(now));
        let Some(kept) = known.find(|kept| kept.key.kid == shown.key) else {
            return Judged::UnknownKey;
        };
        if !kept.key.public.has_signed(&shown) {
            return Judged::Not;
        }
        shown.payload().map_or(Judged::Not, Judged::Ours)
    }

    /// The public halves, for everybody.
    pub(super) fn jwks(&self, now: Now) -> JsonWebKeySet {
        let keys = self.keys.iter().filter(|kept| kept.is_published(now));
        let keys = keys.map(|kept| JsonWebKey::ed25519(kept.key.kid.clone(), kept.key.x.clone()));
        JsonWebKeySet { keys: keys.collect() }
    }
}

#[cfg(test)]
mod tests {
    use {
        super::*,
        base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD},
        hmac::{Hmac, KeyInit, Mac},
        portreeve_kernel::{GrantId, OwnerId, ProjectId, TokenId, entropy::Seeded},
        portreeve_oauth::{ClientId, Expected},
        sha2::Sha256,
    };

    const AT: Timestamp = Timestamp::from_seconds(1_800_000_000);
    const ISSUER: &str = "https://p.example";

    fn claims() -> AccessClaims {
        let chance = Seeded::new(1);
        AccessClaims {
            iss: ISSUER.to_owned(),
            sub: "clt_000000000000".to_owned(),
            aud: "https://p.example/mcp".to_owned(),
            exp: AccessClaims::ends(AT).seconds(),
            iat: AT.seconds(),
            jti: TokenId::new(&GrantId::new(AT, &chance), &chance).to_string(),
            scope: "agents:read".parse().unwrap(),
            client_id: ClientId::parse("clt_000000000000").unwrap(),
            owner_id: OwnerId::new(AT, &chance),
            project_id: ProjectId::new(AT, &chance),
            agent_id: None,
            role: None,
            bypass: false,
        }
    }

    /// Keys of which the last signs and none is retired.
    fn ring(seeds: &[u8]) -> Ring {
        let kept = |seed: &u8| Kept {
            key: SigningKey::from_seed(&[*seed; 32]).unwrap(),
            signs_from: AT,
            retired_at: None,
        };
        Ring {
            keys: seeds.iter().map(kept).collect(),
            renewed_at: AT,
        }
    }

    fn now() -> Now {
        Now::at(AT)
    }

    impl Ring {
        fn verified(&self, token: &str) -> Option<Vec<u8>> {
            match self.judge(token, now()) {
                Judged::Ours(payload) => Some(payload),
                Judged::UnknownKey | Judged::Not => None,
            }
        }
    }

    #[test]
    fn public_half_and_name_are_those_of_the_rfc() {
        // RFC 8037, A.1 to A.3.
        let seed = BASE64_URL_SAFE_NO_PAD
            .decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")
            .unwrap();
        let key = SigningKey::from_seed(&seed.try_into().unwrap()).unwrap();
        assert_eq!(key.x, "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
        assert_eq!(key.kid, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn what_is_signed_is_believed_and_says_what_was_claimed() {
        let keys = ring(&[1]);
        let token = keys.sign(&claims(), now()).unwrap();
        let payload = keys.verified(token.expose()).unwrap();
        let expected = Expected {
            issuer: ISSUER,
            audience: "https://p.example/mcp",
        };
        assert_eq!(AccessClaims::accept(&payload, expected, now()), Ok(claims()));
    }

    #[test]
    fn tokens_of_an_older_key_are_believed_as_long_as_it_is_published() {
        let token = ring(&[1]).sign(&claims(), now()).unwrap();
        assert!(ring(&[1, 2]).verified(token.expose()).is_some());
        assert!(ring(&[2]).verified(token.expose()).is_none());
        assert_eq!(ring(&[1, 2]).jwks(now()).keys.len(), 2);
    }

    /// AUTH_CHECKLIST 2.5: a public key is no secret.
    #[test]
    fn a_token_under_a_secret_made_of_the_public_key_is_not_believed() {
        let keys = ring(&[1]);
        let kid = keys.signs(now()).unwrap().kid.clone();
        let public = BASE64_URL_SAFE_NO_PAD.decode(&keys.signs(now()).unwrap().x).unwrap();
        let payload = BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_string(&claims()).unwrap());
        for alg in ["HS256", "EdDSA"] {
            let header = format!(r#"{{"alg":"{alg}","typ":"at+jwt","kid":"{kid}"}}"#);
            let message = format!("{}.{payload}", BASE64_URL_SAFE_NO_PAD.encode(header));
            for secret in [&public, keys.signs(now()).unwrap().x.as_bytes()] {
                let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(secret).unwrap();
                let signature = mac.chain_update(message.as_bytes()).finalize().into_bytes();
                let signature = BASE64_URL_SAFE_NO_PAD.encode(signature);
                assert!(keys.verified(&format!("{message}.{signature}")).is_none(), "{alg}");
            }
        }
        let header = format!(r#"{{"alg":"none","typ":"at+jwt","kid":"{kid}"}}"#);
        let unsigned = format!("{}.{payload}.", BASE64_URL_SAFE_NO_PAD.encode(header));
        assert!(keys.verified(&unsigned).is_none());
    }

    #[test]
    fn a_token_that_differs_in_one_character_is_not_ours() {
        let keys = ring(&[1]);
        let token = keys.sign(&claims(), now()).unwrap().expose().to_owned();
        for place in 0..token.len() {
            for other in *b"Aw_." {
                let mut changed = token.clone().into_bytes();
                if changed[place] == other {
                    continue;
                }
                changed[place] = other;
                let changed = String::from_utf8(changed).unwrap();
                assert!(keys.verified(&changed).is_none(), "{changed}");
            }
        }
        for cut in 0..token.len() {
            assert!(keys.verified(&token[..cut]).is_none());
        }
    }

    /// AUTH_CHECKLIST 2.5, 2.6, 2.7
    #[test]
    fn another_kind_of_token_is_not_believed_though_the_key_signed_it() {
        let keys = ring(&[1]);
        let kid = keys.signs(now()).unwrap().kid.clone();
        let signed = |header: &str| {
            let message = format!(
                "{}.{}",
                BASE64_URL_SAFE_NO_PAD.encode(header),
                BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_string(&claims()).unwrap())
            );
            let signature = keys.signs(now()).unwrap().signature(&message);
            let signature = BASE64_URL_SAFE_NO_PAD.encode(signature);
            keys.verified(&format!("{message}.{signature}")).is_some()
        };
        assert!(signed(&format!(r#"{{"alg":"EdDSA","typ":"at+jwt","kid":"{kid}"}}"#)));
        for header in [
            format!(r#"{{"alg":"EdDSA","typ":"JWT","kid":"{kid}"}}"#),
            format!(r#"{{"alg":"EdDSA","kid":"{kid}"}}"#),
            format!(r#"{{"alg":"ES256","typ":"at+jwt","kid":"{kid}"}}"#),
            format!(r#"{{"alg":"HS256","typ":"at+jwt","kid":"{kid}"}}"#),
            r#"{"alg":"EdDSA","typ":"at+jwt"}"#.to_owned(),
            r#"{"alg":"EdDSA","typ":"at+jwt","kid":"other"}"#.to_owned(),
            format!(r#"{{"alg":"none","typ":"at+jwt","kid":"{kid}"}}"#),
            format!(r#"{{"alg":"EdDSA","typ":"at+jwt","kid":"{kid}","kid":"{kid}"}}"#),
            format!(r#"{{"alg":"EdDSA","typ":"at+jwt","kid":"{kid}","crit":["exp"]}}"#),
            format!(r#"{{"alg":"EdDSA","typ":"at+jwt","kid":"{kid}","jku":"https://p.example/oauth/jwks"}}"#),
            format!(r#"{{"alg":"EdDSA","typ":"at+jwt","kid":"{kid}","x5u":"https://p.example/x"}}"#),
            format!(r#"{{"alg":"EdDSA","typ":"at+jwt","kid":"{kid}","x5c":[]}}"#),
            format!(r#"{{"alg":"EdDSA","typ":"at+jwt","kid":"{kid}","jwk":{{"kty":"OKP"}}}}"#),
            format!(r#"{{"alg":"EdDSA","typ":"at+jwt","kid":"{kid}","zip":"DEF"}}"#),
            format!(r#"{{"alg":"EdDSA","typ":"at+jwt","kid":"{kid}","enc":"A256GCM"}}"#),
            format!(r#"{{"alg":"EdDSA","typ":"at+jwt","kid":"{kid}","b64":false}}"#),
            format!(r#"{{"alg":"EdDSA","typ":"at+jwt","kid":"{kid}","p2c":1000000000}}"#),
        ] {
            assert!(!signed(&header), "{header}");
        }
    }

    fn kid(seed: u8) -> String {
        SigningKey::from_seed(&[seed; 32]).unwrap().kid
    }

    /// Of two keys, the second takes over from the first a second on.
    fn taking_over() -> Ring {
        let mut ring = ring(&[1, 2]);
        let change = AT.plus_millis(1000);
        ring.keys[0].retired_at = Some(change);
        ring.keys[1].signs_from = change;
        ring
    }

    #[test]
    fn the_newest_key_signs_from_its_moment_on() {
        let ring = taking_over();
        let signs = |millis| ring.signs(Now::at(AT.plus_millis(millis))).unwrap().kid.clone();
        assert_eq!([signs(-1), signs(0), signs(999)], [0; 3].map(|_| kid(1)));
        assert_eq!(signs(1000), kid(2));
    }

    #[test]
    fn a_key_is_published_before_it_signs_and_until_its_last_token_is_over_by_the_slowest_clock() {
        let ring = taking_over();
        let last = ring.keys[0].retired_at.unwrap().plus_millis(-1);
        let claims = AccessClaims {
            exp: AccessClaims::ends(last).seconds(),
            ..claims()
        };
        let token = ring.sign(&claims, Now::at(last)).unwrap();
        let is_believed = |now: Now| matches!(ring.judge(token.expose(), now), Judged::Ours(_));
        let end = ring.keys[0].retired_at.unwrap().plus(AFTERLIFE);
        assert!(
            claims.is_expired(Now::at(end.minus(Seconds(120)))),
            "its last token is over before"
        );
        for (now, published) in [
            (Now::at(AT.minus(Seconds(86_400))), vec![kid(1), kid(2)]),
            (Now::at(end.plus_millis(-1)), vec![kid(1), kid(2)]),
            (
                Now::between(end.plus_millis(-1), end.plus(Seconds(60))),
                vec![kid(1), kid(2)],
            ),
            (Now::at(end), vec![kid(2)]),
        ] {
            let keys = serde_json::to_value(ring.jwks(now)).unwrap();
            let keys = keys["keys"]
                .as_array()
                .unwrap()
                .iter()
                .map(|key| key["kid"].as_str().unwrap().to_owned());
            assert_eq!(keys.collect::<Vec<_>>(), published);
            assert_eq!(is_believed(now), published.len() == 2);
            assert_eq!(ring.over(now), if published.len() == 2 { vec![] } else { vec![kid(1)] });
        }
    }

    #[test]
    fn a_key_is_due_to_be_changed_after_thirty_days() {
        let ring = ring(&[1]);
        let end = AT.plus(MOST_AGE);
        assert!(!ring.is_due(Now::at(end.plus_millis(-1))));
        assert!(ring.is_due(Now::at(end)));
    }

    #[test]
    fn a_key_that_is_not_here_is_told_from_a_wrong_signature() {
        let token = ring(&[1]).sign(&claims(), now()).unwrap();
        assert_eq!(ring(&[2]).judge(token.expose(), now()), Judged::UnknownKey);
        let message = token.expose().rsplit_once('.').unwrap().0;
        assert_eq!(ring(&[1]).judge(&format!("{message}.AAAA"), now()), Judged::Not);
        assert_eq!(ring(&[1]).judge("a.b.c", now()), Judged::Not);
    }

    #[test]
    fn a_ring_loses_by_another_that_lacks_one_of_its_keys_and_by_no_other() {
        assert!(ring(&[1, 2]).loses_by(&ring(&[2, 3])));
        assert!(!ring(&[1, 2]).loses_by(&ring(&[1, 2, 3])));
        assert!(!ring(&[1]).loses_by(&ring(&[1])));
    }
}
