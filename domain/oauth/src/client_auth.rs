//! Who speaks at the token endpoint: read from the request, one way at a time, and compared without telling by its time
//! how near a guess was.

use {
    crate::{
        client::{AuthMethod, ClientId},
        error::{ErrorCode, OAuthError},
        params::Params,
    },
    base64::{Engine, prelude::BASE64_STANDARD},
    portreeve_kernel::{Now, Seconds, Secret, Timestamp},
    serde::Deserialize,
    sha2::{Digest, Sha256},
    subtle::ConstantTimeEq,
};

/// The one kind of assertion there is (RFC 7523, 2.2).
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// How far ahead an assertion may end: it is made for one request, and its `jti` is remembered as long.
const ASSERTION_MAX: Seconds = Seconds(3600);

/// How far a client's clock may be ahead of ours.
const LEEWAY: Seconds = Seconds(60);

const TWO_WAYS: OAuthError = OAuthError::new(
    ErrorCode::InvalidRequest,
    "the client authenticates in more than one way; one is enough",
);
const NO_CLIENT: OAuthError = OAuthError::new(ErrorCode::InvalidRequest, "client_id is missing");
/// The one answer to a client that is unknown, stopped, ended, or not proven to be itself.
pub const NOT_BELIEVED: OAuthError = OAuthError::new(
    ErrorCode::InvalidClient,
    "the client is unknown or not proven to be itself",
);

/// What the request shows of its client.
#[derive(Debug, Clone)]
pub enum Presented {
    /// Its id, and nothing that proves it.
    Public(ClientId),
    /// Its id and a secret, in the header or in the body.
    Secret(ClientId, Secret, AuthMethod),
    /// A JWT it signed, not verified yet; the id is what the request says beside it, if it does.
    Assertion(Option<ClientId>, String),
}

impl Presented {
    /// The way it proves itself; it has to be the one that it registered.
    #[must_use]
    pub const fn method(&self) -> AuthMethod {
        match self {
            Self::Public(_) => AuthMethod::None,
            Self::Secret(_, _, method) => *method,
            Self::Assertion(..) => AuthMethod::PrivateKeyJwt,
        }
    }
}

/// Reads the client out of the `Authorization` header and the body.
///
/// # Errors
/// `invalid_request` when it authenticates in two ways or says not who it is, `invalid_client` for a header that is no
/// `Basic` credential.
pub fn presented(authorization: Option<&str>, params: &Params) -> Result<Presented, OAuthError> {
    let id = |text: &str| ClientId::parse(text).ok_or(NOT_BELIEVED);
    let (in_body, secret) = (params.get("client_id"), params.get("client_secret"));
    let assertion = params.get("client_assertion");
    let ways = [authorization.is_some(), secret.is_some(), assertion.is_some()];
    if ways.into_iter().filter(|way| *way).count() > 1 {
        return Err(TWO_WAYS);
    }
    if let Some(header) = authorization {
        let (name, secret) = basic(header).ok_or(NOT_BELIEVED)?;
        if in_body.is_some_and(|in_body| in_body != name) {
            return Err(TWO_WAYS);
        }
        return Ok(Presented::Secret(id(&name)?, secret, AuthMethod::ClientSecretBasic));
    }
    if let Some(assertion) = assertion {
        if params.get("client_assertion_type") != Some(ASSERTION_TYPE) {
            return Err(NOT_BELIEVED);
        }
        return Ok(Presented::Assertion(in_body.map(id).transpose()?, assertion.to_owned()));
    }
    let client = id(in_body.ok_or(NO_CLIENT)?)?;
    Ok(match secret {
        Some(secret) => Presented::Secret(client, Secret::new(secret.to_owned()), AuthMethod::ClientSecretPost),
        None => Presented::Public(client),
    })
}

/// `Basic base64(form-encoded id ":" form-encoded secret)` (RFC 6749, 2.3.1).
fn basic(header: &str) -> Option<(String, Secret)> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(BASE64_STANDARD.decode(encoded.trim_matches(' ')).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((form_decoded(id)?, Secret::new(form_decoded(secret)?)))
}

fn form_decoded(text: &str) -> Option<String> {
    // A single value: what would separate pairs is not in it, or it was not encoded.
    if text.contains(['&', '=']) {
        return Some(text.to_owned());
    }
    let (decoded, _) = form_urlencoded::parse(text.as_bytes()).next()?;
    (!decoded.contains('\u{FFFD}')).then(|| decoded.into_owned())
}

