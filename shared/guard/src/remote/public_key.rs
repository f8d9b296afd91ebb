//! The public half of a key that access tokens are signed with.

use {
    jsonwebtoken::{Algorithm, DecodingKey, crypto::verify},
    portreeve_oauth::AccessToken,
    std::fmt,
};

/// An Ed25519 key (RFC 8037): the one kind that issuers like ours sign with.
#[derive(Clone)]
pub struct PublicKey(DecodingKey);

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PublicKey")
    }
}

impl PublicKey {
    /// By its 32 bytes in base64url.
    #[must_use]
    pub fn ed25519(x: &str) -> Option<Self> {
        DecodingKey::from_ed_components(x).ok().map(Self)
    }

    /// Whether a token bears its signature. Whether it says that it is signed with this very key is for the caller to see.
    #[must_use]
    pub fn has_signed(&self, token: &AccessToken<'_>) -> bool {
        verify(token.signature, token.message.as_bytes(), &self.0, Algorithm::EdDSA).unwrap_or(false)
    }
}
