//! What stands before every handler of every resource server: from a bearer token to a [`Caller`] with the scope in its
//! type, strict JSON, problem documents, request ids, security headers, the access log and the accept loop. [`remote`] finds
//! out who holds a token or a key where the issuer is another process.
//!
//! What must stay true: no handler with a [`Caller`] runs unauthenticated, no answer tells more about a credential than its
//! holder knows, and nothing here buffers an answer.
#![cfg_attr(
    test,
    allow(
        clippy::arithmetic_side_effects,
        reason = "a test that overflows fails, which is what we want"
    )
)]

pub mod caller;
pub mod client;
pub mod context;
pub mod gate;
pub mod health;
pub mod json;
pub mod limit;
pub mod mcp;
pub mod oauth;
pub mod openapi;
pub mod origin;
pub mod page;
pub mod path;
pub mod problem;
pub mod query;
pub mod remote;
pub mod secret_text;
pub mod serve;
pub mod text;
pub mod tls;

mod body;

pub use body::MAX_BODY_BYTES;
pub use caller::{AuthFailure, Authenticate, Caller, Unlimited, insufficient_scope};
pub use client::{Proxies, ProxyHeader};
pub use context::RequestContext;
pub use gate::{Admission, Answer, AnswerSink, AuditSink, Bypass, Face, Gate, GateParts, Reason, Refusal, Traced};
pub use health::Health;
pub use json::Json;
pub use limit::{Limiter, Limits};
pub use origin::{Origin, OriginError, Origins, WebOrigin, WebOriginError};
pub use page::{Listing, Page, Paging, PagingQuery};
pub use path::{Id, Noun, not_found};
pub use portreeve_kernel::{Network, NetworkError};
pub use problem::{Problem, ProblemDocument};
pub use query::Query;