/// What is kept of a client's secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecretHash(pub [u8; 32]);

impl SecretHash {
    /// SHA-256: the secrets are ours, 256 bits of chance, so nothing slower is needed.
    #[must_use]
    pub fn of(secret: &Secret) -> Self {
        Self(Sha256::digest(secret.expose().as_bytes()).into())
    }

    /// Whether `shown` is the secret. Takes as long for a near miss as for a far one.
    ///
    /// # Errors
    /// `invalid_client`.
    pub fn is(&self, shown: &Secret) -> Result<(), OAuthError> {
        if bool::from(self.0.ct_eq(&Self::of(shown).0)) {
            Ok(())
        } else {
            Err(NOT_BELIEVED)
        }
    }
}

/// `aud` of a JWT: one, or several.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(crate) enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    pub(crate) fn holds(&self, name: &str) -> bool {
        match self {
            Self::One(only) => only == name,
            Self::Several(all) => all.iter().any(|one| one == name),
        }
    }
}

/// What a client says in its assertion, once the signature is verified with the key that it registered. A member of the
/// wrong type is an error, never an absent one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AssertionClaims {
    iss: String,
    sub: String,
    aud: Audience,
    exp: i64,
    #[serde(default, deserialize_with = "present")]
    nbf: Option<i64>,
    #[serde(default, deserialize_with = "present")]
    iat: Option<i64>,
    jti: String,
}

/// A member that may be absent but not `null`: whoever wrote it meant something.
pub(crate) fn present<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    i64::deserialize(from).map(Some)
}

impl AssertionClaims {
    /// Reads the payload.
    ///
    /// # Errors
    /// `invalid_client`.
    pub fn parse(json: &[u8]) -> Result<Self, OAuthError> {
        serde_json::from_slice(json).map_err(|_| NOT_BELIEVED)
    }

    /// Whose assertion this claims to be, to find the key by.
    #[must_use]
    pub fn client(&self) -> Option<ClientId> {
        ClientId::parse(&self.sub)
    }

