//! Ids in paths. What is no id of the kind gets the answer that an unknown one gets.

use {
    crate::problem::Problem,
    axum::{
        extract::{FromRequestParts, RawPathParams},
        http::request::Parts,
    },
    portreeve_kernel::{AgentId, Code, GrantId, KeyId, ResourceServerId, TransactionId, UserId},
    std::str::FromStr,
};

/// An id that stands in paths, and what is said when nothing has it.
pub trait Noun: FromStr + Send {
    /// Says that there is none.
    const NOT_FOUND: Code;
}

impl Noun for AgentId {
    const NOT_FOUND: Code = Code::AgentNotFound;
}

impl Noun for KeyId {
    const NOT_FOUND: Code = Code::AuthKeyNotFound;
}

impl Noun for TransactionId {
    const NOT_FOUND: Code = Code::TransactionNotFound;
}

impl Noun for GrantId {
    const NOT_FOUND: Code = Code::AuthGrantNotFound;
}

impl Noun for UserId {
    const NOT_FOUND: Code = Code::UserNotFound;
}

impl Noun for ResourceServerId {
    const NOT_FOUND: Code = Code::ResourceServerNotFound;
}

/// The one answer for "no such thing", "not yours" and "no id at all".
#[must_use]
pub fn not_found<I: Noun>() -> Problem {
    Problem::new(I::NOT_FOUND)
}

/// The id in a route with exactly one path parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Id<I>(pub I);

impl<I: Noun, S: Send + Sync> FromRequestParts<S> for Id<I> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        // axum refuses parameters that are no UTF-8 once decoded; those are no ids.
        let all = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|_| not_found::<I>())?;
        let mut values = all.iter().map(|(_, value)| value);
        let (Some(text), None) = (values.next(), values.next()) else {
            return Err(Problem::internal("a route with one id has one path parameter"));
        };
        text.parse().map(Self).map_err(|_| not_found::<I>())
    }
}
