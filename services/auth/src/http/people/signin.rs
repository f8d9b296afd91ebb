//! `/signin` and `/signout`.

use {
    super::{BegunAnswer, NextAnswer, PageRefusals, grants, refuse, signed_in, who, with_cookie},
    crate::{Auth, people::passkeys::ShownPasskey},
    axum::{
        extract::State,
        http::{HeaderMap, StatusCode},
        response::{IntoResponse, Redirect, Response},
    },
    portreeve_guard::{Json, Problem, Query, RequestContext, openapi::BodyRefusals},
    portreeve_kernel::Code,
    portreeve_pages::{OwnPage, OwnPath, Page, SignIn, SignedIn, Visitors, cookie, notice, too_many},
    serde::Deserialize,
    utoipa::{IntoParams, ToSchema},
};

/// The form that signs out, for its token.
const SIGN_OUT: &str = "signout";

/// Where to go on after signing in.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SignInQuery {
    /// A path of this server.
    #[param(value_type = Option<String>, example = "/signin")]
    next: Option<OwnPath>,
}

/// Nothing.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BeginBody {}

/// A passkey that is shown, in base64url.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SignInBody {
    /// As it was when it began.
    ceremony: String,
    /// Where to go on then: a path of this server.
    #[schema(value_type = Option<String>, example = "/signin")]
    next: Option<OwnPath>,
    /// The credential's id.
    id: String,
    /// Whose it is, as the authenticator knows.
    user_handle: String,
    /// The authenticator's answer.
    authenticator_data: String,
    /// What the browser says of itself.
    client_data: String,
    /// Over both.
    signature: String,
}

/// Somebody who wants to be signed out.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SignOutBody {
    /// As it stands in the form.
    form_token: String,
}

/// The page on which somebody signs in; to who is signed in it says so, and what they let in, or leads on.
#[utoipa::path(
    get, path = "/signin", tag = "pages", operation_id = "signInPage", security(()),
    params(SignInQuery),
    responses(
        (status = 200, description = "The page", content_type = "text/html"),
        (status = 303, description = "Signed in already: to `next`"),
        (status = 400, description = "`next` may lead to another server", content_type = "text/html"),
        (status = 429, description = "Somebody who is signed in looks at too many pages", content_type = "text/html"),
        (status = 503, description = "It cannot be said who is signed in"),
    )
)]
pub(crate) async fn page(
    context: RequestContext,
    State(auth): State<Auth>,
    headers: HeaderMap,
    query: Result<Query<SignInQuery>, Problem>,
) -> Result<Response, Problem> {
    let Ok(Query(SignInQuery { next })) = query else {
        let text =
            "It may lead to another server, or says what nobody here understands. Go back to where you came from.";
        let page = notice(
            StatusCode::BAD_REQUEST,
            "This address is not one of ours",
            text,
            context.id(),
        );
        return Ok(page.into_response());
    };
    let who = auth.people.visitor(&headers).await?;
    Ok(match (who, next) {
        (Some(_), Some(next)) => Redirect::to(next.as_str()).into_response(),
        (Some(who), None) => {
            if let Err(problem) = auth.gate.count_visit(&context, &headers, &who.principal) {
                return Ok(too_many(problem, context.id()));
            }
            let (grants, count) = grants::own(&auth, &who).await?;
            Page::new(SignedIn {
                name: &who.name,
                role: who.principal.role.as_str(),
                token: &who.form_token(SIGN_OUT),
                grants: &grants,
                count,
            })
            .into_response()
        }
        (None, next) => Page::new(SignIn {
            next: next.as_ref().map_or("/signin", OwnPath::as_str),
        })
        .into_response(),
    })
}

/// Begin to sign in.
#[utoipa::path(
    post, path = "/signin/begin", tag = "pages", operation_id = "beginSignIn", security(()),
    request_body = BeginBody,
    responses((status = 200, description = "Begun", body = BegunAnswer), BodyRefusals, PageRefusals)
)]
pub(crate) async fn begin(
    _: OwnPage,
    context: RequestContext,
    State(auth): State<Auth>,
    headers: HeaderMap,
    Json(BeginBody {}): Json<BeginBody>,
) -> Result<Json<BegunAnswer>, Problem> {
    let begun = auth.people.begin_sign_in();
    let begun = begun.map_err(|error| refuse(&auth, &context, &headers, error))?;
    Ok(Json(begun.into()))
}

/// Show a passkey and be signed in.
#[utoipa::path(
    post, path = "/signin/finish", tag = "pages", operation_id = "finishSignIn", security(()),
    request_body = SignInBody,
    responses((status = 200, description = "Signed in: the cookie is set", body = NextAnswer), BodyRefusals, PageRefusals)
)]
pub(crate) async fn finish(
    _: OwnPage,
    context: RequestContext,
    State(auth): State<Auth>,
    headers: HeaderMap,
    Json(body): Json<SignInBody>,
) -> Result<Response, Problem> {
    let shown = ShownPasskey {
        ceremony: body.ceremony,
        id: body.id,
        user_handle: body.user_handle,
        authenticator_data: body.authenticator_data,
        client_data: body.client_data,
        signature: body.signature,
    };
    let started = auth.people.finish_sign_in(shown, cookie::read(&headers).as_ref()).await;
    let started = started.map_err(|error| refuse(&auth, &context, &headers, error))?;
    signed_in(&started.cookie, body.next.as_ref())
}

/// Sign out. Who is not signed in is signed out already.
#[utoipa::path(
    post, path = "/signout", tag = "pages", operation_id = "signOut", security(()),
    request_body = SignOutBody,
    responses((status = 204, description = "Signed out: the cookie is gone"), BodyRefusals, PageRefusals)
)]
pub(crate) async fn sign_out(
    _: OwnPage,
    State(auth): State<Auth>,
    headers: HeaderMap,
    Json(body): Json<SignOutBody>,
) -> Result<Response, Problem> {
    let who = who(&auth, &headers).await?;
    if let Some(who) = who {
        if !who.filled_in(SIGN_OUT, &body.form_token) {
            return Err(Problem::new(Code::RequestOriginNotAllowed).param("formToken"));
        }
        auth.people.sign_out(&who).await?;
    }
    Ok(with_cookie(
        StatusCode::NO_CONTENT,
        cookie::unset().map_err(Problem::internal)?,
    ))
}
