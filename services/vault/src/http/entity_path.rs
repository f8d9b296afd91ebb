//! The id of an entity in a path. What is none gets the answer that an unknown one gets.

use {
    crate::moment::absent,
    axum::{
        extract::{FromRequestParts, RawPathParams},
        http::request::Parts,
    },
    portreeve_guard::Problem,
};

/// The one parameter of a route: an id as it was sent, whatever it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EntityPath(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for EntityPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        // axum refuses what is no UTF-8 once decoded; that is no id.
        let all = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|_| absent())?;
        let (_, id) = all
            .iter()
            .next()
            .ok_or_else(|| Problem::internal("a route with an id has a path parameter"))?;
        Ok(Self(id.to_owned()))
    }
}
