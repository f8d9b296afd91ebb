//! `POST /oauth/device_authorization`, and the page on which a person types what another device shows (RFC 8628).

use {
    super::{
        OAuthErrorBody,
        authorize::{ConsentRefusals, Decision, question},
        client,
    },
    crate::{
        Auth,
        http::people::{NextAnswer, PageRefusals, who},
        oauth::consent::{Choice, ConsentError},
    },
    axum::{
        extract::State,
        http::{HeaderMap, StatusCode, header},
        response::{IntoResponse, Response},
    },
    portreeve_guard::{
        Json, Problem, ProblemDocument, Query, Reason, Refusal, RequestContext,
        oauth::{Form, OAuthRefusal},
        openapi::BodyRefusals,
        problems,
    },
    portreeve_kernel::{AgentId, Code, ScopeSet},
    portreeve_oauth::{Device as DeviceCode, UserCode},
    portreeve_pages::{Device, OwnPage, Page, SignIn, Target},
    serde::{Deserialize, Serialize},
    std::sync::Arc,
    utoipa::{IntoParams, ToSchema},
};

problems! {
    /// When nobody waits with that code.
    pub(crate) NoDevice = [Code::AuthDeviceNotFound];
}

/// What a program without a browser asks, as a form. It proves itself as at the token endpoint.
#[derive(Debug, Deserialize, ToSchema)]
#[expect(dead_code, reason = "describes the form, which is read as parameters")]
pub(crate) struct DeviceForm {
    /// Separated by spaces. Left out: what the resource's document names.
    #[schema(example = "agents:read transactions:execute")]
    scope: Option<String>,
    /// The resource server. Left out: the wallet.
    #[schema(example = "https://portreeve.example/mcp")]
    resource: Option<String>,
    /// When it is not in the header. Enough by itself for a client that keeps no secret.
    client_id: Option<String>,
    /// When it is not in the header.
    client_secret: Option<String>,
    /// `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`, when the client signs.
    client_assertion_type: Option<String>,
    /// A JWT that the client signed (RFC 7523).
    client_assertion: Option<String>,
}

/// What the program shows, and what it asks with (RFC 8628, 3.2).
#[derive(Serialize, ToSchema)]
pub(crate) struct DeviceAnswer {
    /// For the token endpoint.
    #[schema(example = "wdc_…")]
    device_code: String,
    /// To be shown to the person.
    #[schema(example = "WDJB-MJHT")]
    user_code: String,
    /// Where the person types it.
    #[schema(example = "https://portreeve.example/device")]
    verification_uri: String,
    /// The same with the code in it, for a picture that a camera reads.
    verification_uri_complete: String,
    /// In how many seconds it is over.
    #[schema(example = 600)]
    expires_in: u32,
    /// How many seconds to wait between two questions.
    #[schema(example = 5)]
    interval: u32,
}

/// The code, when it was in the address.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct DeviceQuery {
    /// As the program shows it, in any case, with or without the hyphen.
    #[param(example = "WDJB-MJHT")]
    user_code: Option<String>,
}

/// A click on the page.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct DeviceBody {
    /// The code that was on the page.
    user_code: String,
    /// As it stands in the form.
    form_token: String,
    /// Yes or no.
    decision: Decision,
    /// Of what was asked; what is left out is not granted.
    #[schema(value_type = Vec<String>)]
    scopes: ScopeSet,
    /// The one agent that the program may act for; the person itself without.
    #[schema(value_type = Option<String>)]
    agent_id: Option<AgentId>,
}

/// The form of one code: its token is good for no other.
fn form(code: &str) -> String {
    format!("device {code}")
}

/// Somebody tries a code with which no program waits: that is told, and who tries many is not listened to for a while.
fn wrong_code(auth: &Auth, context: &RequestContext, headers: &HeaderMap) -> Result<(), Problem> {
    auth.gate.refused(&Refusal::new(context, headers, Reason::Invalid));
    auth.gate.wrong_credential(context)
}

/// Begin to ask a person who is at another device.
#[utoipa::path(
    post, path = "/oauth/device_authorization", tag = "oauth", operation_id = "authorizeDevice", security(()),
    request_body(content = DeviceForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, body = DeviceAnswer, description = "The codes"),
        (status = 400, body = OAuthErrorBody, description = "`invalid_request`, `unauthorized_client`, `invalid_scope` or `invalid_target`"),
        (status = 401, body = OAuthErrorBody, description = "`invalid_client`: unknown, stopped, or not proven to be itself"),
        (status = 429, body = ProblemDocument, content_type = "application/problem+json", description = "`SYSTEM_RATE_LIMITED`"),
        (status = 503, body = OAuthErrorBody, description = "`temporarily_unavailable`"),
    )
)]
pub(crate) async fn begin(
    State(auth): State<Auth>,
    context: RequestContext,
    headers: HeaderMap,
    Form(params): Form,
) -> Result<Response, OAuthRefusal> {
    let client = client(&auth, &context, &headers, &params).await?;
    let begun = auth.issuer.begin_device(&client, &params).await?;
    let verification_uri = format!("{}/device", auth.keys.origin.as_str());
    let answer = DeviceAnswer {
        device_code: begun.device_code.expose().to_owned(),
        verification_uri_complete: format!("{verification_uri}?user_code={}", begun.user_code),
        user_code: begun.user_code.to_string(),
        verification_uri,
        expires_in: DeviceCode::TTL.0,
        interval: begun.interval.0,
    };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(answer)).into_response())
}

