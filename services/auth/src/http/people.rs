//! The pages on which people make a passkey, sign in and sign out, and see and end what they let in; and what their script
//! asks for.
//!
//! What must stay true: nothing here takes a bearer token, and nothing of the API takes the cookie; whatever changes
//! something is asked by a page of ours; and who has no right link or passkey learns nothing but that.

pub(crate) mod enrol;
pub(crate) mod grants;
pub(crate) mod signin;

use {
    crate::{
        Auth,
        people::{
            error::PeopleError,
            passkeys::Begun,
            sessions::{self, SignedIn},
        },
    },
    axum::{
        extract::FromRef,
        http::{HeaderMap, HeaderValue, header},
        response::{IntoResponse, Response},
    },
    portreeve_guard::{Json, Origin, Problem, Reason, Refusal, RequestContext, openapi::problems},
    portreeve_kernel::{Code, Secret},
    portreeve_pages::{OwnPath, cookie},
    serde::Serialize,
    serde_json::Value,
    std::collections::BTreeMap,
    utoipa::{
        IntoResponses, ToSchema,
        openapi::{RefOr, response},
    },
};

impl FromRef<Auth> for Origin {
    fn from_ref(auth: &Auth) -> Self {
        auth.keys.origin.clone()
    }
}

/// What the script of a page may be answered.
#[derive(Debug)]
pub(crate) enum PageRefusals {}

impl IntoResponses for PageRefusals {
    fn responses() -> BTreeMap<String, RefOr<response::Response>> {
        problems(&[
            Code::AuthLinkInvalid,
            Code::AuthPasskeyRefused,
            Code::RequestOriginNotAllowed,
            Code::SystemRateLimited,
            Code::SystemInternalError,
            Code::SystemDatabaseError,
        ])
    }
}

/// A ceremony that began.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BegunAnswer {
    /// To be given back at the end, within five minutes.
    ceremony: String,
    /// What the browser asks the authenticator for (WebAuthn, 5.4 and 5.5).
    #[schema(value_type = Object)]
    options: Value,
}

impl From<Begun> for BegunAnswer {
    fn from(begun: Begun) -> Self {
        Self {
            ceremony: begun.ceremony,
            options: begun.options,
        }
    }
}

/// Where to go on.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NextAnswer {
    /// A path of this server, or the address of the program that asked.
    #[schema(example = "/signin")]
    next: String,
}

impl NextAnswer {
    pub(crate) const fn to(next: String) -> Self {
        Self { next }
    }
}

/// Somebody is signed in from here on.
fn signed_in(cookie: &Secret, next: Option<&OwnPath>) -> Result<Response, Problem> {
    let next = next.map_or("/signin", OwnPath::as_str).to_owned();
    let cookie = cookie::set(cookie, sessions::LIFE).map_err(Problem::internal)?;
    Ok(with_cookie(Json(NextAnswer { next }), cookie))
}

fn with_cookie(answer: impl IntoResponse, cookie: HeaderValue) -> Response {
    let mut response = answer.into_response();
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    response
}

/// Who is signed in, by the request's cookie.
pub(crate) async fn who(auth: &Auth, headers: &HeaderMap) -> Result<Option<SignedIn>, Problem> {
    let who = auth.people.signed_in(headers).await;
    who.map_err(|error| Problem::because(error.code(), error))
}

/// What the browser is told; and the audit log, when somebody was turned away.
fn refuse(auth: &Auth, context: &RequestContext, headers: &HeaderMap, error: PeopleError) -> Problem {
    if matches!(error, PeopleError::LinkInvalid | PeopleError::PasskeyRefused) {
        auth.gate.refused(&Refusal::new(context, headers, Reason::Invalid));
        if let Err(too_often) = auth.gate.wrong_credential(context) {
            return too_often;
        }
    }
    error.into()
}
