//! The scopes this resource server understands, declared once: they feed the handlers' signatures, the metadata
//! documents and the coverage test.

portreeve_kernel::scopes! {
    /// Read the vault.
    Read = "mcp:read";
    /// Change what the vault's rules let change: tasks, projects, programs, hypotheses.
    Write = "mcp:write";
}
