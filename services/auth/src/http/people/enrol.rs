//! `/enrol`: make a passkey by a link.

use {
    super::{BegunAnswer, NextAnswer, PageRefusals, refuse, signed_in},
    crate::{Auth, http::users::MAX_NAME, people::passkeys::MadePasskey},
    axum::{extract::State, http::HeaderMap, response::Response},
    portreeve_guard::{Json, Problem, RequestContext, openapi::BodyRefusals, text},
    portreeve_kernel::Secret,
    portreeve_pages::{Enrol, OwnPage, Page, cookie},
    serde::Deserialize,
    utoipa::ToSchema,
};

/// Who wants to make a passkey.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EnrolBody {
    /// What stands behind the `#` of the link.
    #[schema(value_type = String)]
    link: Secret,
}

/// A passkey that was made, in base64url.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct EnrolledBody {
    /// As it was when it began.
    ceremony: String,
    /// What its owner calls it, 1 to 100 characters.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// The credential's id.
    id: String,
    /// The authenticator's answer.
    attestation_object: String,
    /// What the browser says of itself.
    client_data: String,
}

/// The page on which somebody makes a passkey.
#[utoipa::path(
    get, path = "/enrol", tag = "pages", operation_id = "enrolPage", security(()),
    responses((status = 200, description = "The page", content_type = "text/html"))
)]
pub(crate) async fn page() -> Page<Enrol> {
    Page::new(Enrol)
}

/// Begin to make a passkey. The link stays good until one was made.
#[utoipa::path(
    post, path = "/enrol/begin", tag = "pages", operation_id = "beginEnrolment", security(()),
    request_body = EnrolBody,
    responses((status = 200, description = "Begun", body = BegunAnswer), BodyRefusals, PageRefusals)
)]
pub(crate) async fn begin(
    _: OwnPage,
    context: RequestContext,
    State(auth): State<Auth>,
    headers: HeaderMap,
    Json(body): Json<EnrolBody>,
) -> Result<Json<BegunAnswer>, Problem> {
    let begun = auth.people.begin_enrolment(&body.link).await;
    let begun = begun.map_err(|error| refuse(&auth, &context, &headers, error))?;
    Ok(Json(begun.into()))
}

/// Keep the passkey that was made, and sign its owner in.
#[utoipa::path(
    post, path = "/enrol/finish", tag = "pages", operation_id = "finishEnrolment", security(()),
    request_body = EnrolledBody,
    responses((status = 200, description = "Signed in: the cookie is set", body = NextAnswer), BodyRefusals, PageRefusals)
)]
pub(crate) async fn finish(
    _: OwnPage,
    context: RequestContext,
    State(auth): State<Auth>,
    headers: HeaderMap,
    Json(body): Json<EnrolledBody>,
) -> Result<Response, Problem> {
    text::check("name", "a name", &body.name, 1..=MAX_NAME)?;
    let made = MadePasskey {
        ceremony: body.ceremony,
        name: body.name,
        id: body.id,
        attestation_object: body.attestation_object,
        client_data: body.client_data,
    };
    let started = auth
        .people
        .finish_enrolment(made, cookie::read(&headers).as_ref())
        .await;
    let started = started.map_err(|error| refuse(&auth, &context, &headers, error))?;
    signed_in(&started.cookie, None)
}
