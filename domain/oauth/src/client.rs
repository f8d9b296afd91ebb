//! A client: a program that somebody lets act for them, and what it registered.

use {
    crate::{
        document,
        error::{ErrorCode, OAuthError},
        redirect::RedirectUri,
    },
    portreeve_kernel::{Entropy, ScopeSet, id::random_base32},
    serde::{Deserialize, Serialize},
    std::fmt,
};

const NOT_ALLOWED: OAuthError =
    OAuthError::new(ErrorCode::UnauthorizedClient, "this client did not register that grant");

/// A client's id: one we gave, or the address of its own metadata document.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClientId(Box<str>);

impl ClientId {
    /// Longer than any we give and than any address worth fetching.
    const LENGTH_MAX: usize = 512;

    /// One that we give. Carries no time, so that a client's age does not show.
    #[must_use]
    pub fn new(entropy: &dyn Entropy) -> Self {
        Self(format!("clt_{}", random_base32(12, entropy)).into())
    }

    /// Reads an id out of a request: 1 to 512 visible ASCII characters (RFC 6749, A.1).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let visible =
            !text.is_empty() && text.len() <= Self::LENGTH_MAX && text.bytes().all(|byte| byte.is_ascii_graphic());
        visible.then(|| Self(text.into()))
    }

    /// True when the id is the address of a document that describes the client. No id that we give begins like that.
    #[must_use]
    pub fn is_document(&self) -> bool {
        self.0.starts_with("https://")
    }

    /// Where that document lies. `None` for an id that we gave, and for an address at which there can be none.
    #[must_use]
    pub fn document(&self) -> Option<&str> {
        Some(&*self.0).filter(|address| document::is_address(address))
    }

    /// The id as it travels.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How a client proves at the token endpoint that it is itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthMethod {
    /// A secret in the `Authorization` header.
    ClientSecretBasic,
    /// A secret in the body.
    ClientSecretPost,
    /// A JWT that it signed with its own key.
    PrivateKeyJwt,
    /// Not at all: PKCE alone binds its codes to it.
    None,
}

impl AuthMethod {
    /// All of them, as the metadata lists them.
    pub const ALL: &[Self] = &[
        Self::ClientSecretBasic,
        Self::ClientSecretPost,
        Self::PrivateKeyJwt,
        Self::None,
    ];

    /// As it stands in `token_endpoint_auth_method`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::PrivateKeyJwt => "private_key_jwt",
            Self::None => "none",
        }
    }

    /// Reads what [`AuthMethod::as_str`] gives.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|method| method.as_str() == text)
    }

    /// Whether a client that registered this one may come by `shown`. A secret is the same in the header and in the body
    /// (OAuth 2.1, 2.4.1); nothing else stands for anything else.
    #[must_use]
    pub fn takes(self, shown: Self) -> bool {
        let secret = |method| matches!(method, Self::ClientSecretBasic | Self::ClientSecretPost);
        self == shown || (secret(self) && secret(shown))
    }

    /// True when whoever uses it can keep a secret.
    #[must_use]
    pub const fn is_confidential(self) -> bool {
        !matches!(self, Self::None)
    }
}

/// A way to a token. There is no implicit grant and no password grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Grant {
    /// A person consents in a browser.
    #[serde(rename = "authorization_code")]
    AuthorizationCode,
    /// A token is exchanged for its successor.
    #[serde(rename = "refresh_token")]
    RefreshToken,
    /// A service acts for itself.
    #[serde(rename = "client_credentials")]
    ClientCredentials,
    /// A person consents on another device (RFC 8628).
    #[serde(rename = "urn:ietf:params:oauth:grant-type:device_code")]
    DeviceCode,
}

impl Grant {
    /// All of them, as the metadata lists them.
    pub const ALL: &[Self] = &[
        Self::AuthorizationCode,
        Self::RefreshToken,
        Self::ClientCredentials,
        Self::DeviceCode,
    ];

    /// As it travels in `grant_type`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::RefreshToken => "refresh_token",
            Self::ClientCredentials => "client_credentials",
            Self::DeviceCode => "urn:ietf:params:oauth:grant-type:device_code",
        }
    }

    /// Reads `grant_type`; case matters.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|grant| grant.as_str() == text)
    }
}

/// The grants a client registered.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GrantSet(Vec<Grant>);

impl GrantSet {
    /// Whether the client may use `grant`.
    ///
    /// # Errors
    /// `unauthorized_client`.
    pub fn allow(&self, grant: Grant) -> Result<(), OAuthError> {
        if self.has(grant) { Ok(()) } else { Err(NOT_ALLOWED) }
    }

    /// True when `grant` was registered.
    #[must_use]
    pub fn has(&self, grant: Grant) -> bool {
        self.0.contains(&grant)
    }

    /// In the order of [`Grant`].
    pub fn iter(&self) -> impl Iterator<Item = Grant> {
        self.0.iter().copied()
    }
}

