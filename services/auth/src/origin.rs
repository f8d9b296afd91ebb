//! Addresses of ours that others are told.

pub(crate) use portreeve_guard::Origin;

/// What begins with the server's own name.
pub(crate) trait Addresses {
    /// What tokens for the wallet are made for: its MCP endpoint, whose address is its name (RFC 9728, 3.3). The same
    /// tokens are good for the API beside it.
    fn wallet(&self) -> String;

    /// What tokens for the vault are made for, in the same way.
    fn vault(&self) -> String;

    /// Where tokens are asked for.
    fn token_endpoint(&self) -> String;
}

impl Addresses for Origin {
    fn wallet(&self) -> String {
        self.at("/mcp")
    }

    fn vault(&self) -> String {
        self.at("/vault/mcp")
    }

    fn token_endpoint(&self) -> String {
        self.at("/oauth/token")
    }
}
