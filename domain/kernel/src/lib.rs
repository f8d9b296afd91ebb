//! The words every crate of Portreeve shares: ids, time, money, scopes, roles, principals, error codes, and the ports
//! through which a pure core reaches time, chance and the other services.
//!
//! Nothing here does I/O or knows a clock. What must stay true: a value of one of these types is valid, because the
//! only ways to make one are checked.
#![cfg_attr(
    test,
    allow(
        clippy::arithmetic_side_effects,
        reason = "a test that overflows fails, which is what we want"
    )
)]

#[cfg(all(
    not(debug_assertions),
    any(
        seeded_bug = "check_then_act",
        seeded_bug = "sign_before_reserve",
        seeded_bug = "release_on_timeout",
        seeded_bug = "fast_release_clock",
        seeded_bug = "synchronous_off",
    )
))]
compile_error!("a bug that was put in to try the proofs does not go into a release");

pub mod address;
pub mod code;
pub mod control;
pub mod entropy;
pub mod id;
pub mod kill;
pub mod money;
pub mod network;
pub mod principal;
pub mod project;
pub mod proof;
pub mod scope;
pub mod secret;
pub mod time;
pub mod token;

pub use address::{Address, AddressError, Mint};
pub use code::{Code, Level};
pub use entropy::Entropy;
pub use id::{
    AgentId, EventId, GrantId, IdError, KeyId, OwnerId, ProjectId, RequestId, ResourceServerId, SessionId,
    TransactionId, UserId,
};
pub use money::{Amount, AmountError, Asset, Total};
pub use network::{Network, NetworkError};
pub use principal::{AuthMethod, Credential, Principal, Role, Tier};
pub use project::{Cluster, Environment};
pub use proof::OwnerProof;
pub use scope::{RequiredScope, Scope, ScopeSet};
pub use secret::Secret;
pub use time::{Clock, ManualClock, Now, Seconds, Timestamp};
pub use token::TokenId;
