//! The scopes this resource server understands, declared once: they feed the handlers' signatures, the metadata
//! documents and the coverage test.

portreeve_kernel::scopes! {
    /// See agents and their state.
    AgentsRead = "agents:read";
    /// Create, suspend and resume agents.
    AgentsWrite = "agents:write";
    /// Ask for a payment; policy and ledger still decide.
    TransactionsExecute = "transactions:execute";
    /// See payments and their fate.
    TransactionsRead = "transactions:read";
    /// See balances.
    WalletsRead = "wallets:read";
    /// See policies and what is left of them.
    PoliciesRead = "policies:read";
    /// Approve and change policies.
    PoliciesWrite = "policies:write";
}
