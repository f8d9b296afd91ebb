//! `POST /oauth/token`.

use {
    super::{OAuthErrorBody, client},
    crate::{
        Auth,
        oauth::{IssueError, Issued},
    },
    axum::{
        extract::State,
        http::{HeaderMap, header},
        response::{IntoResponse, Response},
    },
    portreeve_guard::{
        Json, ProblemDocument, Reason, Refusal, RequestContext,
        oauth::{Form, OAuthRefusal},
    },
    portreeve_oauth::{AccessClaims, ErrorCode, TokenRequest, token_request},
    serde::{Deserialize, Serialize},
    utoipa::ToSchema,
};

/// What is asked, as a form. The client proves itself in the `Authorization` header (`Basic`) or here.
#[derive(Debug, Deserialize, ToSchema)]
#[expect(dead_code, reason = "describes the form, which is read as parameters")]
pub(crate) struct TokenForm {
    /// `authorization_code`, `refresh_token`, `client_credentials` or `urn:ietf:params:oauth:grant-type:device_code`.
    #[schema(example = "client_credentials")]
    grant_type: String,
    /// Separated by spaces. Left out: all that the client may hold at the resource, or that was granted. Not for a code.
    #[schema(example = "agents:read transactions:execute")]
    scope: Option<String>,
    /// The resource server the token is for, by the name in its metadata. Left out: the wallet.
    #[schema(example = "https://portreeve.example/mcp")]
    resource: Option<String>,
    /// With `authorization_code`: the code that came back through the browser.
    code: Option<String>,
    /// With `authorization_code`: what the request's `code_challenge` is the SHA-256 of.
    code_verifier: Option<String>,
    /// With `authorization_code`: the same as in the request, when it was there.
    redirect_uri: Option<String>,
    /// With `refresh_token`: the newest one.
    refresh_token: Option<String>,
    /// With a device's grant: the code that the program was given.
    device_code: Option<String>,
    /// When it is not in the header. Enough by itself for a client that keeps no secret.
    client_id: Option<String>,
    /// When it is not in the header.
    client_secret: Option<String>,
    /// `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`, when the client signs.
    client_assertion_type: Option<String>,
    /// A JWT that the client signed (RFC 7523): `iss` and `sub` its id, `aud` the issuer, `exp` within an hour, a new `jti`.
    client_assertion: Option<String>,
}

/// A token (RFC 6749, 5.1).
#[derive(Serialize, ToSchema)]
pub(crate) struct TokenAnswer {
    /// The token. Keep it in memory; it is good until it expires or is revoked.
    #[schema(example = "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFZERTQSJ9.….…")]
    access_token: String,
    /// `Bearer`.
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// In how many seconds it expires.
    #[schema(example = 900)]
    expires_in: u32,
    /// What it is good for, which is not more than what was asked for.
    #[schema(example = "agents:read transactions:execute")]
    scope: String,
    /// By which the next one is asked for, once. Good for seven days.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "wrt_…")]
    refresh_token: Option<String>,
}

impl From<Issued> for TokenAnswer {
    fn from(issued: Issued) -> Self {
        Self {
            access_token: issued.token.expose().to_owned(),
            token_type: "Bearer",
            expires_in: AccessClaims::TTL.0,
            scope: issued.scopes.to_string(),
            refresh_token: issued.refresh.map(|token| token.expose().to_owned()),
        }
    }
}

/// Ask for an access token.
#[utoipa::path(
    post, path = "/oauth/token", tag = "oauth", operation_id = "requestToken", security(()),
    request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, body = TokenAnswer, description = "A token, not to be stored by anybody on its way"),
        (status = 400, body = OAuthErrorBody, description = "`invalid_request`, `unsupported_grant_type`, \
            `invalid_grant`, `authorization_pending`, `slow_down`, `expired_token`, `access_denied`, `unauthorized_client`, `invalid_scope` or `invalid_target`"),
        (status = 401, body = OAuthErrorBody, description = "`invalid_client`: unknown, stopped, or not proven to be itself"),
        (status = 429, body = ProblemDocument, content_type = "application/problem+json", description = "`SYSTEM_RATE_LIMITED`"),
        (status = 503, body = OAuthErrorBody, description = "`temporarily_unavailable`"),
    )
)]
pub(crate) async fn request(
    State(auth): State<Auth>,
    context: RequestContext,
    headers: HeaderMap,
    Form(params): Form,
) -> Result<Response, OAuthRefusal> {
    let asked = token_request(&params)?;
    let client = client(&auth, &context, &headers, &params).await?;
    let (issuer, from) = (&auth.issuer, context.client());
    let issued = match asked {
        TokenRequest::Client => issuer.for_itself(&client, &params, from),
        TokenRequest::Code(code) => issuer.redeem(&client, &code, &params, from).await,
        TokenRequest::Refresh(shown) => issuer.refresh(&client, &shown, &params, from).await,
        TokenRequest::Device(code) => issuer.poll_device(&client, &code, from).await,
    };
    let issued = issued.inspect_err(|error| {
        if matches!(error, IssueError::Refused(error) if error.code() == ErrorCode::InvalidGrant) {
            let refusal = Refusal::new(&context, &headers, Reason::GrantRefused);
            auth.gate.refused(&refusal.of_client(client.client.id.as_str()));
        }
    })?;
    let answer = Json(TokenAnswer::from(issued));
    Ok((
        [(header::CACHE_CONTROL, "no-store"), (header::PRAGMA, "no-cache")],
        answer,
    )
        .into_response())
}
