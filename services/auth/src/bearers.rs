//! Which kind of credential a bearer is, by its form alone.

use {
    crate::{keys::Keys, oauth::Tokens, token},
    portreeve_guard::{AuthFailure, Authenticate},
    portreeve_kernel::Principal,
    std::{fmt, net::IpAddr, sync::Arc},
};

/// Everything that opens the API: `wai_…` is an API key, three parts with dots between are an access token, and nothing
/// else is anything.
pub struct Bearers {
    /// For API keys.
    pub keys: Arc<Keys>,
    /// For access tokens.
    pub tokens: Tokens,
}

impl fmt::Debug for Bearers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bearers")
    }
}

#[async_trait::async_trait]
impl Authenticate for Bearers {
    async fn authenticate(&self, bearer: &str, client: IpAddr) -> Result<Arc<Principal>, AuthFailure> {
        if token::is_key(bearer) {
            return self.keys.principal(bearer, client).await;
        }
        if bearer.split('.').count() == 3 {
            return self.tokens.principal(bearer).await;
        }
        Err(AuthFailure::Invalid)
    }
}