impl FromIterator<Grant> for GrantSet {
    fn from_iter<I: IntoIterator<Item = Grant>>(grants: I) -> Self {
        let mut all: Vec<Grant> = grants.into_iter().collect();
        all.sort_unstable();
        all.dedup();
        Self(all)
    }
}

/// A client as it is registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// Its id.
    pub id: ClientId,
    /// What it calls itself. Somebody's text: shown to people, escaped, and believed by nobody.
    pub name: String,
    /// How it proves that it is itself.
    pub auth_method: AuthMethod,
    /// The grants it registered.
    pub grants: GrantSet,
    /// Where its answers may go.
    pub redirect_uris: Vec<RedirectUri>,
    /// The most it may be granted without a person; for the code flow the consent page decides, and a later request may
    /// ask for more.
    pub scopes: ScopeSet,
    /// False when it was disabled: every request of it is one of an unknown client.
    pub enabled: bool,
}

impl Client {
    /// The registered address that `asked` means; the only one when none is asked for.
    #[must_use]
    pub fn redirect_uri(&self, asked: Option<&str>) -> Option<&RedirectUri> {
        match (asked, self.redirect_uris.as_slice()) {
            (Some(asked), all) => all.iter().find(|registered| registered.matches(asked)),
            (None, [only]) => Some(only),
            (None, _) => None,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn client(redirects: &[&str]) -> Client {
        Client {
            id: ClientId::parse("cli_1").unwrap(),
            name: "App".to_owned(),
            auth_method: AuthMethod::None,
            grants: [Grant::AuthorizationCode, Grant::RefreshToken].into_iter().collect(),
            redirect_uris: redirects
                .iter()
                .map(|text| RedirectUri::register(text).unwrap())
                .collect(),
            scopes: "agents:read".parse().unwrap(),
            enabled: true,
        }
    }

    #[test]
    fn an_id_is_visible_ascii_and_a_document_is_known_by_its_scheme() {
        assert!(
            ClientId::parse("https://app.example/client.json")
                .unwrap()
                .is_document()
        );
        assert!(!ClientId::parse("cli_01ABC").unwrap().is_document());
        assert_eq!(ClientId::parse("cli_01ABC").unwrap().document(), None);
        let nowhere = ClientId::parse("https://app.example").unwrap();
        assert!(nowhere.is_document() && nowhere.document().is_none());
        for bad in ["", "a b", "ü", "a\n", &"x".repeat(513)] {
            assert_eq!(ClientId::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn an_id_that_we_give_reads_back_and_is_no_document() {
        let id = ClientId::new(&portreeve_kernel::entropy::Seeded::new(1));
        assert_eq!(ClientId::parse(id.as_str()), Some(id.clone()));
        assert!(id.as_str().starts_with("clt_") && id.as_str().len() == 16 && !id.is_document());
    }

    #[test]
    fn a_way_to_prove_oneself_has_one_name() {
        for method in AuthMethod::ALL {
            assert_eq!(serde_json::to_value(method).unwrap(), method.as_str());
            assert_eq!(AuthMethod::parse(method.as_str()), Some(*method));
        }
        assert_eq!(AuthMethod::parse("Client_Secret_Basic"), None);
    }

    #[test]
    fn a_secret_may_come_either_way_and_nothing_else_stands_for_another() {
        use AuthMethod::{ClientSecretBasic as Basic, ClientSecretPost as Post};
        for registered in AuthMethod::ALL {
            for shown in AuthMethod::ALL {
                let secrets = matches!((registered, shown), (Basic | Post, Basic | Post));
                assert_eq!(
                    registered.takes(*shown),
                    secrets || registered == shown,
                    "{registered:?} {shown:?}"
                );
            }
        }
    }

    #[test]
    fn without_a_redirect_uri_the_only_registered_one_is_meant() {
        let one = client(&["https://a.example/cb"]);
        assert!(one.redirect_uri(None).is_some());
        assert!(one.redirect_uri(Some("https://a.example/cb2")).is_none());
        let two = client(&["https://a.example/cb", "https://b.example/cb"]);
        assert!(two.redirect_uri(None).is_none());
        assert_eq!(
            two.redirect_uri(Some("https://b.example/cb")).unwrap().host(),
            "b.example"
        );
    }

    #[test]
    fn a_grant_is_known_by_its_exact_name_and_only_four_are() {
        for grant in Grant::ALL {
            assert_eq!(Grant::parse(grant.as_str()), Some(*grant));
            assert_eq!(serde_json::to_value(grant).unwrap(), grant.as_str());
        }
        for bad in ["password", "implicit", "Authorization_Code", "token", ""] {
            assert_eq!(Grant::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_client_uses_only_the_grants_it_registered() {
        let grants = client(&[]).grants;
        assert_eq!(grants.allow(Grant::AuthorizationCode), Ok(()));
        assert_eq!(grants.allow(Grant::ClientCredentials), Err(NOT_ALLOWED));
    }
}
