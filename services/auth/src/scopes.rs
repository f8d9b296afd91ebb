//! The scopes this resource server understands.

portreeve_kernel::scopes! {
    /// Make, see and revoke API keys, and everything else of the wallet and auth services.
    AdminAll = "admin:all";
}