/// The page on which a person types the code, and then decides. Who is not signed in signs in first.
#[utoipa::path(
    get, path = "/device", tag = "oauth", operation_id = "devicePage", security(()),
    params(DeviceQuery),
    responses(
        (status = 200, description = "The page, or the one to sign in on", content_type = "text/html"),
        (status = 400, description = "The address says what nobody here understands"),
        (status = 404, description = "No program waits with that code", content_type = "text/html"),
        (status = 429, description = "Too many wrong codes"),
        (status = 503, description = "The database does not answer"),
    )
)]
pub(crate) async fn page(
    context: RequestContext,
    State(auth): State<Auth>,
    headers: HeaderMap,
    Query(DeviceQuery { user_code }): Query<DeviceQuery>,
) -> Result<Response, Problem> {
    let typed = user_code.as_deref().map(UserCode::typed);
    let Some(who) = who(&auth, &headers).await? else {
        let next = match typed {
            Some(Some(code)) => format!("/device?user_code={code}"),
            _ => "/device".to_owned(),
        };
        return Ok(Page::new(SignIn { next: &next }).into_response());
    };
    let Some(typed) = typed else {
        let empty = Device {
            code: "",
            is_wrong: false,
        };
        return Ok(Page::new(empty).into_response());
    };
    let waiting = match &typed {
        Some(code) => {
            let waiting = auth.issuer.waiting(code, &who.user.owner).await;
            waiting.map_err(ConsentError::from)?
        }
        None => None,
    };
    let (Some(code), Some(waiting)) = (typed, waiting) else {
        wrong_code(&auth, &context, &headers)?;
        let again = Device {
            code: user_code.as_deref().unwrap_or_default(),
            is_wrong: true,
        };
        return Ok(Page::new(again).with_status(StatusCode::NOT_FOUND).into_response());
    };
    let code = code.to_string();
    let target = Target::Device { code: &code };
    let (form, again) = (form(&code), format!("/device?user_code={code}"));
    question(&auth, &who, &waiting.client, &waiting.wanted(), target, (&form, &again)).await
}

/// Decide about a program on another device. Without this click nothing is granted.
#[utoipa::path(
    post, path = "/device", tag = "oauth", operation_id = "decideDevice", security(()),
    request_body = DeviceBody,
    responses(
        (status = 200, description = "Decided: where to go on", body = NextAnswer),
        BodyRefusals, PageRefusals, ConsentRefusals, NoDevice,
    )
)]
pub(crate) async fn decide(
    _: OwnPage,
    context: RequestContext,
    State(auth): State<Auth>,
    headers: HeaderMap,
    Json(body): Json<DeviceBody>,
) -> Result<Json<NextAnswer>, Problem> {
    let who = who(&auth, &headers).await?.ok_or(ConsentError::SignedOut)?;
    if !who.filled_in(&form(&body.user_code), &body.form_token) {
        return Err(Problem::new(Code::RequestOriginNotAllowed).param("formToken"));
    }
    let decided = match (UserCode::typed(&body.user_code), body.decision) {
        (None, _) => Err(ConsentError::NoDevice),
        (Some(code), Decision::Deny) => auth.issuer.deny_device(&who, &code).await,
        (Some(code), Decision::Allow) => {
            let choice = Choice {
                scopes: body.scopes,
                agent: body.agent_id,
            };
            let agents = Arc::clone(&auth.agents);
            auth.issuer.approve_device(&who, &code, choice, agents).await
        }
    };
    if let Err(ConsentError::NoDevice) = &decided {
        wrong_code(&auth, &context, &headers)?;
    }
    decided?;
    Ok(Json(NextAnswer::to("/device/done".to_owned())))
}

/// The page behind a decision.
#[utoipa::path(
    get, path = "/device/done", tag = "oauth", operation_id = "deviceDonePage", security(()),
    responses((status = 200, description = "The page", content_type = "text/html"))
)]
pub(crate) async fn done(context: RequestContext) -> Response {
    let text = "The program on the other device learns of it within a few seconds. You can close this page.";
    portreeve_pages::notice(StatusCode::OK, "Decided", text, context.id()).into_response()
}
