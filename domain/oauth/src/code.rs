//! An authorization code: it buys one grant, once, for whoever asked for it, within a minute.

use {
    crate::{
        client::ClientId,
        error::{ErrorCode, OAuthError},
        params::Params,
        pkce::{Challenge, Verifier},
        resource::Resource,
    },
    portreeve_kernel::{Now, ScopeSet, Seconds, Timestamp},
};

/// How long a code can be redeemed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeTtl;

impl CodeTtl {
    /// One minute: the client is a redirect away (OAuth 2.1, 4.1.2: at most ten minutes).
    pub const SECONDS: Seconds = Seconds(60);
}

/// What is answered about a code that nobody was given; about one of somebody else's, and one that is over, too.
pub const UNKNOWN_CODE: OAuthError = OAuthError::new(
    ErrorCode::InvalidGrant,
    "the code is unknown, over, used, or another client's",
);
const REDIRECT: OAuthError = OAuthError::new(
    ErrorCode::InvalidGrant,
    "redirect_uri is not the one that the code was asked with",
);

/// A code as it is kept: without the code itself, which stands in the row's key as its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    /// Who asked.
    pub client: ClientId,
    /// Where the code was sent.
    pub redirect_uri: String,
    /// What the verifier has to hash to.
    pub challenge: Challenge,
    /// For which resource server.
    pub resource: Resource,
    /// What the person granted.
    pub scopes: ScopeSet,
    /// When the person clicked.
    pub issued_at: Timestamp,
    /// True since it bought its grant.
    pub used: bool,
}

/// What comes of redeeming a code that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Redeemed {
    /// Mark it used and grant, in one commit.
    Grant,
    /// It bought its grant before, and whoever shows it now has all that its client has: one of the two stole it, so
    /// everything that it bought is revoked (OAuth 2.1, 4.1.3).
    Replayed(OAuthError),
    /// No; and nothing changes, so that a stranger who saw a code cannot end its owner's grant.
    Refused(OAuthError),
}

/// Judges the request of `client`, which has proven who it is, to redeem `code`.
#[must_use]
pub fn redeem(code: &Code, client: &ClientId, params: &Params, now: Now) -> Redeemed {
    if let Err(error) = shown(code, client, params) {
        return Redeemed::Refused(error);
    }
    if code.used {
        return Redeemed::Replayed(UNKNOWN_CODE);
    }
    if now.for_expiry() >= code.issued_at.plus(CodeTtl::SECONDS) {
        return Redeemed::Refused(UNKNOWN_CODE);
    }
    Redeemed::Grant
}

/// Everything that only the client knows who asked for the code.
fn shown(code: &Code, client: &ClientId, params: &Params) -> Result<(), OAuthError> {
    if code.client != *client {
        return Err(UNKNOWN_CODE);
    }
    Verifier::read(params)?.proves(&code.challenge)?;
    // OAuth 2.0 asked for it again, to bind the code to where it went; the verifier does, so OAuth 2.1 lets it be left out.
    if params.get("redirect_uri").is_some_and(|sent| sent != code.redirect_uri) {
        return Err(REDIRECT);
    }
    code.resource.stays(params)
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const T: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn id(text: &str) -> ClientId {
        ClientId::parse(text).unwrap()
    }

    fn code() -> Code {
        Code {
            client: id("cli_1"),
            redirect_uri: "https://a.example/cb".to_owned(),
            challenge: Challenge::parse("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM").unwrap(),
            resource: Resource::configured("https://p.example/mcp"),
            scopes: "agents:read".parse().unwrap(),
            issued_at: T,
            used: false,
        }
    }

    fn params(change: &[(&str, &str)]) -> Params {
        let mut all = vec![("code_verifier", VERIFIER), ("redirect_uri", "https://a.example/cb")];
        for (name, value) in change {
            all.retain(|(known, _)| known != name);
            all.push((name, value));
        }
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(all)
            .finish();
        Params::parse(body.as_bytes()).unwrap()
    }

    fn at(seconds: u32) -> Now {
        Now::at(T.plus(Seconds(seconds)))
    }

    fn is_refused(redeemed: &Redeemed, code: ErrorCode) -> bool {
        matches!(redeemed, Redeemed::Refused(error) if error.code() == code)
    }

    #[test]
    fn whoever_asked_redeems_it_within_a_minute() {
        assert_eq!(redeem(&code(), &id("cli_1"), &params(&[]), at(59)), Redeemed::Grant);
        assert!(is_refused(
            &redeem(&code(), &id("cli_1"), &params(&[]), at(60)),
            ErrorCode::InvalidGrant
        ));
    }

    #[test]
    fn a_used_code_ends_all_it_bought_and_only_for_who_can_prove_that_it_is_theirs() {
        let used = Code { used: true, ..code() };
        assert!(matches!(
            redeem(&used, &id("cli_1"), &params(&[]), at(1)),
            Redeemed::Replayed(_)
        ));
        // Long after its minute, too.
        assert!(matches!(
            redeem(&used, &id("cli_1"), &params(&[]), at(9_999)),
            Redeemed::Replayed(_)
        ));
        let wrong = params(&[("code_verifier", &"x".repeat(43))]);
        for stranger in [
            redeem(&used, &id("cli_1"), &wrong, at(1)),
            redeem(&used, &id("cli_2"), &params(&[]), at(1)),
        ] {
            assert!(is_refused(&stranger, ErrorCode::InvalidGrant), "{stranger:?}");
        }
    }

    #[test]
    fn it_is_bound_to_client_verifier_address_and_resource() {
        for (change, expected) in [
            (("code_verifier", ""), ErrorCode::InvalidGrant),
            (("code_verifier", "short"), ErrorCode::InvalidGrant),
            (("redirect_uri", "https://a.example/cb2"), ErrorCode::InvalidGrant),
            (("resource", "https://p.example/vault/mcp"), ErrorCode::InvalidTarget),
        ] {
            assert!(
                is_refused(&redeem(&code(), &id("cli_1"), &params(&[change]), at(1)), expected),
                "{change:?}"
            );
        }
        let left_out = params(&[("redirect_uri", "")]);
        assert_eq!(redeem(&code(), &id("cli_1"), &left_out, at(1)), Redeemed::Grant);
    }

    #[test]
    fn the_fastest_clock_ends_it() {
        let now = Now::between(T, T.plus(Seconds(61)));
        assert!(is_refused(
            &redeem(&code(), &id("cli_1"), &params(&[]), now),
            ErrorCode::InvalidGrant
        ));
    }
}
