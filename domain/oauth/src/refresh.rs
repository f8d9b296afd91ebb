//! Refresh tokens: each is exchanged for its successor, and one that is shown after that ends the whole family, because
//! two parties hold it (OAuth 2.1, 4.3.1).
//!
//! Answers get lost, and programs run twice: for 20 s whoever shows the spent token gets the *same* successor again.

use {
    crate::{
        client::ClientId,
        error::{ErrorCode, OAuthError},
        params::Params,
        resource::Resource,
    },
    base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD},
    hmac::{Hmac, KeyInit, Mac},
    portreeve_kernel::{Now, Scope, ScopeSet, Seconds, Secret, Timestamp},
    sha2::Sha256,
};

/// How long a token can be exchanged after it was issued.
const TTL: Seconds = Seconds(7 * 86_400);

/// How long a spent token still gets its successor.
const GRACE: Seconds = Seconds(20);

/// What is answered about a refresh token that nobody was given; about one of somebody else's, and one that is over, too.
pub const UNKNOWN_REFRESH: OAuthError = OAuthError::new(
    ErrorCode::InvalidGrant,
    "the refresh token is unknown, over, revoked, or another client's",
);
const WIDER: OAuthError = OAuthError::new(ErrorCode::InvalidScope, "scope is wider than what was granted");

/// The one token that follows `spent`: whoever shows a spent token within the grace gets the same again, although only
/// hashes are kept. `key` is the server's own; without it a token says nothing of its successor.
#[must_use]
pub fn successor(key: &[u8; 32], spent: &Secret) -> Secret {
    // An HMAC takes a key of any length.
    let Ok(mut mac) = <Hmac<Sha256> as KeyInit>::new_from_slice(key) else {
        return Secret::new(String::new());
    };
    mac.update(b"portreeve:refresh:successor:v1\0");
    mac.update(spent.expose().as_bytes());
    Secret::new(BASE64_URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

/// A grant that lives on by refresh tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Family {
    /// Whose tokens these are.
    pub client: ClientId,
    /// For which resource server.
    pub resource: Resource,
    /// What was granted. A narrower access token does not make it less.
    pub scopes: ScopeSet,
    /// True since it was revoked: by its owner, its client, or a token that was shown twice.
    pub revoked: bool,
}

/// One token of a family, as it is kept: its row's key is the token's hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Presentation {
    /// When it was issued.
    pub issued_at: Timestamp,
    /// When its successor was issued; `None` while it is the newest.
    pub spent_at: Option<Timestamp>,
}

/// What comes of showing a refresh token that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refreshed {
    /// Issue a successor, mark this one spent, and an access token of these scopes.
    Rotate(ScopeSet),
    /// Answer with the successor that there is, and an access token of these scopes.
    Again(ScopeSet),
    /// It was spent long ago: revoke the family.
    Reused(OAuthError),
    /// No, and nothing changes.
    Refused(OAuthError),
}

/// Judges a token that `client`, which has proven who it is, has shown.
#[must_use]
pub fn present(family: &Family, token: Presentation, client: &ClientId, params: &Params, now: Now) -> Refreshed {
    // Before all else: what a stranger shows must not end its owner's grant.
    if family.client != *client || family.revoked {
        return Refreshed::Refused(UNKNOWN_REFRESH);
    }
    let Some(spent_at) = token.spent_at else {
        if now.for_expiry() >= token.issued_at.plus(TTL) {
            return Refreshed::Refused(UNKNOWN_REFRESH);
        }
        return narrowed(family, params).map_or_else(Refreshed::Refused, Refreshed::Rotate);
    };
    if now.for_expiry() >= spent_at.plus(GRACE) {
        return Refreshed::Reused(UNKNOWN_REFRESH);
    }
    narrowed(family, params).map_or_else(Refreshed::Refused, Refreshed::Again)
}

