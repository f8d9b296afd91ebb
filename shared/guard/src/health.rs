//! Is it alive, and can it work? Names and states only, because everybody may ask.

use {
    axum::{
        Json,
        http::StatusCode,
        response::{IntoResponse, Response},
    },
    serde::{Deserialize, Serialize},
    std::collections::BTreeMap,
    utoipa::ToSchema,
};

/// How a server or one of the things it needs is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = HealthStatus)]
pub enum Status {
    /// Works.
    Ok,
    /// Works, with something missing that is not needed for every request.
    Degraded,
    /// Does not work.
    Down,
}

/// The answer of `/healthz` and `/readyz`: 200, or 503 when something is down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// The worst of the checks.
    pub status: Status,
    /// Each thing that was looked at.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub checks: BTreeMap<String, Status>,
}

impl Health {
    /// The process answers.
    #[must_use]
    pub const fn alive() -> Self {
        Self {
            status: Status::Ok,
            checks: BTreeMap::new(),
        }
    }

    /// As well as the worst of `checks`.
    #[must_use]
    pub fn of(checks: impl IntoIterator<Item = (&'static str, Status)>) -> Self {
        let checks: BTreeMap<String, Status> = checks
            .into_iter()
            .map(|(name, status)| (name.to_owned(), status))
            .collect();
        Self {
            status: checks.values().copied().max().unwrap_or(Status::Ok),
            checks,
        }
    }
}

impl IntoResponse for Health {
    fn into_response(self) -> Response {
        let status = match self.status {
            Status::Ok | Status::Degraded => StatusCode::OK,
            Status::Down => StatusCode::SERVICE_UNAVAILABLE,
        };
        (status, Json(self)).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_check_decides() {
        assert_eq!(Health::alive().into_response().status(), StatusCode::OK);
        let degraded = Health::of([("database", Status::Ok), ("chain", Status::Degraded)]);
        assert_eq!(degraded.status, Status::Degraded);
        assert_eq!(degraded.into_response().status(), StatusCode::OK);
        let down = Health::of([("database", Status::Down), ("chain", Status::Degraded)]);
        assert_eq!(down.into_response().status(), StatusCode::SERVICE_UNAVAILABLE);
    }
}
