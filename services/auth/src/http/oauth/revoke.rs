//! `POST /oauth/revoke` and `POST /oauth/introspect`: about a token that exists.

use {
    super::{OAuthErrorBody, client},
    crate::{Auth, token::REFRESH},
    axum::{
        extract::State,
        http::{HeaderMap, StatusCode, header},
        response::{IntoResponse, Response},
    },
    portreeve_guard::{
        Json, ProblemDocument, RequestContext,
        oauth::{Form, OAuthRefusal},
    },
    portreeve_oauth::{ErrorCode, OAuthError},
    serde::Deserialize,
    utoipa::ToSchema,
};

const NO_TOKEN: OAuthError = OAuthError::new(ErrorCode::InvalidRequest, "token is missing");

/// Which token, as a form. The client proves itself as at the token endpoint.
#[derive(Debug, Deserialize, ToSchema)]
#[expect(dead_code, reason = "describes the form, which is read as parameters")]
pub(crate) struct AboutForm {
    /// The token.
    token: String,
    /// Taken, and not needed: what a token is, is seen.
    token_type_hint: Option<String>,
    /// When it is not in the header.
    client_id: Option<String>,
    /// When it is not in the header.
    client_secret: Option<String>,
    /// `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`, when the client signs.
    client_assertion_type: Option<String>,
    /// A JWT that the client signed (RFC 7523): `iss` and `sub` its id, `aud` the issuer, `exp` within an hour, a new `jti`.
    client_assertion: Option<String>,
}

/// End one of the client's own tokens. A refresh token takes its whole grant with it, access tokens too. Whatever else is
/// sent is no error, and stays as it is.
#[utoipa::path(
    post, path = "/oauth/revoke", tag = "oauth", operation_id = "revokeToken", security(()),
    request_body(content = AboutForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "It is no token of this client's any more, or never was"),
        (status = 400, body = OAuthErrorBody, description = "`invalid_request`"),
        (status = 401, body = OAuthErrorBody, description = "`invalid_client`: unknown, stopped, or not proven to be itself"),
        (status = 429, body = ProblemDocument, content_type = "application/problem+json", description = "`SYSTEM_RATE_LIMITED`"),
        (status = 503, body = OAuthErrorBody, description = "`temporarily_unavailable`: the token goes on"),
    )
)]
pub(crate) async fn revoke(
    State(auth): State<Auth>,
    context: RequestContext,
    headers: HeaderMap,
    Form(params): Form,
) -> Result<Response, OAuthRefusal> {
    let client = client(&auth, &context, &headers, &params).await?;
    let token = params.need("token", NO_TOKEN)?;
    if token.starts_with(REFRESH) {
        auth.issuer.give_back(&client, token).await?;
    } else {
        auth.issuer.revoke(&client, token).await?;
    }
    Ok((StatusCode::OK, [(header::CACHE_CONTROL, "no-store")]).into_response())
}

/// Say what an access token or an API key is good for, to who may know.
#[utoipa::path(
    post, path = "/oauth/introspect", tag = "oauth", operation_id = "introspectToken", security(()),
    request_body(content = AboutForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, body = serde_json::Value, description = "The answer of RFC 7662; `{\"active\":false}` for whatever is \
            not good, or not this client's to know"),
        (status = 400, body = OAuthErrorBody, description = "`invalid_request`, or `unauthorized_client` for a public client"),
        (status = 401, body = OAuthErrorBody, description = "`invalid_client`: unknown, stopped, or not proven to be itself"),
        (status = 429, body = ProblemDocument, content_type = "application/problem+json", description = "`SYSTEM_RATE_LIMITED`"),
        (status = 503, body = OAuthErrorBody, description = "`temporarily_unavailable`"),
    )
)]
pub(crate) async fn introspect(
    State(auth): State<Auth>,
    context: RequestContext,
    headers: HeaderMap,
    Form(params): Form,
) -> Result<Response, OAuthRefusal> {
    let client = client(&auth, &context, &headers, &params).await?;
    if auth.issuer.is_of_a_server(&client) {
        auth.gate.server_asked(&context);
    }
    let token = params.need("token", NO_TOKEN)?;
    let about = auth.issuer.introspect(&auth.keys, &client, token).await?;
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(about)).into_response())
}
