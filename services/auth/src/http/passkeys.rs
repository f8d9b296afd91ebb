//! `/auth/users/{id}/passkeys`: what somebody signs in with.

use {
    super::users::NoUser,
    crate::{Auth, people::known::ListedPasskey, scopes::AdminAll},
    axum::extract::State,
    portreeve_guard::{Caller, Id, Json, Problem, openapi::Refusals},
    portreeve_kernel::{Timestamp, UserId},
    serde::Serialize,
    utoipa::ToSchema,
};

/// A passkey that somebody made.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Passkey)]
pub(crate) struct PasskeyView {
    /// The credential's id, in base64url.
    #[schema(example = "AQEBAQEBAQEBAQEBAQEBAQEBAQE")]
    id: String,
    /// As it was named when it was made.
    #[schema(example = "Ada's laptop")]
    name: String,
    /// P-256, in base64url: the uncompressed point.
    public_key: String,
    /// The site it is good for.
    #[schema(example = "portreeve.example")]
    rp_id: String,
    /// Where the pages of that site are.
    #[schema(example = "https://portreeve.example")]
    origin: String,
    /// When it was made.
    #[schema(value_type = String, format = DateTime, example = "2026-11-21T09:00:00Z")]
    created_at: Timestamp,
    /// When somebody last signed in with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    used_at: Option<Timestamp>,
}

/// All of somebody's.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Passkeys {
    /// Newest first.
    items: Vec<PasskeyView>,
}

impl From<ListedPasskey> for PasskeyView {
    fn from(listed: ListedPasskey) -> Self {
        Self {
            id: listed.id,
            name: listed.name,
            public_key: listed.public_key,
            rp_id: listed.site,
            origin: listed.origin,
            created_at: listed.created_at,
            used_at: listed.used_at,
        }
    }
}

/// List somebody's passkeys, newest first.
#[utoipa::path(
    get, path = "/auth/users/{userId}/passkeys", tag = "users", operation_id = "listUserPasskeys",
    security(("bearer" = ["admin:all"])),
    params(("userId" = String, Path, description = "The user's id", example = "usr_01ARYZ6S41TSV4RRFFQ69G5FAV")),
    responses((status = 200, description = "The passkeys", body = Passkeys), Refusals, NoUser),
)]
pub(crate) async fn list(
    caller: Caller<AdminAll>,
    State(auth): State<Auth>,
    Id(user): Id<UserId>,
) -> Result<Json<Passkeys>, Problem> {
    let found = auth.people.passkeys(&caller.principal, &user).await?;
    let items = found.into_iter().map(PasskeyView::from).collect();
    Ok(Json(Passkeys { items }))
}