/// The scopes of the access token: all that was granted, or the part that is asked for.
fn narrowed(family: &Family, params: &Params) -> Result<ScopeSet, OAuthError> {
    family.resource.stays(params)?;
    let Some(text) = params.get("scope") else {
        return Ok(family.scopes.clone());
    };
    let asked: ScopeSet = text.parse().map_err(|_| WIDER)?;
    let granted = |scope: &Scope| family.scopes.holds(scope);
    if asked.is_empty() || !asked.iter().all(granted) {
        return Err(WIDER);
    }
    Ok(asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: Timestamp = Timestamp::from_seconds(1_800_000_000);
    const NEWEST: Presentation = Presentation {
        issued_at: T,
        spent_at: None,
    };

    fn id(text: &str) -> ClientId {
        ClientId::parse(text).unwrap()
    }

    fn family() -> Family {
        Family {
            client: id("cli_1"),
            resource: Resource::configured("https://p.example/mcp"),
            scopes: "agents:read transactions:execute".parse().unwrap(),
            revoked: false,
        }
    }

    fn show(token: Presentation, body: &str, seconds: u32) -> Refreshed {
        let params = Params::parse(body.as_bytes()).unwrap();
        present(
            &family(),
            token,
            &id("cli_1"),
            &params,
            Now::at(T.plus(Seconds(seconds))),
        )
    }

    fn spent(seconds: u32) -> Presentation {
        Presentation {
            issued_at: T,
            spent_at: Some(T.plus(Seconds(seconds))),
        }
    }

    #[test]
    fn the_newest_token_is_exchanged_within_seven_days() {
        let all = family().scopes;
        assert_eq!(show(NEWEST, "", 0), Refreshed::Rotate(all.clone()));
        assert_eq!(show(NEWEST, "", TTL.0 - 1), Refreshed::Rotate(all));
        assert_eq!(show(NEWEST, "", TTL.0), Refreshed::Refused(UNKNOWN_REFRESH));
    }

    #[test]
    fn a_spent_token_gets_the_same_successor_for_twenty_seconds_and_then_ends_the_family() {
        assert_eq!(show(spent(100), "", 119), Refreshed::Again(family().scopes));
        assert_eq!(show(spent(100), "", 120), Refreshed::Reused(UNKNOWN_REFRESH));
        // Its own seven days do not save it.
        assert_eq!(show(spent(100), "", TTL.0 + 1), Refreshed::Reused(UNKNOWN_REFRESH));
    }

    #[test]
    fn a_successor_is_the_same_every_time_and_another_for_every_token_and_server() {
        let token = |text: &str| Secret::new(text.to_owned());
        let of = |key: u8, text: &str| successor(&[key; 32], &token(text)).expose().to_owned();
        assert_eq!(of(1, "a"), of(1, "a"));
        assert_eq!(of(1, "a").len(), 43);
        assert_ne!(of(1, "a"), of(1, "b"));
        assert_ne!(of(1, "a"), of(2, "a"));
    }

    #[test]
    fn a_stranger_changes_nothing_even_with_a_spent_token() {
        let now = Now::at(T.plus(Seconds(10_000)));
        let shown = present(&family(), spent(1), &id("cli_2"), &Params::default(), now);
        assert_eq!(shown, Refreshed::Refused(UNKNOWN_REFRESH));
    }

    #[test]
    fn a_revoked_family_stays_revoked() {
        let revoked = Family {
            revoked: true,
            ..family()
        };
        for token in [NEWEST, spent(0)] {
            let shown = present(&revoked, token, &id("cli_1"), &Params::default(), Now::at(T));
            assert_eq!(shown, Refreshed::Refused(UNKNOWN_REFRESH));
        }
    }

    #[test]
    fn a_token_may_ask_for_less_and_never_for_more() {
        assert_eq!(
            show(NEWEST, "scope=agents:read", 1),
            Refreshed::Rotate("agents:read".parse().unwrap())
        );
        for wider in [
            "scope=agents:read+agents:write",
            "scope=admin:all",
            "scope=+",
            "scope=%22",
        ] {
            assert_eq!(show(NEWEST, wider, 1), Refreshed::Refused(WIDER), "{wider}");
            assert_eq!(show(spent(0), wider, 1), Refreshed::Refused(WIDER), "{wider}");
        }
        assert!(matches!(
            show(NEWEST, "resource=https://p.example/vault/mcp", 1),
            Refreshed::Refused(_)
        ));
    }
}