    /// Judges the claims of `client` for an issuer that is called by one of `names` (RFC 7523, 3). On success its `jti`
    /// and how long that has to be remembered: it is good once.
    ///
    /// # Errors
    /// `invalid_client`.
    pub fn check(&self, client: &ClientId, names: &[&str], now: Now) -> Result<(&str, Timestamp), OAuthError> {
        let now = now.for_expiry();
        let until = Timestamp::from_seconds(self.exp);
        let soon = now.plus(LEEWAY);
        let begun = [self.nbf, self.iat]
            .into_iter()
            .flatten()
            .all(|at| Timestamp::from_seconds(at) <= soon);
        let good = self.iss == client.as_str()
            && self.sub == client.as_str()
            && names.iter().any(|name| self.aud.holds(name))
            && until > now
            && until <= now.plus(ASSERTION_MAX).plus(LEEWAY)
            && begun
            && !self.jti.is_empty()
            && self.jti.len() <= 256;
        if good {
            Ok((&self.jti, until))
        } else {
            Err(NOT_BELIEVED)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Now = Now::at(Timestamp::from_seconds(1_800_000_000));

    fn read(header: Option<&str>, body: &str) -> Result<Presented, OAuthError> {
        presented(header, &Params::parse(body.as_bytes()).unwrap())
    }

    fn header(text: &str) -> String {
        format!("Basic {}", BASE64_STANDARD.encode(text))
    }

    #[test]
    fn each_way_is_read_as_its_rfc_writes_it() {
        let Presented::Secret(id, secret, AuthMethod::ClientSecretBasic) =
            read(Some(&header("cli%5F1:s%3Acret+x")), "").unwrap()
        else {
            panic!("no secret");
        };
        assert_eq!((id.as_str(), secret.expose()), ("cli_1", "s:cret x"));
        let post = read(None, "client_id=cli_1&client_secret=s").unwrap();
        assert_eq!(post.method(), AuthMethod::ClientSecretPost);
        assert_eq!(read(None, "client_id=cli_1").unwrap().method(), AuthMethod::None);
        let jwt = "client_assertion=a.b.c&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";
        assert_eq!(read(None, jwt).unwrap().method(), AuthMethod::PrivateKeyJwt);
    }

    #[test]
    fn two_ways_at_once_are_refused() {
        let basic = header("cli_1:s");
        for (header, body) in [
            (Some(basic.as_str()), "client_secret=s"),
            (Some(&basic), "client_id=cli_2"),
            (Some(&basic), "client_assertion=a.b.c"),
            (None, "client_id=cli_1&client_secret=s&client_assertion=a.b.c"),
        ] {
            assert_eq!(read(header, body).unwrap_err(), TWO_WAYS, "{header:?} {body}");
        }
        assert!(
            read(Some(&basic), "client_id=cli_1").is_ok(),
            "the same id twice is one client"
        );
    }

    #[test]
    fn what_says_not_who_it_is_is_not_believed() {
        assert_eq!(read(None, "").unwrap_err(), NO_CLIENT);
        for bad in [
            "Basic",
            "Basic !!!",
            "Bearer abc",
            &header("no colon"),
            &header("%FF:s"),
            "Basic /w==",
        ] {
            assert_eq!(read(Some(bad), "").unwrap_err(), NOT_BELIEVED, "{bad}");
        }
        assert_eq!(
            read(
                None,
                "client_id=cli_1&client_assertion=a.b.c&client_assertion_type=saml"
            )
            .unwrap_err(),
            NOT_BELIEVED
        );
    }

    #[test]
    fn a_secret_is_known_by_its_hash() {
        let secret = |text: &str| Secret::new(text.to_owned());
        let hash = SecretHash::of(&secret("s3cret"));
        assert_eq!(hash.is(&secret("s3cret")), Ok(()));
        assert_eq!(hash.is(&secret("s3cres")), Err(NOT_BELIEVED));
        assert_eq!(hash.is(&secret("")), Err(NOT_BELIEVED));
    }

    fn assertion(change: &[(&str, serde_json::Value)]) -> Result<AssertionClaims, OAuthError> {
        let mut all = serde_json::json!({
            "iss": "cli_1", "sub": "cli_1", "aud": "https://p.example", "exp": 1_800_000_060, "iat": 1_800_000_000, "jti": "j1",
        });
        for (name, value) in change {
            all[*name] = value.clone();
        }
        AssertionClaims::parse(all.to_string().as_bytes())
    }

    fn check(claims: &AssertionClaims) -> Result<(), OAuthError> {
        let id = ClientId::parse("cli_1").unwrap();
        claims
            .check(&id, &["https://p.example", "https://p.example/oauth/token"], NOW)
            .map(|_| ())
    }

    #[test]
    fn an_assertion_is_the_clients_for_us_and_for_now() {
        use serde_json::json;
        assert_eq!(check(&assertion(&[]).unwrap()), Ok(()));
        assert_eq!(
            check(&assertion(&[("aud", json!(["x", "https://p.example/oauth/token"]))]).unwrap()),
            Ok(())
        );
        for (name, value) in [
            ("iss", json!("cli_2")),
            ("sub", json!("cli_2")),
            ("aud", json!("https://p.example/")),
            ("aud", json!([])),
            ("exp", json!(1_800_000_000)),
            ("exp", json!(1_800_003_661)),
            ("nbf", json!(1_800_000_061)),
            ("iat", json!(1_800_000_061)),
            ("jti", json!("")),
        ] {
            let claims = assertion(&[(name, value.clone())]).unwrap();
            assert_eq!(check(&claims), Err(NOT_BELIEVED), "{name} {value}");
        }
    }

    #[test]
    fn a_claim_of_the_wrong_type_or_said_twice_is_an_error_and_not_an_absence() {
        use serde_json::json;
        for (name, value) in [
            ("exp", json!("1800000060")),
            ("exp", json!(1.8e9)),
            ("exp", json!(null)),
            ("nbf", json!("soon")),
            ("nbf", json!(null)),
            ("aud", json!({"x": 1})),
            ("jti", json!(7)),
        ] {
            assert!(assertion(&[(name, value.clone())]).is_err(), "{name} {value}");
        }
        assert!(AssertionClaims::parse(br#"["cli_1"]"#).is_err());
        let twice = br#"{"iss":"a","sub":"a","aud":"x","exp":1,"exp":2,"jti":"j"}"#;
        assert!(AssertionClaims::parse(twice).is_err());
    }
}
